"""The objects of a recording's truth: where each was at which stamp, and their meshes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.validation import require_array, require_rigid_transform
from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh

_VERTICES: Final = "{}_vertices"
_FACES: Final = "{}_faces"

_STAMPS: Final = "object_stamps_ns"
_POSES: Final = "object_pose"
_NAMES: Final = "object_name"
_HELD_BY: Final = "object_held_by"
_VISIBLE: Final = "object_vertex_visible"


@dataclass(frozen=True, eq=False)
class ObjectTruth:
    """One row for each object in each frame.

    stamps_ns (M,) int64; poses (M, 4, 4) float64 from the object's own frame to the camera.

    meshes
        In the object's own frame, by the name that ``names`` gives each row.
    held_by
        Sides of the hands that hold the object, for each row, or None where it is not known.
    vertex_visible
        Bool: which of its mesh's vertices the camera sees, row after row, or None.
    """

    stamps_ns: NDArray[np.int64]
    poses: NDArray[np.float64]
    names: tuple[str, ...]
    meshes: Mapping[str, SurfaceMesh]
    held_by: tuple[frozenset[HandSide], ...] | None = None
    vertex_visible: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        stamps = require_array("object stamps_ns", self.stamps_ns, (None,), np.int64)
        count = len(stamps)
        poses = require_array("object poses", self.poses, (count, 4, 4), np.float64, finite=True)
        for row, pose in enumerate(poses):
            require_rigid_transform(f"object pose of row {row}", pose)
        if len(self.names) != count:
            raise InvalidValueError(
                f"object names are {len(self.names)}; there are {count} object stamps"
            )
        unknown = sorted(set(self.names) - set(self.meshes))
        if unknown:
            raise InvalidValueError(
                f"object {unknown[0]!r} has no mesh; give {_VERTICES.format(unknown[0])} and "
                f"{_FACES.format(unknown[0])}"
            )
        object.__setattr__(self, "stamps_ns", stamps)
        object.__setattr__(self, "poses", poses)
        self._check_optional(count)

    def _check_optional(self, count: int) -> None:
        if self.held_by is not None and len(self.held_by) != count:
            raise InvalidValueError(
                f"{_HELD_BY} has {len(self.held_by)} rows; there are {count} object stamps"
            )
        if self.vertex_visible is not None:
            visible = require_array(_VISIBLE, self.vertex_visible, (int(self._ends[-1]),), np.bool_)
            object.__setattr__(self, "vertex_visible", visible)

    def __len__(self) -> int:
        return len(self.stamps_ns)

    def mesh_of(self, row: int) -> SurfaceMesh:
        """The row's mesh in the camera frame."""
        mesh, pose = self.meshes[self.names[row]], self.poses[row]
        return SurfaceMesh(mesh.vertices_m @ pose[:3, :3].T + pose[:3, 3], mesh.faces)

    def visible_at(self, row: int) -> NDArray[np.bool_] | None:
        """(V,) which vertices of the row's mesh the camera sees, or None."""
        if self.vertex_visible is None:
            return None
        return self.vertex_visible[self._ends[row] : self._ends[row + 1]]

    def of_rows(self, rows: NDArray[np.intp]) -> ObjectTruth:
        """The chosen rows alone."""
        visible = [self.visible_at(row) for row in rows.tolist()]
        return replace(
            self,
            stamps_ns=self.stamps_ns[rows],
            poses=self.poses[rows],
            names=tuple(self.names[row] for row in rows),
            held_by=None if self.held_by is None else tuple(self.held_by[row] for row in rows),
            vertex_visible=joined_visible(visible),
        )

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        """(M + 1,) where each row's vertices begin and end."""
        counts = [len(self.meshes[name].vertices_m) for name in self.names]
        return np.append(0, np.cumsum(counts)).astype(np.int64)


NO_OBJECTS: Final = ObjectTruth(np.empty(0, np.int64), np.empty((0, 4, 4)), (), {})


def object_truth(arrays: Mapping[str, NDArray[Any]]) -> ObjectTruth:
    """The objects in a truth file's arrays; none where it has no ``object_stamps_ns``.

    ``object_stamps_ns`` (M,), ``object_pose`` (M, 4, 4) and ``object_name`` (M,), and for each
    name the mesh: ``NAME_vertices`` (V, 3) in the object's own frame and ``NAME_faces`` (F, 3).
    Optional: ``object_held_by`` (M,), sides with a space between, and ``object_vertex_visible``,
    the vertices of each row after those of the one before.

    Raises
    ------
    InvalidValueError
        An array that belongs to it is missing or has the wrong shape.
    """
    if not len(np.atleast_1d(arrays.get(_STAMPS, ()))):
        return NO_OBJECTS
    missing = [name for name in (_POSES, _NAMES) if name not in arrays]
    if missing:
        raise InvalidValueError(f"there are {_STAMPS} but no {', '.join(missing)}")
    names = tuple(str(name) for name in np.atleast_1d(arrays[_NAMES]))
    return ObjectTruth(
        arrays[_STAMPS],
        arrays[_POSES],
        names,
        _meshes(arrays, set(names)),
        _held_by(arrays),
        arrays.get(_VISIBLE),
    )


def object_arrays(truth: ObjectTruth) -> dict[str, NDArray[Any]]:
    """The arrays that :func:`object_truth` reads."""
    if not len(truth):
        return {}
    arrays: dict[str, NDArray[Any]] = {
        _STAMPS: truth.stamps_ns,
        _POSES: truth.poses,
        _NAMES: np.array(truth.names, dtype=np.str_),
    }
    if truth.held_by is not None:
        texts = [" ".join(sorted(str(side) for side in sides)) for sides in truth.held_by]
        arrays[_HELD_BY] = np.array(texts, dtype=np.str_)
    if truth.vertex_visible is not None:
        arrays[_VISIBLE] = truth.vertex_visible
    for name, mesh in sorted(truth.meshes.items()):
        arrays[_VERTICES.format(name)] = mesh.vertices_m
        arrays[_FACES.format(name)] = mesh.faces
    return arrays


def _meshes(arrays: Mapping[str, NDArray[Any]], names: set[str]) -> dict[str, SurfaceMesh]:
    return {
        name: SurfaceMesh(arrays[_VERTICES.format(name)], arrays[_FACES.format(name)])
        for name in names
        if _VERTICES.format(name) in arrays and _FACES.format(name) in arrays
    }


def joined_visible(parts: Sequence[NDArray[np.bool_] | None]) -> NDArray[np.bool_] | None:
    """Visible vertices of rows in one array, None where those of a row are not known."""
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known and len(known) == len(parts) else None


def _held_by(arrays: Mapping[str, NDArray[Any]]) -> tuple[frozenset[HandSide], ...] | None:
    if _HELD_BY not in arrays:
        return None
    try:
        return tuple(
            frozenset(HandSide(side) for side in str(text).split()) for text in arrays[_HELD_BY]
        )
    except ValueError as error:
        raise InvalidValueError(f"{_HELD_BY}: {error}; give left, right, both or nothing") from None
