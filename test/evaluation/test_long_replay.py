"""``replay`` of long recordings: a part of them, interrupted and resumed, in flat memory."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from hand_object_recon.cli.main import FAILURE, main
from hand_object_recon.cli.signals import INTERRUPTED
from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.stage_settings import HeldObjectSettings
from hand_object_recon.evaluation.replay import replay_recording
from hand_object_recon.messages.typestore import MARKERS_TYPE, deserialize
from hand_object_recon.recordings.bag import Bag
from hand_object_recon.recordings.result_reader import read_reconstructions, read_topologies
from hand_object_recon.recordings.rgbd_writer import RgbdRecordingWriter

CAMERA = CameraIntrinsics(width=96, height=64, fx=90.0, fy=90.0, cx=47.5, cy=31.5)
START_NS = 1_700_000_000_000_000_000
STEP_NS = 50_000_000
FRAMES = 40

LIGHT = (
    *("--reconstructor", "misbehaving_plugins:StillHand"),
    *("--set", "detector=misbehaving_plugins:OneBox"),
    *("--set", "held_object.enabled=false"),
)


@pytest.fixture(autouse=True)
def light_plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = str(Path(__file__).parent)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")]))
    yield
    sys.modules.pop("misbehaving_plugins", None)


def light_config() -> PipelineConfig:
    return PipelineConfig(
        reconstructor="misbehaving_plugins:StillHand",
        detector="misbehaving_plugins:OneBox",
        held_object=HeldObjectSettings(enabled=False),
    )


def noisy_frames(numbers: range) -> Iterator[RgbdFrame]:
    for number in numbers:
        noise = np.random.default_rng(number)
        yield RgbdFrame(
            rgb=noise.integers(0, 255, (CAMERA.height, CAMERA.width, 3), dtype=np.uint8),
            depth_m=np.full((CAMERA.height, CAMERA.width), 0.5, dtype=np.float32),
            camera=CAMERA,
            stamp_ns=START_NS + number * STEP_NS,
            frame_id="camera_color_optical_frame",
        )


def write_recording(path: Path, count: int) -> Path:
    with RgbdRecordingWriter(path) as writer:
        for frame in noisy_frames(range(count)):
            writer.write(frame)
    return path


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recording(tmp_path_factory.mktemp("long") / "recording", FRAMES)


def replay(recording: Path, out: Path, *options: object) -> int:
    """Run the program here; return its exit status."""
    arguments = ["replay", str(recording), "--out", str(out), *LIGHT, *map(str, options)]
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return int(end.value.code or 0)


def replay_elsewhere(
    recording: Path, out: Path, behaviour: str, limit: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the program in a session of its own, which it may kill."""

    def prepare() -> None:
        # A shell that runs the tests in the background has them, and their children, ignore it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if limit is not None:
            limit()

    return subprocess.run(
        [
            *(sys.executable, "-m", "hand_object_recon.cli.main"),
            *("replay", str(recording), "--out", str(out), *LIGHT),
        ],
        env={**os.environ, "LIGHT_PLUGIN": behaviour},
        start_new_session=True,
        preexec_fn=prepare,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def error_line(printed: str) -> str:
    (line,) = (line for line in printed.splitlines() if line.startswith("error: "))
    assert "Traceback" not in printed
    return line


def frame_numbers(out: Path) -> list[int]:
    stamps = [result.stamp_ns for result in read_reconstructions(out / "reconstruction")]
    assert all((stamp - START_NS) % STEP_NS == 0 for stamp in stamps)
    return [(stamp - START_NS) // STEP_NS for stamp in stamps]


def video_times_s(out: Path) -> list[float]:
    with av.open(str(out / "overlay.mp4")) as video:
        return [float(frame.time or 0.0) for frame in video.decode(video=0)]


def summary_of(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "summary.json").read_text()))


# A part of a recording


