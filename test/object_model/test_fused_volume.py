"""What views do to a volume, on bodies whose distances are known."""

from __future__ import annotations

import copy
from collections.abc import Callable

import igl
import numpy as np
import pytest
import trimesh

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.object_model.fused_volume import MOST_VOXELS_A_SIDE, FusedVolume
from hand_object_recon.object_model.integration_kernels import MOST_WEIGHT
from hand_object_recon.object_model.object_view import ObjectView, ViewLabel, object_view

PosedView = Callable[..., ObjectView]

CAMERA = CameraIntrinsics(width=120, height=120, fx=600.0, fy=600.0, cx=60.0, cy=60.0)
MIDDLE_M = np.array([0.0, 0.0, 0.45])
RADIUS_M = 0.03


def clean_view(
    middle_m: np.ndarray = MIDDLE_M,
    radius_m: float = RADIUS_M,
    occluded_rows: int = 0,
    hand_m: tuple[np.ndarray, np.ndarray] | None = None,
) -> ObjectView:
    """A ball before a wall at 0.8 m without noise, a flat occluder over the first rows."""
    rows, columns = np.mgrid[: CAMERA.height, : CAMERA.width]
    x, y = (columns - CAMERA.cx) / CAMERA.fx, (rows - CAMERA.cy) / CAMERA.fy
    lines = np.stack([x, y, np.ones_like(x)], axis=-1)
    lengths, half = (lines**2).sum(axis=-1), lines @ middle_m
    squared = half**2 - lengths * (middle_m @ middle_m - radius_m**2)
    is_ball = squared > 0.0
    depth = np.where(is_ball, (half - np.sqrt(np.maximum(squared, 0.0))) / lengths, 0.8)
    label = np.where(is_ball, ViewLabel.OBJECT, ViewLabel.FREE).astype(np.uint8)
    depth[:occluded_rows], label[:occluded_rows] = 0.35, ViewLabel.OCCLUDER
    rgb = np.full((*depth.shape, 3), (200, 100, 50), dtype=np.uint8)
    return object_view(depth.astype(np.float32), label, rgb, CAMERA, hand_m=hand_m)


def centered() -> np.ndarray:
    """Camera from a frame in the middle of the ball."""
    pose = np.eye(4)
    pose[:3, 3] = MIDDLE_M
    return pose


def fused(*views: ObjectView) -> FusedVolume:
    volume = FusedVolume()
    for view in views:
        volume.integrate(view, centered())
    return volume


def voxel_places(volume: FusedVolume) -> np.ndarray:
    """(nx, ny, nz, 3) in the object's frame."""
    numbers = np.stack(np.meshgrid(*map(np.arange, volume.distance.shape), indexing="ij"), axis=-1)
    return volume.origin_m + numbers * volume.voxel_m


