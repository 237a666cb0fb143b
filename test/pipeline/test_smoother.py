"""The smoother calms a still hand, keeps up with a fast one and never mixes two hands."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.core.stage_settings import SmootherSettings
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.pipeline.smoother import Smoother

MakeHand = Callable[..., HandEstimate]
MS = 1_000_000
STEP_MS = 1000 / 30


def smoothed_path(
    hand: HandEstimate, offsets_m: NDArray[Any], settings: SmootherSettings | None = None
) -> NDArray[np.float64]:
    """(N, 3) where the smoother puts a hand that is moved by (N, 3) offsets at 30 Hz."""
    smoother = Smoother(settings or SmootherSettings())
    path = []
    for number, offset in enumerate(offsets_m):
        smoothed = smoother.smooth(hand.moved(offset), round(number * STEP_MS * MS))
        path.append((smoothed.joints_m - hand.joints_m).mean(axis=0))
    return np.array(path, dtype=np.float64)


class ScalarOneEuro:
    """Algorithm 1 of Casiez et al. (2012) for several signals that share one cut-off.

    The speed is the root mean square of the signals' speeds, filtered. The old value is led on
    by the signals' mean velocity, filtered at 4 Hz.
    """

    def __init__(self, min_cutoff_hz: float, beta: float, derivative_cutoff_hz: float) -> None:
        self.min_cutoff_hz = min_cutoff_hz
        self.beta = beta
        self.derivative_cutoff_hz = derivative_cutoff_hz
        self.value: list[float] | None = None
        self.speed = 0.0
        self.velocity = 0.0

    @staticmethod
    def alpha(rate_hz: float, cutoff_hz: float) -> float:
        tau = 1.0 / (2.0 * math.pi * cutoff_hz)
        period = 1.0 / rate_hz
        return 1.0 / (1.0 + tau / period)

    def filter(self, signals: Sequence[float], rate_hz: float) -> list[float]:
        if self.value is None:
            self.value = list(signals)
            return self.value
        speeds = [(new - old) * rate_hz for new, old in zip(signals, self.value, strict=True)]
        speed = math.sqrt(sum(one * one for one in speeds) / len(speeds))
        weight = self.alpha(rate_hz, self.derivative_cutoff_hz)
        self.speed = weight * speed + (1.0 - weight) * self.speed
        weight = self.alpha(rate_hz, self.min_cutoff_hz + self.beta * self.speed)
        way = self.velocity / rate_hz
        result = [
            weight * new + (1.0 - weight) * (old + way)
            for new, old in zip(signals, self.value, strict=True)
        ]
        velocity = (sum(result) - sum(self.value)) / len(result) * rate_hz
        weight = self.alpha(rate_hz, 4.0)
        self.velocity = weight * velocity + (1.0 - weight) * self.velocity
        self.value = result
        return result


def test_every_axis_is_a_led_one_euro_filter_of_its_own(make_hand: MakeHand) -> None:
    random = np.random.default_rng(1)
    settings = SmootherSettings(
        lateral_min_cutoff_hz=1.5,
        lateral_beta_hz_per_m_s=7.0,
        depth_min_cutoff_hz=0.8,
        depth_beta_hz_per_m_s=3.0,
        derivative_cutoff_hz=1.2,
    )
    references = [ScalarOneEuro(1.5, 7.0, 1.2) for _ in "xy"] + [ScalarOneEuro(0.8, 3.0, 1.2)]
    smoother = Smoother(settings)
    hand = make_hand()
    stamp_ns, last_ns = 5 * MS, 0
    offset = np.zeros(3)
    for _ in range(40):
        offset = offset + random.normal(0.0, (0.004, 0.010, 0.020))
        jitter = random.normal(0.0, 0.002, (21, 3))  # the joints do not move as one
        raw = replace(hand, joints_m=np.float32(hand.joints_m + offset + jitter))
        smoothed = smoother.smooth(raw, stamp_ns)
        rate_hz = 1e9 / (stamp_ns - last_ns)
        for axis, reference in enumerate(references):
            expected = reference.filter(raw.joints_m[:, axis].tolist(), rate_hz)
            np.testing.assert_allclose(smoothed.joints_m[:, axis], expected, atol=2e-6)
        last_ns, stamp_ns = stamp_ns, stamp_ns + int(random.integers(15, 70)) * MS


def test_a_hand_that_does_not_change_is_left_as_it_is(make_hand: MakeHand) -> None:
    hand = make_hand()
    smoother = Smoother(SmootherSettings())
    for number in range(20):
        smoothed = smoother.smooth(hand, number * 33 * MS)
        np.testing.assert_allclose(smoothed.joints_m, hand.joints_m, atol=1e-6)
        np.testing.assert_allclose(smoothed.vertices_m, hand.vertices_m, atol=1e-6)
        np.testing.assert_allclose(smoothed.wrist_pose, hand.wrist_pose, atol=1e-6)
        np.testing.assert_allclose(smoothed.pose_rad, hand.pose_rad, atol=1e-5)


def test_half_a_millimetre_of_noise_on_a_still_hand_loses_half_of_its_variance(
    make_hand: MakeHand,
) -> None:
    # rgbd_fit trembles by about 0.4 mm on rendered hands.
    noise = np.random.default_rng(2).normal(0.0, 0.0005, (600, 3))
    path = smoothed_path(make_hand(), noise)
    ratio = path[30:].var(axis=0) / noise[30:].var(axis=0)
    assert (ratio[:2] < 0.5).all()
    assert ratio[2] < 0.45
    assert ratio[2] < ratio[:2].min(), "the depth axis is not the calmer one"


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_hand_at_half_a_metre_a_second_does_not_lag_once_its_speed_is_known(
    make_hand: MakeHand, axis: int
) -> None:
    offsets = np.zeros((45, 3))
    offsets[:, axis] = 0.5 * np.arange(45) * STEP_MS * 1e-3
    lag_m = (offsets - smoothed_path(make_hand(), offsets))[:, axis]
    assert np.abs(lag_m[15:]).max() < 0.0001
    assert np.abs(lag_m).max() < 0.005


def test_a_step_is_caught_up_with_and_hardly_overshot(make_hand: MakeHand) -> None:
    offsets = np.zeros((40, 3))
    offsets[10:] = 0.05
    path = smoothed_path(make_hand(), offsets)
    assert path.max() < 0.053
    assert (path[14] > 0.045).all()
    np.testing.assert_allclose(path[-1], 0.05, atol=1e-4)


def test_the_depth_axis_has_a_cutoff_of_its_own(make_hand: MakeHand) -> None:
    offsets = np.array([[0.0], [0.01]]) * np.ones(3)
    plain = dict.fromkeys(("lateral_beta_hz_per_m_s", "depth_beta_hz_per_m_s"), 0.0)
    path = smoothed_path(
        make_hand(),
        offsets,
        SmootherSettings(lateral_min_cutoff_hz=20.0, depth_min_cutoff_hz=0.5, **plain),
    )
    for axis, cutoff_hz in enumerate((20.0, 20.0, 0.5)):
        ratio = 2 * np.pi * cutoff_hz / 30.0
        assert path[1, axis] == pytest.approx(0.01 * ratio / (1.0 + ratio), abs=2e-6)


def test_motion_along_one_axis_does_not_loosen_the_filter_of_another(make_hand: MakeHand) -> None:
    random = np.random.default_rng(3)
    still = random.normal(0.0, 0.001, (60, 3))
    moving = still.copy()
    moving[:, 0] += 0.5 * np.arange(60) * STEP_MS * 1e-3
    hand = make_hand()
    np.testing.assert_allclose(
        smoothed_path(hand, moving)[:, 1:], smoothed_path(hand, still)[:, 1:], atol=1e-6
    )


def test_finger_tips_of_the_smoothed_mesh_are_its_smoothed_joints(make_hand: MakeHand) -> None:
    random = np.random.default_rng(4)
    smoother = Smoother(SmootherSettings())
    tips = load_hand_model("open_hand", HandSide.RIGHT).tip_vertices
    for number in range(10):
        pose = make_hand().pose_rad + np.float32(random.normal(0.0, 0.05, 48))
        hand = make_hand(random.normal((0.0, 0.0, 0.5), 0.01), pose_rad=pose)
        smoothed = smoother.smooth(hand, number * 33 * MS)
        np.testing.assert_allclose(
            smoothed.vertices_m[tips], smoothed.joints_m[[4, 8, 12, 16, 20]], atol=1e-6
        )
        np.testing.assert_allclose(smoothed.wrist_pose[:3, 3], smoothed.joints_m[0], atol=1e-6)


def test_the_orientation_goes_a_share_of_the_shortest_way(make_hand: MakeHand) -> None:
    settings = SmootherSettings(
        lateral_min_cutoff_hz=3.0,
        depth_min_cutoff_hz=3.0,
        lateral_beta_hz_per_m_s=0.0,
        depth_beta_hz_per_m_s=0.0,
    )
    share = 1.0 - 1.0 / (1.0 + 2 * np.pi * 3.0 / 30.0)
    first, second = Rotation.from_rotvec([2.9, 0.6, 0.3]), Rotation.from_rotvec([-2.9, -0.2, 0.5])
    smoother = Smoother(settings)
    for number, rotation in enumerate((first, second)):
        pose = make_hand().pose_rad.copy()
        pose[:3] = rotation.as_rotvec()
        smoothed = smoother.smooth(make_hand(pose_rad=pose), round(number * STEP_MS * MS))
    expected = Rotation.from_rotvec(share * (second * first.inv()).as_rotvec()) * first
    off = Rotation.from_matrix(smoothed.wrist_pose[:3, :3]) * expected.inv()
    assert off.magnitude() < 1e-4
    off = Rotation.from_rotvec(smoothed.pose_rad[:3]) * expected.inv()
    assert off.magnitude() < 1e-4


def test_a_tumbling_wrist_keeps_a_rotation(make_hand: MakeHand) -> None:
    random = np.random.default_rng(5)
    smoother = Smoother(SmootherSettings())
    rotation = Rotation.identity()
    for number in range(300):
        rotation = Rotation.from_rotvec(random.normal(0.0, 0.8, 3)) * rotation
        pose = make_hand().pose_rad.copy()
        pose[:3] = rotation.as_rotvec()
        smoothed = smoother.smooth(make_hand(pose_rad=pose), number * 33 * MS)
        matrix = smoothed.wrist_pose[:3, :3]
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-5)
        assert np.linalg.det(matrix) == pytest.approx(1.0, abs=1e-5)


def test_what_is_not_smoothed_is_that_of_the_new_frame(make_hand: MakeHand) -> None:
    smoother = Smoother(SmootherSettings())
    first = make_hand()
    smoother.smooth(first, 0)
    second = replace(
        first.moved(np.array([0.01, 0.0, 0.0])),
        score=0.3,
        joint_visibility=np.zeros(21, np.float32),
        placement_residual_m=0.004,
    )
    smoothed = smoother.smooth(second, 33 * MS)
    assert (smoothed.score, smoothed.placement_residual_m) == (0.3, 0.004)
    np.testing.assert_array_equal(smoothed.joint_visibility, second.joint_visibility)
    assert not np.allclose(smoothed.joints_m, second.joints_m, atol=1e-4)


def restarts(
    make_hand: MakeHand, stamps_ms: Sequence[int], *, is_new: bool = False, **change: Any
) -> bool:
    """Whether the hand of the last stamp, 2 cm off, comes back as it is."""
    smoother = Smoother(SmootherSettings(reset_gap_ms=200.0))
    hand = make_hand()
    for stamp_ms in stamps_ms[:-1]:
        smoother.smooth(hand, stamp_ms * MS)
    last = replace(hand.moved(np.array([0.02, 0.0, 0.0])), **change)
    return smoother.smooth(last, stamps_ms[-1] * MS, is_new=is_new) is last


def test_a_hand_that_goes_on_is_not_restarted(make_hand: MakeHand) -> None:
    assert not restarts(make_hand, [0, 33, 66])
    assert not restarts(make_hand, [0, 33, 233])


def test_a_longer_gap_restarts_the_filter(make_hand: MakeHand) -> None:
    assert restarts(make_hand, [0, 33, 234])


def test_a_new_track_restarts_the_filter(make_hand: MakeHand) -> None:
    assert restarts(make_hand, [0, 33, 66], is_new=True)


def test_another_mesh_restarts_the_filter(make_hand: MakeHand) -> None:
    assert restarts(make_hand, [0, 33, 66], topology="open_hand_left")


@pytest.mark.parametrize("stamps_ms", [[0, 33, 33], [0, 33, 20]])
def test_a_stamp_that_does_not_advance_restarts_the_filter(
    make_hand: MakeHand, stamps_ms: list[int]
) -> None:
    assert restarts(make_hand, stamps_ms)


@pytest.mark.parametrize("forgotten", ["forget", "reset"])
def test_a_forgotten_track_starts_anew(make_hand: MakeHand, forgotten: str) -> None:
    smoother = Smoother(SmootherSettings())
    hand = make_hand(track_id=7)
    other = make_hand(track_id=8)
    for one in (hand, other):
        smoother.smooth(one, 0)
    if forgotten == "forget":
        smoother.forget(7)
    else:
        smoother.reset()
    moved, other_moved = (one.moved(np.array([0.02, 0.0, 0.0])) for one in (hand, other))
    assert smoother.smooth(moved, 33 * MS) is moved
    assert (smoother.smooth(other_moved, 33 * MS) is other_moved) == (forgotten == "reset")


def test_forgetting_a_track_never_seen_is_no_error() -> None:
    Smoother(SmootherSettings()).forget(99)


def test_tracks_are_smoothed_apart(make_hand: MakeHand) -> None:
    alone, together = Smoother(SmootherSettings()), Smoother(SmootherSettings())
    random = np.random.default_rng(6)
    for number in range(10):
        stamp_ns = number * 33 * MS
        one = make_hand().moved(random.normal(0.0, 0.01, 3))
        other = make_hand((0.2, 0.0, 0.7), track_id=2).moved(random.normal(0.0, 0.01, 3))
        together.smooth(other, stamp_ns)
        np.testing.assert_array_equal(
            together.smooth(one, stamp_ns).joints_m, alone.smooth(one, stamp_ns).joints_m
        )


def test_a_disabled_smoother_hands_back_the_very_hand(make_hand: MakeHand) -> None:
    smoother = Smoother(SmootherSettings(enabled=False))
    for number in range(3):
        hand = make_hand((0.01 * number, 0.0, 0.5))
        assert smoother.smooth(hand, number * 33 * MS) is hand


def test_the_hand_given_is_not_changed(make_hand: MakeHand) -> None:
    smoother = Smoother(SmootherSettings())
    hands = [make_hand((0.01 * number, 0.0, 0.5)) for number in range(3)]
    before = [(hand.joints_m.copy(), hand.pose_rad.copy()) for hand in hands]
    results = [smoother.smooth(hand, number * 33 * MS) for number, hand in enumerate(hands)]
    for hand, (joints_m, pose_rad) in zip(hands, before, strict=True):
        np.testing.assert_array_equal(hand.joints_m, joints_m)
        np.testing.assert_array_equal(hand.pose_rad, pose_rad)
    for first, second in pairwise(results):
        assert not np.shares_memory(first.joints_m, second.joints_m)
