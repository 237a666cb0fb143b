"""A body is found where it is and follows the hand where its shape tells nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from hand_object_recon.object_model.distance_grid import DistanceGrid
from hand_object_recon.object_model.fused_volume import FusedVolume
from hand_object_recon.object_model.mesh_distance import mesh_distance_grid
from hand_object_recon.object_model.object_view import ObjectView
from hand_object_recon.object_model.registration import MotionPrior, register

PosedView = Callable[..., ObjectView]

BOX = trimesh.creation.box((0.06, 0.04, 0.09)).subdivide().subdivide()
BALL = trimesh.creation.icosphere(subdivisions=4, radius=0.021)
ROD = trimesh.creation.cylinder(radius=0.02, height=0.09, sections=64)


def pose_at(
    turn_rad: tuple[float, ...], place_m: tuple[float, ...] = (0.01, 0.0, 0.45)
) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_rotvec(turn_rad).as_matrix()
    pose[:3, 3] = place_m
    return pose


def moved(pose: np.ndarray, turn_rad: np.ndarray, shift_m: np.ndarray) -> np.ndarray:
    """A pose turned about the body's own origin and shifted, along the axes of the camera."""
    result = pose.copy()
    result[:3, :3] = Rotation.from_rotvec(turn_rad).as_matrix() @ pose[:3, :3]
    result[:3, 3] += shift_m
    return result


def errors(found: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """Turn in degrees and shift in millimetres."""
    turn = Rotation.from_matrix(found[:3, :3] @ true[:3, :3].T).magnitude()
    return float(np.degrees(turn)), float(1e3 * np.linalg.norm(found[:3, 3] - true[:3, 3]))


def grid_of(mesh: trimesh.Trimesh) -> DistanceGrid:
    return mesh_distance_grid(
        mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32), voxel_m=0.0025
    )


def waves(points: np.ndarray) -> np.ndarray:
    """Grey levels that tell every turn of a body."""
    places = points / (0.006, 0.007, 0.0065) + (0.0, 1.0, 2.0)
    return np.asarray(128.0 + 30.0 * np.sin(places).sum(axis=1))


def test_a_known_body_is_found_from_poses_some_degrees_and_a_centimetre_away(
    view_of: PosedView,
) -> None:
    grid, random = grid_of(BOX), np.random.default_rng(0)
    results = []
    for seed in range(12):
        true = pose_at(tuple(random.normal(0.0, 1.5, 3)))
        start = moved(true, random.normal(0.0, 0.06, 3), random.normal(0.0, 0.006, 3))
        found = register(view_of(BOX, true, seed), grid, start, is_whole=True)
        assert found.is_trustworthy
        results.append(errors(found.pose, true))
    turn_deg, shift_mm = np.median(results, axis=0)
    assert turn_deg < 0.6
    assert shift_mm < 1.0


def test_the_pose_is_exact_where_the_depth_is(view_of: PosedView) -> None:
    true = pose_at((0.6, 0.5, 0.2))
    view = view_of(BOX, true)
    local = (view.points_m - true[:3, 3]) @ true[:3, :3]
    half = np.array([0.03, 0.02, 0.045])
    face = np.abs(np.abs(local) - half).argmin(axis=1)
    rows = np.arange(len(local))
    local[rows, face] = np.sign(local[rows, face]) * half[face]
    inner = (np.abs(local) < half - 0.004).sum(axis=1) == 2
    exact = (local[inner] @ true[:3, :3].T + true[:3, 3]).astype(np.float32)
    clean = ObjectView(
        view.depth_m, view.label, view.rgb, view.camera, exact, view.normals[inner],
        view.colors[inner],
    )  # fmt: skip
    start = moved(true, np.array([0.05, -0.04, 0.03]), np.array([0.006, -0.004, 0.005]))
    found = register(clean, grid_of(BOX), start)
    turn_deg, shift_mm = errors(found.pose, true)
    assert turn_deg < 0.05
    assert shift_mm < 0.05
    assert found.residual_m < 5e-5


