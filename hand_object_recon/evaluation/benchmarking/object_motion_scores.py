"""How well objects are followed in space, over time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.evaluation.benchmarking.paired_objects import PairedObjects
from hand_object_recon.evaluation.benchmarking.scores import Score, ScoreGroup
from hand_object_recon.evaluation.metrics.metric_value import (
    FloatArray,
    MetricValue,
    Statistic,
    summarise,
)
from hand_object_recon.evaluation.metrics.point_errors import MM_PER_M
from hand_object_recon.evaluation.metrics.rigid_motion import motion_errors
from hand_object_recon.evaluation.metrics.surface_mesh import sample_surface

_SEED: Final = 0
_SURFACE_POINTS: Final = 300
_COUNTED: Final = "frames of held objects"


class FollowedObjects(NamedTuple):
    """Errors of every held object's motion since its track began; NaN without an estimate.

    rows
        (N,) numbers of the held objects.
    translation_mm, rotation_deg, surface_mm
        (N,).
    age_s
        (N,) time since the track was first there.
    tracks
        (N,) track of the estimate, -1 without one.
    """

    rows: NDArray[np.intp]
    translation_mm: FloatArray
    rotation_deg: FloatArray
    surface_mm: FloatArray
    age_s: FloatArray
    tracks: NDArray[np.int64]


def object_motion_scores(objects: PairedObjects) -> ScoreGroup:
    """Errors of the motion of held objects since their tracks began."""
    followed = followed_objects(objects)
    of, missing = objects.sequence_numbers[followed.rows], followed.tracks < 0

    def value(errors: FloatArray, unit: str) -> MetricValue:
        return summarise(errors, unit, missing)

    surface = value(followed.surface_mm, "mm")
    translation = value(followed.translation_mm, "mm")
    rotation = value(followed.rotation_deg, "°")
    scores = (
        Score("object_motion_mm", "translation", translation, of, False, _COUNTED),
        Score("object_rotation_deg", "rotation", rotation, of, False, _COUNTED),
        Score("object_surface_mm", "surface", surface, of, False, _COUNTED),
        Score(
            "object_surface_p95_mm",
            "surface, 95 %",
            surface.over(Statistic.PERCENTILE_95),
            of,
            False,
            _COUNTED,
        ),
        _track_changes(objects, followed),
    )
    return ScoreGroup(
        "object_motion",
        "Motion of objects",
        "Estimated against true motion since the object's track was first there. Translation: of "
        "the object's centre. Rotation counts turns, too, after which the object looks the same; "
        "surface, the mean distance of the true surface moved as estimated to the true one, does "
        "not. Track changes: how often a hold went on under another track number.",
        scores if len(followed.rows) else (),
    )


@lru_cache(maxsize=4)
def followed_objects(objects: PairedObjects) -> FollowedObjects:
    """The errors behind :func:`object_motion_scores`."""
    rows = objects.held
    count = len(objects)
    errors, ages, tracks = np.full((3, count), np.nan), np.full(count, np.nan), np.full(count, -1)
    for track, chosen in _tracks(objects):
        first = objects.true_shape(int(chosen[0]))
        points = sample_surface(first, _SURFACE_POINTS, np.random.default_rng(_SEED))
        poses = np.array([objects.estimated_pose(row) for row in chosen.tolist()])
        true_poses = np.array([objects.true_pose(row) for row in chosen.tolist()])
        found = motion_errors(poses, true_poses, first, points)
        errors[:, chosen] = (
            MM_PER_M * found.translation_m,
            np.degrees(found.rotation_rad),
            MM_PER_M * found.surface_m,
        )
        stamps_ns = np.array([objects.pairs[row].stamp_ns for row in chosen.tolist()])
        ages[chosen] = 1e-9 * (stamps_ns - stamps_ns[0])
        tracks[chosen] = track
    translation, rotation, surface = errors[:, rows]
    return FollowedObjects(rows, translation, rotation, surface, ages[rows], tracks[rows])


def _tracks(objects: PairedObjects) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each object's rows by the track that was estimated for it, held or not."""
    for rows in objects.rows_by_object():
        numbers: dict[int, list[int]] = {}
        for row in rows.tolist():
            track = objects.estimated_track(row)
            if track is not None:
                numbers.setdefault(track, []).append(row)
        for track, chosen in numbers.items():
            yield track, np.array(chosen, dtype=np.intp)


def _track_changes(objects: PairedObjects, followed: FollowedObjects) -> Score:
    """Over the holds, runs of held frames without a break."""
    held_s = np.array([objects.pairs[row].held_s for row in followed.rows.tolist()], dtype=float)
    of = objects.sequence_numbers[followed.rows]
    begins = np.flatnonzero(
        np.append(True, (np.diff(held_s) < 0) | (np.diff(of) != 0))[: len(held_s)]
    )
    changes = []
    for hold in np.split(followed.tracks, begins[1:]):
        there = hold[hold >= 0]
        changes.append(float((np.diff(there) != 0).sum()))
    values = summarise(np.array(changes), "", np.zeros(len(changes), dtype=np.bool_))
    return Score("object_track_changes", "track changes", values, of[begins], False, "holds")
