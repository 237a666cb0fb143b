"""``demo``: make a recording with known truth and reconstruct it, from nothing to results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the recording and the results.")] = Path(
        "out/demo"
    ),
    frames: Annotated[
        int, typer.Option(min=1, max=3000, help="Frames to render, 30 a second.")
    ] = 90,
    seed: Annotated[int, typer.Option(min=0, help="Seed of noise and lost readings.")] = 0,
) -> None:
    """Render a moving hand as a camera would see it, reconstruct it and score the result."""
    from hand_object_recon.cli.replay import run_replay
    from hand_object_recon.core.config import PipelineConfig

    recording, truth = out / "recording", out / "truth.npz"
    _render(recording, truth, frames, seed)
    run_replay(recording=recording, out=out, truth=truth, config=PipelineConfig())
    _say_where_to_look(out)


def _render(recording: Path, truth: Path, frames: int, seed: int) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from hand_object_recon.synthesis.demo_recording import write_demo_recording
    from hand_object_recon.synthesis.demo_scene import DemoScene

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("Rendering the recording", total=frames)
        write_demo_recording(
            DemoScene(frames, seed), recording, truth, on_frame=lambda _: progress.advance(task)
        )


def _say_where_to_look(out: Path) -> None:
    typer.echo(
        f"\nWatch the result:         {out / 'overlay.mp4'}\n"
        f"Accuracy and timings:     {out / 'summary.json'}\n"
        f"Results as a rosbag2:     {out / 'reconstruction'}\n"
        f"  in Foxglove:            open the .mcap file in that folder\n"
        f"  with ROS 2:             ros2 bag info {out / 'reconstruction'}\n"
        f"The recording it is from: {out / 'recording'}"
    )
