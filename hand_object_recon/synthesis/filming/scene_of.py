"""The scene of one moment of a take."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import MaskLabel
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.forward import PosedHand
from hand_object_recon.synthesis.filming.film_set import FilmSet, forearm_towards_m
from hand_object_recon.synthesis.grasping.grasp import PlacedHand
from hand_object_recon.synthesis.objects.object_shape import ObjectShape
from hand_object_recon.synthesis.rendering.arm_bodies import arm_bodies
from hand_object_recon.synthesis.rendering.scene import Scene, SceneBody
from hand_object_recon.synthesis.takes.hand_surface import hand_model, posed
from hand_object_recon.synthesis.takes.resting import forearm_direction
from hand_object_recon.synthesis.takes.take import Moment

FloatArray = NDArray[np.floating[Any]]

_FOREARM_M: Final = 0.34
_TO_SHOULDER: Final = 0.4


class SeenHand(NamedTuple):
    """A hand in the camera optical frame, and which of the scene's bodies it is."""

    hand: PlacedHand
    posed: PosedHand
    body: int


class SeenObject(NamedTuple):
    """An object's (4, 4) pose in the camera optical frame, which of the scene's bodies it is, and
    sides of the hands that hold it."""

    shape: ObjectShape
    pose: NDArray[np.float64]
    body: int
    held_by: frozenset[HandSide]


class MomentScene(NamedTuple):
    """A scene, its hands, and its object, if it has one."""

    scene: Scene
    hands: tuple[SeenHand, ...]
    thing: SeenObject | None


def scene_of(moment: Moment, object_shape: ObjectShape | None, film_set: FilmSet) -> MomentScene:
    """Hands with forearms and sleeves, and the object, before the film set's camera."""
    bodies: list[SceneBody] = []
    hands = []
    for placed in moment.hands:
        hand = placed.moved(film_set.camera_from_take)
        surface = posed(hand)
        hands.append(SeenHand(hand, surface, len(bodies)))
        elbow = _elbow_m(placed, film_set)
        bodies += arm_bodies(hand_model(hand.side), surface, elbow, film_set.skin, film_set.sleeve)
    thing = None
    if object_shape is not None and moment.object_pose is not None:
        object_pose = film_set.camera_from_take @ moment.object_pose
        thing = SeenObject(object_shape, object_pose, len(bodies), moment.holders)
        bodies.append(_object_body(object_shape, object_pose, film_set))
    scene = Scene(tuple(bodies), film_set.camera, film_set.environment, film_set.camera_from_world)
    return MomentScene(scene, tuple(hands), thing)


def _elbow_m(hand: PlacedHand, film_set: FilmSet) -> FloatArray:
    """(3,) in the camera optical frame: out of the wrist, and drawn towards the shoulder."""
    wrist = hand.wrist_pose[:3, 3]
    to_shoulder = forearm_towards_m(hand.side) - wrist
    direction = forearm_direction(hand) + _TO_SHOULDER * to_shoulder / np.linalg.norm(to_shoulder)
    elbow = wrist + _FOREARM_M * direction / np.linalg.norm(direction)
    pose = film_set.camera_from_take
    return np.asarray(pose[:3, :3] @ elbow + pose[:3, 3])


def _object_body(shape: ObjectShape, pose: NDArray[np.float64], film_set: FilmSet) -> SceneBody:
    moved = shape.vertices_m @ pose[:3, :3].T.astype(np.float32) + pose[:3, 3]
    return SceneBody(
        MaskLabel.OBJECT,
        moved.astype(np.float32),
        shape.faces,
        shape.vertices_m,
        film_set.material,
    )
