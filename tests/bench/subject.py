"""What both sides of the comparison draw."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
GPU_FOLDER = ROOT / ".darkroom" / "bench" / "sd-size"
GPU_CATALOGUE = ROOT / ".darkroom" / "bench" / "models.yaml"


@dataclass(frozen=True)
class Subject:
    """A model and the settings of its pictures; `settings` are the stack's, `loop` the serial loop's, `pictures` those of an arm in a round."""

    name: str
    model: str
    size: int  # pixels, width and height
    steps: int
    pictures: int
    step_ms: int = 0  # of a simulated model
    folder: Path | None = None  # of a diffusers model
    device: str = "cpu"
    prompt: str = "a red mug"
    settings: dict[str, str] = field(default_factory=dict)
    loop: dict[str, str] = field(default_factory=dict)

    @property
    def request(self) -> dict[str, Any]:
        """What Darkroom is asked for."""
        asked = {
            "model": self.model, "prompt": self.prompt, "width": self.size, "height": self.size, "steps": self.steps,
            "guidance_scale": 3,
        }  # fmt: skip
        if self.folder:
            return asked | {"scheduler": "ddim"}  # as the serial loop's
        return asked | {"metadata": {"step_ms": str(self.step_ms)}}

    def __str__(self) -> str:
        step = f"{self.steps} steps of {self.step_ms} ms" if self.step_ms else f"{self.steps} steps"
        return f"{self.model}, {self.size} x {self.size}, {step} a picture, on the {self.device.upper()}"


def _on_gpu(size: int, pictures: int) -> Subject:
    settings = {"WORKER_MODELS": "sd-size", "WORKER_DEVICE": "cuda", "MODELS_FILE": str(GPU_CATALOGUE)}
    return Subject(
        f"gpu-{size}", "sd-size", size, 20, pictures, folder=GPU_FOLDER, device="cuda", settings=settings
    )  # fmt: skip


SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject(
            "simulated", "simulated", 512, 20, 10, step_ms=25,
            settings={"WORKER_MODELS": "simulated", "WORKER_ENGINE": "simulated"},
        ),
        Subject(
            "pocket-studio", "pocket-studio", 256, 20, 8, folder=ROOT / "models" / "pocket-studio",
            settings={"WORKER_MODELS": "pocket-studio"}, loop={"OMP_WAIT_POLICY": "PASSIVE"},
        ),
        _on_gpu(512, 32),
        _on_gpu(1024, 16),
    )
}  # fmt: skip
