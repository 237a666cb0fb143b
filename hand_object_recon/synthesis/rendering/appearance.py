"""How a surface looks: the contract between a material and the renderer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Surface:
    """What N places of one body do with light.

    color (3, N)
        Linear RGB reflectance.
    gloss, gloss_power
        Strength and sharpness of a lamp's highlight.
    mirror
        Share of the surroundings that is mirrored; tinted by the colour if ``is_metal``.
    scatter
        How far red, green and blue light reaches around to the unlit side, as skin lets it.
    """

    color: Float32Array
    gloss: float
    gloss_power: float
    mirror: float = 0.0
    is_metal: bool = False
    scatter: tuple[float, float, float] = (0.0, 0.0, 0.0)


class Appearance(ABC):
    """A material with its texture; everything random about it is drawn when it is made."""

    def features(self, rest_m: FloatArray, faces: NDArray[np.int32]) -> Float32Array:
        """(V, K) values of a body's vertices that ``surface`` needs, interpolated, at its pixels:
        the rest place unless a material says otherwise."""
        del faces
        return np.asarray(rest_m, dtype=np.float32)

    @abstractmethod
    def surface(self, features: Float32Array) -> Surface:
        """The surface at N places from their interpolated features (K, N)."""

    @property
    @abstractmethod
    def infrared(self) -> float:
        """0 (lost to a depth camera: black or mirroring) to 1 (bright and matt)."""
