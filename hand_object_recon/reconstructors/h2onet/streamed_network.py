"""A network called on one frame after another of one camera."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from hand_object_recon.core.hands import TrackedHand
from hand_object_recon.networks.frame_memory import FrameMemory
from hand_object_recon.reconstructors.h2onet.network import FrameFeatures, HandMesh


class StreamedNetwork(ABC):
    """Gives the hands of frame after frame."""

    @abstractmethod
    def hands(self, images: Tensor, tracked: Sequence[TrackedHand], stamp_ns: int) -> HandMesh:
        """The hands in (B, 3, 128, 128) crops, one for each tracked hand."""

    def forget(self, track_id: int) -> None:  # noqa: B027 - single frames leave nothing behind
        """Drop what was remembered of a track."""

    def reset(self) -> None:  # noqa: B027 - as above
        """Drop everything that was remembered."""


class StreamedSingleFrames(StreamedNetwork):
    """Each frame by itself: ``network`` is a ``SingleFrameNetwork``, compiled or not."""

    def __init__(self, network: Callable[[Tensor], HandMesh]) -> None:
        self._network = network

    def hands(self, images: Tensor, tracked: Sequence[TrackedHand], stamp_ns: int) -> HandMesh:
        del tracked, stamp_ns
        return self._network(images)


class StreamedThreeFrames(StreamedNetwork):
    """Each frame with two earlier ones: ``encode`` and ``fuse`` of a ``MultiFrameNetwork``.

    A frame is encoded once; of earlier ones their features are remembered.
    """

    def __init__(
        self,
        encode: Callable[[Tensor], FrameFeatures],
        fuse: Callable[[FrameFeatures, FrameFeatures, FrameFeatures], HandMesh],
        earlier_s: tuple[float, float],
    ) -> None:
        self._encode, self._fuse = encode, fuse
        self._memory = FrameMemory[FrameFeatures](earlier_s)

    def hands(self, images: Tensor, tracked: Sequence[TrackedHand], stamp_ns: int) -> HandMesh:
        current = self._encode(images)
        earlier = [
            self._memory.earlier_frames(hand, stamp_ns, _row_of(current, row))
            for row, hand in enumerate(tracked)
        ]
        previous, earliest = (_joined(frames) for frames in zip(*earlier, strict=True))
        return self._fuse(current, previous, earliest)

    def forget(self, track_id: int) -> None:
        self._memory.forget(track_id)

    def reset(self) -> None:
        self._memory.reset()


def _joined(frames: Sequence[FrameFeatures]) -> FrameFeatures:
    """One batch of several."""
    return FrameFeatures(*(torch.cat(parts) for parts in zip(*frames, strict=True)))


def _row_of(features: FrameFeatures, row: int) -> FrameFeatures:
    """One hand of a batch, as a batch of one that keeps nothing else of it alive."""
    return FrameFeatures(*(part[row : row + 1].clone() for part in features))
