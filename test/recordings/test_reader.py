"""Recordings come out as RGB-D frames, and what cannot be used is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import RecordingError
from hand_object_recon.core.stream_settings import DepthSettings, RecordingSettings
from hand_object_recon.recordings.reader import BadFrame, RgbdRecording

COLOR = "/camera/camera/color/image_raw"
DEPTH = "/camera/camera/aligned_depth_to_color/image_raw"
INFO = "/camera/camera/color/camera_info"
MS = 10**6


def frames_of(path: Path, **settings: Any) -> list[RgbdFrame | BadFrame]:
    with RgbdRecording(path, RecordingSettings(**settings)) as recording:
        frames = list(recording.frames())
        assert len(frames) == recording.frame_count
        return frames


@pytest.mark.parametrize("storage", ["MCAP", "SQLITE3"])
@pytest.mark.parametrize("bare", [False, True], ids=["folder", "file"])
def test_a_folder_and_a_bare_file_of_both_storages_are_read(
    write_bag: Any, rgbd_items: Any, storage: str, bare: bool
) -> None:
    folder = write_bag(rgbd_items((100, 200, 300)), storage=storage)
    path = next(file for file in folder.iterdir() if file.suffix != ".yaml") if bare else folder
    with RgbdRecording(path) as recording:
        assert recording.topics.names == (COLOR, DEPTH, INFO)
        assert recording.frame_count == 3
        assert (recording.unpaired_color, recording.unpaired_depth) == (0, 0)
        assert recording.frame_id == "camera_color_optical_frame"
        assert recording.warnings == ()
        frames = list(recording.frames())
    assert [frame.stamp_ns for frame in frames] == [100 * MS, 200 * MS, 300 * MS]
    for frame, ms in zip(frames, (100, 200, 300), strict=True):
        assert isinstance(frame, RgbdFrame)
        assert frame.rgb[0, 0].tolist() == [ms % 256, 1, 2]
        np.testing.assert_array_equal(frame.depth_m, np.full((6, 8), np.float32(ms / 1000)))
        assert (frame.camera.fx, frame.camera.width, frame.camera.height) == (10, 8, 6)
        assert frame.frame_id == recording.frame_id


def test_frames_can_be_read_again(write_bag: Any, rgbd_items: Any) -> None:
    with RgbdRecording(write_bag(rgbd_items())) as recording:
        first, second = list(recording.frames()), list(recording.frames())
    assert [frame.stamp_ns for frame in first] == [frame.stamp_ns for frame in second]


def test_images_without_a_partner_are_counted(write_bag: Any, rgbd_items: Any) -> None:
    path = write_bag(rgbd_items((100, 200, 300, 400), (90, 210, 410, 470, 500)))
    with RgbdRecording(path) as recording:
        assert recording.frame_count == 3
        assert (recording.unpaired_color, recording.unpaired_depth) == (1, 2)
        depths = [float(frame.depth_m[0, 0]) for frame in recording.frames()]
    assert depths == pytest.approx([np.nan, 0.21, 0.41], nan_ok=True)


def test_frames_come_in_stamp_order_whatever_the_order_of_the_messages(
    write_bag: Any, rgbd_items: Any
) -> None:
    items = rgbd_items((300, 100, 400, 200))
    depth_last = sorted(items, key=lambda item: item.topic == DEPTH)
    shuffled = [item._replace(stamp_ns=number) for number, item in enumerate(depth_last[::-1])]
    for kind in (items, shuffled):
        frames = frames_of(write_bag(kind, name=f"bag{kind is items}"))
        assert [frame.stamp_ns // MS for frame in frames] == [100, 200, 300, 400]
        assert all(
            frame.depth_m[0, 0] == np.float32(frame.stamp_ns / 1e9)
            for frame in frames
            if isinstance(frame, RgbdFrame)
        )


def test_depth_limits_are_the_ones_given(write_bag: Any, rgbd_items: Any) -> None:
    path = write_bag(rgbd_items((300, 600)))
    with RgbdRecording(path, depth_settings=DepthSettings(min_m=0.5, max_m=1.0)) as recording:
        near, inside = recording.frames()
    assert np.isnan(near.depth_m).all()
    assert not np.isnan(inside.depth_m).any()


def test_a_frame_without_any_depth_reading_is_a_frame(
    write_bag: Any, rgbd_items: Any, messages: Any
) -> None:
    items = rgbd_items((100, 200))
    blind = messages.image(200 * MS, np.zeros((6, 8), np.uint16), "16UC1")
    items = [
        item._replace(message=blind) if item[:2] == (DEPTH, 200 * MS) else item for item in items
    ]
    _, frame = frames_of(write_bag(items))
    assert isinstance(frame, RgbdFrame)
    assert np.isnan(frame.depth_m).all()


def test_a_frame_has_the_latest_camera_info_before_it(
    write_bag: Any, rgbd_items: Any, messages: Any, item: Any
) -> None:
    without_info = [entry for entry in rgbd_items((100, 200, 300, 400)) if entry.topic != INFO]
    infos = [
        item(INFO, ms * MS, messages.camera_info(ms * MS, fx=fx))
        for ms, fx in ((150, 20.0), (200, 20.0), (290, 30.0), (300, 40.0))
    ]
    frames = frames_of(write_bag(infos + without_info))
    assert [frame.camera.fx for frame in frames] == [20, 20, 40, 40]


def test_one_unreadable_image_is_one_bad_frame(write_bag: Any, rgbd_items: Any) -> None:
    items = [
        item._replace(raw=bytes([0, 1, 0, 0, 0, 0, 0, 0, 0, 194, 235, 11, 9, 9]))
        if item[:2] == (COLOR, 200 * MS)
        else item
        for item in rgbd_items((100, 200, 300))
    ]
    frames = frames_of(write_bag(items))
    assert [type(frame) for frame in frames] == [RgbdFrame, BadFrame, RgbdFrame]
    assert frames[1].stamp_ns == 200 * MS
    assert f"{COLOR}:" in frames[1].reason


def test_a_message_without_a_readable_header_is_counted(write_bag: Any, rgbd_items: Any) -> None:
    items = [
        item._replace(raw=b"\x00\x01\x00\x00") if item[:2] == (DEPTH, 200 * MS) else item
        for item in rgbd_items((100, 200, 300))
    ]
    frames = frames_of(write_bag(items))
    assert [type(frame) for frame in frames] == [RgbdFrame, BadFrame, RgbdFrame]


@pytest.mark.parametrize(
    ("topic", "kind", "words"),
    [
        (COLOR, "nv24", f"{COLOR}: colour encoding 'nv24'"),
        (INFO, "info", f"{INFO} tells of 4x3 but {COLOR} is 8x6"),
    ],
)
def test_a_frame_that_does_not_fit_together_says_why(
    *, write_bag: Any, rgbd_items: Any, messages: Any, topic: str, kind: str, words: str
) -> None:
    stamp_ns = 100 * MS
    wrong = {
        "nv24": messages.image(stamp_ns, np.ones((6, 8), np.uint8), "nv24"),
        "info": messages.camera_info(stamp_ns, size=(4, 3)),
    }[kind]
    items = [
        item._replace(message=wrong) if item.topic == topic else item for item in rgbd_items((100,))
    ]
    (frame,) = frames_of(write_bag(items))
    assert isinstance(frame, BadFrame)
    assert words in frame.reason


def test_a_depth_image_of_another_size_than_the_others_is_a_bad_frame(
    write_bag: Any, rgbd_items: Any, messages: Any
) -> None:
    small = messages.image(200 * MS, np.full((3, 4), 500, np.uint16), "16UC1")
    items = [
        item._replace(message=small) if item[:2] == (DEPTH, 200 * MS) else item
        for item in rgbd_items((100, 200, 300))
    ]
    _, frame, _ = frames_of(write_bag(items))
    assert isinstance(frame, BadFrame)
    assert f"{DEPTH} is 4x3 but {COLOR} is 8x6" in frame.reason


def test_aligned_depth_that_names_another_frame_is_taken_and_warned_of(
    write_bag: Any, rgbd_items: Any, messages: Any
) -> None:
    pixels = np.full((6, 8), 500, np.uint16)
    other = messages.image(100 * MS, pixels, "16UC1", frame_id="camera_depth_optical_frame")
    items = [
        item._replace(message=other) if item.topic == DEPTH else item for item in rgbd_items((100,))
    ]
    with RgbdRecording(write_bag(items)) as recording:
        (warning,) = recording.warnings
        (frame,) = recording.frames()
    assert "camera_depth_optical_frame" in warning
    assert "taken as aligned; set recording.depth_alignment to register" in warning
    assert isinstance(frame, RgbdFrame)
    np.testing.assert_array_equal(frame.depth_m, np.float32(0.5))


def test_an_image_without_a_frame_has_the_camera_infos(
    write_bag: Any, rgbd_items: Any, messages: Any
) -> None:
    def without_frame(item: Any) -> Any:
        if item.topic == INFO:
            return item
        item.message.header = messages.header(item.stamp_ns, "")
        return item

    (frame,) = frames_of(write_bag([without_frame(item) for item in rgbd_items((100,))]))
    assert isinstance(frame, RgbdFrame)
    assert frame.frame_id == "camera_color_optical_frame"


def test_a_leading_slash_of_the_frame_is_dropped(
    write_bag: Any, rgbd_items: Any, messages: Any
) -> None:
    items = rgbd_items((100,))
    for item in items:
        item.message.header = messages.header(item.stamp_ns, "/camera")
    with RgbdRecording(write_bag(items)) as recording:
        assert recording.frame_id == "camera"


def without(topic: str) -> Callable[[list[Any]], list[Any]]:
    return lambda items: [item for item in items if item.topic != topic]


@pytest.mark.parametrize(
    ("topic", "setting"),
    [
        (COLOR, "recording.color_topic"),
        (DEPTH, "recording.depth_topic"),
        (INFO, "recording.camera_info_topic"),
    ],
)
def test_a_recording_that_lacks_a_topic_is_refused_in_one_line(
    write_bag: Any, rgbd_items: Any, topic: str, setting: str
) -> None:
    path = write_bag(without(topic)(rgbd_items()))
    with pytest.raises(RecordingError) as error:
        RgbdRecording(path)
    assert str(error.value).startswith(f"recording {path}: no ")
    assert setting in str(error.value)
    assert "\n" not in str(error.value)


def test_images_too_far_apart_are_refused_with_their_distance(
    write_bag: Any, rgbd_items: Any
) -> None:
    path = write_bag(rgbd_items((100, 200), (140, 240)))
    with pytest.raises(RecordingError, match=r"within 16 ms \(the nearest two are 40\.0 ms apart"):
        RgbdRecording(path)
    assert len(frames_of(path, sync_slop_ms=40.0)) == 2


def test_an_uncalibrated_camera_is_refused(
    write_bag: Any, rgbd_items: Any, messages: Any, item: Any
) -> None:
    info = item(INFO, 0, messages.camera_info(0, k=np.zeros(9)))
    with pytest.raises(RecordingError, match="uncalibrated"):
        RgbdRecording(write_bag([info, *without(INFO)(rgbd_items())]))


def test_images_and_calibration_without_any_frame_are_refused(
    write_bag: Any, rgbd_items: Any, messages: Any
) -> None:
    items = rgbd_items()
    for item in items:
        item.message.header = messages.header(item.stamp_ns, "")
    with pytest.raises(RecordingError, match="frame_id"):
        RgbdRecording(write_bag(items))
