"""Hands holding objects, drawn from two sides on one sheet, to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.synthesis.grasping.grasp import Grasp
from hand_object_recon.synthesis.grasping.hand_meshes import hand_mesh
from hand_object_recon.synthesis.objects.object_shape import ObjectShape
from hand_object_recon.visualization.hand_views import hand_view_rotation
from hand_object_recon.visualization.images import contact_sheet
from hand_object_recon.visualization.mesh_raster import rasterize, shade
from hand_object_recon.visualization.mesh_views import write_label
from hand_object_recon.visualization.palette import (
    OBJECT_COLOR,
    PAGE_COLOR,
    SIDE_COLORS,
    SKIN_COLOR,
    Rgb,
)

_SIZE_PX: Final = 300
_SAMPLES: Final = 2
_FILL: Final = 0.92
_EDGE_DEPTH_M: Final = 0.004
_VIEWS: Final = (("thumb side", -0.45), ("palm", 0.5))
_COLUMNS: Final = 4

FloatArray = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]


def grasp_sheet(pairs: Sequence[tuple[ObjectShape, Grasp]], columns: int = _COLUMNS) -> Image:
    """(H, W, 3) uint8 RGB: each grasp from the thumb's side and from the palm's."""
    return contact_sheet([_cell(shape, grasp) for shape, grasp in pairs], columns)


def _cell(shape: ObjectShape, grasp: Grasp) -> Image:
    hand, faces = hand_mesh(grasp.hand)
    views = []
    for seen_from, tilt in _VIEWS:
        upright = hand_view_rotation(grasp.hand.side, seen_from)
        tilted = axis_angle_to_matrix(np.array([0.0, tilt, 0.0])) @ upright
        to_camera = tilted @ grasp.hand.wrist_pose[:3, :3].T
        meshes = [
            (shape.vertices_m @ to_camera.T, shape.faces, OBJECT_COLOR),
            (hand @ to_camera.T, faces, SKIN_COLOR),
        ]
        views.append(_picture(meshes))
    picture = np.hstack(views)
    label = f"{grasp.grasp_type} {grasp.hand.side} {grasp.object_name}"
    write_label(picture, label, (8, _SIZE_PX - 8), 0.45)
    picture[:, -1] = picture[-1] = SIDE_COLORS[grasp.hand.side]
    return picture


def _picture(meshes: Sequence[tuple[FloatArray, NDArray[np.int32], Rgb]]) -> Image:
    """Meshes (x right, y down, z away) in one picture, the nearer before the farther."""
    points = np.concatenate([vertices for vertices, _, _ in meshes])
    low, high = points.min(axis=0), points.max(axis=0)
    side = _SAMPLES * _SIZE_PX
    scale = _FILL * side / float((high - low)[:2].max())
    middle = np.array([*(low + high)[:2] / 2, 0.0])
    picture = np.full((side, side, 3), PAGE_COLOR, dtype=np.uint8)
    nearest = np.full((side, side), np.inf, dtype=np.float32)
    for vertices, faces, color in meshes:
        points_px = (vertices - middle) * scale + np.array([side / 2, side / 2, 0.0])
        raster = rasterize(points_px, faces, (side, side))
        is_nearer = raster.depth < nearest
        shaded = shade(raster, color, PAGE_COLOR, _EDGE_DEPTH_M * scale)
        picture[is_nearer] = shaded[is_nearer]
        nearest[is_nearer] = raster.depth[is_nearer]
    small: Image = cv2.resize(picture, (_SIZE_PX, _SIZE_PX), interpolation=cv2.INTER_AREA).astype(
        np.uint8
    )
    return small
