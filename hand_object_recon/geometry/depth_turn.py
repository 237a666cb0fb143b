"""How a hand that is in its place has to be turned so that its surface lies on the depth.

A network that sees colour mistakes the direction a hand points in much more than its shape. The
depth shows that direction: projective point-to-plane iterations (Chen and Medioni, 1992; Blais and
Levine, 1995) turn the whole hand, and hold it back where little is seen of it.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from hand_object_recon.geometry.surface_reading import surface_reading

FloatArray = NDArray[np.floating[Any]]

_ROUNDS: Final = 6
_FARTHEST_M: Final = (0.03, 0.03, 0.03, 0.015, 0.015, 0.015)
"""By round: readings farther from the surface show something else."""
_TURN_DEVIATION_RAD: Final = np.deg2rad(15.0)
_SHIFT_DEVIATION_M: Final = 0.01
_SURFACE_DEVIATION_M: Final = 0.012  # of a network's hand that is turned right
_FITTING_M: Final = 0.002
"""Surfaces that are off by less are left as they are."""
_TRIANGLES_PER_READING: Final = 4  # triangles beside each other are off by the same
_LEAST_TRIANGLES: Final = 40
_LEAST_FACING: Final = 0.2  # cosine; triangles seen from the side say little


class RigidMotion(NamedTuple):
    """Points (N, 3) in metres in the camera's axes to ``points @ rotation.T + translation_m``."""

    rotation: FloatArray
    translation_m: FloatArray

    def of(self, points_m: FloatArray) -> FloatArray:
        """(N, 3) moved points."""
        return np.asarray(points_m @ self.rotation.T + self.translation_m)


def motion_onto_depth(
    frame: RgbdFrame, vertices_m: FloatArray, faces: NDArray[np.int32]
) -> RigidMotion | None:
    """What brings a hand's (V, 3) vertices, which are in their place but for a turn, onto the
    measured depth. None where too little of it was measured, where they lie on it as they are, or
    where that would bring some behind the camera."""
    vertices = vertices_m.astype(np.float64)
    seen = _seen_surface(frame, vertices, faces, _FARTHEST_M[0])
    if seen is None or np.median(np.abs(seen.gaps_m)) < _FITTING_M:
        return None
    middle_m = vertices.mean(axis=0)
    turn: FloatArray = np.zeros(3)
    shift_m: FloatArray = np.zeros(3)
    for farthest_m in _FARTHEST_M:
        rotation = axis_angle_to_matrix(turn)
        moved = (vertices - middle_m) @ rotation.T + middle_m + shift_m
        seen = _seen_surface(frame, moved, faces, farthest_m)
        if seen is None:
            return None
        step = _step(seen, middle_m + shift_m, np.concatenate([turn, shift_m]))
        turn = matrix_to_axis_angle(axis_angle_to_matrix(step[:3]) @ rotation)
        shift_m = shift_m + step[3:]
    rotation = axis_angle_to_matrix(turn)
    motion = RigidMotion(rotation, middle_m + shift_m - rotation @ middle_m)
    return motion if (motion.of(vertices)[:, 2] > 0.0).all() else None


class _SeenSurface(NamedTuple):
    """Of triangles on which depth was measured: middles (N, 3), unit normals (N, 3), how far the
    reading is off along the normal (N,), and weights (N,)."""

    middles_m: FloatArray
    normals: FloatArray
    gaps_m: FloatArray
    weights: FloatArray


def _seen_surface(
    frame: RgbdFrame, vertices_m: FloatArray, faces: NDArray[np.int32], farthest_m: float
) -> _SeenSurface | None:
    reading = surface_reading(frame, vertices_m, faces, farthest_m, least_facing=_LEAST_FACING)
    middles, areas, gaps_m = reading
    if len(gaps_m) < _LEAST_TRIANGLES:
        return None
    sizes = np.linalg.norm(areas, axis=1)
    normals = areas / sizes[:, None]
    trust = (1.0 - (gaps_m / farthest_m) ** 2) ** 2  # Tukey's
    along_normals = np.einsum("fc,fc->f", normals, middles) * gaps_m / middles[:, 2]
    return _SeenSurface(middles, normals, along_normals, trust * sizes / sizes.mean())


def _step(seen: _SeenSurface, middle_m: FloatArray, so_far: FloatArray) -> FloatArray:
    """(6,) turn and shift that bring the surface nearer; ``so_far`` is held back by what is known
    beforehand."""
    turning = np.cross(seen.middles_m - middle_m, seen.normals)
    slopes = np.concatenate([turning, seen.normals], axis=1)
    certainty = seen.weights / (_TRIANGLES_PER_READING * _SURFACE_DEVIATION_M**2)
    before = np.repeat([_TURN_DEVIATION_RAD**-2.0, _SHIFT_DEVIATION_M**-2.0], 3)
    matrix = slopes.T @ (certainty[:, None] * slopes) + np.diag(before)
    slope = slopes.T @ (certainty * seen.gaps_m) - before * so_far
    return np.asarray(np.linalg.solve(matrix, slope))
