"""What tests of several methods share: frames, random weights, the pipeline, a small store to learn
from, stand-in weights of the authors and what their networks gave on them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray
from pydantic import BaseModel
from scipy.spatial.transform import Rotation
from torch import nn
from torch.utils.data import default_collate

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.hands import HandDetection, HandSide
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.detectors.base import Detector
from hand_object_recon.geometry.projection import project
from hand_object_recon.interaction.refinement import ContactRefinement
from hand_object_recon.networks.trainable import Batch, TrainableMethod
from hand_object_recon.networks.weights import Weights, save_weights
from hand_object_recon.pipeline.pipeline import Pipeline
from hand_object_recon.pipeline.placement import MetricPlacement
from hand_object_recon.pipeline.smoother import Smoother
from hand_object_recon.pipeline.tracker import Tracker
from hand_object_recon.reconstructors.base import Reconstructor

if TYPE_CHECKING:  # training is imported by the fixtures that need it: it takes seconds
    from hand_object_recon.training.sample_store import SampleStore

STEP_NS = 33_333_333

FloatArray = NDArray[np.floating[Any]]


@pytest.fixture(scope="session")
def parity(reference_data: Path) -> Path:
    """Folder of the authors' outputs."""
    folder = reference_data / "parity"
    if not (folder / "reference_weights.py").exists():
        pytest.skip(f"{folder} has no reference_weights.py")
    return folder


