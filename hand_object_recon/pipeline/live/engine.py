"""The pipeline on a live camera: states, switching and settings, the same for every host."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from hand_object_recon.core.config import PipelineConfig, changed_config
from hand_object_recon.core.errors import (
    FrameError,
    PluginError,
    StateError,
)
from hand_object_recon.core.hands import HandSide, HandTopology
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.pipeline.live.camera_stream import Stream, Subscription, subscriptions
from hand_object_recon.pipeline.live.conditions import Conditions
from hand_object_recon.pipeline.live.engine_events import (
    ChangeReport,
    EngineState,
    LiveEvents,
    LiveResult,
)
from hand_object_recon.pipeline.live.frame_decoder import FrameDecoder, PendingFrame
from hand_object_recon.pipeline.live.frame_intake import FrameIntake
from hand_object_recon.pipeline.live.inference_thread import InferenceThread
from hand_object_recon.pipeline.live.pipeline_loading import (
    error_text,
    give_back_memory,
    loaded_pipeline,
)
from hand_object_recon.pipeline.live.statistics import (
    LiveSnapshot,
    LiveStatistics,
    gpu_memory_mb,
)
from hand_object_recon.pipeline.pipeline import DetectedFrame, Pipeline
from hand_object_recon.pipeline.stage_clock import StageClock

_NANOSECONDS_PER_SECOND: Final = 1_000_000_000
_NANOSECONDS_PER_MILLISECOND: Final = 1_000_000
_LEAST_CALM_S: Final = 2.0  # hosts look every second


@dataclass(frozen=True, eq=False)
class _DetectedInput:
    """A frame whose hands were found, and what decoding it took."""

    detected: DetectedFrame
    decode_ms: float


class LiveEngine:
    """Runs a pipeline on the newest frames of one camera; every method may be called from any
    thread.

    A host calls ``configure``, subscribes to ``subscriptions()``, calls ``activate``, hands the
    bytes of each message to ``receive``, and calls ``check`` every half second to second. One
    thread decodes a frame and finds the hands in it while another, which owns the pipeline,
    reconstructs the frame before. Both sleep while nothing comes; before each of them at most
    one frame waits, and is replaced by a newer one.

    clock_ns
        Clock of the image stamps: the system's, or a simulation's.
    steady_ns
        Clock that never jumps.
    """

    def __init__(
        self,
        events: LiveEvents,
        clock_ns: Callable[[], int] = time.time_ns,
        steady_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._events = events
        self._clock_ns = clock_ns
        self._steady_ns = steady_ns
        self._transition = threading.Lock()
        self._lock = threading.RLock()  # guards everything below; never held for long
        self._state = EngineState.UNCONFIGURED
        self._config = PipelineConfig()
        self._conditions = Conditions(events.notice, 0)
        self._statistics = LiveStatistics()
        self._intake = FrameIntake(self._config.live, self._conditions, steady_ns())
        self._detection: InferenceThread[PendingFrame] | None = None
        self._inference: InferenceThread[_DetectedInput] | None = None
        self._hand_model_licence = ""
        self._detecting = threading.Lock()  # held while a frame is decoded and detected
        # Only changed in the inference thread, while no frame is being detected:
        self._pipeline: Pipeline | None = None
        self._decoder = FrameDecoder(self._config)
        self._topologies: Mapping[str, HandTopology] = {}
        self._is_to_forget = False
        self._failures = 0

    @property
    def state(self) -> EngineState:
        return self._state

    @property
    def config(self) -> PipelineConfig:
        """The configuration in use."""
        return self._config

    @property
    def topologies(self) -> tuple[HandTopology, ...]:
        """The meshes hands come in; none while unconfigured."""
        return tuple(self._topologies.values())

    def subscriptions(self) -> tuple[Subscription, ...]:
        """The topics whose messages ``receive`` wants."""
        return subscriptions(self._config.live)

    def configure(self, config: PipelineConfig) -> None:
        """Load and warm up the plugins: unconfigured to inactive.

        Raises
        ------
        StateError
            The engine is not unconfigured.
        HandObjectReconError
            The plugins do not load; the engine stays unconfigured.
        """
        with self._changing():
            self._require(EngineState.UNCONFIGURED, "configured")
            licence = load_hand_model(config.hand_model, HandSide.RIGHT).licence
            inference = self._start_threads()
            try:
                inference.run(lambda: self._take_over(loaded_pipeline(config), config))
            except BaseException:
                self._stop_threads()
                raise
            with self._lock:
                self._config = config
                self._hand_model_licence = licence
                self._state = EngineState.INACTIVE

    def activate(self) -> None:
        """Take frames from now on: inactive to active.

        Raises
        ------
        StateError
            The engine is not inactive.
        """
        with self._changing():
            self._require(EngineState.INACTIVE, "activated")
            self._in_thread(self._forget_frames)
            with self._lock:
                self._begin()
                self._state = EngineState.ACTIVE

    def deactivate(self) -> None:
        """Take no more frames: active to inactive. No result comes after this returns.

        Raises
        ------
        StateError
            The engine is not active.
        """
        with self._changing():
            self._require(EngineState.ACTIVE, "deactivated")
            with self._lock:
                self._state = EngineState.INACTIVE
            for thread in self._threads():  # detection first: it passes on what it is at
                thread.withdraw()
                thread.run(lambda: None)
            with self._lock:
                self._conditions = Conditions(self._events.notice, 0)

    def cleanup(self) -> None:
        """Free models and memory: from any state to unconfigured."""
        with self._changing():
            with self._lock:
                self._state = EngineState.UNCONFIGURED
            self._stop_threads()
            with self._lock:
                self._conditions = Conditions(self._events.notice, 0)

    def reset(self) -> None:
        """Forget earlier frames and the tracks in them, as before another scene.

        Raises
        ------
        StateError
            The engine is unconfigured.
        """
        with self._changing():
            self._require_configured("reset")
            with self._lock:
                self._intake.sync.reset()
            self._in_thread(self._forget_frames)

    def change_settings(self, values: Mapping[str, Any]) -> ChangeReport:
        """Change run-time settings by dotted name, from the next frame on.

        Another reconstructor is loaded and warmed up in the calling thread while the present one
        goes on, so that for a moment both are in memory.

        Raises
        ------
        StateError
            The engine is unconfigured.
        ConfigError, PluginError
            A setting may not change or its value is refused, or the reconstructor does not load;
            everything stays as it was.
        """
        with self._changing():
            self._require_configured("changed")
            start_ns = self._steady_ns()
            config = changed_config(self._config, values)
            if config.reconstructor != self._config.reconstructor:
                loaded = loaded_pipeline(config)
                self._hand_over(loaded, config)
            else:
                self._in_thread(lambda: self._apply(config))
            with self._lock:
                self._config = config
                self._intake.change_settings(config.live)
                self._conditions.calm_ns = _calm_ns(config)
            seconds = (self._steady_ns() - start_ns) / _NANOSECONDS_PER_SECOND
            changes = ", ".join(f"{name} = {value}" for name, value in values.items())
            return ChangeReport(f"{changes} after {seconds:.2f} s", seconds)

    def receive(self, stream: Stream, data: bytes) -> None:
        """Take the CDR bytes of a camera message; without effect while not active."""
        with self._lock:
            if self._state is not EngineState.ACTIVE:
                return
            pending = self._intake.add(stream, data, self._steady_ns())
            if pending is not None:
                assert self._detection is not None  # there is one while active
                self._statistics.counts.replaced += self._detection.offer(pending)

    def published(self, stamp_ns: int) -> None:
        """Note that the result of the frame with this stamp went out."""
        age_ms = self._age_ms(stamp_ns)
        with self._lock:
            self._statistics.add_published(age_ms)

    def topics_known(self, names: Iterable[str]) -> None:
        """Note which topics somebody publishes, where the host can tell, for better advice."""
        with self._lock:
            self._intake.watch.topics_known(names)

    def see_trouble(self, topic: str, text: str) -> None:
        """Have a trouble that the host found (incompatible QoS, ...) said and listed.

        It is over when it was not seen for a while, so the host tells it as long as it lasts, at
        least every second.
        """
        with self._lock:
            self._conditions.see(topic, text, self._steady_ns())

    def check(self) -> None:
        """Look for silent streams and for troubles that are over; to be called now and then."""
        with self._lock:
            if self._state is EngineState.ACTIVE:
                self._intake.check(self._steady_ns())

    def snapshot(self) -> LiveSnapshot:
        """How things are at this moment."""
        with self._lock:
            unpaired = self._intake.sync.unpaired
            is_configured = self._state is not EngineState.UNCONFIGURED
            pipeline = self._pipeline
            return LiveSnapshot(
                state=str(self._state),
                rate_hz=self._statistics.rate_hz(self._steady_ns()),
                stage_ms=self._statistics.stage_percentiles(),
                age_ms=self._statistics.age_percentiles(),
                counts=replace(
                    self._statistics.counts,
                    unpaired_color=unpaired[Stream.COLOR],
                    unpaired_depth=unpaired[Stream.DEPTH],
                ),
                gpu_memory_mb=gpu_memory_mb(),
                reconstructor=pipeline.reconstructor_card if pipeline is not None else None,
                hand_model=self._config.hand_model if is_configured else "",
                hand_model_licence=self._hand_model_licence if is_configured else "",
                troubles=self._conditions.troubles,
            )

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One change of state or settings at a time."""
        if any(thread.is_current for thread in self._threads()):
            raise StateError("this may not be called from within a result; post it elsewhere")
        with self._transition:
            yield

    def _begin(self) -> None:
        now_ns = self._steady_ns()
        self._conditions = Conditions(self._events.notice, _calm_ns(self._config))
        self._statistics = LiveStatistics()
        self._intake = FrameIntake(self._config.live, self._conditions, now_ns)

    def _age_ms(self, stamp_ns: int) -> float:
        return (self._clock_ns() - stamp_ns) / _NANOSECONDS_PER_MILLISECOND

    def _require(self, state: EngineState, doing: str) -> None:
        if self._state is not state:
            raise StateError(f"the engine is {self._state}; only when {state} can it be {doing}")

    def _require_configured(self, doing: str) -> None:
        if self._state is EngineState.UNCONFIGURED:
            raise StateError(f"the engine is unconfigured; configure it before it can be {doing}")

    def _in_thread(self, job: Callable[[], None]) -> None:
        """Run a job that needs the pipeline between two frames."""

        def run_if_there() -> None:
            if self._pipeline is None:  # given up since the state was looked at
                raise StateError("the pipeline failed meanwhile; configure the engine again")
            job()

        self._existing_inference().run(run_if_there)

    def _threads(self) -> tuple[InferenceThread[Any], ...]:
        """Those there are, in the order a frame goes through them."""
        threads = (self._detection, self._inference)
        return tuple(thread for thread in threads if thread is not None)

    def _start_threads(self) -> InferenceThread[_DetectedInput]:
        if self._inference is None:
            self._inference = InferenceThread(self._reconstruct, "inference")
            self._detection = InferenceThread(self._detect, "detection")
        return self._inference

    def _existing_inference(self) -> InferenceThread[_DetectedInput]:
        assert self._inference is not None  # there is one in every state but unconfigured
        return self._inference

    def _stop_threads(self) -> None:
        detection, inference = self._detection, self._inference
        if detection is None or inference is None:
            return
        detection.stop()  # may still need the other one
        inference.withdraw()
        inference.run(self._free)
        inference.stop()
        self._detection = self._inference = None

    def _hand_over(self, loaded: Pipeline, config: PipelineConfig) -> None:
        try:
            self._in_thread(lambda: self._take_over(loaded, config))
        except StateError:
            self._close(loaded)
            raise

    # What follows runs in the inference thread.

    def _take_over(self, pipeline: Pipeline, config: PipelineConfig) -> None:
        with self._detecting:
            earlier = self._pipeline
            if earlier is not None:
                pipeline.continue_ids_of(earlier)
            with self._lock:
                self._pipeline = pipeline
                self._topologies = {one.name: one for one in pipeline.topologies()}
                self._decoder = FrameDecoder(config)
                self._failures = 0
                self._statistics.forget_latency()
        self._close(earlier)
        del earlier
        give_back_memory()

    def _apply(self, config: PipelineConfig) -> None:
        with self._detecting:
            if self._pipeline is not None:
                self._pipeline.change_settings(config)
                self._decoder.config = config

    def _forget_frames(self) -> None:
        with self._detecting:
            self._is_to_forget = False
            if self._pipeline is not None:
                self._pipeline.reset()

    def _free(self) -> None:
        with self._detecting:
            earlier = self._pipeline
            with self._lock:
                self._pipeline = None
                self._topologies = {}
        self._close(earlier)
        del earlier
        give_back_memory()

    def _close(self, pipeline: Pipeline | None) -> None:
        if pipeline is None:
            return
        try:
            pipeline.close()
        except Exception as error:  # a third party's plugin may raise anything
            with self._lock:
                text = f"{pipeline.method} could not free its memory: {error_text(error)}"
                self._conditions.tell("plugins", text)

    def _reconstruct(self, given: _DetectedInput) -> None:
        if self._pipeline is None:
            return
        try:
            if self._is_to_forget:
                self._forget_frames()
            stage_ms = self._handed_over(self._pipeline, given)
        except FrameError as error:
            self._see_unreadable(error)
        except Exception as error:
            self._fail(error)
        else:
            self._failures = 0
            with self._lock:
                self._statistics.add_frame(stage_ms, self._steady_ns())

    def _handed_over(self, pipeline: Pipeline, given: _DetectedInput) -> dict[str, float]:
        """Reconstruct a frame and hand it over; milliseconds by stage."""
        clock = StageClock()
        result = pipeline.reconstruct(given.detected)
        with clock.stage("hand over"):
            self._events.result(LiveResult(given.detected.frame, result, self._topologies))
        with self._lock:
            for note in result.notes:
                self._conditions.see("scene", note, self._steady_ns())
        return {
            "decode": given.decode_ms,
            **result.reconstruction.stage_ms,
            **clock.stage_ms,
        }

    def _fail(self, error: Exception) -> None:
        """Drop a frame that a plugin or the host failed on; give up if that goes on."""
        reason = f"a frame failed with {self._config.reconstructor}: {error_text(error)}"
        self._failures += 1
        self._is_to_forget = True
        is_over = self._failures >= self._config.live.failed_frames
        with self._lock:
            self._statistics.counts.failed += 1
            self._conditions.see("reconstruction", reason, self._steady_ns())
            if is_over:
                self._state = EngineState.UNCONFIGURED
        if is_over:
            self._free()
            why = f"{reason}; given up after {self._failures} frames in a row"
            self._events.failed(PluginError(why))

    # What follows runs in the detection thread.

    def _detect(self, pending: PendingFrame) -> None:
        inference = self._existing_inference()
        try:
            if self._has_jumped_back():
                inference.withdraw()  # a frame of before
                inference.run(self._forget_frames)
            elif self._is_to_forget:
                inference.run(self._forget_frames)
            detected = self._detected(pending) if self._is_current(pending) else None
        except FrameError as error:
            self._see_unreadable(error)
        except Exception as error:
            failure = error
            inference.run(lambda: self._fail(failure))
        else:
            if detected is not None:
                self._pass_on(detected)

    def _has_jumped_back(self) -> bool:
        with self._lock:
            has_jumped = self._intake.has_jumped_back
            self._intake.has_jumped_back = False
            if has_jumped:
                self._statistics.counts.clock_jumps += 1
                self._conditions.tell("clock", "the stamps jumped back: hands are tracked anew")
        return has_jumped

    def _is_current(self, pending: PendingFrame) -> bool:
        with self._lock:
            age_ms = self._age_ms(pending.pair.stamp_ns)
            is_current = self._intake.watch.is_current(age_ms, self._steady_ns())
            self._statistics.counts.too_old += not is_current
        return is_current

    def _detected(self, pending: PendingFrame) -> _DetectedInput | None:
        """The frame with its hands, or None once there is no pipeline any more."""
        clock = StageClock()
        with self._detecting:
            if self._pipeline is None:
                return None
            with clock.stage("decode"):
                frame = self._decoder.decode(pending)
            return _DetectedInput(self._pipeline.detect(frame), clock.stage_ms["decode"])

    def _pass_on(self, detected: _DetectedInput) -> None:
        is_replaced = self._existing_inference().offer(detected)
        with self._lock:
            self._statistics.counts.replaced += is_replaced

    def _see_unreadable(self, error: FrameError) -> None:
        with self._lock:
            self._statistics.counts.unreadable += 1
            self._conditions.see("frames", str(error), self._steady_ns())


def _calm_ns(config: PipelineConfig) -> int:
    calm_s = max(config.live.stream_timeout_s, _LEAST_CALM_S)
    return round(calm_s * _NANOSECONDS_PER_SECOND)
