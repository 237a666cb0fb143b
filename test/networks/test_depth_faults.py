"""Faults of depth are those that were asked for, and follow the seed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hand_object_recon.networks.depth_faults import DepthFaults, draw_faults

SIZE = 200
NOWHERE = np.zeros((SIZE, SIZE), dtype=bool)


def flat(depth_m: float) -> NDArray[np.float32]:
    return np.full((SIZE, SIZE), depth_m, dtype=np.float32)


@pytest.mark.parametrize(("depth_m", "deviation_m"), [(0.5, 0.002), (1.0, 0.008), (0.0, 0.0)])
def test_noise_grows_with_the_square_of_the_distance(depth_m: float, deviation_m: float) -> None:
    faulty = DepthFaults(noise_m=0.002).applied(flat(depth_m), NOWHERE, np.random.default_rng(0))
    assert faulty.std() == pytest.approx(deviation_m, rel=0.02)
    assert faulty.mean() == pytest.approx(depth_m, abs=1e-4)


def test_holes_are_discs_about_the_subject() -> None:
    is_subject = NOWHERE.copy()
    is_subject[100:105, 30:35] = True
    faulty = DepthFaults(holes=2).applied(flat(0.5), is_subject, np.random.default_rng(1))
    rows, columns = np.nonzero(faulty == 0.0)
    assert len(rows)
    assert np.hypot(rows - 102, columns - 32).max() < 0.05 * SIZE + 4
    assert (faulty[faulty > 0.0] == 0.5).all()


def test_without_a_subject_there_are_no_holes() -> None:
    faulty = DepthFaults(holes=3).applied(flat(0.5), NOWHERE, np.random.default_rng(1))
    np.testing.assert_array_equal(faulty, flat(0.5))


def test_drawn_faults_keep_to_what_is_asked_for() -> None:
    random = np.random.default_rng(0)
    drawn = [draw_faults(random, 0.003, 0.25) for _ in range(2000)]
    assert 0.0029 < max(one.noise_m for one in drawn) <= 0.003
    assert np.mean([one.holes > 0 for one in drawn]) == pytest.approx(0.25, abs=0.03)
    assert draw_faults(random, 0.0, 0.0) == DepthFaults()
