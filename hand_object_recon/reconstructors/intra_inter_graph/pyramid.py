"""Features of a crop on one scale that know of coarser ones.

Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017, on a ResNet.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from hand_object_recon.networks.resnet import ResNet, ResNet18, ResNet34, ResNet50
from hand_object_recon.reconstructors.intra_inter_graph.options import (
    IntraInterGraphOptions,
    Pyramid,
)

_TRUNKS: Final = {18: ResNet18, 34: ResNet34, 50: ResNet50}


class ImageFeatures(NamedTuple):
    """maps (B, C, S / 8, S / 8); whole (B, G), the mean of the trunk's last stage."""

    maps: Tensor
    whole: Tensor


class FeaturePyramid(nn.Module):
    """(B, 3, S, S) images to features of an eighth of their size."""

    def __init__(self, options: IntraInterGraphOptions) -> None:
        super().__init__()
        self.trunk: ResNet = _TRUNKS[options.trunk_layers](options.width)
        self.whole_channels = self.trunk.channels_out
        self._finest = 0 if options.pyramid is Pyramid.POOLED_QUARTER else 1
        self.laterals = nn.ModuleList(
            nn.Conv2d(count, options.channels, 1)
            for count in self.trunk.stage_channels[self._finest :]
        )
        self.smoothing = nn.Conv2d(options.channels, options.channels, 3, padding=1)

    def forward(self, images: Tensor) -> ImageFeatures:
        stages = self.trunk.levels(images).stages
        lateral = [
            layer(stage) for layer, stage in zip(self.laterals, stages[self._finest :], strict=True)
        ]
        maps = lateral[-1]
        for finer in reversed(lateral[:-1]):
            maps = finer + functional.interpolate(maps, scale_factor=2.0, mode="nearest")
        maps = self.smoothing(maps)
        if self._finest == 0:
            maps = functional.avg_pool2d(maps, 2)
        return ImageFeatures(maps, stages[-1].mean(dim=(2, 3)))
