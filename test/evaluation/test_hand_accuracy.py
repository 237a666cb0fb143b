"""Hands are scored as the papers define it, against the truth of the same stamp."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandEstimate, HandSide, HandTopology
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.evaluation.hand_accuracy import HandAccuracy, score_hands
from hand_object_recon.evaluation.hand_truth import HandTruth

BALL = trimesh.creation.icosphere(subdivisions=2, radius=0.05)
TOPOLOGIES = {
    name: HandTopology(name, len(BALL.vertices), BALL.faces.astype(np.int32))
    for name in ("ball", "other")
}
JOINTS = np.random.default_rng(3).normal([0.0, 0.0, 0.5], 0.05, (21, 3))
VERTICES = np.add(BALL.vertices, [0.0, 0.0, 0.5])
RIGHT, LEFT = HandSide.RIGHT, HandSide.LEFT


def hand(
    joints: np.ndarray = JOINTS,
    vertices: np.ndarray = VERTICES,
    side: HandSide = RIGHT,
    track_id: int = 0,
    topology: str = "ball",
) -> HandEstimate:
    return HandEstimate(
        track_id=track_id,
        side=side,
        score=1.0,
        joints_m=joints.astype(np.float32),
        joint_visibility=np.ones(21, dtype=np.float32),
        vertices_m=vertices.astype(np.float32),
        topology=topology,
        wrist_pose=np.eye(4),
        pose_rad=np.zeros(48, dtype=np.float32),
        shape=np.zeros(10, dtype=np.float32),
    )


def truth(
    stamps_ns: Sequence[int] = (1,),
    sides: Sequence[HandSide | None] | None = None,
    topology: str = "ball",
) -> HandTruth:
    count = len(stamps_ns)
    return HandTruth(
        stamps_ns=np.array(stamps_ns, dtype=np.int64),
        joints_m=np.repeat(JOINTS[None], count, axis=0),
        vertices_m=np.repeat(VERTICES[None], count, axis=0),
        topologies=(topology,) * count,
        sides=tuple(sides) if sides else (None,) * count,
    )


def at(stamp_ns: int, *hands: HandEstimate) -> Reconstruction:
    return Reconstruction(stamp_ns, "camera", "test", hands)


def score(estimate: HandEstimate) -> HandAccuracy:
    return score_hands(truth(), [at(1, estimate)], TOPOLOGIES)


def test_the_truth_itself_scores_zero() -> None:
    accuracy = score(hand())
    metrics = [
        accuracy.mpjpe_mm,
        accuracy.root_relative_mpjpe_mm,
        accuracy.pa_mpjpe_mm,
        accuracy.surface_mm,
        accuracy.mpvpe_mm,
        accuracy.worst_frame_mm,
    ]
    np.testing.assert_allclose(metrics, 0.0, atol=1e-4)


def test_a_shift_counts_in_the_camera_frame_and_nowhere_else() -> None:
    shift = np.array([0.003, 0.0, 0.004])
    accuracy = score(hand(JOINTS + shift, VERTICES + shift))
    assert accuracy.mpjpe_mm == pytest.approx(5.0, abs=1e-3)
    assert accuracy.mpvpe_mm == pytest.approx(5.0, abs=1e-3)
    assert accuracy.root_relative_mpjpe_mm == pytest.approx(0.0, abs=1e-3)
    assert accuracy.pa_mpjpe_mm == pytest.approx(0.0, abs=1e-3)


def test_root_relative_means_about_the_middle_knuckle() -> None:
    joints = JOINTS.copy()
    joints[9] += [0.0, 0.021, 0.0]
    accuracy = score(hand(joints))
    assert accuracy.mpjpe_mm == pytest.approx(1.0, abs=1e-3)
    assert accuracy.root_relative_mpjpe_mm == pytest.approx(20.0, abs=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_turning_scaling_and_shifting_do_not_count_after_procrustes(seed: int) -> None:
    turn = Rotation.random(random_state=seed).as_matrix()
    accuracy = score(hand(0.8 * JOINTS @ turn.T + [0.1, -0.2, 0.3]))
    assert accuracy.mpjpe_mm is not None
    assert accuracy.mpjpe_mm > 50.0
    assert accuracy.pa_mpjpe_mm == pytest.approx(0.0, abs=1e-3)


def test_procrustes_agrees_with_scipys_rotation_and_the_best_scale() -> None:
    joints = JOINTS + np.random.default_rng(4).normal(0.0, 0.01, (21, 3))
    source, target = joints - joints.mean(axis=0), JOINTS - JOINTS.mean(axis=0)
    turned = Rotation.align_vectors(target, source)[0].apply(source)
    scale = (turned * target).sum() / (turned**2).sum()
    expected_mm = 1000 * np.linalg.norm(scale * turned - target, axis=1).mean()
    assert score(hand(joints)).pa_mpjpe_mm == pytest.approx(expected_mm, abs=1e-3)


def test_a_mirrored_hand_does_not_score_well_after_procrustes() -> None:
    pa_mpjpe_mm = score(hand(JOINTS * [-1, 1, 1])).pa_mpjpe_mm
    assert pa_mpjpe_mm is not None
    assert pa_mpjpe_mm > 10.0


def test_the_surface_distance_is_that_between_two_balls() -> None:
    grown = (VERTICES - [0, 0, 0.5]) * 1.1 + [0, 0, 0.5]
    surface_mm = score(hand(vertices=grown)).surface_mm
    gap_to_faces_mm = 1000 * 1.1 * (0.05 - np.linalg.norm(BALL.triangles_center, axis=1).min())
    assert surface_mm is not None
    assert 5.0 - gap_to_faces_mm < surface_mm < 5.0


def test_vertices_are_not_compared_across_topologies() -> None:
    accuracy = score(hand(topology="other"))
    assert accuracy.mpvpe_mm is None
    assert accuracy.surface_mm == pytest.approx(0.0, abs=1e-4)
    unknown = score_hands(truth(topology=""), [at(1, hand())], TOPOLOGIES)
    assert unknown.mpvpe_mm is None


def test_only_exactly_equal_stamps_match_and_the_rest_are_missed() -> None:
    reconstructions = [at(10, hand()), at(21, hand()), at(30), at(50, hand())]
    accuracy = score_hands(truth((10, 20, 30, 40)), reconstructions, TOPOLOGIES)
    assert (accuracy.frames_scored, accuracy.frames_missed) == (1, 3)
    assert [frame.stamp_ns for frame in accuracy.frames] == [10]


def test_the_mean_is_over_frames_and_the_worst_is_named() -> None:
    shifted = [hand(np.add(JOINTS, [0, 0, mm / 1000])) for mm in (2, 10, 3)]
    reconstructions = [at(stamp, estimate) for stamp, estimate in enumerate(shifted)]
    accuracy = score_hands(truth((0, 1, 2)), reconstructions, TOPOLOGIES)
    assert accuracy.mpjpe_mm == pytest.approx(5.0, abs=1e-3)
    assert accuracy.worst_frame_mm == pytest.approx(10.0, abs=1e-3)
    assert [round(frame.mpjpe_mm) for frame in accuracy.frames] == [2, 10, 3]


def test_where_the_side_is_known_the_other_hand_is_not_taken() -> None:
    near_left = hand(side=LEFT, track_id=1)
    far_right = hand(np.add(JOINTS, [0.1, 0, 0]), side=RIGHT, track_id=2)
    both = [at(1, near_left, far_right)]
    right = score_hands(truth(sides=[RIGHT]), both, TOPOLOGIES)
    unknown = score_hands(truth(), both, TOPOLOGIES)
    assert right.frames[0].side is RIGHT
    assert unknown.frames[0].side is LEFT
    lost = score_hands(truth(sides=[RIGHT]), [at(1, near_left)], TOPOLOGIES)
    assert (lost.frames_scored, lost.frames_missed) == (0, 1)


def test_two_true_hands_of_one_stamp_are_scored_each() -> None:
    both = at(1, hand(side=LEFT, track_id=1), hand(side=RIGHT, track_id=2))
    accuracy = score_hands(truth((1, 1), sides=[LEFT, RIGHT]), [both], TOPOLOGIES)
    assert [frame.side for frame in accuracy.frames] == [LEFT, RIGHT]


def test_without_a_scored_frame_metrics_are_none() -> None:
    accuracy = score_hands(truth((1, 2)), [], TOPOLOGIES)
    assert (accuracy.frames_scored, accuracy.frames_missed) == (0, 2)
    assert accuracy.mpjpe_mm is accuracy.surface_mm is accuracy.worst_frame_mm is None


def test_the_result_is_plain_enough_for_json() -> None:
    plain = json.loads(json.dumps(score(hand(np.add(JOINTS, [0.001, 0, 0]))).as_dict()))
    assert plain["frames_scored"] == 1
    assert plain["mpjpe_mm"] == pytest.approx(1.0, abs=1e-3)
    assert plain["frames"][0]["side"] == "right"


def test_an_estimate_of_unknown_topology_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"topology 'ball'.*given: none"):
        score_hands(truth(), [at(1, hand())], {})


def test_the_error_of_each_joint_is_reported_under_its_name() -> None:
    shifted = JOINTS.copy()
    shifted[8] += [0.003, 0.0, 0.004]
    scored = score(hand(shifted))
    assert scored.by_joint_mm is not None
    assert scored.by_joint_mm["index_tip"] == pytest.approx(5.0, abs=1e-3)
    assert scored.by_joint_mm["wrist"] == pytest.approx(0.0, abs=1e-3)
    assert len(scored.by_joint_mm) == 21
    nothing = score_hands(truth(), [], TOPOLOGIES)
    assert nothing.by_joint_mm is None
