"""How plausible the mesh of a hand is by itself; no truth is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hand_object_recon.core.validation import require_array
from hand_object_recon.evaluation.metrics.metric_value import (
    FloatArray,
    MetricValue,
    summarise_found,
)
from hand_object_recon.hand_model import plausibility
from hand_object_recon.hand_model.model import HandModel

Hands = Sequence[FloatArray | None]
"""(V, 3) vertices in metres of each sample's hand, None where it is missing."""

_MM_PER_M = 1000.0
_PERCENT = 100.0


def self_penetration(hands: Hands, model: HandModel) -> MetricValue:
    """Depth of the deepest vertex inside another part of its own hand, 0 if none is, mm.

    Parts are the palm and the five fingers; ``hand_model.plausibility.self_penetration_m`` says
    which vertices count where.

    Raises
    ------
    DependencyError
        libigl is not installed.
    """
    return _of_each(
        hands, model, "mm", lambda mesh: _MM_PER_M * plausibility.self_penetration_m(model, mesh)
    )


def joint_limit_excess(hands: Hands, model: HandModel) -> MetricValue:
    """How far the joint that is bent too far most is beyond the hand model's limit, degrees.

    Of the mesh itself, each bone turned as the vertices that follow it, so that it also holds for
    meshes that no pose of the model gives.
    """

    def excess_deg(mesh: FloatArray) -> float:
        angles = plausibility.bent_angles_rad(model, mesh[None])
        return float(np.degrees(plausibility.limit_excess_rad(model, angles)[0]))

    return _of_each(hands, model, "°", excess_deg)


def edge_length_spread(hands: Hands, model: HandModel) -> MetricValue:
    """How unevenly the mesh is stretched: the standard deviation, over its edges, of their length
    over that of the model's template, % of the mean.

    Size does not count. A hand model's own poses have some, too, where skin is stretched over
    joints.
    """
    return _of_each(
        hands,
        model,
        "%",
        lambda mesh: _PERCENT * float(plausibility.edge_spread(model, mesh[None])[0]),
    )


def _of_each(
    hands: Hands, model: HandModel, unit: str, measure: Callable[[FloatArray], float]
) -> MetricValue:
    found: list[float | None] = []
    for hand in hands:
        if hand is None:
            found.append(None)
            continue
        shape = (len(model.v_template), 3)
        mesh = require_array("hand vertices", hand, shape, np.float64)
        found.append(measure(mesh) if np.isfinite(mesh).all() else np.nan)
    return summarise_found(found, unit)
