"""A submission file that its server would refuse or score wrongly is told what is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

from hand_object_recon.core.annotation import AnnotatedFrame, HandAnnotation
from hand_object_recon.core.errors import RecordingError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.evaluation.benchmarking.submission_checks import (
    ExpectedFrames,
    check_submission,
)
from hand_object_recon.evaluation.benchmarking.submissions import Server

Film = Callable[[HandSide, int], list[AnnotatedFrame]]
FilmBoth = Callable[[int], list[AnnotatedFrame]]

FLIP = np.diag([1.0, -1.0, -1.0])
HO3D_ORDER = [0, 5, 6, 7, 9, 10, 11, 17, 18, 19, 13, 14, 15, 1, 2, 3, 4, 8, 12, 16, 20]
"""Of our joints: wrist, index, middle, pinky, ring, thumb, then tips from the thumb on."""

SIDES = (HandSide.LEFT, HandSide.RIGHT)


@pytest.fixture
def hand(film: Film) -> HandAnnotation:
    return film(HandSide.RIGHT, 3)[0].truth.hands[0]


def mesh_beside(joints: np.ndarray) -> np.ndarray:
    scattered = np.random.default_rng(0).normal(scale=0.01, size=(778, 3))
    return np.resize(joints, (778, 3)) + scattered


def file_of(content: Any, folder: Path) -> Path:
    path = folder / "pred.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def problems(server: Server, content: Any, folder: Path, count: int | None = 2) -> str:
    found = check_submission(server, file_of(content, folder), ExpectedFrames(count))
    return "\n".join(finding.text for finding in found if finding.is_problem)


def one_hand(server: Server, hand: HandAnnotation) -> list[np.ndarray]:
    joints, vertices = np.array(hand.joints_m, float), mesh_beside(np.array(hand.joints_m, float))
    if server is Server.HO3D:
        joints, vertices = (joints @ FLIP)[HO3D_ORDER], vertices @ FLIP
    return [np.array([joints, joints]), np.array([vertices, vertices])]


def plain(arrays: list[np.ndarray]) -> list[Any]:
    return [array.tolist() for array in arrays]


@pytest.mark.parametrize("server", [Server.HO3D, Server.FREIHAND])
def test_a_right_file_has_no_finding(server: Server, hand: HandAnnotation, tmp_path: Path) -> None:
    file = file_of(plain(one_hand(server, hand)), tmp_path)
    assert check_submission(server, file, ExpectedFrames(2)) == ()


@pytest.mark.parametrize("server", [Server.HO3D, Server.FREIHAND])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda both: [both[0] * 1000, both[1] * 1000], "look like millimetres, and must be metre"),
        (lambda both: [both[0] * 100, both[1] * 100], "look like centimetres, and must be metres"),
        (lambda both: [both[0] @ FLIP, both[1] @ FLIP], "turn the signs of y and z"),
        (lambda both: [both[0][:, ::-1], both[1]], "joints are not in the order of"),
        (lambda both: [both[0], both[1] + 1.0], r"vertices lie 1\.7. m from the joints"),
        (lambda both: [both[0][:1], both[1]], "joints are of 1 frames, 2 are wanted"),
        (lambda both: [both[0], both[1][:, :777]], r"vertices of frame 0 are of shape \(777, 3\)"),
        (lambda both: [both[0][:, :20], both[1]], r"joints of frame 0 are of shape \(20, 3\)"),
        (lambda both: [both[0] * np.nan, both[1]], "joints of 2 frames are not finite, first of f"),
        (lambda both: [both[0]], "holds a list of 1; it must be a list of two lists"),
    ],
    ids=range(10),
)
def test_a_wrong_file_is_told_what_is_wrong(
    server: Server,
    change: Callable[[list[np.ndarray]], list[np.ndarray]],
    message: str,
    hand: HandAnnotation,
    tmp_path: Path,
) -> None:
    found = problems(server, plain(change(one_hand(server, hand))), tmp_path)
    assert re.search(message, found), found


def test_joints_in_the_other_servers_order_are_named(hand: HandAnnotation, tmp_path: Path) -> None:
    joints, vertices = one_hand(Server.FREIHAND, hand)
    found = problems(Server.FREIHAND, plain([joints[:, HO3D_ORDER], vertices]), tmp_path)
    assert "if the joints are in the order of ho3d21" in found or "of mano21" in found
    found = problems(Server.HO3D, plain([joints @ FLIP, vertices @ FLIP]), tmp_path)
    assert "if the joints are in the order of openpose21" in found


def test_frames_without_a_hand_are_counted_and_not_judged(
    hand: HandAnnotation, tmp_path: Path
) -> None:
    joints, vertices = one_hand(Server.FREIHAND, hand)
    joints[0], vertices[0] = 0.0, 0.0
    file = file_of(plain([joints, vertices]), tmp_path)
    (finding,) = check_submission(Server.FREIHAND, file, ExpectedFrames(2))
    assert not finding.is_problem
    assert "1 of 2 frames have all joints at one place" in finding.text


def h2o_content(film_both: FilmBoth) -> dict[str, Any]:
    hands = {hand.side: hand for hand in film_both(3)[0].truth.hands}
    row = np.concatenate([np.ravel(hands[side].joints_m) for side in SIDES]).tolist()
    return {"modality": "RGBD", "1": {"000000.txt": row, "000001.txt": row}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("modality"), '"modality" is missing'),
        (lambda content: content.update({"2": [1, 2]}), "action '2' holds a list of 2, not its fr"),
        (lambda content: content["1"].pop("000000.txt"), "the file has 1 frames, 2 are wanted"),
        (
            lambda content: content["1"].update({"000000.txt": [0.0] * 63}),
            r"numbers of frame 0 are of shape \(63,\); they must be numbers \(126,\)",
        ),
        (
            lambda content: content["1"].update({"000000.txt": ["a"] * 126}),
            "numbers of frame 0 are a list of 126; they must be numbers",
        ),
        (
            lambda content: content["1"].update(
                {name: [1000 * value for value in row] for name, row in content["1"].items()}
            ),
            "left hands measure .* look like millimetres",
        ),
    ],
    ids=range(6),
)
def test_a_wrong_file_for_h2o_is_told_what_is_wrong(
    change: Callable[[dict[str, Any]], Any], message: str, film_both: FilmBoth, tmp_path: Path
) -> None:
    content = h2o_content(film_both)
    assert problems(Server.H2O, content, tmp_path) == ""
    change(content)
    found = problems(Server.H2O, content, tmp_path)
    assert re.search(message, found), found


def test_what_is_no_json_or_no_submission_is_refused_in_words(tmp_path: Path) -> None:
    assert "pred.json is no JSON" in problems(Server.HO3D, "[[1, 2", tmp_path)
    assert "holds a list of 0; it must be an object" in problems(Server.H2O, [], tmp_path)
    with pytest.raises(RecordingError, match=r"gone\.json cannot be read"):
        check_submission(Server.HO3D, tmp_path / "gone.json", ExpectedFrames())
    (tmp_path / "no.zip").write_bytes(b"no zip")
    with pytest.raises(RecordingError, match=r"no\.zip is no zip file"):
        check_submission(Server.HO3D, tmp_path / "no.zip", ExpectedFrames())
    with ZipFile(tmp_path / "deep.zip", "w") as file:
        file.writestr("out/pred.json", "[]")
    with pytest.raises(RecordingError, match=r"holds out/pred\.json, not pred\.json by itself"):
        check_submission(Server.HO3D, tmp_path / "deep.zip", ExpectedFrames())
