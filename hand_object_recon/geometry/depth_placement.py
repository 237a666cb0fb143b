"""Where a hand is, by its keypoints and by what the depth camera saw of it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.geometry.surface_reading import surface_reading

FloatArray = NDArray[np.floating[Any]]

LEAST_READINGS: Final = 10
"""Of depth on a hand, so that they say where it is."""

_OWN_DEPTH_M: Final = 0.05  # a reading farther from the hand's surface shows something else
_SURFACE_SPREAD_M: Final = 0.01  # of the readings of one hand about its surface, each way
_SIZE_ERROR: Final = 0.25  # share of its distance that a hand may be off where its size puts it
_ROUNDS: Final = 4


def offset_onto_depth(
    frame: RgbdFrame,
    joints_m: FloatArray,
    vertices_m: FloatArray,
    faces: NDArray[np.int32],
    start_m: FloatArray,
) -> FloatArray:
    """(3,) translation of a hand that puts its visible surface on the depth.

    The hand, (21, 3) joints and (V, 3) vertices, moves along the ray of its middle. The distance
    counts that most of its surface agrees on, so what is in front of the hand or beside it does
    not draw it along.

    start_m
        (3,) translation to where its size puts it; the answer where too little depth was measured.
    """
    offset = start_m
    reach_m = _SIZE_ERROR * float((joints_m[:, 2] + start_m[2]).mean())
    for _ in range(_ROUNDS):
        gap = _common_gap(surface_gaps(frame, vertices_m + np.float32(offset), faces, reach_m))
        if gap is None:
            return start_m
        # Moving along the ray of the hand's middle keeps its image where it is.
        middle = joints_m.mean(axis=0) + offset
        offset = offset + middle / middle[2] * gap
    return offset


def distance_at(frame: RgbdFrame, pixels: FloatArray) -> float | None:
    """Median depth in metres measured at (N, 2) pixels; None where at fewer than ten of them.

    What covers a hand or lies behind it is seen at few of its joints; a hand that points along the
    view has a distance that its size tells badly.
    """
    column, row = np.rint(pixels).astype(np.intp).T
    camera = frame.camera
    inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    depth_m = frame.depth_m[row[inside], column[inside]]
    depth_m = depth_m[np.isfinite(depth_m)]
    return float(np.median(depth_m)) if len(depth_m) >= LEAST_READINGS else None


def surface_gaps(
    frame: RgbdFrame,
    vertices_m: FloatArray,
    faces: NDArray[np.int32],
    reach_m: float = _OWN_DEPTH_M,
) -> FloatArray:
    """Measured depth minus the depth of each visible triangle's centre, metres, where the
    reading can be of the hand at all."""
    return surface_reading(frame, vertices_m, faces, reach_m).gaps_m


def offset_onto_keypoints(
    joints_m: FloatArray, keypoints_px: FloatArray, camera: CameraIntrinsics
) -> FloatArray:
    """(3,) least-squares translation so that (21, 3) joints project onto (21, 2) pixels.

    From u = fx (x + tx) / (z + tz) + cx, linear in t once multiplied out.
    """
    rays = (keypoints_px - [camera.cx, camera.cy]) / [camera.fx, camera.fy]
    joints = joints_m.astype(np.float64)
    count = len(joints)
    matrix = np.zeros((2 * count, 3))
    matrix[:count, 0] = matrix[count:, 1] = 1.0
    matrix[:count, 2], matrix[count:, 2] = -rays[:, 0], -rays[:, 1]
    target = np.concatenate(
        [rays[:, 0] * joints[:, 2] - joints[:, 0], rays[:, 1] * joints[:, 2] - joints[:, 1]]
    )
    return np.asarray(np.linalg.lstsq(matrix, target, rcond=None)[0])


def _common_gap(gaps_m: FloatArray) -> float | None:
    """The gap most readings agree on; None where too few do.

    An object in front of the hand and a wall behind it have surfaces of their own shapes, so
    their gaps are spread out while those of the hand are alike.
    """
    ordered = np.sort(gaps_m)
    ends = np.searchsorted(ordered, ordered + 2 * _SURFACE_SPREAD_M, side="right")
    counts = ends - np.arange(len(ordered))
    if not len(counts) or counts.max() < LEAST_READINGS:
        return None
    first = int(counts.argmax())
    return float(np.median(ordered[first : ends[first]]))
