"""Frames of a real lens come out as those of a pinhole camera."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError, RecordingError
from hand_object_recon.recordings.camera_info import intrinsics_from_camera_info
from hand_object_recon.recordings.reader import RgbdRecording
from hand_object_recon.recordings.undistortion import undistort

COLOR = "/camera/camera/color/image_raw"
INFO = "/camera/camera/color/camera_info"
LENSES = {
    "plumb_bob": (-0.25, 0.08, 0.001, -0.002, -0.01),
    "rational_polynomial": (0.5, -2.5, 0.0007, -0.0003, 1.4, 0.4, -2.3, 1.35),
    "equidistant": (0.05, -0.01, 0.004, -0.001),
}
PINHOLE = CameraIntrinsics(640, 480, 500.0, 505.0, 322.0, 236.0)


def lens(model: str) -> CameraIntrinsics:
    return replace(PINHOLE, distortion_model=model, distortion=LENSES[model])


def distorted_pixels(pixels: np.ndarray, camera: CameraIntrinsics) -> np.ndarray:
    """(N, 2) where the lens images what a pinhole images at ``pixels``."""
    rays = np.column_stack(
        [(pixels - (camera.cx, camera.cy)) / (camera.fx, camera.fy), np.ones(len(pixels))]
    )
    is_fisheye = camera.distortion_model == "equidistant"
    project = cv2.fisheye.projectPoints if is_fisheye else cv2.projectPoints
    coefficients = np.array(camera.distortion)
    seen, _ = project(rays.reshape(-1, 1, 3), np.zeros(3), np.zeros(3), camera.matrix, coefficients)
    return seen.reshape(-1, 2)


def image_of_spots(centres: np.ndarray) -> np.ndarray:
    columns, rows = np.meshgrid(np.arange(PINHOLE.width), np.arange(PINHOLE.height))
    light = np.zeros(columns.shape)
    for u, v in centres:
        light += np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / (2 * 2.0**2))
    return np.repeat((250 * light.clip(0, 1)).astype(np.uint8)[..., None], 3, axis=2)


def centre_near(image: np.ndarray, pixel: np.ndarray) -> np.ndarray:
    """Centre of light of the 21 x 21 pixels around ``pixel``."""
    u, v = np.rint(pixel).astype(int)
    rows, columns = np.mgrid[v - 10 : v + 11, u - 10 : u + 11]
    light = image[rows, columns, 0].astype(float)
    return np.array([(columns * light).sum(), (rows * light).sum()]) / light.sum()


@pytest.mark.parametrize("model", LENSES)
def test_points_come_back_where_a_pinhole_sees_them(model: str) -> None:
    camera = lens(model)
    grid = np.stack(np.meshgrid(np.arange(80, 600, 80), np.arange(60, 450, 60)), -1)
    wanted = grid.reshape(-1, 2).astype(float)
    seen = distorted_pixels(wanted, camera)
    assert np.linalg.norm(seen - wanted, axis=1).max() > 3, "the lens does not distort"
    rgb, _, straight = undistort(image_of_spots(seen), np.ones((480, 640), np.float32), camera)
    found = np.array([centre_near(rgb, pixel) for pixel in wanted])
    assert np.linalg.norm(found - wanted, axis=1).max() < 0.5
    assert straight == PINHOLE


@pytest.mark.parametrize("model", LENSES)
def test_depth_is_the_nearest_reading_and_never_a_blend(model: str) -> None:
    camera = lens(model)
    near, far = np.float32(0.4321), np.float32(1.2345)
    depth = np.full((480, 640), far)
    depth[100:300, 200:400] = near
    _, found, _ = undistort(np.zeros((480, 640, 3), np.uint8), depth, camera)
    assert set(np.unique(found[~np.isnan(found)])) == {near, far}
    pixels = np.argwhere(np.isfinite(found))[::97, ::-1]
    source = np.rint(distorted_pixels(pixels.astype(float), camera)).astype(int)
    inside = ((source >= 0) & (source < (640, 480))).all(axis=1)
    agree = depth[source[inside, 1], source[inside, 0]] == found[tuple(pixels[inside].T[::-1])]
    assert agree.mean() > 0.999


def test_what_the_lens_does_not_see_is_black_and_without_depth() -> None:
    pincushion = replace(PINHOLE, distortion_model="plumb_bob", distortion=(0.3, 0.0, 0.0, 0.0))
    rgb, depth, _ = undistort(
        np.full((480, 640, 3), 200, np.uint8), np.ones((480, 640), np.float32), pincushion
    )
    assert np.isnan(depth[0, 0])
    assert not rgb[0, 0].any()
    assert (depth[236, 322], *rgb[236, 322]) == (1, 200, 200, 200)


def test_where_the_lens_model_runs_backwards_nothing_is_mirrored() -> None:
    folding = replace(PINHOLE, distortion_model="plumb_bob", distortion=(-1.0, 0.0, 0.0, 0.0))
    _, depth, _ = undistort(
        np.zeros((480, 640, 3), np.uint8), np.ones((480, 640), np.float32), folding
    )
    fold_px = 500 / np.sqrt(3)
    row = depth[236]
    assert np.isfinite(row[322 : int(322 + fold_px) - 1]).all()
    assert np.isnan(row[int(322 + fold_px) + 2 :]).all()


@pytest.mark.parametrize("distortion", [(0.0,) * 5, ()])
def test_without_distortion_images_are_the_very_same(distortion: tuple[float, ...]) -> None:
    camera = replace(PINHOLE, distortion_model="plumb_bob", distortion=distortion)
    rgb, depth = np.zeros((480, 640, 3), np.uint8), np.ones((480, 640), np.float32)
    found_rgb, found_depth, found_camera = undistort(rgb, depth, camera)
    assert found_rgb is rgb
    assert found_depth is depth
    assert found_camera is camera


@pytest.mark.parametrize(
    ("model", "coefficients", "words"),
    [
        ("equidistant", (0.1,) * 5, "equidistant has 5 coefficients; it must have 4"),
        ("plumb_bob", (0.1, 0.2), "plumb_bob has 2 coefficients"),
        ("rational_polynomial", (0.1,) * 7 + (np.nan,), "must be finite"),
    ],
)
def test_coefficients_that_do_not_fit_are_refused(
    messages: Any, model: str, coefficients: tuple[float, ...], words: str
) -> None:
    camera = replace(PINHOLE, distortion_model=model, distortion=coefficients)
    with pytest.raises(InvalidValueError, match=words):
        undistort(np.zeros((480, 640, 3), np.uint8), np.ones((480, 640), np.float32), camera)
    info = messages.camera_info(1, distortion_model=model, d=np.array(coefficients))
    with pytest.raises(RecordingError, match=f"/info cannot be used.*{words}"):
        intrinsics_from_camera_info(info, "/info")


def test_frames_of_a_recording_are_undistorted_and_the_user_is_told(
    write_bag: Any, rgbd_items: Any, messages: Any
) -> None:
    bent = messages.camera_info(100 * 10**6, d=np.array([2.0, 0.0, 0.0, 0.0, 0.0]))
    items = [item._replace(message=bent) if item.topic == INFO else item for item in rgbd_items()]
    with RgbdRecording(write_bag(items)) as recording:
        (told,) = recording.warnings
        frames = list(recording.frames())
    assert f"{COLOR} has lens distortion (plumb_bob), which is undone" in told
    assert len(frames) == 3
    for frame in frames:
        assert not frame.camera.is_distorted
        assert (frame.camera.fx, frame.camera.cx) == (10, 4)
        assert frame.rgb[3, 4].tolist() == [frame.stamp_ns // 10**6 % 256, 1, 2]
    assert not frames[0].rgb[0, 0].any()
    assert np.isnan(frames[-1].depth_m[0, 0])
