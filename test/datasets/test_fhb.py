"""FHB as its authors publish it: millimetres in the depth camera's frame, colour beside it."""

from __future__ import annotations

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
from hand_object_recon.training.methods import build_method
from hand_object_recon.training.synthetic_frames import frames_of_take

pytestmark = pytest.mark.usefixtures("no_mano")

CONFIGURATIONS = Path(__file__).parents[2] / "config/train"
COLOR = CameraIntrinsics(1920, 1080, 1395.749023, 1395.749268, 935.732544, 540.681030)
DEPTH_MATRIX = np.array([[475.065948, 0, 315.944855], [0, 475.065857, 245.287079], [0, 0, 1]])
TURN = np.array(
    [
        [0.999988496304, -0.00468848412856, 0.000982563360594],
        [0.00469115935266, 0.999985218048, -0.00273845880292],
        [-0.000969709653873, 0.00274303671904, 0.99999576807],
    ]
)
SHIFT_MM = np.array([25.7, 1.22, 3.902])
FINGERS = np.arange(1, 21).reshape(5, 4)
NATIVE_ORDER = [0, *FINGERS[:, 0], *FINGERS[:, 1:].ravel()]
"""Of our joints: wrist, the five knuckles, then a finger after the other."""

FILMED = "Subject_1/put_salt/1"
FRAMES = 1
MADE_UP = {
    "Subject_2/pour_milk/2": (3, [5.0, 9.9, 10.1]),
    "Subject_3/open_milk/1": (2, [1.0, 2.0]),
    "Subject_4/drink_mug/3": (4, []),
    "Subject_5/open_juice_bottle/1": (3, [30.0, 8.0]),
}
"""Number of frames, and distances from a joint to the object of those that have its pose."""

LIST = f"""Training 600
{FILMED} 24
Subject_2/pour_milk/2 20
Subject_4/drink_mug/3 3
Test 575
Subject_3/open_milk/1 17
Subject_5/open_juice_bottle/1 15
"""


def fhb(folder: Path, split: str = "subjects_train", **chosen: Any) -> Dataset:
    choice = DatasetChoice(name="fhb", path=folder, split=split, **chosen)
    return dataset_class("fhb")(choice)


def before_depth_camera_mm(points_m: np.ndarray) -> np.ndarray:
    return (1000.0 * points_m - SHIFT_MM) @ np.linalg.inv(TURN).T


@pytest.fixture(scope="module")
def filmed() -> list[AnnotatedFrame]:
    settings = SampleSettings("val", scene=SceneChoice.GRASP, image_size_px=None, camera=COLOR)
    frames = list(frames_of_take(settings, 0, FRAMES, 0.5))
    assert all(frame.truth.hands[0].side is HandSide.RIGHT for frame in frames)
    return frames


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, filmed: list[AnnotatedFrame]) -> Path:
    root = tmp_path_factory.mktemp("fhb")
    (root / "data_split_action_recognition.txt").write_text(LIST, encoding="utf-8")
    write_models(root / "Object_models", filmed[0])
    joints_mm, poses = [], []
    for number, annotated in enumerate(filmed):
        write_images(root / "Video_files" / FILMED, number, annotated)
        hand, thing = annotated.truth.hands[0], annotated.truth.objects[0]
        joints_mm.append(before_depth_camera_mm(hand.joints_m[NATIVE_ORDER]))
        pose = np.eye(4)
        pose[:3, :3] = np.linalg.inv(TURN) @ thing.pose[:3, :3]
        pose[:3, 3] = before_depth_camera_mm(thing.pose[:3, 3])
        poses.append((number, pose))
    write_texts(root, FILMED, joints_mm, poses)
    for name, (count, distances_mm) in MADE_UP.items():
        write_texts(root, name, *beside_a_box(count, distances_mm))
    return root


