"""How a motion passes its key poses: resting at some, running through others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from hand_object_recon.core.errors import InvalidValueError


class KeyTime(NamedTuple):
    """When a key pose is reached, and whether the motion rests there for a moment."""

    time_s: float
    rests: bool = True


class Place(NamedTuple):
    """``share`` of the way, 0 to 1, from key pose ``key`` to the next one."""

    key: int
    share: float


class EasedTime:
    """Turns a time into a place between key poses, with a speed that never jumps.

    The motion rests at the first and the last key in any case, and stays there before and after.

    Raises
    ------
    InvalidValueError
        There are fewer than two keys, or their times do not increase.
    """

    def __init__(self, keys: Sequence[KeyTime]) -> None:
        times = np.array([key.time_s for key in keys])
        if len(keys) < 2 or (np.diff(times) <= 0).any():
            raise InvalidValueError(
                f"key times are {times.tolist()} s; there must be two or more that increase"
            )
        slopes = 1.0 / np.diff(times)
        rates = np.zeros(len(keys))
        harmonic = 2.0 * slopes[:-1] * slopes[1:] / (slopes[:-1] + slopes[1:])
        rates[1:-1] = np.where([key.rests for key in keys[1:-1]], 0.0, harmonic)
        self._last_key = len(keys) - 2
        self._span_s = float(times[0]), float(times[-1])
        self._place = CubicHermiteSpline(times, np.arange(len(keys)), rates)

    @property
    def end_s(self) -> float:
        return self._span_s[1]

    def at(self, time_s: float) -> Place:
        """Where the motion is at a time."""
        place = float(self._place(np.clip(time_s, *self._span_s)))
        key = int(np.clip(np.floor(place), 0, self._last_key))
        return Place(key, float(np.clip(place - key, 0.0, 1.0)))
