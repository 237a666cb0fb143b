"""Whether a data set on disk is whole: what is missing or damaged, in words with what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from hand_object_recon.core.annotation import AnnotatedFrame
from hand_object_recon.core.errors import DatasetError, HandObjectReconError, InvalidValueError
from hand_object_recon.datasets.base import Dataset
from hand_object_recon.datasets.choice import DatasetChoice
from hand_object_recon.datasets.file_reading import ANEW
from hand_object_recon.datasets.registry import dataset_class
from hand_object_recon.geometry.projection import project

_SAID_OF_A_KIND: Final = 5
_LEAST_JOINTS_IN_VIEW: Final = 11

OnFrame = Callable[[int, int], None]


@dataclass(frozen=True)
class Finding:
    """is_problem: the split cannot be used as it is; otherwise it can, without what is said."""

    text: str
    is_problem: bool = True


@dataclass(frozen=True)
class SplitReport:
    """What was found of a split: how many frames and sequences there are, how many were read, and
    how many of these have a true hand, a mesh of one, and an object."""

    split: str
    frames: int = 0
    sequences: int = 0
    read: int = 0
    with_hand: int = 0
    with_mesh: int = 0
    with_object: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def is_usable(self) -> bool:
        return not any(finding.is_problem for finding in self.findings)


def check_split(
    choice: DatasetChoice, frames: int | None = 64, on_frame: OnFrame = lambda done, total: None
) -> SplitReport:
    """Look whether the files of all frames are there, and read ``frames`` spread over them.

    frames
        None reads every one.
    """
    try:
        dataset = dataset_class(choice.name)(choice)
        notes = dataset.notes()
    except HandObjectReconError as error:
        return SplitReport(choice.split, findings=(Finding(str(error)),))
    if not len(dataset):
        return SplitReport(choice.split, findings=(Finding("no frame is chosen"),))
    reading = _Reading()
    chosen = _spread(len(dataset), frames)
    for done, index in enumerate(chosen):
        on_frame(done, len(chosen))
        reading.read(dataset, index)
    on_frame(len(chosen), len(chosen))
    findings = [
        *_wrong_counts(dataset),
        *(Finding(text) for text in _limited(_missing_files(dataset))),
        *(Finding(text) for text in _limited(iter(reading.problems))),
        *(Finding(note, is_problem=False) for note in notes),
    ]
    return SplitReport(
        choice.split,
        len(dataset),
        len(dataset.sequences),
        len(chosen),
        reading.with_hand,
        reading.with_mesh,
        reading.with_object,
        tuple(dict.fromkeys(findings)),
    )


class _Reading:
    """What reading frames brought to light."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.with_hand = self.with_mesh = self.with_object = 0

    def read(self, dataset: Dataset, index: int) -> None:
        try:
            annotated = dataset[index]
        except DatasetError as error:
            self.problems.append(str(error))
        except InvalidValueError as error:
            file = dataset.files(dataset.place(index))[-1]
            self.problems.append(f"{file}: {error}; {ANEW}")
        else:
            self._note(annotated, dataset, index)

    def _note(self, annotated: AnnotatedFrame, dataset: Dataset, index: int) -> None:
        hands = annotated.truth.hands
        self.with_hand += bool(hands)
        self.with_mesh += any(hand.vertices_m is not None for hand in hands)
        self.with_object += bool(annotated.truth.objects)
        camera = annotated.frame.camera
        least = 1 if dataset.card.cuts_hands else _LEAST_JOINTS_IN_VIEW
        for hand in hands:
            places = project(hand.joints_m, camera)
            inside = (places >= 0) & (places < (camera.width, camera.height))
            if int(inside.all(axis=1).sum()) < least and hand.visible_share != 0.0:
                self.problems.append(
                    f"{dataset.files(dataset.place(index))[-1]}: fewer than "
                    f"{least} of the {hand.side} hand's joints are in the image; "
                    "are annotation and image of one version of the data set?"
                )


def _spread(count: int, wanted: int | None) -> list[int]:
    if wanted is None or wanted >= count:
        return list(range(count))
    return [int(index) for index in np.unique(np.linspace(0, count - 1, wanted).astype(int))]


def _wrong_counts(dataset: Dataset) -> Iterator[Finding]:
    """Where the whole split is asked for and is not as large as published."""
    whole = DatasetChoice(
        name=dataset.choice.name, path=dataset.choice.path, split=dataset.choice.split
    )
    plain = dataset.choice.model_copy(update={"models": None, "hand_model": whole.hand_model})
    if plain != whole:
        return
    card = dataset.card.splits[dataset.choice.split]
    if card.frames and len(dataset) not in card.frames:
        published = " or ".join(str(number) for number in card.frames)
        yield Finding(
            f"split {dataset.choice.split} has {len(dataset)} frames here, {published} are "
            f"published; {ANEW} what is missing, or take the version these numbers are of",
            is_problem=len(dataset) < min(card.frames),
        )
    if card.sequences is not None and len(dataset.sequences) != card.sequences:
        yield Finding(
            f"split {dataset.choice.split} has {len(dataset.sequences)} sequences with frames, "
            f"{card.sequences} are published; {ANEW} what is missing",
        )


def _missing_files(dataset: Dataset) -> Iterator[str]:
    """Names of files that are not there; a folder is listed once, not asked for each file."""
    names_in = lru_cache(maxsize=32)(_names_in)
    for index in range(len(dataset)):
        for path in dataset.files(dataset.place(index)):
            names = names_in(path.parent)
            if names is None:
                yield f"folder {path.parent} is missing; {ANEW}"
            elif path.name not in names:
                yield f"{path} is missing; {ANEW}"


def _names_in(folder: Path) -> frozenset[str] | None:
    try:
        return frozenset(path.name for path in folder.iterdir())
    except OSError:
        return None


def _limited(texts: Iterator[str]) -> Iterator[str]:
    """The first few, and how many more there are."""
    different = iter(dict.fromkeys(texts))
    yield from islice(different, _SAID_OF_A_KIND)
    more = sum(1 for _ in different)
    if more:
        yield f"… and {more} more of the kind"
