"""A lost body is found again wherever it turned up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from hand_object_recon.object_model.fused_volume import FusedVolume
from hand_object_recon.object_model.object_view import ObjectView
from hand_object_recon.object_model.pose_search import rotation_cover
from hand_object_recon.object_model.relocation import relocate
from hand_object_recon.synthesis.objects.catalogue import numbered_object

PosedView = Callable[..., ObjectView]


def catalogue_mesh(category: str) -> trimesh.Trimesh:
    shape = numbered_object(category, 3)
    return trimesh.Trimesh(shape.vertices_m.astype(float), shape.faces, process=False)


def pose_at(turn: Rotation, place_m: tuple[float, ...] = (0.0, 0.0, 0.5)) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn.as_matrix(), place_m
    return pose


def seen_poses() -> list[np.ndarray]:
    return [
        pose_at(Rotation.from_rotvec(np.array([0.02, 0.04, 0.03]) * frame + (0.3, 0.2, 0.1)))
        for frame in range(0, 45, 3)
    ]


@pytest.fixture(scope="module")
def mug(view_of: PosedView) -> tuple[trimesh.Trimesh, FusedVolume]:
    """A mug, and what was fused of it from several sides."""
    mesh, volume = catalogue_mesh("mug"), FusedVolume()
    for seed, pose in enumerate(seen_poses()):
        volume.integrate(view_of(mesh, pose, seed), pose)
    return mesh, volume


def test_a_lost_body_is_found_at_any_turn_about_the_line_of_sight(
    mug: tuple[trimesh.Trimesh, FusedVolume], view_of: PosedView
) -> None:
    mesh, volume = mug
    found_count = 0
    for seed, angle in enumerate((-2.0, -1.0, 1.0, 2.0)):
        true = seen_poses()[7].copy()
        true[:3, :3] = Rotation.from_rotvec((0.0, 0.0, angle)).as_matrix() @ true[:3, :3]
        true[:3, 3] = (0.03, -0.02, 0.55)
        found = relocate(view_of(mesh, true, seed), volume.grid, [])
        if found is not None:
            found_count += 1
            turn = Rotation.from_matrix(found.pose[:3, :3] @ true[:3, :3].T).magnitude()
            assert np.degrees(turn) < 3.0
            assert np.linalg.norm(found.pose[:3, 3] - true[:3, 3]) < 0.003
    assert found_count >= 3


def test_a_hint_decides_between_turns_that_look_alike(view_of: PosedView) -> None:
    cube, volume = trimesh.creation.box((0.05, 0.05, 0.05)).subdivide().subdivide(), FusedVolume()
    true = pose_at(Rotation.from_rotvec((0.6, 0.5, 0.2)))
    for seed in range(5):
        volume.integrate(view_of(cube, true, seed), true)
    hint = true.copy()
    hint[:3, 3] += (0.008, -0.006, 0.01)
    found = relocate(view_of(cube, true, 9), volume.grid, [hint])
    assert found is not None
    turn = Rotation.from_matrix(found.pose[:3, :3] @ true[:3, :3].T).magnitude()
    assert np.degrees(turn) < 3.0


def test_another_body_is_not_taken_for_the_lost_one(
    mug: tuple[trimesh.Trimesh, FusedVolume], view_of: PosedView
) -> None:
    _, volume = mug
    for category in ("hammer", "banana"):
        view = view_of(catalogue_mesh(category), pose_at(Rotation.from_rotvec((0.5, 0.9, 0.2))))
        assert relocate(view, volume.grid, []) is None


def test_rotations_cover_all_there_are() -> None:
    cover = Rotation.from_matrix(rotation_cover(256))
    others = Rotation.random(500, np.random.default_rng(0))
    nearest_rad = [(other.inv() * cover).magnitude().min() for other in others]
    assert np.degrees(np.max(nearest_rad)) < 45.0
    assert np.degrees(np.median(nearest_rad)) < 25.0
