"""Estimated objects as columns of arrays; meshes, which stay the same for long, are kept once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.objects import (
    GraspState,
    HandContact,
    HandPart,
    ObjectEstimate,
    PrimitiveFit,
    PrimitiveKind,
)
from hand_object_recon.core.validation import require_array
from hand_object_recon.evaluation.benchmarking.column_layout import Columns, Layout, as_columns

_OBJECT_COLUMNS: Final[Layout] = {
    "object_frame": ((), np.int64),
    "object_track_id": ((), np.int64),
    "object_score": ((), np.float64),
    "object_held_by": ((), np.int64),
    "object_pose": ((4, 4), np.float64),
    "object_mesh": ((), np.int64),
    "object_primitive_pose": ((4, 4), np.float64),
    "object_primitive_size_m": ((3,), np.float32),
    "object_primitive_residual_m": ((), np.float64),
}
_OBJECT_TEXTS: Final = ("object_state", "object_name", "object_primitive")
_MESH_COLUMNS: Final[Layout] = {
    "mesh_vertex_count": ((), np.int64),
    "mesh_face_count": ((), np.int64),
    "mesh_tells_seen": ((), np.bool_),
    "mesh_has_colors": ((), np.bool_),
}
_MESH_PARTS: Final[Mapping[str, tuple[str, tuple[int, ...], type[np.generic]]]] = {
    "mesh_vertices_m": ("mesh_vertex_count", (3,), np.float32),
    "mesh_vertex_seen": ("mesh_vertex_count", (), np.bool_),
    "mesh_vertex_colors": ("mesh_vertex_count", (3,), np.uint8),
    "mesh_faces": ("mesh_face_count", (3,), np.int32),
}
_CONTACT_COLUMNS: Final[Layout] = {
    "contact_object": ((), np.int64),
    "contact_hand_track_id": ((), np.int64),
    "contact_part": ((), np.int64),
    "contact_point_m": ((3,), np.float32),
    "contact_normal": ((3,), np.float32),
    "contact_gap_m": ((), np.float64),
}
_LAYOUTS: Final = {
    "object_frame": _OBJECT_COLUMNS,
    "mesh_vertex_count": _MESH_COLUMNS,
    "contact_object": _CONTACT_COLUMNS,
}
OBJECT_COLUMN_NAMES: Final = (
    *(name for layout in _LAYOUTS.values() for name in layout),
    *_OBJECT_TEXTS,
    *_MESH_PARTS,
)
"""Every column that is of objects."""
_NO_PRIMITIVE: Final = PrimitiveFit(
    PrimitiveKind.SPHERE, np.eye(4), np.ones(3, dtype=np.float32), 0.0
)
"""What the columns hold of an object without one."""


def object_columns(things: Sequence[tuple[int, ObjectEstimate]]) -> dict[str, NDArray[Any]]:
    """The columns of objects, each with the number of its frame."""
    estimates = [thing for _, thing in things]
    meshes = _Meshes()
    primitives = [thing.primitive or _NO_PRIMITIVE for thing in estimates]
    values: dict[str, list[Any]] = {
        "object_frame": [frame for frame, _ in things],
        "object_mesh": [meshes.number_of(thing) for thing in estimates],
        "object_primitive_pose": [primitive.pose for primitive in primitives],
        "object_primitive_size_m": [primitive.size_m for primitive in primitives],
        "object_primitive_residual_m": [primitive.residual_m for primitive in primitives],
    }
    for name in ("track_id", "score", "held_by", "pose"):
        values[f"object_{name}"] = [getattr(thing, name) for thing in estimates]
    kinds = [str(thing.primitive.kind) if thing.primitive else "" for thing in estimates]
    return {
        **as_columns(values, _OBJECT_COLUMNS),
        "object_state": np.array([str(thing.state) for thing in estimates], dtype=np.str_),
        "object_name": np.array([thing.name for thing in estimates], dtype=np.str_),
        "object_primitive": np.array(kinds, dtype=np.str_),
        **meshes.columns(),
        **_contact_columns(estimates),
    }


class ObjectRows:
    """Objects as they were estimated, by their row."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def at(self, row: int) -> ObjectEstimate:
        """An object as it was estimated."""

        def value(name: str) -> Any:
            return self._columns[f"object_{name}"][row]

        mesh = int(value("mesh"))
        seen = self._mesh_part("mesh_vertex_seen", mesh)
        colors = self._mesh_part("mesh_vertex_colors", mesh)
        return ObjectEstimate(
            track_id=int(value("track_id")),
            score=float(value("score")),
            pose=value("pose"),
            vertices_m=self._mesh_part("mesh_vertices_m", mesh),
            faces=self._mesh_part("mesh_faces", mesh),
            held_by=int(value("held_by")),
            state=GraspState(str(value("state"))),
            vertex_seen=seen if self._columns["mesh_tells_seen"][mesh] else None,
            vertex_colors=colors if self._columns["mesh_has_colors"][mesh] else None,
            name=str(value("name")),
            primitive=self._primitive(row),
            contacts=tuple(self._contact(contact) for contact in self._contacts_of(row)),
        )

    def _primitive(self, row: int) -> PrimitiveFit | None:
        kind = str(self._columns["object_primitive"][row])
        if not kind:
            return None
        return PrimitiveFit(
            kind=PrimitiveKind(kind),
            pose=self._columns["object_primitive_pose"][row],
            size_m=self._columns["object_primitive_size_m"][row],
            residual_m=float(self._columns["object_primitive_residual_m"][row]),
        )

    def _contacts_of(self, row: int) -> range:
        return range(*np.searchsorted(self._columns["contact_object"], [row, row + 1]).tolist())

    def _contact(self, row: int) -> HandContact:
        return HandContact(
            hand_track_id=int(self._columns["contact_hand_track_id"][row]),
            part=HandPart(int(self._columns["contact_part"][row])),
            point_m=self._columns["contact_point_m"][row],
            normal=self._columns["contact_normal"][row],
            gap_m=float(self._columns["contact_gap_m"][row]),
        )

    def _mesh_part(self, column: str, mesh: int) -> NDArray[Any]:
        start, end = self._ends[_MESH_PARTS[column][0]][mesh : mesh + 2]
        return self._columns[column][start:end]

    @cached_property
    def _ends(self) -> dict[str, NDArray[np.int64]]:
        """Where each mesh's vertices and faces begin and end."""
        counts = ("mesh_vertex_count", "mesh_face_count")
        return {name: np.append(0, np.cumsum(self._columns[name])) for name in counts}


