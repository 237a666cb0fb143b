"""How ROS 2 knows which node has which topic: by messages every participant sends of itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from cyclonedds.core import InstanceState
from cyclonedds.domain import DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.qos import Policy, Qos
from cyclonedds.topic import Topic

from hand_object_recon.dds.idl_types import new_sample, sample_type
from hand_object_recon.dds.ros_names import type_hash_user_data
from hand_object_recon.messages.typestore import Message, new_message, serialize

PARTICIPANT_USER_DATA: Final = b"enclave=/;"
"""By which ROS 2 takes a participant for one of its own."""

_TOPIC: Final = "ros_discovery_info"
_TYPE: Final = "rmw_dds_common/msg/ParticipantEntitiesInfo"
_LONGEST_BLOCKING_NS: Final = 100_000_000


class NodeAnnouncement:
    """Tells the graph of one node without a namespace and its ends of topics.

    Nothing is told before ``may_begin``: identifiers are 24 bytes long on Humble and 16 on later
    distributions, and nodes fail on what they cannot read. Without it only the node's name is
    missing in tools, while all topics work.
    """

    def __init__(self, participant: DomainParticipant, node_name: str) -> None:
        self._participant = participant
        self._node_name = node_name
        self._writer: Any = None
        self._sent = b""

    @staticmethod
    def may_begin(publications: Iterable[Any]) -> bool:
        """Whether ROS 2 nodes are among the publications of the graph, all later than Humble."""
        user_data = [
            item.qos[Policy.Userdata].data if Policy.Userdata in item.qos else b""
            for item in publications
            if item.topic_name == _TOPIC and item.sample_info.instance_state == InstanceState.Alive
        ]
        return bool(user_data) and all(b"typehash=" in data for data in user_data)

    def tell(self, readers: Iterable[bytes], writers: Iterable[bytes]) -> None:
        """Tell of the ends of topics with these identifiers, if they are others than before."""
        node = new_message(
            "rmw_dds_common/msg/NodeEntitiesInfo",
            node_namespace="/",
            node_name=self._node_name,
            reader_gid_seq=[_identifier(reader) for reader in readers],
            writer_gid_seq=[_identifier(writer) for writer in writers],
        )
        own = _identifier(self._participant.guid.bytes)
        data = bytes(serialize(new_message(_TYPE, gid=own, node_entities_info_seq=[node])))
        if data != self._sent:
            self._open_writer().write(new_sample(sample_type(_TYPE), data))
            self._sent = data

    def _open_writer(self) -> Any:
        if self._writer is None:
            history = Policy.History.KeepLast(1)
            qos = Qos(
                Policy.Reliability.Reliable(_LONGEST_BLOCKING_NS),
                Policy.Durability.TransientLocal,
                history,
                Policy.DataRepresentation(use_cdrv0_representation=True),
                Policy.Userdata(type_hash_user_data(_TYPE)),
            )
            topic = Topic(self._participant, _TOPIC, sample_type(_TYPE))
            self._writer = DataWriter(self._participant, topic, qos)
        return self._writer


def _identifier(gid: bytes) -> Message:
    return new_message("rmw_dds_common/msg/Gid", data=np.frombuffer(gid, np.uint8))
