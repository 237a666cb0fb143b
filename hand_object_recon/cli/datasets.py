"""``hand-object-recon datasets``: the data sets that can be read, checking and looking at one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from hand_object_recon.datasets.card import DatasetCard
    from hand_object_recon.datasets.checking import SplitReport
    from hand_object_recon.datasets.choice import DatasetChoice

NOT_USABLE: Final = 1

datasets = typer.Typer(
    name="datasets", no_args_is_help=True, help="List, check and show published data sets."
)

Name = Annotated[str, typer.Argument(help="Name of the data set.", show_default=False)]
Folder = Annotated[
    Path, typer.Argument(help="Folder it was unpacked to.", metavar="PATH", show_default=False)
]
Models = Annotated[
    Path | None, typer.Option(help="Folder of the objects' meshes, if it is another.")
]
HandModelName = Annotated[str, typer.Option(help="Name MANO was imported under.")]


@datasets.command("list")
def list_(
    layout: Annotated[
        bool, typer.Option("--layout", help="Show the folders and files expected, too.")
    ] = False,
) -> None:
    """List the data sets: what each holds, its terms, where it is, and its splits.

    Nothing is downloaded: the data are got from the page named, on their authors' terms.
    """
    from hand_object_recon.datasets.registry import dataset_card, dataset_names

    for name in dataset_names():
        for line in _card_lines(dataset_card(name), layout=layout):
            typer.echo(line)


@datasets.command()
def check(
    name: Name,
    path: Folder,
    split: Annotated[
        list[str] | None, typer.Option(help="Split to check; may be repeated. All without.")
    ] = None,
    frames: Annotated[
        int, typer.Option(min=1, help="Frames of each split to read, spread over it.")
    ] = 64,
    every_frame: Annotated[
        bool, typer.Option("--every-frame", help="Read every frame, which takes hours.")
    ] = False,
    models: Models = None,
    hand_model: HandModelName = "mano",
) -> None:
    """Tell whether a data set is whole, and what is missing or damaged; exit code 1 if so."""
    from hand_object_recon.datasets.checking import check_split
    from hand_object_recon.datasets.choice import DatasetChoice
    from hand_object_recon.datasets.registry import dataset_card

    is_usable = True
    for wanted in split or dataset_card(name).splits:
        choice = DatasetChoice(
            name=name, path=path, split=wanted, models=models, hand_model=hand_model
        )
        report = check_split(choice, None if every_frame else frames)
        for line in _report_lines(report):
            typer.echo(line)
        is_usable &= report.is_usable
    if not is_usable:
        raise typer.Exit(NOT_USABLE)


@datasets.command()
def show(
    name: Name,
    path: Folder,
    out: Annotated[Path, typer.Option(help="Picture to write, .png or .jpg.", show_default=False)],
    index: Annotated[int, typer.Option(min=0, help="Frame of the split.")] = 0,
    split: Annotated[
        str | None, typer.Option(help="Split the frame is of; the first one without.")
    ] = None,
    models: Models = None,
    hand_model: HandModelName = "mano",
) -> None:
    """Draw a frame with everything true of it: skeletons, meshes, masks, depth."""
    from hand_object_recon.core.errors import DatasetError
    from hand_object_recon.datasets.choice import DatasetChoice
    from hand_object_recon.datasets.registry import dataset_card, open_dataset

    chosen = split or next(iter(dataset_card(name).splits))
    choice = DatasetChoice(name=name, path=path, split=chosen, models=models, hand_model=hand_model)
    dataset = open_dataset(choice)
    if index >= len(dataset):
        raise DatasetError(
            f"--index is {index}; {name} {chosen} has frames 0 to {len(dataset) - 1} here"
        )
    _draw(choice, index, out)
    for note in dataset.notes():
        typer.echo(f"note: {note}", err=True)
    typer.echo(f"frame {index} of {len(dataset)} ({name} {chosen}) drawn to {out}")


@datasets.command("check-submission")
def check_submission_(
    name: Annotated[str, typer.Argument(help="ho3d_v2, ho3d_v3, freihand or h2o.")],
    file: Annotated[Path, typer.Argument(help="Submission, .json or .zip.", show_default=False)],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of h2o, whose list of actions tells every frame's name."),
    ] = None,
) -> None:
    """Tell whether a file is what a data set's evaluation server takes; exit code 1 if not."""
    from hand_object_recon.cli.submission_frames import SERVER_OF, expected_frames
    from hand_object_recon.core.errors import InvalidValueError
    from hand_object_recon.evaluation.benchmarking.submission_checks import check_submission
    from hand_object_recon.evaluation.benchmarking.submissions import Server

    if name not in SERVER_OF:
        known = ", ".join(SERVER_OF)
        raise InvalidValueError(f"data set {name!r} has no known server; known are {known}")
    findings = check_submission(Server(SERVER_OF[name].server), file, expected_frames(name, data))
    for finding in findings:
        typer.echo(f"    {'problem' if finding.is_problem else 'note'}: {finding.text}")
    is_right = not any(finding.is_problem for finding in findings)
    typer.echo(f"{file}: {'as the server takes it' if is_right else 'not as the server takes it'}")
    if not is_right:
        raise typer.Exit(NOT_USABLE)


def _draw(choice: DatasetChoice, index: int, out: Path) -> None:
    from hand_object_recon.datasets.picture import truth_picture
    from hand_object_recon.datasets.registry import open_dataset
    from hand_object_recon.visualization.images import save_image

    dataset = open_dataset(choice)
    models = [dataset.mano.model(side) for side in sorted(dataset.card.sides)]
    topologies = {model.topology.name: model.topology for model in models if model is not None}
    save_image(out, truth_picture(dataset[index], topologies))


def _card_lines(card: DatasetCard, *, layout: bool) -> Iterator[str]:
    yield f"{card.name}  {card.title}: {card.summary}"
    yield f"    holds:   {card.holds()}"
    yield f"    licence: {card.licence}"
    yield f"    page:    {card.page}"
    yield f"    paper:   {card.paper}"
    for name, split in card.splits.items():
        yield f"    split:   {name:<15} {split.about}{_size(split.frames, split.sequences)}"
    if layout:
        yield f"    format:  {card.format_source}"
        yield "    layout:"
        yield from (f"        {line}" for line in card.layout.splitlines())


def _size(frames: tuple[int, ...], sequences: int | None) -> str:
    parts = [f"{' or '.join(map(str, frames))} frames"] if frames else []
    parts += [f"{sequences} sequences"] if sequences else []
    return f" ({', '.join(parts)})" if parts else ""


def _report_lines(report: SplitReport) -> Iterator[str]:
    yield (
        f"{report.split}: {report.frames} frames in {report.sequences} sequences; of {report.read} "
        f"read, {report.with_hand} have a true hand, {report.with_mesh} its mesh, "
        f"{report.with_object} objects; {'usable' if report.is_usable else 'not usable as it is'}"
    )
    for finding in report.findings:
        yield f"    {'problem' if finding.is_problem else 'note'}: {finding.text}"
