"""What a finished grasp is measured by, and why it is rejected."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

import torch
from torch import Tensor

from hand_object_recon.synthesis.grasping.grasp_objects import GraspObjects
from hand_object_recon.synthesis.grasping.grasp_types import GraspStyle, GraspType
from hand_object_recon.synthesis.grasping.hands import Hands, placed
from hand_object_recon.synthesis.grasping.refinement import HeldPose
from hand_object_recon.synthesis.grasping.self_contact import SelfContact

TOUCH_M: Final = 0.0015
MOST_PENETRATION_M: Final = 0.0035
MOST_SELF_PENETRATION_M: Final = 0.002
_LEAST_HOOK_RAD: Final = 0.6
_MOST_COSINE: Final = -0.25
_PAD_MOST_COSINE: Final = -0.6
_PIP_JOINTS: Final = (1, 4, 7, 10)


class Rejection(str, Enum):
    """Why a grasp was rejected, in the order in which it is asked."""

    NO_PLACE = "the object has no place for it"
    TOO_DEEP = "skin lies too deep in the object"
    SELF_PENETRATION = "the hand overlaps itself"
    TOO_FEW_FINGERS = "too few fingers touch"
    NO_PALM = "the palm does not touch"
    NOT_OPPOSED = "nothing holds against the fingers"
    NOT_HOOKED = "the fingers are not hooked"
    NO_WAY_IN = "the opened hand cannot come to it"

    def __str__(self) -> str:
        return self.value


class GraspMeasures(NamedTuple):
    """is_touching (B, 5) and palm_touches (B,); penetration_m and self_penetration_m (B,) at
    most; cosine (B,) between the two contacts' normals that oppose each other most; hook_rad
    (B,) mean flexion of the fingers' middle joints."""

    is_touching: Tensor
    palm_touches: Tensor
    penetration_m: Tensor
    self_penetration_m: Tensor
    cosine: Tensor
    hook_rad: Tensor


def measure(
    objects: GraspObjects, numbers: Tensor, hands: Hands, contact: SelfContact, held: HeldPose
) -> GraspMeasures:
    """Measure grasps with the objects' distance fields."""
    with torch.no_grad():
        local = hands.posed(held.angles)
        skin = placed(local.vertices_m, held.rotation, held.wrist_m)
        distance = objects.field.distance_m(skin, numbers)
        in_bones = contact.depths_in_object_m(
            local, held.rotation, held.wrist_m, objects.field, numbers
        )
        depths = torch.cat([-distance, in_bones], dim=1)
        zones = (*(torch.cat(finger) for finger in _touching_zones(hands)), hands.zones.palm)
        nearest = [distance[:, zone].min(dim=1) for zone in zones]
        touching = torch.stack([near.values < TOUCH_M for near in nearest], dim=1)
        places = torch.stack(
            [zone[near.indices] for zone, near in zip(zones, nearest, strict=True)], dim=1
        )
        points = skin.gather(1, places[..., None].expand(-1, -1, 3))
        normals = objects.field.gradient(points, numbers)
        cosines = normals @ normals.transpose(1, 2)
        both = touching[:, :, None] & touching[:, None]
        return GraspMeasures(
            is_touching=touching[:, :5],
            palm_touches=touching[:, 5],
            penetration_m=depths.clamp_min(0.0).amax(dim=1),
            self_penetration_m=contact.depths_m(local).clamp_min(0.0).amax(dim=1),
            cosine=torch.where(both, cosines, 1.0).amin(dim=(1, 2)),
            hook_rad=held.angles[:, list(_PIP_JOINTS), 0].mean(dim=1),
        )


def judge(
    measures: GraspMeasures,
    has_way_in: Tensor,
    grasp_type: GraspType,
    style: GraspStyle,
) -> list[Rejection | None]:
    """The first reason to reject each grasp that has a place, or None."""
    required = torch.tensor(style.required, device=has_way_in.device)
    is_short = (measures.is_touching.sum(dim=1) < style.least_touching) | (
        required & ~measures.is_touching
    ).any(dim=1)
    most_cosine = _PAD_MOST_COSINE if style.by_pads else _MOST_COSINE
    is_closed_around = grasp_type not in (GraspType.SUPPORT, GraspType.HOOK)
    is_unhooked = measures.hook_rad < _LEAST_HOOK_RAD
    reasons = {
        Rejection.TOO_DEEP: measures.penetration_m > MOST_PENETRATION_M,
        Rejection.SELF_PENETRATION: measures.self_penetration_m > MOST_SELF_PENETRATION_M,
        Rejection.TOO_FEW_FINGERS: is_short,
        Rejection.NO_PALM: ~measures.palm_touches & style.needs_palm,
        Rejection.NOT_OPPOSED: (measures.cosine > most_cosine) & is_closed_around,
        Rejection.NOT_HOOKED: is_unhooked & (grasp_type is GraspType.HOOK),
        Rejection.NO_WAY_IN: ~has_way_in,
    }
    table = torch.stack(list(reasons.values()), dim=1).tolist()
    return [
        next((reason for reason, holds in zip(reasons, row, strict=True) if holds), None)
        for row in table
    ]


def _touching_zones(hands: Hands) -> list[tuple[Tensor, ...]]:
    """Of each finger all its skin, of the thumb its last two segments."""
    thumb, *others = hands.zones.segments
    return [thumb[1:], *others]
