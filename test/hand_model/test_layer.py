"""The torch layer computes the hand model, and its gradients are right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.conventions import JOINT_PARENTS
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.layer import HandLayer, HandLayerOutput
from hand_object_recon.hand_model.model import HandModel


def batch(count: int, seed: int, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    """Random poses (count, 48), shapes (count, 10) and translations (count, 3)."""
    random = np.random.default_rng(seed)
    sizes = ((48, 0.6), (10, 1.5), (3, 0.5))
    return [
        torch.tensor(random.normal(0.0, sigma, (count, length)), dtype=dtype)
        for length, sigma in sizes
    ]


def smplx_hand(
    model: HandModel, pose: torch.Tensor, shape: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    lbs = pytest.importorskip("smplx.lbs", reason="smplx is not installed").lbs

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.tensor(array.copy())

    vertices, joints = lbs(
        shape,
        pose,
        tensor(model.v_template)[None].expand(len(pose), -1, -1),
        tensor(model.shapedirs),
        tensor(model.posedirs).reshape(-1, 135).T,
        tensor(model.joint_regressor),
        torch.tensor(JOINT_PARENTS),
        tensor(model.weights),
    )
    return vertices, joints


def mixtures_of(
    pose_hands: Callable[..., HandLayerOutput],
) -> Callable[..., torch.Tensor]:
    """Eight random mixtures of all outputs of the first hands, for checking gradients."""
    random = np.random.default_rng(8)
    by_vertex = torch.tensor(random.normal(size=(8, 778, 3)))
    by_joint = torch.tensor(random.normal(size=(8, 21, 3)))
    by_transform = torch.tensor(random.normal(size=(8, 16, 4, 4)))

    def mixtures(*inputs: torch.Tensor) -> torch.Tensor:
        out = pose_hands(*inputs)
        return (
            torch.einsum("bvc,mvc->bm", out.vertices_m, by_vertex)
            + torch.einsum("bjc,mjc->bm", out.joints_m, by_joint)
            + torch.einsum("bjrc,mjrc->bm", out.transforms, by_transform)
        )

    return mixtures


def unlike_its_mirror_image(left: HandModel) -> HandModel:
    """A left hand that is 3 % thicker than the right one, and has another mean pose."""
    return replace(
        left,
        v_template=left.v_template * np.float32([1.0, 1.03, 1.0]),
        hands_mean=left.hands_mean + np.float32(0.1),
    )


def stand_in_model(folder: Path) -> HandModel:
    """The random hand of MANO's shapes; what MANO's file lacks is filled with placeholders."""
    with np.load(folder / "parity" / "stand_in_mano.npz") as stored:
        np.testing.assert_array_equal(stored["kintree_table"][0, 1:], JOINT_PARENTS[1:])
        return HandModel(
            name="stand_in",
            side=HandSide.RIGHT,
            licence="none",
            v_template=stored["v_template"],
            faces=stored["f"],
            shapedirs=stored["shapedirs"],
            posedirs=stored["posedirs"],
            joint_regressor=stored["J_regressor"],
            weights=stored["weights"],
            hands_mean=stored["hands_mean"],
            hands_components=stored["hands_components"],
            tip_vertices=np.array([745, 317, 444, 556, 673]),
            joint_axes=np.tile(np.eye(3), (15, 1, 1)),
            joint_limits_rad=np.zeros((15, 3, 2)),
            pose_mean_rad=np.zeros(45),
            pose_covariance_rad2=np.zeros((45, 45)),
        )


def assert_equals_smplx(model: HandModel) -> None:
    pose, shape, _ = batch(1000, seed=1)
    vertices, joints = smplx_hand(model, pose, shape)
    layer = HandLayer(model)
    for found in (layer(pose, shape), layer.with_shape(shape)(pose)):
        torch.testing.assert_close(found.vertices_m, vertices, atol=1e-6, rtol=0)
        torch.testing.assert_close(found.transforms[..., :3, 3], joints, atol=1e-6, rtol=0)
    for row in range(len(pose)):
        posed = pose_hand(model, pose[row].numpy(), shape[row].numpy(), np.zeros(3))
        np.testing.assert_allclose(posed.vertices_m, vertices[row], atol=1e-6)
        np.testing.assert_allclose(posed.joint_positions_m, joints[row], atol=1e-6)


def test_vertices_and_joints_are_those_of_smplx(either: HandModel) -> None:
    assert_equals_smplx(either)


@pytest.mark.parametrize("mirrored", [False, True])
def test_parity_with_smplx_on_the_stand_in_mano(reference_data: Path, mirrored: bool) -> None:
    model = stand_in_model(reference_data)
    assert_equals_smplx(model.mirrored() if mirrored else model)


def test_the_layer_poses_as_the_numpy_forward_pass_does(either: HandModel) -> None:
    pose, shape, translation = batch(30, seed=2)
    found = HandLayer(either)(pose, shape, translation)
    for row in range(len(pose)):
        posed = pose_hand(either, pose[row].numpy(), shape[row].numpy(), translation[row].numpy())
        np.testing.assert_allclose(found.vertices_m[row], posed.vertices_m, atol=1e-6)
        np.testing.assert_allclose(found.joints_m[row], posed.joints_m, atol=1e-6)
        transforms = found.transforms[row].numpy()
        np.testing.assert_allclose(transforms[:, :3, :3], posed.joint_rotations, atol=2e-6)
        np.testing.assert_allclose(transforms[:, :3, 3], posed.joint_positions_m, atol=1e-6)
        np.testing.assert_array_equal(transforms[:, 3], np.tile([0, 0, 0, 1], (16, 1)))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_hands_of_a_batch_do_not_depend_on_each_other(right: HandModel, count: int) -> None:
    layer = HandLayer(right)
    pose, shape, translation = batch(3, seed=3)
    whole = layer(pose, shape, translation)
    part = layer(pose[:count], shape[:count], translation[:count])
    assert part.vertices_m.shape == (count, 778, 3)
    assert part.joints_m.shape == (count, 21, 3)
    assert part.transforms.shape == (count, 16, 4, 4)
    torch.testing.assert_close(part.vertices_m, whole.vertices_m[:count], atol=1e-6, rtol=0)


def test_shape_and_translation_left_out_are_zero(right: HandModel) -> None:
    layer = HandLayer(right)
    pose, _, _ = batch(2, seed=4)
    bare, explicit = layer(pose), layer(pose, torch.zeros(2, 10), torch.zeros(2, 3))
    torch.testing.assert_close(bare.vertices_m, explicit.vertices_m, atol=0, rtol=0)
    rest = layer(torch.zeros(1, 48)).vertices_m[0]
    np.testing.assert_allclose(rest, right.v_template, atol=1e-7)


def test_six_number_rotations_give_the_same_hand_as_axis_angle(either: HandModel) -> None:
    pose, shape, translation = batch(10, seed=5)
    matrices = Rotation.from_rotvec(pose.reshape(-1, 3).numpy()).as_matrix()
    six = matrices[:, :, :2].transpose(0, 2, 1).reshape(10, 16, 6)
    layer = HandLayer(either)
    found = layer(torch.tensor(six, dtype=torch.float32), shape, translation)
    expected = layer(pose, shape, translation)
    torch.testing.assert_close(found.vertices_m, expected.vertices_m, atol=2e-6, rtol=0)
    torch.testing.assert_close(found.joints_m, expected.joints_m, atol=2e-6, rtol=0)


def test_the_pose_of_no_components_is_the_mean_pose(right: HandModel) -> None:
    orientation = torch.tensor([[0.1, 0.2, 0.3]])
    pose = HandLayer(right).pose_from_components(orientation, torch.zeros(1, 6))
    np.testing.assert_allclose(pose[0, :3], [0.1, 0.2, 0.3])
    np.testing.assert_allclose(pose[0, 3:], right.hands_mean)


@pytest.mark.parametrize("count", [1, 12, 45])
def test_a_pose_is_the_mean_plus_its_leading_components(right: HandModel, count: int) -> None:
    random = np.random.default_rng(6)
    coefficients = random.normal(size=(4, count)).astype(np.float32)
    layer = HandLayer(right)
    pose = layer.pose_from_components(torch.zeros(4, 3), torch.tensor(coefficients))
    assert pose.shape == (4, 48)
    back = (pose[:, 3:].numpy() - right.hands_mean) @ right.hands_components.T
    np.testing.assert_allclose(back[:, :count], coefficients, atol=1e-5)
    np.testing.assert_allclose(back[:, count:], 0.0, atol=1e-5)


def test_the_same_components_give_the_mirrored_pose_on_the_left(
    right: HandModel, left: HandModel
) -> None:
    coefficients = torch.tensor(np.random.default_rng(11).normal(size=(3, 45)), dtype=torch.float32)
    one, other = (
        HandLayer(model).pose_from_components(torch.zeros(3, 3), coefficients)
        for model in (right, left)
    )
    signs = torch.tensor([1.0, -1.0, -1.0]).repeat(16)
    torch.testing.assert_close(other, one * signs)


@pytest.mark.parametrize("shape", [(2, 45), (48,), (2, 16, 3), (2, 15, 6), (2, 16, 3, 3)])
def test_a_pose_of_another_shape_is_refused_saying_what_fits(
    right: HandModel, shape: tuple[int, ...]
) -> None:
    with pytest.raises(InvalidValueError, match=r"\(B, 48\).*\(B, 16, 6\)") as caught:
        HandLayer(right)(torch.zeros(shape))
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize("is_rest", [False, True])
def test_the_gradients_by_pose_shape_and_translation_are_right(
    either: HandModel, is_rest: bool
) -> None:
    """Of eight random mixtures of all outputs; at the rest pose every rotation is zero."""
    layer = HandLayer(either).to(torch.float64)
    pose, shape, translation = batch(1, seed=7, dtype=torch.float64)
    if is_rest:
        pose, shape = torch.zeros_like(pose), torch.zeros_like(shape)
    inputs = tuple(tensor.requires_grad_() for tensor in (pose, shape, translation))
    mixtures = mixtures_of(layer)
    assert torch.autograd.gradcheck(mixtures, inputs, atol=1e-6, fast_mode=True)


@pytest.mark.parametrize("is_rest", [False, True])
def test_the_gradients_of_hands_of_both_sides_and_of_a_kept_shape_are_right(
    right: HandModel, left: HandModel, is_rest: bool
) -> None:
    is_left = torch.tensor([False, True, True])
    pose, shape, translation = batch(3, seed=12, dtype=torch.float64)
    inputs = tuple(
        (torch.zeros_like(tensor) if is_rest else tensor).requires_grad_()
        for tensor in (pose, translation)
    )
    for other in (left, unlike_its_mirror_image(left)):
        shaped = HandLayer(right, other).to(torch.float64).with_shape(shape)
        mixtures = mixtures_of(lambda *given, shaped=shaped: shaped(*given, is_left))
        assert torch.autograd.gradcheck(mixtures, inputs, atol=1e-6, fast_mode=True)


def test_the_gradient_by_six_number_rotations_is_right(right: HandModel) -> None:
    layer = HandLayer(right).to(torch.float64)
    random = np.random.default_rng(9)
    six = torch.tensor(random.normal(size=(1, 16, 6)), requires_grad=True)
    by_vertex = torch.tensor(random.normal(size=(8, 778, 3)))

    def mixtures(pose: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bvc,mvc->m", layer(pose).vertices_m, by_vertex)

    assert torch.autograd.gradcheck(mixtures, (six,), atol=1e-6, fast_mode=True)


def test_the_layer_moves_to_another_precision_and_keeps_its_indices(right: HandModel) -> None:
    layer = HandLayer(right).to(torch.float64)
    pose, shape, translation = batch(2, seed=10)
    double = layer(pose.double(), shape.double(), translation.double())
    assert double.vertices_m.dtype == double.joints_m.dtype == torch.float64
    assert double.transforms.dtype == torch.float64
    assert layer.tip_vertices.dtype == torch.long
    single = HandLayer(right)(pose, shape, translation)
    torch.testing.assert_close(double.vertices_m.float(), single.vertices_m, atol=1e-6, rtol=0)


def test_the_layer_adds_nothing_to_a_checkpoint_and_trains_nothing(right: HandModel) -> None:
    layer = HandLayer(right)
    assert not layer.state_dict()
    assert not list(layer.parameters())


def test_a_layer_loads_by_name_and_side(left: HandModel) -> None:
    layer = HandLayer.load("open_hand", HandSide.LEFT)
    assert layer.topology.name == "open_hand_left"
    np.testing.assert_array_equal(layer.faces, left.faces)


def test_left_and_right_hands_of_one_batch_are_posed_as_by_their_own_layers(
    right: HandModel, left: HandModel
) -> None:
    pose, shape, translation = batch(9, seed=13)
    is_left = torch.tensor([True, False, False, True, True, False, True, False, False])
    for other in (left, unlike_its_mirror_image(left)):
        both = HandLayer(right, other)
        own = {False: HandLayer(right), True: HandLayer(other)}
        for whole in (
            both(pose, shape, translation, is_left),
            both.with_shape(shape)(pose, translation, is_left),
        ):
            for row, side in enumerate(is_left.tolist()):
                part = (tensor[row : row + 1] for tensor in (pose, shape, translation))
                expected = own[side](*part)
                for found, wanted in zip(whole, expected, strict=True):
                    torch.testing.assert_close(found[row], wanted[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("sides", [[True, True], [False, False], []])
def test_a_batch_of_one_side_only_or_of_none_is_posed_too(
    right: HandModel, left: HandModel, sides: list[bool]
) -> None:
    is_left = torch.tensor(sides, dtype=torch.bool)
    pose, shape, _ = batch(len(sides), seed=14)
    for other in (left, unlike_its_mirror_image(left)):
        found = HandLayer(right, other)(pose, shape, is_left=is_left)
        assert found.vertices_m.shape == (len(sides), 778, 3)
        if sides:
            expected = HandLayer(other if sides[0] else right)(pose, shape)
            torch.testing.assert_close(found.vertices_m, expected.vertices_m, atol=1e-6, rtol=0)


def test_both_sides_load_by_name_and_read_the_same_components_as_one_gesture() -> None:
    layer = HandLayer.both_sides("open_hand")
    random = np.random.default_rng(15)
    coefficients = torch.tensor(random.normal(size=(1, 12)), dtype=torch.float32).expand(2, -1)
    is_left = torch.tensor([False, True])
    pose = layer.pose_from_components(torch.zeros(2, 3), coefficients, is_left)
    out = layer(pose, is_left=is_left)
    mirror = torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(out.vertices_m[1], out.vertices_m[0] * mirror, atol=1e-6, rtol=0)


def test_each_side_of_an_unlike_pair_has_its_own_mean_pose(
    right: HandModel, left: HandModel
) -> None:
    other = unlike_its_mirror_image(left)
    is_left = torch.tensor([True, False])
    pose = HandLayer(right, other).pose_from_components(
        torch.zeros(2, 3), torch.zeros(2, 5), is_left
    )
    np.testing.assert_allclose(pose[0, 3:], other.hands_mean)
    np.testing.assert_allclose(pose[1, 3:], right.hands_mean)


def test_one_kept_shape_serves_every_batch(either: HandModel) -> None:
    layer = HandLayer(either)
    pose, shape, translation = batch(5, seed=16)
    shaped = layer.with_shape(shape[:1])
    for count in (1, 5):
        found = shaped(pose[:count], translation[:count])
        expected = layer(pose[:count], shape[:1].expand(count, -1), translation[:count])
        torch.testing.assert_close(found.vertices_m, expected.vertices_m, atol=1e-6, rtol=0)
        torch.testing.assert_close(found.joints_m, expected.joints_m, atol=1e-6, rtol=0)


def test_the_gradient_reaches_a_kept_shape(right: HandModel) -> None:
    layer = HandLayer(right)
    pose, shape, _ = batch(2, seed=17)
    gradients = []
    for pose_hands in (lambda s: layer.with_shape(s)(pose), lambda s: layer(pose, s)):
        leaf = shape.clone().requires_grad_()
        pose_hands(leaf).vertices_m.square().sum().backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(gradients[0], gradients[1])


def test_in_bfloat16_points_are_within_the_documented_distance(either: HandModel) -> None:
    """Near the origin; docs/hand_layer.md says 2.3 mm at most and 0.4 mm on average."""
    pose, shape, _ = batch(300, seed=18)
    exact = HandLayer(either)(pose, shape)
    coarse = HandLayer(either).to(torch.bfloat16)(pose.bfloat16(), shape.bfloat16())
    assert coarse.vertices_m.dtype == coarse.transforms.dtype == torch.bfloat16
    for found, wanted in zip(coarse[:2], exact[:2], strict=True):
        error_m = (found.float() - wanted).norm(dim=-1)
        assert error_m.max() < 2.5e-3
        assert error_m.mean() < 5e-4


def test_wrong_sides_and_shapes_are_refused_saying_what_to_give(
    right: HandModel, left: HandModel
) -> None:
    pose = torch.zeros(2, 48)
    one, both = HandLayer(right), HandLayer(right, left)
    with pytest.raises(InvalidValueError, match="both_sides"):
        one(pose, is_left=torch.tensor([True, False]))
    with pytest.raises(InvalidValueError, match="is_left is missing"):
        both(pose)
    with pytest.raises(InvalidValueError, match=r"float32.*bool \(2,\)"):
        both(pose, is_left=torch.ones(2))
    with pytest.raises(InvalidValueError, match=r"\(2, 12\).*\(B, 10\)"):
        one(pose, torch.zeros(2, 12))
    with pytest.raises(InvalidValueError, match="give right, then left"):
        HandLayer(left, right)
