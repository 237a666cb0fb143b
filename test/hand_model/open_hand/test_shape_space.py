"""Ten orthogonal modes, each one standard deviation of what its name says."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.core.keypoints import FINGER_NAMES
from hand_object_recon.hand_model.anthropometry import measure_hand
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.open_hand.shape_space import MODE_NAMES


def change_of_proportion(model: HandModel, mode: str, measure: str) -> float:
    """How much more than the whole hand a measure grows with +1 of a mode."""
    rest = measure_hand(model)
    grown = measure_hand(model, np.eye(10)[MODE_NAMES.index(mode)])
    return grown[measure] / rest[measure] - grown["hand_length"] / rest["hand_length"]


def test_modes_are_orthogonal_and_span_ten_dimensions(right: HandModel) -> None:
    modes = right.shapedirs.reshape(-1, 10).astype(np.float64)
    lengths = np.linalg.norm(modes, axis=0)
    unit = modes / lengths
    np.testing.assert_allclose(unit.T @ unit, np.eye(10), atol=1e-5)
    assert lengths.min() > 0.005


def test_size_scales_the_whole_hand(right: HandModel) -> None:
    np.testing.assert_allclose(right.shapedirs[..., 0], 0.055 * right.v_template, atol=1e-7)


@pytest.mark.parametrize(
    ("mode", "measure", "least"),
    [
        ("palm_breadth", "hand_breadth", 0.03),
        ("palm_thickness", "hand_thickness", 0.03),
        ("finger_thickness", "index_pip_breadth", 0.03),
        ("finger_thickness", "pinky_dip_depth", 0.03),
        ("finger_length", "index_length", 0.01),
        ("finger_length", "ring_length", 0.01),
        ("thumb_length", "thumb_length", 0.03),
        ("index_to_ring", "index_length", 0.01),
        ("middle_to_others", "middle_length", 0.005),
        ("pinky_to_others", "pinky_length", 0.02),
    ],
)
def test_a_mode_grows_what_it_is_named_after(
    right: HandModel, mode: str, measure: str, least: float
) -> None:
    assert change_of_proportion(right, mode, measure) > least


def test_palm_to_fingers_makes_the_palm_longer_than_the_fingers(right: HandModel) -> None:
    for finger in FINGER_NAMES[1:]:
        assert change_of_proportion(right, "palm_to_fingers", f"{finger}_length") < -0.01


def test_index_to_ring_shortens_the_ring_finger_as_it_lengthens_the_index(
    right: HandModel,
) -> None:
    assert change_of_proportion(right, "index_to_ring", "ring_length") < -0.01


@pytest.mark.parametrize("mode", MODE_NAMES)
@pytest.mark.parametrize("coefficient", [-3.0, 3.0])
def test_no_face_turns_over_within_three_standard_deviations(
    right: HandModel, mode: str, coefficient: float
) -> None:
    def normals(vertices: np.ndarray) -> np.ndarray:
        first, second, third = (vertices[right.faces[:, corner]] for corner in range(3))
        return np.cross(second - first, third - first)

    moved = right.v_template + coefficient * right.shapedirs[..., MODE_NAMES.index(mode)]
    before, after = normals(right.v_template), normals(moved)
    assert np.all(np.sum(before * after, axis=1) > 0)
