"""A hand that is in its place but points elsewhere is turned onto the depth."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.geometry.depth_turn import motion_onto_depth

CAMERA = CameraIntrinsics(width=320, height=240, fx=300.0, fy=300.0, cx=160.0, cy=120.0)
AT_M = np.array([0.02, -0.01, 0.5])


def body() -> trimesh.Trimesh:
    """A flat box with two fingers of different length, so that every turn shows."""
    boxes = [
        trimesh.creation.box((0.08, 0.09, 0.03)),
        trimesh.creation.box((0.016, 0.08, 0.016)).apply_translation((-0.03, -0.085, 0.0)),
        trimesh.creation.box((0.016, 0.05, 0.016)).apply_translation((0.03, -0.07, 0.02)),
    ]
    mesh = trimesh.util.concatenate(boxes)
    for _ in range(3):
        mesh = mesh.subdivide()
    start = Rotation.from_euler("xyz", (20.0, 15.0, 10.0), degrees=True).as_matrix()
    return trimesh.Trimesh(mesh.vertices @ start.T + AT_M, mesh.faces, process=False)


def frame_of(mesh: trimesh.Trimesh, behind_m: float = np.nan) -> RgbdFrame:
    """Depth by splatting many samples of the surface, the nearest of each pixel."""
    points, _ = trimesh.sample.sample_surface(mesh, 400_000, seed=0)
    column = np.rint(CAMERA.fx * points[:, 0] / points[:, 2] + CAMERA.cx).astype(int)
    row = np.rint(CAMERA.fy * points[:, 1] / points[:, 2] + CAMERA.cy).astype(int)
    depth_m = np.full((CAMERA.height, CAMERA.width), np.inf)
    np.minimum.at(depth_m, (row, column), points[:, 2])
    depth_m[~np.isfinite(depth_m)] = behind_m
    rgb = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)
    return RgbdFrame(rgb, depth_m.astype(np.float32), CAMERA, 0, "camera")


def turned(mesh: trimesh.Trimesh, degrees: tuple[float, float, float]) -> NDArray[np.float64]:
    """Its vertices turned about their mean."""
    middle = mesh.vertices.mean(axis=0)
    turn = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    return np.asarray((mesh.vertices - middle) @ turn.T + middle)


def off_m(vertices_m: NDArray[np.float64], mesh: trimesh.Trimesh) -> float:
    return float(np.linalg.norm(vertices_m - mesh.vertices, axis=1).mean())


@pytest.mark.parametrize("degrees", [(12.0, 0.0, 0.0), (0.0, -12.0, 0.0), (8.0, 8.0, -5.0)])
def test_most_of_a_turn_out_of_the_image_is_undone(degrees: tuple[float, float, float]) -> None:
    mesh = body()
    wrong = turned(mesh, degrees)
    motion = motion_onto_depth(frame_of(mesh), wrong, mesh.faces)
    assert motion is not None
    np.testing.assert_allclose(motion.rotation @ motion.rotation.T, np.eye(3), atol=1e-9)
    assert off_m(motion.of(wrong), mesh) < 0.4 * off_m(wrong, mesh)


def test_a_wall_behind_does_not_draw_it_along() -> None:
    mesh = body()
    wrong = turned(mesh, (12.0, 0.0, 0.0))
    beside_wall = motion_onto_depth(frame_of(mesh, behind_m=0.62), wrong, mesh.faces)
    assert beside_wall is not None
    assert off_m(beside_wall.of(wrong), mesh) < 0.4 * off_m(wrong, mesh)


def test_a_body_that_lies_on_the_depth_is_left_as_it_is() -> None:
    mesh = body()
    assert motion_onto_depth(frame_of(mesh), mesh.vertices, mesh.faces) is None


def test_without_depth_there_is_no_motion() -> None:
    mesh = body()
    frame = frame_of(mesh)
    blind = RgbdFrame(frame.rgb, np.full_like(frame.depth_m, np.nan), CAMERA, 0, "camera")
    assert motion_onto_depth(blind, mesh.vertices, mesh.faces) is None
