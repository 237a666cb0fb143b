"""The trunk of ResNet-18: an image to coarse features, a 32nd of its size."""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn
from torch.nn import functional

PAPER_WIDTH: Final = 64
_BLOCKS_PER_LAYER: Final = 2
_GROWTHS: Final = (1, 2, 4, 8)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions added to their input (He et al., CVPR 2016, section 3.3)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False),
                nn.BatchNorm2d(channels_out),
            )

    def forward(self, features: Tensor) -> Tensor:
        result = functional.relu(self.norm1(self.conv1(features)))
        result = self.norm2(self.conv2(result)) + self.shortcut(features)
        return functional.relu(result)


class ResNet18(nn.Module):
    """Without its classifier; ``width`` channels after the stem, 64 in the paper."""

    def __init__(self, width: int = PAPER_WIDTH) -> None:
        super().__init__()
        self.channels_out = _GROWTHS[-1] * width
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.layers = nn.Sequential()
        channels = width
        for growth in _GROWTHS:
            stride = 1 if growth == 1 else 2
            blocks = [BasicBlock(channels, growth * width, stride)]
            channels = growth * width
            blocks += [BasicBlock(channels, channels) for _ in range(_BLOCKS_PER_LAYER - 1)]
            self.layers.append(nn.Sequential(*blocks))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, 8 * width, H / 32, W / 32)."""
        result: Tensor = self.layers(self.stem(images))
        return result
