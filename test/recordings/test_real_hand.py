"""A recording of a real camera is read as what its truth says it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from struct import pack
from typing import Any, TypeAlias

import cv2
import numpy as np
import pytest

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.pipeline.build import build_pipeline
from hand_object_recon.recordings.compressed_depth import pack_rvl_depth
from hand_object_recon.recordings.reader import RgbdRecording

ColorForm: TypeAlias = Callable[[Any, RgbdFrame], Any]
DepthForm: TypeAlias = ColorForm


def test_the_real_recording_is_read_completely(reference_data: Path) -> None:
    truth = np.load(reference_data / "data/real_hand/ground_truth.npz")
    with RgbdRecording(reference_data / "data/real_hand/recording") as recording:
        assert recording.frame_count == 35
        assert (recording.unpaired_color, recording.unpaired_depth) == (0, 0)
        assert recording.warnings == ()
        assert recording.frame_id == "camera_color_optical_frame"
        frames = [frame for frame in recording.frames() if isinstance(frame, RgbdFrame)]
    assert [frame.stamp_ns for frame in frames] == truth["stamps_ns"].tolist()
    for frame, joints_m in zip(frames, truth["joints"], strict=True):
        camera = frame.camera
        assert (camera.width, camera.height) == (640, 480)
        assert 495 < camera.fx < 501
        u, v = (
            np.rint(
                (joints_m[:, :2] / joints_m[:, 2:]) @ np.diag([camera.fx, camera.fy])
                + (camera.cx, camera.cy)
            )
            .astype(int)
            .T
        )
        gap_m = joints_m[:, 2] - frame.depth_m[v, u]
        assert abs(np.nanmedian(gap_m)) < 0.03
        assert np.isnan(frame.depth_m).mean() > 0.8


CAMERA = "/camera/camera"
COLOR = f"{CAMERA}/color/image_raw"
DEPTH = f"{CAMERA}/aligned_depth_to_color/image_raw"
FRAMES = 3
QUANTIZATION = 100.0  # compressed_depth_image_transport's default
DEEPEST_M = 10.0


@pytest.fixture(scope="module")
def real_frames(reference_data: Path) -> list[RgbdFrame]:
    with RgbdRecording(reference_data / "data/real_hand/recording") as recording:
        frames = list(recording.frames(np.arange(FRAMES)))
    assert all(isinstance(frame, RgbdFrame) for frame in frames)
    return [frame for frame in frames if isinstance(frame, RgbdFrame)]


def raw_color(encoding: str, order: list[int]) -> ColorForm:
    return lambda messages, frame: messages.image(
        frame.stamp_ns, with_alpha(frame.rgb)[..., order], encoding
    )


def with_alpha(rgb: np.ndarray) -> np.ndarray:
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])


def png_color(messages: Any, frame: RgbdFrame) -> Any:
    _, data = cv2.imencode(".png", frame.rgb[..., ::-1])
    return messages.compressed(frame.stamp_ns, data.tobytes(), "rgb8; png compressed bgr8")


def millimetres(frame: RgbdFrame) -> np.ndarray:
    return np.rint(1000 * np.nan_to_num(frame.depth_m)).astype(np.uint16)


def raw_millimetres(encoding: str) -> DepthForm:
    return lambda messages, frame: messages.image(frame.stamp_ns, millimetres(frame), encoding)


def raw_metres(messages: Any, frame: RgbdFrame) -> Any:
    return messages.image(frame.stamp_ns, frame.depth_m, "32FC1")


def png_millimetres(messages: Any, frame: RgbdFrame) -> Any:
    _, data = cv2.imencode(".png", millimetres(frame))
    content = pack("<iff", 0, 0.0, 0.0) + data.tobytes()
    return messages.compressed(frame.stamp_ns, content, "16UC1; compressedDepth png")


def rvl_millimetres(messages: Any, frame: RgbdFrame) -> Any:
    content = pack_rvl_depth(millimetres(frame))
    return messages.compressed(frame.stamp_ns, content, "16UC1; compressedDepth rvl")


def quantized_metres(messages: Any, frame: RgbdFrame) -> Any:
    scale = QUANTIZATION * (QUANTIZATION + 1)
    offset = 1 - scale / DEEPEST_M
    with np.errstate(invalid="ignore"):
        stored = np.nan_to_num(np.floor(scale / frame.depth_m + offset)).astype(np.uint16)
    _, data = cv2.imencode(".png", stored)
    content = pack("<iff", 0, scale, offset) + data.tobytes()
    return messages.compressed(frame.stamp_ns, content, "32FC1; compressedDepth png")


COLOR_FORMS: dict[str, tuple[str, ColorForm]] = {
    "rgb8": (COLOR, raw_color("rgb8", [0, 1, 2])),
    "bgr8": (COLOR, raw_color("bgr8", [2, 1, 0])),
    "rgba8": (COLOR, raw_color("rgba8", [0, 1, 2, 3])),
    "png": (f"{COLOR}/compressed", png_color),
}
DEPTH_FORMS: dict[str, tuple[str, DepthForm]] = {
    "16UC1": (DEPTH, raw_millimetres("16UC1")),
    "mono16": (DEPTH, raw_millimetres("mono16")),
    "32FC1": (DEPTH, raw_metres),
    "png": (f"{DEPTH}/compressedDepth", png_millimetres),
    "rvl": (f"{DEPTH}/compressedDepth", rvl_millimetres),
    "quantized": (f"{DEPTH}/compressedDepth", quantized_metres),
}


@pytest.fixture
def rewritten(write_bag: Any, messages: Any, item: Any, real_frames: list[RgbdFrame]) -> Any:
    """The frames read back from a recording in these forms."""

    def read_back(color: str, depth: str, storage: str) -> list[RgbdFrame]:
        camera = real_frames[0].camera
        info = messages.camera_info(
            real_frames[0].stamp_ns,
            size=(camera.width, camera.height),
            k=camera.matrix.reshape(-1),
        )
        items = [item(f"{CAMERA}/color/camera_info", real_frames[0].stamp_ns, info)]
        for topic, make in (COLOR_FORMS[color], DEPTH_FORMS[depth]):
            items += [item(topic, one.stamp_ns, make(messages, one)) for one in real_frames]
        with RgbdRecording(write_bag(items, name=f"{color}_{depth}", storage=storage)) as recording:
            assert recording.warnings == ()
            return [frame for frame in recording.frames() if isinstance(frame, RgbdFrame)]

    return read_back


def assert_same_but_for_depth(found: list[RgbdFrame], wanted: list[RgbdFrame]) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one.rgb, other.rgb)
        assert one.camera.matrix.tolist() == other.camera.matrix.tolist()
        assert (one.stamp_ns, one.frame_id) == (other.stamp_ns, other.frame_id)


@pytest.mark.parametrize("storage", ["MCAP", "SQLITE3"])
@pytest.mark.parametrize(
    ("color", "depth"),
    [
        *((color, "16UC1") for color in COLOR_FORMS),
        *(("rgb8", depth) for depth in DEPTH_FORMS if depth != "quantized"),
    ],
)
def test_every_lossless_form_gives_the_same_frames(
    rewritten: Any, real_frames: list[RgbdFrame], color: str, depth: str, storage: str
) -> None:
    found = rewritten(color, depth, storage)
    assert_same_but_for_depth(found, real_frames)
    for one, other in zip(found, real_frames, strict=True):
        np.testing.assert_array_equal(one.depth_m, other.depth_m)


def test_quantized_metres_are_as_near_as_their_step(
    rewritten: Any, real_frames: list[RgbdFrame]
) -> None:
    found = rewritten("rgb8", "quantized", "MCAP")
    assert_same_but_for_depth(found, real_frames)
    scale = QUANTIZATION * (QUANTIZATION + 1)
    for one, other in zip(found, real_frames, strict=True):
        np.testing.assert_array_equal(np.isnan(one.depth_m), np.isnan(other.depth_m))
        is_reading = np.isfinite(other.depth_m)
        assert is_reading.any()
        depth_m = other.depth_m[is_reading].astype(float)
        step_m = depth_m**2 / (scale - depth_m)
        assert (np.abs(one.depth_m[is_reading] - depth_m) < 1.01 * step_m + 1e-6).all()


def test_the_hand_is_the_same_from_raw_and_from_packed_images(
    rewritten: Any, real_frames: list[RgbdFrame]
) -> None:
    pytest.importorskip("mediapipe")

    def joints_m(frames: list[RgbdFrame]) -> list[list[np.ndarray]]:
        with closing(build_pipeline(PipelineConfig())) as pipeline:
            results = [pipeline.process(frame) for frame in frames]
        return [[hand.joints_m for hand in result.reconstruction.hands] for result in results]

    raw = joints_m(rewritten("bgr8", "32FC1", "SQLITE3"))
    packed = joints_m(rewritten("png", "rvl", "MCAP"))
    assert all(raw), "a frame without a hand"
    np.testing.assert_array_equal(raw, packed)
