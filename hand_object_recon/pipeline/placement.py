"""Where a hand is in metres: taken from the aligned depth, with what is left over reported."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import HandDetection, HandEstimate, HandTopology
from hand_object_recon.geometry.depth_placement import (
    LEAST_READINGS,
    offset_onto_depth,
    offset_onto_keypoints,
    surface_gaps,
)
from hand_object_recon.geometry.depth_turn import motion_onto_depth
from hand_object_recon.geometry.projection import back_project
from hand_object_recon.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from hand_object_recon.geometry.size_placement import offset_by_spread
from hand_object_recon.geometry.surface_reading import warm_up_surface_reading

FloatArray = NDArray[np.floating[Any]]


class MetricPlacement:
    """Puts hands where the depth camera saw them.

    Estimates already in metres in the camera frame stay where they are; root-relative ones are
    moved so that their joints project onto the keypoints and their visible surface meets the
    measured depth. The distance that most of the surface agrees on counts, so what is in front of
    the hand or beside it does not draw it along. Where no depth is measured, the hand is put where
    it looks as large as its keypoints.

    Of a hand that was moved onto depth the turn is corrected by it, too (``turns``): networks that
    see colour mistake the direction a hand points in most.

    Either way the residual is worked out: the median distance along the view between the visible
    surface and the depth.
    """

    def __init__(
        self, topologies: tuple[HandTopology, ...], *, is_metric: bool, turns: bool = True
    ) -> None:
        self._faces = {topology.name: topology.faces for topology in topologies}
        self._is_metric, self._turns = is_metric, turns

    def warm_up(self) -> None:
        """Compile what it needs."""
        warm_up_surface_reading()

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

        keypoints_px
            (21, 2) joints as the method saw them, instead of the detector's.
        """
        faces = self._faces[hand.topology]
        if not self._is_metric:
            pixels = detection.keypoints_px if keypoints_px is None else keypoints_px
            if pixels is None:
                return None
            offset_m = _offset(frame, hand, pixels, faces)
            if not (hand.joints_m[:, 2] + offset_m[2] > 0.0).all():
                return None
            hand = hand.moved(offset_m)
            if self._turns:
                hand = _turned(frame, hand, faces)
        gaps = surface_gaps(frame, hand.vertices_m, faces)
        residual = float(np.median(np.abs(gaps))) if len(gaps) >= LEAST_READINGS else np.nan
        return replace(hand, placement_residual_m=residual)


def _turned(frame: RgbdFrame, hand: HandEstimate, faces: NDArray[np.int32]) -> HandEstimate:
    """A hand in its place, turned onto the depth where there is enough."""
    motion = motion_onto_depth(frame, hand.vertices_m, faces)
    if motion is None:
        return hand
    wrist_pose = hand.wrist_pose.copy()
    wrist_pose[:3, :3] = motion.rotation @ wrist_pose[:3, :3]
    wrist_pose[:3, 3] = motion.of(wrist_pose[None, :3, 3])[0]
    pose_rad = hand.pose_rad.copy()
    turn = motion.rotation @ axis_angle_to_matrix(pose_rad[:3].astype(np.float64))
    pose_rad[:3] = matrix_to_axis_angle(turn)
    return replace(
        hand,
        joints_m=motion.of(hand.joints_m).astype(np.float32),
        vertices_m=motion.of(hand.vertices_m).astype(np.float32),
        wrist_pose=wrist_pose,
        pose_rad=pose_rad,
    )


def _offset(
    frame: RgbdFrame, hand: HandEstimate, pixels: FloatArray, faces: NDArray[np.int32]
) -> FloatArray:
    """(3,) translation of a hand to where it is; one that puts it behind the camera where its
    keypoints do."""
    start_m = offset_onto_keypoints(hand.joints_m, pixels, frame.camera)
    if not (hand.joints_m[:, 2] + start_m[2] > 0.0).all():
        return start_m
    offset_m = offset_onto_depth(frame, hand.joints_m, hand.vertices_m, faces, start_m)
    if not np.array_equal(offset_m, start_m):
        return offset_m
    # Too little depth. Joints that are off draw the least squares to the camera, but not sizes.
    rays = back_project(pixels.astype(np.float64), np.ones(len(pixels)), frame.camera)
    return offset_by_spread(hand.joints_m.astype(np.float64), rays[:, :2])
