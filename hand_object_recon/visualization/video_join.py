"""Several overlay videos put one behind the other, without encoding them again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hand_object_recon.core.errors import DependencyError

_NANOSECONDS_PER_SECOND = 10**9


class VideoPart(NamedTuple):
    """A video and the stamp of its first frame."""

    path: Path
    first_stamp_ns: int


def join_videos(parts: Sequence[VideoPart], target: Path) -> list[VideoPart]:
    """Copy videos of one encoder and size behind each other; return those that cannot be read.

    Frames keep the distances of their stamps; those of a part at or behind the next part's first
    are left out. Without a readable part there is no file.

    Raises
    ------
    DependencyError
        PyAV is not installed.
    """
    av = _import_av()
    readable = [part for part in parts if _is_readable(av, part.path)]
    if readable:
        ends_ns = [part.first_stamp_ns for part in readable[1:]]
        with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as output:
            stream: Any = None
            for part, end_ns in zip(readable, [*ends_ns, None], strict=True):
                with av.open(str(part.path)) as source:
                    if stream is None:
                        stream = output.add_stream_from_template(source.streams.video[0])
                    offset_ns = part.first_stamp_ns - readable[0].first_stamp_ns
                    length_ns = None if end_ns is None else end_ns - part.first_stamp_ns
                    _copy(source, output, stream, offset_ns, length_ns)
    return [part for part in parts if part not in readable]


def _copy(source: Any, output: Any, stream: Any, offset_ns: int, length_ns: int | None) -> None:
    for packet in source.demux(video=0):
        if packet.dts is None:  # what the demuxer ends with
            continue
        ticks_per_ns = 1 / (packet.time_base * _NANOSECONDS_PER_SECOND)
        if length_ns is not None and packet.pts >= int(length_ns * ticks_per_ns):
            continue
        packet.pts += int(offset_ns * ticks_per_ns)
        packet.dts += int(offset_ns * ticks_per_ns)
        packet.stream = stream
        output.mux(packet)


def _is_readable(av: Any, path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with av.open(str(path)) as container:
            return bool(container.streams.video)
    except av.error.FFmpegError:
        return False


def _import_av() -> Any:
    try:
        import av
    except ImportError:
        raise DependencyError(
            "joining videos needs PyAV, which is not installed: pip install av"
        ) from None
    return av
