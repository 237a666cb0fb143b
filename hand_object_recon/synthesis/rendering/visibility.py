"""How much of a body is hidden: what it would cover alone, and which vertices are seen."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.projection import project
from hand_object_recon.synthesis.rendering.drawing import mask_alone
from hand_object_recon.synthesis.rendering.renderer import RenderedFrame
from hand_object_recon.synthesis.rendering.scene import Scene

_TOLERANCE_M: Final = 0.004


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
    """(V,) vertices of a body in front of which nothing lies.

    A vertex is seen if it is in the picture and at most 4 mm behind the surface its pixel shows.
    H2ONet calls a finger occluded when fewer than 30 of its vertices are seen.
    """
    vertices_m = scene.bodies[body].vertices_m
    height, width = frame.clean_depth_m.shape
    pixels = np.nan_to_num(project(vertices_m, scene.camera), nan=-1e6)
    columns, rows = np.rint(np.clip(pixels, -2, 1e6)).astype(np.intp).T
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    seen = np.zeros(len(vertices_m), dtype=np.bool_)
    surface_m = frame.clean_depth_m[rows[inside], columns[inside]]
    seen[inside] = vertices_m[inside, 2] <= surface_m + _TOLERANCE_M
    return seen
