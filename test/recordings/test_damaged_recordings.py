"""What is no recording is refused in one line; what was cut off is read as far as it goes."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.errors import RecordingError
from hand_object_recon.recordings.reader import BadFrame, RgbdRecording

MS = 10**6
COLOR = "/camera/camera/color/image_raw"
DEPTH = "/camera/camera/aligned_depth_to_color/image_raw"
INFO = "/camera/camera/color/camera_info"


def refusal(path: Path) -> str:
    with pytest.raises(RecordingError) as error:
        RgbdRecording(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.fixture
def large_bag(write_large_bag: Callable[[str], Path]) -> Path:
    return write_large_bag("MCAP")


@pytest.fixture
def write_large_bag(write_bag: Any, rgbd_items: Any, messages: Any) -> Callable[[str], Path]:
    """Twenty frames whose images fill several chunks of an MCAP file."""
    size = (480, 640)
    color, depth = np.zeros((*size, 3), np.uint8), np.full(size, 500, np.uint16)
    make = {
        COLOR: lambda stamp_ns: messages.image(stamp_ns, color, "rgb8"),
        DEPTH: lambda stamp_ns: messages.image(stamp_ns, depth, "16UC1"),
        INFO: lambda stamp_ns: messages.camera_info(stamp_ns, size=size[::-1]),
    }
    items = [
        item._replace(message=make[item.topic](item.stamp_ns))
        for item in rgbd_items(range(100, 2100, 100))
    ]
    return lambda storage: write_bag(items, storage=storage)


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "missing")


def test_a_folder_without_a_recording(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no recording")
    assert "no metadata.yaml and no .mcap or .db3 file" in refusal(tmp_path)


def test_a_ros_1_bag_that_is_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "old.bag"
    file.write_bytes(b"#ROSBAG V2.0\n")
    assert "cannot be read" in refusal(file)


@pytest.mark.parametrize("name", ["a.mcap", "a.db3"])
@pytest.mark.parametrize("content", [b"", b"something else entirely" * 10], ids=["empty", "other"])
def test_a_file_with_the_wrong_content(tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert "cannot be read" in refusal(file)


@pytest.mark.parametrize("storage", ["MCAP", "SQLITE3"])
def test_a_recording_without_messages(write_bag: Any, storage: str) -> None:
    assert "it holds no message" in refusal(write_bag([], storage=storage))


def test_metadata_without_its_file(write_bag: Any, rgbd_items: Any) -> None:
    folder = write_bag(rgbd_items())
    (folder / "bag.mcap").unlink()
    assert "missing" in refusal(folder)


TEN_PLACES = [round(0.05 + place / 10, 2) for place in range(10)]


def cut(file: Path, kept: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * kept)])


def assert_whole_up_to(folder: Path, kept: float, lost_at_most: float) -> str:
    """That every frame before the cut is there, and say the warning."""
    with RgbdRecording(folder) as recording:
        frames = list(recording.frames())
        (warning,) = recording.warnings
    assert not [frame for frame in frames if isinstance(frame, BadFrame)]
    stamps = [frame.stamp_ns for frame in frames]
    assert 20 * kept - lost_at_most <= len(stamps) <= 20 * kept
    assert stamps == [100 * MS * (number + 1) for number in range(len(stamps))]
    assert "is damaged" in warning
    return warning


@pytest.mark.parametrize("kept", TEN_PLACES[1:])
@pytest.mark.parametrize("has_metadata", [True, False])
def test_an_mcap_that_was_cut_off_is_read_up_to_there(
    large_bag: Path, kept: float, has_metadata: bool
) -> None:
    cut(large_bag / "bag.mcap", kept)
    if not has_metadata:
        (large_bag / "metadata.yaml").unlink()
    assert "bag.mcap" in assert_whole_up_to(large_bag, kept, 3)


@pytest.mark.parametrize("kept", TEN_PLACES[1:])
def test_a_sqlite3_file_that_was_cut_off_is_read_up_to_there(
    write_large_bag: Any, kept: float
) -> None:
    folder = write_large_bag("SQLITE3")
    cut(folder / "bag.db3", kept)
    warning = assert_whole_up_to(folder, kept, 2)
    assert "sqlite3 bag.db3 .recover | sqlite3 repaired.db3" in warning


@pytest.mark.parametrize("storage", ["MCAP", "SQLITE3"])
def test_a_file_cut_off_within_its_first_frame_is_refused(
    write_large_bag: Any, storage: str
) -> None:
    folder = write_large_bag(storage)
    (file,) = (path for path in folder.iterdir() if path.suffix in (".mcap", ".db3"))
    cut(file, 0.02)
    assert file.name in refusal(folder)


def test_an_mcap_cut_off_before_its_first_message(large_bag: Path) -> None:
    file = large_bag / "bag.mcap"
    file.write_bytes(file.read_bytes()[:200])
    assert "it holds no message" in refusal(file)


def test_messages_in_the_write_ahead_log_are_read(write_bag: Any, rgbd_items: Any) -> None:
    folder = write_bag(rgbd_items((100, 200)), storage="SQLITE3")
    rest = write_bag(rgbd_items((300, 400, 500)), name="rest", storage="SQLITE3")
    leave_in_write_ahead_log(folder / "bag.db3", rest / "rest.db3")
    with RgbdRecording(folder) as recording:
        assert [frame.stamp_ns // MS for frame in recording.frames()] == [100, 200, 300, 400, 500]
        assert "bag.db3-wal" in recording.warnings[0]


def leave_in_write_ahead_log(file: Path, more: Path) -> None:
    """Add the messages of another file as a recorder does that is killed right afterwards."""
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("ATTACH ? AS more", (str(more),))
    database.execute(
        "INSERT INTO messages (topic_id, timestamp, data) SELECT ours.id, timestamp, data "
        "FROM more.messages JOIN more.topics AS theirs ON theirs.id = topic_id "
        "JOIN topics AS ours ON ours.name = theirs.name ORDER BY more.messages.id"
    )
    database.commit()
    left = {path: path.read_bytes() for path in (file, file.with_name(f"{file.name}-wal"))}
    database.close()
    for path, content in left.items():
        path.write_bytes(content)


def test_a_folder_whose_metadata_was_never_written_is_read(write_bag: Any, rgbd_items: Any) -> None:
    folder = write_bag(rgbd_items())
    (folder / "metadata.yaml").unlink()
    with RgbdRecording(folder) as recording:
        assert recording.frame_count == 3
        assert "no metadata.yaml" in recording.warnings[0]


@pytest.mark.parametrize(
    "text", ["", "rosbag2_bagfile_information: {version: 99}", "{{{", "[1, 2]"]
)
def test_a_folder_with_broken_metadata_is_read_with_a_warning(
    write_bag: Any, rgbd_items: Any, text: str
) -> None:
    folder = write_bag(rgbd_items())
    (folder / "metadata.yaml").write_text(text)
    with RgbdRecording(folder) as recording:
        assert recording.frame_count == 3
        assert "is damaged" in recording.warnings[0]


def test_a_split_recording_without_metadata_is_read_as_one(
    write_bag: Any, rgbd_items: Any, tmp_path: Path
) -> None:
    first = write_bag(rgbd_items((100, 200)), name="a")
    second = write_bag(rgbd_items((300, 400)), name="b")
    folder = tmp_path / "split"
    folder.mkdir()
    shutil.copy(first / "a.mcap", folder / "split_0.mcap")
    shutil.copy(second / "b.mcap", folder / "split_1.mcap")
    (folder / "split_2.mcap").write_bytes(b"")
    with RgbdRecording(folder) as recording:
        assert [frame.stamp_ns // MS for frame in recording.frames()] == [100, 200, 300, 400]
        assert "split_2.mcap" in recording.warnings[0]


def test_damage_in_the_middle_ends_the_recording_there(large_bag: Path) -> None:
    file = large_bag / "bag.mcap"
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle - 3_000_000 : middle + 1_000_000] = b"\xff" * 4_000_000
    file.write_bytes(content)
    with RgbdRecording(large_bag) as recording:
        frames = list(recording.frames())
        assert 0 < recording.frame_count < 20
        assert len(frames) == recording.frame_count
        assert "reading stopped early" in recording.warnings[0]
