"""The closed surface of a placed hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.watertight import close_wrist
from hand_object_recon.synthesis.grasping.grasp import PlacedHand
from hand_object_recon.synthesis.grasping.hands import MODEL_NAME

Mesh = tuple[NDArray[np.floating[Any]], NDArray[np.int32]]


def hand_mesh(hand: PlacedHand) -> Mesh:
    """Vertices (V, 3) in metres and faces of a placed hand, closed at the wrist."""
    model = load_hand_model(MODEL_NAME, hand.side)
    posed = pose_hand(model, hand.pose_rad, hand.shape, hand.translation_m)
    closed = close_wrist(model)
    return closed.vertices(posed.vertices_m), closed.faces
