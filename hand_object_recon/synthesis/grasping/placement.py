"""Where an opened hand goes to an object: a place that fits the grasp, and the palm's way there."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from hand_object_recon.synthesis.grasping.draws import ROLLS, Draws
from hand_object_recon.synthesis.grasping.grasp_objects import GraspObjects
from hand_object_recon.synthesis.grasping.grasp_types import GraspStyle
from hand_object_recon.synthesis.grasping.hands import Hands, LocalHands, placed

_OPENINGS: Final = 10
_PAD_RADIUS_M: Final = 0.0075
_PAD_CLEARANCE_M: Final = 0.004
_REACH_M: Final = 0.003  # by which a place may be wider than the hand opens
_MOST_TILT: Final = 0.2
_LEAST_OPPOSITION: Final = 0.85
_OPENED_BY: Final = 0.12
_START_M: Final = 0.14
_APPROACH_STEPS: Final = 14
_NARROW_M: Final = 0.025
_MOST_DEPTH_TO_MIDDLE_M: Final = 0.03
_ROLL_NOISE_M: Final = 0.01
_EVERY: Final = 3  # vertices looked at where many turns are compared


class Placement(NamedTuple):
    """rotation (B, 3, 3) and wrist_m (B, 3) of hands in the object's frame; approach (B, 3) the
    unit direction they come in; closure (B,) how far the fingers are closed there, 0 to 1;
    has_place (B,) false where the object has no place for such a grasp."""

    rotation: Tensor
    wrist_m: Tensor
    approach: Tensor
    closure: Tensor
    has_place: Tensor


class HandRange(NamedTuple):
    """(B, 15, 3) angles of the opened and of the closed hands."""

    opened: Tensor
    closed: Tensor

    def at(self, closure: Tensor) -> Tensor:
        """(B, 15, 3) angles at closures that broadcast to them."""
        return self.opened + closure * (self.closed - self.opened)


def place_hands(
    objects: GraspObjects,
    numbers: Tensor,
    hands: Hands,
    hand_range: HandRange,
    style: GraspStyle,
    draws: Draws,
) -> Placement:
    """Put each hand where its object (``numbers`` (B,)) can be held; no gradient."""
    place = _between_pads if style.by_pads else _into_the_hand
    with torch.no_grad():
        return place(objects, numbers, hands, hand_range, style, draws)


def _into_the_hand(
    objects: GraspObjects,
    numbers: Tensor,
    hands: Hands,
    hand_range: HandRange,
    style: GraspStyle,
    draws: Draws,
) -> Placement:
    """The palm flat on the surface, the fingers across the object's narrow side."""
    points, normals = _surface_candidates(objects, numbers, draws)
    fingers = _tangents(normals, 2.0 * torch.pi * draws.candidates[..., 1])
    depth = objects.thickness_m(points, -normals, numbers)
    middle = points - normals * (0.5 * depth).clamp_max(_MOST_DEPTH_TO_MIDDLE_M)[..., None]
    breadth = _width_m(objects, middle, fingers, numbers)
    across = _width_m(objects, middle, torch.linalg.cross(fingers, normals), numbers)
    is_fit = (depth > style.depth_m[0]) & (depth < style.depth_m[1])
    is_fit &= (breadth < style.breadth_m) & (
        torch.minimum(breadth, across) >= style.least_breadth_m
    )
    width = breadth if style.breadth_m < torch.inf else -breadth
    chosen = _choose(-width / _NARROW_M, is_fit, draws.candidates[..., 2])
    point, normal, finger = (_taken(array, chosen) for array in (points, normals, fingers))

    local = hands.posed(hand_range.opened)
    palm = hands.palm_normals()
    along = normalize(_across(local.knuckles_m, palm), dim=-1)
    rotation = _frames(finger, -normal) @ _frames(along, palm).transpose(1, 2)
    low, high = style.anchor
    anchor = _turned(rotation, _anchor(local, low + (high - low) * draws.anchor))
    wrist = point - anchor + _START_M * normal
    wrist = _moved_to_touch(objects, numbers, local, rotation, wrist, -normal)
    closure = torch.zeros_like(draws.anchor)
    return Placement(rotation, wrist, -normal, closure, is_fit.any(dim=1))


