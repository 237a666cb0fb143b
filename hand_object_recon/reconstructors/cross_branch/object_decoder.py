"""From a feature to a closed mesh: AtlasNet's decoder on a sphere, then size and place (Eqs. 4, 5).

Layers are as wide as ObMan's for its features of 512 channels: 515-515-257-128-3; they follow the
feature that they get. Answers are in units of what is learned: lengths of the mesh's largest
radius, 5 cm of that radius (it begins there), and 10 cm of the place about the wrist.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from hand_object_recon.reconstructors.cross_branch.prediction import ObjectPrediction
from hand_object_recon.reconstructors.cross_branch.sphere import object_sphere

SCALE_UNIT_M: Final = 0.05
TRANSLATION_UNIT_M: Final = 0.1


class MeshDecoder(nn.Module):
    """(B, C) features to (B, 642, 3) vertices.

    from_sphere: answers are added to the sphere's vertices, and begin near zero.
    """

    sphere: Tensor

    def __init__(self, channels: int, *, from_sphere: bool) -> None:
        super().__init__()
        wide = 3 + channels
        widths = (wide, wide, wide // 2, wide // 4)
        pairs = list(pairwise(widths))
        self.first = nn.Conv1d(*pairs[0], 1)
        self.others = nn.ModuleList(nn.Conv1d(*pair, 1) for pair in pairs[1:])
        self.norms = nn.ModuleList(nn.BatchNorm1d(c_out) for _, c_out in pairs)
        self.last = nn.Conv1d(widths[-1], 3, 1)
        self._from_sphere = from_sphere
        if from_sphere:
            nn.init.normal_(self.last.weight, std=0.01)
            nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]
        sphere = torch.tensor(object_sphere().vertices)
        self.register_buffer("sphere", sphere, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        # The feature is the same at all vertices, so what the first layer makes of it is worked
        # out once. Convolutions over single vertices are matrix products, which are faster where
        # numbers of channels are odd.
        of_place, of_feature = torch.tensor_split(self.first.weight[:, :, 0], [3], dim=1)
        hidden = functional.linear(self.sphere, of_place, self.first.bias)
        hidden = hidden + functional.linear(features, of_feature)[:, None]
        rows = functional.relu(self.norms[0](hidden.flatten(0, 1)))
        for convolve, norm in zip(self.others, self.norms[1:], strict=True):
            rows = functional.relu(norm(_of_each_row(convolve, rows)))
        answers = _of_each_row(self.last, rows).view(*hidden.shape[:2], 3)
        return self.sphere + answers if self._from_sphere else answers


class ObjectDecoder(nn.Module):
    """channels: of the feature of shape. place_channels: of the one of place and size.

    tells_held: whether there is an object is told, too, from the feature of place.
    """

    def __init__(
        self, channels: int, place_channels: int, *, from_sphere: bool, tells_held: bool = False
    ) -> None:
        super().__init__()
        self.mesh = MeshDecoder(channels, from_sphere=from_sphere)
        self.translation = _numbers(place_channels, 3)
        self.scale = _numbers(place_channels, 1)
        nn.init.ones_(self.scale[-1].bias)  # type: ignore[arg-type]
        self.is_held = _numbers(place_channels, 1) if tells_held else None

    def forward(self, features: Tensor, place_features: Tensor) -> ObjectPrediction:
        canonical = self.mesh(features)
        translation_m = TRANSLATION_UNIT_M * self.translation(place_features)
        scale_m = SCALE_UNIT_M * self.scale(place_features)[:, 0]
        vertices_m = scale_m[:, None, None] * canonical + translation_m[:, None]
        is_held = None if self.is_held is None else self.is_held(place_features)[:, 0]
        return ObjectPrediction(vertices_m, canonical, scale_m, translation_m, is_held)


def _of_each_row(convolve: nn.Module, rows: Tensor) -> Tensor:
    """What a convolution over single places makes of (N, C) of them."""
    weight, bias = convolve.get_parameter("weight"), convolve.get_parameter("bias")
    return functional.linear(rows, weight[:, :, 0], bias)


def _numbers(channels: int, count: int) -> nn.Sequential:
    hidden = channels // 2
    return nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, count))
