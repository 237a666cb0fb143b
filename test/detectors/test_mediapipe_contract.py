"""What this program makes of MediaPipe's answers, told with a stand-in for its library."""

from __future__ import annotations

import sys
import threading
import time
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import DependencyError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.detectors.mediapipe_hands import MediapipeHandsDetector

HANDS_MODULE = "mediapipe.python.solutions.hands"
WIDTH, HEIGHT = 200, 100


class StandIn:
    """Answers the image of each number with that of ``answers``: (21, 3) image points, label,
    score. ``seen`` are the numbers of the images it was given."""

    answers: ClassVar[list[list[tuple[Any, str, float]]]] = []
    made: ClassVar[list[StandIn]] = []

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.is_closed = False
        self.seen: list[int] = []
        StandIn.made.append(self)

    def process(self, rgb: Any) -> Any:
        number = int(rgb[0, 0, 0])
        self.seen.append(number)
        hands = StandIn.answers[number][: self.settings["max_num_hands"]]
        return SimpleNamespace(
            multi_hand_landmarks=[_landmarks(points) for points, _, _ in hands] or None,
            multi_hand_world_landmarks=[_landmarks(points * 0.1) for points, _, _ in hands] or None,
            multi_handedness=[
                SimpleNamespace(classification=[SimpleNamespace(label=label, score=score)])
                for _, label, score in hands
            ]
            or None,
        )

    def close(self) -> None:
        self.is_closed = True


def _landmarks(points: Any) -> Any:
    return SimpleNamespace(landmark=[SimpleNamespace(x=x, y=y, z=z) for x, y, z in points.tolist()])


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> type[StandIn]:
    module = ModuleType(HANDS_MODULE)
    module.Hands = StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, HANDS_MODULE, module)
    monkeypatch.setattr(StandIn, "answers", [])
    monkeypatch.setattr(StandIn, "made", [])
    return StandIn


def a_frame(number: int = 0) -> RgbdFrame:
    camera = CameraIntrinsics(WIDTH, HEIGHT, 100.0, 100.0, 99.5, 49.5)
    depth = np.full((HEIGHT, WIDTH), 0.5, np.float32)
    return RgbdFrame(np.full((HEIGHT, WIDTH, 3), number, np.uint8), depth, camera, 0, "camera")


def points_around(x: float, y: float) -> Any:
    """(21, 3) in MediaPipe's unit square, within 0.1 of (x, y)."""
    spread = np.random.default_rng(5).uniform(-0.1, 0.1, (21, 3))
    return spread + np.array([x, y, 0.0])


def configured(**settings: Any) -> PipelineConfig:
    return PipelineConfig.model_validate(settings)


def test_a_missing_mediapipe_is_an_error_that_names_the_fix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, HANDS_MODULE, None)
    with pytest.raises(
        DependencyError, match=r"mediapipe_hands.*pip install .*mediapipe=="
    ) as info:
        MediapipeHandsDetector(PipelineConfig())
    assert "another detector" in str(info.value)


def test_the_unit_square_spans_the_image_and_pixel_zero_is_a_pixels_centre(
    stand_in: type[StandIn],
) -> None:
    points = points_around(0.5, 0.5)
    points[0], points[1] = (0.25, 0.25, 0.0), (0.75, 0.5, 0.0)
    stand_in.answers.append([(points, "Left", 0.9)])
    [detection] = MediapipeHandsDetector(PipelineConfig()).detect(a_frame())
    assert detection.keypoints_px is not None
    # A quarter of 200 columns ends where column 49 ends, half a pixel beyond its centre.
    np.testing.assert_allclose(detection.keypoints_px[:2], [(49.5, 24.5), (149.5, 49.5)])
    np.testing.assert_allclose(detection.relative_keypoints_m, points * 0.1, rtol=1e-6)


@pytest.mark.parametrize(
    ("label", "is_mirrored", "side"),
    [
        ("Left", False, HandSide.RIGHT),
        ("Right", False, HandSide.LEFT),
        ("Left", True, HandSide.LEFT),
        ("Right", True, HandSide.RIGHT),
    ],
)
def test_mediapipes_selfie_side_is_turned_into_the_persons_own(
    stand_in: type[StandIn], label: str, is_mirrored: bool, side: HandSide
) -> None:
    stand_in.answers.append([(points_around(0.5, 0.5), label, 0.9)])
    config = configured(mediapipe_hands={"mirrored_input": is_mirrored})
    [detection] = MediapipeHandsDetector(config).detect(a_frame())
    assert detection.side is side


def test_a_certainty_a_rounding_error_above_one_is_one(stand_in: type[StandIn]) -> None:
    stand_in.answers.append([(points_around(0.5, 0.5), "Left", 1.0000001)])
    [detection] = MediapipeHandsDetector(PipelineConfig()).detect(a_frame())
    assert detection.score == 1.0


def test_a_hand_reported_twice_is_one_detection(stand_in: type[StandIn]) -> None:
    points = points_around(0.3, 0.5)
    other = points_around(0.8, 0.5)
    stand_in.answers.append(
        [(points, "Right", 0.6), (other, "Left", 0.8), (points + 0.01, "Left", 0.9)]
    )
    detector = MediapipeHandsDetector(configured(tracker={"max_hands": 3}))
    assert [one.score for one in detector.detect(a_frame())] == [0.9, 0.8]


