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
from hand_object_recon.hand_model.vertex_labels import vertex_labels
from hand_object_recon.synthesis.filming.contact import within_reach
from hand_object_recon.synthesis.filming.scene_of import MomentScene, SeenHand
from hand_object_recon.synthesis.objects.object_shape import ObjectShape
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


def truth_of(
    stamp_ns: int, moment: MomentScene, shape: ObjectShape | None, rendered: RenderedFrame
) -> FrameAnnotation:
    """Hands, object, mask and true depth of a rendered moment.

    A hand is part of the truth if most of its joints are in the picture and at least a
    thousandth of the picture's pixels show it.
    """
    hands = [
        _hand(hand, moment, shape, rendered)
        for hand in moment.hands
        if _is_in_picture(hand, moment.scene.camera, rendered)
    ]
    return FrameAnnotation(
        stamp_ns=stamp_ns,
        hands=tuple(hands),
        objects=_objects(moment, shape),
        mask=rendered.mask,
        clean_depth_m=rendered.clean_depth_m,
    )


def _is_in_picture(hand: SeenHand, camera: CameraIntrinsics, rendered: RenderedFrame) -> bool:
    in_view = int(pixels_of(hand.posed.joints_m, camera).is_inside.sum())
    seen = int(np.count_nonzero(rendered.body == hand.body))
    least = _LEAST_VISIBLE_SHARE_OF_IMAGE * rendered.body.size
    return in_view >= _LEAST_JOINTS_IN_VIEW and seen >= least


def _hand(
    hand: SeenHand, moment: MomentScene, shape: ObjectShape | None, rendered: RenderedFrame
) -> HandAnnotation:
    model = hand_model(hand.hand.side)
    fingers = vertex_labels(model).part
    vertices, joints = hand.posed.vertices_m, hand.posed.joints_m
    scene = moment.scene
    is_seen = visible_vertices(scene, rendered, hand.body)
    contact = _contact(vertices, moment.object_pose, shape)
    return HandAnnotation(
        side=hand.hand.side,
        joints_m=joints.astype(np.float32),
        vertices_m=vertices.astype(np.float32),
        topology=model.topology.name,
        pose_rad=hand.hand.pose_rad,
        shape=hand.hand.shape,
        translation_m=hand.hand.translation_m,
        joint_visible=is_seen_at(joints, scene.camera, rendered, hand.body, _FINGER_RADIUS_M),
        finger_occluded=_count_by_finger(fingers, is_seen) < _LEAST_VISIBLE_VERTICES,
        visible_share=visible_share(scene, rendered, hand.body),
        touching=_count_by_finger(fingers, contact) >= _TOUCHING_VERTICES,
        contact_vertices=contact,
    )


def _count_by_finger(fingers: NDArray[np.int8], chosen: Mask) -> NDArray[np.intp]:
    """(5,) chosen vertices of each finger, thumb first."""
    return np.bincount(fingers[chosen], minlength=FINGER_COUNT + 1)[1:]


def _contact(
    vertices_m: FloatArray, object_pose: FloatArray | None, shape: ObjectShape | None
) -> Mask:
    if shape is None or object_pose is None:
        return np.zeros(len(vertices_m), dtype=np.bool_)
    in_object = (vertices_m - object_pose[:3, 3]) @ object_pose[:3, :3]
    return within_reach(shape, in_object, _CONTACT_M)


def _objects(moment: MomentScene, shape: ObjectShape | None) -> tuple[ObjectAnnotation, ...]:
    if shape is None or moment.object_pose is None:
        return ()
    return (
        ObjectAnnotation(
            name=shape.name,
            pose=moment.object_pose,
            vertices_m=shape.vertices_m,
            faces=shape.faces,
            category=shape.category,
        ),
    )
