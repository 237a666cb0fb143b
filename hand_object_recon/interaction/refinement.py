"""The joint refinement of hands and the objects they hold, for every reconstructor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import (
    POSE_LENGTH,
    SHAPE_LENGTH,
    HandEstimate,
    HandSide,
)
from hand_object_recon.core.keypoints import FINGERTIPS, KEYPOINT_COUNT
from hand_object_recon.core.objects import GraspState, HandContact, ObjectEstimate
from hand_object_recon.core.stage_settings import ContactRefinementSettings
from hand_object_recon.hand_model.hand_poser import HandPoser
from hand_object_recon.hand_model.model import HandModel, load_hand_model
from hand_object_recon.interaction.contacts import hand_contacts, parts_by_nearest_bone
from hand_object_recon.interaction.correction import BEND_LENGTH, correction
from hand_object_recon.interaction.hand_bend import bent_estimate, given_hand
from hand_object_recon.interaction.hand_rig import HandRig, installed_rig
from hand_object_recon.interaction.object_surface import ObjectSurface
from hand_object_recon.interaction.pulls import DepthImage
from hand_object_recon.object_model.mesh_distance import MeshDistance

_MM: Final = 1e-3
_VOXEL_M: Final = 0.004
_REMEMBERED_NS: Final = 200_000_000


@dataclass(frozen=True, eq=False)
class _LastBend:
    """How a hand was bent (51,) for an object at a time."""

    object_id: int
    stamp_ns: int
    bend: NDArray[np.float64]


class ContactRefinement:
    """Pulls hands to the objects they hold, and pushes them out of objects.

    The hand is bent about its own joints and moved a little, as far as the depth image and what
    is known of a hand allow; the object, which hundreds of depth points placed, stays. The last
    frame's bend is the start of the next, so that hands do not flicker.
    """

    def __init__(self, settings: ContactRefinementSettings, hand_model: str) -> None:
        self._hand_model = hand_model
        self._rigs: dict[str, HandRig | None] = {}
        self._parts: dict[str, NDArray[np.int64]] = {}
        self._bends: dict[int, _LastBend] = {}
        self.change_settings(settings)

    def refine(
        self,
        frame: RgbdFrame,
        hands: Sequence[HandEstimate],
        objects: Sequence[ObjectEstimate],
    ) -> tuple[tuple[HandEstimate, ...], tuple[ObjectEstimate, ...]]:
        """The hands moved within the depth's evidence, and the objects with their contacts.

        Hands whose mesh belongs to no installed hand model stay as they are; of those whose pose
        parameters do not go with their joints, only the wrist is moved. Contacts are found in any
        case, whether hands are moved or not.
        """
        if not objects or not hands:
            return tuple(hands), tuple(objects)
        self._forget_bends(frame.stamp_ns)
        surfaces = [ObjectSurface.of(one, self._meshes) for one in objects]
        refined = tuple(self._refined(frame, hand, surfaces) for hand in hands)
        return refined, tuple(self._with_contacts(refined, surface) for surface in surfaces)

    def warm_up(self) -> None:
        """Compile what is compiled on first use, on a hand that pinches a block."""
        camera = CameraIntrinsics(width=64, height=48, fx=60.0, fy=60.0, cx=32.0, cy=24.0)
        depth = np.full((camera.height, camera.width), 0.5, dtype=np.float32)
        rgb = np.zeros((camera.height, camera.width, 3), dtype=np.uint8)
        for side in HandSide:
            hand = _resting_hand(load_hand_model(self._hand_model, side))
            frame = RgbdFrame(rgb, depth, camera, stamp_ns=0, frame_id="warm_up")
            self.refine(frame, [hand], [_block_at(hand.joints_m[FINGERTIPS[1]], hand.track_id)])
            self._bends.clear()

    def change_settings(self, settings: ContactRefinementSettings) -> None:
        """Use other settings from the next frame on."""
        self._settings = settings
        known_mm = max(settings.reach_mm, settings.contact_mm)
        self._meshes = MeshDistance(_VOXEL_M, known_mm * _MM + _VOXEL_M)

    def _refined(
        self, frame: RgbdFrame, hand: HandEstimate, surfaces: Sequence[ObjectSurface]
    ) -> HandEstimate:
        rig = self._rig(hand)
        surface = _to_agree_with(hand, surfaces)
        if rig is None or surface is None or not self._settings.enabled:
            return hand
        bend = self._bend(frame, hand, rig, surface)
        self._bends[hand.track_id] = _LastBend(surface.estimate.track_id, frame.stamp_ns, bend)
        return bent_estimate(hand, rig, bend)

    def _bend(
        self, frame: RgbdFrame, hand: HandEstimate, rig: HandRig, surface: ObjectSurface
    ) -> NDArray[np.float64]:
        gaps, _ = surface.gaps(hand.vertices_m)
        last = self._last_bend(hand, surface)
        return correction(
            given_hand(hand, rig),
            rig.arrays,
            surface.thing,
            surface.trust(hand.vertices_m, gaps),
            _depth_image(frame),
            self._settings.reach_mm * _MM if _holds(hand, surface.estimate) else 0.0,
            np.zeros(BEND_LENGTH) if last is None else last,
            last is not None,
            rig.explains(hand),
        )

    def _last_bend(self, hand: HandEstimate, surface: ObjectSurface) -> NDArray[np.float64] | None:
        last = self._bends.get(hand.track_id)
        return last.bend if last and last.object_id == surface.estimate.track_id else None

    def _forget_bends(self, stamp_ns: int) -> None:
        """Drop what is too old, as of hands that left, or of a time that has not come."""
        self._bends = {
            track_id: last
            for track_id, last in self._bends.items()
            if 0 < stamp_ns - last.stamp_ns <= _REMEMBERED_NS
        }

    def _rig(self, hand: HandEstimate) -> HandRig | None:
        if hand.topology not in self._rigs:
            self._rigs[hand.topology] = installed_rig(hand.topology)
        rig = self._rigs[hand.topology]
        return rig if rig is not None and rig.fits(hand) else None

    def _with_contacts(
        self, hands: Sequence[HandEstimate], surface: ObjectSurface
    ) -> ObjectEstimate:
        contacts: list[HandContact] = []
        for hand in hands:
            contact_m = self._settings.contact_mm * _MM
            contacts += hand_contacts(hand, self._parts_of(hand), surface, contact_m)
        return replace(surface.estimate, contacts=tuple(contacts))

    def _parts_of(self, hand: HandEstimate) -> NDArray[np.int64]:
        rig = self._rig(hand)
        if rig is not None:
            return rig.arrays.parts
        if hand.topology not in self._parts:
            self._parts[hand.topology] = parts_by_nearest_bone(hand)
        return self._parts[hand.topology]


def _to_agree_with(hand: HandEstimate, surfaces: Sequence[ObjectSurface]) -> ObjectSurface | None:
    """The object a hand holds, or else one it touches that was not put down."""
    for surface in surfaces:
        if _holds(hand, surface.estimate):
            return surface
    for surface in surfaces:
        if surface.estimate.state is not GraspState.PUT_DOWN:
            gaps, _ = surface.gaps(hand.vertices_m)
            if gaps.min() < 0.0:
                return surface
    return None


def _resting_hand(model: HandModel) -> HandEstimate:
    pose, shape = np.zeros(POSE_LENGTH, np.float32), np.zeros(SHAPE_LENGTH, np.float32)
    posed = HandPoser(model, shape).pose(pose, np.array([0.0, 0.0, 0.5], np.float32))
    return HandEstimate(
        track_id=0,
        side=model.side,
        score=1.0,
        joints_m=posed.joints_m,
        joint_visibility=np.ones(KEYPOINT_COUNT, np.float32),
        vertices_m=posed.vertices_m,
        topology=model.topology.name,
        wrist_pose=posed.wrist_pose,
        pose_rad=pose,
        shape=shape,
    )


def _block_at(center_m: NDArray[np.float32], held_by: int) -> ObjectEstimate:
    """A tetrahedron 2 cm large, half of it seen."""
    corners = 0.01 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float32)
    faces = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]], np.int32)
    pose = np.eye(4)
    pose[:3, 3] = center_m
    is_seen = np.array([True, True, False, False])
    return ObjectEstimate(0, 1.0, pose, corners, faces, held_by=held_by, vertex_seen=is_seen)


def _holds(hand: HandEstimate, thing: ObjectEstimate) -> bool:
    return thing.state is GraspState.HELD and thing.held_by == hand.track_id


def _depth_image(frame: RgbdFrame) -> DepthImage:
    camera = frame.camera
    depth = np.ascontiguousarray(frame.depth_m)
    return DepthImage(depth, camera.fx, camera.fy, camera.cx, camera.cy)
