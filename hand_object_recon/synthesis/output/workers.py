"""Work spread over processes, each of which keeps what it has loaded."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Final, TypeVar

from hand_object_recon.core.errors import InvalidValueError

_AHEAD: Final = 2  # jobs waiting for each worker

Job = TypeVar("Job")
Result = TypeVar("Result")


def in_order(work: Callable[[Job], Result], jobs: Iterable[Job], workers: int) -> Iterator[Result]:
    """Results of ``work`` on each job, in the order of the jobs.

    workers
        Processes to start, or 0 to work in this one.

    Raises
    ------
    InvalidValueError
        ``workers`` is negative, or a worker was killed, as happens when memory runs out.
    """
    if workers < 0:
        raise InvalidValueError(f"workers is {workers}; it must be 0 or more")
    if workers == 0:
        yield from map(work, jobs)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread_each)
    waiting: deque[Future[Result]] = deque()
    try:
        for job in jobs:
            waiting.append(pool.submit(work, job))
            if len(waiting) >= workers * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise InvalidValueError(
            f"one of {workers} workers was killed; if memory ran out, use fewer with --workers"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one_thread_each() -> None:
    """Workers share the cores among themselves; threads of their own would only wait."""
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
