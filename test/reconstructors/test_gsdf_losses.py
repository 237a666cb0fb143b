"""The terms of the loss equal what loops over joints, bones, views and points add up."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.core.keypoints import KEYPOINT_PARENTS
from hand_object_recon.reconstructors.gsdf.losses import (
    LossSource,
    ShapeRules,
    ShapeTruth,
    order_loss,
    pose_losses,
    shape_losses,
)
from hand_object_recon.reconstructors.gsdf.network import Prediction

HANDS, POINTS, VIEWS = 3, 40, 4
LARGEST = 0.05
CAMERA = np.array([0.0, 0.0, 1.0])


def joints(seed: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0.0, 0.05, (HANDS, 21, 3)))


@pytest.fixture
def views() -> Tensor:
    directions = np.random.default_rng(7).normal(size=(HANDS, VIEWS, 3))
    return torch.from_numpy(directions / np.linalg.norm(directions, axis=2, keepdims=True))


def distances(seed: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0.0, 0.05, (HANDS, POINTS)))


def centers(seed: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0.0, 0.1, (HANDS, 3)))


@pytest.fixture
def found() -> Prediction:
    return prediction(distances(0), distances(1), joints(2), centers(3))


def prediction(hand: Tensor, held: Tensor, joints_m: Tensor, centers_m: Tensor) -> Prediction:
    no_volumes = torch.zeros(len(hand), 0)
    return Prediction(hand, held, joints_m, centers_m, no_volumes, no_volumes)


@pytest.fixture
def truth() -> ShapeTruth:
    return ShapeTruth(distances(4), distances(5), centers(6))


def bones(hand: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [hand[child] - hand[parent] for child, parent in enumerate(KEYPOINT_PARENTS) if child]


def wrong(
    vector: NDArray[np.float64], true: NDArray[np.float64], view: NDArray[np.float64]
) -> float:
    along, true_along = float(vector @ view), float(true @ view)
    return abs(along) if along * true_along < 0 else 0.0


def test_the_paper_s_order_loss_adds_up_wrong_pairs_of_joints(views: Tensor) -> None:
    hands, true_hands = joints(0).numpy(), joints(1).numpy()
    sums = [
        sum(
            wrong(hand[i] - hand[j], true[i] - true[j], view) for i, j in combinations(range(21), 2)
        )
        for hand, true, own_views in zip(hands, true_hands, views.numpy(), strict=True)
        for view in own_views
    ]
    loss = order_loss(joints(0), joints(1), views, LossSource.PAPER)
    assert float(loss) == pytest.approx(np.mean(sums))


def test_the_code_s_order_loss_counts_bones_and_the_camera_s_view_too(views: Tensor) -> None:
    of_joints, of_bones = [], []
    hands, true_hands = joints(0).numpy(), joints(1).numpy()
    for hand, true, own_views in zip(hands, true_hands, views.numpy(), strict=True):
        pairs = list(zip(combinations(bones(hand), 2), combinations(bones(true), 2), strict=True))
        assert len(pairs) == 190
        for view in [CAMERA, *own_views]:
            of_joints += [
                np.log(1 + wrong(hand[i] - hand[j], true[i] - true[j], view))
                for i, j in combinations(range(21), 2)
            ]
            of_bones += [wrong(np.cross(*one), np.cross(*other), view) for one, other in pairs]
    loss = order_loss(joints(0), joints(1), views, LossSource.CODE)
    assert float(loss) == pytest.approx(np.mean(of_joints) + np.mean(of_bones))


@pytest.mark.parametrize("source", LossSource)
def test_joints_that_are_right_or_moved_as_a_whole_are_in_order(
    views: Tensor, source: LossSource
) -> None:
    assert float(order_loss(joints(0), joints(0) + 0.1, views, source)) == pytest.approx(0.0)


@pytest.mark.parametrize(("source", "divisor"), [(LossSource.PAPER, 21), (LossSource.CODE, 63)])
def test_gaps_of_joints_are_squared(views: Tensor, source: LossSource, divisor: int) -> None:
    squares = np.square(joints(0).numpy() - joints(1).numpy()).sum(axis=(1, 2)) / divisor
    losses = pose_losses(joints(0), joints(1), views, source)
    assert float(losses["joints"]) == pytest.approx(squares.mean())
    assert losses.keys() == {"joints", "order"}


@pytest.mark.parametrize(
    ("source", "weight"), [(LossSource.PAPER, 1.0), (LossSource.CODE, 0.5 / 3)]
)
def test_the_center_s_gap_is_squared_and_weighed(
    found: Prediction, truth: ShapeTruth, source: LossSource, weight: float
) -> None:
    squares = np.square(found.centers_m.numpy() - truth.centers_m.numpy()).sum(axis=1)
    losses = shape_losses(found, truth, ShapeRules(source, LARGEST, True, own_points=False))
    assert float(losses["center"]) == pytest.approx(weight * squares.mean())


@pytest.mark.parametrize("own_points", [True, False])
def test_each_body_learns_from_its_own_half_of_the_points_or_from_all(
    found: Prediction, truth: ShapeTruth, own_points: bool
) -> None:
    half = POINTS // 2
    rows = {"hand": range(half), "object": range(half, POINTS)}
    losses = shape_losses(found, truth, ShapeRules(LossSource.CODE, LARGEST, True, own_points))
    for name, chosen in rows.items():
        one, other = (getattr(part, f"{name}_distances").numpy() for part in (found, truth))
        gaps = [
            abs(max(min(one[b, p], LARGEST), -LARGEST) - max(min(other[b, p], LARGEST), -LARGEST))
            for b in range(HANDS)
            for p in (chosen if own_points else range(POINTS))
        ]
        assert float(losses[name]) == pytest.approx(0.5 * np.mean(gaps))


def test_what_is_farther_than_the_largest_distance_need_not_be_told_apart() -> None:
    far = torch.full((1, 2), 0.4)
    found = prediction(far, -far, joints(0)[:1], centers(0)[:1])
    truth = ShapeTruth(far / 2, -far / 2, centers(0)[:1])
    losses = shape_losses(
        found, truth, ShapeRules(LossSource.PAPER, LARGEST, True, own_points=False)
    )
    assert {name: float(value) for name, value in losses.items()} == {
        "hand": 0.0,
        "object": 0.0,
        "center": 0.0,
    }


def test_an_answer_far_off_on_the_wrong_side_is_learned_from_unless_answers_are_clamped() -> None:
    answers = torch.tensor([[0.4, -0.4, 0.03, 0.4]], requires_grad=True)
    true = torch.tensor([[-0.2, -0.2, 0.01, 0.02]])
    center = centers(0)[:1]
    truth = ShapeTruth(true, true, center)
    errors = {False: [0.45, 0.0, 0.02, 0.38], True: [0.1, 0.0, 0.02, 0.03]}
    slopes = {False: [1.0, 0.0, 1.0, 1.0], True: [0.0, 0.0, 1.0, 0.0]}
    for clamped, expected in errors.items():
        rules = ShapeRules(LossSource.CODE, LARGEST, clamped, own_points=False)
        found = prediction(answers, answers, joints(0)[:1], center)
        loss = shape_losses(found, truth, rules)["hand"]
        assert loss.item() == pytest.approx(0.5 * np.mean(expected))
        (slope,) = torch.autograd.grad(loss, answers)
        np.testing.assert_allclose(slope[0], 0.125 * np.array(slopes[clamped]))
