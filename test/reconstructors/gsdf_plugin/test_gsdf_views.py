"""What the network is shown of hands, and when; and what it answers of each is its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.projection import back_project, project
from hand_object_recon.networks.crop_camera import CropCamera
from hand_object_recon.networks.frame_memory import FrameMemory
from hand_object_recon.networks.grasp_crops import CropRule
from hand_object_recon.reconstructors.gsdf.hand_views import CropBatch, crop_batch, view_of_hand
from hand_object_recon.reconstructors.gsdf.network import Views
from hand_object_recon.reconstructors.gsdf.options import GSDFOptions
from hand_object_recon.reconstructors.gsdf.reconstructor import GSDFReconstructor
from hand_object_recon.reconstructors.gsdf.sight import look_of
from hand_object_recon.reconstructors.gsdf.trained_network import load_trained_network

Build = Callable[..., GSDFReconstructor]
MakeWeights = Callable[..., Path]
FrameAt = Callable[..., RgbdFrame]
HandAt = Callable[..., Any]
Knowing = Callable[..., Any]
Options = dict[str, Any]

EARLIER_S = GSDFOptions().earlier_s


def test_the_network_sees_the_crop_of_its_training(
    build: Build,
    hand_at: HandAt,
    frame_at: FrameAt,
    knowing: Knowing,
    camera: CameraIntrinsics,
    weights: Path,
) -> None:
    hand, frame = hand_at(HandSide.LEFT, (0.05, 0.03, 0.5)), frame_at()
    seen: list[CropBatch] = []

    def watch(batch: CropBatch) -> Any:
        seen.append(batch)
        return knowing([hand])

    reconstructor = build(weights)
    reconstructor._look = watch
    reconstructor.reconstruct(frame, [hand.tracked()])
    crop = CropCamera.around(hand.joints_m, 2.0, is_mirrored=True)
    image = crop.cut(frame.rgb, camera, 128) / 255.0
    shown = seen[0].images[0, 0].permute(1, 2, 0).numpy() * [0.229, 0.224, 0.225]
    shown += np.array([0.485, 0.456, 0.406])
    np.testing.assert_allclose(shown, image, atol=0.02)
    expected = crop.intrinsics(256).matrix
    np.testing.assert_allclose(seen[0].cameras[0, 0].numpy(), expected, rtol=1e-4)


def test_a_box_without_keypoints_gives_about_the_crop_of_its_keypoints(
    hand_at: HandAt, frame_at: FrameAt, lite: Options
) -> None:
    hand = hand_at(HandSide.LEFT, (0.05, 0.03, 0.5)).tracked()
    bare = replace(hand, detection=replace(hand.detection, keypoints_px=None))
    options = GSDFOptions(**lite)
    crop, bare_crop = (view_of_hand(frame_at(), one, options).crop for one in (hand, bare))
    np.testing.assert_allclose(bare_crop.axes, crop.axes, atol=0.01)
    assert bare_crop.half_slope == pytest.approx(crop.half_slope, rel=0.05)


def test_crops_go_by_the_rule_of_the_weights(
    hand_at: HandAt, frame_at: FrameAt, camera: CameraIntrinsics
) -> None:
    hand, edges = hand_at(HandSide.RIGHT, (0.05, 0.03, 0.5)).tracked(), {}
    for rule in CropRule:
        options = GSDFOptions(crop_around=rule, crop_enlargement=1.0)
        view = view_of_hand(frame_at(), hand, options)
        edges[rule] = view.crop.half_slope
    assert edges[CropRule.HAND_AND_OBJECT] == pytest.approx(1.5 * edges[CropRule.HAND])
    corners = back_project(np.array([[0.0, 0.0], [320.0, 240.0]]), np.ones(2), camera)
    whole = CropCamera.around(corners, 1.0)
    assert edges[CropRule.IMAGE] == pytest.approx(whole.half_slope)


def test_upright_weights_get_crops_with_the_knuckles_above_the_wrist(
    hand_at: HandAt, frame_at: FrameAt, lite: Options
) -> None:
    hand = hand_at(HandSide.LEFT, (0.05, 0.03, 0.5))
    view = view_of_hand(frame_at(), hand.tracked(), GSDFOptions(upright=True, **lite))
    seen = project(hand.joints_m @ view.crop.axes.T, view.crop.intrinsics(256))
    right, down = seen[[5, 9, 13, 17]].mean(axis=0) - seen[0]
    assert down < 0.0
    assert abs(right) < 0.02 * abs(down)


def test_each_hand_of_a_frame_is_what_it_is_alone(
    hand_at: HandAt, frame_at: FrameAt, lite: Options, weights: Path
) -> None:
    network = load_trained_network(weights).network
    look = look_of(network, torch.device("cpu"), FrameMemory(EARLIER_S))
    frame, options = frame_at(), GSDFOptions(**lite)
    hands = [
        hand_at(HandSide.RIGHT, (-0.1, 0.0, 0.5)),
        hand_at(HandSide.LEFT, (0.1, 0.02, 0.6)),
    ]
    views = [view_of_hand(frame, hand.tracked(), options) for hand in hands]
    points, wrist_m = 2.0 * torch.rand(50, 3) - 1.0, np.array([0.01, 0.0, 0.55])
    with torch.no_grad():
        together = look(crop_batch(frame, views, options.image_size))
        for row, view in enumerate(views):
            alone = look(crop_batch(frame, [view], options.image_size))
            np.testing.assert_allclose(
                together.joints[row].slopes, alone.joints[0].slopes, atol=1e-5
            )
            joints_m = alone.joints[0].at(wrist_m[2])
            for one, other in zip(
                together.fields(row, wrist_m, joints_m),
                alone.fields(0, wrist_m, joints_m),
                strict=True,
            ):
                torch.testing.assert_close(one(points), other(points), atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_fields_are_those_of_the_network_told_where_the_wrist_is(
    hand_at: HandAt, frame_at: FrameAt, lite: Options, weights: Path
) -> None:
    network = load_trained_network(weights).network
    hand, frame, options = hand_at(HandSide.LEFT, (0.1, 0.0, 0.6)), frame_at(), GSDFOptions(**lite)
    view = view_of_hand(frame, hand.tracked(), options)
    batch = crop_batch(frame, [view], options.image_size)
    wrist_m = np.array([0.02, -0.01, 0.58])
    scene = network.encode(
        batch.images, Views(batch.cameras, torch.from_numpy(wrist_m[None, None]).float())
    )
    points = 2.0 * torch.rand(200, 3) - 1.0
    expected = network.distances(scene, points[None])
    sight = look_of(network, torch.device("cpu"), FrameMemory(EARLIER_S))(batch)
    placed = sight.joints[0].at(wrist_m[2])
    for one, values in zip(sight.fields(0, wrist_m, placed), expected, strict=True):
        torch.testing.assert_close(one(points), values[0], atol=1e-4, rtol=1e-3)
    np.testing.assert_allclose(placed, scene.joints_m[0].numpy(), atol=1e-5)


@torch.no_grad()
def test_a_network_for_videos_sees_the_frames_that_training_shows_it(
    hand_at: HandAt,
    frame_at: FrameAt,
    lite: Options,
    make_weights: MakeWeights,
) -> None:
    network = load_trained_network(make_weights(frames=3)).network
    hand, options = hand_at(HandSide.LEFT, (0.1, 0.0, 0.6)), GSDFOptions(**lite, frames=3)
    look = look_of(network, torch.device("cpu"), FrameMemory(EARLIER_S))
    batches = []
    for number in range(0, 11, 5):
        frame = frame_at(number)
        view = view_of_hand(frame, hand.tracked(), options)
        batches.append(crop_batch(frame, [view], options.image_size))
        sight = look(batches[-1])
    newest_first = batches[::-1]
    images = torch.cat([batch.images for batch in newest_first], dim=1)
    cameras = torch.cat([batch.cameras for batch in newest_first], dim=1)
    wrist_m = np.array([0.02, -0.01, 0.58])
    wrists = torch.from_numpy(wrist_m).float().expand(1, 3, 3)
    scene = network.encode(images, Views(cameras, wrists))
    points = 2.0 * torch.rand(50, 3, generator=torch.Generator().manual_seed(0)) - 1.0
    expected = network.distances(scene, points.expand(3, 50, 3))
    alone = network.distances(
        network.encode(images[:, :1], Views(cameras[:, :1], wrists[:, :1])), points[None]
    )
    fields = sight.fields(0, wrist_m, sight.joints[0].at(wrist_m[2]))
    for one, values, others in zip(fields, expected, alone, strict=True):
        torch.testing.assert_close(one(points), values[0], atol=5e-5, rtol=0)
        assert (values[0] - others[0]).abs().max() > 1e-4, "earlier frames made no difference"


def test_frames_of_a_hand_that_is_forgotten_help_no_more(
    build: Build, hand_at: HandAt, frame_at: FrameAt, make_weights: MakeWeights
) -> None:
    hand = hand_at(HandSide.RIGHT, (0.0, 0.0, 0.5))
    reconstructor = build(make_weights(frames=3))
    ways: list[Callable[[], None]] = [partial(reconstructor.forget, 1), reconstructor.reset]
    for forget in ways:
        reconstructor.reconstruct(frame_at(0), [hand.tracked()])
        assert reconstructor._frames.frame_count(1) == 1
        forget()
        assert reconstructor._frames.frame_count(1) == 0
