"""A result recording that holds its input plays alone: same bytes, in the order of the stamps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from rosbags.interfaces import Qos, QosDurability, QosReliability
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import RecordingError
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.core.stream_settings import RecordingSettings
from hand_object_recon.recordings.bag_writer import reliable_qos
from hand_object_recon.recordings.input_copy import RecordedInput
from hand_object_recon.recordings.reader import RgbdRecording
from hand_object_recon.recordings.result_topics import OVERLAY_TOPIC
from hand_object_recon.recordings.result_writer import ReconstructionWriter

COLOR = "/camera/camera/color/image_raw"
DEPTH = "/camera/camera/aligned_depth_to_color/image_raw"
INFO = "/camera/camera/color/camera_info"
STATIC = "/tf_static"
INPUT = {COLOR, DEPTH, INFO, STATIC}
MS = 10**6
SLOP_MS = 5.0
LOG_DELAY_NS = 7_000 * MS
TYPESTORE = get_typestore(Stores.ROS2_HUMBLE)

Raw = tuple[str, int, bytes]


def static_transforms(messages: Any, name: str) -> Any:
    make = messages.make
    pose = make(
        "geometry_msgs/msg/Transform",
        translation=make("geometry_msgs/msg/Vector3", x=0.1, y=0.2, z=0.3),
        rotation=make("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0),
    )
    stamped = make(
        "geometry_msgs/msg/TransformStamped",
        header=messages.header(0, "base"),
        child_frame_id=name,
        transform=pose,
    )
    return make("tf2_msgs/msg/TFMessage", transforms=[stamped])


@pytest.fixture
def source(tmp_path: Path, rgbd_items: Callable[..., list[Any]], messages: Any, item: Any) -> Path:
    """Frames at 100, 200 ... 600 ms, depth 3 ms later, logged seconds after they were taken."""
    color_ms = range(100, 700, 100)
    items = rgbd_items(color_ms, [ms + 3 for ms in color_ms])
    items += [
        item(STATIC, 0, static_transforms(messages, "camera")),
        item(STATIC, 350 * MS, static_transforms(messages, "gripper")),
        item(INFO, 250 * MS, messages.camera_info(250 * MS, fx=11.0)),
        item("/joint_states", 150 * MS, messages.header(1)),
    ]
    return write(tmp_path / "source", sorted(items, key=lambda one: one.stamp_ns))


def write(folder: Path, items: Iterable[Any], static_qos: Qos | None = None) -> Path:
    latched = static_qos or reliable_qos(7, keep_for_late_joiners=True)
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections: dict[str, Any] = {}
        for topic, stamp_ns, message, _ in items:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(
                    topic,
                    kind,
                    typestore=TYPESTORE,
                    offered_qos_profiles=[latched if topic == STATIC else reliable_qos(5)],
                )
            data = TYPESTORE.serialize_cdr(message, kind)
            writer.write(connections[topic], stamp_ns + LOG_DELAY_NS, data)
    return folder


def result_of(source: Path, target: Path, wanted: slice = slice(None)) -> Path:
    """A result recording with the input of some of the source's frames."""
    settings = RecordingSettings(sync_slop_ms=SLOP_MS)
    with RgbdRecording(source, settings) as recording:
        recorded_input = RecordedInput.of(recording, SLOP_MS)
        with ReconstructionWriter(target, (), recorded_input) as writer:
            for frame in list(recording.frames())[wanted]:
                assert isinstance(frame, RgbdFrame)
                writer.write(Reconstruction(frame.stamp_ns, "camera", "rgbd_fit"))
                writer.write_overlay(frame)
    return target


def raw_messages(path: Path, topics: set[str]) -> list[Raw]:
    """Topic, log time and bytes in the order a player gives them."""
    with AnyReader([path], default_typestore=TYPESTORE) as reader:
        chosen = [one for one in reader.connections if one.topic in topics]
        return [(one.topic, time_ns, bytes(data)) for one, time_ns, data in reader.messages(chosen)]


def of_topic(messages: list[Raw], topic: str) -> list[bytes]:
    return [data for name, _, data in messages if name == topic]


