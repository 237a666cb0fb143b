"""Reads binary glTF 2.0 files (.glb) as far as a skinned mesh needs it.

Khronos glTF 2.0 specification: binary container, accessors, node hierarchy, skins.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.geometry.rotations import quaternion_to_matrix

FloatArray = NDArray[np.floating[Any]]

_MAGIC: Final = b"glTF"
_VERSION: Final = 2
_JSON_CHUNK: Final = b"JSON"
_BIN_CHUNK: Final = b"BIN\x00"
_COMPONENT_TYPES: Final = {5120: "i1", 5121: "u1", 5122: "i2", 5123: "u2", 5125: "u4", 5126: "f4"}
_COMPONENTS: Final = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_HARMLESS_EXTENSIONS: Final = (
    "KHR_materials",
    "KHR_texture",
    "KHR_lights",
    "KHR_mesh_quantization",
)


@dataclass(frozen=True, eq=False)
class GlbFile:
    """A file's description and its one binary buffer."""

    path: Path
    description: dict[str, Any]
    binary: bytes

    @property
    def nodes(self) -> list[dict[str, Any]]:
        return list(self.description.get("nodes", ()))

    def part(self, kind: str, number: int) -> dict[str, Any]:
        """Entry of one of the file's lists, such as skins or meshes."""
        parts = self.description.get(kind, ())
        if not 0 <= number < len(parts):
            raise InvalidValueError(f"{self.path} refers to {kind} {number}, which it lacks")
        entry: dict[str, Any] = parts[number]
        return entry

    def accessor(self, number: int) -> NDArray[Any]:
        """(N, components) values of an accessor; normalised integers become floats."""
        entry = self.part("accessors", number)
        if "sparse" in entry or "bufferView" not in entry:
            raise InvalidValueError(
                f"{self.path} has sparse or empty accessors, which are not read; export it without"
            )
        kind = _COMPONENT_TYPES.get(entry.get("componentType", 0))
        width, count = _COMPONENTS.get(entry.get("type", "")), entry.get("count", 0)
        if kind is None or width is None:
            raise InvalidValueError(f"{self.path} has an accessor of an unknown type: {entry}")
        dtype = np.dtype(f"<{kind}")
        values = self._values(entry, dtype, count, width)
        if not np.isfinite(values).all():
            raise InvalidValueError(f"{self.path} holds values that are not finite")
        return _normalised(values) if entry.get("normalized") else values

    def _values(
        self, entry: dict[str, Any], dtype: np.dtype[Any], count: int, width: int
    ) -> NDArray[Any]:
        view = self.part("bufferViews", entry["bufferView"])
        if "uri" in self.part("buffers", view.get("buffer", 0)):
            raise InvalidValueError(
                f"{self.path} keeps its data in another file; export it as a single .glb"
            )
        step = view.get("byteStride", dtype.itemsize * width)
        start = view.get("byteOffset", 0) + entry.get("byteOffset", 0)
        end = start + step * (count - 1) + dtype.itemsize * width
        if count < 1 or start < 0 or step < dtype.itemsize * width or end > len(self.binary):
            raise InvalidValueError(f"{self.path} is cut short: an accessor reaches past its data")
        return np.ndarray((count, width), dtype, self.binary, start, (step, dtype.itemsize)).copy()

    def node_transforms(self) -> FloatArray:
        """(N, 4, 4) transform of each node to the scene."""
        parents = self.node_parents()
        local = np.stack([_local_transform(node) for node in self.nodes])
        if not np.isfinite(local).all():
            raise InvalidValueError(f"{self.path} has a node whose place is not finite")
        world = np.empty_like(local)
        for number in range(len(local)):
            world[number], ancestor = local[number], parents[number]
            for _ in range(len(local)):
                if ancestor < 0:
                    break
                world[number], ancestor = local[ancestor] @ world[number], parents[ancestor]
            else:
                raise InvalidValueError(f"{self.path} has a node that is its own ancestor")
        return world

    def node_parents(self) -> list[int]:
        """Parent of each node, -1 for those of the scene."""
        parents = [-1] * len(self.nodes)
        for number, node in enumerate(self.nodes):
            for child in node.get("children", ()):
                parents[child] = number
        return parents


def read_glb(path: Path) -> GlbFile:
    """Read a .glb file.

    Raises
    ------
    InvalidValueError
        The file is no binary glTF 2.0, is cut short, or is compressed in a way not read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidValueError(f"{path} cannot be read: {error.strerror}") from None
    if data[:4] != _MAGIC or len(data) < 20:
        raise InvalidValueError(f"{path} is no binary glTF file (.glb)")
    version, length = struct.unpack_from("<II", data, 4)
    if version != _VERSION:
        raise InvalidValueError(f"{path} is glTF {version}; export it as glTF 2.0")
    if length > len(data):
        raise InvalidValueError(f"{path} is cut short: {len(data)} of {length} bytes")
    chunks = _chunks(path, data[12:length])
    try:
        description = json.loads(chunks[_JSON_CHUNK])
    except (KeyError, ValueError):
        raise InvalidValueError(f"{path} is damaged: its description does not read") from None
    _refuse_compression(path, description)
    return GlbFile(path, description, chunks.get(_BIN_CHUNK, b""))


def _chunks(path: Path, data: bytes) -> dict[bytes, bytes]:
    chunks: dict[bytes, bytes] = {}
    start = 0
    while start + 8 <= len(data):
        length, kind = struct.unpack_from("<I4s", data, start)
        if start + 8 + length > len(data):
            raise InvalidValueError(f"{path} is cut short inside a chunk")
        chunks.setdefault(kind, data[start + 8 : start + 8 + length])
        start += 8 + length
    return chunks


def _refuse_compression(path: Path, description: dict[str, Any]) -> None:
    for extension in description.get("extensionsRequired", ()):
        if not str(extension).startswith(_HARMLESS_EXTENSIONS):
            raise InvalidValueError(
                f"{path} needs {extension}, which is not read; export it without compression"
            )


def _normalised(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind == "f":
        return values
    largest = float(np.iinfo(values.dtype).max)
    return np.maximum(values.astype(np.float64) / largest, -1.0)


def _local_transform(node: dict[str, Any]) -> FloatArray:
    if "matrix" in node:
        return np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T
    transform = np.eye(4)
    quaternion = np.array(node.get("rotation", (0.0, 0.0, 0.0, 1.0)), dtype=np.float64)
    scale = np.array(node.get("scale", (1.0, 1.0, 1.0)), dtype=np.float64)
    transform[:3, :3] = quaternion_to_matrix(quaternion) * scale
    transform[:3, 3] = node.get("translation", (0.0, 0.0, 0.0))
    return transform
