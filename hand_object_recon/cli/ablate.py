"""``ablate``: train variants of a method with the same budget, and tabulate their scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hand_object_recon.cli.options import Assignments
from hand_object_recon.cli.signals import INTERRUPTED, stopping_on_signals


def ablate(
    config: Annotated[
        Path, typer.Argument(help="YAML file; see config/ablations.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder for trainings and tables.", show_default=False)],
    set_: Assignments = None,
    row: Annotated[
        list[str] | None, typer.Option("--row", help="Only this row; may be given again.")
    ] = None,
) -> None:
    """Train each row of a table with each seed; begun again, it goes on where it was stopped."""
    from hand_object_recon.training.ablation import Ablation
    from hand_object_recon.training.ablation_config import load_ablation_config
    from hand_object_recon.training.ablation_table import TABLE_FILE

    ablation = Ablation(load_ablation_config(config, set_), out, typer.echo)
    with stopping_on_signals(ablation.ask_to_stop):
        is_done = ablation.run(row or ())
    if not is_done:
        typer.echo("stopped; go on with the same command", err=True)
        raise typer.Exit(INTERRUPTED)
    typer.echo((out / TABLE_FILE).read_text("utf-8"))
