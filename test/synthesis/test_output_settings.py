"""Settings that make no sense are refused in one line, and a folder is not begun twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.output.metadata import begin_output, metadata
from hand_object_recon.synthesis.output.settings import (
    TEST_SPLIT_VERSION,
    SampleSettings,
    SceneChoice,
)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"hands": 3}, "hands is 3"),
        ({"image_size_px": 8}, "image size is 8 px"),
        ({"sequences": ("15",)}, "sequences 15 are of tracked motions"),
        ({"scene": SceneChoice.GRASP, "hands": 2}, "scene grasp has no takes of 2"),
        ({"scene": SceneChoice.HAND_OVER, "hands": 1}, "scene hand_over has no takes of 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidValueError, match=told) as caught:
        SampleSettings("train", **wrong)
    assert "\n" not in str(caught.value)


def test_the_test_split_is_versioned(tmp_path: Path) -> None:
    begin_output(tmp_path / "test", metadata(SampleSettings("test"), 10, "shards"))
    begun = json.loads((tmp_path / "test/meta.json").read_text())
    assert begun["request"]["test_split_version"] == TEST_SPLIT_VERSION
    assert begun["request"]["seed"] == 0
    assert begun["made_with"]["numpy"]
    assert "test_split_version" not in metadata(SampleSettings("train"), 10, "shards")["request"]


def test_a_folder_begun_with_other_settings_is_not_mixed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    begin_output(out, metadata(SampleSettings("train"), 10, "shards"))
    begin_output(out, metadata(SampleSettings("train"), 10, "shards"))
    with pytest.raises(InvalidValueError, match="begun with seed 0, not 1"):
        begin_output(out, metadata(SampleSettings("train", seed=1), 10, "shards"))


def test_a_folder_says_which_sequences_it_is_made_of_where_they_are_chosen() -> None:
    tracks = Path("tracks.npz")
    for sequences in ((), ("15", "20")):
        settings = SampleSettings("train", tracks=tracks, sequences=sequences)
        request = metadata(settings, 10, "shards")["request"]
        assert request.get("sequences", ()) == sequences


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InvalidValueError, match="holds other files"):
        begin_output(tmp_path, metadata(SampleSettings("train"), 10, "shards"))


def test_a_damaged_meta_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text("{")
    with pytest.raises(InvalidValueError, match=r"meta\.json cannot be read"):
        begin_output(tmp_path, metadata(SampleSettings("train"), 10, "shards"))


def test_tracks_leave_no_choice_of_scene(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="leave scene and hands out"):
        SampleSettings("train", tracks=tmp_path / "tracks.npz", scene=SceneChoice.FREE)
