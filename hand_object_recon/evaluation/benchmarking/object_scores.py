"""The metrics of objects' surfaces, and of hands and objects together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.evaluation.benchmarking.paired_hands import PairedHands
from hand_object_recon.evaluation.benchmarking.paired_objects import PairedObjects
from hand_object_recon.evaluation.benchmarking.scores import Score, ScoreGroup, joined
from hand_object_recon.evaluation.metrics.interaction import contact_scores
from hand_object_recon.evaluation.metrics.metric_value import (
    FloatArray,
    MetricValue,
    Statistic,
    summarise_found,
)
from hand_object_recon.evaluation.metrics.nearest_samples import nearest_samples
from hand_object_recon.evaluation.metrics.object_pose import center_error
from hand_object_recon.evaluation.metrics.object_size import (
    enclosed_volume_m3,
    smallest_box_extents,
)
from hand_object_recon.evaluation.metrics.point_errors import MM_PER_M
from hand_object_recon.evaluation.metrics.seen_surface import (
    PartlySeen,
    SeenDistances,
    seen_distances,
)
from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh, sample_surface
from hand_object_recon.evaluation.metrics.surface_scores import (
    GSDF_OBJECT_THRESHOLDS_M,
    GSDF_SAMPLES,
    chamfer_gsdf,
    surface_f_scores,
)

_SEED: Final = 0
_PERCENT: Final = 100.0
_COMPLETE_M: Final = 0.005
_SIZE_AFTER_S: Final = 2.0
_COUNTED: Final = "objects"


def object_scores(objects: PairedObjects) -> ScoreGroup:
    """Errors of the objects' whole surfaces in the camera frame, without any alignment."""
    rows = objects.shown_shapes
    of = objects.sequence_numbers[rows]
    random = np.random.default_rng(_SEED)
    compared = [_compared(objects, row, random) for row in rows.tolist()]
    centers = np.array([one.center_m for one in compared]).reshape(-1, 3)
    true_centers = np.array([one.true_center_m for one in compared]).reshape(-1, 3)
    chamfer = joined([one.chamfer for one in compared], "cm²").over(Statistic.MEDIAN)
    f_values = {
        threshold: joined([one.f_scores[threshold] for one in compared], "")
        for threshold in GSDF_OBJECT_THRESHOLDS_M
    }
    volumes = _volume_errors(objects, rows)
    scores = [
        Score("object_center_mm", "centre", center_error(centers, true_centers), of, False),
        Score("object_chamfer_cm2", "Chamfer (gSDF)", chamfer, of, False),
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
        Score("object_volume_percent", "volume error", volumes, of, False),
    ]
    return ScoreGroup(
        "objects",
        "Objects",
        "Surfaces in the camera frame without gSDF's alignment on the hand, while objects are "
        "held, in videos at the end of each half second; Chamfer is the median; an object without "
        "an estimate counts as 0 in the F-scores.",
        tuple(_counted(score) for score in scores) if len(rows) else (),
    )


def seen_scores(objects: PairedObjects) -> ScoreGroup:
    """How good the part of the objects' surfaces is that the camera has seen while they were
    held; nothing where the truth or no estimate tells which that is."""
    rows = [row for row in objects.shown_shapes.tolist() if objects.truly_seen(row) is not None]
    random = np.random.default_rng(_SEED)
    found = [_seen(objects, row, random) for row in rows]
    of = objects.sequence_numbers[rows]

    def score(key: str, name: str, unit: str, measure: Callable[[SeenDistances], float]) -> Score:
        measured = [None if one is None else measure(one) for one in found]
        return Score(key, name, summarise_found(measured, unit), of, False, _COUNTED)

    def share(key: str, name: str, unit: str, measure: Callable[[SeenDistances], float]) -> Score:
        lower = score(key, name, unit, measure)
        return replace(lower, value=lower.value.with_worst(0.0), higher_is_better=True)

    scores = (
        score("seen_median_mm", "median", "mm", lambda d: MM_PER_M * d.quantile_m(0.5)),
        score("seen_p95_mm", "95 %", "mm", lambda d: MM_PER_M * d.quantile_m(0.95)),
        score("seen_chamfer_mm", "Chamfer", "mm", lambda d: MM_PER_M * d.chamfer_m),
        share("seen_f_5mm", "F@5", "", lambda d: d.f_score(0.005)),
        share("seen_f_10mm", "F@10", "", lambda d: d.f_score(0.010)),
        share(
            "seen_complete_percent",
            "completeness",
            "%",
            lambda d: _PERCENT * d.completeness(_COMPLETE_M),
        ),
    )
    return ScoreGroup(
        "seen",
        "Seen surface",
        "Of the surface an estimate calls seen: median and 95 % of its distances to the true one. "
        "Completeness: share of the true area the camera has seen, while the object was held, that "
        "lies within 5 mm of it. Chamfer is the mean of both directions.",
        scores if any(one is not None for one in found) else (),
    )


