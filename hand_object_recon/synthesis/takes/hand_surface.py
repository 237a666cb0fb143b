"""The open hand's surface and joints where a placed hand says."""

from __future__ import annotations

from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.forward import PosedHand, pose_hand
from hand_object_recon.hand_model.model import HandModel, load_hand_model
from hand_object_recon.synthesis.grasping.grasp import PlacedHand
from hand_object_recon.synthesis.grasping.hands import MODEL_NAME


def hand_model(side: HandSide) -> HandModel:
    """The model all placed hands are of."""
    return load_hand_model(MODEL_NAME, side)


def posed(hand: PlacedHand) -> PosedHand:
    """Vertices and joints in the frame the hand is given in."""
    return pose_hand(hand_model(hand.side), hand.pose_rad, hand.shape, hand.translation_m)
