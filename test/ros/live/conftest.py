"""Real nodes in processes of their own, a made-up camera, and a node to ask them things."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.messages.headers import header_message
from hand_object_recon.messages.images import camera_info_message, image_message
from hand_object_recon.messages.typestore import serialize

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE.parents[2] / "scripts"
CAMERA = CameraIntrinsics(160, 120, 150.0, 150.0, 80.0, 60.0)
FRAME_ID = "camera_color_optical_frame"
TOPICS = {"color": "/cam/color", "depth": "/cam/depth", "camera_info": "/cam/camera_info"}
PARAMETERS = {
    "detector": "ros_plugins:Somewhere",
    "reconstructor": "ros_plugins:Light",
    **{f"live.{kind}_topic": topic for kind, topic in TOPICS.items()},
}
PATIENCE_S = 20.0
_DOMAIN_IDS = itertools.cycle(range(1 + os.getpid() % 100, 201))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.ros)


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    """A node of the test's own in a domain of its own, for what ended lingers in a graph."""
    pytest.importorskip("rclpy", reason="rclpy is not installed (source a ROS 2 workspace)")
    pytest.importorskip("hand_object_recon.msg", reason="the messages are not generated")
    import rclpy

    monkeypatch.setenv("ROS_DOMAIN_ID", str(next(_DOMAIN_IDS)))
    rclpy.init()
    node = Graph()
    yield node
    node.close()
    rclpy.shutdown()


@pytest.fixture
def start_node(graph: Graph) -> Iterator[Callable[..., RunningNode]]:
    """Starts a reconstruction node with light plugins and these parameters beside."""
    running: list[RunningNode] = []

    def start(
        *,
        script: str = "reconstruction_node",
        command: list[str] | None = None,
        **parameters: Any,
    ) -> RunningNode:
        own = {name.replace("__", "."): value for name, value in parameters.items()}
        if script == "reconstruction_node":
            own = {**PARAMETERS, **own}
        running.append(RunningNode(graph, command or _command(script, own)))
        return running[-1]

    yield start
    for node in running:
        node.stop()


@pytest.fixture
def make_camera(graph: Graph) -> Iterator[Callable[..., FakeCamera]]:
    cameras: list[FakeCamera] = []

    def make(**options: Any) -> FakeCamera:
        cameras.append(FakeCamera(graph, **options))
        return cameras[-1]

    yield make
    for camera in cameras:
        camera.close()


class Graph:
    """Calls services and collects messages, spun in a thread."""

    def __init__(self) -> None:
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.node import Node

        self.node = Node("test")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._is_closed = False
        self._thread.start()

    def call(self, kind: Any, name: str, request: Any) -> Any:
        client = self.node.create_client(kind, name)
        try:
            assert client.wait_for_service(PATIENCE_S), f"service {name} is not there"
            future = client.call_async(request)
            wait_until(future.done, f"{name} to answer")
            return future.result()
        finally:
            self.node.destroy_client(client)

    def collect(self, kind: Any, topic: str, **qos: Any) -> list[Any]:
        """A list that grows with the messages of a topic."""
        from rclpy.qos import QoSProfile

        received: list[Any] = []
        self.node.create_subscription(kind, topic, received.append, QoSProfile(depth=50, **qos))
        return received

    def close(self) -> None:
        self._is_closed = True
        self._thread.join()
        self.node.destroy_node()

    def _spin(self) -> None:
        while not self._is_closed:
            self._executor.spin_once(timeout_sec=0.05)


