"""Draws a fixed sheet of prompts with the weights of the moment: a look is worth more than a loss."""

from pathlib import Path

import torch
from PIL import Image

from train.settings import Settings
from train.unet import load_pipeline

COLOURS = ("red", "yellow", "blue", "white", "green", "pink", "black", "orange")
BACKDROPS = ("white", "grey", "warm", "dark", "blue", "pink")
COLUMNS = 6


def draw(settings: Settings, target: Path, steps: int = 20, guidance: float = 3.0) -> None:
    """COLUMNS pictures of every product taught, seeds 0, 1, …"""
    pipeline = load_pipeline(settings).to(settings.device, torch.bfloat16)
    pipeline.set_progress_bar_config(disable=True)
    rows = []
    for i, product in enumerate(settings.products):
        prompts = [
            f"a {COLOURS[(3 * k + i) % len(COLOURS)]} {product} on a {BACKDROPS[(k + i) % len(BACKDROPS)]} background"
            for k in range(COLUMNS)
        ]
        generators = [torch.Generator().manual_seed(COLUMNS * i + k) for k in range(COLUMNS)]
        pictures = pipeline(prompts, num_inference_steps=steps, guidance_scale=guidance, generator=generators).images
        rows.append(pictures)
    size = rows[0][0].width
    sheet = Image.new("RGB", (COLUMNS * 2 * size, (len(rows) + 1) // 2 * size))
    for i, row in enumerate(rows):
        for k, picture in enumerate(row):
            sheet.paste(picture, (((i % 2) * COLUMNS + k) * size, i // 2 * size))
    sheet.save(target)
