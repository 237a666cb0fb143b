"""Collapsing edges keeps vertices where they are, and the shape as well as the count allows."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import igl
import numpy as np
import pytest
import trimesh

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.topology.adjacency import boundary_edges
from hand_object_recon.hand_model.topology.closest_point import closest_points
from hand_object_recon.hand_model.topology.quadric_collapse import (
    collapse_edges,
    rim_quadrics,
    vertex_quadrics,
)

Mesh = tuple[np.ndarray, np.ndarray]
FlatGrid = Callable[[int], Mesh]

KEPT_BY_THE_PUBLISHED_CODE = [
    *(2, 3, 4, 7, 9, 10, 13, 14, 16, 17, 19, 20, 21, 22, 25, 26, 27, 28),
]
FACES_OF_THE_PUBLISHED_CODE = [
    *([0, 3, 6], [0, 6, 1], [1, 6, 4], [1, 4, 2], [2, 4, 5], [6, 7, 4], [4, 7, 5], [5, 8, 9]),
    *([6, 10, 7], [7, 10, 11], [7, 11, 5], [5, 11, 12], [5, 12, 8], [8, 12, 13], [8, 13, 9]),
    *([10, 14, 11], [11, 14, 15], [11, 15, 12], [12, 15, 16], [12, 16, 13], [13, 16, 17]),
    *([13, 17, 9], [15, 14, 16]),
]


def errors(quadrics: np.ndarray, vertices: np.ndarray, point: np.ndarray) -> np.ndarray:
    homogeneous = np.append(point, 1.0)
    return np.einsum("i,vij,j->v", homogeneous, quadrics, homogeneous)


def test_a_quadric_is_the_sum_of_squared_distances_to_the_planes_of_a_vertex(
    icosahedron: Mesh,
) -> None:
    vertices, faces = icosahedron
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    point = np.array([0.3, -0.8, 1.7])
    distances = np.einsum("fc,fc->f", point - vertices[faces[:, 0]], mesh.face_normals)
    expected = [(distances[(faces == vertex).any(axis=1)] ** 2).sum() for vertex in range(12)]
    found = errors(vertex_quadrics(vertices, faces), vertices, point)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_rim_quadric_is_the_distance_to_the_outline_of_a_flat_mesh(grid: Mesh) -> None:
    vertices, faces = grid
    found = errors(rim_quadrics(vertices, faces), vertices, np.array([0.25, 0.9, 5.0]))
    on_the_edge_x0, corner_x0_y0, inside = 1, 0, 5
    assert found[on_the_edge_x0] == pytest.approx(2 * 0.25**2)
    assert found[corner_x0_y0] == pytest.approx(0.25**2 + 0.9**2)
    assert found[inside] == 0.0


def test_a_bumpy_grid_collapses_as_in_the_published_code(flat_grid: FlatGrid) -> None:
    """Expected values are the output of the mesh sampling released with H2ONet (CoMA's)."""
    vertices, faces = flat_grid(6)
    x, y, _ = vertices.T
    height = 0.1 * np.sin(5 * x) * np.cos(3 * y) + 0.05 * x * y
    coarser = collapse_edges(np.column_stack([x, y, height]), faces, 18)
    assert coarser.kept.tolist() == KEPT_BY_THE_PUBLISHED_CODE
    assert coarser.faces.tolist() == FACES_OF_THE_PUBLISHED_CODE


def test_the_first_edge_to_go_is_the_cheapest_of_all(right: HandModel) -> None:
    """Against every edge of the mesh tried by hand."""
    vertices, faces = right.v_template.astype(np.float64), right.faces
    quadrics = vertex_quadrics(vertices, faces)
    cheapest, gone = np.inf, -1
    edges = {tuple(sorted(pair)) for face in faces.tolist() for pair in combinations(face, 2)}
    for first, second in sorted(edges):
        both = quadrics[first] + quadrics[second]
        for stays, goes in ((first, second), (second, first)):
            point = np.append(vertices[stays], 1.0)
            if (cost := point @ both @ point) < cheapest:
                cheapest, gone = cost, goes
    coarser = collapse_edges(vertices, faces, len(vertices) - 1)
    assert set(range(len(vertices))) - set(coarser.kept.tolist()) == {gone}


def test_the_count_asked_for_is_what_is_left(right: HandModel) -> None:
    coarser = collapse_edges(right.v_template, right.faces, 389)
    assert coarser.kept.shape == (389,)
    assert np.all(np.diff(coarser.kept) > 0)
    np.testing.assert_array_equal(np.unique(coarser.faces), np.arange(389))


def test_faces_keep_three_corners_and_their_winding(either: HandModel) -> None:
    coarser = collapse_edges(either.v_template, either.faces, 195)
    assert all(len(set(face)) == 3 for face in coarser.faces.tolist())
    mesh = trimesh.Trimesh(either.v_template[coarser.kept], coarser.faces, process=False)
    assert mesh.is_winding_consistent


@pytest.mark.parametrize("rim_weight", [0.0, 1.0])
@pytest.mark.parametrize("count", [389, 195, 98, 49])
def test_a_hand_stays_a_ball_with_one_hole(right: HandModel, count: int, rim_weight: float) -> None:
    coarser = collapse_edges(right.v_template, right.faces, count, rim_weight)
    assert igl.euler_characteristic(coarser.faces.astype(np.int64)) == 1


def test_corners_of_a_cube_outlive_the_vertices_on_its_sides() -> None:
    cube = trimesh.creation.box().subdivide().subdivide()
    corners = np.flatnonzero(np.abs(np.abs(cube.vertices) - 0.5).max(axis=1) < 1e-9)
    coarser = collapse_edges(np.asarray(cube.vertices), cube.faces.astype(np.int32), 8)
    np.testing.assert_array_equal(coarser.kept, corners)
    volume = trimesh.Trimesh(cube.vertices[coarser.kept], coarser.faces, process=False).volume
    assert volume == pytest.approx(1.0)


def test_a_rim_weight_keeps_the_wrist_where_it_is(right: HandModel) -> None:
    rim = right.v_template[np.unique(boundary_edges(right.faces))]

    def greatest_creep_m(rim_weight: float) -> float:
        coarser = collapse_edges(right.v_template, right.faces, 98, rim_weight)
        vertices = right.v_template[coarser.kept]
        face, weights = closest_points(rim, vertices, coarser.faces)
        nearest = np.einsum("pc,pcx->px", weights, vertices[coarser.faces[face]])
        return float(np.linalg.norm(nearest - rim, axis=1).max())

    assert greatest_creep_m(1.0) < 0.006
    assert greatest_creep_m(0.0) > 0.020


def test_the_same_mesh_gives_the_same_result(right: HandModel) -> None:
    first, second = (collapse_edges(right.v_template, right.faces, 98) for _ in range(2))
    np.testing.assert_array_equal(first.kept, second.kept)
    np.testing.assert_array_equal(first.faces, second.faces)


@pytest.mark.parametrize("count", [0, 13])
def test_a_count_beyond_the_mesh_is_refused(icosahedron: Mesh, count: int) -> None:
    with pytest.raises(InvalidValueError, match=rf"vertex_count is {count}; .*\[1, 12\]"):
        collapse_edges(*icosahedron, count)


def test_a_mesh_that_cannot_get_that_small_is_refused(icosahedron: Mesh) -> None:
    with pytest.raises(InvalidValueError, match="leads past it to 0"):
        collapse_edges(*icosahedron, 1)
