"""Results of a replay that was interrupted: what is whole in them, and one recording of several.

A part is a result recording, perhaps without its end. The messages of a frame are written one
after the other and may be torn apart there, so the last frame of a damaged part does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.interfaces import Qos, QosDurability

from hand_object_recon.core.errors import RecordingError
from hand_object_recon.messages.markers import serialized_deletion_of_all
from hand_object_recon.messages.recorded_types import is_todays_definition
from hand_object_recon.messages.typestore import RECONSTRUCTION_TYPE, deserialize
from hand_object_recon.recordings.bag import Bag
from hand_object_recon.recordings.bag_writer import BagWriter, reliable_qos
from hand_object_recon.recordings.result_topics import MARKERS_TOPIC, RECONSTRUCTION_TOPIC

_QOS_DEPTH = 10
_NEAR_CUT_NS = 10**9


@dataclass(frozen=True)
class ResultPart:
    """The whole frames of one part; there is at least one.

    end_ns
        What was logged from here on belongs to a frame that may be torn; None in a whole part.
    """

    path: Path
    method: str
    frame_id: str
    frames: int
    frames_with_hand: int
    first_stamp_ns: int
    last_stamp_ns: int
    end_ns: int | None


def read_result_part(path: Path) -> ResultPart | None:
    """What is whole in a result recording; None where not one frame is.

    Raises
    ------
    RecordingError
        It was written by a version whose messages are others, so that nothing can be added.
    """
    try:
        bag = Bag(path)
    except RecordingError:
        return None
    with closing(bag):
        _require_todays_messages(bag)
        heads = [
            _Head.of(deserialize(message.data, RECONSTRUCTION_TYPE), message.log_time_ns)
            for message in bag.messages([RECONSTRUCTION_TOPIC])
        ]
        is_damaged = bool(bag.damage)
    whole = heads[:-1] if is_damaged else heads
    if not whole:
        return None
    return ResultPart(
        path=path,
        method=whole[0].method,
        frame_id=whole[0].frame_id,
        frames=len(whole),
        frames_with_hand=sum(head.has_hand for head in whole),
        first_stamp_ns=whole[0].stamp_ns,
        last_stamp_ns=whole[-1].stamp_ns,
        end_ns=heads[-1].stamp_ns if is_damaged else None,
    )


def join_result_parts(parts: Sequence[ResultPart], directory: Path) -> None:
    """Write the whole frames of all parts into one new recording, message for message.

    Every part but the first begins with an order to viewers to forget the markers before it:
    tracks do not go on across a cut. A latched message that repeats is written once, and so is a
    copied input that both parts hold because it lies close to the cut.

    Raises
    ------
    RecordingError
        The folder exists already, or the disk is full.
    """
    with BagWriter(directory) as writer:
        latched = _add_topics(writer, parts)
        written: set[tuple[str, bytes]] = set()
        near_cut: set[tuple[str, int]] = set()
        for part in parts:
            if part is not parts[0]:
                nothing = serialized_deletion_of_all(part.first_stamp_ns, part.frame_id)
                writer.write_serialized(MARKERS_TOPIC, nothing, part.first_stamp_ns)
            near_cut = _copy(part, writer, latched, written, near_cut)


def _require_todays_messages(bag: Bag) -> None:
    if not is_todays_definition(RECONSTRUCTION_TYPE, bag.definition(RECONSTRUCTION_TOPIC)):
        raise RecordingError(
            f"recording {bag.path} was written by a version whose {RECONSTRUCTION_TYPE} is "
            "another, so nothing can be added to it; replay again into another --out"
        )


@dataclass(frozen=True)
class _Head:
    """What is counted of a frame."""

    stamp_ns: int
    method: str
    frame_id: str
    has_hand: bool

    @classmethod
    def of(cls, message: Any, stamp_ns: int) -> _Head:
        return cls(stamp_ns, message.method, message.header.frame_id, bool(message.hands))


def _add_topics(writer: BagWriter, parts: Sequence[ResultPart]) -> set[str]:
    """Announce every topic of the parts; return those whose messages are kept for late joiners."""
    topics: dict[str, tuple[str, Qos]] = {}
    for part in parts:
        with closing(Bag(part.path)) as bag:
            for topic in bag.topics:
                qos = bag.offered_qos(topic.name) or reliable_qos(_QOS_DEPTH)
                topics.setdefault(topic.name, (topic.message_type, qos))
    for name, (message_type, qos) in topics.items():
        writer.add_topic(name, message_type, qos)
    return {
        name for name, (_, qos) in topics.items() if qos.durability is QosDurability.TRANSIENT_LOCAL
    }


def _copy(
    part: ResultPart,
    writer: BagWriter,
    latched: set[str],
    written: set[tuple[str, bytes]],
    near_cut_before: set[tuple[str, int]],
) -> set[tuple[str, int]]:
    """Copy what is new of a part; return topic and time of what lies close to its end."""
    near_cut = set()
    with closing(Bag(part.path)) as bag:
        names = [topic.name for topic in bag.topics]
        for topic, log_time_ns, data in bag.messages(names, stop_ns=part.end_ns):
            if (topic, log_time_ns) in near_cut_before:
                continue
            if topic in latched:
                content = (topic, bytes(data))
                if content in written:
                    continue
                written.add(content)
            writer.write_serialized(topic, data, log_time_ns)
            if log_time_ns > part.last_stamp_ns - _NEAR_CUT_NS:
                near_cut.add((topic, log_time_ns))
    return near_cut
