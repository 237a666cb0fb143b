"""What is made of an evaluation afterwards: comparisons, submissions, pictures and the report."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hand_object_recon.visualization.palette import PAGE_COLOR

Run = Callable[..., str]
On = Callable[..., list[object]]
WriteTake = Callable[..., Path]
Truth = dict[str, Any]

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)


def test_results_are_compared_hand_by_hand(take: Path, tmp_path: Path, run: Run, on: On) -> None:
    run(*on(take, tmp_path / "a", "Growing"))
    run(*on(take, tmp_path / "b", "Shifted"))
    run("evaluate", "results", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "c")
    report = json.loads((tmp_path / "c" / "report.json").read_text())
    tables = {
        block["title"]: block
        for section in report["sections"]
        for block in section["blocks"]
        if block["kind"] == "table"
    }
    difference = tables["Difference from a: evaluate_plugins:Growing"]
    column = [item["name"] for item in difference["columns"]].index("MPJPE")
    cell = difference["rows"][0]["cells"][column]
    assert cell["value"] == pytest.approx(5.0 - 7.5, abs=1e-3)
    assert cell["low"] < cell["value"] < cell["high"]


def test_results_of_different_truth_are_not_compared(
    truth: Truth,
    take: Path,
    tmp_path: Path,
    run: Run,
    fail: Run,
    on: On,
    write_take: WriteTake,
) -> None:
    moved = write_take(tmp_path / "take", joints=truth["joints"] + 0.001)
    run(*on(take, tmp_path / "a", "Exact"))
    run(*on(moved, tmp_path / "b", "Exact"))
    error = fail("evaluate", "results", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "c")
    assert "the truth of sequence take differs between a and b" in error


def test_a_stored_result_with_nan_is_counted_as_invalid_and_told(
    take: Path, tmp_path: Path, run: Run, on: On
) -> None:
    run(*on(take, tmp_path / "a", "Exact"))
    file = next((tmp_path / "a" / "results" / "evaluate_plugins_Exact").glob("*.npz"))
    with np.load(file) as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["hand_joints_m"][3, 5] = np.nan
    np.savez(file, **arrays)
    run("evaluate", "results", tmp_path / "a", "--out", tmp_path / "b")
    content = json.loads((tmp_path / "b" / "scores.json").read_text())
    (scored,) = content["reconstructors"].values()
    assert scored["scores"]["mpjpe_mm"]["invalid"] == 1
    assert scored["scores"]["mpjpe_mm"]["used"] == 15
    assert (
        "1 of 16 hands have an estimate that holds NaN"
        in (tmp_path / "b" / "report.html").read_text()
    )


def test_a_submission_of_another_mesh_than_manos_is_refused(
    take: Path, tmp_path: Path, run: Run, fail: Run, on: On
) -> None:
    run(*on(take, tmp_path / "a", "Exact"))
    command = ("evaluate", "submission", "freihand", tmp_path / "a", "--out", tmp_path / "p.json")
    error = fail(*command, "--reconstructor", "evaluate_plugins:Exact")
    assert "topology 'open_hand_right', but the server scores MANO's 778 vertices" in error


def test_submissions_are_in_the_servers_frames_and_orders(
    truth: Truth, take: Path, tmp_path: Path, run: Run, on: On
) -> None:
    run(*on(take, tmp_path / "a", "Shifted"))
    written = {}
    for server in ("ho3d", "freihand", "h2o"):
        out = tmp_path / f"{server}.json"
        run(
            *("evaluate", "submission", server, tmp_path / "a", "--out", out, "--joints-only"),
            *("--reconstructor", "evaluate_plugins:Shifted"),
        )
        written[server] = json.loads(out.read_text())
    true_m = truth["joints"][0]
    estimate = np.add(true_m, [0.003, 0.0, 0.004])
    joints, vertices = written["freihand"]
    assert (len(joints), len(vertices), len(vertices[0])) == (16, 16, 778)
    np.testing.assert_allclose(joints[0], estimate, atol=2e-6)
    in_ho3d = np.array(written["ho3d"][0][0])
    np.testing.assert_allclose(in_ho3d[0], true_m[0] * [1, -1, -1], atol=2e-6)
    np.testing.assert_allclose(in_ho3d[4], true_m[9] * [1, -1, -1], atol=2e-6)
    numbers = np.array(written["h2o"]["take"]["000003.txt"]).reshape(2, 21, 3)
    assert not numbers[0].any()
    np.testing.assert_allclose(numbers[1], estimate, atol=2e-6)


def test_what_was_modelled_is_drawn_a_row_a_sequence(
    takes: Path, tmp_path: Path, run: Run, fail: Run, on: On, on_sequences: On
) -> None:
    run(*on_sequences(tmp_path / "out", "WithObject", takes))
    sheet = tmp_path / "sheet.png"
    assert "2 sequences drawn" in run(
        *("evaluate", "sheet", tmp_path / "out", "--out", sheet, "--rows", 2)
    )
    picture = cv2.imread(str(sheet))
    assert picture.shape == (2 * 180, 240 + 4 * 180, 3)
    views = picture[:, 240:].reshape(2, 180, 4, 180, 3)
    assert (views != PAGE_COLOR[::-1]).any(axis=(1, 3, 4)).all()
    run(*on(takes / "a", tmp_path / "empty", "Exact"))
    assert "gave no object" in fail("evaluate", "sheet", tmp_path / "empty", "--out", sheet)


@pytest.mark.skipif(
    not BROWSER, reason="no chromium or google-chrome on the PATH to open the report with"
)
def test_the_report_opens_in_a_browser_without_a_message(
    take: Path, tmp_path: Path, run: Run, on: On
) -> None:
    run(*on(take, tmp_path, "Exact", "Shifted"))
    command = [
        *(BROWSER, "--headless", "--no-sandbox", "--no-first-run", "--disable-sync"),
        *("--disable-background-networking", "--disable-component-update"),
        *("--enable-logging=stderr", "--v=0", "--use-gl=angle", "--use-angle=swiftshader"),
        *("--enable-unsafe-swiftshader", "--virtual-time-budget=3000"),
        *(f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"),
        (tmp_path / "report.html").as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "Evaluation on take" in done.stdout
    assert 'data-drawn="' in done.stdout, "a scene was drawn"
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
