"""Statuses become a DiagnosticArray."""

from __future__ import annotations

from hand_object_recon.messages.diagnostics import (
    DiagnosticStatus,
    StatusLevel,
    diagnostics_message,
)
from hand_object_recon.messages.typestore import deserialize, message_class, serialize


def test_levels_names_and_values_arrive() -> None:
    status = DiagnosticStatus("hands: input", StatusLevel.WARN, "no depth", {"dropped": "3"})
    message = diagnostics_message(3_000_000_007, [status], "camera")
    arrived = deserialize(serialize(message), message.__msgtype__)
    assert (arrived.header.stamp.sec, arrived.header.stamp.nanosec) == (3, 7)
    (one,) = arrived.status
    assert (one.name, one.message, one.hardware_id) == ("hands: input", "no depth", "camera")
    assert [(value.key, value.value) for value in one.values] == [("dropped", "3")]
    assert one.level == message_class("diagnostic_msgs/msg/DiagnosticStatus").WARN


def test_the_levels_are_those_of_the_definition() -> None:
    definition = message_class("diagnostic_msgs/msg/DiagnosticStatus")
    assert {level.name: int(level) for level in StatusLevel} == {
        name: getattr(definition, name) for name in ("OK", "WARN", "ERROR", "STALE")
    }
