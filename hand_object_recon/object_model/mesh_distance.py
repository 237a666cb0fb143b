"""Signed distances to a closed triangle mesh on a regular grid, made within milliseconds."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.object_model.distance_grid import DistanceGrid

FloatArray = NDArray[np.floating[Any]]
Faces = NDArray[np.int32]

_MOST_VOXELS: Final = 4_000_000
_KEPT: Final = 8


class MeshDistance:
    """The distance grids of meshes that stay the same for many frames, each made once.

    Meshes are told apart by where their arrays lie in memory, not by their content: an array
    that was asked for is held and must not be written to.
    """

    def __init__(self, voxel_m: float = 0.004, margin_m: float = 0.016) -> None:
        self._voxel_m = voxel_m
        self._margin_m = margin_m
        self._kept: OrderedDict[tuple[int, ...], tuple[FloatArray, Faces, DistanceGrid]]
        self._kept = OrderedDict()

    def grid(self, vertices_m: FloatArray, faces: Faces) -> DistanceGrid:
        """The grid of a closed mesh (V, 3), (F, 3); see ``mesh_distance_grid``."""
        key = (_address(vertices_m), len(vertices_m), _address(faces), len(faces))
        if key not in self._kept:
            made = mesh_distance_grid(vertices_m, faces, self._voxel_m, self._margin_m)
            self._kept[key] = (vertices_m, faces, made)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key][2]


def mesh_distance_grid(
    vertices_m: FloatArray, faces: Faces, voxel_m: float = 0.004, margin_m: float = 0.016
) -> DistanceGrid:
    """Signed distances around a mesh (V, 3), (F, 3), closed and counter-clockwise from outside.

    Exact at the corners of each voxel the surface passes through. Farther off they are handed on
    from voxel to voxel: never too short, and too long by a small part of a voxel. What the mesh
    winds around is inside, so that parts of it may reach into each other.

    margin_m
        How far the grid reaches beyond the mesh.
    """
    from hand_object_recon.object_model.mesh_distance_kernels import signed_distances

    vertices = np.require(vertices_m, np.float64, ["C", "W"])
    low = vertices.min(axis=0) - margin_m
    shape = np.ceil((vertices.max(axis=0) + margin_m - low) / voxel_m).astype(np.int64) + 1
    if not np.isfinite(low).all() or shape.prod() > _MOST_VOXELS:
        extent_m = float(np.ptp(vertices, axis=0).max())
        raise InvalidValueError(
            f"mesh spans {extent_m:.4g} m, too many voxels of {voxel_m} m; give a mesh in metres "
            "of an object a hand can hold, or wider voxels"
        )
    in_voxels = (vertices - low) / voxel_m
    values = signed_distances(in_voxels, np.require(faces, np.int32, ["C", "W"]), shape)
    values *= np.float32(voxel_m)
    return DistanceGrid(values, low, voxel_m)


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])
