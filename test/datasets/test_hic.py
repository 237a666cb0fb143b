"""Hands in Action as its authors publish it: fits of MANO, objects tracked in millimetres."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hand_object_recon.core.annotation import AnnotatedFrame, HandAnnotation, MaskLabel
from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import DatasetError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.base import Dataset
from hand_object_recon.datasets.checking import check_split
from hand_object_recon.datasets.choice import DatasetChoice
from hand_object_recon.datasets.registry import dataset_class
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.synthesis.output.settings import SampleSettings, SceneChoice
from hand_object_recon.training.config import load_training_config
from hand_object_recon.training.methods import build_method
from hand_object_recon.training.synthetic_frames import frames_of_take

CONFIGURATIONS = Path(__file__).parents[2] / "config/train"
CAMERA = CameraIntrinsics(640, 480, 525.0, 525.0, 319.5, 239.5)
FITS = "IJCV16___Results_MANO___parms_for___joints21"
MANO16 = [0, 5, 6, 7, 9, 10, 11, 17, 18, 19, 13, 14, 15, 1, 2, 3]
"""Of our joints: wrist, index, middle, pinky, ring, thumb."""

GRASPS = {"15": "Ball", "20": "Cube", "19": "Ball", "21": "Cube"}
COUNT = 3
AWAY = 2
"""The image in which the object is ten centimetres beside its place."""

REST = np.array(
    [[0.0, -1.0, 0.0, 20.0], [1.0, 0.0, 0.0, -3.0], [0.0, 0.0, 1.0, 150.0], [0, 0, 0, 1]]
)


def hic(folder: Path, split: str = "all", **chosen: Any) -> Dataset:
    choice = DatasetChoice(name="hic", path=folder, split=split, **chosen)
    return dataset_class("hic")(choice)


@pytest.fixture(scope="module")
def filmed() -> dict[HandSide, list[AnnotatedFrame]]:
    settings = SampleSettings("val", scene=SceneChoice.GRASP, image_size_px=None, camera=CAMERA)
    frames = {
        side: list(frames_of_take(settings, take, COUNT, 0.1))
        for side, take in ((HandSide.RIGHT, 0), (HandSide.LEFT, 3))
    }
    assert all(frame.truth.hands[0].side is side for side in frames for frame in frames[side])
    return frames


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, filmed: dict[HandSide, list[AnnotatedFrame]]
) -> Path:
    root = tmp_path_factory.mktemp("hic")
    for name, kind in GRASPS.items():
        write_sequence(root, name, HandSide.RIGHT, filmed[HandSide.RIGHT])
        write_object(root / "Models" / name, kind, filmed[HandSide.RIGHT])
    write_sequence(root, "01", HandSide.LEFT, filmed[HandSide.LEFT])
    return root


def write_sequence(root: Path, name: str, side: HandSide, frames: list[AnnotatedFrame]) -> None:
    images, fits = root / name / "1", root / FITS / fits_name(name, side)
    for part in (images / "rgb", images / "depth", fits):
        part.mkdir(parents=True)
    for number, annotated in enumerate(frames):
        stem = f"{number:03d}"
        cv2.imwrite(str(images / "rgb" / f"{stem}.png"), annotated.frame.rgb[..., ::-1])
        write_depth(images / "depth" / f"{stem}.yml", annotated)
        (fits / f"{stem}.pkl").write_bytes(pickle.dumps(fit(annotated.truth.hands[0]), 2))


def fits_name(name: str, side: HandSide) -> str:
    return f"IJCV16___fakeGT___IJCV___{name}___Model_Hand_{side[0].upper()}___ncomps45"


def write_depth(file: Path, annotated: AnnotatedFrame) -> None:
    """As the motion viewer reads it: a list of one matrix."""
    millimetres = np.rint(1000 * np.nan_to_num(annotated.frame.depth_m)).astype(np.uint16)
    storage = cv2.FileStorage(str(file), cv2.FILE_STORAGE_WRITE)
    storage.startWriteStruct("depth", cv2.FileNode_SEQ)
    storage.write("", millimetres)
    storage.endWriteStruct()
    storage.release()


def fit(hand: HandAnnotation) -> dict[str, Any]:
    """Components of the fingers' pose, and the tips in an order of their own."""
    model = load_hand_model("open_hand", hand.side)
    pose = np.asarray(hand.pose_rad, dtype=np.float64)
    bend = pose[3:] - model.hands_mean
    components = np.linalg.solve(model.hands_components.T.astype(np.float64), bend)
    joints = hand.joints_m[MANO16].astype(np.float64)
    tips = hand.joints_m[[8, 20, 4, 16, 12]].astype(np.float64)
    return {
        "pose": np.concatenate([pose[:3], components]),
        "betas": np.asarray(hand.shape, dtype=np.float64),
        "trans": np.asarray(hand.translation_m, dtype=np.float64),
        "v": np.asarray(hand.vertices_m, dtype=np.float64),
        "J_transformed": joints,
        "J_transformed___j15": joints[1:],
        "J_transformed___j21": np.concatenate([joints, tips]),
        "ncomps": 45,
        "model_name": "MANO",
    }


