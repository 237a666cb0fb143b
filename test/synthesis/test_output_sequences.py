"""Sequences are recordings of single takes with truth that tells who holds what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.evaluation.benchmarking.sequence_truth import load_sequence_truth
from hand_object_recon.recordings.reader import RgbdRecording
from hand_object_recon.synthesis.output.sequences import write_sequences
from hand_object_recon.synthesis.output.settings import SampleSettings, SceneChoice
from hand_object_recon.synthesis.output.stage import Stage

SETTINGS = SampleSettings("test", scene=SceneChoice.TURNING, hands=1, image_size_px=64)
FRAMES = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sequences") / "out"
    write_sequences(out, SETTINGS, 2, FRAMES)
    return out


def test_each_sequence_is_a_recording_of_one_take_with_truth_for_every_frame(folder: Path) -> None:
    names = []
    for sequence in ("sequence_00", "sequence_01"):
        with RgbdRecording(folder / sequence / "recording") as recording:
            stamps = recording.stamps_ns
        truth = load_sequence_truth(folder / sequence / "truth.npz")
        assert truth.frame_stamps_ns.tolist() == stamps.tolist()
        np.testing.assert_allclose(np.diff(stamps) * 1e-9, 1 / 30, atol=1e-6)
        assert len(stamps) == FRAMES
        names.append(set(truth.objects.names))
    assert all(len(name) == 1 for name in names)


def test_the_truth_tells_who_holds_the_object_and_what_of_it_is_visible(folder: Path) -> None:
    objects = load_sequence_truth(folder / "sequence_00/truth.npz").objects
    take = Stage(SETTINGS).take(0)
    assert objects.held_by is not None
    assert objects.held_by[0] == frozenset()
    assert objects.held_by[-1] == take.at((FRAMES - 1) / 30).holders != frozenset()
    for row in (0, FRAMES - 1):
        visible, mesh = objects.visible_at(row), objects.mesh_of(row)
        assert visible is not None
        normals = np.zeros_like(mesh.vertices_m)
        corners = mesh.vertices_m[mesh.faces]
        areas = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        for corner in range(3):
            np.add.at(normals, mesh.faces[:, corner], areas)
        facing = np.einsum("vc,vc->v", normals, mesh.vertices_m) < 0
        assert 0 < visible.sum() <= facing.sum()
        assert not (visible & ~facing).any()


def test_finished_sequences_are_left_alone_and_the_others_made(folder: Path) -> None:
    before = (folder / "sequence_00/truth.npz").stat().st_mtime_ns
    (folder / "sequence_01/truth.npz").unlink()
    seen: list[int] = []
    write_sequences(folder, SETTINGS, 2, FRAMES, on_frames=seen.append)
    assert (folder / "sequence_00/truth.npz").stat().st_mtime_ns == before
    assert (folder / "sequence_01/truth.npz").exists()
    assert seen[0] == FRAMES
    assert seen[-1] == 2 * FRAMES
    with pytest.raises(InvalidValueError, match="begun with frames 64"):
        write_sequences(folder, SETTINGS, 2, FRAMES + 1)


def test_turning_takes_are_by_one_hand_or_by_two_as_is_asked_for() -> None:
    of_two = Stage(SampleSettings("test", scene=SceneChoice.TURNING, hands=2)).take(0)
    assert {hand.side for hand in of_two.at(0.0).hands} == set(HandSide)
    stage = Stage(SampleSettings("test", scene=SceneChoice.TURNING))
    takes = [stage.take(number) for number in range(12)]
    assert {len(take.at(0.0).hands) for take in takes} == {1, 2}
    assert len({take.object_shape.category for take in takes if take.object_shape}) >= 5
