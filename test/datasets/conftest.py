"""Filmed frames to write in a data set's format, the open hand in MANO's place, and DexYCB so
written."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import trimesh
import yaml

from hand_object_recon.core.annotation import AnnotatedFrame, HandAnnotation, MaskLabel
from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.dexycb_splits import SERIALS, SUBJECTS
from hand_object_recon.hand_model.model import load_hand_model, write_hand_model
from hand_object_recon.hand_model.model_record import ModelRecord
from hand_object_recon.hand_model.store import FOLDER_VARIABLE
from hand_object_recon.synthesis.output.settings import SampleSettings, SceneChoice
from hand_object_recon.training.config import TrainingConfig, load_training_config
from hand_object_recon.training.engine import Training
from hand_object_recon.training.store_scores import store_scores
from hand_object_recon.training.synthetic_frames import frames_of_take

CAMERA = CameraIntrinsics(640, 480, 613.0, 612.0, 313.5, 245.0)
TAKES = {HandSide.RIGHT: 0, HandSide.LEFT: 3}  # of the grasps filmed below
STEP_S = 0.5

Film = Callable[[HandSide, int], list[AnnotatedFrame]]


@pytest.fixture(scope="session")
def film() -> Film:
    """Frames of a hand that grasps something, seen by a camera of 640 by 480 pixels."""
    settings = SampleSettings("val", scene=SceneChoice.GRASP, image_size_px=None, camera=CAMERA)
    filmed: dict[tuple[HandSide, int], list[AnnotatedFrame]] = {}

    def frames(side: HandSide, count: int) -> list[AnnotatedFrame]:
        if (side, count) not in filmed:
            take = frames_of_take(settings, TAKES[side], count, STEP_S)
            filmed[side, count] = list(take)
        return filmed[side, count]

    return frames


@pytest.fixture(scope="session")
def film_both() -> Callable[[int], list[AnnotatedFrame]]:
    """Frames of two hands that hand something over: held by the right, by both, by the left."""
    settings = SampleSettings(
        "val", scene=SceneChoice.HAND_OVER, hands=2, image_size_px=None, camera=CAMERA
    )
    filmed: dict[int, list[AnnotatedFrame]] = {}

    def frames(count: int) -> list[AnnotatedFrame]:
        if count not in filmed:
            filmed[count] = list(frames_of_take(settings, 0, count, 0.3))
        return filmed[count]

    return frames


@pytest.fixture
def mano(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The open hand, imported under MANO's name, which it takes the place of in the fixtures."""
    folder = tmp_path / "hand_models"
    folder.mkdir()
    record = ModelRecord("mano", "the open hand in MANO's place")
    for side in HandSide:
        model = replace(load_hand_model("open_hand", side), name="mano")
        write_hand_model(model, folder / f"mano_{side}.npz", record)
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    return "mano"


@pytest.fixture
def no_mano(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "no_models"))


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For data sets whose lists are kept as arrays."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def write_model() -> Callable[[Path, str, AnnotatedFrame], None]:
    """Write a frame's object as YCB-Video's models lie."""

    def write(models: Path, name: str, frame: AnnotatedFrame) -> None:
        thing = frame.truth.objects[0]
        (models / name).mkdir(parents=True, exist_ok=True)
        mesh = trimesh.Trimesh(thing.vertices_m, thing.faces, process=False)
        mesh.export(models / name / "textured_simple.obj", digits=8)

    return write


SESSIONS = {HandSide.RIGHT: 0, HandSide.LEFT: 4}
"""Rank among the first subject's sequences: of s0_train and of s0_val."""

GRASPED = {HandSide.RIGHT: 2, HandSide.LEFT: 13}
YCB = {2: "003_cracker_box", 13: "024_bowl", 21: "061_foam_brick"}


@pytest.fixture(scope="session")
def dexycb_folder(
    tmp_path_factory: pytest.TempPathFactory,
    film: Film,
    write_model: Callable[[Path, str, AnnotatedFrame], None],
) -> Path:
    """DexYCB of which two sequences were filmed, by every camera the same, and 998 are empty.

    The last frame of the left hand is one of those without an annotation.
    """
    root = tmp_path_factory.mktemp("dexycb")
    _write_calibration(root)
    for subject in SUBJECTS:
        for rank in range(100):
            session = root / subject / f"20200709_{140000 + rank}"
            session.mkdir(parents=True)
            _write_meta(session, 0, HandSide.RIGHT)
    for side, rank in SESSIONS.items():
        frames = film(side, 3)
        session = root / SUBJECTS[0] / f"20200709_{140000 + rank}"
        _write_meta(session, len(frames), side)
        for serial in SERIALS:
            _write_session(session / serial, frames, side)
        write_model(root / "models", YCB[GRASPED[side]], frames[0])
    return root


def _write_calibration(root: Path) -> None:
    (root / "calibration" / "intrinsics").mkdir(parents=True)
    color = {"fx": CAMERA.fx, "fy": CAMERA.fy, "ppx": CAMERA.cx, "ppy": CAMERA.cy}
    for serial in SERIALS:
        file = root / "calibration" / "intrinsics" / f"{serial}_640x480.yml"
        file.write_text(yaml.safe_dump({"color": color, "depth": color}), encoding="utf-8")


def _write_meta(session: Path, frames: int, side: HandSide) -> None:
    grasped = GRASPED[side]
    meta = {
        "serials": list(SERIALS),
        "num_frames": frames,
        "extrinsics": "20200702_151821",
        "ycb_ids": [21, grasped],
        "ycb_grasp_ind": 1,
        "mano_sides": [str(side)],
        "mano_calib": [f"20200709-subject-01_{side}"],
    }
    (session / "meta.yml").write_text(yaml.safe_dump(meta), encoding="utf-8")


