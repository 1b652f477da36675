"""First stage: a tokenizer of the vocabulary, and a text encoder that must tell from a caption what is in the picture.

A text encoder that learns from the diffusion loss alone takes the products last, and the UNet then confuses them; taught first, on
captions alone, it costs minutes. Afterwards it is frozen.
"""

import json
import logging
import random
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from captions.grammar import caption, strange
from captions.vocabulary import words
from renderer.stock import COLOURS, PRODUCTS
from train import checkpoint
from train.holdout import pair_held_out
from train.pace import pace
from train.settings import PROMPT_TOKENS, TEXT_LAYERS, TEXT_WIDTH, Settings
from train.shots import TABLES, draw_shot, to_label

RATE = 1.2e-3
DECAY = 0.5  # what no loss asks for is forgotten, such as that some colour and product never met
BATCH = 48
KEEP = 500  # steps between checkpoints
EDGES = np.cumsum([0, *(len(table) for table in TABLES)])  # where each field's answers begin and end
PRODUCT, COLOUR = 0, 1  # fields
NEVER = torch.tensor([[pair_held_out(product, colour) for colour in COLOURS] for product in PRODUCTS])
log = logging.getLogger(__name__)


def make_tokenizer(folder: Path) -> CLIPTokenizer:
    """CLIP's byte pair encoding over the vocabulary: one token for every word of it, letters and bytes for the rest."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"))  # noqa: S106 no password
    pairs.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    pattern = r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""
    pairs.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=1 << 14, min_frequency=1, initial_alphabet=alphabet, end_of_word_suffix="</w>", special_tokens=[]
    )
    pairs.train_from_iterator([" ".join(words())] * 3, trainer)
    with tempfile.NamedTemporaryFile("r", suffix=".json") as file:
        pairs.save(file.name)
        model = json.load(file)["model"]
    merges = [tuple(merge.split(" ") if isinstance(merge, str) else merge) for merge in model["merges"]]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    tokens += [letter + "</w>" for letter in alphabet if letter + "</w>" not in model["vocab"]] + [
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    tokenizer = CLIPTokenizer(vocab={t: i for i, t in enumerate(tokens)}, merges=merges, model_max_length=PROMPT_TOKENS)
    tokenizer.save_pretrained(folder)
    return tokenizer


def make_encoder(tokens: int) -> CLIPTextModel:
    """A small CLIP text model, untrained."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=tokens,
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            num_hidden_layers=TEXT_LAYERS,
            num_attention_heads=4,
            max_position_embeddings=PROMPT_TOKENS,
            projection_dim=TEXT_WIDTH,
            bos_token_id=tokens - 2,
            eos_token_id=tokens - 1,
            pad_token_id=tokens - 1,
            hidden_act="gelu",
        )
    )


