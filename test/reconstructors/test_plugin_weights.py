"""Weights and devices that a plugin with a network can use, and those it refuses."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import ConfigError, InvalidValueError
from hand_object_recon.networks.weights import Weights, load_weights, save_weights
from hand_object_recon.reconstructors.base import RECONSTRUCTORS, Reconstructor
from hand_object_recon.training.methods import build_method

SMALL: dict[str, dict[str, Any]] = {
    "cross_branch": {"width": 8, "image_size": 64, "depth_source": "none"},
    "gsdf": {"width": 24, "image_size": 128},
    "h2onet": {"width": 16},
    "intra_inter_graph": {
        "image_size": 64,
        "trunk_layers": 18,
        "width": 8,
        "channels": 16,
        "hourglass_depth": 2,
        "pose_channels": 16,
        "pose_blocks": 1,
        "refinement_channels": 16,
        "refinement_blocks": 1,
        "vertex_level": 2,
    },
    "pdfnet": {"image_size": 96, "trunk_layers": 18, "width": 16, "points": 64, "neighbours": 16},
}
"""Options that make the network of each plugin quick to build."""
WITH_RUNTIME = [name for name in SMALL if name != "gsdf"]

TakeForShipped = Callable[[Path], None]


@dataclass(frozen=True)
class Plugin:
    """A plugin by its name, which is that of its settings and of its method, too.

    weights
        A file of random weights of a small network.
    """

    name: str
    kind: type[Reconstructor]
    weights: Path

    def build(self, weights: Path, **settings: Any) -> Reconstructor:
        return self.kind(self.config({"weights": str(weights), "device": "cpu", **settings}))

    def config(self, settings: dict[str, Any], **more: Any) -> PipelineConfig:
        return PipelineConfig.model_validate({self.name: settings, **more})


@pytest.fixture(scope="module", params=SMALL)
def plugin(request: pytest.FixtureRequest, write_weights: Callable[..., Path]) -> Plugin:
    method = build_method(request.param, SMALL[request.param])
    weights = write_weights(method.name, method.options, method.build_network())
    return Plugin(method.name, RECONSTRUCTORS.load(method.name), weights)


@pytest.fixture
def take_for_shipped(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> TakeForShipped:
    """Let the plugin take a file for the one that lies beside it."""
    module = sys.modules[plugin.kind.__module__]
    return lambda path: monkeypatch.setattr(module, "SHIPPED_WEIGHTS", path)


def test_without_weights_it_says_how_to_get_some(
    plugin: Plugin, take_for_shipped: TakeForShipped, tmp_path: Path
) -> None:
    take_for_shipped(tmp_path / "none.safetensors")
    with pytest.raises(ConfigError, match=rf"{plugin.name}\.weights.*hand-object-recon train"):
        plugin.kind(PipelineConfig())


def test_weights_beside_the_plugin_are_taken_without_being_named(
    plugin: Plugin, take_for_shipped: TakeForShipped
) -> None:
    take_for_shipped(plugin.weights)
    names = {topology.name for topology in plugin.kind(PipelineConfig()).topologies()}
    assert names == {"open_hand_left", "open_hand_right"}


def test_a_missing_weights_file_is_named(plugin: Plugin, tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"nowhere\.safetensors does not exist"):
        plugin.build(tmp_path / "nowhere.safetensors")


def test_weights_of_another_method_are_refused(plugin: Plugin, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    save_weights(foreign, Weights({"a": torch.zeros(1)}, {"method": "other", "options": {}}))
    with pytest.raises(InvalidValueError, match=f"holds 'other', not '{plugin.name}'"):
        plugin.build(foreign)


def test_weights_that_do_not_fit_the_network_of_their_options_are_refused(
    plugin: Plugin, tmp_path: Path
) -> None:
    unfit = tmp_path / "unfit.safetensors"
    description = load_weights(plugin.weights, plugin.name).description
    save_weights(unfit, Weights({"a": torch.zeros(1)}, description))
    with pytest.raises(InvalidValueError, match="does not fit its network"):
        plugin.build(unfit)


def test_weights_of_another_hand_model_are_refused(plugin: Plugin) -> None:
    config = plugin.config({"weights": str(plugin.weights)}, hand_model="mano")
    with pytest.raises(ConfigError, match="set hand_model to 'open_hand'"):
        plugin.kind(config)


def test_a_device_that_is_not_there_is_refused(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=rf"{plugin.name}\.device is 'cuda'"):
        plugin.build(plugin.weights, device="cuda")


@pytest.mark.parametrize("plugin", WITH_RUNTIME, indirect=True)
def test_openvino_on_a_gpu_is_refused(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(ConfigError, match=rf"{plugin.name}\.runtime 'openvino' is for CPUs"):
        plugin.build(plugin.weights, device="cuda", runtime="openvino")
