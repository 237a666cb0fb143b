"""What a camera lacks is said once, with the fix, and once more when it is there."""

from __future__ import annotations

import pytest

from hand_object_recon.core.stream_settings import LiveSettings
from hand_object_recon.pipeline.live.camera_stream import Stream
from hand_object_recon.pipeline.live.conditions import Conditions, Notice
from hand_object_recon.pipeline.live.stream_watch import StreamWatch

S = 1_000_000_000
ALIGNED = "/camera/camera/aligned_depth_to_color/image_raw"


class Watched:
    """A watch that began at time 0 with a timeout of 2 s, and what it said."""

    def __init__(self, **settings: object) -> None:
        self.said: list[Notice] = []
        self.conditions = Conditions(self.said.append, 2 * S)
        self.watch = StreamWatch(LiveSettings.model_validate(settings), self.conditions, 0)

    def all_arrive(self, now_s: float) -> None:
        for stream in Stream:
            self.watch.arrived(stream, round(now_s * S))
        self.watch.paired(round(now_s * S))

    def check(self, now_s: float, gap_ns: int | None = None) -> list[Notice]:
        """What is said anew."""
        before = len(self.said)
        self.watch.check(gap_ns, round(now_s * S))
        return self.said[before:]


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_nothing_is_said_before_the_timeout_or_while_all_is_well(watched: Watched) -> None:
    assert watched.check(1.9) == []
    watched.all_arrive(1.95)
    assert watched.check(3.0) == []


def test_missing_streams_are_named_once_each(watched: Watched) -> None:
    watched.watch.arrived(Stream.DEPTH, 2 * S)
    said = {notice.topic: notice.text for notice in watched.check(2.1)}
    assert set(said) == {"colour", "camera info"}
    assert "/camera/camera/color/image_raw" in said["colour"]
    assert "live.camera_info_topic" in said["camera info"]
    assert watched.check(2.2) == []


def test_missing_aligned_depth_of_a_realsense_comes_with_the_launch_argument(
    watched: Watched,
) -> None:
    watched.watch.arrived(Stream.COLOR, 2 * S)
    watched.watch.arrived(Stream.CAMERA_INFO, 2 * S)
    (notice,) = watched.check(2.1)
    assert notice.topic == "depth"
    assert notice.is_trouble
    assert ALIGNED in notice.text
    assert "align_depth.enable:=true" in notice.text


def test_a_topic_that_does_not_exist_is_told_from_one_that_is_silent(watched: Watched) -> None:
    watched.watch.topics_known([ALIGNED])
    said = {notice.topic: notice.text for notice in watched.check(2.1)}
    assert said["depth"].startswith("no depth message on")
    assert "does not exist" in said["colour"]


def test_a_stall_is_said_and_its_end_too(watched: Watched) -> None:
    watched.all_arrive(1.0)
    said = watched.check(3.5)
    assert [notice.topic for notice in said] == ["colour", "depth"]  # CameraInfo may be latched
    assert "for 2.5 s" in said[0].text
    watched.all_arrive(4.0)
    ended = watched.said[2:]
    assert [(notice.topic, notice.is_trouble) for notice in ended] == [
        ("colour", False),
        ("depth", False),
    ]
    assert watched.conditions.troubles == {}


def test_unsynchronized_streams_are_said_with_their_distance(watched: Watched) -> None:
    for now_s in (1.0, 2.0, 3.0):
        for stream in Stream:
            watched.watch.arrived(stream, round(now_s * S))
    (notice,) = watched.check(3.1, gap_ns=24_500_000)
    assert notice.topic == "synchronization"
    assert "24.5 ms apart" in notice.text
    assert "enable_sync:=true" in notice.text
    watched.watch.paired(4 * S)
    assert not watched.said[-1].is_trouble


@pytest.mark.parametrize(
    ("age_ms", "is_taken", "words"),
    [
        (400.0, True, ""),
        (600.0, False, "600 ms old"),
        (86_400_000.0, False, "86400 s old"),
        (-400.0, True, ""),
        (-60_000.0, True, "60 s in the future"),
    ],
)
def test_frames_beyond_the_age_limit_are_refused_and_said(
    watched: Watched, age_ms: float, is_taken: bool, words: str
) -> None:
    assert watched.watch.is_current(age_ms, S) is is_taken
    watched.watch.is_current(age_ms, S)
    assert len(watched.said) == bool(words)
    assert all(words in notice.text and "use_sim_time" in notice.text for notice in watched.said)


def test_without_an_age_limit_every_frame_is_taken() -> None:
    watched = Watched(max_input_age_ms=0.0)
    assert watched.watch.is_current(1e9, S)
    assert watched.said == []


def test_a_trouble_that_comes_and_goes_is_not_said_each_time(watched: Watched) -> None:
    for now_s in (1.0, 1.5, 2.0):
        watched.conditions.see("frames", "unreadable", round(now_s * S))
        watched.all_arrive(now_s)
        watched.check(now_s + 0.2)
    assert len(watched.said) == 1
    watched.all_arrive(4.0)
    assert [notice.is_trouble for notice in watched.check(4.1)] == [False]
    watched.conditions.see("frames", "unreadable", 5 * S)
    assert watched.said[-1].is_trouble


def test_a_trouble_stays_until_it_is_ended(watched: Watched) -> None:
    watched.conditions.see("qos", "incompatible", 1000 * S)
    watched.all_arrive(1000.0)
    watched.check(1000.0)
    assert watched.conditions.troubles == {"qos": "incompatible"}
    watched.conditions.end("qos")
    assert watched.conditions.troubles == {}


def test_stamps_that_stand_still_are_said(watched: Watched) -> None:
    watched.all_arrive(1.0)
    for stream in Stream:
        watched.watch.arrived(stream, 4 * S)
    (said,) = watched.check(4.1)
    assert said.topic == "synchronization"
    assert "stamps do not go on" in said.text
    watched.watch.paired(5 * S)
    assert not watched.said[-1].is_trouble
