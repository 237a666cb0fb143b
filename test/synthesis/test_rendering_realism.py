"""The measure of realism counts and measures what a detector says."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide
from hand_object_recon.synthesis.rendering.realism import RenderedHand, measure, rendered_hands


class EchoDetector:
    """Finds the hand it was told of, 5 px off, and misses every third."""

    def __init__(self, hands: list[RenderedHand]) -> None:
        self._hands = hands
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1

    def detect(self, frame: RgbdFrame) -> list[HandDetection]:
        if self.resets % 3 == 0:
            return []
        hand = next(hand for hand in self._hands if hand.frame is frame)
        landmarks = (hand.keypoints_px + np.array([3.0, 4.0])).astype(np.float32)
        return [HandDetection(HandSide.RIGHT, 1.0, BoundingBox.around(landmarks), landmarks)]


@pytest.fixture(scope="module")
def hands() -> list[RenderedHand]:
    supply: Iterator[RenderedHand] = rendered_hands(seed=1)
    return [next(supply) for _ in range(6)]


@pytest.mark.slow
def test_hands_lie_in_the_picture_and_sides_take_turns(hands: list[RenderedHand]) -> None:
    assert [hand.side for hand in hands] == [HandSide.RIGHT, HandSide.LEFT] * 3
    for hand in hands:
        assert hand.frame.rgb.shape == (480, 640, 3)
        assert (hand.keypoints_px > 0).all()
        assert (hand.keypoints_px < [640, 480]).all()


def test_found_hands_sides_and_errors_are_counted(hands: list[RenderedHand]) -> None:
    realism = measure(EchoDetector(hands), iter(hands), count=6)
    assert (realism.rendered, len(realism.views)) == (6, 4)
    assert realism.right_side == 2
    np.testing.assert_allclose(realism.keypoint_errors_px(), 5.0, atol=1e-2)
    assert realism.landmark_errors_px().mean() < 5.0
    assert "4 found (66.7%)" in realism.report()


def test_a_detection_of_something_else_is_no_hand_found(hands: list[RenderedHand]) -> None:
    moved = [dataclasses.replace(hand, keypoints_m=hand.keypoints_m + 0.2) for hand in hands]
    assert measure(EchoDetector(hands), iter(moved), count=2).views == ()