def test_readings_of_a_finger_do_not_pull_the_body(view_of: PosedView) -> None:
    true = pose_at((0.6, 0.5, 0.2))
    view = view_of(BOX, true)
    points = view.points_m.copy()
    stray = np.arange(len(points)) % 5 == 0
    points[stray, 2] -= 0.02
    mixed = ObjectView(
        view.depth_m, view.label, view.rgb, view.camera, points, view.normals, view.colors
    )
    found = register(mixed, grid_of(BOX), moved(true, np.full(3, 0.03), np.full(3, 0.003)))
    turn_deg, shift_mm = errors(found.pose, true)
    assert turn_deg < 1.0
    assert shift_mm < 1.5
    assert 0.75 < found.inlier_share < 0.85


def test_a_ball_turns_as_the_hand_does_and_is_held_to_its_place(view_of: PosedView) -> None:
    volume, step_rad = FusedVolume(), np.array([0.0, 0.04, 0.02])
    pose = pose_at((0.0, 0.0, 0.0))
    volume.integrate(view_of(BALL, pose), pose)
    expected = pose.copy()
    for seed in range(1, 16):
        start = moved(pose, step_rad, np.array([0.001, -0.001, 0.001]))
        expected = moved(expected, step_rad, np.zeros(3))
        view = view_of(BALL, expected, seed)
        pose = register(view, volume.grid, start, MotionPrior(0.04, 0.006)).pose
        volume.integrate(view, pose)
    turn_deg, shift_mm = errors(pose, expected)
    assert turn_deg < 3.0
    assert shift_mm < 2.5


def test_texture_turns_what_its_shape_does_not(view_of: PosedView) -> None:
    true = pose_at((1.4, 0.2, 0.1))
    for body in (BALL, ROD):
        volume = FusedVolume()
        for seed in range(6):
            volume.integrate(view_of(body, true, seed, waves), true)
        view = view_of(body, true, 7, waves)
        axis = true[:3, 2]
        start = moved(true, 0.08 * axis, np.zeros(3))
        prior = MotionPrior(0.08, 0.006)
        blind = register(view, volume.grid, start, prior)
        seeing = register(view, volume.grid, start, prior, volume.texture)
        assert errors(blind.pose, true)[0] > 4.0
        assert errors(seeing.pose, true)[0] < 2.5


def test_information_is_weak_only_where_the_shape_does_not_tell(view_of: PosedView) -> None:
    pose = pose_at((np.pi / 2 + 0.3, 0.0, 0.0))
    found = register(view_of(ROD, pose), grid_of(ROD), pose)
    shift, both = found.information[3:, 3:], found.information[:3, 3:]
    # what is known of the turn wherever the rod is
    turn = found.information[:3, :3] - both @ np.linalg.pinv(shift) @ both.T
    axis, across = pose[:3, 2], pose[:3, 0]
    assert axis @ turn @ axis < 0.02 * across @ turn @ across
    np.testing.assert_allclose(found.information, found.information.T, rtol=1e-6, atol=1e-6)
    assert np.linalg.eigvalsh(found.information).min() > -1e-6


def test_the_prior_holds_the_start_where_nothing_is_seen_of_the_body(view_of: PosedView) -> None:
    true = pose_at((0.6, 0.5, 0.2))
    start = moved(true, np.zeros(3), np.array([0.3, 0.0, 0.0]))
    found = register(view_of(BOX, true), grid_of(BOX), start, MotionPrior())
    np.testing.assert_allclose(found.pose, start, atol=1e-9)
    assert found.known_share == 0.0
    assert found.residual_m == np.inf
    assert not found.is_trustworthy


def test_a_tight_prior_keeps_a_body_nearer_its_start(view_of: PosedView) -> None:
    true = pose_at((0.6, 0.5, 0.2))
    view, grid = view_of(BOX, true), grid_of(BOX)
    start = moved(true, np.zeros(3), np.array([0.004, 0.004, 0.004]))
    loose = register(view, grid, start, MotionPrior(0.05, 0.01))
    tight = register(view, grid, start, MotionPrior(1e-4, 1e-5))
    assert errors(loose.pose, true)[1] < 2.0
    assert errors(tight.pose, start)[1] < 0.5


