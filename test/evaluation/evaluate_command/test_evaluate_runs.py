"""``evaluate`` over sequences: the same files each time, by several hands, and after a stop; what
cannot be evaluated is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hand_object_recon.hand_model.joint_orders import convert_joints

Run = Callable[..., str]
On = Callable[..., list[object]]
ScoresOf = Callable[[Path, str], dict[str, Any]]
Truth = dict[str, Any]


def digests(out: Path, *parts: str) -> dict[str, str]:
    files = [file for part in parts for file in sorted((out / part).rglob("*")) if file.is_file()]
    return {
        str(file.relative_to(out)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files
    }


def test_sequences_are_made_in_the_evaluations_folder(
    tmp_path: Path, run: Run, fail: Run, on_sequences: On
) -> None:
    wanted = ("--sequences", 1, "--frames-per-sequence", 2)
    run(*on_sequences(tmp_path / "out", "Exact", *wanted))
    scores = json.loads((tmp_path / "out/scores.json").read_text())
    assert scores["source"] == "synthetic test sequences"
    assert (scores["sequences"], scores["annotated_frames"]) == (["sequence_00"], 2)
    assert (tmp_path / "out/recordings/sequence_00/truth.npz").exists()
    assert "leave out" in fail(*on_sequences(tmp_path / "b", "Exact", tmp_path, *wanted))


def test_shards_and_frames_made_on_the_spot_are_evaluated_alike(
    tmp_path: Path, run: Run, on_sequences: On, scores_of: ScoresOf
) -> None:
    run(
        *("synthesize", "--out", tmp_path / "shards", "--split", "test", "--frames", 2),
        *("--workers", 0),
    )
    run(*on_sequences(tmp_path / "read", "Exact", tmp_path / "shards"))
    run(*on_sequences(tmp_path / "made", "Exact", "--frames", 2))
    read, made = (scores_of(tmp_path / name, "Exact") for name in ("read", "made"))
    assert read["frames"] == 2
    for key in ("detection", "scores"):
        assert read[key] == made[key]


def test_hands_can_be_told_where_the_detector_finds_none(
    take: Path, tmp_path: Path, run: Run, fail: Run, on: On, scores_of: ScoresOf
) -> None:
    blind = ("--set", "detector=evaluate_plugins:NoHand")
    run(*on(take, tmp_path / "found", "WhereDetected"), *blind)
    assert scores_of(tmp_path / "found", "WhereDetected")["detection"]["hands_missed"] == 16
    told = [*on(take, tmp_path / "told", "WhereDetected"), *blind, "--told-hands"]
    run(*told)
    scores = scores_of(tmp_path / "told", "WhereDetected")
    assert scores["detection"]["hands_missed"] == 0
    assert scores["scores"]["mpjpe_mm"]["value"] < 1e-3
    assert "--told-hands" in (tmp_path / "told/report.html").read_text()
    assert "tells_hands" in fail(*told[:-1])


def test_two_runs_leave_the_same_bytes(take: Path, tmp_path: Path, run: Run, on: On) -> None:
    for name in ("a", "b"):
        run(*on(take, tmp_path / name, "Growing"))
    parts = ("results", "truth", "csv", "scores.json", "table.md", "run.json")
    first = digests(tmp_path / "a", *parts[:3])
    assert len(first) > 8
    assert first == digests(tmp_path / "b", *parts[:3])
    for name in parts[3:]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_two_workers_give_what_one_gives(
    takes: Path, tmp_path: Path, run: Run, on_sequences: On
) -> None:
    for workers in (1, 2):
        run(*on_sequences(tmp_path / str(workers), "Growing", takes, "--workers", workers))
    parts = ("results", "truth", "csv")
    assert len(digests(tmp_path / "1", "results")) == 4
    assert digests(tmp_path / "1", *parts) == digests(tmp_path / "2", *parts)


def test_ranks_of_a_launcher_share_the_sequences(
    takes: Path, tmp_path: Path, run: Run, on_sequences: On, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = on_sequences(tmp_path, "Exact", takes)
    results = tmp_path / "results" / "evaluate_plugins_Exact"
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    run(*command)
    assert [file.stem for file in results.glob("*.npz")] == ["b"]
    assert not (tmp_path / "report.html").exists()
    monkeypatch.setenv("RANK", "0")
    run(*command)
    assert sorted(file.stem for file in results.glob("*.npz")) == ["a", "b", "c"]
    assert (tmp_path / "report.html").exists()


def test_the_same_command_does_only_what_is_missing(
    takes: Path, tmp_path: Path, run: Run, on_sequences: On
) -> None:
    command = on_sequences(tmp_path, "Exact", takes)
    run(*command)
    results = tmp_path / "results" / "evaluate_plugins_Exact"
    before = {file.stem: file.stat().st_mtime_ns for file in results.glob("*.npz")}
    (results / "b.npz").unlink()
    scores = (tmp_path / "scores.json").read_bytes()
    run(*command)
    after = {file.stem: file.stat().st_mtime_ns for file in results.glob("*.npz")}
    assert [name for name in before if after[name] != before[name]] == ["b"]
    assert (tmp_path / "scores.json").read_bytes() == scores


def test_a_folder_of_another_evaluation_is_left_alone(
    take: Path, tmp_path: Path, run: Run, fail: Run, on: On
) -> None:
    run(*on(take, tmp_path, "Exact"))
    error = fail(*on(take, tmp_path, "Exact"), "--every", 2)
    assert "holds another evaluation: every was 1 and is 2; give another --out" in error


def test_a_sequence_that_cannot_be_read_does_not_stop_the_others(
    takes: Path, tmp_path: Path, run: Run, fail: Run, on_sequences: On
) -> None:
    shutil.copytree(takes, tmp_path / "takes")
    out = tmp_path / "out"
    command = on_sequences(out, "Exact", tmp_path / "takes")
    run(*command)
    shutil.rmtree(out / "results")
    shutil.rmtree(tmp_path / "takes" / "b" / "recording")
    (tmp_path / "takes" / "b" / "recording").mkdir()
    error = fail(*command)
    assert "1 of 3 sequences could not be run: b: " in error
    assert "the same command runs only what is missing" in error
    results = out / "results" / "evaluate_plugins_Exact"
    assert sorted(file.stem for file in results.glob("*.npz")) == ["a", "c"]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("joints", lambda joints: 1000 * joints, "millimetres have to be divided by 1000"),
        ("joints", lambda joints: joints[:, :20], r"truth joints has shape (16, 20, 3)"),
        (
            "joints",
            lambda joints: convert_joints(joints, "openpose21", "mano21"),
            "joints are in the order of mano21",
        ),
        (
            "stamps_ns",
            lambda stamps_ns: stamps_ns + 2 * 10**9,
            "none of the truth's 16 stamps is that of a frame; the nearest is 1.4 s off",
        ),
        ("joints", lambda joints: joints * np.nan, "values that are not finite"),
        ("visible_share", lambda share: share * 0 + 60, "visible_share must lie in [0, 1]"),
    ],
    ids=["millimetres", "20 joints", "another order", "another time", "not finite", "percent"],
)
def test_wrong_truth_is_refused_with_what_is_wrong_before_anything_is_run(
    truth: Truth,
    take: Path,
    tmp_path: Path,
    fail: Run,
    on: On,
    name: str,
    change: Callable[[Any], Any],
    message: str,
) -> None:
    file, out = tmp_path / "truth.npz", tmp_path / "out"
    np.savez(file, **{**truth, name: change(truth[name])})
    error = fail(*on(take, out, truth=file))
    assert message in error
    assert "truth.npz" in error
    assert not (out / "results").exists()


def test_an_unknown_data_set_and_an_empty_folder_are_named(tmp_path: Path, fail: Run) -> None:
    out = ("--out", tmp_path / "out")
    assert "known are synthetic" in fail("evaluate", "dataset", "nothing", tmp_path, *out)
    assert "holds no shard-*.tar and no take" in fail(
        "evaluate", "dataset", "synthetic", tmp_path, *out
    )
