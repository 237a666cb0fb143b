"""The open hand measures what published surveys of adults measured.

Lengths and breadths in millimetres, mean and standard deviation:
ANSUR II (Gordon et al., NATICK/TR-15/007, 2014; 4082 men, 1986 women), Greiner (NATICK/TR-92/011,
1991), Garrett (AMRL-TR-69-26 and -42, 1970; means only), Buryanov and Kotiuk (Int. J. Morphol.
28(3):755-758, 2010; radiographs of 66 adults), Hsiao et al. (2015).
"""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.core.keypoints import FINGER_NAMES
from hand_object_recon.hand_model.anthropometry import measure_hand
from hand_object_recon.hand_model.model import HandModel

# Half men, half women: mean, deviation. ANSUR II.
HAND_LENGTH_MM = (187.18, 11.71)
HAND_BREADTH_MM = (83.21, 6.52)
LENGTH_TO_BREADTH_CORRELATION = 0.713

# Means of women and of men: Greiner (breadths at PIP), Garrett (depths, palm thickness).
BETWEEN_WOMEN_AND_MEN_MM = {
    "index_pip_breadth": (19.9, 23.0),
    "middle_pip_breadth": (19.3, 22.5),
    "thumb_ip_depth": (16.6, 20.2),
    "index_pip_depth": (16.2, 19.4),
    "index_dip_depth": (12.8, 15.5),
    "middle_pip_depth": (16.7, 20.1),
    "middle_dip_depth": (13.1, 16.0),
    "ring_pip_depth": (15.7, 18.9),
    "ring_dip_depth": (12.5, 15.1),
    "pinky_pip_depth": (13.9, 16.7),
    "pinky_dip_depth": (11.3, 13.7),
    "hand_thickness": (27.6, 32.9),
}

# Phalanges and the soft tissue of the tip; the thumb with its metacarpal. Mean and deviation of
# each bone: Buryanov and Kotiuk.
BONES_MM = {
    "thumb": ((46.22, 3.94), (31.57, 3.13), (21.67, 1.60), (5.67, 0.61)),
    "index": ((39.78, 4.94), (22.38, 2.51), (15.82, 2.26), (3.84, 0.59)),
    "middle": ((44.63, 3.81), (26.33, 3.00), (17.40, 1.85), (3.95, 0.61)),
    "ring": ((41.37, 3.87), (25.65, 3.29), (17.30, 2.22), (3.95, 0.60)),
    "pinky": ((32.74, 2.77), (18.11, 2.54), (15.96, 2.45), (3.73, 0.62)),
}


@pytest.fixture(scope="module")
def measures_mm(right: HandModel) -> dict[str, float]:
    return {name: 1000.0 * value for name, value in measure_hand(right).items()}


@pytest.fixture(scope="module")
def population_mm(right: HandModel) -> dict[str, np.ndarray]:
    """Measures of 400 hands of random shape."""
    random = np.random.default_rng(1)
    hands = [measure_hand(right, random.normal(size=10)) for _ in range(400)]
    return {name: 1000.0 * np.array([hand[name] for hand in hands]) for name in hands[0]}


@pytest.mark.parametrize(
    ("measure", "published"), [("hand_length", HAND_LENGTH_MM), ("hand_breadth", HAND_BREADTH_MM)]
)
def test_length_and_breadth_lie_within_a_standard_deviation_of_the_mean_adult(
    measures_mm: dict[str, float], measure: str, published: tuple[float, float]
) -> None:
    mean, deviation = published
    assert measures_mm[measure] == pytest.approx(mean, abs=deviation)


@pytest.mark.parametrize("measure", BETWEEN_WOMEN_AND_MEN_MM)
def test_breadths_and_depths_lie_between_the_means_of_women_and_men(
    measures_mm: dict[str, float], measure: str
) -> None:
    women, men = BETWEEN_WOMEN_AND_MEN_MM[measure]
    assert women - 0.1 < measures_mm[measure] < men + 0.1


@pytest.mark.parametrize("finger", FINGER_NAMES)
def test_fingers_are_as_long_as_published_radiographs_say(
    measures_mm: dict[str, float], finger: str
) -> None:
    """Whole fingers, because the key-point convention divides them elsewhere. Bones of a finger
    grow together, so the deviation of their sum is at most the sum of their deviations."""
    mean, deviation = np.sum(BONES_MM[finger], axis=0)
    assert measures_mm[f"{finger}_length"] == pytest.approx(mean, abs=deviation)


def test_random_hands_vary_in_size_as_adults_do(population_mm: dict[str, np.ndarray]) -> None:
    length, breadth = population_mm["hand_length"], population_mm["hand_breadth"]
    assert length.std() == pytest.approx(HAND_LENGTH_MM[1], rel=0.15)
    assert breadth.std() == pytest.approx(HAND_BREADTH_MM[1], rel=0.15)
    correlation = np.corrcoef(length, breadth)[0, 1]
    assert correlation == pytest.approx(LENGTH_TO_BREADTH_CORRELATION, abs=0.1)


@pytest.mark.parametrize("measure", ["index_pip_breadth", "middle_pip_breadth"])
def test_random_hands_vary_in_finger_breadth_as_adults_do(
    population_mm: dict[str, np.ndarray], measure: str
) -> None:
    """Greiner: 1.6 mm among men, 1.3 among women, and their means 3.1 mm apart: 2.1 mm in
    equal shares. Size and thickness alone give most of it."""
    assert 1.2 < population_mm[measure].std() < 2.3


@pytest.mark.parametrize("finger", FINGER_NAMES)
def test_random_hands_vary_in_finger_length_as_adults_do(
    population_mm: dict[str, np.ndarray], finger: str
) -> None:
    """Hsiao et al.: coefficients of variation of 5.5 to 7 % within a sex, 6.5 to 8 % pooled."""
    lengths = population_mm[f"{finger}_length"]
    assert 0.055 < lengths.std() / lengths.mean() < 0.085


def test_size_scales_every_measure_alike(right: HandModel, measures_mm: dict[str, float]) -> None:
    bigger = measure_hand(right, np.eye(10)[0])
    for name, value in bigger.items():
        assert 1000.0 * value / measures_mm[name] == pytest.approx(1.055, abs=0.006), name
