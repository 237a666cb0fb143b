"""What colors hands and objects have, remembered from frame to frame."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_KEPT: Final = 0.97  # of what was counted, from one frame to the next
_LEAST_PIXELS: Final = 100.0
_EVERYWHERE: Final = 0.02  # share of pixels that may have any color
_MOST_EVIDENCE: Final = 3.0

BINS: Final = 20 * 20 * 6


class ColorMemory:
    """How often pixels of one thing had each color, in bins of hue and brightness."""

    def __init__(self) -> None:
        self._counts: NDArray[np.float64] = np.zeros(BINS)

    @property
    def is_known(self) -> bool:
        return float(self._counts.sum()) >= _LEAST_PIXELS

    def add(self, bins: NDArray[np.uint16]) -> None:
        """Count the pixels (N,) of a frame, and forget a little of the earlier ones."""
        self._counts = _KEPT * self._counts + np.bincount(bins, minlength=BINS)

    def shares(self) -> NDArray[np.float64]:
        """(BINS,) share of pixels in each bin; neighbouring bins share theirs."""
        from scipy.ndimage import gaussian_filter

        smooth = gaussian_filter(self._counts.reshape(20, 20, 6), (1.0, 1.0, 0.8)).ravel()
        return np.asarray(
            (1.0 - _EVERYWHERE) * smooth / max(float(smooth.sum()), 1.0) + _EVERYWHERE / BINS
        )


def evidence(thing: ColorMemory | None, other: ColorMemory) -> NDArray[np.float32]:
    """(BINS,) logarithm of how much likelier a color is on ``thing`` than on ``other``.

    Within -3 and 3; zeros while ``other`` is not known. A thing that is not known may have any
    color.
    """
    if not other.is_known:
        return np.zeros(BINS, dtype=np.float32)
    share = thing.shares() if thing is not None and thing.is_known else np.full(BINS, 1.0 / BINS)
    logarithm = np.log(share) - np.log(other.shares())
    return np.asarray(np.clip(logarithm, -_MOST_EVIDENCE, _MOST_EVIDENCE), dtype=np.float32)
