"""Planes around simple bodies, against trimesh's meshes of the same bodies."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.spatial import ConvexHull, HalfspaceIntersection
from scipy.spatial.transform import Rotation

from hand_object_recon.core.objects import PrimitiveFit, PrimitiveKind
from hand_object_recon.object_model.primitive_planes import (
    primitive_area_m2,
    primitive_box_m,
    primitive_planes,
)

BODIES = {
    PrimitiveKind.SPHERE: (
        (0.042, 0.042, 0.042),
        trimesh.creation.icosphere(subdivisions=5, radius=0.021),
    ),
    PrimitiveKind.CYLINDER: (
        (0.06, 0.06, 0.11),
        trimesh.creation.cylinder(radius=0.03, height=0.11, sections=512),
    ),
    PrimitiveKind.BOX: ((0.03, 0.05, 0.09), trimesh.creation.box((0.03, 0.05, 0.09))),
}


def placed(kind: PrimitiveKind) -> tuple[PrimitiveFit, trimesh.Trimesh]:
    """A body turned and shifted, and its mesh there."""
    size, mesh = BODIES[kind]
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_rotvec((0.4, -0.7, 0.2)).as_matrix()
    pose[:3, 3] = (0.02, -0.01, 0.03)
    return PrimitiveFit(kind, pose, np.array(size, np.float32), 0.0), mesh.copy().apply_transform(
        pose
    )


@pytest.mark.parametrize("kind", PrimitiveKind)
def test_planes_touch_the_body_and_enclose_little_more(kind: PrimitiveKind) -> None:
    body, mesh = placed(kind)
    planes = primitive_planes(body)
    reach = (mesh.vertices @ planes[:, :3].T + planes[:, 3]).max(axis=0)
    enclosed = HalfspaceIntersection(planes, body.pose[:3, 3]).intersections

    np.testing.assert_allclose(np.linalg.norm(planes[:, :3], axis=1), 1.0)
    np.testing.assert_allclose(reach, 0.0, atol=1e-4)
    assert mesh.volume * 0.999 < ConvexHull(enclosed).volume < mesh.volume * 1.02


@pytest.mark.parametrize("kind", PrimitiveKind)
def test_area_and_box_are_those_of_the_body(kind: PrimitiveKind) -> None:
    body, mesh = placed(kind)
    low, high = primitive_box_m(body)

    assert primitive_area_m2(body) == pytest.approx(mesh.area, rel=0.01)
    assert (low <= mesh.bounds[0] + 1e-5).all()
    assert (high >= mesh.bounds[1] - 1e-5).all()
