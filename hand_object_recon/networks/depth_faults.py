"""Random faults of measured depth that learned methods are trained with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_REFERENCE_M: Final = 0.5
_HOLE_RADII: Final = (0.01, 0.05)  # shares of the image's edge
_MOST_HOLES: Final = 3


@dataclass(frozen=True)
class DepthFaults:
    """One draw.

    noise_m
        Standard deviation of the noise of readings at half a metre; it grows with the square of
        the distance.
    holes
        Discs without readings.
    """

    noise_m: float = 0.0
    holes: int = 0

    def applied(
        self,
        depth_m: NDArray[np.float32],
        is_subject: NDArray[np.bool_],
        random: np.random.Generator,
    ) -> NDArray[np.float32]:
        """(S, S) depth with more noise, and with holes about (S, S) pixels of the subject; 0 where
        there is no reading."""
        deviation = self.noise_m * (depth_m / _REFERENCE_M) ** 2
        noise = random.standard_normal(depth_m.shape, dtype=np.float32)
        faulty = np.asarray(depth_m + deviation * noise, dtype=np.float32)
        rows, columns = np.nonzero(is_subject)
        if len(rows) == 0:
            return faulty
        down, right = np.ogrid[: len(depth_m), : len(depth_m)]
        for _ in range(self.holes):
            place = int(random.integers(len(rows)))
            radius = len(depth_m) * float(random.uniform(*_HOLE_RADII))
            faulty[np.hypot(down - rows[place], right - columns[place]) < radius] = 0.0
        return faulty


def draw_faults(
    random: np.random.Generator, largest_noise_m: float, hole_share: float
) -> DepthFaults:
    """Draw faults: noise up to a largest one, and holes so often."""
    has_holes = random.random() < hole_share
    return DepthFaults(
        noise_m=largest_noise_m * float(random.random()),
        holes=int(random.integers(1, _MOST_HOLES + 1)) if has_holes else 0,
    )
