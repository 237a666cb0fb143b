"""The order of neighbours around vertices; expected orders were obtained with OpenMesh 1.2.1."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial import cKDTree

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.topology.adjacency import vertex_neighbours
from hand_object_recon.hand_model.topology.of_model import mesh_hierarchy, spiral_indices
from hand_object_recon.hand_model.topology.spirals import build_spirals, nearest_vertices
from hand_object_recon.hand_model.topology.vertex_rings import vertex_rings

Mesh = tuple[np.ndarray, np.ndarray]

OPENMESH_ICOSAHEDRON = [
    *([10, 7, 1, 5, 11], [9, 5, 0, 7, 8], [10, 11, 4, 3, 6], [8, 6, 2, 4, 9]),
    *([11, 5, 9, 3, 2], [4, 11, 0, 1, 9], [7, 10, 2, 3, 8], [8, 1, 0, 10, 6]),
    *([1, 7, 6, 3, 9], [8, 3, 4, 5, 1], [6, 7, 0, 11, 2], [2, 10, 0, 5, 4]),
]
OPENMESH_GRID = [
    *([1, 4], [2, 5, 4, 0], [3, 6, 5, 1], [7, 6, 2], [0, 1, 5, 8], [9, 8, 4, 1, 2, 6]),
    *([10, 9, 5, 2, 3, 7], [11, 10, 6, 3], [4, 5, 9, 12], [13, 12, 8, 5, 6, 10]),
    *([14, 13, 9, 6, 7, 11], [15, 14, 10, 7], [8, 9, 13], [12, 9, 10, 14], [13, 10, 11, 15]),
    [14, 11],
]


@pytest.mark.parametrize(
    ("mesh", "expected"),
    [("icosahedron", OPENMESH_ICOSAHEDRON), ("grid", OPENMESH_GRID)],
)
def test_rings_start_and_turn_as_openmesh_does(
    request: pytest.FixtureRequest, mesh: str, expected: list[list[int]]
) -> None:
    vertices, faces = request.getfixturevalue(mesh)
    assert [list(ring) for ring in vertex_rings(faces, len(vertices))] == expected


def test_fans_that_meet_in_a_vertex_follow_one_another() -> None:
    faces = np.array([[0, 1, 2], [0, 3, 4]], dtype=np.int32)
    assert vertex_rings(faces, 6) == ((2, 1, 4, 3), (0, 2), (1, 0), (0, 4), (3, 0), ())


def test_rings_hold_the_neighbours_side_by_side(either: HandModel) -> None:
    edges = {tuple(face[[a, b]]) for face in either.faces for a, b in ((0, 1), (1, 2), (2, 0))}
    neighbours = vertex_neighbours(either.faces, len(either.v_template))
    for vertex, ring in enumerate(vertex_rings(either.faces, len(either.v_template))):
        assert sorted(ring) == neighbours[vertex].tolist()
        for here, onwards in pairwise(ring):
            assert (onwards, here) in edges, f"{here} and {onwards} around {vertex}"


def test_faces_wound_against_each_other_are_refused() -> None:
    faces = np.array([[0, 1, 2], [0, 1, 3]], dtype=np.int32)
    with pytest.raises(InvalidValueError, match="twice from vertex 0 to vertex 1"):
        vertex_rings(faces, 4)


def test_a_spiral_is_the_vertex_its_first_ring_and_its_second(grid: Mesh) -> None:
    spirals = build_spirals(*grid, length=16)
    np.testing.assert_array_equal(spirals[5, :7], [5, *OPENMESH_GRID[5]])
    outside = {0, 3, 7, 10, 11, 12, 13, 14, 15}
    assert set(spirals[5, 7:].tolist()) == outside


def test_the_second_ring_goes_on_where_the_first_ended(grid: Mesh) -> None:
    """From vertex 5 on, as published code gives it with OpenMesh's rings."""
    assert build_spirals(*grid)[5].tolist() == [5, 9, 8, 4, 1, 2, 6, 10, 13]


def test_a_dilated_spiral_takes_every_second_entry(right: HandModel) -> None:
    plain = build_spirals(right.v_template, right.faces, length=18)
    dilated = build_spirals(right.v_template, right.faces, length=9, dilation=2)
    np.testing.assert_array_equal(dilated, plain[:, ::2])


def test_spirals_are_vertices_without_repetition(either: HandModel) -> None:
    for level in range(5):
        spirals = spiral_indices(either, level)
        count = mesh_hierarchy(either).levels[level].vertex_count
        assert spirals.shape == (count, 9)
        assert spirals.dtype == np.int32
        np.testing.assert_array_equal(spirals[:, 0], np.arange(count))
        assert all(len(set(spiral)) == 9 for spiral in spirals.tolist())


def test_a_spiral_that_runs_out_of_surface_is_the_nearest_vertices() -> None:
    strip = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [9, 9, 9], [5, 5, 5], [7, 7, 7]])
    faces = np.array([[0, 1, 2], [3, 4, 5]], dtype=np.int32)
    spirals = build_spirals(strip, faces, length=5)
    assert spirals[0].tolist() == [0, 1, 2, 4, 5]
    assert spirals[4].tolist() == [4, 5, 3, 1, 2]


def test_nearest_vertices_are_those_of_a_search_tree(right: HandModel) -> None:
    _, expected = cKDTree(right.v_template.astype(np.float64)).query(right.v_template, k=9)
    for vertex in range(0, len(right.v_template), 50):
        found = nearest_vertices(right.v_template, vertex, 9)
        assert found.tolist() == expected[vertex].tolist()


def test_a_mesh_too_small_for_the_spiral_is_refused(grid: Mesh) -> None:
    with pytest.raises(InvalidValueError, match="need 18 vertices and the mesh has 16"):
        build_spirals(*grid, length=9, dilation=2)
