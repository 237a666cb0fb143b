"""``replay``: reconstruct the hands of a recording, write the results, print the summary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hand_object_recon.cli.options import (
    Assignments,
    ConfigFile,
    DurationSeconds,
    EveryNth,
    ReconstructorName,
    RecordingPath,
    StartSeconds,
    all_assignments,
)
from hand_object_recon.cli.signals import INTERRUPTED

if TYPE_CHECKING:
    from hand_object_recon.core.config import PipelineConfig
    from hand_object_recon.evaluation.replay_extras import ReplayExtras
    from hand_object_recon.recordings.frame_selection import FrameSelection

_HOW_TO_RESUME = "what was done is kept; continue with the same command and --resume"


def replay(
    recording: RecordingPath,
    out: Annotated[Path, typer.Option(help="Folder for the results.", show_default=False)],
    reconstructor: ReconstructorName = None,
    config: ConfigFile = None,
    set_: Assignments = None,
    truth: Annotated[
        Path | None, typer.Option(help="npz with stamps_ns, joints, vertices to score against.")
    ] = None,
    start: StartSeconds = 0.0,
    duration: DurationSeconds = None,
    every: EveryNth = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a replay that was interrupted.")
    ] = False,
    with_input: Annotated[
        bool, typer.Option("--with-input", help="Copy the camera's messages into the result.")
    ] = False,
    viewer: Annotated[bool, typer.Option("--viewer", help="Show it in a Rerun viewer.")] = False,
    save_viewer: Annotated[
        Path | None, typer.Option(help="Keep what the viewer shows: a new FILE.rrd.")
    ] = None,
) -> None:
    """Reconstruct a recording: OUT/reconstruction, OUT/overlay.mp4, OUT/summary.json."""
    from hand_object_recon.core.config import load_config
    from hand_object_recon.evaluation.replay_extras import ReplayExtras
    from hand_object_recon.recordings.frame_selection import FrameSelection

    run_replay(
        recording=recording,
        out=out,
        truth=truth,
        config=load_config(config, all_assignments(set_, reconstructor)),
        selection=FrameSelection(start, duration, every),
        resume=resume,
        extras=ReplayExtras(with_input, viewer, save_viewer),
    )


def run_replay(
    recording: Path,
    out: Path,
    truth: Path | None,
    config: PipelineConfig,
    selection: FrameSelection | None = None,
    *,
    resume: bool = False,
    extras: ReplayExtras | None = None,
) -> None:
    """Replay with a progress bar and print the summary."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from hand_object_recon.core.errors import RecordingError
    from hand_object_recon.evaluation.replay import ReplayEvents, replay_recording
    from hand_object_recon.evaluation.replay_folder import is_interrupted

    has_begun = False
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("Indexing", total=None)

        def show_frames(total: int, done: int) -> None:
            nonlocal has_begun
            has_begun = True
            progress.reset(task, description="Reconstructing", total=total, completed=done)

        events = ReplayEvents(
            indexed=lambda done, total: progress.update(task, completed=done, total=total),
            started=show_frames,
            frame_done=lambda: progress.advance(task),
            say=lambda text: progress.console.print(text, markup=False, highlight=False),
        )
        try:
            summary = replay_recording(
                recording, out, config, truth, events, extras, selection, resume=resume
            )
        except KeyboardInterrupt:
            progress.stop()
            hint = f"; {_HOW_TO_RESUME}" if is_interrupted(out) else ""
            typer.echo(f"interrupted{hint}", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except RecordingError as error:
            if has_begun and is_interrupted(out):
                raise RecordingError(f"{error}; {_HOW_TO_RESUME}") from error
            raise
    _print_summary(summary, out)


def _print_summary(summary: dict[str, Any], out: Path) -> None:
    from rich.console import Console

    console = Console()
    console.print(_latency_table(summary["latency_ms"], summary["cpu_ms"]))
    for line in _summary_lines(summary):
        console.print(line, markup=False, highlight=False)
    console.print(f"Written to {out}", markup=False, highlight=False)


def _latency_table(
    latency_ms: dict[str, dict[str, float]], cpu_ms: dict[str, dict[str, float]]
) -> Any:
    from rich.table import Table

    table = Table("stage", "p50 ms", "p95 ms", "p99 ms", "CPU p50 ms", title="Latency")
    for stage, values in latency_ms.items():
        times = [*(values[name] for name in ("p50", "p95", "p99")), cpu_ms[stage]["p50"]]
        table.add_row(stage, *(f"{milliseconds:.1f}" for milliseconds in times))
    return table


def _summary_lines(summary: dict[str, Any]) -> list[str]:
    earlier = summary["frames_of_earlier_runs"]
    lines = [f"{earlier} frames are of earlier runs; times are of this one"] if earlier else []
    lines += [
        f"{summary['frames_with_hand']} of {summary['frames']} frames with a hand, "
        f"{summary['bad_frames']} bad, {summary['unpaired']} without a partner, "
        f"{summary['throughput_hz']} frames/s end to end",
        _cpu_line(summary["cpu_ms_per_frame"]),
    ]
    lines += [
        f"bad frames: {count} x {text}" for text, count in summary["bad_frame_reasons"].items()
    ]
    lines += [f"note: {count} x {text}" for text, count in summary["notes"].items()]
    if summary["accuracy"] is not None:
        lines.append(_accuracy_line(summary["accuracy"]))
    return lines


def _cpu_line(cpu_ms: dict[str, float | None]) -> str:
    parts = [f"{milliseconds} ms {doing}" for doing, milliseconds in cpu_ms.items()]
    return f"processor time a frame, all threads: {', '.join(parts)}"


def _accuracy_line(accuracy: dict[str, Any]) -> str:
    names = ("mpjpe_mm", "root_relative_mpjpe_mm", "pa_mpjpe_mm", "surface_mm", "mpvpe_mm")
    values = ", ".join(
        f"{name} {accuracy[name]:.2f}" for name in names if accuracy[name] is not None
    )
    return (
        f"accuracy over {accuracy['frames_scored']} hands ({accuracy['frames_missed']} missed): "
        f"{values or 'nothing to score'}"
    )
