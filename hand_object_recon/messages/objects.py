"""``hand_object_recon/HeldObject`` from an object's estimate, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.objects import (
    NOBODY,
    GraspState,
    HandContact,
    HandPart,
    ObjectEstimate,
    PrimitiveFit,
    PrimitiveKind,
)
from hand_object_recon.messages.flat_arrays import flat, in_threes
from hand_object_recon.messages.poses import (
    point_messages,
    points_from_messages,
    pose_from_message,
    pose_message,
    vector_message,
)
from hand_object_recon.messages.typestore import Message, message_class, new_message

_OBJECT_TYPE: Final = "hand_object_recon/msg/HeldObject"
_CONTACT_TYPE: Final = "hand_object_recon/msg/HandContact"
_PRIMITIVE_TYPE: Final = "shape_msgs/msg/SolidPrimitive"


def object_message(item: ObjectEstimate) -> Message:
    """``hand_object_recon/HeldObject``; what is not known of the object is empty."""
    fit = item.primitive
    return new_message(
        _OBJECT_TYPE,
        track_id=item.track_id,
        name=item.name,
        score=item.score,
        held_by=item.held_by,
        state=_numbers_of_states()[item.state],
        pose=pose_message(item.pose),
        vertices=flat(item.vertices_m, np.float32),
        triangles=flat(item.faces, np.uint32),
        vertex_seen=_bytes_or_none(item.vertex_seen),
        vertex_colors=_bytes_or_none(item.vertex_colors),
        primitive=_primitive_message(fit),
        primitive_pose=pose_message(fit.pose if fit else np.eye(4)),
        primitive_residual=fit.residual_m if fit else 0.0,
        contacts=[_contact_message(contact) for contact in item.contacts],
    )


def object_from_message(message: Message) -> ObjectEstimate:
    """The object a message was made of.

    Of one by an older definition, which has no state, it is told by ``held_by``, and what else
    came later is unknown.

    Raises
    ------
    InvalidValueError
        A field is outside the contract of the value types, such as an unknown state.
    """
    vertices_m = in_threes("object vertices", message.vertices, np.float32)
    is_of_today = hasattr(message, "state")
    more = _later_fields(message) if is_of_today else {"state": _assumed_state(message)}
    return ObjectEstimate(
        track_id=int(message.track_id),
        score=float(message.score),
        pose=pose_from_message(message.pose),
        vertices_m=vertices_m,
        faces=in_threes("object triangles", message.triangles, np.int32),
        held_by=int(message.held_by),
        **more,
    )


def touching_parts(objects: Sequence[ObjectEstimate], hand_track_id: int) -> NDArray[np.bool_]:
    """(6,) which parts of a hand touch an object, in the order of ``HandPart``."""
    touches = np.zeros(len(HandPart), dtype=np.bool_)
    for item in objects:
        for contact in item.contacts:
            touches[contact.part] |= contact.hand_track_id == hand_track_id
    return touches


def _bytes_or_none(values: NDArray[Any] | None) -> NDArray[np.uint8]:
    return np.zeros(0, np.uint8) if values is None else flat(values, np.uint8)


def _later_fields(message: Message) -> dict[str, Any]:
    seen, colors = message.vertex_seen, message.vertex_colors
    return {
        "name": message.name,
        "state": _state_of(message.state),
        "vertex_seen": seen.astype(np.bool_) if len(seen) else None,
        "vertex_colors": in_threes("vertex colors", colors, np.uint8) if len(colors) else None,
        "primitive": _primitive_from(message) if len(message.primitive.dimensions) else None,
        "contacts": tuple(_contact_from_message(contact) for contact in message.contacts),
    }


def _assumed_state(message: Message) -> GraspState:
    return GraspState.PUT_DOWN if message.held_by == NOBODY else GraspState.HELD


def _state_of(number: int) -> GraspState:
    for state, known in _numbers_of_states().items():
        if number == known:
            return state
    raise InvalidValueError(f"object state is {number}; known are TOUCHED, HELD and PUT_DOWN")


def _numbers_of_states() -> dict[GraspState, int]:
    constants = message_class(_OBJECT_TYPE)
    return {state: getattr(constants, state.name) for state in GraspState}


def _primitive_message(fit: PrimitiveFit | None) -> Message:
    return new_message(
        _PRIMITIVE_TYPE,
        type=_numbers_of_primitives()[fit.kind] if fit else 0,
        dimensions=_dimensions(fit) if fit else np.zeros(0),
        polygon=new_message("geometry_msgs/msg/Polygon", points=[]),
    )


def _dimensions(fit: PrimitiveFit) -> NDArray[np.float64]:
    x, y, z = fit.size_m.tolist()
    by_kind = {
        PrimitiveKind.BOX: (x, y, z),
        PrimitiveKind.CYLINDER: (z, x / 2),
        PrimitiveKind.SPHERE: (x / 2,),
    }
    return np.array(by_kind[fit.kind], dtype=np.float64)


def _primitive_from(message: Message) -> PrimitiveFit:
    kinds = {number: kind for kind, number in _numbers_of_primitives().items()}
    number, dimensions = message.primitive.type, message.primitive.dimensions.tolist()
    if number not in kinds:
        raise InvalidValueError(f"primitive type is {number}; known are BOX, CYLINDER and SPHERE")
    return PrimitiveFit(
        kind=kinds[number],
        pose=pose_from_message(message.primitive_pose),
        size_m=_size(kinds[number], dimensions),
        residual_m=float(message.primitive_residual),
    )


def _size(kind: PrimitiveKind, dimensions: list[float]) -> NDArray[np.float32]:
    expected = {PrimitiveKind.BOX: 3, PrimitiveKind.CYLINDER: 2, PrimitiveKind.SPHERE: 1}[kind]
    if len(dimensions) != expected:
        raise InvalidValueError(
            f"a {kind} has {len(dimensions)} dimensions; it must have {expected}"
        )
    if kind is PrimitiveKind.BOX:
        return np.array(dimensions, dtype=np.float32)
    diameter = 2 * dimensions[-1]
    height = dimensions[0] if kind is PrimitiveKind.CYLINDER else diameter
    return np.array([diameter, diameter, height], dtype=np.float32)


def _numbers_of_primitives() -> dict[PrimitiveKind, int]:
    constants = message_class(_PRIMITIVE_TYPE)
    return {kind: getattr(constants, kind.name) for kind in PrimitiveKind}


def _contact_message(contact: HandContact) -> Message:
    (point,) = point_messages(contact.point_m[None])
    return new_message(
        _CONTACT_TYPE,
        hand_track_id=contact.hand_track_id,
        part=int(contact.part),
        point=point,
        normal=vector_message(*contact.normal.tolist()),
        gap=contact.gap_m,
    )


def _contact_from_message(message: Message) -> HandContact:
    if message.part not in list(HandPart):
        raise InvalidValueError(f"hand part is {message.part}; known are 0 (thumb) to 5 (palm)")
    normal = message.normal
    return HandContact(
        hand_track_id=int(message.hand_track_id),
        part=HandPart(message.part),
        point_m=points_from_messages([message.point])[0].astype(np.float32),
        normal=np.array([normal.x, normal.y, normal.z], dtype=np.float32),
        gap_m=float(message.gap),
    )
