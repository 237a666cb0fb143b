"""``compile``: make the machine code that a first start would wait for."""

from __future__ import annotations

import time

import typer

from hand_object_recon.cli.options import (
    Assignments,
    ConfigFile,
    ReconstructorName,
    all_assignments,
)


def compile_(
    reconstructor: ReconstructorName = None,
    config: ConfigFile = None,
    set_: Assignments = None,
) -> None:
    """Compile the pipeline's loops for this machine, once after each installation or update."""
    from hand_object_recon.core.config import load_config
    from hand_object_recon.pipeline.compilation import compile_pipeline

    begun_s = time.monotonic()
    for stage in compile_pipeline(load_config(config, all_assignments(set_, reconstructor))):
        typer.echo(f"{stage}: ready after {time.monotonic() - begun_s:.0f} s")
