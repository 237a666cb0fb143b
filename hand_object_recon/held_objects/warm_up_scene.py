"""A few small frames of a hand that lifts a ball, to compile on what runs on every frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import (
    POSE_LENGTH,
    SHAPE_LENGTH,
    HandEstimate,
    HandSide,
    HandTopology,
)
from hand_object_recon.core.keypoints import FINGERTIPS, KEYPOINT_COUNT, KNUCKLES, WRIST

_CAMERA: Final = CameraIntrinsics(200, 160, 200.0, 200.0, 100.0, 80.0)
_FRAMES: Final = 26
_FRAME_NS: Final = 33_333_333
_TABLE_M: Final = 0.6
_BALL_M: Final = 0.03
_CENTER_M: Final = np.array([0.0, 0.03, 0.45])
_TO_WRIST_M: Final = np.array([0.0, 0.06, 0.0])
_TO_FINGERS_M: Final = np.array([0.04, 0.0, 0.0])
_LIFT_M: Final = np.array([0.0, -0.003, 0.0])


def warm_up_scene(
    topology: HandTopology,
) -> Iterator[tuple[RgbdFrame, tuple[HandEstimate, ...]]]:
    """Frames and the hand in each, a hand in name only: its vertices lie about one place."""
    for number in range(_FRAMES):
        shift = number * _LIFT_M
        depth = _ball_before_wall(_CENTER_M + shift)
        rgb = np.full((*depth.shape, 3), 90, dtype=np.uint8)
        frame = RgbdFrame(rgb, depth, _CAMERA, (number + 1) * _FRAME_NS, "warm_up")
        yield frame, (_hand(topology, _CENTER_M + shift),)


def _ball_before_wall(center_m: NDArray[np.float64]) -> NDArray[np.float32]:
    columns, rows = np.meshgrid(np.arange(_CAMERA.width), np.arange(_CAMERA.height))
    rays = np.stack(
        [
            (columns - _CAMERA.cx) / _CAMERA.fx,
            (rows - _CAMERA.cy) / _CAMERA.fy,
            np.ones(columns.shape),
        ],
        axis=-1,
    )
    along, squared = rays @ center_m, np.square(rays).sum(axis=-1)
    root = along**2 - squared * (center_m @ center_m - _BALL_M**2)
    ball = (along - np.sqrt(np.maximum(root, 0.0))) / squared
    return np.where(root > 0.0, ball, _TABLE_M).astype(np.float32)


def _hand(topology: HandTopology, ball_m: NDArray[np.float64]) -> HandEstimate:
    """Thumb and fingers at either side of the ball, the palm below it."""
    joints = np.tile(ball_m + _TO_WRIST_M, (KEYPOINT_COUNT, 1))
    joints[WRIST, 1] += 0.08
    joints[list(KNUCKLES), 0] += np.linspace(-0.03, 0.03, len(KNUCKLES))
    joints[list(FINGERTIPS)] = ball_m + _TO_FINGERS_M
    joints[FINGERTIPS[0]] = ball_m - _TO_FINGERS_M
    around = np.random.default_rng(0).uniform(-0.012, 0.012, (topology.vertex_count, 3))
    pose = np.eye(4)
    pose[:3, 3] = joints[WRIST]
    return HandEstimate(
        track_id=0,
        side=HandSide.RIGHT,
        score=1.0,
        joints_m=joints.astype(np.float32),
        joint_visibility=np.ones(KEYPOINT_COUNT, dtype=np.float32),
        vertices_m=(ball_m + _TO_FINGERS_M + around).astype(np.float32),
        topology=topology.name,
        wrist_pose=pose,
        pose_rad=np.zeros(POSE_LENGTH, dtype=np.float32),
        shape=np.zeros(SHAPE_LENGTH, dtype=np.float32),
    )
