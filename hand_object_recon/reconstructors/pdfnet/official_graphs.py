"""The graphs of the authors' repository, read without running any of it.

Their weights go with these and no others: matching a mesh's edges anew finds other pairs, and
their Laplacians are scaled in a way of their own. None of it is part of this package; a user gets
it with ``git clone https://github.com/zijinxuxu/PDFNet``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.importing.pickle_stand_ins import plain_array
from hand_object_recon.hand_model.importing.restricted_unpickler import read_pickled_dict
from hand_object_recon.reconstructors.pdfnet.hand_template import GRAPHS

FloatArray = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]

FOLDER: Final = Path("lib/models/networks/gcn_core")


@dataclass(frozen=True, eq=False)
class OfficialGraphs:
    """The coarsest three of five graphs, the coarsest first; V vertices, n nodes of the finest.

    vertex_of_node (n,)
        The vertex at each node of the finest of all five graphs.
    node_of_vertex (V,)
        The node of the finest of the three that stands for each vertex.
    """

    laplacians: tuple[FloatArray, ...]
    vertex_of_node: Indices
    node_of_vertex: Indices
    right_faces: NDArray[np.int32]


def official_graphs(repository: Path) -> OfficialGraphs:
    """The graphs in a clone of the authors' repository.

    Raises
    ------
    InvalidValueError
        A file is not there (the message says what it is), or does not hold what it should.
    """
    left, right = (_read(repository, side) for side in (HandSide.LEFT, HandSide.RIGHT))
    laplacians = tuple(_laplacian(right, level) for level in range(-1, -GRAPHS - 1, -1))
    for level, laplacian in enumerate(laplacians):
        if not np.array_equal(_laplacian(left, -1 - level), laplacian):
            raise InvalidValueError(f"{FOLDER} holds graphs of two hands that are not the same")
    order = _entry(right, "graph_perm")
    position = _entry(right, "graph_perm_reverse")
    faces = _entry(right, "mesh_faces").astype(np.int32)
    per_node = len(order) // len(laplacians[-1])
    return OfficialGraphs(laplacians, order, position[: faces.max() + 1] // per_node, faces)


def _read(repository: Path, side: HandSide) -> dict[str, Any]:
    path = repository / FOLDER / f"graph_{side}.pkl"
    if not path.exists():
        raise InvalidValueError(
            f"{path} is missing: the graph of the {side} hand's mesh; give the folder of a clone "
            "of https://github.com/zijinxuxu/PDFNet"
        )
    return read_pickled_dict(path)


def _laplacian(graph: Mapping[str, Any], level: int) -> FloatArray:
    levels = graph.get("coarsen_graphs_L")
    if not isinstance(levels, list) or len(levels) < GRAPHS:
        raise InvalidValueError(f"{FOLDER} lacks the Laplacians 'coarsen_graphs_L'")
    return plain_array(levels[level], f"coarsen_graphs_L[{level}]").astype(np.float32)


def _entry(graph: Mapping[str, Any], key: str) -> NDArray[Any]:
    if key not in graph:
        raise InvalidValueError(f"{FOLDER} lacks {key!r}")
    return plain_array(graph[key], key)
