"""A surface thought to be somewhere is refuted by depth readings from behind it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.held_objects.scene_crop import SceneCrop
from hand_object_recon.held_objects.seen_through import is_seen_through

CAMERA = CameraIntrinsics(width=80, height=60, fx=80.0, fy=80.0, cx=39.5, cy=29.5)
WALL_M = 0.8


def ball_m() -> NDArray[np.float64]:
    """(500, 3) points of a ball of 3 cm about the origin."""
    directions = np.random.default_rng(0).normal(size=(500, 3))
    return 0.03 * directions / np.linalg.norm(directions, axis=1, keepdims=True)


def at(x_m: float, z_m: float) -> NDArray[np.float64]:
    pose = np.eye(4)
    pose[:3, 3] = x_m, 0.0, z_m
    return pose


def crop_of(depth_m: float | NDArray[np.float64]) -> SceneCrop:
    depth = np.broadcast_to(depth_m, (60, 80)).astype(np.float32)
    return SceneCrop(depth, np.zeros((60, 80, 3), np.uint8), CAMERA, 0)


def test_only_the_wall_is_seen_where_the_ball_should_be() -> None:
    assert is_seen_through(crop_of(WALL_M), ball_m(), at(0.0, 0.5))


@pytest.mark.parametrize("nearest_m", [0.47, 0.3], ids=["the ball", "a hand before it"])
def test_what_is_there_or_before_it_refutes_nothing(nearest_m: float) -> None:
    assert not is_seen_through(crop_of(nearest_m), ball_m(), at(0.0, 0.5))


def test_what_lies_hardly_behind_it_refutes_nothing() -> None:
    assert not is_seen_through(crop_of(0.48), ball_m(), at(0.0, 0.5))


def test_half_of_it_hidden_refutes_nothing() -> None:
    depth = np.full((60, 80), WALL_M)
    depth[:, :40] = 0.3
    assert not is_seen_through(crop_of(depth), ball_m(), at(0.0, 0.5))


@pytest.mark.parametrize(
    ("depth_m", "pose"),
    [(np.nan, at(0.0, 0.5)), (WALL_M, at(0.4, 0.5)), (WALL_M, at(0.0, -0.5))],
    ids=["no depth", "out of the picture", "behind the camera"],
)
def test_where_nothing_is_seen_nothing_is_refuted(
    depth_m: float, pose: NDArray[np.float64]
) -> None:
    assert not is_seen_through(crop_of(depth_m), ball_m(), pose)