def _write_session(folder: Path, frames: Sequence[AnnotatedFrame], side: HandSide) -> None:
    folder.mkdir()
    calibration = folder.parents[2] / "calibration" / f"mano_20200709-subject-01_{side}"
    calibration.mkdir(exist_ok=True)
    betas = np.asarray(frames[0].truth.hands[0].shape).tolist()
    (calibration / "mano.yml").write_text(yaml.safe_dump({"betas": betas}), encoding="utf-8")
    for number, annotated in enumerate(frames):
        bgr = annotated.frame.rgb[..., ::-1]
        cv2.imwrite(str(folder / f"color_{number:06d}.jpg"), bgr)
        millimetres = np.round(1000 * np.nan_to_num(annotated.frame.depth_m)).astype(np.uint16)
        cv2.imwrite(str(folder / f"aligned_depth_to_color_{number:06d}.png"), millimetres)
        is_left_out = side is HandSide.LEFT and number == len(frames) - 1
        _write_labels(folder / f"labels_{number:06d}.npz", annotated, side, is_left_out)


def _write_labels(file: Path, annotated: AnnotatedFrame, side: HandSide, without: bool) -> None:
    hand = annotated.truth.hands[0]
    pixels = hand.joints_m @ CAMERA.matrix.T
    poses = np.zeros((2, 3, 4), dtype=np.float32)
    poses[1] = annotated.truth.objects[0].pose[:3]
    np.savez(
        file,
        seg=_seg(annotated, GRASPED[side]),
        pose_y=poses,
        pose_m=np.zeros((1, 51), np.float32) if without else _pose_m(hand),
        joint_3d=np.full((1, 21, 3), -1, np.float32) if without else hand.joints_m[None],
        joint_2d=(pixels[:, :2] / pixels[:, 2:])[None],
    )


def _seg(annotated: AnnotatedFrame, grasped: int) -> np.ndarray:
    mask = np.asarray(annotated.truth.mask)
    seg = np.zeros(mask.shape, dtype=np.uint8)
    seg[np.isin(mask, (MaskLabel.LEFT_HAND, MaskLabel.RIGHT_HAND))] = 255
    seg[mask == MaskLabel.OBJECT] = grasped
    return seg


def _pose_m(hand: HandAnnotation) -> np.ndarray:
    """Orientation, 45 coefficients that give the fingers' pose, translation."""
    model = load_hand_model("open_hand", hand.side)
    pose = np.asarray(hand.pose_rad, dtype=np.float64)
    bend = pose[3:] - model.hands_mean
    coefficients = np.linalg.solve(model.hands_components.T.astype(np.float64), bend)
    values = np.concatenate([pose[:3], coefficients, np.asarray(hand.translation_m)])
    return values.astype(np.float32)[None]


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Path], Path]:
    """A copy of a folder to break, its files linked: unlink one before it is written anew."""

    def copy(folder: Path) -> Path:
        return Path(shutil.copytree(folder, tmp_path / "broken", copy_function=_link))

    return copy


def _link(source: str, target: str) -> str:
    Path(target).hardlink_to(source)
    return target


CONFIGURATIONS = Path(__file__).parents[2] / "config/train"
SMALL: dict[str, dict[str, Any]] = {
    "h2onet": {"width": 16},
    "gsdf": {"width": 24, "image_size": 64, "kept_points": 50, "points": 10},
    "pdfnet": {
        **{"image_size": 96, "kept_size": 96, "trunk_layers": 18, "width": 16},
        **{"points": 64, "neighbours": 16},
    },
    "cross_branch": {"image_size": 64, "width": 8, "kept_points": 200, "points": 100},
    "intra_inter_graph": {
        **{"image_size": 64, "trunk_layers": 18, "width": 8, "channels": 16, "hourglass_depth": 2},
        **{"pose_channels": 16, "pose_blocks": 1, "refinement_channels": 16, "vertex_level": 2},
    },
}


@pytest.fixture
def train_as_configured(tmp_path: Path) -> Callable[..., dict[str, float]]:
    """Trains as a shipped configuration says on the data set in a folder, with a small network, a
    step a stage and no weights to begin with; gives the scores of what the last stage wrote.
    Splits that a fixture leaves empty are replaced by choices."""

    def train(
        configuration: str, folder: Path, *, validation: str | None = None, **chosen: Any
    ) -> dict[str, float]:
        shipped = load_training_config(CONFIGURATIONS / f"{configuration}.yaml")
        small = shipped.model_dump(mode="json")
        small["method_options"] |= SMALL[shipped.method]
        for name in ("dataset", "validation_dataset"):
            small["data"][name] |= {"path": str(folder), "every": 1, **chosen}
        if validation is not None:
            small["data"]["validation_dataset"]["split"] = validation
        small["data"] |= {"store": str(tmp_path / "a"), "validation_store": str(tmp_path / "b")}
        anew = {"epochs": 0.01, "begin_from": None, "begin_names": [], "begin_copies": {}}
        small["stages"] = [stage | anew for stage in small["stages"]]
        small |= {"batch_size": 2, "accelerator": "cpu", "loader_workers": 0, "threads": 1}
        config = TrainingConfig.model_validate(small)
        assert Training(config, tmp_path / "out").run()
        weights = tmp_path / "out" / f"{config.stages[-1].name}.safetensors"
        return store_scores(weights, tmp_path / "b", 2)

    return train
