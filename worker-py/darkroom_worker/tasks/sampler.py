"""Samplers: each drawing gets a scheduler object of its own, made from the model's configuration, so that nothing of it stays behind."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Sequence
from typing import Any

import diffusers
import torch

from darkroom_worker.repertoire import Sampler

# Cosine schedules and those rescaled to zero SNR end in noise of 4 000 to 20 000 times the picture's strength. Samplers that compute in that
# ratio lose everything to rounding there, and Karras spacing puts several steps on one time. They start at exp(5.1) instead: the
# lambda_min_clipped that DPM-Solver's documentation gives for cosine schedules.
_SIGMA_MAX = math.exp(5.1)
# These compute with the shares of signal and noise, never with their ratio.
_SAFE_AT_THE_END = ("DDIMScheduler", "DDPMScheduler", "PNDMScheduler")

# DPM++ SDE asks its Brownian motion for a time that rounding puts just outside; it answers for the nearest one, and says so each time.
warnings.filterwarnings("ignore", message="Should have t[ab]", module="torchsde")


class FlowMatchHeun(diffusers.FlowMatchHeunDiscreteScheduler):  # type: ignore[misc] # Any
    """Heun over the noise levels that flow Euler takes with the same configuration.

    The library's own takes neither the levels that FLUX hands over nor the shift by resolution of FLUX and SD 3.5.
    """

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: Any = None,
        sigmas: Sequence[float] | None = None,
        mu: float | None = None,
    ) -> None:
        euler = diffusers.FlowMatchEulerDiscreteScheduler.from_config(self.config)
        euler.set_timesteps(num_inference_steps, device, sigmas=sigmas, mu=mu)
        # Each step but the last, which ends at 0, looks a second time from where it came to.
        first, middle, last = euler.sigmas[:1], euler.sigmas[1:-1], euler.sigmas[-1:]
        self.sigmas = torch.cat([first, middle.repeat_interleave(2), last])
        self.timesteps = torch.cat([euler.timesteps[:1], euler.timesteps[1:].repeat_interleave(2)])
        self.num_inference_steps = len(euler.timesteps)
        self.prev_derivative = self.dt = self.sample = None
        self._step_index = self._begin_index = None


class Schedulers:
    """Makes them from one model's own scheduler, which stays as it is."""

    def __init__(self, own: Any) -> None:
        self._own = own
        self._unused: dict[str, Any] = {}  # by sampler; copied, because DPM2 takes 0.25 s to make

    def new(self, sampler: Sampler, seeds: Sequence[int]) -> Any:
        """A new scheduler for one batch.

        seeds: one a row, for DPM++ SDE, which draws its noise along the way from them. Every other stochastic sampler draws row by
        row from the generators that the pipeline is given. So in all of them a row's noise does not depend on its neighbours.
        """
        if sampler.id not in self._unused:
            self._unused[sampler.id] = _class(sampler).from_config(
                self._own.config, **self._safe(sampler) | sampler.options
            )
        fresh = copy.deepcopy(self._unused[sampler.id])
        if hasattr(fresh, "noise_sampler_seed"):
            fresh.noise_sampler_seed = list(seeds)
        return fresh

    def _safe(self, sampler: Sampler) -> dict[str, Any]:
        if (
            sampler.family == "flow"
            or sampler.class_name in _SAFE_AT_THE_END
            or _sigma(self._own.alphas_cumprod[-1]) <= _SIGMA_MAX
        ):
            return {}
        return {"trained_betas": _clipped(self._own.alphas_cumprod), "rescale_betas_zero_snr": False}


def _class(sampler: Sampler) -> Any:
    if sampler.class_name == "FlowMatchHeunDiscreteScheduler":
        return FlowMatchHeun
    return getattr(diffusers, sampler.class_name)


def _sigma(kept: torch.Tensor) -> float:
    """Noise over signal, where `kept` of the picture's variance is left."""
    return math.sqrt((1 - float(kept)) / max(float(kept), 1e-12))


def _clipped(kept: torch.Tensor) -> list[float]:
    """The betas of the same noise levels, none above _SIGMA_MAX, each still above the one before it: times are found by them."""
    least = torch.linspace(2, 1, len(kept), dtype=torch.float64) / (1 + _SIGMA_MAX**2)
    kept = torch.maximum(kept.double(), least)
    before = torch.cat([kept.new_ones(1), kept[:-1]])
    betas: list[float] = (1 - kept / before).tolist()
    return betas
