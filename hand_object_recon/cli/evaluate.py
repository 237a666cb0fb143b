"""``evaluate``: reconstructors against the truth, side by side, with a report."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hand_object_recon.cli.options import (
    Assignments,
    ConfigFile,
    DurationSeconds,
    EveryNth,
    RecordingPath,
    StartSeconds,
)
from hand_object_recon.cli.signals import INTERRUPTED

if TYPE_CHECKING:
    from hand_object_recon.core.config import PipelineConfig
    from hand_object_recon.evaluation.benchmarking.evaluation import (
        Evaluation,
        ScoredReconstructor,
    )
    from hand_object_recon.evaluation.benchmarking.frame_source import FrameSource
    from hand_object_recon.evaluation.benchmarking.run import Run, Share

evaluate = typer.Typer(
    name="evaluate",
    no_args_is_help=True,
    help="Score reconstructors against the truth; compare and submit results.",
)

Reconstructors = Annotated[
    list[str] | None,
    typer.Option(
        "--reconstructor",
        help="Plugin: name or package.module:Class; may be repeated. The configured one without.",
    ),
]
Out = Annotated[
    Path, typer.Option(help="Folder; the same command continues it.", show_default=False)
]
Workers = Annotated[int, typer.Option(min=1, help="Processes that share the sequences.")]
ToldHands = Annotated[
    bool,
    typer.Option(
        "--told-hands", help="True boxes, sides and 2-D joints instead of the detector's."
    ),
]

_PRINTED = (
    "mpjpe_mm",
    "pa_mpjpe_mm",
    "surface_mm",
    "mpvpe_mm",
    "auc",
    "seen_median_mm",
    "object_surface_mm",
    "grasp_state_percent",
)
_PRINTED_NAMES = {
    "seen_median_mm": "seen surface of objects",
    "object_surface_mm": "motion of objects",
    "grasp_state_percent": "holder told right",
}


@evaluate.command()
def recording(
    recording: RecordingPath,
    truth: Annotated[
        Path,
        typer.Option(help="npz with stamps_ns, joints, vertices and more.", show_default=False),
    ],
    out: Out,
    reconstructor: Reconstructors = None,
    start: StartSeconds = 0.0,
    duration: DurationSeconds = None,
    every: EveryNth = 1,
    workers: Workers = 1,
    told_hands: ToldHands = False,
    config: ConfigFile = None,
    set_: Assignments = None,
) -> None:
    """Evaluate on a recording whose truth is known: OUT/report.html and what it is made from."""
    from hand_object_recon.core.config import load_config
    from hand_object_recon.evaluation.benchmarking.recording_source import single_recording
    from hand_object_recon.recordings.frame_selection import FrameSelection

    settings = load_config(config, set_ or [])
    selection = FrameSelection(start, duration, every)
    source = single_recording(recording, truth, settings, selection)
    command = ["recording", str(recording), "--truth", str(truth), "--out", str(out)]
    _evaluate(source, settings, reconstructor, out, workers, command, tells_hands=told_hands)


@evaluate.command()
def dataset(
    name: Annotated[str, typer.Argument(help="synthetic, or a name that datasets list tells.")],
    out: Out,
    path: Annotated[
        Path | None,
        typer.Argument(help="Its folder; synthetic frames are made here without.", metavar="PATH"),
    ] = None,
    split: Annotated[str, typer.Option(help="Part of the data set.")] = "test",
    frames: Annotated[int, typer.Option(help="Frames to make, without PATH.")] = 400,
    sequences: Annotated[
        int | None,
        typer.Option(min=1, help="Make so many videos of objects turned in the hand instead."),
    ] = None,
    frames_per_sequence: Annotated[
        int, typer.Option(min=1, help="Frames of each such video, at 30 Hz.")
    ] = 300,
    every: Annotated[int, typer.Option(min=1, help="Of a published set, every N-th frame.")] = 1,
    models: Annotated[
        Path | None, typer.Option(help="Folder of a published set's object meshes.")
    ] = None,
    hand_model: Annotated[
        str, typer.Option(help="Name MANO was imported under, for a published set's truth.")
    ] = "mano",
    reconstructor: Reconstructors = None,
    workers: Workers = 1,
    told_hands: ToldHands = False,
    config: ConfigFile = None,
    set_: Assignments = None,
) -> None:
    """Evaluate on a data set: OUT/report.html and what it is made from."""
    from hand_object_recon.cli.evaluate_datasets import (
        RECORDINGS,
        DatasetRequest,
        SequenceRequest,
        open_dataset,
    )
    from hand_object_recon.core.config import load_config

    settings = load_config(config, set_ or [])
    wanted = None if sequences is None else SequenceRequest(sequences, frames_per_sequence)
    request = DatasetRequest(
        path,
        split,
        frames,
        settings,
        wanted,
        out / RECORDINGS,
        workers,
        every,
        models,
        hand_model,
    )
    source = open_dataset(name, request)
    place = [str(path)] if path is not None else ["--frames", str(frames)]
    if sequences is not None:
        place = ["--sequences", str(sequences), "--frames-per-sequence", str(frames_per_sequence)]
    command = ["dataset", name, *place, "--split", split, "--out", str(out)]
    command += ["--every", str(every)] if every > 1 else []
    command += ["--models", str(models)] if models is not None else []
    command += ["--hand-model", hand_model] if hand_model != "mano" else []
    _evaluate(source, settings, reconstructor, out, workers, command, tells_hands=told_hands)


@evaluate.command()
def results(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders of evaluations of the same frames.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the comparison.", show_default=False)],
) -> None:
    """Compare stored results: the same report, with every difference and its interval."""
    from hand_object_recon.evaluation.benchmarking.evaluation import (
        joined_evaluations,
        load_evaluation,
    )
    from hand_object_recon.evaluation.benchmarking.recording_source import known_topologies
    from hand_object_recon.evaluation.benchmarking.report_document import evaluation_report
    from hand_object_recon.evaluation.benchmarking.report_files import write_evaluation_files

    evaluations = dict(
        zip(_labels(folders), (load_evaluation(folder) for folder in folders), strict=True)
    )
    evaluation = joined_evaluations(evaluations)
    command = ["results", *map(str, folders), "--out", str(out)]
    report = evaluation_report(evaluation, known_topologies(), command=_command_text(command))
    write_evaluation_files(out, evaluation, report)
    _print_summary(evaluation, out)


@evaluate.command()
def sheet(
    folder: Annotated[
        Path, typer.Argument(help="Folder of an evaluation of recordings.", metavar="RESULTS")
    ],
    out: Annotated[Path, typer.Option(help="Picture to write, .jpg or .png.", show_default=False)],
    rows: Annotated[int, typer.Option(min=1, help="Sequences to draw at most.")] = 20,
) -> None:
    """Draw what was modelled of held objects: a row a sequence, seen from four sides."""
    from hand_object_recon.evaluation.benchmarking.evaluation_folder import EvaluationFolder
    from hand_object_recon.evaluation.benchmarking.object_sheet import write_object_sheet

    drawn = write_object_sheet(out, EvaluationFolder(folder), rows)
    typer.echo(f"{drawn} sequences drawn to {out}")


@evaluate.command()
def submission(
    server: Annotated[str, typer.Argument(help="ho3d, freihand or h2o.")],
    folder: Annotated[Path, typer.Argument(help="Folder of an evaluation.", metavar="RESULTS")],
    out: Annotated[
        Path, typer.Option(help="File to write, .json or .zip with it.", show_default=False)
    ],
    reconstructor: Annotated[
        str, typer.Option(help="Whose results, as it was named when they were made.")
    ] = "rgbd_fit",
    joints_only: Annotated[
        bool, typer.Option("--joints-only", help="Zeros for vertices that are not MANO's.")
    ] = False,
) -> None:
    """Write what the servers of HO-3D, FreiHAND and H2O take.

    Of a published data set the frames are those of the split that the server scores, in its order,
    which is read from the data set's own folder.
    """
    from hand_object_recon.cli.submission_frames import submitted_frames
    from hand_object_recon.core.errors import InvalidValueError
    from hand_object_recon.evaluation.benchmarking.evaluation import load_evaluation
    from hand_object_recon.evaluation.benchmarking.evaluation_folder import EvaluationFolder
    from hand_object_recon.evaluation.benchmarking.submissions import Server, write_submission

    known = [str(item) for item in Server]
    if server not in known:
        raise InvalidValueError(f"server {server!r} is not known; known are {', '.join(known)}")
    written = write_submission(
        Server(server),
        load_evaluation(folder),
        reconstructor,
        out,
        joints_only=joints_only,
        frames=submitted_frames(Server(server), EvaluationFolder(folder).read_identity()),
    )
    typer.echo(
        f"{written.entries} frames written to {out}; {written.filled} hands without an estimate "
        "are filled with a single point"
    )


def _evaluate(
    source: FrameSource,
    settings: PipelineConfig,
    reconstructors: Sequence[str] | None,
    out: Path,
    workers: int,
    command: Sequence[str],
    *,
    tells_hands: bool,
) -> None:
    from hand_object_recon.evaluation.benchmarking.evaluation import load_evaluation
    from hand_object_recon.evaluation.benchmarking.evaluation_folder import EvaluationFolder
    from hand_object_recon.evaluation.benchmarking.report_document import evaluation_report
    from hand_object_recon.evaluation.benchmarking.report_files import write_evaluation_files
    from hand_object_recon.evaluation.benchmarking.run import Run, Share

    names = list(reconstructors or [settings.reconstructor])
    configs = {name: settings.model_copy(update={"reconstructor": name}) for name in names}
    share = Share.of_environment(os.environ)
    _run(Run(EvaluationFolder(out), source, configs, tells_hands), workers, share)
    if share.rank != 0:
        return
    evaluation = load_evaluation(out)
    chosen = [part for name in names for part in ("--reconstructor", name)]
    told = ["--told-hands"] if tells_hands else []
    text = _command_text([*command, *chosen, *told])
    report = evaluation_report(evaluation, source.topologies(), source, text)
    write_evaluation_files(out, evaluation, report)
    _print_summary(evaluation, out)


def _run(run: Run, workers: int, share: Share) -> None:
    """Run with a progress bar over sequences, and over frames where there is one process."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from hand_object_recon.evaluation.benchmarking.run import RunEvents, run_all

    frames = TextColumn("{task.fields[frames]} frames")
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), frames)
    with Progress(*columns) as progress:
        task = progress.add_task("Sequences", total=None, frames=0)
        events = RunEvents(
            progressed=lambda done, total: progress.update(task, completed=done, total=total),
            frame_done=lambda: progress.update(task, frames=progress.tasks[0].fields["frames"] + 1),
        )
        try:
            run_all(run, workers, share, events)
        except KeyboardInterrupt:
            progress.stop()
            typer.echo("interrupted; sequences that are done are kept", err=True)
            raise typer.Exit(INTERRUPTED) from None


def _command_text(arguments: Sequence[str]) -> str:
    return shlex.join(["hand-object-recon", "evaluate", *arguments])


def _labels(folders: Sequence[Path]) -> list[str]:
    """Names of folders, the whole path where two have the same."""
    names = [folder.resolve().name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def _print_summary(evaluation: Evaluation, out: Path) -> None:
    from rich.console import Console

    console = Console()
    for item in evaluation.reconstructors:
        console.print(_summary_line(item), markup=False, highlight=False, soft_wrap=True)
    console.print(f"Written to {out}", markup=False, highlight=False, soft_wrap=True)


def _summary_line(item: ScoredReconstructor) -> str:
    detection, scores = item.detection, item.scores()
    values = {key: scores[key].value for key in _PRINTED if key in scores}
    figures = ", ".join(
        f"{_PRINTED_NAMES.get(key, scores[key].name)} {value.value:.3g} {value.unit}".rstrip()
        for key, value in values.items()
        if value.value is not None
    )
    return (
        f"{item.name}: {int(item.hands.joints.usable.sum())} of {detection.true_hands} hands with "
        f"an estimate, {detection.hands_found} within 10 cm, {detection.false_hands} false; "
        f"{figures or 'nothing to score'}"
    )
