"""Results as a recording: readable by other tools, and back into reconstructions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import InvalidValueError, RecordingError
from hand_object_recon.core.hands import HandEstimate, HandSide, HandTopology
from hand_object_recon.core.objects import (
    GraspState,
    HandContact,
    HandPart,
    ObjectEstimate,
    PrimitiveFit,
    PrimitiveKind,
)
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.recordings.result_reader import read_reconstructions, read_topologies
from hand_object_recon.recordings.result_writer import ReconstructionWriter

RECONSTRUCTION = "/hand_object_recon/reconstruction"
TOPOLOGY = "/hand_object_recon/topology"
MARKERS = "/hand_object_recon/markers"
START_NS = 1_700_000_000_123_456_789
FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], dtype=np.int32)
TOPOLOGIES = (HandTopology("right", 4, FACES), HandTopology("left", 4, FACES[:, ::-1]))


def hand(track_id: int, side: HandSide) -> HandEstimate:
    random = np.random.default_rng(track_id)
    wrist_pose = np.eye(4)
    wrist_pose[:3, 3] = random.normal(size=3)
    return HandEstimate(
        track_id=track_id,
        side=side,
        score=0.5,
        joints_m=random.normal(size=(21, 3)).astype(np.float32),
        joint_visibility=np.ones(21, np.float32),
        vertices_m=random.normal(size=(4, 3)).astype(np.float32),
        topology=str(side),
        wrist_pose=wrist_pose,
        pose_rad=random.normal(size=48).astype(np.float32),
        shape=random.normal(size=10).astype(np.float32),
    )


def reconstructions() -> list[Reconstruction]:
    left, right = hand(1, HandSide.LEFT), hand(2, HandSide.RIGHT)
    frames = [(left, right), (right,), ()]
    return [
        Reconstruction(START_NS + number * 40_000_000, "camera", "rgbd_fit", hands, (), {"fit": 7})
        for number, hands in enumerate(frames)
    ]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    folder = tmp_path / "result"
    with ReconstructionWriter(folder, TOPOLOGIES) as writer:
        for frame in reconstructions():
            writer.write(frame)
    return folder


def messages_of(path: Path, topic: str) -> list[tuple[int, Any]]:
    """Log time and message, decoded with nothing but what the recording itself says."""
    with AnyReader([path]) as reader:
        connections = [item for item in reader.connections if item.topic == topic]
        return [
            (log_time_ns, reader.deserialize(data, connection.msgtype))
            for connection, log_time_ns, data in reader.messages(connections)
        ]


def test_reconstructions_come_back_message_for_message(written: Path) -> None:
    for read, frame in zip(read_reconstructions(written), reconstructions(), strict=True):
        assert (read.stamp_ns, read.frame_id, read.method) == (frame.stamp_ns, "camera", "rgbd_fit")
        assert read.stage_ms == {"fit": 7}
        for one, other in zip(read.hands, frame.hands, strict=True):
            assert (one.track_id, one.side, one.topology) == (
                other.track_id,
                other.side,
                other.topology,
            )
            np.testing.assert_array_equal(one.joints_m, other.joints_m)
            np.testing.assert_array_equal(one.vertices_m, other.vertices_m)
            np.testing.assert_array_equal(one.pose_rad, other.pose_rad)
            np.testing.assert_allclose(one.wrist_pose, other.wrist_pose, atol=1e-12)


def test_topologies_come_back_by_name(written: Path) -> None:
    topologies = read_topologies(written)
    assert list(topologies) == ["right", "left"]
    np.testing.assert_array_equal(topologies["left"].faces, FACES[:, ::-1])


def test_an_overlay_is_a_jpeg_with_the_stamp_and_camera_of_its_frame(
    tmp_path: Path, make_frame: Callable[..., RgbdFrame]
) -> None:
    overlays = [make_frame(START_NS), make_frame(START_NS + 40_000_000)]
    with ReconstructionWriter(tmp_path / "result", TOPOLOGIES) as writer:
        for frame, overlay in zip(reconstructions(), overlays, strict=False):
            writer.write(frame)
            writer.write_overlay(overlay)

    images = messages_of(tmp_path / "result", "/hand_object_recon/overlay/compressed")
    infos = messages_of(tmp_path / "result", "/hand_object_recon/camera_info")

    for (log_ns, image), (info_ns, info), overlay in zip(images, infos, overlays, strict=True):
        assert log_ns == info_ns == overlay.stamp_ns
        for message in (image, info):
            stamp = message.header.stamp
            assert stamp.sec * 10**9 + stamp.nanosec == overlay.stamp_ns
            assert message.header.frame_id == overlay.frame_id
        assert image.format == "rgb8; jpeg compressed bgr8"
        bgr = cv2.imdecode(image.data, cv2.IMREAD_COLOR)
        assert bgr is not None
        assert bgr.shape == (info.height, info.width, 3) == overlay.rgb.shape
        assert np.abs(bgr[..., ::-1].astype(int) - overlay.rgb).mean() < 6
        np.testing.assert_array_equal(info.k.reshape(3, 3), overlay.camera.matrix)


def test_a_reader_that_knows_nothing_of_us_decodes_every_message(written: Path) -> None:
    frames = reconstructions()
    for topic in (RECONSTRUCTION, MARKERS, "/tf"):
        messages = messages_of(written, topic)
        assert [log_time_ns for log_time_ns, _ in messages] == [frame.stamp_ns for frame in frames]
    (_, first), *_ = messages_of(written, RECONSTRUCTION)
    np.testing.assert_array_equal(first.hands[0].vertices, frames[0].hands[0].vertices_m.ravel())
    stamp = first.header.stamp
    assert stamp.sec * 10**9 + stamp.nanosec == START_NS


def test_the_schemas_hold_the_definitions_of_all_they_use(written: Path) -> None:
    with AnyReader([written]) as reader:
        schemas = {item.topic: item.msgdef.data for item in reader.connections}
    for dependency in ("hand_object_recon/Hand", "geometry_msgs/Point", "std_msgs/Header"):
        assert f"MSG: {dependency}" in schemas[RECONSTRUCTION]
    assert "float32[48] pose" in schemas[RECONSTRUCTION]


def test_what_is_known_of_an_object_is_in_the_recording_for_others_and_for_us(
    tmp_path: Path,
) -> None:
    at_m, normal = np.float32([0.25, 0.5, 0.75]), np.float32([0, 0, -1])
    box = PrimitiveFit(PrimitiveKind.BOX, np.eye(4), np.float32([0.25, 0.5, 0.125]), 0.001)
    item = ObjectEstimate(
        4,
        0.5,
        np.eye(4),
        np.eye(4, 3, dtype=np.float32),
        FACES,
        held_by=2,
        state=GraspState.TOUCHED,
        vertex_seen=np.array([True, False, True, True]),
        name="mug",
        primitive=box,
        contacts=(HandContact(2, HandPart.THUMB, at_m, normal, 0.0),),
    )
    hands = (hand(2, HandSide.RIGHT),)
    with ReconstructionWriter(tmp_path / "result", TOPOLOGIES) as writer:
        writer.write(Reconstruction(START_NS, "camera", "fused", hands, (item,)))

    ((_, message),) = messages_of(tmp_path / "result", RECONSTRUCTION)
    (theirs,) = message.objects
    assert (theirs.name, theirs.state, theirs.vertex_seen.tolist()) == ("mug", 1, [1, 0, 1, 1])
    assert (theirs.primitive.type, theirs.primitive.dimensions.tolist()) == (1, [0.25, 0.5, 0.125])
    assert theirs.contacts[0].point.z == 0.75
    assert message.hands[0].touches.tolist() == [True] + 5 * [False]
    (frame,) = read_reconstructions(tmp_path / "result")
    (ours,) = frame.objects
    assert (ours.name, ours.state, ours.contacts[0].part) == ("mug", item.state, HandPart.THUMB)


def test_topologies_are_written_once_at_the_first_stamp_and_kept_for_late_joiners(
    written: Path,
) -> None:
    messages = messages_of(written, TOPOLOGY)
    assert [(log_time_ns, message.name) for log_time_ns, message in messages] == [
        (START_NS, "right"),
        (START_NS, "left"),
    ]
    with AnyReader([written]) as reader:
        durability = {
            item.topic: [qos.durability for qos in item.ext.offered_qos_profiles]
            for item in reader.connections
        }
    assert durability[TOPOLOGY] == [QosDurability.TRANSIENT_LOCAL]
    assert durability[RECONSTRUCTION] == durability["/tf"] == [QosDurability.VOLATILE]


def test_markers_of_hands_that_vanished_are_deleted(written: Path) -> None:
    deleted = [
        {marker.ns for marker in message.markers if marker.action == marker.DELETE}
        for _, message in messages_of(written, MARKERS)
    ]
    parts = ("mesh", "skeleton", "joints")
    assert deleted == [
        set(),
        {f"hand_left/{part}" for part in parts},
        {f"hand_right/{part}" for part in parts},
    ]


def test_the_metadata_says_what_ros2_bag_info_shows(written: Path) -> None:
    document = yaml.safe_load((written / "metadata.yaml").read_text())
    metadata = document["rosbag2_bagfile_information"]
    assert metadata["version"] == 9
    assert metadata["storage_identifier"] == "mcap"
    assert metadata["relative_file_paths"] == ["result.mcap"]
    assert metadata["starting_time"]["nanoseconds_since_epoch"] == START_NS
    assert metadata["duration"]["nanoseconds"] == 80_000_000
    assert metadata["message_count"] == 11
    counts = {
        topic["topic_metadata"]["name"]: (topic["topic_metadata"]["type"], topic["message_count"])
        for topic in metadata["topics_with_message_count"]
    }
    assert counts == {
        RECONSTRUCTION: ("hand_object_recon/msg/Reconstruction", 3),
        TOPOLOGY: ("hand_object_recon/msg/HandTopology", 2),
        MARKERS: ("visualization_msgs/msg/MarkerArray", 3),
        "/tf": ("tf2_msgs/msg/TFMessage", 3),
        "/hand_object_recon/overlay/compressed": ("sensor_msgs/msg/CompressedImage", 0),
        "/hand_object_recon/camera_info": ("sensor_msgs/msg/CameraInfo", 0),
    }


def test_the_recording_is_readable_after_an_exception_passed_through(tmp_path: Path) -> None:
    folder = tmp_path / "result"

    def interrupted() -> None:
        with ReconstructionWriter(folder, TOPOLOGIES) as writer:
            writer.write(reconstructions()[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(messages_of(folder, RECONSTRUCTION)) == 1
    assert (folder / "metadata.yaml").is_file()


def test_a_frame_with_an_unknown_topology_is_refused_and_leaves_no_trace(tmp_path: Path) -> None:
    folder = tmp_path / "result"
    both, right_only, _ = reconstructions()
    with ReconstructionWriter(folder, TOPOLOGIES[:1]) as writer:
        with pytest.raises(InvalidValueError, match="'left' is unknown; known are right"):
            writer.write(both)
        writer.write(right_only)
    assert [frame.stamp_ns for frame in read_reconstructions(folder)] == [right_only.stamp_ns]


def test_an_existing_folder_is_not_overwritten(written: Path) -> None:
    before = (written / "result.mcap").read_bytes()
    with pytest.raises(RecordingError, match="exists already; remove it or choose another"):
        ReconstructionWriter(written)
    assert (written / "result.mcap").read_bytes() == before


def test_a_result_that_was_cut_off_gives_its_frames_and_then_the_reason(written: Path) -> None:
    file = written / "result.mcap"
    file.write_bytes(file.read_bytes()[:-50])
    frames = read_reconstructions(written)
    assert [next(frames).stamp_ns for _ in range(3)] == [
        item.stamp_ns for item in reconstructions()
    ]
    with pytest.raises(RecordingError, match="is damaged"):
        next(frames)


def test_a_recording_without_results_is_refused(
    tmp_path: Path, write_bag: Any, rgbd_items: Any
) -> None:
    with pytest.raises(RecordingError, match="no result of this program"):
        next(read_reconstructions(write_bag(rgbd_items())))
