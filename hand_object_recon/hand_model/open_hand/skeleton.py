"""Where the open hand's joints are: the key-point convention of the public hand data sets.

The base mesh's own rig places finger joints elsewhere (index, knuckle to tip: 45, 24 and 12 mm,
the tip inside the finger), so every finger's centre line is measured on the mesh and divided
again. Distances along it are in metres, from the surface tip inwards, as fractions of the
length from knuckle to tip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.hand_model.conventions import (
    FINGERS_IN_JOINT_ORDER,
    JOINT_COUNT,
    finger_joints,
)
from hand_object_recon.hand_model.open_hand.base_mesh import BaseMesh, chain_names

FloatArray = NDArray[np.floating[Any]]

WRIST_TO_KNUCKLE_SHARE: Final = {"index": 0.514, "middle": 0.53, "ring": 0.508, "pinky": 0.57}
"""Straight distance wrist to knuckle as a share of wrist to knuckle to tip."""

PHALANX_SHARES: Final = {
    "index": (0.41, 0.28, 0.31),
    "middle": (0.385, 0.29, 0.325),
    "ring": (0.375, 0.305, 0.32),
    "pinky": (0.355, 0.315, 0.33),
    "thumb": (0.325, 0.29, 0.385),
}
"""Bones from the first joint to the surface tip as shares of their sum. Of the thumb the first
joint is the carpometacarpal one, whose metacarpal is the first bone."""

THUMB_BASE_FROM_WRIST_M: Final = 0.034

FROM_CENTRE_LINE_M: Final = {
    "index": ((0.0, 0.0005, -0.0025), (0.0, 0.0015, 0.0), (0.0, 0.0, 0.0)),
    "middle": ((0.0, 0.0005, 0.001), (0.0, 0.0015, 0.0), (0.0, 0.0, 0.0)),
    "ring": ((0.0, 0.002, -0.002), (0.0, 0.0015, 0.0), (0.0, 0.0, 0.0)),
    "pinky": ((0.0, 0.0025, 0.0), (0.0, 0.0005, 0.0), (0.0, 0.0, 0.0)),
    "thumb": ((-0.005, -0.004, 0.0), (-0.001, -0.003, 0.004), (0.0, 0.002, 0.003)),
}
"""Joints lie beside the middle of the finger's cross-sections: bones run near the back of the
hand, tendons and pads on the palm's side. Rest frame of the right hand."""
_SLAB_M: Final = 0.005


