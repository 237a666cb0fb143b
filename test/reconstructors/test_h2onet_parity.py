"""The networks compute what the authors' code computes, and nothing is lost from their files."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.reconstructors.h2onet.mesh_template import MeshTemplate
from hand_object_recon.reconstructors.h2onet.network import (
    HandMesh,
    MultiFrameNetwork,
    SingleFrameNetwork,
)
from hand_object_recon.reconstructors.h2onet.occlusion import OFFICIAL_JOINTS
from hand_object_recon.reconstructors.h2onet.official import converted_state

WIDTH = 128
LEVELS = (778, 389, 195, 98)
FINGERS = ("thumb", "index", "middle", "ring", "little")
TOLERANCE = 1e-4
NAMES = {
    "canonical_vertices": "pred_verts3d_wo_gr",
    "canonical_joints": "pred_joints3d_wo_gr",
    "vertices": "pred_verts3d_w_gr",
    "joints": "pred_joints3d_w_gr",
    "joints_uv": "pred_joints_img",
    "orientation": "pred_glob_rot_mat",
}


@pytest.fixture(scope="module")
def reference(parity: Path) -> dict[str, NDArray[Any]]:
    with np.load(parity / "h2onet.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def template(reference: dict[str, NDArray[Any]]) -> MeshTemplate:
    return MeshTemplate(
        spirals=[reference[f"spirals_{count}"] for count in LEVELS],
        up_columns=[reference[f"up_{count}_cols"] for count in LEVELS],
        up_weights=[reference[f"up_{count}_weights"] for count in LEVELS],
        finger_vertices=[reference[f"finger_vertices_{finger}"] for finger in FINGERS],
        joint_regressor=np.zeros((21, 778), dtype=np.float32),
    )


def official_state(weights: ModuleType, name: str) -> dict[str, Tensor]:
    state = weights.reference_state(weights.load_shapes(name))
    return {key: torch.from_numpy(value) for key, value in state.items()}


def parameter_count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def assert_close(found: Tensor, expected: NDArray[Any]) -> None:
    assert found.shape == expected.shape
    assert np.abs(found.numpy() - expected).max() <= TOLERANCE * np.abs(expected).max()


@pytest.fixture(scope="module")
def single(weights: ModuleType, template: MeshTemplate) -> HandMesh:
    network = SingleFrameNetwork(WIDTH, template).eval()
    network.load_state_dict(converted_state(official_state(weights, "h2onet_single")))
    images = torch.from_numpy(weights.reference_image((2, 3, 128, 128), 0))
    with torch.no_grad():
        result: HandMesh = network(images)
    return result


@pytest.fixture(scope="module")
def multi_network(weights: ModuleType, template: MeshTemplate) -> MultiFrameNetwork:
    network = MultiFrameNetwork(WIDTH, template, OFFICIAL_JOINTS, turns_joints=False).eval()
    network.load_state_dict(converted_state(official_state(weights, "h2onet_multi")))
    return network


@pytest.fixture(scope="module")
def images(weights: ModuleType) -> Tensor:
    """(3, 2, 3, 128, 128): current, previous, earliest."""
    seeds = range(3)
    return torch.stack(
        [torch.from_numpy(weights.reference_image((2, 3, 128, 128), seed)) for seed in seeds]
    )


@pytest.fixture(scope="module")
def multi(multi_network: MultiFrameNetwork, images: Tensor) -> tuple[HandMesh, HandMesh]:
    with torch.no_grad():
        result: tuple[HandMesh, HandMesh] = multi_network(images)
    return result


@pytest.mark.parametrize("ours", NAMES)
def test_parity_of_the_single_frame_network(
    ours: str, single: HandMesh, reference: dict[str, NDArray[Any]]
) -> None:
    assert_close(getattr(single, ours), reference[f"single_{NAMES[ours]}"])


@pytest.mark.parametrize("ours", [*NAMES, "occlusion_logits"])
def test_parity_of_the_multi_frame_network(
    ours: str, multi: tuple[HandMesh, HandMesh], reference: dict[str, NDArray[Any]]
) -> None:
    theirs = {**NAMES, "occlusion_logits": "pred_occ"}[ours]
    current, earlier = multi
    both = torch.cat([getattr(current, ours), getattr(earlier, ours)])
    assert_close(both, reference[f"multi_{theirs}"])


def test_one_frame_at_a_time_gives_what_the_three_together_give(
    multi_network: MultiFrameNetwork, images: Tensor, multi: tuple[HandMesh, HandMesh]
) -> None:
    with torch.no_grad():
        earliest, previous, current = (multi_network.encode(images[age]) for age in (2, 1, 0))
        streamed = multi_network.fuse(current, previous, earliest)
    for name in (*NAMES, "occlusion_logits"):
        together = getattr(multi[0], name)
        assert (getattr(streamed, name) - together).abs().max() <= 1e-5 * together.abs().max()


@pytest.mark.parametrize(
    ("name", "network", "millions"),
    [("h2onet_single", SingleFrameNetwork, 26.43), ("h2onet_multi", MultiFrameNetwork, 30.47)],
)
def test_parameters_are_the_published_number_with_the_gate_that_is_never_used(
    name: str,
    network: type[SingleFrameNetwork] | type[MultiFrameNetwork],
    millions: float,
    weights: ModuleType,
    template: MeshTemplate,
) -> None:
    shapes = weights.load_shapes(name)
    trained = (".weight", ".bias")
    unused = sum(
        int(np.prod(shape))
        for key, shape in shapes.items()
        if key.startswith("backbone.dense_stack1.senet3.") and key.endswith(trained)
    )
    total = parameter_count(network(WIDTH, template)) + unused
    assert total / 1e6 == pytest.approx(millions, abs=0.005)


def test_a_checkpoint_as_the_authors_save_it_is_unwrapped(weights: ModuleType) -> None:
    state = official_state(weights, "h2onet_multi")
    saved = {f"module.{key}": value for key, value in state.items()}
    alias = "decoder3d.occ_pred.finger_cls_layer"
    for key, value in state.items():
        if key.startswith(f"{alias}_list.4."):
            saved["module." + key.replace(f"{alias}_list.4.", f"{alias}.")] = value
    saved["module.mano_layer.th_betas"] = torch.zeros(1, 10)
    converted = converted_state({"state_dict": saved, "optimizer": {}})
    assert converted.keys() == converted_state(state).keys()


def test_a_file_of_another_network_is_refused_by_its_key() -> None:
    with pytest.raises(InvalidValueError, match=r"layer4\.0\.conv1\.weight"):
        converted_state({"layer4.0.conv1.weight": torch.zeros(1)})