def write_object(folder: Path, kind: str, frames: list[AnnotatedFrame]) -> None:
    """Millimetres; first the place at rest, from which the mesh is moved."""
    folder.mkdir(parents=True)
    thing = frames[0].truth.objects[0]
    points = "\n".join(" ".join(f"{value:.6f}" for value in row) for row in 1000 * thing.vertices_m)
    faces = "\n".join(f"3 {a} {b} {c}" for a, b, c in thing.faces)
    header = f"OFF\n{len(thing.vertices_m)} {len(thing.faces)} 0\n"
    (folder / f"Model_Object_{kind}.OFF").write_text(f"{header}{points}\n{faces}\n")
    lines = ["Bone001", row_of(REST)]
    for number, annotated in enumerate(frames):
        pose = annotated.truth.objects[0].pose.copy()
        pose[:3, 3] *= 1000.0
        pose[0, 3] += 100.0 * (number == AWAY)
        lines.append(row_of(pose @ REST))
    (folder / f"Model_Object_{kind}.MOTION").write_text("\n".join(lines) + "\n")


def row_of(pose: np.ndarray) -> str:
    return " ".join(f"{value:.9g}" for value in (*pose[:3, :3].ravel(), *pose[:3, 3]))


def test_joints_and_mesh_need_no_mano_and_lie_on_the_rendered_hand(
    folder: Path, filmed: dict[HandSide, list[AnnotatedFrame]], no_mano: None
) -> None:
    for name, side in (("15", HandSide.RIGHT), ("01", HandSide.LEFT)):
        dataset = hic(folder, sequences=(name,))
        assert len(dataset) == COUNT
        annotated, true = dataset[1], filmed[side][1].truth
        (hand,) = annotated.truth.hands
        assert hand.side is side
        np.testing.assert_allclose(hand.joints_m, true.hands[0].joints_m, atol=1e-6)
        np.testing.assert_allclose(hand.vertices_m, true.hands[0].vertices_m, atol=1e-6)
        assert hand.pose_rad is None
        pixels = np.rint(project(hand.joints_m, annotated.frame.camera)).astype(int)
        label = MaskLabel[f"{side.name}_HAND"]
        mask = cv2.dilate(np.uint8(true.mask == label), np.ones((9, 9)))
        assert mask[pixels[:, 1], pixels[:, 0]].mean() > 0.9


def test_tips_find_their_fingers_in_whatever_order_they_come(
    folder: Path, filmed: dict[HandSide, list[AnnotatedFrame]], copy_of: Any, no_mano: None
) -> None:
    there = copy_of(folder)
    true = filmed[HandSide.RIGHT][0].truth.hands[0].joints_m
    for seed in range(5):
        shuffled = np.random.default_rng(seed).permutation(21)
        relabel(there, J_transformed___j21=true[shuffled].astype(np.float64))
        found = hic(there, sequences=("15",))[0].truth.hands[0].joints_m
        np.testing.assert_allclose(found, true, atol=1e-6)


