"""Nodes of a graph joined in pairs along their heaviest edges, again and again."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Indices = NDArray[np.int32]


class VisitingOrder(str, Enum):
    """Who may choose a partner first: who has the lightest edges, or the fewest free neighbours.

    The first is the published one; the second leaves fewer nodes alone.
    """

    LIGHTEST = "lightest"
    FEWEST_FREE = "fewest_free"


def matched_levels(
    weights: csr_matrix, steps: int, order: VisitingOrder
) -> tuple[list[Indices], list[csr_matrix]]:
    """Match a graph ``steps`` times: parents of each level's nodes, and the levels' weights.

    There is one level more than there are lists of parents; the first level is the graph.
    """
    parents, levels = [], [weights]
    for _ in range(steps):
        parents.append(match_nodes(levels[-1], order))
        levels.append(merge_nodes(levels[-1], parents[-1]))
    return parents, levels


def match_nodes(weights: csr_matrix, order: VisitingOrder) -> Indices:
    """(n,) number of the pair, or of the single, that each node of an (n, n) graph is part of.

    Each node in turn takes the free neighbour with the greatest share of their common weight
    inside the pair, (2 w_ij + w_ii + w_jj) / (d_i + d_j), as in the graph coarsening of Defferrard
    et al., 2016. Equals go in ascending order, so the same graph always gives the same pairs.
    """
    loops, degrees = weights.diagonal(), np.asarray(weights.sum(axis=1)).ravel()
    is_free = np.ones(len(degrees), dtype=bool)
    pair_of_node = np.full(len(degrees), -1, dtype=np.int32)
    choose = _chooser(weights, order)
    pair = 0
    while is_free.any():
        node = choose(is_free)
        is_free[node] = False
        pair_of_node[node] = pair
        neighbours, common = _row(weights, node)
        shares = (2.0 * common + loops[node] + loops[neighbours]) / (
            degrees[node] + degrees[neighbours]
        )
        shares[~is_free[neighbours]] = 0.0
        if shares.size and shares.max() > 0.0:
            partner = neighbours[shares.argmax()]
            is_free[partner] = False
            pair_of_node[partner] = pair
        pair += 1
    return pair_of_node


def merge_nodes(weights: csr_matrix, pair_of_node: Indices) -> csr_matrix:
    """(m, m) weights between pairs: the sums over their nodes; within a pair on the diagonal."""
    members = np.arange(len(pair_of_node))
    selection = csr_matrix((np.ones(len(members)), (pair_of_node, members)))
    merged: csr_matrix = (selection @ weights @ selection.T).tocsr()
    merged.sort_indices()
    return merged


def _chooser(weights: csr_matrix, order: VisitingOrder) -> Callable[[NDArray[np.bool_]], int]:
    """Which of the free nodes is next."""
    if order is VisitingOrder.LIGHTEST:
        by_degree = np.argsort(np.asarray(weights.sum(axis=1)).ravel(), kind="stable")
        return lambda is_free: int(by_degree[is_free[by_degree].argmax()])
    links = (weights > 0).astype(np.int32)
    links.setdiag(0)
    return lambda is_free: int(np.where(is_free, links @ is_free, len(is_free)).argmin())


def _row(weights: csr_matrix, node: int) -> tuple[Indices, NDArray[np.float64]]:
    """Columns and values of a row."""
    entries = slice(weights.indptr[node], weights.indptr[node + 1])
    return weights.indices[entries], weights.data[entries]
