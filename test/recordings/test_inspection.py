"""The inspection finds what stands in the way of a replay and names the fix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.errors import RecordingError
from hand_object_recon.recordings.inspection import RecordingReport, inspect_recording

COLOR = "/camera/camera/color/image_raw"
DEPTH = "/camera/camera/aligned_depth_to_color/image_raw"
INFO = "/camera/camera/color/camera_info"

Write = Callable[..., Path]
Items = Callable[..., list[Any]]


def fatal_texts(report: RecordingReport) -> list[str]:
    return [problem.text for problem in report.problems if problem.is_fatal]


def note_texts(report: RecordingReport) -> list[str]:
    return [problem.text for problem in report.problems if not problem.is_fatal]


def with_depth(items: list[Any], item: Any, make: Callable[[int], Any]) -> list[Any]:
    """The items with other depth images; ``make`` gets the stamp."""
    return [
        item(DEPTH, one.stamp_ns, make(one.stamp_ns)) if one.topic == DEPTH else one
        for one in items
    ]


@pytest.mark.parametrize("storage", ["MCAP", "SQLITE3"])
def test_a_whole_recording_has_no_problem(
    write_bag: Write, rgbd_items: Items, storage: str
) -> None:
    path = write_bag(rgbd_items((200, 300, 400)), storage=storage)
    report = inspect_recording(path)
    assert report.is_usable
    assert report.problems == ()
    assert report.storage.upper() == storage
    assert (report.start_ns, report.duration_s) == (200 * 10**6, 0.2)
    assert report.rgbd is not None
    assert (report.rgbd.color_topic, report.rgbd.depth_topic) == (COLOR, DEPTH)
    assert (report.rgbd.pairs, report.rgbd.is_depth_aligned) == (3, True)
    rates = {topic.name: topic.rate_hz for topic in report.topics}
    assert rates == {COLOR: pytest.approx(10), DEPTH: pytest.approx(10), INFO: None}


def test_depth_that_cannot_be_registered_is_fatal(
    write_bag: Write, rgbd_items: Items, messages: Any, item: Any
) -> None:
    small = np.full((4, 4), 500, np.uint16)
    items = with_depth(rgbd_items(), item, lambda ns: messages.image(ns, small, "16UC1"))
    report = inspect_recording(write_bag(items))
    (text,) = fatal_texts(report)
    assert text.startswith(f"{DEPTH} (4x4, frame 'camera_color_optical_frame') is not aligned")
    assert "no CameraInfo of the depth camera" in text
    assert report.rgbd is None
    assert report.replay_command == ""


def test_registered_depth_is_a_note(
    write_bag: Write, rgbd_items: Items, messages: Any, item: Any
) -> None:
    small = np.full((4, 4), 500, np.uint16)
    items = with_depth(rgbd_items(), item, lambda ns: messages.image(ns, small, "16UC1"))
    info = messages.camera_info(10**8, size=(4, 4), k=np.array([5.0, 0, 2, 0, 5, 2, 0, 0, 1]))
    info_topic = f"{DEPTH.rpartition('/')[0]}/camera_info"
    report = inspect_recording(write_bag([item(info_topic, 10**8, info), *items]))
    assert report.is_usable
    assert report.rgbd is not None
    assert not report.rgbd.is_depth_aligned
    assert any("it is registered from frame" in text for text in note_texts(report))


def test_aligned_depth_in_another_frame_is_a_note(
    write_bag: Write, rgbd_items: Items, messages: Any, item: Any
) -> None:
    pixels = np.full((6, 8), 500, np.uint16)
    items = with_depth(
        rgbd_items(), item, lambda ns: messages.image(ns, pixels, "16UC1", frame_id="depth")
    )
    report = inspect_recording(write_bag(items))
    assert report.is_usable
    assert report.rgbd is not None
    assert report.rgbd.is_depth_aligned
    assert any("it is taken as aligned" in text for text in note_texts(report))


def test_depth_in_an_unlikely_unit_is_a_note(
    write_bag: Write, rgbd_items: Items, messages: Any, item: Any
) -> None:
    pixels = np.full((6, 8), 812.0, np.float32)
    items = with_depth(rgbd_items(), item, lambda ns: messages.image(ns, pixels, "32FC1"))
    report = inspect_recording(write_bag(items))
    assert any("looks like millimetres in 32FC1" in text for text in note_texts(report))


def test_images_without_partners_are_a_note_or_fatal(write_bag: Write, rgbd_items: Items) -> None:
    some = inspect_recording(write_bag(rgbd_items((200, 300, 400), (200, 400)), name="some"))
    assert some.is_usable
    assert "1 of 3 colour images have no depth image within 16 ms" in note_texts(some)[0]
    none = inspect_recording(write_bag(rgbd_items((200, 300), (250, 350)), name="none"))
    assert "raise recording.sync_slop_ms" in fatal_texts(none)[0]
    assert none.rgbd is None


@pytest.mark.parametrize("topic", [COLOR, DEPTH, INFO])
def test_a_missing_topic_is_fatal(write_bag: Write, rgbd_items: Items, topic: str) -> None:
    items = [item for item in rgbd_items() if item.topic != topic]
    report = inspect_recording(write_bag(items))
    (text,) = fatal_texts(report)
    assert "was found; set recording." in text
    assert len(report.topics) == 2


def test_an_uncalibrated_camera_is_fatal_and_shown_as_recorded(
    write_bag: Write, rgbd_items: Items, messages: Any, item: Any
) -> None:
    blank = messages.camera_info(10**8, k=np.zeros(9))
    items = [item(INFO, 10**8, blank), *(one for one in rgbd_items() if one.topic != INFO)]
    report = inspect_recording(write_bag(items))
    assert "uncalibrated camera" in fatal_texts(report)[0]
    (camera,) = (topic.camera for topic in report.topics if topic.camera)
    assert (camera.width, camera.fx, camera.distortion_model) == (8, 0.0, "plumb_bob")


def test_unreadable_messages_are_counted_and_their_frames_fatal(
    write_bag: Write, rgbd_items: Items
) -> None:
    items = [
        one._replace(raw=b"\0\1\0\0broken") if one.topic == COLOR else one for one in rgbd_items()
    ]
    report = inspect_recording(write_bag(items))
    assert not report.is_usable
    (color,) = (topic for topic in report.topics if topic.name == COLOR)
    assert (color.message_count, color.size, color.encoding) == (3, None, "")


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="does not exist"):
        inspect_recording(tmp_path / "nothing")
