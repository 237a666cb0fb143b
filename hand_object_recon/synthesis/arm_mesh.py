"""A forearm with a sleeve, grown from the open rim of a hand mesh."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.rotations import rotation_between
from hand_object_recon.hand_model.forward import PosedHand
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.topology.adjacency import boundary_loops

FloatArray = NDArray[np.floating[Any]]
Faces = NDArray[np.int32]

_RINGS: Final = 14
_ARM_LENGTH_M: Final = 0.34
_ARM_GROWTH: Final = 0.55
_SLEEVE_FROM_RING: Final = 5
_SLEEVE_WIDTH: Final = 1.22


@dataclass(frozen=True, eq=False)
class Arm:
    """Hand and forearm as one surface, and the sleeve as another, faces outwards.

    skin_vertices_m
        The hand's own vertices first, then the rings of the forearm.
    """

    skin_vertices_m: FloatArray
    skin_faces: Faces
    sleeve_vertices_m: FloatArray
    sleeve_faces: Faces


def grow_arm(model: HandModel, hand: PosedHand, elbow_m: FloatArray) -> Arm:
    """Continue the hand's wrist rim in a smooth bend towards ``elbow_m`` (3,) metres."""
    rim = wrist_rim(model)
    rim_vertices = hand.vertices_m[list(rim)]
    rings = _rings(rim_vertices, _out_of_wrist(model, hand), elbow_m)
    hand_count, ring_size = len(hand.vertices_m), len(rim)

    first = np.concatenate([np.array(rim), hand_count + np.arange(ring_size * (_RINGS - 1))])
    numbers = first.reshape(_RINGS, ring_size).astype(np.int32)
    skin_vertices = np.concatenate([hand.vertices_m, rings[1:].reshape(-1, 3)])
    skin_faces = np.concatenate([model.faces, _tube_faces(numbers)])

    sleeve = rings[_SLEEVE_FROM_RING:]
    centers = sleeve.mean(axis=1, keepdims=True)
    sleeve = centers + (sleeve - centers) * _folds(len(sleeve), ring_size)
    sleeve_numbers = np.arange(sleeve.shape[0] * ring_size, dtype=np.int32).reshape(-1, ring_size)
    return Arm(skin_vertices, skin_faces, sleeve.reshape(-1, 3), _tube_faces(sleeve_numbers))


def ring_count() -> int:
    """Rings of the forearm, the hand's own rim included."""
    return _RINGS


@lru_cache(maxsize=4)
def wrist_rim(model: HandModel) -> tuple[int, ...]:
    """Vertices of the mesh's one open rim, in the order of its boundary edges."""
    (loop,) = boundary_loops(model.faces)
    return tuple(loop.tolist())


def _out_of_wrist(model: HandModel, hand: PosedHand) -> FloatArray:
    """Unit vector along the forearm: away from the middle finger's knuckle."""
    along_rest = model.rest_joints_m[0] - model.rest_joints_m[4]
    direction = hand.joint_rotations[0] @ along_rest
    return np.asarray(direction / np.linalg.norm(direction))


def _rings(rim: FloatArray, direction: FloatArray, elbow_m: FloatArray) -> FloatArray:
    """(rings, rim size, 3) copies of the rim along a Hermite curve that ends at the elbow."""
    start = rim.mean(axis=0)
    end_direction = (elbow_m - start) / np.linalg.norm(elbow_m - start)
    end = start + _ARM_LENGTH_M * end_direction
    share = np.linspace(0.0, 1.0, _RINGS)[:, None]
    tangents = _ARM_LENGTH_M * direction, _ARM_LENGTH_M * end_direction
    curve = (
        (2 * share**3 - 3 * share**2 + 1) * start
        + (share**3 - 2 * share**2 + share) * tangents[0]
        + (3 * share**2 - 2 * share**3) * end
        + (share**3 - share**2) * tangents[1]
    )
    headings = np.gradient(curve, axis=0)
    headings[0] = direction
    turns = rotation_between(np.broadcast_to(direction, headings.shape), headings)
    growth = 1.0 + _ARM_GROWTH * np.sin(0.5 * np.pi * share)
    offsets = np.einsum("rab,vb->rva", turns, rim - start) * growth[:, None]
    rings: FloatArray = curve[:, None] + offsets
    return rings


def _folds(rings: int, ring_size: int) -> FloatArray:
    """(rings, ring size, 1) radial scale of a sleeve: wider than the arm, in shallow folds."""
    ring, around = np.mgrid[:rings, :ring_size]
    angle = 2.0 * np.pi * around / ring_size
    folds: FloatArray = _SLEEVE_WIDTH + 0.03 * np.sin(3 * angle + 1.9 * ring)
    return folds[..., None]


def _tube_faces(numbers: NDArray[np.int32]) -> Faces:
    """Triangles between rings of vertex numbers (R, S) that wind like the rim's own mesh."""
    near, far = numbers[:-1], numbers[1:]
    near_next, far_next = np.roll(near, -1, axis=1), np.roll(far, -1, axis=1)
    first = np.stack([near_next, near, far], axis=-1)
    second = np.stack([near_next, far, far_next], axis=-1)
    return np.concatenate([first.reshape(-1, 3), second.reshape(-1, 3)])
