"""A training learns, is resumed exactly, is shared by processes, and leaves usable weights."""

from __future__ import annotations

import csv
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
import yaml
from torch import Tensor, nn
from torch.utils.data import default_collate

from hand_object_recon.core.errors import ConfigError, InvalidValueError
from hand_object_recon.networks.trainable import Batch
from hand_object_recon.networks.weights import Weights, load_weights, read_weights, save_weights
from hand_object_recon.reconstructors.h2onet.options import H2ONetOptions
from hand_object_recon.reconstructors.h2onet.trained_network import load_trained_network
from hand_object_recon.reconstructors.h2onet.training import H2ONetTraining
from hand_object_recon.training import engine, methods
from hand_object_recon.training.checkpoints import CHECKPOINT_FILE, load_checkpoint
from hand_object_recon.training.config import TrainingConfig, load_training_config
from hand_object_recon.training.engine import Training
from hand_object_recon.training.events import TrainingEvents
from hand_object_recon.training.exported_weights import weights_licence
from hand_object_recon.training.items import StoreItems
from hand_object_recon.training.logs import LOG_FILE
from hand_object_recon.training.methods import build_method, weights_path
from hand_object_recon.training.sample_store import SampleStore
from hand_object_recon.training.stage_state import with_copies

MakeValues = Callable[..., dict[str, Any]]

STEPS = 32


def run(values: dict[str, Any], out: Path, events: TrainingEvents | None = None) -> bool:
    return Training(TrainingConfig.model_validate(values), out, events).run()


def losses_of(out: Path) -> dict[int, float]:
    with (out / LOG_FILE).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {int(row["step"]): float(row["value"]) for row in rows if row["name"] == "total"}


def run_until(values: dict[str, Any], out: Path, step: int) -> None:
    """Train, and be stopped behind a step as Ctrl-C would."""
    training = Training(
        TrainingConfig.model_validate(values),
        out,
        TrainingEvents(step_done=lambda done, _: done == step and training.ask_to_stop()),
    )
    assert not training.run()


def test_a_small_network_learns_a_few_samples_by_heart(
    training_values: MakeValues, store: SampleStore, tmp_path: Path
) -> None:
    values = training_values(
        batch_size=len(store),
        validate_epochs=STEPS,
        stages=[
            {
                "name": "one",
                "epochs": STEPS,
                "learning_rate": 4e-3,
                "schedule": {"kind": "cosine", "warmup_steps": 5},
            }
        ],
    )
    assert run(values, tmp_path)
    losses = losses_of(tmp_path)
    assert losses[STEPS] < 0.35 * losses[1]
    assert loss_in_evaluation_mode(values, store, tmp_path) < 0.5 * losses[1]


def loss_in_evaluation_mode(values: dict[str, Any], store: SampleStore, out: Path) -> float:
    """Loss over the whole store, with the statistics that training gathered."""
    method = build_method("h2onet", values["method_options"])
    network = method.build_network()
    network.load_state_dict(load_checkpoint(out)["network"])
    items = StoreItems(store, method, seed=None)
    batch = default_collate([items[0, index] for index in range(len(items))])
    with torch.no_grad():
        return float(sum(method.losses(network.eval(), batch).values()))


def test_stopped_and_resumed_equals_uninterrupted_bit_for_bit(
    training_values: MakeValues, tmp_path: Path
) -> None:
    values = training_values(
        ema_decay=0.9,
        method_options={**training_values()["method_options"], "color": 0.2, "scale": 0.2},
    )
    assert run(values, tmp_path / "whole")
    run_until(values, tmp_path / "parts", step=3)
    assert Training(TrainingConfig.model_validate(values), tmp_path / "parts").run(resume=True)
    whole, parts = (load_checkpoint(tmp_path / name) for name in ("whole", "parts"))
    for group in ("network", "average"):
        assert all(torch.equal(whole[group][key], parts[group][key]) for key in whole[group])
    assert losses_of(tmp_path / "whole") == losses_of(tmp_path / "parts")