def write_models(folder: Path, annotated: AnnotatedFrame) -> None:
    thing = annotated.truth.objects[0]
    box = trimesh.creation.box((0.06, 0.08, 0.1))  # metres, as the published ones
    salt = trimesh.Trimesh(thing.vertices_m, thing.faces, process=False)
    for name in ("juice_bottle", "liquid_soap", "milk", "salt"):
        (folder / f"{name}_model").mkdir(parents=True)
        mesh = salt if name == "salt" else box
        mesh.export(folder / f"{name}_model" / f"{name}_model.ply")


def write_images(folder: Path, number: int, annotated: AnnotatedFrame) -> None:
    for name in ("color", "depth"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    bgr = annotated.frame.rgb[..., ::-1]
    cv2.imwrite(str(folder / "color" / f"color_{number:04d}.jpeg"), bgr)
    depth_m = np.asarray(annotated.truth.clean_depth_m, dtype=np.float64)
    rows, columns = np.nonzero(np.isfinite(depth_m) & (depth_m < 60.0))
    rays = np.linalg.solve(COLOR.matrix, np.stack([columns, rows, np.ones_like(rows)]))
    points = before_depth_camera_mm((rays * depth_m[rows, columns]).T)
    pixels = points @ DEPTH_MATRIX.T
    column, row = np.rint(pixels[:, :2] / pixels[:, 2:]).astype(int).T
    inside = (column >= 0) & (column < 640) & (row >= 0) & (row < 480)
    image = np.full((480, 640), np.inf)
    np.minimum.at(image, (row[inside], column[inside]), points[inside, 2])
    image[np.isinf(image)] = 0
    cv2.imwrite(str(folder / "depth" / f"depth_{number:04d}.png"), np.rint(image).astype(np.uint16))


def beside_a_box(
    count: int, distances_mm: list[float]
) -> tuple[list[np.ndarray], list[tuple[int, np.ndarray]]]:
    """Joints of which one is so far above a corner of the box, and the others farther."""
    joints_mm = [np.tile([0.0, 0.0, 900.0], (21, 1)) for _ in range(count)]
    poses = []
    for number, distance_mm in enumerate(distances_mm):
        pose = np.eye(4)
        pose[:3, 3] = (10.0, 20.0, 400.0)
        joints_mm[number][7] = pose[:3, 3] + (30.0, 40.0, 50.0 + distance_mm)
        poses.append((number, pose))
    return joints_mm, poses


def write_texts(
    root: Path, name: str, joints_mm: list[np.ndarray], poses: list[tuple[int, np.ndarray]]
) -> None:
    skeleton = root / "Hand_pose_annotation_v1" / name / "skeleton.txt"
    skeleton.parent.mkdir(parents=True)
    rows = [[number, *joints.ravel()] for number, joints in enumerate(joints_mm)]
    np.savetxt(skeleton, rows, fmt=["%d"] + ["%.4f"] * 63)
    if poses:
        file = root / "Object_6D_pose_annotation_v1" / name / "object_pose.txt"
        file.parent.mkdir(parents=True)
        rows = [[number, *pose.T.ravel()] for number, pose in poses]
        np.savetxt(file, rows, fmt=["%d"] + ["%.9f"] * 16)


def test_joints_are_brought_into_the_colour_camera_and_lie_on_the_rendered_hand(
    folder: Path, filmed: list[AnnotatedFrame]
) -> None:
    dataset = fhb(folder, sequences=(FILMED.replace("/", "_"),))
    assert len(dataset) == FRAMES
    for annotated, true in zip(dataset.read(dataset.sequences[0]), filmed, strict=True):
        (hand,) = annotated.truth.hands
        assert hand.side is HandSide.RIGHT
        assert hand.vertices_m is None
        np.testing.assert_allclose(hand.joints_m, true.truth.hands[0].joints_m, atol=1e-6)
        columns, rows = np.rint(project(hand.joints_m, annotated.frame.camera)).astype(int).T
        mask = cv2.dilate(
            np.uint8(true.truth.mask == MaskLabel.RIGHT_HAND), np.ones((25, 25), np.uint8)
        )
        assert mask[rows, columns].mean() > 0.9
    assert "joints alone" in dataset.notes()[0]


def test_depth_is_drawn_in_the_colour_cameras_pixels(
    folder: Path, filmed: list[AnnotatedFrame]
) -> None:
    annotated, true = fhb(folder)[0], filmed[0].truth
    assert annotated.frame.depth_m.shape == (1080, 1920)
    on_hand = cv2.erode(np.uint8(true.mask == MaskLabel.RIGHT_HAND), np.ones((9, 9))) > 0
    error_m = annotated.frame.depth_m[on_hand] - np.asarray(true.clean_depth_m)[on_hand]
    assert np.isfinite(error_m).mean() > 0.97
    assert np.nanmedian(np.abs(error_m)) < 0.002
    hand = annotated.truth.hands[0]
    columns, rows = np.rint(project(hand.joints_m, COLOR)).astype(int).T
    seen = np.asarray(true.hands[0].joint_visible)
    behind_m = (hand.joints_m[:, 2] - annotated.frame.depth_m[rows, columns])[seen]
    assert np.nanmedian(behind_m) == pytest.approx(0.008, abs=0.008)


def test_the_object_of_the_action_has_its_pose_and_is_held(
    folder: Path, filmed: list[AnnotatedFrame]
) -> None:
    (thing,) = fhb(folder)[0].truth.objects
    (true,) = filmed[0].truth.objects
    assert thing.name == "salt"
    np.testing.assert_allclose(thing.pose, true.pose, atol=1e-6)
    np.testing.assert_allclose(
        np.sort(thing.vertices_m, axis=0), np.sort(true.vertices_m, axis=0), atol=1e-6
    )
    assert thing.held_by == {HandSide.RIGHT}


def test_splits_follow_the_list_and_the_subjects(folder: Path) -> None:
    sequences = {
        split: fhb(folder, split).sequences
        for split in ("action_train", "action_test", "subjects_train", "subjects_test")
    }
    assert sequences == {
        "action_train": ("Subject_1_put_salt_1", "Subject_2_pour_milk_2", "Subject_4_drink_mug_3"),
        "action_test": ("Subject_3_open_milk_1", "Subject_5_open_juice_bottle_1"),
        "subjects_train": (
            "Subject_1_put_salt_1",
            "Subject_4_drink_mug_3",
            "Subject_3_open_milk_1",
        ),
        "subjects_test": ("Subject_2_pour_milk_2", "Subject_5_open_juice_bottle_1"),
    }
    assert len(fhb(folder, "action_train")) == FRAMES + 3 + 4


def test_fhbc_takes_frames_with_a_joint_within_10_mm_of_the_object(folder: Path) -> None:
    def taken(split: str) -> list[tuple[str, int]]:
        dataset = fhb(folder, split)
        places = [dataset.place(index) for index in range(len(dataset))]
        return [(dataset.sequence(place).name, place.number) for place in places]

    milk = "Subject_2_pour_milk_2"
    juice = "Subject_5_open_juice_bottle_1"
    assert taken("fhbc_test") == [(milk, 0), (milk, 1), (juice, 1)]
    assert taken("fhbc_round_test") == [(juice, 1)]
    assert taken("fhbc_train")[-2:] == [("Subject_3_open_milk_1", number) for number in (0, 1)]
    assert {name for name, _ in taken("fhbc_round_train")} == {"Subject_1_put_salt_1"}


def test_a_sequence_listed_twice_or_without_joints_is_left_out(
    folder: Path, copy_of: Callable[[Path], Path]
) -> None:
    there = copy_of(folder)
    twice = LIST.replace("Test 575", "Subject_4/drink_mug/3 3\nTest 575")
    rewrite(there / "data_split_action_recognition.txt", twice)
    assert fhb(there, "action_train").sequences == fhb(folder, "action_train").sequences
    rewrite(there / "Hand_pose_annotation_v1/Subject_4/drink_mug/3/skeleton.txt", "")
    assert "Subject_4_drink_mug_3" not in fhb(there, "action_train").sequences


def test_corrected_annotations_are_taken_where_they_are(
    folder: Path, copy_of: Callable[[Path], Path]
) -> None:
    there = copy_of(folder)
    (there / "Hand_pose_annotation_v1").rename(there / "Hand_pose_annotation_v1_1")
    np.testing.assert_array_equal(
        fhb(there)[0].truth.hands[0].joints_m, fhb(folder)[0].truth.hands[0].joints_m
    )


def rewrite(file: Path, text: str) -> None:
    file.unlink()
    file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (f"Hand_pose_annotation_v1/{FILMED}/skeleton.txt", "0 1 2\n", "not whole lines of 64"),
        (f"Hand_pose_annotation_v1/{FILMED}/skeleton.txt", "0 one\n", "is no number"),
        (
            f"Object_6D_pose_annotation_v1/{FILMED}/object_pose.txt",
            "0" + " 2" * 16,
            "a matrix that is no rotation",
        ),
        ("data_split_action_recognition.txt", "put_salt 24\n", "not one like 'Subject_1/put_salt"),
    ],
)
def test_a_damaged_text_is_diagnosed_in_words(
    name: str, text: str, message: str, folder: Path, copy_of: Callable[[Path], Path]
) -> None:
    broken = copy_of(folder)
    rewrite(broken / name, text)
    with pytest.raises(DatasetError, match=message):
        fhb(broken)[0]


