"""What a schedule does, before anything trains: the values of every step, as a table and as a picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from numpy.typing import NDArray
from omegaconf.errors import OmegaConfBaseException

from seedbed.config.building import build
from seedbed.config.compose import BaseConfig, Request
from seedbed.config.folders import search_folders
from seedbed.config.misplaced import refuse_misplaced, refuse_no_choice
from seedbed.config.override_errors import explain
from seedbed.config.override_grammar import parse_single
from seedbed.config.settings import TrainerSettings
from seedbed.errors import ConfigError, near_misses
from seedbed.lr_finder import AUTO
from seedbed.paths import make_importable
from seedbed.schedules import Schedule

MOST_STEPS = 10_000_000
GROUPS = ("schedule", "optimizer", "trainer")
"""What a preview is composed of."""


@dataclass(frozen=True)
class Preview:
    """A schedule's values at every step of a training."""

    name: str
    steps_per_epoch: int
    values: dict[str, NDArray[np.float64]]
    """``lr``, and ``momentum`` where the schedule moves it: (steps,) each."""

    @property
    def steps(self) -> int:
        return len(self.values["lr"])


def preview(
    name: str,
    overrides: Sequence[str] = (),
    *,
    steps_per_epoch: int,
    config_dir: str | os.PathLike[str] | None = None,
) -> Preview:
    """Run schedule ``name`` under overrides such as ``schedule.div=10 optimizer.lr=0.1 trainer.max_epochs=5``.

    Raises ``ConfigError`` for an unknown schedule, optimizer or key, and values that cannot work.
    """
    config = _composed(name, overrides, config_dir)
    schedule: Schedule = build(config["schedule"], "schedule")
    trainer, lr = TrainerSettings.of(config), config["optimizer"].get("lr")
    epochs = trainer.max_epochs
    if lr == AUTO:
        raise ConfigError(f"optimizer.lr={AUTO} is found by training: give a number to see the schedule with.")
    if not isinstance(lr, int | float) or not lr > 0:
        raise ConfigError(f"optimizer.lr={lr} cannot be used: it must be a positive number.")
    schedule.check(epochs)
    steps = min(epochs * steps_per_epoch, trainer.max_steps or epochs * steps_per_epoch)
    if steps > MOST_STEPS:
        raise ConfigError(
            f"trainer.max_epochs={epochs}: {steps} steps are more than can be shown ({MOST_STEPS}). Give fewer epochs, or fewer "
            "--steps-per-epoch."
        )
    rows = [schedule.at(step, steps=steps, steps_per_epoch=steps_per_epoch, lr=lr) for step in range(steps)]
    return Preview(name, steps_per_epoch, {key: np.array([row[key] for row in rows]) for key in rows[0]})


def table(shown: Preview, rows: int = 12) -> str:
    """About ``rows`` steps spread evenly, the first and the last, and the highest and lowest rate among them."""
    rates = shown.values["lr"]
    even = np.linspace(0, shown.steps - 1, min(rows, shown.steps)).round().astype(int)
    chosen = sorted({*even.tolist(), int(rates.argmax()), int(rates.argmin())})
    lines = [f"{'step':>8}  {'epoch':>7}" + "".join(f"  {key:>12}" for key in shown.values)]
    for step in chosen:
        cells = "".join(f"  {values[step]:>12.6g}" for values in shown.values.values())
        lines.append(f"{step:>8}  {step / shown.steps_per_epoch:>7.2f}{cells}")
    return "\n".join(lines)


# ---- composition -----------------------------------------------------------------------------------------------------


def _composed(name: str, overrides: Sequence[str], config_dir: str | os.PathLike[str] | None) -> dict[str, Any]:
    """The groups that a schedule depends on, under the overrides that ``seedbed run`` takes for them."""
    folders = search_folders(config_dir)
    if config_dir is not None:
        make_importable(folders[0])
    base = BaseConfig(name, tuple(folders), "schedule", beside=("optimizer=adamw", "trainer=default"))
    if name not in (known := base.groups["schedule"]):
        raise ConfigError(f"There is no schedule {name!r}, {near_misses(name, known)}")
    typed = parse_single(overrides)
    _refuse_foreign(typed)
    refuse_misplaced(typed, base.groups)
    refuse_no_choice(typed, base.groups)
    try:
        return base.resolved(base.compose(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise explain(error, Request(base, typed)) from error


def _refuse_foreign(typed: Sequence[Override]) -> None:
    for override in typed:
        key = override.key_or_group
        if key == "schedule":
            raise ConfigError(f"Override {override.input_line!r}: the schedule is the command's first argument.")
        if key.split(".")[0] not in GROUPS:
            raise ConfigError(
                f"Override {override.input_line!r}: {key} is not a setting of {', '.join(GROUPS)}, which are all that a schedule depends on."
            )