def test_a_training_stopped_while_samples_are_made_goes_on_with_them(
    training_values: MakeValues, tmp_path: Path
) -> None:
    source = {"takes": 17, "frames_per_take": 1, "size_px": 64}
    data = {
        "store": str(tmp_path / "train"),
        "validation_store": str(tmp_path / "train"),
        "synthetic": source,
        "build_workers": 1,
    }
    values = training_values(
        data=data, stages=[{"name": "one", "epochs": 0.1, "learning_rate": 1e-3}]
    )
    config, out = TrainingConfig.model_validate(values), tmp_path / "out"
    seen: list[int] = []

    def stop_after_a_part(_: str, done: int, __: int) -> None:
        seen.append(done)
        if done == 1:
            training.ask_to_stop()

    training = Training(config, out, TrainingEvents(store_progress=stop_after_a_part))
    assert not training.run()
    assert seen == [0, 1]
    again: list[int] = []
    events = TrainingEvents(store_progress=lambda _, done, __: again.append(done))
    assert Training(config, out, events).run(resume=True)
    assert again[0] >= 1
    assert (out / "one.safetensors").exists()


def test_a_stage_begins_with_the_weights_of_the_one_before_and_frozen_ones_stay(
    training_values: MakeValues, tmp_path: Path
) -> None:
    stages = [
        {"name": "first", "epochs": 1.0, "learning_rate": 1e-3},
        {"name": "second", "epochs": 1.0, "learning_rate": 1e-3, "frozen": ["^backbone\\."]},
    ]
    assert run(training_values(stages=stages), tmp_path)
    first, second = (
        load_weights(tmp_path / f"{name}.safetensors", "h2onet").tensors
        for name in ("first", "second")
    )
    convolution = "backbone.stem.0.0.weight"
    assert torch.equal(first[convolution], second[convolution])
    averages = [name for name in first if re.match(r"backbone\..*running_mean", name)]
    assert averages
    assert all(torch.equal(first[name], second[name]) for name in averages)
    learned = "orientation_encoder.join.0.weight"
    assert not torch.equal(first[learned], second[learned])


def test_the_network_of_three_frames_goes_on_from_that_of_one(
    training_values: MakeValues, tmp_path: Path
) -> None:
    stages = [
        {"name": "single", "epochs": 0.4, "learning_rate": 1e-3},
        {
            "name": "multi",
            "epochs": 0.4,
            "learning_rate": 1e-3,
            "method_options": {"frames": 3},
        },
    ]
    said: list[str] = []
    assert run(training_values(stages=stages), tmp_path, TrainingEvents(say=said.append))
    assert any("begin anew" in line and "multi" in line for line in said)
    weights = load_weights(tmp_path / "multi.safetensors", "h2onet")
    assert weights.description["options"]["frames"] == 3
    assert "occlusion.hand_head.6.weight" in weights.tensors


