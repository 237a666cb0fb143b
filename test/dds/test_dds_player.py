"""A recording played into a graph: bytes, times, stamps and what cannot be played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from hand_object_recon.core.errors import InvalidValueError, RecordingError
from hand_object_recon.dds.player import PlayedPass, PlaySettings, RecordingPlayer
from hand_object_recon.dds.restamping import Restamper
from hand_object_recon.dds.transport import TopicQos, Transport
from hand_object_recon.messages.headers import header_message, stamp_ns_of
from hand_object_recon.messages.typestore import deserialize, new_message, serialize
from hand_object_recon.recordings.bag import Bag
from hand_object_recon.recordings.bag_writer import BagWriter, reliable_qos
from hand_object_recon.recordings.rgbd_writer import CAMERA_INFO_TOPIC, COLOR_TOPIC, DEPTH_TOPIC

IMAGE = "sensor_msgs/msg/Image"
INFO = "sensor_msgs/msg/CameraInfo"
TRANSFORMS = "tf2_msgs/msg/TFMessage"
STEP_S = 1 / 30

Join = Callable[[], Transport]


def play(transport: Transport, path: Path, **settings: Any) -> PlayedPass:
    with RecordingPlayer(path, transport, PlaySettings(**settings)) as player:
        assert player.wait_for_subscriber()
        return player.play()


def recorded(path: Path, topic: str) -> list[bytes]:
    bag = Bag(path)
    try:
        return [message.data for message in bag.messages([topic])]
    finally:
        bag.close()


@dataclass
class SteppedTime:
    """A clock that only sleeping moves, in place of the player's."""

    now_s: float = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def time_ns(self) -> int:
        return round(self.now_s * 1e9)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@dataclass
class TimedTransport:
    """Takes messages for one subscriber and keeps when they were sent."""

    clock: SteppedTime
    sent_s: dict[str, list[float]] = field(default_factory=dict)

    def publisher(self, topic: str, message_type: str, qos: TopicQos) -> TimedPublisher:
        return TimedPublisher(self.clock, self.sent_s.setdefault(topic, []))


@dataclass
class TimedPublisher:
    clock: SteppedTime
    sent_s: list[float]
    matched: int = 1

    def publish(self, cdr: bytes | memoryview) -> None:
        self.sent_s.append(self.clock.now_s)

    def wait_until_received(self, timeout_s: float) -> bool:
        return True

    def close(self) -> None:
        pass


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> TimedTransport:
    """A transport in a time of its own, which no other process can hold up."""
    clock = SteppedTime()
    monkeypatch.setattr("hand_object_recon.dds.player.time", clock)
    return TimedTransport(clock)


@pytest.mark.parametrize("rate", [1.0, 2.0])
def test_every_message_is_sent_when_it_is_due(timed: Any, make_recording: Any, rate: float) -> None:
    played = play(timed, make_recording(frames=15), rate=rate)

    assert played.latest_ms == pytest.approx(0.0, abs=1e-6)
    for topic in (COLOR_TOPIC, DEPTH_TOPIC, CAMERA_INFO_TOPIC):
        since_first_s = np.subtract(timed.sent_s[topic], timed.sent_s[topic][0])
        np.testing.assert_allclose(since_first_s, np.arange(15) * STEP_S / rate, atol=1e-6)


def test_every_message_arrives_as_it_was_recorded(
    join: Join, listen: Any, make_recording: Any, wait_for: Any
) -> None:
    path = make_recording(frames=15)
    receiver = join()
    listeners = {
        COLOR_TOPIC: listen(receiver, COLOR_TOPIC, IMAGE),
        DEPTH_TOPIC: listen(receiver, DEPTH_TOPIC, IMAGE),
        CAMERA_INFO_TOPIC: listen(receiver, CAMERA_INFO_TOPIC, INFO),
    }

    played = play(join(), path)

    assert played.messages == 45
    for topic, listener in listeners.items():
        assert wait_for(lambda one=listener: len(one.data) == 15)
        expected = [data + bytes(-len(data) % 4) for data in recorded(path, topic)]
        assert listener.data == expected


def test_a_stretch_of_time_is_played(
    join: Join, listen: Any, make_recording: Any, wait_for: Any
) -> None:
    path = make_recording(frames=15)
    listener = listen(join(), COLOR_TOPIC, IMAGE)

    played = play(join(), path, topics=(COLOR_TOPIC,), start_s=0.09, duration_s=0.15)

    assert played.messages == 5
    assert wait_for(lambda: len(listener.data) == 5)
    every = [data + bytes(-len(data) % 4) for data in recorded(path, COLOR_TOPIC)]
    assert listener.data == every[3:8]


def test_stamps_move_to_now_and_stay_common_to_colour_and_depth(
    join: Join, listen: Any, make_recording: Any, wait_for: Any
) -> None:
    path = make_recording(frames=10)
    receiver = join()
    color = listen(receiver, COLOR_TOPIC, IMAGE)
    depth = listen(receiver, DEPTH_TOPIC, IMAGE)

    play(join(), path, stamps="now")

    assert wait_for(lambda: len(color.data) == len(depth.data) == 10)
    color_ns = [stamp_ns_of(message.header) for message in color.messages]
    assert color_ns == [stamp_ns_of(message.header) for message in depth.messages]
    ages_ms = (np.array(color.arrived_ns) - color_ns) * 1e-6
    assert np.median(np.abs(ages_ms)) < 2e3
    np.testing.assert_allclose(np.diff(color_ns), 33_333_333)


