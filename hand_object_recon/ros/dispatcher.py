"""Runs in an executor's thread what another thread hands over."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node

ItemT = TypeVar("ItemT")


class Dispatcher(Generic[ItemT]):
    """Calls ``handle`` with each item posted, one after the other, in the executor.

    At most ``longest`` items wait; the oldest gives way to a new one.
    """

    def __init__(
        self,
        node: Node,
        handle: Callable[[ItemT], None],
        group: CallbackGroup,
        longest: int | None = None,
    ) -> None:
        self._handle = handle
        self._items: deque[ItemT] = deque(maxlen=longest)
        self._guard = node.create_guard_condition(self._run, group)

    @property
    def is_full(self) -> bool:
        """Whether the next item takes the place of one that waits."""
        return len(self._items) == self._items.maxlen

    def post(self, item: ItemT) -> None:
        """Have the item handled soon; may be called from any thread."""
        self._items.append(item)
        self._guard.trigger()

    def _run(self) -> None:
        while self._items:
            self._handle(self._items.popleft())
