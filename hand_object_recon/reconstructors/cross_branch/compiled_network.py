"""The network's heavy parts compiled by OpenVINO for a CPU; the network is called as before."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hand_object_recon.networks.openvino_runtime import Precision, compiled_for_cpu
from hand_object_recon.reconstructors.cross_branch.network import CrossBranchNetwork

_BATCH = 2


def with_compiled_parts(
    network: CrossBranchNetwork, precision: Precision = "f32"
) -> CrossBranchNetwork:
    """The same network, changed: estimator, encoders and the object's mesh are compiled.

    What lies between, the depth channel and the fusion, is left to torch.

    Raises
    ------
    DependencyError
        OpenVINO is not installed.
    """
    assert network.hand is not None
    assert network.object is not None
    size = network.options.image_size
    mesh = network.object.decoder.mesh
    parts: list[tuple[nn.Module, str, tuple[int, ...]]] = [
        (network, "depth", (3, size, size)),
        (network.hand, "encoder", (4, size, size)),
        (network.object, "encoder", (4, size, size)),
        (network.object.decoder, "mesh", (mesh.first.in_channels - 3,)),
    ]
    for parent, name, shape in parts:
        module = getattr(parent, name)
        if module is not None:
            setattr(parent, name, _Compiled(module, shape, precision))
    return network


class _Compiled(nn.Module):
    """A module of one tensor, run by OpenVINO; ``shape`` is that of one item."""

    def __init__(self, module: nn.Module, shape: tuple[int, ...], precision: Precision) -> None:
        super().__init__()
        self._run = compiled_for_cpu(module, [torch.zeros(_BATCH, *shape)], precision)

    def forward(self, values: Tensor) -> Tensor:
        return self._run(values)[0]