def test_a_stretch_and_every_nth_frame_of_it_are_replayed(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert replay(recording, out, "--start", 0.5, "--duration", 0.75, "--every", 3) == 0
    assert frame_numbers(out) == [10, 13, 16, 19, 22]
    summary = summary_of(out)
    assert summary["frames"] == summary["frames_with_hand"] == 5
    assert summary["selection"] == {
        "start_s": 0.5,
        "duration_s": 0.75,
        "every": 3,
        "paired_frames": FRAMES,
        "first_stamp_ns": START_NS + 10 * STEP_NS,
        "last_stamp_ns": START_NS + 22 * STEP_NS,
    }
    np.testing.assert_allclose(video_times_s(out), [0.0, 0.15, 0.3, 0.45, 0.6], atol=1e-3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--start", -1), "start is -1 s"),
        (("--start", 99), "span 1.950 s"),
        (("--start", "nan"), "start is nan s"),
        (("--duration", 0), "duration is 0 s"),
        (("--every", 0), "every is 0"),
        (("--start", 0.51, "--duration", 0.01), "no frame lies between 0.51 and 0.52 s"),
    ],
)
def test_a_selection_that_makes_no_sense_is_one_line(
    recording: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    options: tuple[object, ...],
    said: str,
) -> None:
    assert replay(recording, tmp_path / "out", *options) == FAILURE
    assert said in error_line(capfd.readouterr().err)


# Interrupted and resumed


def assert_like_uninterrupted(out: Path) -> None:
    """No frame twice, none missing, and nothing left of the parts."""
    assert frame_numbers(out) == list(range(FRAMES))
    assert len(read_topologies(out / "reconstruction")) == 1
    summary = summary_of(out)
    assert summary["frames"] == summary["frames_with_hand"] == FRAMES
    assert summary["bad_frames"] == 0
    assert sorted(path.name for path in out.iterdir()) == [
        *("overlay.mp4", "reconstruction", "summary.json")
    ]


