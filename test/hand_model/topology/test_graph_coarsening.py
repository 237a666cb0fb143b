"""A graph coarsened into a binary tree with fake nodes, for pooling in pairs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.topology.adjacency import mesh_adjacency
from hand_object_recon.hand_model.topology.graph_coarsening import (
    GraphHierarchy,
    build_graph_hierarchy,
    tree_orders,
)
from hand_object_recon.hand_model.topology.heavy_edge_matching import VisitingOrder, match_nodes
from hand_object_recon.hand_model.topology.of_model import graph_hierarchy


@pytest.fixture(scope="module")
def hierarchy(right: HandModel) -> GraphHierarchy:
    return graph_hierarchy(right)


@pytest.fixture(scope="module")
def adjacency(right: HandModel) -> csr_matrix:
    return mesh_adjacency(right.faces, len(right.v_template))


def path_graph(weights: list[float]) -> csr_matrix:
    return csr_matrix(np.diag(weights, 1) + np.diag(weights, -1))


@pytest.mark.parametrize("order", list(VisitingOrder))
def test_pairs_are_neighbours_and_nobody_is_in_two(
    adjacency: csr_matrix, order: VisitingOrder
) -> None:
    pair_of_node = match_nodes(adjacency, order)
    sizes = np.bincount(pair_of_node)
    assert set(sizes) <= {1, 2}
    for pair in np.flatnonzero(sizes == 2):
        first, second = np.flatnonzero(pair_of_node == pair)
        assert adjacency[first, second] == 1.0


@pytest.mark.parametrize("order", list(VisitingOrder))
def test_nobody_stays_single_beside_another_single(
    adjacency: csr_matrix, order: VisitingOrder
) -> None:
    pair_of_node = match_nodes(adjacency, order)
    singles = np.flatnonzero(np.bincount(pair_of_node)[pair_of_node] == 1)
    assert adjacency[singles][:, singles].nnz == 0


def test_the_heavier_edge_is_matched() -> None:
    pair_of_node = match_nodes(path_graph([1.0, 5.0, 5.0, 1.0, 1.0]), VisitingOrder.LIGHTEST)
    assert pair_of_node[0] == pair_of_node[1]
    assert pair_of_node[4] == pair_of_node[5]
    assert pair_of_node[2] == pair_of_node[3]


def test_siblings_stand_side_by_side_and_fakes_fill_the_gaps() -> None:
    parents = [np.array([0, 1, 0]), np.array([0, 0])]
    assert [order.tolist() for order in tree_orders(parents, 2)] == [
        [0, 2, 1, 3, 4, 5, 6, 7],
        [0, 1, 2, 3],
        [0, 1],
    ]


def test_a_hand_has_the_node_counts_of_the_published_networks(hierarchy: GraphHierarchy) -> None:
    assert hierarchy.node_counts == (1008, 504, 252, 126, 63)
    assert hierarchy.vertex_count == 778
    assert (~hierarchy.is_real(0)).sum() == 230


def test_the_order_is_a_permutation(hierarchy: GraphHierarchy) -> None:
    assert sorted(hierarchy.order.tolist()) == list(range(1008))
    np.testing.assert_array_equal(hierarchy.order[hierarchy.node_of_vertex(0)], np.arange(778))


def test_the_finest_level_is_the_mesh_in_a_new_order(
    hierarchy: GraphHierarchy, adjacency: csr_matrix
) -> None:
    nodes = hierarchy.node_of_vertex(0)
    assert (hierarchy.adjacencies[0][nodes][:, nodes] != adjacency).nnz == 0


def test_edges_of_a_coarse_level_are_those_between_its_nodes(hierarchy: GraphHierarchy) -> None:
    for level in range(1, 5):
        finer = hierarchy.adjacencies[level - 1].toarray()
        summed = finer.reshape(len(finer) // 2, 2, -1, 2).sum(axis=(1, 3))
        np.fill_diagonal(summed, 0.0)
        np.testing.assert_array_equal(hierarchy.adjacencies[level].toarray(), summed)


def test_fake_nodes_have_no_edge_and_real_ones_hang_together(hierarchy: GraphHierarchy) -> None:
    for level, adjacency in enumerate(hierarchy.adjacencies):
        is_real = hierarchy.is_real(level)
        assert adjacency[~is_real].nnz == 0
        assert connected_components(adjacency[is_real][:, is_real])[0] == 1


def test_vertices_of_a_coarse_node_hang_together(
    hierarchy: GraphHierarchy, adjacency: csr_matrix
) -> None:
    nodes = hierarchy.node_of_vertex(4)
    for node in np.unique(nodes):
        members = np.flatnonzero(nodes == node)
        assert len(members) <= 16
        assert connected_components(adjacency[members][:, members])[0] == 1


def test_repeating_each_node_twice_leads_to_the_finer_level(hierarchy: GraphHierarchy) -> None:
    for level in range(1, 5):
        values = np.arange(hierarchy.node_counts[level])
        finer = np.repeat(values, 2)[hierarchy.node_of_vertex(level - 1)]
        np.testing.assert_array_equal(finer, hierarchy.node_of_vertex(level))


def test_means_down_and_copies_up_keep_a_constant(hierarchy: GraphHierarchy) -> None:
    for level in range(5):
        down, up = hierarchy.from_vertices(level), hierarchy.to_vertices(level)
        np.testing.assert_allclose(down @ np.ones(778), hierarchy.is_real(level), atol=1e-6)
        np.testing.assert_allclose(up @ (down @ np.ones(778)), 1.0, atol=1e-6)


def test_chebyshev_laplacians_have_their_eigenvalues_in_minus_one_to_one(
    hierarchy: GraphHierarchy,
) -> None:
    for laplacian in hierarchy.laplacians():
        eigenvalues = np.linalg.eigvalsh(laplacian.toarray())
        assert eigenvalues.min() >= -1.0 - 1e-9
        assert eigenvalues.max() == pytest.approx(1.0, abs=1e-9)


def test_published_laplacians_have_the_spectra_of_the_released_files(
    hierarchy: GraphHierarchy,
) -> None:
    *finer, coarsest = (
        np.linalg.eigvalsh(laplacian.toarray()) for laplacian in hierarchy.laplacians("published")
    )
    for eigenvalues in finer:
        assert eigenvalues.min() == pytest.approx(-1.0, abs=1e-9)
        assert eigenvalues.max() == pytest.approx(-0.5, abs=1e-9)
    assert coarsest.min() == pytest.approx(0.0, abs=1e-9)
    assert 1.0 < coarsest.max() <= 2.0


def test_an_unknown_scaling_is_refused(hierarchy: GraphHierarchy) -> None:
    with pytest.raises(InvalidValueError, match="scaling is 'odd'"):
        hierarchy.laplacians("odd")


def test_a_level_there_is_not_is_refused(hierarchy: GraphHierarchy) -> None:
    with pytest.raises(InvalidValueError, match=r"level is 5; it must lie in \[0, 4\]"):
        hierarchy.node_of_vertex(5)


def test_the_thriftier_order_is_taken_where_the_published_one_does_not_fit(
    adjacency: csr_matrix,
) -> None:
    natural = build_graph_hierarchy(adjacency, 4).node_counts[-1]
    fitted = build_graph_hierarchy(adjacency, 4, natural - 4)
    assert fitted.node_counts[-1] == natural - 4


def test_fewer_nodes_than_a_binary_tree_can_hold_are_refused(adjacency: csr_matrix) -> None:
    with pytest.raises(InvalidValueError, match="coarsest_count is 20, but 778 nodes"):
        build_graph_hierarchy(adjacency, 4, 20)


def test_the_same_graph_gives_the_same_tree(
    hierarchy: GraphHierarchy, adjacency: csr_matrix
) -> None:
    again = build_graph_hierarchy(adjacency, 4, 63)
    np.testing.assert_array_equal(again.order, hierarchy.order)
    for first, second in zip(again.laplacians(), hierarchy.laplacians(), strict=True):
        assert (first != second).nnz == 0
