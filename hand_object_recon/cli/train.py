"""``train``: train a method as a configuration says, or go on where it was stopped."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hand_object_recon.cli.options import Assignments
from hand_object_recon.cli.signals import INTERRUPTED, stopping_on_signals

if TYPE_CHECKING:
    from hand_object_recon.training.events import TrainingEvents


def train(
    config: Annotated[
        Path, typer.Argument(help="YAML file; see config/train.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder for weights and logs.", show_default=False)],
    set_: Assignments = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on behind the last checkpoint in OUT.")
    ] = False,
) -> None:
    """Train a method: OUT/STAGE.safetensors with a card for each stage, log.csv."""
    from hand_object_recon.core.errors import DependencyError

    if find_spec("lightning_fabric") is None:
        raise DependencyError(
            "training needs lightning-fabric; install hand_object_recon[training]"
        )
    from hand_object_recon.training.config import load_training_config
    from hand_object_recon.training.engine import Training

    progress = _Progress()
    training = Training(load_training_config(config, set_), out, progress.events())
    with progress.display, stopping_on_signals(training.ask_to_stop):
        is_done = training.run(resume=resume)
    if not is_done:
        typer.echo("stopped; go on with the same command and --resume", err=True)
        raise typer.Exit(INTERRUPTED)
    typer.echo(f"Written to {out}")


class _Progress:
    """One bar: the store being made, then each stage with rate, time left and loss."""

    def __init__(self) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self.display = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self._task = self.display.add_task("Preparing", total=None, rate="")
        self._loss: float | None = None

    def events(self) -> TrainingEvents:
        """What the training is to call."""
        from hand_object_recon.training.events import TrainingEvents

        return TrainingEvents(
            store_progress=self._show_store,
            stage_begun=self._show_stage,
            step_done=self._show_step,
            scored=self._show_scores,
            say=self._say,
        )

    def _show_store(self, name: str, done: int, parts: int) -> None:
        self.display.update(
            self._task, description=f"Making {name} samples", completed=done, total=parts
        )

    def _show_stage(self, name: str, step: int, steps: int) -> None:
        self._loss = None
        self.display.reset(
            self._task, description=f"Stage {name}", completed=step, total=steps, rate=""
        )

    def _show_step(self, step: int, loss: float) -> None:
        self._loss = loss if self._loss is None else 0.98 * self._loss + 0.02 * loss
        speed = self.display.tasks[0].speed
        rate = "" if speed is None else f"{speed:.1f} steps/s, "
        self.display.update(self._task, completed=step, rate=f"{rate}loss {self._loss:.4f}")

    def _show_scores(self, step: int, scores: Mapping[str, float]) -> None:
        values = ", ".join(f"{name} {value:.3g}" for name, value in scores.items())
        self._say(f"step {step}: {values}")

    def _say(self, text: str) -> None:
        self.display.console.print(text, markup=False, highlight=False)
