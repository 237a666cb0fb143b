"""How plausible a hand's mesh is by itself: whether it is inside itself, how far joints are bent,
how evenly its skin is stretched."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hand_object_recon.core.objects import HandPart
from hand_object_recon.geometry.rotations import matrix_to_axis_angle
from hand_object_recon.geometry.signed_distance import signed_distances
from hand_object_recon.geometry.torch_alignment import align_rigid
from hand_object_recon.hand_model.conventions import JOINT_COUNT, JOINT_PARENTS
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.topology.adjacency import mesh_edges
from hand_object_recon.hand_model.vertex_labels import Segment, vertex_labels

FloatArray = NDArray[np.floating[Any]]

_APART_IN_REST_M: Final = 0.001
_RIGID_FROM: Final = 0.7  # of a bone's greatest weight
_PARENTS: Final = list(JOINT_PARENTS[1:])


def self_penetration_m(model: HandModel, vertices_m: FloatArray) -> float:
    """How deep the deepest of (V, 3) vertices is inside another part of the same hand; 0 if none.

    Parts are the palm and the five fingers. A finger's vertices count in other fingers, those
    beyond its first segment in the palm, too, since nearer its knuckle skin always folds. The
    depth is the distance to the other part's skin. What is less than 1 mm apart in rest, such as
    the webs, does not count for each other.

    Raises
    ------
    DependencyError
        libigl is not installed.
    """
    depths_m = [
        depth_inside_m(vertices_m[part.tested], vertices_m, part.faces) for part in _parts_of(model)
    ]
    return max(depths_m)


def depth_inside_m(
    points_m: FloatArray, vertices_m: FloatArray, faces: NDArray[np.integer[Any]]
) -> float:
    """The greatest depth of (N, 3) points inside a mesh (V, 3), (F, 3), which may have holes."""
    return max(0.0, -float(signed_distances(points_m, vertices_m, faces).min(initial=0.0)))


def bent_angles_rad(
    model: HandModel, vertices_m: FloatArray, shape: FloatArray | None = None
) -> FloatArray:
    """(N, 15, 3) how far joints of (N, V, 3) meshes are bent along the model's axes.

    Of the mesh itself: each bone's turn is that of the vertices that follow it most, from where
    they are in rest. shape (N, 10) tells the rest hands; that of the template where left out.
    """
    follows = model.weights > _RIGID_FROM * model.weights.max(axis=0)
    weights = np.where(follows, model.weights, 0.0).T
    rest_m = _rest_m(model, len(vertices_m), shape)
    turns = align_rigid(*_of_each_bone(rest_m, vertices_m, weights)).rotation.numpy()
    turns = turns.reshape(-1, JOINT_COUNT, 3, 3)
    local = turns[:, _PARENTS].swapaxes(2, 3) @ turns[:, 1:]
    return np.asarray((model.joint_axes @ matrix_to_axis_angle(local)[..., None])[..., 0])


def limit_excess_rad(model: HandModel, angles_rad: FloatArray) -> FloatArray:
    """(N,) how far the joint that is bent too far most is beyond its limit; angles (N, 15, 3)
    along the model's axes."""
    low, high = model.joint_limits_rad[..., 0], model.joint_limits_rad[..., 1]
    beyond = np.maximum(low - angles_rad, angles_rad - high)
    return np.asarray(np.maximum(beyond, 0.0).max(axis=(1, 2)))


def edge_spread(
    model: HandModel, vertices_m: FloatArray, shape: FloatArray | None = None
) -> FloatArray:
    """(N,) how unevenly (N, V, 3) meshes are stretched: the standard deviation, over their edges,
    of how much longer than in rest they are, as a share of the mean.

    0 for a rest hand of any size. shape (N, 10) as above.
    """
    edges = mesh_edges(model.faces)
    rest_m = _rest_m(model, len(vertices_m), shape)
    ratios = _lengths(vertices_m, edges) / _lengths(rest_m, edges)
    return np.asarray(ratios.std(axis=1) / ratios.mean(axis=1))


class _Part(NamedTuple):
    """faces (F', 3) of a part of the hand; tested (N,), the vertices that are to be outside."""

    faces: NDArray[np.int32]
    tested: NDArray[np.intp]


@lru_cache(maxsize=8)
def _parts_of(model: HandModel) -> tuple[_Part, ...]:
    labels = vertex_labels(model)
    # A face belongs to the part that two of its corners belong to.
    of_face = np.sort(labels.part[model.faces], axis=1)[:, 1]
    is_free = labels.segment > Segment.PROXIMAL
    parts = []
    for part in HandPart:
        faces = model.faces[of_face == part]
        is_palm = part == HandPart.PALM
        tested = is_free if is_palm else (labels.part != part) & (labels.part != HandPart.PALM)
        places = np.flatnonzero(tested)
        apart_m = signed_distances(model.v_template[places], model.v_template, faces)
        parts.append(_Part(faces, places[apart_m > _APART_IN_REST_M]))
    return tuple(parts)


def _rest_m(model: HandModel, count: int, shape: FloatArray | None) -> FloatArray:
    """(N, V, 3), or (1, V, 3) where all are the template."""
    if shape is None:
        return np.asarray(model.v_template[None])
    return np.asarray(model.v_template + np.einsum("vcs,ns->nvc", model.shapedirs, shape))


def _of_each_bone(
    rest_m: FloatArray, vertices_m: FloatArray, weights: FloatArray
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rest and posed vertices and weights (N * 16, V, ...), one row for each bone."""
    count, vertex_count = vertices_m.shape[:2]
    shape = (count, JOINT_COUNT, vertex_count)
    posed = np.broadcast_to(vertices_m[:, None], (*shape, 3))
    rest = np.broadcast_to(rest_m[:, None], (*shape, 3))
    shares = np.broadcast_to(weights[None], shape)
    first, second = (torch.tensor(part.reshape(-1, vertex_count, 3)) for part in (rest, posed))
    return first.double(), second.double(), torch.tensor(shares.reshape(-1, vertex_count)).double()


def _lengths(vertices_m: FloatArray, edges: NDArray[np.integer[Any]]) -> FloatArray:
    start, end = edges.T
    return np.asarray(np.linalg.norm(vertices_m[:, end] - vertices_m[:, start], axis=2))
