"""Several meshes, each of its own colour, seen from one side on one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.visualization.mesh_raster import Raster, rasterize, shade
from hand_object_recon.visualization.mesh_views import ViewFrame
from hand_object_recon.visualization.palette import PAGE_COLOR, Rgb

_SAMPLES: Final = 2
_EDGE_DEPTH_M: Final = 0.004
_GREY: Final[Rgb] = (200, 200, 200)

FloatArray = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class MeshPart:
    """vertices_m (V, 3) and faces (F, 3), counter-clockwise seen from outside."""

    vertices_m: FloatArray
    faces: NDArray[np.int32]
    color: Rgb


def parts_view(parts: Sequence[MeshPart], to_camera: FloatArray, frame: ViewFrame) -> Image:
    """(height, width, 3) uint8 RGB picture of meshes that hide each other.

    to_camera
        (3, 3) rotation to x right, y down, z away from the viewer, before the frame's middle.
    """
    shape = (_SAMPLES * frame.height_px, _SAMPLES * frame.width_px)
    nearest = _nothing(shape)
    colors = np.full((*shape, 3), PAGE_COLOR, dtype=np.float32)
    for part in parts:
        points = _sample_points(part.vertices_m @ np.asarray(to_camera).T, frame)
        raster = rasterize(points, part.faces, shape)
        is_nearer = raster.depth < nearest.depth
        for name in ("depth", "normals", "is_inside"):
            getattr(nearest, name)[is_nearer] = getattr(raster, name)[is_nearer]
        colors[is_nearer] = part.color
    edge_px = _EDGE_DEPTH_M * _SAMPLES * frame.pixels_per_m
    light = shade(nearest, _GREY, _GREY, edge_px).astype(np.float32) / _GREY[0]
    picture = np.clip(light * colors, 0.0, 255.0).astype(np.uint8)
    size = (frame.width_px, frame.height_px)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _nothing(shape: tuple[int, int]) -> Raster:
    return Raster(
        np.full(shape, np.inf, dtype=np.float32),
        np.zeros((*shape, 3), dtype=np.float32),
        np.zeros(shape, dtype=np.bool_),
    )


def _sample_points(turned_m: FloatArray, frame: ViewFrame) -> FloatArray:
    size = _SAMPLES * np.array([frame.width_px, frame.height_px, 0.0])
    middle = np.array([*frame.middle_m, 0.0])
    return np.asarray((turned_m - middle) * _SAMPLES * frame.pixels_per_m + (size - 1) / 2)
