"""Contact, depth and shared volume agree with geometry and with trimesh."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
import trimesh

from hand_object_recon.core.errors import DependencyError, InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.evaluation.metrics import interaction
from hand_object_recon.evaluation.metrics.interaction import (
    Meshes,
    contact_scores,
    exact_intersection_volume,
    grid_intersection_volume,
)
from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh
from hand_object_recon.geometry import signed_distance
from hand_object_recon.geometry.signed_distance import signed_distances
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.watertight import close_wrist

pytest.importorskip("igl", reason="the extra 'evaluation' is not installed")
pytest.importorskip("manifold3d", reason="the extra 'evaluation' is not installed")

RADIUS_M = 0.03


def ball(x_m: float = 0.0, subdivisions: int = 4) -> SurfaceMesh:
    made = trimesh.creation.icosphere(subdivisions=subdivisions, radius=RADIUS_M)
    return SurfaceMesh(np.add(made.vertices, [x_m, 0.0, 0.0]), made.faces)


def box(extents_m: tuple[float, float, float], x_m: float = 0.0) -> SurfaceMesh:
    made = trimesh.creation.box(extents=extents_m)
    return SurfaceMesh(np.add(made.vertices, [x_m, 0.0, 0.0]), made.faces)


def lens_cm3(distance_m: float) -> float:
    """Volume two balls of the radius share at a distance of their centres."""
    height = RADIUS_M - distance_m / 2
    return 1e6 * 2 * np.pi * height**2 * (3 * RADIUS_M - height) / 3


def closed_hand() -> SurfaceMesh:
    model = load_hand_model("open_hand", HandSide.RIGHT)
    closed = close_wrist(model)
    return SurfaceMesh(closed.vertices(np.asarray(model.v_template, np.float64)), closed.faces)


def test_signed_distances_are_trimeshs_of_a_hand() -> None:
    hand = closed_hand()
    random = np.random.default_rng(1)
    points = hand.vertices_m[::20] + random.normal(0.0, 0.01, (len(hand.vertices_m[::20]), 3))
    reference = trimesh.Trimesh(hand.vertices_m, hand.faces, process=False)
    triangles = reference.triangles
    distances = [
        np.linalg.norm(
            trimesh.triangles.closest_point(triangles, np.tile(point, (len(triangles), 1))) - point,
            axis=1,
        ).min()
        for point in points
    ]
    inside = reference.contains(points)

    assert 0.2 < inside.mean() < 0.8
    np.testing.assert_allclose(
        signed_distances(points, hand.vertices_m, hand.faces),
        np.where(inside, -1, 1) * distances,
        atol=1e-9,
    )


def test_the_depth_of_a_ball_in_a_box_is_to_the_surface_and_to_the_corners() -> None:
    touching = contact_scores([ball(x_m=0.07)], [box((0.1, 0.1, 0.1))])

    assert touching.ratio.value == 100.0
    assert touching.depth.value == pytest.approx(1.0)
    to_corner_mm = 1000 * np.linalg.norm([0.05 - 0.04, 0.05, 0.05])
    assert touching.depth_to_vertices.value == pytest.approx(to_corner_mm, rel=0.01)
    assert touching.depth_to_vertices.value > 10 * touching.depth.value


def test_a_hand_that_does_not_reach_the_object_has_no_depth() -> None:
    apart = contact_scores([ball(x_m=0.081)], [box((0.1, 0.1, 0.1))])

    assert [score.value for score in apart] == [0.0, 0.0, 0.0]


def test_means_are_over_all_samples_those_without_contact_too() -> None:
    wall = box((0.1, 0.1, 0.1))
    scores = contact_scores([ball(x_m=0.07), ball(x_m=0.1)], [wall, wall])

    assert scores.ratio.value == 50.0
    assert scores.depth.value == pytest.approx(0.5)


@pytest.mark.parametrize("distance_m", [0.0, 0.02, 0.05])
def test_the_exact_volume_of_two_balls_is_that_of_the_lens(distance_m: float) -> None:
    found = exact_intersection_volume([ball()], [ball(distance_m)])

    assert found.value == pytest.approx(lens_cm3(distance_m), rel=0.02)
    assert found.unit == "cm³"


def test_the_exact_volume_of_two_boxes_is_exact() -> None:
    found = exact_intersection_volume([box((0.04, 0.05, 0.06))], [box((0.1, 0.03, 0.1), 0.06)])

    assert found.value == pytest.approx(1.0 * 3.0 * 6.0, rel=1e-6)


def test_bodies_apart_share_nothing() -> None:
    apart = [ball()], [ball(0.07)]

    assert exact_intersection_volume(*apart).value == 0.0
    assert grid_intersection_volume(*apart).value == 0.0


@pytest.mark.parametrize("distance_m", [0.02, 0.04])
def test_the_grid_volume_nears_the_exact_one_as_the_grid_gets_finer(distance_m: float) -> None:
    pair = [ball(subdivisions=3)], [ball(distance_m, subdivisions=3)]
    exact = exact_intersection_volume(*pair).value

    assert grid_intersection_volume(*pair).value == pytest.approx(exact, rel=0.05)
    assert grid_intersection_volume(*pair, pitch_m=0.001).value == pytest.approx(exact, rel=0.01)


def test_the_grid_starts_a_pitch_before_the_overlap_of_the_boxes() -> None:
    bodies = [trimesh.Trimesh(m.vertices_m, m.faces) for m in (ball(), ball(0.0123))]
    low = np.maximum(bodies[0].bounds[0], bodies[1].bounds[0]) - 0.005
    high = np.minimum(bodies[0].bounds[1], bodies[1].bounds[1]) + 0.005
    points = []
    for x in np.arange(low[0], high[0], 0.005):
        for y in np.arange(low[1], high[1], 0.005):
            points += [[x, y, z] for z in np.arange(low[2], high[2], 0.005)]
    inside = np.all([body.contains(points) for body in bodies], axis=0)

    found = grid_intersection_volume([ball()], [ball(0.0123)])
    assert found.value == pytest.approx(0.125 * inside.sum())


def test_the_exact_volume_takes_a_real_hand() -> None:
    hand = closed_hand()
    center = hand.vertices_m.mean(axis=0)
    around = trimesh.creation.box(extents=(0.5, 0.5, 0.5))
    whole = SurfaceMesh(around.vertices + center, around.faces)
    expected = trimesh.Trimesh(hand.vertices_m, hand.faces, process=False).volume

    assert exact_intersection_volume([hand], [whole]).value == pytest.approx(
        1e6 * expected, rel=1e-3
    )


def test_a_mesh_with_a_hole_is_an_invalid_sample_of_the_exact_volume() -> None:
    whole = ball()
    holed = SurfaceMesh(whole.vertices_m, whole.faces[1:])
    found = exact_intersection_volume([holed, whole], [whole, whole])

    assert (found.count_used, found.count_invalid) == (1, 1)


def test_missing_and_broken_meshes_are_counted() -> None:
    whole = ball()
    vertices = whole.vertices_m.copy()
    vertices[0] = np.nan
    hands = [None, SurfaceMesh(vertices, whole.faces), whole, whole]
    objects = [whole, whole, None, whole]
    for score in (
        *contact_scores(hands, objects),
        grid_intersection_volume(hands, objects),
        exact_intersection_volume(hands, objects),
    ):
        assert (score.count_used, score.count_missing, score.count_invalid) == (1, 2, 1)


def test_hands_and_objects_come_in_pairs() -> None:
    with pytest.raises(InvalidValueError, match="1 hands for 0 objects"):
        contact_scores([ball()], [])


@pytest.mark.parametrize(
    ("module", "library", "measure"),
    [
        (signed_distance, "libigl", contact_scores),
        (interaction, "manifold3d", exact_intersection_volume),
    ],
)
def test_an_absent_library_is_named_with_the_way_to_install_it(
    module: ModuleType,
    library: str,
    measure: Callable[[Meshes, Meshes], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(module, "import_module", absent)
    with pytest.raises(DependencyError, match=rf"{library}.*hand_object_recon\[evaluation\]"):
        measure([ball()], [ball()])