def pixels_of(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the pixel each place of the object's frame is seen in."""
    x, y, z = np.moveaxis(places + MIDDLE_M, -1, 0)
    columns = np.floor(CAMERA.fx * x / z + CAMERA.cx + 0.5).astype(int)
    rows = np.floor(CAMERA.fy * y / z + CAMERA.cy + 0.5).astype(int)
    return rows, columns


def test_voxels_before_and_at_the_seen_surface_have_their_distance_to_it() -> None:
    volume = fused(clean_view())
    places = voxel_places(volume)
    truth = np.linalg.norm(places, axis=-1) - RADIUS_M
    is_before = (places[..., 2] < 0.0) & (np.linalg.norm(places[..., :2], axis=-1) < 0.7 * RADIUS_M)
    near = is_before & (np.abs(truth) < 0.4 * volume.truncation_m)
    assert near.sum() > 500
    np.testing.assert_allclose(volume.distance[near], truth[near], atol=8e-4)


def test_a_voxel_by_voxel_look_at_the_labels_says_the_same_of_what_is_observed() -> None:
    view = clean_view(occluded_rows=50)
    volume = fused(view)
    places = voxel_places(volume)
    rows, columns = pixels_of(places)
    stride = 2  # the volume reads blocks of pixels, so rims may differ
    inner = (rows % 10 > stride) & (rows >= 0) & (columns >= 0) & (rows < 120) & (columns < 120)
    wrong = 0
    for number in np.argwhere(inner)[::7]:
        place, row, column = tuple(number), rows[tuple(number)], columns[tuple(number)]
        depth, z = view.depth_m[row, column], places[place][2] + MIDDLE_M[2]
        around = view.label[max(row - 3, 0) : row + 4, max(column - 3, 0) : column + 4]
        if (around != view.label[row, column]).any():
            continue
        is_known = volume.weight[place] > 0
        if view.label[row, column] == ViewLabel.OCCLUDER:
            wrong += is_known != (z < depth - 0.004)
        elif view.label[row, column] == ViewLabel.FREE:
            wrong += not is_known or not volume.distance[place] > 0.0
        elif z < depth - volume.truncation_m:
            wrong += not volume.distance[place] > 0.0
        elif z > depth + volume.truncation_m + volume.voxel_m:
            wrong += is_known
    assert wrong == 0


def test_an_occluder_hides_what_is_behind_it() -> None:
    whole, hidden = fused(clean_view()), fused(clean_view(occluded_rows=60))
    upper = voxel_places(hidden)[..., 1] < -0.005
    assert np.isnan(hidden.distance[upper & (np.abs(hidden.distance) < 0.001)]).all()
    assert len(hidden.seen_surface().points_m) < 0.65 * len(whole.seen_surface().points_m)


def test_space_not_observed_is_not_known() -> None:
    volume = fused(clean_view())
    assert np.array_equal(np.isnan(volume.distance), volume.weight == 0.0)
    behind = np.abs(voxel_places(volume)).max(axis=-1) < 0.008
    assert np.isnan(volume.distance[behind]).all()


def test_the_seen_surface_has_the_colour_of_its_pixels() -> None:
    volume = fused(clean_view(), clean_view())
    painted = np.isfinite(volume.texture)
    assert painted.sum() > 500
    np.testing.assert_allclose(volume.color[painted], [[200, 100, 50]] * painted.sum(), atol=1e-3)
    grey = 0.299 * 200 + 0.587 * 100 + 0.114 * 50
    np.testing.assert_allclose(volume.texture[painted], grey, atol=1e-3)


def test_a_wrong_early_piece_goes_when_later_views_contradict_it() -> None:
    larger = clean_view(radius_m=0.04)
    volume = fused(*[larger] * 10, *[clean_view()] * 60)
    radii = np.linalg.norm(volume.seen_surface().points_m, axis=1)
    np.testing.assert_allclose(np.median(radii), RADIUS_M, atol=1e-3)
    assert np.mean(radii > 0.036) < 0.02


def test_weights_are_capped() -> None:
    volume = fused(*[clean_view()] * 40)
    assert volume.weight.max() == MOST_WEIGHT


def test_the_object_is_kept_out_of_a_hand_that_is_known() -> None:
    near = np.full((CAMERA.height, CAMERA.width), np.nan, dtype=np.float32)
    far = near.copy()
    near[40:80, 40:80], far[40:80, 40:80] = 0.46, 0.49
    volume = fused(clean_view(hand_m=(near, far)))
    places = voxel_places(volume)
    z = places[..., 2] + MIDDLE_M[2]
    in_hand = (np.abs(places[..., :2]).max(axis=-1) < 0.008) & (z > 0.467) & (z < 0.483)
    assert in_hand.sum() > 50
    assert (volume.distance[in_hand] > 0.0).all()
    assert np.isnan(fused(clean_view()).distance[in_hand]).all()


def test_the_volume_grows_with_what_is_seen_and_keeps_what_it_knew() -> None:
    volume = fused(clean_view(occluded_rows=75))
    before, places = volume.distance.copy(), voxel_places(volume)
    first = volume.origin_m
    volume.integrate(clean_view(), centered())
    assert (volume.origin_m <= first + 1e-9).all()
    assert volume.distance.size > before.size
    number = np.argwhere(before == volume.truncation_m)[0]
    moved = np.rint((places[tuple(number)] - volume.origin_m) / volume.voxel_m).astype(int)
    assert volume.distance[tuple(moved)] == np.float32(volume.truncation_m)


def test_a_view_of_next_to_nothing_is_passed_over() -> None:
    volume = fused(clean_view(radius_m=0.003))
    assert volume.view_count == 0
    volume.integrate(clean_view(), centered())
    assert volume.view_count == 1
    assert len(volume.seen_surface().points_m) > 100


def test_the_volume_never_outgrows_its_largest_size() -> None:
    volume = FusedVolume(voxel_m=0.002, max_size_m=0.05)
    for shift in np.linspace(0.0, 0.1, 12):
        pose = centered()
        pose[0, 3] += shift
        volume.integrate(clean_view(), pose)
    extent = np.array(volume.distance.shape) * volume.voxel_m
    assert (extent <= 0.05 + 14 * volume.voxel_m).all()


def test_voxels_are_coarser_for_objects_that_would_need_too_many() -> None:
    assert FusedVolume(voxel_m=0.001, max_size_m=1.0).voxel_m == 1.0 / MOST_VOXELS_A_SIDE


def test_the_same_views_give_the_same_bytes() -> None:
    volumes = [fused(clean_view(), clean_view(occluded_rows=40)) for _ in range(2)]
    for name in ("distance", "weight", "color", "texture"):
        first, second = (getattr(volume, name) for volume in volumes)
        assert first.tobytes() == second.tobytes(), name


def test_a_copy_stays_as_it_was_when_the_volume_goes_on() -> None:
    volume = fused(clean_view())
    copied, before = volume.copy(), copy.deepcopy(volume.distance)
    volume.integrate(clean_view(radius_m=0.035), centered())
    np.testing.assert_array_equal(copied.distance, before)
    assert not np.array_equal(volume.distance, before, equal_nan=True)


def test_a_noisy_turn_leaves_half_a_millimetre(view_of: PosedView) -> None:
    box = trimesh.creation.box((0.06, 0.045, 0.035))
    volume = FusedVolume()
    for step in range(12):
        pose = trimesh.transformations.rotation_matrix(np.radians(8.0 * step), (0.1, 1.0, 0.2))
        pose[:3, 3] = (0.004, -0.003, 0.45)
        volume.integrate(view_of(box, pose, seed=step), pose)
    points = volume.seen_surface().points_m
    squared, _, _ = igl.point_mesh_squared_distance(
        points.astype(np.float64), np.asarray(box.vertices), np.asarray(box.faces)
    )
    distances = np.sqrt(squared)
    assert len(points) > 600
    assert np.median(distances) < 5e-4
    assert np.percentile(distances, 95) < 2e-3


def test_a_pose_that_is_not_rigid_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="camera_from_object"):
        FusedVolume().integrate(clean_view(), np.diag([1.0, 1.0, 2.0, 1.0]))
