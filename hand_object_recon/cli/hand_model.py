"""``hand-object-recon hand-model``: the hand models there are, importing and measuring them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hand_object_recon.cli.hand_model_benchmark import benchmark
from hand_object_recon.cli.hand_model_sheet import sheet
from hand_object_recon.core.hands import HandSide

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hand_object_recon.hand_model.model import HandModel
    from hand_object_recon.hand_model.model_record import ModelRecord

hand_model = typer.Typer(
    name="hand-model", no_args_is_help=True, help="List, show, import and measure hand models."
)
hand_model.command()(benchmark)
hand_model.command()(sheet)

_PICTURED_POSES = ("spread", "fist", "point", "pinch")
_MANO_CONVENTIONS = ("flat_hand_mean", "pca_components", "left_shapedirs", "tips")


@hand_model.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(help="MANO_RIGHT.pkl, an npz of its arrays, or a rigged .glb."),
    ],
    name: Annotated[str, typer.Option(help="Name to load it by.")] = "mano",
    side: Annotated[
        HandSide | None, typer.Option(help="Side, where the file does not tell it.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Licence to record; MANO's for MANO files.")
    ] = None,
    flat_hand_mean: Annotated[
        bool, typer.Option("--flat-hand-mean", help="The mean pose is the flat hand.")
    ] = False,
    pca_components: Annotated[
        int, typer.Option(min=1, max=45, help="Pose components that have an effect.")
    ] = 45,
    left_shapedirs: Annotated[
        str, typer.Option(help="Left MANO's shape: as_published or corrected.")
    ] = "as_published",
    tips: Annotated[
        str, typer.Option(help="MANO's tip vertices: manopth (own), smplx, freihand, ho3d, h2onet.")
    ] = "own",
    force: Annotated[bool, typer.Option("--force", help="Replace a model of that name.")] = False,
) -> None:
    """Check a hand model and keep it in the user's store, to be loaded by name."""
    from hand_object_recon.hand_model.importing.import_hand_model import (
        ImportOptions,
        import_hand_model,
    )
    from hand_object_recon.hand_model.model_conventions import ModelConventions

    conventions = ModelConventions(flat_hand_mean, pca_components, left_shapedirs, tips)
    options = ImportOptions(name, side, licence, conventions, replace_existing=force)
    imported = import_hand_model(file, options)
    typer.echo(f"imported {imported.model.topology.name} to {imported.path}")
    for note in imported.record.notes:
        typer.echo(f"note: {note}")


@hand_model.command("list")
def list_() -> None:
    """List the models that ship with the program and those that were imported."""
    from hand_object_recon.hand_model.model import load_hand_model
    from hand_object_recon.hand_model.store import (
        built_in_names,
        imported_names,
        store_folder,
        stored_file,
    )

    for name in (*built_in_names(), *imported_names()):
        own = [side for side in HandSide if stored_file(name, side).is_file()]
        model = load_hand_model(name, own[0] if own else HandSide.RIGHT)
        kept = f"imported: {', '.join(own)}" if own else "built in"
        typer.echo(
            f"{name}  {len(model.v_template)} vertices, {len(model.faces)} faces  ({kept})\n"
            f"    licence: {model.licence}"
        )
    typer.echo(f"store: {store_folder()}")


@hand_model.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of the model.", show_default=False)],
    side: Annotated[HandSide, typer.Option(help="Side to show.")] = HandSide.RIGHT,
    out: Annotated[Path | None, typer.Option(help="Picture to draw (.png).")] = None,
) -> None:
    """Print what a model is, in what conventions it is taken, and draw it."""
    from hand_object_recon.hand_model.model import load_hand_model, read_hand_model, read_record
    from hand_object_recon.hand_model.store import model_file

    model, path = load_hand_model(name, side), model_file(name, side)
    is_mirrored = read_hand_model(path, name).side is not side
    for line in _description(model, path, is_mirrored):
        typer.echo(line)
    for line in _conventions(read_record(path)):
        typer.echo(line)
    if out is not None:
        _draw(model, out)
        typer.echo(f"drawn to {out}")


