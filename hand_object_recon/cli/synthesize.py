"""``synthesize``: hands and objects with all that is true of them, as shards or a recording."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hand_object_recon.cli.cores import available_cores

if TYPE_CHECKING:
    from hand_object_recon.synthesis.output.settings import SampleSettings

BANK_FILE = "grasps.npz"
SHARD_SIZE_PX = 256


class _Split(str, Enum):
    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class _Format(str, Enum):
    SHARDS = "shards"
    RECORDING = "recording"


class _Scene(str, Enum):
    ANY = "any"
    GRASP = "grasp"
    HAND_OVER = "hand_over"
    FREE = "free"
    TURNING = "turning"


class _Viewpoint(str, Enum):
    ANY = "any"
    EGOCENTRIC = "egocentric"
    THIRD_PERSON = "third_person"
    TRACKED = "tracked"


def synthesize(
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; begun by the same command, it goes on.")
    ] = None,
    split: Annotated[
        _Split, typer.Option(help="No two splits share an object or a grasp.")
    ] = _Split.TRAIN,
    frames: Annotated[
        int, typer.Option(min=1, help="How many frames; of each sequence with --sequences.")
    ] = 1000,
    sequences: Annotated[
        int | None,
        typer.Option(min=1, help="So many recordings, each of one take, in folders of their own."),
    ] = None,
    format_: Annotated[
        _Format,
        typer.Option("--format", help="webdataset tar files of single frames, or a rosbag2."),
    ] = _Format.SHARDS,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    hands: Annotated[
        int | None, typer.Option(min=1, max=2, help="Only takes with so many hands.")
    ] = None,
    scene: Annotated[_Scene, typer.Option(help="Only takes of this kind.")] = _Scene.ANY,
    size: Annotated[
        int | None,
        typer.Option(help="Side of square pictures; 256 for shards, whole ones for recordings."),
    ] = None,
    viewpoint: Annotated[_Viewpoint, typer.Option(help="Whose eyes.")] = _Viewpoint.ANY,
    camera: Annotated[
        str | None,
        typer.Option(help="Such as realsense_d435; drawn, like its intrinsics, if left out."),
    ] = None,
    objects: Annotated[
        Path | None, typer.Option(help="Folder with meshes of your own objects.")
    ] = None,
    object_scale: Annotated[
        float, typer.Option(help="Makes metres of the meshes' lengths; 0.001 for millimetres.")
    ] = 1.0,
    background_images: Annotated[
        Path | None, typer.Option(help="Folder of images that cover walls and tables.")
    ] = None,
    tracks: Annotated[
        Path | None, typer.Option(help="npz of tracked motions to replay instead of drawn takes.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes; as many as cores if left out.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Also, or only, draw 36 frames on this .jpg or .png.")
    ] = None,
) -> None:
    """Make frames of hands and the objects they hold, with everything true of them."""
    from hand_object_recon.core.errors import InvalidValueError
    from hand_object_recon.synthesis.cameras import named_camera
    from hand_object_recon.synthesis.filming.film_set import Viewpoint
    from hand_object_recon.synthesis.output.settings import (
        ObjectFolder,
        SampleSettings,
        SceneChoice,
    )

    if out is None and sheet is None:
        raise InvalidValueError("nothing to write: give --out FOLDER, --sheet FILE, or both")
    if objects is not None and out is None:
        raise InvalidValueError("grasps of --objects are kept in the output folder; give --out")
    is_whole_picture = size is None and format_ is _Format.RECORDING and sheet is None
    settings = SampleSettings(
        split=split.value,
        seed=seed,
        scene=SceneChoice(scene.value),
        hands=hands,
        image_size_px=None if is_whole_picture else size or SHARD_SIZE_PX,
        viewpoint=Viewpoint(viewpoint.value),
        camera=None if camera is None else named_camera(camera),
        objects=None
        if objects is None or out is None
        else ObjectFolder(objects, out / BANK_FILE, object_scale),
        background_images=background_images,
        tracks=tracks,
    )
    if out is not None and sequences is not None:
        _make_grasps(settings)
        count = available_cores() if workers is None else workers
        make_sequences(out, settings, sequences, frames, count)
        typer.echo(f"{sequences} sequences in {out}")
    elif out is not None:
        _write(out, settings, frames, format_, workers)
    if sheet is not None:
        _draw_sheet(sheet, settings)


def _write(
    out: Path, settings: SampleSettings, frames: int, format_: _Format, workers: int | None
) -> None:
    from hand_object_recon.synthesis.output.metadata import begin_output, metadata
    from hand_object_recon.synthesis.output.recording import write_recording
    from hand_object_recon.synthesis.output.shards import write_shards

    begin_output(out, metadata(settings, frames, format_.value))
    _make_grasps(settings)
    count = available_cores() if workers is None else workers
    with _progress() as progress:
        task = progress.add_task("Rendering", total=frames)
        write = write_shards if format_ is _Format.SHARDS else write_recording
        write(
            out,
            settings,
            frames,
            0 if count == 1 else count,
            lambda done: progress.update(task, completed=done),
        )
    typer.echo(f"{frames} frames in {out}")


def make_sequences(
    out: Path, settings: SampleSettings, sequences: int, frames: int, workers: int
) -> None:
    """Write recordings of single takes with a progress bar; 1 worker is this process."""
    from hand_object_recon.synthesis.output.sequences import write_sequences

    with _progress() as progress:
        task = progress.add_task("Rendering", total=sequences * frames)
        write_sequences(
            out,
            settings,
            sequences,
            frames,
            0 if workers == 1 else workers,
            lambda done: progress.update(task, completed=done),
        )


def _make_grasps(settings: SampleSettings) -> None:
    from hand_object_recon.synthesis.output.own_objects import make_grasps_of

    if settings.objects is None:
        return
    with _progress() as progress:
        task = progress.add_task("Grasping your objects", total=None)
        make_grasps_of(
            settings.objects, settings.seed, lambda done: progress.update(task, completed=done)
        )


def _draw_sheet(sheet: Path, settings: SampleSettings) -> None:
    from hand_object_recon.synthesis.output.frame_sheet import write_frame_sheet

    write_frame_sheet(sheet, settings)
    typer.echo(f"Frames drawn to {sheet}")


def _progress() -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    return Progress("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
