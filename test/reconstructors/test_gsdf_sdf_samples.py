"""Sampled distances are those to the bodies, inside is inside, and each kind has its share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.closed_body import Body
from hand_object_recon.geometry.signed_distance import signed_distances
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.watertight import close_wrist
from hand_object_recon.reconstructors.gsdf.sdf_samples import (
    SdfSamples,
    sdf_samples,
)

REACH_M = 0.3
COUNT = 200
SIZE_M = np.array([0.06, 0.04, 0.10])


def body_of(mesh: Any) -> Body:
    return Body(np.array(mesh.vertices), np.array(mesh.faces, dtype=np.int32))


def box() -> Body:
    return body_of(trimesh.creation.box(SIZE_M))


def ball(middle: tuple[float, float, float] = (0.1, 0.0, 0.0)) -> Body:
    mesh = trimesh.creation.icosphere(subdivisions=4, radius=0.03)
    return body_of(mesh.apply_translation(middle))


def hand() -> Body:
    model = load_hand_model("open_hand", HandSide.RIGHT)
    closed = close_wrist(model)
    wrist = model.rest_joints_m[0].astype(np.float64)
    return Body(closed.vertices(model.v_template.astype(np.float64)) - wrist, closed.faces)


def distances_to(points: NDArray[Any], body: Body) -> NDArray[np.floating[Any]]:
    return signed_distances(points, body.vertices_m, body.faces)


def distances_to_box(points: NDArray[Any]) -> NDArray[np.float64]:
    beyond = np.abs(points) - SIZE_M / 2
    outside = np.linalg.norm(np.maximum(beyond, 0.0), axis=1)
    return outside + np.minimum(beyond.max(axis=1), 0.0)


def random_points(count: int) -> NDArray[np.float64]:
    return np.random.default_rng(0).uniform(-0.1, 0.1, (count, 3))


@pytest.fixture(scope="module")
def samples() -> SdfSamples:
    made = sdf_samples(hand(), ball(), REACH_M, COUNT, np.random.default_rng(1))
    assert made is not None
    return made


def test_distances_to_a_box_are_those_of_its_formula() -> None:
    points = random_points(500)
    np.testing.assert_allclose(distances_to(points, box()), distances_to_box(points), atol=1e-9)


def test_inside_of_bodies_that_overlap_is_inside_of_either() -> None:
    two = trimesh.util.concatenate(
        [trimesh.creation.box(SIZE_M), trimesh.creation.icosphere(radius=0.05)]
    )
    points = random_points(500)
    in_ball = np.linalg.norm(points, axis=1) < 0.0499
    beyond_ball = np.linalg.norm(points, axis=1) > 0.05
    found = distances_to(points, body_of(two)) < 0.0
    sure = in_ball | beyond_ball
    assert (found == ((distances_to_box(points) < 0) | in_ball))[sure].all()


def test_each_kind_of_points_has_its_share(samples: SdfSamples) -> None:
    inside_hand, outside_hand, inside_ball, outside_ball = np.split(samples.distances_m, 4)
    assert len(inside_hand) == COUNT
    assert (inside_hand[:, 0] < 0).all()
    assert (outside_hand[:, 0] >= 0).all()
    assert (inside_ball[:, 1] < 0).all()
    assert (outside_ball[:, 1] >= 0).all()
    assert np.abs(samples.points_m).max() <= REACH_M


def test_distances_of_points_are_exact_to_what_half_precision_holds(samples: SdfSamples) -> None:
    to_ball = np.linalg.norm(samples.points_m.astype(float) - [0.1, 0.0, 0.0], axis=1) - 0.03
    np.testing.assert_allclose(samples.distances_m[:, 1], to_ball, atol=2e-4)
    closed = hand()
    nearest = trimesh.Trimesh(closed.vertices_m, closed.faces, process=False)
    few = np.random.default_rng(2).choice(len(samples.points_m), 60, replace=False)
    points = samples.points_m[few].astype(float)
    _, gaps, _ = trimesh.proximity.closest_point_naive(nearest, points)
    np.testing.assert_allclose(np.abs(samples.distances_m[few, 0]), gaps, atol=1e-4)
    is_inside = closed_winding(points, closed) > 0.5
    assert ((samples.distances_m[few, 0] < 0) == is_inside).all()


def closed_winding(points: NDArray[np.float64], body: Body) -> NDArray[np.float64]:
    """Turns around points, triangle by triangle."""
    turns = np.zeros(len(points))
    for face in body.faces:
        a, b, c = (body.vertices_m[corner] - points for corner in face)
        lengths = [np.linalg.norm(one, axis=1) for one in (a, b, c)]
        volume = np.einsum("pc,pc->p", a, np.cross(b, c))
        rest = lengths[0] * lengths[1] * lengths[2]
        for (first, second), third in zip(((a, b), (b, c), (c, a)), (2, 0, 1), strict=True):
            rest = rest + np.einsum("pc,pc->p", first, second) * lengths[third]
        turns += np.arctan2(volume, rest) / (2 * np.pi)
    return turns


def test_most_points_lie_near_the_surface_and_some_anywhere(samples: SdfSamples) -> None:
    outside_ball = samples.distances_m[3 * COUNT :, 1]
    assert (outside_ball < 0.02).mean() > 0.5
    assert 0.15 < (outside_ball > 0.05).mean() < 0.45


def test_the_same_chance_gives_the_same_samples_and_another_others(samples: SdfSamples) -> None:
    again, other = (
        sdf_samples(hand(), ball(), REACH_M, COUNT, np.random.default_rng(seed)) for seed in (1, 2)
    )
    assert again is not None
    assert other is not None
    np.testing.assert_array_equal(again.points_m, samples.points_m)
    assert (other.points_m != samples.points_m).mean() > 0.9


def test_a_thin_sheet_s_few_points_inside_are_repeated() -> None:
    sheet = body_of(trimesh.creation.box([0.1, 0.1, 0.0002]))
    made = sdf_samples(hand(), sheet, REACH_M, COUNT, np.random.default_rng(0))
    assert made is not None
    inside = made.distances_m[2 * COUNT : 3 * COUNT, 1]
    assert (inside < 0).all()


def test_a_body_out_of_reach_gives_no_samples() -> None:
    far = ball((2.0, 0.0, 0.0))
    assert sdf_samples(hand(), far, REACH_M, COUNT, np.random.default_rng(0)) is None
