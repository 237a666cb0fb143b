"""The frames of a split: which sequence and number each has, without a file of it being read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hand_object_recon.core.errors import DatasetError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.choice import DatasetChoice

BOTH_SIDES: Final = frozenset(HandSide)


class SequenceEntry(NamedTuple):
    """A sequence.

    name
        Usable as a file's name, unique in the split.
    folder
        Where its files are, from the data set's folder.
    sides
        Whose hands it may show.
    """

    name: str
    folder: str
    sides: frozenset[HandSide]


class FramePlace(NamedTuple):
    """Where a frame is: place of its sequence among the split's, and its number there."""

    sequence: int
    number: int


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """Frames in the data set's own order: (N,) int32 places of sequences and frame numbers."""

    sequences: tuple[SequenceEntry, ...]
    sequence: NDArray[np.int32]
    number: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.number)

    def place(self, index: int) -> FramePlace:
        return FramePlace(int(self.sequence[index]), int(self.number[index]))

    @cached_property
    def frames_by_name(self) -> dict[str, NDArray[np.intp]]:
        """Frames of each sequence that has any, in order of their numbers."""
        order = np.lexsort((self.number, self.sequence))
        ends = np.flatnonzero(np.diff(self.sequence[order])) + 1
        groups = np.split(order, ends) if len(order) else []
        return {self.sequences[int(self.sequence[group[0]])].name: group for group in groups}

    def chosen(self, choice: DatasetChoice) -> FrameIndex:
        """The frames that are wanted; sequences keep their places.

        Raises
        ------
        DatasetError
            A wanted sequence does not exist in the split.
        """
        names = {entry.name for entry in self.sequences}
        unknown = [name for name in choice.sequences if name not in names]
        if unknown:
            some = ", ".join(sorted(names)[:3])
            raise DatasetError(
                f"sequence {unknown[0]!r} is not in {choice.name} {choice.split}; it has "
                f"{len(names)} sequences such as {some}"
            )
        is_wanted = np.array([_is_wanted(entry, choice) for entry in self.sequences], dtype=bool)
        kept = is_wanted[self.sequence] & (self.number % choice.every == 0)
        return replace(self, sequence=self.sequence[kept], number=self.number[kept])


def index_of_numbers(
    sequences: tuple[SequenceEntry, ...], numbers: Sequence[ArrayLike]
) -> FrameIndex:
    """Sequences one after the other, each of frames with these numbers."""
    rows = [np.asarray(found, dtype=np.int32) for found in numbers]
    place = np.repeat(np.arange(len(rows), dtype=np.int32), [len(row) for row in rows])
    return FrameIndex(sequences, place, np.concatenate(rows))


def index_of_counts(sequences: tuple[SequenceEntry, ...], counts: list[int]) -> FrameIndex:
    """Sequences of 0 to n-1 frames one after the other."""
    lengths = np.array(counts, dtype=np.int64)
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.cumsum(lengths) - lengths
    number = np.arange(len(sequence)) - np.repeat(starts, lengths)
    return FrameIndex(sequences, sequence.astype(np.int32), number.astype(np.int32))


def _is_wanted(entry: SequenceEntry, choice: DatasetChoice) -> bool:
    has_side = choice.side == "any" or HandSide(choice.side) in entry.sides
    return has_side and (not choice.sequences or entry.name in choice.sequences)
