"""``synthesize`` writes what it is asked for, and refuses in one line what makes no sense."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
import trimesh

from hand_object_recon.cli.main import FAILURE, main


def run(*arguments: object) -> int:
    try:
        main([str(argument) for argument in ("synthesize", "--workers", 0, *arguments)])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def error_of(captured: str) -> str:
    (line,) = [line for line in captured.splitlines() if line.startswith("error:")]
    return line


def test_a_few_frames_become_a_shard_and_a_second_call_has_nothing_to_do(tmp_path: Path) -> None:
    arguments = ("--split", "test", "--frames", 3, "--size", 64, "--out", tmp_path / "out")
    assert run(*arguments) == 0
    shard = tmp_path / "out/shard-000000.tar"
    written = shard.stat().st_mtime_ns
    assert run(*arguments) == 0
    assert shard.stat().st_mtime_ns == written
    assert json.loads((tmp_path / "out/meta.json").read_text())["request"]["split"] == "test"


@pytest.mark.slow
def test_own_objects_are_grasped_and_filmed(tmp_path: Path) -> None:
    (tmp_path / "meshes").mkdir()
    trimesh.creation.icosphere(3, 32.0).export(tmp_path / "meshes/ball.stl")
    out = tmp_path / "out"
    arguments = ("--objects", tmp_path / "meshes", "--object-scale", 0.001, "--scene", "grasp")
    assert run("--frames", 2, "--size", 64, "--out", out, *arguments) == 0
    assert (out / "grasps.npz").exists()
    assert (out / "shard-000000.tar").exists()


def test_sequences_are_recordings_in_folders_of_their_own(tmp_path: Path) -> None:
    arguments = ("--scene", "turning", "--sequences", 2, "--frames", 2, "--camera", "orbbec_astra")
    assert run("--split", "val", "--out", tmp_path / "out", *arguments) == 0
    assert (tmp_path / "out/sequence_01/truth.npz").exists()
    request = json.loads((tmp_path / "out/meta.json").read_text())["request"]
    assert (request["sequences"], request["camera"]["fx"]) == (2, 528.0)


def test_a_sheet_is_drawn_without_an_output_folder(tmp_path: Path) -> None:
    assert run("--sheet", tmp_path / "sheet.png", "--size", 32, "--scene", "free") == 0
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (6 * 64, 6 * 32, 3)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "give --out"),
        (("--out", "x", "--scene", "grasp", "--hands", 2), "scene grasp has no takes of 2"),
        (("--out", "x", "--size", 7), "image size is 7 px"),
        (("--out", "x", "--camera", "pinhole"), "camera 'pinhole' is not known; known are"),
        (("--sheet", "x.png", "--objects", "y"), "give --out"),
        (("--out", "x", "--objects", "nowhere"), "nowhere is not a folder"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    arguments: tuple[object, ...],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == FAILURE
    assert told in error_of(capsys.readouterr().err)
