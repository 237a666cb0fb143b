"""A crop is what a turned camera would have photographed, and measured."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.geometry.projection import back_project, project
from hand_object_recon.networks.crop_camera import CropCamera

CAMERA = CameraIntrinsics(320, 240, 280.0, 290.0, 150.0, 125.0)
SIZE = 64


def side_crop(*, is_mirrored: bool = False) -> CropCamera:
    """A crop of the image's upper right, or of what is there in the mirror, rolled a little."""
    rays = np.array([[0.25, -0.3, 1.0], [0.45, -0.1, 1.0]]) * [1.0 - 2.0 * is_mirrored, 1.0, 1.0]
    return CropCamera.around(rays, 1.0, is_mirrored=is_mirrored).moved((0.05, 0.0), 0.9, 0.4)


def test_a_crop_camera_looks_straight_at_the_middle_and_shows_everything() -> None:
    random = np.random.default_rng(3)
    points = random.uniform([0.1, 0.1, 0.5], [0.3, 0.2, 0.7], (50, 3))
    crop = CropCamera.around(points, 1.25)
    assert np.linalg.det(crop.axes) == pytest.approx(1.0)
    np.testing.assert_allclose(crop.axes @ crop.axes.T, np.eye(3), atol=1e-12)
    slopes = points[:, :2] / points[:, 2:]
    middle = np.append((slopes.min(axis=0) + slopes.max(axis=0)) / 2, 1.0)
    np.testing.assert_allclose((crop.axes @ middle)[:2], 0.0, atol=1e-12)
    pixels = project(points @ crop.axes.T, crop.intrinsics(256))
    assert np.abs(pixels - 128).max() == pytest.approx(128 / 1.25)


def depth_of_plane(normal: NDArray[np.float64], offset_m: float) -> NDArray[np.float32]:
    """What ``CAMERA`` measures of the plane of points p with normal · p = offset."""
    rows, columns = np.mgrid[: CAMERA.height, : CAMERA.width]
    pixels = np.stack([columns, rows], axis=-1).astype(float)
    rays = back_project(pixels, np.ones(pixels.shape[:2]), CAMERA)
    return np.asarray(offset_m / (rays @ normal), dtype=np.float32)


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_the_depth_of_a_plane_stays_that_plane_before_the_turned_camera(
    is_mirrored: bool,
) -> None:
    normal = np.array([0.2, -0.3, 1.0]) / np.linalg.norm([0.2, -0.3, 1.0])
    crop = side_crop(is_mirrored=is_mirrored)
    cut = crop.cut_depth(depth_of_plane(normal, 0.6), CAMERA, SIZE)
    rows, columns = np.nonzero(cut)
    assert len(rows) > 0.8 * SIZE**2
    pixels = np.stack([columns, rows], axis=1).astype(float)
    points = back_project(pixels, cut[rows, columns], crop.intrinsics(SIZE))
    in_camera = points @ crop.axes
    # half a pixel of the camera, a reading's place, is 1 mm at 0.6 m
    assert np.abs(in_camera @ normal - 0.6).max() < 1.2e-3
    # the readings themselves would be off by centimetres along the crop's axis
    unturned = back_project(pixels, in_camera[:, 2], crop.intrinsics(SIZE)) @ crop.axes
    assert np.abs(unturned @ normal - 0.6).max() > 0.02


def test_pixels_without_a_reading_or_beyond_the_image_have_no_depth() -> None:
    depth_m = depth_of_plane(np.array([0.0, 0.0, 1.0]), 0.5)
    depth_m[:, 200:] = np.nan
    rays = np.array([[-0.6, -0.5, 1.0], [0.6, 0.5, 1.0]])
    crop = CropCamera.around(rays, 1.2)
    cut = crop.cut_depth(depth_m, CAMERA, SIZE)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    pixels = np.stack([columns, rows], axis=-1).astype(float)
    seen = back_project(pixels, np.ones((SIZE, SIZE)), crop.intrinsics(SIZE)) @ crop.axes
    places = np.rint(project(seen, CAMERA))
    is_read = (places >= 0).all(axis=-1) & (places[..., 0] < 200) & (places[..., 1] < 240)
    assert 300 < np.count_nonzero(is_read) < SIZE**2 - 300
    np.testing.assert_array_equal(cut > 0, is_read)
    assert np.isfinite(cut).all()
