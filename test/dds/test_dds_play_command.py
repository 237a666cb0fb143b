"""The program ``play`` in a process of its own."""

from __future__ import annotations

import signal
from typing import Any

from hand_object_recon.messages.headers import stamp_ns_of
from hand_object_recon.messages.typestore import IMAGE_TYPE
from hand_object_recon.recordings.rgbd_writer import COLOR_TOPIC, DEPTH_TOPIC


def test_it_plays_a_recording_once_and_says_what(
    run: Any, join: Any, listen: Any, make_recording: Any, wait_for: Any
) -> None:
    listener = listen(join(), COLOR_TOPIC, IMAGE_TYPE)

    arguments = ("--topics", COLOR_TOPIC, "--topics", DEPTH_TOPIC, "--wait", "20")
    code, printed = run("play", str(make_recording(frames=12)), *arguments).ended()

    assert code == 0
    assert f"{COLOR_TOPIC} (sensor_msgs/msg/Image)" in printed
    assert "24 messages played" in printed
    assert wait_for(lambda: len(listener.data) == 12)


def test_it_loops_until_it_is_told_to_end(
    run: Any, join: Any, listen: Any, make_recording: Any, wait_for: Any
) -> None:
    listener = listen(join(), COLOR_TOPIC, IMAGE_TYPE)
    with run("play", str(make_recording(frames=6)), "--loop", "--wait", "20") as play:
        assert wait_for(lambda: len(listener.data) > 12)
        play.send_signal(signal.SIGINT)
        code, printed = play.ended()

    assert code == 130
    assert "Traceback" not in printed
    stamps_ns = [stamp_ns_of(message.header) for message in listener.messages]
    assert stamps_ns[6:12] == stamps_ns[:6]


def test_nobody_listening_does_not_keep_it_from_playing(run_here: Any, make_recording: Any) -> None:
    code, printed = run_here("play", str(make_recording(frames=3)), "--wait", "0.1")

    assert code == 0
    assert "nobody subscribes yet" in printed
    assert "9 messages played" in printed


def test_a_missing_recording_is_one_line(run_here: Any, tmp_path: Any) -> None:
    code, printed = run_here("play", str(tmp_path / "none"))

    assert code == 2
    assert printed.startswith("error: recording")
    assert "does not exist" in printed
