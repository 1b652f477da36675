"""Each sampler by its schedule alone, on a case with a known answer; no network is needed for that."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

pytest.importorskip("diffusers", reason="the engine's packages are not installed", exc_type=ImportError)

import diffusers
import torch

from darkroom_worker.repertoire import Repertoire
from darkroom_worker.settings import CHECKOUT
from darkroom_worker.tasks.sampler import Schedulers

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("default", "ignore:Should have")]

SAMPLERS = {sampler.id: sampler for sampler in Repertoire.read(CHECKOUT / "contract").samplers}
BETAS: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
OWN = {
    "SD 1.5": diffusers.PNDMScheduler(**BETAS, skip_prk_steps=True, steps_offset=1),
    "SDXL-Turbo": diffusers.EulerAncestralDiscreteScheduler(**BETAS, timestep_spacing="trailing"),
    "zero SNR": diffusers.DDIMScheduler(
        **BETAS, rescale_betas_zero_snr=True, prediction_type="v_prediction", timestep_spacing="trailing"
    ),
    "cosine": diffusers.DDIMScheduler(
        beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction", timestep_spacing="trailing", steps_offset=1
    ),
    "SD 3.5": diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
    "FLUX": diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
}
FITTING = [
    (own, name)
    for own, known in OWN.items()
    for name, sampler in SAMPLERS.items()
    if (sampler.family == "flow") == isinstance(known, diffusers.FlowMatchEulerDiscreteScheduler)
]


MADE = {own: Schedulers(scheduler) for own, scheduler in OWN.items()}


@pytest.mark.parametrize(("own", "name"), FITTING)
def test_it_brings_noise_to_where_the_model_says_the_pictures_are(own: str, name: str) -> None:
    """Where all pictures are normal noise of strength 1, the best answer to each step is known, and what comes out has strength 1."""
    for steps in (1, 2, 3, 8):
        assert torch.isfinite(_solved(own, name, steps, [1])).all()
    assert _solved(own, name, 30, [1]).std().item() == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_noise_of_a_row_does_not_depend_on_its_neighbours(name: str) -> None:
    three = _solved(_first_own(name), name, 4, [5, 6, 7])
    for row, seed in enumerate((5, 6, 7)):
        torch.testing.assert_close(
            three[row : row + 1], _solved(_first_own(name), name, 4, [seed]), rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_drawing_leaves_nothing_in_the_scheduler_of_the_next(name: str) -> None:
    own = _first_own(name)
    before = dict(OWN[own].config)
    first = _solved(own, name, 3, [1])
    _solved(own, name, 5, [2, 3])
    assert torch.equal(_solved(own, name, 3, [1]), first)
    assert dict(OWN[own].config) == before


def _first_own(name: str) -> str:
    return next(own for own, fitting in FITTING if fitting == name)


def _solved(own: str, name: str, steps: int, seeds: list[int]) -> torch.Tensor:
    used = MADE[own].new(SAMPLERS[name], seeds)
    used.set_timesteps(steps, **({"mu": 1.0} if own == "FLUX" else {}))
    assert torch.isfinite(used.timesteps).all()
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    noise = torch.cat([torch.randn(1, 4, 16, 16, generator=generator) for generator in generators])
    latents = noise * getattr(used, "init_noise_sigma", 1)
    more = {"generator": generators} if "generator" in inspect.signature(used.step).parameters else {}
    for time in used.timesteps:
        seen = used.scale_model_input(latents, time) if hasattr(used, "scale_model_input") else latents
        latents = used.step(_best_answer(used, seen, float(time)), time, latents, return_dict=False, **more)[0]
    return latents


def _best_answer(used: Any, latents: torch.Tensor, time: float) -> torch.Tensor:
    """What a perfect model answers where pictures and noise are both standard normal: their expectation, given the mixture."""
    if not hasattr(used, "alphas_cumprod"):
        share = time / 1000  # of noise; the answer is noise minus picture
        return (2 * share - 1) / ((1 - share) ** 2 + share**2) * latents
    if used.config.prediction_type == "v_prediction":
        return torch.zeros_like(latents)
    below = min(int(time), len(used.alphas_cumprod) - 2)
    kept = torch.lerp(used.alphas_cumprod[below], used.alphas_cumprod[below + 1], time - below)
    return (1 - kept).sqrt() * latents
