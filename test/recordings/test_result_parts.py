"""Results of an interrupted replay: counted where whole, and joined."""

from __future__ import annotations

from pathlib import Path

import pytest

from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.recordings.result_parts import join_result_parts, read_result_part
from hand_object_recon.recordings.result_reader import read_reconstructions
from hand_object_recon.recordings.result_writer import ReconstructionWriter

STEP_NS = 10_000_000


def write_part(path: Path, numbers: range) -> Path:
    with ReconstructionWriter(path) as writer:
        for number in numbers:
            writer.write(Reconstruction(10**18 + number * STEP_NS, "camera", "still"))
    return path


def test_a_whole_part_is_counted_to_its_end(tmp_path: Path) -> None:
    part = read_result_part(write_part(tmp_path / "part", range(3, 8)))
    assert part is not None
    assert (part.frames, part.frames_with_hand, part.end_ns) == (5, 0, None)
    assert part.first_stamp_ns == 10**18 + 3 * STEP_NS
    assert part.last_stamp_ns == 10**18 + 7 * STEP_NS
    assert (part.method, part.frame_id) == ("still", "camera")


def test_the_last_frame_of_a_damaged_part_does_not_count(tmp_path: Path) -> None:
    path = write_part(tmp_path / "part", range(5))
    (path / "metadata.yaml").unlink()
    part = read_result_part(path)
    assert part is not None
    assert (part.frames, part.end_ns) == (4, 10**18 + 4 * STEP_NS)
    rest = read_result_part(write_part(tmp_path / "rest", range(4, 6)))
    assert rest is not None
    join_result_parts([part, rest], tmp_path / "joined")
    stamps = [one.stamp_ns for one in read_reconstructions(tmp_path / "joined")]
    assert stamps == [10**18 + number * STEP_NS for number in range(6)]


@pytest.mark.parametrize("content", [b"", b"no recording"])
def test_a_part_in_which_nothing_is_whole_is_none(tmp_path: Path, content: bytes) -> None:
    assert read_result_part(tmp_path / "missing") is None
    assert read_result_part(write_part(tmp_path / "empty", range(0))) is None
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "part.mcap").write_bytes(content)
    assert read_result_part(tmp_path / "part") is None
