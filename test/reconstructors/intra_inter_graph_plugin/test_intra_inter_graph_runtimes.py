"""OpenVINO answers what torch answers, and each runtime is quick enough on one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import HandSide
from hand_object_recon.reconstructors.intra_inter_graph.hand_views import (
    network_view,
    view_of_hand,
)
from hand_object_recon.reconstructors.intra_inter_graph.reconstructor import (
    IntraInterGraphReconstructor,
)
from hand_object_recon.training.config import load_training_config

Build = Callable[..., IntraInterGraphReconstructor]
MakeWeights = Callable[..., Path]
FrameAt = Callable[..., RgbdFrame]
FloatArray = NDArray[np.floating[Any]]
HandAt = Callable[..., Any]
Hands = list[Any]
Show = Callable[..., Any]
Axes = Callable[[HandSide, FloatArray], FloatArray]
PaintedDepth = Callable[..., NDArray[np.float32]]

CONFIGURATIONS = Path(__file__).parents[3] / "config/train"


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"refinement": "none", "pose_branch": "regression"},
        {"refinement": "graph", "refined": "places", "vertex_level": 0},
        {"with_depth": True, "local_features": True, "pyramid": "eighth", "hourglasses": 2},
    ],
    ids=["paper", "baseline", "places", "lite"],
)
def test_openvino_gives_what_torch_gives(
    build: Build,
    frame_at: FrameAt,
    painted_depth_m: PaintedDepth,
    apart: Hands,
    make_weights: MakeWeights,
    options: dict[str, Any],
) -> None:
    pytest.importorskip("openvino")
    path = make_weights(**options)
    hands = [true.tracked(number) for number, true in enumerate(apart)]
    frame = frame_at(depth_m=painted_depth_m(*apart))
    by_torch, by_openvino = (build(path, runtime=runtime) for runtime in ("torch", "openvino"))
    for count in (1, 2):
        views = [view_of_hand(frame, hand, by_torch._options) for hand in hands[:count]]
        shown = network_view(frame, views, by_torch._options)
        with torch.inference_mode():
            answers = zip(by_torch._look(shown), by_openvino._look(shown), strict=True)
            for expected, found in answers:
                for name in ("joints_m", "vertices_m", "slopes", "confidence"):
                    one, other = getattr(found, name), getattr(expected, name)
                    np.testing.assert_allclose(one, other, atol=1e-4, err_msg=name)


@pytest.mark.timing
@pytest.mark.parametrize("runtime", ["torch", "openvino", "openvino_bf16"])
def test_a_hand_takes_the_lite_plugin_sixty_milliseconds_on_one_core(
    build: Build,
    hand_at: HandAt,
    frame_at: FrameAt,
    show: Show,
    painted_depth_m: PaintedDepth,
    upright_axes: Axes,
    make_weights: MakeWeights,
    runtime: str,
) -> None:
    if runtime != "torch":
        pytest.importorskip("openvino")
    torch.set_num_threads(1)
    lite = load_training_config(CONFIGURATIONS / "intra_inter_graph_lite_synthetic.yaml")
    true = hand_at(HandSide.LEFT, (0.05, 0.03, 0.5))
    reconstructor = build(make_weights(**lite.method_options), runtime=runtime)
    frame, hand = frame_at(depth_m=painted_depth_m(true)), true.tracked()
    views = [view_of_hand(frame, hand, reconstructor._options)]
    shown = network_view(frame, views, reconstructor._options)
    network_ms = least_ms(lambda: reconstructor._look(shown))
    show(reconstructor, true, axes=[upright_axes(true.side, true.joints_m)])
    rest_ms = least_ms(lambda: reconstructor.reconstruct(frame, [hand]))
    print(f"{runtime}: network {network_ms:.1f} ms, crop to estimate without it {rest_ms:.1f} ms")
    assert network_ms + rest_ms < 60.0


@torch.inference_mode()
def least_ms(work: Callable[[], object]) -> float:
    times_ms = []
    for _ in range(20):
        start = time.process_time()
        work()
        times_ms.append(1e3 * (time.process_time() - start))
    return min(times_ms)
