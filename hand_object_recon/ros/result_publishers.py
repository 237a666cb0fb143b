"""The node's output topics, fed with serialized messages."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any, Final

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile

from hand_object_recon.core.hands import HandTopology
from hand_object_recon.messages.typestore import DETECTIONS_TYPE
from hand_object_recon.pipeline.live.outputs import (
    RESULT_TOPICS,
    TOPOLOGIES_TOPIC,
    OutputTopic,
    serialized_topologies,
)

_NODE_TOPICS: Final = "/hand_object_recon/"
_OPTIONAL_TYPES: Final = {DETECTIONS_TYPE}


class ResultPublishers:
    """Publishers of everything the node says; topics are called by the names of a recording.

    left_out
        Topics whose message package is not installed.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.left_out: list[str] = []
        self._publishers: dict[str, Publisher] = {}
        for output in RESULT_TOPICS:
            self._open(output, DurabilityPolicy.VOLATILE)
        self._open(TOPOLOGIES_TOPIC, DurabilityPolicy.TRANSIENT_LOCAL)

    def wanted(self) -> set[str]:
        """Topics somebody subscribes to."""
        return {
            topic
            for topic, publisher in self._publishers.items()
            if publisher.get_subscription_count()
        }

    def publish(self, topic: str, data: bytes) -> None:
        """Send CDR bytes."""
        self._publishers[topic].publish(data)

    def publish_topologies(self, topologies: Iterable[HandTopology]) -> None:
        """Send the hand meshes, for late joiners too."""
        for data in serialized_topologies(topologies):
            self.publish(TOPOLOGIES_TOPIC.topic, data)

    def close(self) -> None:
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)
        self._publishers = {}

    def _open(self, output: OutputTopic, durability: DurabilityPolicy) -> None:
        message_class = _message_class(output.message_type)
        if message_class is None:
            self.left_out.append(own_name(output.topic))
            return
        qos = QoSProfile(depth=output.depth, durability=durability)
        self._publishers[output.topic] = self._node.create_publisher(
            message_class, own_name(output.topic), qos
        )


def own_name(topic: str) -> str:
    """``~/markers`` for ``/hand_object_recon/markers``; other topics keep their name."""
    return topic.replace(_NODE_TOPICS, "~/", 1) if topic.startswith(_NODE_TOPICS) else topic


def _message_class(message_type: str) -> Any:
    package, _, name = message_type.split("/")
    try:
        return getattr(import_module(f"{package}.msg"), name)
    except ImportError:
        if message_type in _OPTIONAL_TYPES:
            return None
        raise
