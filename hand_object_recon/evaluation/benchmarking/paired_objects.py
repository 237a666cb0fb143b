"""Every true object of an evaluation beside the object that was estimated for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.evaluation.benchmarking.paired_hands import SequenceOfBoth
from hand_object_recon.evaluation.metrics.metric_value import FloatArray
from hand_object_recon.evaluation.metrics.seen_surface import PartlySeen
from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh
from hand_object_recon.evaluation.object_truth import ObjectTruth

_SHAPE_EVERY_S: Final = 0.5
_NS_PER_S: Final = 1e9


@dataclass(frozen=True, eq=False)
class ObjectPair:
    """A true object (row of the sequence's truth) and the estimated one (row of its results).

    estimate
        None where there is none.
    held_s
        For how long hands have held the object without a break; None while nobody does. Where the
        truth does not tell, since it was first there.
    """

    sequence: int
    stamp_ns: int
    row: int
    estimate: int | None
    held_s: float | None


@dataclass(frozen=True, eq=False)
class PairedObjects:
    """All true objects of all sequences, in order of time in each; N of them.

    An object is compared with the estimate of its frame whose vertices' middle is nearest.
    """

    sequences: tuple[SequenceOfBoth, ...]
    pairs: tuple[ObjectPair, ...]
    is_video: bool

    def __len__(self) -> int:
        return len(self.pairs)

    @cached_property
    def sequence_numbers(self) -> NDArray[np.int64]:
        """(N,) place of each object's sequence."""
        return np.array([pair.sequence for pair in self.pairs], dtype=np.int64)

    @cached_property
    def held(self) -> NDArray[np.intp]:
        """Numbers of the objects that are held, or of which it is not known."""
        return np.flatnonzero([pair.held_s is not None for pair in self.pairs])

    @cached_property
    def shown_shapes(self) -> NDArray[np.intp]:
        """Numbers of the held objects whose shape is compared: all, or of a video the last ones of
        each half second of a hold."""
        if not self.is_video:
            return self.held
        chosen = []
        for rows in self.rows_by_object():
            times = [self.pairs[row].held_s for row in rows.tolist()]
            parts = np.array([-1 if time is None else time // _SHAPE_EVERY_S for time in times])
            is_last = np.append(np.diff(parts) != 0, True)
            chosen += rows[is_last & (parts >= 0)].tolist()
        return np.array(sorted(chosen), dtype=np.intp)

    def rows_by_object(self) -> Iterator[NDArray[np.intp]]:
        """Numbers of each object of each sequence, in order of time."""
        numbers: dict[tuple[int, str], list[int]] = {}
        for number, pair in enumerate(self.pairs):
            numbers.setdefault((pair.sequence, self._objects(pair).names[pair.row]), []).append(
                number
            )
        for rows in numbers.values():
            yield np.array(rows, dtype=np.intp)

    def true_mesh(self, number: int) -> SurfaceMesh:
        """In the camera frame."""
        pair = self.pairs[number]
        return self._objects(pair).mesh_of(pair.row)

    def true_shape(self, number: int) -> SurfaceMesh:
        """In the object's own frame."""
        pair = self.pairs[number]
        objects = self._objects(pair)
        return objects.meshes[objects.names[pair.row]]

    def true_pose(self, number: int) -> FloatArray:
        pair = self.pairs[number]
        return np.asarray(self._objects(pair).poses[pair.row])

    def estimate(self, number: int) -> ObjectEstimate | None:
        pair = self.pairs[number]
        if pair.estimate is None:
            return None
        return self.sequences[pair.sequence].results.object_at(pair.estimate)

    def estimated_mesh(self, number: int) -> SurfaceMesh | None:
        """In the camera frame; None where there is no estimate."""
        pair = self.pairs[number]
        if pair.estimate is None:
            return None
        sequence = self.sequences[pair.sequence]
        try:
            return SurfaceMesh(*sequence.results.object_mesh(pair.estimate))
        except InvalidValueError as error:
            name = f"object {pair.estimate} of sequence {sequence.name}"
            raise InvalidValueError(f"{name}: {error}") from None

    def estimated_pose(self, number: int) -> FloatArray:
        """(4, 4) from the estimate's own frame to the camera's; there must be an estimate."""
        pair = self.pairs[number]
        columns = self.sequences[pair.sequence].results.columns
        return np.asarray(columns["object_pose"][pair.estimate])

    def estimated_track(self, number: int) -> int | None:
        """Track of the estimate, or None."""
        pair = self.pairs[number]
        if pair.estimate is None:
            return None
        results = self.sequences[pair.sequence].results
        return int(results.columns["object_track_id"][pair.estimate])

    def truly_seen(self, number: int) -> PartlySeen | None:
        """The true mesh in the camera frame, and what of it the camera has seen while the object
        was held, up to and with this frame; None where the truth does not tell."""
        pair = self.pairs[number]
        seen = self._seen_so_far.get((pair.sequence, pair.row))
        return None if seen is None else PartlySeen(self.true_mesh(number), seen)

    @cached_property
    def _seen_so_far(self) -> dict[tuple[int, int], NDArray[np.bool_]]:
        seen = {}
        for rows in self.rows_by_object():
            so_far: NDArray[np.bool_] | None = None
            for pair in (self.pairs[row] for row in rows.tolist()):
                visible = self._objects(pair).visible_at(pair.row)
                if visible is None:
                    break
                now = visible & (pair.held_s is not None)
                so_far = now if so_far is None else so_far | now
                seen[pair.sequence, pair.row] = so_far
        return seen

    def _objects(self, pair: ObjectPair) -> ObjectTruth:
        return self.sequences[pair.sequence].truth.objects


def pair_objects(sequences: Sequence[SequenceOfBoth], *, is_video: bool) -> PairedObjects:
    """Find the estimate of every true object."""
    pairs = [
        ObjectPair(number, int(sequence.truth.objects.stamps_ns[row]), row, estimate, held_s)
        for number, sequence in enumerate(sequences)
        for row, estimate, held_s in _pairs_of(sequence)
    ]
    return PairedObjects(tuple(sequences), tuple(pairs), is_video)


def gives_objects(sequences: Sequence[SequenceOfBoth]) -> bool:
    """Whether any frame's results hold an object."""
    return any(len(sequence.results.columns["object_frame"]) for sequence in sequences)


def _pairs_of(sequence: SequenceOfBoth) -> Iterator[tuple[int, int | None, float | None]]:
    objects, results = sequence.truth.objects, sequence.results
    holds = _Holds()
    for row in np.argsort(objects.stamps_ns, kind="stable").tolist():
        stamp_ns = int(objects.stamps_ns[row])
        center = objects.mesh_of(row).vertices_m.mean(axis=0)
        estimates = results.objects_at(stamp_ns).tolist()
        distances = [
            float(np.linalg.norm(results.object_mesh(thing)[0].mean(axis=0) - center))
            for thing in estimates
        ]
        nearest = int(np.argmin(np.nan_to_num(distances, nan=np.inf))) if estimates else -1
        held_by = None if objects.held_by is None else objects.held_by[row]
        held_s = holds.held_s(objects.names[row], stamp_ns, held_by)
        yield row, estimates[nearest] if estimates else None, held_s


class _Holds:
    """Since when each object has been held."""

    def __init__(self) -> None:
        self._since_ns: dict[str, int] = {}

    def held_s(self, name: str, stamp_ns: int, held_by: frozenset[HandSide] | None) -> float | None:
        if held_by is not None and not held_by:
            self._since_ns.pop(name, None)
            return None
        return (stamp_ns - self._since_ns.setdefault(name, stamp_ns)) / _NS_PER_S
