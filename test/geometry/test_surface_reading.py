"""Which readings of depth are taken for those of a surface, against trimesh's own geometry."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.geometry.surface_reading import SurfaceReading, surface_reading

CAMERA = CameraIntrinsics(width=64, height=48, fx=60.0, fy=55.0, cx=30.0, cy=25.0)
AT_M = np.array([0.02, -0.01, 0.4])
FARTHER_M = 0.006


def ball() -> trimesh.Trimesh:
    """One whose edge is beyond the picture's."""
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=0.2)
    return trimesh.Trimesh(mesh.vertices + AT_M, mesh.faces, process=False)


def frame_with(depth_m: np.ndarray) -> RgbdFrame:
    return RgbdFrame(np.zeros((48, 64, 3), np.uint8), depth_m, CAMERA, 0, "camera")


def depth_of(mesh: trimesh.Trimesh) -> np.ndarray:
    """The ball a little farther away, with a hole."""
    rows, columns = np.mgrid[:48, :64]
    ways = [(columns - CAMERA.cx) / CAMERA.fx, (rows - CAMERA.cy) / CAMERA.fy, np.ones((48, 64))]
    rays = np.stack(ways, axis=2)
    # The nearer end of the chord that a ray cuts off a ball of 20 cm.
    along = rays @ AT_M / (rays**2).sum(axis=2)
    chord = along**2 - (AT_M @ AT_M - 0.2**2) / (rays**2).sum(axis=2)
    depth_m = np.where(chord >= 0.0, along - np.sqrt(np.maximum(chord, 0.0)), np.nan) + FARTHER_M
    depth_m[20:24, 30:40] = np.nan
    return depth_m.astype(np.float32)


def expected(
    mesh: trimesh.Trimesh, depth_m: np.ndarray, least_facing: float, reach_m: float
) -> SurfaceReading:
    """Triangle by triangle."""
    kept = []
    for middle, normal, area in zip(
        mesh.triangles_center, mesh.face_normals, mesh.area_faces, strict=True
    ):
        cosine = -normal @ middle / np.linalg.norm(middle)
        column = round(CAMERA.fx * middle[0] / middle[2] + CAMERA.cx)
        row = round(CAMERA.fy * middle[1] / middle[2] + CAMERA.cy)
        if cosine <= least_facing or not (0 <= column < 64 and 0 <= row < 48):
            continue
        gap = depth_m[row, column] - middle[2]
        if np.isfinite(gap) and abs(gap) < reach_m:
            kept.append((middle, 2.0 * area * normal, gap))
    return SurfaceReading(*(np.array(part) for part in zip(*kept, strict=True)))


@pytest.mark.parametrize("least_facing", [0.0, 0.2])
@pytest.mark.parametrize("reach_m", [0.007, 0.05])
def test_readings_are_those_on_triangles_that_are_seen(least_facing: float, reach_m: float) -> None:
    mesh = ball()
    depth_m = depth_of(mesh)
    faces = np.asarray(mesh.faces, np.int32)
    found = surface_reading(
        frame_with(depth_m), mesh.vertices, faces, reach_m, least_facing=least_facing
    )
    wanted = expected(mesh, depth_m, least_facing, reach_m)
    assert 50 < len(wanted.gaps_m) < 0.5 * len(faces)
    for part, true in zip(found, wanted, strict=True):
        np.testing.assert_allclose(part, true, atol=1e-9)


def test_a_surface_behind_the_camera_has_no_reading() -> None:
    mesh = ball()
    behind = mesh.vertices - [0.0, 0.0, 2.0]
    frame = frame_with(np.full((48, 64), 0.4, np.float32))
    assert not len(surface_reading(frame, behind, np.asarray(mesh.faces, np.int32), 9.0).gaps_m)


def test_images_that_must_not_be_written_are_read() -> None:
    mesh = ball()
    depth_m = np.asfortranarray(depth_of(mesh))
    depth_m.flags.writeable = False
    faces = np.asarray(mesh.faces, np.int32)
    faces.flags.writeable = False
    assert len(surface_reading(frame_with(depth_m), mesh.vertices, faces, 0.05).gaps_m)
