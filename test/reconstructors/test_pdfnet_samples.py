"""What the network is trained on is true of what it is shown, in turned and mirrored frames too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from hand_object_recon.core.annotation import (
    AnnotatedFrame,
    FrameAnnotation,
    HandAnnotation,
    MaskLabel,
)
from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.augmentation import CropChange
from hand_object_recon.networks.depth_faults import DepthFaults
from hand_object_recon.networks.stored_depth import DEPTH_UNIT_M
from hand_object_recon.networks.trainable import Record
from hand_object_recon.reconstructors.pdfnet.batch_truth import TruePoser
from hand_object_recon.reconstructors.pdfnet.conventions import SIDES
from hand_object_recon.reconstructors.pdfnet.frame_change import FrameChange, draw_frame_change
from hand_object_recon.reconstructors.pdfnet.options import PDFNetOptions, View
from hand_object_recon.reconstructors.pdfnet.samples import (
    frame_records,
    network_sample,
)
from hand_object_recon.reconstructors.pdfnet.square_image import SquareImage

CAMERA = CameraIntrinsics(320, 240, 300.0, 309.0, 150.0, 125.0)
KEPT_SIZE = 240
OPTIONS = PDFNetOptions(image_size=192, points=256, neighbours=16, kept_size=KEPT_SIZE)
PLACES_M = {HandSide.LEFT: (-0.10, 0.02, 0.55), HandSide.RIGHT: (0.09, -0.05, 0.45)}
LABELS = {HandSide.LEFT: MaskLabel.LEFT_HAND, HandSide.RIGHT: MaskLabel.RIGHT_HAND}
TURN_RAD = 0.6

ABOUT_HANDS = OPTIONS.model_copy(update={"view": View.HANDS, "view_enlargement": 2.4})
PLAIN = FrameChange()
TURNED = FrameChange(CropChange(turn_rad=TURN_RAD))
MIRRORED = FrameChange(is_mirrored=True)
ALL = FrameChange(CropChange((0.04, -0.03), 0.9, -0.8, (1.1, 0.9, 1.0)), is_mirrored=True)
CHANGES = {"plain": PLAIN, "turned": TURNED, "mirrored": MIRRORED, "all": ALL}

Arrays = dict[str, NDArray[Any]]


class Painted(NamedTuple):
    """A frame's depth and mask, drawn triangle by triangle."""

    depth_m: NDArray[np.float32]
    mask: NDArray[np.uint8]


def true_hand(side: HandSide) -> HandAnnotation:
    random = np.random.default_rng(5 if side is HandSide.LEFT else 6)
    pose = np.float32(np.concatenate([[1.2, 0.4, -0.3], random.normal(0.0, 0.15, 45)]))
    shape = np.linspace(-0.5, 0.5, 10, dtype=np.float32)
    at_m = np.float32(PLACES_M[side])
    model = load_hand_model("open_hand", side)
    posed = pose_hand(model, pose, shape, at_m)
    return HandAnnotation(
        side,
        posed.joints_m,
        posed.vertices_m,
        model.topology.name,
        pose_rad=pose,
        shape=shape,
        translation_m=at_m,
    )


def painted(hands: list[HandAnnotation], camera: CameraIntrinsics) -> Painted:
    depth = np.full((camera.height, camera.width), 1.5, dtype=np.float32)
    mask = np.zeros((camera.height, camera.width), dtype=np.uint8)
    for hand in hands:
        assert hand.vertices_m is not None
        pixels = np.rint(project(hand.vertices_m.astype(float), camera)).astype(np.int32)
        faces = load_hand_model("open_hand", hand.side).faces
        far_first = np.argsort(-hand.vertices_m[faces, 2].mean(axis=1))
        for face in faces[far_first]:
            z_m = float(hand.vertices_m[face, 2].mean())
            cv2.fillConvexPoly(depth, pixels[face], z_m)
            cv2.fillConvexPoly(mask, pixels[face], int(LABELS[hand.side]))
    return Painted(depth, mask)


