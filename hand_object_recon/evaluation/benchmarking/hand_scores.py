"""The metrics of hands, vectorised over all sequences; docs/metrics.md defines each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide, HandTopology
from hand_object_recon.core.keypoints import MIDDLE_MCP, WRIST
from hand_object_recon.evaluation.benchmarking.paired_hands import PairedHands
from hand_object_recon.evaluation.benchmarking.scores import Score, ScoreGroup, joined
from hand_object_recon.evaluation.metrics.curves import area_under_curve
from hand_object_recon.evaluation.metrics.f_scores import f_scores
from hand_object_recon.evaluation.metrics.metric_value import MetricValue, Statistic, summarise
from hand_object_recon.evaluation.metrics.motion import acceleration_error, jitter
from hand_object_recon.evaluation.metrics.paired_points import PairedPoints, chunks
from hand_object_recon.evaluation.metrics.point_errors import (
    MM_PER_M,
    mean_point_error,
    procrustes_error,
    relative_root_error,
    root_error,
    root_relative_error,
)
from hand_object_recon.evaluation.surface_distance import distances_to_surface

_F_SCORE_NAMES: Final = {0.005: "F@5", 0.015: "F@15"}
_MESHES_AT_ONCE: Final = 512  # a stack of hand meshes takes some 40 MB then, with the truth's


def joint_scores(hands: PairedHands) -> ScoreGroup:
    """Errors of the 21 joints."""
    joints, of = hands.joints, hands.sequence_numbers
    error = mean_point_error(joints)
    return ScoreGroup(
        "joints",
        "Joints",
        "Mean over the 21 joints, then over hands with an estimate; median and 95 % are over the "
        "hands, too. Wrist: of that joint alone. "
        "Knuckle-relative: MPJPE with the middle knuckles on each other. AUC: camera frame, up "
        "to 50 mm, a missing hand counts as 0.",
        (
            Score("mpjpe_mm", "MPJPE", error, of),
            Score("mpjpe_median_mm", "median", error.over(Statistic.MEDIAN), of),
            Score("mpjpe_p95_mm", "95 %", error.over(Statistic.PERCENTILE_95), of),
            Score("root_error_mm", "wrist", root_error(joints, WRIST), of),
            Score(
                "root_relative_mpjpe_mm",
                "knuckle-relative",
                root_relative_error(joints, MIDDLE_MCP),
                of,
            ),
            Score("pa_mpjpe_mm", "PA-MPJPE", procrustes_error(joints), of),
            Score("auc", "AUC", area_under_curve(joints).with_worst(0.0), of, True),
        ),
    )


def surface_scores(hands: PairedHands, topologies: Mapping[str, HandTopology]) -> ScoreGroup:
    """Errors of the hands' surfaces; vertices are compared where the topologies agree, and nothing
    where the truth has no meshes.

    topologies
        Triangles of the estimated meshes by topology name.
    """
    scores: list[Score] = []
    meshes = np.flatnonzero(_true_counts(hands))
    if len(meshes):
        distance = _surface_distance(hands, meshes, topologies)
        of = hands.sequence_numbers[meshes]
        scores = [Score("surface_mm", "truth to surface", distance, of)]
    same = np.flatnonzero(hands.is_same_topology & _fits(hands))
    if hands.vertex_counts[same].any():
        of = hands.sequence_numbers[same]
        error, aligned = _over_vertices(hands, same, (mean_point_error, procrustes_error))
        scores += [
            Score("mpvpe_mm", "MPVPE", error, of),
            Score("pa_mpvpe_mm", "PA-MPVPE", aligned, of),
        ]
    scores += _f_scores(hands)
    return ScoreGroup(
        "surface",
        "Surface",
        "Truth to surface: mean distance of the true vertices to the estimated surface. MPVPE "
        "and PA: vertices of the same topology. F-scores: nearest vertices of meshes with as "
        "many, in the camera frame; a missing hand counts as 0.",
        tuple(scores),
    )


def two_hand_scores(hands: PairedHands) -> ScoreGroup:
    """How well the two hands of a frame stand to each other; nothing where none shows both."""
    left, right = _both_hands(hands)
    scores: tuple[Score, ...] = ()
    if len(left):
        estimate, truth = hands.joints.estimate_m[:, WRIST], hands.joints.truth_m[:, WRIST]
        error = relative_root_error(estimate[left], estimate[right], truth[left], truth[right])
        of = hands.sequence_numbers[left]
        scores = (Score("mrrpe_mm", "MRRPE", error, of, counted="frames with both hands"),)
    return ScoreGroup(
        "two_hands", "Two hands", "Error of the left wrist seen from the right one.", scores
    )


def holding_scores(hands: PairedHands) -> ScoreGroup:
    """Errors of the joints of hands that hold an object; nothing where the truth tells of none."""
    rows = np.flatnonzero(hands.is_holding == 1.0)
    joints, of = _rows_of(hands.joints, rows), hands.sequence_numbers[rows]
    error = mean_point_error(joints)
    scores = (
        Score("holding_mpjpe_mm", "MPJPE", error, of),
        Score("holding_median_mm", "median", error.over(Statistic.MEDIAN), of),
        Score("holding_p95_mm", "95 %", error.over(Statistic.PERCENTILE_95), of),
        Score("holding_pa_mpjpe_mm", "PA-MPJPE", procrustes_error(joints), of),
    )
    return ScoreGroup(
        "holding",
        "Joints of hands that hold an object",
        "Mean over the 21 joints; mean, median and 95 % over the hands.",
        scores if len(rows) else (),
    )


def motion_scores(hands: PairedHands) -> ScoreGroup:
    """How smoothly hands move, over runs of frames without a gap."""
    errors, jerks, true_jerks = _motion(hands)
    return ScoreGroup(
        "motion",
        "Motion",
        "Second and third derivatives of the joints, over 3 and 4 frames in a row.",
        (
            _over_tracks("acceleration_error_m_s2", "acceleration error", errors, "m/s²"),
            _over_tracks("jitter_m_s3", "jitter", jerks, "m/s³"),
            _over_tracks("true_jitter_m_s3", "jitter of the truth", true_jerks, "m/s³", None),
        ),
    )


def _over_vertices(
    hands: PairedHands,
    rows: NDArray[np.intp],
    metrics: Sequence[Callable[[PairedPoints], MetricValue]],
) -> list[MetricValue]:
    """Metrics of the vertices of these hands, in millimetres."""
    parts = [
        [metric(vertices) for metric in metrics]
        for vertices in map(hands.vertices, chunks(rows, _MESHES_AT_ONCE))
    ]
    return [joined(list(of_metric), "mm") for of_metric in zip(*parts, strict=True)]


def _surface_distance(
    hands: PairedHands, rows: NDArray[np.intp], topologies: Mapping[str, HandTopology]
) -> MetricValue:
    """Of these hands, whose truth has a mesh."""
    distances = np.full(len(rows), np.nan)
    is_missing = hands.vertex_counts[rows] == 0
    for place in np.flatnonzero(~is_missing).tolist():
        row = int(rows[place])
        vertices = hands.estimated_vertices_m(row)
        if np.isfinite(vertices).all():
            faces = _faces(topologies, hands.estimated_topology(row))
            found = distances_to_surface(hands.true_vertices_m(row), vertices, faces)
            distances[place] = MM_PER_M * found.mean()
    return summarise(distances, "mm", is_missing)


def _faces(topologies: Mapping[str, HandTopology], name: str) -> NDArray[np.int32]:
    if name not in topologies:
        known = ", ".join(sorted(topologies)) or "none"
        raise InvalidValueError(f"triangles of topology {name!r} are not known (known: {known})")
    return topologies[name].faces


def _f_scores(hands: PairedHands) -> list[Score]:
    """F-scores where every estimate has as many vertices as its truth."""
    rows = np.flatnonzero(_fits(hands))
    if not hands.vertex_counts[rows].any():
        return []
    parts = [f_scores(hands.vertices(part)) for part in chunks(rows, _MESHES_AT_ONCE)]
    found = {
        threshold: joined([part[threshold] for part in parts], "") for threshold in _F_SCORE_NAMES
    }
    return [
        Score(
            f"f_{round(1000 * threshold)}mm",
            _F_SCORE_NAMES[threshold],
            value.with_worst(0.0),
            hands.sequence_numbers[rows],
            True,
        )
        for threshold, value in found.items()
    ]


def _fits(hands: PairedHands) -> NDArray[np.bool_]:
    """(N,) whether the truth has a mesh, and the estimate as many vertices or there is none."""
    counts = _true_counts(hands)
    true_counts = set(counts.tolist()) - {0}
    if len(true_counts) > 1:
        raise InvalidValueError(
            f"true meshes have {min(true_counts)} and {max(true_counts)} vertices; evaluate "
            "sequences of different meshes apart"
        )
    return (counts > 0) & np.isin(hands.vertex_counts, [0, *true_counts])


def _true_counts(hands: PairedHands) -> NDArray[np.intp]:
    """(N,) vertices of each true mesh, 0 where the truth has joints alone."""
    return np.array([len(hands.true_vertices_m(row)) for row in range(len(hands))], dtype=np.intp)


def _both_hands(hands: PairedHands) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of the left and the right hands of the frames that show one of each."""
    frames: dict[tuple[int, int], dict[HandSide, int]] = {}
    keys = zip(hands.sequence_numbers.tolist(), hands.stamps_ns.tolist(), strict=True)
    for row, (key, side) in enumerate(zip(keys, hands.sides, strict=True)):
        if side is not None:
            frames.setdefault(key, {})[side] = row
    both = [rows for rows in frames.values() if len(rows) == 2]
    left = np.array([rows[HandSide.LEFT] for rows in both], dtype=np.intp)
    return left, np.array([rows[HandSide.RIGHT] for rows in both], dtype=np.intp)


