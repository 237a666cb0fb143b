"""Depth that was measured on the triangles of a surface that face the camera."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.geometry.surface_reading_kernels import read_triangles

FloatArray = NDArray[np.floating[Any]]


class SurfaceReading(NamedTuple):
    """Of N triangles: middles (N, 3) in metres, normals (N, 3) as long as twice the area, and how
    much farther the depth measured at the middle's pixel is (N,), metres."""

    middles_m: FloatArray
    areas: FloatArray
    gaps_m: FloatArray


def surface_reading(
    frame: RgbdFrame,
    vertices_m: FloatArray,
    faces: NDArray[np.int32],
    reach_m: float,
    *,
    least_facing: float = 0.0,
) -> SurfaceReading:
    """What was measured within ``reach_m`` of a surface of (V, 3) vertices in the camera's axes.

    least_facing
        Cosine between a triangle's normal and the way to the camera; those seen more from the side
        are left out, and so are those seen from behind.
    """
    camera = frame.camera
    middles_m, areas, gaps_m = (np.empty((len(faces), *tail)) for tail in ((3,), (3,), ()))
    count = read_triangles(
        _only_read(frame.depth_m),
        (float(camera.fx), float(camera.fy)),
        (float(camera.cx), float(camera.cy)),
        np.ascontiguousarray(vertices_m, dtype=np.float64),
        _only_read(faces),
        least_facing,
        reach_m,
        middles_m,
        areas,
        gaps_m,
    )
    return SurfaceReading(middles_m[:count], areas[:count], gaps_m[:count])


def warm_up_surface_reading() -> None:
    """Compile what it needs."""
    camera = CameraIntrinsics(width=2, height=2, fx=1.0, fy=1.0, cx=0.5, cy=0.5)
    nothing = np.full((2, 2), np.nan, np.float32)
    frame = RgbdFrame(np.zeros((2, 2, 3), np.uint8), nothing, camera, 0, "warm_up")
    surface_reading(frame, np.eye(3), np.array([[0, 1, 2]], np.int32), 1.0)


def _only_read(array: NDArray[Any]) -> NDArray[Any]:
    """The array as it is, so that what may and what may not be written is compiled once."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
