"""Our own messages from the core's value types, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandEstimate, HandSide, HandTopology
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.flat_arrays import flat, in_threes
from hand_object_recon.messages.headers import header_message, stamp_ns_of
from hand_object_recon.messages.objects import (
    object_from_message,
    object_message,
    touching_parts,
)
from hand_object_recon.messages.poses import (
    point_messages,
    points_from_messages,
    pose_from_message,
    pose_message,
)
from hand_object_recon.messages.typestore import (
    RECONSTRUCTION_TYPE,
    TOPOLOGY_TYPE,
    Message,
    message_class,
    new_message,
)

_HAND_TYPE = "hand_object_recon/msg/Hand"
_STAGE_TYPE = "hand_object_recon/msg/StageTime"


def reconstruction_message(reconstruction: Reconstruction) -> Message:
    """``hand_object_recon/Reconstruction`` with the image's own stamp and frame."""
    return new_message(
        RECONSTRUCTION_TYPE,
        header=header_message(reconstruction.stamp_ns, reconstruction.frame_id),
        method=reconstruction.method,
        hands=[
            _hand_message(hand, touching_parts(reconstruction.objects, hand.track_id))
            for hand in reconstruction.hands
        ],
        objects=[object_message(item) for item in reconstruction.objects],
        stages=[
            new_message(_STAGE_TYPE, name=name, milliseconds=milliseconds)
            for name, milliseconds in reconstruction.stage_ms.items()
        ],
    )


def reconstruction_from_message(message: Message) -> Reconstruction:
    """The :class:`Reconstruction` a message was made of.

    Scores and residuals come back with float32's precision.

    Raises
    ------
    InvalidValueError
        A field is outside the contract of the value types, such as a side that is neither.
    """
    return Reconstruction(
        stamp_ns=stamp_ns_of(message.header),
        frame_id=message.header.frame_id,
        method=message.method,
        hands=tuple(_hand_from_message(hand) for hand in message.hands),
        objects=tuple(object_from_message(item) for item in message.objects),
        stage_ms={stage.name: stage.milliseconds for stage in message.stages},
    )


def topology_message(topology: HandTopology) -> Message:
    """``hand_object_recon/HandTopology``."""
    return new_message(
        TOPOLOGY_TYPE,
        name=topology.name,
        vertex_count=topology.vertex_count,
        triangles=flat(topology.faces, np.uint32),
    )


def topology_from_message(message: Message) -> HandTopology:
    """The :class:`HandTopology` a message was made of.

    Raises
    ------
    InvalidValueError
        The triangles are not three numbers each, or name a vertex that does not exist.
    """
    return HandTopology(
        name=message.name,
        vertex_count=int(message.vertex_count),
        faces=in_threes(f"triangles of {message.name!r}", message.triangles, np.int32),
    )


def _hand_message(hand: HandEstimate, touches: NDArray[np.bool_]) -> Message:
    return new_message(
        _HAND_TYPE,
        track_id=hand.track_id,
        side=_side_numbers()[hand.side],
        score=hand.score,
        joints=point_messages(hand.joints_m),
        joint_visibility=hand.joint_visibility,
        joint_confidence=_none_as_empty(hand.joint_confidence),
        wrist=pose_message(hand.wrist_pose),
        pose=hand.pose_rad,
        shape=hand.shape,
        topology=hand.topology,
        vertices=flat(hand.vertices_m, np.float32),
        placement_residual=hand.placement_residual_m,
        touches=touches,
    )


def _hand_from_message(message: Message) -> HandEstimate:
    sides = {number: side for side, number in _side_numbers().items()}
    if message.side not in sides:
        raise InvalidValueError(f"hand side is {message.side}; known are LEFT and RIGHT")
    return HandEstimate(
        track_id=int(message.track_id),
        side=sides[message.side],
        score=float(message.score),
        joints_m=points_from_messages(message.joints).astype(np.float32),
        joint_visibility=message.joint_visibility,
        vertices_m=in_threes("hand vertices", message.vertices, np.float32),
        topology=message.topology,
        wrist_pose=pose_from_message(message.wrist),
        pose_rad=message.pose,
        shape=message.shape,
        placement_residual_m=float(message.placement_residual),
        joint_confidence=_joint_confidence(message),
    )


def _none_as_empty(numbers: NDArray[np.float32] | None) -> NDArray[np.float32]:
    return np.empty(0, np.float32) if numbers is None else numbers


def _joint_confidence(message: Message) -> NDArray[np.float32] | None:
    """None where the method tells none, and in recordings of older versions."""
    numbers: NDArray[np.float32] = getattr(message, "joint_confidence", np.empty(0, np.float32))
    return numbers if len(numbers) else None


def _side_numbers() -> dict[HandSide, int]:
    hand = message_class(_HAND_TYPE)
    return {HandSide.LEFT: hand.LEFT, HandSide.RIGHT: hand.RIGHT}