@dataclass(frozen=True, eq=False)
class FingerLine:
    """A finger's centre line: (N, 3) points from the palm to the surface tip, metres."""

    points_m: FloatArray

    @property
    def arc_m(self) -> FloatArray:
        """(N,) distance along the line from its first point."""
        steps = np.linalg.norm(np.diff(self.points_m, axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    def at(self, arc_m: float) -> FloatArray:
        """(3,) the point at a distance along the line."""
        arc = self.arc_m
        return np.array([np.interp(arc_m, arc, self.points_m[:, axis]) for axis in range(3)])

    def project(self, points_m: FloatArray) -> FloatArray:
        """(M,) distance along the line of the closest point to each of (M, 3), not clamped."""
        start, end = self.points_m[:-1], self.points_m[1:]
        direction = end - start
        length = np.linalg.norm(direction, axis=1)
        unit = direction / length[:, None]
        along = np.einsum("msc,sc->ms", points_m[:, None] - start, unit)
        inside = np.clip(along, 0.0, length)
        foot = start + inside[..., None] * unit
        nearest = np.argmin(np.linalg.norm(points_m[:, None] - foot, axis=2), axis=1)
        rows = np.arange(len(points_m))
        clamped = inside[rows, nearest]
        before_first = (nearest == 0) & (along[rows, nearest] < 0)
        beyond_last = (nearest == len(start) - 1) & (along[rows, nearest] > length[-1])
        free = np.where(before_first | beyond_last, along[rows, nearest], clamped)
        return np.asarray(self.arc_m[nearest] + free)


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Joints (16, 3) metres in rest, tip vertices (5,) thumb first, lines from the first joint
    of each finger to its tip, and (15, 3, 3) flexion, abduction and twist axes."""

    joints_m: FloatArray
    tip_vertices: NDArray[np.int32]
    lines: dict[str, FingerLine]
    axes: FloatArray


def build_skeleton(base: BaseMesh) -> Skeleton:
    """Place the joints of the open hand in its base mesh."""
    joints = np.zeros((JOINT_COUNT, 3))
    axes = np.zeros((JOINT_COUNT - 1, 3, 3))
    tips, lines = {}, {}
    for finger in FINGERS_IN_JOINT_ORDER:
        tips[finger] = _tip_vertex(base, finger)
        placed = _finger_joints(base, finger, base.vertices_m[tips[finger]])
        numbers = finger_joints(finger)
        joints[list(numbers)] = placed
        lines[finger] = FingerLine(np.vstack([placed, base.vertices_m[tips[finger]]]))
        for number, bone, flexion in zip(
            numbers, np.diff(lines[finger].points_m, axis=0), base.flexion_axes[finger], strict=True
        ):
            axes[number - 1] = _anatomical_axes(bone, flexion)
    order = ("thumb", "index", "middle", "ring", "pinky")
    tip_vertices = np.array([tips[finger] for finger in order], dtype=np.int32)
    return Skeleton(joints, tip_vertices, lines, axes)


def _tip_vertex(base: BaseMesh, finger: str) -> int:
    """The vertex at the far end of the finger along its last bone."""
    chain = base.chains_m[finger]
    direction = chain[3] - chain[2]
    belongs = sum(base.weights[name] for name in chain_names(finger)[2:]) > 0.5
    along = np.where(belongs, base.vertices_m @ direction, -np.inf)
    return int(np.argmax(along))


def _finger_joints(base: BaseMesh, finger: str, tip_m: FloatArray) -> FloatArray:
    line = _centre_line(base, finger, tip_m)
    total = line.arc_m[-1]
    if finger == "thumb":
        start = _distance_from_wrist(line, THUMB_BASE_FROM_WRIST_M)
    else:
        start = _knuckle_arc(line, WRIST_TO_KNUCKLE_SHARE[finger])
    first, second, _ = PHALANX_SHARES[finger]
    free = total - start
    along = (start, start + first * free, start + (first + second) * free)
    middle = np.stack([line.at(arc) for arc in along])
    return np.asarray(middle + np.array(FROM_CENTRE_LINE_M[finger]))


def _centre_line(base: BaseMesh, finger: str, tip_m: FloatArray) -> FingerLine:
    """Middle of the finger's cross-sections along the rig's chain, ending at the surface tip."""
    chain = base.chains_m[finger].copy()
    chain[3] = tip_m
    into_palm = chain[0] + 0.6 * (chain[0] - chain[1])
    rough = FingerLine(np.vstack([into_palm, chain]))
    belongs = sum(base.weights[name] for name in chain_names(finger)) > 0.5
    mine = base.vertices_m[belongs]
    arc_of_mine = rough.project(mine)
    points = [rough.at(arc) for arc in np.linspace(0.0, rough.arc_m[1] * 0.9, 4)]
    for arc in np.arange(rough.arc_m[1] + 0.012, rough.arc_m[-1] - 0.004, 0.003):
        in_slab = np.abs(arc_of_mine - arc) < _SLAB_M
        low, high = mine[in_slab].min(axis=0), mine[in_slab].max(axis=0)
        points.append((low + high) / 2)
    smooth = _smoothed(np.array([*points, tip_m]))
    return FingerLine(smooth)


def _smoothed(points: FloatArray) -> FloatArray:
    for _ in range(6):
        points[1:-1] = 0.25 * points[:-2] + 0.5 * points[1:-1] + 0.25 * points[2:]
    return points


def _knuckle_arc(line: FingerLine, share: float) -> float:
    """Arc at which the distance to the wrist is ``share`` of itself plus the rest of the line."""
    arcs = np.linspace(0.0, line.arc_m[-1], 2000)
    reach = np.linalg.norm(np.stack([line.at(arc) for arc in arcs]), axis=1)
    mismatch = reach - share * (reach + line.arc_m[-1] - arcs)
    return float(arcs[np.argmin(np.abs(mismatch))])


def _distance_from_wrist(line: FingerLine, distance_m: float) -> float:
    arcs = np.linspace(0.0, 0.5 * line.arc_m[-1], 2000)
    reach = np.linalg.norm(np.stack([line.at(arc) for arc in arcs]), axis=1)
    return float(arcs[np.argmin(np.abs(reach - distance_m))])


def _anatomical_axes(bone: FloatArray, rig_flexion: FloatArray) -> FloatArray:
    """Rows: flexion (closes the hand), abduction, twist (along the bone)."""
    twist = bone / np.linalg.norm(bone)
    flexion = rig_flexion - (rig_flexion @ twist) * twist
    flexion /= np.linalg.norm(flexion)
    return np.stack([flexion, np.cross(twist, flexion), twist])
