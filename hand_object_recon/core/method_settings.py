"""Settings of the built-in reconstructors; part of the schema in ``config``."""

from __future__ import annotations

from typing import Literal

from hand_object_recon.core.config_section import Section, setting


class RgbdFitSettings(Section):
    iterations: int = setting(
        5, "Fitting steps of each frame (twice as many on a new hand).", run_time=True, ge=1, le=100
    )
    max_depth_points: int = setting(
        600, "Depth points of one hand used in the fit.", run_time=True, ge=50, le=5000
    )
    shape_frames: int = setting(
        30, "Frames over which the hand's shape is estimated before it is held.", ge=1, le=1000
    )


class NetworkSettings(Section):
    weights: str = setting(
        "", "File of weights (.safetensors) that training wrote; empty takes those shipped."
    )
    device: Literal["auto", "cpu", "cuda"] = setting(
        "auto", "Where the network runs; auto takes CUDA where there is a device."
    )


class CompiledNetworkSettings(NetworkSettings):
    runtime: Literal["torch", "openvino", "openvino_bf16"] = setting(
        "torch",
        "What runs it; openvino is faster on a CPU, and an extra; openvino_bf16 is faster still "
        "on CPUs with AMX or AVX512-BF16, and less exact.",
    )


class ReleasedNetworkSettings(CompiledNetworkSettings):
    """Of a method whose authors released code and weights."""

    official_repository: str = setting(
        "",
        "Clone of the authors' repository; weights is then one of their checkpoints, and "
        "hand_model is MANO.",
    )


class H2ONetSettings(ReleasedNetworkSettings):
    """Nothing of its own."""


class GSDFSettings(NetworkSettings):
    mesh_cells: int = setting(
        64,
        "Cells along each edge of the cube around hand and object that meshes are made in; a "
        "multiple of 32. The paper has 128.",
        run_time=True,
        ge=32,
        le=256,
        multiple_of=32,
    )
    mesh_rate_hz: float = setting(
        2.0,
        "How often meshes are made; joints, and where objects are, come with every frame.",
        run_time=True,
        gt=0.0,
        le=60.0,
    )
    mesh_faces: int = setting(
        2000,
        "Triangles the mesh of a hand or an object is reduced to.",
        run_time=True,
        ge=100,
        le=100000,
    )


class CrossBranchSettings(CompiledNetworkSettings):
    official_checkpoint: bool = setting(
        False,
        "weights is a checkpoint of ObMan's baseline (obman_train), and hand_model is MANO.",
    )
    depth_source: Literal["as_trained", "sensor", "estimated", "both", "none"] = setting(
        "as_trained",
        "What the network sees beside colour: measured depth, depth estimated from colour, "
        "measured depth whose holes are filled with the estimate, or nothing.",
    )
    least_held: float = setting(
        0.5,
        "How likely the network must think it that a hand holds something to give an object.",
        run_time=True,
        ge=0.0,
        le=1.0,
    )


class IntraInterGraphSettings(CompiledNetworkSettings):
    """Nothing of its own."""


class PDFNetSettings(ReleasedNetworkSettings):
    point_choice: Literal["farthest", "random"] = setting(
        "farthest",
        "Which points of a hand's depth it reads: those farthest from each other, or random ones "
        "as in the authors' code.",
        run_time=True,
    )
    least_presence: float = setting(
        0.5,
        "How likely the network must think it that a hand is there to give an estimate.",
        run_time=True,
        ge=0.0,
        le=1.0,
    )
    lay_on_depth: bool = setting(
        True,
        "Move hands along their ray onto the measured depth, as other methods' are; else they stay "
        "where the network puts them.",
        run_time=True,
    )
