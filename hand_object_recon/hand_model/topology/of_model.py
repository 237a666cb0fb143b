"""The topology of a hand model, built once: mesh levels, spirals and coarsened graph.

A left hand has that of its mirror image, so a network may read mirrored left hands as right ones.
Models of the same template and triangles share one. A left hand with a template of its own, as
MANO's has, gets levels of its own; a network that reads mirrored hands takes the right model's.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.topology.adjacency import mesh_adjacency
from hand_object_recon.hand_model.topology.graph_coarsening import (
    GraphHierarchy,
    build_graph_hierarchy,
)
from hand_object_recon.hand_model.topology.mesh_hierarchy import (
    MeshHierarchy,
    MeshLevel,
    build_mesh_hierarchy,
    halved_counts,
)
from hand_object_recon.hand_model.topology.spirals import SPIRAL_LENGTH, build_spirals

Indices = NDArray[np.int32]

COARSEST_NODES: Final = 63
"""Nodes of the coarsest graph of IntagHand and PDFNet, whose finest has 16 times as many."""

_MIRROR: Final = np.array([-1.0, 1.0, 1.0], dtype=np.float32)


def mesh_hierarchy(model: HandModel, steps: int = 4, rim_weight: float = 1.0) -> MeshHierarchy:
    """The model's template on ``steps + 1`` levels, each with half the vertices: 778 ... 49.

    ``rim_weight`` is that of ``collapse_edges``: 1 keeps the wrist where it is, 0 is the
    published collapse, which lets it creep into the hand.
    """
    hierarchy = _mesh_hierarchy(*_right_mesh(model), steps, rim_weight)
    if model.side is HandSide.RIGHT:
        return hierarchy
    levels = (
        MeshLevel(level.template_indices, np.ascontiguousarray(level.faces[:, ::-1]))
        for level in hierarchy.levels
    )
    return MeshHierarchy(tuple(levels), hierarchy.steps)


def spiral_indices(
    model: HandModel,
    level: int = 0,
    length: int = SPIRAL_LENGTH,
    dilation: int = 1,
    steps: int = 4,
    rim_weight: float = 1.0,
) -> Indices:
    """(n, length) int32 spirals of a level of ``mesh_hierarchy(model, steps, rim_weight)``.

    Clockwise on a right hand seen from outside, counter-clockwise on a left one.
    """
    if not 0 <= level <= steps:
        raise InvalidValueError(f"level is {level}; it must lie in [0, {steps}]")
    return _spiral_indices(*_right_mesh(model), steps, rim_weight, level, length, dilation)


def graph_hierarchy(
    model: HandModel, steps: int = 4, coarsest_count: int | None = COARSEST_NODES
) -> GraphHierarchy:
    """The model's mesh as a graph on ``steps + 1`` levels, the finest with 1008 nodes.

    ``coarsest_count`` None gives as many as the matching leaves; a mesh of many more vertices
    than MANO's needs that, or a greater number.
    """
    _, faces = _right_mesh(model)
    return _graph_hierarchy(faces, len(model.v_template), steps, coarsest_count)


def _right_mesh(model: HandModel) -> tuple[bytes, bytes]:
    """Template and faces of the model's right hand as bytes: a key to remember results by."""
    if model.side is HandSide.RIGHT:
        return model.v_template.tobytes(), model.faces.tobytes()
    return (model.v_template * _MIRROR).tobytes(), model.faces[:, ::-1].tobytes()


@lru_cache(maxsize=8)
def _mesh_hierarchy(vertices: bytes, faces: bytes, steps: int, rim_weight: float) -> MeshHierarchy:
    points = np.frombuffer(vertices, dtype=np.float32).reshape(-1, 3)
    counts = halved_counts(len(points), steps)
    return build_mesh_hierarchy(points, _faces(faces), counts, rim_weight)


@lru_cache(maxsize=32)
def _spiral_indices(
    vertices: bytes,
    faces: bytes,
    steps: int,
    rim_weight: float,
    level: int,
    length: int,
    dilation: int,
) -> Indices:
    mesh = _mesh_hierarchy(vertices, faces, steps, rim_weight).levels[level]
    points = np.frombuffer(vertices, dtype=np.float32).reshape(-1, 3)[mesh.template_indices]
    spirals = build_spirals(points, mesh.faces, length, dilation)
    spirals.setflags(write=False)
    return spirals


@lru_cache(maxsize=8)
def _graph_hierarchy(
    faces: bytes, vertex_count: int, steps: int, coarsest_count: int | None
) -> GraphHierarchy:
    return build_graph_hierarchy(mesh_adjacency(_faces(faces), vertex_count), steps, coarsest_count)


def _faces(faces: bytes) -> Indices:
    return np.frombuffer(faces, dtype=np.int32).reshape(-1, 3)
