"""The proof goes over a store's records and says whether searching lost anything."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hand_object_recon.core.errors import ConfigError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.grasp_crops import CropRule
from hand_object_recon.networks.weights import Weights, save_weights
from hand_object_recon.reconstructors.gsdf.dense_comparison import DenseComparison
from hand_object_recon.reconstructors.gsdf.extraction_proof import RecordComparison, holds, summary
from hand_object_recon.reconstructors.gsdf.hand_frames import rest_keypoints
from hand_object_recon.reconstructors.gsdf.network import GSDFNetwork
from hand_object_recon.reconstructors.gsdf.options import METHOD, GSDFOptions
from hand_object_recon.reconstructors.gsdf.trained_network import new_network
from hand_object_recon.training import extraction_proof
from hand_object_recon.training.extraction_proof import main

OPTIONS = GSDFOptions(width=24, image_size=128, crop_around=CropRule.HAND)


class OneRecord:
    """A store of a record that shows noise where a hand is."""

    def __init__(self, folder: Path) -> None:
        self.meta = {"identity": {"source": str(folder)}}
        random = np.random.default_rng(0)
        rest = rest_keypoints(load_hand_model("open_hand", HandSide.RIGHT)).numpy()
        self._record: dict[str, NDArray[Any]] = {
            "image": random.integers(0, 256, (192, 192, 3), dtype=np.uint8),
            "half_slope": np.array(0.25, dtype=np.float32),
            "joints_m": np.asarray(rest - rest.mean(axis=0) + [0.0, 0.0, 0.6], dtype=np.float32),
            "center_m": np.array([0.0, 0.0, 0.6], dtype=np.float32),
        }

    def __len__(self) -> int:
        return 1

    def record(self, number: int) -> dict[str, NDArray[Any]]:
        return self._record


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Of a network that nobody trained and that sees hand and object in many places."""
    torch.manual_seed(1)
    network = new_network(OPTIONS).requires_grad_(False)
    assert isinstance(network, GSDFNetwork)
    path = tmp_path / "random.safetensors"
    for head in (network.hand_head, network.object_head):
        head.last.bias.fill_(-0.02)
    save_weights(
        path,
        Weights(
            network.state_dict(), {"method": METHOD, "options": OPTIONS.model_dump(mode="json")}
        ),
    )
    return path


def test_it_reports_hand_and_object_and_the_worst(
    weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(extraction_proof, "SampleStore", OneRecord)
    status = main([str(weights), "store", "--cells", "32"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].count("surface_gap_voxels") == 2
    assert re.match(r"processor time a record: \S+ s to search, \S+ s to ask", lines[2])
    worst = re.match(
        r"2 surfaces: worst gap (\S+) voxels, largest lost part (\d+) voxels", lines[1]
    )
    assert worst is not None
    assert status == int(float(worst[1]) > 0.5 or int(worst[2]) > 50)


def test_it_goes_on_where_it_was_stopped_and_refuses_another_comparison(
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(extraction_proof, "SampleStore", OneRecord)
    command = [str(weights), "store", "--cells", "32", "--out", str(tmp_path / "kept.jsonl")]
    first = main(command)
    record, *summary_lines = capsys.readouterr().out.splitlines()
    assert "surface_gap_voxels" in record
    assert main(command) == first
    assert capsys.readouterr().out.splitlines() == summary_lines
    for other in (["store", "64"], ["another store", "32"]):
        changed = [str(weights), other[0], "--cells", other[1], *command[4:]]
        with pytest.raises(ConfigError, match=r"kept\.jsonl holds comparisons of"):
            main(changed)


def test_it_holds_up_to_half_a_voxel_and_fifty_lost_ones() -> None:
    fine = DenseComparison(0.5, 50, 0.02)

    def record(held: DenseComparison, search_s: float = 0.5) -> RecordComparison:
        return RecordComparison(fine, held, search_s, dense_s=10.0)

    assert holds([record(fine)])
    assert not holds([record(fine), record(DenseComparison(0.51, 0, 0.02))])
    assert not holds([record(DenseComparison(0.0, 51, 0.02)), record(fine)])
    surfaces, times = summary([record(DenseComparison(0.1, 60, 0.04))]).split("\n")
    assert surfaces == (
        "2 surfaces: worst gap 0.500 voxels, largest lost part 60 voxels, 3.0 % of the points asked"
    )
    assert times.startswith("processor time a record: 0.50 s to search, 10.00 s to ask at every")
    assert times.endswith("20.0 times as long")
