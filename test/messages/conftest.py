"""Hands, objects and reconstructions to make messages of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_recon.core.hands import HandEstimate, HandSide, HandTopology
from hand_object_recon.core.objects import (
    GraspState,
    HandContact,
    HandPart,
    ObjectEstimate,
    PrimitiveFit,
    PrimitiveKind,
)
from hand_object_recon.core.reconstruction import Reconstruction

TETRAHEDRON = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], dtype=np.int32)


@pytest.fixture
def topology() -> HandTopology:
    return HandTopology("tetrahedron", 4, TETRAHEDRON)


@pytest.fixture
def make_hand() -> Callable[..., HandEstimate]:
    def make(track_id: int = 1, side: HandSide = HandSide.RIGHT, **fields: Any) -> HandEstimate:
        random = np.random.default_rng(track_id)
        wrist_pose = np.eye(4)
        wrist_pose[:3, :3] = Rotation.random(random_state=track_id).as_matrix()
        wrist_pose[:3, 3] = random.normal(size=3)
        values: dict[str, Any] = {
            "score": 0.75,
            "joints_m": random.normal(size=(21, 3)).astype(np.float32),
            "joint_visibility": random.uniform(size=21).astype(np.float32),
            "joint_confidence": random.uniform(size=21).astype(np.float32),
            "vertices_m": random.normal(size=(4, 3)).astype(np.float32),
            "topology": "tetrahedron",
            "wrist_pose": wrist_pose,
            "pose_rad": random.normal(size=48).astype(np.float32),
            "shape": random.normal(size=10).astype(np.float32),
            "placement_residual_m": 0.0078125,
            **fields,
        }
        return HandEstimate(track_id=track_id, side=side, **values)

    return make


def rigid(rotation_vector: list[float], position_m: list[float]) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_rotvec(rotation_vector).as_matrix()
    pose[:3, 3] = position_m
    return pose


@pytest.fixture
def bare_object() -> ObjectEstimate:
    """Of a method that gives pose and mesh alone."""
    vertices = np.random.default_rng(5).normal(size=(4, 3)).astype(np.float32)
    pose = rigid([0.1, -0.7, 2.0], [0.1, 0.2, 0.7])
    return ObjectEstimate(4, 0.5, pose, vertices, TETRAHEDRON, held_by=1)


@pytest.fixture
def held_object(bare_object: ObjectEstimate) -> ObjectEstimate:
    """Everything is known of it; one vertex was not seen, thumb and palm of hand 1 touch it."""
    contacts = [
        HandContact(1, part, np.float32([0.1, 0.2, 0.3 + part]), np.float32([0, 0.6, 0.8]), gap_m)
        for part, gap_m in ((HandPart.THUMB, 0.001953125), (HandPart.PALM, -0.00390625))
    ]
    cylinder_size = np.float32([0.06, 0.06, 0.11])
    cylinder_pose = rigid([0.4, 0.0, -0.3], [0.01, 0.02, 0.03])
    return replace(
        bare_object,
        state=GraspState.HELD,
        vertex_seen=np.array([True, True, True, False]),
        vertex_colors=np.uint8([[250, 10, 20], [30, 240, 50], [60, 70, 230], [1, 2, 3]]),
        name="mug",
        primitive=PrimitiveFit(PrimitiveKind.CYLINDER, cylinder_pose, cylinder_size, 0.00390625),
        contacts=tuple(contacts),
    )


@pytest.fixture
def reconstruction(
    make_hand: Callable[..., HandEstimate], held_object: ObjectEstimate
) -> Reconstruction:
    return Reconstruction(
        stamp_ns=1_700_000_000_123_456_789,
        frame_id="camera_color_optical_frame",
        method="rgbd_fit",
        hands=(make_hand(1, HandSide.RIGHT), make_hand(2, HandSide.LEFT)),
        objects=(held_object,),
        stage_ms={"detect": 12.25, "reconstruct": 7.1},
    )
