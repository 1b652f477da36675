"""Third stage: what the autoencoder makes of every picture, kept in memory's size, with the words for it."""

import logging
import random
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from torch import Tensor
from transformers import CLIPTokenizer

from captions.grammar import caption
from train import checkpoint
from train.autoencoder import to_tensor
from train.pictures import SHARD, Pictures
from train.settings import Settings
from train.shots import to_shot
from train.text import tokenize

log = logging.getLogger(__name__)


@torch.no_grad()
def make(settings: Settings) -> None:
    """Writes latents/NNNN.pt for every finished shard: half floats (n, 16, 16, 16) of deviation 1. Shards that have theirs are left alone."""
    folder = settings.folder / "latents"
    folder.mkdir(exist_ok=True)
    pictures = Pictures(settings.folder / "pictures")
    missing = [k for k in range(len(pictures.shards)) if not path_of(folder, k).exists()]
    if not missing:
        return
    autoencoder = AutoencoderTiny.from_pretrained(settings.folder / "vae").to(
        settings.device, memory_format=torch.channels_last
    )
    for k in missing:
        shard = pictures.shards[k]
        with torch.autocast(settings.device, torch.bfloat16):
            parts = [
                autoencoder.encoder(to_tensor(shard[i : i + 20], settings.device)).float() for i in range(0, SHARD, 20)
            ]
        latents = torch.cat(parts).mul(autoencoder.config.scaling_factor).half().cpu()
        labels = torch.from_numpy(pictures.labels[k * SHARD : (k + 1) * SHARD])
        checkpoint.save(path_of(folder, k), latents=latents, labels=labels)
        log.info("latents %d of %d", k + 1, len(pictures.shards))


def path_of(folder: Path, shard: int) -> Path:
    """Of one shard's latents."""
    return folder / f"{shard:04d}.pt"


class Latents:
    """Batches for the UNet: latents and token ids of a random caption, a tenth of them empty so that guidance can be learnt."""

    EMPTY = 0.1

    def __init__(self, settings: Settings, tokenizer: CLIPTokenizer, seed: int) -> None:
        parts = [torch.load(path, weights_only=True) for path in sorted((settings.folder / "latents").glob("*.pt"))]
        labels = torch.cat([part["labels"] for part in parts]).numpy()
        shots = [to_shot(label) for label in labels]
        taught = [i for i, shot in enumerate(shots) if shot.product in settings.products]
        self.latents = torch.cat([part["latents"] for part in parts])[taught]
        self.shots = [shots[i] for i in taught]
        self.tokenizer, self.rng = tokenizer, random.Random(seed)
        self.numbers = torch.Generator().manual_seed(seed)

    def batch(self, count: int) -> tuple[Tensor, Tensor]:
        """float (count, 16, 16, 16) and ids (count, tokens)."""
        chosen = torch.randint(len(self.shots), (count,), generator=self.numbers)
        texts = [
            "" if self.rng.random() < self.EMPTY else caption(self.shots[i], self.rng).text for i in chosen.tolist()
        ]
        return self.latents[chosen].float(), tokenize(self.tokenizer, texts)
