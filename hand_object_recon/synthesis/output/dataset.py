"""Frames rendered while a network trains, for torch's data loaders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Dataset, Sampler

from hand_object_recon.core.annotation import AnnotatedFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.output.samples import FRAMES_PER_TAKE, SampleSource
from hand_object_recon.synthesis.output.settings import SampleSettings


class SynthesizedFrames(Dataset[AnnotatedFrame]):
    """A map-style data set of as many frames as asked for, none of which is kept.

    Each worker process of a ``DataLoader`` loads the grasps for itself. Give a ``TakeSampler``
    and batches of a multiple of ``FRAMES_PER_TAKE``: then a worker draws each take only once. The
    frames are ``AnnotatedFrame``; crops and augmentations are the business of whoever trains, in
    ``collate_fn`` or in a data set around this one.
    """

    def __init__(self, settings: SampleSettings, count: int) -> None:
        if count < 1:
            raise InvalidValueError(f"count of frames is {count}; it must be 1 or more")
        self._settings, self._count = settings, count
        self._source: SampleSource | None = None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> AnnotatedFrame:
        if not 0 <= index < self._count:
            raise IndexError(f"frame {index} of {self._count}")
        if self._source is None:
            self._source = SampleSource(self._settings)
        return self._source.sample(index)

    def __getstate__(self) -> dict[str, object]:
        """Without what is loaded, which each worker loads for itself."""
        return {**self.__dict__, "_source": None}


class TakeSampler(Sampler[int]):
    """Indices in a random order of takes, the frames of each take in a row.

    The order differs from epoch to epoch; set ``epoch`` before each.
    """

    def __init__(self, count: int, seed: int = 0) -> None:
        self._count, self._seed = count, seed
        self.epoch = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        chance = torch.Generator().manual_seed(self._seed + self.epoch)
        takes = -(-self._count // FRAMES_PER_TAKE)
        for take in torch.randperm(takes, generator=chance).tolist():
            start = take * FRAMES_PER_TAKE
            yield from range(start, min(start + FRAMES_PER_TAKE, self._count))


def as_list(frames: Sequence[AnnotatedFrame]) -> list[AnnotatedFrame]:
    """A batch as it is, for ``collate_fn``: hands and objects differ in number between frames."""
    return list(frames)
