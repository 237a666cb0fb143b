"""What part of the hand each vertex is: finger, segment, side, and where hands touch things.

Derived from skin weights, rest joints, joint axes and normals only, so it holds for any hand model.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import FINGER_NAMES
from hand_object_recon.core.objects import HandPart
from hand_object_recon.geometry.mesh_normals import (
    cross,
    face_area_vectors,
    vertex_normals,
)
from hand_object_recon.hand_model.conventions import finger_joints
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.topology.adjacency import boundary_edges

FloatArray = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


class Segment(IntEnum):
    """The palm, or one of a finger's three segments from the palm outwards.

    The thumb's first segment is its metacarpal with the ball of the thumb.
    """

    PALM = 0
    PROXIMAL = 1
    MIDDLE = 2
    DISTAL = 3


CONTACT_ZONES: Final[tuple[str, ...]] = (*FINGER_NAMES, "palm")
"""Names of the zones with which a hand usually touches an object, five finger pads first."""

# Places along a segment, 0 at its joint and 1 at its end.
_TIP_FROM: Final = 0.5
_PAD_FROM: Final = 0.25
_WEB_AT: Final = 0.5

# Least cosine between the normal of a zone's skin and the palm side.
_PAD_FACING: Final = 0.35
_PALM_FACING: Final = 0.5


@dataclass(frozen=True, eq=False)
class VertexLabels:
    """Labels of the V vertices of a hand model, read-only.

    part (V,), segment (V,) int8
        ``core.objects.HandPart`` and ``Segment`` of the joints that move the vertex most. The
        back of the hand counts as palm.
    is_palmar (V,)
        Whether the skin faces the side to which the fingers bend, not the back of the hand.
    is_tip (V,)
        The outer half of a finger's last segment, nail and pad.
    is_wrist_rim (V,)
        The open end of the mesh.
    contact_zone (V,) int8
        1 + place in ``CONTACT_ZONES``, or 0 where the hand seldom touches an object.
    """

    part: NDArray[np.int8]
    segment: NDArray[np.int8]
    is_palmar: Mask
    is_tip: Mask
    is_wrist_rim: Mask
    contact_zone: NDArray[np.int8]

    def __post_init__(self) -> None:
        for array in vars(self).values():
            array.setflags(write=False)

    def contact_vertices(self) -> dict[str, NDArray[np.intp]]:
        """For each name of ``CONTACT_ZONES`` its vertices, ascending."""
        return {
            name: np.flatnonzero(self.contact_zone == number)
            for number, name in enumerate(CONTACT_ZONES, start=1)
        }


@lru_cache(maxsize=8)
def vertex_labels(model: HandModel) -> VertexLabels:
    """Label a hand model's vertices; a left hand gets the labels of its mirror image."""
    if model.side is HandSide.LEFT:
        return vertex_labels(model.mirrored())
    part, segment = _parts_and_segments(model.weights)
    facing = _facing_the_palm_side(model)
    along = _place_along_last_segment(model, part)
    is_last = segment == Segment.DISTAL
    contact_zone = np.where(is_last & (along > _PAD_FROM) & (facing > _PAD_FACING), 1 + part, 0)
    contact_zone[_palm_mounts(model, part, segment, facing)] = len(CONTACT_ZONES)
    is_wrist_rim = np.zeros(len(part), dtype=bool)
    is_wrist_rim[boundary_edges(model.faces)] = True
    return VertexLabels(
        part=part,
        segment=segment,
        is_palmar=facing > 0.0,
        is_tip=is_last & (along > _TIP_FROM),
        is_wrist_rim=is_wrist_rim,
        contact_zone=contact_zone.astype(np.int8),
    )


