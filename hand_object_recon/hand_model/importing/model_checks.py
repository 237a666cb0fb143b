"""What an imported model must keep before it is stored."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.hand_model.model import HandModel

FloatArray = NDArray[np.floating[Any]]

SHORTEST_HAND_M: Final = 0.1
LONGEST_HAND_M: Final = 0.3
_SUM_TOLERANCE: Final = 1e-3
_UNITS: Final = {"millimetres": 1000.0, "centimetres": 100.0, "inches": 39.37}


def require_hand_size(vertices_m: FloatArray) -> None:
    """Refuse a mesh that is not as long as a hand in metres, and say which unit it seems to be."""
    length = float(np.ptp(vertices_m, axis=0).max())
    if SHORTEST_HAND_M <= length <= LONGEST_HAND_M:
        return
    guesses = [
        f"it looks like {unit}: divide vertices and directions by {scale:g}"
        for unit, scale in _UNITS.items()
        if SHORTEST_HAND_M <= length / scale <= LONGEST_HAND_M
    ]
    fix = guesses[0] if guesses else "give the model in metres"
    raise InvalidValueError(
        f"the mesh is {length:.4g} units long; a hand is {SHORTEST_HAND_M} to {LONGEST_HAND_M} m. "
        f"{fix[0].upper()}{fix[1:]}"
    )


def require_sound_model(model: HandModel) -> HandModel:
    """Return the model if it can be posed sensibly.

    Raises
    ------
    InvalidValueError
        Its size is not a hand's in metres, skin weights or the rows of the joint regressor do
        not sum to one, weights are negative, or joints coincide.
    """
    require_hand_size(model.v_template)
    _require_rows_of_one("weights", model.weights, "vertex")
    _require_rows_of_one("joint_regressor", model.joint_regressor, "joint")
    if model.weights.min() < -_SUM_TOLERANCE:
        raise InvalidValueError(
            f"weights hold {model.weights.min():.4g}; skin weights must not be negative"
        )
    joints = model.rest_joints_m
    distance = np.linalg.norm(joints[:, None] - joints, axis=-1) + np.eye(len(joints))
    first, second = np.unravel_index(np.argmin(distance), distance.shape)
    if distance[first, second] < 1e-4:
        raise InvalidValueError(
            f"joints {first} and {second} lie at the same place; the model cannot bend there"
        )
    return model


def _require_rows_of_one(name: str, rows: NDArray[np.float32], what: str) -> None:
    sums = rows.sum(axis=1, dtype=np.float64)
    worst = int(np.argmax(np.abs(sums - 1.0)))
    if abs(sums[worst] - 1.0) > _SUM_TOLERANCE:
        raise InvalidValueError(
            f"{name} of {what} {worst} sum to {sums[worst]:.4f}; they must sum to 1"
        )