@pytest.mark.slow
def test_two_processes_follow_the_loss_of_one(training_values: MakeValues, tmp_path: Path) -> None:
    stages = [{"name": "one", "epochs": 1.0, "learning_rate": 1e-4}]
    alone = training_values(stages=stages)
    assert run(alone, tmp_path / "alone")
    # Checkpoints are due at every step: all processes must agree on when to write one.
    shared = training_values(stages=stages, devices=2, checkpoint_minutes=1e-9)
    (tmp_path / "shared.yaml").write_text(yaml.safe_dump(shared), encoding="utf-8")
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
        *("--master-port", str(free_port()), "-m", "hand_object_recon.cli.main", "train"),
        *(str(tmp_path / "shared.yaml"), "--out", str(tmp_path / "shared")),
    ]
    done = subprocess.run(
        command,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    one, two = losses_of(tmp_path / "alone"), losses_of(tmp_path / "shared")
    assert one.keys() == two.keys()
    # Each half of a batch is normalised by its own statistics.
    for step, loss in one.items():
        assert two[step] == pytest.approx(loss, rel=0.15)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_weights_say_what_they_are(training_values: MakeValues, tmp_path: Path) -> None:
    assert run(training_values(), tmp_path)
    weights = load_weights(tmp_path / "one.safetensors", "h2onet")
    assert weights.description["options"]["width"] == 16
    assert weights.description["options"]["hidden_hand_share"] == 0.4  # defaults are written, too
    assert load_trained_network(tmp_path / "one.safetensors").options.width == 16
    assert weights.description["validation"]["joints_mm"] > 0
    card = (tmp_path / "one.card.md").read_text(encoding="utf-8")
    assert "SHA-256" in card
    with pytest.raises(InvalidValueError, match="not 'gsdf'"):
        load_weights(tmp_path / "one.safetensors", "gsdf")


def test_weights_in_half_precision_are_half_as_large_and_of_the_same_network(
    training_values: MakeValues, tmp_path: Path
) -> None:
    stages = [{"name": "one", "epochs": 0.5, "learning_rate": 1e-3}]
    files = {}
    for precision in ("float32", "float16"):
        values = training_values(stages=stages, export_precision=precision)
        assert run(values, tmp_path / precision)
        files[precision] = tmp_path / precision / "one.safetensors"
    whole, half = files.values()
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    one, other = (load_trained_network(path).network.state_dict() for path in files.values())
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert other[name].dtype == value.dtype
        torch.testing.assert_close(other[name], value, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize(
    ("begin_from", "synthetic", "licence"),
    [
        (None, {"takes": 2}, "Apache-2.0"),
        ("Apache-2.0", {"takes": 2}, "Apache-2.0"),
        ("for research only", {"takes": 2}, "bound by"),
        (None, {"takes": 2, "tracks": "tracks.npz"}, "bound by"),
        (None, None, "bound by"),
    ],
)
def test_weights_are_ours_to_give_where_nothing_they_learned_from_is_another_s(
    training_values: MakeValues,
    tmp_path: Path,
    begin_from: str | None,
    synthetic: dict[str, Any] | None,
    licence: str,
) -> None:
    values = training_values()
    if synthetic is not None:
        values["data"] = {**values["data"], "synthetic": synthetic}
    if begin_from is not None:
        beginning = tmp_path / "begin.safetensors"
        save_weights(beginning, Weights({}, {"method": "h2onet", "licence": begin_from}))
        values["stages"] = [{**values["stages"][0], "begin_from": str(beginning)}]
    config = TrainingConfig.model_validate(values)
    assert weights_licence(config).startswith(licence)


def test_a_stage_can_begin_with_a_part_of_a_file_and_go_on_with_the_rest(
    training_values: MakeValues, tmp_path: Path
) -> None:
    stage = {"epochs": 0.01, "learning_rate": 1e-9}
    values = training_values(stages=[{"name": "one", **stage}], seed=1)
    assert run(values, tmp_path / "other")
    later = {"begin_from": str(tmp_path / "other/one.safetensors"), "begin_names": ["^backbone"]}
    stages = [{"name": "one", **stage}, {"name": "two", **stage, **later}]
    assert run(training_values(stages=stages), tmp_path / "both")
    other, one, two = (
        load_weights(tmp_path / name, "h2onet").tensors
        for name in ("other/one.safetensors", "both/one.safetensors", "both/two.safetensors")
    )
    learned = [name for name in two if name.endswith("weight") and two[name].ndim > 1]
    taken = [name for name in learned if name.startswith("backbone")]
    assert 0 < len(taken) < len(learned)
    for name in learned:
        same, different = (other, one) if name in taken else (one, other)
        torch.testing.assert_close(two[name], same[name], atol=1e-6, rtol=0.0)
        assert not torch.allclose(two[name], different[name], atol=1e-3)
    later["begin_names"] = ["^nothing"]
    with pytest.raises(ConfigError, match="nothing"):
        run(training_values(stages=[{"name": "two", **stage, **later}]), tmp_path / "none")


def test_parts_can_begin_as_copies_of_others(training_values: MakeValues, tmp_path: Path) -> None:
    stage = {"epochs": 0.01, "learning_rate": 1e-9}
    source, copy = "backbone.reduce.", "backbone.anew."
    found = with_copies({source + "weight": torch.ones(2), "other": torch.zeros(1)}, {copy: source})
    assert set(found) == {source + "weight", copy + "weight", "other"}
    assert torch.equal(found[copy + "weight"], torch.ones(2))
    stages = [
        {"name": "one", **stage},
        {"name": "two", **stage, "begin_copies": {"backbone.": "nothing."}},
    ]
    with pytest.raises(ConfigError, match=r"nothing\."):
        run(training_values(stages=stages), tmp_path)


def test_a_trunk_can_begin_as_that_of_another_method(
    training_values: MakeValues, tmp_path: Path
) -> None:
    other = tmp_path / "other.safetensors"
    own = build_method("h2onet", training_values()["method_options"]).build_network().state_dict()
    names = {name for name in own if name.startswith("backbone.") and name.endswith("weight")}
    stored = {"trunk." + name: torch.full_like(own[name], 0.5) for name in names}
    stored |= {"head.weight": torch.ones(1)}
    save_weights(other, Weights(stored, {"method": "gsdf", "licence": "Apache-2.0"}))
    stage = {"name": "one", "epochs": 0.01, "learning_rate": 1e-9, "begin_from": str(other)}
    copies = {"backbone.": "trunk.backbone."}
    assert run(training_values(stages=[{**stage, "begin_copies": copies}]), tmp_path / "copied")
    found = load_weights(tmp_path / "copied/one.safetensors", "h2onet").tensors
    assert all((found[name] - 0.5).abs().max() < 1e-6 for name in names)
    with pytest.raises(InvalidValueError, match="gsdf"):
        run(training_values(stages=[stage]), tmp_path / "refused")


def test_a_stage_can_begin_with_the_weights_that_a_method_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = weights_path(Path("gsdf"))
    assert read_weights(shipped).description["method"] == "gsdf"
    assert weights_path(tmp_path / "own.safetensors") == tmp_path / "own.safetensors"
    monkeypatch.setattr(methods, "files", lambda package: tmp_path)
    with pytest.raises(ConfigError, match="gsdf"):
        weights_path(Path("gsdf"))


class Faulty(H2ONetTraining):
    """Its loss is not a number in the batches that are named."""

    faults: ClassVar[set[int]] = set()

    def __init__(self, options: H2ONetOptions) -> None:
        super().__init__(options)
        self._batches = 0

    def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        self._batches += 1
        factor = torch.nan if self._batches in self.faults else 1.0
        return {name: factor * loss for name, loss in super().losses(network, batch).items()}


@pytest.mark.parametrize(("faults", "ends"), [({2}, True), (set(range(2, 40)), False)])
def test_a_batch_whose_gradient_is_not_finite_is_passed_over_and_many_are_not(
    training_values: MakeValues,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    faults: set[int],
    ends: bool,
) -> None:
    said: list[str] = []

    monkeypatch.setattr(engine, "build_method", lambda _, options: Faulty(H2ONetOptions(**options)))
    monkeypatch.setattr(Faulty, "faults", faults)
    stage = {"name": "one", "epochs": 20.0, "learning_rate": 1e-3}
    values = training_values(gradient_clip=1.0, stages=[stage], validate_epochs=20.0)
    training = Training(
        TrainingConfig.model_validate(values), tmp_path, TrainingEvents(say=said.append)
    )
    if not ends:
        with pytest.raises(ConfigError, match="11 times in a row"):
            training.run()
        return
    assert training.run()
    assert said == ["step 2 of stage one: passed over, its gradient is not finite"]
    weights = load_weights(tmp_path / "one.safetensors", "h2onet").tensors
    assert all(bool(value.isfinite().all()) for value in weights.values())


def test_a_folder_with_a_training_is_not_overwritten(
    training_values: MakeValues, tmp_path: Path
) -> None:
    run_until(training_values(), tmp_path, step=1)
    before = (tmp_path / CHECKPOINT_FILE).read_bytes()
    with pytest.raises(ConfigError, match="--resume"):
        run(training_values(), tmp_path)
    assert (tmp_path / CHECKPOINT_FILE).read_bytes() == before


def test_another_configuration_does_not_go_on_with_a_checkpoint(
    training_values: MakeValues, tmp_path: Path
) -> None:
    run_until(training_values(), tmp_path, step=1)
    other = TrainingConfig.model_validate(training_values(batch_size=4))
    with pytest.raises(ConfigError, match="another configuration"):
        Training(other, tmp_path).run(resume=True)


def test_a_damaged_checkpoint_is_named(training_values: MakeValues, tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT_FILE).write_bytes(b"not a checkpoint")
    with pytest.raises(InvalidValueError, match=CHECKPOINT_FILE):
        Training(TrainingConfig.model_validate(training_values()), tmp_path).run(resume=True)


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "config" / "train").glob("*.yaml")), ids=str
)
def test_shipped_configurations_are_valid(path: Path) -> None:
    assert load_training_config(path).stages


def test_settings_are_changed_by_name_and_wrong_ones_are_named(
    training_values: MakeValues, tmp_path: Path
) -> None:
    path = tmp_path / "training.yaml"
    path.write_text(yaml.safe_dump(training_values()), encoding="utf-8")
    changed = load_training_config(path, ["batch_size=3", "stages.0.epochs=7"])
    assert (changed.batch_size, changed.stages[0].epochs) == (3, 7)
    with pytest.raises(ConfigError, match="batch_size is 0"):
        load_training_config(path, ["batch_size=0"])
    with pytest.raises(ConfigError, match="the value is not valid YAML"):
        load_training_config(path, ["stages.0.frozen=[a"])
    with pytest.raises(ConfigError, match="'4' is not one of 0 to 0"):
        load_training_config(path, ["stages.4.epochs=7"])
