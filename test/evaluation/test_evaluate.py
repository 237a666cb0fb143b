"""``evaluate`` from the outside: known hands in, known errors out; the same files each time."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.hand_poser import HandPoser
from hand_object_recon.hand_model.joint_orders import convert_joints
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.recordings.rgbd_writer import RgbdRecordingWriter
from hand_object_recon.visualization.palette import PAGE_COLOR

CAMERA = CameraIntrinsics(width=64, height=48, fx=80.0, fy=80.0, cx=31.5, cy=23.5)
START_NS = 1_700_000_000_000_000_000
FRAME_NS = 40_000_000
FRAMES = 16
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
PLACE_M = np.array([-0.05, 0.02, 0.5])

PLAIN = tuple(
    part
    for setting in (
        "smoother.enabled=false",
        "held_object.enabled=false",
        "contact_refinement.enabled=false",
        "detector=evaluate_plugins:OneHand",
    )
    for part in ("--set", setting)
)

Run = Callable[..., str]


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    yield
    sys.modules.pop("evaluate_plugins", None)


def true_hand() -> Any:
    model = load_hand_model("open_hand", HandSide.RIGHT)
    return HandPoser(model, np.zeros(10)).pose(np.zeros(48), PLACE_M)


def frames(count: int = FRAMES) -> Iterator[RgbdFrame]:
    for number in range(count):
        yield RgbdFrame(
            rgb=np.full((CAMERA.height, CAMERA.width, 3), 10 * number, dtype=np.uint8),
            depth_m=np.full((CAMERA.height, CAMERA.width), 0.5, dtype=np.float32),
            camera=CAMERA,
            stamp_ns=START_NS + number * FRAME_NS,
            frame_id="camera",
        )


def truth_arrays(count: int = FRAMES) -> dict[str, Any]:
    hand = true_hand()
    return {
        "stamps_ns": START_NS + FRAME_NS * np.arange(count),
        "joints": np.repeat(hand.joints_m[None], count, axis=0),
        "vertices": np.repeat(hand.vertices_m[None], count, axis=0),
        "topology": np.array("open_hand_right"),
        "side": np.array("right"),
        "visible_share": np.linspace(1.0, 0.45, count),
        "touching": np.arange(5 * count).reshape(count, 5) % 2 == 0,
    }


def write_take(folder: Path, count: int = FRAMES, **changes: Any) -> Path:
    folder.mkdir(parents=True)
    with RgbdRecordingWriter(folder / "recording", color_encoding="png") as writer:
        for frame in frames(count):
            writer.write(frame)
    np.savez(folder / "truth.npz", **{**truth_arrays(count), **changes})
    return folder


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_take(tmp_path_factory.mktemp("takes") / "take")


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three short takes."""
    folder = tmp_path_factory.mktemp("takes")
    for name in ("a", "b", "c"):
        write_take(folder / name, 5)
    return folder


def on(take: Path, out: Path, *reconstructors: str) -> list[object]:
    chosen = [part for name in reconstructors for part in ("--reconstructor", plugin(name))]
    truth = ("--truth", take / "truth.npz")
    return ["evaluate", "recording", take / "recording", *truth, "--out", out, *chosen, *PLAIN]


def plugin(name: str) -> str:
    return f"evaluate_plugins:{name}"


def scores_of(out: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "scores.json").read_text())
    return dict(content["reconstructors"][plugin(name)])


def values_of(out: Path, name: str) -> dict[str, Any]:
    return {key: score["value"] for key, score in scores_of(out, name)["scores"].items()}


