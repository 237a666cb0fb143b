"""A hand's joints as a mesh of thin bones, where no surface of the hand is known."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.keypoints import BONES

_RADIUS_M: Final = 0.0015
_SIDES: Final = 6


def skeleton_mesh(
    joints_m: NDArray[Any],
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Vertices (V, 3) and faces (F, 3) of a closed prism along each bone between (21, 3) joints."""
    faces = _prism_faces()
    bones = [(joints_m[parent], joints_m[child]) for parent, child in BONES]
    vertices = np.concatenate([_prism(*bone) for bone in bones])
    starts = 2 * _SIDES * np.arange(len(bones))
    return vertices.astype(np.float32), (faces + starts[:, None, None]).reshape(-1, 3).astype(
        np.int32
    )


def _prism(start: NDArray[Any], end: NDArray[Any]) -> NDArray[Any]:
    """(2 * sides, 3): a ring around the start, then one around the end."""
    axis = end - start
    length = np.linalg.norm(axis)
    axis = axis / length if length > 0 else np.array([0.0, 0.0, 1.0])
    across = np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))])
    across /= np.linalg.norm(across)
    up = np.cross(axis, across)
    angles = 2 * np.pi * np.arange(_SIDES)[:, None] / _SIDES
    ring = _RADIUS_M * (np.cos(angles) * across + np.sin(angles) * up)
    return np.concatenate([start + ring, end + ring])


def _prism_faces() -> NDArray[np.int32]:
    """(F, 3), counter-clockwise seen from outside."""
    here, there = np.arange(_SIDES), np.roll(np.arange(_SIDES), -1)
    walls = [
        np.stack([here, there, there + _SIDES], axis=1),
        np.stack([here, there + _SIDES, here + _SIDES], axis=1),
    ]
    fan = np.arange(1, _SIDES - 1)
    zero = np.zeros_like(fan)
    lids = [
        np.stack([zero, fan + 1, fan], axis=1),
        np.stack([zero, fan, fan + 1], axis=1) + _SIDES,
    ]
    return np.asarray(np.concatenate([*walls, *lids]), dtype=np.int32)
