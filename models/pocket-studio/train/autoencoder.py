"""Second stage: the autoencoder, 256 x 256 pixels to 16 x 16 latents of 16 channels and back.

A UNet on 16 x 16 latents is what a CPU can train; so the autoencoder must shrink sixteenfold and still keep edges. Its loss counts
pixels and their differences; latents are kept near mean 0 and deviation 1, are disturbed while training (the UNet will not hit them
exactly either), and must stay decodable when they are scaled together with the picture (Kouzelis et al., "EQ-VAE", 2025), which makes
them smoother and easier to learn.
"""

import logging
import time

import numpy as np
import torch
from diffusers import AutoencoderTiny
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from train import checkpoint
from train.average import Average
from train.pace import pace
from train.pictures import Pictures
from train.settings import CODER_CHANNELS, DECODER_BLOCKS, ENCODER_BLOCKS, LATENT_CHANNELS, Settings

RATE = 1.5e-3
CROP = 128  # pixels
NOISE = 0.1  # on latents of deviation 1
SCALED = 0.25  # of the steps are about half-size pictures
REPORT = 250  # steps
log = logging.getLogger(__name__)


def make_autoencoder() -> AutoencoderTiny:
    """Untrained."""
    levels = (CODER_CHANNELS,) * len(ENCODER_BLOCKS)
    return AutoencoderTiny(
        encoder_block_out_channels=levels,
        decoder_block_out_channels=levels,
        latent_channels=LATENT_CHANNELS,
        num_encoder_blocks=ENCODER_BLOCKS,
        num_decoder_blocks=DECODER_BLOCKS,
    )


def to_tensor(pictures: np.ndarray, device: str) -> Tensor:
    """uint8 (n, h, w, 3) to float (n, 3, h, w), -1 to 1."""
    tensor = torch.from_numpy(np.array(pictures)).to(device).permute(0, 3, 1, 2).float().div(127.5).sub(1)
    return tensor.contiguous(memory_format=torch.channels_last)


