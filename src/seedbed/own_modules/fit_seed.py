"""Trains and tests one seed by the user's own module, as a script of theirs would: ``Trainer.fit``, then ``Trainer.test``."""

from __future__ import annotations

import inspect
import json
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from seedbed.config.lightning_modules import package_of
from seedbed.errors import ConfigError
from seedbed.metrics import name_with_side
from seedbed.own_modules.parts import SeedParts, surroundings
from seedbed.own_modules.recorder import Recording, Watch, recorder
from seedbed.own_modules.served_rows import as_plain
from seedbed.recorded import SECONDS
from seedbed.tracking.names import LABEL, ROWS
from seedbed.training.seed_results import CurvePoints, SeedResult


@dataclass(frozen=True)
class SeedJob:
    """All that it takes to train one seed, wherever that is done."""

    config: Mapping[str, Any]
    """The variant's."""
    seed: int
    tested: bool
    """Whether there is a test part, and it is to be asked."""
    logged_as: tuple[str, str] = ("", "")
    """Name and version for loggers."""


@dataclass(frozen=True)
class ModuleResult(SeedResult):
    """The result of a seed, with the rows that it was served."""

    rows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def never(points: CurvePoints) -> bool:
    """Watches a fit, and never stops it."""
    return False


def train_seed(job: SeedJob, watch: Watch = never) -> ModuleResult:
    """Train and test the seed in this process, whose global streams are left as they were.

    Raises what the user's code raises, and ``KeyboardInterrupt`` or ``SystemExit`` for what ends the run.
    """
    parts = SeedParts(job.config, job.seed)
    with surroundings():
        parts.seed_everything()
        datamodule = parts.datamodule
        parts.seed_everything()
        module = parts.module
        callbacks, recording = parts.callbacks(), recorder(parts.lightning, watch)
        with parts.trainer([*callbacks, recording], parts.loggers(*job.logged_as)) as trainer:
            start = time.perf_counter()
            _interruptible(trainer.fit, module, datamodule=datamodule)
            seconds = time.perf_counter() - start
            epoch, best = max(trainer.current_epoch - 1, 0), dict[str, Any]()
            if job.config["select"] == "best" and not trainer.fast_dev_run:
                epoch, best = _best(callbacks)
            finals = _tested(trainer, module, datamodule, best, recording) if job.tested else {}
            return _result(job, module, recording, finals, epoch, seconds)


def _interruptible(fit: Any, *args: Any, **kwargs: Any) -> Any:
    """An interrupt, which Lightning answers by ``exit(1)``, is the interrupt again that the user meant."""
    try:
        return fit(*args, **kwargs)
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise


def _best(callbacks: list[Any]) -> tuple[int, dict[str, Any]]:
    """The epoch that the monitored ModelCheckpoint has kept as its best, and what ``Trainer.test`` is told of it."""
    keeping = [each for each in callbacks if package_of(type(each), "ModelCheckpoint") and each.monitor is not None]
    path = keeping[0].best_model_path if keeping else ""
    if not path:
        raise ConfigError(
            "select=best: the ModelCheckpoint has kept no checkpoint, so that there is no best epoch. Look at its monitor, "
            "save_top_k and every_n_epochs; or write select=last."
        )
    epoch = int(torch.load(path, map_location="cpu", weights_only=False)["epoch"])
    return epoch, {"ckpt_path": path}


def _tested(
    trainer: Any, module: Any, datamodule: Any, best: Mapping[str, Any], recording: Recording
) -> dict[str, float]:
    """The final values, by their names."""
    best = dict(best)
    if best and "weights_only" in inspect.signature(trainer.test).parameters:
        best["weights_only"] = False  # this process has written it, with whatever the module keeps as its arguments
    finals = {}
    for of_loader in _interruptible(trainer.test, module, datamodule=datamodule, verbose=False, **best):
        for label, value in of_loader.items():
            if label.endswith("_epoch") and label.removesuffix("_epoch") in of_loader:
                continue
            name = name_with_side(label, "test")
            recording.labels[name] = label
            finals[name] = float(value)
    return finals


def _result(
    job: SeedJob, module: Any, recording: Recording, finals: dict[str, float], epoch: int, seconds: float
) -> ModuleResult:
    curves = [(name, at, value) for (name, at), value in recording.curves.items()]
    last = {name: value for name, _, value in curves} | finals
    judged = [value for name, value in last.items() if name == job.config["report"]["metric"] or name.endswith("/loss")]
    diverged = not all(map(math.isfinite, judged))
    # A metric that these rows do not define is left out.
    sound = {name: value for name, value in finals.items() if math.isfinite(value)}
    rows = as_plain(recording.rows)
    labels = {f"{LABEL}{name}": label for name, label in recording.labels.items() if label != name}
    return ModuleResult(
        seed=job.seed,
        outcome="diverged" if diverged else "ok",
        epoch=epoch,
        curves=[point for point in curves if math.isfinite(point[2])],
        metrics={} if diverged else {**sound, SECONDS: seconds},
        weights=_weights(module) if job.config["tracking"]["checkpoints"] else {},
        tags={**labels, ROWS: json.dumps(rows)},
        rows=rows,
    )


def _weights(module: Any) -> dict[str, Tensor]:
    """The module's state as it was tested; {} of one that is spread over several devices."""
    with suppress(Exception):
        state = module.state_dict()
        return {
            name: value.detach().cpu().clone().contiguous()
            for name, value in state.items()
            if isinstance(value, Tensor)
        }
    return {}
