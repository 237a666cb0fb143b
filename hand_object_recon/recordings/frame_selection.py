"""Which of a recording's paired frames are wanted: a stretch of time, every n-th frame of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError

_NANOSECONDS_PER_SECOND = 10**9


@dataclass(frozen=True)
class FrameSelection:
    """A choice of paired frames; by default all of them.

    start_s
        Seconds from the first paired frame.
    duration_s
        Seconds from there, the end not included; None is up to the last frame.
    every
        1 takes each frame, 3 the first, the fourth and so on, counted from the start.

    Raises
    ------
    InvalidValueError
        A value is negative, not finite, or zero where that leaves nothing.
    """

    start_s: float = 0.0
    duration_s: float | None = None
    every: int = 1

    def __post_init__(self) -> None:
        if not (np.isfinite(self.start_s) and self.start_s >= 0):
            raise InvalidValueError(f"start is {self.start_s:g} s; it must be 0 or more")
        if self.duration_s is not None and not (
            np.isfinite(self.duration_s) and self.duration_s > 0
        ):
            raise InvalidValueError(f"duration is {self.duration_s:g} s; it must be more than 0")
        if self.every < 1:
            raise InvalidValueError(f"every is {self.every}; it must be 1 or more")

    def positions(self, stamps_ns: NDArray[np.int64]) -> NDArray[np.intp]:
        """Positions of the wanted frames among frames of these ascending stamps.

        Raises
        ------
        InvalidValueError
            The start is behind the last frame, or no frame lies in the stretch.
        """
        seconds = (stamps_ns - stamps_ns[0]) / _NANOSECONDS_PER_SECOND
        if self.start_s > seconds[-1]:
            raise InvalidValueError(
                f"start is {self.start_s:g} s, behind the last frame: the recording's paired "
                f"frames span {seconds[-1]:.3f} s"
            )
        first = int(np.searchsorted(seconds, self.start_s))
        end = len(seconds)
        if self.duration_s is not None:
            end = int(np.searchsorted(seconds, self.start_s + self.duration_s))
        if end <= first:
            raise InvalidValueError(
                f"no frame lies between {self.start_s:g} and "
                f"{self.start_s + (self.duration_s or 0.0):g} s; the next one is at "
                f"{seconds[first]:.3f} s"
            )
        return np.arange(first, end, self.every, dtype=np.intp)
