"""Samples as tar files that webdataset reads."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

from hand_object_recon.core.annotation import AnnotatedFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.output.metadata import begin_output, cannot_write, metadata
from hand_object_recon.synthesis.output.sample_files import annotated_frame, sample_files
from hand_object_recon.synthesis.output.samples import FRAMES_PER_TAKE, SampleSource
from hand_object_recon.synthesis.output.settings import SampleSettings
from hand_object_recon.synthesis.output.workers import in_order

FRAMES_PER_SHARD: Final = 256
_KEY_DIGITS: Final = 8

OnFrames = Callable[[int], None]


class _Shard(NamedTuple):
    path: Path
    indices: range


class _Piece(NamedTuple):
    """Frames of one take, which one worker makes."""

    settings: SampleSettings
    indices: range


def write_shards(
    folder: Path,
    settings: SampleSettings,
    frames: int,
    workers: int = 0,
    on_frames: OnFrames = lambda done: None,
) -> tuple[Path, ...]:
    """Write ``shard-000000.tar`` and so on, 256 frames each, and ``meta.json``.

    Shards that are finished already are kept; one that was not is made anew. The bytes depend
    on the settings alone, not on how often the work was interrupted or on the workers.

    on_frames
        Told how many frames are done, for a progress display.

    Raises
    ------
    InvalidValueError
        The folder holds something else or cannot be written, or a setting is wrong.
    """
    if frames < 1:
        raise InvalidValueError(f"frames is {frames}; it must be 1 or more")
    begin_output(folder, metadata(settings, frames, "shards"))
    shards = [
        _Shard(
            folder / f"shard-{start // FRAMES_PER_SHARD:06d}.tar",
            range(start, min(start + FRAMES_PER_SHARD, frames)),
        )
        for start in range(0, frames, FRAMES_PER_SHARD)
    ]
    missing = [shard for shard in shards if not shard.path.exists()]
    done = frames - sum(len(shard.indices) for shard in missing)
    on_frames(done)
    pieces = [_Piece(settings, some) for shard in missing for some in _takes(shard.indices)]
    made = chain.from_iterable(in_order(_files_of_piece, pieces, workers))
    for shard in missing:
        for _ in _written(shard, made):
            done += 1
            on_frames(done)
    return tuple(shard.path for shard in shards)


def read_shards(shards: Path | Sequence[Path]) -> Iterator[AnnotatedFrame]:
    """The frames of a folder of shards, or of some shards, in their order.

    With webdataset: ``webdataset.WebDataset(urls, shardshuffle=False).map(annotated_frame)``.

    Raises
    ------
    InvalidValueError
        There is no shard, or one is damaged.
    """
    paths = sorted(shards.glob("shard-*.tar")) if isinstance(shards, Path) else list(shards)
    if not paths:
        raise InvalidValueError(f"folder {shards} has no shard-*.tar; make some with synthesize")
    for path in paths:
        yield from map(annotated_frame, _samples(path))


def _takes(indices: range) -> list[range]:
    return [
        indices[start : start + FRAMES_PER_TAKE]
        for start in range(0, len(indices), FRAMES_PER_TAKE)
    ]


def _files_of_piece(piece: _Piece) -> list[dict[str, bytes]]:
    source = _source(piece.settings)
    return [sample_files(source.sample(index)) for index in piece.indices]


@lru_cache(maxsize=1)
def _source(settings: SampleSettings) -> SampleSource:
    return SampleSource(settings)


def _written(shard: _Shard, made: Iterator[dict[str, bytes]]) -> Iterator[int]:
    """Write a shard from the samples made next, naming each index that is done. The shard has its
    name only once it is complete."""
    part = shard.path.with_suffix(".tar.part")
    try:
        with tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as tar:
            for index in shard.indices:
                for name, data in next(made).items():
                    entry = tarfile.TarInfo(f"{index:0{_KEY_DIGITS}d}.{name}")
                    entry.size = len(data)
                    tar.addfile(entry, io.BytesIO(data))
                yield index
        part.replace(shard.path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise cannot_write(part, error) from None


def _samples(path: Path) -> Iterator[dict[str, Any]]:
    """Samples of a tar: the files that follow each other with one key."""
    sample: dict[str, Any] = {}
    try:
        with tarfile.open(path) as tar:
            for entry in tar:
                key, _, name = entry.name.partition(".")
                if sample and key != sample["__key__"]:
                    yield sample
                    sample = {}
                content = tar.extractfile(entry)
                if content is not None:
                    sample |= {"__key__": key, name: content.read()}
    except (OSError, tarfile.TarError) as error:
        raise InvalidValueError(f"shard {path} cannot be read: {error}") from None
    if sample:
        yield sample