def test_a_clock_tells_the_recordings_time(
    join: Join, listen: Any, make_recording: Any, wait_for: Any
) -> None:
    path = make_recording(frames=6)
    receiver = join()
    color = listen(receiver, COLOR_TOPIC, IMAGE)
    clock = listen(receiver, "/clock", "rosgraph_msgs/msg/Clock", TopicQos(is_reliable=False))

    with RecordingPlayer(path, join(), PlaySettings(has_clock=True)) as player:
        assert wait_for(lambda: color.endpoint.matched and clock.endpoint.matched)
        player.play()

    assert wait_for(lambda: len(clock.data) == 6)
    times = [message.clock.sec * 10**9 + message.clock.nanosec for message in clock.messages]
    assert times == [stamp_ns_of(message.header) for message in color.messages]


def test_latched_messages_of_before_the_stretch_are_played(
    join: Join, listen: Any, tmp_path: Path, wait_for: Any
) -> None:
    path = tmp_path / "bag"
    static = serialize(new_message(TRANSFORMS, transforms=[]))
    with BagWriter(path) as writer:
        writer.add_topic("/tf_static", TRANSFORMS, reliable_qos(1, keep_for_late_joiners=True))
        writer.add_topic("/text", "std_msgs/msg/String", reliable_qos(1))
        writer.write_serialized("/tf_static", static, 10**9)
        for second in (1, 2, 3):
            message = new_message("std_msgs/msg/String", data=str(second))
            writer.write("/text", message, second * 10**9)
    player = join()
    with RecordingPlayer(path, player, PlaySettings(start_s=1.9, rate=10.0)) as playing:
        text = listen(join(), "/text", "std_msgs/msg/String")
        assert playing.wait_for_subscriber()
        playing.play()
        late = listen(join(), "/tf_static", TRANSFORMS, TopicQos(is_latched=True))

        assert wait_for(lambda: late.data)
        assert wait_for(lambda: text.data)
        assert [message.data for message in text.messages] == ["3"]


def test_playing_ends_when_it_is_told_to(join: Join, make_recording: Any) -> None:
    path = make_recording(frames=30)
    asked = iter([False] * 10)

    with RecordingPlayer(path, join(), PlaySettings(subscriber_wait_s=0.0)) as player:
        assert not player.wait_for_subscriber()
        played = player.play(is_stopped=lambda: next(asked, True))

    assert 0 < played.messages < 30


def test_a_topic_that_is_not_recorded_is_refused_with_those_that_are(
    join: Join, make_recording: Any
) -> None:
    with pytest.raises(RecordingError, match=f"no topic '/none'; there are .*{DEPTH_TOPIC}"):
        RecordingPlayer(make_recording(), join(), PlaySettings(topics=("/none",)))


def test_a_result_that_an_older_version_defined_otherwise_is_left_out(
    join: Join, tmp_path: Path
) -> None:
    topic, name = "/hand_object_recon/topology", "hand_object_recon/msg/HandTopology"
    older = get_typestore(Stores.ROS2_JAZZY)
    older.register(get_types_from_msg("string name\nuint32[] triangles\n", name))
    message = older.types[name](name="hand", triangles=np.zeros(0, np.uint32))
    clock = new_message("builtin_interfaces/msg/Time", sec=1, nanosec=2)
    with Writer(tmp_path / "old", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        outdated = writer.add_connection(topic, name, typestore=older)
        writer.write(outdated, 5, older.serialize_cdr(message, name))
        other = writer.add_connection("/time", clock.__msgtype__, typestore=older)
        writer.write(other, 5, serialize(clock))
    with RecordingPlayer(tmp_path / "old", join(), PlaySettings()) as player:
        assert set(player.topics) == {"/time"}
        assert player.left_out == {topic: f"{name} was recorded with other fields than today's"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 0.0}, "rate is 0; it must be more than 0"),
        ({"start_s": -1.0}, "start is -1; it must be 0 or more"),
        ({"duration_s": 0.0}, "duration is 0; it must be more than 0"),
        ({"has_clock": True, "stamps": "now"}, "stamps must be recorded"),
    ],
)
def test_settings_out_of_range_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        PlaySettings(**settings)


def test_transforms_are_restamped_and_a_stamp_of_zero_is_left() -> None:
    pose = new_message(
        "geometry_msgs/msg/Transform",
        translation=new_message("geometry_msgs/msg/Vector3", x=1.0, y=2.0, z=3.0),
        rotation=new_message("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0),
    )
    transforms = [
        new_message(
            "geometry_msgs/msg/TransformStamped",
            header=header_message(stamp_ns, "camera"),
            child_frame_id="hand",
            transform=pose,
        )
        for stamp_ns in (5 * 10**9, 0)
    ]
    data = bytes(serialize(new_message(TRANSFORMS, transforms=transforms)))

    moved = Restamper(recorded_ns=10**9, played_ns=100 * 10**9, rate=2.0).restamped(
        TRANSFORMS, data
    )

    stamps = [stamp_ns_of(item.header) for item in deserialize(moved, TRANSFORMS).transforms]
    assert stamps == [102 * 10**9, 0]


def test_a_message_without_a_header_stays_as_it_is() -> None:
    data = bytes(serialize(new_message("std_msgs/msg/String", data="hello")))

    assert Restamper(0, 10**9, 1.0).restamped("std_msgs/msg/String", data) is data
