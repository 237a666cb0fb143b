"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RecordingPath = Annotated[
    Path,
    typer.Argument(help="rosbag2 folder, or a .mcap, .db3 or .bag file.", show_default=False),
]
ReconstructorName = Annotated[
    str | None, typer.Option(help="Reconstructor plugin: name or package.module:Class.")
]
ConfigFile = Annotated[
    Path | None, typer.Option(help="YAML file of settings; see the config command.")
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, section.key=value; may be repeated."),
]

StartSeconds = Annotated[
    float, typer.Option(metavar="SECONDS", help="Begin so long after the first frame.")
]
DurationSeconds = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="End so long after the start.")
]
EveryNth = Annotated[int, typer.Option(metavar="N", help="Take every N-th frame.")]


def all_assignments(set_: list[str] | None, reconstructor: str | None) -> list[str]:
    """What ``--set`` and ``--reconstructor`` assign."""
    chosen = [] if reconstructor is None else [f"reconstructor={reconstructor}"]
    return [*(set_ or []), *chosen]
