"""The mesh levels and finger sets of the authors' repository, read without running any of it.

Their weights go with these and no others: the up-sampling weights do not sum to one, and the
template is a posed hand of its own. None of it is part of this package; a user gets it with
``git clone https://github.com/hxwork/H2ONet_Pytorch``.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.hand_model.importing.pickle_stand_ins import plain_array
from hand_object_recon.hand_model.importing.restricted_unpickler import read_pickled_dict
from hand_object_recon.hand_model.topology.spirals import build_spirals
from hand_object_recon.reconstructors.h2onet.mesh_template import LEVEL_COUNT, MeshTemplate

FloatArray = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]

LEVELS_FILE: Final = Path("model/modules/template/transform.pkl")
FINGERS_FILE: Final = Path("occ_label_preparation/seg.py")

_FINGER_LISTS: Final = tuple(
    f"{finger}_verts_idx" for finger in ("thumb", "index", "middle", "ring", "little")
)
_CORNERS: Final = 3


def official_faces(repository: Path) -> NDArray[np.int32]:
    """(F, 3) triangles of the mesh that the authors' network gives."""
    return _entry(_levels(repository), "face", 0).astype(np.int32)


def official_template(repository: Path) -> MeshTemplate:
    """The template of a clone of the authors' repository, but for the joints, which are among
    their weights.

    Raises
    ------
    InvalidValueError
        A file is not there (the message says what it is), or does not hold what it should.
    """
    levels = _levels(repository)
    spirals, columns, weights = [], [], []
    for level in range(LEVEL_COUNT):
        vertices, faces = _entry(levels, "vertices", level), _entry(levels, "face", level)
        spirals.append(build_spirals(vertices, faces.astype(np.int32)))
        up = _three_a_row(_entry(levels, "up_transform", level))
        columns.append(up[0])
        weights.append(up[1])
    regressor = np.zeros((KEYPOINT_COUNT, len(spirals[0])), dtype=np.float32)
    return MeshTemplate(spirals, columns, weights, _finger_vertices(repository), regressor)


def _levels(repository: Path) -> dict[str, Any]:
    path = _existing(repository / LEVELS_FILE, "the levels of the authors' mesh")
    return read_pickled_dict(path)


def _existing(path: Path, meaning: str) -> Path:
    if not path.exists():
        raise InvalidValueError(
            f"{path} is missing: {meaning}; give the folder of a clone of "
            "https://github.com/hxwork/H2ONet_Pytorch"
        )
    return path


def _entry(levels: Mapping[str, Any], key: str, level: int) -> NDArray[Any]:
    entries = levels.get(key)
    if not isinstance(entries, list) or level >= len(entries):
        raise InvalidValueError(f"{LEVELS_FILE} lacks {key!r} of level {level}")
    return plain_array(entries[level], f"{key}[{level}]")


def _three_a_row(matrix: FloatArray) -> tuple[Indices, NDArray[np.float32]]:
    """(n, 3) columns and weights of a matrix with at most three entries in each row."""
    most = int((matrix != 0).sum(axis=1).max())
    if most > _CORNERS:
        raise InvalidValueError(f"{LEVELS_FILE} has a vertex made of {most} others; three are most")
    columns = np.argsort(-np.abs(matrix), axis=1, kind="stable")[:, :_CORNERS]
    return columns, np.take_along_axis(matrix, columns, axis=1).astype(np.float32)


def _finger_vertices(repository: Path) -> list[Indices]:
    path = _existing(repository / FINGERS_FILE, "the authors' lists of the fingers' vertices")
    lists = {
        target.id: node.value
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    missing = [name for name in _FINGER_LISTS if name not in lists]
    if missing:
        raise InvalidValueError(f"{path} lacks {', '.join(missing)}")
    return [np.array(ast.literal_eval(lists[name]), dtype=np.int64) for name in _FINGER_LISTS]
