"""What goes out of a frame: in the frame that is wanted, under names that tell cameras apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.core.stream_settings import LiveSettings
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.messages.typestore import deserialize
from hand_object_recon.pipeline.live.engine_events import LiveResult
from hand_object_recon.pipeline.live.outputs import (
    RAW_OVERLAY_TOPIC,
    RESULT_TOPICS,
    LiveOutputs,
)
from hand_object_recon.pipeline.pipeline import FrameResult
from hand_object_recon.recordings.result_topics import (
    MARKERS_TOPIC,
    OVERLAY_CAMERA_INFO_TOPIC,
    RECONSTRUCTION_TOPIC,
    TRANSFORMS_TOPIC,
)
from hand_object_recon.ros.mesh_saving import save_meshes
from hand_object_recon.ros.result_preparation import messages_in_frame, with_frame_prefix

TYPES = {output.topic: output.message_type for output in RESULT_TOPICS}
MakeHand = Callable[..., HandEstimate]


def live_result(*hands: HandEstimate) -> LiveResult:
    frame = RgbdFrame(
        np.zeros((48, 64, 3), np.uint8),
        np.ones((48, 64), np.float32),
        CameraIntrinsics(64, 48, 60.0, 60.0, 32.0, 24.0),
        stamp_ns=7,
        frame_id="camera",
    )
    topology = load_hand_model("open_hand", HandSide.RIGHT).topology
    result = FrameResult(Reconstruction(7, "camera", "made_up", hands), ())
    return LiveResult(frame, result, {topology.name: topology})


def read(data: dict[str, bytes], topic: str) -> Any:
    return deserialize(data[topic], TYPES[topic])


def test_results_move_to_the_frame_and_the_image_stays(make_hand: MakeHand) -> None:
    pose = np.eye(4)
    pose[:3, 3] = (1.0, 2.0, 3.0)
    live, outputs = live_result(make_hand()), LiveOutputs(LiveSettings())

    here = outputs.messages(live, TYPES)
    there = messages_in_frame(outputs, live, TYPES, "base", pose)

    assert set(there) == set(here)
    shift = np.subtract(
        *(
            [hand.joints[0].x, hand.joints[0].y, hand.joints[0].z]
            for hand in (read(data, RECONSTRUCTION_TOPIC).hands[0] for data in (there, here))
        )
    )
    assert shift == pytest.approx((1.0, 2.0, 3.0), abs=1e-6)
    for topic in (RECONSTRUCTION_TOPIC, MARKERS_TOPIC, TRANSFORMS_TOPIC):
        message = read(there, topic)
        headed = getattr(message, "markers", None) or getattr(message, "transforms", [message])
        assert headed[0].header.frame_id == "base"
        assert headed[0].header.stamp.nanosec == 7
    assert read(there, OVERLAY_CAMERA_INFO_TOPIC).header.frame_id == "camera"
    assert_array_equal(
        read(there, RAW_OVERLAY_TOPIC).data,
        read(outputs.messages(live, [RAW_OVERLAY_TOPIC]), RAW_OVERLAY_TOPIC).data,
    )


def test_only_what_is_wanted_is_made_in_another_frame_too(make_hand: MakeHand) -> None:
    outputs = LiveOutputs(LiveSettings())

    made = messages_in_frame(outputs, live_result(make_hand()), [MARKERS_TOPIC], "base", np.eye(4))

    assert set(made) == {MARKERS_TOPIC}


def test_a_prefix_is_put_before_the_frames_of_hands(make_hand: MakeHand) -> None:
    data = LiveOutputs(LiveSettings()).messages(live_result(make_hand()), TYPES)

    prefixed = with_frame_prefix(data, "left/")

    names = {one.child_frame_id for one in read(prefixed, TRANSFORMS_TOPIC).transforms}
    assert "left/hand_right/wrist" in names
    assert {name.partition("/")[0] for name in names} == {"left"}
    assert {topic for topic in data if data[topic] != prefixed[topic]} == {TRANSFORMS_TOPIC}
    assert with_frame_prefix(data, "") == data


def test_the_meshes_of_a_frame_are_saved_under_its_stamp(
    make_hand: MakeHand, tmp_path: Path
) -> None:
    path = save_meshes(live_result(make_hand(3)), tmp_path / "new")

    content = path.read_bytes()
    document = json.loads(content[20 : 20 + int.from_bytes(content[12:16], "little")])
    assert path == tmp_path / "new" / "frame_7.glb"
    assert [mesh["name"] for mesh in document["meshes"]] == ["hand_3_right"]


def test_a_frame_without_a_mesh_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="no hand and no object"):
        save_meshes(live_result(), tmp_path)
