"""Simple bodies are recognised in what is seen of them, at their true size, and others are not."""

from __future__ import annotations

from collections.abc import Callable

import igl
import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from hand_object_recon.core.objects import PrimitiveFit, PrimitiveKind
from hand_object_recon.object_model.fused_volume import FusedVolume
from hand_object_recon.object_model.object_view import ObjectView
from hand_object_recon.object_model.primitive_distances import distances_to
from hand_object_recon.object_model.primitive_fits import fit_box, fit_cylinder, fit_sphere
from hand_object_recon.object_model.primitives import describe
from hand_object_recon.synthesis.objects.catalogue import numbered_object

PosedView = Callable[..., ObjectView]

BALL = trimesh.creation.icosphere(subdivisions=4, radius=0.021)
CUBE = trimesh.creation.box((0.053, 0.053, 0.053))
CAN = trimesh.creation.cylinder(radius=0.033, height=0.1, sections=128)
BRICK = trimesh.creation.box((0.03, 0.08, 0.12))

BODIES = {
    PrimitiveKind.SPHERE: (BALL, (0.042, 0.042, 0.042)),
    PrimitiveKind.CYLINDER: (CAN, (0.066, 0.066, 0.1)),
    PrimitiveKind.BOX: (BRICK, (0.03, 0.08, 0.12)),
}


