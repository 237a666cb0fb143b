"""A compiled network gives torch's numbers, or nearly so where bfloat16 is asked for."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hand_object_recon.networks.openvino_runtime import compiled_for_cpu, precision_of

pytest.importorskip("openvino")


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    layers = (layer for _ in range(4) for layer in (nn.Conv2d(32, 32, 3, padding=1), nn.ReLU()))
    return nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), *layers).eval()


def test_single_precision_gives_what_torch_gives_on_any_cpu(network: nn.Module) -> None:
    images = torch.randn(3, 3, 32, 32)
    run = compiled_for_cpu(network, [torch.zeros(2, 3, 32, 32)])
    with torch.no_grad():
        expected = network(images)
    assert (run(images)[0] - expected).abs().max() < 1e-5 * expected.abs().max()


def test_bfloat16_gives_nearly_that(network: nn.Module) -> None:
    images = torch.randn(3, 3, 32, 32)
    run = compiled_for_cpu(network, [torch.zeros(2, 3, 32, 32)], "bf16")
    with torch.no_grad():
        expected = network(images)
    assert (run(images)[0] - expected).abs().max() < 0.05 * expected.abs().max()


def test_runtimes_say_what_they_compute_with() -> None:
    names = ("torch", "openvino", "openvino_bf16")
    assert [precision_of(name) for name in names] == [None, "f32", "bf16"]
