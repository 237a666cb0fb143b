"""The truth of one sequence, and its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import require_array
from hand_object_recon.evaluation.benchmarking.array_files import write_arrays
from hand_object_recon.evaluation.hand_truth import (
    REQUIRED_HAND_ARRAYS,
    HandTruth,
    hand_arrays,
    hand_truth,
)
from hand_object_recon.evaluation.object_truth import ObjectTruth, object_arrays, object_truth
from hand_object_recon.evaluation.truth_arrays import read_truth_arrays

_FRAME_STAMPS: Final = "frame_stamps_ns"


@dataclass(frozen=True, eq=False)
class SequenceTruth:
    """What is true of the annotated frames of one sequence.

    frame_stamps_ns
        (F,) int64 stamps of the annotated frames, rising. One without a row in ``hands`` shows
        no hand; of frames that are not among them nothing is known.
    """

    frame_stamps_ns: NDArray[np.int64]
    hands: HandTruth
    objects: ObjectTruth

    def __post_init__(self) -> None:
        stamps = require_array("truth frame_stamps_ns", self.frame_stamps_ns, (None,), np.int64)
        if (np.diff(stamps) <= 0).any():
            raise InvalidValueError("truth frame_stamps_ns must rise from frame to frame")
        for name, rows in (("hand", self.hands.stamps_ns), ("object", self.objects.stamps_ns)):
            unknown = rows[~np.isin(rows, stamps)]
            if len(unknown):
                raise InvalidValueError(
                    f"true {name} has stamp {unknown[0]}, which is not in frame_stamps_ns"
                )
        object.__setattr__(self, "frame_stamps_ns", stamps)


def sequence_truth(arrays: Mapping[str, NDArray[Any]]) -> SequenceTruth:
    """The truth in a file's arrays; without ``frame_stamps_ns`` the annotated frames are those
    that show a hand or an object."""
    hands, objects = hand_truth(arrays), object_truth(arrays)
    stamps = arrays.get(_FRAME_STAMPS)
    if stamps is None:
        stamps = np.union1d(hands.stamps_ns, objects.stamps_ns)
    return SequenceTruth(stamps, hands, objects)


def load_sequence_truth(path: Path) -> SequenceTruth:
    """Read a truth file with hands and, where it has them, objects.

    Raises
    ------
    InvalidValueError
        The file cannot be read, or what it holds cannot be the truth; the message says why.
    """
    arrays = read_truth_arrays(path, REQUIRED_HAND_ARRAYS)
    try:
        return sequence_truth(arrays)
    except InvalidValueError as error:
        raise InvalidValueError(f"truth file {path}: {error}") from None


def save_sequence_truth(path: Path, truth: SequenceTruth) -> None:
    """Write a file that :func:`load_sequence_truth` reads, the same bytes each time."""
    write_arrays(
        path,
        {
            _FRAME_STAMPS: truth.frame_stamps_ns,
            **hand_arrays(truth.hands),
            **object_arrays(truth.objects),
        },
    )
