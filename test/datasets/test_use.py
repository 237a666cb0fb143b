"""A data set is checked, looked at, trained on and scored with, by the program's own commands."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hand_object_recon.cli.main import main
from hand_object_recon.core.errors import ConfigError, DatasetError
from hand_object_recon.datasets.base import Dataset
from hand_object_recon.datasets.checking import SplitReport, check_split
from hand_object_recon.datasets.choice import DatasetChoice
from hand_object_recon.datasets.registry import dataset_class, dataset_names, open_dataset
from hand_object_recon.training.config import TrainingConfig
from hand_object_recon.training.engine import Training
from hand_object_recon.training.sample_store import SampleStore

SUBJECT = "20200709-subject-01"
CAMERA = f"{SUBJECT}/20200709_140000/836212060125"
SEQUENCE = CAMERA.replace("/", "_")
CopyOf = Callable[[Path], Path]


@pytest.mark.parametrize("name", dataset_names())
def test_every_data_set_keeps_the_contract(name: str) -> None:
    loader = dataset_class(name)
    assert issubclass(loader, Dataset)
    assert not getattr(loader, "__abstractmethods__", ())
    card = loader.card
    assert card.name == name
    assert card.splits
    assert card.sides
    assert card.page.startswith("https://")
    assert all((card.title, card.licence, card.paper, card.format_source, card.layout))


def test_an_unknown_name_split_folder_or_sequence_is_refused_with_what_there_is(
    dexycb_folder: Path, no_mano: None
) -> None:
    choice = DatasetChoice(name="dexycb", path=dexycb_folder, split="s0_train")
    for change, message in (
        ({"name": "dexicb"}, "known are dexycb, fhb, freihand"),
        ({"split": "training"}, "it has s0_train, s0_val"),
        ({"path": dexycb_folder / "no"}, "no such folder; get it from https://dex-ycb.github.io"),
        ({"sequences": ("there",)}, "'there' is not in dexycb s0_train; it has 6400"),
        ({"hand_model": "open_hand"}, "labels of data sets are MANO's"),
    ):
        with pytest.raises(DatasetError, match=message):
            open_dataset(choice.model_copy(update=change))


def test_opening_reads_no_image(dexycb_folder: Path, copy_of: CopyOf, no_mano: None) -> None:
    folder = copy_of(dexycb_folder)
    for file in folder.rglob("color_*.jpg"):
        file.unlink()
    choice = DatasetChoice(name="dexycb", path=folder, split="s0_train")
    assert len(open_dataset(choice)) == 24
    with pytest.raises(DatasetError, match=r"color_000000\.jpg is missing"):
        open_dataset(choice)[0]


# checking


def report(folder: Path, split: str = "s0_train", **chosen: Any) -> SplitReport:
    return check_split(DatasetChoice(name="dexycb", path=folder, split=split, **chosen), None)


def texts(found: SplitReport) -> str:
    return "\n".join(finding.text for finding in found.findings)


def test_a_whole_copy_of_everything_there_is_usable(dexycb_folder: Path, mano: str) -> None:
    found = report(dexycb_folder, "all")
    assert found.is_usable
    assert (found.frames, found.read, found.sequences) == (48, 48, 16)
    assert (found.with_hand, found.with_mesh, found.with_object) == (40, 40, 48)
    assert "061_foam_brick" in texts(found)  # seen in no frame, and without a model


def test_a_split_smaller_than_published_is_a_problem(dexycb_folder: Path, mano: str) -> None:
    found = report(dexycb_folder)
    assert not found.is_usable
    assert "has 24 frames here, 465504 are published" in texts(found)
    assert "has 8 sequences with frames, 6400 are published" in texts(found)


def rewrite(file: Path, data: bytes) -> None:
    file.unlink()  # it is a link to the whole copy's
    file.write_bytes(data)


def cut_off(file: Path) -> None:
    rewrite(file, file.read_bytes()[: file.stat().st_size // 2])


def of_another_size(file: Path) -> None:
    rewrite(file, cv2.imencode(".png", np.ones((240, 320), np.uint16))[1].tobytes())


def eight_bits(file: Path) -> None:
    rewrite(file, cv2.imencode(".png", np.ones((480, 640), np.uint8))[1].tobytes())


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        (f"{CAMERA}/color_000001.jpg", Path.unlink, "color_000001.jpg is missing; unpack or"),
        (f"{CAMERA}/color_000001.jpg", cut_off, "color_000001.jpg is cut off after"),
        (f"{CAMERA}/aligned_depth_to_color_000002.png", cut_off, "000002.png is cut off after"),
        (f"{CAMERA}/aligned_depth_to_color_000002.png", eight_bits, "must be one 16-bit channel"),
        (f"{CAMERA}/aligned_depth_to_color_000000.png", of_another_size, "depth_m has shape"),
        (f"{CAMERA}/labels_000000.npz", cut_off, "labels_000000.npz is damaged"),
        (f"{CAMERA}/labels_000000.npz", Path.unlink, "labels_000000.npz is missing"),
        (f"{SUBJECT}/20200709_140000/meta.yml", Path.unlink, "meta.yml is missing"),
        (f"{SUBJECT}/20200709_140000/meta.yml", lambda f: rewrite(f, b"a: 1"), "lacks num_frames"),
        ("calibration/intrinsics/836212060125_640x480.yml", Path.unlink, "640x480.yml is missing"),
        (
            f"calibration/mano_{SUBJECT}_right/mano.yml",
            lambda file: rewrite(file, b"betas: [1, 2]"),
            r"betas is int64 of shape \(2,\)",
        ),
    ],
)
def test_a_damaged_copy_is_diagnosed_in_words(
    name: str,
    damage: Callable[[Path], None],
    message: str,
    dexycb_folder: Path,
    copy_of: CopyOf,
    mano: str,
) -> None:
    folder = copy_of(dexycb_folder)
    damage(folder / name)
    found = report(folder, "all", sequences=(SEQUENCE,))
    assert not found.is_usable
    problems = "\n".join(finding.text for finding in found.findings if finding.is_problem)
    assert re.search(message, problems), problems


def test_a_missing_camera_folder_is_named_once_and_other_problems_are_counted(
    dexycb_folder: Path, copy_of: CopyOf, mano: str
) -> None:
    folder = copy_of(dexycb_folder)
    gone = folder / SUBJECT / "20200709_140000" / "932122062010"
    for file in (*gone.iterdir(), *(folder / SUBJECT / "20200709_140004").rglob("*.jpg")):
        file.unlink()
    gone.rmdir()
    found = texts(report(folder, "s0_train")) + texts(report(folder, "s0_val"))
    assert found.count(f"folder {gone} is missing") == 1
    assert "… and 19 more of the kind" in found  # 24 colour images


# commands


def test_the_list_tells_terms_page_and_splits(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["datasets", "list", "--layout"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    for part in ("CC BY-NC 4.0", "https://dex-ycb.github.io", "s3_test", "66034", "130240"):
        assert part in said
    assert "aligned_depth_to_color_000000.png" in said


@pytest.mark.parametrize(("split", "code"), [("all", 0), ("s0_train", 1)])
def test_check_leaves_with_1_where_something_is_wrong(
    split: str, code: int, dexycb_folder: Path, mano: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["datasets", "check", "dexycb", str(dexycb_folder), "--split", split])
    assert left.value.code == code
    assert ("not usable as it is" in capsys.readouterr().out) == bool(code)


def test_show_draws_the_truth_over_the_image(
    dexycb_folder: Path, tmp_path: Path, mano: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "frame.png"
    arguments = [str(dexycb_folder), "--index", "1", "--out", str(out)]
    with pytest.raises(SystemExit):
        main(["datasets", "show", "dexycb", *arguments])
    picture = cv2.imread(str(out))
    assert picture.shape == (960, 1280, 3)
    image = cv2.imread(str(dexycb_folder / CAMERA / "color_000001.jpg"))
    is_changed = np.abs(picture.astype(int) - np.tile(image, (2, 2, 1))).max(axis=2) > 40
    share = [
        is_changed[rows : rows + 480, columns : columns + 640].mean()
        for rows, columns in ((0, 0), (0, 640), (480, 0))
    ]
    assert all(0.002 < changed < 0.2 for changed in share)  # skeleton, meshes, mask
    with pytest.raises(SystemExit):
        main(["datasets", "show", "dexycb", *arguments[:1], "--index", "24", "--out", str(out)])
    assert "frames 0 to 23" in capsys.readouterr().err


# training and evaluation


def training(folder: Path, out: Path, **data: Any) -> TrainingConfig:
    choice = {"name": "dexycb", "path": str(folder)}
    return TrainingConfig.model_validate(
        {
            "method": "h2onet",
            "method_options": {"width": 16, "hand_model": "mano", "frames": 3},
            "data": {
                "store": str(out / "train"),
                "validation_store": str(out / "val"),
                "dataset": {**choice, "split": "s0_train"},
                "validation_dataset": {**choice, "split": "s0_val"},
                **data,
            },
            "stages": [{"name": "one", "epochs": 1.0, "learning_rate": 1e-3}],
            "batch_size": 8,
            "accelerator": "cpu",
            "loader_workers": 0,
            "threads": 1,
        }
    )


def test_a_method_is_trained_for_an_epoch_on_a_data_set(
    dexycb_folder: Path, tmp_path: Path, mano: str
) -> None:
    assert Training(training(dexycb_folder, tmp_path), tmp_path / "out").run()
    assert (tmp_path / "out" / "one.safetensors").is_file()
    stores = [SampleStore(tmp_path / name) for name in ("train", "val")]
    assert [len(store) for store in stores] == [24, 16]  # 8 frames of the left hand have no truth
    assert stores[0].meta["identity"]["source"]["dataset"]["split"] == "s0_train"
    newest = stores[0].stamps_ns.reshape(8, 3)[:, 2]
    earlier = stores[0].with_earlier(2, (1 / 30,))
    assert len(earlier) == 2
    np.testing.assert_array_equal(earlier[1]["pose_rad"], stores[0].record(1)["pose_rad"])
    assert len(set(newest.tolist())) == 8


def test_without_mano_training_says_what_is_missing_and_leaves_no_store(
    dexycb_folder: Path, tmp_path: Path, no_mano: None
) -> None:
    config = training(dexycb_folder, tmp_path)
    config = config.model_copy(update={"method_options": {"width": 16}})
    with pytest.raises(ConfigError, match=r"MANO_LEFT\.pkl and MANO_RIGHT\.pkl not imported"):
        Training(config, tmp_path / "out").run()
    assert not list((tmp_path / "train").iterdir())


def test_two_sources_of_samples_are_refused(dexycb_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shards and dataset are both given"):
        training(dexycb_folder, tmp_path, shards="data/shards")


def evaluate(folder: Path, out: Path) -> tuple[dict[str, Any], str]:
    arguments = ["evaluate", "dataset", "dexycb", str(folder), "--split", "s0_train"]
    for stage in ("smoother", "held_object", "contact_refinement"):
        arguments += ["--set", f"{stage}.enabled=false"]
    arguments += ["--set", "detector=truth_plugins:Knowing"]
    arguments += ["--reconstructor", "truth_plugins:Aside", "--out", str(out)]
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert not left.value.code
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    return scores, (out / "table.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("with_mesh", [True, False])
def test_a_reconstructor_is_scored_with_and_without_true_meshes(
    with_mesh: bool,
    dexycb_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    request.getfixturevalue("mano" if with_mesh else "no_mano")
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("TRUTH_PLUGINS_FOLDER", str(dexycb_folder))
    _, table = evaluate(dexycb_folder, tmp_path / "out")
    sys.modules.pop("truth_plugins")
    assert "| 5.00 " in table  # mean error of the joints
    assert ("truth to surface" in table) == with_mesh


def test_choices_of_published_sets_are_refused_for_synthetic_frames(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", "dataset", "synthetic", "--every", "3", "--out", str(tmp_path)])
    assert "--every 3 and --models None are for published data sets" in capsys.readouterr().err


def test_evaluating_a_published_set_without_its_folder_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", "dataset", "dexycb", "--out", str(tmp_path)])
    assert "give PATH (get it from https://dex-ycb.github.io)" in capsys.readouterr().err
