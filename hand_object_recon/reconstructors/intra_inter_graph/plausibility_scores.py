"""How plausible hands are before and after the refinement, which is bound to no hand model."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.plausibility import (
    bent_angles_rad,
    edge_spread,
    limit_excess_rad,
    self_penetration_m,
)
from hand_object_recon.reconstructors.intra_inter_graph.prediction import Prediction


def plausibility_scores(found: Prediction, model: HandModel) -> dict[str, Tensor]:
    """(B,) scores of the right hands' meshes; none of the refined ones without a refinement.

    initial_self_penetration_mm, refined_self_penetration_mm
        How deep the hand is inside itself.
    initial_beyond_limits_deg, refined_beyond_limits_deg
        How far the joint that is bent too far most is beyond its limit.
    initial_edge_spread_percent, refined_edge_spread_percent
        How unevenly the mesh is stretched against the model at rest in the answered shape.

    Raises
    ------
    DependencyError
        libigl is not installed.
    """
    shape = found.shape.double().cpu().numpy()
    hands = {"initial": found.initial, "refined": found.refined}
    scores: dict[str, NDArray[np.floating[Any]]] = {}
    for stage, hand in hands.items():
        if hand is None:
            continue
        vertices_m = hand.vertices_m.double().cpu().numpy()
        deepest_m = [self_penetration_m(model, mesh) for mesh in vertices_m]
        excess_rad = limit_excess_rad(model, bent_angles_rad(model, vertices_m, shape))
        scores[f"{stage}_self_penetration_mm"] = 1e3 * np.array(deepest_m)
        scores[f"{stage}_beyond_limits_deg"] = np.degrees(excess_rad)
        scores[f"{stage}_edge_spread_percent"] = 100.0 * edge_spread(model, vertices_m, shape)
    return {name: torch.from_numpy(values) for name, values in scores.items()}
