"""One thread does everything to the pipeline, the newest frame first."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import pytest

from hand_object_recon.core.errors import StateError
from hand_object_recon.pipeline.live.inference_thread import InferenceThread

PATIENCE_S = 5.0


class Worker:
    """A thread whose processing waits until it is let go."""

    def __init__(self) -> None:
        self.begun: queue.Queue[int] = queue.Queue()
        self.done: queue.Queue[int] = queue.Queue()
        self.may_end = threading.Event()
        self.thread = InferenceThread(self._process, "inference")

    def _process(self, item: int) -> None:
        self.begun.put(item)
        assert self.may_end.wait(PATIENCE_S)
        self.done.put(item)


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.may_end.set()
    worker.thread.stop()


def test_while_it_is_busy_only_the_newest_item_waits(worker: Worker) -> None:
    assert not worker.thread.offer(1)
    assert worker.begun.get(timeout=PATIENCE_S) == 1
    assert [worker.thread.offer(item) for item in (2, 3, 4)] == [False, True, True]
    worker.may_end.set()
    assert [worker.done.get(timeout=PATIENCE_S) for _ in range(2)] == [1, 4]


def test_a_job_goes_before_an_item_that_waits(worker: Worker) -> None:
    worker.thread.offer(1)
    worker.begun.get(timeout=PATIENCE_S)
    worker.thread.offer(2)
    done_before_job: list[int] = []

    def job() -> None:
        while not worker.done.empty():
            done_before_job.append(worker.done.get())

    caller = threading.Thread(target=worker.thread.run, args=(job,))
    caller.start()
    while not worker.thread._jobs:
        threading.Event().wait(0.001)
    worker.may_end.set()
    caller.join(PATIENCE_S)
    assert done_before_job == [1]
    assert worker.done.get(timeout=PATIENCE_S) == 2


def test_a_job_runs_in_the_thread_and_gives_its_result_or_error(worker: Worker) -> None:
    name = worker.thread.run(lambda: threading.current_thread().name)
    assert name == "inference"
    with pytest.raises(ZeroDivisionError):
        worker.thread.run(lambda: 1 // 0)


def test_a_withdrawn_item_is_not_processed(worker: Worker) -> None:
    worker.thread.offer(1)
    worker.begun.get(timeout=PATIENCE_S)
    worker.thread.offer(2)
    worker.thread.withdraw()
    worker.may_end.set()
    worker.thread.stop()
    assert list(worker.done.queue) == [1]


def test_what_would_wait_for_ever_is_refused(worker: Worker) -> None:
    with pytest.raises(StateError, match="from within a result"):
        worker.thread.run(lambda: worker.thread.run(lambda: None))
    worker.thread.stop()
    with pytest.raises(StateError, match="shut down"):
        worker.thread.run(lambda: None)


def test_stopping_ends_the_thread() -> None:
    before = threading.active_count()
    thread: InferenceThread[int] = InferenceThread(lambda _: None, "inference")
    assert threading.active_count() == before + 1
    thread.stop()
    assert threading.active_count() == before
