"""Hands are placed and turned back, so that what the network answers ends in the camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import trimesh

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import (
    BoundingBox,
    HandDetection,
    HandEstimate,
    HandSide,
    TrackedHand,
)
from hand_object_recon.core.objects import GraspState, ObjectEstimate
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.geometry.signed_distance import unsigned_distances
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.grasp_views import OUTSIDE, TOO_SMALL
from hand_object_recon.networks.hand_estimates import NO_HAND
from hand_object_recon.pipeline.placement import MetricPlacement
from hand_object_recon.reconstructors.base import ReconstructorOutput
from hand_object_recon.reconstructors.gsdf.hand_frames import rest_keypoints
from hand_object_recon.reconstructors.gsdf.hand_placement import HandPlacement
from hand_object_recon.reconstructors.gsdf.hand_views import CropBatch, view_of_hand
from hand_object_recon.reconstructors.gsdf.options import GSDFOptions
from hand_object_recon.reconstructors.gsdf.reconstructor import GSDFReconstructor
from hand_object_recon.reconstructors.gsdf.relative_joints import RelativeJoints, wrist_z_by_size

Build = Callable[..., GSDFReconstructor]
MakeWeights = Callable[..., Path]
FrameAt = Callable[..., RgbdFrame]
HandAt = Callable[..., Any]
Show = Callable[..., None]
Knowing = Callable[..., Any]
HeldBox = Callable[..., Any]
Options = dict[str, Any]
InCamera = Callable[[ObjectEstimate], trimesh.Trimesh]


@pytest.mark.parametrize(
    ("side", "at_m", "has_depth"),
    [
        (HandSide.RIGHT, (-0.1, 0.04, 0.5), False),
        (HandSide.LEFT, (0.14, -0.02, 0.6), False),
        (HandSide.RIGHT, (0.15, 0.05, 0.7), True),
        (HandSide.LEFT, (-0.08, 0.03, 0.45), True),
    ],
)
def test_a_network_that_knows_the_truth_gives_hand_and_object_in_metres(
    build: Build,
    hand_at: HandAt,
    frame_at: FrameAt,
    show: Show,
    held_box: HeldBox,
    in_camera: InCamera,
    weights: Path,
    side: HandSide,
    at_m: tuple[float, ...],
    has_depth: bool,
) -> None:
    hand = hand_at(side, at_m, shape_sd=1.5 if has_depth else 0.0)
    box = held_box(hand, turn=axis_angle_to_matrix(np.ones(3) * 0.3))
    reconstructor = build(weights, mesh_cells=64)
    show(reconstructor, [hand], [box.distances], [hand.distances])
    frame = frame_at(depth_m=hand.painted_depth_m()) if has_depth else frame_at()
    output = reconstructor.reconstruct(frame, [hand.tracked()])
    (found,), (thing,) = output.hands, output.objects
    off_m = 0.004 if has_depth else 0.001
    np.testing.assert_allclose(found.joints_m, hand.joints_m, atol=off_m)
    np.testing.assert_allclose(found.wrist_pose[:3, :3], hand.posed.wrist_pose[:3, :3], atol=0.05)
    assert_is_surface_of_hand(found, hand, off_m)
    assert_is_box(thing, in_camera(thing), box, off_m)
    assert (thing.held_by, thing.state) == (1, GraspState.HELD)
    assert thing.score > 0.9


def assert_is_surface_of_hand(found: HandEstimate, hand: Any, off_m: float) -> None:
    assert found.topology == f"open_hand_{hand.side}"
    model_gaps = np.linalg.norm(found.vertices_m - hand.posed.vertices_m, axis=1)
    assert model_gaps.mean() < 0.003 + off_m
    surface = found.surface
    assert surface is not None
    body = trimesh.Trimesh(surface.vertices_m, surface.faces, process=False)
    assert body.is_watertight
    vertices, faces = hand.closed
    true = trimesh.Trimesh(vertices, faces, process=False)
    assert body.volume == pytest.approx(true.volume, rel=0.1)
    gaps = unsigned_distances(surface.vertices_m.astype(np.float64), vertices, faces)
    assert np.quantile(gaps, 0.95) < 0.002 + off_m
    agreement = np.einsum("vc,vc->v", surface.normals, body.vertex_normals)
    assert np.median(agreement) > 0.9


def assert_is_box(thing: ObjectEstimate, body: trimesh.Trimesh, box: Any, off_m: float) -> None:
    assert body.is_watertight
    assert body.volume == pytest.approx(box.volume_m3, rel=0.05)
    assert np.abs(box.distances(body.vertices)).max() < 0.004 + off_m
    np.testing.assert_allclose(thing.pose[:3, 3], box.center_m, atol=0.001 + off_m)


def test_a_hand_whose_size_misleads_is_put_where_the_depth_is(
    hand_at: HandAt, frame_at: FrameAt, knowing: Knowing, lite: Options
) -> None:
    """As of a hand whose joints the network sees too near each other."""
    hand = hand_at(HandSide.RIGHT, (0.0, 0.04, 0.5))
    true = knowing([hand]).joints[0]
    middle = true.slopes.mean(axis=0)
    joints = RelativeJoints(middle + 0.6 * (true.slopes - middle), true.beyond_wrist_m)
    frame = frame_at(depth_m=hand.painted_depth_m())
    view = view_of_hand(frame, hand.tracked(), GSDFOptions(**{**lite, "upright": False}))
    placement = HandPlacement("open_hand", turns=False)
    by_size = placement.place(frame_at(), view, joints)
    by_depth = placement.place(frame, view, joints)
    true_z_m = np.median(hand.joints_m[:, 2])
    assert np.median(by_size.joints_m[:, 2]) > true_z_m + 0.05
    assert np.median(by_depth.joints_m[:, 2]) == pytest.approx(true_z_m, abs=0.02)


@pytest.mark.parametrize("side", list(HandSide))
def test_a_hand_that_the_network_sees_turned_is_turned_onto_the_depth(
    hand_at: HandAt, frame_at: FrameAt, lite: Options, side: HandSide
) -> None:
    hand = hand_at(side, (0.0, 0.04, 0.5))
    frame = frame_at(depth_m=hand.painted_depth_m())
    view = view_of_hand(frame, hand.tracked(), GSDFOptions(**{**lite, "upright": False}))
    middle_m = hand.joints_m.mean(axis=0)
    turn = axis_angle_to_matrix(np.array([0.25, 0.1, 0.0]))
    wrong_m = (hand.joints_m - middle_m) @ turn.T + middle_m
    in_crop_m = wrong_m @ view.crop.axes.T
    joints = RelativeJoints.of_joints(in_crop_m, in_crop_m[0, 2])
    off_m = {}
    for turns in (False, True):
        placed = HandPlacement("open_hand", turns=turns).place(frame, view, joints)
        off_m[turns] = np.linalg.norm(placed.joints_m - hand.joints_m, axis=1).mean()
        fitted = np.linalg.norm(placed.posed.joints_m - placed.joints_m, axis=1).mean()
        assert fitted < 0.006, "the hand model goes with the joints"
        np.testing.assert_allclose(
            placed.joints_in_crop_m @ view.crop.axes, placed.joints_m, atol=1e-9
        )
        np.testing.assert_allclose(placed.wrist_m, placed.joints_in_crop_m[0], atol=1e-6)
    assert off_m[True] < 0.6 * off_m[False]


def test_crops_that_were_rolled_upright_are_rolled_back(
    build: Build,
    hand_at: HandAt,
    frame_at: FrameAt,
    knowing: Knowing,
    held_box: HeldBox,
    in_camera: InCamera,
    make_weights: MakeWeights,
) -> None:
    hand = hand_at(HandSide.LEFT, (-0.1, 0.04, 0.5))
    box = held_box(hand)
    sight = knowing([hand], [box.distances], [hand.distances])
    right, down, _ = (hand.joints_m / hand.joints_m[:, 2:] @ sight.axes[0].T).T
    up = np.arctan2(down[[5, 9, 13, 17]].mean() - down[0], right[[5, 9, 13, 17]].mean() - right[0])
    roll, _ = cv2.Rodrigues(np.array([0.0, 0.0, -np.pi / 2 - up]))
    assert abs(np.arctan2(roll[1, 0], roll[0, 0])) > 0.3
    sight.axes[0] = roll @ sight.axes[0]
    reconstructor = build(make_weights(upright=True))
    reconstructor._look = lambda batch: sight
    output = reconstructor.reconstruct(frame_at(), [hand.tracked()])
    (found,), (thing,) = output.hands, output.objects
    np.testing.assert_allclose(found.joints_m, hand.joints_m, atol=0.003)
    assert_is_box(thing, in_camera(thing), box, 0.004)


@pytest.mark.parametrize("has_depth", [False, True])
def test_the_residual_is_small_on_the_depth_and_unknown_without(
    build: Build, hand_at: HandAt, frame_at: FrameAt, show: Show, weights: Path, has_depth: bool
) -> None:
    hand = hand_at(HandSide.RIGHT, (0.05, 0.02, 0.55), shape_sd=1.0)
    reconstructor = build(weights)
    show(reconstructor, [hand])
    frame = frame_at(depth_m=hand.painted_depth_m()) if has_depth else frame_at()
    (found,) = reconstructor.reconstruct(frame, [hand.tracked()]).hands
    placement = MetricPlacement(reconstructor.topologies(), is_metric=reconstructor.card.is_metric)
    placed = placement.place(frame, found, hand.tracked().detection)
    assert placed is not None
    np.testing.assert_array_equal(placed.joints_m, found.joints_m)
    if has_depth:
        assert placed.placement_residual_m < 0.004
        assert found.joint_visibility.sum() > 10
    else:
        assert np.isnan(placed.placement_residual_m)


def test_a_hand_of_another_size_is_put_on_the_depth_and_not_where_its_size_says(
    build: Build,
    hand_at: HandAt,
    frame_at: FrameAt,
    show: Show,
    weights: Path,
) -> None:
    model = load_hand_model("open_hand", HandSide.RIGHT)
    small = pose_hand(model, np.zeros(48), np.zeros(10, np.float32), np.zeros(3, np.float32))
    at_m = np.array([0.02, 0.03, 0.6])
    posed = replace(
        small, vertices_m=0.88 * small.vertices_m + at_m, joints_m=0.88 * small.joints_m + at_m
    )
    hand = replace(hand_at(HandSide.RIGHT, at_m), posed=posed)
    reconstructor = build(weights)
    show(reconstructor, [hand])
    frames = [frame_at(), frame_at(depth_m=hand.painted_depth_m())]
    by_size, by_depth = (
        reconstructor.reconstruct(frame, [hand.tracked()]).hands[0].joints_m for frame in frames
    )
    assert by_size[0, 2] - hand.joints_m[0, 2] > 0.04
    np.testing.assert_allclose(by_depth, hand.joints_m, atol=0.008)


def test_the_length_of_bones_tells_the_distance_even_with_a_few_joints_off(hand_at: HandAt) -> None:
    rest = rest_keypoints(load_hand_model("open_hand", HandSide.RIGHT)).numpy()
    joints_m = hand_at(HandSide.RIGHT, (0.1, 0.0, 0.62)).joints_m
    seen = RelativeJoints.of_joints(joints_m, joints_m[0, 2])
    assert wrist_z_by_size(seen, rest) == pytest.approx(joints_m[0, 2], rel=0.003)
    np.testing.assert_allclose(seen.at(joints_m[0, 2]), joints_m)
    seen.beyond_wrist_m[[4, 12]] += 0.08
    assert wrist_z_by_size(seen, rest) == pytest.approx(joints_m[0, 2], rel=0.03)


def test_a_hand_too_small_or_outside_the_image_is_left_out(
    build: Build, hand_at: HandAt, frame_at: FrameAt, show: Show, weights: Path
) -> None:
    hand = hand_at(HandSide.RIGHT, (0.0, 0.02, 0.5))
    small = HandDetection(HandSide.RIGHT, 0.9, BoundingBox(100.0, 100.0, 108.0, 108.0))
    outside = HandDetection(HandSide.RIGHT, 0.9, BoundingBox(400.0, 300.0, 500.0, 380.0))
    reconstructor = build(weights)
    show(reconstructor, [hand])
    others = [TrackedHand(2, small), TrackedHand(3, outside)]
    found = reconstructor.reconstruct(frame_at(), [*others, hand.tracked(1)])
    assert [one.track_id for one in found.hands] == [1]
    assert found.left_out == {2: TOO_SMALL, 3: OUTSIDE}
    alone = reconstructor.reconstruct(frame_at(), others)
    assert (alone.hands, alone.objects, alone.left_out) == ((), (), found.left_out)
    assert reconstructor.reconstruct(frame_at(), []) == ReconstructorOutput()


def test_joints_on_one_spot_are_no_hand(
    build: Build, hand_at: HandAt, frame_at: FrameAt, weights: Path
) -> None:
    hand = hand_at(HandSide.RIGHT, (0.0, 0.02, 0.5))
    require_no_hand(
        build(weights), hand, frame_at(), RelativeJoints(np.zeros((21, 2)), np.zeros(21))
    )


@pytest.mark.parametrize("distance_m", [np.nan, np.inf])
def test_joints_without_a_place_are_no_hand(
    build: Build, hand_at: HandAt, frame_at: FrameAt, weights: Path, distance_m: float
) -> None:
    hand = hand_at(HandSide.RIGHT, (0.0, 0.02, 0.5))
    joints = RelativeJoints.of_joints(hand.joints_m, hand.joints_m[0, 2])
    joints.beyond_wrist_m[8] = distance_m
    require_no_hand(build(weights), hand, frame_at(), joints)


def require_no_hand(
    reconstructor: GSDFReconstructor, hand: Any, frame: RgbdFrame, joints: RelativeJoints
) -> None:
    """Of a network that sees such joints."""

    class Sight:
        def __init__(self, batch: CropBatch) -> None:
            self.joints = [joints]

    reconstructor._look = Sight
    output = reconstructor.reconstruct(frame, [hand.tracked()])
    assert output == ReconstructorOutput(left_out={1: NO_HAND})


def test_weights_of_the_joints_network_alone_are_refused(
    build: Build, make_weights: MakeWeights
) -> None:
    with pytest.raises(InvalidValueError, match="joints' network alone"):
        build(make_weights(part="pose"))
