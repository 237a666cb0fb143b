"""``live``: reconstruct what a camera of a ROS graph sees, without a ROS installation."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from hand_object_recon.cli.options import (
    Assignments,
    ConfigFile,
    ReconstructorName,
    all_assignments,
)
from hand_object_recon.cli.signals import stopping_on_signals

if TYPE_CHECKING:
    from hand_object_recon.dds.rosout import LogLevel
    from hand_object_recon.pipeline.live.statistics import LiveSnapshot


ANY_CAMERA = "any"


class _InputQos(str, Enum):
    BEST_EFFORT = "best_effort"
    RELIABLE = "reliable"


def live(
    camera: Annotated[
        str | None,
        typer.Option(help="A driver's topics (realsense, orbbec, ...), or any to look for one."),
    ] = None,
    reconstructor: ReconstructorName = None,
    config: ConfigFile = None,
    set_: Assignments = None,
    duration: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="End after so long.")
    ] = None,
    find_timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.0, help="Longest search for a camera.")
    ] = 10.0,
    input_qos: Annotated[
        _InputQos, typer.Option(help="Reliable has lost images sent again.")
    ] = _InputQos.BEST_EFFORT,
    use_sim_time: Annotated[
        bool, typer.Option("--use-sim-time", help="Take the time from /clock.")
    ] = False,
    domain: Annotated[
        int | None, typer.Option(help="DDS domain; ROS_DOMAIN_ID or 0 if not given.")
    ] = None,
) -> None:
    """Join a ROS 2 graph, reconstruct what its camera sees, publish the results."""
    import time

    from hand_object_recon.core.config import load_config
    from hand_object_recon.dds.camera_presets import camera_assignments
    from hand_object_recon.dds.camera_search import camera_found
    from hand_object_recon.dds.graph_clock import SimulatedClock
    from hand_object_recon.dds.join import join_graph
    from hand_object_recon.dds.live_session import LiveSession

    assignments = all_assignments(set_, reconstructor)
    if camera is not None and camera != ANY_CAMERA:
        assignments = [*camera_assignments(camera), *assignments]
    settings = load_config(config, assignments)
    with join_graph(domain) as transport:
        if camera == ANY_CAMERA:
            topics = camera_found(transport, find_timeout)
            settings = load_config(config, [*assignments, *topics])
        clock_ns = SimulatedClock(transport) if use_sim_time else time.time_ns
        typer.echo(f"loading {settings.reconstructor} ...")
        is_reliable = input_qos is _InputQos.RELIABLE
        with LiveSession(
            transport, settings, _say, clock_ns, is_input_reliable=is_reliable
        ) as session:
            typer.echo(f"ready for {settings.live.color_topic} and {settings.live.depth_topic}")
            with stopping_on_signals(session.stop):
                session.run(duration)
            _print_summary(session.snapshot())


def _say(level: LogLevel, text: str) -> None:
    from hand_object_recon.dds.rosout import LogLevel

    prefix = "" if level is LogLevel.INFO else f"{level.name.lower()}: "
    typer.echo(f"{prefix}{text}", err=level is not LogLevel.INFO)


def _print_summary(snapshot: LiveSnapshot) -> None:
    counts = snapshot.counts
    typer.echo(
        f"{counts.processed} frames reconstructed, {counts.replaced} replaced by newer ones, "
        f"{counts.unpaired_color} colour and {counts.unpaired_depth} depth images without a "
        f"partner, {counts.too_old} too old, {counts.unreadable} unreadable, {counts.failed} failed"
    )
    for name, values in {**snapshot.stage_ms, "age when published": snapshot.age_ms}.items():
        if values is not None:
            typer.echo(
                f"{name}: p50 {values.p50:.1f}, p95 {values.p95:.1f}, p99 {values.p99:.1f} ms"
            )
