"""The decoder from a point's features to its signed distance (appendix A)."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from hand_object_recon.networks.random_dropout import dropout

_DROPPED: Final = 0.2


class SdfHead(nn.Module):
    """Five linear layers, the first four with weight norm; the third sees the input again."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        widths = ((inputs, width), (width, width - inputs), (width, width), (width, width))
        self.hidden = nn.ModuleList(weight_norm(nn.Linear(*shape)) for shape in widths)
        self.last = nn.Linear(width, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(..., inputs) to (...) distances between -1 and 1 in query units."""
        values = features
        for number, layer in enumerate(self.hidden):
            if number == 2:
                values = torch.cat([values, features], dim=-1)
            values = functional.relu(layer(values))
            values = dropout(values, _DROPPED) if self.training else values
        distances: Tensor = self.last(values)[..., 0]
        return distances.tanh()

    def folded(self) -> list[tuple[Tensor, Tensor]]:
        """Weight and bias of the first four layers without weight norm, and without gradient."""
        linear = [layer for layer in self.hidden if isinstance(layer, nn.Linear)]
        return [(layer.weight.detach(), layer.bias.detach()) for layer in linear]
