"""Meshes of a scene as little text: vertices on a grid of 16 bits, faces as their numbers."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.visualization.palette import Rgb
from hand_object_recon.visualization.report.document import Mesh

_GRID: Final = 65535
_SHORT_FACES_UP_TO: Final = 65536
_ERROR_LEVELS: Final = 254
_NO_ERROR: Final = 255


def packed_scene(meshes: Sequence[Mesh]) -> dict[str, Any]:
    """The scene's box in metres and its meshes, ready for JSON.

    ``vertices`` are uint16 from one corner of the box to the other, so that a hand's are off by
    less than 5 micrometres; ``faces`` are uint16, or uint32 where there are many vertices;
    ``error`` is uint8 from zero to ``most_error_mm``, 255 where it is not known. All little
    endian and in base64.
    """
    every_vertex = np.concatenate([mesh.vertices_m for mesh in meshes]).astype(np.float64)
    low, high = every_vertex.min(axis=0), every_vertex.max(axis=0)
    most_error_mm = _most_error_mm(meshes)
    return {
        "low_m": low.tolist(),
        "high_m": high.tolist(),
        "most_error_mm": most_error_mm,
        "meshes": [_packed(mesh, low, high, most_error_mm) for mesh in meshes],
    }


def css_color(color: Rgb) -> str:
    """The colour in style-sheet notation."""
    return "#" + "".join(f"{level:02x}" for level in color)


def _most_error_mm(meshes: Sequence[Mesh]) -> float | None:
    """The end of the colour scale: only the worst hundredth of the vertices lies beyond it."""
    known = [
        mesh.error_mm[np.isfinite(mesh.error_mm)] for mesh in meshes if mesh.error_mm is not None
    ]
    errors = np.concatenate(known) if known else np.zeros(0)
    return float(f"{np.percentile(errors, 99):.2g}") if errors.any() else None


def _packed(
    mesh: Mesh, low: NDArray[np.float64], high: NDArray[np.float64], most_error_mm: float | None
) -> dict[str, Any]:
    extent = np.where(high > low, high - low, 1.0)
    on_grid = np.round((mesh.vertices_m - low) / extent * _GRID)
    face_type = "<u2" if len(mesh.vertices_m) <= _SHORT_FACES_UP_TO else "<u4"
    packed = {
        "name": mesh.name,
        "group": mesh.group,
        "color": css_color(mesh.color),
        "vertices": _base64(on_grid.astype("<u2")),
        "face_bytes": np.dtype(face_type).itemsize,
        "faces": _base64(mesh.faces.astype(face_type)),
    }
    if mesh.error_mm is not None and most_error_mm is not None:
        packed["error"] = _base64(_levels(mesh.error_mm, most_error_mm))
    return packed


def _levels(error_mm: NDArray[np.float32], most_error_mm: float) -> NDArray[np.uint8]:
    is_known = np.isfinite(error_mm)
    shares = np.where(is_known, error_mm, 0.0) / most_error_mm
    levels = np.round(shares.clip(0.0, 1.0) * _ERROR_LEVELS).astype(np.uint8)
    levels[~is_known] = _NO_ERROR
    return levels


def _base64(array: NDArray[Any]) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")
