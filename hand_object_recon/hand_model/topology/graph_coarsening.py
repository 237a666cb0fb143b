"""A graph halved again and again, its nodes in the order of a binary tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, identity

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.hand_model.topology.heavy_edge_matching import (
    VisitingOrder,
    matched_levels,
)
from hand_object_recon.hand_model.topology.laplacian import (
    chebyshev_laplacian,
    largest_eigenvalue,
    normalised_laplacian,
)

Indices = NDArray[np.int32]
LaplacianScaling = Literal["chebyshev", "published"]


@dataclass(frozen=True, eq=False)
class GraphHierarchy:
    """Levels of a graph, the finest first, each with half the nodes of the one before.

    Node i of a level has the nodes 2i and 2i + 1 of the finer level below it: to pool is to
    reduce neighbours in pairs, to go back up is to repeat each node twice. Nodes that fill the
    tree up are fake: they have no edge.

    vertex_count
        Vertices V of the graph that was coarsened.
    order (n,)
        The vertex at each node of the finest level; V and more is a fake one.
    adjacencies
        (n, n), (n/2, n/2), ... symmetric weights: how many edges join what two nodes stand for.
    """

    vertex_count: int
    order: Indices
    adjacencies: tuple[csr_matrix, ...]

    def __post_init__(self) -> None:
        self.order.setflags(write=False)

    @property
    def node_counts(self) -> tuple[int, ...]:
        return tuple(adjacency.shape[0] for adjacency in self.adjacencies)

    def node_of_vertex(self, level: int) -> Indices:
        """(V,) the node of a level that stands for each vertex."""
        position = np.empty(len(self.order), dtype=np.int32)
        position[self.order] = np.arange(len(self.order), dtype=np.int32)
        return position[: self.vertex_count] >> self._checked(level)

    def is_real(self, level: int) -> NDArray[np.bool_]:
        """(n,) whether a node of a level stands for any vertex."""
        real = np.zeros(self.node_counts[self._checked(level)], dtype=bool)
        real[self.node_of_vertex(level)] = True
        return real

    def to_vertices(self, level: int) -> csr_matrix:
        """(V, n) float32: each vertex gets its node's value."""
        nodes = self.node_of_vertex(level)
        entries = np.ones(len(nodes), dtype=np.float32), (np.arange(len(nodes)), nodes)
        return csr_matrix(entries, (len(nodes), self.node_counts[level]))

    def from_vertices(self, level: int) -> csr_matrix:
        """(n, V) float32: each node gets the mean of its vertices, a fake one zero."""
        nodes = self.node_of_vertex(level)
        share = 1.0 / np.bincount(nodes, minlength=self.node_counts[level])[nodes]
        entries = share.astype(np.float32), (nodes, np.arange(len(nodes)))
        return csr_matrix(entries, (self.node_counts[level], len(nodes)))

    def laplacians(self, scaling: LaplacianScaling = "chebyshev") -> tuple[csr_matrix, ...]:
        """Normalised Laplacian of each level, scaled.

        scaling
            ``chebyshev`` brings the eigenvalues to [-1, 1]. ``published`` is what the released
            IntagHand and PDFNet graphs hold: L / (2 * largest eigenvalue) - I, which lies in
            [-1, -1/2], and L as it is on the coarsest level.
        """
        plain = tuple(normalised_laplacian(adjacency) for adjacency in self.adjacencies)
        if scaling == "chebyshev":
            return tuple(chebyshev_laplacian(laplacian) for laplacian in plain)
        if scaling == "published":
            return (*(_published_scaling(laplacian) for laplacian in plain[:-1]), plain[-1])
        raise InvalidValueError(f"scaling is {scaling!r}; it must be 'chebyshev' or 'published'")

    def _checked(self, level: int) -> int:
        if not 0 <= level < len(self.adjacencies):
            raise InvalidValueError(
                f"level is {level}; it must lie in [0, {len(self.adjacencies) - 1}]"
            )
        return level


def build_graph_hierarchy(
    adjacency: csr_matrix, steps: int, coarsest_count: int | None = None
) -> GraphHierarchy:
    """Halve a graph ``steps`` times by heavy-edge matching.

    Defferrard et al., *Convolutional Neural Networks on Graphs*, 2016, section 2.3. With
    ``coarsest_count`` the coarsest level gets fake nodes up to that number, so that a finest
    level has ``coarsest_count * 2**steps``; 63 and 4 steps are the 1008 of IntagHand and PDFNet.
    An edge inside a node counts for the matching and is not in the adjacencies.

    Raises
    ------
    InvalidValueError
        The coarsest level has more nodes than asked for.
    """
    parents, levels = _matched_to_fit(adjacency, steps, coarsest_count)
    found = levels[-1].shape[0]
    roots = found if coarsest_count is None else coarsest_count
    if found > roots:
        raise InvalidValueError(
            f"coarsest_count is {roots}, but {adjacency.shape[0]} nodes halved {steps} times "
            f"leave {found}; ask for at least that many"
        )
    orders = tree_orders(parents, roots)
    adjacencies = tuple(
        _reordered(level, order) for level, order in zip(levels, orders, strict=True)
    )
    return GraphHierarchy(adjacency.shape[0], orders[0], adjacencies)


def tree_orders(parents: list[Indices], root_count: int) -> list[Indices]:
    """The nodes of each level, the finest first, so that two siblings stand side by side.

    parents[i] gives the number in level i + 1 of each node of level i. Numbers beyond a level's
    own nodes are fake: they stand where a node has no second child, or is fake itself.
    """
    order: Indices = np.arange(root_count, dtype=np.int32)
    orders = [order]
    for parent in reversed(parents):
        children: list[list[int]] = [[] for _ in range(root_count)]
        for child, node in enumerate(parent.tolist()):
            children[node].append(child)
        next_fake = len(parent)
        line: list[int] = []
        for node in order.tolist():
            real = children[node]
            fakes = range(next_fake, next_fake + 2 - len(real))
            next_fake += len(fakes)
            line += [*real, *fakes]
        order = np.array(line, dtype=np.int32)
        root_count *= 2
        orders.append(order)
    return orders[::-1]


def _matched_to_fit(
    adjacency: csr_matrix, steps: int, coarsest_count: int | None
) -> tuple[list[Indices], list[csr_matrix]]:
    """Matched in the published visiting order, or in the thriftier one if that does not fit."""
    parents, levels = matched_levels(adjacency, steps, VisitingOrder.LIGHTEST)
    if coarsest_count is not None and levels[-1].shape[0] > coarsest_count:
        return matched_levels(adjacency, steps, VisitingOrder.FEWEST_FREE)
    return parents, levels


def _reordered(weights: csr_matrix, order: Indices) -> csr_matrix:
    """Weights with rows and columns in a new order, fake nodes without an edge, no loops."""
    position = np.empty(len(order), dtype=np.int32)
    position[order] = np.arange(len(order), dtype=np.int32)
    entries = weights.tocoo()
    between = entries.row != entries.col
    rows, columns = position[entries.row[between]], position[entries.col[between]]
    return csr_matrix((entries.data[between], (rows, columns)), (len(order), len(order)))


def _published_scaling(laplacian: csr_matrix) -> csr_matrix:
    half = laplacian / (2.0 * largest_eigenvalue(laplacian))
    return (half - identity(laplacian.shape[0])).tocsr()