def _between_pads(
    objects: GraspObjects,
    numbers: Tensor,
    hands: Hands,
    hand_range: HandRange,
    style: GraspStyle,
    draws: Draws,
) -> Placement:
    """The thumb's pad on one point, the others' opposite, opened a little wider than that."""
    points, normals = _surface_candidates(objects, numbers, draws)
    tilts = _tangents(normals, 2.0 * torch.pi * draws.candidates[..., 1])
    through = normalize(-normals + _MOST_TILT * draws.candidates[..., 3:] * tilts, dim=-1)
    width = objects.thickness_m(points, through, numbers)
    opposite = points + width[..., None] * through
    facing = (objects.field.gradient(opposite, numbers) * through).sum(dim=-1)
    is_fit = (width > style.depth_m[0]) & (width < style.depth_m[1])
    is_fit &= facing > _LEAST_OPPOSITION
    chosen = _choose(torch.zeros_like(width), is_fit, draws.candidates[..., 2])
    point, through = _taken(points, chosen), _taken(through, chosen)
    width = width.gather(1, chosen[:, None])[:, 0]

    closure, reach = _opening_for(hands, hand_range, style, width + _PAD_CLEARANCE_M)
    local = hands.posed(hand_range.at(closure[:, None, None]))
    thumb, others = _pad_places(local, style)
    across, middle = normalize(others - thumb, dim=-1), (thumb + others) / 2
    forward = normalize(_across(middle, across), dim=-1)
    turns = 2.0 * torch.pi * (torch.arange(ROLLS, device=width.device) + draws.rolls[:, :1]) / ROLLS
    along = through[:, None].expand(-1, ROLLS, 3)
    approaches = _tangents(along, turns)
    to_object = _frames(approaches.flatten(0, 1), along.flatten(0, 1))
    own = _frames(forward, across).transpose(1, 2).repeat_interleave(ROLLS, dim=0)
    rotations = to_object @ own
    centre = (point + 0.5 * width[:, None] * through).repeat_interleave(ROLLS, dim=0)
    wrists = centre - _turned(rotations, middle.repeat_interleave(ROLLS, dim=0))
    sunk = _sunk_m(objects, numbers, local, rotations, wrists).view(-1, ROLLS)
    best = (sunk - _ROLL_NOISE_M * draws.rolls).argmin(dim=1)
    return Placement(
        rotation=_taken(rotations.view(-1, ROLLS, 9), best).view(-1, 3, 3),
        wrist_m=_taken(wrists.view(-1, ROLLS, 3), best),
        approach=_taken(approaches, best),
        closure=(closure - _OPENED_BY).clamp_min(0.0),
        has_place=is_fit.any(dim=1) & (reach + _REACH_M > width),
    )


def _surface_candidates(
    objects: GraspObjects, numbers: Tensor, draws: Draws
) -> tuple[Tensor, Tensor]:
    """(B, K, 3) random points on the objects and the normals there."""
    surface = objects.surface_m[numbers]
    chosen = (draws.candidates[..., 0] * surface.shape[1]).long()
    points = surface.gather(1, chosen[..., None].expand(-1, -1, 3))
    return points, objects.field.gradient(points, numbers)


def _width_m(objects: GraspObjects, points: Tensor, ways: Tensor, numbers: Tensor) -> Tensor:
    """(B, K) how wide the objects are through (B, K, 3) points in them."""
    there = objects.thickness_m(points, ways, numbers)
    return there + objects.thickness_m(points, -ways, numbers)


def _choose(score: Tensor, is_fit: Tensor, evenly: Tensor) -> Tensor:
    """(B,) a random fit candidate, in proportion to the exponential of its (B, K) score."""
    gumbel = -torch.log(-torch.log(evenly.clamp(1e-6, 1.0 - 1e-6)))
    return torch.where(is_fit, score + gumbel, -torch.inf).argmax(dim=1)


