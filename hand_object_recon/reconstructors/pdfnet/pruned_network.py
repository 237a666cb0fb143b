"""The network without what its hands do not depend on: the same answers in less time.

Heads that nothing reads are dropped, the centre feature is worked out where it is read, norms are
folded into the layers before them, and layers are exchanged with what they commute with: the first
layer of a neighbourhood's points is applied to each point once instead of once for each of its
neighbourhoods, and masks are enlarged after the channels are mixed, not before.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from hand_object_recon.reconstructors.pdfnet.image_encoder import PyramidNeck
from hand_object_recon.reconstructors.pdfnet.network import PDFNetwork
from hand_object_recon.reconstructors.pdfnet.point_encoder import PointEncoder, gathered

_AXES: Final = 3
_OF_CONVOLUTION: Final = 4
_NORMS: Final = (nn.BatchNorm1d, nn.BatchNorm2d)
_CONVOLUTION_OF_NORM: Final = {"norm1": "conv1", "norm2": "conv2", "norm3": "conv3"}


def pruned(network: PDFNetwork) -> PDFNetwork:
    """A copy for inference, whose ``Seen`` lacks heat-maps and the heads that nothing reads."""
    copy = deepcopy(network).eval()
    image, hand = copy.image, copy.hand
    image.heatmaps, image.size_head, image.parameter_head = None, None, None
    image.masks.mixes_first = True
    if hand.center is not None:
        hand.center.of_all_cells = False
    _fold_norms(copy)
    image.neck = PrunedNeck(image.neck)
    if isinstance(hand.points, PointEncoder):
        hand.points = PrunedPointEncoder(hand.points)
    copy.requires_grad_(False)
    for weights in image.parameters():
        if weights.ndim == _OF_CONVOLUTION:
            weights.data = weights.data.contiguous(memory_format=torch.channels_last)
    return copy


class PrunedNeck(PyramidNeck):
    """Stages are joined one after the other: what each adds fits the caches better than all."""

    def __init__(self, neck: PyramidNeck) -> None:
        nn.Module.__init__(self)
        self.enlarge = nn.ModuleList(_in_blocks(layer) for layer in neck.enlarge)
        self.lengths = neck.lengths
        joined = neck.join[0]
        assert isinstance(joined, nn.Conv2d)
        assert joined.bias is not None
        parts = joined.weight.detach().chunk(len(neck.enlarge), dim=1)
        self.parts = nn.ParameterList(part.contiguous() for part in parts)
        self.bias = nn.Parameter(joined.bias.detach())

    def forward(self, stages: tuple[Tensor, ...]) -> Tensor:
        layers = zip(stages, self.enlarge, self.lengths, self.parts, strict=True)
        added = [
            functional.conv2d(length(enlarge(stage)), part, padding=1)
            for stage, enlarge, length, part in layers
        ]
        return (sum(added[1:], added[0]) + self.bias[:, None, None]).relu()


class BlockEnlargement(nn.Module):
    """A transposed convolution whose blocks do not overlap, as one product of matrices."""

    def __init__(self, layer: nn.ConvTranspose2d) -> None:
        super().__init__()
        self._edge = layer.kernel_size[0]
        channels_in, channels_out = layer.in_channels, layer.out_channels
        by_pixel = layer.weight.detach().permute(2, 3, 1, 0)
        self.register_buffer("weight", by_pixel.reshape(-1, channels_in).contiguous())
        bias = torch.zeros(channels_out) if layer.bias is None else layer.bias.detach()
        self.register_buffer("bias", bias.repeat(self._edge**2))
        self.weight: Tensor
        self.bias: Tensor

    def forward(self, features: Tensor) -> Tensor:
        batch, _, height, width = features.shape
        edge = self._edge
        blocks = functional.linear(features.permute(0, 2, 3, 1), self.weight, self.bias)
        blocks = blocks.reshape(batch, height, width, edge, edge, -1).transpose(2, 3)
        return blocks.reshape(batch, height * edge, width * edge, -1).permute(0, 3, 1, 2)


class PrunedPointEncoder(PointEncoder):
    """A point encoder whose norms are folded, with the first layers applied to points alone."""

    def __init__(self, encoder: PointEncoder) -> None:
        nn.Module.__init__(self)
        self.__dict__.update(encoder.__dict__)

    def _drawn_together(self, features: Tensor, around: Tensor, level: int) -> Tensor:
        layers = self.levels[level]
        assert isinstance(layers, nn.Sequential)
        first = layers[0]
        assert isinstance(first, nn.Linear)
        of_points = first(features)
        middles = features[:, : around.shape[1], :_AXES]
        shifts = functional.linear(middles, first.weight[:, :_AXES])
        members: Tensor = layers[1:](gathered(of_points, around) - shifts[:, :, None])
        return members.amax(dim=2)


def _in_blocks(layer: nn.Module) -> nn.Module:
    if isinstance(layer, nn.ConvTranspose2d) and layer.kernel_size == layer.stride:
        return BlockEnlargement(layer)
    return layer


def _fold_norms(network: nn.Module) -> None:
    """Fold each batch norm into the layer right before it, in place."""
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            _fold_in_sequence(module)
        for norm, convolution in _CONVOLUTION_OF_NORM.items():
            if isinstance(getattr(module, norm, None), nn.BatchNorm2d):
                fused = fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm))
                setattr(module, convolution, fused)
                setattr(module, norm, nn.Identity())


def _fold_in_sequence(sequence: nn.Sequential) -> None:
    for place in range(len(sequence) - 1):
        layer, norm = sequence[place], sequence[place + 1]
        if not isinstance(norm, _NORMS):
            continue
        if isinstance(layer, nn.Conv2d):
            sequence[place] = fuse_conv_bn_eval(layer, norm)
        elif isinstance(layer, nn.Linear):
            sequence[place] = fuse_linear_bn_eval(layer, norm)
        else:
            continue
        sequence[place + 1] = nn.Identity()
