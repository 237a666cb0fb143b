"""How near a hand model comes to true meshes of a hand, be their topology another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.evaluation.hand_model_benchmark.mesh_registration import (
    MeshRegistration,
    RegisteredHand,
)
from hand_object_recon.evaluation.hand_model_benchmark.truth_meshes import TruthMeshes
from hand_object_recon.evaluation.surface_distance import distances_to_surface
from hand_object_recon.hand_model.conventions import SHAPE_COUNT
from hand_object_recon.hand_model.model import HandModel

FloatArray = NDArray[np.floating[Any]]

_MM_PER_M: Final = 1e3
_FRAMES_A_SHAPE: Final = 3
_SHARE_OF_NEW_INFORMATION: Final = 0.1
"""Frames of one recording err alike, so ten count as one in the shared shape."""


@dataclass(frozen=True)
class TruthDistances:
    """Distances of true vertices to the model's surface over all frames, wrist rim left out.

    worst_frame_mm is the mean of the frame that has the greatest; joint_mean_mm is the mean
    distance of the 21 joints.
    """

    shape: str
    mean_mm: float
    p95_mm: float
    worst_frame_mm: float
    joint_mean_mm: float


@dataclass(frozen=True)
class TruthFit:
    """vertices are those of a frame that were measured; shared_shape has 10 coefficients."""

    frames: int
    vertices: int
    shared_shape: tuple[float, ...]
    with_shared_shape: TruthDistances
    with_own_shapes: TruthDistances


def fit_truth(
    model: HandModel,
    truth: TruthMeshes,
    on_fit: Callable[[int, int], None] = lambda _done, _total: None,
) -> TruthFit:
    """Fit a model to true meshes of the same side, with one shape for all frames and with many.

    on_fit
        Called after each single fit with how many are done and how many there will be.
    """
    kept = truth.without_wrist_rim()
    samples = range(0, len(kept), _FRAMES_A_SHAPE)
    total, done = len(samples) + 2 * len(kept), 0
    registration = MeshRegistration(model)

    def fit(frame: int, shape: FloatArray, with_shape: bool) -> RegisteredHand:
        nonlocal done
        joints, vertices = kept.joints_m[frame], kept.vertices_m[frame]
        hand = registration.register(joints, vertices, shape, with_shape=with_shape)
        done += 1
        on_fit(done, total)
        return hand

    shape = _shared_shape([fit(frame, np.zeros(SHAPE_COUNT), True) for frame in samples])
    shared = [fit(frame, shape, False) for frame in range(len(kept))]
    own = [fit(frame, shape, True) for frame in range(len(kept))]
    return TruthFit(
        frames=len(kept),
        vertices=kept.vertices_m.shape[1],
        shared_shape=tuple(float(value) for value in shape),
        with_shared_shape=_distances("one for all frames", model, kept, shared),
        with_own_shapes=_distances("each frame its own", model, kept, own),
    )


def _shared_shape(hands: list[RegisteredHand]) -> FloatArray:
    """(10,) mean of the hands' shapes, each weighed with what its mesh tells of it."""
    information = [_SHARE_OF_NEW_INFORMATION * hand.shape_information for hand in hands]
    seen = sum((each @ hand.shape for each, hand in zip(information, hands, strict=True)), 0.0)
    return np.asarray(np.linalg.solve(np.eye(SHAPE_COUNT) + sum(information), seen))


def _distances(
    shape: str, model: HandModel, truth: TruthMeshes, hands: list[RegisteredHand]
) -> TruthDistances:
    surface_mm = _MM_PER_M * np.array(
        [
            distances_to_surface(vertices, hand.vertices_m, model.faces)
            for vertices, hand in zip(truth.vertices_m, hands, strict=True)
        ]
    )
    keypoints = np.array([hand.keypoints_m for hand in hands])
    joint_mm = _MM_PER_M * np.linalg.norm(keypoints - truth.joints_m, axis=-1)
    return TruthDistances(
        shape=shape,
        mean_mm=float(surface_mm.mean()),
        p95_mm=float(np.quantile(surface_mm, 0.95)),
        worst_frame_mm=float(surface_mm.mean(axis=1).max()),
        joint_mean_mm=float(joint_mm.mean()),
    )
