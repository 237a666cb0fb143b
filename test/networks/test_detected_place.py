"""Hands that are known about their own joints alone are put where they were detected."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide
from hand_object_recon.geometry.projection import project
from hand_object_recon.networks.detected_place import offset_by_size, offset_to_measured

CAMERA = CameraIntrinsics(320, 240, 300.0, 300.0, 160.0, 120.0)
PLACE_M = np.array([0.05, -0.03, 0.7])
JOINTS_M = np.random.default_rng(0).uniform(-0.08, 0.08, (21, 3)) * [1.0, 1.0, 0.1]


def detected(*, with_keypoints: bool) -> HandDetection:
    pixels = project(JOINTS_M + PLACE_M, CAMERA)
    keypoints = pixels.astype(np.float32) if with_keypoints else None
    return HandDetection(HandSide.RIGHT, 0.9, BoundingBox.around(pixels, 0.1), keypoints)


def frame_with(depth_m: np.ndarray) -> RgbdFrame:
    rgb = np.zeros((240, 320, 3), dtype=np.uint8)
    return RgbdFrame(rgb, depth_m.astype(np.float32), CAMERA, 1, "camera")


@pytest.mark.parametrize("with_keypoints", [True, False])
def test_a_hand_is_as_far_away_as_it_looks_large(with_keypoints: bool) -> None:
    offset = offset_by_size(JOINTS_M, detected(with_keypoints=with_keypoints), CAMERA)
    np.testing.assert_allclose(offset, PLACE_M, atol=2e-3 if with_keypoints else 0.05)


def test_depth_where_the_detector_saw_the_joints_says_how_far_away_it_is() -> None:
    depth_m = np.full((240, 320), 2.0)
    for x, y in np.rint(project(JOINTS_M + PLACE_M, CAMERA)).astype(int):
        depth_m[y, x] = 0.7
    nearer = 0.8 * (JOINTS_M + PLACE_M)  # seen at the same pixels
    aside = nearer + np.array([0.3, 0.0, 0.0])  # seen on the wall
    for joints_m in (nearer, aside):
        moved = joints_m + offset_to_measured(
            frame_with(depth_m), joints_m, detected(with_keypoints=True)
        )
        assert np.median(moved[:, 2]) == pytest.approx(0.7, abs=1e-6)
        shift = moved - joints_m
        np.testing.assert_allclose(np.cross(shift[0], joints_m.mean(axis=0)), 0.0, atol=1e-9)


def test_without_keypoints_the_depth_where_the_joints_are_seen_counts() -> None:
    joints_m = 0.8 * (JOINTS_M + PLACE_M)
    offset = offset_to_measured(
        frame_with(np.full((240, 320), 0.9)), joints_m, detected(with_keypoints=False)
    )
    assert np.median((joints_m + offset)[:, 2]) == pytest.approx(0.9, abs=1e-6)


@pytest.mark.parametrize("fault", ["no depth", "behind the camera"])
def test_a_hand_stays_where_nothing_is_measured(fault: str) -> None:
    depth_m = np.full((240, 320), np.nan if fault == "no depth" else 0.9)
    joints_m = JOINTS_M + (PLACE_M if fault == "no depth" else -PLACE_M)
    offset = offset_to_measured(frame_with(depth_m), joints_m, detected(with_keypoints=True))
    np.testing.assert_array_equal(offset, np.zeros(3))