def frame_of(
    sides: list[HandSide], camera: CameraIntrinsics = CAMERA, **changed: Any
) -> AnnotatedFrame:
    hands = [true_hand(side) for side in sides]
    depth_m, mask = painted(hands, camera)
    noise = np.random.default_rng(2).integers(0, 256, (*mask.shape, 3), dtype=np.uint8)
    rgb = np.asarray(cv2.GaussianBlur(noise, (0, 0), 3.0), dtype=np.uint8)
    truth = FrameAnnotation(7, tuple(replace(hand, **changed) for hand in hands), mask=mask)
    return AnnotatedFrame(RgbdFrame(rgb, depth_m, camera, 7, "camera"), truth, "take")


def record_of(frame: AnnotatedFrame, options: PDFNetOptions = OPTIONS) -> Record:
    (record,) = frame_records(frame, "open_hand", options)
    return record


@pytest.fixture(scope="module")
def record() -> Record:
    return record_of(frame_of([HandSide.LEFT, HandSide.RIGHT]))


@pytest.fixture(scope="module")
def poser() -> TruePoser:
    return TruePoser("open_hand")


def sample_of(
    record: Record, change: FrameChange = PLAIN, options: PDFNetOptions = OPTIONS
) -> Arrays:
    return network_sample(record, change, options, None)


def true_vertices_m(sample: Arrays, poser: TruePoser) -> NDArray[np.float64]:
    """(2, V, 3) in camera axes."""
    truth = poser.truth_of({name: torch.from_numpy(value)[None] for name, value in sample.items()})
    return (truth.vertices + truth.roots_m[:, :, None])[0].double().numpy()


def pixels_of(points_m: NDArray[Any], sample: Arrays) -> NDArray[np.float64]:
    rays = points_m @ sample["camera"].astype(float).T
    return np.asarray(rays[..., :2] / rays[..., 2:])


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_true_hands_project_onto_their_masks(
    record: Record, poser: TruePoser, change: FrameChange
) -> None:
    require_hands_on_masks(sample_of(record, change), poser)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_true_hands_project_onto_their_masks_in_the_square_about_hands_too(
    poser: TruePoser, change: FrameChange
) -> None:
    frame = frame_of([HandSide.LEFT, HandSide.RIGHT])
    sample = sample_of(record_of(frame, ABOUT_HANDS), change, ABOUT_HANDS)
    require_hands_on_masks(sample, poser)
    pixels = pixels_of(sample["joints_m"], sample).reshape(-1, 2)
    edge = np.ptp(pixels, axis=0).max()
    if change is PLAIN:
        assert edge == pytest.approx(ABOUT_HANDS.image_size / 2.4, rel=0.04)  # pixels become square
        middle = (pixels.min(axis=0) + pixels.max(axis=0)) / 2
        np.testing.assert_allclose(middle, (ABOUT_HANDS.image_size - 1) / 2, atol=0.5)


def test_a_frame_without_hands_is_kept_whole() -> None:
    empty = frame_of([])
    records = [record_of(empty, options) for options in (OPTIONS, ABOUT_HANDS)]
    np.testing.assert_array_equal(records[0]["camera"], records[1]["camera"])


