"""A model of the catalogue becomes a diffusers pipeline in memory: safetensors from local files, nothing fetched, no code of its own."""

from __future__ import annotations

import gc
import json
import os
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from huggingface_hub import snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError

from darkroom_worker.catalog import Model, Speed
from darkroom_worker.tasks.task import Setup, Unloadable

_INDEX = "model_index.json"
_PICKLED = (".bin", ".ckpt", ".pt", ".pth")
# Loaded for nothing: what they look at is decoded outside of the pipeline.
_NEVER_USED = ("safety_checker", "feature_extractor")

for _library in (diffusers, transformers):
    _library.utils.logging.set_verbosity_error()
    _library.utils.logging.disable_progress_bar()


def load(model: Model, setup: Setup) -> Any:
    """The model's pipeline, ready to draw on the device that it and the worker agree on. Raises Unloadable."""
    device, speed = place(model, setup), model.speed
    if speed.offload != "none" and device != "cuda":
        raise Unloadable(
            f"{model.id}: speed.offload moves weights to and from a GPU, and this worker has none. Set none."
        )
    folder = _folder(model)
    index = _index(model, folder)
    try:
        pipeline = _class(model).from_pretrained(
            folder, dtype=dtype(model, device), use_safetensors=True, local_files_only=True, variant=_variant(folder),
            **{name: None for name in _NEVER_USED if name in index},
        )  # fmt: skip
        pipeline.set_progress_bar_config(disable=True)
        _tune(pipeline, speed, setup)
        _move(pipeline, speed, device)
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise Unloadable(
            f"{model.id} does not fit into the memory of {device}. Set speed.offload, or a smaller dtype.",
            "out_of_memory",
        ) from error
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):  # torch's word on a CPU
            raise Unloadable(f"{folder} cannot be loaded: {_first_line(error)}") from error
        raise Unloadable(f"{model.id} does not fit into the memory of this machine.", "out_of_memory") from error
    except Exception as error:  # each library of the loader has errors of its own
        raise Unloadable(f"{folder} cannot be loaded: {_first_line(error)}") from error
    return pipeline


def place(model: Model, setup: Setup) -> str:
    """cpu or cuda. Raises Unloadable when the model is for a GPU alone and this worker has none."""
    if model.device == "cuda" and setup.device != "cuda":
        raise Unloadable(f"{model.id} has device: cuda in the catalogue, and this worker has no GPU.")
    return "cpu" if model.device == "cpu" else setup.device


def dtype(model: Model, device: str) -> torch.dtype:
    """The catalogue's on a GPU. A CPU computes in float32, and in bfloat16 where the catalogue asks for it and the CPU is made for it."""
    if device == "cuda" or (model.dtype == "bfloat16" and torch.ops.mkldnn._is_mkldnn_bf16_supported()):
        chosen: torch.dtype = getattr(torch, model.dtype)
        return chosen
    return torch.float32


def denoiser(pipeline: Any) -> Any:
    """The network that works at each step: UNet or transformer."""
    return pipeline.unet if hasattr(pipeline, "unet") else pipeline.transformer


def rest(device: str) -> None:
    """Gives cached memory back to the device."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()


def _class(model: Model) -> Any:
    """An allowed one: the catalogue's loader has checked it."""
    return getattr(diffusers, model.pipeline or "")


def _folder(model: Model) -> Path:
    if model.source:
        if not Path(model.source).is_dir():
            raise Unloadable(f"{model.id}: there is no folder {model.source}.")
        return Path(model.source)
    try:
        return Path(snapshot_download(model.repository or "", revision=model.revision, local_files_only=True))
    except LocalEntryNotFoundError as error:
        raise Unloadable(
            f"{model.repository} at {model.revision} is not on this machine. "
            f"Fetch it before: hf download {model.repository} --revision {model.revision}"
        ) from error


def _index(model: Model, folder: Path) -> dict[str, Any]:
    """What the folder says that it holds, looked through before gigabytes are read. Raises Unloadable."""
    try:
        index: dict[str, Any] = json.loads((folder / _INDEX).read_text())
    except (OSError, ValueError) as error:
        raise Unloadable(f"{folder} is no diffusers model: {_INDEX} is missing or broken.") from error
    if (found := index.get("_class_name")) != model.pipeline:
        raise Unloadable(f"{folder} holds a {found}, and the catalogue says {model.pipeline}.")
    for part, value in index.items():
        if part in _NEVER_USED or not isinstance(value, list) or value[0] is None:
            continue
        files = {path.suffix for path in (folder / part).glob("*")}
        if not files:
            raise Unloadable(f"{folder / part} is missing.")
        if ".safetensors" not in files and files.intersection(_PICKLED):
            raise Unloadable(
                f"{folder / part} has pickled weights alone, which may run code. Convert them to safetensors."
            )
    return index


def _variant(folder: Path) -> str | None:
    """fp16 where that is what the folder has: hubs keep such weights beside the full ones, or alone."""
    weights = list(folder.glob("*/*.safetensors"))
    full = [path for path in weights if ".fp16." not in path.name]
    return None if full else "fp16" if weights else None


def _tune(pipeline: Any, speed: Speed, setup: Setup) -> None:
    vae, network = pipeline.vae, denoiser(pipeline)
    if vae.config.get("force_upcast") and vae.dtype == torch.float16:
        vae.to(torch.float32)  # SDXL's overflows in half precision
    if speed.attention_slicing:
        pipeline.enable_attention_slicing()
    if speed.vae_slicing:
        vae.enable_slicing()
    if speed.vae_tiling:
        vae.enable_tiling()
    if speed.channels_last:
        for part in (network, vae):
            part.to(memory_format=torch.channels_last)
    if speed.compile:
        # Compiled at the first drawing of a size, which is the warm-up; later starts find the code there.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(setup.cache_dir / "inductor")
        if not network._repeated_blocks:  # SD 3 does not name its own
            network._repeated_blocks = [type(network.transformer_blocks[0]).__name__]
        network.compile_repeated_blocks()


def _move(pipeline: Any, speed: Speed, device: str) -> None:
    match speed.offload:
        case "model":
            pipeline.enable_model_cpu_offload(device=device)
        case "sequential":
            pipeline.enable_sequential_cpu_offload(device=device)
        case _:
            pipeline.to(device)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:300]}"
