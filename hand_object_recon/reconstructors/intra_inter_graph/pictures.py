"""Pictures of predictions beside what is true."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.core.keypoints import BONES
from hand_object_recon.networks.trainable import Batch
from hand_object_recon.reconstructors.intra_inter_graph.prediction import Prediction
from hand_object_recon.reconstructors.intra_inter_graph.projection import (
    points_to_uv,
    uv_to_slopes,
    wrists_on_rays,
)

Image = NDArray[np.uint8]
Color = tuple[int, int, int]

_TRUE: Final = (255, 255, 255)
_FOUND: Final = (0, 255, 0)
_MESH: Final = (0, 128, 255)


def drawn_predictions(batch: Batch, found: Prediction) -> Image:
    """(2 S, B S, 3) crops: above with the true bones (white), below with those found in the crop
    (green) over the mesh's vertices (blue), laid on them."""
    crops = batch["image"].permute(0, 2, 3, 1).cpu().numpy()
    above = [
        _with_bones(crop, uv, _TRUE)
        for crop, uv in zip(crops, _numbers(batch["joints_uv"]), strict=True)
    ]
    mesh_uv = _numbers(_mesh_in_crop(batch, found))
    below = [
        _with_bones(_with_dots(crop, vertices, _MESH), joints, _FOUND)
        for crop, vertices, joints in zip(crops, mesh_uv, _numbers(found.joints_uv), strict=True)
    ]
    return np.concatenate([np.concatenate(row, axis=1) for row in (above, below)])


def _mesh_in_crop(batch: Batch, found: Prediction) -> Tensor:
    size, half_slopes = batch["image"].shape[-1], batch["half_slope"]
    hands = found.hands
    slopes = uv_to_slopes(found.joints_uv, half_slopes, size)
    wrists_m = wrists_on_rays(hands.joints_m, slopes, found.confidence)
    return points_to_uv(hands.vertices_m + wrists_m[:, None], half_slopes, size)


def _with_bones(crop: Image, uv: NDArray[Any], color: Color) -> Image:
    drawn = np.ascontiguousarray(crop)
    pixels = _pixels(uv, len(crop))
    for parent, child in BONES:
        cv2.line(drawn, pixels[parent], pixels[child], color, 1)
    return drawn


def _with_dots(crop: Image, uv: NDArray[Any], color: Color) -> Image:
    drawn = crop.copy()
    columns, rows = np.array(_pixels(uv, len(crop))).T
    inside = (columns >= 0) & (rows >= 0) & (columns < len(crop)) & (rows < len(crop))
    drawn[rows[inside], columns[inside]] = color
    return drawn


def _pixels(uv: NDArray[Any], size: int) -> list[tuple[int, int]]:
    """Places a little beyond the border stand for all that lie beyond it."""
    places = np.rint(np.clip(uv * size - 0.5, -size, 2 * size)).astype(int)
    return [(x, y) for x, y in places.tolist()]


def _numbers(values: Tensor) -> NDArray[Any]:
    return np.asarray(values.detach().cpu().numpy())
