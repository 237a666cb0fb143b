"""A node that scores the live results against a truth topic."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any, Final

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile

from hand_object_recon.core.errors import ConfigError, HandObjectReconError
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.diagnostics import (
    DiagnosticStatus,
    StatusLevel,
    diagnostics_message,
)
from hand_object_recon.messages.reconstruction import reconstruction_from_message
from hand_object_recon.messages.typestore import RECONSTRUCTION_TYPE, deserialize, serialize
from hand_object_recon.msg import Reconstruction as ReconstructionMessage
from hand_object_recon.recordings.result_topics import RECONSTRUCTION_TOPIC
from hand_object_recon.ros.declaration import declare
from hand_object_recon.ros.parameters import Parameter
from hand_object_recon.ros.rolling_score import RollingScore, score_values

EVALUATION_NODE_NAME: Final = "hand_object_evaluation"

_PARAMETERS: Final = (
    Parameter("result_topic", RECONSTRUCTION_TOPIC, "Results to score.", None, "", True),
    Parameter(
        "truth_topic",
        "/ground_truth/reconstruction",
        "Their truth: messages of the same type with equal stamps.",
        None,
        "",
        True,
    ),
    Parameter("window_frames", 300, "Frames the score is taken over.", (1, 100_000), "", True),
    Parameter("period_s", 1.0, "Time between two scores.", (0.1, 60.0), "", True),
)
_QUEUE: Final = QoSProfile(depth=50)


class EvaluationNode(Node):
    """Publishes the errors of the last frames on ``~/score``.

    Raises
    ------
    ConfigError
        A parameter's value is refused.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(EVALUATION_NODE_NAME, **options)
        values = declare(self, _PARAMETERS)
        self._score = RollingScore(int(values["window_frames"]))
        self._frame_ids: dict[str, str] = {}
        self._is_warned = False
        self._publisher = self.create_publisher(DiagnosticArray, "~/score", 10)
        self._listen(str(values["result_topic"]), "results", self._score.add_result)
        self._listen(str(values["truth_topic"]), "truth", self._score.add_truth)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(float(values["period_s"]), self._publish, clock=steady)

    def summary(self) -> str:
        """One line of the last score."""
        values = score_values(self._score, self._score.metrics())
        return ", ".join(f"{name} {value}" for name, value in values.items())

    def _listen(self, topic: str, kind: str, add: Callable[[Reconstruction], None]) -> None:
        def receive(data: bytes) -> None:
            try:
                message = deserialize(data, RECONSTRUCTION_TYPE)
                reconstruction = reconstruction_from_message(message)
            except HandObjectReconError as error:
                self.get_logger().warning(f"{topic}: {error}")
                return
            self._frame_ids[kind] = reconstruction.frame_id
            self._warn_of_different_frames()
            add(reconstruction)

        self.create_subscription(ReconstructionMessage, topic, receive, _QUEUE, raw=True)

    def _warn_of_different_frames(self) -> None:
        if len(set(self._frame_ids.values())) > 1 and not self._is_warned:
            self._is_warned = True
            self.get_logger().warning(
                f"results are in frame {self._frame_ids['results']!r}, the truth is in "
                f"{self._frame_ids['truth']!r}: unset ros.target_frame, or publish the truth there"
            )

    def _publish(self) -> None:
        metrics = self._score.metrics()
        mpjpe = metrics["mpjpe"].value if metrics else None
        status = DiagnosticStatus(
            name=f"{self.get_name()}: accuracy",
            level=StatusLevel.OK if mpjpe is not None else StatusLevel.WARN,
            summary="nothing scored yet" if mpjpe is None else f"MPJPE {mpjpe:.1f} mm",
            values=score_values(self._score, metrics),
        )
        message = diagnostics_message(self.get_clock().now().nanoseconds, [status])
        self._publisher.publish(bytes(serialize(message)))


def main() -> None:
    """Run the node until it is interrupted, and print the last score."""
    rclpy.init()
    try:
        node = EvaluationNode()
    except ConfigError as error:
        print(error, file=sys.stderr)
        rclpy.try_shutdown()
        raise SystemExit(2) from None
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # launch may send a second one
        print(f"score of the last frames: {node.summary()}", flush=True)
        node.destroy_node()
        rclpy.try_shutdown()
