"""``hand-object-recon hand-model sheet``: what a hand model looks like, on two pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hand_object_recon.core.hands import HandSide

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hand_object_recon.hand_model.model import HandModel
    from hand_object_recon.visualization.mesh_sheet import SheetCell

_POSES: Final = (
    ("rest", "flat"),
    ("relaxed", "relaxed"),
    ("spread", "spread"),
    ("fist", "fist"),
    ("pinch", "pinch"),
    ("point", "point"),
    ("thumb opposition", "opposition"),
    ("hook", "hook"),
    ("cylinder", "cylinder"),
)
_FROM_BEHIND: Final = (
    ("rest, from behind", "flat"),
    ("fist, from behind", "fist"),
    ("thumb opposition, from behind", "opposition"),
)
_POSE_COLUMNS: Final = 3
_MODE_COLUMNS: Final = 5
_MODE_SIGMAS: Final = (-2.0, 2.0)
_FRONT: Final = ("palm", "thumb side")
_BEHIND: Final = ("back", "little finger side")
_WIDTH_PX: Final = 1410


def sheet(
    name: Annotated[str, typer.Argument(help="Name of the model.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder to write to.", show_default=False)],
    side: Annotated[HandSide, typer.Option(help="Side to show.")] = HandSide.RIGHT,
) -> None:
    """Draw a model's poses and shapes: NAME_poses.png and NAME_shape.png."""
    from hand_object_recon.hand_model.model import load_hand_model
    from hand_object_recon.visualization.images import save_image
    from hand_object_recon.visualization.mesh_sheet import mesh_sheet
    from hand_object_recon.visualization.palette import SKIN_COLOR

    model = load_hand_model(name, side)
    for content, cells, columns in (
        ("poses", _pose_cells(model), _POSE_COLUMNS),
        ("shape", _shape_cells(model, _mode_names(name)), _MODE_COLUMNS),
    ):
        picture = mesh_sheet(cells, model.faces, SKIN_COLOR, columns=columns, width_px=_WIDTH_PX)
        path = out / f"{name}_{content}.png"
        save_image(path, picture, png_compression=9)
        typer.echo(f"drawn to {path}")


def _mode_names(name: str) -> tuple[str, ...]:
    from hand_object_recon.hand_model.conventions import SHAPE_COUNT
    from hand_object_recon.hand_model.open_hand.shape_space import MODE_NAMES
    from hand_object_recon.hand_model.store import built_in_names

    if name in built_in_names():
        return tuple(mode.replace("_", " ") for mode in MODE_NAMES)
    return tuple(f"mode {number}" for number in range(1, SHAPE_COUNT + 1))


def _pose_cells(model: HandModel) -> list[SheetCell]:
    import numpy as np

    no_shape = np.zeros(10)
    sides = [(_POSES, _FRONT), (_FROM_BEHIND, _BEHIND)]
    return [
        _cell(model, label, _vertices(model, pose, no_shape), seen_from)
        for poses, seen_from in sides
        for label, pose in poses
    ]


def _shape_cells(model: HandModel, mode_names: Sequence[str]) -> list[SheetCell]:
    """Under each mode's hand at the lower end the one at the upper end."""
    import numpy as np

    mean = _vertices(model, "flat", np.zeros(10))
    modes = list(enumerate(mode_names))
    return [
        _cell(
            model,
            f"{name} {sigma:+.0f} sigma",
            _vertices(model, "flat", sigma * np.eye(10)[mode]),
            _FRONT,
            mean,
        )
        for first in range(0, len(modes), _MODE_COLUMNS)
        for sigma in _MODE_SIGMAS
        for mode, name in modes[first : first + _MODE_COLUMNS]
    ]


def _vertices(model: HandModel, pose: str, shape: NDArray[np.floating]) -> NDArray[np.floating]:
    import numpy as np

    from hand_object_recon.hand_model.forward import pose_hand
    from hand_object_recon.hand_model.open_hand.pose_space import named_pose_rad

    joints = np.einsum("ja,jac->jc", named_pose_rad(pose), model.joint_axes)
    pose_rad = np.concatenate([np.zeros(3), joints.ravel()])
    return pose_hand(model, pose_rad, shape, np.zeros(3)).vertices_m


def _cell(
    model: HandModel,
    label: str,
    vertices_m: NDArray[np.floating],
    seen_from: Sequence[str],
    outlined_m: NDArray[np.floating] | None = None,
) -> SheetCell:
    from hand_object_recon.visualization.hand_views import hand_view_rotation
    from hand_object_recon.visualization.mesh_sheet import SheetCell, SheetView

    views = []
    for direction in seen_from:
        to_camera = hand_view_rotation(model.side, direction).T
        outline = None if outlined_m is None else outlined_m @ to_camera
        views.append(SheetView(vertices_m @ to_camera, outline))
    return SheetCell(label, tuple(views))
