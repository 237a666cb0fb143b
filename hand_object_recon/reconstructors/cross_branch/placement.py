"""Where a grasp is in the camera's frame, whose network knows it about the wrist alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import HandDetection
from hand_object_recon.geometry.depth_placement import offset_onto_depth
from hand_object_recon.geometry.depth_turn import motion_onto_depth
from hand_object_recon.geometry.projection import back_project
from hand_object_recon.geometry.size_placement import offset_by_box, offset_by_spread
from hand_object_recon.networks.hand_crop import BOX_MARGIN
from hand_object_recon.reconstructors.cross_branch.grasp_look import FoundGrasp

FloatArray = NDArray[np.floating[Any]]


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


def turned_onto_depth(
    frame: RgbdFrame, grasp: FoundGrasp, wrist_m: FloatArray, faces: NDArray[np.int32]
) -> tuple[FoundGrasp, FloatArray]:
    """A grasp with its wrist in its place, turned so that the hand's surface lies on the depth,
    and its wrist; what is held goes with the hand. As it was where the depth does not tell."""
    motion = motion_onto_depth(frame, grasp.vertices_m + wrist_m, faces)
    if motion is None:
        return grasp, wrist_m
    return grasp.turned(motion.rotation), motion.of(wrist_m[None])[0]


def offset_by_size(
    joints_m: FloatArray, detection: HandDetection, camera: CameraIntrinsics
) -> FloatArray:
    """(3,) translation with which (21, 3) joints look as large as the detected hand, and lie where
    it does.

    Their mean and their spread about it are those of the detector's keypoints; where it gives none,
    the middle and the diagonal of their box are those of its box, less the margin that it leaves.
    """
    if detection.keypoints_px is not None:
        return offset_by_spread(joints_m, _slopes_of_pixels(detection.keypoints_px, camera))
    box = detection.box
    corners = np.array([[box.x_min, box.y_min], [box.x_max, box.y_max]])
    slopes = _slopes_of_pixels(corners, camera)
    middle = slopes.mean(axis=0)
    return offset_by_box(joints_m, middle + (slopes - middle) / BOX_MARGIN)


def _slopes_of_pixels(pixels: FloatArray, camera: CameraIntrinsics) -> FloatArray:
    rays = back_project(pixels.astype(np.float64), np.ones(len(pixels)), camera)
    return np.asarray(rays[:, :2])
