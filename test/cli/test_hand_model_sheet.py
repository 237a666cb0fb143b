"""``hand-object-recon hand-model sheet``: two pictures with a hand in every place."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from hand_object_recon.cli.hand_model_sheet import _mode_names
from hand_object_recon.cli.main import app, main

LARGEST_BYTES = 500_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sheets")
    arguments = ["hand-model", "sheet", "open_hand", "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert f"drawn to {out / 'open_hand_poses.png'}" in result.output
    return out


@pytest.mark.slow
@pytest.mark.parametrize(("content", "columns", "rows"), [("poses", 3, 4), ("shape", 5, 4)])
def test_every_cell_has_its_hands_and_a_label(
    folder: Path, content: str, columns: int, rows: int
) -> None:
    path = folder / f"open_hand_{content}.png"
    image = cv2.imread(str(path))
    height, width = image.shape[:2]
    assert width == 1410
    assert 1000 < height < 1600
    assert path.stat().st_size < LARGEST_BYTES
    drawn = np.abs(image.astype(int) - image[0, 0].astype(int)).max(axis=2) > 20
    for strip in np.split(drawn, rows):
        for cell in np.split(strip, columns, axis=1):
            views, label = cell[:-40], cell[-40:]
            assert 0.10 < views[:, : cell.shape[1] // 2].mean() < 0.6
            assert 0.05 < views[:, 2 * cell.shape[1] // 3 :].mean() < 0.6
            assert 10 < label.sum() < 2000
            border = np.concatenate([views[0], views[-1], views[:, 0], views[:, -1]])
            assert not border.any()


def test_modes_have_names_where_they_mean_something() -> None:
    assert _mode_names("open_hand")[:2] == ("size", "palm to fingers")
    assert _mode_names("mano") == tuple(f"mode {number}" for number in range(1, 11))


def test_an_unknown_model_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["hand-model", "sheet", "nobody", "--out", str(tmp_path / "out")])
    printed = capfd.readouterr()
    assert end.value.code == 2
    assert printed.err.count("\n") == 1
    assert "known are open_hand" in printed.err
    assert not (tmp_path / "out").exists()
