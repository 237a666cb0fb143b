"""A live engine in the hands of a test, with clocks and plugins that the test moves."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import HandObjectReconError
from hand_object_recon.messages.headers import header_message
from hand_object_recon.messages.images import camera_info_message, image_message
from hand_object_recon.messages.typestore import serialize
from hand_object_recon.pipeline.live.camera_stream import Stream
from hand_object_recon.pipeline.live.conditions import Notice
from hand_object_recon.pipeline.live.engine import LiveEngine
from hand_object_recon.pipeline.live.engine_events import (
    ChangeReport,
    LiveEvents,
    LiveResult,
)

MS = 1_000_000
START_NS = 1_700_000_000_000_000_000
STEP_NS = 33 * MS
CAMERA = CameraIntrinsics(64, 48, 60.0, 60.0, 32.0, 24.0)


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import live_engine_plugins

    yield live_engine_plugins
    live_engine_plugins.may_detect.set()
    live_engine_plugins.may_reconstruct.set()
    sys.modules.pop("live_engine_plugins", None)


@pytest.fixture
def host(plugins: ModuleType) -> Iterator[Host]:
    host = Host()
    yield host
    plugins.may_detect.set()
    plugins.may_reconstruct.set()
    host.engine.cleanup()
    threads = {thread.name for thread in threading.enumerate()}
    assert not threads & {"detection", "inference"}
    assert not [call for call in plugins.calls if call.startswith("disturbed")]


class Host:
    """A host with clocks of its own; frames are numbered and 33 ms apart."""

    patience_s = 5.0

    def __init__(self) -> None:
        self.now_ns = START_NS
        self.steady_ns = 0
        self.results: queue.Queue[LiveResult] = queue.Queue()
        self.notices: queue.Queue[Notice] = queue.Queue()
        self.failures: queue.Queue[HandObjectReconError] = queue.Queue()
        self.engine = LiveEngine(
            LiveEvents(self.results.put, self.notices.put, self.failures.put),
            clock_ns=lambda: self.now_ns,
            steady_ns=lambda: self.steady_ns,
        )

    @staticmethod
    def config(**settings: Any) -> PipelineConfig:
        chosen = {
            "detector": "live_engine_plugins:OneHand",
            "held_object": {"enabled": False},
            "reconstructor": "live_engine_plugins:Known",
        }
        return PipelineConfig.model_validate({**chosen, **settings})

    @staticmethod
    def stamp_ns(number: int) -> int:
        return START_NS + number * STEP_NS

    def start(self, **settings: Any) -> Host:
        self.engine.configure(self.config(**settings))
        self.engine.activate()
        return self

    def send(self, number: int, depth_size: tuple[int, int] = (48, 64), **image: Any) -> None:
        stamp_ns = self.stamp_ns(number)
        header = header_message(stamp_ns, "camera_color_optical_frame")
        rgb = np.zeros((48, 64, 3), np.uint8)
        depth_mm = np.full(depth_size, 600, np.uint16)
        color = image_message(header, rgb, "rgb8")
        color.encoding = image.get("encoding", "rgb8")
        self.now_ns = max(self.now_ns, stamp_ns + 5 * MS)
        self.steady_ns += STEP_NS
        for stream, message in (
            (Stream.CAMERA_INFO, camera_info_message(header, CAMERA)),
            (Stream.DEPTH, image_message(header, depth_mm, "16UC1")),
            (Stream.COLOR, color),
        ):
            self.engine.receive(stream, bytes(serialize(message)))

    def result(self) -> LiveResult:
        return self.results.get(timeout=self.patience_s)

    def number(self) -> int:
        """Of the frame of the next result."""
        return round((self.result().frame.stamp_ns - START_NS) / STEP_NS)

    def notice(self) -> Notice:
        return self.notices.get(timeout=self.patience_s)

    def switch_to(self, reconstructor: str) -> ChangeReport:
        return self.engine.change_settings({"reconstructor": reconstructor})

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + self.patience_s
        while not is_so():
            assert time.monotonic() < deadline_s
            time.sleep(0.001)

    def has_job(self) -> bool:
        """Whether somebody waits for the inference thread."""
        return self.engine._inference is not None and bool(self.engine._inference._jobs)

    def is_waiting(self, number: int) -> bool:
        """Whether the frame of this number was detected and waits to be reconstructed."""
        inference = self.engine._inference
        waiting = inference._newest if inference is not None else None
        return waiting is not None and waiting.detected.frame.stamp_ns == self.stamp_ns(number)

    def has_unreadable(self, count: int) -> bool:
        return self.engine.snapshot().counts.unreadable == count
