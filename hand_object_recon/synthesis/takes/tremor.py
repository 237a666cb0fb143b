"""The small unrest of a hand held in the air."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.rotations import axis_angle_to_matrix

FloatArray = NDArray[np.float64]

_SWAYS: Final = 3
_FREQUENCY_HZ: Final = (0.3, 2.0)
_SHIFT_M: Final = 0.0012
_TURN_RAD: Final = 0.010


@dataclass(frozen=True, eq=False)
class Tremor:
    """Slow sways in six directions: a millimetre and half a degree."""

    _frequency_hz: FloatArray
    _phase_rad: FloatArray
    _size: FloatArray

    @classmethod
    def draw(cls, random: np.random.Generator) -> Tremor:
        sizes = np.repeat([_SHIFT_M, _TURN_RAD], 3) * random.normal(size=(_SWAYS, 6)) / _SWAYS**0.5
        return cls(
            random.uniform(*_FREQUENCY_HZ, size=(_SWAYS, 6)),
            random.uniform(0.0, 2.0 * np.pi, size=(_SWAYS, 6)),
            sizes,
        )

    def at(self, time_s: float, strength: float = 1.0) -> FloatArray:
        """(4, 4) small transform about the origin, nothing at strength 0."""
        angle = 2.0 * np.pi * self._frequency_hz * time_s + self._phase_rad
        sway = strength * (self._size * np.sin(angle)).sum(axis=0)
        moved = np.eye(4)
        moved[:3, :3] = axis_angle_to_matrix(sway[3:])
        moved[:3, 3] = sway[:3]
        return moved
