"""The compiled kernels of rgbd_fit give what NumPy, a loop or geometry says."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.model import HandModel, load_hand_model
from hand_object_recon.hand_model.open_hand.pose_space import pose_set_rad
from hand_object_recon.hand_model.pose_differential import (
    ALL_PARAMETERS,
    POSE_PARAMETERS,
    AttachedPoints,
    HandState,
    PosedLinearHand,
    ShapedHand,
)
from hand_object_recon.reconstructors.rgbd_fit.crop_kernels import (
    draw_depth,
    mark_occluders,
    median_depths,
    oriented_points,
)
from hand_object_recon.reconstructors.rgbd_fit.crop_labels import HAND, OCCLUDER
from hand_object_recon.reconstructors.rgbd_fit.descent import (
    rotation_vector,
    solve_damped,
)
from hand_object_recon.reconstructors.rgbd_fit.hand_arrays import (
    HandArrays,
    PosedArrays,
    StateArrays,
)
from hand_object_recon.reconstructors.rgbd_fit.landmarks import MEDIAPIPE
from hand_object_recon.reconstructors.rgbd_fit.motion_rows import (
    FINGER_COUNT,
    ROW_LENGTH,
    Pulls,
    add_landmarks,
    add_vertices,
    joint_shape_motion,
    spread,
)
from hand_object_recon.reconstructors.rgbd_fit.nearest_vertices import BIN_M, nearest_vertices
from hand_object_recon.reconstructors.rgbd_fit.posing_kernels import pose_hand, shape_hand, turn

CAMERA = np.array([500.0, 480.0, 40.0, 30.0])


class Posed:
    """A hand at a random state, posed by the kernels and by NumPy."""

    def __init__(self, side: HandSide, seed: int) -> None:
        self.model: HandModel = load_hand_model("open_hand", side)
        self.points = AttachedPoints.keypoints(self.model, MEDIAPIPE.offsets_m)
        self.hand = HandArrays.of(self.model, self.points)
        self.state = some_state(seed)
        self.arrays = PosedArrays.empty(self.hand)
        shape_hand(self.hand, self.state.shape, self.arrays)
        pose_hand(self.hand, self.state, self.arrays)
        state = HandState(*self.state)
        self.by_numpy: PosedLinearHand = ShapedHand(self.model, state.shape).pose(state)

    def shape_motion(self) -> np.ndarray:
        moved = np.zeros((16, 3, 10))
        joint_shape_motion(self.hand.joint_shapedirs, self.arrays.rotations, moved)
        return moved


def some_state(seed: int) -> StateArrays:
    random = np.random.default_rng(seed)
    poses = pose_set_rad()
    return StateArrays(
        orientation=Rotation.from_rotvec(random.normal(0.0, 1.0, 3)).as_matrix(),
        wrist_m=random.normal(0.0, 0.1, 3) + np.array([0.0, 0.0, 0.5]),
        angles_rad=poses[random.integers(len(poses))].ravel().astype(np.float64),
        shape=random.normal(size=10),
    )


def some_pulls(points: np.ndarray, seed: int) -> Pulls:
    random = np.random.default_rng(seed)
    return Pulls(
        points.astype(np.int64),
        random.normal(size=(len(points), 3)),
        random.normal(size=len(points)),
        random.uniform(0.0, 1.0, len(points)),
    )


@pytest.mark.parametrize("side", list(HandSide))
@pytest.mark.parametrize("seed", [1, 2])
def test_a_hand_is_posed_as_numpy_poses_it(side: HandSide, seed: int) -> None:
    posed = Posed(side, seed)
    arrays, expected = posed.arrays, posed.by_numpy
    np.testing.assert_allclose(arrays.vertices_m, expected.vertices_m, atol=2e-6)
    np.testing.assert_allclose(arrays.normals, expected.normals, atol=1e-5)
    np.testing.assert_allclose(arrays.positions_m, expected.positions_m, atol=2e-6)
    np.testing.assert_allclose(arrays.landmarks_m, expected.attached(posed.points), atol=2e-6)


def weighted_normal_equations(rows: np.ndarray, pulls: Pulls) -> tuple[np.ndarray, np.ndarray]:
    rows = rows.astype(np.float64)
    weighted = rows * pulls.weights[:, None]
    return np.triu(weighted.T @ rows), weighted.T @ pulls.residuals


@pytest.mark.parametrize("with_shape", [False, True])
def test_summed_rows_are_the_normal_equations_of_the_whole_jacobian(with_shape: bool) -> None:
    posed = Posed(HandSide.LEFT, 3)
    on_vertices = some_pulls(np.random.default_rng(0).integers(0, 778, 300), 4)
    on_landmarks = some_pulls(np.repeat(np.arange(21), 2), 5)
    motion = posed.shape_motion() if with_shape else np.empty((0, 3, 10))
    sums = np.zeros((FINGER_COUNT, ROW_LENGTH, ROW_LENGTH))
    add_vertices(posed.hand, posed.arrays, motion, on_vertices, 300, sums)
    add_landmarks(posed.hand, posed.arrays, motion, on_landmarks, 42, sums)
    normal, gradient = np.empty((ALL_PARAMETERS, ALL_PARAMETERS)), np.empty(ALL_PARAMETERS)
    spread(sums, normal, gradient)

    by_vertex = posed.by_numpy.vertex_rows(
        on_vertices.points, np.float32(on_vertices.directions), with_shape=True
    )
    along = np.float32(on_landmarks.directions.reshape(21, 2, 3).transpose(1, 0, 2))
    by_landmark = posed.by_numpy.attached_rows(posed.points, along, with_shape=True)
    first_normal, first_gradient = weighted_normal_equations(by_vertex, on_vertices)
    second_normal, second_gradient = weighted_normal_equations(
        by_landmark.transpose(1, 0, 2).reshape(42, -1), on_landmarks
    )
    parameters = ALL_PARAMETERS if with_shape else POSE_PARAMETERS
    expected = (first_normal + second_normal)[:parameters, :parameters]
    np.testing.assert_allclose(normal[:parameters, :parameters], expected, atol=2e-4)
    expected = (first_gradient + second_gradient)[:parameters]
    np.testing.assert_allclose(gradient[:parameters], expected, atol=2e-4)


def test_the_nearest_vertex_is_that_of_a_search_through_all() -> None:
    posed = Posed(HandSide.RIGHT, 6)
    random = np.random.default_rng(6)
    vertices, normals = posed.arrays.vertices_m, posed.arrays.normals
    facing = np.flatnonzero((np.einsum("vc,vc->v", normals, vertices) < 0) & posed.hand.is_hand)
    chosen = facing[random.integers(0, len(facing), 200)]
    points = np.float32(vertices[chosen] + random.normal(0.0, 0.004, (200, 3)))
    directions = normals[chosen] + random.normal(0.0, 0.3, (200, 3))
    directions = np.float32(directions / np.linalg.norm(directions, axis=1, keepdims=True))
    nearest = np.empty(200, dtype=np.int64)
    nearest_vertices(vertices, normals, posed.hand.is_hand, points, directions, nearest)
    for point, direction, found in zip(points, directions, nearest, strict=True):
        squared = np.square(vertices[facing] - point).sum(axis=1)
        squared += 0.008**2 * np.square(normals[facing] - direction).sum(axis=1)
        assert found == facing[squared.argmin()]


def test_a_point_far_to_the_side_has_no_nearest_vertex() -> None:
    posed = Posed(HandSide.RIGHT, 7)
    aside = posed.arrays.vertices_m.max(axis=0) + 3 * BIN_M
    nearest = np.zeros(1, dtype=np.int64)
    nearest_vertices(
        posed.arrays.vertices_m,
        posed.arrays.normals,
        posed.hand.is_hand,
        np.float32(aside[None]),
        np.float32([[0.0, 0.0, -1.0]]),
        nearest,
    )
    assert nearest.tolist() == [-1]


def test_a_damped_step_solves_the_damped_normal_equations() -> None:
    random = np.random.default_rng(8)
    rows = random.normal(size=(200, ALL_PARAMETERS))
    normal, gradient = rows.T @ rows, random.normal(size=ALL_PARAMETERS)
    for parameters in (POSE_PARAMETERS, ALL_PARAMETERS):
        step = np.zeros(ALL_PARAMETERS)
        solve_damped(np.triu(normal), gradient, 0.1, parameters, step)
        damped = normal[:parameters, :parameters].copy()
        damped[np.diag_indices(parameters)] += 0.1 * np.diag(damped) + 1e-6
        expected = -np.linalg.solve(damped, gradient[:parameters])
        np.testing.assert_allclose(step[:parameters], expected, rtol=1e-9)


@pytest.mark.parametrize("length", [0.0, 1e-8, 1e-3, 0.5, 3.0])
def test_turning_is_the_exponential_map_and_its_derivative(length: float) -> None:
    vector = length * np.array([0.6, -0.64, 0.48])
    rotation, left_jacobian = np.empty((3, 3)), np.empty((3, 3))
    turn(vector, rotation, left_jacobian)
    np.testing.assert_allclose(rotation, Rotation.from_rotvec(vector).as_matrix(), atol=1e-12)
    for axis in range(3):
        small = np.zeros(3)
        small[axis] = 1e-6
        moved = Rotation.from_rotvec(vector + small) * Rotation.from_rotvec(vector).inv()
        np.testing.assert_allclose(left_jacobian[:, axis], moved.as_rotvec() / 1e-6, atol=1e-5)


def test_a_rotation_vector_leads_from_one_rotation_to_another() -> None:
    start = Rotation.from_rotvec([0.3, -0.2, 0.9])
    vector = np.array([0.2, 0.1, -0.4])
    end = Rotation.from_rotvec(vector) * start
    np.testing.assert_allclose(
        rotation_vector(end.as_matrix(), start.as_matrix()), vector, atol=1e-12
    )


def test_median_depths_are_numpys_over_the_readings_in_reach() -> None:
    random = np.random.default_rng(9)
    depth = np.float32(random.uniform(0.3, 0.6, (40, 50)))
    depth[random.random(depth.shape) < 0.5] = np.nan
    depth[:8, :8] = np.nan
    depth.flags.writeable = False
    pixels = np.array([[2.0, 2.0], [49.0, 39.0], [20.3, 10.7], [-1.0, 5.0], [1e9, 3.0], [60, 60]])
    for pixel, found in zip(pixels, median_depths(depth, pixels, 2), strict=True):
        column, row = (int(np.clip(np.rint(value), -100, 100)) for value in pixel)
        around = depth[max(row - 2, 0) : max(row + 3, 0), max(column - 2, 0) : max(column + 3, 0)]
        readings = around[np.isfinite(around)]
        expected = np.median(readings) if len(readings) else np.nan
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_drawn_mesh_is_as_far_as_rays_find_it() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=3, radius=0.03)
    vertices = np.float32(sphere.vertices + np.array([0.005, -0.01, 0.4]))
    faces = np.asarray(sphere.faces, np.int32)
    faces.flags.writeable = False
    cells = np.array([10, 4, 2])
    drawn = np.full((40, 45), np.inf, dtype=np.float32)
    draw_depth(vertices, faces, CAMERA, cells, drawn)
    column, row = np.meshgrid(10 + 2 * np.arange(45), 4 + 2 * np.arange(40))
    rays = np.stack(
        [(column - CAMERA[2]) / CAMERA[0], (row - CAMERA[3]) / CAMERA[1], np.ones(column.shape)],
        axis=-1,
    ).reshape(-1, 3)
    moved = trimesh.Trimesh(vertices, faces, process=False)
    places, ray, _ = moved.ray.intersects_location(np.zeros_like(rays), rays)
    expected = np.full(len(rays), np.inf)
    np.minimum.at(expected, ray, places[:, 2])
    expected = expected.reshape(drawn.shape)
    assert np.isfinite(expected).sum() > 300
    both = np.isfinite(expected) & np.isfinite(drawn)
    assert (np.isfinite(expected) != np.isfinite(drawn)).sum() <= 4  # rays along an edge
    np.testing.assert_allclose(drawn[both], expected[both], atol=2e-6)


def test_readings_on_an_occluder_are_not_the_hands_unless_nearer_to_it() -> None:
    measured = np.float32([[0.400, 0.400, 0.430, np.nan]])
    occluder = np.float32([[0.404, 0.404, 0.404, 0.404]])
    hand = np.float32([[np.inf, 0.401, np.inf, np.inf]])
    label = np.full((1, 4), HAND, dtype=np.uint8)
    mark_occluders(measured, 1, occluder, hand, label)
    assert label.tolist() == [[OCCLUDER, HAND, HAND, HAND]]


def test_points_of_a_tilted_plane_lie_on_it_and_have_its_normal() -> None:
    normal = np.array([0.3, -0.2, -1.0])
    normal /= np.linalg.norm(normal)
    column, row = np.meshgrid(np.arange(80), np.arange(60))
    rays = np.stack(
        [(column - CAMERA[2]) / CAMERA[0], (row - CAMERA[3]) / CAMERA[1], np.ones(column.shape)],
        axis=-1,
    )
    depth = np.float32(-0.5 / (rays @ normal))
    depth[20:30, 20:30] = np.nan
    label = np.full((30, 40), HAND, dtype=np.uint8)
    wrist = np.array([0.0, 30.0, 0.0, 1.0])
    found = oriented_points(depth, label, np.array([0, 0, 2]), CAMERA, wrist, 200)
    assert 120 < len(found) <= 240
    np.testing.assert_allclose(found[:, :3] @ normal, -0.5, atol=1e-5)
    np.testing.assert_allclose(found[:, 3:] @ normal, 1.0, atol=1e-4)
    rows = CAMERA[1] * found[:, 1] / found[:, 2] + CAMERA[3]
    assert rows.min() >= 30.0 - 1e-3
