"""Decodes the frames of a recording ahead of whoever uses them, in a thread of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.recordings.reader import BadFrame, RgbdRecording

_READ_AHEAD: Final = 4


class ReadAhead:
    """Decodes frames in a thread of its own; iterating gives each with its reading time in ms."""

    def __init__(self, source: RgbdRecording) -> None:
        self._source = source
        self._queue: queue.Queue[tuple[RgbdFrame | BadFrame, float] | BaseException | None]
        self._queue = queue.Queue(_READ_AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read, name="read-ahead", daemon=True)

    def __enter__(self) -> ReadAhead:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        while self._thread.is_alive():
            _drain(self._queue)
            self._thread.join(timeout=0.05)

    def __iter__(self) -> Iterator[tuple[RgbdFrame | BadFrame, float]]:
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def _read(self) -> None:
        try:
            frames = iter(self._source.frames())
            while not self._stopped.is_set():
                start_s = time.perf_counter()
                frame = next(frames, None)
                if frame is None:
                    break
                self._queue.put((frame, 1e3 * (time.perf_counter() - start_s)))
            self._queue.put(None)
        except BaseException as error:  # handed to the thread that iterates
            self._queue.put(error)


def _drain(waiting: queue.Queue[Any]) -> None:
    try:
        while True:
            waiting.get_nowait()
    except queue.Empty:
        return
