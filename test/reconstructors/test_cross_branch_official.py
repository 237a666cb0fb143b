"""ObMan's checkpoint becomes a network that answers as its own code says, for right hands.

The file is made here, in the layout of theirs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import ConfigError, InvalidValueError
from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide, TrackedHand
from hand_object_recon.core.method_settings import CrossBranchSettings
from hand_object_recon.geometry.projection import back_project
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.crop_camera import CropCamera
from hand_object_recon.networks.image_channels import normalised
from hand_object_recon.networks.resnet import ResNet18
from hand_object_recon.reconstructors.cross_branch.official import load_official, official_for_use
from hand_object_recon.reconstructors.cross_branch.prediction import Prediction, View
from hand_object_recon.reconstructors.cross_branch.reconstructor import CrossBranchReconstructor
from hand_object_recon.reconstructors.cross_branch.sphere import object_sphere

MODEL = load_hand_model("open_hand", HandSide.RIGHT)
LEFT_MODEL = load_hand_model("open_hand", HandSide.LEFT)
COMPONENTS = 30
MIRROR = torch.tensor([-1.0, 1.0, 1.0])
State = dict[str, Tensor]


def encoder_state(prefix: str, seed: int) -> State:
    """A ResNet-18 under torchvision's names, its classifier with it."""
    torch.manual_seed(seed)
    own = ResNet18().state_dict()
    state = {f"{prefix}.{their_name(name)}": value.clone() for name, value in own.items()}
    return state | {f"{prefix}.fc.weight": torch.zeros(1000, 512)}


def their_name(name: str) -> str:
    """torchvision's name of a tensor of ours."""
    renamed = name.replace("stem.0.", "conv1.").replace("stem.1.", "bn1.")
    for stage in range(4):
        renamed = renamed.replace(f"layers.{stage}.", f"layer{stage + 1}.", 1)
    return renamed.replace(".norm", ".bn").replace(".shortcut.", ".downsample.")


def layers_state(prefix: str, layer: nn.Module) -> State:
    return {
        f"{prefix}.{name}": value.detach().clone() for name, value in layer.state_dict().items()
    }


def official_state(*, separate: bool = True, scaled: bool = True) -> State:
    """What obman_train keeps, with numbers of our own; meshes as small as a hand's objects."""
    torch.manual_seed(3)
    widths = (515, 515, 257, 128, 3)
    state = encoder_state("base_net", 1)
    if separate:
        state |= encoder_state("atlas_base_net", 2)
    state |= layers_state("mano_branch.base_layer.0", nn.Linear(512, 1024))
    state |= layers_state("mano_branch.base_layer.2", nn.Linear(1024, 256))
    state |= layers_state("mano_branch.pose_reg", nn.Linear(256, 3 + COMPONENTS))
    state |= layers_state("mano_branch.shape_reg.0", nn.Linear(256, 10))
    for side, model in (("right", MODEL), ("left", LEFT_MODEL)):
        layer = f"mano_branch.mano_layer_{side}"
        state[f"{layer}.th_hands_mean"] = torch.tensor(0.9 * model.hands_mean)[None]
        components = torch.tensor(model.hands_components[:COMPONENTS].copy())
        state[f"{layer}.th_selected_comps"] = components
        state[f"{layer}.th_v_template"] = torch.zeros(1, 778, 3)
    for number in range(4):
        convolution = nn.Conv1d(widths[number], widths[number + 1], 1)
        state |= layers_state(f"atlas_branch.decoder.conv{number + 1}", convolution)
    for number in range(3):
        norm = nn.BatchNorm1d(widths[number + 1])
        norm.running_mean.uniform_(-0.1, 0.1)  # type: ignore[union-attr]
        state |= layers_state(f"atlas_branch.decoder.bn{number + 1}", norm)
    for name, count in (("decode_trans", 3), *([("decode_scale", 1)] if scaled else [])):
        layers = nn.Sequential(nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, count))
        state |= layers_state(f"atlas_branch.{name}", layers)
    return state


def written(path: Path, state: State, *, parallel: bool = True) -> Path:
    prefix = "module." if parallel else ""
    content = {f"{prefix}{name}": value for name, value in state.items()}
    torch.save({"epoch": 3, "state_dict": content}, path)
    return path


