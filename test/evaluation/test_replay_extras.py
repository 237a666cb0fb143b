"""What ``replay`` gives beside the results: overlay, input and viewer file of the same frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from hand_object_recon.cli.main import FAILURE, main
from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import RecordingError
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.evaluation.replay import replay_recording
from hand_object_recon.evaluation.replay_extras import ReplayExtras
from hand_object_recon.evaluation.result_sink import ResultSink
from hand_object_recon.pipeline.pipeline import FrameResult
from hand_object_recon.recordings.reader import RgbdRecording
from hand_object_recon.recordings.result_reader import read_reconstructions
from hand_object_recon.synthesis.demo_recording import write_demo_recording
from hand_object_recon.synthesis.demo_scene import DemoScene

INPUT_TOPICS = (
    "/camera/camera/color/image_raw/compressed",
    "/camera/camera/aligned_depth_to_color/image_raw/compressedDepth",
    "/camera/camera/color/camera_info",
)
OVERLAY_TOPIC = "/hand_object_recon/overlay/compressed"


class Replayed(NamedTuple):
    recording: Path
    out: Path

    @property
    def result(self) -> Path:
        return self.out / "reconstruction"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_demo_recording(DemoScene(4, seed=1), folder / "recording", folder / "truth.npz")
    return folder / "recording"


@pytest.fixture(scope="module")
def replayed(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    """A replay of four frames with its input."""
    out = tmp_path_factory.mktemp("replay") / "out"
    replay_recording(demo, out, PipelineConfig(), extras=ReplayExtras(with_input=True))
    return Replayed(demo, out)


def messages_of(path: Path, topic: str) -> list[tuple[int, bytes, Any]]:
    """Log time, bytes and message; decoded with what the recording itself says."""
    with AnyReader([path]) as reader:
        chosen = [item for item in reader.connections if item.topic == topic]
        return [
            (time_ns, bytes(data), reader.deserialize(data, connection.msgtype))
            for connection, time_ns, data in reader.messages(chosen)
        ]


def stamps_of(messages: list[tuple[int, bytes, Any]]) -> list[int]:
    stamps = [message.header.stamp for _, _, message in messages]
    return [stamp.sec * 10**9 + stamp.nanosec for stamp in stamps]


def test_the_overlay_has_the_size_and_stamp_of_each_image(replayed: Replayed) -> None:
    overlays = messages_of(replayed.result, OVERLAY_TOPIC)
    with RgbdRecording(replayed.recording) as recording:
        frames = list(recording.frames())
    assert stamps_of(overlays) == [frame.stamp_ns for frame in frames]
    for (_, _, overlay), frame in zip(overlays, frames, strict=True):
        bgr = cv2.imdecode(overlay.data, cv2.IMREAD_COLOR)
        assert bgr is not None
        assert bgr.shape == frame.rgb.shape  # type: ignore[union-attr]
        difference = np.abs(bgr[..., ::-1].astype(int) - frame.rgb)  # type: ignore[union-attr]
        assert (difference.max(axis=2) > 40).mean() > 0.01, "the hand is drawn over the image"


def test_the_input_is_in_the_result_byte_for_byte(replayed: Replayed) -> None:
    for topic in INPUT_TOPICS:
        copied = messages_of(replayed.result, topic)
        recorded = messages_of(replayed.recording, topic)
        assert [data for _, data, _ in copied] == [data for _, data, _ in recorded]
        assert [time_ns for time_ns, _, _ in copied] == stamps_of(recorded)


def test_the_result_with_its_input_plays_in_order(replayed: Replayed) -> None:
    with AnyReader([replayed.result]) as reader:
        played = [(item.topic, time_ns) for item, time_ns, _ in reader.messages()]
    times = [time_ns for _, time_ns in played]
    assert times == sorted(times)
    for topic in (*INPUT_TOPICS, OVERLAY_TOPIC, "/tf", "/hand_object_recon/markers"):
        assert sum(name == topic for name, _ in played) == 4


def test_the_viewer_file_has_the_hand_where_the_result_has_it(demo: Path, tmp_path: Path) -> None:
    if int(np.__version__.partition(".")[0]) < 2:
        pytest.skip("Rerun needs NumPy 2")
    chunks = pytest.importorskip("rerun.chunk", reason="rerun-sdk, the extra `viewer`, is missing")
    file = tmp_path / "kept.rrd"
    with pytest.raises(SystemExit) as end:
        main(
            ["replay", str(demo), "--out", str(tmp_path / "out"), "--save-viewer", str(file)],
        )
    assert not end.value.code
    shown = [
        (batch.column("stamp")[row].value, batch.column("Mesh3D:vertex_positions")[row].as_py())
        for chunk in chunks.RrdReader(file).stream()
        if chunk.entity_path == "/hand_1_right/mesh"
        for batch in [chunk.to_record_batch()]
        for row in range(chunk.num_rows)
    ]
    results = list(read_reconstructions(tmp_path / "out" / "reconstruction"))
    assert [stamp_ns for stamp_ns, _ in shown] == [result.stamp_ns for result in results]
    for (_, positions), result in zip(shown, results, strict=True):
        np.testing.assert_array_equal(np.float32(positions), result.hands[0].vertices_m)


def test_a_viewer_file_that_exists_is_refused_before_any_work(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rerun", reason="rerun-sdk, the extra `viewer`, is not installed")
    (tmp_path / "old.rrd").write_bytes(b"kept")
    with pytest.raises(SystemExit) as end:
        main(
            [
                *("replay", str(demo), "--out", str(tmp_path / "out")),
                *("--save-viewer", str(tmp_path / "old.rrd")),
            ]
        )
    assert end.value.code == FAILURE
    assert "exists already" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "old.rrd").read_bytes() == b"kept"


def test_a_viewer_file_that_cannot_be_written_ends_the_replay_with_the_reason(
    demo: Path, tmp_path: Path
) -> None:
    if int(np.__version__.partition(".")[0]) < 2:
        pytest.skip("Rerun needs NumPy 2")
    pytest.importorskip("rerun", reason="rerun-sdk, the extra `viewer`, is not installed")
    (tmp_path / "file").write_text("in the way")
    extras = ReplayExtras(viewer_file=tmp_path / "file" / "kept.rrd")
    with pytest.raises(RecordingError, match=r"kept\.rrd cannot be written"):
        replay_recording(demo, tmp_path / "out", PipelineConfig(), extras=extras)


def test_the_reason_is_told_although_frames_could_no_longer_be_put(
    demo: Path, tmp_path: Path
) -> None:
    (tmp_path / "reconstruction").mkdir()
    with RgbdRecording(demo) as recording:
        frame = next(recording.frames())
    assert isinstance(frame, RgbdFrame)
    result = FrameResult(Reconstruction(frame.stamp_ns, frame.frame_id, "fit"), ())

    def put_until_refused() -> None:
        with ResultSink(tmp_path) as sink:
            sink.open([])
            for _ in range(1000):
                sink.put(frame, result)

    with pytest.raises(RecordingError, match="reconstruction exists already"):
        put_until_refused()