def test_another_body_is_not_trusted(view_of: PosedView) -> None:
    pose = pose_at((0.6, 0.5, 0.2))
    found = register(view_of(BOX, pose), grid_of(BALL), pose)
    assert not found.is_trustworthy


def test_of_a_box_seen_face_on_the_outline_tells_where_the_face_ends(view_of: PosedView) -> None:
    true = pose_at((0.0, 0.0, 0.0), (0.0, 0.0, 0.45))
    start = moved(true, np.zeros(3), np.array([0.006, -0.005, 0.0]))
    view, grid = view_of(BOX, true), grid_of(BOX)
    found = register(view, grid, start, MotionPrior(0.05, 0.02), is_whole=True)
    assert errors(start, true)[1] > 7.0
    assert errors(found.pose, true)[1] < 2.5


@pytest.mark.parametrize("count", [0, 20])
def test_a_view_of_too_few_points_is_not_trusted(view_of: PosedView, count: int) -> None:
    pose = pose_at((0.6, 0.5, 0.2))
    view = view_of(BOX, pose)
    few = ObjectView(
        view.depth_m, view.label, view.rgb, view.camera, view.points_m[:count],
        view.normals[:count], view.colors[:count],
    )  # fmt: skip
    found = register(few, grid_of(BOX), pose, MotionPrior())
    assert found.observations == count
    assert np.isfinite(found.pose).all()
    assert not found.is_trustworthy


def test_the_kernels_slopes_are_the_differences_of_distances(view_of: PosedView) -> None:
    from hand_object_recon.object_model.registration_kernels import (
        _axis_angle,
        _place,
        _set_row,
        _turn,
    )

    pose = pose_at((0.6, 0.5, 0.2))
    grid = grid_of(BOX)
    point = np.array([0.02, 0.01, 0.42])
    pivot = np.array([0.01, 0.0, 0.44])

    def distance(step: np.ndarray) -> float:
        placed = np.eye(4)
        _place(pose, _turn(step), pivot, step[3:], placed)
        local = placed[:3, :3].T @ (point - placed[:3, 3])
        return float(grid.sample(local[None])[0][0])

    local = pose[:3, :3].T @ (point - pose[:3, 3])
    gradient = pose[:3, :3] @ grid.sample(local[None])[1][0]
    row = np.empty(6)
    _set_row(*(point - pivot), *gradient.astype(float), row)
    step = 2e-4
    differences = [
        (distance(step * axis) - distance(-step * axis)) / (2 * step) for axis in np.eye(6)
    ]
    np.testing.assert_allclose(row, differences, atol=2e-3)
    vector = np.array([0.3, -0.2, 0.5])
    np.testing.assert_allclose(_axis_angle(_turn(np.r_[vector, 0, 0, 0])), vector, atol=1e-12)


def test_noise_is_discounted_in_the_directions_of_the_generalised_problem() -> None:
    from scipy.linalg import eigh

    from hand_object_recon.object_model.registration_kernels import _add_noise, _discount

    random = np.random.default_rng(0)
    noise, expected_noise = np.zeros((6, 6)), np.zeros((6, 6))
    for lever in random.normal(size=(5, 3)):
        _add_noise(*lever, 2.0, noise)
        turning = np.cross(lever, np.eye(3)).T  # turning @ m is the cross product lever x m
        both = np.vstack([-turning, -np.eye(3)])
        expected_noise += 2.0 * both @ both.T
    np.testing.assert_allclose(np.tril(noise), np.tril(expected_noise), atol=1e-12)

    root = random.normal(size=(6, 6))
    information, gradient = 500.0 * root @ root.T, random.normal(size=6)
    ratios, directions = eigh(information, expected_noise)
    kept = np.maximum(0.0, 1.0 - 3.0 / ratios)
    around = expected_noise @ directions
    wanted = around @ np.diag(kept * ratios) @ around.T, around @ (kept * (directions.T @ gradient))
    _discount(information, gradient, noise)
    np.testing.assert_allclose(information, wanted[0], rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(gradient, wanted[1], atol=1e-10)
