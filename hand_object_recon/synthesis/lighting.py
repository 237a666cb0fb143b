"""A room's light: one large lamp and the glow of walls and ceiling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]

_LAMP_DIRECTION: Final = np.array([-0.42, -0.62, -0.66])
_LAMP_SPREAD: Final = 0.22
_LAMP_COLOR: Final = np.array([1.50, 1.42, 1.30])
_SKY_COLOR: Final = np.array([0.46, 0.48, 0.52])
_GROUND_COLOR: Final = np.array([0.30, 0.26, 0.23])
_SCATTER: Final = np.array([0.38, 0.20, 0.14])
_GLOSS: Final = 0.10
_GLOSS_POWER: Final = 22.0


@dataclass(frozen=True, eq=False)
class Shade:
    """What light reaches a point: (N,) share of the lamp, (N,) share of the surroundings."""

    lamp: FloatArray
    surroundings: FloatArray

    def at(self, points: NDArray[np.intp]) -> Shade:
        """The shade of some of the points."""
        return Shade(self.lamp[points], self.surroundings[points])


def lamp_directions(count: int, random: np.random.Generator) -> FloatArray:
    """(count, 3) unit directions spread over the lamp, camera optical frame."""
    return _normalised(_LAMP_DIRECTION + _LAMP_SPREAD * random.standard_normal((count, 3)))


def sphere_directions(count: int) -> FloatArray:
    """(count, 3) unit directions evenly over the sphere (Fibonacci lattice)."""
    number = np.arange(count) + 0.5
    height = 1.0 - 2.0 * number / count
    turn = np.pi * (1.0 + 5.0**0.5) * number
    radius = np.sqrt(1.0 - height**2)
    return np.stack([radius * np.cos(turn), height, radius * np.sin(turn)], axis=1)


def lit_skin(
    color: FloatArray, normals: FloatArray, towards_camera: FloatArray, shade: Shade
) -> FloatArray:
    """(N, 3) linear RGB of skin: red light travels farther around an edge than blue."""
    lamp_cosine = (normals @ _unit_lamp())[:, None]
    wrapped = np.clip((lamp_cosine + _SCATTER) / (1.0 + _SCATTER), 0.0, 1.0)
    lamp = wrapped * shade.lamp[:, None] * _LAMP_COLOR
    gloss = _gloss(normals, towards_camera) * shade.lamp
    return np.asarray(color * (lamp + _ambient(normals, shade)) + gloss[:, None] * _LAMP_COLOR)


def lit_cloth(color: FloatArray, normals: FloatArray, shade: Shade) -> FloatArray:
    """(N, 3) linear RGB of a matt surface."""
    cosine = np.clip(normals @ _unit_lamp(), 0.0, 1.0)
    lamp = (cosine * shade.lamp)[:, None] * _LAMP_COLOR
    return np.asarray(color * (lamp + _ambient(normals, shade)))


def _ambient(normals: FloatArray, shade: Shade) -> FloatArray:
    upwards = (0.5 - 0.5 * normals[:, 1])[:, None]
    glow = _GROUND_COLOR + upwards * (_SKY_COLOR - _GROUND_COLOR)
    return np.asarray(glow * shade.surroundings[:, None])


def _gloss(normals: FloatArray, towards_camera: FloatArray) -> FloatArray:
    halfway = _normalised(towards_camera + _unit_lamp())
    cosine = np.clip(np.einsum("ij,ij->i", normals, halfway), 0.0, 1.0)
    return np.asarray(_GLOSS * cosine**_GLOSS_POWER)


def _unit_lamp() -> FloatArray:
    return np.asarray(_LAMP_DIRECTION / np.linalg.norm(_LAMP_DIRECTION))


def _normalised(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))
