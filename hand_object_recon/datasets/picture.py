"""An annotated frame to look at: the image, its truth drawn in, and its depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import AnnotatedFrame, HandAnnotation, MaskLabel
from hand_object_recon.core.hands import HandTopology
from hand_object_recon.datasets.visibility import in_camera_m
from hand_object_recon.geometry.projection import project
from hand_object_recon.visualization.depth_colors import depth_colors
from hand_object_recon.visualization.drawing import DrawingStyle, draw_caption, draw_label
from hand_object_recon.visualization.images import contact_sheet
from hand_object_recon.visualization.mesh_painting import paint_mesh
from hand_object_recon.visualization.overlay import draw_skeleton
from hand_object_recon.visualization.palette import OBJECT_COLOR, SIDE_COLORS, Rgb

Image = NDArray[np.uint8]

_TINT: Final = 0.55
_MASK_COLORS: Final[dict[MaskLabel, Rgb]] = {
    MaskLabel.LEFT_HAND: (255, 158, 74),
    MaskLabel.RIGHT_HAND: (72, 176, 255),
    MaskLabel.OBJECT: (112, 201, 96),
    MaskLabel.ARM: (186, 130, 255),
}


def truth_picture(annotated: AnnotatedFrame, topologies: Mapping[str, HandTopology]) -> Image:
    """(H, W, 3) uint8: image with skeletons, meshes of hands and objects, masks, and depth.

    topologies
        Triangles of the hands' meshes by name; a mesh that is not among them is left out.
    """
    frame = annotated.frame
    tiles = [_with_skeletons(annotated), _with_meshes(annotated, topologies)]
    if annotated.truth.mask is not None:
        tiles.append(_with_mask(frame.rgb, annotated.truth.mask))
    if np.isfinite(frame.depth_m).any():
        tiles.append(_depth(annotated))
    return contact_sheet(tiles, columns=2)


def _with_skeletons(annotated: AnnotatedFrame) -> Image:
    image = annotated.frame.rgb.copy()
    style = DrawingStyle.for_image(image)
    for hand in annotated.truth.hands:
        if (hand.joints_m[:, 2] > 0).all():
            pixels = project(hand.joints_m, annotated.frame.camera)
            draw_skeleton(image, pixels, style)
            anchor, color = np.nanmin(pixels, axis=0), SIDE_COLORS[hand.side]
            draw_label(image, anchor, _label(hand), color, style, is_below=False)
    draw_caption(image, f"{annotated.sequence}, {annotated.frame.stamp_ns} ns", style)
    return image


def _label(hand: HandAnnotation) -> str:
    distance = f"{hand.side} {100 * float(hand.joints_m[0, 2]):.0f} cm"
    if hand.visible_share is None:
        return distance
    return f"{distance}, {hand.visible_share:.0%} visible"


def _with_meshes(annotated: AnnotatedFrame, topologies: Mapping[str, HandTopology]) -> Image:
    """All as one mesh, so that fingers lie before or behind what they hold."""
    bodies: list[tuple[NDArray[Any], NDArray[np.int32], Rgb]] = [
        (in_camera_m(thing), thing.faces, OBJECT_COLOR) for thing in annotated.truth.objects
    ]
    for hand in annotated.truth.hands:
        topology = topologies.get(hand.topology)
        if hand.vertices_m is not None and topology is not None:
            bodies.append((hand.vertices_m, topology.faces, SIDE_COLORS[hand.side]))
    image = annotated.frame.rgb.copy()
    if bodies:
        starts = np.cumsum([0, *(len(vertices) for vertices, _, _ in bodies)])
        faces = [faces + start for (_, faces, _), start in zip(bodies, starts, strict=False)]
        colors = [
            np.tile(np.array(color, np.uint8), (len(vertices), 1)) for vertices, _, color in bodies
        ]
        paint_mesh(
            image,
            annotated.frame.camera,
            np.concatenate([vertices for vertices, _, _ in bodies]),
            np.concatenate(faces).astype(np.int32),
            np.concatenate(colors),
        )
    return image


def _with_mask(rgb: Image, mask: NDArray[np.uint8]) -> Image:
    image = rgb.astype(np.float32)
    for label, color in _MASK_COLORS.items():
        image[mask == label] *= 1.0 - _TINT
        image[mask == label] += _TINT * np.array(color, dtype=np.float32)
    return image.astype(np.uint8)


def _depth(annotated: AnnotatedFrame) -> Image:
    """Coloured about the hands where there are some: what is far behind is one colour."""
    depth_m = annotated.frame.depth_m
    near, far = np.nanpercentile(depth_m, [1.0, 99.0])
    distances = [hand.joints_m[:, 2] for hand in annotated.truth.hands]
    if distances:
        near, far = np.min(distances) - 0.15, np.max(distances) + 0.3
    return depth_colors(depth_m, float(near), float(max(far, near + 1e-3)))
