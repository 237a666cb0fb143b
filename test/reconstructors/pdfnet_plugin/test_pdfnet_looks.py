"""What the network is given of an image, and by which runtime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import ConfigError
from hand_object_recon.core.hands import TrackedHand
from hand_object_recon.core.method_settings import PDFNetSettings
from hand_object_recon.reconstructors.pdfnet.options import (
    Inputs,
    PointChoice,
)
from hand_object_recon.reconstructors.pdfnet.reconstructor import PDFNetReconstructor

Build = Callable[..., PDFNetReconstructor]
MakeWeights = Callable[..., Path]
BothHands = Callable[..., list[Any]]
Tracked = Callable[..., list[TrackedHand]]
FrameOf = Callable[..., RgbdFrame]
Show = Callable[..., Any]
SquareMatrix = Callable[[CameraIntrinsics], NDArray[np.floating[Any]]]

SIZE = 160


def test_the_network_sees_the_whole_image_in_the_middle_of_a_square(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    square_matrix: SquareMatrix,
    any_camera: CameraIntrinsics,
    wide: CameraIntrinsics,
    weights: Path,
) -> None:
    reconstructor, hands = build(weights), both_hands(any_camera)
    network = show(reconstructor, hands)
    frame = frame_of(hands)
    rgb = np.full_like(frame.rgb, 255)
    rgb[10:40, 20:60] = (255, 0, 0)
    reconstructor.reconstruct(replace(frame, rgb=rgb), tracked(hands))
    image = network.images[0][0].numpy() * [[[0.229]], [[0.224]], [[0.225]]]
    image += np.array([0.485, 0.456, 0.406])[:, None, None]
    scale = SIZE / max(any_camera.width, any_camera.height)
    left, top = (SIZE - scale * any_camera.width) / 2, (SIZE - scale * any_camera.height) / 2
    column, row = int(left + scale * 40), int(top + scale * 25)
    np.testing.assert_allclose(image[:, row, column], [1.0, 0.0, 0.0], atol=1e-5)
    beyond = image[:, 0, :] if any_camera is wide else image[:, :, 0]
    np.testing.assert_allclose(beyond, 0.0, atol=1e-5)
    np.testing.assert_allclose(
        (image[2] > 0.5).sum(axis=0).max(), scale * any_camera.height, atol=1.0
    )
    np.testing.assert_allclose(network.cameras[0][0], square_matrix(any_camera), rtol=1e-5)


@pytest.mark.parametrize("with_keypoints", [True, False])
def test_a_network_of_hands_sees_the_least_square_about_them(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    make_weights: MakeWeights,
    with_keypoints: bool,
) -> None:
    reconstructor = build(make_weights(view="hands", view_enlargement=1.6))
    hands = both_hands()
    network = show(reconstructor, hands)
    reconstructor.reconstruct(frame_of(hands), tracked(hands, with_keypoints=with_keypoints))
    joints_m = np.concatenate([hand.joints_m for hand in hands])
    rays = joints_m @ network.cameras[0][0].double().numpy().T
    pixels = rays[:, :2] / rays[:, 2:]
    assert np.ptp(pixels, axis=0).max() == pytest.approx(SIZE / 1.6, rel=0.03)
    middle = (pixels.min(axis=0) + pixels.max(axis=0)) / 2
    np.testing.assert_allclose(middle, (SIZE - 1) / 2, atol=2.0)


@pytest.mark.parametrize("point_choice", ["farthest", "random"])
def test_the_network_reads_points_on_the_hands_that_it_sees(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    square_matrix: SquareMatrix,
    any_camera: CameraIntrinsics,
    weights: Path,
    point_choice: str,
) -> None:
    reconstructor = build(weights, point_choice=point_choice)
    hands = both_hands(any_camera)
    network = show(reconstructor, hands)
    frame = frame_of(hands)
    depth_m = frame.depth_m.copy()
    depth_m[::3] = np.nan
    reconstructor.reconstruct(replace(frame, depth_m=depth_m), tracked(hands))
    assert network.points[0].is_enough.tolist() == [[True, True]]
    for hand in hands:
        cloud_m = network.points[0].cloud_m[0, hand.row].numpy()
        gaps, _ = cKDTree(hand.vertices_m).query(cloud_m)
        assert np.median(gaps) < 0.006
        assert gaps.max() < 0.02
        seen = cloud_m @ square_matrix(any_camera).T
        row, column = np.divmod(network.points[0].pixels[0, hand.row].numpy(), SIZE)
        pixels = np.stack([column, row], axis=1)
        np.testing.assert_allclose(seen[:, :2] / seen[:, 2:], pixels, atol=1e-3)


@pytest.mark.parametrize("with_keypoints", [True, False])
def test_where_asked_for_the_detector_says_whose_masks_are_whose(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    make_weights: MakeWeights,
    with_keypoints: bool,
) -> None:
    reconstructor, hands = build(make_weights(sides_by_detector=True)), both_hands()
    network = show(reconstructor, hands, mixes_up_sides=True)
    tracks = tracked(hands, with_keypoints=with_keypoints)

    output = reconstructor.reconstruct(frame_of(hands), tracks)

    assert len(output.hands) == 2
    assert network.points[0].is_enough.all()
    for hand, cloud_m in zip(hands, network.points[0].cloud_m[0].numpy(), strict=True):
        gaps_m = np.linalg.norm(cloud_m[:, None] - hand.vertices_m, axis=2).min(axis=1)
        assert np.median(gaps_m) < 0.01


def test_random_points_of_a_frame_are_the_same_each_time(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    weights: Path,
) -> None:
    reconstructor, hands = build(weights, point_choice="random"), both_hands()
    drawn = []
    for stamp_ns in (1, 1, 2):
        network = show(reconstructor, hands)
        reconstructor.reconstruct(frame_of(hands, stamp_ns=stamp_ns), tracked(hands))
        drawn.append(network.points[0].pixels)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize("inputs", list(Inputs))
def test_every_kind_of_network_runs(
    build: Build,
    both_hands: BothHands,
    frame_of: FrameOf,
    make_weights: MakeWeights,
    inputs: Inputs,
) -> None:
    reconstructor = build(make_weights(inputs=inputs), least_presence=0.0)
    hands = both_hands()
    detections = [hand.tracked().detection for hand in hands]
    found, again = (
        reconstructor._look(frame_of(hands), detections, PointChoice.FARTHEST) for _ in range(2)
    )
    for side, hand in found.items():
        assert hand.joints_m.shape == (21, 3)
        assert np.isfinite(hand.vertices_m).all()
        np.testing.assert_array_equal(hand.vertices_m, again[side].vertices_m)


def test_openvino_finds_what_torch_finds(
    build: Build, both_hands: BothHands, frame_of: FrameOf, weights: Path
) -> None:
    pytest.importorskip("openvino")
    hands = both_hands()
    frame, detections = frame_of(hands), [hand.tracked().detection for hand in hands]
    first, second = (
        build(weights, runtime=runtime)._look(frame, detections, PointChoice.FARTHEST)
        for runtime in ("torch", "openvino")
    )
    for side, hand in first.items():
        assert second[side].presence == pytest.approx(hand.presence, abs=1e-3)
        np.testing.assert_allclose(second[side].joints_m, hand.joints_m, atol=1e-3)


def test_warming_up_needs_no_camera(build: Build, weights: Path) -> None:
    reconstructor = build(weights)
    reconstructor.warm_up()
    names = {topology.name for topology in reconstructor.topologies()}
    assert names == {"open_hand_left", "open_hand_right"}


def test_the_authors_repository_asks_for_one_of_their_checkpoints(tmp_path: Path) -> None:
    settings = PDFNetSettings(official_repository=str(tmp_path))
    with pytest.raises(ConfigError, match=r"pdfnet\.weights is empty"):
        PDFNetReconstructor(PipelineConfig(pdfnet=settings))
