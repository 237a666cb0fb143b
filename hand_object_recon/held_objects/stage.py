"""The pipeline's stage that finds, models and tracks what hands hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import BoundingBox, HandEstimate, HandTopology
from hand_object_recon.core.objects import GraspState, ObjectEstimate
from hand_object_recon.core.stage_settings import HeldObjectSettings
from hand_object_recon.geometry.background_planes import BackgroundPlanes, arm_box
from hand_object_recon.geometry.projection import project
from hand_object_recon.held_objects.candidates import held_part
from hand_object_recon.held_objects.color_memory import ColorMemory, evidence
from hand_object_recon.held_objects.hand_surface import HandSurface
from hand_object_recon.held_objects.object_labels import (
    LEAST_POINTS,
    LabelledObject,
    label_new_object,
)
from hand_object_recon.held_objects.object_track import ObjectTrack
from hand_object_recon.held_objects.scene_crop import Surroundings, scene_crop
from hand_object_recon.held_objects.scene_labels import SceneLabels, label_scene, skin_bins
from hand_object_recon.held_objects.scene_parts import SceneParts, scene_parts
from hand_object_recon.object_model.known_models.model_folder import KnownModel, load_known_models

_NEW_AFTER_NS: Final = 150_000_000
_NEW_WITHIN_NS: Final = 100_000_000
_IDLE_NS: Final = 50_000_000
_MOST_OBJECTS: Final = 4
_OFF_SKIN_M: Final = 0.012
_HAND_REACH_M: Final = 0.13
_MOST_RESIDUAL_M: Final = 0.010
"""A hand that is laid farther off the depth than that leaves its own arm and fingers over, and
they look like something held."""


class HeldObjects:
    """Keeps the objects of one camera from frame to frame.

    An object that is only touched is followed, so that its model is there when it is taken up,
    but not reported: what lies on a table beside a hand is not held.

    Raises
    ------
    InvalidValueError, DependencyError
        The folder of known models cannot be used.
    """

    _is_compiled: ClassVar[bool] = False

    def __init__(self, settings: HeldObjectSettings, topologies: Sequence[HandTopology]) -> None:
        self._settings = settings
        self._topologies = topologies
        self._faces = {one.name: one.faces for one in topologies}
        self._known_models = _known_models(settings)
        self._background = BackgroundPlanes()
        self._skin, self._held = ColorMemory(), ColorMemory()
        self._tracks: list[ObjectTrack] = []
        self._candidates: dict[int, tuple[int, int]] = {}
        self._next_id = 0
        self._looked_ns: int | None = None

    def update(self, frame: RgbdFrame, hands: Sequence[HandEstimate]) -> tuple[ObjectEstimate, ...]:
        """Objects that the hands of a frame hold, or held within the last seconds."""
        self._forget_old(frame.stamp_ns)
        if self._is_idle(frame.stamp_ns):
            return ()
        self._looked_ns = frame.stamp_ns
        scene = self._scene(frame, hands)
        if scene is not None:
            parts = scene_parts(scene)
            taken = np.zeros(parts.count, dtype=np.bool_)
            for track in self._tracks:
                taken |= track.update(parts, taken, self._settings)
            self._begin_tracks(parts, taken)
            self._learn_colors(scene)
        reported = (one.estimate() for one in self._tracks if one.state is not GraspState.TOUCHED)
        return tuple(one for one in reported if one is not None)

    def warm_up(self) -> None:
        """Compile what is compiled on first use, on a scene of a second; once in a process."""
        from hand_object_recon.held_objects.warm_up_scene import warm_up_scene

        if HeldObjects._is_compiled:
            return
        trial = HeldObjects(self._settings, self._topologies)
        for frame, hands in warm_up_scene(self._topologies[0]):
            trial.update(frame, hands)
        HeldObjects._is_compiled = True

    def change_settings(self, settings: HeldObjectSettings) -> None:
        """Use other run-time settings from the next frame on."""
        self._settings = settings

    def continue_ids_of(self, earlier: HeldObjects) -> None:
        """Take no id that another one gave."""
        self._next_id = max(self._next_id, earlier._next_id)

    def reset(self) -> None:
        """Forget every object."""
        self._background.reset()
        self._skin, self._held = ColorMemory(), ColorMemory()
        self._looked_ns = None
        self._tracks.clear()
        self._candidates.clear()

    def _is_idle(self, stamp_ns: int) -> bool:
        """Whether nothing was in any hand and it was looked into them a moment ago."""
        if self._tracks or self._candidates or self._looked_ns is None:
            return False
        return 0 <= stamp_ns - self._looked_ns < _IDLE_NS

    def _scene(self, frame: RgbdFrame, hands: Sequence[HandEstimate]) -> SceneLabels | None:
        surfaces = [HandSurface(hand, self._faces[hand.topology]) for hand in hands]
        self._background.update(frame, _arms(frame, hands))
        wanted = [Surroundings(hand.center_m, self._reach_m) for hand in surfaces]
        wanted += [Surroundings(track.center_m, track.radius_m) for track in self._tracks]
        crop = scene_crop(frame, wanted)
        if crop is None:
            return None
        return label_scene(
            crop,
            surfaces,
            self._background,
            np.array([one.center_m for one in wanted]),
            self._settings.max_size_m,
            evidence(self._held, self._skin),
        )

    @property
    def _reach_m(self) -> float:
        return _HAND_REACH_M + 0.4 * self._settings.max_size_m

    def _begin_tracks(self, parts: SceneParts, taken: NDArray[np.bool_]) -> None:
        stamp_ns = parts.labels.crop.stamp_ns
        self._candidates = {
            hand: (first, last)
            for hand, (first, last) in self._candidates.items()
            if stamp_ns - last <= _NEW_WITHIN_NS
        }
        for hand in parts.labels.hands:
            hand_id = hand.hand.track_id
            if any(track.is_claimed_by(hand_id, stamp_ns) for track in self._tracks):
                continue
            if hand.hand.placement_residual_m > _MOST_RESIDUAL_M:
                continue
            seen = self._new_object(parts, hand, taken)
            if seen is None:
                continue
            first, _ = self._candidates.get(hand_id, (stamp_ns, stamp_ns))
            self._candidates[hand_id] = first, stamp_ns
            if stamp_ns - first >= _NEW_AFTER_NS and self._has_room(hand_id, stamp_ns):
                self._tracks.append(self._new_track(parts, seen))
                taken |= seen.parts
                del self._candidates[hand_id]

    def _has_room(self, hand_id: int, stamp_ns: int) -> bool:
        """Whether there may be one more object in a hand.

        What went out of sight in that hand is forgotten: it is the new one, or nobody knows where.
        So is, if there are too many, what was put down and has not been seen for longest.
        """
        self._tracks = [one for one in self._tracks if not one.was_lost_in(hand_id, stamp_ns)]
        if len(self._tracks) < _MOST_OBJECTS:
            return True
        put_down = [one for one in self._tracks if one.state is GraspState.PUT_DOWN]
        unseen = [one for one in put_down if one.seen_ns < stamp_ns]
        if not unseen:
            return False
        self._tracks.remove(min(unseen, key=lambda one: one.seen_ns))
        return True

    def _new_object(
        self, parts: SceneParts, hand: HandSurface, taken: NDArray[np.bool_]
    ) -> LabelledObject | None:
        """Something in a hand that is seen well enough to be modelled."""
        mask = held_part(parts, hand, taken, self._settings.max_size_m)
        seen = label_new_object(parts, mask) if mask is not None else None
        return seen if seen is not None and len(seen.view.points_m) >= LEAST_POINTS else None

    def _new_track(self, parts: SceneParts, seen: LabelledObject) -> ObjectTrack:
        self._next_id += 1
        return ObjectTrack(self._next_id - 1, self._settings, self._known_models, parts, seen)

    def _learn_colors(self, scene: SceneLabels) -> None:
        self._skin.add(skin_bins(scene))
        for track in self._tracks:
            if track.seen_ns == scene.crop.stamp_ns:
                self._held.add(scene.bins[track.known & (scene.gaps_m > _OFF_SKIN_M)])
        if not self._tracks:
            self._held = ColorMemory()

    def _forget_old(self, stamp_ns: int) -> None:
        keep_s = self._settings.keep_s
        self._tracks = [one for one in self._tracks if not one.is_over(stamp_ns, keep_s)]


def _arms(frame: RgbdFrame, hands: Sequence[HandEstimate]) -> list[BoundingBox]:
    pixels = [project(hand.joints_m, frame.camera) for hand in hands]
    return [arm_box(one) for one in pixels if np.isfinite(one).all()]


def _known_models(settings: HeldObjectSettings) -> tuple[KnownModel, ...]:
    if not settings.models_folder:
        return ()
    return load_known_models(Path(settings.models_folder), settings.max_size_m)
