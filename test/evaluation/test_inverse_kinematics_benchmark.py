"""The benchmark of the inverse kinematics measures what it says."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.core.hands import HandSide
from hand_object_recon.evaluation.hand_model_benchmark.inverse_kinematics import (
    BATCH,
    POSES,
    accuracy,
    random_hands,
    real_hand,
    speed,
)
from hand_object_recon.hand_model.model import HandModel, load_hand_model


@pytest.fixture(scope="module")
def model() -> HandModel:
    return load_hand_model("open_hand", HandSide.RIGHT)


def test_accuracy_is_measured_for_each_kind_of_pose_and_shape(model: HandModel) -> None:
    rows = accuracy(model, hands=40)
    assert [(row.poses, row.shape) for row in rows] == [
        (poses, shape) for poses in POSES for shape in ("fitted", "known")
    ]
    for row in rows:
        assert (row.side, row.hands) == ("right", 40)
        assert row.mean_mm < 0.1
        assert row.mean_mm <= row.p99_mm <= row.max_mm


def test_speed_is_measured_a_hand(model: HandModel) -> None:
    rows = speed(model, calls=5, batches=2)
    assert {(row.path, row.hands_per_call) for row in rows} == {("numpy", 1), ("torch", BATCH)}
    assert all(0.0 < row.p50_ms <= row.p95_ms for row in rows)


def test_a_recorded_hand_is_fitted_with_one_shape_and_with_many(model: HandModel) -> None:
    joints = random_hands(model, "pose set", 6).joints_m.numpy()
    joints = joints + np.random.default_rng(1).normal(0.0, 2e-3, joints.shape)
    one, many = real_hand(model, joints)
    assert one.frames == many.frames == 6
    assert 0.0 < many.mean_mm < 4.0
    assert one.mean_mm <= one.p95_mm <= one.max_mm
