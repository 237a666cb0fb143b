"""Normals against an independent library and against analytic shapes."""

from __future__ import annotations

import numpy as np
import trimesh

from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.mesh_normals import cross, face_area_vectors, vertex_normals
from hand_object_recon.hand_model.model import load_hand_model


def normals_of(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    return vertex_normals(face_area_vectors(vertices, faces), faces, len(vertices))


def test_area_vectors_are_trimesh_normals_twice_the_area_long() -> None:
    mesh = trimesh.creation.icosphere(subdivisions=2)
    expected = 2.0 * mesh.area_faces[:, None] * mesh.face_normals
    np.testing.assert_allclose(face_area_vectors(mesh.vertices, mesh.faces), expected, atol=1e-12)


def test_vertex_normals_of_a_sphere_point_away_from_its_centre() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=3)
    normals = normals_of(np.asarray(sphere.vertices), np.asarray(sphere.faces))
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-12)
    assert np.sum(normals * sphere.vertices, axis=1).min() > 0.999


def test_vertex_normals_of_the_hands_agree_with_those_of_an_independent_library() -> None:
    for side in HandSide:
        hand = load_hand_model("open_hand", side)
        mesh = trimesh.Trimesh(hand.v_template, hand.faces, process=False)
        expected = np.zeros((778, 3))
        for face, normal, area in zip(mesh.faces, mesh.face_normals, mesh.area_faces, strict=True):
            expected[face] += area * normal
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        normals = normals_of(hand.v_template, hand.faces)
        assert normals.dtype == np.float32
        np.testing.assert_allclose(normals, expected, atol=1e-4)


def test_a_vertex_without_a_face_has_no_normal() -> None:
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]])
    normals = normals_of(vertices, np.array([[0, 1, 2]], dtype=np.int32))
    np.testing.assert_array_equal(normals, [[0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 0]])


def test_cross_is_that_of_numpy_with_broadcasting() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(size=(5, 4, 3)), random.normal(size=(5, 1, 3))
    np.testing.assert_allclose(cross(first, second), np.cross(first, second))
