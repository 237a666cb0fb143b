"""Points of a cloud that lie far from each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.geometry.farthest_point_kernels import farthest_in_turn


def farthest_points(points: NDArray[np.floating[Any]], count: int) -> NDArray[np.int64]:
    """(count,) numbers of points (N, 3) that are spread over all of them, in single precision.

    The first one comes first, then always the one farthest from those before it; of several, the
    first. So the first of the chosen ones are spread over all points, too, however few are read.
    Points that are near to each other in the list and in space make it fast.
    """
    if not 1 <= count <= len(points):
        raise InvalidValueError(
            f"count is {count} of {len(points)} points; give 1 to {len(points)}"
        )
    return farthest_in_turn(np.ascontiguousarray(points, dtype=np.float32), count)
