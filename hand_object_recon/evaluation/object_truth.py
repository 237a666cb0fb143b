"""The objects of a recording's truth: where each was at which stamp, and their meshes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import require_array, require_rigid_transform
from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh

_VERTICES: Final = "{}_vertices"
_FACES: Final = "{}_faces"

_STAMPS: Final = "object_stamps_ns"
_POSES: Final = "object_pose"
_NAMES: Final = "object_name"


@dataclass(frozen=True, eq=False)
class ObjectTruth:
    """One row for each object in each frame.

    stamps_ns (M,) int64; poses (M, 4, 4) float64 from the object's own frame to the camera.

    meshes
        In the object's own frame, by the name that ``names`` gives each row.
    """

    stamps_ns: NDArray[np.int64]
    poses: NDArray[np.float64]
    names: tuple[str, ...]
    meshes: Mapping[str, SurfaceMesh]

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

    def __len__(self) -> int:
        return len(self.stamps_ns)

    def mesh_of(self, row: int) -> SurfaceMesh:
        """The row's mesh in the camera frame."""
        mesh, pose = self.meshes[self.names[row]], self.poses[row]
        return SurfaceMesh(mesh.vertices_m @ pose[:3, :3].T + pose[:3, 3], mesh.faces)


NO_OBJECTS: Final = ObjectTruth(np.empty(0, np.int64), np.empty((0, 4, 4)), (), {})


def object_truth(arrays: Mapping[str, NDArray[Any]]) -> ObjectTruth:
    """The objects in a truth file's arrays; none where it has no ``object_stamps_ns``.

    ``object_stamps_ns`` (M,), ``object_pose`` (M, 4, 4) and ``object_name`` (M,), and for each
    name the mesh: ``NAME_vertices`` (V, 3) in the object's own frame and ``NAME_faces`` (F, 3).

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
    return ObjectTruth(arrays[_STAMPS], arrays[_POSES], names, _meshes(arrays, set(names)))


def object_arrays(truth: ObjectTruth) -> dict[str, NDArray[Any]]:
    """The arrays that :func:`object_truth` reads."""
    if not len(truth):
        return {}
    arrays: dict[str, NDArray[Any]] = {
        _STAMPS: truth.stamps_ns,
        _POSES: truth.poses,
        _NAMES: np.array(truth.names, dtype=np.str_),
    }
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
