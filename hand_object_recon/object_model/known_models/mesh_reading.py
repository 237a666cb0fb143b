"""Meshes of known objects from files, refused where no body can be made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import DependencyError, InvalidValueError

MESH_SUFFIXES: Final = (".glb", ".obj", ".ply", ".stl")
SMALLEST_M: Final = 0.01

_MOST_FACES: Final = 200_000
_CONVEX_WITHIN: Final = 0.02
_MOST_CENTERS: Final = 2000

Mesh = tuple[NDArray[np.float32], NDArray[np.int32]]


def read_mesh(path: Path, max_size_m: float) -> Mesh:
    """Vertices (V, 3) float32 in metres and faces (F, 3) int32 of a closed body, outwards.

    An open mesh of a convex body is closed over by its convex hull.

    Raises
    ------
    InvalidValueError
        The file is no mesh, spans less than a centimetre or more than ``max_size_m``, has too
        many faces, or is open and not convex.
    DependencyError
        trimesh is not installed.
    """
    mesh = _read(path)
    _require_size(path, float(np.ptp(mesh.vertices, axis=0).max()), max_size_m)
    if len(mesh.faces) > _MOST_FACES:
        raise InvalidValueError(
            f"model file {path} has {len(mesh.faces)} faces; reduce it to {_MOST_FACES} or fewer"
        )
    if not mesh.is_watertight:
        mesh = _closed(path, mesh)
    if mesh.volume < 0.0:
        mesh.invert()
    return np.array(mesh.vertices, dtype=np.float32), np.array(mesh.faces, dtype=np.int32)


def _read(path: Path) -> Any:
    trimesh = _import_trimesh()
    try:
        mesh = trimesh.load_mesh(path, skip_materials=True)
    except Exception as error:
        # the readers of the formats raise whatever their parsing comes upon
        raise InvalidValueError(
            f"model file {path} is not a readable mesh ({error}); export it again"
        ) from None
    if not len(getattr(mesh, "faces", ())):
        raise InvalidValueError(
            f"model file {path} has no triangles; a point cloud must be meshed first"
        )
    if not np.isfinite(mesh.vertices).all():
        raise InvalidValueError(f"model file {path} has vertices that are not finite; mend it")
    # files repeat a vertex for each of its textures and normals
    plain = trimesh.Trimesh(mesh.vertices, mesh.faces)
    plain.update_faces(plain.nondegenerate_faces())
    plain.remove_unreferenced_vertices()
    return plain


def _require_size(path: Path, extent_m: float, max_size_m: float) -> None:
    if SMALLEST_M <= extent_m <= max_size_m:
        return
    if SMALLEST_M <= 1e-3 * extent_m <= max_size_m:
        fix = "it looks like millimetres: export it in metres"
    elif SMALLEST_M <= 1e-2 * extent_m <= max_size_m:
        fix = "it looks like centimetres: export it in metres"
    else:
        fix = "export it in metres, leave it out, or raise held_object.max_size_m"
    raise InvalidValueError(
        f"model file {path} spans {extent_m:.4g} m; it must span {SMALLEST_M} to {max_size_m} m; "
        f"{fix}"
    )


def _closed(path: Path, mesh: Any) -> Any:
    """The convex hull of an open mesh, if all of the mesh lies on it."""
    hull = mesh.convex_hull
    some = mesh.triangles_center[:: max(1, len(mesh.faces) // _MOST_CENTERS)]
    out = hull.face_normals
    depths = (np.einsum("fc,fc->f", hull.triangles[:, 0], out) - some @ out.T).min(axis=1)
    if depths.max() > _CONVEX_WITHIN * np.ptp(mesh.vertices, axis=0).max():
        raise InvalidValueError(
            f"model file {path} is open and not convex, so its inside is not known; close its "
            "holes in a mesh editor"
        )
    return hull


def _import_trimesh() -> Any:
    try:
        import trimesh
    except ImportError:
        raise DependencyError(
            "known models (held_object.models_folder) are read with trimesh, which is not "
            "installed: pip install 'hand-object-recon[synthesis]', or pip install trimesh"
        ) from None
    return trimesh
