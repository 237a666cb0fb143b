"""Meshes as one binary little-endian PLY; its comments tell which part is which mesh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.visualization.frame_meshes import NamedMesh

_VERTEX: Final = np.dtype([("place", "<f4", 3), ("normal", "<f4", 3), ("color", "u1", 3)])
_FACE: Final = np.dtype([("corners", "u1"), ("vertices", "<i4", 3)])
_VERTEX_PROPERTIES: Final = (
    *(f"property float {name}" for name in ("x", "y", "z", "nx", "ny", "nz")),
    *(f"property uchar {name}" for name in ("red", "green", "blue")),
)


def ply_bytes(meshes: Sequence[NamedMesh], about: Mapping[str, str]) -> bytes:
    """The file's bytes.

    PLY knows no nodes: the meshes follow each other, and a comment ``mesh NAME vertices FIRST
    COUNT faces FIRST COUNT`` names each. ``about`` becomes comments too.
    """
    vertices = np.concatenate([_vertices(mesh) for mesh in meshes])
    firsts = np.cumsum([0, *(len(mesh.vertices_m) for mesh in meshes)]).tolist()
    faces = np.concatenate(
        [_faces(mesh, first) for mesh, first in zip(meshes, firsts, strict=False)]
    )
    header = [
        "ply",
        "format binary_little_endian 1.0",
        *(f"comment {key}: {value}" for key, value in about.items()),
        *_mesh_comments(meshes),
        f"element vertex {len(vertices)}",
        *_VERTEX_PROPERTIES,
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    return "\n".join(header).encode() + vertices.tobytes() + faces.tobytes()


def _mesh_comments(meshes: Sequence[NamedMesh]) -> list[str]:
    comments, vertex, face = [], 0, 0
    for mesh in meshes:
        vertices, faces = len(mesh.vertices_m), len(mesh.faces)
        ranges = f"vertices {vertex} {vertices} faces {face} {faces}"
        comments.append(f"comment mesh {mesh.name} {ranges}")
        vertex, face = vertex + vertices, face + faces
    return comments


def _vertices(mesh: NamedMesh) -> NDArray[np.void]:
    rows = np.empty(len(mesh.vertices_m), dtype=_VERTEX)
    rows["place"], rows["normal"] = mesh.vertices_m, mesh.normals
    rows["color"] = mesh.color if mesh.vertex_colors is None else mesh.vertex_colors
    return rows


def _faces(mesh: NamedMesh, first_vertex: int) -> NDArray[np.void]:
    rows = np.empty(len(mesh.faces), dtype=_FACE)
    rows["corners"], rows["vertices"] = 3, mesh.faces + first_vertex
    return rows
