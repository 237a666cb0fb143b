"""Messages through a graph on this machine: what goes in comes out, byte by byte."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError, TransportError
from hand_object_recon.dds.transport import GraphTopic, TopicQos, Transport
from hand_object_recon.messages.headers import header_message
from hand_object_recon.messages.images import image_message
from hand_object_recon.messages.typestore import deserialize, new_message, serialize

STRING = "std_msgs/msg/String"
IMAGE = "sensor_msgs/msg/Image"

Join = Callable[[], Transport]


def text(value: str) -> memoryview:
    return serialize(new_message(STRING, data=value))


def test_an_image_arrives_with_the_bytes_it_was_sent_with(
    join: Join, listen: Any, wait_for: Any
) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (480, 640, 3), np.uint8)
    sent = serialize(image_message(header_message(123456789, "optical"), pixels, "rgb8"))
    listener = listen(join(), "/camera/image", IMAGE)
    publisher = join().publisher("/camera/image", IMAGE, TopicQos())
    assert wait_for(lambda: publisher.matched == 1)

    before_ns = time.time_ns()
    publisher.publish(sent)

    assert wait_for(lambda: listener.data)
    padding = -len(sent) % 4
    assert listener.data == [bytes(sent) + bytes(padding)]
    assert before_ns <= listener.sent_ns[0] <= listener.arrived_ns[0]
    np.testing.assert_array_equal(listener.messages[0].data, pixels.reshape(-1))


def test_who_joins_late_gets_what_is_latched_and_nothing_else(
    join: Join, listen: Any, wait_for: Any
) -> None:
    sender, late = join(), join()
    latched = sender.publisher("/latched", STRING, TopicQos(is_latched=True, depth=2))
    volatile = sender.publisher("/volatile", STRING, TopicQos())
    for value in ("one", "two", "three"):
        latched.publish(text(value))
        volatile.publish(text(value))

    kept = listen(late, "/latched", STRING, TopicQos(is_latched=True))
    missed = listen(late, "/volatile", STRING)

    assert wait_for(lambda: len(kept.data) == 2)
    assert [message.data for message in kept.messages] == ["two", "three"]
    assert wait_for(lambda: volatile.matched)
    assert missed.data == []


def test_a_reader_that_asks_for_more_than_is_offered_is_told_of_at_both_ends(
    join: Join, listen: Any, wait_for: Any
) -> None:
    transport = join()
    publisher = transport.publisher("/x", STRING, TopicQos(is_reliable=False))
    listener = listen(transport, "/x", STRING, TopicQos(is_reliable=True))

    assert wait_for(lambda: listener.endpoint.incompatible_qos)
    assert listener.endpoint.incompatible_qos == "reliability"
    assert publisher.incompatible_qos == "reliability"
    assert listener.endpoint.matched == publisher.matched == 0


def test_a_best_effort_reader_takes_from_a_reliable_sender(
    join: Join, listen: Any, wait_for: Any
) -> None:
    listener = listen(join(), "/x", STRING, TopicQos(is_reliable=False))
    publisher = join().publisher("/x", STRING, TopicQos(is_reliable=True))
    assert wait_for(lambda: publisher.matched)
    assert listener.endpoint.incompatible_qos == ""

    publisher.publish(text("here"))

    assert wait_for(lambda: listener.data)


def test_topics_are_found_while_somebody_publishes_them(join: Join, wait_for: Any) -> None:
    sender, other = join(), join()
    sender.publisher("/camera/image", IMAGE, TopicQos())

    assert wait_for(lambda: other.topics() == [GraphTopic("/camera/image", IMAGE)])

    sender.close()
    assert wait_for(lambda: other.topics() == [])


def test_another_domain_is_another_graph(join: Join, wait_for: Any, graph: Any) -> None:
    from dataclasses import replace

    from hand_object_recon.dds.cyclone import CycloneTransport

    elsewhere = CycloneTransport(replace(graph, domain_id=(graph.domain_id + 1) % 101))
    try:
        join().publisher("/x", STRING, TopicQos())
        near = join()
        assert wait_for(near.topics)

        assert elsewhere.topics() == []
    finally:
        elsewhere.close()


def test_nothing_arrives_after_a_subscription_is_closed(
    join: Join, listen: Any, wait_for: Any
) -> None:
    receiver = join()
    publisher = join().publisher("/x", STRING, TopicQos())
    closed, open_ = listen(receiver, "/x", STRING), listen(receiver, "/x", STRING)
    assert wait_for(lambda: publisher.matched == 2)

    closed.endpoint.close()
    assert wait_for(lambda: publisher.matched == 1)
    publisher.publish(text("late"))

    assert wait_for(lambda: open_.data)
    assert closed.data == []


def test_a_closed_link_refuses_to_publish_and_ends_its_thread(join: Join) -> None:
    threads = threading.active_count()
    transport = join()
    publisher = transport.publisher("/x", STRING, TopicQos())
    transport.close()
    transport.close()

    with pytest.raises(TransportError, match="/x is closed"):
        publisher.publish(text("too late"))
    assert threading.active_count() == threads


def test_what_a_receiver_raises_comes_out_of_check(join: Join, wait_for: Any) -> None:
    def fail(data: bytes, sent_ns: int) -> None:
        raise RuntimeError("the receiver is broken")

    receiver = join()
    receiver.subscribe("/x", STRING, TopicQos(), fail)
    publisher = join().publisher("/x", STRING, TopicQos())
    assert wait_for(lambda: publisher.matched)
    receiver.check()
    publisher.publish(text("boom"))

    def has_failed() -> bool:
        try:
            receiver.check()
        except RuntimeError:
            return True
        return False

    assert wait_for(has_failed)


def test_bytes_that_are_no_message_are_refused(join: Join) -> None:
    publisher = join().publisher("/x", STRING, TopicQos())

    with pytest.raises(TransportError, match="/x"):
        publisher.publish(b"\0\1\0\0\xff\xff\0\0")


def test_an_unknown_message_type_is_refused_by_name(join: Join) -> None:
    with pytest.raises(InvalidValueError, match="'their_msgs/msg/Odd' is not known"):
        join().publisher("/x", "their_msgs/msg/Odd", TopicQos())


class RosNode:
    """The announcement of another ROS 2 program, and what it hears of others."""

    def __init__(self, domain_id: int, user_data: bytes) -> None:
        from cyclonedds.domain import DomainParticipant
        from cyclonedds.pub import DataWriter
        from cyclonedds.qos import Policy, Qos
        from cyclonedds.sub import DataReader
        from cyclonedds.topic import Topic

        from hand_object_recon.dds.idl_types import sample_type

        self._participant = DomainParticipant(domain_id)
        topic = Topic(self._participant, "ros_discovery_info", sample_type(PARTICIPANT_ENTITIES))
        qos = Qos(
            Policy.Reliability.Reliable(10**8),
            Policy.Durability.TransientLocal,
            Policy.Userdata(user_data),
        )
        self._writer = DataWriter(self._participant, topic, qos)
        self._reader = DataReader(self._participant, topic, qos)

    def heard(self) -> list[Any]:
        return [deserialize(item.cdr, PARTICIPANT_ENTITIES) for item in self._reader.take(9)]


PARTICIPANT_ENTITIES = "rmw_dds_common/msg/ParticipantEntitiesInfo"


def test_ros_2_learns_which_topics_our_node_has(join: Join, wait_for: Any, graph: Any) -> None:
    transport = join()
    publisher = transport.publisher("/x", STRING, TopicQos())
    node = RosNode(graph.domain_id, b"typehash=RIHS01_0;")
    heard: list[Any] = []

    assert wait_for(lambda: heard.extend(node.heard()) or heard)

    (described,) = heard[-1].node_entities_info_seq
    assert (described.node_namespace, described.node_name) == ("/", "hand_object_recon")
    assert described.reader_gid_seq == []
    assert [bytes(gid.data) for gid in described.writer_gid_seq] == publisher.gids
    assert bytes(heard[-1].gid.data)[:12] == publisher.gids[0][:12], "same participant"


def test_humble_nodes_are_told_nothing_they_cannot_read(join: Join, graph: Any) -> None:
    join().publisher("/x", STRING, TopicQos())
    node = RosNode(graph.domain_id, b"")

    time.sleep(1.5)

    assert node.heard() == []
