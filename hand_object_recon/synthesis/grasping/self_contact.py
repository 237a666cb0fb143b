"""How deep fingers press into each other and into the palm, by balls along the bones."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import torch
from torch import Tensor

from hand_object_recon.core.keypoints import FINGERTIPS, KNUCKLES, WRIST
from hand_object_recon.synthesis.grasping.distance_field import DistanceField
from hand_object_recon.synthesis.grasping.hands import Hands, LocalHands, placed

_PALM_PLACES: Final = (0.3, 0.5, 0.7, 0.88)
_ALONG_FINGER: Final = (0.0, 0.5, 1.0, 1.5, 2.0, 2.35, 2.7)
_ALONG_THUMB: Final = (0.5, 0.75, 1.0, 1.5, 2.0, 2.35, 2.7)
_END_FROM: Final = 1.4
_FREE_OF_PALM_FROM: Final = 1.0  # of a finger; nearer its knuckle it always touches the palm


class SelfContact:
    """Balls that fill a batch of hands of given shapes, and which pairs of them are to be apart.

    A ball is as large as fits under the skin in rest, so what it finds is overlap of flesh, not
    skin that only touches. It also finds a thin wall that cuts through a finger, while the skin
    on both sides of it is in the open.
    """

    def __init__(self, hands: Hands) -> None:
        self._balls = _balls()
        device = hands.shape.device
        rest = hands.posed(hands.shape.new_zeros(len(hands.shape), 15, 3))
        centres = self._centres(rest)
        self._radii_m = torch.cdist(centres, rest.vertices_m).amin(dim=2)
        self._first, self._second = (side.to(device) for side in self._balls.pairs)
        self._rest_overlap_m = self._overlap(centres).clamp_min(0.0)

    def depths_m(self, hands: LocalHands) -> Tensor:
        """(B, P) how far each pair of balls overlaps, negative where they are apart."""
        return self._overlap(self._centres(hands)) - self._rest_overlap_m

    def depth_of_fingers_m(self, hands: LocalHands) -> Tensor:
        """(B, 5) how far the end of each finger overlaps another part, thumb first."""
        depths = self.depths_m(hands)
        of_finger = [
            depths[:, pairs.to(depths.device)].amax(dim=1) for pairs in self._balls.of_finger_ends
        ]
        return torch.stack(of_finger, dim=1)

    def depths_in_object_m(
        self,
        hands: LocalHands,
        rotation: Tensor,
        wrist_m: Tensor,
        field: DistanceField,
        objects: Tensor,
    ) -> Tensor:
        """(B, S) how far each ball of placed hands reaches into its object, negative outside."""
        centres = placed(self._centres(hands), rotation, wrist_m)
        return self._radii_m - field.distance_m(centres, objects)

    def _centres(self, hands: LocalHands) -> Tensor:
        joints, balls = hands.joints_m, self._balls
        share = balls.share.to(joints.device)[:, None]
        return torch.lerp(joints[:, balls.start], joints[:, balls.end], share)

    def _overlap(self, centres_m: Tensor) -> Tensor:
        apart = centres_m[:, self._first] - centres_m[:, self._second]
        distance = (apart.square().sum(dim=-1) + 1e-10).sqrt()
        return self._radii_m[:, self._first] + self._radii_m[:, self._second] - distance


class _Balls(NamedTuple):
    """Each ball lies between two keypoints; ``pairs`` are those that must not overlap, and
    ``of_finger_ends`` the numbers of the pairs with a ball of each finger's outer half."""

    start: list[int]
    end: list[int]
    share: Tensor
    pairs: tuple[Tensor, Tensor]
    of_finger_ends: tuple[Tensor, ...]


@lru_cache(maxsize=1)
def _balls() -> _Balls:
    entries: list[tuple[int, int, float, int, float]] = []
    for knuckle in KNUCKLES:
        entries += [(WRIST, knuckle, place, 0, 0.0) for place in _PALM_PLACES]
    for number, tip in enumerate(FINGERTIPS, start=1):
        for place in _ALONG_THUMB if number == 1 else _ALONG_FINGER:
            joint = min(int(place), 2)
            start = tip - 3 + joint
            entries.append((start, start + 1, place - joint, number, place))
    pairs = [
        (one, other)
        for one, entry in enumerate(entries)
        for other, other_entry in enumerate(entries[:one])
        if _must_be_apart(*entry[3:], *other_entry[3:])
    ]
    starts, ends, shares, parts, places = zip(*entries, strict=True)
    first, second = torch.tensor(pairs).T
    end_of = torch.where(torch.tensor(places) > _END_FROM, torch.tensor(parts), 0)
    is_with_end = [(end_of[first] == finger) | (end_of[second] == finger) for finger in range(1, 6)]
    return _Balls(
        start=list(starts),
        end=list(ends),
        share=torch.tensor(shares),
        pairs=(first, second),
        of_finger_ends=tuple(mask.nonzero()[:, 0] for mask in is_with_end),
    )


def _must_be_apart(part: int, place: float, other_part: int, other_place: float) -> bool:
    if part == other_part:
        return False
    if part and other_part:
        return True
    return (place if part else other_place) > _FREE_OF_PALM_FROM