def require_hands_on_masks(sample: Arrays, poser: TruePoser) -> None:
    assert sample["is_present"].tolist() == [True, True]
    hands = cv2.dilate(sample["masks"].max(axis=0), np.ones((3, 3), np.uint8))
    for vertices_m, mask in zip(true_vertices_m(sample, poser), sample["masks"], strict=True):
        x, y = np.rint(pixels_of(vertices_m, sample)).astype(int).T
        assert hands[y, x].mean() > 0.99
        assert mask[y, x].mean() > 0.7  # the right hand covers some of the left one
        drawn = np.zeros_like(mask)
        drawn[y, x] = 1
        drawn = cv2.dilate(drawn, np.ones((9, 9), np.uint8))
        assert drawn[mask > 0].mean() > 0.99


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_points_of_the_depth_lie_on_the_surface_of_the_true_hand(
    record: Record, poser: TruePoser, change: FrameChange
) -> None:
    sample = sample_of(record, change)
    assert sample["is_enough"].all()
    for vertices_m, cloud_m in zip(true_vertices_m(sample, poser), sample["cloud_m"], strict=True):
        gaps_m, _ = cKDTree(vertices_m).query(cloud_m)
        assert np.median(gaps_m) < 0.004  # vertices are millimetres apart
        assert np.quantile(gaps_m, 0.95) < 0.008


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_the_posed_truth_has_the_true_joints(
    record: Record, poser: TruePoser, change: FrameChange
) -> None:
    sample = sample_of(record, change)
    vertices_m = true_vertices_m(sample, poser)
    for hand, side in enumerate(SIDES):
        regressor = load_hand_model("open_hand", side).joint_regressor
        wrist_m = regressor[0] @ vertices_m[hand]
        np.testing.assert_allclose(wrist_m, sample["joints_m"][hand, 0], atol=1e-4)


def test_a_turn_turns_hands_about_the_optical_axis(record: Record) -> None:
    still, turned = sample_of(record), sample_of(record, TURNED)
    oracle = Rotation.from_euler("z", TURN_RAD).as_matrix()
    np.testing.assert_allclose(turned["joints_m"], still["joints_m"] @ oracle.T, atol=1e-6)
    middle = (OPTIONS.image_size - 1) / 2
    about = pixels_of(still["joints_m"], still) - middle
    expected = about @ oracle[:2, :2].T + middle
    np.testing.assert_allclose(pixels_of(turned["joints_m"], turned), expected, atol=1e-3)
    np.testing.assert_allclose(turned["camera"][[0, 1], [1, 0]], 0.0, atol=1e-4)
    assert turned["camera"][0, 0] == pytest.approx(turned["camera"][1, 1])


