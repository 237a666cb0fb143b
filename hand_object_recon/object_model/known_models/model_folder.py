"""A folder of known objects, each made ready to be recognised and tracked."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.object_model.distance_grid import DistanceGrid
from hand_object_recon.object_model.known_models.mesh_reading import MESH_SUFFIXES, read_mesh
from hand_object_recon.object_model.mesh_distance import mesh_distance_grid
from hand_object_recon.object_model.pose_search import SearchableBody, searchable

_VOXELS_ALONG: Final = 40
_FINEST_M: Final = 0.002
_COARSEST_M: Final = 0.004
_MARGIN_M: Final = 0.012


@dataclass(frozen=True, eq=False)
class KnownModel:
    """An object whose mesh is known, in the frame of its file.

    vertices_m, faces
        (V, 3) float32 metres, and (F, 3) int32 counter-clockwise seen from outside; closed.
    grid
        Its signed distances; track it with ``register(..., is_whole=True)``.
    """

    name: str
    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]
    grid: DistanceGrid
    body: SearchableBody

    @property
    def diagonal_m(self) -> float:
        """Diagonal of the bounding box."""
        return float(np.linalg.norm(np.ptp(self.vertices_m, axis=0)))


def load_known_models(folder: Path, max_size_m: float) -> tuple[KnownModel, ...]:
    """The objects of a folder's mesh files, by name, which is the file's without its suffix.

    Raises
    ------
    InvalidValueError
        There is no mesh, two have one name, or one cannot be used; the message names the file.
    """
    files = _mesh_files(folder)
    return tuple(known_model(path.stem, *read_mesh(path, max_size_m)) for path in files)


def known_model(name: str, vertices_m: NDArray[np.float32], faces: NDArray[np.int32]) -> KnownModel:
    """A closed mesh (V, 3), (F, 3) made ready, with its distances on about 40 voxels a side."""
    extent_m = float(np.ptp(vertices_m, axis=0).max())
    voxel_m = float(np.clip(extent_m / _VOXELS_ALONG, _FINEST_M, _COARSEST_M))
    grid = mesh_distance_grid(vertices_m, faces, voxel_m, _MARGIN_M)
    return KnownModel(name, vertices_m, faces, grid, searchable(grid))


def _mesh_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InvalidValueError(
            f"held_object.models_folder is {folder}, which is not a folder; give one with meshes"
        )
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in MESH_SUFFIXES)
    if not files:
        raise InvalidValueError(
            f"held_object.models_folder {folder} has no mesh; put {', '.join(MESH_SUFFIXES)} "
            "files into it"
        )
    for first, second in pairwise(files):
        if first.stem == second.stem:
            raise InvalidValueError(
                f"held_object.models_folder {folder} has {first.name} beside {second.name}, both "
                "of the same name; keep one"
            )
    return files