def require_object_shapes(columns: Columns) -> None:
    """Raise InvalidValueError unless the columns have as many rows as they must."""
    for first, layout in _LAYOUTS.items():
        count = len(columns[first])
        for name, (shape, dtype) in layout.items():
            require_array(name, columns[name], (count, *shape), dtype)
    for name, (counts, shape, dtype) in _MESH_PARTS.items():
        require_array(name, columns[name], (int(columns[counts].sum()), *shape), dtype)


class _Meshes:
    """The different meshes of a sequence's objects, numbered as they appear."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._estimates: list[ObjectEstimate] = []

    def number_of(self, thing: ObjectEstimate) -> int:
        digest = blake2b(digest_size=16)
        for values in (thing.vertices_m, thing.faces, thing.vertex_seen, thing.vertex_colors):
            digest.update(b"-" if values is None else np.ascontiguousarray(values).tobytes())
        number = self._numbers.setdefault(digest.digest(), len(self._estimates))
        if number == len(self._estimates):
            self._estimates.append(thing)
        return number

    def columns(self) -> dict[str, NDArray[Any]]:
        values: dict[str, list[Any]] = {
            "mesh_vertex_count": [len(thing.vertices_m) for thing in self._estimates],
            "mesh_face_count": [len(thing.faces) for thing in self._estimates],
            "mesh_tells_seen": [thing.vertex_seen is not None for thing in self._estimates],
            "mesh_has_colors": [thing.vertex_colors is not None for thing in self._estimates],
        }
        columns = as_columns(values, _MESH_COLUMNS)
        for name, (counts, shape, dtype) in _MESH_PARTS.items():
            parts = [
                _or_zeros(getattr(thing, name.removeprefix("mesh_")), (int(count), *shape), dtype)
                for thing, count in zip(self._estimates, columns[counts], strict=True)
            ]
            empty = np.zeros((0, *shape), dtype=dtype)
            columns[name] = np.concatenate([empty, *parts])
        return columns


def _or_zeros(
    values: NDArray[Any] | None, shape: tuple[int, ...], dtype: type[np.generic]
) -> NDArray[Any]:
    return np.zeros(shape, dtype=dtype) if values is None else values


def _contact_columns(things: Sequence[ObjectEstimate]) -> dict[str, NDArray[Any]]:
    rows = [(number, contact) for number, thing in enumerate(things) for contact in thing.contacts]
    values: dict[str, list[Any]] = {"contact_object": [number for number, _ in rows]}
    for name in _CONTACT_COLUMNS:
        if name not in values:
            values[name] = [getattr(contact, name.removeprefix("contact_")) for _, contact in rows]
    return as_columns(values, _CONTACT_COLUMNS)