def digests(out: Path, *parts: str) -> dict[str, str]:
    files = [file for part in parts for file in sorted((out / part).rglob("*")) if file.is_file()]
    return {
        str(file.relative_to(out)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files
    }


def test_known_errors_come_out_side_by_side(take: Path, tmp_path: Path, run: Run) -> None:
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
    take: Path, tmp_path: Path, run: Run
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
    take: Path, tmp_path: Path, run: Run
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


def test_a_stored_result_with_nan_is_counted_as_invalid_and_told(
    take: Path, tmp_path: Path, run: Run
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


def test_a_method_that_finds_nothing_has_every_hand_missing(
    take: Path, tmp_path: Path, run: Run
) -> None:
    run(*on(take, tmp_path, "Blind"))
    scored = scores_of(tmp_path, "Blind")
    assert scored["detection"]["hands_missed"] == FRAMES
    assert scored["scores"]["mpjpe_mm"]["value"] is None
    assert scored["scores"]["auc"]["value"] == 0.0


def test_frames_known_to_be_empty_count_false_hands(tmp_path: Path, run: Run) -> None:
    arrays = truth_arrays()
    few = {name: values if np.ndim(values) == 0 else values[:9] for name, values in arrays.items()}
    take = write_take(tmp_path / "take", **few, frame_stamps_ns=arrays["stamps_ns"])
    run(*on(take, tmp_path / "out", "Exact"))
    detection = scores_of(tmp_path / "out", "Exact")["detection"]
    assert (detection["hands_found"], detection["false_hands"]) == (9, 7)


def test_objects_are_scored_where_the_truth_and_the_method_have_them(
    tmp_path: Path, run: Run
) -> None:
    corners = 0.02 * np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]], dtype=float)
    pose = np.eye(4)
    pose[2, 3] = 0.5
    take = write_take(
        tmp_path / "take",
        object_stamps_ns=truth_arrays()["stamps_ns"][:3],
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


def test_what_was_modelled_is_drawn_a_row_a_sequence(
    takes: Path, tmp_path: Path, run: Run, fail: Run
) -> None:
    chosen = ("--reconstructor", plugin("WithObject"), *PLAIN)
    run("evaluate", "dataset", "synthetic", takes, "--out", tmp_path / "out", *chosen)
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


def test_sequences_are_made_in_the_evaluations_folder(tmp_path: Path, run: Run, fail: Run) -> None:
    wanted = ("--sequences", 1, "--frames-per-sequence", 2, "--reconstructor", plugin("Exact"))
    run("evaluate", "dataset", "synthetic", "--out", tmp_path / "out", *wanted, *PLAIN)
    scores = json.loads((tmp_path / "out/scores.json").read_text())
    assert scores["source"] == "synthetic test sequences"
    assert (scores["sequences"], scores["annotated_frames"]) == (["sequence_00"], 2)
    assert (tmp_path / "out/recordings/sequence_00/truth.npz").exists()
    assert "leave out" in fail(
        *("evaluate", "dataset", "synthetic", tmp_path, "--out", tmp_path / "b", *wanted)
    )


def test_two_runs_leave_the_same_bytes(take: Path, tmp_path: Path, run: Run) -> None:
    for name in ("a", "b"):
        run(*on(take, tmp_path / name, "Growing"))
    parts = ("results", "truth", "csv", "scores.json", "table.md", "run.json")
    first = digests(tmp_path / "a", *parts[:3])
    assert len(first) > 8
    assert first == digests(tmp_path / "b", *parts[:3])
    for name in parts[3:]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_two_workers_give_what_one_gives(takes: Path, tmp_path: Path, run: Run) -> None:
    for workers in (1, 2):
        run(
            *("evaluate", "dataset", "synthetic", takes, "--out", tmp_path / str(workers)),
            *("--reconstructor", plugin("Growing"), "--workers", workers, *PLAIN),
        )
    parts = ("results", "truth", "csv")
    assert len(digests(tmp_path / "1", "results")) == 4
    assert digests(tmp_path / "1", *parts) == digests(tmp_path / "2", *parts)


def test_ranks_of_a_launcher_share_the_sequences(
    takes: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("evaluate", "dataset", "synthetic", takes, "--out", tmp_path)
    command += ("--reconstructor", plugin("Exact"), *PLAIN)
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


def test_the_same_command_does_only_what_is_missing(takes: Path, tmp_path: Path, run: Run) -> None:
    command = ("evaluate", "dataset", "synthetic", takes, "--out", tmp_path)
    command += ("--reconstructor", plugin("Exact"), *PLAIN)
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
    take: Path, tmp_path: Path, run: Run, fail: Run
) -> None:
    run(*on(take, tmp_path, "Exact"))
    error = fail(*on(take, tmp_path, "Exact"), "--every", 2)
    assert "holds another evaluation: every was 1 and is 2; give another --out" in error


def test_a_sequence_that_cannot_be_read_does_not_stop_the_others(
    takes: Path, tmp_path: Path, run: Run, fail: Run
) -> None:
    shutil.copytree(takes, tmp_path / "takes")
    out = tmp_path / "out"
    command = ("evaluate", "dataset", "synthetic", tmp_path / "takes", "--out", out)
    command += ("--reconstructor", plugin("Exact"), *PLAIN)
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
    ("changes", "message"),
    [
        ({"joints": 1000 * truth_arrays()["joints"]}, "millimetres have to be divided by 1000"),
        ({"joints": truth_arrays()["joints"][:, :20]}, r"truth joints has shape (16, 20, 3)"),
        (
            {"joints": convert_joints(truth_arrays()["joints"], "openpose21", "mano21")},
            "joints are in the order of mano21",
        ),
        (
            {"stamps_ns": truth_arrays()["stamps_ns"] + 2 * 10**9},
            "none of the truth's 16 stamps is that of a frame; the nearest is 1.4 s off",
        ),
        ({"joints": np.full((FRAMES, 21, 3), np.nan)}, "values that are not finite"),
        ({"visible_share": np.full(FRAMES, 60.0)}, "visible_share must lie in [0, 1]"),
    ],
)
def test_wrong_truth_is_refused_with_what_is_wrong_before_anything_is_run(
    take: Path, tmp_path: Path, fail: Run, changes: dict[str, Any], message: str
) -> None:
    truth = tmp_path / "truth.npz"
    np.savez(truth, **{**truth_arrays(), **changes})
    out = tmp_path / "out"
    recording = take / "recording"
    error = fail("evaluate", "recording", recording, "--truth", truth, "--out", out, *PLAIN)
    assert message in error
    assert "truth.npz" in error
    assert not (out / "results").exists()


