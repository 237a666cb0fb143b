"""Annotated frames, such as a data set's loader gives them, as the source of an evaluation."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import AnnotatedFrame, HandAnnotation, ObjectAnnotation
from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandTopology
from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.evaluation.benchmarking.recording_source import known_topologies
from hand_object_recon.evaluation.benchmarking.sequence_truth import SequenceTruth
from hand_object_recon.evaluation.hand_truth import HandTruth
from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh
from hand_object_recon.evaluation.object_truth import NO_OBJECTS, ObjectTruth, joined_visible
from hand_object_recon.recordings.reader import BadFrame


class AnnotatedSequences(Protocol):
    """What a data set's loader has to give; picklable, because processes share the work."""

    def identity(self) -> Mapping[str, Any]:
        """What decides which frames these are; plain values."""
        ...

    def sequences(self) -> tuple[str, ...]:
        """Names of the sequences, each usable as a file's name."""
        ...

    def read(self, sequence: str) -> Iterator[AnnotatedFrame]:
        """The sequence's frames, in order of time where it is a video; stamps differ."""
        ...


@dataclass(frozen=True)
class AnnotatedSource:
    """A data set with a name.

    is_video
        Whether the frames of a sequence follow each other.
    """

    name: str
    data: AnnotatedSequences
    is_video: bool

    def identity(self) -> Mapping[str, Any]:
        return {"source": self.name, **self.data.identity()}

    def sequences(self) -> tuple[str, ...]:
        return self.data.sequences()

    def frames(
        self, sequence: str, stamps_ns: Collection[int] | None = None
    ) -> Iterator[RgbdFrame | BadFrame]:
        for annotated in self.data.read(sequence):
            if stamps_ns is None or annotated.frame.stamp_ns in stamps_ns:
                yield annotated.frame

    def truth(self, sequence: str) -> SequenceTruth:
        """The truth of every frame of a sequence.

        Raises
        ------
        InvalidValueError
            Some hands have a mesh and others not.
        """
        stamps_ns: list[int] = []
        hands: list[tuple[int, HandAnnotation]] = []
        objects: list[tuple[int, ObjectAnnotation]] = []
        for annotated in self.data.read(sequence):
            truth = annotated.truth
            stamps_ns.append(truth.stamp_ns)
            hands += [(truth.stamp_ns, hand) for hand in truth.hands]
            objects += [(truth.stamp_ns, thing) for thing in truth.objects]
        frames = np.array(sorted(stamps_ns), dtype=np.int64)
        return SequenceTruth(frames, _hand_truth(hands), _object_truth(objects))

    def topologies(self) -> Mapping[str, HandTopology]:
        return known_topologies()


def _hand_truth(hands: Sequence[tuple[int, HandAnnotation]]) -> HandTruth:
    annotations = [hand for _, hand in hands]
    return HandTruth(
        stamps_ns=np.array([stamp_ns for stamp_ns, _ in hands], dtype=np.int64),
        joints_m=np.array([hand.joints_m for hand in annotations], dtype=np.float64).reshape(
            -1, KEYPOINT_COUNT, 3
        ),
        vertices_m=_meshes_m(annotations),
        topologies=tuple("" if hand.vertices_m is None else hand.topology for hand in annotations),
        sides=tuple(hand.side for hand in annotations),
        visible_share=_known([hand.visible_share for hand in annotations]),
        touching=_known([hand.touching for hand in annotations]),
    )


def _meshes_m(hands: Sequence[HandAnnotation]) -> NDArray[np.float64]:
    """(N, V, 3) vertices; V is 0 where the truth has joints alone."""
    meshes = [hand.vertices_m for hand in hands if hand.vertices_m is not None]
    if meshes and len(meshes) < len(hands):
        raise InvalidValueError(
            f"{len(hands) - len(meshes)} of {len(hands)} true hands of a sequence have no "
            "vertices_m; either all have a mesh, or none"
        )
    if not meshes:
        return np.zeros((len(hands), 0, 3))
    return np.array(meshes, dtype=np.float64)


def _known(values: Sequence[Any]) -> NDArray[Any] | None:
    """The values as an array, None where one of them is not known."""
    return None if not values or any(value is None for value in values) else np.array(values)


def _object_truth(rows: Sequence[tuple[int, ObjectAnnotation]]) -> ObjectTruth:
    if not rows:
        return NO_OBJECTS
    things = [thing for _, thing in rows]
    held_by = [thing.held_by for thing in things if thing.held_by is not None]
    return ObjectTruth(
        np.array([stamp_ns for stamp_ns, _ in rows], dtype=np.int64),
        np.array([thing.pose for thing in things]),
        tuple(thing.name for thing in things),
        {thing.name: SurfaceMesh(thing.vertices_m, thing.faces) for thing in things},
        tuple(held_by) if len(held_by) == len(things) else None,
        joined_visible([thing.vertex_visible for thing in things]),
    )
