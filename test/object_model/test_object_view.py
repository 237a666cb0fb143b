"""Oriented points of labelled depth, on bodies whose surface is known."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.object_model.object_view import ObjectView, ViewLabel, object_view

CAMERA = CameraIntrinsics(width=120, height=100, fx=600.0, fy=600.0, cx=60.0, cy=48.0)
BALL_M = np.array([0.004, -0.003, 0.5])
RADIUS_M = 0.03
NORMAL = np.array([0.5, -0.2, -1.0]) / np.linalg.norm([0.5, -0.2, -1.0])


def rays() -> np.ndarray:
    rows, columns = np.mgrid[: CAMERA.height, : CAMERA.width]
    x, y = (columns - CAMERA.cx) / CAMERA.fx, (rows - CAMERA.cy) / CAMERA.fy
    return np.stack([x, y, np.ones_like(x)], axis=-1)


def depth_of_ball() -> np.ndarray:
    """(h, w) metres, NaN beside the ball."""
    lines = rays()
    half = lines @ BALL_M
    squared = half**2 - (lines**2).sum(axis=-1) * (BALL_M @ BALL_M - RADIUS_M**2)
    with np.errstate(invalid="ignore"):
        return (half - np.sqrt(squared)) / (lines**2).sum(axis=-1)


def view_of_depth(depth: np.ndarray, most_points: int = 1500) -> ObjectView:
    label = np.where(np.isnan(depth), ViewLabel.UNKNOWN, ViewLabel.OBJECT).astype(np.uint8)
    rgb = np.zeros((*depth.shape, 3), dtype=np.uint8)
    rgb[..., 0], rgb[..., 1] = np.mgrid[: CAMERA.height, : CAMERA.width]
    return object_view(depth.astype(np.float32), label, rgb, CAMERA, most_points=most_points)


def test_points_of_a_ball_lie_on_it_with_its_normals() -> None:
    view = view_of_depth(depth_of_ball())
    outwards = view.points_m - BALL_M
    distances = np.linalg.norm(outwards, axis=1)
    assert len(view.points_m) > 500
    np.testing.assert_allclose(distances, RADIUS_M, atol=3e-4)
    assert np.einsum("nc,nc->n", outwards / distances[:, None], view.normals).min() > 0.98


def test_normals_of_a_slanted_plane_are_exact_and_face_the_camera() -> None:
    depth = 0.5 * NORMAL[2] / (rays() @ NORMAL)
    view = view_of_depth(depth)
    np.testing.assert_allclose(view.normals, np.tile(NORMAL, (len(view.normals), 1)), atol=1e-4)


def test_points_keep_the_colours_of_their_pixels() -> None:
    view = view_of_depth(depth_of_ball())
    columns = view.points_m[:, 0] / view.points_m[:, 2] * CAMERA.fx + CAMERA.cx
    rows = view.points_m[:, 1] / view.points_m[:, 2] * CAMERA.fy + CAMERA.cy
    np.testing.assert_allclose(view.colors[:, 0], rows, atol=0.1)
    np.testing.assert_allclose(view.colors[:, 1], columns, atol=0.1)


def test_points_are_thinned_to_the_asked_number() -> None:
    view = view_of_depth(depth_of_ball(), most_points=200)
    assert 100 < len(view.points_m) <= 200


def test_pixels_between_two_surfaces_give_no_points() -> None:
    depth = np.full((CAMERA.height, CAMERA.width), 0.5)
    depth[:, 60:] = 0.6
    depth[:, 59], depth[:, 60] = 0.53, 0.57
    view = view_of_depth(depth)
    off = np.minimum(np.abs(view.points_m[:, 2] - 0.5), np.abs(view.points_m[:, 2] - 0.6))
    assert len(view.points_m) > 500
    assert off.max() < 1e-4


def test_surface_seen_at_a_grazing_angle_gives_no_points() -> None:
    steep = np.array([0.0, -1.0, -0.1]) / np.hypot(1.0, 0.1)
    with np.errstate(divide="ignore"):
        depth = -0.05 / (rays() @ steep)
    depth[(depth < 0.2) | (depth > 2.0)] = np.nan
    assert np.isfinite(depth).sum() > 1000
    assert len(view_of_depth(depth).points_m) == 0


def test_only_object_pixels_give_points() -> None:
    depth = np.full((CAMERA.height, CAMERA.width), 0.5, dtype=np.float32)
    label = np.full(depth.shape, ViewLabel.FREE, dtype=np.uint8)
    label[:40], label[40:50] = ViewLabel.OBJECT, ViewLabel.OCCLUDER
    rgb = np.zeros((*depth.shape, 3), dtype=np.uint8)
    view = object_view(depth, label, rgb, CAMERA)
    assert view.points_m[:, 1].max() * CAMERA.fy / 0.5 + CAMERA.cy < 40


def test_one_depth_of_a_hand_without_the_other_is_refused() -> None:
    view = view_of_depth(depth_of_ball())
    with pytest.raises(InvalidValueError, match="hand_near_m"):
        ObjectView(
            view.depth_m,
            view.label,
            view.rgb,
            CAMERA,
            view.points_m,
            view.normals,
            view.colors,
            hand_near_m=view.depth_m,
        )
