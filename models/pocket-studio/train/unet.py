"""Fourth stage: the UNet that turns noise into latents, told by the frozen text encoder.

It predicts v (Salimans and Ho, 2022) on a cosine schedule; losses are weighted after min-SNR-5 (Hang et al., 2023). The pooled text
enters the time embedding as well (`addition_embed_type="text"`), which the stock pipeline drives without knowing.
"""

import logging
import time

import torch
from diffusers import AutoencoderTiny, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from train import checkpoint
from train.average import Average
from train.latents import Latents
from train.pace import pace
from train.settings import LATENT_CHANNELS, LATENT_SIZE, TEXT_WIDTH, UNET_CHANNELS, Settings

RATE = 6e-4
KEEP = 250  # steps between checkpoints
log = logging.getLogger(__name__)


def make_unet() -> UNet2DConditionModel:
    """Untrained."""
    return UNet2DConditionModel(
        sample_size=LATENT_SIZE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=UNET_CHANNELS,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
        resnet_time_scale_shift="scale_shift",
        use_linear_projection=True,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )


def make_scheduler() -> DDIMScheduler:
    """Cosine noise down to nothing but noise, sampled from the very last step: white and dark backdrops come out clean."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=True,
        timestep_spacing="trailing",
        steps_offset=1,
    )


def times(count: int, generator: torch.Generator) -> Tensor:
    """Stratified over all times, every second one drawn from where shapes are decided (350 to 990)."""
    even = (torch.arange(count) + torch.rand(1, generator=generator)) / count
    return (torch.where(torch.arange(count) % 2 == 0, even, 0.35 + 0.64 * even) * 1000).long().clamp(0, 999)


def train(settings: Settings) -> None:
    """Writes unet/ into the run's folder with every checkpoint."""
    state = checkpoint.load(settings.folder / "unet.pt")
    step = int(state["step"]) if state else 0
    tokenizer = CLIPTokenizer.from_pretrained(settings.folder / "tokenizer")
    encoder = (
        CLIPTextModel.from_pretrained(settings.folder / "text_encoder").eval().requires_grad_(False).to(settings.device)
    )
    source = Latents(settings, tokenizer, seed=77 + step)
    torch.manual_seed(step)
    unet = make_unet().to(settings.device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(unet.parameters(), RATE, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    average = Average(unet.parameters(), decay=0.9985, every=4)
    if state:
        unet.load_state_dict(state["model"])
        average.weights = [w.to(settings.device) for w in state["average"]]
        if "optimizer" in state:
            optimizer.load_state_dict(state["optimizer"])
    log.info(
        "unet: %.2f M parameters, %d pictures, from step %d",
        sum(p.numel() for p in unet.parameters()) / 1e6,
        len(source.shots),
        step,
    )

    alphas = make_scheduler().alphas_cumprod.to(settings.device)
    snr = alphas / (1 - alphas)
    weights = ((snr.clamp(max=5) + 1) / (snr + 1)).clamp(min=0.2)

    def keep() -> None:
        average.swap()
        unet.save_pretrained(settings.folder / "unet")
        average.swap()
        checkpoint.save(
            settings.folder / "unet.pt",
            model=unet.state_dict(),
            optimizer=optimizer.state_dict(),
            average=average.weights,
            step=step,
        )

    began, first, mean = time.monotonic(), step, 0.0
    while step < settings.unet_steps:
        pace(optimizer, RATE, step, settings.unet_steps, first)
        latents, ids = source.batch(settings.unet_batch)
        latents = latents.to(settings.device, memory_format=torch.channels_last)
        when = times(settings.unet_batch, source.numbers).to(settings.device)
        signal, noise_share = alphas[when].sqrt().view(-1, 1, 1, 1), (1 - alphas[when]).sqrt().view(-1, 1, 1, 1)
        noise = torch.randn_like(latents)
        with torch.autocast(settings.device, torch.bfloat16):
            with torch.no_grad():
                text = encoder(ids.to(settings.device))[0]
            seen = unet(signal * latents + noise_share * noise, when, text, return_dict=False)[0]
        error = (seen.float() - (signal * noise - noise_share * latents)).square().mean((1, 2, 3))
        loss = (error * weights[when]).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        step += 1
        average.follow(step)
        mean = loss.item() if step == first + 1 else 0.98 * mean + 0.02 * loss.item()
        if step % 50 == 0:
            log.info("unet step %d loss %.4f, %.3f s a step", step, mean, (time.monotonic() - began) / (step - first))
        if step % KEEP == 0 or step == settings.unet_steps:
            keep()


def load_pipeline(settings: Settings) -> StableDiffusionPipeline:
    """What has been trained so far, ready to draw, in full precision."""
    folder = settings.folder
    return StableDiffusionPipeline(
        vae=AutoencoderTiny.from_pretrained(folder / ("vae_decoder" if (folder / "vae_decoder").exists() else "vae")),
        text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        unet=UNet2DConditionModel.from_pretrained(folder / "unet"),
        scheduler=make_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
