"""A live engine goes through its states, takes the newest frames, and survives what fails."""

from __future__ import annotations

import queue
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import (
    ConfigError,
    HandObjectReconError,
    InvalidValueError,
    PluginError,
    StateError,
)
from hand_object_recon.messages.headers import header_message
from hand_object_recon.messages.images import camera_info_message, image_message
from hand_object_recon.messages.typestore import serialize
from hand_object_recon.pipeline.live.camera_stream import Stream
from hand_object_recon.pipeline.live.conditions import Notice
from hand_object_recon.pipeline.live.engine import (
    EngineState,
    LiveEngine,
    LiveEvents,
    LiveResult,
)

MS = 1_000_000
S = 1_000_000_000
START_NS = 1_700_000_000 * S
STEP_NS = 33 * MS
PATIENCE_S = 5.0
CAMERA = CameraIntrinsics(64, 48, 60.0, 60.0, 32.0, 24.0)

PLUGINS = """
import threading
from dataclasses import replace

import numpy as np

from hand_object_recon.core.hands import BoundingBox, HandDetection, HandEstimate, HandTopology
from hand_object_recon.core.plugins import PluginCard
from hand_object_recon.detectors.base import Detector
from hand_object_recon.reconstructors.base import Reconstructor, ReconstructorOutput

TRIANGLE = HandTopology("triangle", 3, np.int32([[0, 1, 2]]))
calls = []
may_detect = threading.Event()
may_detect.set()
may_reconstruct = threading.Event()
may_reconstruct.set()
detecting = threading.Semaphore(0)
reconstructing = threading.Semaphore(0)
at_work = set()
is_failing = False

def require_nobody_at_work():
    if at_work:
        calls.append(f"disturbed {at_work}")

class OneHand(Detector):
    card = PluginCard(name="one_hand", summary="Finds a hand everywhere.", licence="Apache-2.0")

    def detect(self, frame):
        at_work.add("detector")
        detecting.release()
        assert may_detect.wait(5.0)
        at_work.discard("detector")
        if is_failing:
            raise RuntimeError("out of order")
        box = BoundingBox(20.0, 20.0, 40.0, 40.0)
        return [HandDetection("right", 0.5, box)]

    def change_settings(self, config):
        require_nobody_at_work()

    def reset(self):
        require_nobody_at_work()
        calls.append("reset")

    def close(self):
        require_nobody_at_work()
        calls.append("close detector")

class Known(Reconstructor):
    card = PluginCard(name="known", summary="Knows.", licence="MIT", is_metric=True)

    def warm_up(self):
        calls.append(f"warm up {self.card.name} in {threading.current_thread().name}")

    def reconstruct(self, frame, hands):
        at_work.add("reconstructor")
        reconstructing.release()
        assert may_reconstruct.wait(5.0)
        at_work.discard("reconstructor")
        points = np.zeros((21, 3), np.float32) + np.float32(
            [0, 0, self.config.rgbd_fit.iterations]
        )
        return ReconstructorOutput(tuple(
            HandEstimate(
                hand.track_id, hand.side, hand.detection.score, points, np.ones(21, np.float32),
                points[:3], "triangle", np.eye(4), np.zeros(48, np.float32),
                np.zeros(10, np.float32),
            )
            for hand in hands
        ))

    def topologies(self):
        return (TRIANGLE,)

    def close(self):
        calls.append(f"close {self.card.name}")

class Other(Known):
    card = replace(Known.card, name="other", licence="CC0-1.0")

class Defective(Known):
    card = replace(Known.card, name="defective")

    def warm_up(self):
        raise MemoryError("no room")

class Unclosable(Known):
    card = replace(Known.card, name="unclosable")

    def close(self):
        raise OSError("stuck")
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "live_engine_plugins.py").write_text(PLUGINS)
    monkeypatch.syspath_prepend(str(tmp_path))
    import live_engine_plugins

    yield live_engine_plugins
    live_engine_plugins.may_detect.set()
    live_engine_plugins.may_reconstruct.set()
    sys.modules.pop("live_engine_plugins", None)


def named(plugin: str) -> str:
    return f"live_engine_plugins:{plugin}"


def config(**settings: Any) -> PipelineConfig:
    chosen = {"detector": named("OneHand"), "reconstructor": named("Known")}
    return PipelineConfig.model_validate({**chosen, **settings})


def is_count_of_unreadable(engine: LiveEngine, count: int) -> bool:
    return engine.snapshot().counts.unreadable == count


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.001)


class Host:
    """A host with clocks of its own; frames are numbered and 33 ms apart."""

    def __init__(self) -> None:
        self.now_ns = START_NS
        self.steady_ns = 0
        self.results: queue.Queue[LiveResult] = queue.Queue()
        self.notices: queue.Queue[Notice] = queue.Queue()
        self.failures: queue.Queue[HandObjectReconError] = queue.Queue()
        self.engine = LiveEngine(
            LiveEvents(self.results.put, self.notices.put, self.failures.put),
            clock_ns=lambda: self.now_ns,
            steady_ns=lambda: self.steady_ns,
        )

    def start(self, **settings: Any) -> Host:
        self.engine.configure(config(**settings))
        self.engine.activate()
        return self

    def send(self, number: int, depth_size: tuple[int, int] = (48, 64), **image: Any) -> None:
        stamp_ns = START_NS + number * STEP_NS
        header = header_message(stamp_ns, "camera_color_optical_frame")
        rgb = np.zeros((48, 64, 3), np.uint8)
        depth_mm = np.full(depth_size, 600, np.uint16)
        color = image_message(header, rgb, "rgb8")
        color.encoding = image.get("encoding", "rgb8")
        self.now_ns = max(self.now_ns, stamp_ns + 5 * MS)
        self.steady_ns += STEP_NS
        for stream, message in (
            (Stream.CAMERA_INFO, camera_info_message(header, CAMERA)),
            (Stream.DEPTH, image_message(header, depth_mm, "16UC1")),
            (Stream.COLOR, color),
        ):
            self.engine.receive(stream, bytes(serialize(message)))

    def result(self) -> LiveResult:
        return self.results.get(timeout=PATIENCE_S)

    def number(self) -> int:
        """Of the frame of the next result."""
        return round((self.result().frame.stamp_ns - START_NS) / STEP_NS)

    def notice(self) -> Notice:
        return self.notices.get(timeout=PATIENCE_S)


@pytest.fixture
def host(plugins: ModuleType) -> Iterator[Host]:
    host = Host()
    yield host
    plugins.may_detect.set()
    plugins.may_reconstruct.set()
    host.engine.cleanup()
    threads = {thread.name for thread in threading.enumerate()}
    assert not threads & {"detection", "inference"}
    assert not [call for call in plugins.calls if call.startswith("disturbed")]


def test_a_frame_comes_out_with_its_own_stamp_frame_and_meshes(host: Host) -> None:
    host.start().send(3)
    live = host.result()
    assert live.result.reconstruction.stamp_ns == START_NS + 3 * STEP_NS
    assert live.result.reconstruction.frame_id == "camera_color_optical_frame"
    assert live.result.reconstruction.method == "known"
    assert list(live.topologies) == ["triangle"]
    np.testing.assert_allclose(live.frame.depth_m, 0.6)


def test_a_life_goes_through_all_states_and_may_begin_again(
    host: Host, plugins: ModuleType
) -> None:
    engine = host.engine
    assert engine.state is EngineState.UNCONFIGURED
    for _ in range(2):
        engine.configure(config())
        assert engine.state is EngineState.INACTIVE
        engine.activate()
        assert engine.state is EngineState.ACTIVE
        host.send(1)
        assert host.number() == 1
        engine.deactivate()
        assert engine.state is EngineState.INACTIVE
        engine.cleanup()
        assert engine.state is EngineState.UNCONFIGURED
    assert plugins.calls.count("close known") == plugins.calls.count("close detector") == 2
    assert [one for one in plugins.calls if one.startswith("warm")] == [
        "warm up known in inference"
    ] * 2


@pytest.mark.parametrize(
    ("state", "refused"),
    [
        ("unconfigured", ["activate", "deactivate", "reset", "change"]),
        ("inactive", ["configure", "deactivate"]),
        ("active", ["configure", "activate"]),
    ],
)
def test_what_does_not_fit_the_state_is_refused_and_changes_nothing(
    host: Host, state: str, refused: list[str]
) -> None:
    engine = host.engine
    if state != "unconfigured":
        engine.configure(config())
    if state == "active":
        engine.activate()
    actions: dict[str, Callable[[], object]] = {
        "configure": lambda: engine.configure(config()),
        "activate": engine.activate,
        "deactivate": engine.deactivate,
        "reset": engine.reset,
        "change": lambda: engine.set_reconstructor(named("Other")),
    }
    for name in refused:
        with pytest.raises(StateError, match=f"the engine is {state}"):
            actions[name]()
    assert engine.state == state


def test_frames_are_ignored_while_inactive(host: Host) -> None:
    host.engine.configure(config())
    host.send(1)
    host.engine.activate()
    host.send(2)
    assert host.number() == 2
    host.engine.deactivate()
    host.send(3)
    host.engine.activate()
    host.send(4)
    assert host.number() == 4


@pytest.mark.parametrize(
    ("settings", "error", "reason"),
    [
        ({"reconstructor": "no_such_plugin"}, PluginError, "'no_such_plugin' does not exist"),
        ({"reconstructor": named("Defective")}, PluginError, "MemoryError: no room"),
        ({"hand_model": "no_such_hand"}, InvalidValueError, "no_such_hand"),
    ],
)
def test_a_configuration_that_fails_says_why_and_another_may_follow(
    host: Host, settings: dict[str, str], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        host.engine.configure(config(**settings))
    assert host.engine.state is EngineState.UNCONFIGURED
    host.start().send(1)
    assert host.number() == 1


def test_while_busy_only_the_newest_frame_waits_and_the_others_are_counted(
    host: Host, plugins: ModuleType
) -> None:
    host.start()
    plugins.may_detect.clear()
    host.send(1)
    assert plugins.detecting.acquire(timeout=PATIENCE_S)
    for number in (2, 3, 4):
        host.send(number)
    plugins.may_detect.set()
    while (number := host.number()) != 4:
        assert number == 1  # or replaced itself, once it was detected
    host.engine.deactivate()
    counts = host.engine.snapshot().counts
    assert counts.replaced >= 2
    assert counts.processed + counts.replaced == 4


def test_hands_are_found_in_a_frame_while_the_one_before_is_reconstructed(
    host: Host, plugins: ModuleType
) -> None:
    host.start()
    plugins.may_reconstruct.clear()
    host.send(1)
    assert plugins.reconstructing.acquire(timeout=PATIENCE_S)
    host.send(2)
    for _ in range(2):
        assert plugins.detecting.acquire(timeout=PATIENCE_S)
    plugins.may_reconstruct.set()
    assert [host.number(), host.number()] == [1, 2]
    assert host.engine.snapshot().counts.replaced == 0


def test_of_detected_frames_only_the_newest_waits_and_the_others_are_counted(
    host: Host, plugins: ModuleType
) -> None:
    host.start()
    detect_while_frame_1_is_reconstructed(host, plugins, 2, 3, 4)
    plugins.may_reconstruct.set()
    assert [host.number(), host.number()] == [1, 4]
    counts = host.engine.snapshot().counts
    assert counts.replaced == 2


def test_a_detected_frame_that_waits_gives_no_result_after_deactivation(
    host: Host, plugins: ModuleType
) -> None:
    host.start()
    detect_while_frame_1_is_reconstructed(host, plugins, 2)
    deactivation = threading.Thread(target=host.engine.deactivate)
    deactivation.start()
    wait_until(partial(has_job, host.engine))
    plugins.may_reconstruct.set()
    deactivation.join(PATIENCE_S)
    assert [live.frame.stamp_ns for live in host.results.queue] == [START_NS + STEP_NS]


def detect_while_frame_1_is_reconstructed(host: Host, plugins: ModuleType, *numbers: int) -> None:
    """Reconstruction stands at frame 1 afterwards, and the last of the others waits for it."""
    plugins.may_reconstruct.clear()
    for number in (1, *numbers):
        host.send(number)
        assert plugins.detecting.acquire(timeout=PATIENCE_S)
        if number == 1:
            assert plugins.reconstructing.acquire(timeout=PATIENCE_S)
        else:
            wait_until(partial(is_waiting, host.engine, number))


def has_job(engine: LiveEngine) -> bool:
    """Whether somebody waits for the inference thread."""
    return engine._inference is not None and bool(engine._inference._jobs)


def is_waiting(engine: LiveEngine, number: int) -> bool:
    """Whether the frame of this number was detected and waits to be reconstructed."""
    waiting = engine._inference._newest if engine._inference is not None else None
    stamp_ns = START_NS + number * STEP_NS
    return waiting is not None and waiting.detected.frame.stamp_ns == stamp_ns


def test_orders_meet_neither_thread_in_the_middle_of_a_frame(
    host: Host, plugins: ModuleType
) -> None:
    """The plugins note when they are changed, reset or closed while a frame is at work."""
    host.start()
    orders: list[Callable[[], object]] = [
        host.engine.reset,
        lambda: host.engine.change_settings({"rgbd_fit.iterations": 2}),
        lambda: host.engine.set_reconstructor(named("Other")),
        lambda: host.engine.set_reconstructor(named("Known")),
    ]
    sending = threading.Thread(target=lambda: [host.send(number) for number in range(200)])
    sending.start()
    for order in orders * 5:
        order()
    sending.join(PATIENCE_S)
    wait_until(lambda: host.results.qsize() > 0)
    counts = host.engine.snapshot().counts
    assert counts.failed == 0
    assert not [call for call in plugins.calls if call.startswith("disturbed")]


def test_another_reconstructor_takes_over_between_two_frames(
    host: Host, plugins: ModuleType
) -> None:
    host.start().send(1)
    assert host.result().result.reconstruction.method == "known"
    report = host.engine.set_reconstructor(named("Other"))
    assert "Other" in report.text
    assert host.engine.config.reconstructor == named("Other")
    host.send(2)
    assert host.result().result.reconstruction.method == "other"
    assert plugins.calls[-1] == "close known"
    card = host.engine.snapshot().reconstructor
    assert card is not None
    assert card.licence == "CC0-1.0"


@pytest.mark.parametrize("name", ["no_such_plugin", "live_engine_plugins:Defective"])
def test_a_reconstructor_that_does_not_load_leaves_the_present_one_at_work(
    host: Host, plugins: ModuleType, name: str
) -> None:
    host.start()
    with pytest.raises(PluginError, match=name):
        host.engine.set_reconstructor(name)
    assert host.engine.config.reconstructor == named("Known")
    assert "close known" not in plugins.calls
    host.send(1)
    assert host.result().result.reconstruction.method == "known"


def test_the_present_reconstructor_goes_on_while_another_is_loaded(
    host: Host, plugins: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.start()
    is_loading, may_load = threading.Event(), threading.Event()

    def slow_warm_up(_: object) -> None:
        is_loading.set()
        assert may_load.wait(PATIENCE_S)

    monkeypatch.setattr(plugins.Other, "warm_up", slow_warm_up)
    switching = threading.Thread(target=host.engine.set_reconstructor, args=(named("Other"),))
    switching.start()
    assert is_loading.wait(PATIENCE_S)
    host.send(1)
    assert host.result().result.reconstruction.method == "known"
    may_load.set()
    switching.join(PATIENCE_S)
    host.send(2)
    assert host.result().result.reconstruction.method == "other"


def test_run_time_settings_change_without_loading_anything(host: Host, plugins: ModuleType) -> None:
    host.start(smoother={"enabled": False}, rgbd_fit={"iterations": 3}).send(1)
    assert host.result().result.reconstruction.hands[0].joints_m[0, 2] == 3
    host.engine.change_settings({"rgbd_fit.iterations": 7, "depth.max_m": 0.5})
    host.send(2)
    live = host.result()
    assert live.result.reconstruction.hands[0].joints_m[0, 2] == 7
    assert np.isnan(live.frame.depth_m).all()
    assert len([one for one in plugins.calls if one.startswith("warm")]) == 1


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"depth.max_m": -1.0}, "'depth.max_m' is -1.0"),
        ({"depth.max_m": 1.0, "tracker.max_hands": 1}, "'tracker.max_hands' cannot change"),
        ({"depth.farthest": 1.0}, "'depth.farthest' does not exist"),
    ],
)
def test_a_setting_that_is_refused_changes_nothing(
    host: Host, values: dict[str, Any], reason: str
) -> None:
    host.start()
    before = host.engine.config
    with pytest.raises(ConfigError, match=reason):
        host.engine.change_settings(values)
    assert host.engine.config == before


def test_a_frame_that_fails_is_dropped_and_hands_are_tracked_anew(
    host: Host, plugins: ModuleType
) -> None:
    host.start()
    plugins.is_failing = True
    host.send(1)
    notice = host.notice()
    assert notice.is_trouble
    assert "out of order" in notice.text
    plugins.is_failing = False
    resets = plugins.calls.count("reset")
    host.send(2)
    assert host.number() == 2
    assert plugins.calls.count("reset") == resets + 1
    assert host.engine.state is EngineState.ACTIVE


def test_a_pipeline_that_keeps_failing_is_given_up_and_may_be_configured_again(
    host: Host, plugins: ModuleType
) -> None:
    host.start(live={"failed_frames": 2})
    plugins.is_failing = True
    for number in (1, 2):
        host.send(number)
        assert plugins.detecting.acquire(timeout=PATIENCE_S)
    error = host.failures.get(timeout=PATIENCE_S)
    assert "out of order; given up after 2 frames in a row" in str(error)
    assert host.engine.state is EngineState.UNCONFIGURED
    assert "close known" in plugins.calls
    plugins.is_failing = False
    host.start().send(3)
    assert host.number() == 3


def test_a_plugin_that_cannot_be_closed_does_not_stop_the_next(host: Host) -> None:
    host.start(reconstructor=named("Unclosable"))
    host.engine.set_reconstructor(named("Other"))
    assert "OSError: stuck" in host.notice().text
    host.send(1)
    assert host.result().result.reconstruction.method == "other"


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ({"encoding": "32SC4"}, "encoding '32SC4' is not supported"),
        ({"depth_size": (24, 32)}, "is 32x24 pixels but .* align_depth.enable:=true"),
    ],
)
def test_frames_that_cannot_be_used_are_said_once_with_the_fix_and_counted(
    host: Host, image: dict[str, Any], reason: str
) -> None:
    host.start()
    for number in (1, 2):
        host.send(number, **image)
        wait_until(partial(is_count_of_unreadable, host.engine, number))
    notice = host.notice()
    assert notice.topic == "frames"
    assert re.search(reason, notice.text)
    host.steady_ns += 3 * S
    host.send(3)
    assert host.number() == 3
    assert host.notices.empty()
    host.engine.check()
    assert not host.notice().is_trouble


def test_old_frames_are_dropped_counted_and_said(host: Host) -> None:
    host.start()
    host.now_ns = START_NS + 10 * S
    host.send(1)
    assert "old and dropped" in host.notice().text
    host.engine.change_settings({"live.max_input_age_ms": 0.0})
    host.send(2)
    assert host.number() == 2
    assert host.engine.snapshot().counts.too_old == 1


def test_when_the_stamps_jump_back_hands_are_tracked_anew(host: Host, plugins: ModuleType) -> None:
    host.start(live={"max_input_age_ms": 0.0})
    host.send(100)
    assert host.number() == 100
    resets = plugins.calls.count("reset")
    host.send(2)
    assert host.number() == 2
    assert plugins.calls.count("reset") == resets + 1
    assert host.notice().topic == "clock"
    host.send(3)
    assert host.number() == 3
    assert host.engine.snapshot().counts.clock_jumps == 1


def test_a_detected_frame_of_before_a_jump_is_dropped(host: Host, plugins: ModuleType) -> None:
    host.start(live={"max_input_age_ms": 0.0})
    for number in (100, 101, 102):
        host.send(number)
        assert host.number() == number
    resets = plugins.calls.count("reset")
    plugins.may_reconstruct.clear()
    host.send(103)
    wait_until(lambda: "reconstructor" in plugins.at_work)
    host.send(104)
    wait_until(partial(is_waiting, host.engine, 104))
    host.send(2)
    wait_until(partial(has_job, host.engine))
    plugins.may_reconstruct.set()
    assert [host.number(), host.number()] == [103, 2]
    assert plugins.calls.count("reset") == resets + 1


def test_an_engine_without_a_camera_says_so_when_it_is_checked(host: Host) -> None:
    host.start()
    host.steady_ns += 3 * S
    host.engine.check()
    assert {host.notice().topic for _ in range(3)} == {"colour", "depth", "camera info"}
    host.engine.deactivate()
    host.steady_ns += 3 * S
    host.engine.check()
    assert host.notices.empty()
    assert host.engine.snapshot().troubles == {}


def test_a_snapshot_tells_how_things_are(host: Host) -> None:
    assert host.engine.snapshot().reconstructor is None
    host.start()
    for number in range(4):
        host.send(number)
        live = host.result()
        host.now_ns = live.frame.stamp_ns + 25 * MS
        host.engine.published(live.frame.stamp_ns)
    host.engine.see_trouble("qos", "incompatible")
    host.engine.deactivate()
    snapshot = host.engine.snapshot()
    assert snapshot.state == "inactive"
    assert snapshot.counts.processed == 4
    assert list(snapshot.stage_ms) == [
        *(
            "decode",
            "detect",
            "track",
            "reconstruct",
            "place",
            "smooth",
            "object",
            "refine",
            "hand over",
            "total",
        )
    ]
    assert snapshot.age_ms is not None
    assert snapshot.age_ms.p50 == pytest.approx(25.0)
    assert snapshot.hand_model == "open_hand"
    assert snapshot.hand_model_licence.startswith("Apache-2.0")


def test_changing_the_state_from_within_a_result_is_refused_instead_of_hanging(
    host: Host,
) -> None:
    refusals: queue.Queue[StateError] = queue.Queue()

    def deactivate(_: LiveResult) -> None:
        try:
            host.engine.deactivate()
        except StateError as error:
            refusals.put(error)

    host.engine._events = LiveEvents(deactivate)
    host.start().send(1)
    assert "from within a result" in str(refusals.get(timeout=PATIENCE_S))
    assert host.engine.state is EngineState.ACTIVE
