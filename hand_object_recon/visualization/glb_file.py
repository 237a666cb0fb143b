"""Meshes as binary glTF 2.0: a JSON chunk that describes a chunk of vertices and faces."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.visualization.frame_meshes import NamedMesh
from hand_object_recon.visualization.palette import linear_colors, linear_rgb

_MAGIC: Final = 0x46546C67
_VERSION: Final = 2
_JSON_CHUNK: Final = 0x4E4F534A
_BINARY_CHUNK: Final = 0x004E4942
_FLOAT: Final = 5126
_UINT32: Final = 5125
_VERTICES: Final = 34962
_INDICES: Final = 34963
_TRIANGLES: Final = 4


def glb_bytes(meshes: Sequence[NamedMesh], about: Mapping[str, str]) -> bytes:
    """The file's bytes: one node a mesh, named as it; ``about`` goes to ``asset.extras``."""
    document = _Document()
    for mesh in meshes:
        document.add(mesh)
    return document.encoded(about)


class _Document:
    def __init__(self) -> None:
        self._binary = bytearray()
        self._views: list[dict[str, Any]] = []
        self._accessors: list[dict[str, Any]] = []
        self._meshes: list[dict[str, Any]] = []
        self._materials: list[dict[str, Any]] = []

    def add(self, mesh: NamedMesh) -> None:
        attributes = {
            "POSITION": self._add_vectors(mesh.vertices_m),
            "NORMAL": self._add_vectors(mesh.normals),
        }
        if mesh.vertex_colors is not None:
            attributes["COLOR_0"] = self._add_vectors(linear_colors(mesh.vertex_colors))
        primitive = {
            "attributes": attributes,
            "indices": self._add_indices(mesh.faces),
            "material": len(self._materials),
            "mode": _TRIANGLES,
        }
        self._materials.append(_material(mesh))
        self._meshes.append({"name": mesh.name, "primitives": [primitive]})

    def encoded(self, about: Mapping[str, str]) -> bytes:
        nodes = [{"name": mesh["name"], "mesh": number} for number, mesh in enumerate(self._meshes)]
        content = {
            "asset": {"version": "2.0", "generator": "hand_object_recon", "extras": dict(about)},
            "scene": 0,
            "scenes": [{"nodes": list(range(len(nodes)))}],
            "nodes": nodes,
            "meshes": self._meshes,
            "materials": self._materials,
            "accessors": self._accessors,
            "bufferViews": self._views,
            "buffers": [{"byteLength": len(self._binary)}],
        }
        text = json.dumps(content, separators=(",", ":")).encode()
        chunks = _chunk(_JSON_CHUNK, text, b" ") + _chunk(_BINARY_CHUNK, bytes(self._binary), b"\0")
        return struct.pack("<3I", _MAGIC, _VERSION, 12 + len(chunks)) + chunks

    def _add_vectors(self, values: NDArray[np.float32]) -> int:
        limits = {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        return self._add_accessor(
            values.astype("<f4").tobytes(),
            _VERTICES,
            {"componentType": _FLOAT, "count": len(values), "type": "VEC3", **limits},
        )

    def _add_indices(self, faces: NDArray[np.int32]) -> int:
        accessor = {"componentType": _UINT32, "count": faces.size, "type": "SCALAR"}
        return self._add_accessor(faces.astype("<u4").tobytes(), _INDICES, accessor)

    def _add_accessor(self, data: bytes, target: int, accessor: dict[str, Any]) -> int:
        view = {
            "buffer": 0,
            "byteOffset": len(self._binary),
            "byteLength": len(data),
            "target": target,
        }
        self._binary += data
        self._views.append(view)
        self._accessors.append({"bufferView": len(self._views) - 1, **accessor})
        return len(self._accessors) - 1


def _material(mesh: NamedMesh) -> dict[str, Any]:
    # The factor multiplies the vertices' colours.
    color = linear_rgb(mesh.color) if mesh.vertex_colors is None else (1.0, 1.0, 1.0)
    surface = {
        "baseColorFactor": [*color, 1.0],
        "metallicFactor": 0.0,
        "roughnessFactor": 0.8,
    }
    return {"name": mesh.name, "pbrMetallicRoughness": surface}


def _chunk(kind: int, data: bytes, padding: bytes) -> bytes:
    padded = data + padding * (-len(data) % 4)
    return struct.pack("<2I", len(padded), kind) + padded
