"""Where a detector's landmarks sit on the hand model.

Detectors put their landmarks elsewhere than the key-point convention of the data sets:
MediaPipe's tips lie 7 to 9 mm inside the finger, its knuckles towards the palm. The figures are
measured on rendered open hands, of which everything is known:
``python -m hand_object_recon.synthesis.landmark_calibration --views 400 --seed 3``.
"""

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


# fmt: off
_MEDIAPIPE_OFFSETS_MM: Final = (
    (-1.4, 2.9, -1.6),
    (-3.7, -6.2, 6.7), (-3.4, -0.4, 6.6), (-3.9, -3.9, 2.5), (1.6, 0.6, -8.0),
    (-0.3, 0.8, 0.1), (-0.4, -1.5, 0.6), (-0.0, 1.2, 1.1), (7.5, -0.3, 2.0),
    (9.3, -7.8, -0.8), (3.4, -2.7, -0.3), (2.2, 0.9, 0.1), (9.1, -0.0, 2.3),
    (2.8, -6.1, 3.2), (-0.3, -0.9, 0.6), (1.2, 0.1, 1.2), (9.4, -0.3, 3.2),
    (1.3, -4.3, 3.4), (-0.8, 0.2, -1.0), (1.7, -0.1, 0.1), (7.4, 0.6, 1.4),
)
_MEDIAPIPE_MEDIAN_ERROR_MM: Final = (
    4.0,
    3.9, 3.2, 3.0, 2.6,
    3.6, 3.1, 2.7, 2.8,
    3.7, 3.0, 3.2, 3.8,
    3.4, 2.7, 3.5, 4.3,
    3.0, 2.5, 3.4, 4.2,
)
# fmt: on
_REAL_IMAGE_FACTOR: Final = 2.0  # photographs are harder than renders, and errors have long tails

MEDIAPIPE: Final = LandmarkPlacement(
    1e-3 * np.array(_MEDIAPIPE_OFFSETS_MM),
    1e-3 * _REAL_IMAGE_FACTOR * np.array(_MEDIAPIPE_MEDIAN_ERROR_MM),
)
