"""A mesh seen from a given side on a plain background, to look at without a viewer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.visualization.mesh_raster import rasterize, shade, silhouette
from hand_object_recon.visualization.palette import (
    PAGE_COLOR,
    REFERENCE_COLOR,
    TEXT_BACKING_COLOR,
    Rgb,
)

_FILL: Final = 0.88
_SAMPLES: Final = 3
_OUTLINE_SAMPLES: Final = 3
_EDGE_DEPTH_M: Final = 0.004
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX

FloatArray = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class ViewFrame:
    """Size of a picture, its scale, and what point (2,) in metres, x right and y down, lies in
    its middle; the view is parallel, so that equal lengths look equal."""

    width_px: int
    height_px: int
    pixels_per_m: float
    middle_m: tuple[float, float]


def mesh_view(
    vertices_m: FloatArray,
    faces: NDArray[np.int32],
    to_camera: FloatArray,
    color: Rgb,
    *,
    span_m: float,
    size_px: int = 360,
    label: str = "",
) -> Image:
    """(size, size, 3) uint8 RGB picture of a mesh, its bounding box in the middle.

    vertices_m, faces
        (V, 3) metres and (F, 3) counter-clockwise seen from outside.
    to_camera
        (3, 3) rotation to x right, y down, z away from the viewer.
    span_m
        Length that fills the picture; the same for pictures that are to be compared.
    """
    turned = vertices_m @ np.asarray(to_camera).T
    x, y = ((turned.min(axis=0) + turned.max(axis=0)) / 2)[:2].tolist()
    frame = ViewFrame(size_px, size_px, _FILL * size_px / span_m, (x, y))
    image = framed_view(turned, faces, color, frame)
    write_label(image, label, (10, size_px - 12), size_px / 720)
    return image


def framed_view(
    turned_m: FloatArray,
    faces: NDArray[np.int32],
    color: Rgb,
    frame: ViewFrame,
    outlined_m: FloatArray | None = None,
) -> Image:
    """(height, width, 3) uint8 RGB picture of what lies in a frame.

    turned_m
        (V, 3) metres: x right, y down, z away from the viewer.
    outlined_m
        (V, 3) another shape of the same mesh, of which the outline is drawn over the picture.
    """
    shape = (_SAMPLES * frame.height_px, _SAMPLES * frame.width_px)
    edge_depth_px = _EDGE_DEPTH_M * _SAMPLES * frame.pixels_per_m
    raster = rasterize(_sample_points(turned_m, frame), faces, shape)
    picture = shade(raster, color, PAGE_COLOR, edge_depth_px)
    if outlined_m is not None:
        line = silhouette(_sample_points(outlined_m, frame), faces, shape, _OUTLINE_SAMPLES)
        picture[line] = REFERENCE_COLOR
    size = (frame.width_px, frame.height_px)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return small.astype(np.uint8, copy=False)


def write_label(image: Image, text: str, place_px: tuple[int, int], scale: float) -> None:
    """Write in place; ``place_px`` is the lower left end of the text."""
    cv2.putText(image, text, place_px, _FONT, scale, TEXT_BACKING_COLOR, 1, cv2.LINE_AA)


def _sample_points(turned_m: FloatArray, frame: ViewFrame) -> FloatArray:
    """(V, 3) places in the picture before it is made smaller, in its pixels."""
    size = _SAMPLES * np.array([frame.width_px, frame.height_px, 0.0])
    scale = _SAMPLES * frame.pixels_per_m
    middle = np.array([*frame.middle_m, 0.0])
    return np.asarray((turned_m - middle) * scale + (size - 1) / 2)
