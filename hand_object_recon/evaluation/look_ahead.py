"""Runs an iterator ahead of whoever uses it, in a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class LookAhead(Generic[ItemT]):
    """A context manager that iterates over ``items`` in their order.

    At most ``depth`` items are kept waiting. What the iterator raises is raised where its item
    would have come; leaving the context stops the thread.
    """

    def __init__(self, items: Iterable[ItemT], depth: int) -> None:
        self._items = items
        self._queue: queue.Queue[ItemT | _End] = queue.Queue(depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="look-ahead", daemon=True)

    def __enter__(self) -> LookAhead[ItemT]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        while self._thread.is_alive():
            self._make_room()
            self._thread.join(timeout=0.05)

    def __iter__(self) -> Iterator[ItemT]:
        while not isinstance(item := self._queue.get(), _End):
            yield item
        if item.failure is not None:
            raise item.failure

    def _run(self) -> None:
        try:
            for item in self._items:
                self._queue.put(item)
                if self._stopped.is_set():
                    break
            self._queue.put(_End())
        except BaseException as failure:  # raised again where the items are used
            self._queue.put(_End(failure))

    def _make_room(self) -> None:
        try:
            while True:
                self._queue.get_nowait()
        except queue.Empty:
            return


class _End:
    """After the last item: the end, or what went wrong."""

    def __init__(self, failure: BaseException | None = None) -> None:
        self.failure = failure
