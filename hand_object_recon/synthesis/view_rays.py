"""What of a surface a camera's pixels see."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.hands import BoundingBox
from hand_object_recon.geometry.projection import project
from hand_object_recon.synthesis.ray_surface import Hits, RaySurface

FloatArray = NDArray[np.floating[Any]]


class SeenSurface(NamedTuple):
    """pixels: rows (N,) and columns (N,) that see the surface; rays (N, 3) through them with
    z = 1; hits: where they meet it."""

    pixels: tuple[NDArray[np.intp], NDArray[np.intp]]
    rays: FloatArray
    hits: Hits


def look_at(
    surface: RaySurface, directions: NDArray[np.float32], camera: CameraIntrinsics
) -> SeenSurface:
    """Cast the rays ``directions`` (H, W, 3) of the part of the image the surface covers."""
    rows, columns = _covered(surface.vertices_m, camera)
    in_window = directions[rows, columns]
    rays = in_window.reshape(-1, 3)
    hits = surface.first_hits(np.zeros_like(rays), rays)
    row, column = np.unravel_index(hits.rays, in_window.shape[:2])
    return SeenSurface((row + rows.start, column + columns.start), rays[hits.rays], hits)


def _covered(points_m: FloatArray, camera: CameraIntrinsics) -> tuple[slice, slice]:
    """Rows and columns of the part of the image that (V, 3) points cover."""
    pixels = project(points_m, camera)
    box = BoundingBox.around(pixels[np.isfinite(pixels).all(axis=1)])
    return box.pixel_slices(camera.height, camera.width)
