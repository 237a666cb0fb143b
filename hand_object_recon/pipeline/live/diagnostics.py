"""A snapshot of a live pipeline in the words of a diagnostics viewer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

from hand_object_recon.messages.diagnostics import DiagnosticStatus, StatusLevel
from hand_object_recon.pipeline.live.engine_events import EngineState
from hand_object_recon.pipeline.live.statistics import LiveSnapshot, Percentiles

DIAGNOSTICS_TOPIC: Final = "/diagnostics"


def diagnostic_statuses(snapshot: LiveSnapshot, node: str) -> list[DiagnosticStatus]:
    """What is right and wrong (``<node>: input``), and how fast it is (``<node>: pipeline``)."""
    return [_input_status(snapshot, node), _pipeline_status(snapshot, node)]


def _input_status(snapshot: LiveSnapshot, node: str) -> DiagnosticStatus:
    troubles = snapshot.troubles
    return DiagnosticStatus(
        name=f"{node}: input",
        level=StatusLevel.WARN if troubles else StatusLevel.OK,
        summary="; ".join(troubles.values()) or "all right",
        values={
            **{name: str(count) for name, count in asdict(snapshot.counts).items()},
            **troubles,
        },
    )


def _pipeline_status(snapshot: LiveSnapshot, node: str) -> DiagnosticStatus:
    is_active = snapshot.state == EngineState.ACTIVE
    is_running = is_active and snapshot.rate_hz > 0
    return DiagnosticStatus(
        name=f"{node}: pipeline",
        level=StatusLevel.WARN if is_active and not is_running else StatusLevel.OK,
        summary=f"{snapshot.rate_hz:.1f} Hz" if is_running else _standstill(snapshot),
        values=dict(_pipeline_values(snapshot)),
    )


def _standstill(snapshot: LiveSnapshot) -> str:
    return "no frames" if snapshot.state == EngineState.ACTIVE else snapshot.state


def _pipeline_values(snapshot: LiveSnapshot) -> Iterator[tuple[str, str]]:
    yield "state", snapshot.state
    if snapshot.reconstructor is not None:
        yield "reconstructor", snapshot.reconstructor.name
        yield "reconstructor licence", snapshot.reconstructor.licence
    if snapshot.hand_model:
        yield "hand model", snapshot.hand_model
        yield "hand model licence", snapshot.hand_model_licence
    yield "rate", f"{snapshot.rate_hz:.2f} Hz"
    if snapshot.age_ms is not None:
        yield "age when published", _percentile_text(snapshot.age_ms)
    for stage, percentiles in snapshot.stage_ms.items():
        yield f"latency of {stage}", _percentile_text(percentiles)
    if snapshot.gpu_memory_mb is not None:
        yield "GPU memory", f"{snapshot.gpu_memory_mb:.0f} MB"


def _percentile_text(values: Percentiles) -> str:
    return f"p50 {values.p50:.1f} ms, p95 {values.p95:.1f} ms, p99 {values.p99:.1f} ms"
