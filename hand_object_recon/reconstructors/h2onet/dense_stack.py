"""The encoder's building blocks: dense blocks of separable convolutions with channel gates.

MobRecon (Chen et al., CVPR 2022), section 3.2, as H2ONet uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

_HIGHEST_ACTIVATION: Final = 4.0
_MOST_GATE_CHANNELS: Final = 2  # times the stack's first width


def convolution(
    channels_in: int, channels_out: int, size: int = 1, *, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Convolution, batch norm, ReLU; the image keeps its size but for the stride."""
    return nn.Sequential(
        nn.Conv2d(
            channels_in,
            channels_out,
            size,
            stride=stride,
            padding=size // 2,
            groups=groups,
            bias=False,
        ),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    )


def clipped() -> nn.Hardtanh:
    """The activation of the fully connected layers: 0 to 4."""
    return nn.Hardtanh(0.0, _HIGHEST_ACTIVATION)


class SeparableUnit(nn.Module):
    """Depth-wise 3x3 convolutions, then a 1x1; added to its input where the channels agree."""

    def __init__(self, channels_in: int, channels_out: int, depthwise: int = 1) -> None:
        super().__init__()
        self.depthwise = nn.Sequential(
            *(
                convolution(channels_in, channels_in, 3, groups=channels_in)
                for _ in range(depthwise)
            )
        )
        self.pointwise = convolution(channels_in, channels_out)
        self._is_residual = channels_in == channels_out

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = self.pointwise(self.depthwise(features))
        return features + result if self._is_residual else result


class DenseBlock(nn.Module):
    """Units that each see the input and what all units before them made.

    growth: channels each unit adds. The output joins input and additions, or the additions
    alone where ``keeps_input`` is false.
    """

    def __init__(
        self, channels_in: int, growth: Sequence[int], *, keeps_input: bool = True
    ) -> None:
        super().__init__()
        self.units = nn.ModuleList()
        channels = channels_in
        for added in growth:
            self.units.append(SeparableUnit(channels, added))
            channels += added
        self._keeps_input = keeps_input

    def forward(self, features: Tensor) -> Tensor:
        made = [features]
        for unit in self.units:
            made.append(unit(torch.cat(made, dim=1)))
        return torch.cat(made if self._keeps_input else made[1:], dim=1)


class ChannelGate(nn.Module):
    """Squeeze and excitation: each channel scaled by 0 to 1, as the whole image says."""

    def __init__(self, channels: int, most_hidden: int) -> None:
        super().__init__()
        hidden = min(channels // 2, most_hidden)
        self.squeeze = nn.Sequential(
            nn.Linear(channels, hidden, bias=False), nn.BatchNorm1d(hidden), clipped()
        )
        self.excite = nn.Sequential(
            nn.Linear(hidden, channels, bias=False), nn.BatchNorm1d(channels), nn.Sigmoid()
        )

    def forward(self, features: Tensor) -> Tensor:
        gate: Tensor = self.excite(self.squeeze(features.mean(dim=(2, 3))))
        return features * gate[:, :, None, None]


class DownPath(nn.Module):
    """Three halvings of the image, from ``width`` to 8 times as many channels.

    has_last_gate: the first stack of the network has no gate on its coarsest features, though
    its weights hold one.
    """

    def __init__(self, width: int, *, is_deep: bool, has_last_gate: bool = True) -> None:
        super().__init__()
        most_hidden = _MOST_GATE_CHANNELS * width
        half, quarter = [width // 2] * 2, [width // 2] * 4
        self.dense1 = DenseBlock(width, half)
        self.gate1 = ChannelGate(2 * width, most_hidden)
        self.dense2 = DenseBlock(2 * width, quarter)
        self.gate2 = ChannelGate(4 * width, most_hidden)
        self.dense3 = DenseBlock(4 * width, [width] * 4)
        self.gate3 = ChannelGate(8 * width, most_hidden) if has_last_gate else None
        self.deep = (
            nn.Sequential(
                *(
                    DenseBlock(8 * width, [6 * width, 2 * width], keeps_input=False)
                    for _ in range(2)
                )
            )
            if is_deep
            else nn.Identity()
        )
        self.halve = nn.AvgPool2d(2)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features at a half, a quarter and an eighth of the image's size."""
        half = self.halve(self.gate1(self.dense1(features)))
        quarter = self.halve(self.gate2(self.dense2(half)))
        eighth = self.dense3(quarter)
        if self.gate3 is not None:
            eighth = self.gate3(eighth)
        return half, quarter, self.deep(self.halve(eighth))


class UpPath(nn.Module):
    """From the coarsest features back to half the image's size, with the way down added."""

    def __init__(self, width: int, channels_out: int) -> None:
        super().__init__()
        most_hidden = _MOST_GATE_CHANNELS * width
        self.shrink1 = _shrinking(8 * width, 4 * width, 4 * width)
        self.gate1 = ChannelGate(4 * width, most_hidden)
        self.shrink2 = _shrinking(4 * width, 2 * width, 2 * width)
        self.gate2 = ChannelGate(2 * width, most_hidden)
        self.shrink3 = _shrinking(2 * width, 2 * width, channels_out)
        self.gate3 = ChannelGate(channels_out, most_hidden)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, half: Tensor, quarter: Tensor, eighth: Tensor) -> Tensor:
        up_to_quarter = quarter + self.upsample(self.gate1(self.shrink1(eighth)))
        up_to_half = half + self.upsample(self.gate2(self.shrink2(up_to_quarter)))
        result: Tensor = self.gate3(self.shrink3(up_to_half))
        return result


def _shrinking(channels_in: int, middle: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        SeparableUnit(channels_in, middle), SeparableUnit(middle, channels_out, depthwise=2)
    )
