"""A distance grid says how far points are from a surface, and which way, within its voxels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.object_model.distance_grid import DistanceGrid

VOXEL_M = 0.004


def random_grid(seed: int = 0) -> DistanceGrid:
    values = np.random.default_rng(seed).normal(0.0, 0.01, (6, 7, 8)).astype(np.float32)
    return DistanceGrid(values, np.array([0.1, -0.2, 0.3]), VOXEL_M)


def points_inside(grid: DistanceGrid, count: int = 200) -> np.ndarray:
    share = np.random.default_rng(1).uniform(0.0, 1.0, (count, 3))
    return grid.origin_m + share * (np.array(grid.values.shape) - 1) * grid.voxel_m


def test_distances_are_those_of_scipys_linear_interpolation() -> None:
    grid = random_grid()
    points = points_inside(grid)
    distances, _ = grid.sample(points)
    in_voxels = ((points - grid.origin_m) / VOXEL_M).T
    expected = map_coordinates(grid.values.astype(float), in_voxels, order=1)
    np.testing.assert_allclose(distances, expected, atol=1e-6)


def test_gradients_are_the_differences_of_distances_nearby() -> None:
    grid = random_grid()
    cells = np.random.default_rng(2).integers(0, [5, 6, 7], (100, 3))
    points = grid.origin_m + (cells + 0.5) * VOXEL_M
    _, gradients = grid.sample(points)
    step = 0.1 * VOXEL_M
    for axis in range(3):
        offset = step * np.eye(3)[axis]
        ahead, behind = grid.sample(points + offset)[0], grid.sample(points - offset)[0]
        np.testing.assert_allclose(gradients[:, axis], (ahead - behind) / (2 * step), atol=2e-2)


def test_nothing_is_known_outside_the_grid_or_beside_an_unknown_voxel() -> None:
    grid = random_grid()
    grid.values[3, 3, 3] = np.nan
    around = grid.origin_m + np.array([2.5, 3.5, 2.5]) * VOXEL_M
    away = grid.origin_m + np.array([1.5, 1.5, 1.5]) * VOXEL_M
    below, not_a_place = grid.origin_m - 1e-6, np.full(3, np.nan)
    distances, gradients = grid.sample(np.array([around, below, not_a_place, away]))
    np.testing.assert_array_equal(np.isnan(distances), [True, True, True, False])
    assert np.isnan(gradients[:3]).all()
    assert np.isfinite(gradients[3]).all()


def test_a_grid_shows_what_its_volume_has_become() -> None:
    grid = random_grid()
    values = grid.values
    values[:] = 0.02
    distances, _ = grid.sample(points_inside(grid))
    np.testing.assert_allclose(distances, 0.02, rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "voxel_m", "named"),
    [
        (np.zeros((3, 3, 3)), 0.01, "float64"),
        (np.zeros((3, 3), dtype=np.float32), 0.01, "shape"),
        (np.zeros((3, 1, 3), dtype=np.float32), 0.01, "two or more"),
        (np.zeros((3, 3, 3), dtype=np.float32), 0.0, "voxel_m"),
    ],
)
def test_what_is_no_grid_is_refused(values: np.ndarray, voxel_m: float, named: str) -> None:
    with pytest.raises(InvalidValueError, match=named):
        DistanceGrid(values, np.zeros(3), voxel_m)
