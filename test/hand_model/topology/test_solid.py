"""Volumes and insides of closed meshes, against trimesh and against formulas."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from hand_object_recon.hand_model.topology.solid import (
    enclosed_volume,
    is_inside,
    winding_numbers,
)

Mesh = tuple[np.ndarray, np.ndarray]


def test_the_volume_of_an_icosahedron_is_that_of_its_formula(icosahedron: Mesh) -> None:
    edge = 2.0
    expected = 5.0 / 12.0 * (3.0 + np.sqrt(5.0)) * edge**3
    assert enclosed_volume(*icosahedron) == pytest.approx(expected)


def test_a_mesh_turned_inside_out_has_a_negative_volume(icosahedron: Mesh) -> None:
    vertices, faces = icosahedron
    assert enclosed_volume(vertices, faces[:, ::-1]) == pytest.approx(
        -enclosed_volume(*icosahedron)
    )


def test_the_volume_does_not_depend_on_where_the_mesh_is(icosahedron: Mesh) -> None:
    vertices, faces = icosahedron
    moved = vertices + np.array([1e4, -3.0, 20.0])
    assert enclosed_volume(moved, faces) == pytest.approx(enclosed_volume(vertices, faces))


def test_faces_go_round_a_point_inside_once_and_outside_not_at_all(icosahedron: Mesh) -> None:
    points = np.array([[0.0, 0.0, 0.0], [0.5, -0.4, 0.9], [2.0, 2.0, 2.0]])
    np.testing.assert_allclose(winding_numbers(points, *icosahedron), [1.0, 1.0, 0.0], atol=1e-12)


def test_two_meshes_over_each_other_go_round_twice(icosahedron: Mesh) -> None:
    vertices, faces = icosahedron
    twice = np.vstack([vertices, 0.5 * vertices]), np.vstack([faces, faces + len(vertices)])
    np.testing.assert_allclose(winding_numbers(np.zeros((1, 3)), *twice), 2.0)


def test_half_a_mesh_goes_round_half(icosahedron: Mesh) -> None:
    vertices, faces = icosahedron
    is_half = vertices[faces].mean(axis=1) @ np.array([1.0, 2.0, 3.0]) > 0.0
    both = [
        winding_numbers(np.zeros((1, 3)), vertices, faces[part]) for part in (is_half, ~is_half)
    ]
    assert both[0] + both[1] == pytest.approx(1.0)
    assert both[0] == pytest.approx(0.5)


def test_points_are_inside_where_trimesh_says_so() -> None:
    torus = trimesh.creation.torus(1.0, 0.4)
    points = np.random.default_rng(3).uniform(-1.5, 1.5, size=(3000, 3))
    found = is_inside(points, np.asarray(torus.vertices), np.asarray(torus.faces))
    np.testing.assert_array_equal(found, torus.contains(points))


def test_no_points_give_no_answers(icosahedron: Mesh) -> None:
    assert is_inside(np.zeros((0, 3)), *icosahedron).shape == (0,)
