"""One object from frame to frame: where it is, what it looks like, and who holds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.objects import GraspState, ObjectEstimate
from hand_object_recon.core.stage_settings import HeldObjectSettings
from hand_object_recon.held_objects.candidates import held_part
from hand_object_recon.held_objects.fused_object import FusedObject
from hand_object_recon.held_objects.grasp_watch import GraspWatch, Moment
from hand_object_recon.held_objects.hand_motion import grip_of, moved_place
from hand_object_recon.held_objects.known_object import KnownObject
from hand_object_recon.held_objects.object_labels import LabelledObject
from hand_object_recon.held_objects.object_shape import ObjectModel
from hand_object_recon.held_objects.place_in_hand import PlaceInHand
from hand_object_recon.held_objects.scene_parts import SceneParts
from hand_object_recon.held_objects.seen_through import is_seen_through
from hand_object_recon.held_objects.sighting import (
    Expectation,
    Sighting,
    search,
    sight,
    sight_new_side,
)
from hand_object_recon.object_model.known_models.model_folder import KnownModel
from hand_object_recon.object_model.known_models.recognition import Recogniser
from hand_object_recon.object_model.object_view import ObjectView
from hand_object_recon.object_model.registration import MotionPrior

FloatArray = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
Pose = NDArray[np.float64]

_WITH_HAND: Final = MotionPrior(turn_rad=0.015, shift_m=0.0025)
_STAYING: Final = MotionPrior(turn_rad=0.01, shift_m=0.002)
_HAND_UNSEEN: Final = MotionPrior(turn_rad=0.05, shift_m=0.01)
_TRUST_LEFT: Final = 0.9
_SECOND_NS: Final = 1_000_000_000
_IN_PASSING_NS: Final = 300_000_000
_SEARCH_EVERY_NS: Final = 200_000_000
_TURNED_WITHIN_NS: Final = 1_500_000_000
_GIVEN_UP_NS: Final = 2_000_000_000
_NOT_THERE_NS: Final = 300_000_000
_ROOM_M: Final = 0.03


class ObjectTrack:
    """An object that was seen in a hand.

    track_id
        Its identity, the same for as long as it is remembered.
    pose
        (4, 4) camera from object.
    known
        (h, w) where the scene it was last seen in shows what was known of it.
    seen_ns
        When that was.
    touched_by
        Track ids of the hands that touch it, or touched it when they were last seen.
    """

    def __init__(
        self,
        track_id: int,
        settings: HeldObjectSettings,
        known_models: Sequence[KnownModel],
        parts: SceneParts,
        seen: LabelledObject,
    ) -> None:
        self.track_id = track_id
        self.seen_ns = parts.labels.crop.stamp_ns
        self.known = seen.known
        self.touched_by: frozenset[int] = frozenset()
        self.pose = np.eye(4)
        self.pose[:3, 3] = np.median(seen.view.points_m, axis=0)
        self._model: ObjectModel = FusedObject(settings)
        self._recogniser = Recogniser(known_models) if known_models else None
        self._model.integrate(seen.view, self.pose, self.seen_ns)
        self._watch = GraspWatch()
        self._place = PlaceInHand(_grips(parts))
        self._trust = 1.0
        self._touched_ns = self.seen_ns
        self._searched_ns = self._known_ns = self.seen_ns
        self._absent_since_ns: int | None = None

    @property
    def state(self) -> GraspState:
        return self._watch.state

    @property
    def held_by(self) -> int:
        return self._watch.held_by

    @property
    def center_m(self) -> FloatArray:
        """(3,) about the middle of it, in the camera's frame."""
        low, high = self._box_m
        return moved_place(self.pose, 0.5 * (low + high))

    @property
    def radius_m(self) -> float:
        """Of a ball around it, with some room."""
        low, high = self._box_m
        return 0.5 * float(np.linalg.norm(high - low)) + _ROOM_M

    def is_claimed_by(self, hand: int, stamp_ns: int) -> bool:
        """Whether what is in a hand is this, rather than something new."""
        return hand in self.touched_by and not self.was_lost_in(hand, stamp_ns)

    def was_lost_in(self, hand: int, stamp_ns: int) -> bool:
        """Whether it went out of sight in that hand, for so long that nobody knows where it is."""
        is_unseen = self.state is GraspState.PUT_DOWN and self.seen_ns < stamp_ns
        return is_unseen and hand in self.touched_by

    def is_over(self, stamp_ns: int, keep_s: float) -> bool:
        """Whether it is to be forgotten: touched in passing, lost in a hand, or not seen long."""
        if self.state is GraspState.TOUCHED:
            return stamp_ns - self._touched_ns > _IN_PASSING_NS
        unseen_ns = stamp_ns - self.seen_ns
        if self.state is GraspState.HELD:
            absent_ns = 0 if self._absent_since_ns is None else stamp_ns - self._absent_since_ns
            return unseen_ns > _GIVEN_UP_NS or absent_ns > _NOT_THERE_NS
        return unseen_ns > keep_s * _SECOND_NS

    def update(self, parts: SceneParts, taken: Mask, settings: HeldObjectSettings) -> Mask:
        """Follow the object into a scene; returns which of the scene's parts (P,) are its own.

        taken (P,): parts that belong to other objects.
        """
        stamp_ns = parts.labels.crop.stamp_ns
        grips = _grips(parts)
        expectations = self._expectations(grips)
        sighting = sight(parts, self._model.body, expectations)
        if sighting is None:
            sighting = sight(parts, self._model.body, _less_sure(expectations))
        if sighting is None and self.held_by in grips:
            sighting = self._look_in_hand(parts, taken, settings, expectations)
        if sighting is None:
            self.pose = expectations[0].pose
            self._trust *= _TRUST_LEFT
        else:
            self._accept(sighting, stamp_ns, may_grow=self.touched_by <= grips.keys())
        self._absent_since_ns = self._absence(parts) if sighting is None else None
        moment = self._moment(stamp_ns, sighting, grips)
        self._watch.update(moment)
        self._place.update(self.held_by, grips, self.pose, is_measured=sighting is not None)
        self._note_touch(moment)
        self._model.renew_mesh(stamp_ns, settings)
        return sighting.seen.parts if sighting is not None else np.zeros(parts.count, dtype=bool)

    def estimate(self) -> ObjectEstimate | None:
        """What is known of it; None before its mesh was made."""
        shape = self._model.shape
        if shape is None:
            return None
        return ObjectEstimate(
            track_id=self.track_id,
            score=float(np.clip(self._trust, 0.0, 1.0)),
            pose=self.pose,
            vertices_m=shape.vertices_m,
            faces=shape.faces,
            held_by=self.held_by,
            state=self.state,
            vertex_seen=shape.vertex_seen,
            vertex_colors=shape.vertex_colors,
            name=shape.name,
            primitive=shape.primitive,
        )

    @property
    def _box_m(self) -> tuple[FloatArray, FloatArray]:
        grid = self._model.body.grid
        return grid.origin_m, grid.origin_m + (np.array(grid.values.shape) - 1) * grid.voxel_m

    def _expectations(self, grips: dict[int, Pose]) -> list[Expectation]:
        """Where the object may be now, the likeliest first."""
        is_held = self.state is GraspState.HELD
        hands = [hand for hand in grips if not is_held or hand == self.held_by]
        carried = [self._place.carried(hand, grips, self.pose) for hand in hands]
        moved = [Expectation(pose, _WITH_HAND) for pose in carried if pose is not None]
        if is_held and moved:
            return [*moved, Expectation(self.pose, _HAND_UNSEEN)]
        return [Expectation(self.pose, _HAND_UNSEEN if is_held else _STAYING), *moved]

    def _look_in_hand(
        self,
        parts: SceneParts,
        taken: Mask,
        settings: HeldObjectSettings,
        expectations: list[Expectation],
    ) -> Sighting | None:
        """The object seen from a side that is not known yet, or lost, in the hand that holds it."""
        holder = next(hand for hand in parts.labels.hands if hand.hand.track_id == self.held_by)
        mask = held_part(parts, holder, taken, settings.max_size_m)
        if mask is None:
            return None
        stamp_ns = parts.labels.crop.stamp_ns
        if stamp_ns - self._known_ns <= _TURNED_WITHIN_NS:
            new_side = sight_new_side(parts, self._model.body, mask, expectations[0])
            if new_side is not None:
                return new_side
        if min(stamp_ns - self.seen_ns, stamp_ns - self._searched_ns) < _SEARCH_EVERY_NS:
            return None
        self._searched_ns = stamp_ns
        return search(parts, self._model.body, mask, expectations)

    def _accept(self, sighting: Sighting, stamp_ns: int, *, may_grow: bool) -> None:
        """Go to where it was found; a hand at it that is not in the frame would be fused too."""
        self.pose = sighting.registration.pose
        self._trust = sighting.registration.inlier_share
        self.seen_ns = stamp_ns
        self.known = sighting.seen.known
        if sighting.registration.is_trustworthy:
            self._known_ns = stamp_ns
        if may_grow:
            self._model.integrate(sighting.seen.view, self.pose, stamp_ns)
        self._recognise(sighting.seen.view)

    def _recognise(self, view: ObjectView) -> None:
        """Go over to a known model once it is clear that the object is that."""
        if self._recogniser is None:
            return
        recognised = self._recogniser.look(view)
        if recognised is not None:
            self._model, self.pose = KnownObject(recognised.model), recognised.pose
            self._place.forget()
        if recognised is not None or self._recogniser.has_given_up:
            self._recogniser = None

    def _absence(self, parts: SceneParts) -> int | None:
        """Since when the scene shows that a lost object did not go on with the hand."""
        shape, crop = self._model.shape, parts.labels.crop
        if shape is None:
            return None
        if not is_seen_through(crop, shape.vertices_m[shape.vertex_seen], self.pose):
            return None
        return crop.stamp_ns if self._absent_since_ns is None else self._absent_since_ns

    def _moment(self, stamp_ns: int, sighting: Sighting | None, grips: dict[int, Pose]) -> Moment:
        return Moment(
            stamp_ns=stamp_ns,
            center_m=self.center_m,
            grips=grips,
            touching=self._touching(sighting) if sighting is not None else frozenset(),
            is_supported=sighting is not None and sighting.is_supported(),
            is_measured=sighting is not None,
        )

    def _touching(self, sighting: Sighting) -> frozenset[int]:
        """Who touches it; until it is held, also who has it in the grasp."""
        touching = sighting.touching()
        return touching if self.state is GraspState.HELD else touching | sighting.in_grasp_of()

    def _note_touch(self, moment: Moment) -> None:
        """Who touches it; a hand that went out of sight goes on until another one is there."""
        if not moment.is_measured:
            return
        if moment.touching:
            self.touched_by, self._touched_ns = moment.touching, moment.stamp_ns
        else:
            self.touched_by -= moment.grips.keys()


def _less_sure(expectations: Sequence[Expectation]) -> list[Expectation]:
    """The same places of which less is expected, as of a hand whose fit is off."""
    return [
        Expectation(one.pose, _HAND_UNSEEN) for one in expectations if one.prior is not _HAND_UNSEEN
    ]


def _grips(parts: SceneParts) -> dict[int, Pose]:
    return {hand.hand.track_id: grip_of(hand) for hand in parts.labels.hands}
