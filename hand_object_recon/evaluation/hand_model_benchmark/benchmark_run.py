"""Runs every benchmark of a hand model and keeps what was measured with what it was measured on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib import metadata
from typing import Any

from hand_object_recon.evaluation.hand_model_benchmark.inverse_kinematics import (
    AccuracyRow,
    RealHandRow,
    SpeedRow,
    accuracy,
    real_hand,
    speed,
)
from hand_object_recon.evaluation.hand_model_benchmark.layer_speed import (
    DEFAULT_BATCHES,
    DEFAULT_THREADS,
    LayerSpeed,
    measure_layer_speed,
)
from hand_object_recon.evaluation.hand_model_benchmark.truth_fit import TruthFit, fit_truth
from hand_object_recon.evaluation.hand_model_benchmark.truth_meshes import TruthMeshes
from hand_object_recon.evaluation.machine import machine_description, version_table
from hand_object_recon.hand_model.model import HandModel

OnProgress = Callable[[str, int, int], None]
"""Called with what is being measured, how much of it is done and how much there is."""


@dataclass(frozen=True)
class BenchmarkSettings:
    """How much to measure.

    seconds
        Of timing, for each batch size and number of threads of the layer.
    hands
        Random hands of each kind that the inverse kinematics solves.
    solver_calls, solver_batches
        Calls that its speed is taken from: of single hands and of batches.
    truth_frames
        Frames of the truth to use, from its first; None for all.
    """

    seconds: float = 3.0
    batches: tuple[int, ...] = DEFAULT_BATCHES
    threads: tuple[int, ...] = DEFAULT_THREADS
    with_compiled: bool = False
    hands: int = 5000
    solver_calls: int = 500
    solver_batches: int = 40
    truth_frames: int | None = None


QUICK = BenchmarkSettings(
    seconds=0.0,
    batches=(1, 4),
    threads=(1,),
    hands=40,
    solver_calls=5,
    solver_batches=2,
    truth_frames=3,
)
"""Just enough to see that everything runs; its figures mean little."""


@dataclass(frozen=True)
class BenchmarkResults:
    """What was measured; date is UTC in ISO 8601, None stands for what there was no truth for."""

    model: str
    side: str
    date: str
    machine: dict[str, object]
    versions: dict[str, str | None]
    settings: BenchmarkSettings
    layer_speed: list[LayerSpeed]
    inverse_kinematics_accuracy: list[AccuracyRow]
    inverse_kinematics_speed: list[SpeedRow]
    inverse_kinematics_on_truth: list[RealHandRow] | None
    truth_fit: TruthFit | None

    def as_dict(self) -> dict[str, Any]:
        """All of it in plain types, ready for JSON."""
        found = asdict(self)
        for row, kept in zip(self.layer_speed, found["layer_speed"], strict=True):
            kept["times_as_fast"] = row.times_as_fast
        return found


def run_benchmark(
    model: HandModel,
    settings: BenchmarkSettings,
    truth: TruthMeshes | None = None,
    on_progress: OnProgress = lambda _what, _done, _total: None,
) -> BenchmarkResults:
    """Measure the layer's speed, the inverse kinematics and, with a truth of the model's side,
    how near the model comes to it."""
    date = datetime.now(timezone.utc).isoformat(timespec="seconds")
    if truth is not None and settings.truth_frames is not None:
        truth = truth.first(settings.truth_frames)

    layer_rows = list(_layer_speed(model, settings, on_progress))
    on_progress("Inverse kinematics, accuracy", 0, 1)
    accuracy_rows = accuracy(model, settings.hands)
    on_progress("Inverse kinematics, speed", 0, 1)
    speed_rows = speed(model, settings.solver_calls, settings.solver_batches)
    truth_rows, fit = None, None
    if truth is not None:
        on_progress("Inverse kinematics, true joints", 0, 1)
        truth_rows = real_hand(model, truth.joints_m)
        fit = fit_truth(
            model, truth, lambda done, total: on_progress("Fitting true meshes", done, total)
        )

    return BenchmarkResults(
        model=model.name,
        side=str(model.side),
        date=date,
        machine=machine_description(),
        versions={**version_table(), "smplx": _smplx_version()},
        settings=settings,
        layer_speed=layer_rows,
        inverse_kinematics_accuracy=accuracy_rows,
        inverse_kinematics_speed=speed_rows,
        inverse_kinematics_on_truth=truth_rows,
        truth_fit=fit,
    )


def _layer_speed(
    model: HandModel, settings: BenchmarkSettings, on_progress: OnProgress
) -> Iterator[LayerSpeed]:
    cases = [(threads, batch) for threads in settings.threads for batch in settings.batches]
    for done, (threads, batch) in enumerate(cases):
        on_progress("Layer speed", done, len(cases))
        yield from measure_layer_speed(
            [model],
            batches=[batch],
            threads=[threads],
            seconds=settings.seconds,
            with_compiled=settings.with_compiled,
        )


def _smplx_version() -> str | None:
    try:
        return metadata.version("smplx")
    except metadata.PackageNotFoundError:
        return None
