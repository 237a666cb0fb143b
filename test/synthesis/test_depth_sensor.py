"""The simulated depth camera errs the way a stereo camera does."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.synthesis.depth_sensor import (
    StereoDepthSensor,
    TimeOfFlightDepthSensor,
)

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


def test_disparities_come_in_whole_steps() -> None:
    slope = np.broadcast_to(np.linspace(0.9, 1.1, 320), SHAPE)
    sensor = StereoDepthSensor(
        noise_at_half_metre_m=0.0,
        step_m=1e-6,
        baseline_m=0.05,
        imager_focal_px=424.0,
        disparity_step_px=0.125,
        speck_dropout=0.0,
        edge_dropout=0.0,
    )
    read = measure(slope, sensor)
    steps = 424.0 * 0.05 / read[np.isfinite(read)] / 0.125
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
    assert len(np.unique(np.round(steps))) == pytest.approx(
        424 * 0.05 * 8 * (1 / 0.9 - 1 / 1.1), abs=1.5
    )


@pytest.mark.parametrize("grain_px", [0.7, 2.0])
def test_grainy_noise_keeps_its_deviation_and_is_alike_over_a_patch(grain_px: float) -> None:
    sensor = StereoDepthSensor(noise_grain_px=grain_px, step_m=1e-6, speck_dropout=0.0)
    errors = measure(np.full(SHAPE, 0.5), sensor)[:, 100:] - 0.5
    assert np.nanstd(errors) == pytest.approx(0.0015, rel=0.08)
    beside = np.corrcoef(errors[:, :-1].ravel(), errors[:, 1:].ravel())[0, 1]
    assert beside == pytest.approx(np.exp(-1 / (4 * grain_px**2)), abs=0.06)


def test_a_slanted_surface_is_noisier_by_the_tangent_of_its_angle() -> None:
    sensor = StereoDepthSensor(slant_noise=0.5, step_m=1e-6)
    errors = measure(np.full(SHAPE, 0.5), sensor, facing=float(np.cos(np.pi / 4))) - 0.5
    assert np.nanstd(errors) == pytest.approx(1.5 * 0.0015, rel=0.05)


def test_flying_pixels_lie_between_the_two_sides_of_an_edge() -> None:
    step = np.full(SHAPE, 0.8)
    step[:, :100] = 0.7
    sensor = StereoDepthSensor(
        flying_share=0.5,
        edge_dropout=0.0,
        speck_dropout=0.0,
        baseline_m=1e-6,
        noise_at_half_metre_m=0.0,
    )
    read = measure(step, sensor)
    is_between = (read > 0.702) & (read < 0.798)
    assert 0.4 < is_between[:, 99:101].mean() < 0.6
    assert not is_between[:, :98].any()
    assert not is_between[:, 102:].any()


@pytest.mark.parametrize("distance_m", [0.5, 1.0])
@pytest.mark.parametrize("brightness", [1.0, 0.25])
def test_time_of_flight_noise_follows_the_light_that_comes_back(
    distance_m: float, brightness: float
) -> None:
    depth = np.full(SHAPE, distance_m, dtype=np.float32)
    infrared = np.full_like(depth, brightness)
    sensor = TimeOfFlightDepthSensor(noise_at_metre_m=0.002, step_m=1e-6)
    random = np.random.default_rng(0)
    errors = sensor.measure(depth, np.ones_like(depth), CAMERA, random, infrared) - distance_m
    assert np.nanstd(errors) == pytest.approx(0.002 * distance_m**2 / brightness, rel=0.05)


def test_time_of_flight_mixes_the_two_sides_of_an_edge() -> None:
    step = np.full(SHAPE, 0.9, dtype=np.float32)
    step[:, :100] = 0.6
    sensor = TimeOfFlightDepthSensor(noise_at_metre_m=0.0, edge_dropout=0.5)
    read = sensor.measure(step, np.ones_like(step), CAMERA, np.random.default_rng(0))
    assert 0.4 < np.isnan(read[:, 99:101]).mean() < 0.6
    np.testing.assert_allclose(read[:, 99][np.isfinite(read[:, 99])], 0.7, atol=1e-3)
    np.testing.assert_allclose(read[:, 100][np.isfinite(read[:, 100])], 0.8, atol=1e-3)
    np.testing.assert_allclose(read[:, 110:], 0.9, atol=1e-6)


def test_time_of_flight_reads_nothing_from_far_black_surfaces() -> None:
    depth = np.full(SHAPE, 1.5, dtype=np.float32)
    infrared = np.full_like(depth, 0.05)
    random = np.random.default_rng(0)
    read = TimeOfFlightDepthSensor().measure(depth, np.ones_like(depth), CAMERA, random, infrared)
    assert np.isnan(read).all()


def test_detours_of_light_lengthen_only_what_lies_in_a_corner() -> None:
    groove = np.full(SHAPE, 0.60, dtype=np.float32)
    groove[:, 155:165] = 0.62
    sensor = TimeOfFlightDepthSensor(
        noise_at_metre_m=0.0, multipath_m=0.01, edge_dropout=0.0, step_m=1e-6, edge_step_m=0.05
    )
    read = sensor.measure(groove, np.ones_like(groove), CAMERA, np.random.default_rng(0))
    longer = read - groove
    assert 0.003 < longer[120, 160] <= 0.0101
    np.testing.assert_allclose(longer[:, :140], 0.0, atol=1e-5)