def images() -> Tensor:
    """(2, 3, 64, 64) of right hands, 0 to 255."""
    return torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def their_feature(state: State, prefix: str) -> Tensor:
    """(2, 512) of their encoder, which sees mirrored images less one half."""
    trunk = ResNet18().eval()
    own = {name: state[f"{prefix}.{their_name(name)}"] for name in trunk.state_dict()}
    trunk.load_state_dict(own)
    seen = (images().float() / 255.0 - 0.5).flip(-1)
    averaged: Tensor = trunk(seen).mean(3).mean(2)
    return averaged


def linear(state: State, name: str, values: Tensor) -> Tensor:
    return functional.linear(values, state[f"{name}.weight"], state[f"{name}.bias"])


def perceptron(state: State, name: str, values: Tensor) -> Tensor:
    return linear(state, f"{name}.2", linear(state, f"{name}.0", values).relu())


def their_left_object_mm(state: State) -> tuple[Tensor, Tensor, Tensor]:
    """Their object of the sphere's mirror image, its translation and its scale, for left hands."""
    hand = their_feature(state, "base_net")
    shape = hand if "atlas_base_net.conv1.weight" not in state else None
    shape = their_feature(state, "atlas_base_net") if shape is None else shape
    sphere = (torch.tensor(object_sphere().vertices) * MIRROR).T.expand(2, -1, -1)
    values = torch.cat([sphere, shape[..., None].expand(-1, -1, 642)], dim=1)
    name = "atlas_branch.decoder"
    for number in range(1, 5):
        layer = f"{name}.conv{number}"
        values = functional.conv1d(values, state[f"{layer}.weight"], state[f"{layer}.bias"])
        if number < 4:
            norm = [state[f"{name}.bn{number}.{part}"] for part in ("running_mean", "running_var")]
            factors = [state[f"{name}.bn{number}.{part}"] for part in ("weight", "bias")]
            values = functional.batch_norm(values, *norm, *factors).relu()
    vertices = 200.0 * values.mT
    translation = perceptron(state, "atlas_branch.decode_trans", hand)
    scale = torch.ones(2, 1)
    if "atlas_branch.decode_scale.2.bias" in state:
        scale = perceptron(state, "atlas_branch.decode_scale", hand)
    return scale[:, None] * vertices + translation[:, None], translation, scale


def found_in(path: Path) -> Prediction:
    trained = load_official(path, "open_hand")
    depth = torch.zeros(2, 64, 64)
    found: Prediction = trained.network(View(normalised(images()), depth))
    return found


@pytest.mark.parametrize("separate", [True, False])
@pytest.mark.parametrize("scaled", [True, False])
def test_the_object_is_the_mirror_image_of_theirs_in_metres(
    tmp_path: Path, separate: bool, scaled: bool
) -> None:
    state = official_state(separate=separate, scaled=scaled)
    found = found_in(written(tmp_path / "obman.pth.tar", state)).object
    assert found is not None
    vertices_mm, translation_mm, scale = their_left_object_mm(state)
    assert torch.allclose(1e3 * found.vertices_m, vertices_mm * MIRROR, atol=1e-2)
    assert torch.allclose(1e3 * found.translation_m, translation_mm * MIRROR, atol=1e-3)
    assert torch.allclose(found.scale_m, 0.2 * scale[:, 0], atol=1e-5)


def test_the_hand_is_the_mirror_image_of_their_left_hand(tmp_path: Path) -> None:
    state = official_state()
    found = found_in(written(tmp_path / "obman.pth.tar", state, parallel=False)).hand
    assert found is not None
    hidden = perceptron(state, "mano_branch.base_layer", their_feature(state, "base_net")).relu()
    pose, shape = (
        linear(state, "mano_branch.pose_reg", hidden),
        linear(state, "mano_branch.shape_reg.0", hidden),
    )
    layer = "mano_branch.mano_layer_left"
    fingers = state[f"{layer}.th_hands_mean"] + pose[:, 3:] @ state[f"{layer}.th_selected_comps"]
    for number in range(2):
        whole = torch.cat([pose[number, :3], fingers[number]]).numpy()
        posed = pose_hand(LEFT_MODEL, whole, shape[number].numpy(), np.zeros(3))
        expected = (posed.joints_m - posed.joints_m[0]) * MIRROR.numpy()
        np.testing.assert_allclose(found.joints_m[number].numpy(), expected, atol=2e-6)


