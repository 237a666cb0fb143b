"""H2O-3D as its authors publish it: HO-3D's format with two hands of one shape."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_recon.core.annotation import AnnotatedFrame, HandAnnotation, MaskLabel
from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.checking import check_split
from hand_object_recon.datasets.choice import DatasetChoice
from hand_object_recon.datasets.h2o3d import H2O3D
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model

FilmBoth = Callable[[int], list[AnnotatedFrame]]
WriteModel = Callable[[Path, str, AnnotatedFrame], None]
CopyOf = Callable[[Path], Path]

FLIP = np.diag([1.0, -1.0, -1.0])
OBJECT = "003_cracker_box"
SEQUENCE = "SPH1050"
SIDES = (HandSide.LEFT, HandSide.RIGHT)
LABELS = {HandSide.LEFT: MaskLabel.LEFT_HAND, HandSide.RIGHT: MaskLabel.RIGHT_HAND}
NATIVE_ORDER = [0, 5, 6, 7, 9, 10, 11, 17, 18, 19, 13, 14, 15, 1, 2, 3, 4, 8, 12, 16, 20]
"""Of our joints: wrist, index, middle, pinky, ring, thumb, then tips from the thumb on."""

NOT_VALID = 14
"""Number of the frame whose left hand has a joint that is not valid."""


def h2o3d(folder: Path, split: str = "train", **chosen: Any) -> H2O3D:
    return H2O3D(DatasetChoice(name="h2o3d", path=folder, split=split, **chosen))


def hands_of(annotated: AnnotatedFrame) -> dict[HandSide, HandAnnotation]:
    return {hand.side: hand for hand in annotated.truth.hands}


def shape_of_both(annotated: AnnotatedFrame) -> np.ndarray:
    return np.asarray(hands_of(annotated)[HandSide.RIGHT].shape, dtype=np.float64)


def hand_labels(side: HandSide, hand: HandAnnotation, shape: np.ndarray) -> dict[str, Any]:
    pose = np.asarray(hand.pose_rad, dtype=np.float64)
    turned = Rotation.from_matrix(FLIP) * Rotation.from_rotvec(pose[:3])
    model = load_hand_model("open_hand", side)
    rest = (model.rest_joints_m + model.joint_shapedirs @ shape)[0]
    posed = pose_hand(model, pose, shape, hand.joints_m[0] - rest)
    return {
        f"{side}HandJoints3D": (posed.joints_m @ FLIP)[NATIVE_ORDER],
        f"{side}HandPose": np.concatenate([turned.as_rotvec(), pose[3:]]),
        f"{side}HandTrans": FLIP @ posed.joints_m[0] - rest,
        f"jointValid{side.capitalize()}": np.ones(21),
    }


def labels(annotated: AnnotatedFrame, number: int, is_evaluation: bool) -> dict[str, Any]:
    thing, hands = annotated.truth.objects[0], hands_of(annotated)
    values: dict[str, Any] = {
        "camMat": annotated.frame.camera.matrix,
        "objName": OBJECT,
        "objRot": Rotation.from_matrix(FLIP @ thing.pose[:3, :3]).as_rotvec()[:, None],
        "objTrans": FLIP @ thing.pose[:3, 3],
        "objCorners3DRest": np.zeros((8, 3)),
    }
    if is_evaluation:
        wrists = {f"{side}HandJoints3D": FLIP @ hands[side].joints_m[0] for side in SIDES}
        return values | wrists
    shape = shape_of_both(annotated)
    for side in SIDES:
        values |= hand_labels(side, hands[side], shape)
    if number == NOT_VALID:
        values["jointValidLeft"][3] = 0
    return values | {"handBeta": shape}


def write_frame(
    folder: Path, number: int, annotated: AnnotatedFrame, colors: dict[MaskLabel, int]
) -> None:
    for name in ("rgb", "depth", "meta", "segr"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "rgb" / f"{number:04d}.jpg"), annotated.frame.rgb[..., ::-1])
    steps = np.round(np.nan_to_num(annotated.frame.depth_m) / 0.00012498664727900177).astype(int)
    packed = np.zeros((480, 640, 3), dtype=np.uint8)
    packed[..., 2], packed[..., 1] = steps % 256, steps // 256  # blue, green, red
    cv2.imwrite(str(folder / "depth" / f"{number:04d}.png"), packed)
    with (folder / "meta" / f"{number:04d}.pkl").open("wb") as file:
        pickle.dump(labels(annotated, number, "evaluation" in folder.parts), file, protocol=2)
    mask = np.asarray(annotated.truth.mask)[::2, ::2]
    rgb = np.zeros((*mask.shape, 3), dtype=np.uint8)
    for label, channel in colors.items():
        rgb[mask == label, channel] = 255
    cv2.imwrite(str(folder / "segr" / f"{number:04d}.png"), rgb[..., ::-1])


COLORS = {
    "left_red": {MaskLabel.OBJECT: 1, MaskLabel.LEFT_HAND: 0, MaskLabel.RIGHT_HAND: 2},
    "left_blue": {MaskLabel.OBJECT: 1, MaskLabel.LEFT_HAND: 2, MaskLabel.RIGHT_HAND: 0},
    "one_color": {MaskLabel.OBJECT: 1, MaskLabel.LEFT_HAND: 0, MaskLabel.RIGHT_HAND: 0},
}


def write_h2o3d(
    root: Path, frames: list[AnnotatedFrame], write_model: WriteModel, colors: str
) -> None:
    for split in ("train", "evaluation"):
        for number, annotated in enumerate(frames):
            write_frame(root / split / SEQUENCE, 7 * number, annotated, COLORS[colors])
        lines = [f"{SEQUENCE}/{7 * number:04d}\n" for number in range(len(frames))]
        (root / f"{split}.txt").write_text("".join(lines), encoding="utf-8")
    write_model(root / "models", OBJECT, frames[0])


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, film_both: FilmBoth, write_model: WriteModel
) -> Path:
    root = tmp_path_factory.mktemp("h2o3d")
    write_h2o3d(root, film_both(3), write_model, "left_blue")
    return root


def test_both_hands_and_the_object_are_read_back_as_filmed(
    folder: Path, film_both: FilmBoth, mano: str
) -> None:
    annotated, true = h2o3d(folder)[0], film_both(3)[0]
    filmed, shape = hands_of(true), shape_of_both(true)
    assert [hand.side for hand in annotated.truth.hands] == list(SIDES)
    for hand in annotated.truth.hands:
        model, one = load_hand_model("open_hand", hand.side), filmed[hand.side]
        rest = (model.rest_joints_m + model.joint_shapedirs @ shape)[0]
        posed = pose_hand(model, one.pose_rad, shape, one.joints_m[0] - rest)
        np.testing.assert_allclose(hand.joints_m, posed.joints_m, atol=1e-6)
        np.testing.assert_allclose(hand.vertices_m, posed.vertices_m, atol=2e-5)
        if hand.side is HandSide.RIGHT:  # the left one was filmed with a shape of its own
            assert hand.visible_share == pytest.approx(one.visible_share, abs=0.06)
    (thing,) = annotated.truth.objects
    np.testing.assert_allclose(thing.pose, true.truth.objects[0].pose, atol=1e-6)
    assert HandSide.RIGHT in thing.held_by
    np.testing.assert_allclose(annotated.frame.depth_m, true.frame.depth_m, atol=0.7e-4)


def test_without_mano_joints_lie_on_their_own_hand_and_poses_are_there(
    folder: Path, no_mano: None
) -> None:
    annotated = h2o3d(folder)[1]
    for hand in annotated.truth.hands:
        assert hand.vertices_m is None
        assert hand.pose_rad is not None
        assert (hand.joints_m[:, 2] > 0).all()
        shown = np.isin(annotated.truth.mask, (LABELS[hand.side], MaskLabel.OBJECT))
        near = cv2.dilate(np.uint8(shown), np.ones((9, 9)))
        columns, rows = np.rint(project(hand.joints_m, annotated.frame.camera)).astype(int).T
        assert near[rows, columns].sum() >= 19, hand.side


@pytest.mark.parametrize("colors", COLORS)
def test_the_mask_tells_left_from_right_whatever_its_colors(
    colors: str,
    tmp_path: Path,
    film_both: FilmBoth,
    write_model: WriteModel,
    no_mano: None,
) -> None:
    write_h2o3d(tmp_path, film_both(3), write_model, colors)
    mask = h2o3d(tmp_path)[0].truth.mask
    halved = np.asarray(film_both(3)[0].truth.mask)[::2, ::2]
    true = halved.repeat(2, axis=0).repeat(2, axis=1)
    for label in (*LABELS.values(), MaskLabel.OBJECT):
        ours, filmed = mask == label, true == label
        least = 0.8 if colors == "one_color" else 0.999
        assert (ours & filmed).sum() / (ours | filmed).sum() > least, label


def test_a_hand_with_a_joint_that_is_not_valid_is_left_out(folder: Path, mano: str) -> None:
    (hand,) = h2o3d(folder)[2].truth.hands
    assert hand.side is HandSide.RIGHT


def test_the_evaluation_has_no_true_hands_and_says_so(folder: Path, mano: str) -> None:
    dataset = h2o3d(folder, "evaluation")
    assert dataset[0].truth.hands == ()
    assert dataset[0].truth.mask is None
    assert len(dataset[0].truth.objects) == 1
    assert any("hold wrists alone" in note for note in dataset.notes())


def test_published_sizes_are_in_the_card() -> None:
    splits = H2O3D.card.splits
    assert splits["train"].frames[0] + splits["evaluation"].frames[0] == 76_340
    assert splits["train"].frames == (60_998,)
    assert (splits["train"].sequences, splits["evaluation"].sequences) == (69, 16)


def with_labels(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        values = pickle.loads(file.read_bytes())
        change(values)
        file.unlink()  # it is a link to the whole copy's
        file.write_bytes(pickle.dumps(values, protocol=2))

    return damage


META = f"train/{SEQUENCE}/meta/0007.pkl"


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        (META, Path.unlink, "0007.pkl is missing"),
        (META, with_labels(lambda values: values.pop("camMat")), "0007.pkl lacks camMat"),
        (
            META,
            with_labels(lambda values: values.update(leftHandJoints3D=np.zeros(3))),
            r"leftHandJoints3D is float64 of shape \(3,\)",
        ),
        (
            META,
            with_labels(
                lambda values: values.update(rightHandJoints3D=values["rightHandJoints3D"] @ FLIP)
            ),
            "fewer than 11 of the right hand's joints are in the image",
        ),
        (f"train/{SEQUENCE}/depth/0007.png", Path.unlink, "depth/0007.png is missing"),
    ],
    ids=range(5),
)
def test_a_damaged_copy_is_diagnosed_in_words(
    name: str,
    damage: Callable[[Path], None],
    message: str,
    folder: Path,
    copy_of: CopyOf,
    mano: str,
) -> None:
    broken = copy_of(folder)
    damage(broken / name)
    found = check_split(DatasetChoice(name="h2o3d", path=broken, split="train"), None)
    problems = "\n".join(finding.text for finding in found.findings if finding.is_problem)
    assert re.search(message, problems), problems


@pytest.mark.parametrize("configuration", ["pdfnet_h2o3d"])
def test_its_shipped_trainings_run_on_it(
    configuration: str,
    folder: Path,
    mano: str,
    train_as_configured: Callable[..., dict[str, float]],
) -> None:
    assert np.isfinite(list(train_as_configured(configuration, folder).values())).any()
