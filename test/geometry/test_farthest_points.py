"""Farthest-point sampling: each point is the one farthest from those chosen before it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.geometry.farthest_points import farthest_points

FloatArray = NDArray[np.floating[Any]]


def looked_at_one_by_one(points: FloatArray, count: int) -> list[int]:
    """Every point's distance to every chosen one, in the same precision."""
    cloud = points.astype(np.float32)
    chosen = [0]
    for _ in range(count - 1):
        squared = ((cloud[:, None] - cloud[chosen]) ** 2).sum(axis=2)
        chosen.append(int(squared.min(axis=1).argmax()))
    return chosen


def hand_like(edge: int) -> FloatArray:
    """Points of a wavy surface seen through a star-shaped mask, row after row, 18 cm across."""
    row, column = np.mgrid[:edge, :edge] - edge / 2
    angle, radius = np.arctan2(row, column), np.hypot(row, column)
    shows = radius < edge * (0.38 + 0.12 * np.sin(5.0 * angle))
    metres = 0.18 / edge
    z_m = 0.5 + 0.02 * np.sin(60.0 * metres * column[shows])
    return np.stack([metres * column[shows], metres * row[shows], z_m], axis=1)


@pytest.mark.parametrize("size", [1, 2, 31, 32, 33, 500])
def test_it_chooses_what_looking_at_every_distance_chooses(size: int) -> None:
    points = np.random.default_rng(size).normal(0.0, 0.05, (size, 3))
    for count in {1, (size + 1) // 2, size}:
        assert farthest_points(points, count).tolist() == looked_at_one_by_one(points, count)


def test_what_a_camera_sees_of_a_hand_is_sampled_like_any_other_points() -> None:
    points = hand_like(40)
    assert farthest_points(points, 300).tolist() == looked_at_one_by_one(points, 300)


def test_of_points_equally_far_away_the_first_is_chosen() -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], dtype=np.float64)
    square = np.repeat(corners, 20, axis=0)
    assert farthest_points(square, 4).tolist() == [0, 60, 20, 40]


def test_points_on_one_spot_are_chosen_again() -> None:
    assert farthest_points(np.ones((50, 3)), 3).tolist() == [0, 0, 0]


def test_the_first_of_the_chosen_points_cover_the_cloud_about_as_well_as_any() -> None:
    points = hand_like(60)
    chosen = farthest_points(points, 512)
    for count in (32, 128, 512):
        reach, _ = cKDTree(points[chosen[:count]]).query(points)
        apart, _ = cKDTree(points[chosen[:count]]).query(points[chosen[:count]], k=2)
        # No point is left farther from the chosen than they are from each other (Gonzalez 1985),
        # so no choice of as many could halve the reach.
        assert reach.max() <= apart[:, 1].min() * 1.0001


@pytest.mark.parametrize("count", [0, 6])
def test_a_count_that_cannot_be_chosen_is_refused(count: int) -> None:
    with pytest.raises(InvalidValueError, match=f"count is {count} of 5 points"):
        farthest_points(np.zeros((5, 3)), count)


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.parametrize(("edge", "count"), [(60, 512), (80, 1024), (120, 1024)])
def test_a_hand_is_sampled_in_milliseconds(edge: int, count: int) -> None:
    points = hand_like(edge)
    ours_ms = least_ms(lambda: farthest_points(points, count))
    plain_ms = least_ms(lambda: without_kernels(points.astype(np.float32), count))
    print(f"{count} of {len(points)} points: {ours_ms:.2f} ms; in NumPy {plain_ms:.1f} ms")
    assert ours_ms < plain_ms / 4.0


def without_kernels(points: NDArray[np.float32], count: int) -> list[int]:
    nearest = np.full(len(points), np.inf, dtype=np.float32)
    chosen = [0]
    for _ in range(count - 1):
        squared = ((points - points[chosen[-1]]) ** 2).sum(axis=1)
        np.minimum(nearest, squared, out=nearest)
        chosen.append(int(nearest.argmax()))
    return chosen


def least_ms(function: Callable[[], object]) -> float:
    function()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)
