"""``inspect``: what a recording holds, whether it can be replayed, a picture of its frames."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from hand_object_recon.cli.main import app, main
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.recordings.result_writer import ReconstructionWriter
from hand_object_recon.recordings.rgbd_writer import CAMERA_INFO_TOPIC, COLOR_TOPIC, DEPTH_TOPIC

Write = Callable[..., Path]


def inspect(*arguments: object, exit_code: int = 0) -> str:
    result = CliRunner().invoke(app, ["inspect", *map(str, arguments)])
    assert result.exit_code == exit_code, result.output
    return result.stdout


def report_of(path: Path, *arguments: object, exit_code: int = 0) -> dict[str, Any]:
    return dict(json.loads(inspect(path, "--json", *arguments, exit_code=exit_code)))


def failure_of(capfd: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as end:
        main(["inspect", *map(str, arguments)])
    printed = capfd.readouterr()
    assert end.value.code == 2
    assert printed.err.count("\n") == 1
    return printed.err


def test_a_usable_recording_is_told_with_its_replay_command(camera_recording: Path) -> None:
    said = inspect(camera_recording)
    for text in (
        f"{camera_recording}: MCAP, 0.55 s from 2023-11-14 22:13:20 UTC",
        f"{CAMERA_INFO_TOPIC}: 64x48, fx 60.00, fy 61.00, cx 32.00, cy 24.00, distortion plumb_bob",
        f"colour:      {COLOR_TOPIC}/compressed",
        f"depth:       {DEPTH_TOPIC}/compressedDepth (read at 79% of pixels)",
        "pairs:       12 (0 colour and 0 depth images without a partner)",
        "aligned:     yes, frame camera_optical",
        f"usable; replay it with: hand-object-recon replay {camera_recording} --out out/camera",
    ):
        assert text in said
    assert "note:" not in said
    assert "problem:" not in said


@pytest.mark.parametrize(
    ("options", "storage", "encodings"),
    [
        ({}, "MCAP", ("jpeg", "compressedDepth")),
        (
            {"color_encoding": "bgr8", "depth_encoding": "16UC1", "storage": "sqlite3"},
            "sqlite3",
            ("bgr8", "16UC1"),
        ),
    ],
)
def test_json_holds_rates_gaps_sizes_and_encodings(
    write_camera_recording: Write,
    options: dict[str, str],
    storage: str,
    encodings: tuple[str, str],
) -> None:
    report = report_of(write_camera_recording([0, 1, 2, 4, 5], **options))
    assert report["is_usable"] is True
    assert report["storage"] == storage
    topics = {topic["name"]: topic for topic in report["topics"]}
    for role, encoding in zip(("color_topic", "depth_topic"), encodings, strict=True):
        topic = topics[report["rgbd"][role]]
        assert encoding in topic["encoding"]
        assert topic["size"] == [64, 48]
        assert topic["message_count"] == 5
        assert topic["rate_hz"] == pytest.approx(4 / 0.25)
        assert topic["largest_gap_ms"] == pytest.approx(100)
        assert topic["frame_id"] == "camera_optical"
    assert topics[CAMERA_INFO_TOPIC]["camera"]["fy"] == 61
    assert report["rgbd"]["depth_coverage"] == pytest.approx(38 / 48)


def test_a_gap_is_a_note(write_camera_recording: Write) -> None:
    report = report_of(write_camera_recording([0, 1, 2, 3, 4, 15, 16, 17]))
    (problem,) = report["problems"]
    assert "has a gap of 550 ms at 8.2 Hz" in problem["text"]
    assert problem["is_fatal"] is False


def test_settings_count_and_are_part_of_the_replay_command(camera_recording: Path) -> None:
    said = inspect(camera_recording, "--set", "depth.max_m=0.51")
    assert "has a reading between 0.1 and 0.51 m at only" in said
    assert "--out out/camera --set depth.max_m=0.51" in said


def test_topics_that_are_not_there_make_it_unusable(camera_recording: Path) -> None:
    said = inspect(camera_recording, "--set", "recording.color_topic=/webcam", exit_code=1)
    assert "problem: recording.color_topic is '/webcam', which is not in the recording" in said
    assert said.splitlines()[-1] == "not usable"


def test_a_result_recording_is_told_apart(tmp_path: Path) -> None:
    with ReconstructionWriter(tmp_path / "result") as writer:
        writer.write(Reconstruction(10**18, "camera", "rgbd_fit"))
    report = report_of(tmp_path / "result", exit_code=1)
    assert report["rgbd"] is None
    assert report["replay_command"] == ""
    assert "no colour image topic was found" in report["problems"][0]["text"]
    assert "this is a result of replay" in report["problems"][0]["text"]


def test_what_cannot_be_read_is_not_usable_and_what_is_not_there_an_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert "problem: folder" in inspect(tmp_path / "empty", exit_code=1)
    (tmp_path / "noise.mcap").write_bytes(b"noise")
    report = report_of(tmp_path / "noise.mcap", exit_code=1)
    assert (report["is_usable"], report["topics"]) == (False, [])
    assert "does not exist" in failure_of(capfd, tmp_path / "nothing")


def test_the_contact_sheet_shows_colour_and_depth_of_eight_frames(
    camera_recording: Path, tmp_path: Path
) -> None:
    out = tmp_path / "sheet.png"
    assert f"Frames drawn to {out}" in inspect(camera_recording, "--contact-sheet", out)
    sheet = cv2.cvtColor(cv2.imread(str(out)), cv2.COLOR_BGR2RGB).astype(int)
    height = sheet.shape[0] // 4
    assert sheet.shape == (4 * 322, 1600, 3)
    blue = [
        sheet[row * height + 150, column * 800 + 200, 2] for row in range(4) for column in (0, 1)
    ]
    numbers = np.round(np.linspace(0, 11, 8))
    np.testing.assert_allclose(blue, 20 * numbers, atol=12)
    depth = sheet[:300, 400:800]
    assert not depth[:55].any()
    assert depth[75, 20, 0] > depth[75, 20, 2]
    assert depth[290, 390, 2] > depth[75, 20, 2]


def test_a_sheet_with_another_ending_is_one_line(
    camera_recording: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "use .png or .jpg" in failure_of(
        capfd, camera_recording, "--contact-sheet", tmp_path / "sheet.gif1"
    )
