"""Relative depth from colour alone (section III-A).

The paper names a ResNet-18, four sets of 5x5 and of 1x1 convolutions, a ReLU after each, and an
answer of the image's size. What it leaves open is decided so: a set is features doubled in size
(bilinear), brought to half as many channels by its 5x5 convolution, then its 1x1 convolution; the
last 1x1 convolution answers one channel. Four doublings out of a 32nd of the image end at its half,
and the answer is doubled once more. A ReLU's answer is positive, so relative depth is counted from
0.2 m before the reference; it begins at the reference, where the last ReLU is not dead.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from torch import Tensor, nn
from torch.nn import functional

from hand_object_recon.networks.resnet import ResNet18
from hand_object_recon.reconstructors.cross_branch.depth_channel import NEAREST

_SETS: Final = 4


class DepthEstimator(nn.Module):
    """(B, 3, S, S) images to (B, S, S) relative depth, which means something on the foreground."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = ResNet18(width)
        widths = [self.encoder.channels_out // 2**number for number in range(_SETS + 1)]
        self.halve = nn.ModuleList(_convolution(*pair, 5) for pair in pairwise(widths))
        self.mix = nn.ModuleList(_convolution(same, same, 1) for same in widths[1:-1])
        self.answer = _convolution(widths[-1], 1, 1)
        nn.init.normal_(self.answer.weight, std=0.01)
        nn.init.constant_(self.answer.bias, -NEAREST)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> Tensor:
        features = self.encoder(images)
        for halve, last in zip(self.halve, [*self.mix, self.answer], strict=True):
            features = functional.relu(halve(_doubled(features)))
            features = functional.relu(last(features))
        return _doubled(features)[:, 0] + NEAREST


def _convolution(channels_in: int, channels_out: int, size: int) -> nn.Conv2d:
    """Begins so that a ReLU after it keeps the size of what goes through."""
    layer = nn.Conv2d(channels_in, channels_out, size, padding=size // 2)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def _doubled(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)
