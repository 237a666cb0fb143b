"""The detectors and reconstructors shipped here keep the contract asked of others' plugins."""

from __future__ import annotations

import pytest

from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.detectors.base import DETECTORS
from hand_object_recon.reconstructors.base import RECONSTRUCTORS


@pytest.mark.parametrize("name", ["mediapipe_hands"])
def test_a_built_in_detector_loads_and_is_called_what_its_card_says(name: str) -> None:
    assert DETECTORS.load(name).card.name == name


@pytest.mark.parametrize(
    "name", ["cross_branch", "gsdf", "h2onet", "intra_inter_graph", "pdfnet", "rgbd_fit"]
)
def test_a_built_in_reconstructor_loads_and_is_called_what_its_card_says(name: str) -> None:
    assert RECONSTRUCTORS.load(name).card.name == name


def test_the_default_configuration_names_plugins_there_are() -> None:
    assert PipelineConfig().detector in DETECTORS.symbols()
    assert PipelineConfig().reconstructor in RECONSTRUCTORS.symbols()
