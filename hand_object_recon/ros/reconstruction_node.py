"""The lifecycle node: parameters to the engine, camera topics in, results out."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from std_srvs.srv import Trigger

from hand_object_recon.core.errors import ConfigError, HandObjectReconError, StateError
from hand_object_recon.messages.markers import serialized_deletion_of_all
from hand_object_recon.pipeline.live.conditions import Notice
from hand_object_recon.pipeline.live.diagnostics import diagnostic_statuses
from hand_object_recon.pipeline.live.engine import LiveEngine
from hand_object_recon.pipeline.live.engine_events import (
    EngineState,
    LiveEvents,
    LiveResult,
)
from hand_object_recon.pipeline.live.outputs import LiveOutputs
from hand_object_recon.recordings.result_topics import MARKERS_TOPIC, TRANSFORMS_TOPIC
from hand_object_recon.ros.camera_subscriptions import CameraSubscriptions
from hand_object_recon.ros.clock_watch import NO_CLOCK, ClockWatch
from hand_object_recon.ros.declaration import declare
from hand_object_recon.ros.diagnostics_publisher import diagnostics_publisher
from hand_object_recon.ros.dispatcher import Dispatcher
from hand_object_recon.ros.mesh_saving import save_meshes
from hand_object_recon.ros.parameters import (
    ParameterValue,
    config_of_parameters,
    node_parameters,
    settings_of_parameters,
)
from hand_object_recon.ros.result_preparation import messages_in_frame, with_frame_prefix
from hand_object_recon.ros.result_publishers import ResultPublishers
from hand_object_recon.ros.target_frame import TargetFrame

NODE_NAME: Final = "hand_object_recon"

_CHECK_PERIOD_S: Final = 1.0
_LONGEST_QUEUE: Final = 3
_EXECUTOR_THREADS: Final = 4
_MILLISECONDS_PER_SECOND: Final = 1000.0
_DROPPED: Final = (
    "results come faster than they are published and the oldest is dropped; is the transform to "
    "ros.target_frame late, or the computer overloaded?"
)


class ReconstructionNode(LifecycleNode):
    """Reconstructs hands and held objects from a colour camera with aligned depth.

    Configure loads and warms up the plugins, activate subscribes, deactivate stops, cleanup
    frees the memory. After a failure the node can be configured again.

    Raises
    ------
    ConfigError
        A parameter's value is refused.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(NODE_NAME, **options)
        self._values = declare(self, node_parameters())
        self._config = config_of_parameters(self._values)
        self._results = Dispatcher[LiveResult](
            self, self._publish, MutuallyExclusiveCallbackGroup(), _LONGEST_QUEUE
        )
        control = self.default_callback_group
        self._jumps = Dispatcher[str](self, self._start_over, control)
        self._failures = Dispatcher[HandObjectReconError](self, self._give_up, control)
        self._clock_watch = ClockWatch(self, self._jumps.post)
        self._engine = LiveEngine(
            LiveEvents(self._take, self._say, self._failures.post), self._clock_watch.now_ns
        )
        self._wiring = threading.Lock()  # held while the following are used, opened or closed
        self._result_publishers: ResultPublishers | None = None
        self._cameras: CameraSubscriptions | None = None
        self._target: TargetFrame | None = None
        self._outputs = LiveOutputs(self._config.live)
        self._newest: LiveResult | None = None
        self._diagnostics = diagnostics_publisher(
            self,
            lambda: diagnostic_statuses(self._engine.snapshot(), self.get_name()),
            self._config.live.color_topic,
        )
        self.create_timer(
            _CHECK_PERIOD_S,
            self._check,
            MutuallyExclusiveCallbackGroup(),
            Clock(clock_type=ClockType.STEADY_TIME),
        )
        self.create_service(Trigger, "~/reset", self._reset)
        self.create_service(Trigger, "~/save_mesh", self._save_mesh)
        self.add_on_set_parameters_callback(self._change_parameters)

    # Transitions. rclpy swallows what they raise, so nothing may get that far.

    def on_configure(self, state: Any) -> TransitionCallbackReturn:
        return self._transition(self._configure, self._free)

    def on_activate(self, state: Any) -> TransitionCallbackReturn:
        return self._transition(self._activate, self._stop)

    def on_deactivate(self, state: Any) -> TransitionCallbackReturn:
        return self._transition(self._stop, self._free)

    def on_cleanup(self, state: Any) -> TransitionCallbackReturn:
        return self._transition(self._free)

    def on_shutdown(self, state: Any) -> TransitionCallbackReturn:
        return self._transition(self.close)

    def on_error(self, state: Any) -> TransitionCallbackReturn:
        return self._transition(self._free)

    def close(self) -> None:
        """Stop and free everything but the node itself."""
        try:
            self._stop()
        finally:
            self._free()
            self._clock_watch.close()

    def _transition(
        self, do: Callable[[], None], undo: Callable[[], None] | None = None
    ) -> TransitionCallbackReturn:
        try:
            do()
        except HandObjectReconError as error:
            self.get_logger().error(str(error))
        except Exception:
            self.get_logger().error(traceback.format_exc())
        else:
            return TransitionCallbackReturn.SUCCESS
        if undo is not None:
            undo()
        return TransitionCallbackReturn.FAILURE

    def _configure(self) -> None:
        self._config = config_of_parameters(self._values)
        self._engine.configure(self._config)
        self._outputs = LiveOutputs(self._config.live)
        publishers = ResultPublishers(self)
        for topic in publishers.left_out:
            self.get_logger().info(f"{topic} is left out: its message package is not installed")
        publishers.publish_topologies(self._engine.topologies)
        with self._wiring:
            self._result_publishers = publishers
            self._listen_to_target_frame()

    def _activate(self) -> None:
        self._engine.activate()
        with self._wiring:
            self._cameras = CameraSubscriptions(
                self,
                self._engine.subscriptions(),
                self._config.live.queue_length,
                self._engine.receive,
            )

    def _stop(self) -> None:
        with self._wiring:
            if self._cameras is not None:
                self._cameras.close()
                self._cameras = None
        if self._engine.state is EngineState.ACTIVE:
            self._engine.deactivate()
        with self._wiring:
            is_heard = self.context.ok()  # not after Ctrl-C
            if is_heard and self._result_publishers is not None and self._newest is not None:
                shown = self._newest.result.reconstruction
                clearing = serialized_deletion_of_all(shown.stamp_ns, shown.frame_id)
                self._result_publishers.publish(MARKERS_TOPIC, clearing)
            self._newest = None

    def _free(self) -> None:
        self._engine.cleanup()
        with self._wiring:
            if self._target is not None:
                self._target.close()
                self._target = None
            if self._result_publishers is not None:
                self._result_publishers.close()
                self._result_publishers = None

    def _listen_to_target_frame(self) -> None:
        name = self._config.ros.target_frame
        if self._target is not None and self._target.name != name:
            self._target.close()
            self._target = None
        if name and self._target is None:
            self._target = TargetFrame(self, name)

    # What the engine says, in its threads.

    def _take(self, live: LiveResult) -> None:
        if self._results.is_full:
            self._engine.see_trouble("publishing", _DROPPED)
        self._results.post(live)

    def _say(self, notice: Notice) -> None:
        if notice.is_trouble:
            self.get_logger().warning(notice.text)
        else:
            self.get_logger().info(notice.text)

    # What the executor calls.

    def _publish(self, live: LiveResult) -> None:
        with self._wiring:
            publishers = self._result_publishers
            if publishers is None or self._engine.state is not EngineState.ACTIVE:
                return
            earlier, self._newest = self._newest, live
            if earlier is not None and live.frame.stamp_ns < earlier.frame.stamp_ns:
                self._forget_transforms()
            try:
                messages = self._messages(live, publishers.wanted())
            except HandObjectReconError as error:
                self._engine.see_trouble("publishing", str(error))
                return
            for topic, data in messages.items():
                publishers.publish(topic, data)
        self._engine.published(live.frame.stamp_ns)

    def _messages(self, live: LiveResult, wanted: set[str]) -> dict[str, bytes]:
        settings, target = self._config.ros, self._target
        if not settings.publish_tf:
            wanted.discard(TRANSFORMS_TOPIC)
        if target is None or target.name == live.frame.frame_id:
            messages = self._outputs.messages(live, wanted)
        else:
            frame, timeout_ms = live.frame, settings.transform_timeout_ms
            pose = target.pose_of(
                frame.frame_id, frame.stamp_ns, timeout_ms / _MILLISECONDS_PER_SECOND
            )
            messages = messages_in_frame(self._outputs, live, wanted, target.name, pose)
        return with_frame_prefix(messages, settings.frame_prefix)

    def _check(self) -> None:
        with self._wiring:
            if self._cameras is not None:
                self._engine.topics_known(self._cameras.published_topics())
                for stream, reason in self._cameras.incompatibilities():
                    self._engine.see_trouble(f"{stream} QoS", reason)
                if self._clock_watch.is_waiting:
                    self._engine.see_trouble("clock", NO_CLOCK)
        self._engine.check()
        self._diagnostics.publish()

    def _start_over(self, reason: str) -> None:
        self.get_logger().info(reason)
        with self._wiring:
            self._forget_transforms()
        with suppress(StateError):  # there is nothing to forget while unconfigured
            self._engine.reset()

    def _forget_transforms(self) -> None:
        if self._target is not None:
            self._target.forget()

    def _give_up(self, error: HandObjectReconError) -> None:
        self.get_logger().error(f"{error}; the node is unconfigured, configure it again")
        if self._cameras is not None:
            self.trigger_deactivate()
        if self._result_publishers is not None:
            self.trigger_cleanup()

    def _change_parameters(self, parameters: Sequence[Any]) -> SetParametersResult:
        changes = {one.name: one.value for one in parameters if one.name in self._values}
        try:
            if changes:  # not those of rclpy, such as a new subscription's qos_overrides
                self._change(changes)
        except HandObjectReconError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _change(self, changes: dict[str, ParameterValue]) -> None:
        values = {**self._values, **changes}
        config = config_of_parameters(values)
        if self._engine.state is not EngineState.UNCONFIGURED:
            report = self._engine.change_settings(settings_of_parameters(changes))
            self.get_logger().info(report.text)
        self._values, self._config = values, config
        self._outputs.settings = config.live
        with self._wiring:
            if self._result_publishers is not None:
                self._listen_to_target_frame()
                if "reconstructor" in changes:
                    self._result_publishers.publish_topologies(self._engine.topologies)

    def _reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            self._engine.reset()
        except HandObjectReconError as error:
            response.success, response.message = False, str(error)
        else:
            response.success, response.message = True, "earlier frames and tracks are forgotten"
        return response

    def _save_mesh(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = False
        if self._newest is None:
            response.message = "there is no result yet"
            return response
        try:
            path = save_meshes(self._newest, Path(self._config.ros.mesh_folder))
        except HandObjectReconError as error:
            response.message = str(error)
        else:
            response.success, response.message = True, str(path)
        return response


def main() -> None:
    """Run the node until it is interrupted."""
    rclpy.init()
    try:
        node = ReconstructionNode()
    except ConfigError as error:
        print(error, file=sys.stderr)
        rclpy.try_shutdown()
        raise SystemExit(2) from None
    executor = MultiThreadedExecutor(_EXECUTOR_THREADS)
    executor.add_node(node)
    try:
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # launch may send a second one
        node.close()
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
