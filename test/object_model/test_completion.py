"""The closed surface of bodies of which a part was seen, against the bodies themselves."""

from __future__ import annotations

from collections.abc import Callable

import igl
import numpy as np
import pytest
import trimesh

from hand_object_recon.object_model.fused_volume import FusedVolume
from hand_object_recon.object_model.object_surface import CompletionRule, ObjectSurface
from hand_object_recon.object_model.object_view import ObjectView
from hand_object_recon.object_model.symmetry import find_symmetry

PosedView = Callable[..., ObjectView]

BODIES = {
    "ball": trimesh.creation.icosphere(subdivisions=4, radius=0.03),
    "cube": trimesh.creation.box((0.053, 0.053, 0.053)),
    "cylinder": trimesh.creation.cylinder(radius=0.028, height=0.09),
}


def pose_at(turn_deg: float) -> np.ndarray:
    """Camera from body, which stands upright, is looked down on and turned about its height."""
    tilt = trimesh.transformations.rotation_matrix(np.radians(65.0), (-1.0, 0.0, 0.0))
    turn = trimesh.transformations.rotation_matrix(np.radians(33.0 + turn_deg), (0.0, 0.0, 1.0))
    pose = np.diag([1.0, -1.0, -1.0, 1.0]) @ tilt @ turn
    pose[:3, 3] = (0.003, -0.002, 0.45)
    return np.asarray(pose)


def seen_through(view_of: PosedView, body: trimesh.Trimesh, turn_deg: float) -> FusedVolume:
    """The volume of a body after a turn, one view every 15 degrees."""
    volume = FusedVolume()
    for step in range(int(turn_deg / 15.0) + 1):
        pose = pose_at(15.0 * step)
        volume.integrate(view_of(body, pose, seed=step), pose)
    return volume


def as_trimesh(surface: ObjectSurface | None) -> trimesh.Trimesh:
    assert surface is not None
    return trimesh.Trimesh(surface.vertices_m, surface.faces, process=False)


def distances_m(points_m: np.ndarray, mesh: trimesh.Trimesh) -> np.ndarray:
    """Distances (N,) to the nearest place on a mesh."""
    squared, _, _ = igl.point_mesh_squared_distance(
        np.asarray(points_m, dtype=np.float64), np.asarray(mesh.vertices), np.asarray(mesh.faces)
    )
    return np.sqrt(squared)


def chamfer_m(surface: trimesh.Trimesh, body: trimesh.Trimesh) -> float:
    """Mean distance between the surfaces, both ways."""
    there = trimesh.sample.sample_surface(surface, 1500, seed=0)[0]
    here = trimesh.sample.sample_surface(body, 1500, seed=0)[0]
    ways = (distances_m(there, body), distances_m(here, surface))
    return float(np.mean([way.mean() for way in ways]))


@pytest.mark.parametrize("rule", CompletionRule)
@pytest.mark.parametrize("name", BODIES)
def test_the_surface_is_watertight_and_outward_from_the_first_view_on(
    name: str, rule: CompletionRule, view_of: PosedView
) -> None:
    volume = seen_through(view_of, BODIES[name], 0.0)
    surface = as_trimesh(volume.surface(rule, max_faces=1200))
    assert surface.is_watertight
    assert surface.is_winding_consistent
    assert surface.volume > 0.0
    assert len(surface.split(only_watertight=False)) == 1
    assert 400 < len(surface.faces) <= 1200


@pytest.mark.parametrize("name", BODIES)
def test_one_view_tells_a_symmetric_bodys_volume(name: str, view_of: PosedView) -> None:
    body = BODIES[name]
    made = seen_through(view_of, body, 0.0).surface()
    surface = as_trimesh(made)
    assert made is not None
    assert made.rule in (CompletionRule.PRIMITIVE, CompletionRule.SYMMETRY)
    assert surface.volume == pytest.approx(body.volume, rel=0.25)
    assert chamfer_m(surface, body) < 0.0025


@pytest.mark.parametrize("name", ["ball", "cylinder"])
def test_what_a_simple_body_describes_is_closed_by_it(name: str, view_of: PosedView) -> None:
    body = BODIES[name]
    made = seen_through(view_of, body, 30.0).surface()
    assert made is not None
    assert made.rule is CompletionRule.PRIMITIVE
    sizes = np.sort(as_trimesh(made).bounding_box_oriented.primitive.extents)
    np.testing.assert_allclose(sizes, np.sort(body.extents), atol=0.003)


def test_surface_that_few_readings_speak_for_counts_as_unseen(view_of: PosedView) -> None:
    volume = seen_through(view_of, BODIES["ball"], 0.0)
    before = volume.seen_surface().points_m
    volume.weight[: int(np.rint((-0.015 - volume.origin_m[0]) / volume.voxel_m))] *= 0.01
    settled = volume.settled().seen_surface().points_m
    assert before[:, 0].min() < -0.025
    assert settled[:, 0].min() > -0.02
    assert len(settled) > 0.7 * np.count_nonzero(before[:, 0] > -0.015)


