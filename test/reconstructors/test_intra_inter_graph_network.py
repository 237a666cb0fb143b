"""The network answers hands in metres, its variants are the paper's, and all of it learns."""

from __future__ import annotations

import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import ConfigError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.geometry.depth_placement import offset_onto_keypoints
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.crop_camera import CropCamera
from hand_object_recon.reconstructors.intra_inter_graph.depth_nodes import depth_of_nodes
from hand_object_recon.reconstructors.intra_inter_graph.heatmap_joints import FoundJoints
from hand_object_recon.reconstructors.intra_inter_graph.network import IntraInterGraphNetwork
from hand_object_recon.reconstructors.intra_inter_graph.options import IntraInterGraphOptions
from hand_object_recon.reconstructors.intra_inter_graph.pose_branch import GraphPose, VectorPose
from hand_object_recon.reconstructors.intra_inter_graph.prediction import Hands, Prediction, View
from hand_object_recon.reconstructors.intra_inter_graph.projection import (
    points_to_uv,
    sampled,
    slopes_to_uv,
    uv_to_slopes,
    wrists_on_rays,
)
from hand_object_recon.reconstructors.intra_inter_graph.refinement import (
    UNIT_M,
    GraphRefinement,
    NodeFeatures,
)
from hand_object_recon.reconstructors.intra_inter_graph.trained_network import new_network
from hand_object_recon.training.config import load_training_config
from hand_object_recon.training.methods import build_method

CONFIGURATIONS = Path(__file__).parents[2] / "config/train"
SMALL: dict[str, Any] = {
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
}
TABLE_3: dict[str, dict[str, Any]] = {
    "B": {"pose_branch": "regression", "refinement": "none"},
    "B+OG": {"pose_branch": "ordinary_graph", "refinement": "none"},
    "B+SG": {"pose_branch": "semantic_graph", "refinement": "none"},
    "B+SG+G": {"pose_branch": "semantic_graph", "refinement": "graph"},
    "B+SG+G+MA": {"pose_branch": "semantic_graph", "refinement": "graph_attention"},
}
MOST_MS = 40.0


def options_with(**options: Any) -> IntraInterGraphOptions:
    return IntraInterGraphOptions.model_validate({**SMALL, **options})


def network_with(**options: Any) -> IntraInterGraphNetwork:
    torch.manual_seed(0)
    return new_network(options_with(**options))


def view_of(size: int = 64, count: int = 2) -> View:
    torch.manual_seed(1)
    depth_m = 0.5 + 0.02 * torch.rand(count, size, size)
    depth_m[:, : size // 4] = 0.0
    return View(torch.randn(count, 3, size, size), torch.full((count,), 0.15), depth_m)


def total_of(found: Prediction) -> Tensor:
    hands = found.hands
    parts = [found.joints_uv, found.heatmap_logits, found.shape, hands.joints_m, hands.vertices_m]
    return torch.stack([part.square().mean() for part in parts]).sum()


@pytest.mark.parametrize("row", TABLE_3)
def test_each_row_of_the_paper_s_ablation_answers_hands_and_learns(row: str) -> None:
    network = network_with(**TABLE_3[row]).train()
    found: Prediction = network(view_of())
    assert found.hands.joints_m.shape == (2, 21, 3)
    assert found.hands.vertices_m.shape == (2, 778, 3)
    assert found.heatmaps.shape == (2, 1, 21, 8, 8)
    assert found.joints_uv.shape == (2, 21, 2)
    assert ((found.joints_uv > 0.0) & (found.joints_uv < 1.0)).all()
    assert ((found.confidence >= 0.0) & (found.confidence <= 1.0)).all()
    has_refinement = "G" in row.replace("OG", "").replace("SG", "")
    assert (found.refined is not None) == has_refinement
    assert isinstance(network.pose, VectorPose if row == "B" else GraphPose)
    total_of(found).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_rows_of_the_ablation_differ_by_what_they_are_named_after() -> None:
    counts = {
        row: sum(p.numel() for p in network_with(**o).parameters()) for row, o in TABLE_3.items()
    }
    assert counts["B+SG"] > counts["B+OG"]  # logits, and a matrix of the node's own
    assert counts["B+SG+G"] > counts["B+SG"]
    assert counts["B+SG+G+MA"] > counts["B+SG+G"]


@pytest.mark.parametrize(
    ("rotation", "pose_head", "pose_nodes"),
    product(["axis_angle", "two_columns"], ["whole", "per_joint"], ["selected", "learned"]),
)
def test_ways_to_answer_the_pose_give_rotations_and_learn(
    rotation: str, pose_head: str, pose_nodes: str
) -> None:
    network = network_with(rotation=rotation, pose_head=pose_head, pose_nodes=pose_nodes)
    found: Prediction = network(view_of())
    assert found.pose.shape == (2, 16, 3 if rotation == "axis_angle" else 6)
    identity = torch.eye(3).expand(2, 16, 3, 3)
    torch.testing.assert_close(found.rotations @ found.rotations.mT, identity, atol=1e-5, rtol=1e-5)
    total_of(found).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.pose.parameters())


