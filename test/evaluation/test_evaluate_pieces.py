"""The pieces of an evaluation: matching, groups to draw from, truth files, data sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from hand_object_recon.core.annotation import AnnotatedFrame, FrameAnnotation, HandAnnotation
from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.evaluation.benchmarking.annotated_source import AnnotatedSource
from hand_object_recon.evaluation.benchmarking.conditions import CONDITIONS, bins_of, kinds_of
from hand_object_recon.evaluation.benchmarking.detection_scores import detection_scores
from hand_object_recon.evaluation.benchmarking.hand_scores import motion_scores, two_hand_scores
from hand_object_recon.evaluation.benchmarking.intervals import (
    drawing_groups,
    interval_of,
    paired_difference,
)
from hand_object_recon.evaluation.benchmarking.paired_hands import (
    PairedHands,
    SequenceOfBoth,
    pair_hands,
)
from hand_object_recon.evaluation.benchmarking.result_columns import (
    columns_of,
    load_results,
    save_results,
)
from hand_object_recon.evaluation.benchmarking.run import Share
from hand_object_recon.evaluation.benchmarking.scores import Score
from hand_object_recon.evaluation.benchmarking.sequence_truth import (
    SequenceTruth,
    load_sequence_truth,
    save_sequence_truth,
)
from hand_object_recon.evaluation.benchmarking.skeleton_mesh import skeleton_mesh
from hand_object_recon.evaluation.hand_truth import HandTruth
from hand_object_recon.evaluation.metrics.metric_value import summarise
from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh
from hand_object_recon.evaluation.object_truth import NO_OBJECTS, ObjectTruth
from hand_object_recon.hand_model.hand_poser import HandPoser
from hand_object_recon.hand_model.model import load_hand_model

LEFT, RIGHT = HandSide.LEFT, HandSide.RIGHT
FRAME_NS = 33_333_333
HAND = HandPoser(load_hand_model("open_hand", RIGHT), np.zeros(10)).pose(
    np.zeros(48), np.array([0.0, 0.0, 0.5])
)
BOX = trimesh.creation.box((0.04, 0.05, 0.06))


def estimate(side: HandSide, x_m: float = 0.0, track_id: int = 1) -> HandEstimate:
    shift = np.array([x_m, 0.0, 0.0])
    return HandEstimate(
        track_id=track_id,
        side=side,
        score=0.5,
        joints_m=(HAND.joints_m + shift).astype(np.float32),
        joint_visibility=np.ones(21, dtype=np.float32),
        vertices_m=(HAND.vertices_m + shift).astype(np.float32),
        topology="open_hand_right",
        wrist_pose=np.eye(4),
        pose_rad=np.zeros(48, dtype=np.float32),
        shape=np.zeros(10, dtype=np.float32),
    )


def truth_of(*rows: tuple[int, HandSide | None, float], **more: Any) -> SequenceTruth:
    """Rows of stamp, side and how far along x the hand is."""
    stamps = np.array([stamp for stamp, _, _ in rows], dtype=np.int64)
    shifts = np.array([[[x, 0.0, 0.0]] for _, _, x in rows])
    hands = HandTruth(
        stamps_ns=stamps,
        joints_m=HAND.joints_m + shifts,
        vertices_m=HAND.vertices_m + shifts,
        topologies=("open_hand_right",) * len(rows),
        sides=tuple(side for _, side, _ in rows),
        **more,
    )
    return SequenceTruth(np.unique(stamps), hands, NO_OBJECTS)


def both(truth: SequenceTruth, hands_at: Mapping[int, tuple[HandEstimate, ...]]) -> SequenceOfBoth:
    stamps = sorted(hands_at)
    made = [Reconstruction(stamp, "camera", "test", hands_at[stamp]) for stamp in stamps]
    return SequenceOfBoth("one", truth, columns_of(stamps, [""] * len(stamps), made))


def paired(truth: SequenceTruth, hands_at: Mapping[int, tuple[HandEstimate, ...]]) -> PairedHands:
    return pair_hands([both(truth, hands_at)], is_video=True)


def x_of_estimates(hands: PairedHands) -> list[float]:
    return [
        round(float(row[0]), 3)
        for row in hands.joints.estimate_m[:, 0] - HAND.joints_m[0].astype(np.float32)
    ]


def test_hands_of_unknown_side_share_out_the_estimates_so_that_all_are_nearest() -> None:
    hands = paired(
        truth_of((5, None, 0.0), (5, None, 0.2)),
        {5: (estimate(RIGHT, 0.12, 1), estimate(LEFT, 0.25, 2))},
    )
    assert x_of_estimates(hands) == [0.12, 0.25]


def test_where_the_side_is_known_a_near_hand_of_the_other_side_is_not_taken() -> None:
    truth = truth_of((5, RIGHT, 0.0))
    far = paired(truth, {5: (estimate(LEFT, 0.0, 1), estimate(RIGHT, 0.4, 2))})
    assert x_of_estimates(far) == [0.4]
    assert paired(truth, {5: (estimate(LEFT),)}).joints.missing.all()
    assert paired(truth, {6: (estimate(RIGHT),)}).joints.missing.all()


def test_mrrpe_is_the_error_of_one_wrist_seen_from_the_other() -> None:
    truth = truth_of((5, LEFT, 0.0), (5, RIGHT, 0.2), (6, LEFT, 0.0))
    hands_at = {5: (estimate(LEFT, 0.1, 1), estimate(RIGHT, 0.31, 2)), 6: (estimate(LEFT),)}
    (score,) = two_hand_scores(paired(truth, hands_at)).scores
    assert score.value.value == pytest.approx(10.0, abs=1e-3)
    assert score.value.count_total == 1


def test_detection_counts_sides_false_hands_and_switches_but_not_over_a_second_out_of_sight() -> (
    None
):
    late = 3 * 10**9
    truth = truth_of((0, RIGHT, 0.0), (FRAME_NS, RIGHT, 0.0), (late, RIGHT, 0.0))
    sequence = both(
        truth,
        {
            0: (estimate(RIGHT, 0.0, 1), estimate(LEFT, 0.5, 2)),
            FRAME_NS: (estimate(LEFT, 0.0, 3),),
            late: (estimate(RIGHT, 0.0, 4),),
        },
    )
    found = detection_scores([sequence], with_sides=True)
    assert (found.hands_found, found.false_hands) == (3, 1)
    assert (found.side_errors, found.track_switches) == (1, 1)


def test_the_speed_and_distance_of_true_hands_sort_their_errors() -> None:
    steps = np.repeat([0.001, 0.01], 10)
    places = np.append(0.0, np.cumsum(steps))
    truth = truth_of(*((i * FRAME_NS, RIGHT, float(x)) for i, x in enumerate(places)))
    errors = np.append(0.0, steps)
    hands_at = {
        i * FRAME_NS: (estimate(RIGHT, float(x + e)),)
        for i, (x, e) in enumerate(zip(places, errors, strict=True))
    }
    hands = paired(truth, hands_at)
    np.testing.assert_allclose(hands.speed_m_s[1:], steps / (FRAME_NS * 1e-9), rtol=1e-6)
    slow, *_, fast = bins_of(hands, next(item for item in CONDITIONS if item.key == "speed"))
    assert slow.error_mm == pytest.approx(1.0, abs=1e-3)
    assert fast.error_mm == pytest.approx(10.0, abs=1e-3)
    assert bins_of(hands, next(item for item in CONDITIONS if item.key == "occlusion")) == []
    alone = replace(hands, is_video=False)
    assert np.isnan(alone.speed_m_s).all()


def test_kinds_are_told_apart_where_the_truth_knows_of_more_than_one() -> None:
    touching = np.array([[False] * 5, [True] + [False] * 4])
    truth = truth_of((5, RIGHT, 0.0), (6, LEFT, 0.0), touching=touching)
    kinds = kinds_of(paired(truth, {5: (estimate(RIGHT, 0.002),), 6: ()}))
    assert {kind.name: (kind.error.count_used, kind.error.count_missing) for kind in kinds} == {
        "left hand": (0, 1),
        "right hand": (1, 0),
        "touches nothing": (1, 0),
        "touches with one finger or more": (0, 1),
    }


def test_jitter_is_zero_at_constant_acceleration() -> None:
    stamps = [i * 40_000_000 for i in range(8)]
    places = [0.01 * (stamp * 1e-9) ** 2 for stamp in stamps]
    truth = truth_of(*((stamp, RIGHT, x) for stamp, x in zip(stamps, places, strict=True)))
    hands_at = {stamp: (estimate(RIGHT),) for stamp in stamps}
    scores = motion_scores(paired(truth, hands_at)).by_key()
    assert scores["acceleration_error_m_s2"].value.value == pytest.approx(0.02, rel=1e-3)
    assert scores["true_jitter_m_s3"].value.value == pytest.approx(0.0, abs=1e-6)


def test_few_sequences_are_drawn_in_blocks_and_many_as_they_are() -> None:
    groups = drawing_groups(np.repeat([0, 1], [16, 9]))
    assert np.bincount(groups).tolist() == [4] * 4 + [3] * 3
    assert (np.diff(groups) >= 0).all()
    many = np.repeat(np.arange(10), 3)
    assert drawing_groups(many).tolist() == many.tolist()


def test_a_paired_difference_is_surer_than_the_two_figures_apart() -> None:
    random = np.random.default_rng(0)
    difficulty = random.gamma(2.0, 5.0, 100)
    nobody, of = np.zeros(100, dtype=np.bool_), np.zeros(100, dtype=np.int64)
    first = Score("e", "e", summarise(difficulty, "mm", nobody), of)
    second = Score("e", "e", summarise(difficulty + 0.5, "mm", nobody), of)
    found, apart = paired_difference(first, second), interval_of(first)
    assert found is not None
    assert apart is not None
    value, interval = found
    assert value == pytest.approx(0.5)
    assert interval is not None
    assert interval.high - interval.low < 1e-6 < apart.high - apart.low


def test_too_few_samples_have_no_interval() -> None:
    values = summarise(np.array([1.0, 2.0, 3.0]), "mm", np.zeros(3, dtype=np.bool_))
    assert interval_of(Score("e", "e", values, np.zeros(3))) is None


def test_results_come_back_as_they_were_and_tracks_are_numbered_from_one(tmp_path: Path) -> None:
    thing = ObjectEstimate(7, 0.9, np.eye(4), BOX.vertices, BOX.faces.astype(np.int32), held_by=9)
    made = Reconstruction(
        6, "camera", "test", (estimate(RIGHT, 0.1, 9), estimate(LEFT, 0.0, 4)), (thing,)
    )
    save_results(tmp_path / "r.npz", columns_of([5, 6], ["no depth", ""], [None, made]))
    results = load_results(tmp_path / "r.npz")
    assert results.problems == ("no depth", "")
    assert not len(results.hands_at(5))
    read = results.reconstruction_at(6)
    assert [(hand.track_id, hand.side) for hand in read.hands] == [(1, RIGHT), (2, LEFT)]
    assert (read.objects[0].track_id, read.objects[0].held_by) == (1, 1)
    np.testing.assert_array_equal(read.hands[0].vertices_m, made.hands[0].vertices_m)
    np.testing.assert_array_equal(read.objects[0].faces, BOX.faces)


def test_the_confidence_of_joints_comes_back_where_it_was_told(tmp_path: Path) -> None:
    confidence = np.linspace(0.1, 1.0, 21, dtype=np.float32)
    sure = replace(estimate(RIGHT), joint_confidence=confidence)
    made = Reconstruction(5, "camera", "test", (sure, estimate(LEFT, 0.2, 2)))
    save_results(tmp_path / "r.npz", columns_of([5], [""], [made]))
    told, silent = load_results(tmp_path / "r.npz").reconstruction_at(5).hands
    np.testing.assert_array_equal(told.joint_confidence, confidence)
    assert silent.joint_confidence is None


def test_results_from_before_joints_had_a_confidence_can_be_read(tmp_path: Path) -> None:
    columns = columns_of([5], [""], [Reconstruction(5, "camera", "test", (estimate(RIGHT),))])
    older = {name: v for name, v in columns.columns.items() if name != "hand_joint_confidence"}
    np.savez(tmp_path / "r.npz", **older)
    (hand,) = load_results(tmp_path / "r.npz").reconstruction_at(5).hands
    assert hand.joint_confidence is None


def test_truth_files_hold_objects_with_their_meshes(tmp_path: Path) -> None:
    mesh = SurfaceMesh(BOX.vertices, BOX.faces.astype(np.int32))
    pose = np.eye(4)
    pose[:3, 3] = (0.0, 0.1, 0.5)
    objects = ObjectTruth(np.array([5]), pose[None], ("box-3",), {"box-3": mesh})
    hands = truth_of((5, RIGHT, 0.0), (6, None, 0.0)).hands
    save_sequence_truth(tmp_path / "t.npz", SequenceTruth(np.array([5, 6, 7]), hands, objects))
    read = load_sequence_truth(tmp_path / "t.npz")
    assert read.frame_stamps_ns.tolist() == [5, 6, 7]
    assert read.hands.sides == (RIGHT, None)
    moved = trimesh.Trimesh(read.objects.mesh_of(0).vertices_m, read.objects.mesh_of(0).faces)
    np.testing.assert_allclose(moved.center_mass, [0.0, 0.1, 0.5], atol=1e-6)


def test_objects_without_a_mesh_and_frames_out_of_order_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="'cup' has no mesh; give cup_vertices"):
        ObjectTruth(np.array([5]), np.eye(4)[None], ("cup",), {})
    hands = truth_of((5, RIGHT, 0.0)).hands
    with pytest.raises(InvalidValueError, match="must rise"):
        SequenceTruth(np.array([6, 5]), hands, NO_OBJECTS)
    with pytest.raises(InvalidValueError, match="true hand has stamp 5"):
        SequenceTruth(np.array([6]), hands, NO_OBJECTS)


def test_a_skeletons_bones_are_closed_and_face_outwards() -> None:
    vertices, faces = skeleton_mesh(HAND.joints_m)
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    bones = mesh.split()
    assert len(bones) == 20
    assert mesh.is_watertight
    assert all(bone.volume > 0 for bone in bones)


@dataclass(frozen=True)
class TwoFrames:
    """A data set of one sequence, its frames out of order as in shards."""

    def identity(self) -> Mapping[str, Any]:
        return {}

    def sequences(self) -> tuple[str, ...]:
        return ("only",)

    def read(self, sequence: str) -> Iterator[AnnotatedFrame]:
        camera = CameraIntrinsics(8, 6, 10.0, 10.0, 4.0, 3.0)
        for stamp in (9, 5):
            image = np.zeros((6, 8, 3), dtype=np.uint8)
            frame = RgbdFrame(image, np.ones((6, 8), np.float32), camera, stamp, "camera")
            hand = HandAnnotation(
                RIGHT, HAND.joints_m, HAND.vertices_m, "open_hand_right", visible_share=0.5
            )
            hands = (hand,) if stamp == 9 else ()
            yield AnnotatedFrame(frame, FrameAnnotation(stamp, hands), sequence)


def test_a_data_sets_annotations_become_truth_and_frames_without_hands_are_known() -> None:
    source = AnnotatedSource("two", TwoFrames(), is_video=False)
    truth = source.truth("only")
    assert truth.frame_stamps_ns.tolist() == [5, 9]
    assert truth.hands.stamps_ns.tolist() == [9]
    assert truth.hands.visible_share is not None
    assert truth.hands.visible_share.tolist() == [0.5]
    assert [frame.stamp_ns for frame in source.frames("only", [5])] == [5]


def test_the_share_of_a_process_is_read_from_what_launchers_set() -> None:
    assert Share.of_environment({}) == Share(0, 1)
    assert Share.of_environment({"RANK": "3", "WORLD_SIZE": "4"}) == Share(3, 4)
    with pytest.raises(InvalidValueError, match="rank is 4 of 4"):
        Share.of_environment({"RANK": "4", "WORLD_SIZE": "4"})
    with pytest.raises(InvalidValueError, match="whole numbers"):
        Share.of_environment({"RANK": "first", "WORLD_SIZE": "4"})
