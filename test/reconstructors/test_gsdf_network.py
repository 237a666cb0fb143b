"""What each part of the network does, apart from what the authors' code says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import HandModel, load_hand_model
from hand_object_recon.networks.volume_heatmaps import (
    CELLS,
    VolumeHeatmaps,
    cells_to_camera,
    expected_cells,
)
from hand_object_recon.reconstructors.gsdf.conventions import Conventions, Source
from hand_object_recon.reconstructors.gsdf.folded_field import folded_fields
from hand_object_recon.reconstructors.gsdf.hand_frames import HandFrames, rest_keypoints
from hand_object_recon.reconstructors.gsdf.kinematic_features import (
    HAND_FEATURES,
    OBJECT_FEATURES,
    HandKinematics,
    ObjectKinematics,
    hand_features,
    object_features,
)
from hand_object_recon.reconstructors.gsdf.network import (
    FeatureChoice,
    GSDFNetwork,
    Scene,
    Sharing,
    Views,
    Visual,
)
from hand_object_recon.reconstructors.gsdf.official import converted_state
from hand_object_recon.reconstructors.gsdf.video_transformer import VideoTransformer

WIDTH = 24
UNIT_M = 0.3
CONVENTIONS = Conventions(unit_m=UNIT_M)


@pytest.fixture(scope="module")
def model() -> HandModel:
    return load_hand_model("open_hand", HandSide.RIGHT)


@pytest.fixture(scope="module")
def joints_m(model: HandModel) -> Tensor:
    """(2, 21, 3) joints of bent hands in front of the camera."""
    random = np.random.default_rng(1)
    bends = random.uniform(0.1, 0.7, (2, 15, 1)) * model.joint_axes[None, :, 0]
    turns = random.normal(size=(2, 1, 3))
    poses = np.concatenate([turns, bends], axis=1).reshape(2, 48)
    place = np.array([0.05, -0.02, 0.6])
    posed = [pose_hand(model, pose, np.zeros(10), place).joints_m for pose in poses]
    return torch.from_numpy(np.stack(posed)).float()


def views(count: int) -> Views:
    camera = torch.tensor([[480.0, 0.0, 128.0], [0.0, 480.0, 128.0], [0.0, 0.0, 1.0]])
    return Views(camera.expand(count, 3, 3), torch.tensor([[0.01, 0.02, 0.6]]).expand(count, 3))


PAPER, VIDEO = FeatureChoice(), FeatureChoice(Visual.VIDEO)


def small_network(
    model: HandModel,
    sharing: Sharing = Sharing.ASYMMETRIC,
    features: FeatureChoice = PAPER,
) -> GSDFNetwork:
    torch.manual_seed(0)
    rest_m = rest_keypoints(model)
    return GSDFNetwork(rest_m, CONVENTIONS, sharing, features=features, width=WIDTH)


def images(frames: int = 1) -> Tensor:
    return torch.randn(1, frames, 3, 256, 256, generator=torch.Generator().manual_seed(0))


def encoded(network: GSDFNetwork, crops: Tensor) -> Scene:
    frames = crops.shape[1]
    cameras, wrists = views(frames)
    return network.encode(crops, Views(cameras[None], wrists[None]))


def random_points(count: int, frames: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return 2.0 * torch.rand(frames, count, 3, generator=generator) - 1.0


def test_a_sharp_heat_map_gives_its_cell_and_a_flat_one_the_middle() -> None:
    volumes = torch.zeros(1, 2, CELLS, CELLS, CELLS)
    volumes[0, 0, 30, 20, 10] = 100.0
    found = expected_cells(volumes)
    torch.testing.assert_close(found[0, 0], torch.tensor([10.0, 20.0, 30.0]))
    torch.testing.assert_close(found[0, 1], torch.full((3,), (CELLS - 1) / 2))


def test_places_count_in_as_many_cells_however_few_the_heat_maps_have() -> None:
    heatmaps = VolumeHeatmaps(channels_in=8, channels=8, points=1, doublings=2)
    volumes = heatmaps.volumes(torch.zeros(1, 8, 4, 4))
    assert volumes.shape == (1, 1, CELLS, 16, 16)
    sharp = torch.zeros_like(volumes)
    sharp[0, 0, 30, 5, 10] = 100.0
    heatmaps.volumes = lambda _: sharp  # type: ignore[method-assign]
    found = heatmaps(torch.zeros(1, 8, 4, 4))
    torch.testing.assert_close(found[0, 0], torch.tensor([40.0, 20.0, 30.0]))


def test_the_middle_cell_lies_at_the_wrist_s_depth_and_pixels_on_their_rays() -> None:
    cameras, wrists = views(1)
    cells = torch.tensor([[[32.0, 32.0, 32.0], [10.0, 50.0, 48.0]]])
    found = cells_to_camera(cells, cameras, wrists[:, 2], 0.2, 4.0)
    torch.testing.assert_close(found[..., 2], torch.tensor([[0.6, 0.7]]))
    projected = found @ cameras.mT
    pixels = projected[..., :2] / projected[..., 2:]
    torch.testing.assert_close(pixels, 4.0 * cells[..., :2])


@pytest.mark.parametrize("source", Source)
def test_each_joint_is_the_origin_of_its_own_axes(
    model: HandModel, joints_m: Tensor, source: Source
) -> None:
    conventions = Conventions(unit_m=UNIT_M, kinematics=source)
    frames = HandFrames(rest_keypoints(model), conventions)
    transforms = frames(joints_m)
    about_wrist = joints_m - joints_m[:, :1]
    by_level = [0, *range(1, 21, 4), *range(2, 21, 4), *range(3, 21, 4)]
    points = about_wrist[:, by_level] / UNIT_M
    features = hand_features(transforms, UNIT_M).of(points).unflatten(2, (17, 3))
    assert features.shape[2] * 3 == HAND_FEATURES
    torch.testing.assert_close(features[:, :, 0], points)
    own = features[:, range(16), range(1, 17)]
    assert own.norm(dim=2).max() * UNIT_M < 2e-3  # bones keep the rest hand's lengths


def test_turning_hand_and_points_together_leaves_features_in_the_hands_axes(
    model: HandModel, joints_m: Tensor
) -> None:
    frames = HandFrames(rest_keypoints(model), CONVENTIONS)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)))[0]
    turn = turn * torch.det(turn)
    points = random_points(50, 2)
    here = hand_features(frames(joints_m), UNIT_M).of(points)
    there = hand_features(frames(joints_m @ turn.T), UNIT_M).of(points @ turn.T)
    torch.testing.assert_close(there[..., 3:], here[..., 3:], atol=2e-4, rtol=0.0)


def test_the_object_sees_points_from_its_centre_and_from_every_joint(
    model: HandModel, joints_m: Tensor
) -> None:
    transforms = HandFrames(rest_keypoints(model), CONVENTIONS)(joints_m)
    about_wrist, center = joints_m - joints_m[:, :1], torch.tensor([[0.03, 0.0, 0.1]] * 2)
    points = random_points(9, 2)
    orders = {}
    for source in Source:
        features = object_features(transforms, about_wrist, center, UNIT_M, source)
        orders[source] = features.of(points).unflatten(2, (24, 3))
    paper, code = orders[Source.PAPER], orders[Source.CODE]
    assert paper[0].numel() == 9 * OBJECT_FEATURES
    torch.testing.assert_close(paper[:, :, 0], points)
    torch.testing.assert_close(paper[:, :, 1], points - center[:, None] / UNIT_M)
    gaps = points[:, :, None] - about_wrist[:, None] / UNIT_M
    torch.testing.assert_close(paper[:, :, 2:23], gaps)
    wrist = hand_features(transforms, UNIT_M).of(points)[..., 3:6]
    torch.testing.assert_close(paper[:, :, 23], wrist)
    torch.testing.assert_close(code[:, :, [0, 1, *range(3, 24), 2]], paper)


def test_the_transformer_does_what_loops_over_heads_and_frames_do() -> None:
    torch.manual_seed(0)
    network = VideoTransformer(32).eval().requires_grad_(False)
    maps = torch.randn(1, 3, 32, 16, 16)
    tokens = network.embed(maps.flatten(3).mT) + network.places
    for frame in range(3):
        tokens[0, frame] = _stack(network.spatial, tokens[0, frame])
    found = network(maps).flatten(3)
    for place in (0, 17, 255):
        expected = _stack(network.temporal, tokens[0, :, place])
        torch.testing.assert_close(found[0, :, :, place], expected, atol=1e-4, rtol=1e-4)


def _stack(stack: nn.Module, tokens: Tensor) -> Tensor:
    for layer in stack.layers:
        parts = layer.queries_keys_values(layer.norm1(tokens)).split(1024, dim=1)
        heads = []
        for head in range(4):
            queries, keys, values = (part[:, 256 * head : 256 * (head + 1)] for part in parts)
            heads.append((queries @ keys.T / math.sqrt(256)).softmax(dim=1) @ values)
        tokens = tokens + layer.out(torch.cat(heads, dim=1))
        grown = nn.functional.gelu(layer.forward1(layer.norm2(tokens)))
        tokens = tokens + layer.forward2(grown)
    return stack.norm(tokens)


def test_frames_of_a_video_help_each_other_and_their_order_does_not_matter(
    model: HandModel,
) -> None:
    network = small_network(model, features=VIDEO).eval().requires_grad_(False)
    crops = images(3)
    maps = encoded(network, crops).maps
    swapped = encoded(network, crops[:, [0, 2, 1]]).maps
    torch.testing.assert_close(swapped[[0, 2, 1]], maps, atol=1e-4, rtol=1e-4)
    other = crops.clone()
    other[:, 1] += 1.0
    assert (encoded(network, other).maps[0] - maps[0]).abs().max() > 1e-3


def test_names_of_the_video_network_s_weights_are_known(model: HandModel) -> None:
    layer = ("0.norm.weight", "0.norm.bias", "0.fn.to_qkv.weight", "0.fn.to_out.0.weight")
    layer += ("0.fn.to_out.0.bias", "1.norm.weight", "1.norm.bias", "1.fn.net.0.weight")
    layer += ("1.fn.net.0.bias", "1.fn.net.3.weight", "1.fn.net.3.bias")
    stacks = [f"{axis}_transformer" for axis in ("spatial", "temporal")]
    names = ["pos_embedding", "to_patch_embedding.1.weight", "to_patch_embedding.1.bias"]
    names += [f"{stack}.norm.{leaf}" for stack in stacks for leaf in ("weight", "bias")]
    names += [f"{stack}.layers.{n}.{leaf}" for stack in stacks for n in range(8) for leaf in layer]
    saved = {f"module.feat_transformer.{name}": torch.zeros(1) for name in names}
    ours = small_network(model, features=VIDEO).state_dict()
    expected = {name for name in ours if name.startswith("video.")}
    assert converted_state({"network": saved}).keys() == expected


@pytest.mark.parametrize("sharing", Sharing)
def test_trunks_are_shared_as_asked(model: HandModel, sharing: Sharing) -> None:
    network = small_network(model, sharing).train()
    for part in (network.hand_head, network.object_head):
        part.eval()
    cameras, wrists = views(2)
    crops = images(2).transpose(0, 1)
    points = random_points(8, 2)[:, None]

    def learns(loss: Tensor) -> set[str]:
        network.zero_grad(set_to_none=True)
        loss.backward(retain_graph=True)
        trunks = {"pose": network.pose.trunk, "shape": network.trunk}
        return {
            name
            for name, trunk in trunks.items()
            if trunk is not None and trunk.layers[0][0].conv1.weight.grad is not None
        }

    found = network(crops, cameras[:, None], wrists[:, None], points)
    own = "pose" if sharing is Sharing.SINGLE else "shape"
    # Distances also lead to the object's centre, which its features are seen from.
    of_center = {"single": "pose", "symmetric": "pose", "asymmetric": "shape"}[sharing.value]
    assert learns(found.hand_distances.sum()) == {own}
    assert learns(found.object_distances.sum()) == {own, of_center}
    assert learns(found.centers_m.sum()) == {of_center}


def test_a_pose_learned_before_stays_as_it_is(model: HandModel) -> None:
    network = small_network(model).train()
    before = {name: value.clone() for name, value in network.pose.state_dict().items()}
    cameras, wrists = views(2)
    crops, points = images(2).transpose(0, 1), random_points(4, 2)[:, None]
    network(crops, cameras[:, None], wrists[:, None], points)
    assert all(
        torch.equal(before[name], value) for name, value in network.pose.state_dict().items()
    )


@pytest.mark.parametrize(
    "features",
    [
        FeatureChoice(),
        VIDEO,
        FeatureChoice(Visual.SPATIAL, HandKinematics.WRIST, ObjectKinematics.CENTER),
        FeatureChoice(Visual.GLOBAL, HandKinematics.NONE, ObjectKinematics.NONE),
    ],
    ids=lambda features: features.visual.value,
)
def test_a_folded_field_gives_what_the_network_gives(
    model: HandModel, features: FeatureChoice
) -> None:
    network = small_network(model, features=features).eval().requires_grad_(False)
    frames = 3 if features.visual is Visual.VIDEO else 1
    scene = encoded(network, images(frames))
    points = random_points(5000, frames)
    hand, held = network.distances(scene, points)
    for row in range(frames):
        hand_field, object_field = folded_fields(network, scene, row)
        for field, expected in ((hand_field, hand[row]), (object_field, held[row])):
            found = field(points[row])
            assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_distances_know_of_the_pose_what_they_are_asked_to(
    model: HandModel, joints_m: Tensor
) -> None:
    bent_m, wrist_only = joints_m[:1].clone(), HandKinematics.WRIST
    bent_m[:, 8] += torch.tensor([0.0, 0.02, 0.01])  # a finger tip
    farther = torch.tensor([[0.0, 0.05, 0.62]])
    for hand, sees_finger in ((HandKinematics.ALL, True), (wrist_only, False)):
        for held, sees_center in ((ObjectKinematics.ALL, True), (ObjectKinematics.NONE, False)):
            features = FeatureChoice(hand=hand, object=held)
            network = small_network(model, features=features).eval().requires_grad_(False)
            assert network.hand_head.hidden[0].in_features == 4 * WIDTH + hand.feature_count
            maps = torch.randn(1, 4 * WIDTH, 16, 16)
            scenes = [
                network.scene(views(1), maps, *place)
                for place in ((joints_m[:1], farther), (bent_m, farther), (bent_m, 1.1 * farther))
            ]
            points = random_points(20)
            (hand1, held1), (hand2, held2), (hand3, held3) = (
                network.distances(scene, points) for scene in scenes
            )
            assert torch.equal(hand1, hand2) != sees_finger
            assert torch.equal(held1, held2) != (held is ObjectKinematics.ALL)
            assert torch.equal(held2, held3) != sees_center
            assert torch.equal(hand2, hand3)


def test_the_mean_of_the_map_says_the_same_of_every_point(model: HandModel) -> None:
    network = small_network(model, features=FeatureChoice(Visual.GLOBAL)).eval()
    crops = images()
    with torch.no_grad():
        maps = network.look(crops[0]).maps
        local = small_network(model).eval().look(crops[0]).maps
    assert maps.shape == local.shape
    torch.testing.assert_close(maps[0, :, 3, 5], local[0].flatten(1).mean(dim=1))


def test_attention_over_the_map_alone_leaves_frames_to_themselves(model: HandModel) -> None:
    network = small_network(model, features=FeatureChoice(Visual.SPATIAL)).eval()
    network.requires_grad_(False)
    crops = images(3)
    other = crops.clone()
    other[:, 1] += 1.0
    maps, changed = encoded(network, crops).maps, encoded(network, other).maps
    torch.testing.assert_close(changed[[0, 2]], maps[[0, 2]])
    assert (changed[1] - maps[1]).abs().max() > 1e-3


def test_points_seen_beyond_the_crop_read_nothing_from_it(model: HandModel) -> None:
    network = small_network(model).eval().requires_grad_(False)
    scene = encoded(network, images())
    beyond = torch.tensor([[[0.99, 0.0, -0.9]]])
    other = scene._replace(maps=scene.maps + 1.0)
    for row in (scene, other):
        expected = network.distances(scene, beyond)[0][0]
        torch.testing.assert_close(folded_fields(network, row, 0)[0](beyond[0]), expected)


def test_a_field_s_gradients_are_its_differences(model: HandModel) -> None:
    network = small_network(model).eval().requires_grad_(False).double()
    cameras, wrists = views(1)
    scene = network.encode(images().double(), Views(cameras[None].double(), wrists[None].double()))
    field, _ = folded_fields(network, scene, 0)
    points, step = 0.3 * random_points(200)[0].double(), 1e-6
    axes = torch.eye(3, dtype=torch.float64)
    differences = [(field(points + step * a) - field(points - step * a)) / (2 * step) for a in axes]
    gap = (field.gradients(points) - torch.stack(differences, dim=1)).abs().amax(dim=1)
    assert (gap < 1e-6).double().mean() > 0.98  # but where the step leads over a bend
