"""A thread that works on what is newest, and on jobs in between."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from hand_object_recon.core.errors import StateError

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class InferenceThread(Generic[ItemT]):
    """Runs jobs in their order and, between them, ``process`` on the newest item offered.

    It sleeps while there is nothing to do. ``process`` must not raise.
    """

    def __init__(self, process: Callable[[ItemT], None], name: str) -> None:
        self._process = process
        self._changed = threading.Condition()
        self._jobs: deque[Callable[[], None]] = deque()
        self._newest: ItemT | None = None
        self._is_stopped = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def is_current(self) -> bool:
        """Whether the caller runs in it."""
        return threading.current_thread() is self._thread

    def offer(self, item: ItemT) -> bool:
        """Have the item processed next; whether one that waited is dropped for it."""
        with self._changed:
            is_replaced = self._newest is not None
            self._newest = item
            self._changed.notify()
        return is_replaced

    def withdraw(self) -> None:
        """Drop the item that waits."""
        with self._changed:
            self._newest = None

    def run(self, job: Callable[[], ResultT]) -> ResultT:
        """What ``job`` returns, run in the thread between two items; its exceptions come too.

        Raises
        ------
        StateError
            The thread was stopped, or is the caller's own.
        """
        if self.is_current:
            raise StateError("this may not be called from within a result; post it elsewhere")
        future: Future[ResultT] = Future()

        def keep_result() -> None:
            try:
                future.set_result(job())
            except BaseException as error:
                future.set_exception(error)

        with self._changed:
            if self._is_stopped:
                raise StateError("the pipeline was shut down meanwhile; configure it again")
            self._jobs.append(keep_result)
            self._changed.notify()
        return future.result()

    def stop(self) -> None:
        """End the thread after the jobs given so far, and wait for it."""
        with self._changed:
            self._is_stopped = True
            self._newest = None
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work)
                task = self._next_task()
            if task is None:
                return
            task()
            del task  # so that a frame is not kept while nothing comes

    def _has_work(self) -> bool:
        return bool(self._jobs) or self._newest is not None or self._is_stopped

    def _next_task(self) -> Callable[[], Any] | None:
        if self._jobs:
            return self._jobs.popleft()
        if self._is_stopped:
            return None
        item, self._newest = self._newest, None
        assert item is not None
        process = self._process
        return lambda: process(item)
