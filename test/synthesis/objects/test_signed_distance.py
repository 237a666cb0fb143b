"""Signed distances are exact, and their samples lie where a network is to learn most."""

from __future__ import annotations

import igl
import numpy as np
import pytest
import trimesh

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.objects.catalogue import numbered_object
from hand_object_recon.synthesis.objects.object_shape import centered_object
from hand_object_recon.synthesis.objects.signed_distance import (
    nearest_surface,
    signed_distance_samples,
)
from hand_object_recon.synthesis.objects.surface_points import (
    dense_surface_points,
    random_surface_points,
)

BOX = trimesh.creation.box((0.06, 0.04, 0.1))
BOX_SHAPE = centered_object("box-1", "box", BOX.vertices, BOX.faces.astype(np.int32))


def box_distances(points: np.ndarray) -> np.ndarray:
    """Exact signed distances to the box of sides 60, 40 and 100 mm."""
    beyond = np.abs(points) - np.array([0.03, 0.02, 0.05])
    outside = np.linalg.norm(np.maximum(beyond, 0.0), axis=1)
    return np.asarray(outside + np.minimum(beyond.max(axis=1), 0.0))


def test_distances_to_a_box_are_those_of_its_formula() -> None:
    points = np.random.default_rng(0).uniform(-0.08, 0.08, (3000, 3))
    nearest = nearest_surface(BOX_SHAPE, points)
    np.testing.assert_allclose(nearest.distances_m, box_distances(points), atol=1e-8)


def test_feet_lie_on_the_surface_at_that_distance() -> None:
    points = np.random.default_rng(0).uniform(-0.08, 0.08, (500, 3))
    nearest = nearest_surface(BOX_SHAPE, points)
    np.testing.assert_allclose(box_distances(nearest.feet_m), 0.0, atol=1e-8)
    lengths = np.linalg.norm(points - nearest.feet_m, axis=1)
    np.testing.assert_allclose(lengths, np.abs(nearest.distances_m), atol=1e-8)


def test_samples_of_a_mug_have_the_distances_found_face_by_face() -> None:
    shape = numbered_object("mug", 3)
    points, distances = signed_distance_samples(shape, 40, np.random.default_rng(1))
    vertices = shape.vertices_m.astype(np.float64)
    corners = vertices[shape.faces]
    for point, distance in zip(points.astype(np.float64), distances, strict=True):
        every = np.broadcast_to(point, (len(corners), 3))
        feet = trimesh.triangles.closest_point(corners, every)
        expected = np.linalg.norm(feet - point, axis=1).min()
        winding = igl.winding_number(vertices, shape.faces.astype(np.int64), point[None])[0]
        assert distance == pytest.approx(-expected if winding > 0.5 else expected, abs=1e-6)


def test_samples_are_near_the_surface_in_two_bands_and_all_through_the_box() -> None:
    points, distances = signed_distance_samples(BOX_SHAPE, 20_000, np.random.default_rng(0))
    assert points.shape == (20_000, 3)
    assert distances.shape == (20_000,)
    assert points.dtype == distances.dtype == np.float32
    # of the near band 95 % lie within two sigmas; chance and the other bands add some
    assert 0.38 < np.mean(np.abs(distances) < 0.005) < 0.62
    assert 0.75 < np.mean(np.abs(distances) < 0.020) < 1.0
    assert (distances < 0).mean() > 0.25
    in_box = np.abs(points) < np.array([0.05, 0.04, 0.07])
    assert in_box.all(axis=1).mean() > 0.97
    assert np.histogramdd(points[in_box.all(axis=1)], bins=4)[0].min() > 20


def test_samples_come_in_random_order() -> None:
    _, distances = signed_distance_samples(BOX_SHAPE, 4000, np.random.default_rng(0))
    halves = np.abs(distances).reshape(2, 2000).mean(axis=1)
    assert halves[0] == pytest.approx(halves[1], rel=0.15)


def test_the_same_generator_state_gives_the_same_samples() -> None:
    one, other = (
        signed_distance_samples(BOX_SHAPE, 50, np.random.default_rng(7)) for _ in range(2)
    )
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_any_count_is_met(count: int) -> None:
    points, distances = signed_distance_samples(BOX_SHAPE, count, np.random.default_rng(0))
    assert len(points) == len(distances) == count


def test_no_samples_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="ask for 1 or more"):
        signed_distance_samples(BOX_SHAPE, 0, np.random.default_rng(0))


def test_random_points_are_spread_by_area() -> None:
    points = random_surface_points(
        BOX_SHAPE.vertices_m, BOX_SHAPE.faces, 20_000, np.random.default_rng(0)
    )
    np.testing.assert_allclose(box_distances(points), 0.0, atol=1e-8)
    on_x = np.isclose(np.abs(points[:, 0]), 0.03, atol=1e-7).mean()
    assert on_x == pytest.approx(0.04 * 0.1 / (0.04 * 0.1 + 0.06 * 0.1 + 0.06 * 0.04), abs=0.02)
    assert np.abs(points.mean(axis=0)).max() < 1e-3


def test_dense_points_leave_no_part_of_the_surface_farther_than_the_spacing() -> None:
    dense = dense_surface_points(BOX_SHAPE.vertices_m, BOX_SHAPE.faces, 0.004)
    np.testing.assert_allclose(box_distances(dense), 0.0, atol=1e-8)
    random = random_surface_points(
        BOX_SHAPE.vertices_m, BOX_SHAPE.faces, 1000, np.random.default_rng(0)
    )
    gaps = np.linalg.norm(random[:, None] - dense[None], axis=2).min(axis=1)
    assert gaps.max() < 0.004
