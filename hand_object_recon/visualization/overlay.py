"""A reconstruction drawn over the colour image it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandDetection, HandEstimate, HandTopology
from hand_object_recon.core.keypoints import BONES
from hand_object_recon.core.objects import HandContact, ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.geometry.projection import project
from hand_object_recon.visualization.drawing import (
    DrawingStyle,
    Image,
    Pixels,
    draw_caption,
    draw_dot,
    draw_label,
    draw_line,
    draw_rectangle,
)
from hand_object_recon.visualization.mesh_painting import paint_mesh
from hand_object_recon.visualization.object_views import (
    contrasting_colors,
    label_of,
    vertices_in_camera,
)
from hand_object_recon.visualization.palette import (
    CONTACT_COLOR,
    DETECTION_COLOR,
    OUTLINE_COLOR,
    SEEN_COLOR,
    SIDE_COLORS,
    keypoint_color,
    part_color,
)

_NORMAL_LENGTH_M = 0.02


def draw_overlay(
    frame: RgbdFrame,
    reconstruction: Reconstruction,
    topologies: Mapping[str, HandTopology],
    detections: Sequence[HandDetection] = (),
) -> Image:
    """Return a copy (H, W, 3) uint8 RGB of the frame's image with everything known of it drawn in.

    Meshes are painted from far to near, what was completed of an object in a colour of its own;
    then come detection boxes, skeletons with one colour a finger, contacts with the normals of
    what is touched, a label for each hand (side, track id, distance of its centre in cm, residual
    to the measured depth in mm) and object (name, track id, state) and a caption with method,
    total time and stamp.

    topologies
        Triangles of the hand meshes by topology name.

    Raises
    ------
    InvalidValueError
        A hand's topology is not among ``topologies``.
    """
    image = frame.rgb.copy()
    style = DrawingStyle.for_image(image)
    _draw_meshes(image, frame.camera, reconstruction, topologies)
    for detection in detections:
        _draw_detection(image, detection, style)
    for hand in sorted(reconstruction.hands, key=_distance_m, reverse=True):
        _draw_hand(image, frame.camera, hand, style)
    for item in reconstruction.objects:
        _draw_object(image, frame.camera, item, style)
    draw_caption(image, _caption(reconstruction), style)
    return image


def draw_skeleton(image: Image, joints_px: Pixels, style: DrawingStyle) -> None:
    """Draw (21, 2) pixels of joints and the bones between them into an image, a colour a finger."""
    for parent, child in BONES:
        draw_line(image, joints_px[parent], joints_px[child], OUTLINE_COLOR, style.bone + 2)
    for parent, child in BONES:
        draw_line(image, joints_px[parent], joints_px[child], keypoint_color(child), style.bone)
    for index, joint_px in enumerate(joints_px):
        draw_dot(image, joint_px, OUTLINE_COLOR, style.joint + 1)
        draw_dot(image, joint_px, keypoint_color(index), style.joint)


def _draw_meshes(
    image: Image,
    camera: CameraIntrinsics,
    reconstruction: Reconstruction,
    topologies: Mapping[str, HandTopology],
) -> None:
    """All as one mesh, so that fingers lie before or behind what they hold."""
    meshes = [_hand_mesh(hand, topologies) for hand in reconstruction.hands]
    meshes += [_object_mesh(item) for item in reconstruction.objects]
    if not meshes:
        return
    firsts = np.cumsum([0, *(len(mesh.vertices_m) for mesh in meshes)])
    faces = [mesh.faces + first for mesh, first in zip(meshes, firsts, strict=False)]
    paint_mesh(
        image,
        camera,
        np.concatenate([mesh.vertices_m for mesh in meshes]),
        np.concatenate(faces).astype(np.int32),
        np.concatenate([mesh.colors for mesh in meshes]),
    )


@dataclass(frozen=True, eq=False)
class _Mesh:
    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]
    colors: NDArray[np.uint8]


def _hand_mesh(hand: HandEstimate, topologies: Mapping[str, HandTopology]) -> _Mesh:
    topology = topologies.get(hand.topology)
    if topology is None:
        known = ", ".join(sorted(topologies)) or "none"
        raise InvalidValueError(
            f"hand {hand.track_id} has topology {hand.topology!r}; "
            f"pass its triangles in topologies (given: {known})"
        )
    color = np.array(SIDE_COLORS[hand.side], dtype=np.uint8)
    return _Mesh(hand.vertices_m, topology.faces, np.tile(color, (len(hand.vertices_m), 1)))


def _object_mesh(item: ObjectEstimate) -> _Mesh:
    return _Mesh(vertices_in_camera(item), item.faces, contrasting_colors(item))


def _draw_detection(image: Image, detection: HandDetection, style: DrawingStyle) -> None:
    box = detection.box
    low, high = np.array([[box.x_min, box.y_min], [box.x_max, box.y_max]], dtype=np.float32)
    draw_rectangle(image, low, high, DETECTION_COLOR, style.box)


def _draw_hand(
    image: Image, camera: CameraIntrinsics, hand: HandEstimate, style: DrawingStyle
) -> None:
    if not (hand.joints_m[:, 2] > 0).all():
        return
    joints_px = project(hand.joints_m, camera)
    draw_skeleton(image, joints_px, style)
    mesh_px = project(hand.vertices_m, camera)
    anchor = np.nanmin(np.concatenate([joints_px, mesh_px]), axis=0)
    draw_label(image, anchor, _label(hand), SIDE_COLORS[hand.side], style, is_below=False)


def _draw_object(
    image: Image, camera: CameraIntrinsics, item: ObjectEstimate, style: DrawingStyle
) -> None:
    for contact in item.contacts:
        _draw_contact(image, camera, contact, style)
    vertices_m = vertices_in_camera(item)
    if not len(vertices_m) or not (vertices_m[:, 2] > 0).all():
        return
    pixels = project(vertices_m, camera)
    anchor = np.array([pixels[:, 0].min(), pixels[:, 1].max()])
    draw_label(image, anchor, label_of(item), SEEN_COLOR, style, is_below=True)


def _draw_contact(
    image: Image, camera: CameraIntrinsics, contact: HandContact, style: DrawingStyle
) -> None:
    """A dot of the finger's colour in a ring, with the surface's normal."""
    ends_m = np.stack([contact.point_m, contact.point_m + _NORMAL_LENGTH_M * contact.normal])
    if not (ends_m[:, 2] > 0).all():
        return
    point_px, end_px = project(ends_m, camera)
    draw_line(image, point_px, end_px, CONTACT_COLOR, style.bone)
    draw_dot(image, point_px, CONTACT_COLOR, 1.6 * style.joint + 1)
    draw_dot(image, point_px, part_color(contact.part), style.joint)


def _label(hand: HandEstimate) -> str:
    label = f"{hand.side} #{hand.track_id}  {100 * _distance_m(hand):.1f} cm"
    if np.isfinite(hand.placement_residual_m):
        label += f"  {1000 * hand.placement_residual_m:.1f} mm"
    return label


def _distance_m(hand: HandEstimate) -> float:
    return float(np.linalg.norm(hand.joints_m.mean(axis=0)))


def _caption(reconstruction: Reconstruction) -> str:
    parts = [reconstruction.method]
    if reconstruction.stage_ms:
        parts.append(f"{sum(reconstruction.stage_ms.values()):.1f} ms")
    seconds, nanoseconds = divmod(reconstruction.stamp_ns, 10**9)
    parts.append(f"{seconds}.{nanoseconds // 10**6:03d} s")
    if not reconstruction.hands:
        parts.append("no hand")
    return "   ".join(parts)
