"""The meshes of one reconstruction, each with name, normals and colour, ready for a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandEstimate, HandSide, HandSurface, HandTopology
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.geometry.mesh_normals import face_area_vectors, vertex_normals
from hand_object_recon.visualization.object_views import natural_colors, vertices_in_camera
from hand_object_recon.visualization.palette import OBJECT_COLOR, SIDE_COLORS, Rgb

_TOWARDS_CAMERA: Final = (0.0, 0.0, -1.0)


@dataclass(frozen=True, eq=False)
class NamedMesh:
    """A mesh in the camera optical frame, in metres.

    vertices_m, normals
        (V, 3) float32; the normals have length one.
    faces
        (F, 3) int32, counter-clockwise seen from outside.
    color, vertex_colors
        One colour for all, or (V, 3) uint8 in its place.
    """

    name: str
    vertices_m: NDArray[np.float32]
    normals: NDArray[np.float32]
    faces: NDArray[np.int32]
    color: Rgb
    vertex_colors: NDArray[np.uint8] | None = None


def frame_meshes(
    reconstruction: Reconstruction,
    topologies: Mapping[str, HandTopology],
    sides: Collection[HandSide] = tuple(HandSide),
) -> list[NamedMesh]:
    """Hands of these sides (``hand_1_right``) and every object (``object_4``) of a frame.

    Where a method saw a hand's surface apart from the hand model's, that comes behind the hands
    (``hand_1_right_surface``).
    An object has its own colours where they are known, and another where it was not seen.

    Raises
    ------
    InvalidValueError
        The topology of a hand is not given or has another number of vertices.
    """
    hands = [hand for hand in reconstruction.hands if hand.side in sides]
    return [
        *(_hand_mesh(hand, topologies) for hand in hands),
        *(_surface_mesh(hand, hand.surface) for hand in hands if hand.surface is not None),
        *(_object_mesh(item) for item in reconstruction.objects),
    ]


def _hand_mesh(hand: HandEstimate, topologies: Mapping[str, HandTopology]) -> NamedMesh:
    topology = topologies.get(hand.topology)
    if topology is None:
        raise InvalidValueError(
            f"hand {hand.track_id} has topology {hand.topology!r}, whose faces are not given; "
            f"known are {', '.join(topologies) or 'none'}"
        )
    if topology.vertex_count != len(hand.vertices_m):
        raise InvalidValueError(
            f"hand {hand.track_id} has {len(hand.vertices_m)} vertices, its topology "
            f"{hand.topology!r} has {topology.vertex_count}; they must be equal"
        )
    return _mesh(_hand_name(hand), hand.vertices_m, topology.faces, SIDE_COLORS[hand.side])


def _surface_mesh(hand: HandEstimate, surface: HandSurface) -> NamedMesh:
    name, color = f"{_hand_name(hand)}_surface", SIDE_COLORS[hand.side]
    return NamedMesh(name, surface.vertices_m, surface.normals, surface.faces, color)


def _hand_name(hand: HandEstimate) -> str:
    return f"hand_{hand.track_id}_{hand.side}"


def _object_mesh(item: ObjectEstimate) -> NamedMesh:
    mesh = _mesh(f"object_{item.track_id}", vertices_in_camera(item), item.faces, OBJECT_COLOR)
    if item.vertex_seen is None and item.vertex_colors is None:
        return mesh
    return replace(mesh, vertex_colors=natural_colors(item))


def _mesh(
    name: str, vertices_m: NDArray[np.float32], faces: NDArray[np.int32], color: Rgb
) -> NamedMesh:
    areas = face_area_vectors(vertices_m.astype(np.float64), faces)
    normals = vertex_normals(areas, faces, len(vertices_m)).astype(np.float32)
    normals[np.linalg.norm(normals, axis=1) < 0.5] = _TOWARDS_CAMERA  # no face around the vertex
    return NamedMesh(name, vertices_m, normals, faces, color)
