"""The camera's topics: subscribed to as serialized bytes, and watched for refused QoS."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import (
    HistoryPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from hand_object_recon.messages.typestore import (
    CAMERA_INFO_TYPE,
    COMPRESSED_IMAGE_TYPE,
    IMAGE_TYPE,
)
from hand_object_recon.pipeline.live.camera_stream import Stream, Subscription

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

_MESSAGE_CLASSES: Final = {
    IMAGE_TYPE: Image,
    COMPRESSED_IMAGE_TYPE: CompressedImage,
    CAMERA_INFO_TYPE: CameraInfo,
}


class CameraSubscriptions:
    """Open subscriptions to the topics of one camera.

    They ask for best effort, which every publisher offers; ``qos_overrides`` parameters may ask
    for more. ``receive`` gets the stream and the CDR bytes of each message.
    """

    def __init__(
        self,
        node: Node,
        subscriptions: Iterable[Subscription],
        queue_length: int,
        receive: Callable[[Stream, bytes], None],
    ) -> None:
        self._node = node
        self._refused: set[str] = set()
        group = MutuallyExclusiveCallbackGroup()
        self._open = {
            wanted: node.create_subscription(
                _MESSAGE_CLASSES[wanted.message_type],
                wanted.topic,
                _receiver(wanted.stream, receive),
                _camera_qos(queue_length),
                callback_group=group,
                event_callbacks=SubscriptionEventCallbacks(
                    incompatible_qos=self._refusal_noter(wanted.topic)
                ),
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
                raw=True,
            )
            for wanted in subscriptions
        }

    def published_topics(self) -> list[str]:
        """Those of the topics that somebody publishes."""
        return [
            wanted.topic
            for wanted, opened in self._open.items()
            if self._node.count_publishers(opened.topic_name)
        ]

    def incompatibilities(self) -> Iterator[tuple[Stream, str]]:
        """Streams whose publisher and subscription do not match in QoS, with what to do."""
        for wanted, opened in self._open.items():
            if wanted.topic in self._refused:
                reason = self._incompatibility(opened)
                if reason:
                    yield wanted.stream, reason
                else:
                    self._refused.discard(wanted.topic)

    def close(self) -> None:
        for opened in self._open.values():
            self._node.destroy_subscription(opened)
        self._open = {}

    def _refusal_noter(self, topic: str) -> Callable[[Any], None]:
        return lambda _event: self._refused.add(topic)

    def _incompatibility(self, opened: Any) -> str:
        for publisher in self._node.get_publishers_info_by_topic(opened.topic_name):
            level, reason = qos_check_compatible(publisher.qos_profile, opened.qos_profile)
            if level.name == "ERROR":
                return (
                    f"{opened.topic_name}: {publisher.node_name} publishes with a quality of "
                    f"service this node does not take ({reason.strip().rstrip(';')}); remove the "
                    f"parameters qos_overrides.{opened.topic_name}.subscription.* or change the "
                    "camera driver's"
                )
        return ""


def _receiver(stream: Stream, receive: Callable[[Stream, bytes], None]) -> Callable[[bytes], None]:
    return lambda data: receive(stream, data)


def _camera_qos(depth: int) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.BEST_EFFORT,
    )