def test_the_initial_hand_is_the_model_s_in_the_answered_pose_and_shape() -> None:
    network = network_with(rotation="axis_angle").eval()
    found: Prediction = network(view_of())
    model = load_hand_model("open_hand", HandSide.RIGHT)
    for item in range(2):
        pose, shape = (one[item].detach().numpy() for one in (found.pose, found.shape))
        posed = pose_hand(model, pose.ravel(), shape, np.zeros(3, dtype=np.float32))
        wrist = posed.joints_m[WRIST]
        joints_m, vertices_m = (one[item].detach().numpy() for one in found.initial)
        np.testing.assert_allclose(joints_m, posed.joints_m - wrist, atol=1e-5)
        np.testing.assert_allclose(vertices_m, posed.vertices_m - wrist, atol=1e-5)
    sizes_m = torch.linalg.vector_norm(found.initial.joints_m, dim=2).amax(dim=1)
    assert ((sizes_m > 0.1) & (sizes_m < 0.3)).all()


def test_both_ways_to_answer_turns_begin_with_the_same_hand() -> None:
    poses = []
    for rotation in ("axis_angle", "two_columns"):
        network = network_with(rotation=rotation, refinement="none").eval()
        for parameter in network.pose.head[-2].parameters():
            nn.init.zeros_(parameter)
        poses.append(network(view_of()).rotations)
    torch.testing.assert_close(*poses)


@pytest.mark.parametrize("level", [0, 2])
def test_offsets_begin_near_the_hand_model_and_reach_every_vertex(level: int) -> None:
    network = network_with(vertex_level=level).eval()
    found: Prediction = network(view_of())
    assert found.refined is not None
    gaps_m = (found.refined.vertices_m - found.initial.vertices_m).abs()
    assert gaps_m.max() < 0.005
    refinement = network.refinement
    assert refinement is not None
    with torch.no_grad():
        refinement.vertex_head[-1].weight.zero_()
        refinement.joint_head[-1].weight.zero_()
        refinement.vertex_head[-1].bias.copy_(torch.tensor([0.1, 0.0, -0.2]))
        refinement.joint_head[-1].bias.copy_(torch.tensor([0.0, 0.3, 0.0]))
        moved: Prediction = network(view_of())
    assert moved.refined is not None
    vertex_gaps = moved.refined.vertices_m - moved.initial.vertices_m
    joint_gaps = moved.refined.joints_m - moved.initial.joints_m
    expected = UNIT_M * torch.tensor([[0.1, 0.0, -0.2], [0.0, 0.3, 0.0]])
    torch.testing.assert_close(vertex_gaps, expected[0].expand_as(vertex_gaps), atol=1e-6, rtol=0.0)
    torch.testing.assert_close(joint_gaps, expected[1].expand_as(joint_gaps), atol=1e-6, rtol=0.0)


def test_absolute_places_do_not_move_with_the_initial_hand_s_coordinates() -> None:
    options = options_with(refined="places", vertex_level=0)
    torch.manual_seed(2)
    refinement = GraphRefinement(options, whole_channels=8, extra_channels=0).eval()
    for head in (refinement.joint_head, refinement.vertex_head):
        nn.init.zeros_(head[-1].weight)
        nn.init.constant_(head[-1].bias, 0.7)
    hands = Hands(torch.randn(2, 21, 3), torch.randn(2, 778, 3))
    found = refinement(hands, torch.randn(2, 8), None)
    for places in found:
        torch.testing.assert_close(places, torch.full_like(places, 0.7 * UNIT_M))


def test_nodes_see_the_whole_image_beside_their_place_as_one_layer_on_both() -> None:
    torch.manual_seed(3)
    layer = NodeFeatures(5, 3, 4).eval()
    whole, own = torch.randn(2, 5), torch.randn(2, 7, 3)
    beside = torch.cat([whole[:, None].expand(2, 7, 5), own], dim=2)
    weight = torch.cat([layer.of_whole.weight, layer.of_own.weight], dim=1)
    expected = layer.norm(beside @ weight.T)
    torch.testing.assert_close(layer(whole, own), expected)


