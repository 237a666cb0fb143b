"""Runs reconstructors over a source's sequences and keeps what they give."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Final

from hand_object_recon import __version__
from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import FrameError, InvalidValueError, RecordingError
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.evaluation.benchmarking.evaluation_folder import EvaluationFolder
from hand_object_recon.evaluation.benchmarking.frame_source import FrameSource
from hand_object_recon.evaluation.benchmarking.result_columns import columns_of, save_results
from hand_object_recon.evaluation.benchmarking.sequence_truth import (
    load_sequence_truth,
    save_sequence_truth,
)
from hand_object_recon.evaluation.benchmarking.told_hands import told_hands
from hand_object_recon.evaluation.hand_truth import HandTruth
from hand_object_recon.pipeline.build import build_pipeline
from hand_object_recon.pipeline.pipeline import Pipeline
from hand_object_recon.recordings.reader import BadFrame

_POLL_S: Final = 0.5
READ_STAGE: Final = "read"


@dataclass(frozen=True)
class Share:
    """Which part of the work is this process's, where a launcher started several.

    rank, world_size
        Number of this process and how many there are.
    """

    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world_size:
            raise InvalidValueError(
                f"rank is {self.rank} of {self.world_size}; it must be from 0 to one less than "
                "the number of processes"
            )

    @classmethod
    def of_environment(cls, variables: Mapping[str, str]) -> Share:
        """Of RANK and WORLD_SIZE, which torchrun and other launchers set."""
        try:
            return cls(int(variables.get("RANK", "0")), int(variables.get("WORLD_SIZE", "1")))
        except ValueError as error:
            raise InvalidValueError(f"RANK and WORLD_SIZE must be whole numbers: {error}") from None


@dataclass(frozen=True)
class Run:
    """What is to be run; picklable.

    configs
        The pipeline's settings by name of the reconstructor.
    tells_hands
        Hands are those of the truth instead of the detector's; see ``told_hands``.
    """

    folder: EvaluationFolder
    source: FrameSource
    configs: Mapping[str, PipelineConfig]
    tells_hands: bool = False

    def jobs(self) -> list[Job]:
        """Every reconstructor with every sequence, a reconstructor's together."""
        return [
            Job(reconstructor, sequence)
            for reconstructor in self.configs
            for sequence in self.source.sequences()
        ]

    def open_jobs(self) -> list[Job]:
        """Those without whole results."""
        return [job for job in self.jobs() if not self.folder.is_done(*job.names)]

    def identity(self) -> dict[str, Any]:
        told = {"tells_hands": True} if self.tells_hands else {}
        return {
            "version": __version__,
            **told,
            **self.source.identity(),
            "sequences": list(self.source.sequences()),
            "is_video": self.source.is_video,
            "config": {
                name: config.model_dump(mode="json") for name, config in self.configs.items()
            },
        }


@dataclass(frozen=True)
class Job:
    reconstructor: str
    sequence: str

    @property
    def names(self) -> tuple[str, str]:
        return self.reconstructor, self.sequence


@dataclass(frozen=True)
class RunEvents:
    """What a caller may want to show: jobs done of how many, and frames as they are done (in a
    run of one process)."""

    progressed: Callable[[int, int], None] = lambda done, total: None
    frame_done: Callable[[], None] = lambda: None


def run_all(
    run: Run, workers: int = 1, share: Share | None = None, events: RunEvents | None = None
) -> None:
    """Run every job that has no results yet, and wait for those of other ranks.

    A sequence that cannot be read does not keep the others from being run.

    Raises
    ------
    RecordingError
        The folder holds another evaluation, or sequences could not be run; what was done is kept.
    PluginError, InvalidValueError
        A plugin does not load or breaks its contract, or a truth file is not one.
    """
    share, events = share or Share(), events or RunEvents()
    if workers < 1:
        raise InvalidValueError(f"workers are {workers}; there must be at least one")
    run.folder.begin(run.identity())
    if share.rank == 0:
        _keep_truth(run)
    jobs = run.jobs()[share.rank :: share.world_size]
    todo = [job for job in jobs if not run.folder.is_done(*job.names)]
    if workers == 1 or len(todo) < 2:
        events.progressed(len(jobs) - len(todo), len(jobs))
        failures = _run_jobs(run, todo, events, len(jobs))
    else:
        failures = _run_in_processes(run, todo, jobs, workers, events)
    if failures:
        raise RecordingError(
            f"{len(failures)} of {len(jobs)} sequences could not be run: {failures[0]}; results "
            "of the others are kept, and the same command runs only what is missing"
        )
    _wait_for_others(run, share)