def _parts_and_segments(
    weights: FloatArray,
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Part with the greatest sum of (V, 16) weights, and its joint with the greatest weight."""
    of_joint = weights[:, [finger_joints(finger) for finger in FINGER_NAMES]]
    shares = np.column_stack([of_joint.sum(axis=2), weights[:, 0]])
    part = shares.argmax(axis=1)
    finger = np.minimum(part, HandPart.PINKY)
    in_finger = of_joint.argmax(axis=2)[np.arange(len(part)), finger]
    segment = np.where(part == HandPart.PALM, Segment.PALM, Segment.PROXIMAL + in_finger)
    return part.astype(np.int8), segment.astype(np.int8)


def _palm_side(model: HandModel) -> FloatArray:
    """(16, 3) unit vectors, in rest, to the side to which each segment bends.

    What a joint moves goes at right angles to its flexion axis and to its bone. The palm's is
    the mean of the four fingers' first joints.
    """
    flexion, bone = model.joint_axes[:, 0], model.joint_axes[:, 2]
    sides = np.concatenate([np.zeros((1, 3), dtype=np.float32), cross(flexion, bone)])
    knuckles = [finger_joints(finger)[0] for finger in FINGER_NAMES if finger != "thumb"]
    sides[0] = sides[knuckles].sum(axis=0)
    return np.asarray(sides / np.linalg.norm(sides, axis=1, keepdims=True))


def _facing_the_palm_side(model: HandModel) -> FloatArray:
    """(V,) cosine between normals and the palm side, which blends as the skin weights do."""
    area_vectors = face_area_vectors(model.v_template, model.faces)
    normals = vertex_normals(area_vectors, model.faces, len(model.v_template))
    sides = model.weights @ _palm_side(model)
    sides /= np.linalg.norm(sides, axis=1, keepdims=True)
    return np.asarray(np.einsum("vc,vc->v", normals, sides))


def _place_along_last_segment(model: HandModel, part: NDArray[np.int8]) -> FloatArray:
    """(V,) 0 at a finger's last joint, 1 at its tip, by projection; 0 for the palm."""
    along = np.zeros(len(part), dtype=np.float32)
    for number, finger in enumerate(FINGER_NAMES):
        joint = model.rest_joints_m[finger_joints(finger)[2]]
        bone = model.v_template[model.tip_vertices[number]] - joint
        members = part == number
        along[members] = (model.v_template[members] - joint) @ bone / (bone @ bone)
    return along


def _palm_mounts(
    model: HandModel, part: NDArray[np.int8], segment: NDArray[np.int8], facing: FloatArray
) -> Mask:
    """(V,) the raised skin of the palm: balls of thumb and little finger, below the knuckles.

    Of the palm's skin in front of the wrist, with the first half of the fingers' first segments,
    what stands out from the plane that fits it best; what lies deeper is the hollow of the palm.
    """
    is_palm = (facing > _PALM_FACING) & _is_of_the_palm(model, part, segment)
    skin = model.v_template[is_palm].astype(np.float64)
    offsets = skin - skin.mean(axis=0)
    normal = np.linalg.svd(offsets, full_matrices=False)[2][2]
    outwards = np.sign(normal @ _palm_side(model)[0]) * normal
    mounts = np.zeros(len(part), dtype=bool)
    mounts[is_palm] = offsets @ outwards > 0.0
    return mounts


def _is_of_the_palm(model: HandModel, part: NDArray[np.int8], segment: NDArray[np.int8]) -> Mask:
    """(V,) palm in front of the wrist, ball of the thumb, fingers up to the webs."""
    wrist = model.rest_joints_m[0]
    towards_fingers = model.rest_joints_m[finger_joints("middle")[0]] - wrist
    is_palm: Mask = (part == HandPart.PALM) & ((model.v_template - wrist) @ towards_fingers > 0.0)
    for number, finger in enumerate(FINGER_NAMES):
        joint, next_joint = model.rest_joints_m[list(finger_joints(finger)[:2])]
        bone = next_joint - joint
        place = (model.v_template - joint) @ bone / (bone @ bone)
        is_palm |= (part == number) & (segment == Segment.PROXIMAL) & (place < _WEB_AT)
    return is_palm
