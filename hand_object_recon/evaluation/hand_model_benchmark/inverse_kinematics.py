"""How exactly and how fast the inverse kinematics reaches joints."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hand_object_recon.hand_model.conventions import SHAPE_COUNT
from hand_object_recon.hand_model.inverse_kinematics.batched import BatchedInverseKinematics
from hand_object_recon.hand_model.inverse_kinematics.options import InverseKinematicsOptions
from hand_object_recon.hand_model.inverse_kinematics.solver import InverseKinematics
from hand_object_recon.hand_model.layer import HandLayer
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.open_hand.pose_space import pose_set_rad, to_axis_angle

FloatArray = NDArray[np.floating[Any]]

BATCH: Final = 256
REAL_JOINT_SD_M: Final = 1e-3
"""What the joints of a recorded hand are trusted to; its bones wander by millimetres."""

_MM_PER_M: Final = 1e3
_MS_PER_S: Final = 1e3
_SEED: Final = 20261121
_FARTHEST_M: Final = 0.5


@dataclass(frozen=True)
class AccuracyRow:
    """Mean distance over a hand's 21 joints between those given and those the model reaches."""

    side: str
    poses: str
    shape: str
    hands: int
    mean_mm: float
    p99_mm: float
    max_mm: float
    converged_share: float


@dataclass(frozen=True)
class SpeedRow:
    """Time a hand takes, its shape fitted, on one thread."""

    path: str
    poses: str
    hands_per_call: int
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True)
class RealHandRow:
    """Distances of single joints on recorded joints that no pose of the model meets."""

    shape: str
    frames: int
    mean_mm: float
    p95_mm: float
    max_mm: float


class PosedJoints(NamedTuple):
    """Random hands: joints_m (N, 21, 3) and shape (N, 10)."""

    joints_m: torch.Tensor
    shape: torch.Tensor


POSES: Final[dict[str, Callable[[HandModel, np.random.Generator, int], FloatArray]]] = {
    "pose set": lambda _model, random, count: random.choice(pose_set_rad(), count),
    "within limits": lambda model, random, count: random.uniform(
        model.joint_limits_rad[..., 0], model.joint_limits_rad[..., 1], (count, 15, 3)
    ),
}
"""Anatomical angles (N, 15, 3): mixtures of named poses, or any angle that a joint allows."""


def accuracy(model: HandModel, hands: int = 5000) -> list[AccuracyRow]:
    """The batched path on random valid hands, with the shape to be found and with it known."""
    solver = BatchedInverseKinematics(model)
    rows = []
    for poses in POSES:
        posed = random_hands(model, poses, hands)
        for shape, known in (("fitted", None), ("known", posed.shape)):
            found = solver(posed.joints_m, shape=known)
            with torch.no_grad():
                reached = HandLayer(model)(found.pose_rad, found.shape, found.translation_m)
            distance = (reached.joints_m - posed.joints_m).norm(dim=-1).mean(dim=1)
            error_mm = _MM_PER_M * distance.numpy()
            rows.append(
                AccuracyRow(
                    side=str(model.side),
                    poses=poses,
                    shape=shape,
                    hands=hands,
                    mean_mm=float(error_mm.mean()),
                    p99_mm=float(np.quantile(error_mm, 0.99)),
                    max_mm=float(error_mm.max()),
                    converged_share=float(found.converged.float().mean()),
                )
            )
    return rows


def speed(model: HandModel, calls: int = 500, batches: int = 40) -> list[SpeedRow]:
    """Single hands in NumPy and batches in torch.

    NumPy runs on one thread where ``OPENBLAS_NUM_THREADS`` is 1, as in the program.
    """
    single, batched = InverseKinematics(model), BatchedInverseKinematics(model)
    rows = []
    for poses in POSES:
        hands = random_hands(model, poses, max(calls, BATCH * 4)).joints_m
        one_by_one = [joints.numpy() for joints in hands[:calls]]
        rows.append(_speed_row("numpy", poses, 1, _times_ms(single.solve, one_by_one)))
        parts = [hands[first : first + BATCH] for first in range(0, BATCH * 4, BATCH)]
        with _one_torch_thread():
            times_ms = _times_ms(batched, [parts[call % 4] for call in range(batches)])
        rows.append(_speed_row("torch", poses, BATCH, times_ms))
    return rows


def real_hand(model: HandModel, joints_m: FloatArray) -> list[RealHandRow]:
    """Recorded (N, 21, 3) joints of one hand: one shape for all frames, and one for each."""
    options = InverseKinematicsOptions(joint_sd_m=REAL_JOINT_SD_M, refine_shape=True)
    solver = InverseKinematics(model, options)
    common = solver.fit_shape(joints_m)
    rows = []
    for name, shape in (("one for all frames", common), ("each frame its own", None)):
        residuals_m = [solver.solve(joints, shape=shape).residual_m for joints in joints_m]
        error_mm = _MM_PER_M * np.array(residuals_m)
        rows.append(
            RealHandRow(
                shape=name,
                frames=len(joints_m),
                mean_mm=float(error_mm.mean()),
                p95_mm=float(np.quantile(error_mm, 0.95)),
                max_mm=float(error_mm.max()),
            )
        )
    return rows


def random_hands(model: HandModel, poses: str, count: int) -> PosedJoints:
    """Hands of a kind of ``POSES``, turned and placed anywhere, with shapes drawn from N(0, 1)."""
    random = np.random.default_rng(_SEED)
    angles = to_axis_angle(POSES[poses](model, random, count), model.joint_axes)
    axes = random.normal(size=(count, 3))
    axes *= random.uniform(0.0, np.pi, (count, 1)) / np.linalg.norm(axes, axis=1, keepdims=True)
    pose = torch.tensor(np.concatenate([axes, angles], axis=1), dtype=torch.float32)
    shape = torch.tensor(random.normal(size=(count, SHAPE_COUNT)), dtype=torch.float32)
    translation = torch.tensor(random.uniform(-_FARTHEST_M, _FARTHEST_M, (count, 3))).float()
    with torch.no_grad():
        return PosedJoints(HandLayer(model)(pose, shape, translation).joints_m, shape)


def _speed_row(path: str, poses: str, hands: int, times_ms: FloatArray) -> SpeedRow:
    p50, p95 = np.quantile(times_ms, (0.5, 0.95)) / hands
    return SpeedRow(path, poses, hands, float(p50), float(p95))


def _times_ms(solve: Callable[[Any], object], inputs: list[Any]) -> FloatArray:
    """Time of each call after a few to warm up."""
    for value in inputs[:3]:
        solve(value)
    times = []
    for value in inputs:
        begin = time.perf_counter()
        solve(value)
        times.append(_MS_PER_S * (time.perf_counter() - begin))
    return np.array(times)


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