def test_images_of_another_size_are_refused(folder: Path, copy_of: Callable[[Path], Path]) -> None:
    broken = copy_of(folder)
    file = broken / "Video_files" / FILMED / "color/color_0000.jpeg"
    file.unlink()
    cv2.imwrite(str(file), np.zeros((270, 480, 3), np.uint8))
    with pytest.raises(DatasetError, match="480x270; the published calibration is for 1920x1080"):
        fhb(broken)[0]


def test_what_is_missing_is_named(folder: Path, copy_of: Callable[[Path], Path]) -> None:
    broken = copy_of(folder)
    (broken / "Hand_pose_annotation_v1/Subject_4/drink_mug/3/skeleton.txt").unlink()
    (broken / "Object_models/milk_model/milk_model.ply").unlink()
    notes = "\n".join(fhb(broken).notes())
    assert "1 of the sequences" in notes
    assert "milk_model.ply" in notes
    with pytest.raises(DatasetError, match=r"goes by how near joints.*milk_model\.ply"):
        fhb(broken, "fhbc_train")
    report = check_split(DatasetChoice(name="fhb", path=broken, split="action_train"))
    texts = "\n".join(finding.text for finding in report.findings)
    assert "has 2 sequences with frames, 599 are published" in texts
    assert "color_0000.jpeg is missing" in texts or "color is missing" in texts


