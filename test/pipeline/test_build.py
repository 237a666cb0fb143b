"""A configuration becomes a pipeline, or an error that names the plugin at fault."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import PluginError
from hand_object_recon.pipeline.build import build_pipeline

WORKING = """
from dataclasses import replace

import numpy as np

from hand_object_recon.core.hands import BoundingBox, HandDetection, HandEstimate, HandTopology
from hand_object_recon.core.plugins import PluginCard
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.detectors.base import Detector
from hand_object_recon.reconstructors.base import Reconstructor, ReconstructorOutput

TRIANGLE = HandTopology("triangle", 3, np.int32([[0, 1, 2]]))

class OneHand(Detector):
    card = PluginCard(name="one_hand", summary="Finds a hand everywhere.", licence="Apache-2.0")

    def detect(self, frame):
        score = self.options().get("score", 0.5)
        keypoints = np.random.default_rng(0).uniform(20, 60, (21, 2)).astype(np.float32)
        box = BoundingBox(20.0, 20.0, 60.0, 60.0)
        hand = HandDetection("right", score, box, keypoints)
        away = HandDetection("right", score, box.shifted(150.0, 0.0), keypoints)
        return [hand, away][: self.options().get("hands", 1)]

class FarAway(Reconstructor):
    card = PluginCard(
        name="far_away", summary="Makes it up.", licence="Apache-2.0", history_frames=2,
        is_metric=True,
    )

    def reconstruct(self, frame, hands):
        self.history = [len(hand.history) for hand in hands]
        estimates = []
        for hand in hands:
            points = np.zeros((21, 3), np.float32) + np.float32([len(hand.history), 0, 9])
            estimates.append(HandEstimate(
                hand.track_id, hand.side, hand.detection.score, points, np.ones(21, np.float32),
                points[:3], "triangle", np.eye(4), np.zeros(48, np.float32),
                np.zeros(10, np.float32),
            ))
        return ReconstructorOutput(tuple(estimates))

    def topologies(self):
        return (TRIANGLE,)

class Relative(FarAway):
    card = replace(FarAway.card, name="relative", is_metric=False)

class Holding(FarAway):
    card = replace(FarAway.card, name="holding", gives_object=True)

    def reconstruct(self, frame, hands):
        corners = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0]])
        thing = ObjectEstimate(7, 1.0, np.eye(4), corners, np.int32([[0, 1, 2]]))
        return replace(super().reconstruct(frame, hands), objects=(thing,))
"""

BROKEN = "import a_library_nobody_has\n"


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Importable ``pipeline_plugins`` that work and ``broken_pipeline_plugins`` that do not."""
    (tmp_path / "pipeline_plugins.py").write_text(WORKING)
    (tmp_path / "broken_pipeline_plugins.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in ("pipeline_plugins", "broken_pipeline_plugins"):
        sys.modules.pop(name, None)


def config(**settings: object) -> PipelineConfig:
    plugins = {
        "detector": "pipeline_plugins:OneHand",
        "reconstructor": "pipeline_plugins:FarAway",
    }
    return PipelineConfig.model_validate({**plugins, **settings})


@pytest.mark.usefixtures("modules")
def test_plugins_named_by_symbol_path_make_a_pipeline_that_runs(
    make_frame: Callable[..., RgbdFrame],
) -> None:
    pipeline = build_pipeline(config(plugin_options={"one_hand": {"score": 0.25}}))
    assert pipeline.method == "far_away"
    assert [one.name for one in pipeline.topologies()] == ["triangle"]
    [hand] = pipeline.process(make_frame()).reconstruction.hands
    assert (hand.track_id, hand.score, hand.topology) == (1, 0.25, "triangle")


@pytest.mark.usefixtures("modules")
def test_the_card_says_how_much_history_is_kept(make_frame: Callable[..., RgbdFrame]) -> None:
    pipeline = build_pipeline(config())
    lengths = [len(pipeline.process(make_frame(n)).tracked[0].history) for n in range(4)]
    assert lengths == [0, 1, 2, 2]


@pytest.mark.usefixtures("modules")
def test_the_card_says_whether_hands_are_placed(make_frame: Callable[..., RgbdFrame]) -> None:
    no_depth_on_the_hand = np.full((240, 320), np.nan, np.float32)
    no_depth_on_the_hand[200:, 200:] = 1.0
    frame = make_frame(depth_m=no_depth_on_the_hand)
    metric = build_pipeline(config()).process(frame)
    assert len(metric.reconstruction.hands) == 1
    relative = build_pipeline(config(reconstructor="pipeline_plugins:Relative")).process(frame)
    assert relative.reconstruction.hands == ()
    assert len(relative.notes) == 1


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(
    ("held_object", "objects"),
    [({}, [7]), ({"prefer_depth": True}, []), ({"prefer_depth": True, "enabled": False}, [7])],
)
def test_a_method_s_own_objects_are_given_unless_depth_is_preferred(
    make_frame: Callable[..., RgbdFrame], held_object: dict[str, bool], objects: list[int]
) -> None:
    holding = config(reconstructor="pipeline_plugins:Holding", held_object=held_object)
    found = build_pipeline(holding).process(make_frame()).reconstruction.objects
    assert [thing.track_id for thing in found] == objects


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize("is_enabled", [True, False])
def test_settings_reach_the_smoother(
    make_frame: Callable[..., RgbdFrame], is_enabled: bool
) -> None:
    pipeline = build_pipeline(config(smoother={"enabled": is_enabled}))
    for number in range(2):
        [hand] = pipeline.process(make_frame(number)).reconstruction.hands
    # The made-up hand jumps from 0 to 1 metre.
    assert (hand.joints_m[0, 0] == 1.0) == (not is_enabled)


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize("max_hands", [1, 2])
def test_settings_reach_the_tracker(make_frame: Callable[..., RgbdFrame], max_hands: int) -> None:
    two_hands = {"one_hand": {"hands": 2}}
    pipeline = build_pipeline(config(tracker={"max_hands": max_hands}, plugin_options=two_hands))
    assert len(pipeline.process(make_frame()).tracked) == max_hands


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize("kind", ["detector", "reconstructor"])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such_plugin", "does not exist"),
        ("broken_pipeline_plugins:Anything", "a_library_nobody_has"),
        ("pipeline_plugins:NoSuchClass", "NoSuchClass"),
        ("pipeline_plugins:TRIANGLE", "not a class derived from"),
        ("no_such_module_anywhere:Class", "no_such_module_anywhere"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_an_error_that_names_it(
    kind: str, name: str, reason: str
) -> None:
    with pytest.raises(PluginError) as info:
        build_pipeline(config(**{kind: name}))
    message = str(info.value)
    assert message.startswith(f"{kind} {name!r}")
    assert reason in message


@pytest.mark.usefixtures("modules")
def test_a_detector_is_no_reconstructor() -> None:
    with pytest.raises(PluginError, match="reconstructor 'pipeline_plugins:OneHand'"):
        build_pipeline(config(reconstructor="pipeline_plugins:OneHand"))
