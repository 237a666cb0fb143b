"""The figures of docs/hand_model.md are those of the shipped asset."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.open_hand.shape_space import MODE_NAMES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "hand_model.md"


def documented_modes() -> dict[str, list[float]]:
    rows = re.findall(r"^\| `(\w+)` \|(.+)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: [float(cell) for cell in cells.split("|")] for name, cells in rows}


def length_and_breadth_mm(model: HandModel, shape: np.ndarray) -> np.ndarray:
    joints = 1000.0 * pose_hand(model, np.zeros(48), shape, np.zeros(3)).joints_m
    return np.linalg.norm(joints[[12, 17]] - joints[[0, 5]], axis=1)


def test_every_shape_mode_is_documented_in_order() -> None:
    assert tuple(documented_modes()) == MODE_NAMES


@pytest.mark.parametrize("mode", MODE_NAMES)
def test_the_documented_effect_of_a_shape_mode_is_that_of_the_asset(
    right: HandModel, mode: str
) -> None:
    shape = np.eye(10)[MODE_NAMES.index(mode)]
    change = length_and_breadth_mm(right, shape) - length_and_breadth_mm(right, 0.0 * shape)
    moved = 1000.0 * np.linalg.norm(right.shapedirs @ shape, axis=1)
    found = [*change, moved.mean(), moved.max()]
    np.testing.assert_allclose(documented_modes()[mode], found, atol=0.06)
