"""The metrics of objects, and of hands and objects together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.evaluation.benchmarking.paired_hands import PairedHands, SequenceOfBoth
from hand_object_recon.evaluation.benchmarking.scores import Score, ScoreGroup
from hand_object_recon.evaluation.metrics.interaction import contact_scores
from hand_object_recon.evaluation.metrics.metric_value import FloatArray
from hand_object_recon.evaluation.metrics.nearest_samples import nearest_samples
from hand_object_recon.evaluation.metrics.object_pose import center_error
from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh, sample_surface
from hand_object_recon.evaluation.metrics.surface_scores import (
    GSDF_OBJECT_THRESHOLDS_M,
    GSDF_SAMPLES,
    chamfer_gsdf,
    surface_f_scores,
)

_SEED: Final = 0


@dataclass(frozen=True, eq=False)
class ObjectPair:
    """A true object in the camera frame beside the estimated one, None where there is none."""

    sequence: int
    stamp_ns: int
    truth: SurfaceMesh
    estimate: SurfaceMesh | None


def pair_objects(sequences: Sequence[SequenceOfBoth]) -> list[ObjectPair]:
    """The estimate nearest to each true object, by the middle of their vertices."""
    return [
        ObjectPair(number, stamp_ns, truth, estimate)
        for number, sequence in enumerate(sequences)
        for stamp_ns, truth, estimate in _pairs_of(sequence)
    ]


def gives_objects(sequences: Sequence[SequenceOfBoth]) -> bool:
    """Whether any frame's results hold an object."""
    return any(len(sequence.results.columns["object_frame"]) for sequence in sequences)


def object_scores(pairs: Sequence[ObjectPair]) -> ScoreGroup:
    """Errors of the objects' surfaces in the camera frame, without any alignment."""
    of = np.array([pair.sequence for pair in pairs], dtype=np.int64)
    random = np.random.default_rng(_SEED)
    truths = [sample_surface(pair.truth, GSDF_SAMPLES, random) for pair in pairs]
    estimates = [_samples(pair.estimate, random) for pair in pairs]
    found = nearest_samples(estimates, truths)
    centers = np.array([_center(samples) for samples in estimates]).reshape(-1, 3)
    true_centers = np.array([samples.mean(axis=0) for samples in truths]).reshape(-1, 3)
    f_values = surface_f_scores(found, GSDF_OBJECT_THRESHOLDS_M)
    scores = [
        Score("object_center_mm", "centre", center_error(centers, true_centers), of),
        Score("object_chamfer_cm2", "Chamfer (gSDF)", chamfer_gsdf(found), of),
        *(
            Score(
                f"object_f_{round(1000 * threshold)}mm",
                f"F@{round(1000 * threshold)}",
                value.with_worst(0.0),
                of,
                True,
            )
            for threshold, value in f_values.items()
        ),
    ]
    return ScoreGroup(
        "objects",
        "Objects",
        "Surfaces in the camera frame without gSDF's alignment on the hand; Chamfer is the median; "
        "an object without an estimate counts as 0 in the F-scores.",
        tuple(scores if pairs else ()),
    )


def interaction_scores(
    hands: PairedHands, pairs: Sequence[ObjectPair], faces: dict[str, NDArray[np.int32]]
) -> ScoreGroup:
    """How estimated hands and estimated objects touch, in frames whose truth has both.

    faces
        Triangles of the hand meshes by topology name.
    """
    estimates = {(pair.sequence, pair.stamp_ns): pair.estimate for pair in pairs}
    rows = [row for row in range(len(hands)) if _frame(hands, row) in estimates]
    meshes = [_hand_mesh(hands, row, faces) for row in rows]
    things = [estimates[_frame(hands, row)] for row in rows]
    found = contact_scores(meshes, things)
    of = hands.sequence_numbers[rows]
    scores = (
        Score("contact_percent", "contact ratio", found.ratio, of, None),
        Score("penetration_cm", "penetration depth", found.depth, of),
    )
    return ScoreGroup(
        "interaction",
        "Hand and object together",
        "Estimated hand against estimated object.",
        scores if rows else (),
    )


def _pairs_of(
    sequence: SequenceOfBoth,
) -> Iterator[tuple[int, SurfaceMesh, SurfaceMesh | None]]:
    objects, results = sequence.truth.objects, sequence.results
    for row, stamp_ns in enumerate(objects.stamps_ns.tolist()):
        truth = objects.mesh_of(row)
        center = truth.vertices_m.mean(axis=0)
        estimates = [_object_mesh(sequence, thing) for thing in results.objects_at(stamp_ns)]
        distances = [
            float(np.linalg.norm(mesh.vertices_m.mean(axis=0) - center)) for mesh in estimates
        ]
        nearest = int(np.argmin(np.nan_to_num(distances, nan=np.inf))) if estimates else -1
        yield stamp_ns, truth, estimates[nearest] if estimates else None


def _object_mesh(sequence: SequenceOfBoth, row: int) -> SurfaceMesh:
    try:
        return SurfaceMesh(*sequence.results.object_mesh(row))
    except InvalidValueError as error:
        raise InvalidValueError(f"object {row} of sequence {sequence.name}: {error}") from None


def _samples(mesh: SurfaceMesh | None, random: np.random.Generator) -> FloatArray | None:
    return None if mesh is None else sample_surface(mesh, GSDF_SAMPLES, random)


def _center(samples: FloatArray | None) -> FloatArray:
    return np.full(3, np.nan) if samples is None else np.asarray(samples.mean(axis=0))


def _frame(hands: PairedHands, row: int) -> tuple[int, int]:
    return int(hands.sequence_numbers[row]), int(hands.stamps_ns[row])


def _hand_mesh(
    hands: PairedHands, row: int, faces: dict[str, NDArray[np.int32]]
) -> SurfaceMesh | None:
    topology = hands.estimated_topology(row)
    return SurfaceMesh(hands.estimated_vertices_m(row), faces[topology]) if topology else None
