"""The exponential moving average of a network's weights."""

from __future__ import annotations

import copy
from typing import Final

import torch
from torch import nn

_STEPS_TO_TRUST: Final = 10


class MovingAverage:
    """A copy of a network whose weights follow it slowly; scores and exports use the copy.

    Early on it follows faster, so that the random beginning is soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Follow ``network`` after its step number ``step`` of the stage."""
        decay = min(self._decay, (1 + step) / (_STEPS_TO_TRUST + step))
        current = network.state_dict()
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name].to(value.dtype), 1.0 - decay)
            else:
                value.copy_(current[name])
