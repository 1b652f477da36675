"""A model of the size of Stable Diffusion 1.5 with random weights, for measuring speed on a GPU: `python -m bench.sdsize` builds it.

Sizes as in https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-v1-5 (unet, vae and text_encoder: config.json): about a
billion parameters, 2 GB in float16. What it draws is noise.
"""

from __future__ import annotations

import json
from typing import Any

import diffusers
import torch
import transformers
import yaml

from bench.subject import GPU_CATALOGUE, GPU_FOLDER, ROOT

BATCH = 8
UNET = {"sample_size": 64, "block_out_channels": (320, 640, 1280, 1280), "cross_attention_dim": 768}
AUTOENCODER = {
    "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 4, "sample_size": 512,
    "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
}  # fmt: skip
TEXT = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def build() -> None:
    """Writes the folder and a catalogue that offers it, where they are not there yet."""
    if not (GPU_FOLDER / "model_index.json").exists():
        torch.manual_seed(0)
        pipeline().save_pretrained(GPU_FOLDER)
    GPU_CATALOGUE.write_text(json.dumps({"models": [entry()]}))


def pipeline() -> Any:
    tokenizer = transformers.CLIPTokenizer.from_pretrained(ROOT / "models/pocket-studio/tokenizer", model_max_length=77)
    text = transformers.CLIPTextConfig(**TEXT, eos_token_id=tokenizer.eos_token_id, bos_token_id=tokenizer.bos_token_id)
    whole = diffusers.StableDiffusionPipeline(
        vae=diffusers.AutoencoderKL(**AUTOENCODER), unet=diffusers.UNet2DConditionModel(**UNET),
        text_encoder=transformers.CLIPTextModel(text), tokenizer=tokenizer,
        scheduler=diffusers.DDIMScheduler(**BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    return whole.to(dtype=torch.float16)


def entry() -> dict[str, Any]:
    """Of the shipped catalogue's Stable Diffusion 1.5, with these weights and both sizes warm."""
    shipped = yaml.safe_load((ROOT / "deploy/models.yaml").read_text())["models"]
    one = next(model for model in shipped if model["id"] == "sd-1.5")
    kept = {key: value for key, value in one.items() if key not in ("enabled", "repository", "revision")}
    warm = {"warm_up": [[512, 512], [1024, 1024]]}
    return kept | {
        "id": "sd-size", "default": True, "source": str(GPU_FOLDER.relative_to(GPU_CATALOGUE.parent.parent)),
        "batch_cap": BATCH, "speed": warm,
    }  # fmt: skip


if __name__ == "__main__":
    build()
