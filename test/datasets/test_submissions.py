"""What the servers of HO-3D, FreiHAND and H2O take is written from an evaluation of their split."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZipFile

import cv2
import numpy as np
import pytest

from hand_object_recon.cli.main import main
from hand_object_recon.core.annotation import AnnotatedFrame
from hand_object_recon.core.hands import HandSide
from hand_object_recon.evaluation.benchmarking.submission_checks import (
    ExpectedFrames,
    check_submission,
)
from hand_object_recon.evaluation.benchmarking.submissions import Server

pytestmark = pytest.mark.usefixtures("own_cache", "no_mano")

Film = Callable[[HandSide, int], list[AnnotatedFrame]]
FilmBoth = Callable[[int], list[AnnotatedFrame]]

FLIP = np.diag([1.0, -1.0, -1.0])
HO3D_ORDER = [0, 5, 6, 7, 9, 10, 11, 17, 18, 19, 13, 14, 15, 1, 2, 3, 4, 8, 12, 16, 20]
"""Of our joints: wrist, index, middle, pinky, ring, thumb, then tips from the thumb on."""

ASIDE_M = np.array([0.003, 0.0, 0.004])
SIDES = (HandSide.LEFT, HandSide.RIGHT)


@pytest.fixture
def knowing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Path], None]]:
    """Let the plugins know a split's truth."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))

    def know(split: str, folder: Path) -> None:
        monkeypatch.setenv("TRUTH_PLUGINS_SPLIT", split)
        monkeypatch.setenv("TRUTH_PLUGINS_FOLDER", str(folder))

    yield know
    sys.modules.pop("truth_plugins", None)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


def evaluate(name: str, split: str, folder: Path, out: Path, *more: object) -> None:
    arguments: list[object] = ["evaluate", "dataset", name, folder, "--split", split, *more]
    for stage in ("smoother", "held_object", "contact_refinement"):
        arguments += ["--set", f"{stage}.enabled=false"]
    arguments += ["--set", "detector=truth_plugins:Knowing"]
    assert run(*arguments, "--reconstructor", "truth_plugins:Aside", "--out", out) == 0


def submit(server: str, results: Path, out: Path, *more: object) -> int:
    return run(
        *("evaluate", "submission", server, results, "--out", out),
        *("--reconstructor", "truth_plugins:Aside", *more),
    )


def write_image(folder: Path, name: str, annotated: AnnotatedFrame) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / name), annotated.frame.rgb[..., ::-1])


# HO-3D

LISTED = (("SM1", 7), ("AP10", 0), ("SM1", 0))
"""Neither in order of name nor of number, as the server's list may be."""


@pytest.fixture
def ho3d_folder(tmp_path: Path, film: Film) -> Path:
    root = tmp_path / "ho3d"
    frames = film(HandSide.RIGHT, 3)
    for (name, number), annotated in zip(LISTED, frames, strict=True):
        folder = root / "evaluation" / name
        write_image(folder / "rgb", f"{number:04d}.png", annotated)
        (folder / "depth").mkdir(exist_ok=True)
        packed = np.full((480, 640, 3), 17, np.uint8)
        cv2.imwrite(str(folder / "depth" / f"{number:04d}.png"), packed)
        (folder / "meta").mkdir(exist_ok=True)
        labels = {"camMat": annotated.frame.camera.matrix, "handJoints3D": np.zeros(3)}
        (folder / "meta" / f"{number:04d}.pkl").write_bytes(pickle.dumps(labels, protocol=2))
    lines = [f"{name}/{number:04d}\n" for name, number in LISTED]
    (root / "evaluation.txt").write_text("".join(lines), encoding="utf-8")
    joints = [(frame.truth.hands[0].joints_m @ FLIP)[HO3D_ORDER].tolist() for frame in frames]
    (root / "evaluation_xyz.json").write_text(json.dumps(joints), encoding="utf-8")
    return root


def test_ho3ds_file_has_the_order_of_its_list_and_passes_the_check(
    ho3d_folder: Path, tmp_path: Path, film: Film, knowing: Callable[[str, Path], None]
) -> None:
    knowing("ho3d_v2 evaluation", ho3d_folder)
    evaluate("ho3d_v2", "evaluation", ho3d_folder, tmp_path / "out")
    out = tmp_path / "pred.zip"
    assert submit("ho3d", tmp_path / "out", out, "--joints-only") == 0
    with ZipFile(out) as file:
        assert file.namelist() == ["pred.json"]
        joints, vertices = json.loads(file.read("pred.json"))
    assert np.shape(vertices) == (3, 778, 3)
    for written, annotated in zip(joints, film(HandSide.RIGHT, 3), strict=True):
        true = annotated.truth.hands[0].joints_m  # the wrist is put where the truth has it
        np.testing.assert_allclose(written, (true @ FLIP)[HO3D_ORDER], atol=3e-6)
    findings = check_submission(Server.HO3D, out, ExpectedFrames(3))
    assert [finding.is_problem for finding in findings] == [False]
    assert "vertices of 3 frames with joints are all at one place" in findings[0].text


