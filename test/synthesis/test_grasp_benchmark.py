"""The benchmark's measures are right where the answer is known, and its command prints them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.grasping.benchmark import main, run_grasp_benchmark
from hand_object_recon.synthesis.grasping.exact_measures import common_volume_m3
from hand_object_recon.synthesis.grasping.grasp_types import GraspType
from hand_object_recon.synthesis.grasping.real_pinches import read_real_pinches


def test_the_common_volume_of_two_boxes_is_that_of_their_overlap() -> None:
    one, other = trimesh.creation.box((0.1, 0.1, 0.1)), trimesh.creation.box((0.1, 0.1, 0.1))
    other.apply_translation([0.06, 0.02, 0.0])
    meshes = ((np.array(m.vertices), np.array(m.faces, np.int32)) for m in (one, other))
    assert common_volume_m3(*meshes) == pytest.approx(0.04 * 0.08 * 0.1, rel=1e-5)


def test_tracked_pinches_hold_their_objects_with_thumb_and_index(reference_data: Path) -> None:
    pinches = read_real_pinches(reference_data / "data/hand_object_tracks/tracks.npz")
    assert [one.name for one in pinches] == ["15", "16", "19", "20", "21"]
    for one in pinches:
        assert len(one.tips_m) > 50
        thumb, index = one.tips_m[:, :2].mean(axis=0)
        assert 0.0 < thumb < 0.02
        assert 0.0 < index < 0.02


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tracks.npz").write_text("nothing")
    with pytest.raises(InvalidValueError, match="does not read"):
        read_real_pinches(tmp_path / "tracks.npz")


def test_no_grasps_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="1 or more"):
        run_grasp_benchmark(0, seed=1)


@pytest.mark.slow
def test_the_command_prints_tables_and_draws_a_sheet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.png"
    main(["--count", "20", "--seed", "4", "--sheet", str(sheet), "--sheet-grasps", "6"])
    printed = capsys.readouterr().out
    for grasp_type in GraspType:
        assert f"\n{grasp_type}" in printed
    assert "accepted grasps in" in printed
    picture = cv2.imread(str(sheet))
    assert picture.shape[1] == 4 * 600
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100
