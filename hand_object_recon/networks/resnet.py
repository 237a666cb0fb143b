"""The trunks of ResNet-18, -34 and -50: an image to coarse features, a 32nd of its size."""

from __future__ import annotations

from typing import Final, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

PAPER_WIDTH: Final = 64
_GROWTHS: Final = (1, 2, 4, 8)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions added to their input (He et al., CVPR 2016, section 3.3)."""

    expansion = 1

    def __init__(self, channels_in: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.shortcut = _shortcut(channels_in, channels, stride)

    def forward(self, features: Tensor) -> Tensor:
        result = functional.relu(self.norm1(self.conv1(features)))
        result = self.norm2(self.conv2(result)) + self.shortcut(features)
        return functional.relu(result)


class BottleneckBlock(nn.Module):
    """A 3x3 convolution of fewer channels between two 1x1 ones (the same, section 4.1).

    The 3x3 convolution has the stride, as in torchvision.
    """

    expansion = 4

    def __init__(self, channels_in: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        channels_out = self.expansion * channels
        self.conv1 = nn.Conv2d(channels_in, channels, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, channels_out, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(channels_out)
        self.shortcut = _shortcut(channels_in, channels_out, stride)

    def forward(self, features: Tensor) -> Tensor:
        result = functional.relu(self.norm1(self.conv1(features)))
        result = functional.relu(self.norm2(self.conv2(result)))
        result = self.norm3(self.conv3(result)) + self.shortcut(features)
        return functional.relu(result)


class Levels(NamedTuple):
    """Features of a trunk: the stem's before pooling, a half of the image's size, then those of
    the four stages, a quarter, an eighth, a 16th and a 32nd."""

    stem: Tensor
    stages: tuple[Tensor, ...]


class ResNet(nn.Module):
    """Without its classifier.

    block, depths
        What the four stages are made of, and how many of them each has.
    width
        Channels after the stem, 64 in the paper.
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[BottleneckBlock],
        depths: tuple[int, int, int, int],
        width: int = PAPER_WIDTH,
        channels_in: int = 3,
    ) -> None:
        super().__init__()
        self.stage_channels = tuple(block.expansion * growth * width for growth in _GROWTHS)
        self.channels_out = self.stage_channels[-1]
        self.stem = nn.Sequential(
            nn.Conv2d(channels_in, width, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.layers = nn.Sequential()
        channels = width
        for growth, depth in zip(_GROWTHS, depths, strict=True):
            stride = 1 if growth == 1 else 2
            blocks = [block(channels, growth * width, stride)]
            channels = block.expansion * growth * width
            blocks += [block(channels, growth * width) for _ in range(depth - 1)]
            self.layers.append(nn.Sequential(*blocks))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, channels_out, H / 32, W / 32)."""
        result: Tensor = self.layers(self.stem(images))
        return result

    def levels(self, images: Tensor) -> Levels:
        """The same with all that lies before it."""
        stem = self.stem[:-1](images)
        features, stages = self.stem[-1](stem), []
        for stage in self.layers:
            features = stage(features)
            stages.append(features)
        return Levels(stem, tuple(stages))


class ResNet18(ResNet):
    def __init__(self, width: int = PAPER_WIDTH, channels_in: int = 3) -> None:
        super().__init__(BasicBlock, (2, 2, 2, 2), width, channels_in)


class ResNet34(ResNet):
    def __init__(self, width: int = PAPER_WIDTH, channels_in: int = 3) -> None:
        super().__init__(BasicBlock, (3, 4, 6, 3), width, channels_in)


class ResNet50(ResNet):
    def __init__(self, width: int = PAPER_WIDTH, channels_in: int = 3) -> None:
        super().__init__(BottleneckBlock, (3, 4, 6, 3), width, channels_in)


def _shortcut(channels_in: int, channels_out: int, stride: int) -> nn.Module:
    if stride == 1 and channels_in == channels_out:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 1, stride, bias=False),
        nn.BatchNorm2d(channels_out),
    )
