"""What the engine says of itself, on ``/diagnostics``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from rclpy.node import Node

from hand_object_recon.messages.diagnostics import DiagnosticStatus, diagnostics_message
from hand_object_recon.messages.typestore import serialize
from hand_object_recon.pipeline.live.diagnostics import DIAGNOSTICS_TOPIC

try:
    from diagnostic_updater import Updater
except ImportError:
    Updater = None

Source: TypeAlias = Callable[[], Sequence[DiagnosticStatus]]


def diagnostics_publisher(
    node: Node, source: Source, hardware_id: str
) -> UpdaterDiagnostics | PlainDiagnostics:
    """A publisher of what ``source`` says, through diagnostic_updater where it is installed.

    hardware_id
        Tells cameras apart; the colour topic.
    """
    kind = PlainDiagnostics if Updater is None else UpdaterDiagnostics
    return kind(node, source, hardware_id)


class UpdaterDiagnostics:
    """Publishes through diagnostic_updater, when ``publish`` is called and not by its timer,
    which stands still with the clock of a simulation."""

    def __init__(self, node: Node, source: Source, hardware_id: str) -> None:
        self._source = source
        self._updater = Updater(node)
        self._updater.timer.cancel()
        self._updater.setHardwareID(hardware_id)
        self._statuses: dict[str, DiagnosticStatus] = {}
        for status in source():
            self._updater.add(_short(status.name), self._task(status.name))

    def publish(self) -> None:
        self._statuses = {status.name: status for status in self._source()}
        self._updater.force_update()

    def _task(self, name: str) -> Callable[[Any], Any]:
        def run(report: Any) -> Any:
            status = self._statuses[name]
            report.summary(bytes([status.level]), status.summary)
            for key, value in status.values.items():
                report.add(key, value)
            return report

        return run


class PlainDiagnostics:
    """Publishes the message itself."""

    def __init__(self, node: Node, source: Source, hardware_id: str) -> None:
        from diagnostic_msgs.msg import DiagnosticArray

        self._clock = node.get_clock()
        self._source = source
        self._hardware_id = hardware_id
        self._publisher = node.create_publisher(DiagnosticArray, DIAGNOSTICS_TOPIC, 10)

    def publish(self) -> None:
        stamp_ns = self._clock.now().nanoseconds
        message = diagnostics_message(stamp_ns, self._source(), self._hardware_id)
        self._publisher.publish(bytes(serialize(message)))


def _short(name: str) -> str:
    """``input`` of ``camera: input``; diagnostic_updater puts the node's name before it."""
    return name.rpartition(": ")[2]
