"""Distances and their gradients are those of the objects, in the grid's box and outside it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh
from scipy.interpolate import RegularGridInterpolator

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.grasping.distance_field import DistanceField
from hand_object_recon.synthesis.grasping.grasp_objects import GraspObjects
from hand_object_recon.synthesis.objects.distance_grid import DistanceGrid, distance_grid
from hand_object_recon.synthesis.objects.object_shape import centered_object

RADIUS_M = 0.04
HALF_BOX_M = np.array([0.02, 0.03, 0.05])


def ball_grid(resolution: int = 48) -> DistanceGrid:
    low, high = np.full(3, -0.07), np.array([0.07, 0.08, 0.09])
    axes = [np.linspace(low[axis], high[axis], resolution) for axis in range(3)]
    places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    values = np.linalg.norm(places, axis=-1) - RADIUS_M
    return DistanceGrid(values.astype(np.float32), low.astype(np.float32), high.astype(np.float32))


def random_points(count: int, spread_m: float) -> np.ndarray:
    return np.random.default_rng(5).uniform(-spread_m, spread_m, (count, 3))


def tensor(points: np.ndarray) -> torch.Tensor:
    return torch.tensor(points[None], dtype=torch.float32)


def test_distances_between_the_nodes_are_trilinear() -> None:
    grid = ball_grid()
    axes = [np.linspace(grid.low_m[a], grid.high_m[a], 48, dtype=np.float64) for a in range(3)]
    expected = RegularGridInterpolator(axes, grid.values_m.astype(np.float64))
    points = random_points(500, 0.068)
    found = DistanceField.of([grid]).distance_m(tensor(points), torch.tensor([0]))[0]
    np.testing.assert_allclose(found, expected(points), atol=1e-6)


def test_outside_the_box_the_way_to_it_is_added() -> None:
    field, number = DistanceField.of([ball_grid()]), torch.tensor([0])
    inside, outside = (tensor(np.array([[x, 0.0, 0.0]])) for x in (-0.07, -0.27))
    at_edge = field.distance_m(inside, number).item()
    assert at_edge == pytest.approx(0.03, abs=1e-4)
    assert field.distance_m(outside, number).item() == pytest.approx(at_edge + 0.2, abs=1e-5)


def test_each_row_of_a_batch_asks_its_own_object() -> None:
    small = ball_grid()
    large = DistanceGrid(small.values_m - np.float32(0.01), small.low_m, small.high_m)
    points = tensor(random_points(20, 0.06)).expand(3, -1, -1)
    field = DistanceField.of([small, large])
    found = field.distance_m(points, torch.tensor([1, 0, 1]))
    torch.testing.assert_close(found[0], found[2])
    torch.testing.assert_close(found[0], found[1] - 0.01)


def test_gradients_are_the_surface_normals_of_a_ball() -> None:
    directions = random_points(200, 1.0)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    gradient = DistanceField.of([ball_grid()]).gradient(
        tensor(RADIUS_M * directions), torch.tensor([0])
    )
    assert (gradient[0].numpy() * directions).sum(axis=1).min() > 0.995


def test_distances_have_the_gradient_of_finite_differences() -> None:
    field, number, step = DistanceField.of([ball_grid()]), torch.tensor([0]), 1e-4
    points = tensor(random_points(60, 0.12)).requires_grad_()
    (slope,) = torch.autograd.grad(field.distance_m(points, number).sum(), points)
    for axis in range(3):
        aside = torch.zeros(3)
        aside[axis] = step
        ahead, behind = (field.distance_m(points + s * aside, number) for s in (1, -1))
        difference = ((ahead - behind) / (2 * step)).detach()
        agrees = (difference - slope[..., axis]).abs() < 0.02
        assert agrees.float().mean() > 0.9  # the slope jumps at the cells' borders


def test_no_grids_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="at least one"):
        DistanceField.of([])


def test_the_thickness_of_a_box_is_that_of_its_sides() -> None:
    box = trimesh.creation.box(2 * HALF_BOX_M)
    shape = centered_object("box", "box", np.array(box.vertices), np.array(box.faces, np.int32))
    objects = GraspObjects.of([shape])
    assert objects.names == ("box",)
    assert np.abs(objects.surface_m[0].numpy()).max(axis=0) == pytest.approx(HALF_BOX_M, abs=1e-5)
    ways = torch.eye(3)[None]
    starts = torch.tensor(-np.diag(HALF_BOX_M)[None], dtype=torch.float32)
    thickness = objects.thickness_m(starts, ways, torch.tensor([0]))
    np.testing.assert_allclose(thickness[0], 2 * HALF_BOX_M, atol=0.002)
    grid = distance_grid(shape)
    assert grid.values_m.min() == pytest.approx(-HALF_BOX_M.min(), abs=0.002)
