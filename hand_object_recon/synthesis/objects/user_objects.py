"""Objects from a user's own mesh files, made into closed objects of even size."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import DependencyError, InvalidValueError
from hand_object_recon.synthesis.objects.closed_mesh import TriangleMesh, extent_m, require_closed
from hand_object_recon.synthesis.objects.mesh_repair import (
    cleaned,
    closed_over_holes,
    turned_outwards_if_closed,
    with_at_most,
)
from hand_object_recon.synthesis.objects.object_shape import (
    MAX_EXTENT_M,
    MIN_EXTENT_M,
    ObjectShape,
    centered_object,
)

MESH_SUFFIXES: Final = (".glb", ".obj", ".ply", ".stl")
_CATEGORY: Final = "user"
_MAX_FACES: Final = 6000
# in a folder of one object the first of these that is there; the others are the same object
# with more faces, with a smoother surface, or as raw points
_PREFERRED_PATHS: Final = (
    "google_16k/textured.obj",
    "google_16k/nontextured.ply",
    "google_16k/nontextured.stl",
    "meshes/model.obj",
    "textured_simple.obj",
    "textured.obj",
    "model.obj",
)


def load_user_objects(folder: Path, scale: float = 1.0) -> tuple[ObjectShape, ...]:
    """The objects of a folder, in the order of their names: mesh files, or a folder an object.

    Folders may lie as those of YCB (``google_16k/textured.obj``) or Google Scanned Objects
    (``meshes/model.obj``) do. The files are in metres once multiplied by ``scale``. Of each the
    largest connected part is kept, closed over small holes and brought to at most 6000 faces.

    Raises
    ------
    InvalidValueError
        There is no mesh, or one is unreadable, of the wrong size, or too open to close; the
        message names the file.
    """
    if not scale > 0.0:
        raise InvalidValueError(f"object scale is {scale}; it must be above 0")
    return tuple(
        _load_object(name, path, scale) for name, path in sorted(mesh_files(folder).items())
    )


def mesh_files(folder: Path) -> dict[str, Path]:
    """The mesh file of each object of a folder, by the object's name."""
    if not folder.is_dir():
        raise InvalidValueError(f"object folder {folder} is not a folder; give one with meshes")
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    found = {entry.name: _file_of_object(entry) for entry in entries if entry.is_dir()}
    files = {name: path for name, path in found.items() if path is not None}
    for entry in entries:
        if entry.is_file() and entry.suffix.lower() in MESH_SUFFIXES:
            if entry.stem in files:
                raise InvalidValueError(
                    f"object folder {folder} has {entry.name} beside {files[entry.stem].name}, "
                    "both of the same name; keep one"
                )
            files[entry.stem] = entry
    if not files:
        raise InvalidValueError(
            f"object folder {folder} has no mesh; put {', '.join(MESH_SUFFIXES)} files into it, "
            "or a folder for each object"
        )
    return files


def _file_of_object(folder: Path) -> Path | None:
    for preferred in _PREFERRED_PATHS:
        if (folder / preferred).is_file():
            return folder / preferred
    meshes = sorted(path for path in folder.rglob("*") if path.suffix.lower() in MESH_SUFFIXES)
    if len(meshes) > 1:
        raise InvalidValueError(
            f"object folder {folder} has {len(meshes)} meshes, such as {meshes[0].name} and "
            f"{meshes[1].name}; keep one, or call the right one model.obj"
        )
    return meshes[0] if meshes else None


def _load_object(name: str, path: Path, scale: float) -> ObjectShape:
    vertices, faces = _read_triangles(path)
    mesh = cleaned(TriangleMesh(scale * vertices, faces))
    if not len(mesh.faces):
        raise InvalidValueError(f"object file {path} has no triangles with an area; mend it")
    _require_size(path, mesh)
    closed = turned_outwards_if_closed(mesh) or closed_over_holes(mesh)
    if closed is None:
        raise InvalidValueError(
            f"object file {path} is open and its holes are too wide to close; close them in a "
            "mesh editor"
        )
    light = with_at_most(_MAX_FACES, closed)
    require_closed(f"object file {path}", light.faces)
    return centered_object(f"{_CATEGORY}-{name}", _CATEGORY, light.vertices_m, light.faces)


def _read_triangles(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    trimesh = _import_trimesh()
    try:
        mesh = trimesh.load_mesh(path, process=False, skip_materials=True)
    except Exception as error:
        # the readers of the formats raise whatever their parsing comes upon
        raise InvalidValueError(
            f"object file {path} is not a readable mesh ({error}); export it again"
        ) from None
    vertices = np.asarray(getattr(mesh, "vertices", ()), dtype=np.float64)
    faces = np.asarray(getattr(mesh, "faces", ()), dtype=np.int32)
    if not len(vertices) or not len(faces):
        raise InvalidValueError(
            f"object file {path} has no triangles; a point cloud must be meshed first"
        )
    if not np.isfinite(vertices).all():
        raise InvalidValueError(
            f"object file {path} has vertices that are not finite; export it again"
        )
    return vertices, faces


def _require_size(path: Path, mesh: TriangleMesh) -> None:
    extent = extent_m(mesh.vertices_m)
    if MIN_EXTENT_M <= extent <= MAX_EXTENT_M:
        return
    allowed = f"a held object spans {MIN_EXTENT_M} to {MAX_EXTENT_M} m"
    if MIN_EXTENT_M <= 1e-3 * extent <= MAX_EXTENT_M:
        fix = "it looks like millimetres: scale with --object-scale 0.001"
    elif MIN_EXTENT_M <= 1e-2 * extent <= MAX_EXTENT_M:
        fix = "it looks like centimetres: scale with --object-scale 0.01"
    else:
        fix = "scale with --object-scale, or leave it out"
    raise InvalidValueError(f"object file {path} spans {extent:.4g} m, {allowed}; {fix}")


def _import_trimesh() -> Any:
    try:
        import trimesh
    except ImportError:
        raise DependencyError(
            "reading your own objects needs trimesh, which is not installed: pip install trimesh"
        ) from None
    return trimesh
