"""A stored evaluation scored: what every file and page of it is made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hand_object_recon.core.errors import RecordingError
from hand_object_recon.core.hands import HandTopology
from hand_object_recon.evaluation.benchmarking.detection_scores import detection_scores
from hand_object_recon.evaluation.benchmarking.evaluation_folder import EvaluationFolder
from hand_object_recon.evaluation.benchmarking.grasp_scores import contact_part_scores, grasp_scores
from hand_object_recon.evaluation.benchmarking.hand_scores import (
    holding_scores,
    joint_scores,
    motion_scores,
    surface_scores,
    two_hand_scores,
)
from hand_object_recon.evaluation.benchmarking.object_motion_scores import object_motion_scores
from hand_object_recon.evaluation.benchmarking.object_scores import (
    interaction_scores,
    object_scores,
    seen_scores,
    size_scores,
)
from hand_object_recon.evaluation.benchmarking.paired_hands import (
    PairedHands,
    SequenceOfBoth,
    pair_hands,
)
from hand_object_recon.evaluation.benchmarking.paired_objects import (
    PairedObjects,
    gives_objects,
    pair_objects,
)
from hand_object_recon.evaluation.benchmarking.result_columns import load_results
from hand_object_recon.evaluation.benchmarking.scores import Score, ScoreGroup
from hand_object_recon.evaluation.benchmarking.sequence_truth import (
    SequenceTruth,
    load_sequence_truth,
)
from hand_object_recon.evaluation.metrics.detection import DetectionScores


@dataclass(frozen=True, eq=False)
class ScoredReconstructor:
    """What one reconstructor gave, and how good it is.

    frames
        Frames that were run.
    problems
        How often a frame could not be used, by the reason.
    stage_ms
        Milliseconds of every frame by stage; empty where they were not kept.
    objects
        None where it gave none in any frame.
    topologies
        Triangles of its meshes by topology name.
    """

    name: str
    hands: PairedHands
    objects: PairedObjects | None
    groups: tuple[ScoreGroup, ...]
    detection: DetectionScores
    frames: int
    problems: Mapping[str, int]
    stage_ms: Mapping[str, list[float]]
    topologies: Mapping[str, HandTopology]

    def group(self, key: str) -> ScoreGroup | None:
        return next((group for group in self.groups if group.key == key), None)

    def scores(self) -> dict[str, Score]:
        return {score.key: score for group in self.groups for score in group.scores}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All reconstructors of a run, or of several, against one truth."""

    source: str
    is_video: bool
    reconstructors: tuple[ScoredReconstructor, ...]

    @property
    def sequences(self) -> tuple[SequenceOfBoth, ...]:
        """The truth with the first reconstructor's results."""
        return self.reconstructors[0].hands.sequences

    @property
    def annotated_frames(self) -> int:
        return sum(len(sequence.truth.frame_stamps_ns) for sequence in self.sequences)

    @property
    def true_hands(self) -> int:
        return len(self.reconstructors[0].hands)


def load_evaluation(path: Path) -> Evaluation:
    """Score what an evaluation left in ``path``.

    Raises
    ------
    RecordingError
        The folder holds no evaluation, or parts of its results are missing.
    """
    folder = EvaluationFolder(path)
    identity = folder.read_identity()
    sequences = [str(name) for name in identity["sequences"]]
    missing = [
        f"{reconstructor}/{sequence}"
        for reconstructor in identity["config"]
        for sequence in sequences
        if not folder.is_done(reconstructor, sequence)
    ]
    if missing:
        raise RecordingError(
            f"{path} lacks the results of {len(missing)} sequences ({missing[0]}); run the "
            "evaluation's command again, which does only what is missing"
        )
    truths = {name: load_sequence_truth(folder.truth_file(name)) for name in sequences}
    is_video = bool(identity["is_video"])
    scored = [_scored(folder, name, truths, is_video) for name in identity["config"]]
    return Evaluation(str(identity["source"]), is_video, tuple(scored))


