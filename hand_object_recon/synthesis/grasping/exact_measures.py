"""Grasps measured on the meshes themselves, not on distance grids."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import DependencyError
from hand_object_recon.core.keypoints import FINGERTIPS
from hand_object_recon.core.objects import HandPart
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.vertex_labels import vertex_labels
from hand_object_recon.synthesis.grasping.grasp import Grasp, PlacedHand
from hand_object_recon.synthesis.grasping.hand_meshes import Mesh, hand_mesh
from hand_object_recon.synthesis.grasping.hands import MODEL_NAME
from hand_object_recon.synthesis.objects.object_shape import ObjectShape
from hand_object_recon.synthesis.objects.signed_distance import nearest_surface

_TOUCH_M: Final = 0.002

FloatArray = NDArray[np.floating[Any]]


class ExactMeasures(NamedTuple):
    """penetration_m: greatest depth of a vertex of the hand in the object. touching_fingers: how
    many have skin within 2 mm of the surface. overlap_m3: volume common to both. tips_m (5,):
    signed distance of the finger tips, the thumb's first, to the surface."""

    penetration_m: float
    touching_fingers: int
    overlap_m3: float
    tips_m: NDArray[np.float64]


def measure_exactly(shape: ObjectShape, grasp: Grasp) -> ExactMeasures:
    """Measure a grasp of an object."""
    model = load_hand_model(MODEL_NAME, grasp.hand.side)
    skin, faces = hand_mesh(grasp.hand)
    distances = nearest_surface(shape, skin).distances_m
    part = vertex_labels(model).part
    nearest = [
        distances[: len(part)][part == finger].min()
        for finger in range(HandPart.THUMB, HandPart.PINKY + 1)
    ]
    return ExactMeasures(
        penetration_m=max(0.0, -float(distances.min())),
        touching_fingers=int(np.sum(np.array(nearest) < _TOUCH_M)),
        overlap_m3=common_volume_m3((skin, faces), (shape.vertices_m, shape.faces)),
        tips_m=nearest_surface(shape, _keypoints_m(grasp.hand)[list(FINGERTIPS)]).distances_m,
    )


def common_volume_m3(one: Mesh, other: Mesh) -> float:
    """Volume inside both of two closed meshes."""
    return float((_solid(one) ^ _solid(other)).volume())


def _keypoints_m(hand: PlacedHand) -> FloatArray:
    model = load_hand_model(MODEL_NAME, hand.side)
    return pose_hand(model, hand.pose_rad, hand.shape, hand.translation_m).joints_m


def _solid(mesh: Mesh) -> Any:
    manifold3d = _import_manifold3d()
    vertices, faces = mesh
    return manifold3d.Manifold(
        manifold3d.Mesh64(np.array(vertices, dtype=np.float64), np.array(faces, dtype=np.uint64))
    )


def _import_manifold3d() -> Any:
    try:
        import manifold3d
    except ImportError:
        raise DependencyError(
            "volumes of overlap need manifold3d, which is not installed: pip install manifold3d"
        ) from None
    return manifold3d
