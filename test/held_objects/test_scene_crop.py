"""A frame is cut and thinned without moving its points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.geometry.projection import back_project
from hand_object_recon.held_objects.scene_crop import Surroundings, scene_crop

Array = NDArray[Any]

CAMERA = CameraIntrinsics(640, 480, 600.0, 600.0, 320.0, 240.0)


def frame_of(depth_m: Array) -> RgbdFrame:
    rgb = np.zeros((480, 640, 3), dtype=np.uint8)
    return RgbdFrame(rgb, depth_m.astype(np.float32), CAMERA, 1, "camera")


def sloped_m() -> Array:
    columns, rows = np.meshgrid(np.arange(640), np.arange(480))
    return 1.0 / (2.0 + 2e-4 * columns - 3e-4 * rows)  # a plane, z of which is no line in pixels


@pytest.mark.parametrize("center", [(0.0, 0.0, 0.4), (0.1, -0.05, 0.5), (0.3, 0.2, 0.6)])
def test_points_of_the_crop_lie_on_the_surface_of_the_frame(
    center: tuple[float, float, float],
) -> None:
    crop = scene_crop(frame_of(sloped_m()), [Surroundings(np.array(center), 0.15)])

    assert crop is not None
    columns, rows = np.meshgrid(np.arange(crop.camera.width), np.arange(crop.camera.height))
    points = back_project(np.stack([columns, rows], axis=-1), crop.depth_m, crop.camera)
    x, y, z = points.reshape(-1, 3).T
    # 1 / z is linear in u = 600 x / z + 320 and v = 600 y / z + 240
    heights = 2.0 * z + 2e-4 * (600 * x + 320 * z) - 3e-4 * (600 * y + 240 * z) - 1.0
    assert np.abs(heights).max() < 1e-3


def test_neighbouring_points_are_about_a_millimetre_apart() -> None:
    near = scene_crop(frame_of(np.full((480, 640), 0.3)), [_ball(0.3)])
    far = scene_crop(frame_of(np.full((480, 640), 1.0)), [_ball(1.0)])

    assert near is not None
    assert far is not None
    assert 0.0009 < 0.3 / near.camera.fx < 0.002
    assert far.camera.fx == CAMERA.fx


def test_a_pixel_between_two_surfaces_is_left_out() -> None:
    depth = np.full((480, 640), 0.8)
    depth[:, 300:340] = 0.7
    depth[240, 339:342] = 0.75
    crop = scene_crop(frame_of(depth), [_ball(0.75)])

    assert crop is not None
    assert not (np.abs(crop.depth_m - 0.75) < 0.02).any()
    assert np.isfinite(crop.depth_m).mean() > 0.99


def test_where_nothing_was_measured_there_is_nothing() -> None:
    depth = np.full((480, 640), 0.6)
    depth[200:280, 300:340] = np.nan
    crop = scene_crop(frame_of(depth), [_ball(0.6)])

    assert crop is not None
    hole = np.isnan(crop.depth_m)
    assert hole.any()
    assert not hole.all()


def test_what_is_behind_the_camera_or_out_of_the_picture_gives_no_crop() -> None:
    frame = frame_of(np.full((480, 640), 0.6))

    assert scene_crop(frame, [Surroundings(np.array([0.0, 0.0, -0.5]), 0.2)]) is None
    assert scene_crop(frame, [Surroundings(np.array([3.0, 0.0, 0.5]), 0.2)]) is None
    assert scene_crop(frame, []) is None


def _ball(depth_m: float) -> Surroundings:
    return Surroundings(np.array([0.0, 0.0, depth_m]), 0.12)
