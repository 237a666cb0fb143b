"""The link over CycloneDDS: speaks with ROS 2 programs whose middleware is any DDS."""

from __future__ import annotations

import ctypes
import threading
import time
from typing import Any, Final
from weakref import WeakValueDictionary

from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsPublication
from cyclonedds.core import (
    DDSException,
    InstanceState,
    ReadCondition,
    SampleState,
    ViewState,
    WaitSet,
)
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.internal import DDS, InvalidSample, dds_c_t
from cyclonedds.pub import DataWriter
from cyclonedds.qos import Policy, Qos
from cyclonedds.sub import DataReader
from cyclonedds.topic import Sample, Topic
from cyclonedds.util import duration

from hand_object_recon.core.errors import TransportError
from hand_object_recon.dds.graph_settings import GraphSettings
from hand_object_recon.dds.idl_types import sample_type
from hand_object_recon.dds.node_announcement import PARTICIPANT_USER_DATA, NodeAnnouncement
from hand_object_recon.dds.ros_names import (
    dds_topic_name,
    ros_topic_name,
    ros_type_name,
    type_hash_user_data,
)
from hand_object_recon.dds.transport import Endpoint, GraphTopic, Receiver, TopicQos

_LOOK_FOR_CLOSING: Final = duration(milliseconds=100)
_LONGEST_BLOCKING: Final = duration(milliseconds=100)
_MOST_ENDPOINTS: Final = 10_000
_UNLIMITED: Final = -1
_ANNOUNCE_EVERY_S: Final = 0.5
_UNREAD: Final = ViewState.Any | SampleState.NotRead | InstanceState.Any
_POLICIES: Final = {2: "durability", 4: "deadline", 8: "liveliness", 11: "reliability"}

_PAYLOAD_UNIT: Final = 4

_dds_write: Any = DDS._dll_handle.dds_write
_dds_write.argtypes = (dds_c_t.entity, ctypes.POINTER(Sample))
_dds_write.restype = dds_c_t.returnv

_domains: WeakValueDictionary[int, Domain] = WeakValueDictionary()


class CycloneTransport:
    """A participant of a DDS domain, with one thread that calls the receivers.

    node_name
        Under which ROS 2 tools list its topics.

    Raises
    ------
    TransportError
        The domain cannot be joined.
    """

    def __init__(self, settings: GraphSettings, node_name: str = "hand_object_recon") -> None:
        try:
            self._domain = _configured_domain(settings)
            self._participant: Any = DomainParticipant(
                settings.domain_id, Qos(Policy.Userdata(PARTICIPANT_USER_DATA))
            )
            self._publications: Any = BuiltinDataReader(
                self._participant, BuiltinTopicDcpsPublication
            )
            self._waitset: Any = WaitSet(self._participant)
        except DDSException as error:
            raise TransportError(
                f"cannot join DDS domain {settings.domain_id}: {error.msg}; is there a network "
                "interface, or does CYCLONEDDS_URI name one that is not there?"
            ) from error
        self._announcement: Any = NodeAnnouncement(self._participant, node_name)
        self._publishers: list[_CyclonePublisher] = []
        self._subscriptions: list[_CycloneSubscription] = []
        self._failure: Exception | None = None
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._receive, name="dds", daemon=True)
        self._thread.start()

    def publisher(self, topic: str, message_type: str, qos: TopicQos) -> _CyclonePublisher:
        publisher = _CyclonePublisher(self._participant, topic, message_type, qos)
        self._publishers = [*self._publishers, publisher]
        return publisher

    def subscribe(
        self, topic: str, message_type: str, qos: TopicQos, receive: Receiver
    ) -> _CycloneSubscription:
        subscription = _CycloneSubscription(
            self._participant, self._waitset, topic, message_type, qos, receive
        )
        self._subscriptions = [*self._subscriptions, subscription]
        return subscription

    def topics(self) -> list[GraphTopic]:
        found = {
            GraphTopic(ros_topic_name(item.topic_name), ros_type_name(item.type_name))
            for item in self._publications.read(_MOST_ENDPOINTS)
            if item.sample_info.instance_state == InstanceState.Alive
        }
        return sorted(topic for topic in found if topic.name and topic.message_type)

    def check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        self._is_closed.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        endpoints: list[Endpoint] = [*self._subscriptions, *self._publishers]
        for endpoint in endpoints:
            endpoint.close()
        # The library deletes what is no longer referred to, in this order.
        self._announcement = self._waitset = self._publications = None
        self._participant = self._domain = None

    def _receive(self) -> None:
        announced_s = 0.0
        try:
            while not self._is_closed.is_set():
                if self._waitset.wait(_LOOK_FOR_CLOSING):
                    for subscription in self._subscriptions:
                        subscription.deliver()
                if time.monotonic() - announced_s > _ANNOUNCE_EVERY_S:
                    self._announce()
                    announced_s = time.monotonic()
        except Exception as error:
            self._failure = error

    def _announce(self) -> None:
        if self._announcement.may_begin(self._publications.read(_MOST_ENDPOINTS)):
            self._announcement.tell(
                [gid for end in self._subscriptions for gid in end.gids],
                [gid for end in self._publishers for gid in end.gids],
            )