def test_a_batch_is_answered_as_each_of_its_crops_alone() -> None:
    network = network_with(with_depth=True, local_features=True).eval()
    view = view_of(count=3)
    together = network(view).hands
    for item in range(3):
        rows = slice(item, item + 1)
        assert view.depth_m is not None
        alone = network(View(view.images[rows], view.half_slopes[rows], view.depth_m[rows])).hands
        torch.testing.assert_close(
            alone.vertices_m[0], together.vertices_m[item], atol=1e-5, rtol=0
        )


def test_depth_and_local_features_reach_the_refinement_and_learn() -> None:
    network = network_with(with_depth=True, local_features=True, hourglasses=2).train()
    view = view_of()
    total_of(network(view)).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


class Told(nn.Module):
    """Joints that are seen where those of a hand half a metre away would be."""

    def __init__(self, joints_m: Tensor, view: View) -> None:
        super().__init__()
        at_m = joints_m.detach() + torch.tensor([0.0, 0.0, 0.5])
        self.uv = points_to_uv(at_m, view.half_slopes, 64)

    def sharpened(self, heatmaps: Tensor) -> Tensor:
        return heatmaps

    def forward(self, _: Tensor) -> FoundJoints:
        return FoundJoints(self.uv, torch.ones(self.uv.shape[:2]))


def test_measured_depth_changes_what_is_refined_and_not_what_it_begins_with() -> None:
    network = network_with(with_depth=True, pose_branch="regression").eval()
    view = view_of()
    network.joints = Told(network(view).initial.joints_m, view)
    assert view.depth_m is not None
    nearer = view._replace(depth_m=torch.where(view.depth_m > 0.0, view.depth_m - 0.05, 0.0))
    plain, other = network(view), network(nearer)
    assert torch.equal(plain.initial.vertices_m, other.initial.vertices_m)
    assert (plain.hands.vertices_m - other.hands.vertices_m).abs().max() > 1e-6


def test_a_crop_without_any_depth_is_answered() -> None:
    network = network_with(with_depth=True).eval()
    view = view_of()
    assert view.depth_m is not None
    found = network(view._replace(depth_m=torch.zeros_like(view.depth_m)))
    assert found.hands.vertices_m.isfinite().all()


def test_shares_of_the_edge_are_where_the_crop_s_camera_sees_points() -> None:
    crop = CropCamera(np.eye(3), 0.17)
    points_m = np.array([[0.02, -0.03, 0.5], [0.0, 0.0, 0.4], [-0.06, 0.05, 0.7]])
    pixels = project(points_m, crop.intrinsics(128))
    points = torch.tensor(points_m)[None]
    uv = points_to_uv(points, torch.tensor([0.17], dtype=torch.float64), 128)
    np.testing.assert_allclose(uv[0], (pixels + 0.5) / 128, atol=1e-9)
    slopes = uv_to_slopes(uv, torch.tensor([0.17], dtype=torch.float64), 128)
    np.testing.assert_allclose(slopes[0], points_m[:, :2] / points_m[:, 2:], atol=1e-9)
    again = slopes_to_uv(slopes, torch.tensor([0.17], dtype=torch.float64), 128)
    torch.testing.assert_close(again, uv)


def test_values_are_read_where_the_heat_maps_say_that_joints_are() -> None:
    maps = torch.arange(64.0).reshape(1, 1, 8, 8)
    uv = torch.tensor([[[5.5 / 8, 2.5 / 8], [0.5 / 8, 7.5 / 8], [3.0 / 8, 0.5 / 8], [1.5, 0.5]]])
    np.testing.assert_allclose(sampled(maps, uv)[0, :, 0], [21.0, 56.0, 2.5, 0.0], atol=1e-4)


def test_wrists_are_where_joints_project_to_the_places_in_the_crop() -> None:
    random = np.random.default_rng(4)
    joints_m = random.normal(0.0, 0.05, (3, 21, 3))
    wrists_m = np.array([[0.02, -0.01, 0.5], [-0.05, 0.04, 0.9], [0.0, 0.0, 0.3]])
    points_m = joints_m + wrists_m[:, None]
    slopes = torch.tensor(points_m[..., :2] / points_m[..., 2:])
    found = wrists_on_rays(torch.tensor(joints_m), slopes, torch.ones(3, 21, dtype=torch.float64))
    np.testing.assert_allclose(found, wrists_m, atol=1e-6)


