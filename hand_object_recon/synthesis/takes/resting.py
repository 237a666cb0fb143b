"""How an object may lie on a table so that a hand that holds it is where a person's hand can be."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.rotations import axis_angle_to_matrix, rotation_between
from hand_object_recon.synthesis.grasping.grasp import Grasp, PlacedHand
from hand_object_recon.synthesis.objects.object_shape import ObjectShape
from hand_object_recon.synthesis.takes.hand_surface import posed

FloatArray = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

_YAWS: Final = 24
_SMALLEST_FOOT: Final = 0.002  # of the hull's area: what a facet needs to stand on
_SAME_FACET_COSINE: Final = 0.999
_ON_EDGE: Final = 1e-6
_SHAPES_AT_HAND: Final = 256
_HAND_ABOVE_TABLE_M: Final = 0.002
_FOREARM_FROM_PERSON: Final = 0.25
_LOWEST_FOREARM: Final = -0.05
_UP: Final = np.array([0.0, 0.0, 1.0])


class Resting(NamedTuple):
    """(3, 3) turn of an object into the world, and how high its origin is above the table."""

    rotation: NDArray[np.float64]
    height_m: float


def resting_place(shape: ObjectShape, grasp: Grasp, random: np.random.Generator) -> Resting | None:
    """A stable way to lie in which the grasp is possible, or None if there is none.

    Possible: hand and opened hand are above the table, and the forearm comes from the person's
    side and not from below.
    """
    touched = np.concatenate(
        [posed(hand).vertices_m for hand in (grasp.hand, grasp.opened, grasp.pregrasp)]
    )
    forearm, side = forearm_direction(grasp.hand), grasp.hand.side
    ways = stable_ways_down(shape)
    yaws = _yaws_rad(random.uniform(0.0, 2.0 * np.pi))
    for place in random.permutation(len(ways)).tolist():
        upright = np.asarray(rotation_between(ways[place].down, -_UP))
        height = ways[place].height_m
        if (touched @ upright[2]).min() + height <= _HAND_ABOVE_TABLE_M:
            continue
        arms = _turned_about_vertical(upright @ forearm, yaws)
        reachable = [yaw for yaw, arm in zip(yaws, arms, strict=True) if is_reachable(arm, side)]
        if reachable:
            yaw = reachable[random.integers(len(reachable))]
            return Resting(np.asarray(axis_angle_to_matrix(yaw * _UP) @ upright), height)
    return None


def reachable_turn(hand: PlacedHand, random: np.random.Generator) -> NDArray[np.float64]:
    """(3, 3) turn into the world in which the hand's forearm comes from the person's side."""
    forearm = forearm_direction(hand)
    outward = 1.0 if hand.side is HandSide.RIGHT else -1.0
    wanted = np.array([outward * random.uniform(-0.2, 0.9), -1.0, random.uniform(-0.6, 0.5)])
    wanted /= np.linalg.norm(wanted)
    turn = np.asarray(rotation_between(forearm, wanted))
    return np.asarray(axis_angle_to_matrix(random.uniform(-np.pi, np.pi) * wanted) @ turn)


def forearm_direction(hand: PlacedHand) -> FloatArray:
    """(3,) unit vector out of the wrist towards the elbow, in the frame the hand is given in."""
    outwards = -1.0 if hand.side is HandSide.LEFT else 1.0
    return np.asarray(hand.wrist_pose[:3, :3] @ np.array([outwards, 0.0, 0.0]))


def is_reachable(forearm: FloatArray, side: HandSide) -> bool:
    """Whether an elbow can be in this direction of the world, (3,) unit, from the wrist."""
    outward = 1.0 if side is HandSide.RIGHT else -1.0
    return bool(
        forearm[1] < -_FOREARM_FROM_PERSON
        and forearm[2] > _LOWEST_FOREARM
        and outward * forearm[0] > -0.5
    )


class WayDown(NamedTuple):
    """(3,) direction in the object's frame that points down while it stands on a facet of its
    hull, and how high its origin is above that facet."""

    down: FloatArray
    height_m: float


@lru_cache(maxsize=_SHAPES_AT_HAND)
def stable_ways_down(shape: ObjectShape) -> tuple[WayDown, ...]:
    """Ways in which an object stands on a facet of its convex hull with its centre above it."""
    hull = ConvexHull(shape.vertices_m.astype(np.float64))
    normals, offsets = hull.equations[:, :3], hull.equations[:, 3]
    triangles = hull.points[hull.simplices]
    areas = _triangle_areas(triangles)
    below_center = _hold_foot(triangles, -offsets[:, None] * normals, normals)
    ways = []
    while below_center.any():
        first = int(np.argmax(below_center))
        members = normals @ normals[first] > _SAME_FACET_COSINE
        if areas[members].sum() >= _SMALLEST_FOOT * areas.sum():
            ways.append(WayDown(normals[first], float(-offsets[first])))
        below_center &= ~members
    return tuple(ways)


def _hold_foot(triangles: FloatArray, feet: FloatArray, normals: FloatArray) -> Mask:
    """(F,) whether a point (F, 3) of its plane lies within a triangle (F, 3, 3)."""
    sides = np.roll(triangles, -1, axis=1) - triangles
    to_foot = feet[:, None] - triangles
    turns = np.einsum("fci,fi->fc", np.cross(sides, to_foot), normals)
    tolerance = _ON_EDGE * np.abs(turns).max(axis=1, keepdims=True)
    return np.asarray((turns >= -tolerance).all(axis=1) | (turns <= tolerance).all(axis=1))


def _triangle_areas(triangles: FloatArray) -> FloatArray:
    sides = triangles[:, 1:] - triangles[:, :1]
    return np.asarray(0.5 * np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1))


def _yaws_rad(first_rad: float) -> list[float]:
    steps = np.linspace(0.0, 2.0 * np.pi, _YAWS, endpoint=False)
    return [first_rad + float(step) for step in steps]


def _turned_about_vertical(direction: FloatArray, yaws_rad: list[float]) -> FloatArray:
    """(N, 3) a direction (3,) turned about z by each of N angles."""
    cosine, sine = np.cos(yaws_rad), np.sin(yaws_rad)
    x, y, z = direction
    return np.stack([cosine * x - sine * y, sine * x + cosine * y, np.full(len(yaws_rad), z)], 1)
