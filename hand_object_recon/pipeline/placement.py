"""Where a hand is in metres: taken from the aligned depth, with what is left over reported."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import HandDetection, HandEstimate, HandTopology
from hand_object_recon.geometry.mesh_normals import face_area_vectors

FloatArray = NDArray[np.floating[Any]]

_OWN_DEPTH_M: Final = 0.05  # a reading farther from the hand's surface shows something else
_SURFACE_SPREAD_M: Final = 0.01  # of the readings of one hand about its surface, each way
_SIZE_ERROR: Final = 0.25  # share of its distance that a hand may be off where its size puts it
_LEAST_READINGS: Final = 10
_ROUNDS: Final = 4


class MetricPlacement:
    """Puts hands where the depth camera saw them.

    Estimates already in metres in the camera frame stay where they are; root-relative ones are
    moved so that their joints project onto the keypoints and their visible surface meets the
    measured depth. The distance that most of the surface agrees on counts, so what is in front of
    the hand or beside it does not draw it along. Where no depth is measured, the hand's size and
    its keypoints place it.

    Either way the residual is worked out: the median distance along the view between the visible
    surface and the depth.
    """

    def __init__(self, topologies: tuple[HandTopology, ...], *, is_metric: bool) -> None:
        self._faces = {topology.name: topology.faces for topology in topologies}
        self._is_metric = is_metric

    def knows(self, topology: str) -> bool:
        """Whether a mesh of that name can be placed."""
        return topology in self._faces

    def place(
        self,
        frame: RgbdFrame,
        hand: HandEstimate,
        detection: HandDetection,
        keypoints_px: FloatArray | None = None,
    ) -> HandEstimate | None:
        """The hand with its residual, NaN where no depth was measured on it.

        None when it is not metric, and has no keypoints or such that put it behind the camera.
        keypoints_px: (21, 2) joints as the
        method saw them, instead of the detector's.
        """
        faces = self._faces[hand.topology]
        if not self._is_metric:
            pixels = detection.keypoints_px if keypoints_px is None else keypoints_px
            if pixels is None:
                return None
            by_size = _offset_onto_keypoints(hand.joints_m, pixels, frame.camera)
            if not (hand.joints_m[:, 2] + by_size[2] > 0.0).all():
                return None
            hand = hand.moved(_offset_onto_depth(frame, hand, faces, by_size))
        gaps = _surface_gaps(frame, hand.vertices_m, faces)
        residual = float(np.median(np.abs(gaps))) if len(gaps) >= _LEAST_READINGS else np.nan
        return replace(hand, placement_residual_m=residual)


def _offset_onto_depth(
    frame: RgbdFrame, hand: HandEstimate, faces: NDArray[np.int32], by_size_m: FloatArray
) -> FloatArray:
    """(3,) translation that puts a root-relative hand on the depth, ``by_size_m`` where there is
    none."""
    offset = by_size_m
    reach_m = _SIZE_ERROR * float((hand.joints_m[:, 2] + by_size_m[2]).mean())
    for _ in range(_ROUNDS):
        gaps = _surface_gaps(frame, hand.vertices_m + np.float32(offset), faces, reach_m)
        gap = _common_gap(gaps)
        if gap is None:
            return by_size_m
        # Moving along the ray of the hand's middle keeps its image where it is.
        middle = hand.joints_m.mean(axis=0) + offset
        offset = offset + middle / middle[2] * gap
    return offset


def _common_gap(gaps_m: FloatArray) -> float | None:
    """The gap most readings agree on; None where too few do.

    An object in front of the hand and a wall behind it have surfaces of their own shapes, so
    their gaps are spread out while those of the hand are alike.
    """
    ordered = np.sort(gaps_m)
    ends = np.searchsorted(ordered, ordered + 2 * _SURFACE_SPREAD_M, side="right")
    counts = ends - np.arange(len(ordered))
    if not len(counts) or counts.max() < _LEAST_READINGS:
        return None
    first = int(counts.argmax())
    return float(np.median(ordered[first : ends[first]]))


def _offset_onto_keypoints(
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


def _surface_gaps(
    frame: RgbdFrame,
    vertices_m: FloatArray,
    faces: NDArray[np.int32],
    reach_m: float = _OWN_DEPTH_M,
) -> FloatArray:
    """Measured depth minus the depth of each visible triangle's centre, metres, where the
    reading can be of the hand at all."""
    first, second, third = (vertices_m[faces[:, corner]] for corner in range(3))
    centre = (first + second + third) / 3  # ten times as fast as a mean over the corners
    normal = face_area_vectors(vertices_m, faces)
    faces_camera = np.einsum("fc,fc->f", normal, centre) < 0
    visible = centre[faces_camera & (centre[:, 2] > 0)]
    camera = frame.camera
    column = np.rint(camera.fx * visible[:, 0] / visible[:, 2] + camera.cx).astype(np.intp)
    row = np.rint(camera.fy * visible[:, 1] / visible[:, 2] + camera.cy).astype(np.intp)
    inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    gaps = frame.depth_m[row[inside], column[inside]] - visible[inside, 2]
    return np.asarray(gaps[np.abs(gaps) < reach_m])