@pytest.mark.parametrize("name", BODIES)
def test_a_whole_turn_leaves_a_millimetre_to_the_body(name: str, view_of: PosedView) -> None:
    body = BODIES[name]
    surface = as_trimesh(seen_through(view_of, body, 345.0).surface())
    assert surface.volume == pytest.approx(body.volume, rel=0.08)
    assert chamfer_m(surface, body) < 0.001


def test_the_completed_part_shrinks_as_the_body_turns(view_of: PosedView) -> None:
    shares = []
    for turn_deg in (0.0, 90.0, 345.0):
        made = seen_through(view_of, BODIES["cylinder"], turn_deg).surface()
        assert made is not None
        shares.append(1.0 - made.vertex_seen.mean())
    assert shares[0] > shares[1] > shares[2]
    assert shares[2] < 0.25


def test_seen_vertices_lie_on_the_body(view_of: PosedView) -> None:
    body = BODIES["cube"]
    made = seen_through(view_of, body, 90.0).surface()
    assert made is not None
    distances = distances_m(made.vertices_m[made.vertex_seen], body)
    assert np.median(distances) < 5e-4
    assert np.percentile(distances, 95) < 2e-3


def test_an_extrusion_closes_a_ball_better_than_its_hull(view_of: PosedView) -> None:
    volume = seen_through(view_of, BODIES["ball"], 0.0)
    truth = BODIES["ball"].volume
    extruded = as_trimesh(volume.surface(CompletionRule.EXTRUSION)).volume
    convex = as_trimesh(volume.surface(CompletionRule.CONVEX)).volume
    assert abs(extruded - truth) < 0.3 * truth < abs(convex - truth)


def test_normals_point_outwards_and_colours_are_carried_over(view_of: PosedView) -> None:
    volume = FusedVolume()
    pose = pose_at(0.0)
    ball = BODIES["ball"]
    volume.integrate(view_of(ball, pose, texture=lambda points: 120.0 + 0.0 * points[:, 0]), pose)
    made = volume.surface()
    assert made is not None
    outwards = made.vertices_m / np.linalg.norm(made.vertices_m, axis=1, keepdims=True)
    cosines = np.einsum("nc,nc->n", outwards, made.normals)
    assert np.mean(cosines > 0.7) > 0.9
    np.testing.assert_allclose(np.linalg.norm(made.normals, axis=1), 1.0, atol=1e-5)
    seen = made.vertex_colors[made.vertex_seen].astype(float)
    assert np.abs(np.median(seen, axis=0) - 120.0).max() < 4.0
    assert np.abs(made.vertex_colors[~made.vertex_seen].astype(float) - 120.0).max() < 6.0


def test_more_faces_are_given_when_asked_for(view_of: PosedView) -> None:
    volume = seen_through(view_of, BODIES["cylinder"], 90.0)
    counts = []
    for asked in (300, 2000, 6000):
        surface = as_trimesh(volume.surface(max_faces=asked))
        assert surface.is_watertight
        assert len(surface.faces) <= asked
        counts.append(len(surface.faces))
    assert counts == sorted(counts)
    assert counts[2] > 2000


def test_the_same_volume_gives_the_same_surface(view_of: PosedView) -> None:
    made = [seen_through(view_of, BODIES["cube"], 30.0).surface() for _ in range(2)]
    assert made[0] is not None
    assert made[1] is not None
    np.testing.assert_array_equal(made[0].vertices_m, made[1].vertices_m)
    np.testing.assert_array_equal(made[0].faces, made[1].faces)


def test_nothing_seen_has_no_surface() -> None:
    assert FusedVolume().surface() is None


def test_a_cylinder_is_found_to_turn_about_its_axis(view_of: PosedView) -> None:
    volume = seen_through(view_of, BODIES["cylinder"], 0.0)
    found = find_symmetry(volume.seen_surface(), volume.grid)
    assert found.exists
    half_turn = min(found.motions, key=lambda motion: np.trace(motion[:, :3]))
    np.testing.assert_allclose(half_turn[:, :3], np.diag([-1.0, -1.0, 1.0]), atol=0.15)
    np.testing.assert_allclose(half_turn[:2, 3], 0.0, atol=0.006)


def test_a_cube_is_found_to_be_mirrored_across_its_faces(view_of: PosedView) -> None:
    volume = seen_through(view_of, BODIES["cube"], 0.0)
    found = find_symmetry(volume.seen_surface(), volume.grid)
    normals = [
        np.linalg.eigh(motion[:, :3])[1][:, 0]
        for motion in found.motions
        if np.linalg.det(motion[:, :3]) < 0 and np.trace(motion[:, :3]) > 0
    ]
    assert len(normals) >= 2
    for normal in normals:
        assert np.abs(normal).max() > 0.97


def test_a_symmetry_found_once_is_kept_while_it_holds(view_of: PosedView) -> None:
    volume = seen_through(view_of, BODIES["cylinder"], 0.0)
    volume.surface(CompletionRule.SYMMETRY)
    found = volume.symmetries.found
    pose = pose_at(15.0)
    volume.integrate(view_of(BODIES["cylinder"], pose, seed=9), pose)
    volume.surface(CompletionRule.SYMMETRY)
    assert found is not None
    assert volume.symmetries.found is found
