"""PCK, area under it and F-scores follow the evaluation code of HO-3D and FreiHAND."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad, trapezoid
from scipy.spatial import cKDTree

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.evaluation.metrics.curves import (
    HO3D_THRESHOLDS_M,
    OBMAN_THRESHOLDS_M,
    area_under_curve,
    pck_curve,
)
from hand_object_recon.evaluation.metrics.f_scores import f_scores
from hand_object_recon.evaluation.metrics.paired_points import pair_points
from hand_object_recon.hand_model.model import load_hand_model

RANDOM = np.random.default_rng(12)
TRUTH = RANDOM.normal(0.0, 0.05, (40, 21, 3))
ESTIMATE = TRUTH + RANDOM.normal(0.0, 0.02, TRUTH.shape)
DISTANCES = np.linalg.norm(ESTIMATE - TRUTH, axis=2)


def pair_at(distances_m: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """One frame whose points are off by the given distances exactly."""
    truth = np.zeros((1, len(distances_m), 3))
    estimate = truth.copy()
    estimate[0, :, 0] = distances_m
    return estimate, truth


def loop_f_score(estimate: np.ndarray, truth: np.ndarray, threshold: float) -> float:
    precision = (cKDTree(truth).query(estimate)[0] < threshold).mean()
    recall = (cKDTree(estimate).query(truth)[0] < threshold).mean()
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


@pytest.mark.parametrize("thresholds", [HO3D_THRESHOLDS_M, OBMAN_THRESHOLDS_M])
def test_the_area_is_the_mean_of_each_points_own_area(thresholds: np.ndarray) -> None:
    areas = []
    for point in range(21):
        curve = [(DISTANCES[:, point] <= threshold).mean() for threshold in thresholds]
        areas.append(trapezoid(curve, thresholds) / trapezoid(np.ones(len(curve)), thresholds))

    found = area_under_curve(pair_points(ESTIMATE, TRUTH), thresholds)
    assert found.value == pytest.approx(np.mean(areas))


def test_the_area_on_fine_thresholds_is_the_integral_of_the_curve() -> None:
    thresholds = np.linspace(0.0, 0.05, 20_001)
    steps = np.sort(DISTANCES[0])
    integral, _ = quad(
        lambda t: (steps <= t).mean(), 0.0, 0.05, points=steps[steps < 0.05], limit=500
    )

    found = area_under_curve(pair_points(ESTIMATE, TRUTH), thresholds)
    assert found.per_sample[0] == pytest.approx(integral / 0.05, abs=1e-4)


def test_the_curve_counts_a_point_at_exactly_the_threshold() -> None:
    curve = pck_curve(pair_points(*pair_at([0.01, 0.02, 0.03])), np.array([0.0, 0.01, 0.02]))

    np.testing.assert_allclose(curve.share, [0.0, 1 / 3, 2 / 3])


def test_perfect_points_fill_the_area_and_points_beyond_leave_it_empty() -> None:
    assert area_under_curve(pair_points(*pair_at([0.0]))).value == pytest.approx(1.0)
    assert area_under_curve(pair_points(*pair_at([0.051]))).value == 0.0


def test_curves_leave_missing_frames_out_and_count_them() -> None:
    estimate = ESTIMATE.copy()
    estimate[::2] = np.nan
    estimate[1, 0, 0] = np.inf
    pairs = pair_points(estimate, TRUTH)
    rest = pair_points(ESTIMATE[3::2], TRUTH[3::2])
    curve = pck_curve(pairs)

    np.testing.assert_allclose(curve.share, pck_curve(rest).share)
    assert (curve.count_used, curve.count_missing, curve.count_invalid) == (19, 20, 1)
    assert area_under_curve(pairs).value == pytest.approx(area_under_curve(rest).value)


def test_a_curve_of_nothing_has_no_share() -> None:
    curve = pck_curve(pair_points(np.full_like(TRUTH, np.nan), TRUTH))

    assert np.isnan(curve.share).all()
    assert curve.count_used == 0


@pytest.mark.parametrize("thresholds", [np.array([0.01]), np.array([0.0, 0.02, 0.01])])
def test_thresholds_that_make_no_curve_are_refused(thresholds: np.ndarray) -> None:
    with pytest.raises(InvalidValueError, match="thresholds"):
        area_under_curve(pair_points(ESTIMATE, TRUTH), thresholds)


@pytest.mark.parametrize("spread_m", [0.0005, 0.003, 0.01, 0.05])
def test_f_scores_of_hands_agree_with_search_trees(spread_m: float) -> None:
    template = load_hand_model("open_hand", HandSide.RIGHT).v_template
    truth = template + RANDOM.uniform(-0.3, 0.3, (70, 1, 3))
    shared = RANDOM.normal(0.0, spread_m, (70, 1, 3))
    estimate = truth + shared + RANDOM.normal(0.0, spread_m / 2, truth.shape)
    found = f_scores(pair_points(estimate, truth), (0.001, 0.005, 0.015))
    for threshold, scores in found.items():
        expected = [loop_f_score(e, t, threshold) for e, t in zip(estimate, truth, strict=True)]
        np.testing.assert_allclose(scores.per_sample, expected, rtol=1e-12)


def test_f_scores_are_exact_where_many_distances_meet_the_threshold() -> None:
    """On a lattice single precision alone cannot tell below from at the threshold."""
    lattice = 0.005 * np.stack(np.meshgrid(*[np.arange(6.0)] * 3), axis=-1).reshape(1, -1, 3)
    for shift in (0.005, np.nextafter(0.005, 0.0), 0.0025):
        estimate = lattice + np.array([0.025 + shift, 0.0, 0.0])
        found = f_scores(pair_points(estimate, lattice), (0.005,))[0.005]
        expected = loop_f_score(estimate[0], lattice[0], 0.005)
        assert found.value == pytest.approx(expected, abs=1e-15)


def test_a_point_at_exactly_the_threshold_is_not_within_it() -> None:
    pairs = pair_points(*pair_at([0.005]))

    assert f_scores(pairs, (0.005,))[0.005].value == 0.0
    assert f_scores(pairs, (np.nextafter(0.005, 1.0),)).popitem()[1].value == 1.0


def test_f_scores_look_for_the_nearest_vertex_not_the_corresponding_one() -> None:
    truth = RANDOM.normal(0.0, 0.05, (3, 50, 3))
    shuffled = truth[:, RANDOM.permutation(50)]

    assert f_scores(pair_points(shuffled, truth))[0.005].value == 1.0


def test_f_scores_count_missing_and_broken_frames() -> None:
    estimate = ESTIMATE.copy()
    estimate[0] = np.nan
    estimate[1, 2] = np.inf
    found = f_scores(pair_points(estimate, TRUTH))[0.015]

    assert (found.count_used, found.count_missing, found.count_invalid) == (38, 1, 1)
    everywhere = found.with_worst(0.0)
    assert everywhere.count_used == 40
    assert everywhere.value == pytest.approx(np.nansum(found.per_sample) / 40)


def test_f_scores_of_no_frame_are_none() -> None:
    found = f_scores(pair_points(ESTIMATE[:0], TRUTH[:0]))

    assert all(score.value is None for score in found.values())


def test_a_threshold_in_millimetres_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="threshold in metres is 5"):
        f_scores(pair_points(ESTIMATE, TRUTH), (5.0,))
