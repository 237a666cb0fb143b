"""The crop of a tracked hand, cut by the rule that networks of grasps are trained with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.hands import HandDetection, HandSide, TrackedHand
from hand_object_recon.geometry.projection import back_project, project
from hand_object_recon.networks.crop_camera import CropCamera
from hand_object_recon.networks.grasp_crops import CropRule
from hand_object_recon.networks.hand_crop import BOX_MARGIN, LEAST_EDGE_PX

FloatArray = NDArray[np.floating[Any]]

TOO_SMALL: Final = "too small in the image"
OUTSIDE: Final = "the middle of its crop is outside the image"

_OBJECT_GROWTH: Final = 1.5
"""The box of a hand and what it holds against the hand's, where the object is not known yet."""


@dataclass(frozen=True, eq=False)
class HandView:
    """A tracked hand and the camera that looks straight at its crop."""

    hand: TrackedHand
    crop: CropCamera

    def fault(self, camera: CameraIntrinsics) -> str | None:
        """Why the crop is of no use to a network; None where it is."""
        if self.crop.edge_px(camera) < LEAST_EDGE_PX:
            return TOO_SMALL
        x, y = project(self.crop.axes[2], camera)
        is_inside = 0.0 <= x < camera.width and 0.0 <= y < camera.height
        return None if is_inside else OUTSIDE


def view_of_hand(
    hand: TrackedHand,
    camera: CameraIntrinsics,
    rule: CropRule,
    enlargement: float,
    *,
    is_upright: bool,
) -> HandView:
    """The view of a hand as ``grasp_crop`` cuts it out of annotated frames.

    Around the detector's keypoints, or the corners of its box where it gives none; without
    keypoints no crop is turned upright.
    """
    detection = hand.detection
    pixels, enlargement = _framed_pixels(detection, camera, rule, enlargement)
    rays = back_project(pixels, np.ones(len(pixels)), camera)
    crop = CropCamera.around(rays, enlargement, is_mirrored=hand.side is HandSide.LEFT)
    if is_upright and detection.keypoints_px is not None:
        keypoints = detection.keypoints_px.astype(np.float64)
        crop = crop.upright(back_project(keypoints, np.ones(len(keypoints)), camera))
    return HandView(hand, crop)


def usable_views(
    views: Iterable[HandView], camera: CameraIntrinsics
) -> tuple[list[HandView], dict[int, str]]:
    """Those that are of use to a network; and why the others are not, by their hands' track id."""
    faults = [(view, view.fault(camera)) for view in views]
    usable = [view for view, fault in faults if fault is None]
    return usable, {view.hand.track_id: fault for view, fault in faults if fault is not None}


def _framed_pixels(
    detection: HandDetection, camera: CameraIntrinsics, rule: CropRule, enlargement: float
) -> tuple[FloatArray, float]:
    """(N, 2) what the crop is cut around, and how much longer than its box the edge is."""
    if rule is CropRule.IMAGE:
        return np.array([[0.0, 0.0], [camera.width, camera.height]]), enlargement
    if rule is CropRule.HAND_AND_OBJECT:
        enlargement *= _OBJECT_GROWTH
    if detection.keypoints_px is not None:
        return detection.keypoints_px.astype(np.float64), enlargement
    box = detection.box
    corners = np.array([[box.x_min, box.y_min], [box.x_max, box.y_max]])
    return corners, enlargement / BOX_MARGIN
