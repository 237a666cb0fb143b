"""``export-mesh``: the meshes of a result recording as glb, ply, obj or usda files."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class HandChoice(str, Enum):
    """Hands to export."""

    LEFT = "left"
    RIGHT = "right"
    ALL = "all"


def export_mesh(
    recording: Annotated[
        Path,
        typer.Argument(help="Result recording: OUT/reconstruction of replay.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the files.", show_default=False)],
    mesh_format: Annotated[str, typer.Option("--format", help="glb, ply, obj or usda.")] = "glb",
    every: Annotated[int, typer.Option(min=1, help="Write one frame of so many.")] = 1,
    start: Annotated[
        float, typer.Option(min=0.0, help="Seconds after the first frame to begin at.")
    ] = 0.0,
    duration: Annotated[
        float | None, typer.Option(min=0.0, help="Seconds to export; all without it.")
    ] = None,
    hand: Annotated[HandChoice, typer.Option(help="Hands to write.")] = HandChoice.ALL,
) -> None:
    """Write the hands and objects of each frame to OUT/frame_<number>_<stamp in ns>.glb.

    In metres, in the camera optical frame (x right, y down, z forward), with vertex normals and
    colours; what no camera saw of an object is violet.
    """
    from hand_object_recon.core.hands import HandSide
    from hand_object_recon.evaluation.mesh_export import MeshSelection, export_meshes

    sides = tuple(HandSide) if hand is HandChoice.ALL else (HandSide(hand.value),)
    selection = MeshSelection(every, start, duration, sides)
    export = export_meshes(recording, out, mesh_format, selection)
    typer.echo(
        f"Written to {out}, files: {export.files}, frames without a mesh: {export.empty_frames}"
    )