def crops(pictures: Pictures, count: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Random square pieces, three of four of them from the middle, where the product is."""
    out = np.empty((count, size, size, 3), np.uint8)
    room = 256 - size
    for j in range(count):
        low, high = (0, room) if j % 4 == 0 else (room // 6, room - room // 6)
        y, x = rng.integers(low, high + 1, 2)
        out[j] = pictures[int(rng.integers(len(pictures)))][y : y + size, x : x + size]
    return out


def steps_between(x: Tensor) -> tuple[Tensor, Tensor]:
    """Differences between neighbours, across and down."""
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def pixel_loss(seen: Tensor, wanted: Tensor) -> Tensor:
    """Squared and absolute error, absolute error of the slopes (edges), and of 4 x 4 means (flat areas)."""
    error = seen - wanted
    slopes = sum(slope.abs().mean() for slope in steps_between(error))
    return 3 * error.square().mean() + error.abs().mean() + slopes + 0.5 * functional.avg_pool2d(error, 4).abs().mean()


def shape_loss(latents: Tensor) -> Tensor:
    """Zero for channels of mean 0 and deviation 1."""
    return latents.mean((0, 2, 3)).square().mean() + (latents.std((0, 2, 3)) - 1).square().mean()


@torch.no_grad()
def quality(autoencoder: AutoencoderTiny, pictures: Tensor) -> tuple[float, float]:
    """PSNR in dB, and the mean error of slopes at edges (pixels are -1 to 1, an edge is a step above 0.15)."""
    with torch.autocast(pictures.device.type, torch.bfloat16):
        seen = torch.cat([autoencoder.decoder(autoencoder.encoder(x)) for x in pictures.split(8)])
    seen = seen.float().clamp(-1, 1)
    error = ((seen - pictures) / 2).square().mean((1, 2, 3))
    across, wanted = steps_between(seen)[0], steps_between(pictures)[0]
    edge = wanted.abs().amax(1, keepdim=True) > 0.15
    return (-10 * error.log10()).mean().item(), (((across - wanted).abs() * edge).sum() / (edge.sum() * 3)).item()


@torch.no_grad()
def deviation(autoencoder: AutoencoderTiny, pictures: Tensor) -> float:
    """Standard deviation of all latents; the UNet sees them divided by it."""
    return float(torch.cat([autoencoder.encoder(x) for x in pictures.split(8)]).std())


@torch.no_grad()
def draw_pairs(autoencoder: AutoencoderTiny, pictures: Tensor, path: str) -> None:
    """A sheet: pictures above, what comes back below."""
    seen = autoencoder.decoder(autoencoder.encoder(pictures)).clamp(-1, 1)
    rows = [torch.cat(list(row), 2) for row in (pictures, seen)]
    sheet = torch.cat(rows, 1).add(1).mul(127.5).round().byte().permute(1, 2, 0)
    Image.fromarray(sheet.cpu().numpy()).save(path)


def train(settings: Settings) -> None:
    """Writes vae/ into the run's folder, again with every checkpoint. Raises ValueError once latents have been made of it."""
    state = checkpoint.load(settings.folder / "autoencoder.pt")
    step = int(state["step"]) if state else 0
    if step >= settings.coder_steps:
        return
    checkpoint.refuse_after(settings.folder / "latents", settings.folder / "unet.pt")
    pictures = Pictures(settings.folder / "pictures")
    test = Pictures(settings.folder / "test")
    tests = to_tensor(np.stack([test[i] for i in range(48)]), settings.device)
    torch.manual_seed(step)
    rng = np.random.default_rng(step)
    autoencoder = make_autoencoder().to(settings.device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(autoencoder.parameters(), RATE, betas=(0.9, 0.95), weight_decay=1e-4, fused=True)
    average = Average(autoencoder.parameters(), decay=0.998)
    if state:
        autoencoder.load_state_dict(state["model"])
        if "optimizer" in state:
            optimizer.load_state_dict(state["optimizer"])
        average.weights = [w.to(settings.device) for w in state["average"]]
    log.info(
        "autoencoder: %.2f M parameters, from step %d", sum(p.numel() for p in autoencoder.parameters()) / 1e6, step
    )

    def keep() -> None:
        average.swap()
        log.info("autoencoder step %d: PSNR %.2f dB, edge error %.3f", step, *quality(autoencoder, tests))
        autoencoder.register_to_config(scaling_factor=1 / deviation(autoencoder, tests))
        autoencoder.save_pretrained(settings.folder / "vae")
        draw_pairs(autoencoder, tests[:8], str(settings.folder / "autoencoder.png"))
        average.swap()
        checkpoint.save(
            settings.folder / "autoencoder.pt",
            model=autoencoder.state_dict(),
            optimizer=optimizer.state_dict(),
            average=average.weights,
            step=step,
        )

    began, first = time.monotonic(), step
    while step < settings.coder_steps:
        pace(optimizer, RATE, step, settings.coder_steps, first)
        wanted = to_tensor(crops(pictures, settings.coder_batch, CROP, rng), settings.device)
        with torch.autocast(settings.device, torch.bfloat16):
            latents = autoencoder.encoder(wanted).float()
            inner = latents
            if rng.random() < SCALED:
                inner = functional.interpolate(latents, scale_factor=0.5, mode="area")
                wanted = functional.interpolate(wanted, scale_factor=0.5, mode="area")
            seen = autoencoder.decoder(inner + NOISE * torch.randn_like(inner))
        loss = pixel_loss(seen.float(), wanted) + 0.02 * shape_loss(latents)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(autoencoder.parameters(), 1.0)
        optimizer.step()
        step += 1
        average.follow(step)
        if step % 50 == 0:
            log.info(
                "autoencoder step %d loss %.4f, %.3f s a step",
                step,
                loss.item(),
                (time.monotonic() - began) / (step - first),
            )
        if step % REPORT == 0 or step == settings.coder_steps:
            pictures.look_again()
            keep()
