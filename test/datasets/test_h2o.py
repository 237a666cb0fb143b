"""H2O as its authors publish it: lists followed, two hands told apart, masks drawn from meshes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import trimesh
import yaml

from hand_object_recon.core.annotation import AnnotatedFrame, MaskLabel
from hand_object_recon.core.errors import DatasetError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.checking import check_split
from hand_object_recon.datasets.choice import DatasetChoice
from hand_object_recon.datasets.h2o import H2O
from hand_object_recon.datasets.registry import dataset_card
from hand_object_recon.geometry.projection import project
from hand_object_recon.training.config import TrainingConfig, load_training_config
from hand_object_recon.training.engine import Training
from hand_object_recon.training.sample_store import SampleStore

FilmBoth = Callable[[int], list[AnnotatedFrame]]
CopyOf = Callable[[Path], Path]

CONFIGURATIONS = Path(__file__).parents[2] / "config/train"
TAKE = "subject1/h1/0"
CAMERA = f"{TAKE}/cam4"
NUMBERS = (7, 12, 40)
SIDES = (HandSide.LEFT, HandSide.RIGHT)
PLY_OBJECT = 4  # lotion_spray


def h2o(folder: Path, split: str = "train", **chosen: Any) -> H2O:
    return H2O(DatasetChoice(name="h2o", path=folder, split=split, **chosen))


def write_numbers(file: Path, numbers: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = " ".join(repr(float(number)) for number in np.ravel(numbers))
    file.write_text(f"{text} ", encoding="utf-8")


def write_frame(camera: Path, number: int, annotated: AnnotatedFrame, has_left: bool) -> None:
    for name in ("rgb", "depth"):
        (camera / name).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(camera / "rgb" / f"{number:06d}.png"), annotated.frame.rgb[..., ::-1])
    millimetres = np.round(1000 * np.nan_to_num(annotated.frame.depth_m)).astype(np.uint16)
    cv2.imwrite(str(camera / "depth" / f"{number:06d}.png"), millimetres)
    hands = {hand.side: hand for hand in annotated.truth.hands}
    joints, parameters = [], []
    for side in SIDES:
        hand = hands[side]
        if side is HandSide.LEFT and not has_left:
            joints.append(np.zeros(64))
            parameters.append(np.zeros(62))
            continue
        joints.append(np.concatenate([[1], np.ravel(hand.joints_m)]))
        parameters.append(np.concatenate([[1], hand.translation_m, hand.pose_rad, hand.shape]))
    write_numbers(camera / "hand_pose" / f"{number:06d}.txt", joints)
    write_numbers(camera / "hand_pose_mano" / f"{number:06d}.txt", parameters)
    pose = annotated.truth.objects[0].pose
    write_numbers(camera / "obj_pose_rt" / f"{number:06d}.txt", [PLY_OBJECT, *np.ravel(pose)])


def write_h2o(root: Path, frames: list[AnnotatedFrame]) -> None:
    """Three frames of the camera on the head, of which the list names two; one of a fixed one."""
    intrinsics = frames[0].frame.camera
    values = [intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy, 640, 480]
    for camera in (root / CAMERA, root / TAKE / "cam0"):
        write_numbers(camera / "cam_intrinsics.txt", values)
    for number, annotated in zip(NUMBERS, frames, strict=True):
        write_frame(root / CAMERA, number, annotated, has_left=number != NUMBERS[2])
    write_frame(root / TAKE / "cam0", 3, frames[0], has_left=True)
    (root / "pose_lists").mkdir()
    lines = [f"{CAMERA}/rgb/{number:06d}.png\n" for number in (NUMBERS[1], NUMBERS[0])]
    (root / "pose_lists" / "pose_train.txt").write_text("".join(lines), encoding="utf-8")
    (root / "pose_lists" / "pose_val.txt").write_text(
        f"{CAMERA}/rgb/{NUMBERS[2]:06d}.png\n", encoding="utf-8"
    )
    thing = frames[0].truth.objects[0]
    (root / "object" / "lotion_spray").mkdir(parents=True)
    mesh = trimesh.Trimesh(thing.vertices_m, thing.faces, process=False)
    mesh.export(root / "object" / "lotion_spray" / "lotion_spray.ply")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, film_both: FilmBoth) -> Path:
    root = tmp_path_factory.mktemp("h2o")
    write_h2o(root, film_both(3))
    return root


def by_side(annotated: AnnotatedFrame) -> dict[HandSide, Any]:
    return {hand.side: hand for hand in annotated.truth.hands}


def test_both_hands_and_the_object_are_read_back_as_filmed(
    folder: Path, film_both: FilmBoth, mano: str
) -> None:
    annotated, true = h2o(folder)[1], film_both(3)[0]
    assert annotated.frame.camera == true.frame.camera
    assert [hand.side for hand in annotated.truth.hands] == list(SIDES)
    filmed = by_side(true)
    for side, hand in by_side(annotated).items():
        np.testing.assert_allclose(hand.joints_m, filmed[side].joints_m, atol=1e-6)
        np.testing.assert_allclose(hand.vertices_m, filmed[side].vertices_m, atol=2e-5)
        np.testing.assert_allclose(hand.pose_rad, filmed[side].pose_rad, atol=1e-6)
        np.testing.assert_array_equal(hand.finger_occluded, filmed[side].finger_occluded)
        assert hand.visible_share == pytest.approx(filmed[side].visible_share, abs=0.05)
    (thing,), (filmed_thing,) = annotated.truth.objects, true.truth.objects
    np.testing.assert_allclose(thing.pose, filmed_thing.pose, atol=1e-6)
    assert thing.name == "lotion_spray"
    assert HandSide.RIGHT in thing.held_by  # the left one is just about to take it
    depth_m, filmed_m = annotated.frame.depth_m, true.frame.depth_m
    np.testing.assert_allclose(depth_m, filmed_m, atol=0.00051)


def test_the_drawn_mask_shows_each_hand_and_the_object_where_they_were_rendered(
    folder: Path, film_both: FilmBoth, mano: str
) -> None:
    """But for what the sleeves hide, of which the data set knows nothing."""
    mask, true = h2o(folder)[1].truth.mask, np.asarray(film_both(3)[0].truth.mask)
    mask = np.where(true == MaskLabel.ARM, MaskLabel.ARM, mask)
    for label in (MaskLabel.LEFT_HAND, MaskLabel.RIGHT_HAND, MaskLabel.OBJECT):
        ours, filmed = mask == label, true == label
        assert (ours & filmed).sum() / (ours | filmed).sum() > 0.95, label


def test_without_mano_joints_lie_on_the_rendered_hands_and_poses_are_there(
    folder: Path, film_both: FilmBoth, no_mano: None
) -> None:
    dataset = h2o(folder)
    annotated, true = dataset[0], np.asarray(film_both(3)[1].truth.mask)
    assert annotated.truth.mask is None
    assert any("MANO_LEFT.pkl and MANO_RIGHT.pkl not imported" in note for note in dataset.notes())
    labels = {HandSide.LEFT: MaskLabel.LEFT_HAND, HandSide.RIGHT: MaskLabel.RIGHT_HAND}
    for side, hand in by_side(annotated).items():
        assert hand.vertices_m is None
        assert hand.pose_rad is not None
        shown = np.isin(true, (labels[side], MaskLabel.OBJECT))
        near = cv2.dilate(np.uint8(shown), np.ones((9, 9)))
        columns, rows = np.rint(project(hand.joints_m, annotated.frame.camera)).astype(int).T
        assert near[rows, columns].sum() >= 19, side


def test_the_list_decides_frames_and_order(folder: Path, no_mano: None) -> None:
    dataset = h2o(folder)
    assert [dataset.place(index).number for index in range(len(dataset))] == [12, 7]
    assert dataset.sequences == ("subject1_h1_0_cam4",)
    assert [dataset.place(index).number for index in dataset.frames_of(dataset.sequences[0])] == [
        7,
        12,
    ]
    both = h2o(folder, "train_val")
    assert [both.place(index).number for index in range(len(both))] == [12, 7, 40]


def test_every_view_is_read_without_a_list(folder: Path, no_mano: None) -> None:
    dataset = h2o(folder, "train_all_views")
    assert dataset.sequences == ("subject1_h1_0_cam0", "subject1_h1_0_cam4")
    assert [dataset.place(index).number for index in range(len(dataset))] == [3, *NUMBERS]


def test_a_hand_that_is_not_annotated_is_left_out(folder: Path, mano: str) -> None:
    (hand,) = h2o(folder, "val")[0].truth.hands
    assert hand.side is HandSide.RIGHT


def test_one_side_can_be_chosen(folder: Path, mano: str) -> None:
    assert [hand.side for hand in h2o(folder, side="left")[0].truth.hands] == [HandSide.LEFT]


def test_published_sizes_are_in_the_card() -> None:
    sizes = {name: split.frames for name, split in H2O.card.splits.items()}
    assert (sizes["train"], sizes["val"], sizes["test"]) == ((55_742,), (11_638,), (23_391,))
    assert sizes["train_val"] == (55_742 + 11_638,)


def test_a_missing_list_says_where_it_is(folder: Path, no_mano: None) -> None:
    with pytest.raises(DatasetError, match=r"pose_test\.txt is missing.*take split test_all_views"):
        h2o(folder, "test")
    with pytest.raises(DatasetError, match="holds no frame of test_all_views; expected files like"):
        h2o(folder, "test_all_views")


def rewrite(file: Path, text: str) -> None:
    file.unlink()  # it is a link to the whole copy's
    file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("hand_pose/000007.txt", "1 2 3", "000007.txt holds 3 numbers, not 128"),
        ("hand_pose/000007.txt", "1 " * 127 + "nan", "000007.txt holds 128 numbers, not 128 fin"),
        ("hand_pose/000007.txt", None, "hand_pose/000007.txt is missing; unpack or"),
        ("hand_pose_mano/000012.txt", "1 " * 118, "holds 118 numbers, not 124"),
        ("hand_pose_mano/000012.txt", "left", "holds something that is no number"),
        ("obj_pose_rt/000012.txt", "9 " + "1 " * 16, "says object class 9, not 0 to 8"),
        ("obj_pose_rt/000012.txt", "4 " + "1 " * 16, "holds no rigid pose of the object"),
        ("cam_intrinsics.txt", "600 600 320", "cam_intrinsics.txt holds 3 numbers, not 6"),
        ("depth/000012.png", "no image", "000012.png is no readable image"),
        ("hand_pose/000012.txt", "1 " + "5 5 0.5 " * 21 + "0 " * 64, "fewer than 1 of the left"),
    ],
    ids=range(10),
)
def test_a_damaged_copy_is_diagnosed_in_words(
    name: str, damage: str | None, message: str, folder: Path, copy_of: CopyOf, mano: str
) -> None:
    broken = copy_of(folder)
    file = broken / CAMERA / name
    file.unlink() if damage is None else rewrite(file, damage)
    found = check_split(DatasetChoice(name="h2o", path=broken, split="train"), None)
    assert not found.is_usable
    problems = "\n".join(finding.text for finding in found.findings if finding.is_problem)
    assert re.search(message, problems), problems


def test_a_list_of_another_form_is_refused(folder: Path, copy_of: CopyOf, no_mano: None) -> None:
    broken = copy_of(folder)
    rewrite(broken / "pose_lists" / "pose_train.txt", "ABF10/0000\n")
    with pytest.raises(DatasetError, match=r"has the line 'ABF10/0000', not one like 'subject1/"):
        h2o(broken)


def test_missing_kinds_of_labels_are_noted(folder: Path, copy_of: CopyOf, mano: str) -> None:
    partial = copy_of(folder)
    for kind in ("hand_pose_mano", "obj_pose_rt"):
        (partial / CAMERA / kind).rename(partial / CAMERA / f"_{kind}")
    dataset = h2o(partial)
    assert dataset[0].truth.hands[0].pose_rad is None
    assert dataset[0].truth.objects == ()
    notes = "\n".join(dataset.notes())
    assert "1 of 1 sequences have no hand_pose_mano" in notes
    assert "7 of 8 objects have no mesh" in notes
    assert "h2odataset.ethz.ch" in notes


def made_small(name: str) -> dict[str, Any]:
    """A shipped training with a small network and one epoch of its first stage."""
    settings = yaml.safe_load((CONFIGURATIONS / name).read_text(encoding="utf-8"))
    small = {"image_size": 96, "kept_size": 96, "trunk_layers": 18, "width": 16, "points": 64}
    settings["method_options"] |= {**small, "neighbours": 16}
    settings["stages"] = [{**settings["stages"][0], "epochs": 1.0}]
    settings |= {"batch_size": 2, "accelerator": "cpu", "loader_workers": 0, "threads": 1}
    return settings


def test_pdfnet_is_trained_for_an_epoch(folder: Path, tmp_path: Path, mano: str) -> None:
    config = TrainingConfig.model_validate(
        {
            **made_small("pdfnet_h2o.yaml"),
            "data": {
                "store": str(tmp_path / "train"),
                "validation_store": str(tmp_path / "val"),
                "dataset": {"name": "h2o", "path": str(folder), "split": "train_val"},
                "validation_dataset": {"name": "h2o", "path": str(folder), "split": "val"},
            },
        }
    )
    assert Training(config, tmp_path / "out").run()
    assert (tmp_path / "out" / "coarse.safetensors").is_file()
    store = SampleStore(tmp_path / "train")
    present = [store.record(number)["is_present"].tolist() for number in range(len(store))]
    assert sorted(present) == [[False, True], [True, True], [True, True]]
    for number in range(len(store)):
        record = store.record(number)
        assert set(np.unique(record["mask"])) - {0} == {
            place + 1 for place in np.flatnonzero(record["is_present"])
        }
        assert (record["depth"] > 0).mean() > 0.1


@pytest.mark.parametrize("name", ["pdfnet_h2o", "pdfnet_h2o3d", "pdfnet_rhd"])
def test_shipped_trainings_name_a_data_set_and_its_splits(name: str) -> None:
    data = load_training_config(CONFIGURATIONS / f"{name}.yaml").data
    for choice in (data.dataset, data.validation_dataset):
        assert choice is not None
        assert choice.split in dataset_card(choice.name).splits