class RunningNode:
    """A node's process, with what it says."""

    name = "/hand_object_recon"

    def __init__(self, graph: Graph, command: list[str]) -> None:
        self._graph = graph
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
            "PYTHONUNBUFFERED": "1",
        }
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def said(self) -> str:
        return "".join(self._lines)

    def wait_to_say(self, text: str) -> None:
        wait_until(lambda: text in self.said, f"{text!r} to be said", lambda: self.said)

    def change(self, transition: str) -> bool:
        """Ask for a transition (``configure``, ``activate``, ...); whether it succeeded."""
        from lifecycle_msgs.srv import ChangeState

        request = ChangeState.Request()
        request.transition.label = transition
        answer = self._graph.call(ChangeState, f"{self.name}/change_state", request)
        return bool(answer.success)

    def state(self) -> str:
        from lifecycle_msgs.srv import GetState

        answer = self._graph.call(GetState, f"{self.name}/get_state", GetState.Request())
        return str(answer.current_state.label)

    def set(self, name: str, value: Any) -> Any:
        """Set a parameter; the result has ``successful`` and ``reason``."""
        from rcl_interfaces.srv import SetParameters
        from rclpy.parameter import Parameter

        request = SetParameters.Request()
        request.parameters = [Parameter(name, value=value).to_parameter_msg()]
        return self._graph.call(SetParameters, f"{self.name}/set_parameters", request).results[0]

    def describe(self, name: str) -> Any:
        from rcl_interfaces.srv import DescribeParameters

        request = DescribeParameters.Request(names=[name])
        answer = self._graph.call(DescribeParameters, f"{self.name}/describe_parameters", request)
        return answer.descriptors[0]

    def trigger(self, service: str) -> Any:
        from std_srvs.srv import Trigger

        return self._graph.call(Trigger, f"{self.name}/{service}", Trigger.Request())

    def stop(self) -> int:
        """Interrupt the process; its exit code."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
        return self.wait()

    def wait(self) -> int:
        """The exit code, once the process ended by itself."""
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join()
        return self._process.returncode

    def _read(self) -> None:
        assert self._process.stdout is not None
        self._lines.extend(iter(self._process.stdout.readline, ""))


class FakeCamera:
    """Publishes a grey scene at 30 Hz, everything with one stamp, until closed."""

    def __init__(
        self,
        graph: Graph,
        *,
        without: tuple[str, ...] = (),
        depth_offset_ns: int = 0,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        from rclpy.qos import QoSProfile, ReliabilityPolicy
        from sensor_msgs.msg import CameraInfo, Image

        qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
        kinds = {"color": Image, "depth": Image, "camera_info": CameraInfo}
        self._graph = graph
        self._publishers = {
            kind: graph.node.create_publisher(message, TOPICS[kind], qos)
            for kind, message in kinds.items()
            if kind not in without
        }
        self._offset_ns = depth_offset_ns
        self._clock_ns = clock_ns
        self.stamps_ns: list[int] = []
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_closed.set()
        self._thread.join()
        for publisher in self._publishers.values():
            self._graph.node.destroy_publisher(publisher)
        self._publishers = {}

    def _run(self) -> None:
        size = (CAMERA.height, CAMERA.width)
        rgb, depth_mm = np.full((*size, 3), 128, np.uint8), np.full(size, 600, np.uint16)
        while not self._is_closed.wait(1 / 30):
            stamp_ns = self._clock_ns()
            header = header_message(stamp_ns, FRAME_ID)
            depth_header = header_message(stamp_ns + self._offset_ns, FRAME_ID)
            messages = {
                "camera_info": camera_info_message(header, CAMERA),
                "depth": image_message(depth_header, depth_mm, "16UC1"),
                "color": image_message(header, rgb, "rgb8"),
            }
            self.stamps_ns.append(stamp_ns)
            for kind, publisher in self._publishers.items():
                publisher.publish(bytes(serialize(messages[kind])))


def wait_until(
    condition: Callable[[], object], what: str, details: Callable[[], str] = lambda: ""
) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, f"waited in vain for {what}\n{details()}"
        time.sleep(0.02)


@pytest.fixture(name="wait_until")
def _wait_until() -> Callable[..., None]:
    return wait_until


def _command(script: str, parameters: dict[str, Any]) -> list[str]:
    assignments = [f"{name}:={_text(value)}" for name, value in parameters.items()]
    arguments = [part for one in assignments for part in ("-p", one)]
    return [sys.executable, str(SCRIPTS / script), "--ros-args", *arguments]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