def test_the_network_is_for_use_and_says_what_it_is_built_with(tmp_path: Path) -> None:
    trained = load_official(written(tmp_path / "obman.pth.tar", official_state()), "open_hand")
    assert not trained.network.training
    assert not any(parameter.requires_grad for parameter in trained.network.parameters())
    assert trained.options.pose_components == COMPONENTS


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"none\.pth does not exist"):
        load_official(tmp_path / "none.pth", "open_hand")


def test_a_checkpoint_of_another_method_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "other.pth", {"decoder.weight": torch.zeros(2)})
    with pytest.raises(InvalidValueError, match=r"'decoder\.weight' is not one of ObMan's"):
        load_official(path, "open_hand")


@pytest.mark.parametrize(
    "lacking", ["mano_branch.pose_reg.weight", "base_net.conv1.weight", "atlas_branch.decode_trans"]
)
def test_a_checkpoint_that_lacks_layers_is_refused(tmp_path: Path, lacking: str) -> None:
    state = official_state()
    state = {name: value for name, value in state.items() if not name.startswith(lacking)}
    with pytest.raises(InvalidValueError, match="does not fit ObMan's"):
        load_official(written(tmp_path / "part.pth", state), "open_hand")


def plugin_of(path: Path | None, **settings: object) -> CrossBranchReconstructor:
    weights = "" if path is None else str(path)
    section = CrossBranchSettings(
        weights=weights, official_checkpoint=True, device="cpu", **settings
    )
    return CrossBranchReconstructor(PipelineConfig(cross_branch=section))


def test_the_plugin_runs_their_network(tmp_path: Path) -> None:
    path = written(tmp_path / "obman.pth.tar", official_state())
    reconstructor = plugin_of(path)
    random = np.random.default_rng(1)
    rgb = random.integers(0, 256, (240, 320, 3), dtype=np.uint8)
    camera = CameraIntrinsics(320, 240, 290.0, 280.0, 150.0, 126.0)
    depth_m = np.full((240, 320), np.nan, dtype=np.float32)
    hand = TrackedHand(4, HandDetection(HandSide.RIGHT, 0.9, BoundingBox(120, 90, 200, 180)))
    frame = RgbdFrame(rgb, depth_m, camera, 5, "camera")
    (found,) = reconstructor.reconstruct(frame, [hand]).hands
    crop, trained = straight_crop(frame, hand), load_official(path, "open_hand")
    view = View(normalised(torch.from_numpy(crop)[None]), torch.zeros(1, 256, 256))
    expected = trained.network(view).hand
    assert expected is not None
    np.testing.assert_allclose(found.shape, expected.shape[0].numpy(), atol=1e-5)


def straight_crop(frame: RgbdFrame, hand: TrackedHand) -> NDArray[np.uint8]:
    """(3, 256, 256) crop, 2.2 times as large as the joints in the detector's box, which leaves a
    tenth of the hand free on each side."""
    box = hand.detection.box
    corners = np.array([[box.x_min, box.y_min], [box.x_max, box.y_max]])
    crop = CropCamera.around(back_project(corners, np.ones(2), frame.camera), 2.2 / 1.2)
    cut = crop.cut(frame.rgb, frame.camera, 256)
    return np.ascontiguousarray(cut.transpose(2, 0, 1))


def test_a_hand_model_with_another_mesh_than_theirs_is_refused(tmp_path: Path) -> None:
    faces = torch.from_numpy(MODEL.faces.copy()).long()
    name = "mano_branch.mano_layer_right.th_faces"
    same = written(tmp_path / "same.pth.tar", official_state() | {name: faces})
    assert official_for_use(same, "open_hand").options.hand_model == "open_hand"
    other = written(tmp_path / "other.pth.tar", official_state() | {name: faces.flip(0)})
    with pytest.raises(InvalidValueError, match=r"hand_model is 'open_hand'.*import MANO"):
        plugin_of(other)


def test_their_network_reads_no_depth_and_needs_a_checkpoint(tmp_path: Path) -> None:
    path = written(tmp_path / "obman.pth.tar", official_state())
    with pytest.raises(ConfigError, match="reads no depth"):
        plugin_of(path, depth_source="sensor")
    with pytest.raises(ConfigError, match=r"set cross_branch\.weights to a checkpoint of ObMan's"):
        plugin_of(None)
