"""Graphs of this machine alone for the tests of the DDS link, and small recordings to play."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hand_object_recon.cli.main import main
from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.dds.graph_settings import DiscoveryRange, GraphSettings
from hand_object_recon.dds.transport import Endpoint, TopicQos, Transport
from hand_object_recon.messages.typestore import Message, deserialize
from hand_object_recon.recordings.rgbd_writer import RgbdRecordingWriter

HERE = Path(__file__).resolve().parent
START_NS = 1_700_000_000_000_000_000
STEP_NS = 33_333_333
NO_CYCLONEDDS = "cyclonedds is not installed: the extra dds"


@pytest.fixture
def graph() -> GraphSettings:
    """A domain that nobody else on this machine is in."""
    # Above 101 the ports of a domain are among those Linux gives to any program.
    domain_ids = random.SystemRandom().sample(range(1, 102), 101)
    domain_id = next(one for one in domain_ids if _is_free(one))
    return GraphSettings(domain_id, DiscoveryRange.LOCALHOST)


def _is_free(domain_id: int) -> bool:
    """Whether the port that the first program of a domain listens on can be had."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first:
        try:
            first.bind(("127.0.0.1", 7410 + 250 * domain_id))
        except OSError:
            return False
    return True


@pytest.fixture
def join(graph: GraphSettings) -> Iterator[Callable[[], Transport]]:
    """A new link to the test's graph; closed after the test."""
    pytest.importorskip("cyclonedds", reason=NO_CYCLONEDDS)
    from hand_object_recon.dds.cyclone import CycloneTransport

    joined: list[Transport] = []

    def join_graph() -> Transport:
        joined.append(CycloneTransport(graph))
        return joined[-1]

    yield join_graph
    for transport in joined:
        transport.close()


@dataclass
class Listener:
    """Keeps what arrives on a topic."""

    message_type: str
    data: list[bytes] = field(default_factory=list)
    sent_ns: list[int] = field(default_factory=list)
    arrived_ns: list[int] = field(default_factory=list)
    endpoint: Endpoint | None = None

    def receive(self, data: bytes, sent_ns: int) -> None:
        self.arrived_ns.append(time.time_ns())
        self.data.append(data)
        self.sent_ns.append(sent_ns)

    @property
    def messages(self) -> list[Message]:
        return [deserialize(data, self.message_type) for data in self.data]

    @property
    def last(self) -> Message:
        return deserialize(self.data[-1], self.message_type)


@pytest.fixture
def listen() -> Callable[..., Listener]:
    """A listener on a topic of a link."""

    def start(
        transport: Transport, topic: str, message_type: str, qos: TopicQos | None = None
    ) -> Listener:
        listener = Listener(message_type)
        listener.endpoint = transport.subscribe(
            topic, message_type, qos or TopicQos(), listener.receive
        )
        return listener

    return start


def wait_for(is_true: Callable[[], Any], timeout_s: float = 60.0) -> bool:
    """Whether it becomes true within that time, which is ample for a program on a busy machine."""
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        if is_true():
            return True
        time.sleep(0.01)
    return bool(is_true())


@pytest.fixture(name="wait_for")
def _wait_for() -> Callable[..., bool]:
    return wait_for


class Program(subprocess.Popen[str]):
    """``hand-object-recon`` in a process and a graph of its own; killed at the end of a block."""

    def __init__(self, graph: GraphSettings, *arguments: str) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), str(HERE)]),
            "ROS_DOMAIN_ID": str(graph.domain_id),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": graph.discovery_range.value,
        }
        super().__init__(
            [sys.executable, "-m", "hand_object_recon.cli.main", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ended(self) -> tuple[int, str]:
        """Exit code and everything it printed."""
        printed, _ = self.communicate(timeout=30.0)
        return self.returncode, printed

    def __exit__(self, *error: object) -> None:
        self.kill()
        self.communicate()


@pytest.fixture
def run(graph: GraphSettings) -> Callable[..., Program]:
    """Starts the program in the test's graph."""
    pytest.importorskip("cyclonedds", reason=NO_CYCLONEDDS)

    def start(*arguments: str) -> Program:
        return Program(graph, *arguments)

    return start


@pytest.fixture
def run_live(run: Callable[..., Program]) -> Callable[..., Program]:
    """Starts ``live`` with plugins that take next to no time."""

    def start(*arguments: str) -> Program:
        plugins = (
            "--set",
            "detector=light_plugins:NearestBlob",
            "--set",
            "held_object.enabled=false",
        )
        return run("live", *plugins, "--reconstructor", "light_plugins:StillHand", *arguments)

    return start


@pytest.fixture
def run_here(
    graph: GraphSettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """The program in this process: exit code and everything it printed."""
    pytest.importorskip("cyclonedds", reason=NO_CYCLONEDDS)
    monkeypatch.setenv("ROS_DOMAIN_ID", str(graph.domain_id))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", graph.discovery_range.value)

    def run_to_the_end(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as end:
            main(arguments)
        printed = capsys.readouterr()
        return int(end.value.code or 0), printed.out + printed.err

    return run_to_the_end


@dataclass(frozen=True)
class RecordingMaker:
    """Recordings of a wall with a near blob that moves to the right, one pixel a frame."""

    folder: Path

    def __call__(
        self, name: str = "bag", frames: int = 10, size: tuple[int, int] = (64, 48)
    ) -> Path:
        path = self.folder / name
        with RgbdRecordingWriter(path, color_encoding="rgb8", depth_encoding="16UC1") as writer:
            for number in range(frames):
                writer.write(_frame(number, *size))
        return path


def _frame(number: int, width: int, height: int) -> RgbdFrame:
    rgb = np.full((height, width, 3), 90, np.uint8)
    depth_m = np.full((height, width), 0.8, np.float32)
    left = number % (width // 2)
    rgb[height // 4 : height // 2, left : left + 8] = (220, 180, 150)
    depth_m[height // 4 : height // 2, left : left + 8] = 0.5
    camera = CameraIntrinsics(width, height, float(width), float(width), width / 2, height / 2)
    stamp_ns = START_NS + number * STEP_NS
    return RgbdFrame(rgb, depth_m, camera, stamp_ns, "camera_color_optical_frame")


@pytest.fixture
def make_recording(tmp_path: Path) -> RecordingMaker:
    return RecordingMaker(tmp_path)
