"""An exponential moving average of weights: what is shown, judged and shipped."""

from collections.abc import Iterable

import torch


class Average:
    """Follows parameters with the given decay a step; early on it forgets faster, so that it never lags far behind."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter], decay: float, every: int = 1) -> None:
        self.parameters = list(parameters)
        self.weights = [p.detach().clone() for p in self.parameters]
        self.decay, self.every = decay, every

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Called after every optimiser step."""
        if step % self.every == 0:
            decay = min(self.decay**self.every, (step + 1) / (step + 10 * self.every))
            torch._foreach_lerp_(self.weights, self.parameters, 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchanges the average and the parameters; called twice it changes nothing."""
        for parameter, weight in zip(self.parameters, self.weights, strict=True):
            kept = parameter.detach().clone()
            parameter.copy_(weight)
            weight.copy_(kept)