Tracked = list[tuple[int, MetricValue]]


def _motion(hands: PairedHands) -> tuple[Tracked, Tracked, Tracked]:
    """Acceleration error, jitter and the truth's jitter of each track with its sequence."""
    errors: Tracked = []
    jerks: Tracked = []
    true_jerks: Tracked = []
    for rows, pairs in _tracks(hands):
        sequence, stamps_ns = int(hands.sequence_numbers[rows[0]]), hands.stamps_ns[rows]
        errors.append((sequence, acceleration_error(pairs, stamps_ns)))
        jerks.append((sequence, jitter(pairs.estimate_m, stamps_ns)))
        true_jerks.append((sequence, jitter(pairs.truth_m, stamps_ns)))
    return errors, jerks, true_jerks


def _tracks(hands: PairedHands) -> Iterator[tuple[NDArray[np.intp], PairedPoints]]:
    """The joints of each hand over time; hands of unknown side only where they are alone."""
    for rows in hands.rows_by_track():
        if (np.diff(hands.stamps_ns[rows]) > 0).all():
            yield rows, _rows_of(hands.joints, rows)


def _rows_of(pairs: PairedPoints, rows: NDArray[np.intp]) -> PairedPoints:
    columns: list[Any] = [pairs.estimate_m, pairs.truth_m, pairs.missing, pairs.invalid]
    return PairedPoints(*(column[rows] for column in columns))


def _over_tracks(
    key: str, name: str, parts: Tracked, unit: str, higher_is_better: bool | None = False
) -> Score:
    of = [np.full(len(part.per_sample), sequence) for sequence, part in parts]
    return Score(
        key,
        name,
        joined([part for _, part in parts], unit),
        np.concatenate(of) if of else np.empty(0, dtype=np.int64),
        higher_is_better,
        counted="runs of frames",
    )