def seen_from_two_sides(
    mesh: trimesh.Trimesh, noise_m: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Points and normals, both noisy, on what two directions see of a mesh, anywhere in space."""
    random = np.random.default_rng(seed)
    points, faces = trimesh.sample.sample_surface(mesh, 3000, seed=seed)
    normals = mesh.face_normals[faces]
    first = random.normal(size=3)
    second = np.cross(first, random.normal(size=3))
    is_seen = (normals @ (first / np.linalg.norm(first)) > 0.15) | (
        normals @ (second / np.linalg.norm(second)) > 0.15
    )
    points = points[is_seen] + random.normal(0.0, noise_m, (is_seen.sum(), 3))
    normals = normals[is_seen] + random.normal(0.0, 0.1, (is_seen.sum(), 3))
    turn = Rotation.random(rng=random).as_matrix()
    place = random.normal(0.0, 0.1, 3)
    return points @ turn.T + place, normals @ turn.T / np.linalg.norm(normals, axis=1)[:, None]


def fused(mesh: trimesh.Trimesh, view_of: PosedView, views: int) -> tuple[np.ndarray, np.ndarray]:
    """The seen surface of a model fused from a turning mesh."""
    volume = FusedVolume()
    for view in range(views):
        pose = np.eye(4)
        turn = np.array([0.06, 0.12, 0.09]) * view + (0.3, 0.2, 0.1)
        pose[:3, :3], pose[:3, 3] = Rotation.from_rotvec(turn).as_matrix(), (0.0, 0.0, 0.45)
        volume.integrate(view_of(mesh, pose, view), pose)
    seen = volume.seen_surface()
    return seen.points_m, seen.normals


def described(points: np.ndarray, normals: np.ndarray) -> PrimitiveFit:
    fit = describe(points, normals)
    assert fit is not None
    return fit


@pytest.mark.parametrize("kind", BODIES)
def test_sizes_have_no_bias_under_noise(kind: PrimitiveKind) -> None:
    mesh, size_m = BODIES[kind]
    fits = [described(*seen_from_two_sides(mesh, 0.0015, seed)) for seed in range(12)]
    assert {fit.kind for fit in fits} == {kind}
    sizes = np.sort([fit.size_m for fit in fits], axis=1)
    np.testing.assert_allclose(sizes.mean(axis=0), np.sort(size_m), atol=0.002)
    assert np.sqrt(np.square(sizes - np.sort(size_m)).mean(axis=0)).max() < 0.003
    assert np.mean([fit.residual_m for fit in fits]) == pytest.approx(0.0015, abs=0.0003)


@pytest.mark.parametrize("kind", BODIES)
def test_exact_points_give_the_exact_body(kind: PrimitiveKind) -> None:
    mesh, size_m = BODIES[kind]
    points, faces = trimesh.sample.sample_surface(mesh, 3000, seed=1)
    turn, place = Rotation.from_rotvec((0.4, -0.8, 1.1)).as_matrix(), np.array([0.2, 0.1, -0.3])
    fit = described(points @ turn.T + place, mesh.face_normals[faces] @ turn.T)
    np.testing.assert_allclose(np.sort(fit.size_m), np.sort(size_m), atol=2e-4)
    np.testing.assert_allclose(fit.pose[:3, 3], place, atol=2e-4)
    if kind is PrimitiveKind.CYLINDER:
        assert abs(fit.pose[:3, 2] @ turn[:, 2]) > 0.9999


def test_a_ball_fused_from_views_is_a_sphere_of_its_diameter(view_of: PosedView) -> None:
    fit = described(*fused(BALL, view_of, views=10))
    assert fit.kind is PrimitiveKind.SPHERE
    assert float(fit.size_m[0]) == pytest.approx(0.042, abs=0.001)


def test_a_can_fused_from_views_is_a_cylinder_of_its_diameter(view_of: PosedView) -> None:
    fit = described(*fused(CAN, view_of, views=15))
    assert fit.kind is PrimitiveKind.CYLINDER
    assert float(fit.size_m[0]) == pytest.approx(0.066, abs=0.0015)
    assert float(fit.size_m[2]) == pytest.approx(0.1, abs=0.003)


def test_a_cube_fused_from_views_is_a_box(view_of: PosedView) -> None:
    fit = described(*fused(CUBE.subdivide().subdivide(), view_of, views=15))
    assert fit.kind is PrimitiveKind.BOX
    np.testing.assert_allclose(fit.size_m, 0.053, atol=0.005)
    assert float(np.median(fit.size_m)) == pytest.approx(0.053, abs=0.003)


@pytest.mark.parametrize("category", ["mug", "hammer", "banana", "torus", "wrench", "bottle"])
def test_what_is_no_simple_body_is_not_described(category: str, view_of: PosedView) -> None:
    shape = numbered_object(category, 3)
    mesh = trimesh.Trimesh(shape.vertices_m.astype(float), shape.faces, process=False)
    for views in (1, 10):
        assert describe(*fused(mesh, view_of, views)) is None


def test_a_single_face_does_not_tell_a_size() -> None:
    random = np.random.default_rng(0)
    points = np.c_[random.uniform(-0.03, 0.03, (500, 2)), random.normal(0.0, 0.0005, 500)]
    normals = np.tile([0.0, 0.0, 1.0], (500, 1)) + random.normal(0.0, 0.05, (500, 3))
    assert describe(points, normals / np.linalg.norm(normals, axis=1)[:, None]) is None


def test_too_few_points_describe_nothing() -> None:
    points, normals = seen_from_two_sides(BALL, 0.0, 0)
    assert describe(points[:40], normals[:40]) is None
    assert describe(points[:0], normals[:0]) is None


def test_points_that_lie_elsewhere_do_not_change_a_fit() -> None:
    points, normals = seen_from_two_sides(BALL, 0.0005, 3)
    stray = np.random.default_rng(0).random(len(points)) < 0.05
    far = points + np.where(stray[:, None], 0.02 * normals, 0.0)
    fitted = fit_sphere(far, normals)
    assert fitted is not None
    assert float(fitted.size_m[0]) == pytest.approx(0.042, abs=0.0006)


@pytest.mark.parametrize("kind", BODIES)
def test_distances_to_a_body_are_those_to_its_mesh(kind: PrimitiveKind) -> None:
    mesh, size_m = BODIES[kind]
    random = np.random.default_rng(0)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = Rotation.random(rng=random).as_matrix(), (0.1, 0.2, 0.3)
    points = random.uniform(-0.08, 0.08, (300, 3))
    expected = igl.signed_distance(points, mesh.vertices, mesh.faces.astype(np.int64))[0]
    found = distances_to(kind, np.array(size_m), pose, points @ pose[:3, :3].T + pose[:3, 3])
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_each_fit_refuses_what_does_not_tell_its_parameters() -> None:
    random = np.random.default_rng(0)
    flat = np.c_[random.uniform(-0.03, 0.03, (300, 2)), np.zeros(300)]
    up = np.tile([0.0, 0.0, 1.0], (300, 1))
    assert fit_sphere(flat, up) is None
    assert fit_cylinder(flat, up) is None
    assert fit_box(flat, up) is None
