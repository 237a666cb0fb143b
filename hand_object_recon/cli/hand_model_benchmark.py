"""``hand-object-recon hand-model benchmark``: how fast and how exact a hand model is here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hand_object_recon.core.hands import HandSide

if TYPE_CHECKING:
    from hand_object_recon.evaluation.hand_model_benchmark.benchmark_run import (
        BenchmarkResults,
        BenchmarkSettings,
    )
    from hand_object_recon.evaluation.hand_model_benchmark.truth_meshes import TruthMeshes
    from hand_object_recon.hand_model.model import HandModel

_REDRAWS_HZ = 1
"""Few, because drawing takes turns with what is timed."""


def benchmark(
    model: Annotated[str, typer.Option(help="Name of the model.")] = "open_hand",
    side: Annotated[
        HandSide, typer.Option(help="Side to measure; the truth's, with --truth.")
    ] = HandSide.RIGHT,
    truth: Annotated[
        Path | None, typer.Option(help="npz with joints and vertices of a real hand to fit.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.0, help="Time for each batch size and number of threads.")
    ] = 3.0,
    hands: Annotated[
        int, typer.Option(min=1, help="Random hands of each kind for inverse kinematics.")
    ] = 5000,
    batches: Annotated[
        str, typer.Option(help="Batch sizes of the layer, commas between.")
    ] = "1,32,1024",
    compiled: Annotated[
        bool, typer.Option("--compiled", help="Time torch.compile, too; needs a C++ compiler.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="JSON file for all results.")] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Only see that it runs: smallest sizes, three true frames."),
    ] = False,
) -> None:
    """Measure a model's speed beside smplx, its inverse kinematics and its fit to a real hand."""
    from hand_object_recon.cli.hand_model_benchmark_tables import print_results
    from hand_object_recon.evaluation.hand_model_benchmark.benchmark_run import (
        QUICK,
        BenchmarkSettings,
    )
    from hand_object_recon.evaluation.hand_model_benchmark.truth_meshes import load_truth_meshes
    from hand_object_recon.hand_model.model import load_hand_model

    chosen = BenchmarkSettings(
        seconds=seconds, batches=_batch_sizes(batches), with_compiled=compiled, hands=hands
    )
    loaded = load_hand_model(model, side)
    meshes = None if truth is None else load_truth_meshes(truth)
    if out is not None:
        _require_folder_of(out)
    results = _run_with_progress(loaded, QUICK if quick else chosen, meshes)
    print_results(results)
    if out is not None:
        _write_json(results, out)
        typer.echo(f"written to {out}")


def _batch_sizes(text: str) -> tuple[int, ...]:
    from hand_object_recon.core.errors import InvalidValueError

    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise InvalidValueError(
            f"--batches is {text!r}; it must be whole numbers above zero with commas between, "
            "such as 1,32,1024"
        )
    return tuple(int(word) for word in words)


def _require_folder_of(out: Path) -> None:
    """Refuse what would only fail after minutes of measuring."""
    from hand_object_recon.core.errors import InvalidValueError

    if not out.parent.is_dir():
        raise InvalidValueError(f"--out is {out}, but {out.parent} is no folder; create it first")
    if out.is_dir():
        raise InvalidValueError(f"--out is {out}, a folder; give a file in it")


def _run_with_progress(
    model: HandModel, settings: BenchmarkSettings, truth: TruthMeshes | None
) -> BenchmarkResults:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    from hand_object_recon.evaluation.hand_model_benchmark.benchmark_run import run_benchmark

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True, refresh_per_second=_REDRAWS_HZ) as progress:
        task = progress.add_task("Starting", total=None)
        return run_benchmark(
            model,
            settings,
            truth,
            lambda what, done, total: progress.update(
                task, description=what, completed=done, total=total
            ),
        )


def _write_json(results: BenchmarkResults, out: Path) -> None:
    import json

    from hand_object_recon.core.errors import InvalidValueError

    try:
        out.write_text(json.dumps(results.as_dict(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidValueError(f"{out} cannot be written: {error.strerror}") from None
