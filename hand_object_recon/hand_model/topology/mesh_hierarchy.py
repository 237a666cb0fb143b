"""A mesh on several levels of detail, and the matrices that lead from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from hand_object_recon.hand_model.topology.closest_point import closest_points
from hand_object_recon.hand_model.topology.quadric_collapse import collapse_edges

FloatArray = NDArray[np.floating[Any]]
Indices = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class MeshLevel:
    """template_indices (n,) vertices of the finest mesh that are here; faces (F, 3) among them."""

    template_indices: Indices
    faces: Indices

    def __post_init__(self) -> None:
        _freeze(self.template_indices, self.faces)

    @property
    def vertex_count(self) -> int:
        return len(self.template_indices)


@dataclass(frozen=True, eq=False)
class MeshStep:
    """From a level with n vertices to the next coarser one with m, and back.

    kept (m,)
        The finer level's vertices that the coarser one has.
    up_columns (n, 3), up_weights (n, 3) float32
        Three vertices of the coarser level for each of the finer, and their barycentric
        weights at the template's nearest point: at least zero, summing to one.
    """

    kept: Indices
    up_columns: Indices
    up_weights: NDArray[np.float32]

    def __post_init__(self) -> None:
        _freeze(self.kept, self.up_columns, self.up_weights)

    @cached_property
    def down(self) -> csr_matrix:
        """(m, n) float32 selection of the kept vertices."""
        count = len(self.kept)
        ones = np.ones(count, dtype=np.float32)
        return csr_matrix(
            (ones, self.kept.copy(), np.arange(count + 1)), (count, len(self.up_columns))
        )

    @cached_property
    def up(self) -> csr_matrix:
        """(n, m) float32, three entries a row."""
        count = len(self.up_columns)
        starts = np.arange(0, 3 * count + 1, 3)
        entries = self.up_weights.flatten(), self.up_columns.flatten(), starts
        return csr_matrix(entries, (count, len(self.kept)))


@dataclass(frozen=True, eq=False)
class MeshHierarchy:
    """levels, the finest first; steps, where step i leads from level i to level i + 1."""

    levels: tuple[MeshLevel, ...]
    steps: tuple[MeshStep, ...]


def halved_counts(vertex_count: int, steps: int) -> tuple[int, ...]:
    """Each half of the one before, rounded up: 778 gives 389, 195, 98, 49."""
    counts = [vertex_count]
    for _ in range(steps):
        counts.append(-(-counts[-1] // 2))
    return tuple(counts[1:])


def build_mesh_hierarchy(
    vertices: FloatArray, faces: Indices, vertex_counts: Sequence[int], rim_weight: float = 0.0
) -> MeshHierarchy:
    """Collapse a mesh of (V, 3) vertices and (F, 3) faces to each count in turn.

    Each level is made of the one before it. Vertices are selected, never moved.
    ``rim_weight`` is that of ``collapse_edges``; at 0 the levels are those of the published
    networks.
    """
    levels = [MeshLevel(np.arange(len(vertices), dtype=np.int32), faces)]
    steps = []
    for count in vertex_counts:
        finer = levels[-1]
        points = vertices[finer.template_indices]
        coarser = collapse_edges(points, finer.faces, count, rim_weight)
        face, weights = closest_points(points, points[coarser.kept], coarser.faces)
        levels.append(MeshLevel(finer.template_indices[coarser.kept], coarser.faces))
        steps.append(MeshStep(coarser.kept, coarser.faces[face], weights.astype(np.float32)))
    return MeshHierarchy(tuple(levels), tuple(steps))


def _freeze(*arrays: NDArray[Any]) -> None:
    for array in arrays:
        array.setflags(write=False)
