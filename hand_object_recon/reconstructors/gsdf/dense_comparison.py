"""How the searched surface of a field differs from that of asking at every point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.geometry.isosurface import isosurface
from hand_object_recon.geometry.lattice_samples import LatticeSamples
from hand_object_recon.geometry.mesh_components import largest_component

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class DenseComparison:
    """Of one body in one frame.

    surface_gap_voxels
        Farthest that a vertex of either largest part lies from the nearest of the other's; 0
        where neither has a surface, infinite where one has.
    largest_lost_voxels
        Samples of the largest connected group that has the wrong sign.
    asked_share
        Of all points of the lattice.
    """

    surface_gap_voxels: float
    largest_lost_voxels: int
    asked_share: float


def compare_with_dense(samples: LatticeSamples, dense: NDArray[np.float32]) -> DenseComparison:
    """Compare samples with all ``dense_values`` of their field."""
    searched = samples.values.cpu().numpy()
    return DenseComparison(
        surface_gap_voxels=_gap(_largest_part(searched), _largest_part(dense)),
        largest_lost_voxels=_largest_group((searched < 0.0) != (dense < 0.0)),
        asked_share=samples.asked / dense.size,
    )


def dense_values(
    fields: Callable[[Tensor], Sequence[Tensor]], samples: LatticeSamples
) -> list[NDArray[np.float32]]:
    """What fields that are asked together answer at every point of the samples' lattice, each
    (n + 1, n + 1, n + 1)."""
    device = samples.values.device
    along = torch.arange(samples.cells + 1, device=device)
    low = torch.tensor(samples.cube.low, device=device)
    planes = []
    for number in along:
        places = torch.cartesian_prod(number[None], along, along) * samples.spacing
        planes.append(torch.stack(tuple(fields(low + places))).cpu().numpy())
    return list(np.stack(planes, axis=1).reshape(-1, *samples.values.shape))


def _largest_part(values: NDArray[np.float32]) -> FloatArray:
    """(V, 3) vertices in voxels."""
    mesh = isosurface(values)
    vertices, _ = largest_component(mesh.vertices, mesh.faces)
    return vertices


def _gap(first: FloatArray, second: FloatArray) -> float:
    from scipy.spatial import cKDTree

    if not len(first) or not len(second):
        return 0.0 if len(first) == len(second) else np.inf
    there, back = cKDTree(first).query(second)[0], cKDTree(second).query(first)[0]
    return float(max(there.max(), back.max()))


def _largest_group(is_wrong: NDArray[np.bool_]) -> int:
    from scipy.ndimage import generate_binary_structure, label

    groups, _ = label(is_wrong, generate_binary_structure(3, 3))
    return int(np.bincount(groups.ravel())[1:].max(initial=0))
