"""DexYCB as its toolkit publishes it: labels lie on the images, setups have their sequences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.annotation import AnnotatedFrame, MaskLabel
from hand_object_recon.core.errors import DatasetError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets import visibility
from hand_object_recon.datasets.base import Dataset
from hand_object_recon.datasets.choice import DatasetChoice
from hand_object_recon.datasets.dexycb_splits import SETUPS
from hand_object_recon.datasets.registry import dataset_class
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.vertex_labels import vertex_labels

FIRST = "20200709-subject-01_20200709_140000_836212060125"
Film = Callable[[HandSide, int], list[AnnotatedFrame]]


def dexycb(folder: Path, split: str = "s0_train", **chosen: Any) -> Dataset:
    choice = DatasetChoice(name="dexycb", path=folder, split=split, **chosen)
    return dataset_class("dexycb")(choice)


@pytest.mark.parametrize("setup", ["s0", "s1", "s2", "s3"])
def test_the_parts_of_a_setup_share_no_video_and_have_all_8000_together(setup: str) -> None:
    videos = [
        {
            (subject, serial, rank)
            for subject in s.subjects
            for serial in s.serials
            for rank in s.sequences
        }
        for s in (SETUPS[f"{setup}_{part}"] for part in ("train", "val", "test"))
    ]
    assert len(set.union(*videos)) == sum(map(len, videos)) == 10 * 8 * 100


def test_setups_are_as_large_as_their_rules_say() -> None:
    counted = {name: setup.videos for name, setup in SETUPS.items()}
    assert counted == {
        **{"s0_train": 10 * 8 * 80, "s0_val": 2 * 8 * 20, "s0_test": 8 * 8 * 20},
        **{"s1_train": 7 * 8 * 100, "s1_val": 8 * 100, "s1_test": 2 * 8 * 100},
        **{"s2_train": 10 * 6 * 100, "s2_val": 10 * 100, "s2_test": 10 * 100},
        **{"s3_train": 10 * 8 * 75, "s3_val": 10 * 8 * 10, "s3_test": 10 * 8 * 15},
    }


def test_frames_are_numbered_as_in_the_toolkit(dexycb_folder: Path, no_mano: None) -> None:
    dataset = dexycb(dexycb_folder)
    assert len(dataset) == 8 * 3
    assert [tuple(dataset.place(index)) for index in (0, 2, 3)] == [(0, 0), (0, 2), (1, 0)]
    assert len(dexycb(dexycb_folder, "s0_val")) == 8 * 3
    assert len(dexycb(dexycb_folder, "s0_test")) == 0
    assert len(dexycb(dexycb_folder, "s2_test")) == 2 * 3  # one camera, both sequences


def test_joints_lie_on_the_rendered_hand_without_mano(dexycb_folder: Path, no_mano: None) -> None:
    dataset = dexycb(dexycb_folder)
    annotated = dataset[0]
    hand, frame = annotated.truth.hands[0], annotated.frame
    assert hand.vertices_m is None
    assert hand.pose_rad is None
    assert "MANO_RIGHT.pkl" in dataset.notes()[0]
    columns, rows = np.rint(project(hand.joints_m, frame.camera)).astype(int).T
    near = [
        (
            np.asarray(annotated.truth.mask)[row - 4 : row + 5, column - 4 : column + 5]
            == MaskLabel.RIGHT_HAND
        ).any()
        for row, column in zip(rows, columns, strict=True)
    ]
    assert sum(near) >= 19


@pytest.mark.parametrize(("side", "split"), [("right", "s0_train"), ("left", "s0_val")])
def test_what_was_filmed_is_read_back(
    side: str, split: str, dexycb_folder: Path, film: Film, mano: str
) -> None:
    annotated = dexycb(dexycb_folder, split)[1]
    true = film(HandSide(side), 3)[1]
    hand, filmed = annotated.truth.hands[0], true.truth.hands[0]
    assert hand.side is HandSide(side)
    assert hand.topology == f"mano_{side}"
    np.testing.assert_allclose(hand.joints_m, filmed.joints_m, atol=1e-6)
    np.testing.assert_allclose(hand.vertices_m, filmed.vertices_m, atol=2e-5)
    np.testing.assert_allclose(hand.pose_rad, filmed.pose_rad, atol=1e-4)
    np.testing.assert_array_equal(hand.finger_occluded, filmed.finger_occluded)
    assert hand.visible_share == pytest.approx(filmed.visible_share, abs=0.03)
    assert (hand.joint_visible == filmed.joint_visible).mean() > 0.9
    mask = np.asarray(annotated.truth.mask)
    for label in (MaskLabel.LEFT_HAND, MaskLabel.RIGHT_HAND, MaskLabel.OBJECT):
        np.testing.assert_array_equal(mask == label, true.truth.mask == label)


def test_depth_is_metric_and_agrees_with_the_mesh(dexycb_folder: Path, mano: str) -> None:
    annotated = dexycb(dexycb_folder)[0]
    hand, frame = annotated.truth.hands[0], annotated.frame
    assert not (frame.depth_m == 0).any()
    columns, rows = np.rint(project(hand.joints_m, frame.camera)).astype(int).T
    seen = np.asarray(hand.joint_visible)
    skin_m = frame.depth_m[rows, columns][seen]
    behind_m = hand.joints_m[seen, 2] - skin_m
    assert np.nanmedian(behind_m) == pytest.approx(0.008, abs=0.008)


def test_the_grasped_object_has_its_mesh_and_holder(
    dexycb_folder: Path, film: Film, mano: str
) -> None:
    annotated = dexycb(dexycb_folder)[0]
    (thing,) = annotated.truth.objects  # the other one has no pose in this frame
    (filmed,) = film(HandSide.RIGHT, 3)[0].truth.objects
    assert thing.name == "003_cracker_box"
    np.testing.assert_allclose(thing.pose, filmed.pose, atol=1e-6)
    np.testing.assert_allclose(
        np.sort(thing.vertices_m, axis=0), np.sort(filmed.vertices_m, axis=0), atol=1e-6
    )
    assert thing.held_by == {HandSide.RIGHT}


def test_a_frame_without_annotation_has_no_hand(dexycb_folder: Path, mano: str) -> None:
    dataset = dexycb(dexycb_folder, "s0_val")
    assert [len(dataset[index].truth.hands) for index in range(3)] == [1, 1, 0]


def test_frames_can_be_chosen_by_side_and_step(dexycb_folder: Path, no_mano: None) -> None:
    both = dexycb(dexycb_folder, "all")
    right = dexycb(dexycb_folder, "all", side="right")
    assert len(both.sequences) == 16
    assert right.sequences == both.sequences[:8]
    thinned = dexycb(dexycb_folder, "all", every=2, sequences=(FIRST,))
    assert [thinned.place(index).number for index in range(len(thinned))] == [0, 2]
    stamps = [annotated.frame.stamp_ns for annotated in thinned.read(FIRST)]
    assert np.diff(stamps) == pytest.approx(2 / 30 * 1e9, abs=1)


def test_a_part_copy_is_refused_by_setup_and_read_as_all(
    dexycb_folder: Path, copy_of: Callable[[Path], Path], no_mano: None
) -> None:
    folder = copy_of(dexycb_folder)
    session = folder / "20201022-subject-10" / "20200709_140099"
    (session / "meta.yml").unlink()
    session.rmdir()
    with pytest.raises(DatasetError, match=r"subject-10 has 99 of 100 sequences.*split 'all'"):
        dexycb(folder)
    assert len(dexycb(folder, "all")) == 2 * 8 * 3


def test_missing_models_are_said_and_joints_are_there(
    dexycb_folder: Path, tmp_path: Path, no_mano: None
) -> None:
    dataset = dexycb(dexycb_folder, models=tmp_path)
    assert any("2 of 2 objects have no mesh" in note for note in dataset.notes())
    assert dataset[0].truth.objects == ()
    assert len(dataset[0].truth.hands) == 1


@pytest.mark.parametrize(
    "configuration", ["gsdf_dexycb", "h2onet_multi_dexycb", "intra_inter_graph_dexycb"]
)
def test_its_shipped_trainings_run_on_it(
    configuration: str,
    dexycb_folder: Path,
    mano: str,
    train_as_configured: Callable[..., dict[str, float]],
) -> None:
    side = {"side": "right"} if configuration == "gsdf_dexycb" else {}
    validation = "s0_train" if side else "s0_val"
    scores = train_as_configured(configuration, dexycb_folder, validation=validation, **side)
    assert np.isfinite(list(scores.values())).any()


@pytest.mark.parametrize(("rule", "expected"), [("code", [1, 0, 1]), ("paper", [1, 0, 0])])
def test_fingers_are_occluded_by_the_rule_that_is_asked_for(
    rule: str,
    expected: list[int],
    dexycb_folder: Path,
    mano: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The thumb wholly hidden, the index wholly seen; of the middle finger 50 hidden and fewer
    than 30 seen."""
    labels = vertex_labels(load_hand_model("open_hand", HandSide.RIGHT)).part
    thumb, index, middle = (np.flatnonzero(labels == part) for part in range(3))
    seen = np.zeros(len(labels), bool)
    seen[index] = True
    seen[middle[50:]] = True
    assert len(thumb) > 50
    assert 0 < len(middle[50:]) < 30
    monkeypatch.setattr(
        visibility._Drawn,
        "is_seen",
        lambda self, points, *_: seen if len(points) == len(seen) else np.ones(len(points), bool),
    )
    hand = dexycb(dexycb_folder, finger_rule=rule)[0].truth.hands[0]
    assert np.asarray(hand.finger_occluded)[:3].tolist() == [bool(one) for one in expected]
