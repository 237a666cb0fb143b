"""A reconstruction drawn over the colour image it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandDetection, HandEstimate, HandTopology
from hand_object_recon.core.keypoints import BONES
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.geometry.projection import project
from hand_object_recon.visualization.mesh_painting import paint_mesh
from hand_object_recon.visualization.palette import (
    DETECTION_COLOR,
    OBJECT_COLOR,
    OUTLINE_COLOR,
    SIDE_COLORS,
    TEXT_BACKING_COLOR,
    TEXT_COLOR,
    Rgb,
    keypoint_color,
)

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SUBPIXEL_BITS = 4
_REFERENCE_HEIGHT_PX = 480

Image = NDArray[np.uint8]
Pixels = NDArray[np.floating[Any]]
Point = tuple[int, int]


def draw_overlay(
    frame: RgbdFrame,
    reconstruction: Reconstruction,
    topologies: Mapping[str, HandTopology],
    detections: Sequence[HandDetection] = (),
) -> Image:
    """Return a copy (H, W, 3) uint8 RGB of the frame's image with everything known of it drawn in.

    Meshes are painted from far to near, then come detection boxes, skeletons with one colour a
    finger, a label for each hand (side, track id, distance of its centre in cm, residual to the
    measured depth in mm) and a caption with method, total time and stamp.

    topologies
        Triangles of the hand meshes by topology name.

    Raises
    ------
    InvalidValueError
        A hand's topology is not among ``topologies``.
    """
    image = frame.rgb.copy()
    style = _Style.for_image(image)
    _draw_meshes(image, frame.camera, reconstruction, topologies)
    for detection in detections:
        _draw_detection(image, detection, style)
    for hand in sorted(reconstruction.hands, key=_distance_m, reverse=True):
        _draw_hand(image, frame.camera, hand, style)
    _draw_caption(image, _caption(reconstruction), style)
    return image


@dataclass(frozen=True)
class _Style:
    """Sizes in pixels, in proportion to the image."""

    bone: int
    joint: float
    box: int
    text: float
    text_weight: int
    padding: int

    @classmethod
    def for_image(cls, image: Image) -> _Style:
        scale = min(image.shape[:2]) / _REFERENCE_HEIGHT_PX
        return cls(
            bone=max(round(2 * scale), 1),
            joint=max(3.2 * scale, 1.5),
            box=max(round(scale), 1),
            text=max(0.44 * scale, 0.3),
            text_weight=max(int(scale), 1),
            padding=max(round(5 * scale), 3),
        )


def _draw_meshes(
    image: Image,
    camera: CameraIntrinsics,
    reconstruction: Reconstruction,
    topologies: Mapping[str, HandTopology],
) -> None:
    meshes = [_hand_mesh(hand, topologies) for hand in reconstruction.hands]
    meshes += [_object_mesh(thing) for thing in reconstruction.objects]
    for mesh in sorted(meshes, key=lambda mesh: -float(mesh.vertices_m[:, 2].mean())):
        paint_mesh(image, camera, mesh.vertices_m, mesh.faces, mesh.color)


@dataclass(frozen=True, eq=False)
class _Mesh:
    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]
    color: Rgb


def _hand_mesh(hand: HandEstimate, topologies: Mapping[str, HandTopology]) -> _Mesh:
    topology = topologies.get(hand.topology)
    if topology is None:
        known = ", ".join(sorted(topologies)) or "none"
        raise InvalidValueError(
            f"hand {hand.track_id} has topology {hand.topology!r}; "
            f"pass its triangles in topologies (given: {known})"
        )
    return _Mesh(hand.vertices_m, topology.faces, SIDE_COLORS[hand.side])


def _object_mesh(thing: ObjectEstimate) -> _Mesh:
    in_camera = thing.vertices_m @ thing.pose[:3, :3].T + thing.pose[:3, 3]
    return _Mesh(in_camera.astype(np.float32), thing.faces, OBJECT_COLOR)


def _draw_detection(image: Image, detection: HandDetection, style: _Style) -> None:
    box = detection.box
    corners = np.array([[box.x_min, box.y_min], [box.x_max, box.y_max]], dtype=np.float32)
    low, high = (_fixed_point(corner) for corner in corners)
    cv2.rectangle(image, low, high, DETECTION_COLOR, style.box, cv2.LINE_AA, _SUBPIXEL_BITS)


def _draw_hand(image: Image, camera: CameraIntrinsics, hand: HandEstimate, style: _Style) -> None:
    if not (hand.joints_m[:, 2] > 0).all():
        return
    joints_px = project(hand.joints_m, camera)
    _draw_skeleton(image, joints_px, style)
    mesh_px = project(hand.vertices_m, camera)
    anchor = np.nanmin(np.concatenate([joints_px, mesh_px]), axis=0)
    _draw_label(image, anchor, _label(hand), SIDE_COLORS[hand.side], style)


def _draw_skeleton(image: Image, joints_px: Pixels, style: _Style) -> None:
    points = [_fixed_point(joint) for joint in joints_px]
    for parent, child in BONES:
        _draw_bone(image, points[parent], points[child], OUTLINE_COLOR, style.bone + 2)
    for parent, child in BONES:
        _draw_bone(image, points[parent], points[child], keypoint_color(child), style.bone)
    for index, point in enumerate(points):
        _draw_dot(image, point, OUTLINE_COLOR, style.joint + 1)
        _draw_dot(image, point, keypoint_color(index), style.joint)


def _draw_bone(image: Image, start: Point, end: Point, color: Rgb, thickness: int) -> None:
    cv2.line(image, start, end, color, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)


def _draw_dot(image: Image, center: Point, color: Rgb, radius: float) -> None:
    fixed_radius = round(radius * (1 << _SUBPIXEL_BITS))
    cv2.circle(image, center, fixed_radius, color, -1, cv2.LINE_AA, _SUBPIXEL_BITS)


def _label(hand: HandEstimate) -> str:
    label = f"{hand.side} #{hand.track_id}  {100 * _distance_m(hand):.1f} cm"
    if np.isfinite(hand.placement_residual_m):
        label += f"  {1000 * hand.placement_residual_m:.1f} mm"
    return label


def _distance_m(hand: HandEstimate) -> float:
    return float(np.linalg.norm(hand.joints_m.mean(axis=0)))


def _draw_label(image: Image, anchor_px: Pixels, text: str, color: Rgb, style: _Style) -> None:
    (width, height), baseline = cv2.getTextSize(text, _FONT, style.text, style.text_weight)
    box_width, box_height = width + 2 * style.padding, height + baseline + style.padding
    rightmost = max(image.shape[1] - box_width, 0)
    lowest = max(image.shape[0] - 2 * box_height, 0)
    left = int(np.clip(anchor_px[0], 0, rightmost))
    top = int(np.clip(anchor_px[1] - box_height - style.padding, 0, lowest))
    _darken(image[top : top + box_height, left : left + box_width])
    image[top : top + box_height, left : left + max(style.padding // 2, 2)] = color
    origin = (left + style.padding, top + height + style.padding // 2)
    _write(image, text, origin, style)


def _caption(reconstruction: Reconstruction) -> str:
    parts = [reconstruction.method]
    if reconstruction.stage_ms:
        parts.append(f"{sum(reconstruction.stage_ms.values()):.1f} ms")
    seconds, nanoseconds = divmod(reconstruction.stamp_ns, 10**9)
    parts.append(f"{seconds}.{nanoseconds // 10**6:03d} s")
    if not reconstruction.hands:
        parts.append("no hand")
    return "   ".join(parts)


def _draw_caption(image: Image, text: str, style: _Style) -> None:
    (_, height), baseline = cv2.getTextSize(text, _FONT, style.text, style.text_weight)
    strip = height + baseline + style.padding
    _darken(image[-strip:])
    _write(image, text, (style.padding, image.shape[0] - baseline - style.padding // 2), style)


def _write(image: Image, text: str, origin: tuple[int, int], style: _Style) -> None:
    cv2.putText(image, text, origin, _FONT, style.text, TEXT_COLOR, style.text_weight, cv2.LINE_AA)


def _darken(view: Image) -> None:
    backing = np.empty_like(view)
    backing[:] = TEXT_BACKING_COLOR
    view[:] = cv2.addWeighted(view, 0.35, backing, 0.65, 0.0)


def _fixed_point(pixel: Pixels) -> Point:
    x, y = np.clip(np.round(pixel * (1 << _SUBPIXEL_BITS)), -(2**24), 2**24).astype(int).tolist()
    return x, y
