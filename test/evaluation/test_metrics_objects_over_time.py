"""Metrics of objects that are modelled and followed while they are turned."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.evaluation.metrics.bootstrap import bootstrap_interval
from hand_object_recon.evaluation.metrics.metric_value import Statistic, summarise
from hand_object_recon.evaluation.metrics.object_size import (
    enclosed_volume_m3,
    smallest_box_extents,
)
from hand_object_recon.evaluation.metrics.rigid_motion import motion_errors
from hand_object_recon.evaluation.metrics.seen_surface import (
    PartlySeen,
    seen_distances,
    vertex_areas,
)
from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh

BALL = trimesh.creation.icosphere(subdivisions=4, radius=0.03)
BOX = trimesh.creation.box((0.03, 0.05, 0.08))


def surface(mesh: trimesh.Trimesh) -> SurfaceMesh:
    return SurfaceMesh(np.asarray(mesh.vertices), np.asarray(mesh.faces, dtype=np.int32))


def pose(rotation: Rotation, shift_m: tuple[float, float, float]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation.as_matrix(), shift_m
    return matrix


# Size


def test_volume_and_smallest_box_agree_with_trimesh() -> None:
    random = np.random.default_rng(0)
    turn = Rotation.random(rng=random).as_matrix()
    hull = trimesh.convex.convex_hull(random.normal(size=(40, 3)) * (0.02, 0.03, 0.05))
    for mesh in (BOX, hull):
        moved = mesh.copy().apply_transform(pose(Rotation.from_matrix(turn), (0.1, 0.2, 0.6)))
        assert enclosed_volume_m3(surface(moved)) == pytest.approx(mesh.volume, rel=1e-6)
        extents = smallest_box_extents(moved.vertices)
        oracle = np.sort(moved.bounding_box_oriented.primitive.extents)[::-1]
        assert (np.diff(extents) <= 0).all()
        assert extents.prod() <= oracle.prod() * 1.001
        np.testing.assert_allclose(
            smallest_box_extents(mesh.vertices), extents, atol=1e-6, err_msg="a turn changes it"
        )
    np.testing.assert_allclose(smallest_box_extents(BOX.vertices), (0.08, 0.05, 0.03), atol=1e-9)
    np.testing.assert_allclose(smallest_box_extents(BALL.vertices), 0.06, atol=2e-4)


# Seen surface


def test_the_area_of_a_vertex_is_a_third_of_its_triangles() -> None:
    areas = vertex_areas(surface(BOX))
    expected = np.zeros(len(BOX.vertices))
    for face, area in zip(BOX.faces, BOX.area_faces, strict=True):
        for corner in face:
            expected[corner] += area / 3.0
    np.testing.assert_allclose(areas, expected, rtol=1e-9)
    assert areas.sum() == pytest.approx(BOX.area)


def test_only_the_seen_part_of_an_estimate_is_compared() -> None:
    """A ball whose unseen half is far out of shape; the seen half is 2 mm too large."""
    seen = BALL.vertices[:, 2] < -0.001
    vertices = np.where(seen[:, None], BALL.vertices * (0.032 / 0.03), BALL.vertices * 3.0)
    estimate = PartlySeen(SurfaceMesh(vertices, BALL.faces), seen)
    truth = PartlySeen(surface(BALL), BALL.vertices[:, 2] < -0.004)
    found = seen_distances(estimate, truth, np.random.default_rng(0))
    assert found is not None
    assert found.quantile_m(0.5) == pytest.approx(0.002, abs=1e-4)
    assert found.quantile_m(0.95) == pytest.approx(0.002, abs=1e-4)
    assert found.chamfer_m == pytest.approx(0.002, abs=1e-4)
    assert found.completeness(0.0015) == 0.0
    assert found.f_score(0.005) == 1.0


def test_completeness_is_the_share_of_the_visible_area_that_was_modelled() -> None:
    """The camera saw the whole ball, the estimate has the lower half of it."""
    lower = BALL.vertices[:, 2] <= 1e-9
    estimate = PartlySeen(surface(BALL), lower)
    truth = PartlySeen(surface(BALL), np.ones(len(BALL.vertices), dtype=np.bool_))
    found = seen_distances(estimate, truth, np.random.default_rng(0))
    assert found is not None
    # the band of height t above the equator of a ball holds t / 2 r of its area
    chord = 0.005
    height = 0.03 * np.sin(2.0 * np.arcsin(0.5 * chord / 0.03))
    assert found.completeness(chord) == pytest.approx(0.5 + height / 0.06, abs=0.02)
    recall = found.completeness(chord)
    assert found.f_score(chord) == pytest.approx(2.0 * recall / (1.0 + recall))
    assert found.weights.sum() == pytest.approx(1.0)


def test_where_nothing_was_seen_there_is_nothing_to_compare() -> None:
    none = PartlySeen(surface(BALL), np.zeros(len(BALL.vertices), dtype=np.bool_))
    whole = PartlySeen(surface(BALL), np.ones(len(BALL.vertices), dtype=np.bool_))
    assert seen_distances(none, whole, np.random.default_rng(0)) is None
    assert seen_distances(whole, none, np.random.default_rng(0)) is None
    with pytest.raises(InvalidValueError, match="vertex_seen"):
        PartlySeen(surface(BALL), np.ones(3, dtype=np.bool_))


# Motion


def true_motion(count: int = 6) -> np.ndarray:
    return np.array(
        [
            pose(Rotation.from_rotvec([0.2 * k, 0.1 * k, 0.0]), (0.01 * k, 0.0, 0.5))
            for k in range(count)
        ]
    )


def distance_to_box(points: np.ndarray) -> np.ndarray:
    """From points to the surface of ``BOX``."""
    beyond = np.abs(points) - np.array([0.015, 0.025, 0.04])
    outside = np.linalg.norm(np.maximum(beyond, 0.0), axis=1)
    return np.where(outside > 0, outside, -beyond.max(axis=1))


def test_another_frame_of_the_object_is_no_error() -> None:
    truth = true_motion()
    own_frame = pose(Rotation.from_rotvec([1.0, -2.0, 0.5]), (0.3, -0.1, 0.2))
    found = motion_errors(truth @ own_frame, truth, surface(BOX), BOX.vertices)
    for errors in found:
        np.testing.assert_allclose(errors, 0.0, atol=1e-7)


def test_errors_of_motion_are_those_that_were_put_in() -> None:
    truth = true_motion()
    angles = np.radians([0.0, 5.0, 10.0, 20.0, 40.0, 170.0])
    estimate = truth.copy()
    for place, angle in enumerate(angles):
        estimate[place] = truth[place] @ pose(Rotation.from_rotvec([0.0, 0.0, angle]), (0, 0, 0))
        estimate[place, :3, 3] += (0.003 * (place > 0), 0.004 * (place > 0), 0.0)
    found = motion_errors(estimate, truth, surface(BOX), BOX.vertices)
    np.testing.assert_allclose(found.rotation_rad, angles, atol=1e-7)
    np.testing.assert_allclose(found.translation_m, [0.0, *[0.005] * 5], atol=1e-9)
    last = trimesh.transform_points(BOX.vertices, np.linalg.inv(truth[-1]) @ estimate[-1])
    assert found.surface_m[-1] == pytest.approx(distance_to_box(last).mean(), abs=1e-8)


def test_a_turn_of_a_ball_is_no_error_of_its_surface() -> None:
    truth = true_motion()
    estimate = truth.copy()
    estimate[1:, :3, :3] = np.eye(3)
    points = BALL.triangles_center
    found = motion_errors(estimate, truth, surface(BALL), points)
    assert np.degrees(found.rotation_rad[-1]) > 50.0
    assert found.surface_m.max() < 1e-4


# Percentiles


def test_the_95th_percentile_and_its_interval_agree_with_numpy() -> None:
    random = np.random.default_rng(0)
    values = random.gamma(2.0, 3.0, 400)
    nobody = np.zeros(400, dtype=np.bool_)
    metric = summarise(values, "mm", nobody).over(Statistic.PERCENTILE_95)
    assert metric.value == pytest.approx(np.quantile(values, 0.95))
    interval = bootstrap_interval(metric, resamples=800)
    assert interval is not None
    drawn = [np.quantile(random.choice(values, 400), 0.95) for _ in range(800)]
    np.testing.assert_allclose(interval[:2], np.percentile(drawn, [2.5, 97.5]), rtol=0.05)
