"""Checks shared by the value types: shape, type and finiteness of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError

Float32Array = NDArray[np.float32]

_ORTHONORMAL_WITHIN = 1e-3


def require_array(
    name: str,
    value: Any,
    shape: Sequence[int | None],
    dtype: type[np.generic],
    *,
    finite: bool = False,
) -> NDArray[Any]:
    """Return ``value`` as a read-only array of ``dtype`` whose shape matches ``shape``.

    ``None`` in ``shape`` admits any length. Floating-point input is converted between
    precisions, and integers between widths. Neither becomes the other: 0.5 truncated to 0, or
    raw millimetres taken for metres, hides a bug.
    """
    array = np.asarray(value)
    matches = array.ndim == len(shape) and all(
        expected is None or expected == actual
        for expected, actual in zip(shape, array.shape, strict=True)
    )
    if not matches:
        wanted = ", ".join("N" if length is None else str(length) for length in shape)
        raise InvalidValueError(f"{name} has shape {array.shape}; it must be ({wanted})")
    if array.dtype != dtype:
        is_same_kind = np.can_cast(array.dtype, dtype, casting="same_kind")
        if not is_same_kind or (array.dtype.kind == "f") != (np.dtype(dtype).kind == "f"):
            raise InvalidValueError(
                f"{name} has type {array.dtype}; it must be {np.dtype(dtype).name}"
            )
        array = array.astype(dtype)
    if finite and not np.isfinite(array).all():
        raise InvalidValueError(
            f"{name} holds {int((~np.isfinite(array)).sum())} values that are not finite; "
            "leave the estimate out instead of publishing NaN"
        )
    view = array.view()
    view.setflags(write=False)
    return view


def require_faces(name: str, value: Any, vertex_count: int) -> NDArray[np.int32]:
    """Return ``value`` as (F, 3) int32 triangles that name only vertices there are."""
    faces = require_array(name, value, (None, 3), np.int32)
    beyond = faces[(faces < 0) | (faces >= vertex_count)]
    if beyond.size:
        raise InvalidValueError(
            f"{name} name vertex {beyond[0]}, but there are {vertex_count} vertices"
        )
    return faces


def require_range(name: str, value: float, low: float, high: float) -> float:
    """Return ``value`` if ``low <= value <= high`` (NaN is refused)."""
    if not low <= value <= high:
        raise InvalidValueError(f"{name} is {value}; it must lie in [{low}, {high}]")
    return float(value)


def require_text(name: str, value: str) -> str:
    """Return ``value`` if it is a non-empty string."""
    if not isinstance(value, str) or not value:
        raise InvalidValueError(f"{name} is {value!r}; it must be a non-empty string")
    return value


def require_rigid_transform(name: str, value: Any) -> NDArray[np.float64]:
    """Return ``value`` as a (4, 4) float64 rigid transform (rotation of determinant +1)."""
    transform = require_array(name, value, (4, 4), np.float64, finite=True)
    rotation = transform[:3, :3]
    is_rotation = np.abs(rotation @ rotation.T - np.eye(3)).max() < _ORTHONORMAL_WITHIN
    if not is_rotation or np.linalg.det(rotation) < 0:
        raise InvalidValueError(
            f"{name} is not rigid: its upper-left 3x3 block is not a rotation "
            f"(determinant {np.linalg.det(rotation):.3f})"
        )
    if not np.array_equal(transform[3], (0.0, 0.0, 0.0, 1.0)):
        raise InvalidValueError(f"{name} has last row {transform[3]}; it must be 0 0 0 1")
    return transform
