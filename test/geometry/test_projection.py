"""Projection and back projection are inverse to each other."""

from __future__ import annotations

import numpy as np

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.geometry.projection import back_project, project

CAMERA = CameraIntrinsics(width=640, height=480, fx=605.0, fy=598.0, cx=322.5, cy=241.0)


def test_points_come_back_from_their_pixels_and_depths() -> None:
    random = np.random.default_rng(1)
    points = random.uniform((-0.5, -0.5, 0.2), (0.5, 0.5, 2.0), (4, 50, 3))
    pixels = project(points, CAMERA)
    assert pixels.shape == (4, 50, 2)
    np.testing.assert_allclose(back_project(pixels, points[..., 2], CAMERA), points, atol=1e-12)


def test_pixels_are_those_of_the_intrinsic_matrix() -> None:
    points = np.random.default_rng(2).uniform((-0.5, -0.5, 0.2), (0.5, 0.5, 2.0), (50, 3))
    homogeneous = points @ CAMERA.matrix.T
    expected = homogeneous[:, :2] / homogeneous[:, 2:]
    np.testing.assert_allclose(project(points, CAMERA), expected, atol=1e-9)


def test_a_point_on_the_axis_falls_on_the_principal_point() -> None:
    np.testing.assert_array_equal(project(np.array([0.0, 0.0, 0.7]), CAMERA), (322.5, 241.0))


def test_points_at_and_behind_the_camera_give_nan_and_the_others_stay() -> None:
    points = np.array([[0.1, 0.1, 0.0], [0.1, 0.1, -1.0], [0.0, 0.0, 1.0]])
    pixels = project(points, CAMERA)
    assert np.isnan(pixels[:2]).all()
    np.testing.assert_array_equal(pixels[2], (322.5, 241.0))


def test_a_pixel_without_depth_gives_a_point_of_nan_depth() -> None:
    points = back_project(np.array([[10.0, 20.0]]), np.array([np.nan]), CAMERA)
    assert np.isnan(points).all()


def test_single_precision_points_give_single_precision_pixels() -> None:
    assert project(np.array([[0.1, 0.2, 1.0]], dtype=np.float32), CAMERA).dtype == np.float32
