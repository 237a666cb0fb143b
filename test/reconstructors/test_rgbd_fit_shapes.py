"""Which hands share what was learned of their shape."""

from __future__ import annotations

import numpy as np

from hand_object_recon.core.hands import HandSide
from hand_object_recon.reconstructors.rgbd_fit.fitter import ShapeBelief
from hand_object_recon.reconstructors.rgbd_fit.hand_shape import PersonShapes, ShapeEstimate

LEFT, RIGHT = HandSide.LEFT, HandSide.RIGHT
FRAMES = 10


def learned(size: float, information: float = 100.0) -> ShapeEstimate:
    return ShapeEstimate(ShapeBelief(np.full(10, size), information * np.eye(10)), 3)


def test_both_hands_of_a_person_have_one_shape() -> None:
    shapes = PersonShapes()
    shapes.enter({1: RIGHT}, FRAMES)
    assert not shapes.of(1).mean.any()
    shapes.learn(1, learned(0.5))
    shapes.enter({1: RIGHT, 2: LEFT}, FRAMES)
    assert np.array_equal(shapes.of(2).mean, shapes.of(1).mean)
    assert shapes.of(2).frames_left == 3


def test_hands_of_several_persons_have_shapes_of_their_own() -> None:
    shapes = PersonShapes()
    shapes.enter({1: RIGHT}, FRAMES)
    shapes.learn(1, learned(0.5))
    shapes.enter({1: RIGHT, 2: RIGHT}, FRAMES)
    assert shapes.of(1).mean[0] == 0.5
    assert shapes.of(2).mean[0] == 0.0
    shapes.learn(2, learned(-0.7))
    assert shapes.of(1).mean[0] == 0.5


def test_when_one_person_is_left_their_shape_stays() -> None:
    shapes = PersonShapes()
    shapes.enter({1: RIGHT, 2: RIGHT}, FRAMES)
    shapes.learn(1, learned(0.5))
    shapes.learn(2, learned(-0.7))
    shapes.forget(1)
    shapes.enter({2: RIGHT}, FRAMES)
    assert shapes.of(2).mean[0] == -0.7


def test_a_hand_that_comes_back_keeps_its_shape_less_surely_and_learns_on() -> None:
    shapes = PersonShapes()
    shapes.enter({1: RIGHT}, FRAMES)
    shapes.learn(1, learned(0.5))
    shapes.forget(1)
    shapes.enter({}, FRAMES)
    shapes.enter({2: LEFT}, FRAMES)
    back = shapes.of(2)
    assert back.mean[0] == 0.5
    assert back.frames_left == FRAMES
    assert 5.0 < back.belief.information[0, 0] < 100.0


def test_whoever_comes_after_several_persons_left_is_unknown() -> None:
    shapes = PersonShapes()
    shapes.enter({1: RIGHT, 2: RIGHT}, FRAMES)
    shapes.learn(1, learned(0.5))
    shapes.forget(1)
    shapes.forget(2)
    shapes.enter({3: RIGHT}, FRAMES)
    assert not shapes.of(3).mean.any()
