"""How much of a body is hidden: what it would cover alone, and which of its points are seen."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.geometry.projection import project
from hand_object_recon.synthesis.rendering.drawing import mask_alone
from hand_object_recon.synthesis.rendering.renderer import RenderedFrame
from hand_object_recon.synthesis.rendering.scene import Scene

FloatArray = NDArray[np.floating[Any]]

_SURFACE_TOLERANCE_M: Final = 0.004


class Pixels(NamedTuple):
    """Rows and columns (N,) of points, at the rim for those outside, and which are inside."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    is_inside: NDArray[np.bool_]


def pixels_of(points_m: FloatArray, camera: CameraIntrinsics) -> Pixels:
    """Where in the picture (N, 3) points are."""
    places = np.nan_to_num(project(points_m, camera), nan=-1.0)
    columns, rows = np.rint(places.clip(-1.0, 1e6)).astype(np.intp).T
    is_inside = (columns >= 0) & (columns < camera.width)
    is_inside &= (rows >= 0) & (rows < camera.height)
    return Pixels(rows.clip(0, camera.height - 1), columns.clip(0, camera.width - 1), is_inside)


def amodal_mask(scene: Scene, body: int) -> NDArray[np.bool_]:
    """(H, W) pixels that body number ``body`` would cover if the scene held nothing else."""
    alone = scene.bodies[body]
    return mask_alone(alone.vertices_m, alone.faces, scene.camera)


def visible_share(scene: Scene, frame: RenderedFrame, body: int) -> float:
    """Pixels in which a body is seen, divided by those it would cover alone; 0 if it is out of
    the picture. H2ONet calls a hand occluded when this is below 0.4."""
    alone = int(amodal_mask(scene, body).sum())
    return int((frame.body == body).sum()) / alone if alone else 0.0


def visible_vertices(scene: Scene, frame: RenderedFrame, body: int) -> NDArray[np.bool_]:
    """(V,) vertices of a body at most 4 mm behind its surface as it is seen at their pixels.

    H2ONet calls a finger occluded when fewer than 30 of its vertices are seen.
    """
    vertices_m = scene.bodies[body].vertices_m
    return is_seen_at(vertices_m, scene.camera, frame, body, _SURFACE_TOLERANCE_M)


def is_seen_at(
    points_m: FloatArray,
    camera: CameraIntrinsics,
    frame: RenderedFrame,
    body: int,
    behind_m: float,
) -> NDArray[np.bool_]:
    """(N,) points whose pixel shows a body, and which are at most ``behind_m`` behind it."""
    rows, columns, is_inside = pixels_of(points_m, camera)
    is_body = frame.body[rows, columns] == body
    is_near = points_m[:, 2] <= frame.clean_depth_m[rows, columns] + behind_m
    return np.asarray(is_inside & is_body & is_near)
