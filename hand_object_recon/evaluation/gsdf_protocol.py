"""Grasps scored as gSDF's paper scores them: the true wrist is told, the hand is fitted.

Chen et al., CVPR 2023, section 4.2: squared Chamfer distances of 30,000 samples of each surface
(median over grasps, cm2), F-scores of the hand at 1 and 5 mm and of the object at 5 and 10 mm, mean
errors of joints and of the object's centre. Their evaluation scales and shifts the found hand onto
the true one, and moves the object with it; here it is told without that, too. They leave out
grasps without a mesh; here those are counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from hand_object_recon.evaluation.metrics.metric_value import (
    FloatArray,
    MetricValue,
    summarise_found,
)
from hand_object_recon.evaluation.metrics.nearest_samples import NearestSamples, nearest_samples
from hand_object_recon.evaluation.metrics.scale_translation_fit import fit_scale_translation
from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh, sample_surface
from hand_object_recon.evaluation.metrics.surface_scores import (
    GSDF_HAND_THRESHOLDS_M,
    GSDF_OBJECT_THRESHOLDS_M,
    GSDF_SAMPLES,
    chamfer_gsdf,
    surface_f_scores,
)

_MM_PER_M: Final = 1e3


class Grasp(NamedTuple):
    """A hand and what it holds, in metres about the true wrist; None for a missing mesh.

    joints_m
        (21, 3).
    center_m
        (3,) the mean of the object's surface.
    """

    joints_m: FloatArray
    center_m: FloatArray
    hand: SurfaceMesh | None
    held: SurfaceMesh | None


class TrueAndFound(NamedTuple):
    """The meshes of ``true`` are there."""

    true: Grasp
    found: Grasp


@dataclass(frozen=True)
class GraspScores:
    """Scores of surfaces as they were found and with the hand fitted, by name; errors of points."""

    as_found: Mapping[str, MetricValue]
    fitted: Mapping[str, MetricValue]
    points: Mapping[str, MetricValue]


def grasp_scores(grasps: Iterable[TrueAndFound], seed: int = 0) -> GraspScores:
    """The scores over all grasps; ``seed`` is that of the samples of surfaces."""
    random = np.random.default_rng(seed)
    pairs = _Pairs([], [], [], [])
    joints_mm, centers_mm = [], []
    for true, found in grasps:
        _compare(true, found, pairs, random)
        joints_mm.append(_mean_gap_mm(found.joints_m, true.joints_m))
        centers_mm.append(_mean_gap_mm(found.center_m[None], true.center_m[None]))
    return GraspScores(
        as_found=_surface_scores(pairs.hands, pairs.held),
        fitted=_surface_scores(pairs.fitted_hands, pairs.fitted_held),
        points={
            "joints": summarise_found(joints_mm, "mm"),
            "object's centre": summarise_found(centers_mm, "mm"),
        },
    )


class _Pairs(NamedTuple):
    """Distances between surfaces, an entry a grasp."""

    hands: list[NearestSamples | None]
    held: list[NearestSamples | None]
    fitted_hands: list[NearestSamples | None]
    fitted_held: list[NearestSamples | None]


def _compare(true: Grasp, found: Grasp, pairs: _Pairs, random: np.random.Generator) -> None:
    true_hand, true_held = _samples(true.hand, random), _samples(true.held, random)
    assert true_hand is not None
    assert true_held is not None
    hand, held = _samples(found.hand, random), _samples(found.held, random)
    pairs.hands.extend(nearest_samples([hand], [true_hand]))
    pairs.held.extend(nearest_samples([held], [true_held]))
    if hand is None:  # nothing tells how the object is to be moved
        pairs.fitted_hands.append(None)
        pairs.fitted_held.append(None)
        return
    fit = fit_scale_translation(hand, true_hand)
    pairs.fitted_hands.extend(nearest_samples([fit.apply(hand)], [true_hand]))
    moved = None if held is None else fit.apply(held)
    pairs.fitted_held.extend(nearest_samples([moved], [true_held]))


def _samples(mesh: SurfaceMesh | None, random: np.random.Generator) -> FloatArray | None:
    return None if mesh is None else sample_surface(mesh, GSDF_SAMPLES, random)


def _surface_scores(
    hands: list[NearestSamples | None], held: list[NearestSamples | None]
) -> dict[str, MetricValue]:
    of_hands = surface_f_scores(hands, GSDF_HAND_THRESHOLDS_M)
    of_held = surface_f_scores(held, GSDF_OBJECT_THRESHOLDS_M)
    return {
        "hand Chamfer": chamfer_gsdf(hands),
        **{f"hand F@{_MM_PER_M * limit:g}": value for limit, value in of_hands.items()},
        "object Chamfer": chamfer_gsdf(held),
        **{f"object F@{_MM_PER_M * limit:g}": value for limit, value in of_held.items()},
    }


def _mean_gap_mm(found_m: FloatArray, true_m: FloatArray) -> float:
    return float(_MM_PER_M * np.linalg.norm(found_m - true_m, axis=1).mean())
