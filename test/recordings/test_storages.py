"""The same frames come out of every kind of storage a user's recording may be in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import lz4.frame
import numpy as np
import pytest
import yaml
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import RecordingError
from hand_object_recon.recordings.reader import RgbdRecording

ROS1 = get_typestore(Stores.ROS1_NOETIC)
ROS2 = get_typestore(Stores.ROS2_HUMBLE)
MS = 10**6


def frames_of(path: Path) -> list[RgbdFrame]:
    with RgbdRecording(path) as recording:
        assert recording.warnings == ()
        frames = list(recording.frames())
    assert all(isinstance(frame, RgbdFrame) for frame in frames)
    return frames


def assert_same_frames(found: list[RgbdFrame], expected: list[RgbdFrame]) -> None:
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        assert (one.stamp_ns, one.frame_id) == (other.stamp_ns, other.frame_id)
        assert one.camera == other.camera
        np.testing.assert_array_equal(one.rgb, other.rgb)
        np.testing.assert_array_equal(one.depth_m, other.depth_m)


def write_rosbag2(
    folder: Path,
    items: Iterable[Any],
    storage: str,
    compression: CompressionMode = CompressionMode.NONE,
    *,
    lz4_chunks: bool = False,
) -> Path:
    writer = Writer(folder, version=9, storage_plugin=StoragePlugin[storage])
    if compression is not CompressionMode.NONE:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        if lz4_chunks:
            storage_writer: Any = writer.storage
            storage_writer.compression, storage_writer.compressor = "lz4", lz4.frame.compress
        connections: dict[str, Any] = {}
        for topic, stamp_ns, message, _ in items:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=ROS2)
            writer.write(connections[topic], stamp_ns, ROS2.serialize_cdr(message, kind))
    return folder


@pytest.fixture
def expected(write_bag: Callable[..., Path], rgbd_items: Any) -> list[RgbdFrame]:
    return frames_of(write_bag(rgbd_items(), name="plain"))


@pytest.mark.parametrize(
    ("storage", "compression"),
    [
        ("SQLITE3", CompressionMode.NONE),
        ("SQLITE3", CompressionMode.FILE),
        ("SQLITE3", CompressionMode.MESSAGE),
        ("MCAP", CompressionMode.NONE),
        ("MCAP", CompressionMode.FILE),
        ("MCAP", CompressionMode.MESSAGE),
        ("MCAP", CompressionMode.STORAGE),
    ],
)
def test_storage_and_compression_do_not_matter(
    tmp_path: Path,
    rgbd_items: Any,
    expected: list[RgbdFrame],
    storage: str,
    compression: CompressionMode,
) -> None:
    folder = write_rosbag2(tmp_path / "bag", rgbd_items(), storage, compression)
    assert_same_frames(frames_of(folder), expected)


def test_mcap_chunks_may_be_compressed_with_lz4(
    tmp_path: Path, rgbd_items: Any, expected: list[RgbdFrame]
) -> None:
    folder = write_rosbag2(
        tmp_path / "bag", rgbd_items(), "MCAP", CompressionMode.STORAGE, lz4_chunks=True
    )
    (file,) = folder.glob("*.mcap")
    assert b"lz4" in file.read_bytes()
    assert_same_frames(frames_of(folder), expected)


@pytest.mark.parametrize("storage", ["SQLITE3", "MCAP"])
def test_a_split_recording_is_read_as_one(
    tmp_path: Path, rgbd_items: Any, expected: list[RgbdFrame], storage: str
) -> None:
    """Two files in one folder, the second beginning in the middle of the recording."""
    items = rgbd_items()
    parts = [
        write_rosbag2(tmp_path / f"part{number}", half, storage)
        for number, half in enumerate((items[:4], items[4:]))
    ]
    folder = tmp_path / "split"
    folder.mkdir()
    infos = []
    for part in parts:
        (file,) = (path for path in part.iterdir() if path.suffix in (".db3", ".mcap"))
        file.rename(folder / file.name)
        text = (part / "metadata.yaml").read_text(encoding="utf-8")
        infos.append(yaml.safe_load(text)["rosbag2_bagfile_information"])
    (folder / "metadata.yaml").write_text(yaml.safe_dump(joined(infos)), encoding="utf-8")
    assert_same_frames(frames_of(folder), expected)


def joined(infos: list[dict[str, Any]]) -> dict[str, Any]:
    first = infos[0]
    topics: dict[str, dict[str, Any]] = {}
    for info in infos:
        for entry in info["topics_with_message_count"]:
            name = entry["topic_metadata"]["name"]
            known = topics.setdefault(name, {**entry, "message_count": 0})
            known["message_count"] += entry["message_count"]
    whole = {
        **first,
        "relative_file_paths": [path for info in infos for path in info["relative_file_paths"]],
        "files": [file for info in infos for file in info["files"]],
        "message_count": sum(info["message_count"] for info in infos),
        "topics_with_message_count": list(topics.values()),
    }
    return {"rosbag2_bagfile_information": whole}


def as_ros1(message: Any) -> Any:
    """The message in ROS 1's classes: headers count, CameraInfo's matrices are capitals."""
    kind = message.__msgtype__
    fields = {name: getattr(message, name) for name in message.__dataclass_fields__}
    fields.pop("__msgtype__", None)
    if kind == "std_msgs/msg/Header":
        fields["seq"] = 7
    if kind == "sensor_msgs/msg/CameraInfo":
        for name in "dkrp":
            fields[name.upper()] = fields.pop(name)
    converted = {
        name: as_ros1(value) if hasattr(value, "__msgtype__") else value
        for name, value in fields.items()
    }
    return ROS1.types[kind](**converted)


@pytest.mark.parametrize("compression", [None, "BZ2", "LZ4"])
def test_a_ros_1_bag_is_read_like_any_other(
    tmp_path: Path, rgbd_items: Any, expected: list[RgbdFrame], compression: str | None
) -> None:
    file = tmp_path / "old.bag"
    writer = Ros1Writer(file)
    if compression:
        writer.set_compression(Ros1Writer.CompressionFormat[compression])
    with writer:
        connections: dict[str, Any] = {}
        for topic, stamp_ns, message, _ in rgbd_items():
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=ROS1)
            data = ROS1.serialize_ros1(as_ros1(message), kind)
            writer.write(connections[topic], stamp_ns, data)
    assert_same_frames(frames_of(file), expected)


def with_header_stamps(items: list[Any], messages: Any, stamp_ns: Callable[[int], int]) -> Any:
    for item in items:
        item.message.header = messages.header(stamp_ns(item.stamp_ns))
    return items


def test_zero_stamps_are_replaced_by_the_times_of_recording_and_that_is_said(
    write_bag: Any, rgbd_items: Any, messages: Any, expected: list[RgbdFrame]
) -> None:
    path = write_bag(with_header_stamps(rgbd_items(), messages, lambda _: 0))
    with RgbdRecording(path) as recording:
        (warning,) = recording.warnings
        frames = list(recording.frames())
    assert "3 of 3 stamps are zero" in warning
    assert "times of recording" in warning
    assert_same_frames(frames, expected)


def test_stamps_that_jump_back_are_replaced_too(
    write_bag: Any, rgbd_items: Any, messages: Any, expected: list[RgbdFrame]
) -> None:
    """A camera that was restarted counts from its beginning again."""
    path = write_bag(
        with_header_stamps(
            rgbd_items(),
            messages,
            lambda stamp_ns: stamp_ns + (0 if stamp_ns > 200 * MS else 10**10),
        )
    )
    with RgbdRecording(path) as recording:
        assert "jump back by 9.9 s" in " ".join(recording.warnings)
        frames = list(recording.frames())
    assert_same_frames(frames, expected)


def test_a_ros_1_bag_without_its_index_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "cut.bag"
    file.write_bytes(b"#ROSBAG V2.0\n")
    with pytest.raises(RecordingError, match="cannot be read") as caught:
        RgbdRecording(file)
    assert "\n" not in str(caught.value)
