"""The program ``live`` in a process of its own: what a robot's other programs see of it."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hand_object_recon.core.hands import HandSide
from hand_object_recon.dds.control import RESET_TOPIC, RESET_TYPE, SET_TOPIC, SET_TYPE
from hand_object_recon.dds.player import PlaySettings, RecordingPlayer
from hand_object_recon.dds.rosout import LOG_TYPE, ROSOUT_TOPIC, LogLevel
from hand_object_recon.dds.transport import TopicQos, Transport
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.messages.headers import stamp_ns_of
from hand_object_recon.messages.typestore import (
    COMPRESSED_IMAGE_TYPE,
    DIAGNOSTICS_TYPE,
    IMAGE_TYPE,
    MARKERS_TYPE,
    RECONSTRUCTION_TYPE,
    TOPOLOGY_TYPE,
    TRANSFORMS_TYPE,
    new_message,
    serialize,
)
from hand_object_recon.recordings.result_topics import (
    MARKERS_TOPIC,
    OVERLAY_TOPIC,
    RECONSTRUCTION_TOPIC,
    TOPOLOGY_TOPIC,
    TRANSFORMS_TOPIC,
)
from hand_object_recon.recordings.rgbd_writer import COLOR_TOPIC

OPTICAL_FRAME = "camera_color_optical_frame"
LIGHT = (
    "--set",
    "detector=light_plugins:NearestBlob",
    "--reconstructor",
    "light_plugins:StillHand",
    "--set",
    "held_object.enabled=false",
)
INPUT, PIPELINE = "hand_object_recon: input", "hand_object_recon: pipeline"
OK, WARN = 0, 1
DELETE_ALL = 3

Join = Callable[[], Transport]


class Camera:
    """A recording that is played again and again as it is now, until it is stalled."""

    def __init__(self, transport: Transport, recording: Path) -> None:
        settings = PlaySettings(stamps="now", subscriber_wait_s=0.0)
        self._player = RecordingPlayer(recording, transport, settings)
        self._is_on, self._is_over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        self.resume()

    def resume(self) -> None:
        self._is_on.set()

    def stall(self) -> None:
        self._is_on.clear()

    def close(self) -> None:
        self._is_over.set()
        self._is_on.set()
        self._thread.join()
        self._player.close()

    def _work(self) -> None:
        while not self._is_over.is_set():
            self._is_on.wait()
            self._player.play(lambda: self._is_over.is_set() or not self._is_on.is_set())


@pytest.fixture
def camera(join: Join, make_recording: Any) -> Iterator[Camera]:
    playing = Camera(join(), make_recording(frames=90, size=(160, 120)))
    yield playing
    playing.close()


@pytest.fixture
def live(run_live: Any) -> Iterator[Any]:
    with run_live() as process:
        yield process


def statuses(listener: Any) -> dict[str, Any]:
    """The last diagnostics by name."""
    return {status.name: status for status in listener.last.status}


def is_fine(listener: Any, name: str) -> bool:
    return bool(listener.data) and statuses(listener)[name].level == OK


def test_other_programs_get_hands_with_the_stamps_and_frame_of_the_images(
    live: Any, camera: Camera, join: Join, listen: Any, wait_for: Any
) -> None:
    receiver = join()
    images = listen(receiver, COLOR_TOPIC, IMAGE_TYPE)
    results = listen(receiver, RECONSTRUCTION_TOPIC, RECONSTRUCTION_TYPE)
    transforms = listen(receiver, TRANSFORMS_TOPIC, TRANSFORMS_TYPE)
    markers = listen(receiver, MARKERS_TOPIC, MARKERS_TYPE)
    overlays = listen(receiver, OVERLAY_TOPIC, COMPRESSED_IMAGE_TYPE)

    listeners = (results, transforms, markers, overlays)
    assert wait_for(lambda: all(len(listener.data) > 5 for listener in listeners))
    camera.stall()
    time.sleep(0.3)

    stamps_ns = {stamp_ns_of(image.header) for image in images.messages}
    hands = [hand for result in results.messages for hand in result.hands]
    assert hands
    assert {stamp_ns_of(result.header) for result in results.messages} <= stamps_ns
    assert {result.header.frame_id for result in results.messages} == {OPTICAL_FRAME}
    assert all(0.3 < hand.joints[0].z < 0.7 for hand in hands)

    frames = [item for message in transforms.messages for item in message.transforms]
    assert {item.child_frame_id for item in frames} == {
        f"hand_right/{part}"
        for part in ("wrist", "thumb_tip", "index_tip", "middle_tip", "ring_tip", "pinky_tip")
    }
    assert {item.header.frame_id for item in frames} == {OPTICAL_FRAME}
    assert {stamp_ns_of(item.header) for item in frames} <= stamps_ns

    shown = [marker for message in markers.messages for marker in message.markers]
    assert {marker.ns for marker in shown} == {
        "hand_right/mesh",
        "hand_right/skeleton",
        "hand_right/joints",
    }
    assert {stamp_ns_of(marker.header) for marker in shown} <= stamps_ns

    picture = cv2.imdecode(np.asarray(overlays.last.data), cv2.IMREAD_COLOR)
    assert picture.shape == (120, 160, 3)


def test_a_stalled_camera_is_said_once_and_its_return_too(
    live: Any, camera: Camera, join: Join, listen: Any, wait_for: Any
) -> None:
    receiver = join()
    log = listen(receiver, ROSOUT_TOPIC, LOG_TYPE)
    diagnostics = listen(receiver, "/diagnostics", DIAGNOSTICS_TYPE)
    results = listen(receiver, RECONSTRUCTION_TOPIC, RECONSTRUCTION_TYPE)
    assert wait_for(lambda: is_fine(diagnostics, PIPELINE) and is_fine(diagnostics, INPUT))
    values = {item.key: item.value for item in statuses(diagnostics)[PIPELINE].values}
    assert values["reconstructor"] == "still_hand"
    assert values["state"] == "active"

    camera.stall()
    assert wait_for(lambda: statuses(diagnostics)[INPUT].level == WARN)
    assert "no colour message for" in statuses(diagnostics)[INPUT].message
    time.sleep(1.5)
    said = [line.msg for line in log.messages if "no colour message for" in line.msg]
    assert len(said) == 1
    before = len(results.data)
    camera.resume()

    assert wait_for(lambda: len(results.data) > before + 10)
    assert wait_for(lambda: is_fine(diagnostics, INPUT))
    assert "colour: all right again" in [line.msg for line in log.messages]


def test_who_comes_late_gets_the_meshes_triangles_and_settings_change_while_images_come(
    live: Any, camera: Camera, join: Join, listen: Any, wait_for: Any
) -> None:
    other = join()
    log = listen(other, ROSOUT_TOPIC, LOG_TYPE)
    results = listen(other, RECONSTRUCTION_TOPIC, RECONSTRUCTION_TYPE)
    setting = other.publisher(SET_TOPIC, SET_TYPE, TopicQos())
    resetting = other.publisher(RESET_TOPIC, RESET_TYPE, TopicQos())
    assert wait_for(lambda: results.data and setting.matched and resetting.matched)
    topologies = listen(join(), TOPOLOGY_TOPIC, TOPOLOGY_TYPE, TopicQos(is_latched=True))
    assert wait_for(lambda: topologies.data)
    expected = load_hand_model("open_hand", HandSide.RIGHT).topology
    assert topologies.last.name == expected.name
    np.testing.assert_array_equal(np.reshape(topologies.last.triangles, (-1, 3)), expected.faces)

    def order(assignment: str) -> None:
        setting.publish(serialize(new_message(SET_TYPE, data=assignment)))

    def was_said(part: str) -> bool:
        return any(part in line.msg for line in log.messages)

    order("reconstructor=light_plugins:OtherStillHand")
    assert wait_for(lambda: results.last.method == "other_still_hand")
    assert {result.method for result in results.messages} == {"still_hand", "other_still_hand"}

    order("reconstructor=light_plugins:NoSuchClass")
    assert wait_for(lambda: was_said("has no 'NoSuchClass'"))
    order("smoother.enabled=false")
    assert wait_for(lambda: was_said("smoother.enabled = False"))
    order("tracker.max_hands=1")
    assert wait_for(lambda: was_said("'tracker.max_hands' cannot change at run time"))
    order("faster, please")
    assert wait_for(lambda: was_said("send section.key=value"))
    resetting.publish(serialize(new_message(RESET_TYPE, structure_needs_at_least_one_member=0)))
    assert wait_for(lambda: was_said("earlier frames are forgotten"))

    refused = [line.msg for line in log.messages if line.level == LogLevel.ERROR]
    assert len(refused) == 3
    before = len(results.data)
    assert wait_for(lambda: len(results.data) > before + 5)
    assert results.last.method == "other_still_hand"


def test_after_a_kill_a_new_one_takes_over_and_clears_the_markers_at_its_end(
    run_live: Any, camera: Camera, join: Join, listen: Any, wait_for: Any
) -> None:
    receiver = join()
    results = listen(receiver, RECONSTRUCTION_TOPIC, RECONSTRUCTION_TYPE)
    markers = listen(receiver, MARKERS_TOPIC, MARKERS_TYPE)
    with run_live() as first:
        assert wait_for(lambda: len(results.data) > 5)
        first.kill()
        assert first.wait() == -signal.SIGKILL
    before, shown = len(results.data), len(markers.data)

    with run_live() as second:
        assert wait_for(lambda: len(results.data) > before + 5 and len(markers.data) > shown + 5)
        assert results.last.hands
        second.send_signal(signal.SIGTERM)
        code, printed = second.ended()

    assert code == 0
    assert "frames reconstructed" in printed
    assert "age when published: p50" in printed
    assert "Traceback" not in printed
    assert wait_for(lambda: markers.last.markers[0].action == DELETE_ALL)


def test_a_camera_is_found_by_the_types_and_names_of_its_topics(
    run_live: Any, camera: Camera, join: Join, listen: Any, wait_for: Any
) -> None:
    results = listen(join(), RECONSTRUCTION_TOPIC, RECONSTRUCTION_TYPE)
    wrong = ("--set", "live.color_topic=/no/such/topic")

    with run_live(*wrong, "--camera", "any"):
        assert wait_for(lambda: len(results.data) > 5)


def test_a_recording_played_with_its_clock_is_of_now_in_simulated_time(
    run: Any, run_live: Any, make_recording: Any, join: Join, listen: Any, wait_for: Any
) -> None:
    recording = make_recording(frames=300)
    results = listen(join(), RECONSTRUCTION_TOPIC, RECONSTRUCTION_TYPE)

    with run_live("--use-sim-time") as live:
        with run("play", str(recording), "--clock", "--wait", "30", "--loop"):
            assert wait_for(lambda: len(results.data) > 20)
        live.send_signal(signal.SIGTERM)
        _, printed = live.ended()

    assert " 0 too old" in printed
    assert stamp_ns_of(results.messages[0].header) < time.time_ns() - 365 * 24 * 3600 * 10**9


def test_a_recording_played_with_old_stamps_is_dropped_with_the_reason(
    run: Any, run_live: Any, make_recording: Any, join: Join, listen: Any, wait_for: Any
) -> None:
    log = listen(join(), ROSOUT_TOPIC, LOG_TYPE)
    play = ("play", str(make_recording(frames=60)), "--wait", "30", "--loop")

    with run_live(), run(*play):
        assert wait_for(lambda: any("use_sim_time" in line.msg for line in log.messages))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--camera", "any", "--find-timeout", "0.2"),
            "error: no camera with colour and depth was found in 0.2 s: nobody publishes anything",
        ),
        (("--reconstructor", "no_such_method"), "error: .*no_such_method"),
        (("--domain", "500"), "error: domain id is 500; it must be between 0 and 232"),
    ],
)
def test_what_is_wrong_at_the_start_is_said_in_one_line(
    run_here: Any, arguments: tuple[str, ...], message: str
) -> None:
    code, printed = run_here("live", *arguments)

    assert code == 2
    assert re.match(message, printed.splitlines()[-1])