def test_wrists_of_places_with_errors_are_the_least_squares_ones() -> None:
    random = np.random.default_rng(5)
    camera = CameraIntrinsics(200, 200, 1.0, 1.0, 0.0, 0.0)
    joints_m = random.normal(0.0, 0.05, (21, 3))
    points_m = joints_m + np.array([0.02, -0.03, 0.5])
    slopes = points_m[:, :2] / points_m[:, 2:] + random.normal(0.0, 0.01, (21, 2))
    expected = offset_onto_keypoints(joints_m, slopes, camera)
    ones = torch.ones(1, 21, dtype=torch.float64)
    found = wrists_on_rays(torch.tensor(joints_m)[None], torch.tensor(slopes)[None], ones)
    np.testing.assert_allclose(found[0], expected, atol=1e-6)


def depth_picture(depth_m: float) -> tuple[Tensor, Tensor, Tensor]:
    """A flat wall, and four nodes on it, 2 cm before it, in a hole, and outside the crop."""
    picture = torch.full((1, 16, 16), depth_m)
    picture[0, 8:] = 0.0
    uv = torch.tensor([[[0.2, 0.2], [0.6, 0.3], [0.5, 0.9], [1.4, 0.5]]])
    return picture, uv, torch.tensor([[0.03, 0.01, 0.0, 0.0]])


def test_depth_tells_how_far_a_node_is_from_the_surface_and_whether_the_hand_is_too_small() -> None:
    # the wall at 0.55 m says 0.52 m of the wrist by one node and 0.54 m by the other
    picture, uv, nodes_z_m = depth_picture(0.55)
    found = depth_of_nodes(picture, uv, nodes_z_m, torch.tensor([0.5]))
    gap, is_measured, size = found.channels[0].T
    np.testing.assert_allclose(found.distance_m, [0.52], atol=1e-6)
    np.testing.assert_allclose(is_measured, [1.0, 1.0, 0.0, 0.0])
    np.testing.assert_allclose(gap, [0.0, 0.02 / 0.05, 0.0, 0.0], atol=1e-5)
    np.testing.assert_allclose(size, 5.0 * np.log(0.52 / 0.5), rtol=1e-4)


def test_a_wall_far_behind_the_hand_says_nothing_of_its_size() -> None:
    picture, uv, nodes_z_m = depth_picture(1.5)
    found = depth_of_nodes(picture, uv, nodes_z_m, torch.tensor([0.5]))
    gap, is_measured, size = found.channels[0].T
    assert found.distance_m.isnan().all()
    np.testing.assert_allclose(size, 0.0)
    np.testing.assert_allclose(gap, [2.0, 2.0, 0.0, 0.0])
    np.testing.assert_allclose(is_measured, [1.0, 1.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("wrong", "fix"),
    [
        ({"hourglass_depth": 4}, "hourglass_depth"),
        ({"channels": 24, "heads": 16}, "multiple"),
        ({"refined": "places"}, "vertex_level"),
        ({"with_depth": True, "refinement": "none"}, "with_depth"),
        ({"any_turn": True, "upright": True}, "any_turn"),
    ],
)
def test_options_that_do_not_go_together_are_refused_with_their_names(
    wrong: dict[str, Any], fix: str
) -> None:
    with pytest.raises(ValidationError, match=fix):
        options_with(**wrong)
    with pytest.raises(ConfigError, match="intra_inter_graph"):
        build_method("intra_inter_graph", {**SMALL, **wrong})


@pytest.mark.parametrize("path", sorted(CONFIGURATIONS.glob("intra_inter_graph_*.yaml")), ids=str)
def test_shipped_configurations_have_options_that_go_together(path: Path) -> None:
    config = load_training_config(path)
    for stage in config.stages:
        IntraInterGraphOptions.model_validate({**config.method_options, **stage.method_options})


def test_the_paper_s_network_has_the_paper_s_sizes() -> None:
    options = IntraInterGraphOptions()
    network = new_network(options)
    assert network.pyramid.whole_channels == 2048
    assert network.vector.channels_out == 2048
    assert options.cells == 32
    assert isinstance(network.pose, GraphPose)
    latent = network.pose.latent(network.pose.encoder(torch.zeros(1, 21, 2)))
    assert latent.shape == (1, 16, 128)


@pytest.mark.timing
@torch.inference_mode()
def test_the_lite_network_answers_a_hand_in_forty_milliseconds_on_one_core() -> None:
    torch.set_num_threads(1)
    config = load_training_config(CONFIGURATIONS / "intra_inter_graph_lite_synthetic.yaml")
    network = new_network(IntraInterGraphOptions.model_validate(config.method_options)).eval()
    view = view_of(128, count=1)
    times_ms = []
    for _ in range(20):
        start = time.process_time()
        network(view)
        times_ms.append(1e3 * (time.process_time() - start))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    print(f"lite: {min(times_ms):.1f} ms, {parameters / 1e6:.2f} M parameters")
    assert min(times_ms) < MOST_MS
