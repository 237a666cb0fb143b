"""Frames by index: reproducible, of the kinds asked for, and true to themselves."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from hand_object_recon.core.annotation import AnnotatedFrame, HandAnnotation, MaskLabel
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.evaluation.surface_distance import distances_to_surface
from hand_object_recon.geometry.projection import back_project, project
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.vertex_labels import vertex_labels
from hand_object_recon.synthesis.output import rate
from hand_object_recon.synthesis.output.dataset import SynthesizedFrames, TakeSampler, as_list
from hand_object_recon.synthesis.output.samples import FRAMES_PER_TAKE, SampleSource
from hand_object_recon.synthesis.output.settings import SampleSettings, SceneChoice
from hand_object_recon.synthesis.takes.hand_surface import hand_model

MASK_OF = {HandSide.LEFT: MaskLabel.LEFT_HAND, HandSide.RIGHT: MaskLabel.RIGHT_HAND}
LEAST_VISIBLE_VERTICES = 30
CONTACT_M = 0.003


@pytest.fixture(scope="module")
def frames() -> list[AnnotatedFrame]:
    """Two frames each of eight takes."""
    source = SampleSource(SampleSettings("train", seed=5))
    return [source.sample(take * FRAMES_PER_TAKE + at) for take in range(8) for at in range(2)]


@pytest.fixture(scope="module")
def grasps() -> list[AnnotatedFrame]:
    source = SampleSource(SampleSettings("val", seed=2, scene=SceneChoice.GRASP))
    return [source.sample(take * FRAMES_PER_TAKE) for take in range(6)]


def assert_same(one: AnnotatedFrame, other: AnnotatedFrame) -> None:
    np.testing.assert_array_equal(one.frame.rgb, other.frame.rgb)
    np.testing.assert_array_equal(one.frame.depth_m, other.frame.depth_m)
    np.testing.assert_array_equal(one.truth.mask, other.truth.mask)
    assert one.frame.stamp_ns == other.frame.stamp_ns
    for hand, again in zip(one.truth.hands, other.truth.hands, strict=True):
        np.testing.assert_array_equal(hand.vertices_m, again.vertices_m)
        np.testing.assert_array_equal(hand.contact_vertices, again.contact_vertices)


def test_a_frame_is_the_same_whatever_was_made_before(frames: list[AnnotatedFrame]) -> None:
    source = SampleSource(SampleSettings("train", seed=5))
    for number in (9, 2, 3):
        take, at = divmod(number, 2)
        assert_same(source.sample(take * FRAMES_PER_TAKE + at), frames[number])


def test_another_seed_and_another_split_give_other_frames(frames: list[AnnotatedFrame]) -> None:
    for settings in (SampleSettings("train", seed=6), SampleSettings("val", seed=5)):
        other = SampleSource(settings).sample(0)
        assert (other.frame.rgb != frames[0].frame.rgb).mean() > 0.5


def test_a_negative_index_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="sample index is -1"):
        SampleSource(SampleSettings("train")).sample(-1)


def test_pictures_have_the_size_asked_for(frames: list[AnnotatedFrame]) -> None:
    assert {one.frame.rgb.shape for one in frames} == {(256, 256, 3)}
    small = SampleSource(SampleSettings("train", image_size_px=64)).sample(0)
    assert small.frame.depth_m.shape == (64, 64)


@pytest.mark.parametrize(
    ("scene", "hands", "objects", "counts"),
    [
        (SceneChoice.FREE, 1, 0, {0, 1}),
        (SceneChoice.FREE, 2, 0, {0, 1, 2}),
        (SceneChoice.GRASP, None, 1, {0, 1}),
        (SceneChoice.HAND_OVER, 2, 1, {0, 1, 2}),
    ],
)
def test_takes_are_of_the_kind_asked_for(
    scene: SceneChoice, hands: int | None, objects: int, counts: set[int]
) -> None:
    source = SampleSource(SampleSettings("test", scene=scene, hands=hands, image_size_px=64))
    made = [source.sample(take * FRAMES_PER_TAKE + 3) for take in range(3)]
    assert {len(one.truth.objects) for one in made} == {objects}
    assert {len(one.truth.hands) for one in made} <= counts


# Truth


def test_the_truth_of_a_hand_is_its_models_at_its_parameters(frames: list[AnnotatedFrame]) -> None:
    from hand_object_recon.hand_model.forward import pose_hand

    hands = [hand for one in frames for hand in one.truth.hands]
    assert len(hands) >= len(frames)
    for hand in hands:
        model = load_hand_model("open_hand", hand.side)
        posed = pose_hand(model, hand.pose_rad, hand.shape, hand.translation_m)
        np.testing.assert_allclose(posed.joints_m, hand.joints_m, atol=1e-6)
        np.testing.assert_allclose(posed.vertices_m, hand.vertices_m, atol=1e-6)
        assert hand.topology == model.topology.name


def test_a_visible_joint_projects_onto_its_hand(frames: list[AnnotatedFrame]) -> None:
    seen = 0
    for one in frames:
        for hand in one.truth.hands:
            assert one.truth.mask is not None
            assert hand.joint_visible is not None
            pixels = np.rint(project(hand.joints_m, one.frame.camera)[hand.joint_visible])
            columns, rows = pixels.astype(int).T
            assert (one.truth.mask[rows, columns] == MASK_OF[hand.side]).all()
            seen += len(rows)
    assert seen > 100


def test_true_depth_on_a_hand_is_that_of_its_mesh(frames: list[AnnotatedFrame]) -> None:
    for one in frames[:4]:
        for hand in one.truth.hands:
            assert one.truth.mask is not None
            assert one.truth.clean_depth_m is not None
            rows, columns = np.nonzero(one.truth.mask == MASK_OF[hand.side])
            some = slice(None, None, max(len(rows) // 60, 1))
            pixels = np.stack([columns, rows], axis=1)[some].astype(float)
            depths = one.truth.clean_depth_m[rows, columns][some]
            points = back_project(pixels, depths, one.frame.camera)
            assert hand.vertices_m is not None
            faces = hand_model(hand.side).faces
            distances = distances_to_surface(points, hand.vertices_m, faces)
            assert np.quantile(distances, 0.9) < 0.0015


def test_occluded_fingers_are_those_with_few_vertices_in_sight(
    frames: list[AnnotatedFrame],
) -> None:
    """Rays from the camera to the vertices (embree), against every body that the truth holds.

    Arms are not in the truth, so only fingers far from the threshold are compared.
    """
    compared = 0
    for one in frames:
        camera = one.frame.camera
        meshes = [_mesh(hand) for hand in one.truth.hands]
        for thing in one.truth.objects:
            moved = thing.vertices_m @ thing.pose[:3, :3].T + thing.pose[:3, 3]
            meshes.append(trimesh.Trimesh(moved, thing.faces, process=False))
        everything = trimesh.util.concatenate(meshes) if meshes else None
        for hand in one.truth.hands:
            assert hand.vertices_m is not None
            assert hand.finger_occluded is not None
            targets = hand.vertices_m.astype(float)
            ranges = np.linalg.norm(targets, axis=1)
            first = np.full(len(targets), np.inf)
            hits, rays, _ = everything.ray.intersects_location(
                np.zeros_like(targets), targets / ranges[:, None], multiple_hits=False
            )
            first[rays] = np.linalg.norm(hits, axis=1)
            pixels = project(targets, camera)
            inside = ((pixels >= 0) & (pixels <= (camera.width - 1, camera.height - 1))).all(1)
            in_sight = inside & (first > ranges - 1e-3)
            part = vertex_labels(hand_model(hand.side)).part
            counts = np.bincount(part[in_sight], minlength=6)[:5]
            for occluded, count in zip(hand.finger_occluded, counts, strict=True):
                if count < LEAST_VISIBLE_VERTICES // 3:
                    assert occluded
                    compared += 1
                elif count > 2.2 * LEAST_VISIBLE_VERTICES and hand.visible_share > 0.97:
                    assert not occluded
                    compared += 1
    assert compared > 10


def test_contact_is_within_three_millimetres_of_the_surface_or_inside_it(
    grasps: list[AnnotatedFrame],
) -> None:
    """Distances triangle by triangle, and embree's rays for what is inside."""
    touching = 0
    for one in grasps[:4]:
        (thing,) = one.truth.objects
        mesh = trimesh.Trimesh(thing.vertices_m, thing.faces, process=False)
        for hand in one.truth.hands:
            assert hand.vertices_m is not None
            assert hand.contact_vertices is not None
            near = np.arange(0, len(hand.vertices_m), 4)
            in_object = (hand.vertices_m[near] - thing.pose[:3, 3]) @ thing.pose[:3, :3]
            distances = distances_to_surface(in_object, thing.vertices_m, thing.faces)
            expected = (distances < CONTACT_M) | mesh.contains(in_object)
            clear = np.abs(distances - CONTACT_M) > 1e-5
            np.testing.assert_array_equal(hand.contact_vertices[near][clear], expected[clear])
            touching += int(hand.contact_vertices.sum())
    assert touching > 20


