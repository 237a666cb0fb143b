"""HO-3D as its authors publish it: turned out of OpenGL's frame, depth unpacked, lists followed."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_recon.core.annotation import AnnotatedFrame, MaskLabel
from hand_object_recon.core.errors import DatasetError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.base import Dataset
from hand_object_recon.datasets.choice import DatasetChoice
from hand_object_recon.datasets.ho3d_format import read_packed_depth
from hand_object_recon.datasets.registry import dataset_card, dataset_class
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.model import load_hand_model

pytestmark = pytest.mark.usefixtures("own_cache")

Film = Callable[[HandSide, int], list[AnnotatedFrame]]
WriteModel = Callable[[Path, str, AnnotatedFrame], None]

FLIP = np.diag([1.0, -1.0, -1.0])
OBJECT = "003_cracker_box"
NATIVE_ORDER = [0, 5, 6, 7, 9, 10, 11, 17, 18, 19, 13, 14, 15, 1, 2, 3, 4, 8, 12, 16, 20]
"""Of our joints: wrist, index, middle, pinky, ring, thumb, then tips from the thumb on."""


def ho3d(folder: Path, split: str = "train", version: int = 3, **chosen: Any) -> Dataset:
    choice = DatasetChoice(name=f"ho3d_v{version}", path=folder, split=split, **chosen)
    return dataset_class(choice.name)(choice)


def native_joints(joints_m: np.ndarray) -> np.ndarray:
    return (joints_m @ FLIP)[NATIVE_ORDER]


def write_frame(folder: Path, number: int, annotated: AnnotatedFrame, *, version: int) -> None:
    image = "png" if version == 2 else "jpg"
    for name in ("rgb", "depth", "meta", "seg"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "rgb" / f"{number:04d}.{image}"), annotated.frame.rgb[..., ::-1])
    steps = np.round(np.nan_to_num(annotated.frame.depth_m) / 0.00012498664727900177).astype(int)
    packed = np.zeros((480, 640, 3), dtype=np.uint8)
    packed[..., 2], packed[..., 1] = steps % 256, steps // 256  # blue, green, red
    cv2.imwrite(str(folder / "depth" / f"{number:04d}.png"), packed)
    with (folder / "meta" / f"{number:04d}.pkl").open("wb") as file:
        pickle.dump(labels(annotated, "evaluation" in folder.parts), file, protocol=2)
    if "evaluation" not in folder.parts:
        write_mask(folder / "seg", number, annotated, version)


def write_mask(folder: Path, number: int, annotated: AnnotatedFrame, version: int) -> None:
    """Half as large; the hand red in version 2's JPEGs and blue in version 3's PNGs."""
    mask = np.asarray(annotated.truth.mask)[::2, ::2]
    hand, thing = (mask == MaskLabel.RIGHT_HAND), (mask == MaskLabel.OBJECT)
    bgr = np.zeros((*mask.shape, 3), dtype=np.uint8)
    bgr[..., 2 if version == 2 else 0] = 255 * hand
    bgr[..., 0 if version == 2 else 2] = 255 * thing
    cv2.imwrite(str(folder / f"{number:04d}.{'jpg' if version == 2 else 'png'}"), bgr)


def labels(annotated: AnnotatedFrame, is_evaluation: bool) -> dict[str, Any]:
    hand, thing = annotated.truth.hands[0], annotated.truth.objects[0]
    camera = annotated.frame.camera
    values: dict[str, Any] = {
        "camMat": camera.matrix,
        "objName": OBJECT,
        "objRot": Rotation.from_matrix(FLIP @ thing.pose[:3, :3]).as_rotvec()[:, None],
        "objTrans": FLIP @ thing.pose[:3, 3],
        "objLabel": 2,
        "objCorners3D": np.zeros((8, 3)),
    }
    joints = native_joints(hand.joints_m)
    if is_evaluation:
        return {**values, "handJoints3D": joints[0], "handBoundingBox": [0, 0, 640, 480]}
    pose = np.asarray(hand.pose_rad, dtype=np.float64)
    turned = Rotation.from_matrix(FLIP) * Rotation.from_rotvec(pose[:3])
    model = load_hand_model("open_hand", HandSide.RIGHT)
    wrist = hand.joints_m[0] - np.asarray(hand.translation_m)
    rest = (model.rest_joints_m + model.joint_shapedirs @ np.asarray(hand.shape))[0]
    np.testing.assert_allclose(rest, wrist, atol=1e-5)
    return {
        **values,
        "handJoints3D": joints,
        "handPose": np.concatenate([turned.as_rotvec(), pose[3:]]),
        "handTrans": FLIP @ hand.joints_m[0] - rest,
        "handBeta": np.asarray(hand.shape, dtype=np.float64),
        "handVertContact": np.asarray(hand.contact_vertices).astype(np.uint8),
    }


def write_ho3d(
    root: Path, frames: list[AnnotatedFrame], write_model: WriteModel, version: int
) -> None:
    names = {"train": "ABF10", "evaluation": "AP10"}
    for split, sequence in names.items():
        for number, annotated in enumerate(frames):
            write_frame(root / split / sequence, 7 * number, annotated, version=version)
        listed = [f"{sequence}/{7 * number:04d}\n" for number in reversed(range(len(frames)))]
        (root / f"{split}.txt").write_text("".join(listed), encoding="utf-8")
    write_model(root / "models", OBJECT, frames[0])


@pytest.fixture(scope="module", params=[2, 3])
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def folder(
    version: int, tmp_path_factory: pytest.TempPathFactory, film: Film, write_model: WriteModel
) -> Path:
    root = tmp_path_factory.mktemp(f"ho3d_v{version}")
    write_ho3d(root, film(HandSide.RIGHT, 3), write_model, version)
    return root


def test_frames_are_in_the_order_of_the_list_and_sequences_in_that_of_time(
    folder: Path, version: int, no_mano: None
) -> None:
    dataset = ho3d(folder, version=version)
    assert [dataset.place(index).number for index in range(3)] == [14, 7, 0]
    stamps = [annotated.frame.stamp_ns for annotated in dataset.read("ABF10")]
    assert np.diff(stamps) == pytest.approx(7 / 30 * 1e9, abs=1)


def test_what_was_filmed_is_read_back(folder: Path, version: int, film: Film, mano: str) -> None:
    annotated = ho3d(folder, version=version)[1]
    true = film(HandSide.RIGHT, 3)[1]
    hand, filmed = annotated.truth.hands[0], true.truth.hands[0]
    np.testing.assert_allclose(hand.joints_m, filmed.joints_m, atol=1e-6)
    np.testing.assert_allclose(hand.vertices_m, filmed.vertices_m, atol=2e-5)
    np.testing.assert_allclose(hand.translation_m, filmed.translation_m, atol=1e-5)
    np.testing.assert_array_equal(hand.contact_vertices, filmed.contact_vertices)
    np.testing.assert_array_equal(hand.finger_occluded, filmed.finger_occluded)
    (thing,), (filmed_thing,) = annotated.truth.objects, true.truth.objects
    np.testing.assert_allclose(thing.pose, filmed_thing.pose, atol=1e-6)
    assert thing.held_by == {HandSide.RIGHT}
    assert annotated.frame.camera == true.frame.camera


def test_the_mask_tells_hand_from_object_in_either_version(
    folder: Path, version: int, film: Film, no_mano: None
) -> None:
    annotated = ho3d(folder, version=version)[0]
    true = np.asarray(film(HandSide.RIGHT, 3)[2].truth.mask)
    halved = true[::2, ::2].repeat(2, axis=0).repeat(2, axis=1)
    least = {
        MaskLabel.RIGHT_HAND: 0.9,
        MaskLabel.OBJECT: 0.7,
    }  # 96 pixels of a JPEG with halved colour
    for label, share in least.items():
        ours, filmed = annotated.truth.mask == label, halved == label
        assert (ours & filmed).sum() / (ours | filmed).sum() > (share if version == 2 else 0.999)


def test_joints_lie_on_the_hand_and_poses_are_there_without_mano(
    folder: Path, version: int, no_mano: None
) -> None:
    annotated = ho3d(folder, version=version)[2]
    (hand,) = annotated.truth.hands
    assert hand.vertices_m is None
    assert hand.translation_m is None
    assert hand.pose_rad is not None
    assert (hand.joints_m[:, 2] > 0).all()
    mask = cv2.dilate(np.uint8(annotated.truth.mask == MaskLabel.RIGHT_HAND), np.ones((9, 9)))
    columns, rows = np.rint(project(hand.joints_m, annotated.frame.camera)).astype(int).T
    assert mask[rows, columns].sum() >= 19


def test_depth_is_unpacked_to_an_eighth_of_a_millimetre(
    folder: Path, version: int, film: Film, no_mano: None
) -> None:
    depth_m = ho3d(folder, version=version)[2].frame.depth_m
    filmed_m = film(HandSide.RIGHT, 3)[0].frame.depth_m
    np.testing.assert_array_equal(np.isnan(depth_m), np.isnan(filmed_m))
    np.testing.assert_allclose(depth_m, filmed_m, atol=0.7e-4)


def test_depth_beyond_a_byte_is_not_wrapped(tmp_path: Path) -> None:
    packed = np.zeros((2, 2, 3), dtype=np.uint8)
    packed[0, 0] = (0, 31, 64)  # blue, green, red
    cv2.imwrite(str(tmp_path / "depth.png"), packed)
    depth_m = read_packed_depth(tmp_path / "depth.png")
    assert depth_m[0, 0] == pytest.approx((31 * 256 + 64) * 0.00012498664727900177)
    assert np.isnan(depth_m[1, 1])


def test_evaluation_frames_have_hands_once_the_published_lists_are_there(
    folder: Path, version: int, film: Film, copy_of: Callable[[Path], Path], no_mano: None
) -> None:
    without = ho3d(folder, "evaluation", version)
    assert without[0].truth.hands == ()
    assert any("evaluation_xyz.json" in note for note in without.notes())
    there = copy_of(folder)
    hands = [frame.truth.hands[0] for frame in reversed(film(HandSide.RIGHT, 3))]
    for name, points in (
        ("xyz", [native_joints(hand.joints_m) for hand in hands]),
        ("verts", [np.asarray(hand.vertices_m) @ FLIP for hand in hands]),
    ):
        text = json.dumps([rows.tolist() for rows in points])
        (there / f"evaluation_{name}.json").write_text(text, encoding="utf-8")
    dataset = ho3d(there, "evaluation", version)
    for index, filmed in enumerate(hands):
        (hand,) = dataset[index].truth.hands
        np.testing.assert_allclose(hand.joints_m, filmed.joints_m, atol=1e-6)
        np.testing.assert_allclose(hand.vertices_m, filmed.vertices_m, atol=1e-6)


def test_every_twentieth_of_the_sorted_training_frames_is_held_out(
    tmp_path: Path, no_mano: None
) -> None:
    names = [f"{name}/{number:04d}" for name in ("SM5", "ABF10") for number in range(45)]
    (tmp_path / "train.txt").write_text("\n".join(names), encoding="utf-8")
    held_out, kept = (
        {dataset.place(index) for index in range(len(dataset))}
        for dataset in (ho3d(tmp_path, split) for split in ("train_held_out", "train_kept"))
    )
    assert len(held_out) == 5
    assert len(kept) == 85
    assert not held_out & kept
    assert sorted(place.number for place in held_out) == [0, 15, 20, 35, 40]


def test_a_pickle_that_would_run_code_is_refused(
    folder: Path, version: int, copy_of: Callable[[Path], Path], no_mano: None
) -> None:
    broken = copy_of(folder)
    file = broken / "train" / "ABF10" / "meta" / "0014.pkl"
    file.unlink()
    file.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(DatasetError, match=r"os\.system.*nothing of it was run"):
        ho3d(broken, version=version)[0]


def test_published_sizes_are_in_the_card() -> None:
    assert dataset_card("ho3d_v2").splits["train"].frames == (66034,)
    assert dataset_card("ho3d_v2").splits["evaluation"].frames == (11524,)
    assert dataset_card("ho3d_v3").splits["evaluation"].frames == (20137,)
    assert dataset_card("ho3d_v3").splits["train"].frames[0] + 20137 == 103_462


@pytest.mark.parametrize("configuration", ["h2onet_single_ho3d", "intra_inter_graph_ho3d"])
def test_its_shipped_trainings_run_on_it(
    configuration: str,
    tmp_path_factory: pytest.TempPathFactory,
    film: Film,
    write_model: WriteModel,
    mano: str,
    train_as_configured: Callable[..., dict[str, float]],
) -> None:
    root = tmp_path_factory.mktemp("ho3d")
    write_ho3d(root, film(HandSide.RIGHT, 3), write_model, 2)
    assert np.isfinite(list(train_as_configured(configuration, root).values())).any()
