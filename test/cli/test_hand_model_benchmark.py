"""``hand-object-recon hand-model benchmark``: tables, JSON and one-line errors."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hand_object_recon.cli.main import app, main
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAND_OBJECT_RECON_HAND_MODELS", str(tmp_path / "store"))


def write_truth(path: Path, side: HandSide, frames: int) -> Path:
    """The open hand itself, its fingers bending from frame to frame."""
    model = load_hand_model("open_hand", side)
    hands = [
        pose_hand(
            model,
            np.concatenate([np.zeros(3), (0.5 + 0.2 * frame) * model.hands_mean]),
            np.zeros(10),
            np.array([0.0, 0.0, 0.5]),
        )
        for frame in range(frames)
    ]
    np.savez(
        path,
        joints=np.array([hand.joints_m for hand in hands]),
        vertices=np.array([hand.vertices_m for hand in hands]),
    )
    return path


def output_of(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["hand-model", "benchmark", "--quick", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def failure_of(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as end:
        main(["hand-model", "benchmark", "--quick", *arguments])
    printed = capfd.readouterr()
    assert end.value.code == 2
    assert printed.err.count("\n") == 1
    return printed.err


def test_everything_is_printed_and_kept_with_machine_and_date(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    truth = write_truth(tmp_path / "truth.npz", HandSide.LEFT, frames=4)
    shown = output_of("--side", "left", "--truth", str(truth), "--out", str(out))
    kept = json.loads(out.read_text())

    assert (kept["model"], kept["side"]) == ("open_hand", "left")
    assert datetime.fromisoformat(kept["date"]).tzinfo is not None
    assert {"processor", "cores", "memory_gib", "system"} <= kept["machine"].keys()
    assert {"hand_object_recon", "numpy", "torch", "smplx"} <= kept["versions"].keys()
    assert kept["settings"]["hands"] == 40
    assert {(row["threads"], row["batch"]) for row in kept["layer_speed"]} == {(1, 1), (1, 4)}
    assert all("times_as_fast" in row for row in kept["layer_speed"])
    assert len(kept["inverse_kinematics_accuracy"]) == 4
    assert all(row["mean_mm"] < 0.1 for row in kept["inverse_kinematics_accuracy"])
    assert {row["path"] for row in kept["inverse_kinematics_speed"]} == {"numpy", "torch"}
    assert [row["frames"] for row in kept["inverse_kinematics_on_truth"]] == [3, 3]
    fit = kept["truth_fit"]
    assert (fit["frames"], fit["vertices"], len(fit["shared_shape"])) == (3, 762, 10)
    assert fit["with_shared_shape"]["mean_mm"] < 0.3

    for text in (
        f"open_hand, left hand, {kept['date']}",
        "Posing a batch of hands, ms a batch",
        "Inverse kinematics of 40 random hands",
        "ms a hand",
        "Inverse kinematics of the true joints, 3 frames",
        "3 frames of 762 vertices",
        f"{fit['with_own_shapes']['mean_mm']:.2f}",
    ):
        assert text in shown
    assert f"written to {out}" in shown.splitlines()


def test_without_truth_and_smplx_it_says_what_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "smplx.lbs", None)
    out = tmp_path / "results.json"
    shown = output_of("--out", str(out))
    kept = json.loads(out.read_text())
    assert "smplx is not installed, so there is nothing to compare with." in shown
    assert "true" not in shown.lower()
    assert kept["truth_fit"] is None
    assert kept["inverse_kinematics_on_truth"] is None
    assert all(row["times_as_fast"] is None for row in kept["layer_speed"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "no_such_hand"), "hand model 'no_such_hand' is not installed; known are"),
        (("--truth", "missing.npz"), "truth file missing.npz cannot be read: No such file"),
        (("--batches", "1,two"), "--batches is '1,two'; it must be whole numbers above zero"),
        (("--batches", "0"), "--batches is '0'"),
        (("--out", "no_such_folder/a.json"), "no_such_folder is no folder; create it first"),
        (("--out", "."), "a folder; give a file in it"),
    ],
)
def test_wrong_options_are_one_line_before_anything_is_measured(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in failure_of(capfd, *arguments)
