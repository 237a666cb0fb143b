"""The training loop: stages, steps, checkpoints, scores and weights, the same for all methods."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor
from torch.nn.utils import convert_conv2d_weight_memory_format
from torch.utils.data import DataLoader

from hand_object_recon.core.errors import ConfigError
from hand_object_recon.training.checkpoints import (
    CHECKPOINT_FILE,
    load_checkpoint,
    save_checkpoint,
)
from hand_object_recon.training.config import StageSettings, TrainingConfig
from hand_object_recon.training.events import TrainingEvents
from hand_object_recon.training.exported_weights import export_weights
from hand_object_recon.training.items import BatchOrder, StoreItems, item_loader
from hand_object_recon.training.logs import TrainingLog
from hand_object_recon.training.methods import build_method, weights_path
from hand_object_recon.training.mixed_precision import WholeInputs
from hand_object_recon.training.sample_store import SampleStore
from hand_object_recon.training.schedule import learning_rate_factor
from hand_object_recon.training.scoring import mean_scores, prediction_picture
from hand_object_recon.training.stage import Stage
from hand_object_recon.training.stage_state import (
    average_of,
    begin_with,
    beginning,
    build_optimizer,
    freeze,
    learn,
    with_copies,
)
from hand_object_recon.training.stop_request import StopRequest
from hand_object_recon.training.store_building import StoreSource, open_or_build_store

CONFIG_FILE: Final = "config.json"
WEIGHTS_ENDING: Final = ".safetensors"
_PICTURED: Final = 8
_MOST_PASSED_OVER: Final = 10


@dataclass(frozen=True, eq=False)
class _Stores:
    training: SampleStore
    validation: SampleStore


class _StoppedEarlyError(Exception):
    """Somebody asked to stop while samples were being made."""


class Training:
    """Trains as a configuration says.

    Leaves in a folder: the weights of each stage that scored best (STAGE.safetensors with a
    card), logs, and a checkpoint.
    """

    def __init__(
        self, config: TrainingConfig, out: Path, events: TrainingEvents | None = None
    ) -> None:
        self._config, self._out = config, out
        self._events = events or TrainingEvents()
        self._fabric = _fabric(config)
        self._stop = StopRequest(config.minutes)
        self._passed_over = 0

    def ask_to_stop(self) -> None:
        """Save a checkpoint after the step under way, and end; for signal handlers."""
        self._stop.ask()

    def run(self, *, resume: bool = False) -> bool:
        """Train, or go on behind the last checkpoint; whether the end was reached.

        Raises
        ------
        ConfigError
            ``out`` holds another training, or something in the configuration does not fit.
        InvalidValueError
            There is nothing to resume, or a file is damaged.
        """
        checkpoint = self._begin(resume)
        self._fabric.launch()
        if self._config.threads:
            torch.set_num_threads(self._config.threads)
        try:
            stores = self._open_stores()
        except _StoppedEarlyError:
            return False
        with self._log() as log:
            state: dict[str, Tensor] | None = None
            for number, settings in enumerate(self._config.stages):
                if checkpoint is not None and number < checkpoint["stage"]:
                    continue
                stage = self._open_stage(number, settings, stores, state, checkpoint)
                checkpoint = None
                if not self._train(stage, stores, log):
                    return False
                state = stage.scored.state_dict()
        return True

    def _begin(self, resume: bool) -> dict[str, Any] | None:
        """The checkpoint to go on from, if it came to one; a new folder otherwise."""
        if resume and not self._was_stopped_before_training():
            checkpoint = load_checkpoint(self._out)
            if checkpoint["config"] != self._config.identity():
                raise ConfigError(
                    f"{self._out} was begun with another configuration; resume it with "
                    f"{self._out / CONFIG_FILE}"
                )
            return checkpoint
        if (self._out / CHECKPOINT_FILE).exists():
            raise ConfigError(
                f"{self._out} holds a training already; go on with --resume, or name another folder"
            )
        self._out.mkdir(parents=True, exist_ok=True)
        text = self._config.model_dump_json(indent=2)
        (self._out / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")
        return None

    def _was_stopped_before_training(self) -> bool:
        """Whether a training was begun here and did not get beyond its stores."""
        return (self._out / CONFIG_FILE).exists() and not (self._out / CHECKPOINT_FILE).exists()

    def _open_stores(self) -> _Stores:
        """Both stores; one process makes what is missing while the others wait."""
        data = self._config.data
        wanted = (
            (
                "training",
                data.store,
                StoreSource("train", data.synthetic, data.shards, data.dataset),
            ),
            (
                "validation",
                data.validation_store,
                StoreSource(
                    "val",
                    data.validation_synthetic,
                    data.validation_shards,
                    data.validation_dataset,
                ),
            ),
        )
        opened = []
        for name, folder, source in wanted:
            with self._fabric.rank_zero_first():
                opened.append(self._open_store(name, folder, source))
        return _Stores(*opened)

    def _open_store(self, name: str, folder: Path, source: StoreSource) -> SampleStore:
        return open_or_build_store(
            folder,
            self._config.method,
            self._config.method_options,
            source,
            self._config.data.build_workers,
            lambda done, parts: self._note_parts(name, done, parts),
        )

    def _note_parts(self, store: str, done: int, parts: int) -> None:
        self._events.store_progress(store, done, parts)
        if self._stop.is_asked and done < parts:
            raise _StoppedEarlyError

    @contextmanager
    def _log(self) -> Iterator[TrainingLog | None]:
        if not self._fabric.is_global_zero:
            yield None
            return
        log = TrainingLog(self._out)
        try:
            yield log
        finally:
            log.close()

    def _open_stage(
        self,
        number: int,
        settings: StageSettings,
        stores: _Stores,
        state: dict[str, Tensor] | None,
        checkpoint: dict[str, Any] | None,
    ) -> Stage:
        config = self._config
        torch.manual_seed(config.seed + number)
        options = {**config.method_options, **settings.method_options}
        method = build_method(config.method, options)
        # Convolutions on a CPU take little more than half the time with channels last.
        network = convert_conv2d_weight_memory_format(method.build_network(), torch.channels_last)
        if settings.begin_from is not None:
            named = weights_path(settings.begin_from)
            state = beginning(state or {}, named, config.method, settings)
        elif state is not None:
            state = with_copies(state, settings.begin_copies)
        if state is not None and checkpoint is None:
            self._say_what_is_new(settings, begin_with(network, state))
        freeze(network, settings.frozen)
        optimizer = build_optimizer(network, config, settings)
        average = average_of(network, config)
        wrapped, prepared = self._fabric.setup(network, optimizer)
        if average is not None:
            average.network.to(self._fabric.device)
        order = BatchOrder(len(stores.training), config.batch_size, 0, config.seed)
        steps = max(1, round(settings.epochs * order.steps_per_epoch))
        stage = Stage(number, settings, method, network, wrapped, prepared, average, steps)
        if checkpoint is not None:
            stage.restore(checkpoint)
        return stage

    def _say_what_is_new(self, settings: StageSettings, names: tuple[str, ...]) -> None:
        if names:
            shown = ", ".join(names[:3])
            self._events.say(
                f"stage {settings.name}: {len(names)} tensors begin anew ({shown}, ...)"
            )

    def _train(self, stage: Stage, stores: _Stores, log: TrainingLog | None) -> bool:
        """Whether the stage's end was reached."""
        config = self._config
        self._events.stage_begun(stage.settings.name, stage.step, stage.steps)
        loader = self._loader(stage, stores.training)
        validate_steps = max(1, round(config.validate_epochs * stage.steps / stage.settings.epochs))
        saved_s = time.monotonic()
        learn(stage.wrapped)
        for batch in loader:
            losses = self._step(stage, batch)
            if stage.step % config.log_steps == 0:
                self._log_losses(stage, losses, log)
            self._events.step_done(stage.step, losses["total"])
            is_last = stage.step == stage.steps
            if is_last or stage.step % validate_steps == 0:
                self._validate(stage, stores.validation, log)
            is_late = time.monotonic() - saved_s > 60.0 * config.checkpoint_minutes
            is_due, is_stopped = self._anywhere(is_late, self._stop.is_asked)
            if is_last or is_due or is_stopped:
                self._save(stage)
                saved_s = time.monotonic()
            if is_stopped:
                return False
        return True

    def _anywhere(self, *flags: bool) -> list[bool]:
        """Each flag, true where it is on any machine: what all do together, all must know of."""
        shared = self._fabric.all_reduce([float(flag) for flag in flags], reduce_op="max")
        return [bool(flag) for flag in shared]

    def _log_losses(self, stage: Stage, losses: dict[str, float], log: TrainingLog | None) -> None:
        """Write down the mean over all machines."""
        means = self._fabric.all_reduce(list(losses.values()), reduce_op="mean")
        if log is not None:
            log.add(
                stage.settings.name, stage.step, dict(zip(losses, map(float, means), strict=True))
            )

    def _loader(self, stage: Stage, store: SampleStore) -> DataLoader[Any]:
        config = self._config
        order = BatchOrder(
            len(store),
            config.batch_size,
            stage.steps,
            config.seed + stage.number,
            first_step=stage.step,
            rank=self._fabric.global_rank,
            ranks=self._fabric.world_size,
        )
        items = StoreItems(store, stage.method, config.seed + stage.number)
        return item_loader(items, order, config.loader_workers)

    def _step(self, stage: Stage, batch: dict[str, Tensor]) -> dict[str, float]:
        """One step of the optimiser; the losses as numbers."""
        settings = stage.settings
        factor = learning_rate_factor(stage.step, stage.steps, settings.schedule)
        for group in stage.optimizer.param_groups:
            group["lr"] = settings.learning_rate * factor
        stage.optimizer.zero_grad()
        on_device = self._fabric.to_device(batch)
        losses = stage.method.losses(stage.wrapped, on_device)
        total = torch.stack(list(losses.values())).sum()
        self._fabric.backward(total)
        is_usable = self._clip(stage)
        if is_usable:
            stage.optimizer.step()
        stage.step += 1
        if stage.average is not None:
            stage.average.update(stage.network, stage.step)
        values = torch.stack([*losses.values(), total]).tolist()  # one wait for the device, not ten
        numbers = dict(zip([*losses, "total"], values, strict=True))
        if is_usable and not np.isfinite(numbers["total"]):
            raise ConfigError(
                f"the loss is {numbers['total']} at step {stage.step} of stage {settings.name}; "
                "lower its learning_rate or set gradient_clip"
            )
        return numbers

    def _clip(self, stage: Stage) -> bool:
        """Whether the gradient can be used; a batch whose gradient is not finite is passed over,
        many of them one after the other end the training."""
        if not self._config.gradient_clip:
            return True
        length = self._fabric.clip_gradients(
            stage.wrapped,
            stage.optimizer,
            max_norm=self._config.gradient_clip,
            error_if_nonfinite=False,
        )
        if length is None or bool(length.isfinite()):
            self._passed_over = 0
            return True
        self._passed_over += 1
        step, name = stage.step + 1, stage.settings.name
        if self._passed_over > _MOST_PASSED_OVER:
            raise ConfigError(
                f"the gradient was not finite {self._passed_over} times in a row up to step {step} "
                f"of stage {name}; lower its learning_rate"
            )
        self._events.say(f"step {step} of stage {name}: passed over, its gradient is not finite")
        return False

    def _validate(self, stage: Stage, store: SampleStore, log: TrainingLog | None) -> None:
        """Score on one machine while the others wait; keep the best weights."""
        if log is not None:
            device = self._fabric.device
            config = self._config
            scores = mean_scores(
                stage.method,
                stage.scored,
                store,
                config.validation_samples,
                config.batch_size,
                device,
            )
            name = stage.settings.name
            log.add(name, stage.step, {f"validation/{key}": value for key, value in scores.items()})
            picture = prediction_picture(stage.method, stage.scored, store, _PICTURED, device)
            log.add_picture(name, stage.step, picture)
            self._events.scored(stage.step, scores)
            first = next(iter(scores.values()))
            if first < stage.best_score:
                stage.best_score = first
                export_weights(self._out / f"{name}{WEIGHTS_ENDING}", config, stage, scores)
        self._fabric.barrier()

    def _save(self, stage: Stage) -> None:
        if self._fabric.is_global_zero:
            save_checkpoint(self._out, {**stage.state(), "config": self._config.identity()})
        self._fabric.barrier()


def _precision(config: TrainingConfig) -> dict[str, Any]:
    """Fabric's arguments about precision."""
    if config.precision != "bf16-mixed":
        return {"precision": config.precision}
    is_cuda = config.accelerator == "cuda" or (
        config.accelerator == "auto" and torch.cuda.is_available()
    )
    return {"plugins": WholeInputs(config.precision, "cuda" if is_cuda else "cpu")}


def _fabric(config: TrainingConfig) -> Fabric:
    is_alone = config.devices * config.nodes == 1
    # Stages freeze branches, and losses leave heads out: not every parameter gets a gradient.
    strategy = "auto" if is_alone else DDPStrategy(find_unused_parameters=True)
    return Fabric(
        accelerator=config.accelerator,
        devices=config.devices,
        num_nodes=config.nodes,
        strategy=strategy,
        **_precision(config),
    )
