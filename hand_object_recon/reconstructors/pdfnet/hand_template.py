"""What the decoder knows of the hand's mesh: its graphs, and where vertices lie on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import splu

from hand_object_recon.hand_model.conventions import KEYPOINTS_FROM_JOINTS_AND_TIPS
from hand_object_recon.hand_model.model import HandModel, load_hand_model
from hand_object_recon.hand_model.topology.adjacency import mesh_adjacency
from hand_object_recon.hand_model.topology.laplacian import combinatorial_laplacian
from hand_object_recon.hand_model.topology.of_model import graph_hierarchy
from hand_object_recon.reconstructors.pdfnet.conventions import SIDES

FloatArray = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]

GRAPHS: Final = 3
"""Levels that are convolved, each with twice the nodes of the one before."""

_STEPS: Final = 4
_FINEST: Final = 2  # of the hierarchy's levels, the mesh itself being level 0
_FAITHFULNESS: Final = 1e3


@dataclass(frozen=True, eq=False)
class HandTemplate:
    """Graphs of a mesh of V vertices, the coarsest first, the same for both hands.

    laplacians
        (n, n) for each graph, scaled as Chebyshev polynomials ask for (or as the authors have it).
    vertex_code
        (n, 3) a place for each node of the coarsest graph, -1 to 1.
    node_of_vertex
        (V,) node of the finest graph that stands for each vertex.
    lifting
        (V, n) float32: vertices from nodes of the finest graph, to begin with.
    joint_regressors
        (2, 21, V) float32: keypoints from vertices of the left and of the right hand.
    """

    laplacians: Sequence[FloatArray]
    vertex_code: FloatArray
    node_of_vertex: Indices
    lifting: FloatArray
    joint_regressors: FloatArray

    @property
    def vertex_count(self) -> int:
        return len(self.node_of_vertex)

    @property
    def finest_count(self) -> int:
        return len(self.laplacians[-1])

    @property
    def node_means(self) -> NDArray[np.float32]:
        """(n, V) nodes of the finest graph as means of the vertices they stand for; zeros for
        those that stand for none."""
        members = (np.arange(self.finest_count)[:, None] == self.node_of_vertex).astype(np.float32)
        counts = np.maximum(members.sum(axis=1, keepdims=True), 1.0)
        return np.asarray(members / counts, dtype=np.float32)

    @classmethod
    def load(cls, name: str) -> HandTemplate:
        """The template of an installed hand model."""
        left, right = (load_hand_model(name, side) for side in SIDES)
        return cls.of_models(left, right)

    @classmethod
    def of_models(cls, left: HandModel, right: HandModel) -> HandTemplate:
        """The template of a hand model's own mesh; the right hand's graphs serve both."""
        hierarchy = graph_hierarchy(right, _STEPS)
        coarsest_first = slice(None, _FINEST - 1, -1)
        laplacians = [level.toarray() for level in hierarchy.laplacians()[coarsest_first]]
        pooling = hierarchy.from_vertices(_FINEST)
        return cls(
            laplacians=laplacians,
            vertex_code=hierarchy.from_vertices(_STEPS) @ _unit_places(right.v_template),
            node_of_vertex=hierarchy.node_of_vertex(_FINEST),
            lifting=smooth_lifting(pooling, right.faces),
            joint_regressors=np.stack([keypoint_regressor(left), keypoint_regressor(right)]),
        )


def keypoint_regressor(model: HandModel) -> NDArray[np.float32]:
    """(21, V): the model's joints from its vertices, and its tip vertices themselves."""
    tips = np.eye(len(model.v_template), dtype=np.float32)[model.tip_vertices]
    rows = np.concatenate([model.joint_regressor, tips])
    return np.asarray(rows[np.array(KEYPOINTS_FROM_JOINTS_AND_TIPS)], dtype=np.float32)


def smooth_lifting(pooling: csr_matrix, faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """(V, n) the smoothest values at vertices whose means are those of (n, V) ``pooling``.

    Smooth means a small square of the mesh's Laplacian; rows sum to one. Fake nodes count for
    nothing.
    """
    laplacian = combinatorial_laplacian(mesh_adjacency(faces, pooling.shape[1]))
    roughness = (laplacian @ laplacian).astype(np.float64)
    means = pooling.astype(np.float64)
    system = splu((roughness + _FAITHFULNESS * means.T @ means).tocsc())
    return np.asarray(system.solve(_FAITHFULNESS * means.T.toarray()), dtype=np.float32)


def _unit_places(vertices: FloatArray) -> FloatArray:
    """(V, 3) in the cube from -1 to 1 about the middle of their box."""
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    return np.asarray((2.0 * vertices - low - high) / (high - low).max())
