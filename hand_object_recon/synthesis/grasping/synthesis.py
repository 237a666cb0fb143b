"""Grasps of given objects, of given types and seeds, batch by batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.core.hands import HandSide
from hand_object_recon.synthesis.grasping.closing import close_fingers
from hand_object_recon.synthesis.grasping.draws import Draws
from hand_object_recon.synthesis.grasping.grasp import Grasp, PlacedHand
from hand_object_recon.synthesis.grasping.grasp_objects import GraspObjects
from hand_object_recon.synthesis.grasping.grasp_types import STYLES, GraspStyle, GraspType
from hand_object_recon.synthesis.grasping.hands import Hands, joint_limits_rad
from hand_object_recon.synthesis.grasping.judgement import (
    GraspMeasures,
    Rejection,
    judge,
    measure,
)
from hand_object_recon.synthesis.grasping.placement import HandRange, Placement, place_hands
from hand_object_recon.synthesis.grasping.refinement import HeldPose, refine
from hand_object_recon.synthesis.grasping.self_contact import SelfContact
from hand_object_recon.synthesis.grasping.way_in import WayIn, find_way_in

BATCH: Final = 48
_POSE_NOISE_RAD: Final = (0.06, 0.03, 0.02)


FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class GraspRequest:
    """A grasp to try: ``object_number`` counts in the objects; the seed decides the rest."""

    object_number: int
    grasp_type: GraspType
    side: HandSide
    seed: int


@dataclass(frozen=True)
class GraspTrials:
    """For each request, in order, its grasp or None; and how often each reason rejected one."""

    grasps: tuple[Grasp | None, ...]
    rejections: Counter[tuple[GraspType, Rejection]] = field(default_factory=Counter)

    @property
    def accepted(self) -> tuple[Grasp, ...]:
        return tuple(grasp for grasp in self.grasps if grasp is not None)


def synthesize_grasps(objects: GraspObjects, requests: Sequence[GraspRequest]) -> GraspTrials:
    """Try each request once. The same request gives the same grasp, whatever it is tried with."""
    grasps: list[Grasp | None] = [None] * len(requests)
    rejections: Counter[tuple[GraspType, Rejection]] = Counter()
    for grasp_type, places in _batches(requests):
        batch = _Batch(objects, [requests[place] for place in places], grasp_type)
        for place, result in zip(places, batch.results(), strict=True):
            if isinstance(result, Grasp):
                grasps[place] = result
            else:
                rejections[grasp_type, result] += 1
    return GraspTrials(tuple(grasps), rejections)


def _batches(requests: Sequence[GraspRequest]) -> Iterator[tuple[GraspType, list[int]]]:
    for grasp_type in GraspType:
        places = [n for n, request in enumerate(requests) if request.grasp_type is grasp_type]
        for start in range(0, len(places), BATCH):
            yield grasp_type, places[start : start + BATCH]


class _Batch:
    """Requests of one type, tried together."""

    def __init__(
        self, objects: GraspObjects, requests: Sequence[GraspRequest], grasp_type: GraspType
    ) -> None:
        device = objects.field.device
        self._objects, self._requests, self._type = objects, requests, grasp_type
        self._numbers = torch.tensor([one.object_number for one in requests], device=device)
        self._draws = Draws.of([one.seed for one in requests], device)
        is_left = [one.side is HandSide.LEFT for one in requests]
        self._hands = Hands(torch.tensor(is_left, device=device), self._draws.shape)

    def results(self) -> list[Grasp | Rejection]:
        style = STYLES[self._type]
        hand_range = _hand_range(style, self._draws.pose_noise)
        placement = place_hands(
            self._objects, self._numbers, self._hands, hand_range, style, self._draws
        )
        placed_rows = placement.has_place.nonzero()[:, 0]
        results: list[Grasp | Rejection] = [Rejection.NO_PLACE] * len(self._requests)
        if len(placed_rows):
            rest = self._of_rows(placed_rows)
            finished = rest._finished(
                HandRange(*(tensor[placed_rows] for tensor in hand_range)),
                Placement(*(tensor[placed_rows] for tensor in placement)),
            )
            for row, result in zip(placed_rows.tolist(), finished, strict=True):
                results[row] = result
        return results

    def _of_rows(self, rows: Tensor) -> _Batch:
        """The batch of some of the requests."""
        requests = [self._requests[row] for row in rows.tolist()]
        return _Batch(self._objects, requests, self._type)

    def _finished(self, hand_range: HandRange, placement: Placement) -> list[Grasp | Rejection]:
        style = STYLES[self._type]
        contact = SelfContact(self._hands)
        common = (self._objects, self._numbers, self._hands)
        angles = close_fingers(*common, contact, hand_range, placement, style)
        closed = HeldPose(angles, placement.rotation, placement.wrist_m)
        held = refine(*common, contact, closed, style)
        measures = measure(*common, contact, held)
        way_in = find_way_in(*common, held, hand_range.opened, placement.approach)
        reasons = judge(measures, way_in.is_clear, self._type, style)
        return self._grasps(held, measures, way_in, placement, reasons)

    def _grasps(
        self,
        held: HeldPose,
        measures: GraspMeasures,
        way_in: WayIn,
        placement: Placement,
        reasons: Sequence[Rejection | None],
    ) -> list[Grasp | Rejection]:
        rest_wrist = self._hands.rest_wrist_m()
        hand = _numpy(self._hands.finger_pose(held.angles))
        opened = _numpy(self._hands.finger_pose(way_in.angles))
        rotation, wrist = _numpy(held.rotation), _numpy(held.wrist_m)
        approach = _numpy(placement.approach)
        back = wrist - _numpy(way_in.back_m)[:, None] * approach
        shape, rest = _numpy(self._draws.shape), _numpy(rest_wrist)

        def placed_hand(row: int, fingers: FloatArray, wrist_m: FloatArray) -> PlacedHand:
            return PlacedHand(
                side=self._requests[row].side,
                shape=shape[row],
                fingers_rad=fingers[row],
                wrist_pose=_rigid(rotation[row], wrist_m[row]),
                rest_wrist_m=rest[row],
            )

        return [
            reason
            if reason is not None
            else Grasp(
                object_name=self._objects.names[request.object_number],
                grasp_type=self._type,
                hand=placed_hand(row, hand, wrist),
                opened=placed_hand(row, opened, wrist),
                pregrasp=placed_hand(row, opened, back),
                approach=approach[row].astype(np.float64),
                is_touching=_numpy(measures.is_touching[row]),
                palm_touches=bool(measures.palm_touches[row]),
                penetration_m=float(measures.penetration_m[row]),
                self_penetration_m=float(measures.self_penetration_m[row]),
            )
            for row, (request, reason) in enumerate(zip(self._requests, reasons, strict=True))
        ]


def _hand_range(style: GraspStyle, noise: Tensor) -> HandRange:
    """Opened and closed hands of a style, each a little different."""
    low, high = joint_limits_rad(noise.device)
    varied = noise * noise.new_tensor(_POSE_NOISE_RAD)
    opened = noise.new_tensor(style.opened.radians()) + varied
    closed = noise.new_tensor(style.closed.radians()) + varied
    return HandRange(opened.clamp(low, high), closed.clamp(low, high))


def _rigid(rotation: FloatArray, origin_m: FloatArray) -> NDArray[np.float64]:
    """(4, 4) of a float32 rotation, made orthonormal to double precision."""
    left, _, right = np.linalg.svd(rotation.astype(np.float64))
    transform = np.eye(4)
    transform[:3, :3], transform[:3, 3] = left @ right, origin_m
    return transform


def _numpy(tensor: Tensor) -> NDArray[Any]:
    return np.asarray(tensor.detach().cpu().numpy())