def size_scores(objects: PairedObjects) -> ScoreGroup:
    """How far the objects' sizes are off once they have been held for two seconds."""
    rows = [
        row
        for row in objects.shown_shapes.tolist()
        if (objects.pairs[row].held_s or 0.0) >= _SIZE_AFTER_S
    ]
    sizes = _Sizes(objects)
    of = objects.sequence_numbers[rows]
    box = summarise_found([sizes.mesh_error_mm(row) for row in rows], "mm")
    fitted = summarise_found([sizes.primitive_error_mm(row) for row in rows], "mm")
    scores = [_counted(Score("object_size_mm", "mesh", box, of, False))]
    if fitted.count_used:
        scores.append(_counted(Score("primitive_size_mm", "simple body", fitted, of, False)))
    return ScoreGroup(
        "sizes",
        "Size of objects",
        "Mean error of the three lengths of the smallest box around the mesh, and of the simple "
        "body fitted to it, after two seconds of holding.",
        tuple(scores) if box.count_used else (),
    )


def interaction_scores(
    hands: PairedHands, objects: PairedObjects, faces: dict[str, NDArray[np.int32]]
) -> ScoreGroup:
    """How estimated hands and estimated objects touch, in frames whose truth has both.

    faces
        Triangles of the hand meshes by topology name.
    """
    shown = [(objects.pairs[row], row) for row in objects.shown_shapes.tolist()]
    estimates = {(pair.sequence, pair.stamp_ns): row for pair, row in shown}
    rows = [row for row in range(len(hands)) if _frame(hands, row) in estimates]
    meshes = [_hand_mesh(hands, row, faces) for row in rows]
    things = [objects.estimated_mesh(estimates[_frame(hands, row)]) for row in rows]
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


class _Compared(NamedTuple):
    """One object beside its estimate; the samples of their surfaces are not kept."""

    chamfer: MetricValue
    f_scores: Mapping[float, MetricValue]
    center_m: FloatArray
    true_center_m: FloatArray


def _compared(objects: PairedObjects, row: int, random: np.random.Generator) -> _Compared:
    truth = _samples(objects.true_mesh(row), random)
    mesh = objects.estimated_mesh(row)
    estimate = None if mesh is None else _samples(mesh, random)
    found = nearest_samples([estimate], [truth])
    return _Compared(
        chamfer=chamfer_gsdf(found),
        f_scores=surface_f_scores(found, GSDF_OBJECT_THRESHOLDS_M),
        center_m=_center(estimate),
        true_center_m=_center(truth),
    )


class _Sizes:
    """Errors of lengths; the boxes of meshes that stay the same are found once."""

    def __init__(self, objects: PairedObjects) -> None:
        self._objects = objects
        self._boxes: dict[tuple[int, ...], FloatArray] = {}

    def mesh_error_mm(self, row: int) -> float | None:
        pair, thing = self._objects.pairs[row], self._objects.estimate(row)
        if thing is None or pair.estimate is None:
            return None
        columns = self._objects.sequences[pair.sequence].results.columns
        mesh = int(columns["object_mesh"][pair.estimate])
        return self._error_mm(row, self._box((pair.sequence, mesh), thing.vertices_m))

    def primitive_error_mm(self, row: int) -> float | None:
        thing = self._objects.estimate(row)
        if thing is None or thing.primitive is None:
            return None
        return self._error_mm(row, np.sort(thing.primitive.size_m)[::-1])

    def _error_mm(self, row: int, lengths_m: FloatArray) -> float:
        shape = self._objects.true_shape(row)
        truth = self._box((id(shape),), shape.vertices_m)
        return float(MM_PER_M * np.abs(lengths_m - truth).mean())

    def _box(self, key: tuple[int, ...], vertices_m: NDArray[np.floating]) -> FloatArray:
        if key not in self._boxes:
            self._boxes[key] = smallest_box_extents(vertices_m)
        return self._boxes[key]


def _seen(objects: PairedObjects, row: int, random: np.random.Generator) -> SeenDistances | None:
    thing, mesh, truth = objects.estimate(row), objects.estimated_mesh(row), objects.truly_seen(row)
    if thing is None or mesh is None or truth is None or thing.vertex_seen is None:
        return None
    return seen_distances(PartlySeen(mesh, thing.vertex_seen), truth, random)


def _volume_errors(objects: PairedObjects, rows: NDArray[np.intp]) -> MetricValue:
    errors = [
        _volume_error_percent(objects.estimate(row), objects.true_shape(row))
        for row in rows.tolist()
    ]
    return summarise_found(errors, "%")


def _volume_error_percent(thing: ObjectEstimate | None, truth: SurfaceMesh) -> float | None:
    if thing is None:
        return None
    estimated = enclosed_volume_m3(SurfaceMesh(thing.vertices_m, thing.faces))
    return _PERCENT * abs(estimated / enclosed_volume_m3(truth) - 1.0)


def _counted(score: Score) -> Score:
    return replace(score, counted=_COUNTED)


def _samples(mesh: SurfaceMesh, random: np.random.Generator) -> FloatArray:
    return sample_surface(mesh, GSDF_SAMPLES, random)


def _center(samples: FloatArray | None) -> FloatArray:
    return np.full(3, np.nan) if samples is None else np.asarray(samples.mean(axis=0))


def _frame(hands: PairedHands, row: int) -> tuple[int, int]:
    return int(hands.sequence_numbers[row]), int(hands.stamps_ns[row])


def _hand_mesh(
    hands: PairedHands, row: int, faces: dict[str, NDArray[np.int32]]
) -> SurfaceMesh | None:
    topology = hands.estimated_topology(row)
    return SurfaceMesh(hands.estimated_vertices_m(row), faces[topology]) if topology else None