def joined_evaluations(evaluations: Mapping[str, Evaluation]) -> Evaluation:
    """Several evaluations as one; reconstructors are called ``EVALUATION: NAME``.

    Raises
    ------
    RecordingError
        They are not of the same frames and the same truth.
    """
    (first_label, first), *others = evaluations.items()
    for label, other in others:
        _require_same_truth(first, other, first_label, label)
    renamed = [
        _renamed(reconstructor, f"{label}: {reconstructor.name}")
        for label, evaluation in evaluations.items()
        for reconstructor in evaluation.reconstructors
    ]
    return Evaluation(first.source, first.is_video, tuple(renamed))


def _scored(
    folder: EvaluationFolder, name: str, truths: Mapping[str, SequenceTruth], is_video: bool
) -> ScoredReconstructor:
    sequences = [
        SequenceOfBoth(sequence, truth, load_results(folder.result_file(name, sequence)))
        for sequence, truth in truths.items()
    ]
    topologies = folder.read_topologies(name)
    hands = pair_hands(sequences, is_video=is_video)
    objects = pair_objects(sequences, is_video=is_video) if gives_objects(sequences) else None
    latencies = [folder.read_latencies(name, sequence) for sequence in truths]
    return ScoredReconstructor(
        name=name,
        hands=hands,
        objects=objects,
        groups=_groups(hands, objects, topologies),
        detection=detection_scores(sequences, with_sides=None not in hands.sides),
        frames=sum(len(sequence.results.stamps_ns) for sequence in sequences),
        problems=_problems(sequences),
        stage_ms=_by_stage(latencies),
        topologies=topologies,
    )


def _groups(
    hands: PairedHands, objects: PairedObjects | None, topologies: Mapping[str, HandTopology]
) -> tuple[ScoreGroup, ...]:
    groups = [
        joint_scores(hands),
        surface_scores(hands, topologies),
        two_hand_scores(hands),
        holding_scores(hands),
    ]
    if hands.is_video:
        groups.append(motion_scores(hands))
    if objects is not None:
        groups += _object_groups(hands, objects, topologies)
    return tuple(group for group in groups if group.scores)


def _object_groups(
    hands: PairedHands, objects: PairedObjects, topologies: Mapping[str, HandTopology]
) -> Iterator[ScoreGroup]:
    faces = {name: topology.faces for name, topology in topologies.items()}
    yield object_scores(objects)
    yield seen_scores(objects)
    yield size_scores(objects)
    if hands.is_video:
        yield object_motion_scores(objects)
        yield grasp_scores(hands.sequences)
    yield interaction_scores(hands, objects, faces)
    yield contact_part_scores(hands)


def _problems(sequences: Sequence[SequenceOfBoth]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for sequence in sequences:
        for problem in filter(None, sequence.results.problems):
            counts[problem] = counts.get(problem, 0) + 1
    return counts


def _by_stage(latencies: Sequence[Mapping[str, list[float]]]) -> dict[str, list[float]]:
    stages: dict[str, list[float]] = {}
    for latency in latencies:
        for stage, times in latency.items():
            stages.setdefault(stage, []).extend(times)
    return stages


def _require_same_truth(first: Evaluation, other: Evaluation, first_label: str, label: str) -> None:
    names, other_names = ([s.name for s in e.sequences] for e in (first, other))
    if names != other_names:
        raise RecordingError(
            f"{first_label} is of the sequences {', '.join(names)}, {label} of "
            f"{', '.join(other_names)}; only results of the same ones can be compared"
        )
    for ours, theirs in zip(first.sequences, other.sequences, strict=True):
        arrays = [
            (_truth_arrays(ours.truth)[key], value)
            for key, value in _truth_arrays(theirs.truth).items()
        ]
        if not all(np.array_equal(mine, yours) for mine, yours in arrays):
            raise RecordingError(
                f"the truth of sequence {ours.name} differs between {first_label} and {label}; "
                "only results against the same truth can be compared"
            )


def _truth_arrays(truth: SequenceTruth) -> dict[str, Any]:
    return {
        "frames": truth.frame_stamps_ns,
        "stamps": truth.hands.stamps_ns,
        "joints": truth.hands.joints_m,
        "vertices": truth.hands.vertices_m,
    }


def _renamed(reconstructor: ScoredReconstructor, name: str) -> ScoredReconstructor:
    return replace(reconstructor, name=name)