def test_what_a_crash_left_is_continued(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setenv("LIGHT_PLUGIN", "raise:15")
    with pytest.raises(RuntimeError, match="out of memory"):
        main(["replay", str(recording), "--out", str(out), *LIGHT])
    assert frame_numbers(out) == list(range(14))
    monkeypatch.delenv("LIGHT_PLUGIN")
    assert replay(recording, out, "--resume") == 0
    assert_like_uninterrupted(out)
    assert summary_of(out)["frames_of_earlier_runs"] == 14
    np.testing.assert_allclose(video_times_s(out), np.arange(FRAMES) * 0.05, atol=1e-3)


@pytest.mark.slow
def test_markers_of_before_the_cut_are_deleted(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setenv("LIGHT_PLUGIN", "raise:15")
    with pytest.raises(RuntimeError):
        replay_recording(recording, out, light_config())
    monkeypatch.delenv("LIGHT_PLUGIN")
    replay_recording(recording, out, light_config(), resume=True)
    with closing(Bag(out / "reconstruction")) as bag:
        messages = [
            (message.log_time_ns, deserialize(message.data, MARKERS_TYPE))
            for message in bag.messages(["/hand_object_recon/markers"])
        ]
    orders = [stamp for stamp, message in messages if message.markers[0].action == 3]
    assert orders == [START_NS + 14 * STEP_NS]
    at_cut = [message for stamp, message in messages if stamp == orders[0]]
    assert [message.markers[0].action for message in at_cut] == [3, 0]


def test_ctrl_c_finishes_the_files_and_says_how_to_go_on(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = replay_elsewhere(recording, out, "interrupt:12")
    assert ended.returncode == INTERRUPTED
    assert "--resume" in ended.stderr
    assert "Traceback" not in ended.stderr
    done = frame_numbers(out)
    assert done == list(range(len(done)))
    assert 11 <= len(done) <= 13
    assert len(video_times_s(out)) == len(done)
    assert replay(recording, out, "--resume") == 0
    assert_like_uninterrupted(out)


@pytest.mark.parametrize("way", [pytest.param("kill", marks=pytest.mark.slow), "power_loss"])
def test_a_killed_replay_is_continued(recording: Path, tmp_path: Path, way: str) -> None:
    """Killed alone, the process that writes ends properly; with it the files lack their ends."""
    out = tmp_path / "out"
    ended = replay_elsewhere(recording, out, f"{way}:35")
    assert ended.returncode == -signal.SIGKILL
    assert replay(recording, out, "--resume") == 0
    assert_like_uninterrupted(out)
    summary = summary_of(out)
    earlier = summary["frames_of_earlier_runs"]
    assert 0 < earlier <= 34
    if way == "kill":
        assert len(video_times_s(out)) == FRAMES
    else:
        assert len(video_times_s(out)) == FRAMES - earlier
        assert f"overlay.mp4 lacks {earlier} frames" in summary["warnings"][-1]


@pytest.mark.slow
def test_input_that_is_copied_is_in_the_joined_result_once(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts overlap here: images up to 80 ms from a frame belong to it, which are 50 ms apart."""
    options = ("--with-input", "--set", "recording.sync_slop_ms=80")
    assert replay(recording, tmp_path / "whole", *options) == 0
    sys.modules.pop("misbehaving_plugins", None)
    monkeypatch.setenv("LIGHT_PLUGIN", "raise:15")
    with pytest.raises(RuntimeError):
        main(["replay", str(recording), "--out", str(tmp_path / "out"), *LIGHT, *options])
    monkeypatch.delenv("LIGHT_PLUGIN")
    assert replay(recording, tmp_path / "out", *options, "--resume") == 0
    assert image_times(tmp_path / "out") == image_times(tmp_path / "whole")


def image_times(out: Path) -> dict[str, list[int]]:
    with closing(Bag(out / "reconstruction")) as bag:
        names = [topic.name for topic in bag.topics if topic.name.startswith("/camera")]
        times: dict[str, list[int]] = {name: [] for name in names if "info" not in name}
        for message in bag.messages(times):
            times[message.topic].append(message.log_time_ns)
    assert len(times) == 2
    return times


@pytest.mark.slow
def test_a_replay_may_be_interrupted_again_and_again(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setenv("LIGHT_PLUGIN", "raise:11")
    for attempt in range(3):
        sys.modules.pop("misbehaving_plugins", None)
        with pytest.raises(RuntimeError):
            replay_recording(recording, out, light_config(), resume=attempt > 0)
    monkeypatch.delenv("LIGHT_PLUGIN")
    assert replay(recording, out, "--resume") == 0
    assert_like_uninterrupted(out)
    assert summary_of(out)["frames_of_earlier_runs"] == 30


@pytest.mark.slow
def test_a_replay_killed_while_the_parts_are_joined_is_continued(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setenv("LIGHT_PLUGIN", "raise:15")
    with pytest.raises(RuntimeError):
        replay_recording(recording, out, light_config())
    monkeypatch.delenv("LIGHT_PLUGIN")
    module = "hand_object_recon.evaluation"
    for cut_at in ("replay_folder.join_videos", "replay.write_summary"):
        with monkeypatch.context() as patch:
            patch.setattr(f"{module}.{cut_at}", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                replay_recording(recording, out, light_config(), resume=True)
    assert replay(recording, out, "--resume") == 0
    assert_like_uninterrupted(out)


def test_only_the_same_replay_is_continued(
    recording: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    monkeypatch.setenv("LIGHT_PLUGIN", "raise:15")
    with pytest.raises(RuntimeError):
        replay_recording(recording, out, light_config())
    monkeypatch.delenv("LIGHT_PLUGIN")
    other = write_recording(tmp_path / "other", 5)
    for options, source, said in (
        (("--resume", "--set", "depth.max_m=1.5"), recording, r"depth\.max_m was .* and is 1\.5"),
        (("--resume", "--every", 2), recording, r"selection\.every was 1 and is 2"),
        (("--resume",), other, r"recording\.paired_frames was 40 and is 5"),
        ((), recording, r"interrupted; continue it with --resume"),
    ):
        assert replay(source, out, *options) == FAILURE
        assert re.search(said, error_line(capfd.readouterr().err))
    assert frame_numbers(out) == list(range(14)), "a refusal changes nothing"


def test_resume_without_an_interrupted_replay_is_refused(
    recording: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert replay(recording, tmp_path / "out", "--resume") == FAILURE
    assert "holds no interrupted replay" in error_line(capfd.readouterr().err)
    assert replay(recording, tmp_path / "out", "--duration", 0.1) == 0
    assert replay(recording, tmp_path / "out", "--resume") == FAILURE
    assert "is finished" in error_line(capfd.readouterr().err)


def test_a_replay_that_never_began_leaves_nothing_to_continue(
    recording: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert replay(recording, tmp_path / "out", "--set", "detector=no_such") == FAILURE
    assert "no_such" in error_line(capfd.readouterr().err)
    assert replay(recording, tmp_path / "out", "--duration", 0.1) == 0


# A full disk


def test_a_full_disk_is_one_line_and_what_was_written_can_be_continued(
    recording: Path, tmp_path: Path
) -> None:
    """No file may grow beyond a limit, which to the program is a disk without room."""
    out = tmp_path / "out"
    limit_bytes = 300_000

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    ended = replay_elsewhere(recording, out, "", limit)
    assert ended.returncode == FAILURE
    error = error_line(ended.stderr)
    assert "could not be written" in error
    assert str(out) in error
    assert "--resume" in error
    assert replay(recording, out, "--resume") == 0
    assert_like_uninterrupted(out)
    assert summary_of(out)["frames_of_earlier_runs"] > 0


# Bad input


def test_bad_input_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sqlite3 = tmp_path / "sqlite3"
    with RgbdRecordingWriter(sqlite3, storage="sqlite3") as writer:
        for frame in noisy_frames(range(3)):
            writer.write(frame)
    (file,) = sqlite3.glob("*.db3")
    file.write_bytes(file.read_bytes()[:5000])
    (tmp_path / "noise.mcap").write_bytes(b"noise")
    for source in (sqlite3, tmp_path / "noise.mcap", tmp_path / "nowhere", tmp_path):
        assert replay(source, tmp_path / "out") == FAILURE
        assert str(source) in error_line(capfd.readouterr().err)
        assert not (tmp_path / "out").exists()


# Memory


def test_only_a_few_frames_are_held_at_a_time(recording: Path, tmp_path: Path) -> None:
    replay_recording(recording, tmp_path / "out", light_config())
    plugin = sys.modules["misbehaving_plugins"].StillHand
    assert plugin.frames_seen == FRAMES
    # Those that wait to be written (8), the one being sent, and the current one.
    assert plugin.most_alive <= 11


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_a_recording(tmp_path: Path) -> None:
    """With what looks for objects in the hands, which is on unless told otherwise."""
    peaks_mib = []
    for count in (300, 10_000):
        source = write_recording(tmp_path / f"recording_{count}", count)
        code = (
            "import resource, sys\n"
            "from hand_object_recon.cli.main import main\n"
            "try: main(sys.argv[1:])\n"
            "except SystemExit as end: assert not end.code\n"
            "print('PEAK', *(resource.getrusage(who).ru_maxrss for who in\n"
            "    (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))\n"
        )
        ended = subprocess.run(
            [
                *(sys.executable, "-c", code, "replay", str(source)),
                *("--out", str(tmp_path / f"out_{count}"), *LIGHT),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        peaks_mib.append([int(text) / 1024 for text in ended.stdout.split("PEAK")[1].split()])
    growth_mib = np.subtract(peaks_mib[1], peaks_mib[0])
    print(f"peak MiB of replay and writer: {peaks_mib[0]} and {peaks_mib[1]}")
    assert growth_mib.max() < 40.0
