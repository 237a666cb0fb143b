"""Jumps of the node's clock: a bag that loops, a simulation that is reset, use_sim_time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rclpy.clock import ClockChange, JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node

NO_CLOCK: Final = (
    "use_sim_time is true, but nothing came on /clock; play the bag with --clock, start the "
    "simulation, or set use_sim_time to false"
)

_NANOSECONDS_PER_SECOND: Final = 1_000_000_000
_SHORTEST_STEP_BACK: Final = Duration(nanoseconds=-1)
_CHANGES_OF_KIND: Final = (
    int(ClockChange.ROS_TIME_ACTIVATED),
    int(ClockChange.ROS_TIME_DEACTIVATED),
)


class ClockWatch:
    """Tells of the clock's jumps back and of changes between system and simulated time.

    jumped
        Called with what happened, in words.
    """

    def __init__(self, node: Node, jumped: Callable[[str], None]) -> None:
        self._clock = node.get_clock()
        self._jumped = jumped
        threshold = JumpThreshold(
            min_forward=None, min_backward=_SHORTEST_STEP_BACK, on_clock_change=True
        )
        self._handle = self._clock.create_jump_callback(threshold, post_callback=self._tell)

    def now_ns(self) -> int:
        """Nanoseconds of the system's or the simulation's time."""
        return int(self._clock.now().nanoseconds)

    @property
    def is_waiting(self) -> bool:
        """Whether simulated time is wanted and has not begun."""
        return bool(self._clock.ros_time_is_active) and self.now_ns() == 0

    def close(self) -> None:
        self._handle.unregister()

    def _tell(self, jump: Any) -> None:
        if int(jump.clock_change) in _CHANGES_OF_KIND:
            kind = "simulated" if self._clock.ros_time_is_active else "the system's"
            self._jumped(f"the clock is now {kind} time")
        else:
            step_s = jump.delta.nanoseconds / _NANOSECONDS_PER_SECOND
            self._jumped(f"the clock jumped back by {-step_s:.1f} s: hands are tracked anew")