def _description(model: HandModel, path: Path, is_mirrored: bool) -> Iterator[str]:
    import numpy as np

    from hand_object_recon.core.keypoints import FINGER_NAMES
    from hand_object_recon.hand_model.forward import pose_hand

    joints_mm = 1000.0 * pose_hand(model, np.zeros(48), np.zeros(10), np.zeros(3)).joints_m
    mirrored = ", the mirror image of the other side" if is_mirrored else ""
    yield f"{model.name}, {model.side} hand{mirrored}"
    yield f"file:          {path}"
    yield f"licence:       {model.licence}"
    yield (
        f"mesh:          {len(model.v_template)} vertices, {len(model.faces)} faces, "
        f"{len(model.weights[0])} joints"
    )
    length_mm = np.linalg.norm(joints_mm[12] - joints_mm[0])
    yield f"hand length:   {length_mm:.0f} mm, wrist to middle tip"
    yield "bones in mm:   from the wrist to the tip"
    for number, finger in enumerate(FINGER_NAMES):
        chain = joints_mm[[0, *range(1 + 4 * number, 5 + 4 * number)]]
        lengths = np.linalg.norm(np.diff(chain, axis=0), axis=1)
        yield f"    {finger:<8}" + "".join(f"{length:7.1f}" for length in lengths)
    yield f"tip vertices:  {', '.join(str(tip) for tip in model.tip_vertices)}, thumb first"
    yield "keypoints:     openpose21; the pose vector has the joints of mano16"


def _conventions(record: ModelRecord) -> Iterator[str]:
    from hand_object_recon.hand_model.model_conventions import CONVENTION_CARDS, TIP_VERTICES

    yield f"kind:          {record.kind} (from {record.origin})"
    for note in record.notes:
        yield f"note:          {note}"
    yield "conventions:"
    cards = {card.name: card for card in CONVENTION_CARDS}
    for name in _MANO_CONVENTIONS if record.kind == "mano" else _MANO_CONVENTIONS[:2]:
        value = getattr(record.conventions, name)
        yield f"  {name} = {value}"
        card = TIP_VERTICES[value].card if value in TIP_VERTICES else cards[name]
        yield f"    {card.meaning}"
        yield f"    used by: {card.users}"
        yield f"    mind: {card.trap}"


def _draw(model: HandModel, out: Path) -> None:
    import numpy as np

    from hand_object_recon.hand_model.forward import pose_hand
    from hand_object_recon.hand_model.open_hand.pose_space import named_pose_rad
    from hand_object_recon.visualization.hand_views import hand_view_rotation
    from hand_object_recon.visualization.images import contact_sheet, save_image
    from hand_object_recon.visualization.mesh_views import mesh_view
    from hand_object_recon.visualization.palette import SIDE_COLORS

    poses = {"mean pose": np.concatenate([np.zeros(3), model.hands_mean])}
    for name in _PICTURED_POSES:
        vectors = np.einsum("ja,jac->jc", named_pose_rad(name), model.joint_axes)
        poses[name] = np.concatenate([np.zeros(3), vectors.ravel()])
    span = 1.1 * float(np.ptp(model.v_template, axis=0).max())

    def view(pose: NDArray[np.floating], seen_from: str, label: str) -> NDArray[np.uint8]:
        vertices = pose_hand(model, pose, np.zeros(10), np.zeros(3)).vertices_m
        to_camera = hand_view_rotation(model.side, seen_from)
        return mesh_view(
            vertices, model.faces, to_camera, SIDE_COLORS[model.side], span_m=span, label=label
        )

    rest = np.zeros(48)
    tiles = [view(rest, seen, f"rest, {seen}") for seen in ("palm", "back", "thumb side")]
    tiles += [view(pose, "palm", label) for label, pose in poses.items()]
    save_image(out, contact_sheet(tiles, columns=4))
