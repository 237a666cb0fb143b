"""``replay`` from the outside: recordings in, files and one-line errors out."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from hand_object_recon.cli.main import main
from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.evaluation.hand_truth import load_hand_truth
from hand_object_recon.pipeline.build import build_pipeline
from hand_object_recon.recordings.reader import RgbdRecording
from hand_object_recon.recordings.result_reader import read_reconstructions
from hand_object_recon.recordings.rgbd_writer import RgbdRecordingWriter
from hand_object_recon.synthesis.demo_recording import write_demo_recording
from hand_object_recon.synthesis.demo_scene import DemoScene

CAMERA = CameraIntrinsics(width=160, height=120, fx=150.0, fy=150.0, cx=79.5, cy=59.5)
START_NS = 1_700_000_000_000_000_000
FRAME_NS = 33_333_333

Run = Callable[..., str]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the recording and the truth of a short rendered scene."""
    folder = tmp_path_factory.mktemp("demo")
    scene = DemoScene(12, seed=1)
    write_demo_recording(scene, folder / "recording", folder / "truth.npz")
    return folder


def blank_frames(count: int = 3) -> Iterator[RgbdFrame]:
    for number in range(count):
        yield RgbdFrame(
            rgb=np.full((CAMERA.height, CAMERA.width, 3), 90, dtype=np.uint8),
            depth_m=np.full((CAMERA.height, CAMERA.width), 0.8, dtype=np.float32),
            camera=CAMERA,
            stamp_ns=START_NS + number * FRAME_NS,
            frame_id="camera_color_optical_frame",
        )


def write_recording(path: Path, frames: Iterator[RgbdFrame], **options: Any) -> Path:
    with RgbdRecordingWriter(path, **options) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def without_topic(source: Path, target: Path, unwanted: str) -> Path:
    """A copy of a recording that lacks the topics whose name contains ``unwanted``."""
    return edited(source, target, lambda topic, message: None if unwanted in topic else message)


def edited(source: Path, target: Path, edit: Callable[[str, Any], Any]) -> Path:
    """A copy of a recording with each message changed by ``edit``; None leaves it out."""
    store = get_typestore(Stores.ROS2_JAZZY)
    with (
        AnyReader([source], default_typestore=store) as reader,
        Writer(target, version=9, storage_plugin=StoragePlugin.MCAP) as writer,
    ):
        added: dict[str, Any] = {}
        for connection, stamp, raw in reader.messages():
            message = edit(connection.topic, reader.deserialize(raw, connection.msgtype))
            if message is None:
                continue
            if connection.topic not in added:
                added[connection.topic] = writer.add_connection(
                    connection.topic, connection.msgtype, typestore=store
                )
            data = store.serialize_cdr(message, connection.msgtype)
            writer.write(added[connection.topic], stamp, data)
    return target


