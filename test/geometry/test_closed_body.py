"""Closed meshes keep what they are wherever they are seen from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_recon.geometry.closed_body import Body
from hand_object_recon.geometry.signed_distance import signed_distances

SIZE_M = np.array([0.06, 0.04, 0.10])
MIRROR = np.diag([-1.0, 1.0, 1.0])


def body_of(mesh: Any) -> Body:
    return Body(np.array(mesh.vertices), np.array(mesh.faces, dtype=np.int32))


def distances_to_box(points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    beyond = np.abs(points) - SIZE_M / 2
    outside = np.linalg.norm(np.maximum(beyond, 0.0), axis=1)
    return np.asarray(outside + np.minimum(beyond.max(axis=1), 0.0))


@pytest.mark.parametrize("mirror", [np.eye(3), MIRROR], ids=["turned", "mirrored"])
def test_a_body_seen_from_elsewhere_keeps_its_distances(mirror: NDArray[np.float64]) -> None:
    axes = Rotation.from_rotvec([0.4, -1.0, 0.3]).as_matrix() @ mirror
    origin = np.array([0.02, -0.01, 0.03])
    points = np.random.default_rng(0).uniform(-0.1, 0.1, (300, 3))
    seen = body_of(trimesh.creation.box(SIZE_M)).seen_from(origin, axes)
    distances = signed_distances((points - origin) @ axes.T, seen.vertices_m, seen.faces)
    np.testing.assert_allclose(distances, distances_to_box(points), atol=1e-9)


def test_the_center_is_the_mean_of_the_surface_however_it_is_cut_into_triangles() -> None:
    middle = np.array([0.1, -0.02, 0.05])
    mesh = trimesh.creation.box(SIZE_M).apply_translation(middle)
    half = np.flatnonzero(mesh.triangles_center[:, 0] > middle[0])
    mesh = mesh.subdivide(half).subdivide()
    assert np.abs(mesh.vertices.mean(axis=0) - middle).max() > 1e-3
    np.testing.assert_allclose(body_of(mesh).center_m, middle, atol=1e-9)


def test_points_are_spread_evenly_over_the_surface() -> None:
    mesh = trimesh.creation.box(SIZE_M)
    mesh = mesh.subdivide(np.flatnonzero(mesh.triangles_center[:, 0] > 0.0))
    points = body_of(mesh).surface_points(20_000, np.random.default_rng(0))
    np.testing.assert_allclose(distances_to_box(points), 0.0, atol=1e-12)
    areas = np.prod(SIZE_M) / SIZE_M  # of the faces across each axis
    for axis, area in enumerate(areas):
        share = (points[:, axis] > 0.5 * SIZE_M[axis] - 1e-9).mean()
        assert share == pytest.approx(area / (2.0 * areas.sum()), rel=0.05)
    np.testing.assert_allclose(points.mean(axis=0), 0.0, atol=1e-3)


@pytest.mark.parametrize("mirror", [np.eye(3), MIRROR], ids=["turned", "mirrored"])
def test_the_signed_volume_tells_which_way_round_faces_are_seen_from_outside(
    mirror: NDArray[np.floating[Any]],
) -> None:
    box = body_of(trimesh.creation.box(SIZE_M))
    turn = Rotation.from_rotvec([0.3, -0.5, 0.2]).as_matrix() @ mirror
    far_m = np.array([3.0, -2.0, 9.0])
    seen = box.seen_from(far_m, turn)
    assert seen.signed_volume_m3 == pytest.approx(SIZE_M.prod())
    inside_out = Body(seen.vertices_m, seen.faces[:, ::-1])
    assert inside_out.signed_volume_m3 == pytest.approx(-SIZE_M.prod())
