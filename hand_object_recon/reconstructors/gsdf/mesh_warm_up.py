"""Compiles, on a ball, what is compiled when it is first called on a mesh."""

from __future__ import annotations

from typing import Final

import numpy as np

from hand_object_recon.geometry.isosurface import isosurface
from hand_object_recon.object_model.decimation import decimate
from hand_object_recon.object_model.mesh_distance import mesh_distance_grid

_POINTS: Final = 16
_SPACING_M: Final = 0.005


def warm_up_meshes() -> None:
    """Extract, decimate and measure a mesh once."""
    along = _SPACING_M * (np.arange(_POINTS) - _POINTS / 2)
    places = np.stack(np.meshgrid(along, along, along, indexing="ij"), axis=-1)
    distances = np.linalg.norm(places, axis=-1) - 5.0 * _SPACING_M
    surface = isosurface(distances.astype(np.float32), origin=along[0], spacing=_SPACING_M)
    vertices, faces = decimate(surface.vertices, surface.faces, len(surface.faces) // 2)
    mesh_distance_grid(vertices, faces).sample(vertices)
