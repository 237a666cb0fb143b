"""Where a hand is that a network knows about its own joints alone, by how it was detected."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import HandDetection
from hand_object_recon.geometry.depth_placement import distance_at
from hand_object_recon.geometry.projection import back_project, project
from hand_object_recon.geometry.size_placement import offset_by_box, offset_by_spread
from hand_object_recon.networks.hand_crop import BOX_MARGIN

FloatArray = NDArray[np.floating[Any]]


def offset_by_size(
    joints_m: FloatArray, detection: HandDetection, camera: CameraIntrinsics
) -> FloatArray:
    """(3,) translation with which (21, 3) joints look as large as the detected hand, and lie where
    it does.

    Their mean and their spread about it are those of the detector's keypoints; where it gives none,
    the middle and the diagonal of their box are those of its box, less the margin that it leaves.
    NaN where what was detected has no extent.
    """
    if detection.keypoints_px is not None:
        return offset_by_spread(joints_m, _slopes_of_pixels(detection.keypoints_px, camera))
    box = detection.box
    corners = np.array([[box.x_min, box.y_min], [box.x_max, box.y_max]])
    slopes = _slopes_of_pixels(corners, camera)
    middle = slopes.mean(axis=0)
    return offset_by_box(joints_m, middle + (slopes - middle) / BOX_MARGIN)


def offset_to_measured(
    frame: RgbdFrame, joints_m: FloatArray, detection: HandDetection
) -> FloatArray:
    """(3,) translation along their ray that brings (21, 3) joints to the depth measured where the
    detector saw them, or where they are seen if it does not say; zero where too little was
    measured, or a joint is not before the camera.

    A size that is seen wrongly, of a hand that points along the view, puts it decimetres off.
    """
    if not (joints_m[:, 2] > 0.0).all():
        return np.zeros(3)
    pixels = detection.keypoints_px
    if pixels is None:
        pixels = project(joints_m, frame.camera)
    measured_m = distance_at(frame, pixels)
    if measured_m is None:
        return np.zeros(3)
    middle_m = joints_m.mean(axis=0)
    farther_m = measured_m - float(np.median(joints_m[:, 2]))
    return np.asarray(farther_m * middle_m / middle_m[2])


def _slopes_of_pixels(pixels: FloatArray, camera: CameraIntrinsics) -> FloatArray:
    rays = back_project(pixels.astype(np.float64), np.ones(len(pixels)), camera)
    return np.asarray(rays[:, :2])
