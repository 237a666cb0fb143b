"""Which feature goes where, what each stage trains, and how answers become hands and objects."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.resnet import ResNet18, ResNet34
from hand_object_recon.networks.weights import Weights, save_weights
from hand_object_recon.reconstructors.cross_branch.feature_fusion import (
    AddFusion,
    ConcatFusion,
    LstmFusion,
    feature_fusion,
)
from hand_object_recon.reconstructors.cross_branch.hand_decoder import HandDecoder
from hand_object_recon.reconstructors.cross_branch.losses import (
    LossMeshes,
    Truth,
    cross_branch_losses,
)
from hand_object_recon.reconstructors.cross_branch.network import CrossBranchNetwork
from hand_object_recon.reconstructors.cross_branch.object_decoder import MeshDecoder, ObjectDecoder
from hand_object_recon.reconstructors.cross_branch.options import (
    METHOD,
    CrossBranchOptions,
    DepthSource,
    Fusion,
    Part,
    PlaceFeature,
    Rotation,
)
from hand_object_recon.reconstructors.cross_branch.prediction import Prediction, View
from hand_object_recon.reconstructors.cross_branch.trained_network import (
    load_trained_network,
    new_network,
)

WIDTH, SIZE, BATCH = 8, 64, 3
CHANNELS = 8 * WIDTH
MODEL = load_hand_model("open_hand", HandSide.RIGHT)
MESHES = LossMeshes.of("open_hand")


def options(**changes: Any) -> CrossBranchOptions:
    return CrossBranchOptions(**{"width": WIDTH, "image_size": SIZE, **changes})


def network_of(**changes: Any) -> CrossBranchNetwork:
    torch.manual_seed(0)
    return new_network(options(**changes))


def view(seed: int = 0) -> View:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(BATCH, 3, SIZE, SIZE, generator=generator)
    return View(images, 0.5 + 0.1 * torch.rand(BATCH, SIZE, SIZE, generator=generator))


def truth(seed: int = 0) -> Truth:
    """Grasps of balls by bent hands."""
    random = np.random.default_rng(seed)
    poses = np.zeros((BATCH, 48))
    poses[:, :3] = random.normal(scale=0.3, size=(BATCH, 3))
    posed = [pose_hand(MODEL, pose, np.zeros(10), np.zeros(3)) for pose in poses]
    joints = np.stack([hand.joints_m for hand in posed])
    vertices = np.stack([hand.vertices_m for hand in posed])
    wrists = joints[:, :1]
    radii = random.uniform(0.02, 0.05, BATCH)
    centers = joints[:, 9] - wrists[:, 0] + random.uniform(-0.03, 0.03, (BATCH, 3))
    points = random.normal(size=(BATCH, 600, 3))
    points *= radii[:, None, None] / np.linalg.norm(points, axis=2, keepdims=True)

    def tensor(values: Any) -> Tensor:
        return torch.tensor(values, dtype=torch.float32)

    depth = view().depth_m
    return Truth(
        depth_m=depth,
        foreground=depth < 0.57,
        joints_m=tensor(joints - wrists),
        vertices_m=tensor(vertices - wrists),
        points_m=tensor(points + centers[:, None]),
        center_m=tensor(centers),
        radius_m=tensor(radii),
    )


def features(seed: int) -> Tensor:
    return torch.randn(2, CHANNELS, generator=torch.Generator().manual_seed(seed))


def lstm_by_hand(lstm: nn.LSTM, steps: list[Tensor]) -> Tensor:
    """The equations of Hochreiter and Schmidhuber with forget gates, one layer."""
    state = cell = torch.zeros(len(steps[0]), lstm.hidden_size)
    for values in steps:
        gates = values @ lstm.weight_ih_l0.T + lstm.bias_ih_l0
        gates = gates + state @ lstm.weight_hh_l0.T + lstm.bias_hh_l0
        enter, forget, new, leave = gates.chunk(4, dim=1)
        cell = forget.sigmoid() * cell + enter.sigmoid() * new.tanh()
        state = leave.sigmoid() * cell.tanh()
    return state


def test_the_lstm_reads_the_provider_first_and_answers_after_the_receiver() -> None:
    torch.manual_seed(0)
    fusion = LstmFusion(CHANNELS, WIDTH)
    receiver, provider = features(0), features(1)
    found = fusion(receiver, provider)
    assert torch.allclose(found, lstm_by_hand(fusion.lstm, [provider, receiver]), atol=1e-6)
    assert not torch.allclose(found, lstm_by_hand(fusion.lstm, [receiver, provider]), atol=1e-3)


def test_in_the_papers_size_the_lstm_has_a_thousand_hidden_numbers() -> None:
    fusion = feature_fusion(Fusion.LSTM_OBJECT, 512, 64)
    assert fusion.channels_out == 1000
    count = sum(parameter.numel() for parameter in fusion.parameters())
    assert count == 4 * 1000 * (512 + 1000 + 2)
    stacked = feature_fusion(Fusion.LSTM_OBJECT_TWO_LAYERS, 512, 64)
    assert sum(parameter.numel() for parameter in stacked.parameters()) > 2 * count


@pytest.mark.parametrize("fusion", [Fusion.MLP_ADD, Fusion.MLP_CONCAT])
def test_the_mlps_have_about_as_many_weights_as_the_lstm(fusion: Fusion) -> None:
    count = sum(parameter.numel() for parameter in feature_fusion(fusion, 512, 64).parameters())
    assert count == pytest.approx(6.056e6, rel=0.15)


def test_adding_puts_a_mapping_of_the_provider_onto_the_receiver() -> None:
    fusion = AddFusion(CHANNELS)
    receiver, other, provider = features(0), features(1), features(2)
    change = fusion(receiver, provider) - fusion(other, provider)
    assert torch.allclose(change, receiver - other, atol=1e-5)


def test_joining_is_linear_in_the_receiver_and_not_in_the_provider() -> None:
    fusion = ConcatFusion(CHANNELS)
    receiver, provider = features(0), features(1)
    zero = torch.zeros_like(receiver)
    step = fusion(receiver, provider) - fusion(zero, provider)
    twice = fusion(2 * receiver, provider) - fusion(zero, provider)
    assert torch.allclose(twice, 2 * step, atol=1e-5)
    double = fusion(zero, 2 * provider) - fusion(zero, zero)
    assert not torch.allclose(double, 2 * (fusion(zero, provider) - fusion(zero, zero)), atol=1e-4)


FUSED = [fusion for fusion in Fusion if fusion is not Fusion.NONE]


def influences(fusion: Fusion) -> tuple[bool, bool]:
    """Whether the object depends on the hand's encoder, and the hand on the object's."""
    network = network_of(fusion=fusion, depth_source="none").eval()
    assert network.hand is not None
    assert network.object is not None
    assert network.object.encoder is not None
    before = network(view())
    results = []
    for encoder in (network.hand.encoder, network.object.encoder):
        last = list(encoder.parameters())[-1]  # a batch norm's shift
        with torch.no_grad():
            last += 1.0
        results.append(network(view()))
        with torch.no_grad():
            last -= 1.0
    other_hand, other_object = results
    return (
        not torch.equal(before.object.canonical, other_hand.object.canonical),
        not torch.equal(before.hand.joints_m, other_object.hand.joints_m),
    )


@pytest.mark.parametrize("fusion", list(Fusion))
def test_a_fusion_brings_features_the_way_its_name_says(fusion: Fusion) -> None:
    expected = {
        Fusion.NONE: (False, False),
        Fusion.LSTM_HAND: (False, True),
        Fusion.LSTM_BOTH: (True, True),
    }
    assert influences(fusion) == expected.get(fusion, (True, False))


@pytest.mark.parametrize("place", list(PlaceFeature))
def test_the_objects_place_comes_from_the_feature_that_is_chosen(place: PlaceFeature) -> None:
    network = network_of(fusion="none", depth_source="none", place_feature=place).eval()
    assert network.hand is not None
    before = network(view()).object
    with torch.no_grad():
        list(network.hand.encoder.parameters())[-1].add_(1.0)
    after = network(view()).object
    is_moved = not torch.equal(before.translation_m, after.translation_m)
    assert is_moved == (place is PlaceFeature.HAND)
    assert torch.equal(before.canonical, after.canonical)


def test_a_shared_encoder_is_one_resnet_of_34_layers() -> None:
    network = network_of(encoders="shared", fusion="none")
    assert isinstance(network.hand.encoder, ResNet34)
    assert network.object.encoder is None
    convolutions = [
        name
        for name, layer in network.hand.encoder.named_modules()
        if isinstance(layer, nn.Conv2d) and "shortcut" not in name
    ]
    assert len(convolutions) + 1 == 34  # the classifier is the last
    assert isinstance(network_of().hand.encoder, ResNet18)


def test_resnet34_has_as_many_weights_as_torchvisions_without_its_classifier() -> None:
    count = sum(parameter.numel() for parameter in ResNet34().parameters())
    assert count == 21_797_672 - 513_000  # torchvision documents 21 797 672


def test_the_hand_is_the_models_own_of_the_answered_pose_about_its_wrist() -> None:
    torch.manual_seed(0)
    for rotation in Rotation:
        decoder = HandDecoder(CHANNELS, WIDTH, "open_hand", 30, rotation)
        with torch.no_grad():
            decoder.pose.bias[:3] += torch.tensor([0.4, -0.8, 0.3])
        found = decoder(features(0))
        fingers = MODEL.hands_mean + found.components.detach().numpy() @ MODEL.hands_components[:30]
        for number in range(2):
            turn = axis_angle(found.orientation[number])
            pose = np.concatenate([turn, fingers[number]])
            posed = pose_hand(MODEL, pose, found.shape[number].detach().numpy(), np.zeros(3))
            for name in ("joints_m", "vertices_m"):
                expected = getattr(posed, name) - posed.joints_m[0]
                result = getattr(found, name)[number].detach().numpy()
                np.testing.assert_allclose(result, expected, atol=2e-6)


def axis_angle(matrix: Tensor) -> np.ndarray:
    from scipy.spatial.transform import Rotation as ScipyRotation

    return ScipyRotation.from_matrix(matrix.detach().numpy()).as_rotvec()


def test_the_objects_mesh_is_scaled_and_then_moved() -> None:
    torch.manual_seed(0)
    found = ObjectDecoder(CHANNELS, CHANNELS, from_sphere=False)(features(0), features(1))
    for item in range(2):
        for vertex in (0, 100, 641):
            expected = found.scale_m[item] * found.canonical[item, vertex]
            expected = expected + found.translation_m[item]
            assert torch.allclose(found.vertices_m[item, vertex], expected)


def test_answers_begin_near_what_hands_hold() -> None:
    torch.manual_seed(0)
    found = ObjectDecoder(CHANNELS, CHANNELS, from_sphere=True)(features(0), features(1))
    assert (found.scale_m - 0.05).abs().max().item() < 0.03
    assert found.translation_m.norm(dim=1).max().item() < 0.1
    radii = found.canonical.norm(dim=2)
    assert radii.min().item() > 0.7
    assert radii.max().item() < 1.3


def test_the_mesh_decoder_is_four_convolutions_over_sphere_and_feature_side_by_side() -> None:
    torch.manual_seed(0)
    decoder = MeshDecoder(512, from_sphere=False).eval()
    layers = [decoder.first, *decoder.others, decoder.last]
    assert [layer.in_channels for layer in layers] == [515, 515, 257, 128]
    assert [layer.out_channels for layer in layers] == [515, 257, 128, 3]
    feature = torch.randn(2, 512)
    values = torch.cat(
        [decoder.sphere.T.expand(2, 3, 642), feature[..., None].expand(-1, -1, 642)], 1
    )
    for layer, norm in zip(layers[:3], decoder.norms, strict=True):
        values = norm(layer(values)).relu()
    assert torch.allclose(decoder(feature), decoder.last(values).mT, atol=1e-5)


@pytest.mark.parametrize("source", list(DepthSource))
def test_the_hand_depends_on_what_the_depth_channel_is_said_to_hold(source: DepthSource) -> None:
    network = network_of(depth_source=source).eval()
    holed = view().depth_m.clone()
    holed[:, : SIZE // 2] = 0.0
    seen = View(view().images, holed)
    other_depth = View(seen.images, holed.flip(2))
    before, after = network(seen), network(other_depth)
    reads_sensor = source in (DepthSource.SENSOR, DepthSource.BOTH)
    assert torch.equal(before.hand.joints_m, after.hand.joints_m) != reads_sensor
    assert (before.relative_depth is not None) == source.is_estimated
    if source.is_estimated:
        with torch.no_grad():
            network.depth.answer.bias += 0.5
        network.depth.answer.weight.data *= 3.0
        assert not torch.equal(before.hand.joints_m, network(seen).hand.joints_m)


STAGES = [
    *((fusion, part) for fusion in Fusion if fusion is not Fusion.LSTM_BOTH for part in Part),
    *((Fusion.LSTM_BOTH, part) for part in (Part.DEPTH, Part.JOINT)),
]


@pytest.mark.parametrize(("fusion", "part"), STAGES)
def test_gradients_reach_all_that_a_stage_trains_and_nothing_else(
    fusion: Fusion, part: Part
) -> None:
    chosen = options(fusion=fusion, part=part, contact=part is Part.JOINT)
    network = network_of(fusion=fusion, part=part, contact=part is Part.JOINT).train()
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    losses = cross_branch_losses(network(view()), truth(), MESHES, chosen)
    sum(losses.values(), torch.zeros(())).backward()
    trained = {
        Part.DEPTH: ("depth.",),
        Part.HAND: ("hand.",),
        Part.OBJECT: ("object.",),
        Part.JOINT: ("hand.", "object."),
    }[part]
    for name, parameter in network.named_parameters():
        if not name.startswith(trained):
            assert parameter.grad is None, name
        else:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum().item() > 0.0, name
    for name, buffer in network.named_buffers():
        if not name.startswith(trained):
            assert torch.equal(buffer, before[name]), name


def test_end_to_end_the_estimate_learns_from_its_own_loss_and_from_the_branches() -> None:
    chosen = options(with_depth=True)
    network = network_of(with_depth=True)
    found = network(view())
    losses = cross_branch_losses(found, truth(), MESHES, chosen)
    assert {"depth", "depth_structure"} <= set(losses)
    for name in ("depth", "joints", "chamfer"):
        network.zero_grad()
        losses[name].backward(retain_graph=True)
        grads = [parameter.grad for parameter in network.depth.parameters()]
        assert all(grad is not None and grad.abs().sum().item() > 0.0 for grad in grads), name


def test_stages_that_follow_each_other_carry_what_was_learned() -> None:
    orders = {Fusion.LSTM_HAND: (Part.DEPTH, Part.OBJECT, Part.HAND, Part.JOINT)}
    usual = (Part.DEPTH, Part.HAND, Part.OBJECT, Part.JOINT)
    for fusion in Fusion:
        parts = orders.get(fusion, usual)
        if fusion is Fusion.LSTM_BOTH:
            parts = (Part.DEPTH, Part.JOINT)
        names = [set(network_of(fusion=fusion, part=part).state_dict()) for part in parts]
        for earlier, later in pairwise(names):
            assert earlier <= later


def scored(found: Prediction, true: Truth) -> tuple[float, float]:
    """Mean errors of joints and of the object's vertices' distance to the true points, mm."""
    joints = 1e3 * (found.hand.joints_m - true.joints_m).norm(dim=2).mean()
    surface = 1e3 * torch.cdist(found.object.vertices_m, true.points_m).min(dim=2).values.mean()
    return joints.item(), surface.item()


def test_a_small_network_learns_a_few_items_from_random_weights() -> None:
    chosen = options(depth_source="sensor", sphere_offsets=True, rotation="two_columns")
    torch.manual_seed(0)
    network = new_network(chosen).train()
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    true, seen = truth(), view()
    first = scored(network(seen), true)
    for _ in range(25):
        losses = cross_branch_losses(network(seen), true, MESHES, chosen)
        optimizer.zero_grad()
        sum(losses.values(), torch.zeros(())).backward()
        optimizer.step()
    last = scored(network(seen), true)
    assert last[0] < 0.4 * first[0]
    assert last[1] < 0.5 * first[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": 700, "kept_points": 600}, "kept_points=600"),
        ({"part": "depth", "depth_source": "sensor"}, "estimates no depth"),
        ({"with_depth": True, "depth_source": "none"}, "estimates no depth"),
        ({"part": "hand", "contact": True}, "contact is true and part is hand"),
        ({"part": "object", "with_depth": True}, "with_depth is true and part is object"),
        ({"part": "hand", "fusion": "lstm_both"}, "set part to joint"),
        ({"part": "object", "encoders": "shared", "fusion": "none"}, "set part to joint"),
        ({"encoders": "shared"}, "set fusion to none"),
        ({"fusion": "lstm_hand", "place_feature": "hand"}, "set place_feature to object"),
    ],
)
def test_options_that_do_not_fit_together_are_refused_with_the_fix(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        CrossBranchOptions(**changes)


def saved(path: Path, chosen: CrossBranchOptions) -> Weights:
    torch.manual_seed(1)
    state = new_network(chosen).state_dict()
    weights = Weights(state, {"method": METHOD, "options": chosen.model_dump(mode="json")})
    save_weights(path, weights)
    return weights


def test_a_weights_file_becomes_the_network_that_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "joint.safetensors"
    weights = saved(path, options())
    trained = load_trained_network(path)
    assert trained.options == options()
    assert not trained.network.training
    state = trained.network.state_dict()
    assert all(torch.equal(state[name], value) for name, value in weights.tensors.items())
    assert not any(parameter.requires_grad for parameter in trained.network.parameters())


def test_weights_of_a_stage_without_the_object_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "hand.safetensors"
    saved(path, options(part="hand"))
    with pytest.raises(InvalidValueError, match="stage hand, which has not both branches"):
        load_trained_network(path)
