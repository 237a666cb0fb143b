"""Where a hand is that the network found: as it says, by its size, or on the depth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import HandDetection
from hand_object_recon.geometry.depth_placement import (
    distance_at,
    offset_onto_depth,
)
from hand_object_recon.geometry.projection import back_project, project
from hand_object_recon.geometry.size_placement import offset_by_box, offset_by_spread
from hand_object_recon.networks.hand_crop import BOX_MARGIN
from hand_object_recon.reconstructors.pdfnet.hand_look import FoundHand

FloatArray = NDArray[np.floating[Any]]


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
    hand is as far away as its size says, or, to be laid on it, as the depth where its joints are.
    """
    offset: FloatArray = np.zeros(3)
    if not hand.has_points:
        offset = offset_by_size(hand, detection, frame.camera)
        if lay_on_depth:
            offset = offset + _offset_to_measured(frame, hand.joints_m + offset)
    if not lay_on_depth or not (hand.joints_m[:, 2] + offset[2] > 0.0).all():
        return offset
    return offset_onto_depth(frame, hand.joints_m, hand.vertices_m, faces, offset)


def _offset_to_measured(frame: RgbdFrame, joints_m: FloatArray) -> FloatArray:
    """(3,) translation along their ray that brings (21, 3) joints to the distance measured where
    they are seen; zero where too little was measured."""
    middle_m = joints_m.mean(axis=0)
    if not (joints_m[:, 2] > 0.0).all():
        return np.zeros(3)
    measured_m = distance_at(frame, project(joints_m, frame.camera))
    if measured_m is None:
        return np.zeros(3)
    nearer_m = float(np.median(joints_m[:, 2])) - measured_m
    return np.asarray(-nearer_m * middle_m / middle_m[2])


def offset_by_size(
    hand: FoundHand, detection: HandDetection, camera: CameraIntrinsics
) -> FloatArray:
    """(3,) translation that gives a hand the size in the image that its detection has: the spread
    of its keypoints, or where it gives none the diagonal of its box."""
    keypoints_px = detection.keypoints_px
    if keypoints_px is not None:
        return offset_by_spread(hand.joints_m, _slopes(keypoints_px.astype(np.float64), camera))
    box = detection.box
    half = np.array([box.width, box.height]) / (2 * BOX_MARGIN)
    corners_px = np.array(box.center) + np.stack([-half, half])
    return offset_by_box(hand.joints_m, _slopes(corners_px, camera))


def _slopes(pixels: FloatArray, camera: CameraIntrinsics) -> FloatArray:
    """(N, 2) x/z and y/z of the rays of (N, 2) pixels."""
    return np.asarray(back_project(pixels, np.ones(len(pixels)), camera)[:, :2])
