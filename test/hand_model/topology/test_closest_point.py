"""Nearest points of a mesh, against trimesh."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.topology.closest_point import closest_points

Mesh = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def points(right: HandModel) -> np.ndarray:
    low, high = right.v_template.min(axis=0) - 0.03, right.v_template.max(axis=0) + 0.03
    return np.random.default_rng(4).uniform(low, high, size=(500, 3))


def test_points_are_as_near_as_those_of_trimesh(right: HandModel, points: np.ndarray) -> None:
    mesh = trimesh.Trimesh(right.v_template.astype(np.float64), right.faces, process=False)
    expected, distances, _ = trimesh.proximity.closest_point_naive(mesh, points)
    face, weights = closest_points(points, right.v_template, right.faces)
    found = np.einsum("pc,pcx->px", weights, mesh.triangles[face])
    np.testing.assert_allclose(np.linalg.norm(found - points, axis=1), distances, atol=1e-9)
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_weights_are_barycentric(right: HandModel, points: np.ndarray) -> None:
    _, weights = closest_points(points, right.v_template, right.faces)
    assert weights.min() >= 0.0
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-12)


def test_a_vertex_is_its_own_nearest_point(icosahedron: Mesh) -> None:
    vertices, faces = icosahedron
    face, weights = closest_points(vertices, vertices, faces)
    assert faces[face, weights.argmax(axis=1)].tolist() == list(range(12))
    np.testing.assert_allclose(weights.max(axis=1), 1.0)


def test_a_face_without_area_is_a_line() -> None:
    vertices = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    _, weights = closest_points(
        np.array([[0.25, 1.0, 0.0]]), vertices, np.array([[0, 1, 2]], dtype=np.int32)
    )
    np.testing.assert_allclose(weights @ vertices, [[0.25, 0.0, 0.0]], atol=1e-12)
