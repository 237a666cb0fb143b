"""``demo``: make a recording with known truth and reconstruct it, from nothing to results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hand_object_recon.cli.cores import available_cores


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the recording and the results.")] = Path(
        "out/demo"
    ),
    frames: Annotated[
        int, typer.Option(min=1, max=3000, help="Frames to render, 30 a second.")
    ] = 120,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another scene.")] = 0,
) -> None:
    """Render a hand that takes an object up and turns it, reconstruct the hand and score it."""
    from hand_object_recon.cli.replay import run_replay
    from hand_object_recon.core.config import PipelineConfig

    recording, truth = _render(out, frames, seed)
    run_replay(recording=recording, out=out, truth=truth, config=PipelineConfig())
    _say_where_to_look(out)


def _render(out: Path, frames: int, seed: int) -> tuple[Path, Path]:
    """The recording and its truth."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from hand_object_recon.synthesis.output.demo_shots import demo_shots
    from hand_object_recon.synthesis.output.recording import (
        RECORDING_FOLDER,
        TRUTH_FILE,
        write_shots,
    )

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("Rendering the recording", total=frames)
        write_shots(
            out,
            demo_shots(frames, seed),
            workers=available_cores(),
            on_frames=lambda done: progress.update(task, completed=done),
        )
    return out / RECORDING_FOLDER, out / TRUTH_FILE


def _say_where_to_look(out: Path) -> None:
    typer.echo(
        f"\nWatch the result:         {out / 'overlay.mp4'}\n"
        f"Accuracy and timings:     {out / 'summary.json'}\n"
        f"Results as a rosbag2:     {out / 'reconstruction'}\n"
        f"  in Foxglove:            open the .mcap file in that folder\n"
        f"  with ROS 2:             ros2 bag info {out / 'reconstruction'}\n"
        f"The recording it is from: {out / 'recording'}"
    )
