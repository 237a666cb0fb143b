"""A frame goes through the stages in order, and what goes wrong with a hand is said."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pytest

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import PluginError
from hand_object_recon.core.hands import (
    HandDetection,
    HandEstimate,
    HandSide,
    HandTopology,
    TrackedHand,
)
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.plugins import PluginCard
from hand_object_recon.core.stage_settings import (
    ContactRefinementSettings,
    SmootherSettings,
    TrackerSettings,
)
from hand_object_recon.detectors.base import Detector
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.interaction.refinement import ContactRefinement
from hand_object_recon.pipeline.pipeline import FrameResult, Pipeline
from hand_object_recon.pipeline.placement import MetricPlacement
from hand_object_recon.pipeline.smoother import Smoother
from hand_object_recon.pipeline.tracker import Tracker
from hand_object_recon.reconstructors.base import Reconstructor, ReconstructorOutput

STAGES = ["detect", "track", "reconstruct", "place", "smooth", "object", "refine"]
TOPOLOGIES = tuple(load_hand_model("open_hand", side).topology for side in HandSide)

MakeFrame = Callable[..., RgbdFrame]
MakeDetection = Callable[..., HandDetection]
MakeHand = Callable[..., HandEstimate]


class ScriptedDetector(Detector):
    """Gives the detections it is told to."""

    card: ClassVar[PluginCard] = PluginCard("scripted", "Finds what it is told.", "Apache-2.0")

    def __init__(self) -> None:
        super().__init__(PipelineConfig())
        self.next: list[HandDetection] = []
        self.calls: list[str] = []

    def detect(self, frame: RgbdFrame) -> list[HandDetection]:
        return list(self.next)

    def reset(self) -> None:
        self.calls.append("reset")

    def close(self) -> None:
        self.calls.append("close")


class ScriptedReconstructor(Reconstructor):
    """Gives every hand the estimate of ``estimate``, and notes what it is called with."""

    card: ClassVar[PluginCard] = PluginCard("scripted", "Knows already.", "Apache-2.0")

    def __init__(self, estimate: Callable[[TrackedHand], HandEstimate | None]) -> None:
        super().__init__(PipelineConfig())
        self.estimate = estimate
        self.objects: tuple[ObjectEstimate, ...] = ()
        self.given: list[tuple[RgbdFrame, Sequence[TrackedHand]]] = []
        self.calls: list[str] = []

    def reconstruct(self, frame: RgbdFrame, hands: Sequence[TrackedHand]) -> ReconstructorOutput:
        self.given.append((frame, hands))
        time.sleep(0.005)
        estimates = [self.estimate(hand) for hand in hands]
        return ReconstructorOutput(tuple(one for one in estimates if one), self.objects)

    def topologies(self) -> tuple[HandTopology, ...]:
        return TOPOLOGIES

    def forget(self, track_id: int) -> None:
        self.calls.append(f"forget {track_id}")

    def reset(self) -> None:
        self.calls.append("reset")

    def close(self) -> None:
        self.calls.append("close")


class ListeningSmoother(Smoother):
    """Notes what it is told to forget."""

    def __init__(self) -> None:
        super().__init__(SmootherSettings())
        self.calls: list[str] = []

    def forget(self, track_id: int) -> None:
        self.calls.append(f"forget {track_id}")
        super().forget(track_id)

    def reset(self) -> None:
        self.calls.append("reset")
        super().reset()


@dataclass
class Rig:
    """A pipeline around scripted plugins; its hands are metric and stand still."""

    make_hand: MakeHand
    is_metric: bool = True
    detector: ScriptedDetector = field(default_factory=ScriptedDetector)

    def __post_init__(self) -> None:
        self.smoother = ListeningSmoother()
        self.reconstructor = ScriptedReconstructor(
            lambda hand: self.make_hand(track_id=hand.track_id)
        )
        self.pipeline = Pipeline(
            detector=self.detector,
            tracker=Tracker(TrackerSettings(max_lost_frames=2), history_frames=2),
            reconstructor=self.reconstructor,
            placement=MetricPlacement(TOPOLOGIES, is_metric=self.is_metric),
            smoother=self.smoother,
            held_objects=None,
            refinement=ContactRefinement(ContactRefinementSettings(), "open_hand"),
        )


@pytest.fixture
def rig(make_hand: MakeHand) -> Rig:
    return Rig(make_hand)


def test_every_stage_is_timed_under_its_name_in_order(rig: Rig, make_frame: MakeFrame) -> None:
    start = time.perf_counter()
    result = rig.pipeline.process(make_frame())
    whole_ms = 1e3 * (time.perf_counter() - start)
    stage_ms = result.reconstruction.stage_ms
    assert list(stage_ms) == STAGES
    assert stage_ms["reconstruct"] >= 5.0
    assert all(value >= 0.0 for value in stage_ms.values())
    assert sum(stage_ms.values()) <= whole_ms


def test_processor_time_is_that_of_the_stage_and_not_of_its_waiting(
    rig: Rig, make_frame: MakeFrame
) -> None:
    result = rig.pipeline.process(make_frame())
    assert list(result.stage_cpu_ms) == STAGES
    assert result.stage_cpu_ms["reconstruct"] < 5.0 <= result.reconstruction.stage_ms["reconstruct"]


def test_frames_detected_ahead_give_the_same_results(
    make_hand: MakeHand, make_frame: MakeFrame, make_detection: MakeDetection
) -> None:
    """Hands come, near each other, go and come back."""
    places = [[60.0], [80.0, 240.0], [120.0, 200.0], [], [130.0], [140.0, 210.0]]
    frames = [make_frame(number) for number in range(len(places))]

    def hand_at_box(hand: TrackedHand) -> HandEstimate:
        return make_hand((hand.detection.box.center[0] / 1e3, 0, 0.5), track_id=hand.track_id)

    in_turn, ahead = Rig(make_hand), Rig(make_hand)
    in_turn.reconstructor.estimate = ahead.reconstructor.estimate = hand_at_box
    expected = []
    for frame, xs in zip(frames, places, strict=True):
        in_turn.detector.next = [make_detection(x) for x in xs]
        expected.append(in_turn.pipeline.process(frame))
    detected = []
    for frame, xs in zip(frames, places, strict=True):
        ahead.detector.next = [make_detection(x) for x in xs]
        detected.append(ahead.pipeline.detect(frame))
    results = [ahead.pipeline.reconstruct(one) for one in detected]
    assert [without_times(result) for result in results] == [without_times(one) for one in expected]
    assert any(len(result.reconstruction.hands) == 2 for result in results)


def without_times(result: FrameResult) -> list[object]:
    """Everything that two results of the same frame have in common."""
    hands = [(hand.track_id, hand.joints_m.tobytes()) for hand in result.reconstruction.hands]
    tracked = [(hand.track_id, hand.is_new, hand.detection.box) for hand in result.tracked]
    return [result.reconstruction.stamp_ns, hands, tracked, result.notes]


def test_the_result_carries_the_stamp_and_frame_id_of_the_image(
    rig: Rig, make_frame: MakeFrame, make_detection: MakeDetection
) -> None:
    rig.detector.next = [make_detection(160.0)]
    for number in (0, 1, 7):
        frame = make_frame(number)
        result = rig.pipeline.process(frame).reconstruction
        assert (result.stamp_ns, result.frame_id) == (frame.stamp_ns, "some_optical_frame")
        assert result.method == rig.pipeline.method == "scripted"


def test_a_hand_goes_from_detection_to_estimate_under_its_track_id(
    rig: Rig, make_frame: MakeFrame, make_detection: MakeDetection
) -> None:
    rig.detector.next = [make_detection(80.0), make_detection(240.0)]
    result = rig.pipeline.process(make_frame())
    assert [hand.track_id for hand in result.tracked] == [1, 2]
    assert [hand.track_id for hand in result.reconstruction.hands] == [1, 2]
    assert result.notes == ()


def test_the_reconstructor_gets_the_frame_and_the_tracked_hands_with_their_past(
    rig: Rig, make_frame: MakeFrame, make_detection: MakeDetection
) -> None:
    frames = [make_frame(number) for number in range(4)]
    for frame in frames:
        rig.detector.next = [make_detection(160.0)]
        rig.pipeline.process(frame)
    frame, [hand] = rig.reconstructor.given[-1]
    assert frame is frames[-1]
    assert [earlier for earlier, _ in hand.history] == frames[1:3]


def test_a_frame_without_a_hand_is_a_result_without_hands(rig: Rig, make_frame: MakeFrame) -> None:
    result = rig.pipeline.process(make_frame())
    assert result.reconstruction.hands == ()
    assert result.reconstruction.objects == ()
    assert result.tracked == ()
    assert result.notes == ()


def test_objects_are_passed_on(rig: Rig, make_frame: MakeFrame) -> None:
    vertices = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    thing = ObjectEstimate(3, 0.5, np.eye(4), vertices, np.int32([[0, 1, 2]]))
    rig.reconstructor.objects = (thing,)
    assert rig.pipeline.process(make_frame()).reconstruction.objects == (thing,)


def test_hands_are_smoothed_while_a_track_lasts(
    rig: Rig, make_frame: MakeFrame, make_detection: MakeDetection, make_hand: MakeHand
) -> None:
    rig.detector.next = [make_detection(160.0)]
    rig.pipeline.process(make_frame(0))
    moved = make_hand((0.01, 0.05, 0.5))
    rig.reconstructor.estimate = lambda hand: moved
    [smoothed] = rig.pipeline.process(make_frame(1)).reconstruction.hands
    x = smoothed.joints_m[0, 0] - make_hand().joints_m[0, 0]
    assert 0.001 < x < 0.0095


def test_a_hand_that_comes_back_is_not_mixed_with_where_it_was(
    rig: Rig, make_frame: MakeFrame, make_detection: MakeDetection, make_hand: MakeHand
) -> None:
    rig.detector.next = [make_detection(160.0)]
    rig.pipeline.process(make_frame(0))
    rig.detector.next = []
    rig.pipeline.process(make_frame(1))
    rig.detector.next = [make_detection(160.0)]
    moved = make_hand((0.01, 0.05, 0.5))
    rig.reconstructor.estimate = lambda hand: moved
    [back] = rig.pipeline.process(make_frame(2)).reconstruction.hands
    assert back.track_id == 1
    np.testing.assert_array_equal(back.joints_m, moved.joints_m)


def test_a_hand_that_comes_back_without_an_estimate_at_first_starts_anew_too(
    rig: Rig, make_frame: MakeFrame, make_detection: MakeDetection, make_hand: MakeHand
) -> None:
    rig.detector.next = [make_detection(160.0)]
    rig.pipeline.process(make_frame(0))
    rig.detector.next = []
    rig.pipeline.process(make_frame(1))
    rig.detector.next = [make_detection(160.0)]
    rig.reconstructor.estimate = lambda hand: None
    assert rig.pipeline.process(make_frame(2)).reconstruction.hands == ()
    moved = make_hand((0.01, 0.05, 0.5))
    rig.reconstructor.estimate = lambda hand: moved
    [back] = rig.pipeline.process(make_frame(3)).reconstruction.hands
    np.testing.assert_array_equal(back.joints_m, moved.joints_m)


def test_a_track_is_forgotten_when_it_ends_and_only_then(
    rig: Rig, make_frame: MakeFrame, make_detection: MakeDetection
) -> None:
    rig.detector.next = [make_detection(80.0), make_detection(240.0)]
    rig.pipeline.process(make_frame(0))
    rig.detector.next = [make_detection(240.0)]
    calls = []
    for number in range(1, 6):
        rig.pipeline.process(make_frame(number))
        calls.append(list(rig.reconstructor.calls))
    assert calls == [[], [], ["forget 1"], ["forget 1"], ["forget 1"]]
    assert rig.smoother.calls == ["forget 1"]


def test_an_image_without_any_depth_is_noted(
    rig: Rig, make_frame: MakeFrame, make_detection: MakeDetection
) -> None:
    rig.detector.next = [make_detection(160.0)]
    [note] = rig.pipeline.process(make_frame(depth_m=np.nan)).notes
    assert "no depth reading in the whole image" in note
    rig.detector.next = []
    assert len(rig.pipeline.process(make_frame(1, depth_m=np.nan)).notes) == 1
    one_reading = np.full((240, 320), np.nan, np.float32)
    one_reading[5, 5] = 0.7
    assert rig.pipeline.process(make_frame(2, depth_m=one_reading)).notes == ()


def test_hands_left_out_by_the_reconstructor_are_noted(
    rig: Rig, make_frame: MakeFrame, make_detection: MakeDetection, make_hand: MakeHand
) -> None:
    rig.detector.next = [make_detection(80.0), make_detection(240.0)]
    rig.reconstructor.estimate = lambda hand: make_hand(track_id=2) if hand.track_id == 2 else None
    result = rig.pipeline.process(make_frame())
    [note] = result.notes
    assert "1 of 2 detected hands" in note
    assert [hand.track_id for hand in result.reconstruction.hands] == [2]
    assert len(result.tracked) == 2


def test_what_a_reconstructor_says_of_a_frame_is_noted(
    rig: Rig,
    make_frame: MakeFrame,
    make_detection: MakeDetection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig.detector.next = [make_detection(80.0), make_detection(240.0)]

    def reconstruct(frame: RgbdFrame, hands: Sequence[TrackedHand]) -> ReconstructorOutput:
        left_out = {hand.track_id: "not a hand" for hand in hands}
        return ReconstructorOutput(left_out=left_out, notes=("one more thing",))

    monkeypatch.setattr(rig.reconstructor, "reconstruct", reconstruct)
    first, second = rig.pipeline.process(make_frame()).notes
    assert first == "2 of 2 detected hands could not be reconstructed (not a hand)"
    assert second == "one more thing"


@pytest.mark.parametrize("needs_depth", [True, False])
def test_depth_is_named_as_the_reason_where_the_method_needs_it(
    rig: Rig,
    make_frame: MakeFrame,
    make_detection: MakeDetection,
    monkeypatch: pytest.MonkeyPatch,
    *,
    needs_depth: bool,
) -> None:
    card = replace(ScriptedReconstructor.card, needs_depth=needs_depth)
    monkeypatch.setattr(ScriptedReconstructor, "card", card)
    rig.detector.next = [make_detection(160.0)]
    rig.reconstructor.estimate = lambda hand: None
    [note] = rig.pipeline.process(make_frame()).notes
    assert ("no depth on the hand" in note) is needs_depth
    of_no_depth = rig.pipeline.process(make_frame(1, depth_m=np.nan)).notes
    assert any("1 of 1 detected hands" in note for note in of_no_depth) is not needs_depth


def test_root_relative_hands_that_nothing_places_are_left_out_and_noted(
    make_hand: MakeHand, make_frame: MakeFrame, make_detection: MakeDetection
) -> None:
    rig = Rig(make_hand, is_metric=False)
    rig.detector.next = [make_detection(160.0)]  # no keypoints
    result = rig.pipeline.process(make_frame())
    assert result.reconstruction.hands == ()
    [note] = result.notes
    assert "1 of 1 detected hands" in note


def test_each_hand_is_placed_by_its_own_detection(
    make_hand: MakeHand, make_frame: MakeFrame, make_detection: MakeDetection
) -> None:
    rig = Rig(make_hand, is_metric=False)
    places_m = {1: (-0.12, 0.05, 0.6), 2: (0.12, 0.05, 0.6)}
    frame = make_frame(depth_m=0.6)
    true = {number: make_hand(at_m, track_id=number) for number, at_m in places_m.items()}

    def detection(hand: HandEstimate) -> HandDetection:
        x, y, z = hand.joints_m.astype(np.float64).T
        camera = frame.camera
        pixels = np.stack([camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy], axis=1)
        box_at = pixels.mean(axis=0)
        return replace(make_detection(*box_at), keypoints_px=np.float32(pixels))

    rig.detector.next = [detection(true[1]), detection(true[2])]
    rig.reconstructor.estimate = lambda hand: true[hand.track_id].moved(
        -true[hand.track_id].joints_m[0]
    )
    hands = rig.pipeline.process(frame).reconstruction.hands
    # The depth is a plane through both wrists, so only the sideways place is exact.
    for hand in hands:
        np.testing.assert_allclose(hand.joints_m[0, 0], places_m[hand.track_id][0], atol=0.03)
        assert not np.isnan(hand.placement_residual_m)
    assert len(hands) == 2


def test_a_reset_reaches_every_stage(
    rig: Rig, make_frame: MakeFrame, make_detection: MakeDetection, make_hand: MakeHand
) -> None:
    rig.detector.next = [make_detection(160.0)]
    rig.pipeline.process(make_frame(0))
    rig.pipeline.reset()
    assert rig.detector.calls == ["reset"]
    assert rig.reconstructor.calls == ["reset"]
    assert rig.smoother.calls == ["reset"]
    moved = make_hand((0.01, 0.05, 0.5), track_id=2)
    rig.reconstructor.estimate = lambda hand: moved
    result = rig.pipeline.process(make_frame(1))
    [tracked] = result.tracked
    assert (tracked.track_id, tracked.is_new, list(tracked.history)) == (2, True, [])
    [hand] = result.reconstruction.hands
    np.testing.assert_array_equal(hand.joints_m, moved.joints_m)
    assert rig.reconstructor.calls == ["reset"], "a track of before the reset was forgotten twice"


def test_closing_closes_the_plugins(rig: Rig) -> None:
    rig.pipeline.close()
    assert (rig.detector.calls, rig.reconstructor.calls) == (["close"], ["close"])


def test_the_meshes_are_those_of_the_reconstructor(rig: Rig) -> None:
    assert rig.pipeline.topologies() == TOPOLOGIES


def test_lens_distortion_that_nobody_undoes_is_noted(rig: Rig, make_frame: MakeFrame) -> None:
    frame = make_frame()
    straight = replace(frame.camera, distortion_model="plumb_bob", distortion=(0.0,) * 5)
    assert rig.pipeline.process(replace(frame, camera=straight)).notes == ()
    bent = replace(frame.camera, distortion_model="plumb_bob", distortion=(0.1, 0.0, 0.0, 0.0))
    [note] = rig.pipeline.process(replace(make_frame(1), camera=bent)).notes
    assert "distortion (plumb_bob) is not undone" in note


def test_a_reconstructor_that_names_a_track_or_mesh_nobody_knows_is_refused_by_name(
    rig: Rig, make_frame: MakeFrame, make_detection: MakeDetection, make_hand: MakeHand
) -> None:
    rig.detector.next = [make_detection(160.0)]
    rig.reconstructor.estimate = lambda hand: make_hand(track_id=77)
    with pytest.raises(PluginError, match="'scripted' returned a hand of track 77"):
        rig.pipeline.process(make_frame())
    rig.reconstructor.estimate = lambda hand: replace(
        make_hand(track_id=hand.track_id), topology="somebody_elses"
    )
    with pytest.raises(PluginError, match=r"'scripted'.*'somebody_elses'"):
        rig.pipeline.process(make_frame(1))
