"""Views of bodies at known poses, drawn by the package's own rasterizer and depth sensor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import trimesh

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.object_model.object_view import ObjectView, ViewLabel, object_view
from hand_object_recon.synthesis.depth_sensor import StereoDepthSensor
from hand_object_recon.synthesis.rendering.rasterizer import rasterize

CAMERA = CameraIntrinsics(width=240, height=240, fx=612.0, fy=612.0, cx=119.5, cy=119.5)
WALL_M = 0.9

PosedView = Callable[..., ObjectView]


@pytest.fixture(scope="session")
def view_of() -> PosedView:
    """``view_of(mesh, pose, seed=0, texture=None)``: a noisy view of a trimesh mesh at a pose
    (4, 4), camera from mesh, before a wall; ``texture`` gives grey levels of its own points."""
    return _view_of


def _view_of(
    mesh: trimesh.Trimesh,
    pose: np.ndarray,
    seed: int = 0,
    texture: Callable[[np.ndarray], np.ndarray] | None = None,
) -> ObjectView:
    random = np.random.default_rng(seed)
    shape = (CAMERA.height, CAMERA.width)
    places = mesh.vertices @ pose[:3, :3].T + pose[:3, 3]
    pixels = places[:, :2] / places[:, 2:] * CAMERA.fx + (CAMERA.cx, CAMERA.cy)
    seen = rasterize(np.c_[pixels, 1.0 / places[:, 2]], mesh.faces.astype(np.int32), shape)
    z = 1.0 / seen.nearness
    points = np.c_[(seen.columns - CAMERA.cx) / CAMERA.fx, (seen.rows - CAMERA.cy) / CAMERA.fy, z]
    points[:, :2] *= z[:, None]
    normals = mesh.face_normals[seen.faces] @ pose[:3, :3].T
    depth = np.full(shape, WALL_M, dtype=np.float32)
    facing = np.ones(shape, dtype=np.float32)
    label = np.full(shape, ViewLabel.FREE, dtype=np.uint8)
    rgb = np.full((*shape, 3), 90, dtype=np.uint8)
    depth.ravel()[seen.pixels], label.ravel()[seen.pixels] = z, ViewLabel.OBJECT
    cosines = np.abs(np.einsum("nc,nc->n", normals, points)) / np.linalg.norm(points, axis=1)
    facing.ravel()[seen.pixels] = cosines
    if texture is not None:
        grey = texture((points - pose[:3, 3]) @ pose[:3, :3])
        rgb.reshape(-1, 3)[seen.pixels] = (grey + random.normal(0.0, 3.0, len(grey)))[:, None]
    measured = StereoDepthSensor().measure(depth, facing, CAMERA, random)
    label[np.isnan(measured)] = ViewLabel.UNKNOWN
    return object_view(measured, label, rgb, CAMERA, most_points=600)
