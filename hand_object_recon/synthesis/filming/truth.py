"""What is true of a rendered frame."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import (
    FINGER_COUNT,
    FrameAnnotation,
    HandAnnotation,
    ObjectAnnotation,
)
from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.objects import HandPart
from hand_object_recon.geometry.mesh_normals import face_area_vectors, vertex_normals
from hand_object_recon.hand_model.vertex_labels import vertex_labels
from hand_object_recon.synthesis.filming.contact import within_reach
from hand_object_recon.synthesis.filming.scene_of import MomentScene, SeenHand, SeenObject
from hand_object_recon.synthesis.rendering.renderer import RenderedFrame
from hand_object_recon.synthesis.rendering.visibility import (
    is_seen_at,
    pixels_of,
    visible_share,
    visible_vertices,
)
from hand_object_recon.synthesis.takes.hand_surface import hand_model

FloatArray = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

_LEAST_VISIBLE_VERTICES: Final = 30  # H2ONet's code; its paper says 50
_FINGER_RADIUS_M: Final = 0.02
_CONTACT_M: Final = 0.003
_TOUCHING_VERTICES: Final = 2
_LEAST_JOINTS_IN_VIEW: Final = 11
_LEAST_VISIBLE_SHARE_OF_IMAGE: Final = 1e-3


def truth_of(stamp_ns: int, moment: MomentScene, rendered: RenderedFrame) -> FrameAnnotation:
    """Hands, object, mask and true depth of a rendered moment.

    A hand is part of the truth if most of its joints are in the picture and at least a
    thousandth of the picture's pixels show it.
    """
    hands = [
        _hand(hand, moment, rendered)
        for hand in moment.hands
        if _is_in_picture(hand, moment.scene.camera, rendered)
    ]
    return FrameAnnotation(
        stamp_ns=stamp_ns,
        hands=tuple(hands),
        objects=_objects(moment, rendered),
        mask=rendered.mask,
        clean_depth_m=rendered.clean_depth_m,
    )


def _is_in_picture(hand: SeenHand, camera: CameraIntrinsics, rendered: RenderedFrame) -> bool:
    in_view = int(pixels_of(hand.posed.joints_m, camera).is_inside.sum())
    seen = int(np.count_nonzero(rendered.body == hand.body))
    least = _LEAST_VISIBLE_SHARE_OF_IMAGE * rendered.body.size
    return in_view >= _LEAST_JOINTS_IN_VIEW and seen >= least


def _hand(hand: SeenHand, moment: MomentScene, rendered: RenderedFrame) -> HandAnnotation:
    model = hand_model(hand.hand.side)
    parts = vertex_labels(model).part
    vertices, joints = hand.posed.vertices_m, hand.posed.joints_m
    scene = moment.scene
    is_seen = visible_vertices(scene, rendered, hand.body)
    contact = _contact(vertices, moment.thing)
    return HandAnnotation(
        side=hand.hand.side,
        joints_m=joints.astype(np.float32),
        vertices_m=vertices.astype(np.float32),
        topology=model.topology.name,
        pose_rad=hand.hand.pose_rad,
        shape=hand.hand.shape,
        translation_m=hand.hand.translation_m,
        joint_visible=is_seen_at(joints, scene.camera, rendered, hand.body, _FINGER_RADIUS_M),
        finger_occluded=_count_by_finger(parts, is_seen) < _LEAST_VISIBLE_VERTICES,
        visible_share=visible_share(scene, rendered, hand.body),
        touching=_count_by_finger(parts, contact) >= _TOUCHING_VERTICES,
        contact_vertices=contact,
    )


def _count_by_finger(parts: NDArray[np.int8], chosen: Mask) -> NDArray[np.intp]:
    """(5,) chosen vertices of each finger, thumb first."""
    return np.bincount(parts[chosen], minlength=len(HandPart))[:FINGER_COUNT]


def _contact(vertices_m: FloatArray, thing: SeenObject | None) -> Mask:
    if thing is None:
        return np.zeros(len(vertices_m), dtype=np.bool_)
    in_object = (vertices_m - thing.pose[:3, 3]) @ thing.pose[:3, :3]
    return within_reach(thing.shape, in_object, _CONTACT_M)


def _objects(moment: MomentScene, rendered: RenderedFrame) -> tuple[ObjectAnnotation, ...]:
    thing = moment.thing
    if thing is None:
        return ()
    return (
        ObjectAnnotation(
            name=thing.shape.name,
            pose=thing.pose,
            vertices_m=thing.shape.vertices_m,
            faces=thing.shape.faces,
            category=thing.shape.category,
            held_by=thing.held_by,
            vertex_visible=_visible(thing, moment, rendered),
        ),
    )


def _visible(thing: SeenObject, moment: MomentScene, rendered: RenderedFrame) -> Mask:
    """(V,) vertices that are seen and whose surface faces the camera: a thin body's back lies
    no farther behind what is seen than the tolerance of being seen."""
    body = moment.scene.bodies[thing.body]
    normals = vertex_normals(
        face_area_vectors(body.vertices_m, body.faces), body.faces, len(body.vertices_m)
    )
    is_facing = np.einsum("vc,vc->v", normals, body.vertices_m) < 0.0
    return np.asarray(is_facing & visible_vertices(moment.scene, rendered, thing.body))
