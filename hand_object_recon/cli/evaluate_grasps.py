"""``evaluate grasps``: weights of gSDF on synthetic takes, by the paper's protocol."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from hand_object_recon.core.annotation import AnnotatedFrame
    from hand_object_recon.evaluation.gsdf_protocol import GraspScores, TrueAndFound
    from hand_object_recon.evaluation.metrics.metric_value import MetricValue
    from hand_object_recon.training.config import SyntheticData

_METHOD: Final = "hand_object_recon.reconstructors.gsdf.told_wrist"
_SPLITS: Final = ("train", "val", "test")


def evaluate_grasps(
    weights: Annotated[Path, typer.Argument(help="Weights of gsdf.", show_default=False)],
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    takes: Annotated[int, typer.Option(min=1, help="Takes of the generator.")] = 40,
    frames_per_take: Annotated[int, typer.Option(min=1, help="Frames of each.")] = 4,
    cells: Annotated[int, typer.Option(help="Along each edge of the lattice.")] = 128,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Score meshes of hand and object with the true wrist told, as gSDF's paper does."""
    from hand_object_recon.core.errors import InvalidValueError
    from hand_object_recon.evaluation.gsdf_protocol import grasp_scores
    from hand_object_recon.training.config import SyntheticData

    if split not in _SPLITS:
        raise InvalidValueError(f"split is {split!r}; it must be one of {', '.join(_SPLITS)}")
    if cells < 16 or cells % 8:
        raise InvalidValueError(f"cells are {cells}; they must be a multiple of 8, 16 or more")
    data = SyntheticData(takes=takes, frames_per_take=frames_per_take, step_s=0.4, size_px=288)
    count = 0

    def counted() -> Iterator[TrueAndFound]:
        nonlocal count
        for pair in _grasps(weights, _frames(data, split), cells, device):
            count += 1
            yield pair

    scores = grasp_scores(counted())
    typer.echo(f"{count} grasps of {takes} takes of the split {split}, {cells} cells")
    typer.echo(_table(scores))


def _frames(data: SyntheticData, split: str) -> Iterator[AnnotatedFrame]:
    from hand_object_recon.training.synthetic_frames import frames_of_take, sample_settings

    for number in range(data.takes):
        settings = sample_settings(data, split, number)  # type: ignore[arg-type]
        yield from frames_of_take(settings, number, data.frames_per_take, data.step_s)


def _grasps(
    weights: Path, frames: Iterator[AnnotatedFrame], cells: int, device: str
) -> Iterator[TrueAndFound]:
    from hand_object_recon.core.keypoints import WRIST
    from hand_object_recon.evaluation.gsdf_protocol import Grasp, TrueAndFound
    from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh

    def mesh(body: Any) -> SurfaceMesh | None:
        return None if body is None else SurfaceMesh(body.vertices_m, body.faces)

    for true, found in import_module(_METHOD).told_grasps(weights, frames, cells, device):
        joints_m, center_m = true.record["joints_m"], true.record["center_m"]
        about_wrist_m = joints_m - joints_m[WRIST], center_m - joints_m[WRIST]
        yield TrueAndFound(
            Grasp(*about_wrist_m, mesh(true.hand), mesh(true.held)),
            Grasp(found.joints_m, found.center_m, mesh(found.hand), mesh(found.held)),
        )


def _table(scores: GraspScores) -> str:
    lines = ["| | as found | hand scaled and shifted onto the truth |", "|---|---|---|"]
    for name, value in scores.as_found.items():
        lines.append(f"| {name} | {_figure(value)} | {_figure(scores.fitted[name])} |")
    lines += [f"| {name} | {_figure(value)} | |" for name, value in scores.points.items()]
    missing = {name.split()[0]: value.count_missing for name, value in scores.as_found.items()}
    lines += [f"| {name} without a mesh | {number} | |" for name, number in missing.items()]
    return "\n".join(lines)


def _figure(value: MetricValue) -> str:
    return "-" if value.value is None else f"{value.value:.3g} {value.unit}".rstrip()
