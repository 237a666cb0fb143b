"""Meshes of a data set's objects from the user's folder, each read once."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import DatasetError, DependencyError
from hand_object_recon.datasets.file_reading import ANEW

YCB_FILES: Final = ("{name}/textured_simple.obj",)
YCB_SOURCE: Final = (
    "get the YCB-Video 3D models from https://rse-lab.cs.washington.edu/projects/posecnn/ and give "
    "their folder as models"
)


class ObjectMesh(NamedTuple):
    """vertices_m (V, 3) float32 in the object's own frame, faces (F, 3) int32."""

    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]


class ObjectModels:
    """Objects by name: in ``folder``, the first that is there of ``files``, in which ``{name}``
    stands for the object's; by default as YCB-Video's 3-D models lie.

    source
        Where meshes can be got, for those that are missing.
    """

    def __init__(
        self, folder: Path, files: tuple[str, ...] = YCB_FILES, source: str = YCB_SOURCE
    ) -> None:
        self.folder = folder
        self._files = files
        self._source = source

    def mesh(self, name: str) -> ObjectMesh | None:
        """The object's mesh, None where it is not there."""
        path = self._file(name)
        return None if path is None else _read(path, path.stat().st_mtime_ns)

    def notes(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """A sentence on the objects whose meshes are missing."""
        missing = [name for name in names if self._file(name) is None]
        if not missing:
            return ()
        return (
            f"{len(missing)} of {len(names)} objects have no mesh in {self.folder} "
            f"({self._files[0].format(name=missing[0])} …): they are left out of the truth; "
            f"{self._source}",
        )

    def _file(self, name: str) -> Path | None:
        paths = (self.folder / file.format(name=name) for file in self._files)
        return next((path for path in paths if path.is_file()), None)


@lru_cache(maxsize=64)
def _read(path: Path, version: int) -> ObjectMesh:
    del version
    trimesh = _import_trimesh()
    try:
        mesh = trimesh.load_mesh(path, process=False, skip_materials=True)
        # a vertex is repeated for each of its textures; sewn together the body is closed again
        sewn = trimesh.Trimesh(mesh.vertices, mesh.faces)
    except Exception as error:
        # the parsers raise whatever they come upon
        raise DatasetError(f"{path} is no readable mesh ({error}); {ANEW}") from None
    if not len(sewn.faces) or not np.isfinite(sewn.vertices).all():
        raise DatasetError(f"{path} has no triangles, or corners that are not finite; {ANEW}")
    return ObjectMesh(
        np.array(sewn.vertices, dtype=np.float32), np.array(sewn.faces, dtype=np.int32)
    )


def _import_trimesh() -> Any:
    try:
        import trimesh
    except ImportError:
        raise DependencyError(
            "objects' meshes are read with trimesh, which is not installed: "
            "pip install 'hand-object-recon[synthesis]', or pip install trimesh"
        ) from None
    return trimesh
