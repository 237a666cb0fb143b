"""Where an evaluation's frames and truth come from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import HandTopology
from hand_object_recon.evaluation.benchmarking.sequence_truth import SequenceTruth
from hand_object_recon.recordings.reader import BadFrame


class FrameSource(Protocol):
    """Sequences of frames with their truth; picklable, because processes share the work.

    is_video
        Whether the frames of a sequence follow each other. Otherwise each is an image of its own,
        and nothing is remembered from one to the next.
    """

    @property
    def name(self) -> str: ...

    @property
    def is_video(self) -> bool: ...

    def identity(self) -> Mapping[str, Any]:
        """What a continued evaluation must have in common with its beginning; plain values."""
        ...

    def sequences(self) -> tuple[str, ...]:
        """Names of the sequences, each usable as a file's name."""
        ...

    def frames(
        self, sequence: str, stamps_ns: Collection[int] | None = None
    ) -> Iterator[RgbdFrame | BadFrame]:
        """The frames of a sequence in order, or those of these stamps."""
        ...

    def truth(self, sequence: str) -> SequenceTruth:
        """The truth of a sequence."""
        ...

    def topologies(self) -> Mapping[str, HandTopology]:
        """Triangles of the true hand meshes by topology name, as far as they are known."""
        ...
