"""Makes a store of records from takes, shards or a data set; goes on where it was stopped."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import cv2
import torch

from hand_object_recon.core.annotation import AnnotatedFrame
from hand_object_recon.core.errors import ConfigError, InvalidValueError
from hand_object_recon.datasets.base import Dataset
from hand_object_recon.datasets.choice import DatasetChoice
from hand_object_recon.datasets.registry import open_dataset
from hand_object_recon.networks.trainable import TrainableMethod
from hand_object_recon.synthesis.objects.catalogue import Split
from hand_object_recon.synthesis.output.shards import read_shards
from hand_object_recon.training.config import SyntheticData
from hand_object_recon.training.methods import build_method
from hand_object_recon.training.sample_store import (
    META_FILE,
    SampleStore,
    StoredRecord,
    finish_store,
    has_part,
    read_meta,
    write_part,
)
from hand_object_recon.training.synthetic_frames import frames_of_take, sample_settings

_TAKES_PER_PART: Final = 8
_FRAMES_PER_PART: Final = 1024

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class StoreSource:
    """What a store is made of: synthetic takes of a split, a folder of shards, or a data set."""

    split: Split
    synthetic: SyntheticData | None
    shards: Path | None
    dataset: DatasetChoice | None = None

    @property
    def is_given(self) -> bool:
        return any(source is not None for source in (self.synthetic, self.shards, self.dataset))

    def identity(self) -> dict[str, Any]:
        """What must agree for a store to be taken as it is."""
        if self.synthetic is not None:
            return {"split": str(self.split), **self.synthetic.identity()}
        if self.dataset is not None:
            return {"dataset": self.dataset.identity()}
        return {"shards": str(self.shards)}


@dataclass(frozen=True)
class _Job:
    path: Path
    method: str
    options: Mapping[str, Any]
    source: StoreSource
    part: int


def open_or_build_store(
    folder: Path,
    method: str,
    options: Mapping[str, Any],
    source: StoreSource,
    workers: int,
    on_progress: OnProgress,
) -> SampleStore:
    """The store in a folder, made first if it is not there.

    Raises
    ------
    ConfigError
        There is nothing to make it from, or it was made from something else.
    """
    trained = build_method(method, options)
    settings = trained.record_settings()
    identity = {"method": method, **settings, "source": source.identity()}
    if (folder / META_FILE).exists():
        found = read_meta(folder)["identity"]
        if source.is_given and not _serves(found, identity, trained.record_extras):
            raise ConfigError(
                f"the store in {folder} was made from {found}, the configuration says {identity}; "
                "name another folder, or remove this one"
            )
        return SampleStore(folder)
    _build(folder, method, options, source, identity, workers, on_progress)
    return _opened(folder, method, source)


def _serves(found: Mapping[str, Any], asked: Mapping[str, Any], extras: Iterable[str]) -> bool:
    """Whether a store is what is asked for, but for extras that it has and nobody asks for."""
    unasked = {name: asked[name] for name in extras if found.get(name) and not asked[name]}
    return {**found, **unasked} == asked


def _opened(folder: Path, method: str, source: StoreSource) -> SampleStore:
    """The store just made. An empty one is removed, and what its data set lacks is said."""
    try:
        return SampleStore(folder)
    except InvalidValueError as error:
        if source.dataset is None:
            raise
        (folder / META_FILE).unlink()
        for part in folder.glob("part-*"):
            part.unlink()
        data = source.dataset
        notes = "; ".join(open_dataset(data).notes()) or "its frames hold no such truth"
        raise ConfigError(
            f"{error}, or none with what {method} learns from: {notes} "
            f"(hand-object-recon datasets check {data.name} {data.path} --split {data.split})"
        ) from None


def _build(
    folder: Path,
    method: str,
    options: Mapping[str, Any],
    source: StoreSource,
    identity: Mapping[str, Any],
    workers: int,
    on_progress: OnProgress,
) -> None:
    parts = _part_count(folder, source)
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"part-{number:06d}" for number in range(parts)]
    jobs = [
        _Job(folder / name, method, options, source, number)
        for number, name in enumerate(names)
        if not has_part(folder / name)
    ]
    done = parts - len(jobs)
    on_progress(done, parts)
    for _ in _in_processes(jobs, workers):
        done += 1
        on_progress(done, parts)
    finish_store(folder, names, identity)


def _part_count(folder: Path, source: StoreSource) -> int:
    if source.synthetic is not None:
        return -(-source.synthetic.takes // _TAKES_PER_PART)
    if source.shards is not None:
        return len(_shard_files(source.shards))
    if source.dataset is not None:
        return -(-len(open_dataset(source.dataset)) // _FRAMES_PER_PART)
    raise ConfigError(
        f"there is no store of samples in {folder} and nothing to make it from; give "
        "data.synthetic, data.shards or data.dataset"
    )


def _in_processes(jobs: list[_Job], workers: int) -> Iterator[None]:
    if workers == 0:
        yield from map(_make_part, jobs)
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_be_worker
    ) as pool:
        yield from pool.map(_make_part, jobs)


def _be_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal; the part under way is finished
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _make_part(job: _Job) -> None:
    method = build_method(job.method, job.options)
    write_part(job.path, _stored(method, _sequences(job)))


def _sequences(job: _Job) -> Iterator[tuple[int, Iterable[AnnotatedFrame]]]:
    """Number and frames of each sequence of a part."""
    data, split = job.source.synthetic, job.source.split
    if data is not None:
        first = job.part * _TAKES_PER_PART
        for number in range(first, min(first + _TAKES_PER_PART, data.takes)):
            settings = sample_settings(data, split, number)
            yield number, frames_of_take(settings, number, data.frames_per_take, data.step_s)
    elif job.source.shards is not None:
        shard = _shard_files(job.source.shards)[job.part]
        numbers: dict[str, int] = {}
        for frame in read_shards([shard]):
            number = numbers.setdefault(frame.sequence, len(numbers))
            yield (job.part << 20) + number, [frame]
    elif job.source.dataset is not None:
        yield from _dataset_frames(open_dataset(job.source.dataset), job.part)


def _dataset_frames(dataset: Dataset, part: int) -> Iterator[tuple[int, Iterable[AnnotatedFrame]]]:
    """Images that are no video have a sequence each: no other is earlier than they are."""
    first = part * _FRAMES_PER_PART
    for index in range(first, min(first + _FRAMES_PER_PART, len(dataset))):
        number = dataset.place(index).sequence if dataset.card.is_video else index
        yield number, [dataset[index]]


def _stored(
    method: TrainableMethod, sequences: Iterator[tuple[int, Iterable[AnnotatedFrame]]]
) -> Iterator[StoredRecord]:
    for number, frames in sequences:
        for annotated in frames:
            for track, record in method.records(annotated):
                yield StoredRecord(number, track, annotated.frame.stamp_ns, record)


def _shard_files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("shard-*.tar"))
    if not files:
        raise ConfigError(f"{folder} holds no shard-*.tar; make some with synthesize")
    return files
