"""FreiHAND as its authors publish it: lists of JSON, images four times, colour alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hand_object_recon.core.annotation import AnnotatedFrame, MaskLabel
from hand_object_recon.core.errors import DatasetError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.base import Dataset
from hand_object_recon.datasets.choice import DatasetChoice
from hand_object_recon.datasets.registry import dataset_class
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.synthesis.output.settings import SampleSettings, SceneChoice
from hand_object_recon.training.synthetic_frames import frames_of_take

pytestmark = pytest.mark.usefixtures("own_cache")

COUNT = 3


def freihand(folder: Path, split: str = "training", **chosen: Any) -> Dataset:
    choice = DatasetChoice(name="freihand", path=folder, split=split, **chosen)
    return dataset_class("freihand")(choice)


@pytest.fixture(scope="module")
def photographs() -> list[AnnotatedFrame]:
    settings = SampleSettings("val", scene=SceneChoice.GRASP, image_size_px=224)
    frames = list(frames_of_take(settings, 0, COUNT, 0.5))
    assert all(frame.truth.hands[0].side is HandSide.RIGHT for frame in frames)
    return frames


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photographs: list[AnnotatedFrame]) -> Path:
    root = tmp_path_factory.mktemp("freihand")
    for split in ("training", "evaluation"):
        for name in ("rgb", "mask"):
            (root / split / name).mkdir(parents=True)
        versions = 4 if split == "training" else 1
        for number, annotated in enumerate(photographs):
            for version in range(versions):
                image = annotated.frame.rgb[..., ::-1] // (version + 1)
                name = f"{number + COUNT * version:08d}.jpg"
                cv2.imwrite(str(root / split / "rgb" / name), image)
            is_hand = np.asarray(annotated.truth.mask) == MaskLabel.RIGHT_HAND
            mask = (255 * is_hand[..., None]).repeat(3, axis=2).astype(np.uint8)
            cv2.imwrite(str(root / "training" / "mask" / f"{number:08d}.jpg"), mask)
        write_lists(root, split, photographs)
    for name in ("xyz", "verts", "mano"):
        (root / f"evaluation_{name}.json").unlink()
    return root


def write_lists(root: Path, split: str, frames: list[AnnotatedFrame]) -> None:
    hands = [frame.truth.hands[0] for frame in frames]
    mean = load_hand_model("open_hand", HandSide.RIGHT).hands_mean
    lists = {
        "K": [frame.frame.camera.matrix for frame in frames],
        "xyz": [hand.joints_m for hand in hands],
        "verts": [np.asarray(hand.vertices_m) for hand in hands],
        "mano": [
            np.concatenate(
                [np.asarray(hand.pose_rad) - np.r_[np.zeros(3), mean], hand.shape, np.zeros(3)]
            )[None]
            for hand in hands
        ],
    }
    for name, rows in lists.items():
        text = json.dumps([np.asarray(row).tolist() for row in rows])
        (root / f"{split}_{name}.json").write_text(text, encoding="utf-8")


def test_an_image_comes_before_four_backgrounds_with_one_truth(folder: Path, mano: str) -> None:
    every, first = freihand(folder), freihand(folder, "training_gs")
    assert (len(every), len(first)) == (4 * COUNT, COUNT)
    again = every[COUNT + 1]
    assert again.frame.rgb.mean() < 0.6 * first[1].frame.rgb.mean()
    np.testing.assert_array_equal(again.truth.hands[0].joints_m, first[1].truth.hands[0].joints_m)
    np.testing.assert_array_equal(np.asarray(again.truth.mask), np.asarray(first[1].truth.mask))


def test_what_was_filmed_is_read_back(
    folder: Path, photographs: list[AnnotatedFrame], mano: str
) -> None:
    annotated, true = freihand(folder)[1], photographs[1]
    hand, filmed = annotated.truth.hands[0], true.truth.hands[0]
    np.testing.assert_allclose(hand.joints_m, filmed.joints_m, atol=1e-6)
    np.testing.assert_allclose(hand.vertices_m, filmed.vertices_m, atol=1e-6)
    np.testing.assert_allclose(hand.pose_rad, filmed.pose_rad, atol=1e-5)
    np.testing.assert_allclose(hand.translation_m, filmed.translation_m, atol=1e-5)
    assert np.isnan(annotated.frame.depth_m).all()


def test_joints_and_mesh_need_no_mano_and_lie_on_the_hand(folder: Path, no_mano: None) -> None:
    dataset = freihand(folder)
    annotated = dataset[0]
    (hand,) = annotated.truth.hands
    assert hand.pose_rad is None
    assert hand.vertices_m is not None
    assert "no pose" in dataset.notes()[0]
    pixels = np.rint(project(hand.joints_m, annotated.frame.camera)).astype(int)
    inside = pixels[((pixels >= 0) & (pixels < 224)).all(axis=1)]
    mask = cv2.dilate(np.uint8(annotated.truth.mask == MaskLabel.RIGHT_HAND), np.ones((7, 7)))
    assert mask[inside[:, 1], inside[:, 0]].mean() > 0.85


def test_the_evaluation_is_readable_before_its_truth_is_there(folder: Path, mano: str) -> None:
    dataset = freihand(folder, "evaluation")
    assert len(dataset) == COUNT
    assert dataset[0].truth.hands == ()
    assert any("evaluation_xyz.json" in note for note in dataset.notes())


def test_lists_of_two_versions_are_refused(
    folder: Path, copy_of: Callable[[Path], Path], mano: str
) -> None:
    broken = copy_of(folder)
    file = broken / "training_xyz.json"
    rows = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()
    file.write_text(json.dumps(rows[:-1]), encoding="utf-8")
    with pytest.raises(DatasetError, match=r"training_xyz\.json has 2 rows and training_K\.json 3"):
        freihand(broken)[0]
