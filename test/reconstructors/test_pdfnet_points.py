"""The points that the network reads are those of the depth image on the hands' masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.reconstructors.pdfnet.hand_points import (
    LEAST_POINTS,
    ChosenPoints,
    choose_points,
)
from hand_object_recon.reconstructors.pdfnet.options import PointChoice

SIZE = 96
CAMERA = np.array([[150.0, 0.0, 30.0], [0.0, 140.0, 70.0], [0.0, 0.0, 1.0]])
"""Its middle is far from that of the image."""

LEFT = (slice(20, 50), slice(10, 40))
RIGHT = (slice(30, 70), slice(55, 90))


def depth_image() -> NDArray[np.float32]:
    """A wall with a sloping patch in front of it for each hand."""
    row, column = np.mgrid[:SIZE, :SIZE]
    depth_m = np.full((SIZE, SIZE), 1.5)
    depth_m[LEFT] = (0.5 + 0.001 * row)[LEFT]
    depth_m[RIGHT] = (0.7 + 0.001 * column)[RIGHT]
    return depth_m.astype(np.float32)


def masks() -> NDArray[np.bool_]:
    found = np.zeros((2, SIZE, SIZE), dtype=bool)
    found[0][LEFT] = True
    found[1][RIGHT] = True
    return found


def chosen(count: int = 64, **more: Any) -> ChosenPoints:
    given: dict[str, Any] = {"depth_m": depth_image(), "masks": masks(), **more}
    depth_m, hands = given.pop("depth_m"), given.pop("masks")
    return choose_points(depth_m, hands, CAMERA, count, **given)


CHOICES = [
    {"choice": PointChoice.FARTHEST},
    {"choice": PointChoice.RANDOM, "generator": np.random.default_rng(0)},
]


@pytest.mark.parametrize("choice", CHOICES)
def test_points_are_seen_by_the_camera_where_their_pixels_are(choice: dict[str, Any]) -> None:
    points = chosen(**choice)
    assert points.cloud_m.shape == (2, 64, 3)
    assert points.cloud_m.dtype == np.float32
    assert points.pixels.dtype == np.int64
    assert points.is_enough.tolist() == [True, True]
    for cloud_m, pixels, mask in zip(points.cloud_m, points.pixels, masks(), strict=True):
        row, column = np.divmod(pixels, SIZE)
        assert mask[row, column].all()
        np.testing.assert_array_equal(cloud_m[:, 2], depth_image()[row, column])
        seen = cloud_m.astype(np.float64) @ CAMERA.T
        np.testing.assert_allclose(seen[:, 0] / seen[:, 2], column, atol=1e-4)
        np.testing.assert_allclose(seen[:, 1] / seen[:, 2], row, atol=1e-4)


@pytest.mark.parametrize("choice", CHOICES)
def test_points_are_different_ones_where_there_are_enough(choice: dict[str, Any]) -> None:
    for pixels in chosen(**choice).pixels:
        assert len(set(pixels.tolist())) == 64


@pytest.mark.parametrize("choice", CHOICES)
def test_where_there_are_fewer_all_are_taken_and_then_again_in_the_same_order(
    choice: dict[str, Any],
) -> None:
    few = np.zeros_like(masks())
    few[:, 35, 20:32] = True
    few[1, 35, 60:85] = True
    depth_m = np.full((SIZE, SIZE), 0.6, dtype=np.float32)
    points = chosen(depth_m=depth_m, masks=few, **choice)
    for pixels, count in zip(points.pixels, (12, 37), strict=True):
        assert len(set(pixels[:count].tolist())) == count
        np.testing.assert_array_equal(pixels, np.resize(pixels[:count], 64))


def test_the_first_points_are_spread_over_the_whole_hand() -> None:
    points = chosen(count=256, choice=PointChoice.FARTHEST)
    row, column = np.divmod(points.pixels[0, :32], SIZE)
    everywhere = np.argwhere(masks()[0])
    gaps = np.abs(everywhere[:, None] - np.stack([row, column], axis=1)).max(axis=2)
    assert gaps.min(axis=1).max() <= 5


def test_the_same_points_are_chosen_again_unless_they_are_drawn() -> None:
    first, second = chosen(), chosen()
    np.testing.assert_array_equal(first.pixels, second.pixels)
    drawn = [
        chosen(choice=PointChoice.RANDOM, generator=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(drawn[0].pixels, drawn[1].pixels)
    assert (drawn[0].pixels != drawn[2].pixels).any()


def test_likely_pixels_are_the_hands() -> None:
    likely = np.where(masks(), 0.51, 0.49).astype(np.float32)
    np.testing.assert_array_equal(chosen(masks=likely).pixels, chosen().pixels)


@pytest.mark.parametrize("nothing", [np.nan, 0.0, 0.15, 3.0])
def test_holes_and_readings_out_of_reach_are_left_out(nothing: float) -> None:
    depth_m = depth_image()
    depth_m[20:35, 10:40] = nothing
    points = chosen(count=400, depth_m=depth_m)
    assert points.is_enough.all()
    assert (points.pixels[0] // SIZE >= 35).all()
    assert np.isfinite(points.cloud_m).all()


def test_the_wall_behind_a_mask_that_is_too_large_is_left_out() -> None:
    wide = masks()
    wide[0, 15:55, 5:45] = True
    behind = (depth_image() > 1.0) & wide[0]
    assert 0.3 < behind.sum() / wide[0].sum() < 0.5
    points = chosen(count=800, masks=wide)
    assert (points.cloud_m[0, :, 2] < 0.6).all()
    np.testing.assert_array_equal(np.sort(points.pixels[0]), np.sort(chosen(count=800).pixels[0]))


@pytest.mark.parametrize("readings", [0, LEAST_POINTS - 1, LEAST_POINTS])
def test_a_hand_with_too_few_readings_says_so(readings: int) -> None:
    depth_m = depth_image()
    depth_m[RIGHT] = np.nan
    depth_m[40, 60 : 60 + readings] = 0.7
    points = chosen(depth_m=depth_m)
    assert points.is_enough.tolist() == [True, readings >= LEAST_POINTS]
    if readings < LEAST_POINTS:
        assert not points.pixels[1].any()
        assert not points.cloud_m[1].any()


def test_a_hand_without_a_mask_and_an_image_without_depth_give_no_points() -> None:
    alone = masks()
    alone[0] = False
    assert chosen(masks=alone).is_enough.tolist() == [False, True]
    empty = np.full((SIZE, SIZE), np.nan, dtype=np.float32)
    assert chosen(depth_m=empty).is_enough.tolist() == [False, False]


def test_depth_that_is_not_in_metres_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="depth_m is uint16; give metres"):
        chosen(depth_m=(1000 * depth_image()).astype(np.uint16))


def test_random_points_ask_for_a_generator() -> None:
    with pytest.raises(InvalidValueError, match="generator is None"):
        chosen(choice=PointChoice.RANDOM)