def test_a_missed_hand_is_followed_for_as_many_frames_as_configured(
    stand_in: type[StandIn],
) -> None:
    stand_in.answers += [[(points_around(0.5, 0.5), "Left", 0.9)], [], [], [], []]
    detector = MediapipeHandsDetector(configured(mediapipe_hands={"follow_frames": 2}))
    found = [detector.detect(a_frame(number)) for number in range(5)]
    followed = [[one.is_followed for one in frame] for frame in found]
    assert followed == [[False], [True], [True], [], []]


def test_a_reset_starts_new_graphs_closes_the_old_ones_and_forgets_missed_hands(
    stand_in: type[StandIn],
) -> None:
    stand_in.answers += [[(points_around(0.5, 0.5), "Left", 0.9)], []]
    detector = MediapipeHandsDetector(PipelineConfig())
    old = list(stand_in.made)
    detector.detect(a_frame())
    detector.reset()
    new = [graph for graph in stand_in.made if graph not in old]
    assert detector.detect(a_frame(1)) == []
    assert len(new) == len(old)
    assert all(graph.is_closed and len(graph.seen) <= 1 for graph in old)
    assert not any(graph.is_closed for graph in new)
    detector.close()
    assert all(graph.is_closed for graph in new)


def test_the_settings_reach_mediapipe(stand_in: type[StandIn]) -> None:
    MediapipeHandsDetector(
        configured(
            tracker={"max_hands": 3},
            mediapipe_hands={
                "model_complexity": 0,
                "min_detection_confidence": 0.3,
                "min_tracking_confidence": 0.7,
            },
        )
    )
    assert {graph.settings["max_num_hands"] for graph in stand_in.made} == {1, 3}
    for graph in stand_in.made:
        assert {key: value for key, value in graph.settings.items() if key != "max_num_hands"} == {
            "static_image_mode": False,
            "model_complexity": 0,
            "min_detection_confidence": 0.3,
            "min_tracking_confidence": 0.7,
        }


RIGHT_HAND = (points_around(0.2, 0.5), "Left", 0.9)
LEFT_HAND = (points_around(0.8, 0.5), "Right", 0.9)


@pytest.mark.parametrize(
    ("answers", "interval", "is_searched"),
    [
        pytest.param([[RIGHT_HAND]] * 8, 3, "x..x..x.", id="one-hand"),
        pytest.param([[RIGHT_HAND]] * 4, 1, "xxxx", id="one-hand-searching-always"),
        pytest.param([[RIGHT_HAND, LEFT_HAND]] * 4, 3, "xxxx", id="two-hands"),
        pytest.param([[]] * 4, 3, "xxxx", id="no-hand"),
        pytest.param(
            [[RIGHT_HAND, LEFT_HAND], [RIGHT_HAND], [RIGHT_HAND, LEFT_HAND], [LEFT_HAND]],
            3,
            "xxxx",
            id="a-missed-hand-is-searched-at-once",
        ),
    ],
)
def test_another_hand_is_searched_when_due_and_whenever_one_is_missed(
    stand_in: type[StandIn], answers: list[Any], interval: int, is_searched: str
) -> None:
    stand_in.answers += answers
    detector = MediapipeHandsDetector(
        configured(mediapipe_hands={"search_interval_frames": interval})
    )
    [search] = [graph for graph in stand_in.made if graph.settings["max_num_hands"] == 2]
    for number in range(len(answers)):
        detector.detect(a_frame(number))
    detector.close()
    searched = "".join("x" if number in search.seen else "." for number in range(len(answers)))
    assert searched == is_searched


@pytest.mark.parametrize("joins_at", range(2, 8))
def test_a_hand_that_joins_another_is_found_two_frames_after_the_next_search(
    stand_in: type[StandIn], joins_at: int
) -> None:
    """It is searched beside frames 4, 8, 12 and so on; what was found is looked at two later."""
    stand_in.answers += [[RIGHT_HAND]] * joins_at + [[RIGHT_HAND, LEFT_HAND]] * 8
    detector = MediapipeHandsDetector(configured(mediapipe_hands={"search_interval_frames": 4}))
    counts = [len(detector.detect(a_frame(number))) for number in range(joins_at + 8)]
    found_at = 6 if joins_at <= 4 else 10
    assert counts == [1] * found_at + [2] * (joins_at + 8 - found_at)


def test_a_search_that_takes_long_is_waited_for(
    stand_in: type[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = stand_in.process

    def slow_search(graph: StandIn, rgb: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.05)
        return plain(graph, rgb)

    monkeypatch.setattr(stand_in, "process", slow_search)
    stand_in.answers += [[RIGHT_HAND]] * 3 + [[RIGHT_HAND, LEFT_HAND]] * 5
    detector = MediapipeHandsDetector(configured(mediapipe_hands={"search_interval_frames": 4}))
    counts = [len(detector.detect(a_frame(number))) for number in range(8)]
    assert counts == [1] * 6 + [2] * 2
