"""A live engine goes through its states, and tells how things are."""

from __future__ import annotations

import queue
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from hand_object_recon.core.errors import InvalidValueError, PluginError, StateError
from hand_object_recon.pipeline.live.engine_events import (
    EngineState,
    LiveEvents,
    LiveResult,
)

OTHER = "live_engine_plugins:Other"
DEFECTIVE = "live_engine_plugins:Defective"
MS = 1_000_000


def test_a_life_goes_through_all_states_and_may_begin_again(host: Any, plugins: ModuleType) -> None:
    engine = host.engine
    assert engine.state is EngineState.UNCONFIGURED
    for _ in range(2):
        engine.configure(host.config())
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
    host: Any, state: str, refused: list[str]
) -> None:
    engine = host.engine
    if state != "unconfigured":
        engine.configure(host.config())
    if state == "active":
        engine.activate()
    actions: dict[str, Callable[[], object]] = {
        "configure": lambda: engine.configure(host.config()),
        "activate": engine.activate,
        "deactivate": engine.deactivate,
        "reset": engine.reset,
        "change": lambda: host.switch_to(OTHER),
    }
    for name in refused:
        with pytest.raises(StateError, match=f"the engine is {state}"):
            actions[name]()
    assert engine.state == state


def test_frames_are_ignored_while_inactive(host: Any) -> None:
    host.engine.configure(host.config())
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
        ({"reconstructor": DEFECTIVE}, PluginError, "MemoryError: no room"),
        ({"hand_model": "no_such_hand"}, InvalidValueError, "no_such_hand"),
    ],
)
def test_a_configuration_that_fails_says_why_and_another_may_follow(
    host: Any, settings: dict[str, str], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        host.engine.configure(host.config(**settings))
    assert host.engine.state is EngineState.UNCONFIGURED
    host.start().send(1)
    assert host.number() == 1


def test_changing_the_state_from_within_a_result_is_refused_instead_of_hanging(
    host: Any,
) -> None:
    refusals: queue.Queue[StateError] = queue.Queue()

    def deactivate(_: LiveResult) -> None:
        try:
            host.engine.deactivate()
        except StateError as error:
            refusals.put(error)

    host.engine._events = LiveEvents(deactivate)
    host.start().send(1)
    assert "from within a result" in str(refusals.get(timeout=host.patience_s))
    assert host.engine.state is EngineState.ACTIVE


def test_a_snapshot_tells_how_things_are(host: Any) -> None:
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
