"""The ``hand-object-recon`` program: one module a command, errors in one line.

A command's module imports what is heavy inside its functions, so that ``--help`` is quick.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

import typer

from hand_object_recon import __version__
from hand_object_recon.cli.ablate import ablate
from hand_object_recon.cli.compile import compile_
from hand_object_recon.cli.config import config
from hand_object_recon.cli.datasets import datasets
from hand_object_recon.cli.demo import demo
from hand_object_recon.cli.evaluate import evaluate
from hand_object_recon.cli.evaluate_grasps import evaluate_grasps
from hand_object_recon.cli.export_mesh import export_mesh
from hand_object_recon.cli.hand_model import hand_model
from hand_object_recon.cli.inspect import inspect
from hand_object_recon.cli.live import live
from hand_object_recon.cli.play import play
from hand_object_recon.cli.plugins import plugins
from hand_object_recon.cli.replay import replay
from hand_object_recon.cli.synthesize import synthesize
from hand_object_recon.cli.train import train
from hand_object_recon.core.errors import HandObjectReconError

FAILURE = 2

# The fit multiplies many small matrices. OpenBLAS would share each among all cores, and on a
# busy machine waiting for the slowest thread made a fit several times slower. Read when
# NumPy is first imported, which no command does before this line.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

app = typer.Typer(
    name="hand-object-recon",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(replay)
app.command()(demo)
app.command()(export_mesh)
app.command()(inspect)
app.command()(play)
app.command()(live)
app.command()(synthesize)
app.command()(train)
app.command()(ablate)
app.command()(plugins)
app.command()(config)
app.command("compile")(compile_)
app.add_typer(hand_model)
evaluate.command("grasps")(evaluate_grasps)
app.add_typer(evaluate)
app.add_typer(datasets)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and leave.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Hands and the objects they hold, in metres, from a colour and depth camera."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program with ``arguments``, or with those of the command line."""
    try:
        app(args=arguments)
    except HandObjectReconError as error:
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        raise SystemExit(FAILURE) from None


if __name__ == "__main__":
    main()
