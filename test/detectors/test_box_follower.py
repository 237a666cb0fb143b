"""A hand the detector misses for a moment is followed in depth, and only while it is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide
from hand_object_recon.detectors.box_follower import BoxFollower

CAMERA = CameraIntrinsics(320, 240, 300.0, 300.0, 159.5, 119.5)
HAND_DEPTH_M = 0.5
WALL_DEPTH_M = 0.9
MAX_FRAMES = 5
SCORE = 0.9

WRIST = (0.0, 34.0)
KNUCKLES = ((-20.0, 10.0), (-13.0, -8.0), (-3.0, -11.0), (7.0, -8.0), (15.0, -3.0))
TIPS = ((-38.0, -8.0), (-18.0, -44.0), (-4.0, -50.0), (11.0, -45.0), (25.0, -32.0))


@dataclass(frozen=True)
class DrawnHand:
    """A spread hand, 63 by 84 pixels at scale 1, around (x, y)."""

    x: float
    y: float
    depth_m: float = HAND_DEPTH_M
    scale: float = 1.0

    def keypoints_px(self) -> NDArray[np.float32]:
        """(21, 2): the wrist, then four points on each finger."""
        rows = [WRIST]
        for knuckle, tip in zip(KNUCKLES, TIPS, strict=True):
            rows += [
                tuple(np.add(knuckle, t * np.subtract(tip, knuckle))) for t in (0, 0.4, 0.7, 1)
            ]
        return np.float32((self.x, self.y) + self.scale * np.array(rows))

    def paint(self, depth_m: NDArray[np.float32]) -> None:
        """Into an image, five fingers and a palm, slightly tilted."""
        mask = np.zeros(depth_m.shape, np.uint8)
        keypoints = [(round(float(x)), round(float(y))) for x, y in self.keypoints_px()]
        width = max(1, round(9 * self.scale))
        palm = np.array([keypoints[index] for index in (0, 1, 5, 9, 13, 17)], np.int32)
        cv2.fillConvexPoly(mask, cv2.convexHull(palm), 1)
        for knuckle in range(1, 21, 4):
            cv2.line(mask, keypoints[knuckle], keypoints[knuckle + 3], 1, width)
        rows, columns = np.nonzero(mask)
        depth_m[rows, columns] = self.depth_m + 2e-4 * (rows - self.y)

    def detected(self, side: HandSide = HandSide.RIGHT, score: float = SCORE) -> HandDetection:
        keypoints = self.keypoints_px()
        relative = np.zeros((21, 3), np.float32)
        return HandDetection(side, score, BoundingBox.around(keypoints, 0.1), keypoints, relative)


def image_of(hands: Sequence[DrawnHand], wall_m: float = WALL_DEPTH_M) -> RgbdFrame:
    depth_m = np.full((CAMERA.height, CAMERA.width), wall_m, np.float32)
    for hand in hands:
        hand.paint(depth_m)
    rgb = np.zeros((*depth_m.shape, 3), np.uint8)
    return RgbdFrame(rgb, depth_m, CAMERA, stamp_ns=0, frame_id="camera")


def seen(*hands: DrawnHand, max_frames: int = MAX_FRAMES) -> BoxFollower:
    """A follower that has just been shown these hands, detected."""
    follower = BoxFollower(max_frames)
    detections = [hand.detected() for hand in hands]
    assert follower.complete(image_of(hands), detections) == detections
    return follower


def distance_px(detection: HandDetection, hand: DrawnHand) -> float:
    """Between the middle of a box and that of the box the hand would have been detected in."""
    return float(np.hypot(*np.subtract(detection.box.center, hand.detected().box.center)))


@pytest.mark.parametrize("wall_m", [WALL_DEPTH_M, np.nan])
@pytest.mark.parametrize("step_px", [(0.0, 0.0), (22.0, 0.0), (-15.0, 6.0), (0.0, -7.0)])
def test_a_moving_hand_is_followed_within_three_pixels(
    step_px: tuple[float, float], wall_m: float
) -> None:
    follower = BoxFollower(MAX_FRAMES)
    hand = DrawnHand(150.0, 120.0)
    follower.complete(image_of([hand], wall_m), [hand.detected()])
    for number in range(1, MAX_FRAMES + 1):
        hand = DrawnHand(150.0 + number * step_px[0], 120.0 + number * step_px[1])
        [followed] = follower.complete(image_of([hand], wall_m), [])
        assert distance_px(followed, hand) < 3.0


def test_a_hand_coming_closer_is_followed_frame_by_frame() -> None:
    follower = seen(DrawnHand(150.0, 120.0))
    for number in range(1, MAX_FRAMES + 1):  # 0.15 m in all, more than one frame's reach
        hand = DrawnHand(150.0, 120.0, depth_m=HAND_DEPTH_M - 0.03 * number)
        [followed] = follower.complete(image_of([hand]), [])
        assert distance_px(followed, hand) < 3.0


def test_a_followed_hand_says_so_and_carries_no_keypoints() -> None:
    hand = DrawnHand(150.0, 120.0)
    follower = BoxFollower(MAX_FRAMES)
    follower.complete(image_of([hand]), [hand.detected(HandSide.LEFT)])
    for number in range(1, MAX_FRAMES + 1):
        [followed] = follower.complete(image_of([hand]), [])
        assert followed.is_followed
        assert followed.keypoints_px is None
        assert followed.relative_keypoints_m is None
        assert followed.side is HandSide.LEFT
        assert followed.score == pytest.approx(SCORE * 0.8**number)
        assert followed.box.width == pytest.approx(hand.detected().box.width)
        assert followed.box.height == pytest.approx(hand.detected().box.height)


@pytest.mark.parametrize("max_frames", [0, 1, 3])
def test_a_hand_is_followed_for_so_many_frames_and_no_longer(max_frames: int) -> None:
    hand = DrawnHand(150.0, 120.0)
    follower = seen(hand, max_frames=max_frames)
    counts = [len(follower.complete(image_of([hand]), [])) for _ in range(max_frames + 3)]
    assert counts == [1] * max_frames + [0] * 3


def test_detecting_the_hand_again_starts_the_count_anew() -> None:
    hand = DrawnHand(150.0, 120.0)
    follower = seen(hand, max_frames=2)
    counts = []
    for detected in (False, False, True, False, False, False):
        found = follower.complete(image_of([hand]), [hand.detected()] if detected else [])
        counts.append([one.is_followed for one in found])
    assert counts == [[True], [True], [False], [True], [True], []]


@pytest.mark.parametrize(
    ("what_is_left", "wall_m"),
    [
        pytest.param([], WALL_DEPTH_M, id="only-the-wall"),
        pytest.param([], np.nan, id="no-reading-at-all"),
        pytest.param([DrawnHand(150.0, 120.0, scale=0.4)], WALL_DEPTH_M, id="a-much-smaller-one"),
        pytest.param([DrawnHand(150.0, 120.0, depth_m=0.7)], WALL_DEPTH_M, id="one-farther-off"),
        pytest.param([DrawnHand(280.0, 120.0)], WALL_DEPTH_M, id="one-elsewhere"),
    ],
)
def test_a_hand_that_is_gone_is_not_followed(what_is_left: list[DrawnHand], wall_m: float) -> None:
    hand = DrawnHand(150.0, 120.0)
    follower = seen(hand)
    assert follower.complete(image_of(what_is_left, wall_m), []) == []
    assert follower.complete(image_of([hand]), []) == [], "a hand given up came back to life"


def test_a_hand_that_shrinks_bit_by_bit_is_given_up() -> None:
    follower = seen(DrawnHand(150.0, 120.0), max_frames=100)
    counts = [
        len(follower.complete(image_of([DrawnHand(150.0, 120.0, scale=scale)]), []))
        for scale in np.arange(0.95, 0.35, -0.05)
    ]
    assert counts[:2] == [1, 1]
    assert counts[-1] == 0


def test_a_hand_leaving_the_image_is_given_up() -> None:
    follower = seen(DrawnHand(290.0, 120.0), max_frames=100)
    counts = []
    for number in range(1, 20):
        hand = DrawnHand(290.0 + 8.0 * number, 120.0)
        counts.append(len(follower.complete(image_of([hand]), [])))
    assert counts[0] == 1
    assert counts[-8:] == [0] * 8


def test_of_two_hands_only_the_missed_one_is_followed_and_comes_last() -> None:
    missed, found = DrawnHand(80.0, 120.0), DrawnHand(230.0, 120.0)
    follower = seen(missed, found)
    moved = DrawnHand(88.0, 116.0)
    first, second = follower.complete(image_of([moved, found]), [found.detected()])
    assert (first.is_followed, second.is_followed) == (False, True)
    assert distance_px(second, moved) < 3.0


def test_two_missed_hands_are_both_followed() -> None:
    follower = seen(DrawnHand(80.0, 120.0), DrawnHand(230.0, 120.0))
    for number in range(1, 4):
        hands = [DrawnHand(80.0 + 6 * number, 120.0), DrawnHand(230.0, 120.0 - 6 * number)]
        followed = follower.complete(image_of(hands), [])
        assert all(distance_px(one, hand) < 3.0 for one, hand in zip(followed, hands, strict=True))


def test_a_missed_hand_behind_a_detected_one_is_not_followed_onto_it() -> None:
    behind, front = DrawnHand(100.0, 120.0, depth_m=0.54), DrawnHand(190.0, 120.0)
    follower = seen(behind, front)
    for number in range(1, 6):
        front = DrawnHand(190.0 - 18.0 * number, 120.0)
        found = follower.complete(image_of([behind, front]), [front.detected()])
        boxes = [one.box for one in found]
        overlaps = [boxes[0].intersection_over_union(box) for box in boxes[1:]]
        assert all(overlap < 0.5 for overlap in overlaps)
    assert [one.is_followed for one in found] == [False]


def test_two_missed_hands_that_meet_are_not_followed_as_two_boxes_on_one_hand() -> None:
    follower = seen(DrawnHand(110.0, 120.0, depth_m=0.52), DrawnHand(180.0, 120.0))
    for number in range(1, 5):
        hands = [
            DrawnHand(110.0 + 9.0 * number, 120.0, 0.52),
            DrawnHand(180.0 - 9.0 * number, 120.0),
        ]
        boxes = [one.box for one in follower.complete(image_of(hands), [])]
        assert len(boxes) < 2 or boxes[0].intersection_over_union(boxes[1]) <= 0.5
    assert len(boxes) == 1


def test_a_hand_detected_again_is_there_once() -> None:
    follower = seen(DrawnHand(150.0, 120.0))
    follower.complete(image_of([DrawnHand(158.0, 120.0)]), [])
    hand = DrawnHand(175.0, 110.0)
    detection = hand.detected()
    assert follower.complete(image_of([hand]), [detection]) == [detection]
    [followed] = follower.complete(image_of([hand]), [])
    assert followed.score == pytest.approx(0.8 * SCORE), "the old memory was followed"


def test_a_reset_follower_follows_nothing() -> None:
    hand = DrawnHand(150.0, 120.0)
    follower = seen(hand)
    follower.reset()
    assert follower.complete(image_of([hand]), []) == []


def test_a_hand_whose_depth_was_never_measured_is_not_followed() -> None:
    hand = DrawnHand(150.0, 120.0)
    follower = BoxFollower(MAX_FRAMES)
    without_depth = image_of([], wall_m=np.nan)
    assert len(follower.complete(without_depth, [hand.detected()])) == 1
    assert follower.complete(image_of([hand]), []) == []
    assert follower.complete(without_depth, []) == []


def test_a_hand_with_only_a_few_readings_is_not_followed() -> None:
    hand = DrawnHand(150.0, 120.0)
    frame = image_of([hand], wall_m=np.nan)
    sparse = np.full_like(frame.depth_m, np.nan)
    sparse[::12, ::12] = frame.depth_m[::12, ::12]
    thin = RgbdFrame(frame.rgb, sparse, CAMERA, 0, "camera")
    assert 0 < np.isfinite(sparse).sum() < 80
    follower = BoxFollower(MAX_FRAMES)
    follower.complete(thin, [hand.detected()])
    assert follower.complete(image_of([hand]), []) == []


def test_a_detection_without_keypoints_is_passed_on_but_not_followed() -> None:
    hand = DrawnHand(150.0, 120.0)
    detection = HandDetection(HandSide.RIGHT, SCORE, hand.detected().box)
    follower = BoxFollower(MAX_FRAMES)
    assert follower.complete(image_of([hand]), [detection]) == [detection]
    assert follower.complete(image_of([hand]), []) == []


def test_keypoints_beyond_the_image_do_no_harm() -> None:
    hand = DrawnHand(310.0, 20.0)
    assert (hand.keypoints_px() > CAMERA.width - 1).any()
    follower = seen(hand)
    [followed] = follower.complete(image_of([hand]), [])
    assert distance_px(followed, hand) < 3.0
