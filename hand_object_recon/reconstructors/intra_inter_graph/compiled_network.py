"""The network's heavy parts compiled by OpenVINO for a CPU; the network is called as before."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.networks.openvino_runtime import Precision, compiled_for_cpu
from hand_object_recon.reconstructors.intra_inter_graph.network import IntraInterGraphNetwork
from hand_object_recon.reconstructors.intra_inter_graph.prediction import Hands
from hand_object_recon.reconstructors.intra_inter_graph.pyramid import ImageFeatures
from hand_object_recon.reconstructors.intra_inter_graph.refinement import (
    GraphRefinement,
    NodeExtras,
)

_BATCH = 2


def with_compiled_parts(
    network: IntraInterGraphNetwork, precision: Precision = "f32"
) -> IntraInterGraphNetwork:
    """The same network, changed: everything that sees the image, and the refinement, is compiled.

    Where joints are in the heat-maps, the hand model, and the sums of points and their moves are
    left to torch: with less precision they would round places.

    Raises
    ------
    DependencyError
        OpenVINO is not installed.
    """
    options = network.options
    image = torch.zeros(_BATCH, 3, options.image_size, options.image_size)
    maps = torch.zeros(_BATCH, options.channels, options.cells, options.cells)
    heatmaps = torch.zeros(_BATCH, KEYPOINT_COUNT, options.cells, options.cells)
    parts: dict[str, nn.Module] = {
        "pyramid": _CompiledPyramid(network.pyramid, [image], precision),
        "enhancement": _Compiled(network.enhancement, [maps], precision),
        "heatmaps": _Compiled(network.heatmaps, [maps], precision),
        "vector": _Compiled(network.vector, [maps, heatmaps], precision),
    }
    if network.refinement is not None:
        examples = _examples(network, network.refinement)
        parts["refinement"] = _CompiledRefinement(network.refinement, examples, precision)
    for name, part in parts.items():
        setattr(network, name, part)
    return network


class _Compiled(nn.Module):
    """A module of tensors with one answer."""

    def __init__(self, module: nn.Module, examples: list[Tensor], precision: Precision) -> None:
        super().__init__()
        self._run = compiled_for_cpu(module, examples, precision)

    def forward(self, *values: Tensor) -> Tensor:
        return self._run(*values)[0]


class _CompiledPyramid(nn.Module):
    def __init__(self, module: nn.Module, examples: list[Tensor], precision: Precision) -> None:
        super().__init__()
        self._run = compiled_for_cpu(module, examples, precision)

    def forward(self, images: Tensor) -> ImageFeatures:
        return ImageFeatures(*self._run(images))


class _CompiledRefinement(nn.Module):
    def __init__(
        self, refinement: GraphRefinement, examples: list[Tensor], precision: Precision
    ) -> None:
        super().__init__()
        self._whole = refinement
        self._run = compiled_for_cpu(_Answers(refinement), examples, precision)

    def refined_vertices(self, vertices_m: Tensor) -> Tensor:
        return self._whole.refined_vertices(vertices_m)

    def forward(self, hands: Hands, whole: Tensor, extras: NodeExtras | None) -> Hands:
        answers = self._run(*hands, whole, *(extras or ()))
        return self._whole.moved(hands, Hands(*answers))


class _Answers(nn.Module):
    """What the refinement answers, of tensors alone."""

    def __init__(self, refinement: GraphRefinement) -> None:
        super().__init__()
        self.refinement = refinement

    def forward(
        self, joints_m: Tensor, vertices_m: Tensor, whole: Tensor, *extras: Tensor
    ) -> tuple[Tensor, ...]:
        of_nodes = NodeExtras(*extras) if extras else None
        return tuple(self.refinement.answers(Hands(joints_m, vertices_m), whole, of_nodes))


def _examples(network: IntraInterGraphNetwork, refinement: GraphRefinement) -> list[Tensor]:
    vertices = network.layer.topology.vertex_count
    nodes, extra = len(refinement.kept), refinement.vertex_nodes.of_own.in_features - 3
    shapes = [(KEYPOINT_COUNT, 3), (vertices, 3), (network.pyramid.whole_channels,)]
    if extra:
        shapes += [(KEYPOINT_COUNT, extra), (nodes, extra)]
    return [torch.zeros(_BATCH, *shape) for shape in shapes]