class _CyclonePublisher:
    def __init__(
        self, participant: DomainParticipant, topic: str, message_type: str, qos: TopicQos
    ) -> None:
        self.topic = topic
        self._writer: Any = DataWriter(
            participant, _dds_topic(participant, topic, message_type), _dds_qos(qos, message_type)
        )

    @property
    def matched(self) -> int:
        return int(self._open_writer().get_publication_matched_status().current_count)

    @property
    def gids(self) -> list[bytes]:
        """Its identifier in the graph; none once it is closed."""
        return _gids(self._writer)

    @property
    def incompatible_qos(self) -> str:
        return _refused_policy(self._open_writer().get_offered_incompatible_qos_status())

    def publish(self, cdr: bytes | memoryview) -> None:
        code = _write(self._open_writer(), bytes(cdr))
        if code < 0:
            raise TransportError(f"{self.topic}: a message was not sent: {DDSException(code)}")

    def wait_until_received(self, timeout_s: float) -> bool:
        return bool(self._open_writer().wait_for_acks(duration(seconds=timeout_s)))

    def close(self) -> None:
        self._writer = None

    def _open_writer(self) -> Any:
        writer = self._writer
        if writer is None:
            raise TransportError(f"{self.topic} is closed; nothing can be published any more")
        return writer


class _CycloneSubscription:
    def __init__(
        self,
        participant: DomainParticipant,
        waitset: WaitSet,
        topic: str,
        message_type: str,
        qos: TopicQos,
        receive: Receiver,
    ) -> None:
        self.topic = topic
        self._receive = receive
        self._depth = qos.depth
        self._waitset: Any = waitset
        self._reader: Any = DataReader(
            participant, _dds_topic(participant, topic, message_type), _dds_qos(qos, message_type)
        )
        self._condition: Any = ReadCondition(self._reader, _UNREAD)
        waitset.attach(self._condition)

    @property
    def matched(self) -> int:
        return int(self._reader.get_subscription_matched_status().current_count)

    @property
    def gids(self) -> list[bytes]:
        """Its identifier in the graph; none once it is closed."""
        return _gids(self._reader)

    @property
    def incompatible_qos(self) -> str:
        return _refused_policy(self._reader.get_requested_incompatible_qos_status())

    def deliver(self) -> None:
        """Hand over what has arrived."""
        reader = self._reader
        if reader is None:
            return
        for sample in reader.take(self._depth):
            # What is left when a publisher goes away is no message.
            if not isinstance(sample, InvalidSample):
                self._receive(sample.cdr, sample.sample_info.source_timestamp)

    def close(self) -> None:
        if self._reader is not None:
            self._waitset.detach(self._condition)
        self._waitset = self._condition = self._reader = None


def _write(writer: Any, cdr: bytes) -> int:
    """Return code of writing; like the library's own, but other threads of Python go on.

    A write may wait for a slow reader, and the images of the camera must not wait with it.
    """
    padded = cdr.ljust(-(-len(cdr) // _PAYLOAD_UNIT) * _PAYLOAD_UNIT, b"\0")
    sample = Sample(ctypes.cast(ctypes.c_char_p(padded), ctypes.c_void_p), len(padded))
    return int(_dds_write(writer._ref, ctypes.byref(sample)))


def _configured_domain(settings: GraphSettings) -> Domain | None:
    """The domain with the configuration of ``settings``; all links of a process share it."""
    configuration = settings.cyclone_configuration()
    if configuration is None:
        return None
    domain = _domains.get(settings.domain_id)
    if domain is None:
        domain = _domains[settings.domain_id] = Domain(settings.domain_id, configuration)
    return domain


def _dds_topic(participant: DomainParticipant, topic: str, message_type: str) -> Topic[Any]:
    try:
        return Topic(participant, dds_topic_name(topic), sample_type(message_type))
    except DDSException as error:
        raise TransportError(f"{topic} cannot be opened as {message_type}: {error.msg}") from error


def _dds_qos(qos: TopicQos, message_type: str) -> Qos:
    reliability, durability = Policy.Reliability, Policy.Durability
    history = Policy.History.KeepLast(qos.depth)
    return Qos(
        reliability.Reliable(_LONGEST_BLOCKING) if qos.is_reliable else reliability.BestEffort,
        durability.TransientLocal if qos.is_latched else durability.Volatile,
        history,
        # What is kept for late joiners is one message unless it is said here.
        Policy.DurabilityService(0, history, _UNLIMITED, _UNLIMITED, _UNLIMITED),
        Policy.DataRepresentation(use_cdrv0_representation=True),
        Policy.Userdata(type_hash_user_data(message_type)),
    )


def _gids(entity: Any) -> list[bytes]:
    return [] if entity is None else [entity.guid.bytes]


def _refused_policy(status: Any) -> str:
    if not status.total_count:
        return ""
    return _POLICIES.get(status.last_policy_id, f"policy {status.last_policy_id}")