def test_cross_branch_learns_from_its_frames_as_its_configuration_says(folder: Path) -> None:
    config = load_training_config(CONFIGURATIONS / "cross_branch_fhbc.yaml")
    choice, validation = config.data.dataset, config.data.validation_dataset
    assert choice is not None
    assert validation is not None
    assert (choice.name, choice.split) == ("fhb", "fhbc_train")
    assert (validation.name, validation.split) == ("fhb", "fhbc_test")
    options = {**config.method_options, "hand_model": "open_hand", "image_size": 64}
    method = build_method("cross_branch", options)
    records = list(method.records(fhb(folder, choice.split)[0]))
    assert len(records) == 1
    _, record = records[0]
    assert "vertices_m" not in record
    assert np.linalg.norm(record["joints_m"], axis=1).mean() == pytest.approx(1.2, abs=0.1)
    assert (record["depth"] > 0).mean() > 0.5


@pytest.mark.parametrize("configuration", ["cross_branch_fhbc"])
def test_its_shipped_trainings_run_on_it(
    configuration: str,
    folder: Path,
    mano: str,
    train_as_configured: Callable[..., dict[str, float]],
) -> None:
    filmed = FILMED.replace("/", "_")
    splits = ("fhbc_train", "fhbc_test")
    split = next(one for one in splits if filmed in fhb(folder, one).sequences)
    scores = train_as_configured(
        configuration, folder, split=split, validation=split, sequences=[filmed]
    )
    assert np.isfinite(list(scores.values())).any()
