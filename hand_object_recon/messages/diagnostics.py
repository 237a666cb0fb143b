"""How the program is doing, for ``/diagnostics``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from hand_object_recon.messages.headers import header_message
from hand_object_recon.messages.typestore import DIAGNOSTICS_TYPE, Message, new_message


class StatusLevel(IntEnum):
    """Those of ``diagnostic_msgs/DiagnosticStatus``."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class DiagnosticStatus:
    """One line of a diagnostics viewer, with the values behind it."""

    name: str
    level: StatusLevel
    summary: str
    values: Mapping[str, str]


def diagnostics_message(
    stamp_ns: int, statuses: Sequence[DiagnosticStatus], hardware_id: str = ""
) -> Message:
    """``diagnostic_msgs/DiagnosticArray``.

    hardware_id
        Tells apart what several cameras say, such as the colour topic.
    """
    return new_message(
        DIAGNOSTICS_TYPE,
        header=header_message(stamp_ns, ""),
        status=[_status_message(status, hardware_id) for status in statuses],
    )


def _status_message(status: DiagnosticStatus, hardware_id: str) -> Message:
    return new_message(
        "diagnostic_msgs/msg/DiagnosticStatus",
        level=int(status.level),
        name=status.name,
        message=status.summary,
        hardware_id=hardware_id,
        values=[
            new_message("diagnostic_msgs/msg/KeyValue", key=key, value=value)
            for key, value in status.values.items()
        ],
    )
