"""The layer compiles in one piece, and other run-times pose the same hands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounter

from hand_object_recon.hand_model.layer import HandLayer, HandLayerOutput, ShapedHandLayer
from hand_object_recon.hand_model.model import HandModel

INPUTS = ("pose", "shape", "translation", "is_left")


class VerticesAndJoints(nn.Module):
    """The layer with plain tensors as its outputs."""

    def __init__(self, layer: HandLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(
        self, pose: Tensor, shape: Tensor, translation: Tensor, is_left: Tensor
    ) -> tuple[Tensor, Tensor]:
        out = self.layer(pose, shape, translation, is_left)
        return out.vertices_m, out.joints_m


def hands(count: int, seed: int = 1) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Poses, shapes, translations and sides of a batch."""
    random = torch.Generator().manual_seed(seed)
    pose, shape, translation = (
        torch.randn(count, length, generator=random) * sigma
        for length, sigma in ((48, 0.6), (10, 1.5), (3, 0.5))
    )
    return pose, shape, translation, torch.rand(count, generator=random) > 0.5


def onnx_session(layer: HandLayer, file: Path) -> Any:
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    outputs = ("vertices", "joints")
    torch.onnx.export(
        VerticesAndJoints(layer).eval(),
        hands(2),
        file,
        input_names=list(INPUTS),
        output_names=list(outputs),
        dynamic_axes={name: {0: "batch"} for name in INPUTS + outputs},
        opset_version=17,
        dynamo=False,
    )
    return runtime.InferenceSession(file)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("is_mirror_image", [True, False])
def test_onnxruntime_poses_the_same_hands_at_any_batch_size(
    right: HandModel, left: HandModel, is_mirror_image: bool, tmp_path: Path
) -> None:
    other = left if is_mirror_image else replace(left, v_template=left.v_template * np.float32(1.1))
    layer = HandLayer(right, other)
    session = onnx_session(layer, tmp_path / "hand.onnx")
    for count in (1, 2, 7, 100):
        inputs = hands(count, seed=count)
        arrays = (tensor.numpy() for tensor in inputs)
        vertices, joints = session.run(None, dict(zip(INPUTS, arrays, strict=True)))
        expected = layer(*inputs)
        np.testing.assert_allclose(vertices, expected.vertices_m, atol=1e-5)
        np.testing.assert_allclose(joints, expected.joints_m, atol=1e-5)


def compiled(layer: nn.Module, backend: Any) -> Any:
    torch._dynamo.reset()
    return torch.compile(layer, fullgraph=True, dynamic=True, backend=backend)


def assert_same_hands(found: HandLayerOutput, expected: HandLayerOutput) -> None:
    torch.testing.assert_close(found.vertices_m, expected.vertices_m, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.joints_m, expected.joints_m, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.transforms, expected.transforms, atol=2e-6, rtol=0)


@pytest.mark.parametrize("is_mirror_image", [True, False])
def test_it_compiles_without_a_graph_break_and_once_for_all_batch_sizes(
    right: HandModel, left: HandModel, is_mirror_image: bool
) -> None:
    other = left if is_mirror_image else replace(left, v_template=left.v_template * np.float32(1.1))
    layer = HandLayer(right, other)
    graphs = CompileCounter()
    fast = compiled(layer, graphs)
    for count in (5, 2, 50):
        assert_same_hands(fast(*hands(count)), layer(*hands(count)))
    assert graphs.frame_count == 1


def test_a_layer_with_its_shape_kept_compiles_too() -> None:
    pose, shape, translation, is_left = hands(4)
    shaped: ShapedHandLayer = HandLayer.both_sides("open_hand").with_shape(shape[:1])
    found = compiled(shaped, "aot_eager")(pose, translation, is_left)
    assert_same_hands(found, shaped(pose, translation, is_left))


@pytest.mark.slow
def test_machine_code_poses_the_same_hands() -> None:
    layer = HandLayer.both_sides("open_hand")
    fast = compiled(layer, "inductor")
    for count in (3, 50):
        assert_same_hands(fast(*hands(count)), layer(*hands(count)))


def test_an_exported_program_poses_the_same_hands_at_any_batch_size() -> None:
    layer = HandLayer.both_sides("open_hand")
    batch = torch.export.Dim("batch")
    program = torch.export.export(
        VerticesAndJoints(layer), hands(3), dynamic_shapes=({0: batch},) * 4
    )
    for count in (2, 40):
        vertices, joints = program.module()(*hands(count))
        expected = layer(*hands(count))
        torch.testing.assert_close(vertices, expected.vertices_m, atol=1e-6, rtol=0)
        torch.testing.assert_close(joints, expected.joints_m, atol=1e-6, rtol=0)