def _opening_for(
    hands: Hands, hand_range: HandRange, style: GraspStyle, wanted_m: Tensor
) -> tuple[Tensor, Tensor]:
    """(B,) closure at which thumb and fingers are the wanted distance apart, and the greatest
    distance they reach."""
    closures = torch.linspace(0.0, 1.0, _OPENINGS, device=wanted_m.device)
    apart = []
    for closure in closures:
        thumb, others = _pad_places(hands.posed(hand_range.at(closure)), style)
        apart.append(torch.linalg.vector_norm(others - thumb, dim=-1))
    openings = torch.stack(apart, dim=1)
    nearest = (openings - wanted_m[:, None]).abs().argmin(dim=1)
    return closures[nearest], openings.amax(dim=1)


def _pad_places(local: LocalHands, style: GraspStyle) -> tuple[Tensor, Tensor]:
    """(B, 3) skin of the thumb's pad, and the middle of that of the other working fingers."""
    skin = local.pads_m + _PAD_RADIUS_M * local.pad_normals
    others = [finger for finger in range(1, 5) if style.working[finger]]
    return skin[:, 0], skin[:, others].mean(dim=1)


def _anchor(local: LocalHands, place: Tensor) -> Tensor:
    """(B, 3) a point of the hand by its place (B,): wrist 0, knuckles 1, middle joints 2."""
    knuckles, middle = local.knuckles_m, local.middle_joints_m
    place = place[:, None]
    return torch.where(place < 1.0, place * knuckles, knuckles + (place - 1) * (middle - knuckles))


def _moved_to_touch(
    objects: GraspObjects,
    numbers: Tensor,
    local: LocalHands,
    rotation: Tensor,
    wrist_m: Tensor,
    approach: Tensor,
) -> Tensor:
    """Wrists of hands moved along their approach until skin meets the object (sphere tracing)."""
    for _ in range(_APPROACH_STEPS):
        skin = placed(local.vertices_m, rotation, wrist_m)
        gap = objects.field.distance_m(skin, numbers).amin(dim=1, keepdim=True)
        wrist_m = wrist_m + approach * gap.clamp(-0.01, 0.05)
    return wrist_m


def _sunk_m(
    objects: GraspObjects, numbers: Tensor, local: LocalHands, rotations: Tensor, wrists_m: Tensor
) -> Tensor:
    """(B R,) mean depth of the skin in the object, of R turns and places of each hand."""
    some = local.vertices_m[:, ::_EVERY].repeat_interleave(ROLLS, dim=0)
    skin = placed(some, rotations, wrists_m)
    distance = objects.field.distance_m(skin, numbers.repeat_interleave(ROLLS))
    return (-distance).clamp_min(0.0).amax(dim=1)


def _tangents(normals: Tensor, turns_rad: Tensor) -> Tensor:
    """(..., 3) unit vectors at right angles to unit normals, by angle about them."""
    x_axis = normals.new_tensor([1.0, 0.0, 0.0])
    y_axis = normals.new_tensor([0.0, 1.0, 0.0])
    other = torch.where(normals[..., :1].abs() < 0.7, x_axis, y_axis)
    first = normalize(torch.linalg.cross(normals, other), dim=-1)
    second = torch.linalg.cross(normals, first)
    tangents: Tensor = turns_rad.cos()[..., None] * first + turns_rad.sin()[..., None] * second
    return tangents


def _frames(first: Tensor, second: Tensor) -> Tensor:
    """(B, 3, 3) rotations with two (B, 3) unit vectors at right angles as their columns."""
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)


def _across(vectors: Tensor, axis: Tensor) -> Tensor:
    return vectors - (vectors * axis).sum(dim=-1, keepdim=True) * axis


def _turned(rotation: Tensor, vectors: Tensor) -> Tensor:
    turned: Tensor = rotation @ vectors[..., None]
    return turned[..., 0]


def _taken(candidates: Tensor, chosen: Tensor) -> Tensor:
    """(B, C) of (B, K, C), the chosen (B,) ones."""
    index = chosen[:, None, None].expand(-1, 1, candidates.shape[-1])
    return candidates.gather(1, index)[:, 0]
