"""A result becomes the messages that somebody listens to, and only those."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.core.stream_settings import LiveSettings
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.messages.typestore import deserialize
from hand_object_recon.pipeline.live.engine_events import LiveResult
from hand_object_recon.pipeline.live.outputs import (
    OBJECT_MESH_TOPIC,
    RESULT_TOPICS,
    TOPOLOGIES_TOPIC,
    LiveOutputs,
    serialized_topologies,
)
from hand_object_recon.pipeline.pipeline import FrameResult
from hand_object_recon.recordings.image_decoding import decode_color
from hand_object_recon.recordings.result_topics import (
    MARKERS_TOPIC,
    OVERLAY_TOPIC,
    TRANSFORMS_TOPIC,
)

TOPOLOGIES = {side: load_hand_model("open_hand", side).topology for side in HandSide}
TYPES = {output.topic: output.message_type for output in RESULT_TOPICS}

MakeLive = Callable[..., LiveResult]


@pytest.fixture
def make_live(make_frame: Callable[..., RgbdFrame]) -> MakeLive:
    def make(*hands: HandEstimate, objects: tuple[ObjectEstimate, ...] = ()) -> LiveResult:
        frame = make_frame()
        reconstruction = Reconstruction(
            frame.stamp_ns, frame.frame_id, "rgbd_fit", hands, objects, {"detect": 1.0}
        )
        topologies = {topology.name: topology for topology in TOPOLOGIES.values()}
        return LiveResult(frame, FrameResult(reconstruction, ()), topologies)

    return make


def cube(track_id: int, size_m: float) -> ObjectEstimate:
    corners = size_m * np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    faces = np.int32([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    pose = np.eye(4)
    pose[2, 3] = 0.6
    return ObjectEstimate(track_id, 0.5, pose, corners, faces)


def received(data: dict[str, bytes]) -> dict[str, Any]:
    return {topic: deserialize(one, TYPES[topic]) for topic, one in data.items()}


def test_every_topic_is_a_message_of_its_type_with_the_image_header(
    make_live: MakeLive, make_hand: Callable[..., HandEstimate]
) -> None:
    live = make_live(make_hand(), objects=(cube(4, 0.1),))
    messages = received(LiveOutputs(LiveSettings()).messages(live, TYPES))
    assert set(messages) == set(TYPES)
    headers = [one.header for one in messages.values() if hasattr(one, "header")]
    headers += [one.header for one in messages[MARKERS_TOPIC].markers]
    headers += [one.header for one in messages[TRANSFORMS_TOPIC].transforms]
    for header in headers:
        assert header.frame_id == live.frame.frame_id
        assert header.stamp.sec * 10**9 + header.stamp.nanosec == live.frame.stamp_ns


def test_only_what_is_wanted_is_made(
    make_live: MakeLive, make_hand: Callable[..., HandEstimate]
) -> None:
    outputs = LiveOutputs(LiveSettings())
    live = make_live(make_hand())
    assert outputs.messages(live, ()) == {}
    assert set(outputs.messages(live, {MARKERS_TOPIC, "/elsewhere"})) == {MARKERS_TOPIC}


def test_without_hands_there_is_no_transform_and_markers_are_deleted(
    make_live: MakeLive, make_hand: Callable[..., HandEstimate]
) -> None:
    outputs = LiveOutputs(LiveSettings())
    wanted = {MARKERS_TOPIC, TRANSFORMS_TOPIC, OBJECT_MESH_TOPIC}
    shown = received(outputs.messages(make_live(make_hand()), wanted))
    gone = received(outputs.messages(make_live(), wanted))
    assert set(gone) == {MARKERS_TOPIC}
    keys = [{(one.ns, one.id) for one in each[MARKERS_TOPIC].markers} for each in (shown, gone)]
    assert keys[0] == keys[1]
    assert {one.action for one in gone[MARKERS_TOPIC].markers} == {2}


def test_the_setting_decides_how_many_joints_are_frames(
    make_live: MakeLive, make_hand: Callable[..., HandEstimate]
) -> None:
    outputs = LiveOutputs(LiveSettings(all_joint_frames=True))
    data = outputs.messages(make_live(make_hand()), {TRANSFORMS_TOPIC})
    assert len(received(data)[TRANSFORMS_TOPIC].transforms) == 21


def test_the_object_mesh_is_that_of_the_first_object_by_track(make_live: MakeLive) -> None:
    live = make_live(objects=(cube(9, 0.2), cube(4, 0.1)))
    data = LiveOutputs(LiveSettings()).messages(live, {OBJECT_MESH_TOPIC})
    vertices = received(data)[OBJECT_MESH_TOPIC].vertices
    assert max(point.x for point in vertices) == pytest.approx(0.1)


def test_the_overlay_shows_the_hand_over_the_image(
    make_live: MakeLive, make_hand: Callable[..., HandEstimate]
) -> None:
    live = make_live(make_hand())
    data = LiveOutputs(LiveSettings()).messages(live, {OVERLAY_TOPIC})
    image = decode_color(received(data)[OVERLAY_TOPIC], OVERLAY_TOPIC)
    assert image.shape == live.frame.rgb.shape
    assert (image.max(axis=2) > 60).sum() > 500  # the frame itself is black


def test_topologies_go_out_once_each() -> None:
    messages = [
        deserialize(data, TOPOLOGIES_TOPIC.message_type)
        for data in serialized_topologies(TOPOLOGIES.values())
    ]
    assert [one.name for one in messages] == [one.name for one in TOPOLOGIES.values()]
