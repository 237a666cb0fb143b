"""RHD as its authors publish it: one pickle a split, tips first, depth in two channels."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from scipy.spatial import cKDTree

from hand_object_recon.core.annotation import AnnotatedFrame, MaskLabel
from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import DatasetError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.checking import check_split
from hand_object_recon.datasets.choice import DatasetChoice
from hand_object_recon.datasets.rhd import RHD, read_two_channel_depth
from hand_object_recon.geometry.projection import project
from hand_object_recon.synthesis.output.settings import SampleSettings, SceneChoice
from hand_object_recon.training.config import TrainingConfig
from hand_object_recon.training.engine import Training
from hand_object_recon.training.sample_store import SampleStore
from hand_object_recon.training.synthetic_frames import frames_of_take

pytestmark = pytest.mark.usefixtures("no_mano")

CopyOf = Callable[[Path], Path]

CONFIGURATION = Path(__file__).parents[2] / "config/train/pdfnet_rhd.yaml"
CAMERA = CameraIntrinsics(320, 320, 402.0, 401.0, 160.0, 158.5)
NUMBERS = (0, 3, 1002)
SIDES = (HandSide.LEFT, HandSide.RIGHT)
LABELS = (MaskLabel.LEFT_HAND, MaskLabel.RIGHT_HAND)
TIPS_FIRST = [0, 4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9, 16, 15, 14, 13, 20, 19, 18, 17]
PERSON, PALM = 1, 15


@pytest.fixture(scope="module")
def filmed() -> list[AnnotatedFrame]:
    settings = SampleSettings(
        "val", scene=SceneChoice.HAND_OVER, hands=2, image_size_px=None, camera=CAMERA
    )
    return list(frames_of_take(settings, 0, len(NUMBERS), 0.3))


def rhd(folder: Path, split: str = "training", **chosen: Any) -> RHD:
    return RHD(DatasetChoice(name="rhd", path=folder, split=split, **chosen))


def part_classes(annotated: AnnotatedFrame) -> np.ndarray:
    """Of each pixel: 1 for arms, and of hands the part whose joint is nearest."""
    mask = np.asarray(annotated.truth.mask)
    classes = np.where(mask == MaskLabel.ARM, PERSON, 0).astype(np.uint8)
    part_of_joint = np.array(
        [PALM] + [3 * finger + part for finger in range(5) for part in (2, 2, 1, 0)]
    )
    hands = {hand.side: hand for hand in annotated.truth.hands}
    for number, side in enumerate(SIDES):
        rows, columns = np.nonzero(mask == LABELS[number])
        tree = cKDTree(project(hands[side].joints_m, CAMERA))
        nearest = tree.query(np.column_stack([columns, rows]))[1]
        classes[rows, columns] = 2 + 16 * number + part_of_joint[nearest]
    return classes


def write_rhd(folder: Path, frames: list[AnnotatedFrame]) -> None:
    for kind in ("color", "depth", "mask"):
        (folder / kind).mkdir(parents=True)
    labels = {}
    for number, annotated in zip(NUMBERS, frames, strict=True):
        file = f"{number:05d}.png"
        cv2.imwrite(str(folder / "color" / file), annotated.frame.rgb[..., ::-1])
        depth_m = np.nan_to_num(annotated.frame.depth_m, nan=5.0)
        steps = np.round(depth_m / 5.0 * (2**16 - 1)).astype(int)
        blue = np.zeros_like(steps)
        packed = np.dstack([blue, steps % 256, steps // 256]).astype(np.uint8)  # red comes last
        cv2.imwrite(str(folder / "depth" / file), packed)
        cv2.imwrite(str(folder / "mask" / file), part_classes(annotated))
        labels[number] = image_labels(annotated)
    with (folder / f"anno_{folder.name}.pickle").open("wb") as opened:
        pickle.dump(labels, opened, protocol=2)


def image_labels(annotated: AnnotatedFrame) -> dict[str, np.ndarray]:
    hands = {hand.side: hand for hand in annotated.truth.hands}
    xyz = np.concatenate([hands[side].joints_m[TIPS_FIRST] for side in SIDES]).astype(float)
    seen = np.concatenate([hands[side].joint_visible[TIPS_FIRST] for side in SIDES])
    pixels = xyz @ CAMERA.matrix.T
    uv_vis = np.column_stack([pixels[:, :2] / pixels[:, 2:], seen])
    return {"xyz": xyz, "uv_vis": uv_vis, "K": CAMERA.matrix.astype(np.float32)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, filmed: list[AnnotatedFrame]) -> Path:
    root = tmp_path_factory.mktemp("RHD_published_v2")
    write_rhd(root / "training", filmed)
    return root


def test_both_hands_are_read_back_in_our_order(folder: Path, filmed: list[AnnotatedFrame]) -> None:
    annotated, true = rhd(folder)[1], filmed[1]
    assert annotated.frame.camera == true.frame.camera
    filmed_hands = {hand.side: hand for hand in true.truth.hands}
    assert [hand.side for hand in annotated.truth.hands] == list(SIDES)
    for hand in annotated.truth.hands:
        np.testing.assert_allclose(hand.joints_m, filmed_hands[hand.side].joints_m, atol=1e-6)
        np.testing.assert_array_equal(hand.joint_visible, filmed_hands[hand.side].joint_visible)
        assert hand.vertices_m is None
        assert hand.pose_rad is None


def test_joints_lie_on_the_side_of_the_mask_that_they_are_of(
    folder: Path, filmed: list[AnnotatedFrame]
) -> None:
    annotated = rhd(folder)[0]
    for number, hand in enumerate(annotated.truth.hands):
        near = cv2.dilate(np.uint8(annotated.truth.mask == LABELS[number]), np.ones((5, 5)))
        columns, rows = np.rint(project(hand.joints_m, CAMERA)).astype(int).T
        assert near[rows, columns][hand.joint_visible].mean() > 0.9
    for label in LABELS:
        np.testing.assert_array_equal(annotated.truth.mask == label, filmed[0].truth.mask == label)
    assert set(np.unique(annotated.truth.mask)) == {MaskLabel.BACKGROUND, *LABELS}


def test_depth_is_unpacked_to_a_thirteenth_of_a_millimetre(
    folder: Path, filmed: list[AnnotatedFrame]
) -> None:
    depth_m, filmed_m = rhd(folder)[2].frame.depth_m, filmed[2].frame.depth_m
    np.testing.assert_array_equal(np.isnan(depth_m), np.isnan(filmed_m))
    np.testing.assert_allclose(depth_m, filmed_m, atol=0.5e-4)


def test_the_high_byte_is_red_and_the_farthest_is_no_depth(tmp_path: Path) -> None:
    packed = np.zeros((1, 3, 3), dtype=np.uint8)
    packed[0, 0] = (9, 20, 12)  # blue, green, red
    packed[0, 1] = (0, 255, 255)
    cv2.imwrite(str(tmp_path / "depth.png"), packed)
    depth_m = read_two_channel_depth(tmp_path / "depth.png")
    assert depth_m[0, 0] == pytest.approx((12 * 256 + 20) / 65535 * 5.0)
    assert np.isnan(depth_m[0, 1:]).all()


def test_a_hand_that_the_mask_does_not_show_is_left_out(folder: Path, copy_of: CopyOf) -> None:
    file = copy_of(folder) / "training" / "mask" / "00000.png"
    parts = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    file.unlink()
    cv2.imwrite(str(file), np.where(parts < 18, 0, parts))
    (hand,) = rhd(file.parents[2])[0].truth.hands
    assert hand.side is HandSide.RIGHT


def test_images_are_in_the_order_of_their_numbers_and_alone(folder: Path) -> None:
    dataset = rhd(folder)
    assert [dataset.place(index).number for index in range(len(dataset))] == list(NUMBERS)
    assert dataset.sequences == ("training_00000", "training_01000")
    assert not dataset.card.is_video
    assert dataset.notes() == ()


def test_published_sizes_are_compared_with(folder: Path) -> None:
    assert RHD.card.splits["training"].frames == (41_258,)
    assert RHD.card.splits["evaluation"].frames == (2_728,)
    found = check_split(DatasetChoice(name="rhd", path=folder, split="training"), None)
    assert [finding.text for finding in found.findings] == [
        "split training has 3 frames here, 41258 are published; unpack or download it again what "
        "is missing, or take the version these numbers are of"
    ]
    assert (found.read, found.with_hand, found.with_mesh) == (3, 3, 0)


def rewrite(file: Path, data: bytes) -> None:
    file.unlink()  # it is a link to the whole copy's
    file.write_bytes(data)


def with_labels(change: Callable[[dict[int, Any]], None]) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        labels = pickle.loads(file.read_bytes())
        change(labels)
        rewrite(file, pickle.dumps(labels, protocol=2))

    return damage


def of_another_size(file: Path) -> None:
    rewrite(file, cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1].tobytes())


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("color/00003.png", Path.unlink, "color/00003.png is missing"),
        ("depth/00003.png", of_another_size, r"00003.png is of size \(64, 64\), its image \(320"),
        ("mask/00003.png", of_another_size, r"00003.png is of size \(64, 64\), its image \(320"),
        ("anno_training.pickle", Path.unlink, "anno_training.pickle is missing"),
        ("anno_training.pickle", lambda f: rewrite(f, b"cos\nsystem\n."), r"asks for os\.system"),
        (
            "anno_training.pickle",
            with_labels(lambda labels: labels[3].pop("K")),
            "anno_training.pickle: image 3 lacks K",
        ),
        (
            "anno_training.pickle",
            with_labels(lambda labels: labels[3].update(xyz=np.zeros((21, 3)))),
            r"xyz of image 3 is float64 of shape \(21, 3\)",
        ),
        (
            "anno_training.pickle",
            with_labels(lambda labels: labels[3].update(xyz=labels[3]["xyz"] + [5.0, 0.0, 0.0])),
            "00003.png: fewer than 1 of the left hand's joints are in the image",
        ),
    ],
    ids=range(8),
)
def test_a_damaged_copy_is_diagnosed_in_words(
    name: str, damage: Callable[[Path], None], message: str, folder: Path, copy_of: CopyOf
) -> None:
    broken = copy_of(folder)
    damage(broken / "training" / name)
    found = check_split(DatasetChoice(name="rhd", path=broken, split="training"), None)
    problems = "\n".join(finding.text for finding in found.findings if finding.is_problem)
    assert re.search(message, problems), problems


def test_a_pickle_of_something_else_is_refused(folder: Path, copy_of: CopyOf) -> None:
    broken = copy_of(folder)
    rewrite(broken / "training" / "anno_training.pickle", pickle.dumps({"camMat": 1}, protocol=2))
    with pytest.raises(DatasetError, match="where numbers of images are expected"):
        rhd(broken)


def test_pdfnet_learns_joints_alone_for_an_epoch(folder: Path, tmp_path: Path) -> None:
    settings = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    small = {"image_size": 96, "kept_size": 96, "trunk_layers": 18, "width": 16, "points": 64}
    settings["method_options"] |= {**small, "neighbours": 16}
    settings["stages"] = [{**settings["stages"][0], "epochs": 1.0}]
    settings |= {"batch_size": 2, "accelerator": "cpu", "loader_workers": 0, "threads": 1}
    for prefix, store in (("", "train"), ("validation_", "val")):
        settings["data"][f"{prefix}store"] = str(tmp_path / store)
        settings["data"][f"{prefix}dataset"] |= {"path": str(folder), "split": "training"}
    assert Training(TrainingConfig.model_validate(settings), tmp_path / "out").run()
    assert (tmp_path / "out" / "coarse.safetensors").is_file()
    record = SampleStore(tmp_path / "train").record(0)
    assert record["is_present"].all()
    assert not record["pose_rad"].any()
