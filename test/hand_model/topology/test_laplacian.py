"""Laplacians have the values, sums and spectra their definitions ask for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import laplacian as scipy_laplacian

from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.topology.adjacency import mesh_adjacency
from hand_object_recon.hand_model.topology.laplacian import (
    chebyshev_laplacian,
    combinatorial_laplacian,
    corner_cotangents,
    cotangent_laplacian,
    largest_eigenvalue,
    normalised_laplacian,
)
from hand_object_recon.hand_model.topology.skeleton_graph import keypoint_adjacency

FlatGrid = Callable[[int], tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def adjacency(right: HandModel) -> csr_matrix:
    return mesh_adjacency(right.faces, len(right.v_template))


def test_the_combinatorial_laplacian_is_scipys(adjacency: csr_matrix) -> None:
    difference = combinatorial_laplacian(adjacency) - scipy_laplacian(adjacency)
    assert abs(difference).max() == 0.0


def test_the_normalised_laplacian_is_scipys(adjacency: csr_matrix) -> None:
    difference = normalised_laplacian(adjacency) - scipy_laplacian(adjacency, normed=True)
    assert abs(difference).max() < 1e-14


def test_a_node_without_an_edge_keeps_the_row_of_the_identity() -> None:
    lonely = csr_matrix(np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    expected = [[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    np.testing.assert_allclose(normalised_laplacian(lonely).toarray(), expected, atol=1e-15)


def test_the_largest_eigenvalue_is_that_of_the_dense_matrix(adjacency: csr_matrix) -> None:
    laplacian = normalised_laplacian(adjacency)
    expected = np.linalg.eigvalsh(laplacian.toarray()).max()
    assert largest_eigenvalue(laplacian) == pytest.approx(expected, abs=1e-9)
    assert largest_eigenvalue(laplacian) == largest_eigenvalue(laplacian)


def test_a_chebyshev_laplacian_spans_minus_one_to_one(adjacency: csr_matrix) -> None:
    for graph in (adjacency, keypoint_adjacency()):
        scaled = chebyshev_laplacian(normalised_laplacian(graph))
        eigenvalues = np.linalg.eigvalsh(scaled.toarray())
        assert eigenvalues.min() == pytest.approx(-1.0, abs=1e-9)
        assert eigenvalues.max() == pytest.approx(1.0, abs=1e-9)


def test_corner_cotangents_are_those_of_the_angles(right: HandModel) -> None:
    triangles = right.v_template.astype(np.float64)[right.faces[:50]]
    found = corner_cotangents(right.v_template, right.faces[:50])
    for corner in range(3):
        first = triangles[:, (corner + 1) % 3] - triangles[:, corner]
        second = triangles[:, (corner + 2) % 3] - triangles[:, corner]
        lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        angles = np.arccos(np.einsum("fc,fc->f", first, second) / lengths)
        np.testing.assert_allclose(found[:, corner], 1.0 / np.tan(angles), rtol=1e-6)


def test_a_face_without_area_adds_nothing_to_the_cotangent_laplacian() -> None:
    flat = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    laplacian = cotangent_laplacian(flat, np.array([[0, 1, 2]], dtype=np.int32))
    assert abs(laplacian).max() == 0.0


def test_the_cotangent_laplacian_gives_the_energy_of_a_linear_function(flat_grid: FlatGrid) -> None:
    """|(2, 3)|^2 over the unit square is 13, whatever the triangles."""
    vertices, faces = flat_grid(5)
    heights = vertices @ np.array([2.0, 3.0, 0.0])
    laplacian = cotangent_laplacian(vertices, faces)
    assert heights @ laplacian @ heights == pytest.approx(13.0)


def test_linear_functions_are_harmonic_inside_a_flat_mesh(flat_grid: FlatGrid) -> None:
    vertices, faces = flat_grid(5)
    inside = np.abs(vertices[:, :2] - 0.5).max(axis=1) < 0.49
    residual = cotangent_laplacian(vertices, faces) @ vertices
    np.testing.assert_allclose(residual[inside], 0.0, atol=1e-12)


def test_the_cotangent_laplacian_of_a_hand_is_symmetric_with_rows_that_vanish(
    either: HandModel,
) -> None:
    laplacian = cotangent_laplacian(either.v_template, either.faces)
    assert abs(laplacian - laplacian.T).max() < 1e-12
    np.testing.assert_allclose(np.asarray(laplacian.sum(axis=1)), 0.0, atol=1e-9)
    assert np.linalg.eigvalsh(laplacian.toarray()).min() > -1e-9
