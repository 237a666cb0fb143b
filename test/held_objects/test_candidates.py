"""What of a hand's surroundings is looked at as something it may hold."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.held_objects.candidates import held_part
from hand_object_recon.held_objects.part_columns import PartColumn
from hand_object_recon.held_objects.pixel_kinds import PixelKind
from hand_object_recon.held_objects.scene_crop import SceneCrop
from hand_object_recon.held_objects.scene_labels import SceneLabels
from hand_object_recon.held_objects.scene_parts import SceneParts

SIZE = 40
HAND: Any = SimpleNamespace(
    grasp_places_m=np.array([[0.0, 0.0, 0.5]]), forearm=np.array([0.2, 0.0, 0.5, 0.05])
)


def part_of_four_square_centimetres(**measured: float) -> SceneParts:
    """A square of 2 cm in the grasp, 2 cm off the hand where it is clear of it, else 3 mm."""
    camera = CameraIntrinsics(SIZE, SIZE, 250.0, 250.0, 0.5 * SIZE - 0.5, 0.5 * SIZE - 0.5)
    crop = SceneCrop(
        np.full((SIZE, SIZE), 0.5, np.float32), np.zeros((SIZE, SIZE, 3), np.uint8), camera, 0
    )
    number = np.full((SIZE, SIZE), -1, np.int32)
    number[15:25, 15:25] = 0
    measures = np.zeros((1, len(PartColumn)))
    for name, value in measured.items():
        measures[0, PartColumn[name.upper()]] = value
    plain = np.full((SIZE, SIZE), np.nan, np.float32)
    labels = SceneLabels(
        crop=crop,
        hands=(HAND,),
        kinds=np.where(number == 0, PixelKind.REST, PixelKind.HAND).astype(np.uint8),
        gaps_m=np.full((SIZE, SIZE), 0.02 if measured["clear_area"] else 0.003, np.float32),
        owner=np.zeros((SIZE, SIZE), np.int8),
        hand_near_m=plain,
        hand_far_m=plain,
        bins=np.zeros((SIZE, SIZE), np.uint16),
        likeness=np.full((SIZE, SIZE), measured["likeness"], np.float32),
    )
    return SceneParts(labels, number, measures)


def is_looked_at(**measured: float) -> bool:
    parts = part_of_four_square_centimetres(**measured)
    return held_part(parts, HAND, np.zeros(1, bool), max_size_m=0.3) is not None


@pytest.mark.parametrize(
    ("likeness", "clear_area", "expected"),
    [
        pytest.param(0.0, 2e-4, True, id="clear of the hand"),
        pytest.param(0.0, 0.5e-4, False, id="what a fit that is off leaves over"),
        pytest.param(2.0, 0.0, True, id="close to the hand, of another color"),
        pytest.param(-2.0, 2e-4, False, id="clear of the hand, of its color"),
    ],
)
def test_a_part_in_the_grasp_is_told_from_skin_by_distance_or_color(
    likeness: float, clear_area: float, expected: bool
) -> None:
    assert is_looked_at(likeness=likeness, clear_area=clear_area) is expected


def test_a_part_of_something_larger_is_not_held() -> None:
    assert not is_looked_at(likeness=2.0, clear_area=2e-4, fastened=0.5)
