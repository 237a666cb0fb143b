"""Depth registered to the colour camera, against a scene ray-cast from both cameras."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.recordings.registration import register_depth

DEPTH = CameraIntrinsics(640, 576, 504.0, 504.0, 320.5, 287.0)
COLOR = {
    "2.5x": CameraIntrinsics(1600, 1200, 1260.0, 1260.0, 803.0, 596.0),
    "1.8x": CameraIntrinsics(1920, 1080, 913.0, 912.0, 957.0, 548.0),
    "0.5x": CameraIntrinsics(320, 240, 252.0, 252.0, 158.0, 121.0),
}
SPHERE_M, SPHERE_RADIUS_M = np.array([0.02, -0.01, 0.5]), 0.08
WALL_M, FLOOR_M = 1.1, 0.25


def depth_to_color(tilt_deg: float = 6.0) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = cv2.Rodrigues(np.array([np.deg2rad(tilt_deg), 0.01, -0.005]))[0]
    pose[:3, 3] = (-0.032, -0.002, 0.004)
    return pose


def cast(camera: CameraIntrinsics, world_from_camera: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) depth of wall, floor and sphere in metres, and whether it is the sphere's."""
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = np.stack(
        [(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones(rows.shape)],
        axis=-1,
    )
    rays = rays @ world_from_camera[:3, :3].T
    eye = world_from_camera[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        wall = (WALL_M - eye[2]) / rays[..., 2]
        floor = (FLOOR_M - eye[1]) / rays[..., 1]
        along = rays @ (SPHERE_M - eye)
        squared = (rays**2).sum(-1)
        gap = along**2 - squared * (((SPHERE_M - eye) ** 2).sum() - SPHERE_RADIUS_M**2)
        sphere = (along - np.sqrt(gap)) / squared
    hits = np.stack([wall, floor, sphere])
    hits = np.where(hits > 0, hits, np.inf)
    return hits.min(axis=0), hits.argmin(axis=0) == 2


@pytest.mark.parametrize("size", COLOR)
def test_a_scene_is_seen_as_the_colour_camera_would(size: str) -> None:
    pose, color = depth_to_color(), COLOR[size]
    depth_m, _ = cast(DEPTH, np.eye(4))
    truth_m, is_sphere = cast(color, np.linalg.inv(pose))
    found_m = register_depth(depth_m.astype(np.float32), DEPTH, pose, color)
    assert found_m.shape == truth_m.shape
    assert found_m.dtype == np.float32

    thin = cv2.erode(is_sphere.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool)
    wide = cv2.dilate(is_sphere.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    error_m = np.abs(found_m - truth_m)
    assert np.nanmedian(error_m[~wide]) < 1e-3
    assert np.nanmedian(error_m[thin]) < 1e-3

    assert not np.isnan(found_m[thin]).any(), "the sphere has holes"
    looks_near = found_m < 0.6
    around = cv2.dilate(is_sphere.astype(np.uint8), np.ones((61, 61), np.uint8)).astype(bool)
    assert not (looks_near & around & ~wide & (truth_m > 0.7)).any(), "the sphere is too big"
    within = cv2.erode(is_sphere.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    assert looks_near[within].mean() > 0.995, "the sphere is too small"


@pytest.mark.parametrize("size", COLOR)
def test_a_surface_has_no_holes(size: str) -> None:
    color = COLOR[size]
    depth_m, _ = cast(DEPTH, np.eye(4))
    depth_m[:] = np.linspace(0.3, 0.6, DEPTH.width)
    found = register_depth(depth_m.astype(np.float32), DEPTH, depth_to_color(), color)
    covered = np.isfinite(found).astype(np.uint8)
    closed = cv2.morphologyEx(covered, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    assert covered.mean() > 0.3
    np.testing.assert_array_equal(covered[8:-8, 8:-8], closed[8:-8, 8:-8])


def test_the_same_camera_gives_the_same_depth() -> None:
    depth_m = np.random.default_rng(1).uniform(0.3, 2.0, (576, 640)).astype(np.float32)
    depth_m[10:20, 30:40] = np.nan
    depth_m[50:60, 30:40] = 0.0
    found = register_depth(depth_m, DEPTH, np.eye(4), DEPTH)
    np.testing.assert_array_equal(found, np.where(depth_m > 0, depth_m, np.nan))


def test_the_nearest_reading_wins_and_what_is_behind_the_camera_is_left_out() -> None:
    depth_m = np.full((576, 640), np.nan, np.float32)
    depth_m[280:294, 310:330] = 1.0
    depth_m[284:288, 316:324] = 0.3
    pose = np.eye(4)
    pose[2, 3] = -0.5
    found = register_depth(depth_m, DEPTH, pose, DEPTH)
    assert np.unique(found[np.isfinite(found)]).tolist() == [0.5]
    pose[2, 3] = 0.1
    found = register_depth(depth_m, DEPTH, pose, DEPTH)
    assert found[286, 320] == np.float32(0.3) + np.float32(0.1)


def test_a_frame_without_reading_stays_empty() -> None:
    nothing = np.full((576, 640), np.nan, np.float32)
    assert np.isnan(register_depth(nothing, DEPTH, np.eye(4), COLOR["1.8x"])).all()


def test_what_cannot_be_registered_is_refused_by_name() -> None:
    depth_m = np.ones((576, 640), np.float32)
    bent = replace(DEPTH, distortion_model="plumb_bob", distortion=(0.1, 0.0, 0.0, 0.0))
    with pytest.raises(InvalidValueError, match="depth camera has plumb_bob distortion"):
        register_depth(depth_m, bent, np.eye(4), DEPTH)
    with pytest.raises(InvalidValueError, match="colour camera has plumb_bob distortion"):
        register_depth(depth_m, DEPTH, np.eye(4), bent)
    with pytest.raises(InvalidValueError, match="depth_to_color is not rigid"):
        register_depth(depth_m, DEPTH, np.diag([2.0, 1.0, 1.0, 1.0]), DEPTH)
    with pytest.raises(InvalidValueError, match="depth_m has shape"):
        register_depth(depth_m[1:], DEPTH, np.eye(4), DEPTH)
