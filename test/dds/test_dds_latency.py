"""How long the link takes, and that it loses nothing: 640x480 colour and depth at 30 Hz."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hand_object_recon.dds.player import PlaySettings, RecordingPlayer
from hand_object_recon.dds.transport import Transport
from hand_object_recon.messages.headers import stamp_ns_of
from hand_object_recon.messages.typestore import DIAGNOSTICS_TYPE, RECONSTRUCTION_TYPE
from hand_object_recon.recordings.result_topics import RECONSTRUCTION_TOPIC

Join = Callable[[], Transport]

pytestmark = pytest.mark.timing

LATEST_MS = 400.0
"""A process that is kept waiting for longer may miss images: readers keep 20, two thirds of a
second."""


@dataclass(frozen=True)
class Measured:
    """What came out of ``live`` for the frames that were sent.

    link_ms
        (N,) from an image's sending to its result's arrival, without the pipeline's stages.
    printed
        What ``live`` said, to be read when something is wrong.
    """

    link_ms: NDArray[np.float64]
    counts: dict[str, int]
    printed: str


@pytest.fixture
def measure(
    run_live: Any, join: Join, listen: Any, wait_for: Any
) -> Callable[[Path, int], Measured]:
    """Plays a recording into ``live``; skips where the machine is too busy to play it."""

    def measure_frames(recording: Path, frames: int) -> Measured:
        receiver = join()
        results = listen(receiver, RECONSTRUCTION_TOPIC, RECONSTRUCTION_TYPE)
        diagnostics = listen(receiver, "/diagnostics", DIAGNOSTICS_TYPE)
        # A best-effort reader may lose an image on a busy machine.
        settings = PlaySettings(stamps="now", reliability="reliable", subscriber_wait_s=30.0)
        with (
            run_live("--input-qos", "reliable") as live,
            RecordingPlayer(recording, join(), settings) as player,
        ):
            assert wait_for(lambda: diagnostics.data)
            assert player.wait_for_subscriber()
            time.sleep(2.0)  # on a busy machine its three subscriptions come slowly
            played = player.play()
            assert played.messages == 3 * frames
            time.sleep(1.5)
            live.send_signal(signal.SIGTERM)
            _, printed = live.ended()
        if played.latest_ms > LATEST_MS:
            pytest.skip(f"a message was sent {played.latest_ms:.0f} ms late: too busy to measure")
        return Measured(_link_ms(results), _counts(printed), printed)

    return measure_frames


def _link_ms(results: Any) -> NDArray[np.float64]:
    return np.array(
        [
            (arrived_ns - stamp_ns_of(message.header)) * 1e-6
            - sum(stage.milliseconds for stage in message.stages)
            for arrived_ns, message in zip(results.arrived_ns, results.messages, strict=True)
        ]
    )


def _counts(printed: str) -> dict[str, int]:
    """The frames that ``live`` counted, from its last words."""
    (line,) = (line for line in printed.splitlines() if "frames reconstructed" in line)
    names = ("processed", "replaced", "unpaired_color", "unpaired_depth", "too_old", "unreadable")
    return dict(zip(names, map(int, re.findall(r"\d+", line)), strict=False))


def require_idle_cores() -> None:
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > 1.5 * cores:
        pytest.skip(f"nothing was lost, but at a load of {load:.1f} on {cores} cores no time holds")


def require_no_loss(measured: Measured, frames: int) -> None:
    counts = measured.counts
    assert counts["processed"] + counts["replaced"] + counts["too_old"] == frames, measured.printed
    assert counts["unpaired_color"] == counts["unpaired_depth"] == counts["unreadable"] == 0
    assert len(measured.link_ms) == counts["processed"]


def test_ten_seconds_of_images_come_without_a_loss(measure: Any, make_recording: Any) -> None:
    frames = 300

    measured = measure(make_recording(frames=frames, size=(640, 480)), frames)

    require_no_loss(measured, frames)
    require_idle_cores()
    assert np.median(measured.link_ms) < 25.0
    assert np.percentile(measured.link_ms, 95) < 50.0


@pytest.mark.slow
def test_a_minute_of_images_comes_whole_and_in_8_ms(measure: Any, make_recording: Any) -> None:
    frames = 1800

    measured = measure(make_recording(frames=frames, size=(640, 480)), frames)

    require_no_loss(measured, frames)
    require_idle_cores()
    assert measured.counts["processed"] == frames
    assert np.median(measured.link_ms) < 8.0
    assert np.percentile(measured.link_ms, 95) < 50.0
