"""Surfaces of hands and meshes of what they hold, from frame to frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from hand_object_recon.pipeline.pipeline import Pipeline
from hand_object_recon.reconstructors.gsdf.reconstructor import GSDFReconstructor

Build = Callable[..., GSDFReconstructor]
FrameAt = Callable[..., RgbdFrame]
HandAt = Callable[..., Any]
Show = Callable[..., None]
HeldBox = Callable[..., Any]
InCamera = Callable[[ObjectEstimate], trimesh.Trimesh]
PipelineOf = Callable[..., Pipeline]
FloatArray = NDArray[np.floating[Any]]
Distances = Callable[[FloatArray], FloatArray]
Film = Callable[..., Any]

GRASP_M = np.array([0.02, 0.03, 0.05])
"""From the middle knuckle to the middle of what is held."""


class Take:
    """One hand filmed frame after frame, with what it holds, which may change."""

    def __init__(self, hand: Any, reconstructor: GSDFReconstructor, show: Show, frame_at: FrameAt):
        self.hand, self.number = hand, 0
        self.reconstructor = reconstructor
        self._show, self._frame_at = show, frame_at

    def next(self, held: Distances | None = None, steps: int = 1, **tracked: Any) -> Any:
        """The hand and the objects of the next frame, ``steps`` frames later."""
        self.number += steps
        self._show(self.reconstructor, [self.hand], held and [held])
        frame = self._frame_at(self.number)
        output = self.reconstructor.reconstruct(frame, [self.hand.tracked(**tracked)])
        return output.hands[0], output.objects


@pytest.fixture
def film(weights: Path, build: Build, show: Show, frame_at: FrameAt) -> Film:
    return lambda hand, **settings: Take(hand, build(weights, **settings), show, frame_at)


@pytest.fixture
def take(film: Film, hand_at: HandAt) -> Take:
    return film(hand_at(HandSide.LEFT, (0.05, 0.03, 0.5)))


@pytest.fixture
def box(take: Take, held_box: HeldBox) -> Any:
    return held_box(take.hand)


def ball(center_m: FloatArray, radius_m: float) -> Distances:
    return lambda points_m: np.linalg.norm(points_m - center_m, axis=1) - radius_m


def nothing(points_m: FloatArray) -> FloatArray:
    return np.full(len(points_m), 1.0)


def test_joints_come_with_every_frame_and_surfaces_at_their_rate(
    hand_at: HandAt, film: Film
) -> None:
    hand = hand_at(HandSide.RIGHT, (0.0, 0.02, 0.5))
    take = film(hand, mesh_rate_hz=12.0)
    made = [take.next()[0].surface is not None for _ in range(9)]
    assert made == [number % 3 == 0 for number in range(9)]
    slower = take.reconstructor.config.gsdf.model_copy(update={"mesh_rate_hz": 1.0})
    take.reconstructor.change_settings(PipelineConfig(gsdf=slower))
    assert not any(take.next()[0].surface is not None for _ in range(5))


def test_a_steady_object_keeps_its_id_its_mesh_and_its_pose(take: Take, box: Any) -> None:
    random = np.random.default_rng(0)
    seen = []
    for _ in range(14):
        shaken = replace(box, center_m=box.center_m + random.normal(0.0, 0.001, 3))
        (thing,) = take.next(shaken.distances)[1]
        seen.append(thing)
    assert {thing.track_id for thing in seen} == {0}
    for thing in seen[1:]:
        np.testing.assert_array_equal(thing.vertices_m, seen[0].vertices_m)
        np.testing.assert_array_equal(thing.faces, seen[0].faces)
    poses = np.array([thing.pose for thing in seen])
    assert np.abs(poses[1:, :3, 3] - box.center_m).max() < 0.004
    turns = matrix_to_axis_angle(poses[:, :3, :3] @ poses[0, :3, :3].T)
    assert np.linalg.norm(turns, axis=1).max() < 0.04


def test_an_object_that_is_turned_in_the_hand_is_followed(
    in_camera: InCamera, take: Take, box: Any
) -> None:
    (first,) = take.next(box.distances)[1]
    for number in range(1, 11):
        turn = axis_angle_to_matrix(np.array([0.0, 0.04 * number, 0.0]))
        moved = replace(box, center_m=box.center_m + 0.002 * number * np.eye(3)[0], turn=turn)
        (thing,) = take.next(moved.distances)[1]
    assert thing.track_id == first.track_id
    np.testing.assert_array_equal(thing.vertices_m, first.vertices_m)
    np.testing.assert_allclose(thing.pose[:3, 3], moved.center_m, atol=0.004)
    np.testing.assert_allclose(thing.pose[:3, :3], turn, atol=0.1)
    assert np.abs(moved.distances(in_camera(thing).vertices)).mean() < 0.003


def test_an_object_goes_where_the_hand_goes(hand_at: HandAt, film: Film) -> None:
    hand = hand_at(HandSide.RIGHT, (-0.05, 0.03, 0.5))
    take, radius_m = film(hand), 0.03
    (first,) = take.next(ball(hand.joints_m[9] + GRASP_M, radius_m))[1]
    for number in range(1, 6):
        take.hand = hand_at(HandSide.RIGHT, (-0.05 + 0.03 * number, 0.03, 0.5))
        (thing,) = take.next(ball(take.hand.joints_m[9] + GRASP_M, radius_m))[1]
    assert thing.track_id == first.track_id
    np.testing.assert_allclose(thing.pose[:3, 3], take.hand.joints_m[9] + GRASP_M, atol=0.003)
    np.testing.assert_array_equal(thing.vertices_m, first.vertices_m)


def test_a_mesh_that_no_longer_fits_is_replaced(in_camera: InCamera, take: Take, box: Any) -> None:
    (first,) = take.next(box.distances)[1]
    grown = replace(box, half_m=box.half_m + np.array([0.0, 0.0, 0.03]))
    (before,) = take.next(grown.distances)[1]
    (after,) = take.next(grown.distances, steps=7)[1]
    assert {first.track_id, before.track_id, after.track_id} == {0}
    np.testing.assert_array_equal(before.vertices_m, first.vertices_m)
    assert in_camera(after).volume == pytest.approx(grown.volume_m3, rel=0.1)


def test_an_object_that_two_meshes_in_a_row_do_not_show_is_forgotten(take: Take, box: Any) -> None:
    take.next(box.distances)
    (missed,) = take.next(steps=7)[1]
    assert (missed.track_id, missed.score) == (0, 0.0)
    assert not take.next(steps=7)[1]
    (again,) = take.next(box.distances, steps=7)[1]
    assert again.track_id == 1


@pytest.mark.parametrize("interrupt", ["new", "forgotten", "reset"])
def test_a_hand_that_begins_anew_holds_another_object(take: Take, box: Any, interrupt: str) -> None:
    take.next(box.distances)
    if interrupt == "forgotten":
        take.reconstructor.forget(1)
    if interrupt == "reset":
        take.reconstructor.reset()
    hand, (thing,) = take.next(box.distances, is_new=interrupt == "new")
    assert thing.track_id == 1
    assert hand.surface is not None


def test_an_empty_field_gives_a_hand_that_holds_nothing(
    frame_at: FrameAt, show: Show, take: Take
) -> None:
    hand, objects = take.next()
    assert not objects
    assert hand.surface is not None
    take.reconstructor.reset()
    show(take.reconstructor, [take.hand], None, [nothing])
    output = take.reconstructor.reconstruct(frame_at(9), [take.hand.tracked()])
    assert output.hands[0].surface is None
    assert not output.objects


def test_a_crumb_of_the_field_is_no_object(take: Take, box: Any) -> None:
    assert not take.next(ball(box.center_m, 0.006))[1]


def test_a_field_that_is_nowhere_sure_of_an_inside_shows_no_object(take: Take, box: Any) -> None:
    sure = ball(box.center_m, 0.03)
    assert not take.next(lambda points_m: np.maximum(sure(points_m), -0.001))[1]


def test_what_two_hands_hold_together_is_one_object(
    build: Build, hand_at: HandAt, frame_at: FrameAt, show: Show, held_box: HeldBox, weights: Path
) -> None:
    hands = [
        hand_at(HandSide.LEFT, (-0.05, 0.03, 0.5)),
        hand_at(HandSide.RIGHT, (0.12, 0.03, 0.5)),
    ]
    middle = (hands[0].joints_m[9] + hands[1].joints_m[9]) / 2
    shared = replace(held_box(hands[0]), center_m=middle, half_m=np.array([0.06, 0.03, 0.03]))
    apart = [ball(hand.joints_m[9] + GRASP_M, 0.025) for hand in hands]
    reconstructor = build(weights)
    tracked = [hand.tracked(number) for number, hand in enumerate(hands)]
    show(reconstructor, hands, [shared.distances] * 2)
    output = reconstructor.reconstruct(frame_at(), tracked)
    assert [one.track_id for one in output.hands] == [0, 1]
    assert [thing.held_by for thing in output.objects] == [0]
    reconstructor.reset()
    show(reconstructor, hands, apart)
    assert [one.held_by for one in reconstructor.reconstruct(frame_at(), tracked).objects] == [0, 1]


def test_the_pipeline_passes_on_the_hand_its_surface_and_the_object_with_contacts(
    build: Build,
    hand_at: HandAt,
    frame_at: FrameAt,
    show: Show,
    pipeline_of: PipelineOf,
    weights: Path,
) -> None:
    hand = hand_at(HandSide.RIGHT, (0.05, 0.03, 0.5))
    held = ball(hand.joints_m[9] + [0.0, 0.0, 0.045], 0.03)
    reconstructor = build(weights)
    show(reconstructor, [hand], [held])
    pipeline = pipeline_of(reconstructor, hand.tracked().detection)
    result = pipeline.process(frame_at(depth_m=hand.painted_depth_m())).reconstruction
    (found,), (thing,) = result.hands, result.objects
    assert found.surface is not None
    assert found.placement_residual_m < 0.006
    assert thing.held_by == found.track_id
    assert thing.contacts


def test_meshes_have_the_faces_asked_for(hand_at: HandAt, in_camera: InCamera, film: Film) -> None:
    hand = hand_at(HandSide.RIGHT, (0.0, 0.02, 0.5))
    take = film(hand, mesh_faces=200, mesh_cells=64)
    found, (thing,) = take.next(ball(hand.joints_m[9] + GRASP_M, 0.04))
    assert len(found.surface.faces) <= 200
    assert 100 < len(thing.faces) <= 200
    assert in_camera(thing).is_watertight


def test_the_cells_of_meshes_may_change_while_it_runs(hand_at: HandAt, film: Film) -> None:
    take = film(hand_at(HandSide.RIGHT, (0.0, 0.02, 0.5)), mesh_faces=100_000)
    coarse = take.next()[0].surface
    finer = take.reconstructor.config.gsdf.model_copy(update={"mesh_cells": 64})
    take.reconstructor.change_settings(PipelineConfig(gsdf=finer))
    fine = take.next(steps=7)[0].surface
    assert len(fine.faces) > 3 * len(coarse.faces)


def test_warming_up_leaves_nothing_behind(take: Take, box: Any) -> None:
    look = take.reconstructor._look
    take.reconstructor.warm_up()
    assert take.reconstructor._look is look
    (thing,) = take.next(box.distances)[1]
    assert thing.track_id == 0
