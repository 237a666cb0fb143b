"""The networks' heavy parts compiled by OpenVINO for a CPU, to be called as before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn

from hand_object_recon.networks.openvino_runtime import Precision, compiled_for_cpu
from hand_object_recon.reconstructors.h2onet.backbone import IMAGE_SIZE
from hand_object_recon.reconstructors.h2onet.network import (
    FrameFeatures,
    HandMesh,
    MultiFrameNetwork,
    SingleFrameNetwork,
)

_EXAMPLE: Final = (2, 3, IMAGE_SIZE, IMAGE_SIZE)


def compiled_single(
    network: SingleFrameNetwork, precision: Precision = "f32"
) -> Callable[[Tensor], HandMesh]:
    """What the network of single frames does."""
    run = compiled_for_cpu(_Single(network), [torch.zeros(_EXAMPLE)], precision)
    return lambda images: HandMesh(*run(images))


def compiled_encode(
    network: MultiFrameNetwork, precision: Precision = "f32"
) -> Callable[[Tensor], FrameFeatures]:
    """What ``MultiFrameNetwork.encode`` does; ``fuse`` is no faster when compiled."""
    run = compiled_for_cpu(_Encoding(network), [torch.zeros(_EXAMPLE)], precision)
    return lambda images: FrameFeatures(*run(images))


class _Single(nn.Module):
    """Without the occlusion, which one frame does not tell."""

    def __init__(self, network: SingleFrameNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        hands: HandMesh = self.network(images)
        return tuple(part for part in hands if part is not None)


class _Encoding(nn.Module):
    def __init__(self, network: MultiFrameNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network.encode(images))
