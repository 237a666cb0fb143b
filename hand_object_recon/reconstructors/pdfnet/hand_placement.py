"""Where a hand is that the network found: as it says, by its size, or on the depth."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import BoundingBox, HandDetection
from hand_object_recon.core.keypoints import MIDDLE_MCP
from hand_object_recon.geometry.depth_placement import offset_onto_depth, offset_onto_keypoints
from hand_object_recon.geometry.projection import project
from hand_object_recon.networks.hand_crop import BOX_MARGIN
from hand_object_recon.reconstructors.pdfnet.hand_look import FoundHand

FloatArray = NDArray[np.floating[Any]]

_ROUNDS: Final = 3


def placement_offset(
    frame: RgbdFrame,
    hand: FoundHand,
    detection: HandDetection,
    faces: NDArray[np.int32],
    *,
    lay_on_depth: bool,
) -> FloatArray:
    """(3,) translation in metres of a found hand to where it is.

    The network knows the place of a hand whose depth it read. Where there was none to read, the
    hand is as far away as its size says.
    """
    offset = np.zeros(3) if hand.has_points else offset_by_size(hand, detection, frame.camera)
    if not lay_on_depth or not (hand.joints_m[:, 2] + offset[2] > 0.0).all():
        return offset
    return offset_onto_depth(frame, hand.joints_m, hand.vertices_m, faces, offset)


def offset_by_size(
    hand: FoundHand, detection: HandDetection, camera: CameraIntrinsics
) -> FloatArray:
    """(3,) translation that gives a hand the size in the image that its detection has.

    Onto the detector's keypoints where it gives them; else along the hand's ray until its joints
    fill the box.
    """
    if detection.keypoints_px is not None:
        return offset_onto_keypoints(hand.joints_m, detection.keypoints_px, camera)
    offset = np.zeros(3)
    for _ in range(_ROUNDS):
        pixels = project(hand.joints_m + offset, camera)
        root_m = hand.joints_m[MIDDLE_MCP] + offset
        offset = offset + root_m * (_share_of_box(pixels, detection.box) - 1.0)
    return offset


def _share_of_box(pixels: FloatArray, box: BoundingBox) -> float:
    """How large (21, 2) joints are, in the size that fits a detector's box."""
    width, height = pixels.max(axis=0) - pixels.min(axis=0)
    return float(BOX_MARGIN * np.hypot(width, height) / np.hypot(box.width, box.height))
