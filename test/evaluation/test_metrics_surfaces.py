"""Chamfer distances, F-scores of surfaces and the alignment before them."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.evaluation.metrics.nearest_samples import nearest_samples
from hand_object_recon.evaluation.metrics.scale_translation_fit import fit_scale_translation
from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh, sample_surface
from hand_object_recon.evaluation.metrics.surface_scores import (
    GSDF_OBJECT_THRESHOLDS_M,
    chamfer_chen,
    chamfer_gsdf,
    chamfer_obman,
    surface_f_scores,
)

RANDOM = np.random.default_rng(14)
TRUTHS = [RANDOM.normal(0.0, 0.05, (60, 3)) for _ in range(5)]
ESTIMATES = [RANDOM.normal(0.0, 0.05, (70, 3)) for _ in range(5)]


def brute_force(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, None] - others[None], axis=2).min(axis=1)


def loop_sums_m2() -> np.ndarray:
    return np.array(
        [
            (brute_force(e, t) ** 2).mean() + (brute_force(t, e) ** 2).mean()
            for e, t in zip(ESTIMATES, TRUTHS, strict=True)
        ]
    )


def ball(radius: float = 0.05) -> SurfaceMesh:
    made = trimesh.creation.icosphere(subdivisions=4, radius=radius)
    return SurfaceMesh(made.vertices, made.faces)


def test_the_forms_of_chamfer_differ_by_half_by_unit_and_by_statistic() -> None:
    found = nearest_samples(ESTIMATES, TRUTHS)
    sums = loop_sums_m2()

    assert chamfer_obman(found).value == pytest.approx(1e6 * sums.mean())
    assert chamfer_chen(found).value == pytest.approx(0.5e6 * sums.mean())
    assert chamfer_gsdf(found).value == pytest.approx(1e4 * np.median(sums))
    assert [f(found).unit for f in (chamfer_obman, chamfer_chen, chamfer_gsdf)] == [
        "mm²",
        "mm²",
        "cm²",
    ]


def test_concentric_spheres_are_as_far_apart_as_their_radii() -> None:
    inner, outer = (sample_surface(ball(radius), 30_000, RANDOM) for radius in (0.050, 0.053))
    found = nearest_samples([inner], [outer])

    assert chamfer_chen(found).value == pytest.approx(9.0, rel=0.05)
    scores = surface_f_scores(found, (0.002, 0.004))
    assert [score.value for score in scores.values()] == [0.0, 1.0]


def test_f_scores_of_surfaces_agree_with_all_pairs() -> None:
    found = surface_f_scores(nearest_samples(ESTIMATES, TRUTHS), GSDF_OBJECT_THRESHOLDS_M)
    for threshold, score in found.items():
        expected = []
        for estimate, truth in zip(ESTIMATES, TRUTHS, strict=True):
            precision = (brute_force(estimate, truth) < threshold).mean()
            recall = (brute_force(truth, estimate) < threshold).mean()
            total = precision + recall
            expected.append(2 * precision * recall / total if total > 0 else 0.0)
        np.testing.assert_allclose(score.per_sample, expected, rtol=1e-12)


def test_a_sample_without_a_mesh_is_counted_not_skipped() -> None:
    broken = ESTIMATES[2].copy()
    broken[0, 0] = np.nan
    found = nearest_samples([None, ESTIMATES[1], broken, *ESTIMATES[3:]], TRUTHS)
    for metric in (chamfer_gsdf(found), *surface_f_scores(found, (0.01,)).values()):
        assert (metric.count_used, metric.count_missing, metric.count_invalid) == (3, 1, 1)
        assert np.flatnonzero(np.isnan(metric.per_sample)).tolist() == [0, 2]


def test_no_samples_at_all_have_no_figure() -> None:
    assert chamfer_obman([]).value is None
    assert chamfer_gsdf([None]).count_missing == 1


def test_lists_of_other_lengths_and_empty_sets_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="5 estimates for 4 truths"):
        nearest_samples(ESTIMATES, TRUTHS[:4])
    with pytest.raises(InvalidValueError, match="0 estimated and 60 true samples"):
        nearest_samples([np.empty((0, 3))], TRUTHS[:1])


def test_samples_lie_on_the_surface_and_spread_by_area() -> None:
    box = trimesh.creation.box(extents=(0.1, 0.2, 0.4))
    points = sample_surface(SurfaceMesh(box.vertices, box.faces), 40_000, RANDOM)
    on_side = np.isclose(np.abs(points), [0.05, 0.1, 0.2], atol=1e-12)

    assert on_side.any(axis=1).all()
    assert on_side.sum(axis=1).max() == 1
    areas = np.array([0.2 * 0.4, 0.1 * 0.4, 0.1 * 0.2])
    np.testing.assert_allclose(on_side.mean(axis=0), areas / areas.sum(), atol=0.01)
    np.testing.assert_allclose(points.mean(axis=0), 0.0, atol=0.003)


def test_samples_of_a_seed_are_the_same_each_time() -> None:
    first, second = (sample_surface(ball(), 10, np.random.default_rng(1)) for _ in range(2))

    np.testing.assert_array_equal(first, second)


def test_a_mesh_without_faces_or_area_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="0 faces"):
        SurfaceMesh(np.zeros((3, 3)), np.zeros((0, 3), dtype=np.int32))
    with pytest.raises(InvalidValueError, match="area 0"):
        sample_surface(SurfaceMesh(np.zeros((3, 3)), np.array([[0, 1, 2]])), 5, RANDOM)


def test_the_alignment_finds_scale_and_shift_of_another_sampling() -> None:
    bone = trimesh.creation.capsule(height=0.1, radius=0.02)
    mesh = SurfaceMesh(bone.vertices, bone.faces)
    source = sample_surface(mesh, 5000, np.random.default_rng(1))
    target = 1.25 * sample_surface(mesh, 5000, np.random.default_rng(2)) + [0.03, -0.02, 0.4]
    found = fit_scale_translation(source, target)

    assert found.scale == pytest.approx(1.25, rel=0.01)
    np.testing.assert_allclose(found.translation_m, [0.03, -0.02, 0.4], atol=1e-3)


def test_the_alignment_corrects_what_equal_centroids_get_wrong() -> None:
    """A third of the source is denser on one side, so its centroid is not the shape's."""
    points = sample_surface(ball(), 6000, np.random.default_rng(3))
    uneven = np.concatenate([points, points[points[:, 0] > 0.02]])
    found = fit_scale_translation(uneven, points + 0.3)

    start_error = np.linalg.norm(uneven.mean(axis=0) - points.mean(axis=0))
    assert start_error > 0.008
    np.testing.assert_allclose(found.translation_m, 0.3, atol=0.5 * start_error)


def test_the_alignment_does_not_turn() -> None:
    points = sample_surface(ball(), 500, RANDOM) * [1.0, 2.0, 1.0]
    found = fit_scale_translation(points, points)

    np.testing.assert_allclose(found.apply(points), points, atol=1e-12)


def test_samples_in_one_point_cannot_be_aligned() -> None:
    with pytest.raises(InvalidValueError, match="all in one point"):
        fit_scale_translation(np.zeros((5, 3)), TRUTHS[0])
