"""Edges, neighbours and rims agree with trimesh and with counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.sparse.csgraph import connected_components, dijkstra

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.keypoints import KEYPOINT_PARENTS
from hand_object_recon.hand_model.conventions import JOINT_PARENTS
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.topology.adjacency import (
    boundary_edges,
    boundary_loops,
    mesh_adjacency,
    mesh_edges,
    vertex_neighbours,
)
from hand_object_recon.hand_model.topology.skeleton_graph import (
    joint_adjacency,
    keypoint_adjacency,
)

Mesh = tuple[np.ndarray, np.ndarray]


def as_trimesh(model: HandModel) -> trimesh.Trimesh:
    return trimesh.Trimesh(model.v_template, model.faces, process=False)


def test_edges_are_those_trimesh_finds(either: HandModel) -> None:
    expected = as_trimesh(either).edges_unique
    found = mesh_edges(either.faces)
    np.testing.assert_array_equal(found, expected[np.lexsort(expected.T[::-1])])


def test_the_adjacency_is_symmetric_with_a_one_for_each_edge(either: HandModel) -> None:
    adjacency = mesh_adjacency(either.faces, len(either.v_template))
    assert (adjacency != adjacency.T).nnz == 0
    assert set(adjacency.data) == {1.0}
    assert adjacency.nnz == 2 * len(as_trimesh(either).edges_unique)
    assert connected_components(adjacency)[0] == 1


def test_neighbours_are_those_trimesh_finds(either: HandModel) -> None:
    neighbours = vertex_neighbours(either.faces, len(either.v_template))
    for own, expected in zip(neighbours, as_trimesh(either).vertex_neighbors, strict=True):
        assert own.tolist() == sorted(expected)


def test_a_vertex_without_a_face_has_no_neighbour(grid: Mesh) -> None:
    vertices, faces = grid
    neighbours = vertex_neighbours(faces, len(vertices) + 1)
    assert neighbours[-1].size == 0


def test_the_rim_of_a_hand_is_what_trimesh_leaves_open(either: HandModel) -> None:
    mesh = as_trimesh(either)
    lone = trimesh.grouping.group_rows(mesh.edges_sorted, require_count=1)
    expected = {tuple(edge) for edge in mesh.edges[lone].tolist()}
    assert {tuple(edge) for edge in boundary_edges(either.faces).tolist()} == expected


def test_a_hand_has_one_rim_along_the_edges_of_its_faces(either: HandModel) -> None:
    loops = boundary_loops(either.faces)
    assert len(loops) == 1
    around = np.column_stack([loops[0], np.roll(loops[0], -1)])
    expected = {tuple(edge) for edge in boundary_edges(either.faces).tolist()}
    assert {tuple(edge) for edge in around.tolist()} == expected


def test_a_grid_has_its_outline_for_a_rim(grid: Mesh) -> None:
    (loop,) = boundary_loops(grid[1])
    assert loop.tolist() == [0, 4, 8, 12, 13, 14, 15, 11, 7, 3, 2, 1]


def test_the_longest_rim_comes_first(grid: Mesh) -> None:
    _, faces = grid
    is_in_the_middle_cell = np.isin(faces, [5, 6, 9, 10]).all(axis=1)
    loops = boundary_loops(faces[~is_in_the_middle_cell])
    assert [len(loop) for loop in loops] == [12, 4]
    assert sorted(loops[1].tolist()) == [5, 6, 9, 10]


def test_a_closed_mesh_has_no_rim(icosahedron: Mesh) -> None:
    assert boundary_loops(icosahedron[1]) == ()


def test_rims_that_touch_in_a_vertex_are_refused_with_its_number() -> None:
    two_triangles = np.array([[0, 1, 2], [0, 3, 4]], dtype=np.int32)
    with pytest.raises(InvalidValueError, match="touch in vertex 0"):
        boundary_loops(two_triangles)


@pytest.mark.parametrize(
    ("adjacency", "parents"),
    [(keypoint_adjacency(), KEYPOINT_PARENTS), (joint_adjacency(), JOINT_PARENTS)],
    ids=["keypoints", "joints"],
)
def test_a_skeleton_is_a_tree_that_joins_children_to_parents(adjacency, parents) -> None:
    assert adjacency.shape == (len(parents), len(parents))
    assert adjacency.nnz == 2 * (len(parents) - 1)
    steps_from_wrist = dijkstra(adjacency, indices=0)
    for child, parent in enumerate(parents):
        if parent >= 0:
            assert adjacency[child, parent] == 1.0
            assert steps_from_wrist[child] == steps_from_wrist[parent] + 1
