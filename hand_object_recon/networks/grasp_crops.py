"""Hands of an annotated frame with what they hold, and the crops that show them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import AnnotatedFrame, HandAnnotation, ObjectAnnotation
from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.closed_body import Body
from hand_object_recon.geometry.projection import back_project, project
from hand_object_recon.hand_model.model import HandModel, load_hand_model
from hand_object_recon.networks.annotated_crops import can_be_seen, crop_around
from hand_object_recon.networks.crop_camera import CropCamera

FloatArray = NDArray[np.floating[Any]]


class CropRule(str, Enum):
    """What a crop is cut around: the true joints; them and the object, as gSDF's authors do for
    DexYCB; or the image's corners, as they do for ObMan."""

    HAND = "hand"
    HAND_AND_OBJECT = "hand_and_object"
    IMAGE = "image"


def grasps(annotated: AnnotatedFrame) -> Iterator[tuple[HandAnnotation, Body]]:
    """Each hand that holds something and can be seen at all, with the first object that it holds,
    in the camera's axes."""
    for hand, held in hands_and_held(annotated):
        if held is not None:
            yield hand, held


def hands_and_held(annotated: AnnotatedFrame) -> Iterator[tuple[HandAnnotation, Body | None]]:
    """Each hand that can be seen at all, with the first object that it holds; None where it holds
    nothing for certain. Hands of which that is not known are left out."""
    is_known = all(thing.held_by is not None for thing in annotated.truth.objects)
    for hand in annotated.truth.hands:
        held = _held_object(annotated, hand.side)
        if can_be_seen(hand) and (is_known or held is not None):
            yield hand, None if held is None else _object_body(held)


def grasp_crop(
    hand: HandAnnotation,
    held: Body | None,
    camera: CameraIntrinsics,
    rule: CropRule,
    enlargement: float,
    *,
    is_upright: bool,
) -> CropCamera | None:
    """The crop that shows a grasp, its edge ``enlargement`` times the least; left hands are
    mirrored into right ones, and upright ones rolled until the knuckles are above the wrist.

    None where not all it is cut around is before the camera, or where it has fewer than
    ``LEAST_EDGE_PX`` pixels along its edge.
    """
    rays = _framed_rays(hand.joints_m, held, camera, rule)
    if rays is None:
        return None
    return crop_around(hand, rays, camera, enlargement, is_upright=is_upright)


def true_vertices_m(hand: HandAnnotation, hand_model: str) -> tuple[HandModel, FloatArray]:
    """The model of an annotated hand, and the (V, 3) vertices of its mesh.

    Raises
    ------
    InvalidValueError
        The truth has no mesh, or another hand model's than ``hand_model``.
    """
    model = load_hand_model(hand_model, hand.side)
    if hand.vertices_m is None or hand.topology != model.topology.name:
        raise InvalidValueError(
            f"the true hand has the mesh of {hand.topology!r}, option hand_model asks for "
            f"{model.topology.name!r}; set hand_model to the model of the data"
        )
    return model, hand.vertices_m.astype(np.float64)


def _held_object(annotated: AnnotatedFrame, side: HandSide) -> ObjectAnnotation | None:
    for thing in annotated.truth.objects:
        if thing.held_by is not None and side in thing.held_by:
            return thing
    return None


def _object_body(thing: ObjectAnnotation) -> Body:
    rotation, shift = thing.pose[:3, :3], thing.pose[:3, 3]
    return Body(thing.vertices_m.astype(np.float64) @ rotation.T + shift, thing.faces)


def _framed_rays(
    joints_m: FloatArray, held: Body | None, camera: CameraIntrinsics, rule: CropRule
) -> FloatArray | None:
    """(N, 3) what the crop is cut around; None where not all of it is before the camera."""
    if rule is CropRule.IMAGE:
        corners = np.array([[0, 0], [camera.width, camera.height]], dtype=np.float64)
        return back_project(corners, np.ones(2), camera)
    points = [joints_m]
    if held is not None and rule is CropRule.HAND_AND_OBJECT:
        points.append(held.vertices_m)
    rays = np.concatenate(points, dtype=np.float64)
    return rays if np.isfinite(project(rays, camera)).all() else None
