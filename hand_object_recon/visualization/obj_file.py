"""Meshes as Wavefront OBJ text, one named object a mesh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hand_object_recon.visualization.frame_meshes import NamedMesh


def obj_bytes(meshes: Sequence[NamedMesh], about: Mapping[str, str]) -> bytes:
    """The file's bytes; nine digits give back the same float32.

    The colour follows each vertex as red, green and blue from 0 to 1, which most readers know.
    ``about`` becomes comments.
    """
    lines = [f"# {key}: {value}" for key, value in about.items()]
    first = 1
    for mesh in meshes:
        lines += _object_lines(mesh, first)
        first += len(mesh.vertices_m)
    return ("\n".join(lines) + "\n").encode()


def _object_lines(mesh: NamedMesh, first_vertex: int) -> list[str]:
    places, colors = mesh.vertices_m.tolist(), _colors(mesh)
    return [
        f"o {mesh.name}",
        *(
            f"v {x:.9g} {y:.9g} {z:.9g} {color}"
            for (x, y, z), color in zip(places, colors, strict=True)
        ),
        *(f"vn {x:.6g} {y:.6g} {z:.6g}" for x, y, z in mesh.normals.tolist()),
        *(f"f {a}//{a} {b}//{b} {c}//{c}" for a, b, c in (mesh.faces + first_vertex).tolist()),
    ]


def _colors(mesh: NamedMesh) -> list[str]:
    """Red, green and blue of each vertex."""
    if mesh.vertex_colors is None:
        return [_color(mesh.color)] * len(mesh.vertices_m)
    return [_color(color) for color in mesh.vertex_colors.tolist()]


def _color(rgb: Sequence[int]) -> str:
    return " ".join(f"{channel / 255:.4f}" for channel in rgb)
