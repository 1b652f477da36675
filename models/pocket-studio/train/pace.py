"""The learning rate over a stage that may be prolonged: warm up, stay, and fall over the last part of the steps asked for."""

import torch

FALL = 0.25  # of all steps
WARM_UP = 100  # steps: an optimiser may start anew


def pace(optimizer: torch.optim.Optimizer, peak: float, step: int, steps: int, first: int = 0) -> float:
    """Sets and returns the rate for this step: linear to the peak from the sitting's first step on, linear down to a fiftieth at the end."""
    rate = peak * min(1.0, (step - first + 1) / WARM_UP, max(0.02, (steps - step) / (FALL * steps)))
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate
