"""What a user wants to know of a data set before getting it, and what ``check`` compares with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hand_object_recon.core.hands import HandSide


@dataclass(frozen=True)
class SplitCard:
    """A part of a data set.

    about
        Which frames are in it, in one line.
    frames
        Published numbers of frames; more than one where its sources disagree, none where
        none is published.
    sequences
        How many sequences the whole split has, None where none is published.
    """

    about: str
    frames: tuple[int, ...] = ()
    sequences: int | None = None


@dataclass(frozen=True)
class DatasetCard:
    """A data set as its authors describe it.

    licence, page
        The terms in one sentence, and where they are and the data can be had. Nothing is ever
        downloaded.
    format_source
        Where the files' format is described.
    layout
        The expected folder, one entry a line.
    sides
        Whose hands it shows.
    has_depth, has_objects, has_masks
        Whether frames come with a depth image, objects' poses, masks.
    is_video
        Whether the frames of a sequence follow each other; otherwise each is an image of its own.
    without_mano
        What is missing as long as MANO is not imported.
    cuts_hands
        Whether a true hand may lie largely outside its image, as one that a camera on the head
        sees.
    """

    name: str
    title: str
    summary: str
    licence: str
    page: str
    paper: str
    format_source: str
    layout: str
    sides: frozenset[HandSide]
    has_depth: bool
    has_objects: bool
    has_masks: bool
    is_video: bool
    without_mano: str
    splits: Mapping[str, SplitCard]
    cuts_hands: bool = False

    def holds(self) -> str:
        """What its frames hold, in words."""
        hands = "left and right hands" if len(self.sides) > 1 else f"{next(iter(self.sides))} hands"
        parts = {"depth": self.has_depth, "objects": self.has_objects, "masks": self.has_masks}
        kind = "videos" if self.is_video else "single images"
        return ", ".join([kind, hands, *(name for name, is_held in parts.items() if is_held)])
