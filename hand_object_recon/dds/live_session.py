"""The pipeline on a camera of a ROS graph: bytes in, bytes out, orders carried out."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final

from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import HandObjectReconError, TransportError
from hand_object_recon.dds.control import Control, ResetOrder, SetOrder, StopOrder
from hand_object_recon.dds.rosout import LogLevel, Rosout
from hand_object_recon.dds.transport import Endpoint, Publisher, Receiver, TopicQos, Transport
from hand_object_recon.messages.diagnostics import diagnostics_message
from hand_object_recon.messages.markers import serialized_deletion_of_all
from hand_object_recon.messages.typestore import DIAGNOSTICS_TYPE, message_typestore, serialize
from hand_object_recon.pipeline.live.camera_stream import Stream
from hand_object_recon.pipeline.live.conditions import Notice
from hand_object_recon.pipeline.live.diagnostics import DIAGNOSTICS_TOPIC, diagnostic_statuses
from hand_object_recon.pipeline.live.engine import LiveEngine
from hand_object_recon.pipeline.live.engine_events import (
    EngineState,
    LiveEvents,
    LiveResult,
)
from hand_object_recon.pipeline.live.outputs import (
    RESULT_TOPICS,
    TOPOLOGIES_TOPIC,
    LiveOutputs,
    OutputTopic,
    serialized_topologies,
)
from hand_object_recon.pipeline.live.statistics import LiveSnapshot
from hand_object_recon.recordings.result_topics import MARKERS_TOPIC

NODE_NAME: Final = "hand_object_recon"

_CHECK_EVERY_S: Final = 0.5
_DIAGNOSE_EVERY_S: Final = 1.0


class LiveSession:
    """Reconstructs what a camera of the graph sees and publishes it; a context manager.

    say
        Takes each line a user should hear; lines go to ``/rosout`` too.
    clock_ns
        Clock of the image stamps.
    is_input_reliable
        Have lost images sent again, which a sender that does not offer it refuses.

    Raises
    ------
    HandObjectReconError
        The plugins do not load.
    """

    def __init__(
        self,
        transport: Transport,
        config: PipelineConfig,
        say: Callable[[LogLevel, str], None],
        clock_ns: Callable[[], int] = time.time_ns,
        *,
        is_input_reliable: bool = False,
    ) -> None:
        self._transport = transport
        self._say_here = say
        self._clock_ns = clock_ns
        self._input_qos = TopicQos(is_reliable=is_input_reliable)
        self._failure: HandObjectReconError | None = None
        self._last: LiveResult | None = None
        self._topologies: list[bytes] = []
        self._inputs: dict[Stream, Endpoint] = {}
        self._outputs = LiveOutputs(config.live)
        self._engine = LiveEngine(
            LiveEvents(self._publish_result, self._pass_on, self._fail), clock_ns
        )
        self._rosout = Rosout(transport, NODE_NAME)
        self._engine.configure(config)
        self._prepare_codecs()
        self._control = Control(transport)
        self._publishers = {output.topic: self._publisher(output) for output in RESULT_TOPICS}
        self._topology_publisher = self._publisher(TOPOLOGIES_TOPIC, is_latched=True)
        self._diagnostics = transport.publisher(DIAGNOSTICS_TOPIC, DIAGNOSTICS_TYPE, TopicQos())

    def run(self, duration_s: float | None = None) -> None:
        """Take the camera's images for so long, or until stopped.

        Raises
        ------
        HandObjectReconError
            The pipeline failed on many frames in a row.
        """
        self._publish_topologies()
        self._subscribe()
        self._engine.activate()
        end_s = None if duration_s is None else time.monotonic() + duration_s
        check_s = diagnose_s = time.monotonic()
        while end_s is None or time.monotonic() < end_s:
            order = self._control.next_order(timeout_s=check_s - time.monotonic())
            if isinstance(order, StopOrder):
                return
            if order is not None:
                self._carry_out(order)
            if time.monotonic() >= check_s:
                self._check()
                check_s = time.monotonic() + _CHECK_EVERY_S
            if time.monotonic() >= diagnose_s:
                self._publish_diagnostics()
                diagnose_s = time.monotonic() + _DIAGNOSE_EVERY_S

    def stop(self) -> None:
        """Have ``run`` return; may be called from any thread and by a signal handler."""
        self._control.stop()

    def snapshot(self) -> LiveSnapshot:
        """How it is doing."""
        return self._engine.snapshot()

    def close(self) -> None:
        """Take no more images, have viewers forget what they show, and free the models."""
        for subscription in self._inputs.values():
            subscription.close()
        if self._engine.state is EngineState.ACTIVE:
            self._engine.deactivate()
        self._clear_markers()
        self._engine.cleanup()

    def __enter__(self) -> LiveSession:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _prepare_codecs(self) -> None:
        """rosbags makes a type's code when it is first used, so that a first frame would wait."""
        inputs = [one.message_type for one in self._engine.subscriptions()]
        for message_type in (*inputs, *(output.message_type for output in RESULT_TOPICS)):
            message_typestore().get_msgdef(message_type)

    def _publisher(self, output: OutputTopic, *, is_latched: bool = False) -> Publisher:
        qos = TopicQos(is_latched=is_latched, depth=output.depth)
        return self._transport.publisher(output.topic, output.message_type, qos)

    def _subscribe(self) -> None:
        # In this order messages that came together are handed over: an image that is paired
        # before there is a CameraInfo cannot be used.
        by_need = sorted(
            self._engine.subscriptions(), key=lambda one: one.stream is not Stream.CAMERA_INFO
        )
        for one in by_need:
            self._inputs[one.stream] = self._transport.subscribe(
                one.topic, one.message_type, self._input_qos, self._receiver(one.stream)
            )

    def _receiver(self, stream: Stream) -> Receiver:
        return lambda data, _: self._engine.receive(stream, data)

    def _publish_result(self, live: LiveResult) -> None:
        wanted = [topic for topic, publisher in self._publishers.items() if publisher.matched]
        for topic, data in self._outputs.messages(live, wanted).items():
            try:
                self._publishers[topic].publish(data)
            except TransportError as error:
                self._engine.see_trouble("publishing", str(error))
        self._engine.published(live.frame.stamp_ns)
        self._last = live

    def _publish_topologies(self) -> None:
        topologies = serialized_topologies(self._engine.topologies)
        if topologies != self._topologies:
            for data in topologies:
                self._topology_publisher.publish(data)
            self._topologies = topologies

    def _publish_diagnostics(self) -> None:
        if self._diagnostics.matched:
            statuses = diagnostic_statuses(self._engine.snapshot(), NODE_NAME)
            camera = self._engine.config.live.color_topic
            message = diagnostics_message(self._clock_ns(), statuses, camera)
            self._diagnostics.publish(serialize(message))

    def _check(self) -> None:
        self._transport.check()
        if self._failure is not None:
            raise self._failure
        self._engine.topics_known(topic.name for topic in self._transport.topics())
        for stream, subscription in self._inputs.items():
            refused = subscription.incompatible_qos
            if refused and not subscription.matched:
                self._engine.see_trouble(
                    f"{stream} quality of service",
                    f"{subscription.topic} is offered with another {refused} than was asked for; "
                    "ask for best_effort",
                )
        self._engine.check()

    def _carry_out(self, order: SetOrder | ResetOrder) -> None:
        try:
            if isinstance(order, SetOrder):
                report = self._engine.change_settings(order.values())
                self._outputs.settings = self._engine.config.live
                self._publish_topologies()
                self._say(LogLevel.INFO, report.text)
            else:
                self._engine.reset()
                self._say(LogLevel.INFO, "earlier frames are forgotten")
        except HandObjectReconError as error:
            self._say(LogLevel.ERROR, str(error))

    def _clear_markers(self) -> None:
        publisher = self._publishers[MARKERS_TOPIC]
        if self._last is not None and publisher.matched:
            frame = self._last.frame
            publisher.publish(serialized_deletion_of_all(frame.stamp_ns, frame.frame_id))

    def _pass_on(self, notice: Notice) -> None:
        self._say(LogLevel.WARN if notice.is_trouble else LogLevel.INFO, notice.text)

    def _fail(self, error: HandObjectReconError) -> None:
        self._failure = error

    def _say(self, level: LogLevel, text: str) -> None:
        self._say_here(level, text)
        with suppress(TransportError):  # a slow log viewer is no reason to stop
            self._rosout.say(level, text)