def summary_of(out: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return loaded


def test_a_rendered_recording_gives_results_video_and_scores(
    demo: Path, tmp_path: Path, run: Run
) -> None:
    out = tmp_path / "out"
    printed = run("replay", demo / "recording", "--out", out, "--truth", demo / "truth.npz")
    summary = summary_of(out)
    assert summary["frames"] == summary["frames_with_hand"] == 12
    assert summary["unpaired"] == summary["bad_frames"] == 0
    assert summary["throughput_hz"] > 0
    assert list(summary["latency_ms"]) == [
        *("read", "detect", "track", "reconstruct", "place", "smooth", "object", "refine", "total"),
    ]
    assert list(summary["cpu_ms"]) == list(summary["latency_ms"])
    for times in (*summary["latency_ms"].values(), *summary["cpu_ms"].values()):
        assert 0 <= times["p50"] <= times["p95"] <= times["p99"]
    cpu_ms = summary["cpu_ms_per_frame"]
    stages = sum(summary["cpu_ms"][name]["p50"] for name in ("read", "reconstruct"))
    assert stages < cpu_ms["reconstructing"], "detection works in threads of its own"
    assert cpu_ms["writing"] > 0
    assert "processor time a frame" in printed
    accuracy = summary["accuracy"]
    assert accuracy["frames_scored"] == 12
    assert accuracy["mpjpe_mm"] < 8.0
    assert accuracy["pa_mpjpe_mm"] < 6.0
    assert accuracy["mpvpe_mm"] < 8.0, "the demo's truth has our own topology"
    assert summary["versions"]["numpy"] == np.__version__
    assert summary["hardware"]["cores"] >= 1
    assert "12 of 12 frames with a hand" in printed
    with av.open(str(out / "overlay.mp4")) as video:
        assert video.streams.video[0].codec_context.name == "h264"
        assert sum(1 for _ in video.decode(video=0)) == 12


def test_the_result_recording_keeps_stamps_frame_and_joints(
    demo: Path, tmp_path: Path, run: Run
) -> None:
    run("replay", demo / "recording", "--out", tmp_path / "out")
    truth = load_hand_truth(demo / "truth.npz")
    results = list(read_reconstructions(tmp_path / "out" / "reconstruction"))
    assert [result.stamp_ns for result in results] == list(truth.stamps_ns)
    assert {result.frame_id for result in results} == {"camera_color_optical_frame"}
    for result, joints in zip(results, truth.joints_m, strict=True):
        assert np.linalg.norm(result.hands[0].joints_m - joints, axis=1).mean() < 0.012


def test_reading_and_detecting_ahead_change_nothing(demo: Path, tmp_path: Path, run: Run) -> None:
    """The result of a replay is that of the pipeline on one frame after another."""
    run("replay", demo / "recording", "--out", tmp_path / "out")
    replayed = list(read_reconstructions(tmp_path / "out" / "reconstruction"))
    pipeline = build_pipeline(PipelineConfig())
    pipeline.warm_up()
    with RgbdRecording(demo / "recording") as recording:
        frames = [frame for frame in recording.frames() if isinstance(frame, RgbdFrame)]
        in_turn = [pipeline.process(frame).reconstruction for frame in frames]
    pipeline.close()
    assert len(replayed) == len(in_turn) == 12
    for one, other in zip(replayed, in_turn, strict=True):
        assert [hand.track_id for hand in one.hands] == [hand.track_id for hand in other.hands]
        for hand, expected in zip(one.hands, other.hands, strict=True):
            np.testing.assert_array_equal(hand.joints_m, expected.joints_m)
            np.testing.assert_array_equal(hand.vertices_m, expected.vertices_m)


@pytest.mark.parametrize("stage", ["detector", "reconstructor"])
def test_a_frame_that_a_plugin_refuses_is_a_bad_one_and_the_others_go_on(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run, stage: str
) -> None:
    (tmp_path / "refusing_plugin.py").write_text(
        "from hand_object_recon.core.errors import FrameError\n"
        "from hand_object_recon.detectors.mediapipe_hands import MediapipeHandsDetector\n"
        "from hand_object_recon.reconstructors.rgbd_fit.reconstructor import RgbdFitReconstructor\n"
        "def refuse_every_fourth(self):\n"
        "    self.frames = getattr(self, 'frames', 0) + 1\n"
        "    if self.frames % 4 == 0:\n"
        "        raise FrameError('too dark')\n"
        "class RefusingDetector(MediapipeHandsDetector):\n"
        "    def detect(self, frame):\n"
        "        refuse_every_fourth(self)\n"
        "        return super().detect(frame)\n"
        "class RefusingReconstructor(RgbdFitReconstructor):\n"
        "    def reconstruct(self, frame, hands):\n"
        "        refuse_every_fourth(self)\n"
        "        return super().reconstruct(frame, hands)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    plugin = f"{stage}=refusing_plugin:Refusing{stage.capitalize()}"
    run("replay", demo / "recording", "--out", tmp_path / "out", "--set", plugin)
    sys.modules.pop("refusing_plugin", None)
    summary = summary_of(tmp_path / "out")
    assert summary["bad_frame_reasons"] == {"too dark": 3}
    assert summary["frames_with_hand"] == 9
    assert len(list(read_reconstructions(tmp_path / "out" / "reconstruction"))) == 9


def test_rosbags_alone_reads_the_result_recording_message_for_message(
    demo: Path, tmp_path: Path, run: Run
) -> None:
    """No type of ours is registered here: the schemas in the file must suffice."""
    run("replay", demo / "recording", "--out", tmp_path / "out")
    ours = list(read_reconstructions(tmp_path / "out" / "reconstruction"))
    with AnyReader([tmp_path / "out" / "reconstruction"]) as reader:
        counts = {connection.topic: connection.msgcount for connection in reader.connections}
        assert counts["/hand_object_recon/reconstruction"] == 12
        chosen = [one for one in reader.connections if one.topic.endswith("/reconstruction")]
        for (connection, stamp_ns, raw), expected in zip(
            reader.messages(chosen), ours, strict=True
        ):
            message: Any = reader.deserialize(raw, connection.msgtype)
            assert stamp_ns == expected.stamp_ns
            assert message.method == "rgbd_fit"
            (hand,) = message.hands
            joints = np.array([(point.x, point.y, point.z) for point in hand.joints])
            assert np.allclose(joints, expected.hands[0].joints_m, atol=1e-6)
            vertices = np.array(hand.vertices).reshape(-1, 3)
            assert np.array_equal(vertices, expected.hands[0].vertices_m)


def test_the_recorded_real_hand_is_found_in_every_frame(
    reference_data: Path, tmp_path: Path, run: Run
) -> None:
    folder = reference_data / "data" / "real_hand"
    run(
        *("replay", folder / "recording", "--out", tmp_path / "out"),
        *("--truth", folder / "ground_truth.npz"),
    )
    summary = summary_of(tmp_path / "out")
    accuracy = summary["accuracy"]
    assert summary["frames_with_hand"] == accuracy["frames_scored"] == 35
    # Landmarks lifted with depth have 11.5, 15.7 and 8.1 mm on this recording.
    assert accuracy["mpjpe_mm"] < 9.5
    assert accuracy["root_relative_mpjpe_mm"] < 8.5
    assert accuracy["pa_mpjpe_mm"] < 6.5
    assert accuracy["worst_frame_mm"] < 20.0
    assert accuracy["surface_mm"] < 4.5
    assert accuracy["mpvpe_mm"] is None, "the truth has MANO's topology, not ours"


def test_frames_without_a_hand_give_empty_results(tmp_path: Path, run: Run) -> None:
    recording = write_recording(tmp_path / "recording", blank_frames())
    printed = run("replay", recording, "--out", tmp_path / "out")
    assert summary_of(tmp_path / "out")["frames_with_hand"] == 0
    assert "0 of 3 frames with a hand" in printed
    results = list(read_reconstructions(tmp_path / "out" / "reconstruction"))
    assert [result.hands for result in results] == [(), (), ()]


@pytest.mark.parametrize("reading_m", [np.nan, 0.0])
def test_a_recording_without_a_depth_reading_says_so(
    demo: Path, tmp_path: Path, run: Run, reading_m: float
) -> None:
    def blind(topic: str, message: Any) -> Any:
        if not topic.endswith("compressedDepth"):
            return message
        return None

    with_color = edited(demo / "recording", tmp_path / "color", blind)
    recording = with_raw_depth(with_color, tmp_path / "recording", reading_m)
    printed = run("replay", recording, "--out", tmp_path / "out")
    summary = summary_of(tmp_path / "out")
    assert summary["frames"] == 12
    assert summary["frames_with_hand"] == 0
    ((note, count),) = summary["notes"].items()
    assert "no depth reading in the whole image" in note
    assert count == 12
    assert "no depth reading" in printed


def with_raw_depth(source: Path, target: Path, reading_m: float) -> Path:
    """A copy of a recording of colour alone, with a 32FC1 depth image of one value beside each."""
    store = get_typestore(Stores.ROS2_JAZZY)
    image_type = "sensor_msgs/msg/Image"
    topic = "/camera/camera/aligned_depth_to_color/image_raw"
    with (
        AnyReader([source], default_typestore=store) as reader,
        Writer(target, version=9, storage_plugin=StoragePlugin.MCAP) as writer,
    ):
        copies = {
            one.topic: writer.add_connection(one.topic, one.msgtype, typestore=store)
            for one in reader.connections
        }
        depth = writer.add_connection(topic, image_type, typestore=store)
        info: Any = None
        for connection, stamp, raw in reader.messages():
            message: Any = reader.deserialize(raw, connection.msgtype)
            writer.write(copies[connection.topic], stamp, bytes(raw))
            if hasattr(message, "k"):
                info = message
            if not connection.topic.endswith("compressed"):
                continue
            height, width = (480, 640) if info is None else (info.height, info.width)
            data: NDArray[Any] = np.full((height, width), reading_m, dtype=np.float32)
            image = store.types[image_type](
                header=message.header,
                height=height,
                width=width,
                encoding="32FC1",
                is_bigendian=0,
                step=4 * width,
                data=data.view(np.uint8).ravel(),
            )
            writer.write(depth, stamp, store.serialize_cdr(image, image_type))
    return target


def test_a_bad_frame_in_the_middle_is_counted_and_skipped(
    demo: Path, tmp_path: Path, run: Run
) -> None:
    seen: list[int] = []

    def spoil(topic: str, message: Any) -> Any:
        if not topic.endswith("/compressed"):
            return message
        seen.append(1)
        return replace(message, data=message.data[:20]) if len(seen) == 6 else message

    recording = edited(demo / "recording", tmp_path / "recording", spoil)
    printed = run("replay", recording, "--out", tmp_path / "out")
    summary = summary_of(tmp_path / "out")
    assert summary["bad_frames"] == 1
    assert summary["frames_with_hand"] == 11
    assert "1 bad" in printed
    assert len(list(read_reconstructions(tmp_path / "out" / "reconstruction"))) == 11


def test_a_recording_of_bad_frames_alone_is_an_error_with_the_reason(
    tmp_path: Path, fail: Run
) -> None:
    recording = write_recording(
        tmp_path / "recording", blank_frames(), color_encoding="rgb8", depth_encoding="16UC1"
    )

    def rename(topic: str, message: Any) -> Any:
        is_color = getattr(message, "encoding", "") == "rgb8"
        return replace(message, encoding="pink8") if is_color else message

    strange = edited(recording, tmp_path / "strange", rename)
    error = fail("replay", strange, "--out", tmp_path / "out")
    assert "pink8" in error
    assert "rgb8" in error


def test_what_was_done_before_a_crash_is_on_disk(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin_folder = tmp_path / "plugins"
    plugin_folder.mkdir()
    (plugin_folder / "crashing_plugin.py").write_text(
        "from hand_object_recon.reconstructors.rgbd_fit.reconstructor import RgbdFitReconstructor\n"
        "class Crashing(RgbdFitReconstructor):\n"
        "    frames = 0\n"
        "    def warm_up(self):\n"
        "        pass\n"
        "    def reconstruct(self, frame, hands):\n"
        "        self.frames += 1\n"
        "        if self.frames == 5:\n"
        "            raise RuntimeError('out of memory')\n"
        "        return super().reconstruct(frame, hands)\n"
    )
    monkeypatch.syspath_prepend(plugin_folder)
    with pytest.raises(RuntimeError, match="out of memory"):
        main(
            [
                *("replay", str(demo / "recording"), "--out", str(tmp_path / "out")),
                *("--reconstructor", "crashing_plugin:Crashing"),
            ]
        )
    sys.modules.pop("crashing_plugin", None)
    assert len(list(read_reconstructions(tmp_path / "out" / "reconstruction"))) == 4
    with av.open(str(tmp_path / "out" / "overlay.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 4


def test_a_recording_that_is_not_there_is_named(tmp_path: Path, fail: Run) -> None:
    error = fail("replay", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert "nowhere" in error


def test_a_truncated_recording_is_read_as_far_as_it_goes(
    demo: Path, tmp_path: Path, run: Run
) -> None:
    recording = shutil.copytree(demo / "recording", tmp_path / "recording")
    (mcap,) = recording.glob("*.mcap")
    mcap.write_bytes(mcap.read_bytes()[: int(0.6 * mcap.stat().st_size)])
    printed = run("replay", recording, "--out", tmp_path / "out")
    summary = summary_of(tmp_path / "out")
    assert 0 < summary["frames_with_hand"] < 12
    assert summary["warnings"]
    assert "warning" in printed


def test_a_recording_cut_to_nothing_is_an_error(demo: Path, tmp_path: Path, fail: Run) -> None:
    recording = shutil.copytree(demo / "recording", tmp_path / "recording")
    (mcap,) = recording.glob("*.mcap")
    mcap.write_bytes(mcap.read_bytes()[:40])
    error = fail("replay", recording, "--out", tmp_path / "out")
    assert "recording" in error


@pytest.mark.parametrize(
    ("unwanted", "named"),
    [("depth", "depth"), ("camera_info", "CameraInfo"), ("color/image_raw", "colour")],
)
def test_a_recording_that_lacks_a_topic_says_which(
    tmp_path: Path, fail: Run, unwanted: str, named: str
) -> None:
    whole = write_recording(tmp_path / "whole", blank_frames())
    recording = without_topic(whole, tmp_path / "recording", unwanted)
    error = fail("replay", recording, "--out", tmp_path / "out")
    assert named.lower() in error.lower()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--reconstructor", "no_such"), ("no_such", "rgbd_fit")),
        (("--set", "detector=no_such"), ("no_such", "mediapipe_hands")),
        (("--set", "depth.max_m=99"), ("depth.max_m", "99", "20")),
        (("--set", "hand_model=no_such"), ("no_such", "open_hand")),
        (("--set", "rgbd_fit.iteration=3"), ("rgbd_fit.iteration",)),
        (("--truth", "no_such.npz"), ("no_such.npz",)),
        (("--config", "no_such.yaml"), ("no_such.yaml",)),
    ],
)
def test_a_wrong_choice_is_refused_by_name(
    tmp_path: Path, fail: Run, arguments: tuple[str, ...], named: tuple[str, ...]
) -> None:
    recording = write_recording(tmp_path / "recording", blank_frames(1))
    error = fail("replay", recording, "--out", tmp_path / "out", *arguments)
    assert all(word in error for word in named)


def test_a_plugin_that_breaks_on_import_is_an_error_with_its_reason(
    tmp_path: Path, fail: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_plugin.py").write_text("import a_library_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    recording = write_recording(tmp_path / "recording", blank_frames(1))
    error = fail(
        *("replay", recording, "--out", tmp_path / "out"),
        *("--reconstructor", "broken_plugin:Anything"),
    )
    assert "a_library_nobody_has" in error


def test_an_earlier_result_is_not_overwritten(tmp_path: Path, run: Run, fail: Run) -> None:
    recording = write_recording(tmp_path / "recording", blank_frames(1))
    run("replay", recording, "--out", tmp_path / "out")
    error = fail("replay", recording, "--out", tmp_path / "out")
    assert "exists already" in error
