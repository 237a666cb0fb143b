"""``inspect``: what is in a recording, and whether and how it can be replayed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from hand_object_recon.cli.options import Assignments, RecordingPath

if TYPE_CHECKING:
    from hand_object_recon.recordings.inspection import RecordingReport, RgbdReport
    from hand_object_recon.recordings.topic_report import CameraReport, TopicReport

NOT_USABLE: Final = 1


def inspect(
    recording: RecordingPath,
    contact_sheet: Annotated[
        Path | None, typer.Option(help="Picture of eight frames, colour and depth, to write.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    set_: Assignments = None,
) -> None:
    """Tell what a recording holds and how to replay it; exit code 1 if it cannot be replayed."""
    from hand_object_recon.core.config import load_config
    from hand_object_recon.evaluation.recording_sheet import write_recording_sheet
    from hand_object_recon.recordings.inspection import inspect_recording

    assignments = list(set_ or [])
    config = load_config(None, assignments)
    report = inspect_recording(recording, config, assignments)
    if as_json:
        typer.echo(_as_json(report))
    else:
        _print_report(report)
    if not report.is_usable:
        raise typer.Exit(NOT_USABLE)
    if contact_sheet is not None:
        write_recording_sheet(recording, contact_sheet, config)
        typer.echo(f"Frames drawn to {contact_sheet}", err=as_json)


def _as_json(report: RecordingReport) -> str:
    import json
    from dataclasses import asdict

    return json.dumps({"is_usable": report.is_usable, **asdict(report)}, indent=2)


def _print_report(report: RecordingReport) -> None:
    from rich.console import Console

    console = Console()
    if report.topics:
        console.print(_topic_table(report.topics))
    for line in _lines(report):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _topic_table(topics: tuple[TopicReport, ...]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table("topic and type", title="Topics", title_justify="left", show_lines=True)
    for heading in ("messages", "Hz", "gap ms"):
        table.add_column(heading, justify="right")
    table.add_column("image and frame", overflow="fold")
    table.columns[0].overflow = "fold"
    for topic in topics:
        rate = "" if topic.rate_hz is None else f"{topic.rate_hz:.1f}"
        gap = "" if topic.largest_gap_ms is None else f"{topic.largest_gap_ms:.0f}"
        size = "" if topic.size is None else f"{topic.size[0]}x{topic.size[1]}"
        image = "\n".join(filter(None, (f"{size} {topic.encoding}".strip(), topic.frame_id)))
        name = f"{topic.name}\n{topic.message_type}"
        table.add_row(*map(Text, (name, str(topic.message_count), rate, gap, image)))
    return table


def _lines(report: RecordingReport) -> list[str]:
    lines = [f"{report.path}: {report.storage}{_when(report)}"]
    lines += [_camera_line(topic.name, topic.camera) for topic in report.topics if topic.camera]
    if report.rgbd is not None:
        lines += _rgbd_lines(report.rgbd)
    lines += [
        f"{'problem' if problem.is_fatal else 'note'}: {problem.text}"
        for problem in report.problems
    ]
    if report.is_usable:
        return [*lines, f"usable; replay it with: {report.replay_command}"]
    return [*lines, "not usable"]


def _when(report: RecordingReport) -> str:
    from datetime import datetime, timezone

    if not report.topics:
        return ""
    start = datetime.fromtimestamp(report.start_ns // 10**9, timezone.utc)
    return f", {report.duration_s:.2f} s from {start:%Y-%m-%d %H:%M:%S} UTC"


def _rgbd_lines(rgbd: RgbdReport) -> list[str]:
    aligned = "yes" if rgbd.is_depth_aligned else "no, registered"
    return [
        f"colour:      {rgbd.color_topic}",
        f"depth:       {rgbd.depth_topic}{_coverage(rgbd)}",
        f"camera info: {rgbd.camera_info_topic}",
        f"pairs:       {rgbd.pairs} ({rgbd.unpaired_color} colour and {rgbd.unpaired_depth} depth "
        "images without a partner)",
        f"aligned:     {aligned}, frame {rgbd.frame_id}",
    ]


def _coverage(rgbd: RgbdReport) -> str:
    return "" if rgbd.depth_coverage is None else f" (read at {rgbd.depth_coverage:.0%} of pixels)"


def _camera_line(topic: str, camera: CameraReport) -> str:
    values = ", ".join(f"{name} {getattr(camera, name):.2f}" for name in ("fx", "fy", "cx", "cy"))
    coefficients = " ".join(f"{value:.5g}" for value in camera.distortion)
    distortion = " ".join(filter(None, (camera.distortion_model, coefficients)))
    return f"{topic}: {camera.width}x{camera.height}, {values}, distortion {distortion}"
