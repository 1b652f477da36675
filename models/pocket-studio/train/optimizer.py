"""Muon for the weights of convolutions and linear layers, AdamW for everything else.

Muon (Jordan et al., 2024) makes every update of a matrix equally strong in all directions. A convolution's weight is the matrix of
its outputs by its inputs times its kernel.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn


class Optimizer:
    """One optimiser to the outside: zero_grad, step, param_groups with one learning rate."""

    def __init__(self, model: nn.Module, rate: float, weight_decay: float = 0.01) -> None:
        matrices = [p for p in model.parameters() if p.ndim >= 2 and min(p.shape[0], p[0].numel()) >= 32]
        known = {id(p) for p in matrices}
        self.views = [(p, nn.Parameter(as_matrix(p.data))) for p in matrices]
        others = [p for p in model.parameters() if id(p) not in known]
        self.muon = torch.optim.Muon(
            [v for _, v in self.views], rate, weight_decay, adjust_lr_fn="match_rms_adamw", ns_steps=5
        )
        self.adam = torch.optim.AdamW(others, rate, betas=(0.9, 0.98), weight_decay=weight_decay, fused=True)

    @property
    def param_groups(self) -> Iterator[dict[str, Any]]:
        """Of both."""
        yield from self.muon.param_groups
        yield from self.adam.param_groups

    def zero_grad(self) -> None:
        """Forgets all gradients."""
        for parameter, view in self.views:
            parameter.grad = view.grad = None
        self.adam.zero_grad()

    def step(self) -> None:
        """Moves the parameters; the matrices share their memory with the weights."""
        for parameter, view in self.views:
            view.grad = None if parameter.grad is None else as_matrix(parameter.grad)
        self.muon.step()
        self.adam.step()

    def state_dict(self) -> dict[str, Any]:
        """Of both."""
        return {"muon": self.muon.state_dict(), "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Of both."""
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])


def as_matrix(weight: Tensor) -> Tensor:
    """(outputs, everything else), without a copy where the weight lies channels last or contiguous."""
    return weight.permute(0, 2, 3, 1).flatten(1) if weight.ndim == 4 else weight
