"""The grid holds the distances that libigl finds, sample by sample, and at a known sphere."""

from __future__ import annotations

import igl
import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.objects.catalogue import CATEGORIES, numbered_object
from hand_object_recon.synthesis.objects.distance_grid import DistanceGrid, distance_grid
from hand_object_recon.synthesis.objects.object_shape import ObjectShape, centered_object


def ball(radius: float) -> ObjectShape:
    mesh = trimesh.creation.icosphere(subdivisions=5, radius=radius)
    return centered_object("ball-1", "ball", mesh.vertices, mesh.faces.astype(np.int32))


def positions(grid: DistanceGrid) -> NDArray[np.float64]:
    """(R, R, R, 3), from the two corners alone."""
    side = len(grid.values_m)
    axes = [np.linspace(grid.low_m[axis], grid.high_m[axis], side) for axis in range(3)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def igl_distances(shape: ObjectShape, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances with the sign of the winding number, which the grid does not use."""
    query = points.reshape(-1, 3)
    vertices, faces = shape.vertices_m.astype(np.float64), shape.faces.astype(np.int64)
    squared, *_ = igl.point_mesh_squared_distance(query, vertices, faces)
    is_inside = igl.fast_winding_number(vertices, faces, query) > 0.5
    return np.where(is_inside, -1.0, 1.0).reshape(points.shape[:-1]) * np.sqrt(squared).reshape(
        points.shape[:-1]
    )


def test_the_grid_covers_the_box_and_the_margin() -> None:
    grid = distance_grid(ball(0.04), resolution=16, margin_m=0.02)
    assert grid.values_m.shape == (16, 16, 16)
    assert grid.values_m.dtype == np.float32
    np.testing.assert_allclose(grid.low_m, -0.06, atol=1e-6)
    np.testing.assert_allclose(grid.high_m, 0.06, atol=1e-6)
    np.testing.assert_allclose(grid.spacing_m, 0.12 / 15, rtol=1e-5)


def test_by_default_there_are_64_samples_a_side() -> None:
    assert distance_grid(ball(0.04)).values_m.shape == (64, 64, 64)


def test_near_a_ball_the_distance_is_to_its_radius() -> None:
    grid = distance_grid(ball(0.04))
    exact = np.linalg.norm(positions(grid), axis=-1) - 0.04
    error = np.abs(grid.values_m - exact)
    assert error[np.abs(exact) < grid.spacing_m.max()].max() < 3e-5
    assert error.max() < 0.5 * grid.spacing_m.max()
    assert error.mean() < 0.05 * grid.spacing_m.max()


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_the_grid_of_every_category_is_what_igl_finds(category: str) -> None:
    shape = numbered_object(category, 1)
    grid = distance_grid(shape, resolution=32)
    exact = igl_distances(shape, positions(grid))
    error = grid.values_m - exact
    off_surface = np.abs(exact) > 1e-5
    assert np.array_equal(grid.values_m[off_surface] < 0, exact[off_surface] < 0)
    near = np.abs(exact) < grid.spacing_m.min()
    assert np.abs(error[near]).max() < 2e-6
    too_long = np.abs(grid.values_m) - np.abs(exact)
    assert too_long.min() > -2e-6
    assert too_long.max() < 0.6 * grid.spacing_m.max()


def test_between_the_samples_the_grid_can_be_interpolated_at_the_surface() -> None:
    shape = numbered_object("mug", 4)
    grid = distance_grid(shape)
    side = len(grid.values_m)
    axes = [np.linspace(grid.low_m[axis], grid.high_m[axis], side) for axis in range(3)]
    on_surface = RegularGridInterpolator(axes, grid.values_m)(shape.vertices_m)
    assert np.quantile(np.abs(on_surface), 0.95) < 0.25 * grid.spacing_m.max()


def test_one_large_face_is_followed_as_closely_as_small_ones() -> None:
    mesh = trimesh.creation.box((0.2, 0.05, 0.03))
    shape = centered_object("box-1", "box", mesh.vertices, mesh.faces.astype(np.int32))
    grid = distance_grid(shape)
    beyond = np.abs(positions(grid)) - np.array([0.1, 0.025, 0.015])
    exact = np.linalg.norm(np.maximum(beyond, 0.0), axis=-1) + np.minimum(beyond.max(axis=-1), 0.0)
    np.testing.assert_allclose(grid.values_m, exact, atol=2e-5)


@pytest.mark.parametrize(("resolution", "margin"), [(4, 0.03), (64, -0.01)])
def test_a_grid_that_cannot_be_is_refused(resolution: int, margin: float) -> None:
    with pytest.raises(InvalidValueError, match="distance grid"):
        distance_grid(ball(0.04), resolution, margin)


def test_a_grid_that_is_not_cubic_or_lies_the_wrong_way_round_is_refused() -> None:
    low, high = np.zeros(3, np.float32), np.ones(3, np.float32)
    with pytest.raises(InvalidValueError, match="values_m has shape"):
        DistanceGrid(np.zeros((4, 4, 5), np.float32), low, high)
    with pytest.raises(InvalidValueError, match="low below high"):
        DistanceGrid(np.zeros((4, 4, 4), np.float32), high, low)
