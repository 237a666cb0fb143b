"""The tables that ``hand-object-recon hand-model benchmark`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from hand_object_recon.evaluation.hand_model_benchmark.benchmark_run import BenchmarkResults
    from hand_object_recon.evaluation.hand_model_benchmark.inverse_kinematics import (
        AccuracyRow,
        RealHandRow,
        SpeedRow,
    )
    from hand_object_recon.evaluation.hand_model_benchmark.layer_speed import LayerSpeed
    from hand_object_recon.evaluation.hand_model_benchmark.truth_fit import TruthFit

_TEXT_COLUMNS = ("way", "poses", "shape", "path")


def print_results(results: BenchmarkResults) -> None:
    """Print where and when it was measured, then a table for each measurement."""
    console = Console(markup=False, highlight=False, soft_wrap=True)
    for line in _heading(results):
        console.print(line)
    console.print(_layer_speed(results.layer_speed))
    if all(row.reference_ms is None for row in results.layer_speed):
        console.print("smplx is not installed, so there is nothing to compare with.")
    console.print(_solver_accuracy(results.inverse_kinematics_accuracy))
    console.print(_solver_speed(results.inverse_kinematics_speed))
    if results.inverse_kinematics_on_truth is not None:
        console.print(_solver_on_truth(results.inverse_kinematics_on_truth))
    if results.truth_fit is not None:
        console.print(_truth_fit(results.truth_fit))
        shape = ", ".join(f"{value:.2f}" for value in results.truth_fit.shared_shape)
        console.print(
            f"shape of all frames: {shape}", markup=False, highlight=False, soft_wrap=True
        )


def _heading(results: BenchmarkResults) -> Iterator[str]:
    machine = results.machine
    yield f"{results.model}, {results.side} hand, {results.date}"
    yield (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}"
    )
    named = ("hand_object_recon", "python", "numpy", "torch", "smplx")
    yield ", ".join(f"{name} {results.versions[name] or 'absent'}" for name in named)


def _layer_speed(rows: Sequence[LayerSpeed]) -> Table:
    table = _table(
        "Posing a batch of hands, ms a batch",
        ("threads", "batch", "way", "median ms", "95 % ms", "times as fast as smplx"),
    )
    for row in rows:
        ratio = "" if row.times_as_fast is None else f"{row.times_as_fast:.2f}"
        table.add_row(
            str(row.threads),
            str(row.batch),
            row.way,
            f"{row.median_ms:.3f}",
            f"{row.p95_ms:.3f}",
            ratio,
        )
    return table


def _solver_accuracy(rows: Sequence[AccuracyRow]) -> Table:
    table = _table(
        f"Inverse kinematics of {rows[0].hands} random hands, mean over a hand's joints",
        ("poses", "shape", "mean mm", "99 % mm", "most mm", "converged %"),
    )
    for row in rows:
        distances = (f"{value:.3f}" for value in (row.mean_mm, row.p99_mm, row.max_mm))
        table.add_row(row.poses, row.shape, *distances, f"{100.0 * row.converged_share:.1f}")
    return table


def _solver_speed(rows: Sequence[SpeedRow]) -> Table:
    table = _table(
        "Inverse kinematics on one thread, shape fitted, ms a hand",
        ("path", "poses", "hands a call", "median ms", "95 % ms"),
    )
    for row in rows:
        table.add_row(
            row.path,
            row.poses,
            str(row.hands_per_call),
            f"{row.p50_ms:.3f}",
            f"{row.p95_ms:.3f}",
        )
    return table


def _solver_on_truth(rows: Sequence[RealHandRow]) -> Table:
    table = _table(
        f"Inverse kinematics of the true joints, {rows[0].frames} frames, single joints",
        ("shape", "mean mm", "95 % mm", "most mm"),
    )
    for row in rows:
        table.add_row(
            row.shape, *(f"{value:.2f}" for value in (row.mean_mm, row.p95_mm, row.max_mm))
        )
    return table


def _truth_fit(fit: TruthFit) -> Table:
    table = _table(
        f"True meshes to the model's surface, {fit.frames} frames of {fit.vertices} vertices",
        ("shape", "mean mm", "95 % mm", "worst frame mm", "joints mm"),
    )
    for row in (fit.with_shared_shape, fit.with_own_shapes):
        distances = (row.mean_mm, row.p95_mm, row.worst_frame_mm, row.joint_mean_mm)
        table.add_row(row.shape, *(f"{value:.2f}" for value in distances))
    return table


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, justify="left" if name in _TEXT_COLUMNS else "right")
    return table
