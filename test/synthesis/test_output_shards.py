"""Shards hold every frame once, whatever happened while they were written."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import webdataset

from hand_object_recon.core.annotation import AnnotatedFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.output import shards as shards_module
from hand_object_recon.synthesis.output.sample_files import annotated_frame, sample_files
from hand_object_recon.synthesis.output.samples import SampleSource
from hand_object_recon.synthesis.output.settings import SampleSettings
from hand_object_recon.synthesis.output.shards import read_shards, write_shards

SETTINGS = SampleSettings("val", seed=3, image_size_px=64)
FRAMES = 20


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards_module, "FRAMES_PER_SHARD", 8)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shards") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards_module, "FRAMES_PER_SHARD", 8)
        write_shards(out, SETTINGS, FRAMES)
    return out


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def assert_same_but_for_quantisation(read: AnnotatedFrame, made: AnnotatedFrame) -> None:
    np.testing.assert_array_equal(read.frame.rgb, made.frame.rgb)
    np.testing.assert_array_equal(read.frame.depth_m, made.frame.depth_m)
    np.testing.assert_array_equal(read.truth.mask, made.truth.mask)
    np.testing.assert_allclose(
        read.truth.clean_depth_m, made.truth.clean_depth_m, rtol=0, atol=5.1e-5
    )
    assert read.frame.camera == made.frame.camera
    assert (read.frame.stamp_ns, read.sequence) == (made.frame.stamp_ns, made.sequence)
    assert read.frame.frame_id == made.frame.frame_id
    for hand, true in zip(read.truth.hands, made.truth.hands, strict=True):
        for name, value in vars(true).items():
            np.testing.assert_array_equal(getattr(hand, name), value)
    for thing, true_thing in zip(read.truth.objects, made.truth.objects, strict=True):
        for name, value in vars(true_thing).items():
            np.testing.assert_array_equal(getattr(thing, name), value)


def test_frames_are_read_as_they_were_made(written: Path) -> None:
    source = SampleSource(SETTINGS)
    read = list(read_shards(written))
    assert len(read) == FRAMES
    assert any(one.truth.hands for one in read)
    for index in (0, 7, 8, 19):
        assert_same_but_for_quantisation(read[index], source.sample(index))


def test_webdataset_reads_the_same(written: Path) -> None:
    urls = [str(path) for path in sorted(written.glob("*.tar"))]
    assert len(urls) == 3
    loaded = webdataset.WebDataset(urls, shardshuffle=False).map(annotated_frame)
    for one, other in zip(loaded, read_shards(written), strict=True):
        assert_same_but_for_quantisation(one, other)


@pytest.mark.slow
def test_two_runs_give_the_same_bytes_with_workers_too(written: Path, tmp_path: Path) -> None:
    write_shards(tmp_path / "again", SETTINGS, FRAMES, workers=2)
    assert content(tmp_path / "again") == content(written)


def test_an_interrupted_run_goes_on_and_ends_the_same(written: Path, tmp_path: Path) -> None:
    out, seen = tmp_path / "out", []

    def interrupt(done: int) -> None:
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(out, SETTINGS, FRAMES, on_frames=interrupt)
    assert [path.name for path in sorted(out.glob("*.tar"))] == ["shard-000000.tar"]
    finished = (out / "shard-000000.tar").stat().st_mtime_ns
    write_shards(out, SETTINGS, FRAMES, on_frames=seen.append)
    assert content(out) == content(written)
    assert (out / "shard-000000.tar").stat().st_mtime_ns == finished
    assert seen == [8, *range(9, 21)]


def test_a_full_disk_is_one_line_and_finished_shards_are_kept(
    written: Path, tmp_path: Path
) -> None:
    """No file may grow beyond a limit, which to the program is a disk without room."""
    out = tmp_path / "out"
    command = [
        *(sys.executable, "-m", "hand_object_recon.cli.main", "synthesize", "--out", str(out)),
        *("--split", "val", "--frames", "8", "--size", "64", "--workers", "0"),
    ]
    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )
    assert ended.returncode == 2
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("error:")]
    assert "cannot be written" in line
    assert "Traceback" not in ended.stderr
    assert [path.name for path in out.iterdir()] == ["meta.json"]


def test_what_was_asked_for_is_written_beside_the_shards(written: Path) -> None:
    begun = json.loads((written / "meta.json").read_text())["request"]
    assert (begun["split"], begun["seed"], begun["frames"]) == ("val", 3, FRAMES)


@pytest.mark.parametrize("name", ["rgb.png", "depth.png", "truth.npz"])
def test_a_damaged_sample_is_named(name: str) -> None:
    files = sample_files(SampleSource(SETTINGS).sample(0))
    with pytest.raises(InvalidValueError, match="sample 7 is incomplete or damaged"):
        annotated_frame({**files, "__key__": "7", name: b"nothing"})
    with pytest.raises(InvalidValueError, match="sample 7 is incomplete or damaged"):
        annotated_frame(
            {key: data for key, data in files.items() if key != name} | {"__key__": "7"}
        )


def test_a_folder_without_shards_and_a_damaged_shard_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="has no shard"):
        list(read_shards(tmp_path))
    (tmp_path / "shard-000000.tar").write_bytes(b"nothing" * 100)
    with pytest.raises(InvalidValueError, match="cannot be read"):
        list(read_shards(tmp_path))


def test_no_frames_and_negative_workers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="frames is 0"):
        write_shards(tmp_path / "a", SETTINGS, 0)
    with pytest.raises(InvalidValueError, match="workers is -1"):
        write_shards(tmp_path / "b", SETTINGS, 8, workers=-1)
