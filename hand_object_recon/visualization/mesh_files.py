"""Mesh files by format, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.visualization.frame_meshes import NamedMesh
from hand_object_recon.visualization.glb_file import glb_bytes
from hand_object_recon.visualization.obj_file import obj_bytes
from hand_object_recon.visualization.ply_file import ply_bytes
from hand_object_recon.visualization.usd_file import usda_bytes

MESH_FORMATS: Final[dict[str, Callable[[Sequence[NamedMesh], Mapping[str, str]], bytes]]] = {
    "glb": glb_bytes,
    "ply": ply_bytes,
    "obj": obj_bytes,
    "usda": usda_bytes,
}


def require_mesh_format(name: str) -> str:
    """The format's name in small letters.

    Raises
    ------
    InvalidValueError
        It is none of ``MESH_FORMATS``.
    """
    if name.lower() not in MESH_FORMATS:
        raise InvalidValueError(
            f"mesh format is {name!r}; handled are {', '.join(MESH_FORMATS)} "
            "(for others, convert the glb)"
        )
    return name.lower()


def write_mesh_file(path: Path, meshes: Sequence[NamedMesh], about: Mapping[str, str]) -> None:
    """Write meshes into one file; its ending chooses the format. Missing folders are made.

    about
        What the file says of itself: unit, frame, stamp.

    Raises
    ------
    InvalidValueError
        The ending is that of no known format, there is no mesh, or the file cannot be written.
    """
    encode = MESH_FORMATS[require_mesh_format(path.suffix.lstrip("."))]
    if not meshes:
        raise InvalidValueError(f"mesh file {path} would hold no mesh; give at least one")
    data = encode(meshes, about)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(path, data)
    except OSError as error:
        raise InvalidValueError(f"mesh file {path} cannot be written: {error.strerror}") from None


def _write_whole(path: Path, data: bytes) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
