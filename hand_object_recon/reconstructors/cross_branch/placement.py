"""Where a grasp is in the camera's frame, whose network knows it about the wrist alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import HandDetection
from hand_object_recon.geometry.depth_placement import offset_onto_depth
from hand_object_recon.geometry.projection import back_project
from hand_object_recon.networks.hand_crop import BOX_MARGIN
from hand_object_recon.reconstructors.cross_branch.grasp_look import FoundGrasp

FloatArray = NDArray[np.floating[Any]]

_ROUNDS: Final = 8


class _Extent(NamedTuple):
    """What rays with slopes x/z and y/z cover: their (2,) middle, and how large that is."""

    middle: FloatArray
    size: float


def wrist_place(
    frame: RgbdFrame, detection: HandDetection, grasp: FoundGrasp, faces: NDArray[np.int32]
) -> FloatArray | None:
    """(3,) where the wrist of a grasp in the camera's axes is, in metres.

    The hand is first put where it looks as large as it was detected; from there its visible
    surface, with (F, 3) faces, is laid on the depth, if there is enough. None where that is not
    before the camera.
    """
    by_size = offset_by_size(grasp.joints_m, detection, frame.camera)
    if not (grasp.joints_m[:, 2] + by_size[2] > 0.0).all():
        return None
    return offset_onto_depth(frame, grasp.joints_m, grasp.vertices_m, faces, by_size)


def offset_by_size(
    joints_m: FloatArray, detection: HandDetection, camera: CameraIntrinsics
) -> FloatArray:
    """(3,) translation with which (21, 3) joints look as large as the detected hand, and lie where
    it does.

    Their mean and their spread about it are those of the detector's keypoints; where it gives none,
    the middle and the diagonal of their box are those of its box, less the margin that it leaves.
    A least-squares fit to the keypoints would be drawn to the camera by joints that are off, and
    behind it by a hand that is turned the wrong way; sizes know nothing of turns.
    """
    if detection.keypoints_px is not None:
        detected = _spread(_slopes_of_pixels(detection.keypoints_px, camera))
        return _offset_to(detected, _spread, joints_m)
    box = detection.box
    corners = np.array([[box.x_min, box.y_min], [box.x_max, box.y_max]])
    whole = _box(_slopes_of_pixels(corners, camera))
    return _offset_to(whole._replace(size=whole.size / BOX_MARGIN), _box, joints_m)


def _offset_to(
    wanted: _Extent, extent_of: Callable[[FloatArray], _Extent], joints_m: FloatArray
) -> FloatArray:
    """Begins as if all joints were equally far away, and moves them so in each round; ends where
    a joint is not before the camera."""
    axis = np.append(wanted.middle, 1.0)
    flat = extent_of(joints_m[:, :2])
    depth_m = float(joints_m[:, 2].mean())
    offset = flat.size / wanted.size * axis - np.append(flat.middle, depth_m)
    for _ in range(_ROUNDS):
        places = joints_m + offset
        if not (places[:, 2] > 0.0).all():
            break
        found = extent_of(places[:, :2] / places[:, 2:])
        distance = depth_m + offset[2]
        offset[:2] += distance * (wanted.middle - found.middle)
        offset += distance * (found.size / wanted.size - 1.0) * axis
    return np.asarray(offset)


def _slopes_of_pixels(pixels: FloatArray, camera: CameraIntrinsics) -> FloatArray:
    rays = back_project(pixels.astype(np.float64), np.ones(len(pixels)), camera)
    return np.asarray(rays[:, :2])


def _spread(slopes: FloatArray) -> _Extent:
    middle = slopes.mean(axis=0)
    return _Extent(middle, float(np.sqrt(((slopes - middle) ** 2).sum(axis=1).mean())))


def _box(slopes: FloatArray) -> _Extent:
    low, high = slopes.min(axis=0), slopes.max(axis=0)
    return _Extent((low + high) / 2, float(np.hypot(*(high - low))))
