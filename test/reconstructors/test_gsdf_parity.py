"""The network computes what the authors' code computes, and nothing is lost from their files."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.hand_model.conventions import KEYPOINTS_FROM_JOINTS_AND_TIPS
from hand_object_recon.networks.image_channels import CHANNEL_DEVIATIONS, CHANNEL_MEANS
from hand_object_recon.reconstructors.gsdf.aligned_features import aligned_features
from hand_object_recon.reconstructors.gsdf.network import GSDFNetwork, Scene, Views
from hand_object_recon.reconstructors.gsdf.official import (
    converted_state,
    load_official,
    official_conventions,
)

TOLERANCE = 1e-4
RECON_SCALE = 6.5
MANO_TIPS = [745, 317, 444, 556, 673]


@pytest.fixture(scope="module")
def reference(parity: Path) -> dict[str, NDArray[Any]]:
    with np.load(parity / "gsdf.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def rest_m(parity: Path) -> Tensor:
    with np.load(parity / "stand_in_mano.npz") as model:
        joints = model["J_regressor"] @ model["v_template"]
        places = np.concatenate([joints, model["v_template"][MANO_TIPS]])
    return torch.from_numpy(places[list(KEYPOINTS_FROM_JOINTS_AND_TIPS)])


@pytest.fixture(scope="module")
def official_state(weights: ModuleType) -> dict[str, Tensor]:
    state = weights.reference_state(weights.load_shapes("gsdf"))
    return {key: torch.from_numpy(value) for key, value in state.items()}


@pytest.fixture(scope="module")
def network(official_state: dict[str, Tensor], rest_m: Tensor) -> GSDFNetwork:
    made = GSDFNetwork(rest_m, official_conventions(RECON_SCALE)).eval().requires_grad_(False)
    made.load_state_dict(converted_state(official_state))
    return made


@pytest.fixture(scope="module")
def images(weights: ModuleType) -> Tensor:
    crops = np.stack([weights.reference_image((3, 256, 256), seed) for seed in range(2)])
    means, deviations = (np.reshape(v, (3, 1, 1)) for v in (CHANNEL_MEANS, CHANNEL_DEVIATIONS))
    return torch.from_numpy(((crops - means) / deviations).astype(np.float32))


@pytest.fixture(scope="module")
def scene(network: GSDFNetwork, images: Tensor, reference: dict[str, NDArray[Any]]) -> Scene:
    cameras = torch.from_numpy(reference["cam_intr"][:, :, :3])
    views = Views(cameras[:, None], torch.from_numpy(reference["hand_center_3d"])[:, None])
    return network.encode(images[:, None], views)


@pytest.fixture(scope="module")
def points(reference: dict[str, NDArray[Any]]) -> Tensor:
    return torch.from_numpy(reference["points"]).reshape(2, -1, 3)


def assert_close(found: Tensor, expected: NDArray[Any]) -> None:
    assert found.shape == expected.shape
    assert np.abs(found.numpy() - expected).max() <= TOLERANCE * np.abs(expected).max()


def test_parity_of_the_heat_maps_and_their_joints(
    network: GSDFNetwork, images: Tensor, scene: Scene, reference: dict[str, NDArray[Any]]
) -> None:
    volumes = network.pose.joints.volumes(network.pose.trunk(images))
    assert_close(volumes.double().sum(dim=(1, 2, 3, 4)), reference["pose_heatmap_sum"])
    assert_close(scene.joints_m, reference["hand_volume_joints"])
    about_wrist = scene.joints_m - scene.views.wrists_m[:, None]
    assert_close(about_wrist, reference["obj_joints"])


def test_parity_of_the_axes_of_the_hands_parts(
    scene: Scene, reference: dict[str, NDArray[Any]]
) -> None:
    fingers_one_by_one = reference["hand_global_trans"]
    by_level = [0, *range(1, 16, 3), *range(2, 16, 3), *range(3, 16, 3)]
    assert_close(scene.transforms, fingers_one_by_one[:, by_level])
    assert_close(scene.transforms[:, 0], reference["obj_wrist_trans"])
    is_at_rest = (scene.transforms[:, :, :3, :3] == torch.eye(3)).all(dim=(1, 2, 3))
    assert is_at_rest.tolist() == (reference["hand_vis"][:, 0] == 0).tolist()


def test_parity_of_the_hand_that_the_joints_bend(
    parity: Path, scene: Scene, reference: dict[str, NDArray[Any]]
) -> None:
    """Its rest mesh with pose correctives, skinned by the transforms, and its joints and tips."""
    with np.load(parity / "stand_in_mano.npz") as arrays:
        model = dict(arrays)
    by_level = [0, *(13, 1, 4, 10, 7), *(14, 2, 5, 11, 8), *(15, 3, 6, 12, 9)]
    transforms = np.empty((2, 16, 4, 4))
    transforms[:, by_level] = scene.transforms.numpy()
    local = Rotation.from_rotvec(reference["hand_pose"].reshape(-1, 3)).as_matrix()
    turns = (local.reshape(2, 16, 3, 3)[:, 1:] - np.eye(3)).reshape(2, 135)
    rest = model["v_template"] + np.einsum("vck,bk->bvc", model["posedirs"], turns)
    joints = model["J_regressor"] @ model["v_template"]
    in_parts = rest[:, None] - joints[:, None]
    posed = np.einsum("bjrc,bjvc->bjvr", transforms[..., :3, :3], in_parts)
    posed += transforms[:, :, None, :3, 3]
    vertices = torch.from_numpy(np.einsum("vj,bjvc->bvc", model["weights"], posed))
    wrist = scene.joints_m[:, :1]
    assert_close(vertices + wrist, reference["hand_verts"])
    places = np.concatenate([transforms[..., :3, 3], vertices[:, MANO_TIPS]], axis=1)
    keypoints = torch.from_numpy(places[:, list(KEYPOINTS_FROM_JOINTS_AND_TIPS)])
    assert_close(keypoints + wrist, reference["hand_joints"])


def test_parity_of_the_object_s_centre(scene: Scene, reference: dict[str, NDArray[Any]]) -> None:
    assert_close(scene.centers_m[:, None], reference["obj_center"])
    about_wrist = scene.centers_m - scene.views.wrists_m
    assert_close(about_wrist, reference["obj_global_trans"][:, :3, 3])


def test_parity_of_the_feature_maps(
    network: GSDFNetwork, images: Tensor, scene: Scene, reference: dict[str, NDArray[Any]]
) -> None:
    assert network.trunk is not None
    assert_close(network.trunk(images)[:, ::32], reference["backbone_features"])
    assert_close(scene.maps[:, ::16], reference["sdf_feature_map"])


def test_parity_of_the_features_of_points(
    network: GSDFNetwork, scene: Scene, points: Tensor, reference: dict[str, NDArray[Any]]
) -> None:
    assert_close(scene.hand.of(points).flatten(0, 1), reference["hand_embedding"])
    assert_close(scene.object.of(points).flatten(0, 1), reference["object_embedding"])
    points_m = points * network.conventions.unit_m + scene.views.wrists_m[:, None]
    aligned = aligned_features(scene.maps, points_m, scene.views.cameras)
    assert_close(aligned.flatten(0, 1)[:, ::8], reference["aligned_features"])
    latent = network.visual_features(scene, points)
    assert_close(latent.flatten(0, 1)[:, ::8], reference["latent"])


def test_parity_of_the_signed_distances(
    network: GSDFNetwork, scene: Scene, points: Tensor, reference: dict[str, NDArray[Any]]
) -> None:
    hand, held = network.distances(scene, points)
    assert_close(hand.reshape(-1, 1), reference["hand_sdf"])
    assert_close(held.reshape(-1, 1), reference["object_sdf"])


def test_a_checkpoint_as_the_authors_save_it_is_read(
    official_state: dict[str, Tensor], rest_m: Tensor, network: GSDFNetwork, tmp_path: Path
) -> None:
    file = tmp_path / "snapshot_1600.pth.tar"
    saved = {f"module.{key}": value for key, value in official_state.items()}
    torch.save({"epoch": 1600, "network": saved, "optimizer": {}}, file)
    loaded = load_official(file, rest_m, RECON_SCALE).state_dict()
    assert loaded.keys() == network.state_dict().keys()
    assert all(torch.equal(value, loaded[key]) for key, value in network.state_dict().items())


def test_a_file_of_another_network_is_refused_by_its_key(tmp_path: Path, rest_m: Tensor) -> None:
    file = tmp_path / "other.pth.tar"
    torch.save({"network": {"module.fc.weight": torch.zeros(1)}}, file)
    with pytest.raises(InvalidValueError, match=r"fc\.weight"):
        load_official(file, rest_m, RECON_SCALE)


def test_an_incomplete_checkpoint_is_refused(rest_m: Tensor, tmp_path: Path) -> None:
    file = tmp_path / "partial.pth.tar"
    torch.save({"sdf_encoder.bias": torch.zeros(256)}, file)
    with pytest.raises(InvalidValueError, match=r"(?s)does not fit gSDF.*encoder\.weight"):
        load_official(file, rest_m, RECON_SCALE)


@pytest.mark.parametrize("content", [None, b"no checkpoint"])
def test_a_missing_or_damaged_checkpoint_is_named(
    content: bytes | None, rest_m: Tensor, tmp_path: Path
) -> None:
    file = tmp_path / "gone.pth.tar"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidValueError, match=r"gone\.pth\.tar"):
        load_official(file, rest_m, RECON_SCALE)
