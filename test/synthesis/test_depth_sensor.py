"""The simulated depth camera errs the way a stereo camera does."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.synthesis.depth_sensor import StereoDepthSensor

CAMERA = CameraIntrinsics(320, 240, 300.0, 300.0, 159.5, 119.5)
SHAPE = (240, 320)


def measure(
    depth_m: np.ndarray, sensor: StereoDepthSensor | None = None, facing: float = 1.0, seed: int = 0
) -> np.ndarray:
    cosine = np.full(SHAPE, facing, dtype=np.float32)
    random = np.random.default_rng(seed)
    return (sensor or StereoDepthSensor()).measure(
        depth_m.astype(np.float32), cosine, CAMERA, random
    )


@pytest.mark.parametrize(("distance_m", "sigma_m"), [(0.5, 0.0015), (1.0, 0.006)])
def test_noise_grows_with_the_square_of_the_distance(distance_m: float, sigma_m: float) -> None:
    errors = measure(np.full(SHAPE, distance_m)) - distance_m
    assert np.nanstd(errors) == pytest.approx(sigma_m, rel=0.05)
    assert abs(np.nanmean(errors)) < 0.02 * sigma_m + 1e-5


def test_readings_are_whole_millimetres() -> None:
    read_mm = 1000 * measure(np.full(SHAPE, 0.7123))
    whole = read_mm[np.isfinite(read_mm)]
    np.testing.assert_allclose(whole, np.round(whole), atol=1e-3)


def test_a_plain_wall_loses_only_a_few_specks() -> None:
    lost = np.isnan(measure(np.full(SHAPE, 0.8))).mean()
    assert 0.001 < lost < 0.003


def test_beside_a_near_box_the_wall_hidden_from_the_second_imager_has_no_reading() -> None:
    depth_m = np.full(SHAPE, 1.0)
    depth_m[80:160, 150:200] = 0.5
    sensor = StereoDepthSensor(edge_dropout=0.0, speck_dropout=0.0, baseline_m=0.03)
    lost = np.isnan(measure(depth_m, sensor))
    disparity_step_px = round(300 * 0.03 * (1 / 0.5 - 1 / 1.0))
    np.testing.assert_array_equal(
        np.flatnonzero(lost[120]), np.arange(150 - disparity_step_px, 150)
    )
    assert not lost[:80].any()


def test_steps_in_depth_lose_readings_and_slopes_do_not() -> None:
    step = np.full(SHAPE, 0.8)
    step[:, :100] = 0.75
    slope = np.broadcast_to(np.linspace(0.6, 0.9, 320), SHAPE)
    sensor = StereoDepthSensor(speck_dropout=0.0, baseline_m=1e-6, edge_dropout=0.6)
    lost = np.isnan(measure(step, sensor))
    assert 0.5 < lost[:, 99:101].mean() < 0.7
    assert not lost[:, 105:].any()
    assert not np.isnan(measure(slope, sensor)).any()


def test_a_surface_seen_edge_on_gives_no_reading() -> None:
    assert np.isnan(measure(np.full(SHAPE, 0.5), facing=0.05)).all()


def test_the_same_seed_gives_the_same_readings() -> None:
    wall = np.full(SHAPE, 0.8)
    np.testing.assert_array_equal(measure(wall, seed=4), measure(wall, seed=4))
    assert (measure(wall, seed=4) != measure(wall, seed=5)).mean() > 0.5
