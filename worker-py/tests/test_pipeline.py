"""What loading makes of a model's entry, and how it says that it cannot."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("diffusers", reason="the engine's packages are not installed", exc_type=ImportError)

import diffusers
import torch

from darkroom_worker.catalog import Speed
from darkroom_worker.tasks import pipeline
from darkroom_worker.tasks.task import Unloadable
from darkroom_worker.tasks.text_to_image import TextToImage
from tests import tiny
from tests.orders import CLASSES, draw, order, setup, tiny_model

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("default")]


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A copy of the SD folder, to be spoiled."""
    return Path(shutil.copytree(tiny.folder("sd"), tmp_path / "sd"))


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_of_the_treaty_is_loaded_from_its_folder(name: str) -> None:
    loaded = pipeline.load(tiny_model(name, tiny.folder(name)), setup())
    assert type(loaded).__name__ == CLASSES[name]
    assert {part.dtype for part in (pipeline.denoiser(loaded), loaded.vae)} == {torch.float32}


def refusal(source: Path | str | None, **changes: Any) -> Unloadable:
    with pytest.raises(Unloadable) as caught:
        pipeline.load(tiny_model("sd", source, **changes), setup())
    return caught.value


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "there is no folder" in str(refusal(tmp_path / "nothing"))


def test_a_hub_model_that_was_not_fetched_is_not_fetched_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    trouble = refusal(None, repository="some/model", revision="0" * 40)
    assert f"hf download some/model --revision {'0' * 40}" in str(trouble)


def test_a_hub_model_is_drawn_with_from_the_cache_at_its_pinned_commit_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # as in the engine
    # As `hf download` leaves it.
    shutil.copytree(tiny.folder("sd"), tmp_path / "models--some--model" / "snapshots" / ("a1" * 20))
    pinned = TextToImage(tiny_model("sd", None, repository="some/model", revision="a1" * 20), setup())
    folder = TextToImage(tiny_model("sd", tiny.folder("sd")), setup())
    for task in (pinned, folder):
        task.load()
    (one,), (other,) = (draw(task, order(task.model)) for task in (pinned, folder))
    assert one.tobytes() == other.tobytes()
    assert "is not on this machine" in str(refusal(None, repository="some/model", revision="b2" * 20))


@pytest.mark.parametrize("name", ["sd", "sd3", "flux"])
def test_a_compiled_network_draws_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Block by block it is traced, and run as it was traced: to make machine code of it takes a minute more."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")
    compiled, plain = (
        TextToImage(tiny_model(name, tiny.folder(name), speed=speed), setup(tmp_path))
        for speed in (Speed(compile=True), Speed())
    )
    for task in (compiled, plain):
        task.load()
    network = pipeline.denoiser(compiled._pipeline)
    assert {type(part).__name__ for part in network.modules() if part._compiled_call_impl} == set(
        network._repeated_blocks
    )
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "inductor")
    (one,), (other,) = (draw(task, order(task.model, steps=2)) for task in (compiled, plain))
    assert max(abs(left - right) for left, right in zip(one.tobytes(), other.tobytes(), strict=True)) <= 2


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    assert "model_index.json is missing or broken" in str(refusal(tmp_path))


def test_a_model_of_another_class_than_the_catalogue_says() -> None:
    trouble = refusal(tiny.folder("sdxl"))
    assert "holds a StableDiffusionXLPipeline, and the catalogue says StableDiffusionPipeline" in str(trouble)


def test_a_part_that_is_missing(broken: Path) -> None:
    shutil.rmtree(broken / "unet")
    assert "unet is missing" in str(refusal(broken))


def test_pickled_weights_are_not_opened(broken: Path) -> None:
    weights = broken / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    assert "has pickled weights alone" in str(refusal(broken))


def test_code_of_the_models_own_is_not_run(broken: Path) -> None:
    index = json.loads((broken / "model_index.json").read_text())
    index["unet"] = ["my_unet", "MyUNet"]
    (broken / "model_index.json").write_text(json.dumps(index))
    (broken / "unet" / "my_unet.py").write_text("raise SystemExit('the code was run')")
    assert "cannot be loaded" in str(refusal(broken))


def test_weights_that_were_cut_off(broken: Path) -> None:
    weights = broken / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    trouble = refusal(broken)
    assert "cannot be loaded" in str(trouble)
    assert trouble.code == "engine_error"


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_a_model_that_does_not_fit(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(diffusers.StableDiffusionPipeline, "from_pretrained", full)
    trouble = refusal(tiny.folder("sd"))
    assert "does not fit" in str(trouble)
    assert trouble.code == "out_of_memory"


def test_what_needs_a_gpu_is_told_where_there_is_none() -> None:
    assert "this worker has no GPU" in str(refusal(tiny.folder("sd"), device="cuda"))
    assert "speed.offload" in str(refusal(tiny.folder("sd"), speed=Speed(offload="model")))


def test_half_precision_weights_alone_are_found(tmp_path: Path) -> None:
    weights = diffusers.StableDiffusionPipeline.from_pretrained(tiny.folder("sd"), use_safetensors=True)
    weights.to(torch.float16).save_pretrained(tmp_path, variant="fp16")
    loaded = pipeline.load(tiny_model("sd", tmp_path), setup())
    assert loaded.unet.dtype == torch.float32


@pytest.mark.parametrize("name", ["sd", "sdxl", "sd3", "flux"])
def test_memory_and_speed_settings_are_applied_and_draw(name: str) -> None:
    speed = Speed(attention_slicing=True, vae_slicing=True, vae_tiling=True, channels_last=True)
    plain, tuned = (
        TextToImage(tiny_model(name, tiny.folder(name), speed=chosen), setup()) for chosen in (Speed(), speed)
    )
    plain.load()
    tuned.load()
    network, vae = pipeline.denoiser(tuned._pipeline), tuned._pipeline.vae
    assert vae.use_slicing
    assert vae.use_tiling
    assert vae.decoder.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    if name.startswith("sd") and name != "sd3":
        assert {type(processor).__name__ for processor in network.attn_processors.values()} == {"SlicedAttnProcessor"}
        assert network.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    (tiled,) = draw(tuned, order(tuned.model))
    assert tiled.size == (64, 64)
    vae.disable_tiling()  # at this size the tiles are so small that their seams are the picture
    (usual,), (same,) = (draw(task, order(task.model)) for task in (plain, tuned))
    assert max(abs(one - other) for one, other in zip(usual.tobytes(), same.tobytes(), strict=True)) <= 2


def test_a_cpu_computes_in_bfloat16_where_it_is_made_for_it_and_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    able = True
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: able)
    task = TextToImage(tiny_model("sd", tiny.folder("sd"), dtype="bfloat16"), setup())
    task.load()
    assert task._pipeline.unet.dtype == torch.bfloat16
    task.check()
    first, again = (draw(task, order(task.model))[0] for _ in range(2))
    assert first.tobytes() == again.tobytes()
    assert pipeline.dtype(tiny_model("sd", "", dtype="float16"), "cpu") == torch.float32
    able = False
    assert pipeline.dtype(task.model, "cpu") == torch.float32
    assert pipeline.dtype(tiny_model("sd", "", dtype="float16"), "cuda") == torch.float16
