"""The object's sphere, distances between meshes, and contact, on shapes whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from hand_object_recon.reconstructors.cross_branch.contact import contact_errors_mm
from hand_object_recon.reconstructors.cross_branch.losses import (
    LossMeshes,
    edge_error,
    laplacian_error,
)
from hand_object_recon.reconstructors.cross_branch.point_distances import (
    chamfer,
    is_inside,
    nearest_points,
)
from hand_object_recon.reconstructors.cross_branch.sphere import object_sphere

RADIUS_M = 0.04
FACES = torch.tensor(object_sphere().faces, dtype=torch.long)


@pytest.fixture(scope="module")
def meshes() -> LossMeshes:
    return LossMeshes.of("open_hand")


def sphere(radius: float = 1.0) -> Tensor:
    return radius * torch.tensor(object_sphere().vertices)


def bumpy(seed: int) -> NDArray[np.float64]:
    """Vertices of a closed shape that is neither convex nor about zero."""
    directions = object_sphere().vertices.astype(np.float64)
    waves = np.random.default_rng(seed).normal(size=(3, 3))
    radii = 1.0 + 0.3 * np.sin(4.0 * directions @ waves.T).mean(axis=1)
    return directions * radii[:, None] * [1.0, 0.5, 1.7] + [0.3, -0.2, 0.1]


def test_the_sphere_is_closed_seen_from_outside_and_has_642_vertices() -> None:
    mesh = trimesh.Trimesh(object_sphere().vertices, object_sphere().faces, process=False)
    assert mesh.vertices.shape == (642, 3)
    assert mesh.is_watertight
    assert mesh.euler_number == 2  # genus 0
    assert mesh.volume == pytest.approx(4.0 / 3.0 * np.pi, rel=0.02)
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), 1.0, atol=1e-6)


def test_the_sphere_is_the_icosphere_of_trimesh_up_to_the_order_of_vertices() -> None:
    expected = trimesh.creation.icosphere(subdivisions=3).vertices
    distances, nearest = cKDTree(expected).query(object_sphere().vertices)
    assert distances.max() < 1e-6
    assert len(set(nearest.tolist())) == 642


def test_chamfer_is_half_the_sum_of_both_mean_squared_distances() -> None:
    random = np.random.default_rng(0)
    points, others = random.normal(size=(3, 600, 3)), random.normal(size=(3, 642, 3))
    expected = [
        0.5 * ((cKDTree(b).query(a)[0] ** 2).mean() + (cKDTree(a).query(b)[0] ** 2).mean())
        for a, b in zip(points, others, strict=True)
    ]
    found = chamfer(torch.from_numpy(points), torch.from_numpy(others))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)


def test_the_slope_of_chamfer_is_that_of_small_steps() -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(1, 7, 3, dtype=torch.float64, generator=generator)
    others = torch.randn(1, 9, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(lambda moved: chamfer(points, moved), (others,))


def test_each_point_gets_its_nearest_one() -> None:
    points = torch.tensor([[[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]])
    others = torch.tensor([[[0.9, 1.0, 1.0], [0.1, 0.0, 0.0], [5.0, 5.0, 5.0]]])
    assert torch.equal(nearest_points(points, others), others[:, [1, 0]])


@pytest.mark.parametrize("seed", [0, 1])
def test_points_are_inside_where_trimesh_finds_them(seed: int) -> None:
    vertices = bumpy(seed)
    points = np.random.default_rng(seed).uniform(vertices.min(0), vertices.max(0), (2, 500, 3))
    mesh = trimesh.Trimesh(vertices, object_sphere().faces, process=False)
    expected = mesh.contains(points.reshape(-1, 3)).reshape(2, 500)
    batch = torch.from_numpy(vertices).expand(2, -1, -1)
    found = is_inside(torch.from_numpy(points), batch, FACES).numpy()
    assert 0.2 < expected.mean() < 0.8
    np.testing.assert_array_equal(found, expected)


def test_a_mesh_turned_inside_out_has_the_same_inside() -> None:
    points = torch.tensor([[[0.1, 0.2, -0.3], [0.9, 0.9, 0.9]]])
    assert is_inside(points, sphere()[None], FACES.flip(1)).tolist() == [[True, False]]


def test_what_two_parts_of_a_mesh_both_hold_is_inside() -> None:
    """Parity, which ObMan counts, says that it is outside."""
    both = torch.cat([sphere(), sphere() + torch.tensor([0.5, 0.0, 0.0])])[None]
    faces = torch.cat([FACES, FACES + 642])
    points = torch.tensor([[[0.25, 0.01, 0.02], [-0.9, 0.01, 0.02], [0.25, 0.0, 1.2]]])
    assert is_inside(points, both, faces).tolist() == [[True, True, False]]


def test_each_item_of_a_batch_has_its_own_mesh() -> None:
    vertices = torch.stack([sphere(), sphere() + 5.0])
    points = torch.tensor([[[0.1, 0.0, 0.0]], [[0.1, 0.0, 0.0]]])
    assert is_inside(points, vertices, FACES).tolist() == [[True], [False]]


def test_the_laplacian_of_a_perfect_sphere_is_its_mean_curvature(meshes: LossMeshes) -> None:
    """Over a vertex's share of the area it is twice the curvature 1 / r, towards the middle."""
    radius = 50.0
    share = 4.0 * np.pi * radius**2 / 642
    error = laplacian_error(sphere(radius)[None], meshes.laplacian)
    assert error.item() == pytest.approx(share * 2.0 / radius, rel=0.02)
    pull = -(meshes.laplacian @ sphere(radius))
    inward = -sphere()
    cosines = (pull * inward).sum(dim=1) / pull.norm(dim=1)
    assert cosines.min().item() > 0.99