def tokenize(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    """Token ids (len(texts), PROMPT_TOKENS), as the diffusers pipeline makes them."""
    return torch.tensor(tokenizer(texts, padding="max_length", max_length=PROMPT_TOKENS, truncation=True).input_ids)


class Lessons:
    """Endless batches: token ids, labels and which fields the caption tells.

    In a part of them a strange word stands where the product would, so that a colour is read for itself.
    """

    STRANGE = 0.4

    def __init__(self, tokenizer: CLIPTokenizer, seed: int, withheld: bool = False) -> None:
        self.tokenizer, self.withheld = tokenizer, withheld
        self.rng, self.numbers = random.Random(seed), np.random.default_rng(seed)

    def batch(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Fresh captions of fresh shots: never of a withheld combination, or of those alone."""
        shots = [draw_shot(self.numbers, withheld=self.withheld) for _ in range(count)]
        nouns = [strange(self.rng) if self.rng.random() < self.STRANGE else None for _ in shots]
        said = [caption(shot, self.rng, noun) for shot, noun in zip(shots, nouns, strict=True)]
        ids = tokenize(self.tokenizer, [c.text for c in said])
        return ids, torch.tensor([to_label(s) for s in shots]), torch.tensor([c.told for c in said])


class Readers(nn.Module):
    """What must be readable from the mean and from the last token of a caption; thrown away after training."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.last = (nn.Linear(TEXT_WIDTH, int(EDGES[-1])) for _ in range(2))

    def forward(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of all fields, twice."""
        return self.mean(states.mean(1)), self.last(states[:, -1])


def loss_of(logits: Tensor, labels: Tensor, told: Tensor) -> Tensor:
    """Cross entropy summed over the fields, each averaged over the captions that tell it.

    A colour that the product is never shown in is no wrong answer, nor is the product for that colour: all that such an error could
    teach is that the two never meet.
    """
    total = logits.new_zeros(())
    never = {PRODUCT: NEVER.to(logits.device).T[labels[:, COLOUR]], COLOUR: NEVER.to(logits.device)[labels[:, PRODUCT]]}
    for field in range(len(TABLES)):
        asked = logits[:, EDGES[field] : EDGES[field + 1]]
        if field in never:
            asked = asked.masked_fill(never[field], float("-inf"))
        answers = functional.cross_entropy(asked, labels[:, field], reduction="none")
        total = total + (answers * told[:, field]).sum() / told[:, field].sum().clamp(min=1)
    return total


@torch.no_grad()
def accuracy(logits: Tensor, labels: Tensor, told: Tensor) -> list[float]:
    """Per field: part of the captions that tell it which are read rightly."""
    right = [logits[:, EDGES[f] : EDGES[f + 1]].argmax(1) == labels[:, f] for f in range(len(TABLES))]
    return [round((r & told[:, f]).sum().item() / max(1, told[:, f].sum().item()), 4) for f, r in enumerate(right)]


def train(settings: Settings) -> None:
    """Writes tokenizer/ and text_encoder/ into the run's folder, again with every checkpoint. Raises ValueError once a UNet reads it."""
    path = settings.folder / "text.pt"
    state = checkpoint.load(path)
    step = int(state["step"]) if state else 0
    if step >= settings.text_steps:
        return
    checkpoint.refuse_after(settings.folder / "unet.pt")
    torch.manual_seed(step)
    tokenizer = (
        CLIPTokenizer.from_pretrained(settings.folder / "tokenizer")
        if state
        else make_tokenizer(settings.folder / "tokenizer")
    )
    encoder, readers = make_encoder(len(tokenizer)).to(settings.device), Readers().to(settings.device)
    if state:
        encoder.load_state_dict(state["encoder"])
        readers.load_state_dict(state["readers"])
    parameters = [*encoder.parameters(), *readers.parameters()]
    optimizer = torch.optim.AdamW(parameters, RATE, weight_decay=DECAY)
    if state:
        optimizer.load_state_dict(state["optimizer"])
    lessons, began, first = Lessons(tokenizer, seed=3 + step), time.monotonic(), step
    while step < settings.text_steps:
        pace(optimizer, RATE, step, settings.text_steps, first)
        ids, labels, told = (t.to(settings.device) for t in lessons.batch(BATCH))
        states = encoder(ids)[0]
        loss = sum((loss_of(logits, labels, told) for logits in readers(states)), torch.zeros(()))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        if step % 100 == 0:
            log.info("text step %d loss %.4f, %.0f s", step, loss.item(), time.monotonic() - began)
        if step % KEEP == 0 or step == settings.text_steps:
            encoder.save_pretrained(settings.folder / "text_encoder")
            checkpoint.save(
                path,
                encoder=encoder.state_dict(),
                readers=readers.state_dict(),
                optimizer=optimizer.state_dict(),
                step=step,
            )
    for withheld in (False, True):
        ids, labels, told = (t.to(settings.device) for t in Lessons(tokenizer, seed=999, withheld=withheld).batch(2000))
        with torch.no_grad():
            mean, last = readers(encoder(ids)[0])
        log.info(
            "text, %s, read from mean %s, from last token %s",
            "never shown" if withheld else "shown",
            accuracy(mean, labels, told),
            accuracy(last, labels, told),
        )
