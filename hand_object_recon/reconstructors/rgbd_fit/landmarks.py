"""Where the detector's landmarks sit on the hand model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class LandmarkPlacement:
    """offsets_m (21, 3) from the keypoints, in their joints' rest frames of a right hand, and
    sigma_m (21,) the deviation of a detected landmark from that place."""

    offsets_m: FloatArray
    sigma_m: FloatArray


_MEDIAPIPE_OFFSETS_M: Final = 1e-3 * np.array(
    [
        [-3.1, -4.5, -3.1],
        [-0.1, -7.4, 4.6],
        [1.8, -0.7, 7.4],
        [0.1, 0.3, 0.8],
        [2.4, 0.4, -7.6],
        [0.5, 3.3, -2.1],
        [-0.2, 1.3, 0.4],
        [0.5, 1.5, 0.2],
        [7.8, -0.5, 1.3],
        [7.9, -3.0, 0.2],
        [1.4, -0.2, -0.3],
        [0.4, 0.7, 0.4],
        [7.5, -0.5, 2.2],
        [1.9, 0.3, 0.2],
        [-0.9, 2.1, 0.8],
        [-0.0, 0.4, 0.8],
        [8.1, -0.1, 1.8],
        [2.8, 0.7, 2.9],
        [-1.1, 0.8, -1.1],
        [1.1, -0.1, -0.3],
        [7.0, 0.3, 1.1],
    ]
)
_MEDIAPIPE_SIGMA_M: Final = 2.0e-3 * np.array(
    [
        5.7,
        4.8,
        3.9,
        2.9,
        2.5,
        4.7,
        3.4,
        3.3,
        3.1,
        4.8,
        3.4,
        4.1,
        4.2,
        4.4,
        3.4,
        4.3,
        5.5,
        3.7,
        3.0,
        3.7,
        4.3,
    ]
)

MEDIAPIPE: Final = LandmarkPlacement(_MEDIAPIPE_OFFSETS_M, _MEDIAPIPE_SIGMA_M)