@pytest.fixture(scope="session")
def weights(parity: Path) -> ModuleType:
    """The module that fills state dicts from their entries' names."""
    spec = importlib.util.spec_from_file_location(
        "reference_weights", parity / "reference_weights.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def write_weights(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, BaseModel, nn.Module], Path]:
    """Write a network's weights as training leaves them, with its method and options."""

    def write(method: str, options: BaseModel, network: nn.Module) -> Path:
        path = tmp_path_factory.mktemp("weights") / "random.safetensors"
        description = {"method": method, "options": options.model_dump(mode="json")}
        save_weights(path, Weights(network.state_dict(), description))
        return path

    return write


@pytest.fixture(scope="session")
def camera() -> CameraIntrinsics:
    return CameraIntrinsics(320, 240, 290.0, 280.0, 150.0, 126.0)


@pytest.fixture(scope="session")
def frame_at(camera: CameraIntrinsics) -> Callable[..., RgbdFrame]:
    """Frames by number, at 30 Hz: blurred noise without depth."""

    def frame(number: int = 0, **changes: Any) -> RgbdFrame:
        shape = (camera.height, camera.width)
        noise = np.random.default_rng(number).integers(0, 256, (*shape, 3), dtype=np.uint8)
        rgb = np.asarray(cv2.GaussianBlur(noise, (0, 0), 4.0), dtype=np.uint8)
        depth_m = np.full(shape, np.nan, dtype=np.float32)
        stamp_ns = 10**9 + number * STEP_NS
        return replace(RgbdFrame(rgb, depth_m, camera, stamp_ns, "camera"), **changes)

    return frame


@pytest.fixture(scope="session")
def straight_axes(camera: CameraIntrinsics) -> Callable[[HandSide, FloatArray], FloatArray]:
    """(3, 3) from the camera's axes to those of a camera that looks at the middle of the box of a
    hand's (21, 3) joints, in the mirror image for a left hand."""

    def axes(side: HandSide, joints_m: FloatArray) -> FloatArray:
        mirror = np.diag([-1.0 if side is HandSide.LEFT else 1.0, 1.0, 1.0])
        pixels = project(joints_m, camera)
        middle = (pixels.min(axis=0) + pixels.max(axis=0)) / 2
        slopes = (middle - [camera.cx, camera.cy]) / [camera.fx, camera.fy]
        ray = mirror @ np.append(slopes, 1.0)
        axis = np.cross([0.0, 0.0, 1.0], ray)
        angle = np.arctan2(np.linalg.norm(axis), 1.0)
        turn, _ = cv2.Rodrigues(axis / np.linalg.norm(axis) * angle)
        return np.asarray(turn.T @ mirror)

    return axes


@pytest.fixture(scope="session")
def upright_axes(
    straight_axes: Callable[[HandSide, FloatArray], FloatArray],
) -> Callable[[HandSide, FloatArray], FloatArray]:
    """The same, rolled until the knuckles are seen right above the wrist."""

    def axes(side: HandSide, joints_m: FloatArray) -> FloatArray:
        straight = straight_axes(side, joints_m)
        seen = joints_m @ straight.T
        slopes = seen[:, :2] / seen[:, 2:]
        right, down = slopes[[5, 9, 13, 17]].mean(axis=0) - slopes[0]
        roll = Rotation.from_rotvec([0.0, 0.0, -np.pi / 2 - np.arctan2(down, right)])
        return np.asarray(roll.as_matrix() @ straight)

    return axes


@pytest.fixture(scope="session")
def in_camera() -> Callable[[ObjectEstimate], trimesh.Trimesh]:
    """The mesh of an object where it is."""

    def mesh(thing: ObjectEstimate) -> trimesh.Trimesh:
        places = thing.vertices_m @ thing.pose[:3, :3].T + thing.pose[:3, 3]
        return trimesh.Trimesh(places, thing.faces, process=False)

    return mesh


class Finds(Detector):
    """A detector that finds what it is given."""

    def __init__(self, detection: HandDetection) -> None:
        self._found = detection

    def detect(self, frame: RgbdFrame) -> list[HandDetection]:
        return [self._found]


@pytest.fixture(scope="session")
def pipeline_of() -> Callable[[Reconstructor, HandDetection], Pipeline]:
    """A pipeline with a reconstructor, whose detector finds the same hand in every frame."""

    def build(reconstructor: Reconstructor, detection: HandDetection) -> Pipeline:
        config = PipelineConfig()
        return Pipeline(
            Finds(detection),
            Tracker(config.tracker, reconstructor.card.history_frames),
            reconstructor,
            MetricPlacement(reconstructor.topologies(), is_metric=reconstructor.card.is_metric),
            Smoother(config.smoother),
            None,
            ContactRefinement(config.contact_refinement, config.hand_model),
        )

    return build


@pytest.fixture(scope="session")
def make_store(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., SampleStore]:
    """A method's records of a few synthetic takes, which may be others."""
    from hand_object_recon.training.config import SyntheticData
    from hand_object_recon.training.store_building import StoreSource, open_or_build_store

    def make(
        method: str, options: dict[str, Any], split: str = "train", **takes: Any
    ) -> SampleStore:
        few = {"takes": 2, "frames_per_take": 4, "step_s": 0.2, "size_px": 96}
        source = StoreSource(split, SyntheticData(**{**few, **takes}), None)
        folder = tmp_path_factory.mktemp("store")
        return open_or_build_store(folder, method, options, source, 0, lambda *_: None)

    return make


@pytest.fixture(scope="module")
def batch_of(store: SampleStore) -> Callable[..., Batch]:
    """Batches of the first samples of the module's store."""
    from hand_object_recon.training.items import StoreItems

    def make(method: TrainableMethod, count: int, seed: int | None = None) -> Batch:
        items = StoreItems(store, method, seed)
        batch: Batch = default_collate([items[0, index] for index in range(count)])
        return batch

    return make


@pytest.fixture(scope="session")
def learn() -> Callable[..., list[float]]:
    """Train a network on one batch; return the sum of its losses before each step."""

    def by_heart(
        network: nn.Module, method: TrainableMethod, batch: Batch, steps: int, rate: float = 1e-3
    ) -> list[float]:
        network.train()
        optimizer = torch.optim.Adam(network.parameters(), lr=rate)
        totals = []
        for _ in range(steps):
            optimizer.zero_grad()
            total = torch.stack(list(method.losses(network, batch).values())).sum()
            torch.autograd.backward(total)
            optimizer.step()
            totals.append(total.item())
        return totals

    return by_heart


@pytest.fixture
def train(store: SampleStore, tmp_path: Path) -> Callable[..., Path]:
    """Train a method on the module's store; return the folder with the weights of each stage."""
    from hand_object_recon.training.config import TrainingConfig
    from hand_object_recon.training.engine import Training

    def run(method: str, options: dict[str, Any], stages: list[dict[str, Any]]) -> Path:
        values = {
            "method": method,
            "method_options": options,
            "data": {"store": str(store.folder), "validation_store": str(store.folder)},
            "stages": stages,
            "batch_size": 2,
            "ema_decay": 0.9,
            "accelerator": "cpu",
            "loader_workers": 0,
            "threads": 1,
            "log_steps": 1,
            "validation_samples": 2,
        }
        assert Training(TrainingConfig.model_validate(values), tmp_path).run()
        return tmp_path

    return run
