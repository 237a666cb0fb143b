"""Takes of a hand that is known, and commands that evaluate reconstructors on them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.hand_poser import HandPoser
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.recordings.rgbd_writer import RgbdRecordingWriter

CAMERA = CameraIntrinsics(width=64, height=48, fx=80.0, fy=80.0, cx=31.5, cy=23.5)
START_NS = 1_700_000_000_000_000_000
FRAME_NS = 40_000_000
FRAMES = 16
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
"""Settings with which nothing but the reconstructor changes what comes out."""

Truth = dict[str, Any]


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the program find ``evaluate_plugins``."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    yield
    sys.modules.pop("evaluate_plugins", None)


def truth_of_frames(count: int) -> Truth:
    model = load_hand_model("open_hand", HandSide.RIGHT)
    hand = HandPoser(model, np.zeros(10)).pose(np.zeros(48), PLACE_M)
    return {
        "stamps_ns": START_NS + FRAME_NS * np.arange(count),
        "joints": np.repeat(hand.joints_m[None], count, axis=0),
        "vertices": np.repeat(hand.vertices_m[None], count, axis=0),
        "topology": np.array("open_hand_right"),
        "side": np.array("right"),
        "visible_share": np.linspace(1.0, 0.45, count),
        "touching": np.arange(5 * count).reshape(count, 5) % 2 == 0,
    }


@pytest.fixture
def truth() -> Truth:
    """What is true of the frames of a take, by the names that its file has for it."""
    return truth_of_frames(FRAMES)


def frames(count: int) -> Iterator[RgbdFrame]:
    for number in range(count):
        yield RgbdFrame(
            rgb=np.full((CAMERA.height, CAMERA.width, 3), 10 * number, dtype=np.uint8),
            depth_m=np.full((CAMERA.height, CAMERA.width), 0.5, dtype=np.float32),
            camera=CAMERA,
            stamp_ns=START_NS + number * FRAME_NS,
            frame_id="camera",
        )


@pytest.fixture(scope="session")
def write_take() -> Callable[..., Path]:
    """Write a take and its truth, some of which is changed, into a new folder."""

    def write(folder: Path, count: int = FRAMES, **changes: Any) -> Path:
        folder.mkdir(parents=True)
        with RgbdRecordingWriter(folder / "recording", color_encoding="png") as writer:
            for frame in frames(count):
                writer.write(frame)
        np.savez(folder / "truth.npz", **{**truth_of_frames(count), **changes})
        return folder

    return write


@pytest.fixture(scope="session")
def take(write_take: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_take(tmp_path_factory.mktemp("takes") / "take")


@pytest.fixture(scope="session")
def takes(write_take: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three short takes."""
    folder = tmp_path_factory.mktemp("takes")
    for name in ("a", "b", "c"):
        write_take(folder / name, 5)
    return folder


@pytest.fixture(scope="session")
def on() -> Callable[..., list[object]]:
    """The command that evaluates some of ``evaluate_plugins`` on a take."""

    def command(
        take: Path, out: Path, *reconstructors: str, truth: Path | None = None
    ) -> list[object]:
        parts = ["evaluate", "recording", take / "recording", "--out", out]
        parts += ["--truth", truth or take / "truth.npz"]
        for name in reconstructors:
            parts += ["--reconstructor", f"evaluate_plugins:{name}"]
        return [*parts, *PLAIN]

    return command


@pytest.fixture(scope="session")
def on_sequences() -> Callable[..., list[object]]:
    """The command that evaluates one of ``evaluate_plugins`` on synthetic sequences, of a folder
    or as options say."""

    def command(out: Path, reconstructor: str, *which: object) -> list[object]:
        chosen = ("--reconstructor", f"evaluate_plugins:{reconstructor}", *PLAIN)
        return ["evaluate", "dataset", "synthetic", *which, "--out", out, *chosen]

    return command


def read_scores(out: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "scores.json").read_text())
    return dict(content["reconstructors"][f"evaluate_plugins:{name}"])


@pytest.fixture(scope="session")
def scores_of() -> Callable[[Path, str], dict[str, Any]]:
    """All that an evaluation says of one of ``evaluate_plugins``."""
    return read_scores


@pytest.fixture(scope="session")
def values_of() -> Callable[[Path, str], dict[str, Any]]:
    """The value of each of its scores."""

    def values(out: Path, name: str) -> dict[str, Any]:
        return {key: score["value"] for key, score in read_scores(out, name)["scores"].items()}

    return values
