"""Tiny diffusers folders with random weights, one a pipeline class: python -m tests.tiny builds them and says where they lie.

The parts are the real ones (UNet or transformer, AutoencoderKL of factor 8, CLIP and T5 encoders, tokenizers of single letters), so that
loading and denoising run the code that a real model runs. The weights come from a fixed seed; what the pictures show is noise.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

ROOT = Path(__file__).resolve().parents[2]
LETTERS = [*"abcdefghijklmnopqrstuvwxyz0123456789.,'!?-"]
TOKENS = 77


def folder(name: str) -> Path:
    """The folder of `sd`, `sdxl`, `sd3`, `flux`, `flux_schnell` or `upscale`; built when it is not there. 0.3 to 1 MB each."""
    recipe = Path(__file__).read_bytes() + f"{diffusers.__version__} {transformers.__version__}".encode()
    place = ROOT / ".darkroom" / "tiny" / hashlib.sha256(recipe).hexdigest()[:12] / name
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        # Beside its place and then renamed: another run may look at the same moment.
        draft = Path(tempfile.mkdtemp(dir=place.parent))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            PIPELINES[name]().save_pretrained(draft)
        try:
            draft.rename(place)
        except OSError:  # the other run was first
            shutil.rmtree(draft)
    return place


def _sd() -> Any:
    return diffusers.StableDiffusionPipeline(
        vae=_autoencoder(), unet=_unet(cross_attention_dim=32), text_encoder=_clip(), tokenizer=_clip_tokenizer(),
        scheduler=diffusers.PNDMScheduler(**_BETAS, skip_prk_steps=True, steps_offset=1),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def _sdxl() -> Any:
    return diffusers.StableDiffusionXLPipeline(
        vae=_autoencoder(scaling_factor=0.13025, force_upcast=True),
        unet=_unet(
            cross_attention_dim=64, attention_head_dim=(2, 4), use_linear_projection=True,
            addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=6 * 8 + 32,
        ),
        text_encoder=_clip(), tokenizer=_clip_tokenizer(),
        text_encoder_2=_clip(projection=True), tokenizer_2=_clip_tokenizer(),
        scheduler=diffusers.EulerDiscreteScheduler(**_BETAS, timestep_spacing="leading", steps_offset=1),
        add_watermarker=False,
    )  # fmt: skip


def _sd3() -> Any:
    return diffusers.StableDiffusion3Pipeline(
        vae=_autoencoder(latent_channels=16, scaling_factor=1.5305, shift_factor=0.0609, use_quant_conv=False, use_post_quant_conv=False),
        transformer=diffusers.SD3Transformer2DModel(
            sample_size=32, patch_size=2, in_channels=16, out_channels=16, num_layers=2, attention_head_dim=16,
            num_attention_heads=2, caption_projection_dim=32, joint_attention_dim=64, pooled_projection_dim=64,
            pos_embed_max_size=32, qk_norm="rms_norm",
        ),
        text_encoder=_clip(projection=True), tokenizer=_clip_tokenizer(),
        text_encoder_2=_clip(projection=True), tokenizer_2=_clip_tokenizer(),
        text_encoder_3=_t5(), tokenizer_3=_t5_tokenizer(),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
    )  # fmt: skip


def _flux(guidance_embeds: bool = True) -> Any:
    return diffusers.FluxPipeline(
        vae=_autoencoder(latent_channels=16, scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False),
        transformer=diffusers.FluxTransformer2DModel(
            in_channels=64, num_layers=1, num_single_layers=2, attention_head_dim=16, num_attention_heads=2,
            joint_attention_dim=64, pooled_projection_dim=32, axes_dims_rope=(4, 6, 6), guidance_embeds=guidance_embeds,
        ),
        text_encoder=_clip(), tokenizer=_clip_tokenizer(), text_encoder_2=_t5(), tokenizer_2=_t5_tokenizer(),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0 if guidance_embeds else 1.0, use_dynamic_shifting=guidance_embeds),
    )  # fmt: skip


def _upscale() -> Any:
    return diffusers.StableDiffusionUpscalePipeline(
        vae=_autoencoder(blocks=3, scaling_factor=0.08333),
        unet=_unet(in_channels=7, cross_attention_dim=32, num_class_embeds=1000),
        text_encoder=_clip(), tokenizer=_clip_tokenizer(),
        low_res_scheduler=diffusers.DDPMScheduler(**_BETAS),
        scheduler=diffusers.DDIMScheduler(**_BETAS, clip_sample=False, prediction_type="v_prediction"),
        safety_checker=None, feature_extractor=None, watermarker=None,
    )  # fmt: skip


PIPELINES: dict[str, Callable[[], Any]] = {
    "sd": _sd,
    "sdxl": _sdxl,
    "sd3": _sd3,
    "flux": _flux,
    "flux_schnell": lambda: _flux(guidance_embeds=False),
    "upscale": _upscale,
}

_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def _unet(in_channels: int = 4, **more: Any) -> Any:
    return diffusers.UNet2DConditionModel(
        sample_size=8, in_channels=in_channels, out_channels=4, block_out_channels=(16, 32), layers_per_block=1, norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **{"attention_head_dim": 4, **more},
    )  # fmt: skip


def _autoencoder(blocks: int = 4, latent_channels: int = 4, **more: Any) -> Any:
    """Factor 2 ** (blocks - 1). What it draws has the contrast of a picture: 0.5 beside the mean of noise."""
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8,) * blocks, layers_per_block=1, norm_num_groups=4, latent_channels=latent_channels,
        down_block_types=("DownEncoderBlock2D",) * blocks, up_block_types=("UpDecoderBlock2D",) * blocks,
        mid_block_add_attention=True, **more,
    )  # fmt: skip
    with torch.no_grad():
        spread = vae.decode(torch.randn(1, latent_channels, 8, 8)).sample.std()
        vae.decoder.conv_out.weight /= 2 * spread
    return vae


def _clip(projection: bool = False) -> Any:
    kind = transformers.CLIPTextModelWithProjection if projection else transformers.CLIPTextModel
    return kind(
        transformers.CLIPTextConfig(
            vocab_size=len(_clip_vocabulary()), hidden_size=32, intermediate_size=64, projection_dim=32, num_hidden_layers=3,
            num_attention_heads=4, max_position_embeddings=TOKENS, bos_token_id=0, eos_token_id=1, pad_token_id=1,
        )
    ).eval()  # fmt: skip


def _t5() -> Any:
    return transformers.T5EncoderModel(
        transformers.T5Config(vocab_size=len(_t5_pieces()), d_model=64, d_kv=8, d_ff=64, num_layers=1, num_heads=2)
    ).eval()


def _clip_vocabulary() -> dict[str, int]:
    pieces = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{letter}</w>" for letter in LETTERS)]
    return {piece: number for number, piece in enumerate(pieces)}


def _clip_tokenizer() -> Any:
    """A token for each letter; the last of a word is another one, as in CLIP."""
    return transformers.CLIPTokenizer(vocab=_clip_vocabulary(), merges=[], model_max_length=TOKENS)


def _t5_pieces() -> list[tuple[str, float]]:
    return [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), *((letter, -3.0) for letter in LETTERS)]


def _t5_tokenizer() -> Any:
    return transformers.T5Tokenizer(vocab=_t5_pieces(), extra_ids=0, model_max_length=512)


if __name__ == "__main__":
    for name in PIPELINES:
        print(folder(name))
