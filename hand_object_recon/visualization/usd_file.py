"""Meshes as USD text (``.usda``), which Isaac Sim, Omniverse, Blender and Houdini open."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.visualization.frame_meshes import NamedMesh
from hand_object_recon.visualization.palette import linear_colors, linear_rgb

_ROOT: Final = "reconstruction"


def usda_bytes(meshes: Sequence[NamedMesh], about: Mapping[str, str]) -> bytes:
    """The file's bytes: one ``Mesh`` prim a mesh, named as it, below ``/reconstruction``.

    Nine digits give back the same float32. ``about`` goes to the layer's ``customLayerData``. No
    transform is applied: USD knows y or z up alone, and the camera optical frame has y down.
    """
    lines = ["#usda 1.0", *_layer_lines(about), "", f'def Xform "{_ROOT}"', "{"]
    for mesh in meshes:
        lines += [f"    {line}" for line in _mesh_lines(mesh)]
    lines.append("}")
    return ("\n".join(lines) + "\n").encode()


def _layer_lines(about: Mapping[str, str]) -> list[str]:
    entries = [f"        string {_identifier(key)} = {_text(about[key])}" for key in about]
    return [
        "(",
        "    customLayerData = {",
        *entries,
        "    }",
        f'    defaultPrim = "{_ROOT}"',
        "    metersPerUnit = 1",
        '    upAxis = "Y"',
        ")",
    ]


def _mesh_lines(mesh: NamedMesh) -> list[str]:
    limits = np.stack([mesh.vertices_m.min(axis=0), mesh.vertices_m.max(axis=0)])
    if mesh.vertex_colors is None:
        interpolation, colors = "constant", np.array([linear_rgb(mesh.color)])
    else:
        interpolation, colors = "vertex", linear_colors(mesh.vertex_colors)
    return [
        f'def Mesh "{_identifier(mesh.name)}"',
        "{",
        f"    float3[] extent = {_vectors(limits)}",
        f"    int[] faceVertexCounts = {_list('3' for _ in mesh.faces)}",
        f"    int[] faceVertexIndices = {_list(map(str, mesh.faces.reshape(-1).tolist()))}",
        f"    normal3f[] normals = {_vectors(mesh.normals)} (",
        '        interpolation = "vertex"',
        "    )",
        '    uniform token orientation = "rightHanded"',
        f"    point3f[] points = {_vectors(mesh.vertices_m)}",
        f"    color3f[] primvars:displayColor = {_vectors(colors)} (",
        f'        interpolation = "{interpolation}"',
        "    )",
        '    uniform token subdivisionScheme = "none"',
        "}",
    ]


def _vectors(rows: NDArray[np.floating[Any]]) -> str:
    return _list(f"({x:.9g}, {y:.9g}, {z:.9g})" for x, y, z in rows.tolist())


def _list(items: Iterable[str]) -> str:
    return f"[{', '.join(items)}]"


def _identifier(name: str) -> str:
    """The name with an underscore for every character that a USD name cannot have."""
    return re.sub(r"^(?=\d)|\W", "_", name, flags=re.ASCII)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
