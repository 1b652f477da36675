"""Last stage: a stock diffusers folder in half precision, and back: what is exported is also what a later sitting goes on from."""

import json
import logging
from pathlib import Path

import torch
from diffusers import AutoencoderTiny, StableDiffusionPipeline, UNet2DConditionModel
from torch import nn

from train import checkpoint
from train.settings import Settings
from train.unet import load_pipeline

STEPS = "training.json"  # beside the weights: how far each stage has come
LIMIT = 40_000_000  # bytes of weights
log = logging.getLogger(__name__)


def export(settings: Settings, target: Path) -> None:
    """Writes the pipeline's averaged weights as fp16 safetensors. Raises ValueError above LIMIT."""
    load_pipeline(settings).to(torch.float16).save_pretrained(target)
    for path in target.rglob("*.json"):
        config = json.loads(path.read_text())
        if isinstance(config, dict) and config.pop("_name_or_path", None) is not None:
            path.write_text(json.dumps(config, indent=2) + "\n")
    stages = ("text", "autoencoder", "decoder", "unet")
    states = {stage: checkpoint.load(settings.folder / f"{stage}.pt") for stage in stages}
    (target / STEPS).write_text(
        json.dumps({stage: state["step"] for stage, state in states.items() if state}, indent=2) + "\n"
    )
    size = sum(path.stat().st_size for path in target.rglob("*.safetensors"))
    log.info("exported %s: %.1f MB of weights", target, size / 1e6)
    if size > LIMIT:
        raise ValueError(
            f"the weights in {target} take {size} bytes, more than the {LIMIT} that fit into the repository"
        )


def resume(settings: Settings, source: Path) -> None:
    """Lays an exported folder out as the run's folder, so that UNet and decoder go on where they were. Optimisers start anew.

    Raises FileExistsError where the run's folder holds a model already.
    """
    if (settings.folder / "unet").exists() or (settings.folder / "vae").exists():
        raise FileExistsError(f"{settings.folder} holds a model already; lay it out in a new folder")
    steps = json.loads((source / STEPS).read_text())
    pipeline = StableDiffusionPipeline.from_pretrained(source, dtype=torch.float32, safety_checker=None)
    settings.folder.mkdir(parents=True, exist_ok=True)
    pipeline.tokenizer.save_pretrained(settings.folder / "tokenizer")
    pipeline.text_encoder.save_pretrained(settings.folder / "text_encoder")
    unet, autoencoder = pipeline.unet, pipeline.vae
    assert isinstance(unet, UNet2DConditionModel)
    assert isinstance(autoencoder, AutoencoderTiny)
    unet.save_pretrained(settings.folder / "unet")
    autoencoder.save_pretrained(settings.folder / "vae")
    parts: dict[str, nn.Module] = {"autoencoder": autoencoder, "unet": unet, "decoder": autoencoder.decoder}
    checkpoint.save(settings.folder / "text.pt", step=steps.pop("text"))  # its readers are not exported
    for stage, step in steps.items():
        weights = [p.detach() for p in parts[stage].parameters()]
        checkpoint.save(settings.folder / f"{stage}.pt", model=parts[stage].state_dict(), average=weights, step=step)
    if "decoder" in steps:
        autoencoder.save_pretrained(settings.folder / "vae_decoder")
