"""``evaluate`` from the outside: known hands in, known errors out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Run = Callable[..., str]
On = Callable[..., list[object]]
WriteTake = Callable[..., Path]
ScoresOf = Callable[[Path, str], dict[str, Any]]
Truth = dict[str, Any]

FRAMES = 16


def test_known_errors_come_out_side_by_side(
    take: Path, tmp_path: Path, run: Run, on: On, values_of: ScoresOf
) -> None:
    printed = run(*on(take, tmp_path, "Exact", "Shifted"))
    exact, shifted = values_of(tmp_path, "Exact"), values_of(tmp_path, "Shifted")
    for key in ("mpjpe_mm", "pa_mpjpe_mm", "mpvpe_mm", "surface_mm", "acceleration_error_m_s2"):
        assert exact[key] == pytest.approx(0.0, abs=1e-3), key
    assert (exact["f_5mm"], exact["f_15mm"]) == (1.0, 1.0)
    assert shifted["mpjpe_mm"] == pytest.approx(5.0, abs=1e-3)
    assert shifted["mpvpe_mm"] == pytest.approx(5.0, abs=1e-3)
    assert shifted["root_error_mm"] == pytest.approx(5.0, abs=1e-3)
    assert shifted["root_relative_mpjpe_mm"] == pytest.approx(0.0, abs=1e-3)
    assert "16 of 16 hands with an estimate" in printed
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert "evaluate_plugins:Shifted | 5.00 " in (tmp_path / "table.md").read_text()


def test_an_error_that_grows_with_time_is_drawn_over_time_and_occlusion(
    take: Path, tmp_path: Path, run: Run, on: On
) -> None:
    run(*on(take, tmp_path, "Growing"))
    report = json.loads((tmp_path / "report.json").read_text())
    charts = {
        block["title"]: block
        for section in report["sections"]
        for block in section["blocks"]
        if block["kind"] == "curves"
    }
    over_time = charts["Error over time, take"]["series"][0]
    np.testing.assert_allclose(over_time["y"], np.arange(FRAMES), atol=1e-3)
    np.testing.assert_allclose(over_time["x"], 0.04 * np.arange(FRAMES), atol=1e-9)
    occluded = charts["Error against occluded share"]["series"][0]
    assert occluded["y"] == sorted(occluded["y"])
    assert len(occluded["y"]) > 3
    assert np.average(occluded["y"], weights=occluded["frames"]) == pytest.approx(7.5, abs=1e-3)
    assert sum(occluded["frames"]) == FRAMES


def test_a_frame_that_gave_nan_is_counted_and_told_and_the_rest_is_scored(
    take: Path, tmp_path: Path, run: Run, on: On, scores_of: ScoresOf
) -> None:
    run(*on(take, tmp_path, "SometimesNan"))
    scored = scores_of(tmp_path, "SometimesNan")
    assert list(scored["problems"].values()) == [6]
    assert "not finite" in next(iter(scored["problems"]))
    assert scored["scores"]["mpjpe_mm"]["used"] == 10
    assert scored["scores"]["mpjpe_mm"]["missing"] == 6
    assert scored["scores"]["auc"]["value"] == pytest.approx(10 / 16, abs=1e-3)
    page = (tmp_path / "report.html").read_text()
    assert "6 frames could not be used" in page
    assert "Hands without an estimate against occluded share" in page


def test_a_method_that_finds_nothing_has_every_hand_missing(
    take: Path, tmp_path: Path, run: Run, on: On, scores_of: ScoresOf
) -> None:
    run(*on(take, tmp_path, "Blind"))
    scored = scores_of(tmp_path, "Blind")
    assert scored["detection"]["hands_missed"] == FRAMES
    assert scored["scores"]["mpjpe_mm"]["value"] is None
    assert scored["scores"]["auc"]["value"] == 0.0


def test_frames_known_to_be_empty_count_false_hands(
    truth: Truth, tmp_path: Path, run: Run, on: On, write_take: WriteTake, scores_of: ScoresOf
) -> None:
    few = {name: values if np.ndim(values) == 0 else values[:9] for name, values in truth.items()}
    take = write_take(tmp_path / "take", **few, frame_stamps_ns=truth["stamps_ns"])
    run(*on(take, tmp_path / "out", "Exact"))
    detection = scores_of(tmp_path / "out", "Exact")["detection"]
    assert (detection["hands_found"], detection["false_hands"]) == (9, 7)


def test_objects_are_scored_where_the_truth_and_the_method_have_them(
    truth: Truth, tmp_path: Path, run: Run, on: On, write_take: WriteTake, values_of: ScoresOf
) -> None:
    corners = 0.02 * np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]], dtype=float)
    pose = np.eye(4)
    pose[2, 3] = 0.5
    take = write_take(
        tmp_path / "take",
        object_stamps_ns=truth["stamps_ns"][:3],
        object_pose=np.repeat(pose[None], 3, axis=0),
        object_name=np.array(["block"] * 3),
        block_vertices=corners,
        block_faces=np.array([[0, 1, 3], [0, 2, 1], [0, 3, 2], [1, 2, 3]], dtype=np.int32),
    )
    run(*on(take, tmp_path / "out", "WithObject"))
    values = values_of(tmp_path / "out", "WithObject")
    assert values["object_center_mm"] == pytest.approx(2.0, abs=0.5)
    assert values["object_f_5mm"] == pytest.approx(1.0, abs=1e-3)
    assert 0.0 <= values["object_chamfer_cm2"] < 0.05
    assert "contact_percent" in values


def test_the_fit_scores_as_replay_does_on_a_real_hand(
    reference_data: Path, tmp_path: Path, run: Run
) -> None:
    hand = reference_data / "data" / "real_hand"
    out = tmp_path / "out"
    run(
        *("evaluate", "recording", hand / "recording", "--truth", hand / "ground_truth.npz"),
        *("--out", out, "--duration", 0.24),
    )
    run(
        *("replay", hand / "recording", "--truth", hand / "ground_truth.npz"),
        *("--out", tmp_path / "replay", "--duration", 0.24),
    )
    content = json.loads((out / "scores.json").read_text())
    scores = content["reconstructors"]["rgbd_fit"]["scores"]
    accuracy = json.loads((tmp_path / "replay" / "summary.json").read_text())["accuracy"]
    assert scores["mpjpe_mm"]["used"] == accuracy["frames_scored"] > 5
    for key in ("mpjpe_mm", "root_relative_mpjpe_mm", "pa_mpjpe_mm", "surface_mm"):
        assert scores[key]["value"] == pytest.approx(accuracy[key], abs=2e-3), key
    assert scores["mpjpe_mm"]["value"] < 10.0
