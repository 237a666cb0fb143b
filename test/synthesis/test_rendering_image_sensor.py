"""The simulated colour camera: exposure, noise, blur, compression, and colours."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.synthesis.rendering.colors import linear_from_srgb, srgb_from_linear
from hand_object_recon.synthesis.rendering.image_sensor import ImageSensor

CLEAN = {"shot_noise": 0.0, "read_noise": 0.0}


def gray(level: float) -> np.ndarray:
    return np.full((64, 64, 3), level, dtype=np.float32)


def develop(sensor: ImageSensor, linear_rgb: np.ndarray, seed: int = 0) -> np.ndarray:
    return sensor.develop(linear_rgb, np.random.default_rng(seed))


def test_middle_gray_is_encoded_as_srgb() -> None:
    picture = develop(ImageSensor(**CLEAN), gray(0.2140))
    np.testing.assert_allclose(picture, 127.5, atol=1.0)


def test_srgb_and_linear_are_inverse() -> None:
    values = np.linspace(0.0, 1.0, 256)
    np.testing.assert_allclose(srgb_from_linear(linear_from_srgb(values)), values, atol=1e-5)


def test_exposure_and_white_balance_multiply_the_light() -> None:
    sensor = ImageSensor(exposure=2.0, white_balance=(1.0, 1.0, 0.5), **CLEAN)
    red, green, blue = develop(sensor, gray(0.1))[32, 32]
    assert red == green == develop(ImageSensor(**CLEAN), gray(0.2))[32, 32, 0]
    assert blue == develop(ImageSensor(**CLEAN), gray(0.1))[32, 32, 2]


def test_noise_has_the_deviation_it_is_given() -> None:
    sensor = ImageSensor(shot_noise=0.02, read_noise=0.0)
    pictures = np.stack([develop(sensor, gray(0.25), seed) for seed in range(8)])
    linear = linear_from_srgb(pictures / 255.0)
    assert linear.std() == pytest.approx(0.02 * np.sqrt(0.25), rel=0.1)


def test_motion_smears_along_one_direction_and_keeps_the_light() -> None:
    dot = gray(0.0)
    dot[32, 32] = 0.75
    moving = ImageSensor(lens_blur_px=0.1, motion_blur_px=60.0, **CLEAN)
    pictures = [develop(moving, dot, seed)[..., 0] for seed in range(10)]
    longest = max(pictures, key=lambda picture: (picture > 0).sum())
    place = np.argwhere(longest > 0)
    across, along = np.sqrt(np.linalg.eigvalsh(np.cov(place.T)))
    assert along > 4 * across
    for picture in pictures:
        assert linear_from_srgb(picture / 255.0).sum() == pytest.approx(0.75, rel=0.05)


def test_corners_are_darker_under_a_vignette() -> None:
    picture = develop(ImageSensor(vignette=0.5, **CLEAN), gray(0.4)).astype(int)
    assert picture[32, 32, 0] - picture[0, 0, 0] > 30


def test_compression_keeps_the_colours_and_changes_fine_detail() -> None:
    fine = np.random.default_rng(0).uniform(0, 0.6, (64, 64, 3)).astype(np.float32)
    fine[..., 0] += 0.3
    plain = develop(ImageSensor(**CLEAN), fine).astype(float)
    compressed = develop(ImageSensor(jpeg_quality=60, **CLEAN), fine).astype(float)
    np.testing.assert_allclose(compressed.mean((0, 1)), plain.mean((0, 1)), atol=3.0)
    assert np.abs(compressed - plain).mean() > 2.0