def test_the_laplacian_punishes_a_spike_and_not_a_shift(meshes: LossMeshes) -> None:
    smooth = sphere()[None]
    spiky = smooth.clone()
    spiky[0, 7] *= 1.5
    plain, shifted, worse = (
        laplacian_error(one, meshes.laplacian).item() for one in (smooth, smooth + 3.0, spiky)
    )
    assert shifted == pytest.approx(plain, rel=1e-3)
    assert worse > 1.05 * plain


def test_edges_are_compared_with_their_mean() -> None:
    vertices = torch.tensor([[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0]]])
    edges = torch.tensor([[0, 1], [0, 2], [1, 2]])
    squares = np.array([1.0, 4.0, 5.0])
    expected = np.abs(squares - squares.mean()).mean()
    assert edge_error(vertices, edges).item() == pytest.approx(expected)


def test_the_edges_of_the_sphere_are_those_of_trimesh(meshes: LossMeshes) -> None:
    mesh = trimesh.Trimesh(object_sphere().vertices, object_sphere().faces, process=False)
    expected = np.unique(mesh.edges_unique, axis=0)
    np.testing.assert_array_equal(np.unique(meshes.edges.numpy(), axis=0), expected)


def test_zones_are_five_finger_pads_and_the_palm_without_a_common_vertex(
    meshes: LossMeshes,
) -> None:
    assert len(meshes.zones) == 6
    vertices = torch.cat(meshes.zones)
    assert min(len(zone) for zone in meshes.zones) >= 3
    assert len(vertices.unique()) == len(vertices)


def ball() -> Tensor:
    return sphere(RADIUS_M)[None]


def on_axis(*heights_m: float) -> Tensor:
    """Points above a vertex of the ball, so that their distance to it is to its surface."""
    return torch.tensor(heights_m)[None, :, None] * sphere()[5]


def test_the_nearest_vertex_of_a_zone_is_drawn_by_the_levelled_distance_to_a_ball() -> None:
    hand = on_axis(RADIUS_M + 0.004, RADIUS_M + 0.030, RADIUS_M + 0.015)
    zones = [torch.tensor([0, 1]), torch.tensor([2])]
    attraction, repulsion = contact_errors_mm(hand, ball(), FACES, zones)
    expected = np.mean([10.0 * np.tanh(0.4), 10.0 * np.tanh(1.5)])
    assert attraction.item() == pytest.approx(expected, rel=1e-3)
    assert repulsion.item() == 0.0


def test_what_is_inside_a_ball_is_driven_out_and_not_drawn() -> None:
    hand = on_axis(RADIUS_M - 0.005, RADIUS_M - 0.001, RADIUS_M + 0.1)
    zones = [torch.tensor([0]), torch.tensor([1])]
    attraction, repulsion = contact_errors_mm(hand, ball(), FACES, zones)
    expected = np.mean([20.0 * np.tanh(0.25), 20.0 * np.tanh(0.05)])
    assert repulsion.item() == pytest.approx(expected, rel=0.02)
    assert attraction.item() == 0.0


def test_a_step_down_the_slope_brings_hand_and_object_towards_each_other() -> None:
    hand = on_axis(RADIUS_M + 0.004, RADIUS_M - 0.006).requires_grad_()
    held = ball().requires_grad_()
    attraction, repulsion = contact_errors_mm(hand, held, FACES, [torch.tensor([0])])
    (attraction + repulsion).backward()
    assert hand.grad is not None
    assert held.grad is not None
    outwards = (hand.grad[0] @ sphere()[5]).tolist()
    assert outwards[0] > 0.0  # the step is against it: inwards
    assert outwards[1] < 0.0
    assert held.grad[0].abs().sum(dim=1).nonzero()[:, 0].tolist() == [5]


def test_a_hand_far_from_the_object_has_hardly_a_slope() -> None:
    hand = on_axis(RADIUS_M + 0.2).requires_grad_()
    contact_errors_mm(hand, ball(), FACES, [torch.tensor([0])])[0].backward()
    assert hand.grad is not None
    assert hand.grad.abs().max().item() < 1e-6
