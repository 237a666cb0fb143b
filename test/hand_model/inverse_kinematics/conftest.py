"""Random valid hands of either side."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.open_hand.pose_space import to_axis_angle


class KnownHands(NamedTuple):
    """pose_rad (N, 48), shape (N, 10), translation_m (N, 3) and joints_m (N, 21, 3)."""

    pose_rad: np.ndarray
    shape: np.ndarray
    translation_m: np.ndarray
    joints_m: np.ndarray


def reached(model: HandModel, pose: np.ndarray, shape: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(N, 21, 3) joints of the model's forward pass."""
    return np.stack(
        [pose_hand(model, *hand).joints_m for hand in zip(pose, shape, where, strict=True)]
    )


@pytest.fixture(scope="session")
def known_hands(pose_set: np.ndarray) -> Callable[..., KnownHands]:
    """Half of the poses from the model's pose set, half anywhere within the joint limits."""

    def draw(model: HandModel, count: int, seed: int = 1) -> KnownHands:
        random = np.random.default_rng(seed)
        limits = model.joint_limits_rad
        angles = random.uniform(limits[..., 0], limits[..., 1], (count, 15, 3))
        angles[::2] = pose_set[random.integers(len(pose_set), size=len(angles[::2]))]
        turns = Rotation.random(count, random_state=seed).as_rotvec()
        pose = np.concatenate([turns, to_axis_angle(angles, model.joint_axes)], axis=1)
        shape, where = random.normal(size=(count, 10)), random.uniform(-0.5, 0.5, (count, 3))
        return KnownHands(pose, shape, where, reached(model, pose, shape, where))

    return draw
