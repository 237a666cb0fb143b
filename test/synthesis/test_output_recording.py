"""A made recording is one the program replays, and its truth belongs to its frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.evaluation.hand_truth import load_hand_truth
from hand_object_recon.geometry.projection import project
from hand_object_recon.recordings.reader import RgbdRecording
from hand_object_recon.synthesis.output.demo_shots import demo_shots
from hand_object_recon.synthesis.output.recording import shots_of_takes, write_recording
from hand_object_recon.synthesis.output.settings import SampleSettings, SceneChoice

SETTINGS = SampleSettings("val", seed=4, image_size_px=128)
"""The first take is of free hands, the second a grasp."""
FRAMES = 110


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("recording") / "out"
    write_recording(out, SETTINGS, FRAMES)
    return out


@pytest.fixture(scope="module")
def frames(folder: Path) -> list[RgbdFrame]:
    with RgbdRecording(folder / "recording") as recording:
        return [frame for frame in recording.frames() if isinstance(frame, RgbdFrame)]


def test_all_frames_are_read_with_one_camera(frames: list[RgbdFrame]) -> None:
    assert len(frames) == FRAMES
    assert len({frame.camera for frame in frames}) == 1


def test_frames_come_at_thirty_a_second_and_takes_two_seconds_apart(
    frames: list[RgbdFrame],
) -> None:
    steps_ms = np.diff([frame.stamp_ns for frame in frames]) / 1e6
    between = steps_ms > 100
    assert between.any()
    np.testing.assert_allclose(steps_ms[~between], 1000 / 30, atol=1e-3)
    np.testing.assert_allclose(steps_ms[between], 2000, atol=40)


def test_each_true_row_has_the_stamp_of_a_frame(folder: Path, frames: list[RgbdFrame]) -> None:
    stamps = {frame.stamp_ns for frame in frames}
    truth = load_hand_truth(folder / "truth.npz")
    assert len(truth) > 0.7 * FRAMES
    assert set(truth.stamps_ns.tolist()) <= stamps
    with np.load(folder / "truth.npz") as stored:
        objects = len(stored["object_stamps_ns"])
        assert 0 < objects < FRAMES
        assert set(stored["object_stamps_ns"].tolist()) < stamps
        for name in set(stored["object_name"].tolist()):
            assert stored[f"{name}_faces"].max() < len(stored[f"{name}_vertices"])
        assert stored["object_pose"].shape == (objects, 4, 4)
        for name, width in (("finger_occluded", 5), ("touching", 5), ("joint_visible", 21)):
            assert stored[name].shape == (len(truth), width)
        assert stored["visible_share"].shape == (len(truth),)


def test_visible_joints_lie_about_where_the_depth_was_read(
    folder: Path, frames: list[RgbdFrame]
) -> None:
    by_stamp = {frame.stamp_ns: frame for frame in frames}
    truth = load_hand_truth(folder / "truth.npz")
    with np.load(folder / "truth.npz") as stored:
        visible = stored["joint_visible"]
    apart = []
    for row in range(0, len(truth), 4):
        frame = by_stamp[int(truth.stamps_ns[row])]
        joints = truth.joints_m[row][visible[row]]
        columns, rows = np.rint(project(joints, frame.camera)).astype(int).T
        apart += np.abs(joints[:, 2] - frame.depth_m[rows, columns]).tolist()
    assert len(apart) > 100
    assert np.nanmedian(apart) < 0.02


def test_a_finished_recording_is_left_alone_and_an_unfinished_one_made_anew(
    folder: Path, tmp_path: Path
) -> None:
    out, seen = tmp_path / "out", []

    def interrupt(done: int) -> None:
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_recording(out, SETTINGS, 40, on_frames=interrupt)
    assert not (out / "truth.npz").exists()
    write_recording(out, SETTINGS, 40)
    with RgbdRecording(out / "recording") as recording:
        assert recording.frame_count == 40
    before = (out / "truth.npz").stat().st_mtime_ns
    write_recording(out, SETTINGS, 40, on_frames=seen.append)
    assert seen == [40]
    assert (out / "truth.npz").stat().st_mtime_ns == before


@pytest.mark.slow
def test_the_same_frames_come_whatever_the_workers(tmp_path: Path) -> None:
    for name, workers in (("a", 0), ("b", 1)):
        write_recording(tmp_path / name, SETTINGS, 20, workers=workers)
    read = []
    for name in ("a", "b"):
        with RgbdRecording(tmp_path / name / "recording") as recording:
            read.append([one for one in recording.frames() if isinstance(one, RgbdFrame)])
    for one, other in zip(*read, strict=True):
        np.testing.assert_array_equal(one.rgb, other.rgb)
        np.testing.assert_array_equal(one.depth_m, other.depth_m)


def test_a_recording_without_any_hand_has_an_empty_truth(tmp_path: Path) -> None:
    write_recording(tmp_path / "out", SampleSettings("val", image_size_px=32), 1)
    truth = load_hand_truth(tmp_path / "out/truth.npz")
    assert truth.joints_m.shape[1:] == (21, 3)


def test_shots_cover_each_frame_once() -> None:
    shots = list(shots_of_takes(SETTINGS, 300))
    assert sum(len(shot.frames) for shot in shots) == 300
    stamps = [shot.start_ns + number for shot in shots for number in shot.frames]
    assert len(set(stamps)) == 300
    assert len({shot.take for shot in shots}) > 1


def test_the_demo_films_one_take_from_its_beginning() -> None:
    shots = list(demo_shots(90, seed=0))
    assert len({shot.take for shot in shots}) == 1
    assert [number for shot in shots for number in shot.frames] == list(range(90))
    assert shots[0].settings.scene is SceneChoice.GRASP
