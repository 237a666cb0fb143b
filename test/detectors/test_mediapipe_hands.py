"""MediaPipe finds hands with the person's own sides, in this program's pixels and metres."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide
from hand_object_recon.core.keypoints import MIDDLE_MCP, WRIST
from hand_object_recon.detectors.mediapipe_hands import MediapipeHandsDetector, without_repeats
from hand_object_recon.geometry.projection import project
from hand_object_recon.recordings.reader import RgbdRecording
from hand_object_recon.synthesis.demo_scene import DemoScene, SyntheticFrame
from hand_object_recon.synthesis.still_views import StillView, StillViews

pytest.importorskip("mediapipe", reason="MediaPipe is not installed")

MEDIAN_PX = 10.0  # of a rendered hand's keypoints; MediaPipe puts them elsewhere than the model
FARTHEST_PX = 25.0


@pytest.fixture(scope="module")
def shared_detector() -> Iterator[MediapipeHandsDetector]:
    detector = MediapipeHandsDetector(PipelineConfig())
    yield detector
    detector.close()


@pytest.fixture
def detector(shared_detector: MediapipeHandsDetector) -> MediapipeHandsDetector:
    shared_detector.reset()
    return shared_detector


@pytest.fixture(scope="module")
def scene() -> list[SyntheticFrame]:
    return list(DemoScene(4, seed=1).frames())


@pytest.fixture(scope="module")
def views() -> list[StillView]:
    """Two right and two left hands."""
    source = StillViews(seed=0)
    return [source.take() for _ in range(4)]


def frame_of(rgb: NDArray[np.uint8], depth_m: NDArray[np.float32] | None = None) -> RgbdFrame:
    height, width = rgb.shape[:2]
    camera = CameraIntrinsics(width, height, 600.0, 600.0, width / 2, height / 2)
    if depth_m is None:
        depth_m = np.full((height, width), np.nan, np.float32)
    return RgbdFrame(rgb, depth_m, camera, stamp_ns=0, frame_id="camera")


def mirrored(frame: RgbdFrame) -> RgbdFrame:
    return frame_of(np.ascontiguousarray(frame.rgb[:, ::-1]))


def keypoint_errors_px(detection: HandDetection, joints_m: Any, frame: RgbdFrame) -> Any:
    assert detection.keypoints_px is not None
    return np.linalg.norm(detection.keypoints_px - project(joints_m, frame.camera), axis=1)


def test_a_rendered_right_hand_is_found_where_it_is(
    detector: MediapipeHandsDetector, scene: list[SyntheticFrame]
) -> None:
    for synthetic in scene:
        [hand] = synthetic.hands
        [detection] = detector.detect(synthetic.frame)
        assert detection.side is HandSide.RIGHT
        assert not detection.is_followed
        assert detection.score > 0.7
        errors = keypoint_errors_px(detection, hand.posed.joints_m, synthetic.frame)
        assert np.median(errors) < MEDIAN_PX
        assert errors.max() < FARTHEST_PX


def test_palms_and_backs_of_both_hands_are_told_apart(
    detector: MediapipeHandsDetector, views: list[StillView]
) -> None:
    assert {view.side for view in views} == set(HandSide)
    for view in views:
        detector.reset()
        [detection] = detector.detect(view.frame)
        assert detection.side is view.side
        errors = keypoint_errors_px(detection, view.hand.keypoints_m, view.frame)
        assert np.median(errors) < MEDIAN_PX


def test_two_hands_in_one_image_are_two_detections(
    detector: MediapipeHandsDetector, scene: list[SyntheticFrame]
) -> None:
    frame = scene[0].frame
    pair = np.concatenate([frame.rgb, frame.rgb[:, ::-1]], axis=1)
    found = detector.detect(frame_of(pair))
    column = {one.side: one.box.center[0] for one in found}
    assert len(found) == 2
    assert column[HandSide.RIGHT] < frame.camera.width < column[HandSide.LEFT]
    assert found[0].score >= found[1].score


def test_beside_a_hand_that_is_followed_another_is_found_in_the_same_frame_each_time(
    scene: list[SyntheticFrame],
) -> None:
    image = scene[0].frame.rgb
    one = np.concatenate([image, np.zeros_like(image)], axis=1)
    two = np.concatenate([image, image[:, ::-1]], axis=1)
    settings: dict[str, Any] = {"mediapipe_hands": {"search_interval_frames": 4}}
    detector = MediapipeHandsDetector(PipelineConfig.model_validate(settings))
    try:
        counts = [hand_counts(detector, [one] * 6 + [two] * 8) for _ in range(2)]
    finally:
        detector.close()
    assert counts[0] == counts[1]
    assert counts[0][:6] == [1] * 6
    assert 2 in counts[0][6:13]
    assert counts[0][-1] == 2


def hand_counts(detector: MediapipeHandsDetector, images: list[NDArray[np.uint8]]) -> list[int]:
    detector.reset()
    return [len(detector.detect(frame_of(image))) for image in images]


def test_a_mirror_image_of_a_right_hand_is_a_left_one(
    detector: MediapipeHandsDetector, scene: list[SyntheticFrame]
) -> None:
    [detection] = detector.detect(mirrored(scene[0].frame))
    assert detection.side is HandSide.LEFT


def test_the_mirrored_input_setting_swaps_sides_and_nothing_else(
    detector: MediapipeHandsDetector, scene: list[SyntheticFrame]
) -> None:
    settings: dict[str, Any] = {"mediapipe_hands": {"mirrored_input": True}}
    selfie = MediapipeHandsDetector(PipelineConfig.model_validate(settings))
    try:
        [swapped] = selfie.detect(scene[0].frame)
        selfie.reset()
        [true_side] = selfie.detect(mirrored(scene[0].frame))
    finally:
        selfie.close()
    [plain] = detector.detect(scene[0].frame)
    assert (plain.side, swapped.side) == (HandSide.RIGHT, HandSide.LEFT)
    assert true_side.side is HandSide.RIGHT
    np.testing.assert_allclose(swapped.keypoints_px, plain.keypoints_px, atol=0.5)


def test_the_box_holds_every_keypoint_with_a_margin(
    detector: MediapipeHandsDetector, scene: list[SyntheticFrame]
) -> None:
    [detection] = detector.detect(scene[0].frame)
    assert detection.keypoints_px is not None
    low, high = detection.keypoints_px.min(axis=0), detection.keypoints_px.max(axis=0)
    margin = 0.1 * (high - low).max() + 0.5
    box = detection.box
    np.testing.assert_allclose([box.x_min, box.y_min], low - margin, atol=1e-3)
    np.testing.assert_allclose([box.x_max, box.y_max], high + margin, atol=1e-3)


def test_relative_keypoints_are_metres_in_camera_axes(
    detector: MediapipeHandsDetector, views: list[StillView]
) -> None:
    for view in views:
        detector.reset()
        [detection] = detector.detect(view.frame)
        assert detection.relative_keypoints_m is not None
        relative = detection.relative_keypoints_m - detection.relative_keypoints_m[WRIST]
        truth = view.hand.keypoints_m - view.hand.keypoints_m[WRIST]
        palm_m, true_palm_m = (np.linalg.norm(hand[MIDDLE_MCP]) for hand in (relative, truth))
        assert 0.7 < palm_m / true_palm_m < 1.4
        away_m = np.linalg.norm(relative - truth, axis=1)
        assert np.median(away_m) < 0.05
        upside_down_m = np.linalg.norm(relative * (1, -1, 1) - truth, axis=1)
        assert np.median(upside_down_m) > 0.08, "the check cannot tell camera axes from others"


def test_an_image_without_a_hand_has_no_detection(detector: MediapipeHandsDetector) -> None:
    random = np.random.default_rng(3)
    noise = random.normal(128.0, 12.0, (480, 640, 3)).astype(np.uint8)
    assert detector.detect(frame_of(noise)) == []
    assert detector.detect(frame_of(np.zeros_like(noise))) == []


def test_an_image_that_is_not_contiguous_in_memory_is_read_all_the_same(
    detector: MediapipeHandsDetector, scene: list[SyntheticFrame]
) -> None:
    frame = scene[0].frame
    [plain] = detector.detect(frame)
    detector.reset()
    bgr = np.ascontiguousarray(frame.rgb[..., ::-1])
    [strided] = detector.detect(frame_of(bgr[..., ::-1]))
    np.testing.assert_allclose(strided.keypoints_px, plain.keypoints_px, atol=0.5)


def test_a_hand_hidden_in_the_colour_image_is_followed_in_depth(
    detector: MediapipeHandsDetector, scene: list[SyntheticFrame]
) -> None:
    [seen] = detector.detect(scene[0].frame)
    hidden = frame_of(np.zeros_like(scene[1].frame.rgb), scene[1].frame.depth_m)
    [followed] = detector.detect(hidden)
    assert followed.is_followed
    assert np.hypot(*np.subtract(followed.box.center, seen.box.center)) < 5.0


def test_after_a_reset_a_frame_looks_as_to_a_new_detector(
    detector: MediapipeHandsDetector, scene: list[SyntheticFrame]
) -> None:
    [first] = detector.detect(scene[0].frame)
    for synthetic in scene[1:]:
        detector.detect(synthetic.frame)
    detector.reset()
    nothing = frame_of(np.zeros_like(scene[0].frame.rgb), scene[0].frame.depth_m)
    assert detector.detect(nothing) == [], "a hand of before the reset was followed"
    detector.reset()
    [again] = detector.detect(scene[0].frame)
    np.testing.assert_allclose(again.keypoints_px, first.keypoints_px, atol=0.5)
    assert again.score == pytest.approx(first.score, abs=0.02)


def test_the_hand_of_a_real_recording_is_found_in_every_frame(
    detector: MediapipeHandsDetector, reference_data: Path
) -> None:
    truth = np.load(reference_data / "data/real_hand/ground_truth.npz")["joints"]
    errors = []
    with RgbdRecording(reference_data / "data/real_hand/recording") as recording:
        for number, frame in zip(range(12), recording.frames(), strict=False):
            assert isinstance(frame, RgbdFrame)
            [detection] = detector.detect(frame)
            assert detection.side is HandSide.RIGHT
            assert not detection.is_followed
            errors.append(np.median(keypoint_errors_px(detection, truth[number], frame)))
    assert len(errors) == 12
    assert max(errors) < MEDIAN_PX


def hand_at(x: float, score: float, *, has_keypoints: bool = True) -> HandDetection:
    """A 90-pixel hand whose leftmost keypoint is at ``x``."""
    keypoints = np.random.default_rng(4).uniform((x, 100.0), (x + 90.0, 190.0), (21, 2))
    box = BoundingBox(x, 100.0, x + 90.0, 190.0)
    return HandDetection(
        HandSide.RIGHT, score, box, np.float32(keypoints) if has_keypoints else None
    )


@pytest.mark.parametrize("has_keypoints", [True, False])
def test_of_two_detections_of_one_hand_the_surer_stays(has_keypoints: bool) -> None:
    unsure = hand_at(100.0, 0.6, has_keypoints=has_keypoints)
    sure = hand_at(108.0, 0.9, has_keypoints=has_keypoints)
    assert without_repeats([unsure, sure]) == [sure]
    assert without_repeats([sure, unsure]) == [sure]


@pytest.mark.parametrize("has_keypoints", [True, False])
def test_two_hands_side_by_side_both_stay_the_surer_first(has_keypoints: bool) -> None:
    unsure = hand_at(100.0, 0.6, has_keypoints=has_keypoints)
    sure = hand_at(160.0, 0.9, has_keypoints=has_keypoints)
    assert without_repeats([unsure, sure]) == [sure, unsure]


def test_two_hands_with_interlaced_fingers_both_stay() -> None:
    one = hand_at(100.0, 0.9)
    assert one.keypoints_px is not None
    turned = 2 * one.keypoints_px.mean(axis=0) - one.keypoints_px
    other = HandDetection(HandSide.LEFT, 0.8, one.box, turned)
    assert without_repeats([one, other]) == [one, other]