def test_a_finger_touches_if_two_of_its_vertices_do(grasps: list[AnnotatedFrame]) -> None:
    for one in grasps:
        for hand in one.truth.hands:
            part = vertex_labels(hand_model(hand.side)).part
            counts = [int(hand.contact_vertices[part == finger].sum()) for finger in range(5)]
            np.testing.assert_array_equal(hand.touching, np.array(counts) >= 2)


# For training


@pytest.mark.slow
def test_a_data_loader_with_workers_gives_the_same_frames(frames: list[AnnotatedFrame]) -> None:
    dataset = SynthesizedFrames(SampleSettings("train", seed=5), 2 * FRAMES_PER_TAKE)
    loader = torch.utils.data.DataLoader(
        dataset,
        batch_size=FRAMES_PER_TAKE,
        num_workers=1,
        collate_fn=as_list,
        multiprocessing_context="spawn",
    )
    batches = list(loader)
    assert [len(batch) for batch in batches] == [FRAMES_PER_TAKE] * 2
    assert_same(batches[0][0], frames[0])
    assert_same(batches[1][1], frames[3])


def test_a_sampler_keeps_takes_together_and_leaves_none_out() -> None:
    count = 5 * FRAMES_PER_TAKE // 2
    sampler = TakeSampler(count, seed=1)
    order = list(sampler)
    assert sorted(order) == list(range(count))
    takes = [index // FRAMES_PER_TAKE for index in order]
    assert sum(one != other for one, other in itertools.pairwise(takes)) == 2
    assert list(sampler) == order
    sampler.epoch = 3
    assert list(sampler) != order


def test_a_data_set_ends_at_its_count() -> None:
    dataset = SynthesizedFrames(SampleSettings("train"), 8)
    assert len(dataset) == 8
    with pytest.raises(IndexError):
        dataset[8]
    with pytest.raises(InvalidValueError, match="count of frames is 0"):
        SynthesizedFrames(SampleSettings("train"), 0)


def _mesh(hand: HandAnnotation) -> trimesh.Trimesh:
    return trimesh.Trimesh(hand.vertices_m, hand_model(hand.side).faces, process=False)


def test_tracked_motions_take_the_place_of_drawn_takes(reference_data: Path) -> None:
    path = reference_data / "data/hand_object_tracks/tracks.npz"
    frame = SampleSource(SampleSettings("train", tracks=path)).sample(3)

    assert [one.name for one in frame.truth.objects] == ["ball"]
    assert frame.sequence == "train-0-0000000"


@pytest.mark.slow
def test_the_rate_of_making_frames_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    rate.main(["--frames", "2", "--size", "64"])

    assert re.fullmatch(
        r"[\d.]+ frames/s of 64x64 by 1 processes: [\d.]+ ms a frame\n", capsys.readouterr().out
    )
