"""A hand model is brought onto true meshes, its own and a real hand's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.evaluation.hand_model_benchmark.truth_fit import fit_truth
from hand_object_recon.evaluation.hand_model_benchmark.truth_meshes import (
    WRIST_RIM_VERTICES,
    TruthMeshes,
    load_truth_meshes,
)
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import HandModel, load_hand_model
from hand_object_recon.hand_model.open_hand.pose_space import named_pose_rad

POSES = ("spread", "point", "pinch")
SHAPE = np.array([0.8, -0.6, 0.5, 0.4, -0.7, 0.3, 0.0, 0.5, -0.3, 0.2])


def posed_truth(model: HandModel) -> TruthMeshes:
    """Three frames of the model itself, turned and half a metre away, vertices in disorder."""
    order = np.random.default_rng(3).permutation(len(model.v_template))
    turns = ((0.3, -0.2, 1.1), (-1.4, 0.6, 0.2), (2.0, 0.1, -0.9))
    hands = []
    for pose, turn in zip(POSES, turns, strict=True):
        angles = np.einsum("ja,jac->jc", named_pose_rad(pose), model.joint_axes)
        full = np.concatenate([turn, angles.ravel()])
        hands.append(pose_hand(model, full, SHAPE, np.array([0.1, -0.1, 0.5])))
    return TruthMeshes(
        np.array([hand.joints_m for hand in hands], dtype=np.float64),
        np.array([hand.vertices_m[order] for hand in hands], dtype=np.float64),
    )


@pytest.mark.parametrize("side", list(HandSide))
def test_a_model_is_fitted_onto_its_own_meshes(side: HandSide) -> None:
    model = load_hand_model("open_hand", side)
    calls: list[tuple[int, int]] = []
    fit = fit_truth(model, posed_truth(model), lambda done, total: calls.append((done, total)))
    assert (fit.frames, fit.vertices) == (3, len(model.v_template) - WRIST_RIM_VERTICES)
    for distances in (fit.with_shared_shape, fit.with_own_shapes):
        assert distances.mean_mm < 0.3
        assert distances.mean_mm <= distances.worst_frame_mm < 0.3
        assert distances.mean_mm <= distances.p95_mm < 1.0
        assert distances.joint_mean_mm < 1.0
    np.testing.assert_allclose(fit.shared_shape, SHAPE, atol=0.6)
    assert calls == [(done, 7) for done in range(1, 8)]


def test_the_open_hand_comes_near_a_real_hand(reference_data: Path) -> None:
    truth = load_truth_meshes(reference_data / "data" / "real_hand" / "ground_truth.npz")
    every_fifth = TruthMeshes(truth.joints_m[::5], truth.vertices_m[::5])
    fit = fit_truth(load_hand_model("open_hand", HandSide.RIGHT), every_fifth)
    assert fit.with_shared_shape.mean_mm <= 2.5
    assert fit.with_own_shapes.mean_mm < fit.with_shared_shape.mean_mm
    assert fit.with_shared_shape.joint_mean_mm < 5.0


def test_the_wrist_rim_lies_farthest_behind_the_wrist() -> None:
    """Two frames of a strip of vertices along the hand, pointing in different directions."""
    along_m = np.random.default_rng(5).permutation(np.linspace(-0.03, 0.1, 40))
    joints = np.zeros((2, 21, 3))
    vertices = np.zeros((2, 40, 3))
    for frame, turn in enumerate(((0.0, 0.0, 1.0), (1.2, -0.4, 0.3))):
        direction = axis_angle_to_matrix(np.array(turn))[:, 0]
        wrist = np.array([0.2, 0.1, 0.6])
        joints[frame] = wrist
        joints[frame, 9] += 0.09 * direction
        vertices[frame] = wrist + along_m[:, None] * direction
    truth = TruthMeshes(joints, vertices)
    kept = truth.without_wrist_rim()
    expected = truth.vertices_m[:, along_m > np.sort(along_m)[WRIST_RIM_VERTICES - 1]]
    np.testing.assert_array_equal(kept.vertices_m, expected)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"joints": np.zeros((2, 21, 3))}, "lacks vertices; it has joints"),
        ({"vertices": np.zeros((2, 50, 3))}, "lacks joints; it has vertices"),
        (
            {"joints": np.zeros((2, 20, 3)), "vertices": np.zeros((2, 50, 3))},
            r"joints has shape \(2, 20, 3\); it must be \(N, 21, 3\)",
        ),
        (
            {"joints": np.zeros((2, 21, 3)), "vertices": np.zeros((3, 50, 3))},
            r"vertices has shape \(3, 50, 3\); it must be \(2, N, 3\)",
        ),
        (
            {"joints": np.zeros((0, 21, 3)), "vertices": np.zeros((0, 50, 3))},
            "0 frames; at least one",
        ),
        (
            {"joints": np.zeros((1, 21, 3)), "vertices": np.zeros((1, 16, 3))},
            "vertices are 16 a frame; more than the 16",
        ),
        (
            {"joints": np.full((1, 21, 3), np.nan), "vertices": np.zeros((1, 50, 3))},
            "joints holds 63 values that are not finite",
        ),
    ],
)
def test_a_wrong_truth_file_is_refused_by_name(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    path = tmp_path / "truth.npz"
    np.savez(path, **arrays)
    with pytest.raises(InvalidValueError, match=message) as caught:
        load_truth_meshes(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_no_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "truth.npz"
    path.write_text("joints")
    with pytest.raises(InvalidValueError, match="not an npz of plain arrays"):
        load_truth_meshes(path)
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(InvalidValueError, match="not an npz of plain arrays"):
        load_truth_meshes(tmp_path / "one.npy")
    with pytest.raises(InvalidValueError, match="No such file"):
        load_truth_meshes(tmp_path / "none.npz")
