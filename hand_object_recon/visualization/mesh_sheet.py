"""Many shapes of one mesh on one sheet, labelled and all in one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.visualization.images import contact_sheet
from hand_object_recon.visualization.mesh_views import ViewFrame, framed_view, write_label
from hand_object_recon.visualization.palette import PAGE_COLOR, Rgb

_MARGIN_M: Final = 0.009
_LABEL_HEIGHT_PX: Final = 40
_LABEL_PLACE_PX: Final = (12, 18)
_LABEL_SCALE: Final = 0.5

FloatArray = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class SheetView:
    """A shape (V, 3) in metres, x right, y down, z away from the viewer, and maybe another of
    which the outline is drawn over it."""

    turned_m: FloatArray
    outlined_m: FloatArray | None = None

    @property
    def box_m(self) -> FloatArray:
        """(2, 2) least and greatest x and y of all that is drawn."""
        both = self.turned_m if self.outlined_m is None else [*self.turned_m, *self.outlined_m]
        points = np.asarray(both)[:, :2]
        return np.stack([points.min(axis=0), points.max(axis=0)])


@dataclass(frozen=True)
class SheetCell:
    """Views side by side over one label."""

    label: str
    views: tuple[SheetView, ...]


def mesh_sheet(
    cells: Sequence[SheetCell],
    faces: NDArray[np.int32],
    color: Rgb,
    *,
    columns: int,
    width_px: int,
) -> Image:
    """(H, width, 3) uint8 RGB sheet of cells with equally many views, in reading order.

    The scale is the greatest at which every view fits. Origins lie on one line in each row, and
    a view is centred between its left and right ends. ``width_px`` is rounded down to a multiple
    of the columns.
    """
    frames = _frames(cells, width_px // columns)
    return contact_sheet([_draw(cell, faces, color, frames) for cell in cells], columns)


def _frames(cells: Sequence[SheetCell], cell_width_px: int) -> list[ViewFrame]:
    """A frame for each place in a cell, its middle between left and right still to be set."""
    boxes = np.array([[view.box_m for view in cell.views] for cell in cells])
    widths = np.ptp(boxes[..., 0], axis=2).max(axis=0) + 2 * _MARGIN_M
    top, bottom = boxes[..., 0, 1].min() - _MARGIN_M, boxes[..., 1, 1].max() + _MARGIN_M
    scale = cell_width_px / float(widths.sum())
    ends = np.round(np.cumsum([0.0, *widths]) * scale).astype(int)
    height = round(float(bottom - top) * scale)
    middle = (0.0, float(top + bottom) / 2)
    return [ViewFrame(width, height, scale, middle) for width in np.diff(ends).tolist()]


def _draw(
    cell: SheetCell, faces: NDArray[np.int32], color: Rgb, frames: Sequence[ViewFrame]
) -> Image:
    pictures = []
    for view, place in zip(cell.views, frames, strict=True):
        middle = (float(view.box_m[:, 0].mean()), place.middle_m[1])
        frame = ViewFrame(place.width_px, place.height_px, place.pixels_per_m, middle)
        pictures.append(framed_view(view.turned_m, faces, color, frame, view.outlined_m))
    row = np.hstack(pictures)
    strip = np.full((_LABEL_HEIGHT_PX, row.shape[1], 3), PAGE_COLOR, dtype=np.uint8)
    write_label(strip, cell.label, _LABEL_PLACE_PX, _LABEL_SCALE)
    return np.vstack([row, strip])