def test_a_mirror_image_swaps_left_and_right(record: Record) -> None:
    plain, mirrored = sample_of(record), sample_of(record, MIRRORED)
    swapped = plain["joints_m"][::-1] * np.array([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(mirrored["joints_m"], swapped, atol=1e-7)
    gap = mirrored["image"].astype(int) - plain["image"][..., ::-1]
    assert np.abs(gap).max() <= 2
    assert (mirrored["masks"] != plain["masks"][::-1, :, ::-1]).mean() < 0.002
    assert mirrored["depth_m"].max() == plain["depth_m"].max()


def test_a_plain_sample_is_what_the_plugin_sees() -> None:
    frame = frame_of([HandSide.LEFT], replace(CAMERA, fy=CAMERA.fx))
    sample, square = sample_of(record_of(frame)), SquareImage.of_frame(frame.frame, 192)
    np.testing.assert_allclose(sample["camera"], square.camera_matrix, atol=1e-4)
    gap = sample["image"].transpose(1, 2, 0).astype(int) - square.rgb
    assert np.abs(gap).mean() < 2.0
    depth_gap = np.abs(sample["depth_m"] - np.nan_to_num(square.depth_m))
    assert (depth_gap > 1e-3).mean() < 0.03  # an edge may fall on the next pixel


@pytest.mark.parametrize("side", HandSide)
def test_a_lone_hand_leaves_the_other_absent(side: HandSide) -> None:
    sample = sample_of(record_of(frame_of([side])))
    is_there = [side is HandSide.LEFT, side is HandSide.RIGHT]
    assert sample["is_present"].tolist() == is_there
    assert sample["is_enough"].tolist() == is_there
    assert [bool(mask.any()) for mask in sample["masks"]] == is_there


def test_a_frame_without_hands_is_learned_from_too() -> None:
    sample = sample_of(record_of(frame_of([])))
    assert not sample["is_present"].any()
    assert not sample["masks"].any()
    assert all(np.isfinite(values).all() for values in sample.values())


def test_a_hand_that_a_change_moves_out_of_the_picture_is_absent(record: Record) -> None:
    far_left = FrameChange(CropChange(shift=(0.45, 0.0)))
    sample = sample_of(record, far_left)
    assert sample["is_present"].tolist() == [False, True]


def test_the_center_is_the_cell_in_the_middle_of_the_joints(record: Record) -> None:
    sample = sample_of(record, ALL)
    for hand in range(2):
        pixels = pixels_of(sample["joints_m"][hand], sample)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        row, column = divmod(int(sample["centers"][hand]), OPTIONS.image_size // 4)
        np.testing.assert_array_equal([column, row], np.floor((low + high) / 8))
        np.testing.assert_allclose(sample["extents"][hand], (high - low) / 4, rtol=1e-5)


def test_depth_is_kept_to_a_tenth_of_a_millimetre_and_what_is_unknown_is_zero() -> None:
    frame = frame_of([HandSide.LEFT], replace(CAMERA, width=240))
    depth_m = frame.frame.depth_m.copy()
    depth_m[:20], depth_m[20:30] = np.nan, 9.0
    frame = replace(frame, frame=replace(frame.frame, depth_m=depth_m))
    kept = record_of(frame)["depth"]
    assert not kept[:30].any()
    np.testing.assert_allclose(kept[30:] * DEPTH_UNIT_M, depth_m[30:], atol=0.51e-4)


def test_depth_faults_are_noise_everywhere_and_holes_on_hands(record: Record) -> None:
    plain = sample_of(record)
    change = FrameChange(depth_faults=DepthFaults(noise_m=0.002, holes=2))
    faulty = network_sample(record, change, OPTIONS, np.random.default_rng(1))
    is_hole = (faulty["depth_m"] == 0.0) & (plain["depth_m"] > 0.0)
    assert (plain["masks"].any(axis=0) & is_hole).any()
    assert is_hole.mean() < 0.03
    wall = plain["depth_m"] == 1.5
    noise_m = (faulty["depth_m"] - plain["depth_m"])[wall & ~is_hole]
    assert noise_m.std() == pytest.approx(0.002 * 9.0, rel=0.05)
    beyond = plain["depth_m"] == 0.0
    assert not faulty["depth_m"][beyond].any()


def test_changes_are_drawn_within_the_options() -> None:
    random = np.random.default_rng(0)
    options = PDFNetOptions(shift=0.1, scale=0.2, mirror_share=0.3, hole_share=0.4)
    drawn = [draw_frame_change(random, options) for _ in range(400)]
    assert np.mean([change.is_mirrored for change in drawn]) == pytest.approx(0.3, abs=0.07)
    assert np.mean([change.depth_faults.holes > 0 for change in drawn]) == pytest.approx(
        0.4, abs=0.07
    )
    assert max(change.image_noise for change in drawn) <= options.image_noise
    assert max(change.depth_faults.noise_m for change in drawn) <= options.depth_noise_m
    turns = np.abs([change.crop.turn_rad for change in drawn])
    assert np.deg2rad(45) < turns.max() <= np.deg2rad(60) + 1e-9


def test_frames_that_cannot_be_learned_from_are_left_out_or_refused() -> None:
    sides = [HandSide.LEFT, HandSide.RIGHT]
    untold = frame_of(sides, pose_rad=None)
    assert not list(frame_records(untold, "open_hand", OPTIONS))
    (by_joints,) = frame_records(untold, None, OPTIONS)
    assert by_joints["joints_m"].any(axis=(1, 2)).all()
    assert not by_joints["pose_rad"].any()
    with pytest.raises(InvalidValueError, match="hand_model"):
        record_of(frame_of(sides, topology="mano_left"))
    frame = frame_of(sides)
    with pytest.raises(InvalidValueError, match="no mask"):
        record_of(replace(frame, truth=replace(frame.truth, mask=None)))
