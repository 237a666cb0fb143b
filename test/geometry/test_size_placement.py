"""A hand is put where it looks as large as it was seen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_recon.geometry.size_placement import offset_by_box, offset_by_spread

POINTS_M = np.random.default_rng(0).normal(0.0, 0.05, (21, 3))
OFFSET_M = np.array([0.1, -0.05, 0.6])
SEEN = POINTS_M + OFFSET_M
SLOPES = SEEN[:, :2] / SEEN[:, 2:]


def test_what_is_seen_as_it_is_is_put_where_it_is() -> None:
    np.testing.assert_allclose(offset_by_spread(POINTS_M, SLOPES), OFFSET_M, atol=1e-5)
    corners = np.array([SLOPES.min(axis=0), SLOPES.max(axis=0)])
    np.testing.assert_allclose(offset_by_box(POINTS_M, corners), OFFSET_M, atol=1e-4)


def test_points_of_no_weight_do_not_count() -> None:
    weights, wrong = np.ones(21), SLOPES.copy()
    weights[[3, 8]] = 0.0
    wrong[[3, 8]] += 0.5
    np.testing.assert_allclose(offset_by_spread(POINTS_M, wrong, weights), OFFSET_M, atol=1e-5)


def test_weights_are_shares() -> None:
    weights = np.random.default_rng(1).uniform(0.1, 1.0, 21)
    one, other = (offset_by_spread(POINTS_M, SLOPES, factor * weights) for factor in (1.0, 7.0))
    np.testing.assert_allclose(one, OFFSET_M, atol=1e-5)
    np.testing.assert_allclose(other, one)


def test_a_hand_turned_the_wrong_way_is_as_far_away_as_its_size_says() -> None:
    turned = POINTS_M @ Rotation.from_rotvec([0.0, 0.0, np.pi]).as_matrix().T
    found = offset_by_spread(turned, SLOPES)
    assert found[2] == pytest.approx(OFFSET_M[2], abs=0.02)


def test_errors_of_what_is_seen_do_not_draw_the_hand_to_the_camera() -> None:
    random = np.random.default_rng(2)
    noisy = SLOPES + random.normal(0.0, 0.01, (500, 21, 2))
    depths_m = [offset_by_spread(POINTS_M, slopes)[2] for slopes in noisy]
    assert np.mean(depths_m) == pytest.approx(OFFSET_M[2], rel=0.03)


def test_a_single_ray_says_nothing_of_the_distance() -> None:
    assert np.isnan(offset_by_spread(POINTS_M, np.full((21, 2), 0.3))).all()
    assert np.isnan(offset_by_box(POINTS_M, np.full((2, 2), 0.3))).all()
