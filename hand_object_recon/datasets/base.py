"""The contract of a data set: frames with their truth, by number, each read when it is asked for.

A loader says where files are and what they mean; numbering, choosing, stamps and checking are
done here. ``docs/datasets.md`` tells how to add one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

from hand_object_recon.core.annotation import AnnotatedFrame
from hand_object_recon.core.errors import DatasetError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.card import DatasetCard
from hand_object_recon.datasets.choice import DatasetChoice
from hand_object_recon.datasets.frame_index import FrameIndex, FramePlace, SequenceEntry
from hand_object_recon.datasets.mano_hands import ManoHands

CAMERA_FRAME: Final = "camera_color_optical_frame"

_START_NS: Final = 1_600_000_000_000_000_000
_SEQUENCE_APART_NS: Final = 10_000 * 10**9


class Dataset(ABC):
    """A split of a data set on disk.

    ``dataset[i]`` is the data set's own sample ``i`` of the split, as long as nothing is chosen
    of it. All lengths are metres in the camera optical frame, joints in the order of
    ``core.keypoints``.

    card
        What the data set is.
    rate_hz
        Frames a second, from which stamps are made.
    has_flat_mean
        Whether labels' coefficients count from the flat hand instead of MANO's mean pose.
    """

    card: ClassVar[DatasetCard]
    rate_hz: ClassVar[float] = 30.0
    has_flat_mean: ClassVar[bool] = False

    def __init__(self, choice: DatasetChoice) -> None:
        """Index the frames of a split; images and annotations are not read yet.

        Raises
        ------
        DatasetError
            The folder, the split or a file that tells the split's frames is missing or damaged.
        """
        if choice.split not in self.card.splits:
            raise DatasetError(
                f"split {choice.split!r} is none of {self.card.name}'s; it has "
                f"{', '.join(self.card.splits)}"
            )
        if not choice.path.is_dir():
            raise DatasetError(
                f"{self.card.title} is not in {choice.path}: no such folder; get it from "
                f"{self.card.page} and give the folder it was unpacked to"
            )
        self.choice = choice
        self.path = choice.path
        self.mano = ManoHands(choice.hand_model, flat_mean=self.has_flat_mean)
        self._index = self.make_index().chosen(choice)

    @abstractmethod
    def make_index(self) -> FrameIndex:
        """All frames of ``self.choice.split`` in the data set's own order.

        Raises
        ------
        DatasetError
            A file that tells them is missing or damaged; the message says what to do.
        """

    @abstractmethod
    def read_frame(self, place: FramePlace) -> AnnotatedFrame:
        """Read one frame; ``stamp_ns`` and ``sequence`` of this class name it.

        Raises
        ------
        DatasetError
            A file of it is missing or damaged; the message says which and what to do.
        """

    @abstractmethod
    def files(self, place: FramePlace) -> tuple[Path, ...]:
        """The files that ``read_frame`` needs and that are of this frame alone."""

    def notes(self) -> tuple[str, ...]:
        """What of the truth is missing here and why, a sentence each."""
        return self.mano.notes(sorted(self.card.sides), self.card.without_mano)

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, index: int) -> AnnotatedFrame:
        annotated = self.read_frame(self.place(index))
        return annotated if self.choice.side == "any" else self._of_chosen_side(annotated)

    @property
    def sequences(self) -> tuple[str, ...]:
        """Names of the sequences that have frames, each usable as a file's name."""
        return tuple(self._index.frames_by_name)

    def frames_of(self, sequence: str) -> tuple[int, ...]:
        """The indices of a sequence's frames, in order of time where it is a video."""
        frames = self._index.frames_by_name.get(sequence)
        if frames is None:
            raise DatasetError(f"{self.card.name} {self.choice.split} has no sequence {sequence!r}")
        return tuple(frames.tolist())

    def read(self, sequence: str) -> Iterator[AnnotatedFrame]:
        """The frames of a sequence, one after the other."""
        return (self[index] for index in self.frames_of(sequence))

    def place(self, index: int) -> FramePlace:
        """Sequence and number of a frame.

        Raises
        ------
        IndexError
            There is no such frame, as of any Python sequence.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)} of {self.card.name}")
        return self._index.place(index)

    def sequence(self, place: FramePlace) -> SequenceEntry:
        return self._index.sequences[place.sequence]

    def stamp_ns(self, place: FramePlace) -> int:
        """Sequences lie far apart in time; the frames of one follow each other at its rate."""
        since = round(1e9 * place.number / self.rate_hz)
        return _START_NS + place.sequence * _SEQUENCE_APART_NS + since

    def _of_chosen_side(self, annotated: AnnotatedFrame) -> AnnotatedFrame:
        side = HandSide(self.choice.side)
        hands = tuple(hand for hand in annotated.truth.hands if hand.side is side)
        return replace(annotated, truth=replace(annotated.truth, hands=hands))
