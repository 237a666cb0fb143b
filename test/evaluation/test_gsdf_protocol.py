"""Grasps are scored as gSDF's paper scores them, checked on balls whose distances are known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import trimesh

from hand_object_recon.evaluation.gsdf_protocol import (
    Grasp,
    GraspScores,
    TrueAndFound,
    grasp_scores,
)
from hand_object_recon.evaluation.metrics.metric_value import MetricValue
from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh

CM2 = 1e4


def ball(radius_m: float, center_m: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> SurfaceMesh:
    mesh = trimesh.creation.icosphere(4, radius_m)
    return SurfaceMesh(mesh.vertices + center_m, mesh.faces)


JOINTS_M = np.linspace(0.0, 0.1, 63).reshape(21, 3)
TRUE = Grasp(JOINTS_M, np.array([0.1, 0.0, 0.0]), ball(0.05), ball(0.03, (0.1, 0.0, 0.0)))


def figure(scores: Mapping[str, MetricValue], name: str) -> float:
    value = scores[name].value
    assert value is not None
    return value


def scores_of(*found: Grasp) -> GraspScores:
    return grasp_scores([TrueAndFound(TRUE, one) for one in found])


def test_the_truth_scores_as_well_as_samples_allow() -> None:
    scores = scores_of(TRUE)
    for group in (scores.as_found, scores.fitted):
        assert figure(group, "hand Chamfer") == pytest.approx(0.0, abs=0.01)
        for name in ("hand F@5", "object F@5", "object F@10"):
            assert figure(group, name) == pytest.approx(1.0)
    assert figure(scores.points, "joints") == 0.0
    assert figure(scores.points, "object's centre") == 0.0


def test_a_ball_that_is_too_large_is_off_by_the_gap_squared_both_ways() -> None:
    found = TRUE._replace(hand=ball(0.057), held=ball(0.037, (0.1, 0.0, 0.0)))
    scores = scores_of(found)
    gap_m = 0.007
    for name in ("hand", "object"):
        expected = 2.0 * CM2 * gap_m**2
        assert figure(scores.as_found, f"{name} Chamfer") == pytest.approx(expected, rel=0.02)
        assert figure(scores.as_found, f"{name} F@5") == 0.0
    assert figure(scores.as_found, "object F@10") == pytest.approx(1.0)


def test_the_fit_of_the_hand_moves_the_object_with_it() -> None:
    scale, shift = 1.2, np.array([0.01, -0.02, 0.03])

    def moved(mesh: SurfaceMesh | None) -> SurfaceMesh:
        assert mesh is not None
        return SurfaceMesh(scale * mesh.vertices_m + shift, mesh.faces)

    found = TRUE._replace(hand=moved(TRUE.hand), held=moved(TRUE.held))
    scores = scores_of(found)
    assert figure(scores.as_found, "object Chamfer") > 1.0
    assert figure(scores.fitted, "hand Chamfer") < 0.03
    assert figure(scores.fitted, "object Chamfer") < 0.03
    assert figure(scores.fitted, "object F@5") > 0.95


def test_grasps_without_a_mesh_are_counted_and_chamfer_is_the_median_of_the_others() -> None:
    none = TRUE._replace(hand=None)
    larger = TRUE._replace(hand=ball(0.06))
    scores = scores_of(TRUE, larger, larger, none)
    value = scores.as_found["hand Chamfer"]
    assert (value.count_used, value.count_missing) == (3, 1)
    assert value.value == pytest.approx(2.0 * CM2 * 0.01**2, rel=0.02)
    assert scores.fitted["object Chamfer"].count_missing == 1
    assert scores.as_found["object Chamfer"].count_missing == 0


def test_points_are_off_by_their_mean_distance() -> None:
    found = TRUE._replace(joints_m=JOINTS_M + np.array([0.003, 0.004, 0.0]), center_m=np.zeros(3))
    scores = scores_of(found)
    assert figure(scores.points, "joints") == pytest.approx(5.0)
    assert figure(scores.points, "object's centre") == pytest.approx(100.0)
