"""Parts of a mesh, against trimesh."""

from __future__ import annotations

import numpy as np
import trimesh

from hand_object_recon.geometry.mesh_components import largest_component


def test_the_part_of_largest_area_is_kept_whatever_its_number_of_faces() -> None:
    fine_and_small = trimesh.creation.icosphere(3, 0.2)
    fine_and_small.apply_translation([5.0, 0.0, 0.0])
    large = trimesh.creation.icosphere(1, 1.0)
    both = trimesh.util.concatenate([fine_and_small, large])
    vertices, faces = largest_component(both.vertices, both.faces.astype(np.int32))
    found = trimesh.Trimesh(vertices, faces, process=False)
    expected = max(both.split(), key=lambda part: part.area)
    assert found.is_watertight
    assert len(found.vertices) == len(expected.vertices)
    np.testing.assert_allclose([found.area, found.volume], [expected.area, expected.volume])


def test_a_connected_mesh_stays_as_it_is_but_for_vertices_without_faces() -> None:
    ball = trimesh.creation.icosphere(2)
    vertices, faces = largest_component(ball.vertices, ball.faces.astype(np.int32))
    np.testing.assert_array_equal(vertices, ball.vertices)
    np.testing.assert_array_equal(faces, ball.faces)
    loose = np.concatenate([ball.vertices, [[9.0, 9.0, 9.0]]])
    vertices, _ = largest_component(loose, ball.faces.astype(np.int32))
    np.testing.assert_array_equal(vertices, ball.vertices)


def test_no_faces_have_no_part() -> None:
    vertices, faces = largest_component(np.ones((2, 3)), np.empty((0, 3), dtype=np.int32))
    assert vertices.shape == (0, 3)
    assert faces.shape == (0, 3)