def _keep_truth(run: Run) -> None:
    """First of all, so that wrong truth is told before anything is run."""
    for sequence in run.source.sequences():
        if not run.folder.truth_file(sequence).is_file():
            save_sequence_truth(run.folder.truth_file(sequence), run.source.truth(sequence))


def _run_in_processes(
    run: Run, todo: Sequence[Job], jobs: Sequence[Job], workers: int, events: RunEvents
) -> list[str]:
    # Inherited by the processes and read when they import NumPy: each is to use one core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    shares = [list(todo[first::workers]) for first in range(min(workers, len(todo)))]
    with ProcessPoolExecutor(len(shares), get_context("spawn")) as pool:
        futures = {pool.submit(_run_jobs, run, jobs_of_one) for jobs_of_one in shares}
        for _ in _until_done(futures):
            events.progressed(sum(run.folder.is_done(*job.names) for job in jobs), len(jobs))
    return [failure for future in futures for failure in future.result()]


def _until_done(futures: set[Future[list[str]]]) -> Iterator[None]:
    pending = futures
    while pending:
        pending = wait(pending, timeout=_POLL_S).not_done
        yield


def _run_jobs(
    run: Run, jobs: Sequence[Job], events: RunEvents | None = None, total: int = 0
) -> list[str]:
    """Run jobs in this process; return what went wrong with sequences."""
    events = events or RunEvents()
    failures = []
    earlier = total - len(jobs)
    for reconstructor in dict.fromkeys(job.reconstructor for job in jobs):
        mine = [job for job in jobs if job.reconstructor == reconstructor]
        with closing(build_pipeline(run.configs[reconstructor])) as pipeline:
            pipeline.warm_up()
            topologies = {topology.name: topology for topology in pipeline.topologies()}
            run.folder.save_topologies(reconstructor, topologies)
            for job in mine:
                try:
                    _run_job(run, job, pipeline, events)
                except RecordingError as error:
                    failures.append(f"{job.sequence}: {error}")
                earlier += 1
                events.progressed(earlier, total)
    return failures


def _run_job(run: Run, job: Job, pipeline: Pipeline, events: RunEvents) -> None:
    done = _SequenceDone()
    pipeline.reset()
    truth = None
    if run.tells_hands:
        truth = load_sequence_truth(run.folder.truth_file(job.sequence)).hands
    for frame, read_ms in _timed(run.source.frames(job.sequence)):
        if not run.source.is_video:
            pipeline.reset()
        done.add(frame.stamp_ns, read_ms, *_reconstructed(frame, pipeline, truth))
        events.frame_done()
    run.folder.save_latencies(*job.names, done.stage_ms)
    results = columns_of(done.stamps_ns, done.problems, done.reconstructions)
    save_results(run.folder.result_file(*job.names), results)


class _SequenceDone:
    """What the frames of a sequence gave: reconstructions, problems ("" for none) and times."""

    def __init__(self) -> None:
        self.stamps_ns: list[int] = []
        self.problems: list[str] = []
        self.reconstructions: list[Reconstruction | None] = []
        self.stage_ms: dict[str, list[float]] = {}

    def add(self, stamp_ns: int, read_ms: float, made: Reconstruction | None, problem: str) -> None:
        self.stamps_ns.append(stamp_ns)
        self.problems.append(problem)
        self.reconstructions.append(made)
        if made is not None:
            for stage, milliseconds in {READ_STAGE: read_ms, **made.stage_ms}.items():
                self.stage_ms.setdefault(stage, []).append(milliseconds)


def _timed(
    frames: Iterator[RgbdFrame | BadFrame],
) -> Iterator[tuple[RgbdFrame | BadFrame, float]]:
    """Each frame with the milliseconds it took to read."""
    start_s = time.perf_counter()
    for frame in frames:
        yield frame, 1e3 * (time.perf_counter() - start_s)
        start_s = time.perf_counter()


def _reconstructed(
    frame: RgbdFrame | BadFrame, pipeline: Pipeline, truth: HandTruth | None
) -> tuple[Reconstruction | None, str]:
    """The reconstruction, or why there is none, such as an estimate that holds NaN."""
    if isinstance(frame, BadFrame):
        return None, frame.reason
    try:
        if truth is None:
            return pipeline.process(frame).reconstruction, ""
        return pipeline.reconstruct(told_hands(frame, truth)).reconstruction, ""
    except (FrameError, InvalidValueError) as error:
        return None, " ".join(str(error).split())


def _wait_for_others(run: Run, share: Share) -> None:
    """The first rank scores, so it waits until all have left their results."""
    while share.rank == 0 and share.world_size > 1 and run.open_jobs():
        time.sleep(_POLL_S)
