"""Errors of corresponding points follow their published definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import procrustes
from scipy.spatial.transform import Rotation

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.keypoints import KEYPOINT_NAMES, MIDDLE_MCP
from hand_object_recon.evaluation.metrics.alignments import (
    procrustes_aligned,
    procrustes_aligned_with_reflection,
    scale_translation_aligned,
    shifted_to_root,
)
from hand_object_recon.evaluation.metrics.paired_points import pair_points, stack_rows
from hand_object_recon.evaluation.metrics.point_errors import (
    anchored_error,
    error_of_each_point,
    mean_point_error,
    procrustes_error,
    procrustes_error_with_reflection,
    relative_root_error,
    root_error,
    root_relative_error,
    scale_translation_error,
)
from hand_object_recon.geometry.alignment import align

RANDOM = np.random.default_rng(11)
FRAMES = 150
TRUTH = RANDOM.normal([0.0, 0.0, 0.5], 0.05, (FRAMES, 21, 3))
ESTIMATE = TRUTH + RANDOM.normal(0.0, 0.01, TRUTH.shape)
MIRROR = np.diag([-1.0, 1.0, 1.0])


def loop_mean_mm(estimate: np.ndarray, truth: np.ndarray) -> float:
    frames = [
        np.mean([np.sqrt(((p - q) ** 2).sum()) for p, q in zip(e, t, strict=True)])
        for e, t in zip(estimate, truth, strict=True)
    ]
    return float(1000 * np.mean(frames))


def test_the_error_is_the_mean_over_points_then_frames_in_millimetres() -> None:
    found = mean_point_error(pair_points(ESTIMATE, TRUTH))

    assert found.value == pytest.approx(loop_mean_mm(ESTIMATE, TRUTH))
    assert found.unit == "mm"
    assert (found.count_used, found.count_missing, found.count_invalid) == (FRAMES, 0, 0)


def test_the_mean_over_frames_equals_the_servers_mean_of_each_points_mean() -> None:
    pairs = pair_points(ESTIMATE, TRUTH)
    by_joint = error_of_each_point(pairs)

    assert list(by_joint) == list(KEYPOINT_NAMES)
    np.testing.assert_allclose(
        [joint.value for joint in by_joint.values()],
        1000 * np.linalg.norm(ESTIMATE - TRUTH, axis=2).mean(axis=0),
    )
    means = [joint.value for joint in by_joint.values() if joint.value is not None]
    assert np.mean(means) == pytest.approx(mean_point_error(pairs).value)


@pytest.mark.parametrize("root", [0, MIDDLE_MCP])
def test_a_root_relative_error_ignores_where_the_hand_is(root: int) -> None:
    moved = ESTIMATE + RANDOM.normal(0.0, 0.2, (FRAMES, 1, 3))
    expected = loop_mean_mm(ESTIMATE - ESTIMATE[:, [root]], TRUTH - TRUTH[:, [root]])

    assert root_relative_error(pair_points(moved, TRUTH), root).value == pytest.approx(expected)


def test_vertices_are_made_relative_by_the_roots_of_their_hands() -> None:
    moved = ESTIMATE + 0.3
    pairs = shifted_to_root(pair_points(moved, TRUTH), moved[:, 0], TRUTH[:, 0])

    assert mean_point_error(pairs).value == pytest.approx(
        loop_mean_mm(ESTIMATE - ESTIMATE[:, [0]], TRUTH - TRUTH[:, [0]])
    )


def test_the_root_error_is_the_distance_of_the_roots() -> None:
    estimate = TRUTH.copy()
    estimate[:, 0] += [0.003, 0.0, 0.004]

    assert root_error(pair_points(estimate, TRUTH)).value == pytest.approx(5.0)


def test_the_proper_alignment_is_that_of_scipys_rotation_fit() -> None:
    aligned = procrustes_aligned(pair_points(ESTIMATE, TRUTH)).estimate_m
    for estimate, truth, found in zip(ESTIMATE[:20], TRUTH[:20], aligned[:20], strict=True):
        centred, goal = estimate - estimate.mean(axis=0), truth - truth.mean(axis=0)
        turned = Rotation.align_vectors(goal, centred)[0].apply(centred)
        scale = (turned * goal).sum() / (centred**2).sum()
        np.testing.assert_allclose(found, scale * turned + truth.mean(axis=0), atol=1e-9)


def test_the_mirroring_alignment_has_the_disparity_of_scipys_procrustes() -> None:
    mirrored = ESTIMATE @ MIRROR
    aligned = procrustes_aligned_with_reflection(pair_points(mirrored, TRUTH)).estimate_m
    for estimate, truth, found in zip(mirrored[:20], TRUTH[:20], aligned[:20], strict=True):
        spread = ((truth - truth.mean(axis=0)) ** 2).sum()
        disparity = procrustes(truth, estimate)[2]
        assert ((found - truth) ** 2).sum() / spread == pytest.approx(disparity)


def test_the_mirroring_alignment_is_the_servers() -> None:
    for mirror in (np.eye(3), MIRROR):
        estimates = ESTIMATE @ mirror
        found = procrustes_error_with_reflection(pair_points(estimates, TRUTH))
        expected = []
        for estimate, truth in zip(estimates, TRUTH, strict=True):
            goal, centred = truth - truth.mean(axis=0), estimate - estimate.mean(axis=0)
            goal_size, size = np.linalg.norm(goal), np.linalg.norm(centred)
            rotation, scale = orthogonal_procrustes(goal / goal_size, centred / size)
            expected.append(centred / size @ rotation.T * scale * goal_size + truth.mean(axis=0))
        assert found.value == pytest.approx(loop_mean_mm(np.array(expected), TRUTH))


def test_only_the_mirroring_alignment_forgives_a_mirrored_hand() -> None:
    pairs = pair_points(TRUTH @ MIRROR, TRUTH)
    proper, mirroring = procrustes_error(pairs), procrustes_error_with_reflection(pairs)

    assert proper.value is not None
    assert proper.value > 10.0
    assert mirroring.value == pytest.approx(0.0, abs=1e-9)


def test_both_alignments_agree_where_no_mirror_helps() -> None:
    pairs = pair_points(ESTIMATE, TRUTH)

    np.testing.assert_allclose(
        procrustes_error(pairs).per_sample, procrustes_error_with_reflection(pairs).per_sample
    )


def test_the_batched_alignment_is_that_of_one_frame() -> None:
    mirrored = ESTIMATE @ MIRROR
    aligned = procrustes_aligned(pair_points(mirrored, TRUTH)).estimate_m
    expected = [align(e, t).apply(e) for e, t in zip(mirrored, TRUTH, strict=True)]

    np.testing.assert_allclose(aligned, expected, atol=1e-12)


def test_a_similar_hand_has_no_error_after_alignment() -> None:
    turned = 1.3 * TRUTH @ Rotation.from_rotvec([0.4, -1.0, 2.0]).as_matrix().T + [0.1, 0.2, 0.3]

    assert procrustes_error(pair_points(turned, TRUTH)).value == pytest.approx(0.0, abs=1e-9)


def test_the_scale_translation_alignment_corrects_a_length_and_the_wrist_only() -> None:
    wrist = TRUTH[:, :1]
    larger = 2.0 * (TRUTH - wrist) + wrist + 0.1
    turned = Rotation.from_euler("z", 90, degrees=True).apply((TRUTH - wrist).reshape(-1, 3))
    pairs = pair_points(turned.reshape(TRUTH.shape) + wrist, TRUTH)

    assert scale_translation_error(pair_points(larger, TRUTH)).value == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(
        scale_translation_aligned(pairs).estimate_m, pairs.estimate_m, atol=1e-12
    )


def test_the_anchored_error_takes_the_networks_offsets_as_they_are() -> None:
    offsets = TRUTH - TRUTH[:, [MIDDLE_MCP]]
    shifted = offsets + np.array([0.0, 0.003, 0.004])
    found = anchored_error(pair_points(shifted, TRUTH), TRUTH[:, MIDDLE_MCP])

    assert found.value == pytest.approx(5.0)


def test_the_relative_root_error_is_that_of_the_vector_between_the_hands() -> None:
    left, right = np.array([[0.1, 0.0, 0.5]]), np.array([[-0.1, 0.0, 0.5]])
    both_off = np.array([0.05, 0.05, 0.05])
    found = relative_root_error(
        left + both_off, right + both_off + [0.0, 0.003, -0.004], left, right
    )

    assert found.value == pytest.approx(5.0)


def test_the_relative_root_error_misses_a_frame_without_one_of_the_hands() -> None:
    roots = np.zeros((2, 3))
    one_missing = np.array([[0.0, 0.0, 0.0], [np.nan] * 3])
    found = relative_root_error(roots, one_missing, roots, roots)

    assert (found.count_used, found.count_missing) == (1, 1)


def test_missing_and_broken_estimates_are_counted_apart() -> None:
    estimate = ESTIMATE.copy()
    estimate[3] = np.nan
    estimate[5, 7, 1] = np.nan
    estimate[6, 0, 0] = np.inf
    for metric in (mean_point_error, procrustes_error, root_error, scale_translation_error):
        found = metric(pair_points(estimate, TRUTH))
        assert (found.count_used, found.count_missing, found.count_invalid) == (FRAMES - 3, 1, 2)
        assert np.flatnonzero(np.isnan(found.per_sample)).tolist() == [3, 5, 6]
        assert found.value == pytest.approx(np.nanmean(found.per_sample))


def test_absent_results_become_missing_rows() -> None:
    rows = stack_rows([ESTIMATE[0], None, ESTIMATE[2]], 21)
    found = mean_point_error(pair_points(rows, TRUTH[:3]))

    assert (found.count_used, found.count_missing) == (2, 1)


@pytest.mark.parametrize("frames", [0, 1])
def test_few_frames_are_scored_too(frames: int) -> None:
    found = procrustes_error(pair_points(ESTIMATE[:frames], TRUTH[:frames]))

    assert found.count_used == frames
    assert (found.value is None) == (frames == 0)


def test_without_any_result_there_is_no_figure() -> None:
    found = mean_point_error(pair_points(np.full_like(TRUTH, np.nan), TRUTH))

    assert found.value is None
    assert found.count_missing == FRAMES


def test_an_estimate_of_one_point_only_is_scored_without_dividing_by_zero() -> None:
    collapsed = np.broadcast_to(TRUTH.mean(axis=1, keepdims=True), TRUTH.shape)
    found = procrustes_error(pair_points(collapsed, TRUTH))

    assert found.value == pytest.approx(loop_mean_mm(collapsed, TRUTH))


@pytest.mark.parametrize(
    ("estimate", "truth", "message"),
    [
        (ESTIMATE[:, :20], TRUTH, r"estimate has shape \(150, 20, 3\)"),
        (ESTIMATE[..., :2], TRUTH, "shape"),
        (1000 * ESTIMATE, TRUTH, "estimate spans .* metres"),
        (ESTIMATE, 1000 * TRUTH, "truth spans .* metres"),
        (ESTIMATE, np.full_like(TRUTH, np.nan), "truth .* not finite"),
        (np.zeros((2, 0, 3)), np.zeros((2, 0, 3)), "0 points"),
        (np.zeros((2, 21, 3), dtype=int), np.zeros((2, 21, 3)), "type int64"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    estimate: np.ndarray, truth: np.ndarray, message: str
) -> None:
    with pytest.raises(InvalidValueError, match=message):
        pair_points(estimate, truth)


def test_a_root_that_is_no_point_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="point 21 is not among"):
        root_relative_error(pair_points(ESTIMATE, TRUTH), 21)