def test_the_command_names_what_the_server_would_refuse(
    ho3d_folder: Path,
    tmp_path: Path,
    knowing: Callable[[str, Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    knowing("ho3d_v2 evaluation", ho3d_folder)
    evaluate("ho3d_v2", "evaluation", ho3d_folder, tmp_path / "out")
    assert submit("ho3d", tmp_path / "out", tmp_path / "pred.json", "--joints-only") == 0
    assert run("datasets", "check-submission", "ho3d_v2", tmp_path / "pred.json") == 1
    said = capsys.readouterr().out
    assert "problem: joints are of 3 frames, 11524 are wanted" in said
    assert "not as the server takes it" in said
    assert submit("freihand", tmp_path / "out", tmp_path / "p.json", "--joints-only") != 0
    assert "the server scores all of freihand evaluation" in capsys.readouterr().err
    assert run("datasets", "check-submission", "dexycb", tmp_path / "pred.json") != 0
    assert "known are ho3d_v2, ho3d_v3, freihand, h2o" in capsys.readouterr().err


# FreiHAND


def test_freihands_file_is_in_this_programs_frame_and_order(
    tmp_path: Path, film: Film, knowing: Callable[[str, Path], None]
) -> None:
    root, frames = tmp_path / "freihand", film(HandSide.RIGHT, 3)
    for number, annotated in enumerate(frames):
        write_image(root / "evaluation" / "rgb", f"{number:08d}.jpg", annotated)
    lists = {
        "K": [annotated.frame.camera.matrix.tolist() for annotated in frames],
        "xyz": [annotated.truth.hands[0].joints_m.tolist() for annotated in frames],
    }
    for kind, rows in lists.items():
        (root / f"evaluation_{kind}.json").write_text(json.dumps(rows), encoding="utf-8")
    knowing("freihand evaluation", root)
    evaluate("freihand", "evaluation", root, tmp_path / "out")
    out = tmp_path / "pred.json"
    assert submit("freihand", tmp_path / "out", out, "--joints-only") == 0
    joints, vertices = json.loads(out.read_text(encoding="utf-8"))
    assert np.shape(vertices) == (3, 778, 3)
    np.testing.assert_allclose(joints, np.array(lists["xyz"]) + ASIDE_M, atol=3e-6)
    findings = check_submission(Server.FREIHAND, out, ExpectedFrames(3))
    assert not any(finding.is_problem for finding in findings)


# H2O

ACTIONS = (("1", "subject4/h1/0", 3, 4), ("2", "subject4/h1/0", 8, 8))


@pytest.fixture
def h2o_folder(tmp_path: Path, film_both: FilmBoth) -> Path:
    root, numbers = tmp_path / "h2o", (3, 4, 8)
    camera = root / "subject4" / "h1" / "0" / "cam4"
    for number, annotated in zip(numbers, film_both(3), strict=True):
        write_image(camera / "rgb", f"{number:06d}.png", annotated)
        (camera / "depth").mkdir(exist_ok=True)
        depth = np.full((480, 640), 800, np.uint16)
        cv2.imwrite(str(camera / "depth" / f"{number:06d}.png"), depth)
        hands = {hand.side: hand for hand in annotated.truth.hands}
        values = np.concatenate([[1, *np.ravel(hands[side].joints_m)] for side in SIDES])
        (camera / "hand_pose").mkdir(exist_ok=True)
        np.savetxt(camera / "hand_pose" / f"{number:06d}.txt", values[None])
    one = film_both(3)[0].frame.camera
    np.savetxt(camera / "cam_intrinsics.txt", [[one.fx, one.fy, one.cx, one.cy, 640, 480]])
    lines = [f"subject4/h1/0/cam4/rgb/{number:06d}.png\n" for number in reversed(numbers)]
    (root / "pose_test.txt").write_text("".join(lines), encoding="utf-8")
    rows = [f"{number} {take} {first} {last} 0 500\n" for number, take, first, last in ACTIONS]
    header = "id path start_act end_act start_frame end_frame\n"
    (root / "action_test.txt").write_text(header + "".join(rows), encoding="utf-8")
    return root


def test_h2os_file_goes_by_actions_and_has_left_hands_first(
    h2o_folder: Path,
    tmp_path: Path,
    film_both: FilmBoth,
    knowing: Callable[[str, Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    knowing("h2o test", h2o_folder)
    evaluate("h2o", "test", h2o_folder, tmp_path / "out")
    out = tmp_path / "hand_poses.json"
    assert submit("h2o", tmp_path / "out", out) == 0
    written = json.loads(out.read_text(encoding="utf-8"))
    assert list(written) == ["modality", "1", "2"]
    assert [list(written[number]) for number in ("1", "2")] == [
        ["000003.txt", "000004.txt"],
        ["000008.txt"],
    ]
    numbers = (*written["1"].values(), *written["2"].values())
    for row, annotated in zip(numbers, film_both(3), strict=True):
        hands = {hand.side: hand for hand in annotated.truth.hands}
        true = np.array([hands[side].joints_m + ASIDE_M for side in SIDES])
        np.testing.assert_allclose(np.reshape(row, (2, 21, 3)), true, atol=3e-6)
    check = ("datasets", "check-submission", "h2o", out, "--data", h2o_folder)
    assert run(*check) == 0
    assert "as the server takes it" in capsys.readouterr().out
    del written["1"]["000004.txt"]
    written["2"]["000009.txt"] = written["2"]["000008.txt"]
    out.write_text(json.dumps(written), encoding="utf-8")
    assert run(*check) == 1
    said = capsys.readouterr().out
    assert "1 frames are missing, the first is 000004.txt of action 1" in said
    assert "1 frames are too many, the first is 000009.txt of action 2" in said


def test_a_part_of_the_split_is_not_submitted(
    h2o_folder: Path,
    tmp_path: Path,
    knowing: Callable[[str, Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    knowing("h2o test", h2o_folder)
    evaluate("h2o", "test", h2o_folder, tmp_path / "out", "--every", 4)
    assert submit("h2o", tmp_path / "out", tmp_path / "p.json") != 0
    assert "are of h2o test (every 4); the server scores all of h2o test" in capsys.readouterr().err
