"""The truth a recording's hands are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.core.validation import require_array
from hand_object_recon.evaluation.truth_arrays import read_truth_arrays
from hand_object_recon.evaluation.truth_checks import require_plausible_hands

REQUIRED_HAND_ARRAYS: Final = ("stamps_ns", "joints", "vertices")


@dataclass(frozen=True, eq=False)
class HandTruth:
    """One row for each hand in each frame, in metres in the camera optical frame.

    stamps_ns (N,) int64; joints_m (N, 21, 3) float64; vertices_m (N, V, 3) float64.

    topologies
        Name of each row's mesh topology, "" where it is not known.
    sides
        Left or right of each row, None where it is not known.
    visible_share
        (N,) float64 share of the hand's pixels that nothing covers, None where it is not known.
    touching
        (N, 5) bool, thumb to pinky: fingers that touch an object, None where it is not known.
    """

    stamps_ns: NDArray[np.int64]
    joints_m: NDArray[np.float64]
    vertices_m: NDArray[np.float64]
    topologies: tuple[str, ...]
    sides: tuple[HandSide | None, ...]
    visible_share: NDArray[np.float64] | None = None
    touching: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        stamps = require_array("truth stamps_ns", self.stamps_ns, (None,), np.int64)
        count = len(stamps)
        joints = require_array(
            "truth joints", self.joints_m, (count, KEYPOINT_COUNT, 3), np.float64, finite=True
        )
        vertices = require_array(
            "truth vertices", self.vertices_m, (count, None, 3), np.float64, finite=True
        )
        for name, values in (("topology", self.topologies), ("side", self.sides)):
            if len(values) != count:
                raise InvalidValueError(
                    f"truth {name} names {len(values)} hands; there are {count} stamps"
                )
        object.__setattr__(self, "stamps_ns", stamps)
        object.__setattr__(self, "joints_m", joints)
        object.__setattr__(self, "vertices_m", vertices)
        self._convert_optional(count)

    def _convert_optional(self, count: int) -> None:
        if self.visible_share is not None:
            share = require_array(
                "truth visible_share", self.visible_share, (count,), np.float64, finite=True
            )
            if ((share < 0) | (share > 1)).any():
                raise InvalidValueError("truth visible_share must lie in [0, 1]")
            object.__setattr__(self, "visible_share", share)
        if self.touching is not None:
            touching = require_array("truth touching", self.touching, (count, 5), np.bool_)
            object.__setattr__(self, "touching", touching)

    def __len__(self) -> int:
        return len(self.stamps_ns)


def load_hand_truth(path: Path) -> HandTruth:
    """Read an npz with ``stamps_ns`` (N,), ``joints`` (N, 21, 3) and ``vertices`` (N, V, 3).

    Optional, each one value for all rows or one a row: ``topology``, the name of the mesh's
    topology, and ``side``, "left" or "right". Optional, one a row: ``visible_share`` (N,) and
    ``touching`` (N, 5).

    Raises
    ------
    InvalidValueError
        The file cannot be read, an array is missing or has the wrong shape, unit or order of
        joints, or a side is neither left nor right.
    """
    arrays = read_truth_arrays(path, REQUIRED_HAND_ARRAYS)
    try:
        return hand_truth(arrays)
    except InvalidValueError as error:
        raise InvalidValueError(f"truth file {path}: {error}") from None


def hand_truth(arrays: Mapping[str, NDArray[Any]]) -> HandTruth:
    """The hands in a truth file's arrays, as :func:`load_hand_truth` describes them."""
    count = len(np.atleast_1d(arrays["stamps_ns"]))
    truth = HandTruth(
        stamps_ns=arrays["stamps_ns"],
        joints_m=arrays["joints"],
        vertices_m=arrays["vertices"],
        topologies=_texts(arrays, "topology", count),
        sides=tuple(_side(text) for text in _texts(arrays, "side", count)),
        visible_share=arrays.get("visible_share"),
        touching=arrays.get("touching"),
    )
    require_plausible_hands(truth.joints_m)
    return truth


def hand_arrays(truth: HandTruth) -> dict[str, NDArray[Any]]:
    """The arrays that :func:`hand_truth` reads."""
    arrays: dict[str, NDArray[Any]] = {
        "stamps_ns": truth.stamps_ns,
        "joints": truth.joints_m.astype(np.float32),
        "vertices": truth.vertices_m.astype(np.float32),
        "topology": np.array(truth.topologies, dtype=np.str_),
        "side": np.array([str(side or "") for side in truth.sides], dtype=np.str_),
    }
    if truth.visible_share is not None:
        arrays["visible_share"] = truth.visible_share
    if truth.touching is not None:
        arrays["touching"] = truth.touching
    return arrays


def _texts(arrays: Mapping[str, NDArray[Any]], name: str, count: int) -> tuple[str, ...]:
    values = arrays.get(name, np.array(""))
    if values.ndim == 0:
        return (str(values),) * count
    return tuple(str(value) for value in values)


def _side(text: str) -> HandSide | None:
    if not text:
        return None
    try:
        return HandSide(text)
    except ValueError:
        raise InvalidValueError(f"side is {text!r}; it must be left or right") from None
