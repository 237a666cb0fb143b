"""Hands that hold nothing: relaxed, open, closed, pointing, or on the way between."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.conventions import SHAPE_COUNT
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.open_hand.pose_space import (
    POSE_NAMES,
    named_pose_rad,
    to_axis_angle,
)
from hand_object_recon.synthesis.grasping.grasp import PlacedHand
from hand_object_recon.synthesis.grasping.hands import MODEL_NAME, Hands
from hand_object_recon.synthesis.grasping.judgement import MOST_SELF_PENETRATION_M
from hand_object_recon.synthesis.grasping.self_contact import SelfContact

_MOST_SHAPE: Final = 2.0
_NOISE_RAD: Final = (0.07, 0.03, 0.02)
_CALMER: Final = 0.5  # by which noise shrinks each time the hand would overlap itself

FloatArray = NDArray[np.floating[Any]]


class FreeGesture(str, Enum):
    """What an empty hand does."""

    RELAXED = "relaxed"
    OPEN = "open"
    FIST = "fist"
    POINT = "point"
    MIXED = "mixed"

    def __str__(self) -> str:
        return self.value


_POSES_OF: Final[dict[FreeGesture, tuple[str, ...]]] = {
    FreeGesture.RELAXED: ("relaxed",),
    FreeGesture.OPEN: ("flat", "together", "spread"),
    FreeGesture.FIST: ("fist",),
    FreeGesture.POINT: ("point",),
    FreeGesture.MIXED: POSE_NAMES,
}


def draw_free_pose(
    random: np.random.Generator, side: HandSide, gesture: FreeGesture | None = None
) -> PlacedHand:
    """A hand of random shape that holds nothing, its wrist at the origin, not turned.

    Two named poses of the gesture are mixed and varied within the joint limits. Left out, the
    gesture is drawn too. Where the hand would overlap itself by more than a grasp may, it is
    drawn towards one named pose, in which hands do not.
    """
    chosen = gesture or list(FreeGesture)[int(random.integers(len(FreeGesture)))]
    shape = np.clip(random.normal(size=SHAPE_COUNT), -_MOST_SHAPE, _MOST_SHAPE)
    names = random.choice(_POSES_OF[chosen], size=2)
    first, second = (named_pose_rad(str(name)) for name in names)
    aside = random.random() * (second - first) + random.normal(size=(15, 3)) * _NOISE_RAD
    model = load_hand_model(MODEL_NAME, side)
    low, high = model.joint_limits_rad[..., 0], model.joint_limits_rad[..., 1]
    hands = _one_hand(side, shape)
    contact = SelfContact(hands)
    least_m = _overlap_m(hands, contact, first)
    angles = np.clip(first + aside, low, high)
    while _overlap_m(hands, contact, angles) > max(MOST_SELF_PENETRATION_M, least_m):
        aside = _CALMER * aside
        angles = np.clip(first + aside, low, high)
    return PlacedHand(
        side=side,
        shape=shape.astype(np.float32),
        fingers_rad=to_axis_angle(angles, model.joint_axes).reshape(15, 3).astype(np.float32),
        wrist_pose=np.eye(4),
        rest_wrist_m=hands.rest_wrist_m()[0].numpy(),
    )


def _one_hand(side: HandSide, shape: FloatArray) -> Hands:
    return Hands(
        torch.tensor([side is HandSide.LEFT]), torch.tensor(shape[None], dtype=torch.float32)
    )


def _overlap_m(hands: Hands, contact: SelfContact, angles: FloatArray) -> float:
    local = hands.posed(torch.tensor(angles[None], dtype=torch.float32))
    return float(contact.depths_m(local).max())
