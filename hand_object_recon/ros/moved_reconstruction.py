"""A reconstruction in another frame than the camera's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandEstimate
from hand_object_recon.core.objects import HandContact, ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle

Transform = NDArray[np.float64]


def moved(reconstruction: Reconstruction, frame_id: str, pose: Transform) -> Reconstruction:
    """The same hands and objects in ``frame_id``, where the present frame has ``pose`` (4, 4)."""
    return replace(
        reconstruction,
        frame_id=frame_id,
        hands=tuple(_moved_hand(hand, pose) for hand in reconstruction.hands),
        objects=tuple(_moved_object(item, pose) for item in reconstruction.objects),
    )


def _moved_hand(hand: HandEstimate, pose: Transform) -> HandEstimate:
    pose_rad = hand.pose_rad.copy()
    pose_rad[:3] = _turned(hand.pose_rad[:3], pose[:3, :3])
    return replace(
        hand,
        joints_m=_moved_points(hand.joints_m, pose),
        vertices_m=_moved_points(hand.vertices_m, pose),
        wrist_pose=pose @ hand.wrist_pose,
        pose_rad=pose_rad,
    )


def _moved_object(item: ObjectEstimate, pose: Transform) -> ObjectEstimate:
    """Vertices and primitive stay: they are in the object's own frame."""
    contacts = tuple(_moved_contact(contact, pose) for contact in item.contacts)
    return replace(item, pose=pose @ item.pose, contacts=contacts)


def _moved_contact(contact: HandContact, pose: Transform) -> HandContact:
    normal: NDArray[Any] = pose[:3, :3] @ contact.normal
    return replace(
        contact,
        point_m=_moved_points(contact.point_m, pose),
        normal=normal.astype(np.float32),
    )


def _moved_points(points_m: NDArray[np.float32], pose: Transform) -> NDArray[np.float32]:
    moved_m: NDArray[Any] = points_m @ pose[:3, :3].T + pose[:3, 3]
    return moved_m.astype(np.float32)


def _turned(rotation_rad: NDArray[np.float32], rotation: Transform) -> NDArray[np.float32]:
    turned = matrix_to_axis_angle(rotation @ axis_angle_to_matrix(rotation_rad.astype(np.float64)))
    return turned.astype(np.float32)
