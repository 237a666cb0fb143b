"""Fingers close joint by joint until they touch, as a blind hand does around a thing."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from hand_object_recon.core.keypoints import FINGER_NAMES
from hand_object_recon.hand_model.conventions import finger_joints
from hand_object_recon.synthesis.grasping.grasp_objects import GraspObjects
from hand_object_recon.synthesis.grasping.grasp_types import GraspStyle
from hand_object_recon.synthesis.grasping.hands import Hands, joint_limits_rad, placed
from hand_object_recon.synthesis.grasping.placement import HandRange, Placement
from hand_object_recon.synthesis.grasping.self_contact import SelfContact

_STEPS: Final = 22
_MOST_CLOSURE: Final = 1.05
_TOUCH_M: Final = 0.0
_MEETS_HAND_M: Final = 0.001
_AHEAD: Final = 0.12
_JOINTS: Final = torch.tensor([[joint - 1 for joint in finger_joints(f)] for f in FINGER_NAMES])


def close_fingers(
    objects: GraspObjects,
    numbers: Tensor,
    hands: Hands,
    contact: SelfContact,
    hand_range: HandRange,
    placement: Placement,
    style: GraspStyle,
) -> Tensor:
    """(B, 15, 3) angles of the hands closed in place; no gradient.

    A joint stops when its own segment or one further out would go into the object or into
    another finger. A finger that meets nothing stays with its neighbours instead of folding up.
    """
    working = torch.tensor(style.working, device=numbers.device)
    closure = placement.closure[:, None, None].expand(-1, 5, 3).clone()
    stopped = ~working[:, None].expand_as(closure)
    with torch.no_grad():
        for _ in range(_STEPS):
            step = torch.where(stopped, 0.0, _MOST_CLOSURE / _STEPS)
            trial = (closure + step).clamp_max(_MOST_CLOSURE)
            touches = _touching_segments(
                objects, numbers, hands, contact, _angles(hand_range, trial), placement
            )
            touches &= ~stopped
            is_blamed = touches.flip(-1).cummax(dim=-1).values.flip(-1)
            closure = torch.where(is_blamed, closure, trial)
            stopped = stopped | is_blamed
        return _angles(hand_range, _with_neighbours(closure, stopped, working))


def _touching_segments(
    objects: GraspObjects,
    numbers: Tensor,
    hands: Hands,
    contact: SelfContact,
    angles: Tensor,
    placement: Placement,
) -> Tensor:
    """(B, 5, 3) whether each finger's segment is in the object or in another finger."""
    local = hands.posed(angles)
    skin = placed(local.vertices_m, placement.rotation, placement.wrist_m)
    distance = objects.field.distance_m(skin, numbers)
    in_object = [
        torch.stack([distance[:, segment].amin(dim=1) for segment in finger], dim=1)
        for finger in hands.zones.segments
    ]
    meets_hand = contact.depth_of_fingers_m(local) > _MEETS_HAND_M
    touches = torch.stack(in_object, dim=1) < _TOUCH_M
    touches[..., 2] |= meets_hand
    return touches


def _with_neighbours(closure: Tensor, stopped: Tensor, working: Tensor) -> Tensor:
    """A finger that met nothing is hardly further closed than the others on the mean."""
    met = stopped.any(dim=2) & working
    met[:, 0] = False
    count = met.sum(dim=1, keepdim=True)
    mean = (closure.mean(dim=2) * met).sum(dim=1, keepdim=True) / count.clamp_min(1)
    most = torch.where(count > 0, mean + _AHEAD, _MOST_CLOSURE)[..., None]
    is_free = (working & ~stopped.any(dim=2))[..., None]
    return torch.where(is_free, torch.minimum(closure, most), closure)


def _angles(hand_range: HandRange, closure: Tensor) -> Tensor:
    """(B, 15, 3) angles at (B, 5, 3) closures, within the joint limits."""
    of_joints = torch.empty_like(closure.flatten(1))
    of_joints[:, _JOINTS.flatten().to(closure.device)] = closure.flatten(1)
    low, high = joint_limits_rad(closure.device)
    return hand_range.at(of_joints[..., None]).clamp(low, high)
