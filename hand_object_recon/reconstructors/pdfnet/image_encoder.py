"""What the image alone shows: features at three sizes, centres, masks, heat-maps, presence."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.networks.resnet import ResNet18, ResNet50
from hand_object_recon.reconstructors.pdfnet.conventions import HANDS
from hand_object_recon.reconstructors.pdfnet.options import Inputs, PDFNetOptions
from hand_object_recon.reconstructors.pdfnet.prediction import Pyramid, Seen

PIXEL_CHANNELS: Final = 3
_PARAMETER_CHANNELS: Final = 122
_PRESENCE_CHANNELS: Final = 64
_PRESENCE_DROPOUT: Final = 0.3
_UNIT_LENGTH: Final = 10.0
_LEAST_LENGTH: Final = 1e-10
_RARE_LOGIT: Final = -4.59  # of one cell in a hundred, as for any focal loss
_DOUBLINGS: Final = 3
_TRUNKS: Final = {18: ResNet18, 50: ResNet50}


class ImageEncoder(nn.Module):
    """(B, C, S, S) images to ``Seen``.

    has_official_heads
        Those of the authors' network that nothing reads; it tells no presence.
    """

    def __init__(self, options: PDFNetOptions, *, has_official_heads: bool) -> None:
        super().__init__()
        width, channels_in = options.width, options.inputs.image_channels
        self.trunk = _TRUNKS[options.trunk_layers](width, channels_in)
        self.quarter_channels = options.pyramid_widths * width
        self.pixel_features = None
        if options.inputs is Inputs.FUSED:
            self.pixel_features = nn.Conv2d(channels_in, PIXEL_CHANNELS, 3, padding=1, bias=False)
        self.neck = PyramidNeck(self.trunk.stage_channels, self.quarter_channels)
        self.center_head = _map_head(self.quarter_channels, HANDS, _RARE_LOGIT)
        self.presence_head, self.size_head, self.parameter_head = None, None, None
        if has_official_heads:
            self.size_head = _map_head(self.quarter_channels, HANDS)
            self.parameter_head = _map_head(self.quarter_channels, _PARAMETER_CHANNELS)
        else:
            self.presence_head = PresenceHead(self.trunk.channels_out)
        maps = HANDS * KEYPOINT_COUNT
        self.heatmaps: MapDecoder | None = MapDecoder(self.trunk.channels_out, 2 * width, maps)
        self.masks = MapDecoder(self.trunk.channels_out, 2 * width, HANDS, is_enlarged=True)

    def forward(self, images: Tensor) -> Seen:
        levels = self.trunk.levels(images)
        quarter, coarsest = self.neck(levels.stages), levels.stages[-1]
        pixels = None if self.pixel_features is None else self.pixel_features(images).relu()
        return Seen(
            center_logits=self.center_head(quarter),
            mask_logits=self.masks(coarsest),
            heatmaps=None if self.heatmaps is None else self.heatmaps(coarsest),
            presence_logits=None if self.presence_head is None else self.presence_head(coarsest),
            pyramid=Pyramid(pixels, levels.stem, quarter),
            box_sizes=None if self.size_head is None else self.size_head(quarter),
            hand_parameters=None if self.parameter_head is None else self.parameter_head(quarter),
        )


class PresenceHead(nn.Module):
    """(B, 2) logits that there are a left and a right hand anywhere in (B, C, H, W) features."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm1d(2 * channels),
            nn.Linear(2 * channels, _PRESENCE_CHANNELS),
            nn.ReLU(),
            nn.Dropout(_PRESENCE_DROPOUT),
            nn.Linear(_PRESENCE_CHANNELS, HANDS),
        )

    def forward(self, features: Tensor) -> Tensor:
        everywhere = [features.mean(dim=(2, 3)), features.amax(dim=(2, 3))]
        logits: Tensor = self.layers(torch.cat(everywhere, dim=1))
        return logits


class PyramidNeck(nn.Module):
    """All stages of a trunk brought to a quarter of the image's size, to equal lengths, and joined.

    Each stage is enlarged by a transposed convolution of its own.
    """

    def __init__(self, stage_channels: tuple[int, ...], channels: int) -> None:
        super().__init__()
        c2, c3, c4, c5 = stage_channels
        self.enlarge = nn.ModuleList(
            [
                nn.Conv2d(c2, channels, 3, padding=1),
                nn.ConvTranspose2d(c3, channels, 4, stride=2, padding=1),
                nn.ConvTranspose2d(c4, channels, 4, stride=4),
                nn.ConvTranspose2d(c5, channels, 8, stride=8),
            ]
        )
        self.lengths = nn.ModuleList([EqualLength(channels) for _ in stage_channels])
        self.join = nn.Sequential(
            nn.Conv2d(len(stage_channels) * channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels, momentum=0.01),
            nn.ReLU(),
        )

    def forward(self, stages: tuple[Tensor, ...]) -> Tensor:
        layers = zip(stages, self.enlarge, self.lengths, strict=True)
        enlarged = [length(enlarge(stage)) for stage, enlarge, length in layers]
        result: Tensor = self.join(torch.cat(enlarged, dim=1))
        return result


class EqualLength(nn.Module):
    """Features of each place scaled to length one, then each channel by a learned number."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), _UNIT_LENGTH))

    def forward(self, features: Tensor) -> Tensor:
        length = features.square().sum(dim=1, keepdim=True)
        # The root has no slope at zero, where a dead image of padding would make it NaN.
        length = length.clamp_min(_LEAST_LENGTH**2).sqrt() + _LEAST_LENGTH
        return features / length * self.weight[:, None, None]


class MapDecoder(nn.Module):
    """The trunk's last features enlarged to maps at a quarter of the image's size, or at all of
    it (``is_enlarged``).

    ``mixes_first``: channels become maps before the last doublings; the same in less time.
    """

    def __init__(
        self, channels_in: int, channels: int, maps: int, *, is_enlarged: bool = False
    ) -> None:
        super().__init__()
        self.shrink = _rectified(nn.Conv2d(channels_in, channels, 1, bias=False))
        self.doublings = nn.ModuleList(
            [
                _rectified(nn.Conv2d(channels, channels, 3, padding=1, bias=False))
                for _ in range(_DOUBLINGS)
            ]
        )
        self.last = nn.Conv2d(channels, maps, 1)
        self._is_enlarged = is_enlarged
        self.mixes_first = False

    def forward(self, features: Tensor) -> Tensor:
        features = self.shrink(features)
        for layers in self.doublings:
            features = layers(doubled(features))
        if not self._is_enlarged:
            maps: Tensor = self.last(features)
            return maps
        if self.mixes_first:
            return doubled(doubled(self.last(features)))
        return doubled(self.last(doubled(features)))


def doubled(maps: Tensor) -> Tensor:
    """Maps of twice the size, corners on corners."""
    return functional.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=True)


def _rectified(convolution: nn.Conv2d) -> nn.Sequential:
    nn.init.kaiming_normal_(convolution.weight)
    return nn.Sequential(convolution, nn.ReLU(), nn.BatchNorm2d(convolution.out_channels))


def _map_head(channels: int, maps: int, first_answer: float = 0.0) -> nn.Sequential:
    last = nn.Conv2d(channels, maps, 1)
    nn.init.normal_(last.weight, std=0.001)
    assert last.bias is not None
    nn.init.constant_(last.bias, first_answer)
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), last)