def times_of(messages: list[Raw], topic: str) -> list[int]:
    return [time_ns // MS for name, time_ns, _ in messages if name == topic]


def test_the_input_is_there_byte_for_byte_and_nothing_else(source: Path, tmp_path: Path) -> None:
    result = result_of(source, tmp_path / "result")
    copied, recorded = raw_messages(result, INPUT), raw_messages(source, INPUT)
    for topic in INPUT:
        assert of_topic(copied, topic) == of_topic(recorded, topic)
    with AnyReader([result]) as reader:
        topics = {connection.topic for connection in reader.connections}
    assert topics >= INPUT
    assert "/joint_states" not in topics


def test_everything_plays_in_the_order_of_the_stamps(source: Path, tmp_path: Path) -> None:
    result = result_of(source, tmp_path / "result")
    with AnyReader([result]) as reader:
        times = [time_ns for _, time_ns, _ in reader.messages()]
    assert times == sorted(times)
    copied = raw_messages(result, INPUT | {OVERLAY_TOPIC})
    assert times_of(copied, COLOR) == times_of(copied, OVERLAY_TOPIC)
    assert times_of(copied, COLOR) == list(range(100, 700, 100))
    assert times_of(copied, DEPTH) == list(range(103, 703, 100))
    assert times_of(copied, INFO) == [100, 250]
    assert times_of(copied, STATIC) == [95, 300], "the slop before the first, then where it came"


def test_types_and_quality_of_service_stay(source: Path, tmp_path: Path) -> None:
    result = result_of(source, tmp_path / "result")
    with AnyReader([source]) as before, AnyReader([result]) as after:
        expected = {one.topic: one for one in before.connections if one.topic in INPUT}
        found = {one.topic: one for one in after.connections if one.topic in INPUT}
    for topic in INPUT:
        assert found[topic].msgtype == expected[topic].msgtype
        assert found[topic].digest == expected[topic].digest
        assert found[topic].ext == expected[topic].ext
    (profile,) = found[STATIC].ext.offered_qos_profiles  # type: ignore[union-attr]
    assert (profile.depth, profile.durability) == (7, QosDurability.TRANSIENT_LOCAL)
    assert profile.reliability is QosReliability.RELIABLE


def test_a_stretch_has_its_own_images_and_what_held_before_it(source: Path, tmp_path: Path) -> None:
    copied = raw_messages(result_of(source, tmp_path / "result", slice(3, 5)), INPUT)
    recorded = raw_messages(source, INPUT)
    assert times_of(copied, COLOR) == [400, 500]
    assert times_of(copied, DEPTH) == [403, 503]
    assert of_topic(copied, INFO) == of_topic(recorded, INFO)[1:], "the CameraInfo of 250 ms"
    assert times_of(copied, INFO) == [395]
    assert of_topic(copied, STATIC) == of_topic(recorded, STATIC)
    assert times_of(copied, STATIC) == [395, 395]


def test_a_result_with_input_is_an_input_again(source: Path, tmp_path: Path) -> None:
    result = result_of(source, tmp_path / "result")
    with RgbdRecording(source) as before, RgbdRecording(result) as after:
        assert after.topics.names == before.topics.names
        for one, other in zip(before.frames(), after.frames(), strict=True):
            assert one.stamp_ns == other.stamp_ns
            np.testing.assert_array_equal(one.rgb, other.rgb)  # type: ignore[union-attr]
            assert one.camera == other.camera  # type: ignore[union-attr]


def test_images_without_stamps_keep_the_times_of_recording(
    tmp_path: Path, rgbd_items: Callable[..., list[Any]], messages: Any
) -> None:
    items = [
        one._replace(message=stampless(one.message, messages)) for one in rgbd_items((100, 200))
    ]
    source = write(tmp_path / "source", items)
    copied = raw_messages(result_of(source, tmp_path / "result"), INPUT)
    log_ms = [(LOG_DELAY_NS // MS) + ms for ms in (100, 200)]
    assert times_of(copied, COLOR) == times_of(copied, DEPTH) == log_ms
    assert of_topic(copied, COLOR) == of_topic(raw_messages(source, INPUT), COLOR)


def stampless(message: Any, messages: Any) -> Any:
    message.header = messages.header(0)
    return message


@pytest.mark.parametrize("info_ms", [100_000, 2])
def test_a_camera_info_of_another_clock_is_not_lost(
    tmp_path: Path,
    rgbd_items: Callable[..., list[Any]],
    messages: Any,
    item: Any,
    info_ms: int,
) -> None:
    items = [one for one in rgbd_items((100, 200, 300)) if one.topic != INFO]
    items.insert(0, item(INFO, 100 * MS, messages.camera_info(info_ms * MS)))
    copied = raw_messages(result_of(write(tmp_path / "source", items), tmp_path / "result"), INPUT)
    assert times_of(copied, INFO) == [95]
    assert times_of(copied, COLOR) == [100, 200, 300]


def test_a_ros1_bag_is_copied_as_ros2_messages(
    tmp_path: Path, rgbd_items: Callable[..., list[Any]]
) -> None:
    items = rgbd_items((100, 200))
    source = tmp_path / "old.bag"
    ros1 = get_typestore(Stores.ROS1_NOETIC)
    with Ros1Writer(source) as writer:
        connections: dict[str, Any] = {}
        for topic, stamp_ns, message, _ in items:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=ros1)
            cdr = TYPESTORE.serialize_cdr(message, kind)
            data = TYPESTORE.cdr_to_ros1(cdr, kind)
            writer.write(connections[topic], stamp_ns, data)
    result = result_of(source, tmp_path / "result")
    expected = {
        topic: [
            bytes(TYPESTORE.serialize_cdr(one.message, one.message.__msgtype__))
            for one in items
            if one.topic == topic
        ]
        for topic in (COLOR, DEPTH, INFO)
    }
    copied = raw_messages(result, INPUT)
    assert {topic: of_topic(copied, topic) for topic in expected} == expected


def test_an_input_topic_that_is_a_result_topic_too_is_one_line(
    tmp_path: Path, source: Path
) -> None:
    result = result_of(source, tmp_path / "result")
    settings = RecordingSettings(color_topic=OVERLAY_TOPIC)
    with RgbdRecording(result, settings) as recording:
        again = RecordedInput.of(recording, SLOP_MS)
    with pytest.raises(RecordingError, match=f"would have topic {OVERLAY_TOPIC} twice"):
        ReconstructionWriter(tmp_path / "again", (), again)
