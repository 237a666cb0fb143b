"""Which point of another set is nearest to each of a set, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled


@compiled
def nearest_of_sets(
    points: NDArray[np.floating], others: NDArray[np.floating], numbers: NDArray[np.int64]
) -> None:
    """Write into ``numbers`` (B, N) which of the same set's (B, M, 3) others is nearest to each of
    (B, N, 3) points; of several, the first."""
    for number in range(len(points)):
        x = points[number, :, 0].copy()
        y = points[number, :, 1].copy()
        z = points[number, :, 2].copy()
        nearest_to_each(x, y, z, others[number], numbers[number])


@compiled
def nearest_to_each(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    z: NDArray[np.floating],
    others: NDArray[np.floating],
    numbers: NDArray[np.int64],
) -> None:
    """One of the others after the other, as seen from all points: that is done for many points at
    once, while the least distance of one point would have to be looked for."""
    nearest = np.full(len(x), np.inf, x.dtype)
    found = np.zeros(len(x), np.int32)
    for other in range(len(others)):
        this = np.int32(other)
        at_x, at_y, at_z = others[other, 0], others[other, 1], others[other, 2]
        for n in range(len(x)):
            aside, above, behind = x[n] - at_x, y[n] - at_y, z[n] - at_z
            squared = aside * aside + above * above + behind * behind
            found[n] = this if squared < nearest[n] else found[n]
            nearest[n] = min(squared, nearest[n])
    numbers[:] = found
