"""A short optimisation after closing: pads onto the surface, skin out of object and of skin."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from hand_object_recon.geometry.torch_rotations import axis_angle_to_matrix
from hand_object_recon.synthesis.grasping.grasp_objects import GraspObjects
from hand_object_recon.synthesis.grasping.grasp_types import GraspStyle
from hand_object_recon.synthesis.grasping.hands import (
    Hands,
    LocalHands,
    joint_limits_rad,
    placed,
)
from hand_object_recon.synthesis.grasping.self_contact import SelfContact

_STEPS: Final = 50
_ANGLE_STEP_RAD: Final = 0.025
_TURN_STEP_RAD: Final = 0.012
_SHIFT_STEP_M: Final = 0.0012
_LAST_STEP: Final = 0.1  # of the first
_NORMALS_EVERY: Final = 6

_MM: Final = 1000.0
_CONTACT_AT_MM: Final = -0.4  # skin gives way a little
_NEAREST: Final = 3
_NEAREST_OF_PALM: Final = 8
_HUBER_MM: Final = 3.0
_GIVEN_UP_MM: Final = 10.0
_PENETRATION: Final = 0.06
_BONES: Final = 5.0  # as many vertices as a ball stands for
_CONTACT: Final = 1.5
_OPTIONAL_CONTACT: Final = 8.0
_FACING: Final = 3.0
_SELF: Final = 0.15
_PRIOR: Final = 0.25
_FREEDOM_RAD: Final = (0.30, 0.12, 0.06)  # flexion, abduction, twist


class HeldPose(NamedTuple):
    """angles (B, 15, 3), and rotation (B, 3, 3) and wrist_m (B, 3) in the objects' frames."""

    angles: Tensor
    rotation: Tensor
    wrist_m: Tensor


def refine(
    objects: GraspObjects,
    numbers: Tensor,
    hands: Hands,
    contact: SelfContact,
    closed: HeldPose,
    style: GraspStyle,
) -> HeldPose:
    """Improve closed hands; the joint limits hold after every step."""
    low, high = joint_limits_rad(numbers.device)
    angles = closed.angles.clone().requires_grad_()
    turn = torch.zeros_like(closed.wrist_m, requires_grad=True)
    shift = torch.zeros_like(closed.wrist_m, requires_grad=True)
    groups = [
        {"params": [angles], "lr": _ANGLE_STEP_RAD},
        {"params": [turn], "lr": _TURN_STEP_RAD},
        {"params": [shift], "lr": _SHIFT_STEP_M},
    ]
    adam = torch.optim.Adam(groups, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.ExponentialLR(adam, _LAST_STEP ** (1.0 / _STEPS))
    objective = _Objective(objects, numbers, hands, contact, closed.angles, style)
    for number in range(_STEPS):
        rotation = axis_angle_to_matrix(turn) @ closed.rotation
        local = hands.posed(angles)
        if number % _NORMALS_EVERY == 0:
            objective.look_at_normals(local, rotation, closed.wrist_m + shift)
        adam.zero_grad(set_to_none=True)
        torch.autograd.backward(objective(local, angles, rotation, closed.wrist_m + shift))
        adam.step()
        schedule.step()
        with torch.no_grad():
            angles.copy_(angles.clamp(low, high))
    with torch.no_grad():
        rotation = axis_angle_to_matrix(turn) @ closed.rotation
        return HeldPose(angles.detach(), rotation, closed.wrist_m + shift)


class _Objective:
    """The sum over the batch of what is wrong with each grasp; hands do not affect each other."""

    def __init__(
        self,
        objects: GraspObjects,
        numbers: Tensor,
        hands: Hands,
        contact: SelfContact,
        start: Tensor,
        style: GraspStyle,
    ) -> None:
        self._objects, self._numbers = objects, numbers
        self._hands, self._contact, self._start, self._style = hands, contact, start, style
        self._freedom = start.new_tensor(_FREEDOM_RAD)
        self._normals = start.new_zeros(len(start), 5, 3)

    def look_at_normals(self, local: LocalHands, rotation: Tensor, wrist_m: Tensor) -> None:
        """Take the surface's normals before the finger pads anew."""
        if self._style.by_pads:
            pads = placed(local.pads_m, rotation, wrist_m).detach()
            self._normals = self._objects.field.gradient(pads, self._numbers)

    def __call__(
        self, local: LocalHands, angles: Tensor, rotation: Tensor, wrist_m: Tensor
    ) -> Tensor:
        skin = placed(local.vertices_m, rotation, wrist_m)
        distance_mm = _MM * self._objects.field.distance_m(skin, self._numbers)
        bones_mm = _MM * self._contact.depths_in_object_m(
            local, rotation, wrist_m, self._objects.field, self._numbers
        )
        sunk = (-distance_mm).clamp_min(0.0).square().sum()
        sunk = sunk + _BONES * bones_mm.clamp_min(0.0).square().sum()
        overlap_mm = _MM * self._contact.depths_m(local)
        overlap = overlap_mm.clamp_min(0.0).square().sum()
        astray = ((angles - self._start) / self._freedom).square().sum()
        total = _PENETRATION * sunk + _SELF * overlap + _PRIOR * astray
        total = total + self._missing_contact(distance_mm)
        if self._style.by_pads:
            total = total + _FACING * self._turned_away(local, rotation)
        return total

    def _missing_contact(self, distance_mm: Tensor) -> Tensor:
        style, zones = self._style, self._hands.zones
        of_fingers = zones.pads if style.by_pads else zones.grips
        total = distance_mm.new_zeros(())
        for finger, zone in enumerate(of_fingers):
            if style.working[finger]:
                gap = _gap(distance_mm[:, zone], _NEAREST)
                total = total + (
                    _CONTACT * _huber(gap) if style.required[finger] else _yielding(gap)
                )
        if style.needs_palm:
            total = total + _CONTACT * _huber(_gap(distance_mm[:, zones.palm], _NEAREST_OF_PALM))
        return total

    def _turned_away(self, local: LocalHands, rotation: Tensor) -> Tensor:
        normals = local.pad_normals @ rotation.transpose(1, 2)
        facing = (normals * self._normals).sum(dim=-1)
        working = facing.new_tensor(self._style.working)
        return ((1.0 + facing) * working).sum()


def _gap(distance_mm: Tensor, nearest: int) -> Tensor:
    """(B,) mean distance of the nearest skin from where it should be."""
    near = distance_mm.topk(nearest, dim=1, largest=False).values
    return near.mean(dim=1) - _CONTACT_AT_MM


def _huber(gap_mm: Tensor) -> Tensor:
    return torch.nn.functional.huber_loss(
        gap_mm, torch.zeros_like(gap_mm), delta=_HUBER_MM, reduction="sum"
    )


def _yielding(gap_mm: Tensor) -> Tensor:
    """Pulls where the surface is near, lets go where it is far (Geman and McClure)."""
    squared = gap_mm.square()
    return _OPTIONAL_CONTACT * (squared / (squared + _GIVEN_UP_MM**2)).sum()