def test_an_unknown_data_set_and_an_empty_folder_are_named(tmp_path: Path, fail: Run) -> None:
    out = ("--out", tmp_path / "out")
    assert "known are synthetic" in fail("evaluate", "dataset", "nothing", tmp_path, *out)
    assert "holds no shard-*.tar and no take" in fail(
        "evaluate", "dataset", "synthetic", tmp_path, *out
    )


def test_results_are_compared_hand_by_hand(take: Path, tmp_path: Path, run: Run) -> None:
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
    difference = tables[f"Difference from a: {plugin('Growing')}"]
    column = [item["name"] for item in difference["columns"]].index("MPJPE")
    cell = difference["rows"][0]["cells"][column]
    assert cell["value"] == pytest.approx(5.0 - 7.5, abs=1e-3)
    assert cell["low"] < cell["value"] < cell["high"]


def test_results_of_different_truth_are_not_compared(
    take: Path, tmp_path: Path, run: Run, fail: Run
) -> None:
    moved = write_take(tmp_path / "take", joints=truth_arrays()["joints"] + 0.001)
    run(*on(take, tmp_path / "a", "Exact"))
    run(*on(moved, tmp_path / "b", "Exact"))
    error = fail("evaluate", "results", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "c")
    assert "the truth of sequence take differs between a and b" in error


def test_a_submission_of_another_mesh_than_manos_is_refused(
    take: Path, tmp_path: Path, run: Run, fail: Run
) -> None:
    run(*on(take, tmp_path / "a", "Exact"))
    command = ("evaluate", "submission", "freihand", tmp_path / "a", "--out", tmp_path / "p.json")
    error = fail(*command, "--reconstructor", plugin("Exact"))
    assert "topology 'open_hand_right', but the server scores MANO's 778 vertices" in error


def test_submissions_are_in_the_servers_frames_and_orders(
    take: Path, tmp_path: Path, run: Run
) -> None:
    run(*on(take, tmp_path / "a", "Shifted"))
    written = {}
    for server in ("ho3d", "freihand", "h2o"):
        out = tmp_path / f"{server}.json"
        run(
            *("evaluate", "submission", server, tmp_path / "a", "--out", out, "--joints-only"),
            *("--reconstructor", plugin("Shifted")),
        )
        written[server] = json.loads(out.read_text())
    truth = true_hand().joints_m
    estimate = np.add(truth, [0.003, 0.0, 0.004])
    joints, vertices = written["freihand"]
    assert (len(joints), len(vertices), len(vertices[0])) == (FRAMES, FRAMES, 778)
    np.testing.assert_allclose(joints[0], estimate, atol=2e-6)
    in_ho3d = np.array(written["ho3d"][0][0])
    np.testing.assert_allclose(in_ho3d[0], truth[0] * [1, -1, -1], atol=2e-6)
    np.testing.assert_allclose(in_ho3d[4], truth[9] * [1, -1, -1], atol=2e-6)
    numbers = np.array(written["h2o"]["take"]["000003.txt"]).reshape(2, 21, 3)
    assert not numbers[0].any()
    np.testing.assert_allclose(numbers[1], estimate, atol=2e-6)


def test_shards_and_frames_made_on_the_spot_are_evaluated_alike(tmp_path: Path, run: Run) -> None:
    run(
        *("synthesize", "--out", tmp_path / "shards", "--split", "test", "--frames", 2),
        *("--workers", 0),
    )
    chosen = ("--reconstructor", plugin("Exact"), *PLAIN)
    data_set = ("evaluate", "dataset", "synthetic")
    run(*data_set, tmp_path / "shards", "--out", tmp_path / "read", *chosen)
    run(*data_set, "--frames", 2, "--out", tmp_path / "made", *chosen)
    read, made = (scores_of(tmp_path / name, "Exact") for name in ("read", "made"))
    assert read["frames"] == 2
    for key in ("detection", "scores"):
        assert read[key] == made[key]


@pytest.mark.skipif(
    not BROWSER, reason="no chromium or google-chrome on the PATH to open the report with"
)
def test_the_report_opens_in_a_browser_without_a_message(
    take: Path, tmp_path: Path, run: Run
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