def test_what_was_filmed_is_read_back_with_mano(
    folder: Path, filmed: dict[HandSide, list[AnnotatedFrame]], mano: str
) -> None:
    annotated, true = hic(folder, sequences=("15",))[0], filmed[HandSide.RIGHT][0].truth
    hand, filmed_hand = annotated.truth.hands[0], true.hands[0]
    np.testing.assert_allclose(hand.pose_rad, filmed_hand.pose_rad, atol=1e-4)
    np.testing.assert_allclose(hand.translation_m, filmed_hand.translation_m, atol=1e-6)
    np.testing.assert_array_equal(hand.finger_occluded, filmed_hand.finger_occluded)
    assert (hand.joint_visible == filmed_hand.joint_visible).mean() > 0.9


@pytest.mark.parametrize("meaning", ["angles", "angles from the mean"])
def test_the_fits_mesh_tells_what_its_pose_means(
    meaning: str,
    folder: Path,
    filmed: dict[HandSide, list[AnnotatedFrame]],
    copy_of: Callable[[Path], Path],
    mano: str,
) -> None:
    there = copy_of(folder)
    true = np.asarray(filmed[HandSide.RIGHT][0].truth.hands[0].pose_rad, dtype=np.float64)
    mean = np.r_[np.zeros(3), load_hand_model("open_hand", HandSide.RIGHT).hands_mean]
    relabel(there, pose=true if meaning == "angles" else true - mean)
    hand = hic(there, sequences=("15",))[0].truth.hands[0]
    np.testing.assert_allclose(hand.pose_rad, true, atol=1e-4)
    relabel(there, betas=np.full(10, 3.0))  # of another hand: no reading gives the mesh
    assert hic(there, sequences=("15",))[0].truth.hands[0].pose_rad is None


def test_depth_is_metres_and_agrees_with_the_mesh(
    folder: Path, filmed: dict[HandSide, list[AnnotatedFrame]], mano: str
) -> None:
    annotated = hic(folder, sequences=("15",))[0]
    true_m = filmed[HandSide.RIGHT][0].frame.depth_m
    np.testing.assert_array_equal(np.isnan(annotated.frame.depth_m), np.isnan(true_m))
    np.testing.assert_allclose(annotated.frame.depth_m, true_m, atol=5.1e-4)
    hand = annotated.truth.hands[0]
    columns, rows = np.rint(project(hand.joints_m, CAMERA)).astype(int).T
    seen = np.asarray(hand.joint_visible)
    behind_m = (hand.joints_m[:, 2] - annotated.frame.depth_m[rows, columns])[seen]
    assert np.nanmedian(behind_m) == pytest.approx(0.008, abs=0.008)


def test_the_object_is_moved_from_its_place_at_rest(
    folder: Path, filmed: dict[HandSide, list[AnnotatedFrame]], no_mano: None
) -> None:
    dataset = hic(folder, sequences=("20",))
    (thing,), (true,) = dataset[1].truth.objects, filmed[HandSide.RIGHT][1].truth.objects
    assert (thing.name, thing.held_by) == ("cube", {HandSide.RIGHT})
    np.testing.assert_allclose(thing.pose, true.pose, atol=1e-6)
    np.testing.assert_allclose(
        np.sort(thing.vertices_m, axis=0), np.sort(true.vertices_m, axis=0), atol=1e-6
    )
    assert dataset[AWAY].truth.objects[0].held_by == frozenset()
    assert hic(folder, sequences=("01",))[0].truth.objects == ()


def test_training_and_scores_take_the_frames_of_grasps(folder: Path, no_mano: None) -> None:
    held = {"train": ["15", "15", "20", "20"], "test": ["19", "19", "21", "21"]}
    for split, names in held.items():
        dataset = hic(folder, split)
        places = [dataset.place(index) for index in range(len(dataset))]
        assert [dataset.sequence(place).name for place in places] == names
        assert AWAY not in {place.number for place in places}
    assert hic(folder).sequences == ("01", "15", "19", "20", "21")
    report = check_split(DatasetChoice(name="hic", path=folder, split="test"))
    assert any("has 4 frames here, 251 are published" in f.text for f in report.findings)


