"""Cameras cut and placed: what they see stays where it was."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.geometry.projection import project
from hand_object_recon.synthesis.cameras import (
    COLOR_CAMERAS,
    draw_camera,
    draw_egocentric_pose,
    draw_third_person_pose,
    look_at_pose,
    square_cut,
)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_point_keeps_its_place_in_the_cut_picture() -> None:
    camera = CameraIntrinsics(640, 480, 600.0, 605.0, 318.0, 242.0)
    cut = square_cut(camera, left_px=100, top_px=50, side_px=200, size=256)
    points = np.random.default_rng(1).uniform([-0.2, -0.2, 0.5], [0.2, 0.2, 1.0], (20, 3))
    # Pixel edges, not centres, are cut and scaled.
    expected = (project(points, camera) + 0.5 - [100, 50]) * 256 / 200 - 0.5
    np.testing.assert_allclose(project(points, cut), expected, atol=1e-9)


def test_a_cut_of_everything_at_its_own_size_changes_nothing() -> None:
    camera = CameraIntrinsics(480, 480, 600.0, 605.0, 238.0, 242.0)
    assert square_cut(camera, 0, 0, 480, 480) == camera


def test_an_empty_cut_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="must be positive"):
        square_cut(COLOR_CAMERAS["azure_kinect"], 0, 0, 0, 256)


def test_units_of_a_camera_vary_by_about_a_percent(random: np.random.Generator) -> None:
    drawn = [draw_camera(random) for _ in range(200)]
    nearest = [
        min(
            abs(camera.fx / known.fx - 1)
            for known in COLOR_CAMERAS.values()
            if known.width == camera.width
        )
        for camera in drawn
    ]
    assert max(nearest) < 0.031
    assert len({camera.fx for camera in drawn}) == 200


def test_a_cut_lies_within_the_picture(random: np.random.Generator) -> None:
    for _ in range(100):
        camera = draw_camera(random, size=256)
        assert (camera.width, camera.height) == (256, 256)
        # The optical axis stays near the picture: the cut is from the picture's middle.
        assert -256 < camera.cx < 512
        assert 0.95 < camera.fx / camera.fy < 1.05


@pytest.mark.parametrize("draw", [draw_third_person_pose, draw_egocentric_pose])
def test_a_drawn_camera_looks_at_its_target_from_the_distance(
    draw: object, random: np.random.Generator
) -> None:
    target = np.array([0.1, 0.2, 0.3])
    for _ in range(50):
        pose = draw(random, target, (0.4, 0.6))
        np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-12)
        assert np.linalg.det(pose[:3, :3]) == pytest.approx(1.0)
        in_camera = pose[:3, :3] @ target + pose[:3, 3]
        assert 0.3 < in_camera[2] < 0.7
        assert np.linalg.norm(in_camera[:2]) < 0.12


def test_up_in_the_world_is_up_in_the_picture() -> None:
    pose = look_at_pose(np.array([0.3, -0.5, 0.2]), np.zeros(3))
    above = pose[:3, :3] @ np.array([0.0, 0.0, 0.1]) + pose[:3, 3]
    assert above[1] < 0
    assert above[0] == pytest.approx(0.0, abs=1e-12)


def test_an_egocentric_camera_is_above_and_on_the_persons_side(
    random: np.random.Generator,
) -> None:
    eyes = []
    for _ in range(50):
        pose = draw_egocentric_pose(random, np.zeros(3))
        eyes.append(-pose[:3, :3].T @ pose[:3, 3])
    assert (np.array(eyes)[:, 2] > 0.1).all()
    assert (np.array(eyes)[:, 1] < 0.05).all()


def test_a_camera_straight_above_has_no_up() -> None:
    with pytest.raises(InvalidValueError, match="straight up"):
        look_at_pose(np.array([0.0, 0.0, 1.0]), np.zeros(3))
