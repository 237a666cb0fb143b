"""ObMan as its authors' renderer writes it: OpenGL's frame, depth in 255 steps, parts of a body."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import trimesh

from hand_object_recon.core.annotation import AnnotatedFrame, MaskLabel
from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import DatasetError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.base import Dataset
from hand_object_recon.datasets.checking import check_split
from hand_object_recon.datasets.choice import DatasetChoice
from hand_object_recon.datasets.registry import dataset_class
from hand_object_recon.geometry.projection import project
from hand_object_recon.synthesis.output.settings import SampleSettings, SceneChoice
from hand_object_recon.training.config import load_training_config
from hand_object_recon.training.engine import Training
from hand_object_recon.training.methods import build_method
from hand_object_recon.training.sample_store import SampleStore
from hand_object_recon.training.synthetic_frames import frames_of_take

CONFIGURATIONS = Path(__file__).parents[2] / "config/train"
CAMERA = CameraIntrinsics(256, 256, 480.0, 480.0, 128.0, 128.0)
FLIP = np.diag([1.0, -1.0, -1.0])
NUMBERS = (3, 1002, 7)
KIND, SCALE = "02946921", 0.17
SIDES = (HandSide.RIGHT, HandSide.RIGHT, HandSide.LEFT)
PARTS = {
    MaskLabel.RIGHT_HAND: 24,
    MaskLabel.LEFT_HAND: 23,
    MaskLabel.OBJECT: 100,
    MaskLabel.ARM: 20,
}


def obman(folder: Path, split: str = "train", **chosen: Any) -> Dataset:
    choice = DatasetChoice(name="obman", path=folder, split=split, **chosen)
    return dataset_class("obman")(choice)


@pytest.fixture(scope="module")
def rendered() -> dict[int, AnnotatedFrame]:
    """By number; the one of a left hand comes from a take of its own."""
    settings = SampleSettings("val", scene=SceneChoice.GRASP, image_size_px=None, camera=CAMERA)
    frames = [*frames_of_take(settings, 0, 2, 0.5), *frames_of_take(settings, 3, 1, 0.5)]
    assert [frame.truth.hands[0].side for frame in frames] == list(SIDES)
    return dict(zip(NUMBERS, frames, strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, rendered: dict[int, AnnotatedFrame]) -> Path:
    root = tmp_path_factory.mktemp("obman")
    for number, annotated in rendered.items():
        for split in ("train", "test"):
            write_image(root / split, number, annotated)
        thing = annotated.truth.objects[0]
        path = root / "ShapeNetCore.v2" / KIND / f"model{number}" / "models/model_normalized.obj"
        path.parent.mkdir(parents=True)
        mesh = trimesh.Trimesh(thing.vertices_m / SCALE, thing.faces, process=False)
        mesh.export(path, digits=8)
    return root


def write_image(folder: Path, number: int, annotated: AnnotatedFrame) -> None:
    for name in ("rgb", "depth", "segm", "meta"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    name = f"{number:08d}"
    cv2.imwrite(str(folder / "rgb" / f"{name}.jpg"), annotated.frame.rgb[..., ::-1])
    mask = np.asarray(annotated.truth.mask)
    segm = np.zeros((256, 256, 3), dtype=np.uint8)  # everything, hand alone, object alone
    for label, part in PARTS.items():
        segm[mask == label, 0] = part
    segm[..., 1], segm[..., 2] = 24, 100
    cv2.imwrite(str(folder / "segm" / f"{name}.png"), segm)
    depth_m = np.asarray(annotated.truth.clean_depth_m)
    is_nothing = (mask == MaskLabel.BACKGROUND) | ~np.isfinite(depth_m)
    nearest, farthest = depth_m[~is_nothing].min(), depth_m[~is_nothing].max()
    steps = 254 * (depth_m - nearest) / (farthest - nearest) + 1
    everything = np.where(is_nothing, 0, steps).astype(np.uint8)
    depth = np.stack([everything, np.full_like(everything, 9), everything // 3], axis=2)
    cv2.imwrite(str(folder / "depth" / f"{name}.png"), depth)
    with (folder / "meta" / f"{name}.pkl").open("wb") as file:
        pickle.dump(labels(annotated, number, nearest, farthest), file)


def labels(
    annotated: AnnotatedFrame, number: int, nearest: np.float32, farthest: np.float32
) -> dict[str, Any]:
    hand, thing = annotated.truth.hands[0], annotated.truth.objects[0]
    transform = np.eye(4)
    transform[:3, :3] = SCALE * FLIP @ thing.pose[:3, :3]
    transform[:3, 3] = FLIP @ thing.pose[:3, 3]
    return {
        "coords_3d": hand.joints_m @ FLIP,
        "coords_2d": project(hand.joints_m, CAMERA).astype(np.float32),
        "verts_3d": np.asarray(hand.vertices_m) @ FLIP,
        "side": str(hand.side),
        "hand_pose": np.zeros((1, 45)),
        "pca_pose": np.zeros((1, 45)),
        "affine_transform": transform.astype(np.float32),
        "obj_scale": 4.0,
        "class_id": KIND,
        "sample_id": f"model{number}",
        "depth_min": farthest,  # the renderer confuses them
        "depth_max": nearest,
        "bg_path": "/somewhere/else.jpg",
    }


def test_images_are_in_the_order_of_their_numbers(folder: Path, no_mano: None) -> None:
    dataset = obman(folder)
    assert [dataset.place(index).number for index in range(len(dataset))] == [3, 7, 1002]
    assert dataset.sequences == ("train_00000000", "train_00001000")
    stamps = [dataset[index].frame.stamp_ns for index in range(3)]
    assert len(set(stamps)) == 3


def test_joints_and_mesh_need_no_mano_and_lie_on_the_rendered_hand(
    folder: Path, rendered: dict[int, AnnotatedFrame], no_mano: None
) -> None:
    dataset = obman(folder)
    assert any("no visibility" in note for note in dataset.notes())
    for index, number in enumerate(sorted(NUMBERS)):
        annotated, filmed = dataset[index], rendered[number].truth.hands[0]
        (hand,) = annotated.truth.hands
        assert hand.side is filmed.side
        assert hand.topology == f"mano_{filmed.side}"
        np.testing.assert_allclose(hand.joints_m, filmed.joints_m, atol=1e-6)
        np.testing.assert_allclose(hand.vertices_m, filmed.vertices_m, atol=1e-6)
        pixels = np.rint(project(hand.joints_m, annotated.frame.camera)).astype(int)
        inside = pixels[((pixels >= 0) & (pixels < 256)).all(axis=1)]
        label = MaskLabel[f"{hand.side.name}_HAND"]
        mask = cv2.dilate(np.uint8(annotated.truth.mask == label), np.ones((9, 9)))
        assert mask[inside[:, 1], inside[:, 0]].mean() > 0.8


def test_depth_is_metres_within_a_step_and_nothing_before_the_background(
    folder: Path, rendered: dict[int, AnnotatedFrame], no_mano: None
) -> None:
    annotated, true = obman(folder)[0], rendered[3].truth
    is_there = np.asarray(true.mask) != MaskLabel.BACKGROUND
    clean_m = np.asarray(true.clean_depth_m)
    step_m = np.ptp(clean_m[is_there & np.isfinite(clean_m)]) / 254
    error_m = (annotated.frame.depth_m - clean_m)[is_there & np.isfinite(clean_m)]
    assert np.abs(error_m).max() < 1.01 * step_m
    assert np.isnan(annotated.frame.depth_m[~is_there]).all()
    np.testing.assert_array_equal(annotated.truth.clean_depth_m, annotated.frame.depth_m)


def test_masks_tell_sides_object_and_body(
    folder: Path, rendered: dict[int, AnnotatedFrame], no_mano: None
) -> None:
    for index, number in enumerate(sorted(NUMBERS)):
        np.testing.assert_array_equal(
            np.asarray(obman(folder)[index].truth.mask), np.asarray(rendered[number].truth.mask)
        )


def test_the_object_is_scaled_turned_and_held(
    folder: Path, rendered: dict[int, AnnotatedFrame], mano: str
) -> None:
    annotated, true = obman(folder)[0], rendered[3].truth
    (thing,), (filmed,) = annotated.truth.objects, true.objects
    np.testing.assert_allclose(thing.pose, filmed.pose, atol=1e-6)
    np.testing.assert_allclose(
        np.sort(thing.vertices_m, axis=0), np.sort(filmed.vertices_m, axis=0), atol=1e-6
    )
    assert thing.held_by == {HandSide.RIGHT}
    assert thing.category == "can"
    hand = annotated.truth.hands[0]
    np.testing.assert_array_equal(hand.finger_occluded, true.hands[0].finger_occluded)
    assert hand.visible_share == pytest.approx(true.hands[0].visible_share, abs=0.05)


def test_a_transform_without_scale_is_scaled_by_obj_scale(
    folder: Path, copy_of: Callable[[Path], Path], no_mano: None
) -> None:
    there = copy_of(folder)
    relabel(there, affine_transform=np.eye(4), obj_scale=2.0)
    plain, (twice,) = obman(folder)[0].truth.objects[0], obman(there)[0].truth.objects
    np.testing.assert_allclose(twice.vertices_m, plain.vertices_m * (2.0 / SCALE), rtol=1e-5)


def relabel(folder: Path, **changes: Any) -> None:
    file = folder / "train/meta/00000003.pkl"
    values = pickle.loads(file.read_bytes())
    file.unlink()
    kept = {key: value for key, value in (values | changes).items() if value is not None}
    file.write_bytes(pickle.dumps(kept))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"side": "both"}, "side is 'both', neither right nor left"),
        ({"coords_3d": np.zeros((16, 3))}, r"coords_3d is float64 of shape \(16, 3\)"),
        ({"verts_3d": None}, "lacks verts_3d"),
        ({"affine_transform": np.diag([1.0, 2.0, 1.0, 1.0])}, "no rotation with one scale"),
        ({"depth_min": 0.0}, "depth_min 0.0; both must be finite and positive"),
    ],
)
def test_a_damaged_label_is_diagnosed_in_words(
    changes: dict[str, Any],
    message: str,
    folder: Path,
    copy_of: Callable[[Path], Path],
    no_mano: None,
) -> None:
    broken = copy_of(folder)
    relabel(broken, **changes)
    with pytest.raises(DatasetError, match=message):
        obman(broken)[0]


def test_check_names_what_is_missing_of_a_copy(
    folder: Path, copy_of: Callable[[Path], Path], no_mano: None
) -> None:
    assert check_split(DatasetChoice(name="obman", path=folder, split="train")).is_usable
    broken = copy_of(folder)
    (broken / "train/segm/00001002.png").unlink()
    report = check_split(DatasetChoice(name="obman", path=broken, split="train"))
    assert any("00001002.png is missing" in finding.text for finding in report.findings)
    whole = check_split(DatasetChoice(name="obman", path=folder, split="test"))
    assert any("6285 are published" in finding.text for finding in whole.findings)
    with pytest.raises(DatasetError, match="holds no label"):
        obman(folder, "val")


def test_a_pickle_that_would_run_code_is_refused(
    folder: Path, copy_of: Callable[[Path], Path], no_mano: None
) -> None:
    broken = copy_of(folder)
    file = broken / "train/meta/00000003.pkl"
    file.unlink()
    file.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(DatasetError, match=r"os\.system.*nothing of it was run"):
        obman(broken)[0]


def test_gsdf_learns_from_its_images_as_its_configuration_says(folder: Path, mano: str) -> None:
    config = load_training_config(CONFIGURATIONS / "gsdf_obman.yaml")
    choice, validation = config.data.dataset, config.data.validation_dataset
    assert choice is not None
    assert validation is not None
    assert (choice.name, choice.split, validation.split) == ("obman", "train", "test")
    method = build_method("gsdf", {**config.method_options, "kept_points": 50, "points": 10})
    records = [record for _, record in method.records(obman(folder)[0])]
    assert len(records) == 1
    assert np.isfinite(records[0]["distances_m"]).all()


def test_cross_branch_is_trained_for_an_epoch_as_its_configuration_says(
    folder: Path, tmp_path: Path, mano: str
) -> None:
    whole = load_training_config(CONFIGURATIONS / "cross_branch_obman.yaml")
    assert whole.data.dataset is not None
    small = whole.model_dump(mode="json")
    small["method_options"] |= {"image_size": 64, "width": 8, "kept_points": 200, "points": 100}
    for name, split in (("dataset", "train"), ("validation_dataset", "test")):
        assert small["data"][name]["split"] == split
        small["data"][name]["path"] = str(folder)
    small["data"] |= {"store": str(tmp_path / "a"), "validation_store": str(tmp_path / "b")}
    small["stages"] = [
        stage | {"epochs": 1.0} for stage in small["stages"] if stage["name"] in ("depth", "joint")
    ]
    small |= {"batch_size": 3, "accelerator": "cpu", "loader_workers": 0, "threads": 1}
    config = type(whole).model_validate(small)
    assert Training(config, tmp_path / "out").run()
    assert (tmp_path / "out" / "joint.safetensors").is_file()
    store = SampleStore(tmp_path / "a")
    assert len(store) == 3
    assert (store.record(0)["true_depth"] > 0).any()
