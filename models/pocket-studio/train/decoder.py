"""Fifth stage: the decoder alone, for edges. Encoder and latents stay as the UNet learnt them, so it can go on for as long as it pays."""

import logging
import time

import numpy as np
import torch
from diffusers import AutoencoderTiny
from torch import Tensor, nn

from train import checkpoint
from train.autoencoder import draw_pairs, pixel_loss, quality, steps_between, to_tensor
from train.average import Average
from train.latents import path_of
from train.pace import pace
from train.pictures import Pictures
from train.settings import Settings

RATE = 1e-3
NOISE = 0.06  # about what a UNet leaves over
KEEP = 250  # steps
log = logging.getLogger(__name__)


class Pairs:
    """Random latents with the pictures they stand for: whole ones, because a border that is never counted shows as a frame."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.pictures = Pictures(settings.folder / "pictures")
        paths = (path_of(settings.folder / "latents", k) for k in range(len(self.pictures.shards)))
        self.latents = torch.cat([torch.load(path, weights_only=True)["latents"] for path in paths])
        self.rng = np.random.default_rng(seed)

    def batch(self, count: int, device: str) -> tuple[Tensor, Tensor]:
        """float latents (count, 16, 16, 16) and pixels (count, 3, 256, 256)."""
        chosen = self.rng.integers(0, len(self.latents), count)
        pixels = np.stack([self.pictures[i] for i in chosen])
        latents = self.latents[chosen].float()
        return latents.to(device, memory_format=torch.channels_last), to_tensor(pixels, device)


def edge_loss(seen: Tensor, wanted: Tensor) -> Tensor:
    """pixel_loss with slopes over two pixels as well."""
    error = seen - wanted
    wide = (error[..., 2:] - error[..., :-2]).abs().mean() + (error[..., 2:, :] - error[..., :-2, :]).abs().mean()
    return pixel_loss(seen, wanted) + 0.5 * sum(slope.abs().mean() for slope in steps_between(error)) + 0.5 * wide


def train(settings: Settings) -> None:
    """Writes vae_decoder/ into the run's folder with every checkpoint."""
    state = checkpoint.load(settings.folder / "decoder.pt")
    step = int(state["step"]) if state else 0
    source = Pairs(settings, seed=500 + step)
    test = Pictures(settings.folder / "test")
    tests = to_tensor(np.stack([test[i] for i in range(48)]), settings.device)
    torch.manual_seed(step)
    autoencoder = AutoencoderTiny.from_pretrained(settings.folder / "vae").to(
        settings.device, memory_format=torch.channels_last
    )
    autoencoder.encoder.requires_grad_(False)
    factor, decoder = autoencoder.config.scaling_factor, autoencoder.decoder
    optimizer = torch.optim.AdamW(decoder.parameters(), RATE, betas=(0.9, 0.95), weight_decay=1e-4, fused=True)
    average = Average(decoder.parameters(), decay=0.998)
    if state:
        decoder.load_state_dict(state["model"])
        average.weights = [w.to(settings.device) for w in state["average"]]
        if "optimizer" in state:
            optimizer.load_state_dict(state["optimizer"])
    began, first = time.monotonic(), step
    while step < settings.decoder_steps:
        pace(optimizer, RATE, step, settings.decoder_steps, first)
        latents, wanted = source.batch(settings.decoder_batch, settings.device)
        with torch.autocast(settings.device, torch.bfloat16):
            seen = decoder((latents + NOISE * torch.randn_like(latents)) / factor)
        loss = edge_loss(seen.float(), wanted)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
        step += 1
        average.follow(step)
        if step % 50 == 0:
            log.info(
                "decoder step %d loss %.4f, %.3f s a step",
                step,
                loss.item(),
                (time.monotonic() - began) / (step - first),
            )
        if step % KEEP == 0 or step == settings.decoder_steps:
            average.swap()
            log.info("decoder step %d: PSNR %.2f dB, edge error %.3f", step, *quality(autoencoder, tests))
            autoencoder.save_pretrained(settings.folder / "vae_decoder")
            draw_pairs(autoencoder, tests[:8], str(settings.folder / "decoder.png"))
            average.swap()
            checkpoint.save(
                settings.folder / "decoder.pt",
                model=decoder.state_dict(),
                optimizer=optimizer.state_dict(),
                average=average.weights,
                step=step,
            )
