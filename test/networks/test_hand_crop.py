"""What a crop shows of an image, and the way from one to the other and back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.networks.hand_crop import HandCrop

SIZE = 64

CROPS = [
    HandCrop((40.0, 30.0), 32.0),
    HandCrop((40.5, 30.25), 50.0, angle_rad=0.4),
    HandCrop((12.0, 47.0), 40.0, angle_rad=-1.1, is_mirrored=True),
]


def photograph() -> NDArray[np.uint8]:
    """Smooth, so that interpolation does not matter, and different everywhere."""
    noise = np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 6.0), dtype=np.uint8)


@pytest.mark.parametrize("crop", CROPS)
def test_points_come_back_from_the_crop(crop: HandCrop) -> None:
    points = np.random.default_rng(1).uniform(-20.0, 120.0, (50, 2))
    np.testing.assert_allclose(crop.points_to_image(crop.points_to_crop(points)), points, atol=1e-9)


@pytest.mark.parametrize("crop", CROPS)
def test_a_pixel_of_the_crop_shows_the_image_where_its_place_leads(crop: HandCrop) -> None:
    image = photograph()
    cut = crop.cut(image, SIZE)
    rows, columns = np.mgrid[8:56:5, 8:56:5]
    pixels = np.stack([columns.ravel(), rows.ravel()], axis=1)
    places = crop.points_to_image((pixels + 0.5) / SIZE)
    inside = ((places >= 1) & (places <= np.array([98, 78]))).all(axis=1)
    x, y = np.rint(places[inside]).astype(int).T
    shown = cut[pixels[inside, 1], pixels[inside, 0]].astype(int)
    assert inside.sum() > 30
    assert np.abs(shown - image[y, x]).max() <= 12


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_an_upright_crop_shows_the_knuckles_above_the_wrist_and_all_keypoints(
    is_mirrored: bool,
) -> None:
    for seed in range(5):
        keypoints = np.random.default_rng(seed).uniform(10.0, 90.0, (21, 2))
        crop = HandCrop.upright(keypoints, 1.25, is_mirrored=is_mirrored)
        places = crop.points_to_crop(keypoints)
        right, down = places[[5, 9, 13, 17]].mean(axis=0) - places[0]
        assert right == pytest.approx(0.0, abs=1e-9)
        assert down < 0.0
        low, high = places.min(axis=0), places.max(axis=0)
        np.testing.assert_allclose(low + high, 1.0, atol=1e-9)
        assert (high - low).max() == pytest.approx(1 / 1.25)
        assert crop.is_mirrored == is_mirrored


def test_turning_and_scaling_agree_with_opencv_s_rotation_matrix() -> None:
    crop = HandCrop((40.5, 30.25), 50.0, angle_rad=0.4)
    oracle = cv2.getRotationMatrix2D((40.5, 30.25), -np.rad2deg(0.4), SIZE / 50.0)
    oracle[:, 2] += (SIZE - 1) / 2 - np.array([40.5, 30.25])
    np.testing.assert_allclose(crop.to_crop(SIZE), oracle, atol=1e-9)


def test_mirroring_is_that_of_the_whole_image() -> None:
    image = photograph()
    mirrored = np.ascontiguousarray(image[:, ::-1])
    crop = HandCrop((30.0, 33.0), 40.0, angle_rad=0.3, is_mirrored=True)
    of_mirrored = HandCrop((image.shape[1] - 1 - 30.0, 33.0), 40.0, angle_rad=0.3)
    difference = np.abs(crop.cut(image, SIZE).astype(int) - of_mirrored.cut(mirrored, SIZE))
    assert difference.max() <= 1


def test_the_square_is_the_joints_box_grown_by_half_and_cut_to_the_image() -> None:
    points = np.array([[10.0, 20.0], [30.0, 60.0]])
    inside = HandCrop.around(points, (200, 200))
    assert inside.center_px == (20.0, 40.0)
    assert inside.edge_px == pytest.approx(1.5 * 40.0)
    cut = HandCrop.around(points, (25, 200))  # 5 to 35 becomes 5 to 24
    assert cut.center_px == (14.5, 40.0)


def test_points_beyond_the_image_give_a_crop_too_small_to_use() -> None:
    points = np.array([[300.0, 300.0], [350.0, 320.0]])
    assert HandCrop.around(points, (200, 200)).edge_px == 1.0


def test_an_edge_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="edge_px is 0"):
        HandCrop((1.0, 1.0), 0.0)