def relabel(folder: Path, **changes: Any) -> None:
    file = folder / FITS / fits_name("15", HandSide.RIGHT) / "000.pkl"
    values = pickle.loads(file.read_bytes())
    file.unlink()
    kept = {key: value for key, value in (values | changes).items() if value is not None}
    file.write_bytes(pickle.dumps(kept))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"J_transformed": None}, "lacks J_transformed"),
        ({"v": np.zeros((10, 3))}, r"v is float64 of shape \(10, 3\)"),
        ({"J_transformed___j21": np.zeros((21, 3))}, "21 of J_transformed___j21 are no joints"),
    ],
)
def test_a_damaged_fit_is_diagnosed_in_words(
    changes: dict[str, Any],
    message: str,
    folder: Path,
    copy_of: Callable[[Path], Path],
    no_mano: None,
) -> None:
    broken = copy_of(folder)
    relabel(broken, **changes)
    with pytest.raises(DatasetError, match=message):
        hic(broken, sequences=("15",))[0]


def rewrite(file: Path, text: str) -> None:
    file.unlink()
    file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("15/1/depth/000.yml", "%YAML:1.0\n---\ndepth: 3\n", "000.yml is damaged"),
        ("15/1/depth/000.yml", "%YAML:1.0\n---\n[[", "000.yml is damaged"),
        ("Models/15/Model_Object_Ball.MOTION", "Bone001\n1 2 3\n", "nor its 12 numbers"),
        ("Models/15/Model_Object_Ball.MOTION", "Bone001\n" + "2 " * 12, "no rotation"),
    ],
)
def test_a_damaged_file_is_diagnosed_in_words(
    name: str, text: str, message: str, folder: Path, copy_of: Callable[[Path], Path], no_mano: None
) -> None:
    broken = copy_of(folder)
    rewrite(broken / name, text)
    with pytest.raises(DatasetError, match=message):
        hic(broken, sequences=("15",))[0]


def test_what_is_missing_is_named_with_where_to_get_it(
    folder: Path, copy_of: Callable[[Path], Path], tmp_path: Path, no_mano: None
) -> None:
    there = copy_of(folder)
    for file in (there / "01/1/depth").iterdir():
        file.unlink()
    dataset = hic(there, models=tmp_path / "none")
    assert np.isnan(dataset[0].frame.depth_m).all()
    notes = "\n".join(dataset.notes())
    assert "frames have no depth" in notes
    assert "HandMotionViewer" in notes
    with pytest.raises(DatasetError, match=r"no .*Model_Object_\*\.OFF; get it from"):
        hic(there, "train", models=tmp_path / "none")
    for file in (there / FITS / fits_name("20", HandSide.RIGHT)).iterdir():
        file.unlink()
    (there / FITS / fits_name("20", HandSide.RIGHT)).rmdir()
    with pytest.raises(DatasetError, match=r"made of sequences 15 and 20.*split 'all'"):
        hic(there, "train")


def test_cross_branch_learns_from_its_frames_as_its_configuration_says(
    folder: Path, mano: str
) -> None:
    config = load_training_config(CONFIGURATIONS / "cross_branch_hic.yaml")
    choice, validation = config.data.dataset, config.data.validation_dataset
    assert choice is not None
    assert validation is not None
    assert (choice.name, choice.split, validation.split) == ("hic", "train", "test")
    method = build_method("cross_branch", {**config.method_options, "image_size": 64})
    records = [
        record for frame in hic(folder, "train").read("15") for record in method.records(frame)
    ]
    assert len(records) == AWAY
    assert records[0][1]["vertices_m"].shape == (778, 3)


@pytest.mark.parametrize("configuration", ["cross_branch_hic"])
def test_its_shipped_trainings_run_on_it(
    configuration: str,
    folder: Path,
    mano: str,
    train_as_configured: Callable[..., dict[str, float]],
) -> None:
    assert np.isfinite(list(train_as_configured(configuration, folder).values())).any()
