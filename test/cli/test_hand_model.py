"""``hand-object-recon hand-model``: import, list and show."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from hand_object_recon.cli.main import app, main
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.conventions import JOINT_PARENTS
from hand_object_recon.hand_model.model import load_hand_model


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "store"
    monkeypatch.setenv("HAND_OBJECT_RECON_HAND_MODELS", str(folder))
    return folder


@pytest.fixture
def mano_file(tmp_path: Path) -> Path:
    """The open hand under MANO's names."""
    model = load_hand_model("open_hand", HandSide.RIGHT)
    path = tmp_path / "MANO_RIGHT.npz"
    np.savez(
        path,
        v_template=model.v_template,
        shapedirs=model.shapedirs,
        posedirs=model.posedirs,
        J_regressor=model.joint_regressor,
        weights=model.weights,
        kintree_table=np.array([[2**32 - 1, *JOINT_PARENTS[1:]], range(16)]),
        f=model.faces,
        hands_mean=model.hands_mean,
        hands_components=model.hands_components,
    )
    return path


def output_of(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["hand-model", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def failure_of(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as end:
        main(["hand-model", *arguments])
    printed = capfd.readouterr()
    assert end.value.code == 2
    assert printed.err.count("\n") == 1
    return printed.err


def test_an_imported_model_is_listed_shown_and_loaded(mano_file: Path, store: Path) -> None:
    said = output_of("import", str(mano_file))
    assert f"imported mano_right to {store / 'mano_right.npz'}" in said
    listed = output_of("list")
    assert "open_hand  778 vertices, 1538 faces  (built in)" in listed
    assert "mano  778 vertices, 1538 faces  (imported: right)" in listed
    assert "MANO, see https://mano.is.tue.mpg.de/license.html" in listed
    assert str(store) in listed
    assert load_hand_model("mano", HandSide.RIGHT).name == "mano"


def test_show_prints_size_bones_licence_file_and_conventions(mano_file: Path, store: Path) -> None:
    output_of("import", str(mano_file), "--name", "my_mano", "--flat-hand-mean", "--tips", "smplx")
    shown = output_of("show", "my_mano", "--side", "left")
    for text in (
        "my_mano, left hand, the mirror image of the other side",
        str(store / "my_mano_right.npz"),
        "778 vertices, 1538 faces, 16 joints",
        "kind:          mano (from MANO_RIGHT.npz)",
        "flat_hand_mean = True",
        "pca_components = 45",
        "left_shapedirs = as_published",
        "tips = smplx",
        "744, 320, 443, 554, 671",
    ):
        assert text in shown
    index = next(line for line in shown.splitlines() if line.strip().startswith("index"))
    joints = load_hand_model("open_hand", HandSide.RIGHT).rest_joints_m
    lengths = [float(word) for word in index.split()[1:]]
    expected = 1000 * np.linalg.norm(joints[[1, 2, 3]] - joints[[0, 1, 2]], axis=1)
    np.testing.assert_allclose(lengths[:3], expected, atol=0.06)


def test_manos_own_conventions_are_not_shown_of_other_models() -> None:
    shown = output_of("show", "open_hand")
    assert "hand length:   185 mm" in shown
    assert "Apache-2.0" in shown
    assert "left_shapedirs" not in shown


@pytest.mark.parametrize("side", list(HandSide))
def test_show_draws_the_hand_with_its_thumb_on_the_right_side(
    tmp_path: Path, side: HandSide
) -> None:
    """The first picture is of the palm, the fingers upwards: a right hand's thumb is then on the
    right of the picture. Its tip is the outermost point of the lower half."""
    out = tmp_path / "hand.png"
    assert f"drawn to {out}" in output_of("show", "open_hand", "--side", side, "--out", str(out))
    image = cv2.imread(str(out))
    assert image.shape == (720, 1440, 3)
    palm = image[:330, :360].astype(int)
    rows, columns = np.nonzero(np.abs(palm - palm[0, 0]).max(axis=2) > 20)
    assert np.ptp(rows) > 250
    below = columns[rows > 150]
    reach_right, reach_left = below.max() - 180, 180 - below.min()
    assert (reach_right > reach_left) == (side is HandSide.RIGHT)


def test_a_second_import_needs_force(mano_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output_of("import", str(mano_file))
    assert "replace it with --force" in failure_of(capfd, "import", str(mano_file))
    output_of("import", str(mano_file), "--force", "--licence", "another")
    assert load_hand_model("mano", HandSide.RIGHT).licence == "another"


def test_both_sides_are_kept_under_one_name(mano_file: Path, store: Path) -> None:
    output_of("import", str(mano_file))
    said = output_of("import", str(mano_file), "--side", "left")
    assert "check --side" in said
    assert sorted(path.name for path in store.iterdir()) == ["mano_left.npz", "mano_right.npz"]
    assert "(imported: left, right)" in output_of("list")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--name", "open_hand"], "'open_hand' ships with the package"),
        (["--name", "../up"], "must be small letters"),
        (["--tips", "mine"], "tips is 'mine'"),
        (["--left-shapedirs", "x"], "left_shapedirs is 'x'"),
    ],
)
def test_wrong_options_are_one_line(
    mano_file: Path,
    store: Path,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert message in failure_of(capfd, "import", str(mano_file), *arguments)
    assert not store.exists()


def test_a_store_that_cannot_be_written_is_one_line(
    mano_file: Path, store: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store.write_text("in the way")
    assert "cannot be written" in failure_of(capfd, "import", str(mano_file))


def test_an_unknown_model_is_one_line_with_the_known_ones(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert "known are open_hand" in failure_of(capfd, "show", "mano")
