"""How long a seed trains by a user's own module: measured in a few batches of a fit that is broken off and recorded nowhere."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from statistics import mean
from typing import Any

from seedbed.own_modules.parts import SeedParts, surroundings
from seedbed.own_modules.planned import PlannedModule
from seedbed.training.memory import peak_memory

MOST_BATCHES, FEWEST_BATCHES, MOST_SECONDS = 50, 3, 1.5
"""Of a side that are taken: so many at most, and no more than so few where they take so long."""
WITHOUT = (
    "max_time", "profiler", "default_root_dir", "enable_checkpointing", "num_sanity_val_steps", "fast_dev_run",
)  # fmt: skip
"""Settings of the Trainer that a short fit goes without."""


@dataclass(frozen=True)
class ModuleTimes:
    """Seconds and size of a seed's training."""

    seconds: float | None
    """None: how long an epoch is, or how many there are, is known only when it is over."""
    memory: int
    """Bytes that this process had at most."""


class _Enough(Exception):
    """Enough was seen of a fit or of a validation."""


class _Clock:
    """Times batches, and breaks off."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: dict[str, list[float]] = {"train": [], "val": []}
        self.batches: dict[str, float] = {"train": math.nan, "val": 0.0}
        self.began = 0.0

    def on_train_start(self, trainer: Any, module: Any) -> None:
        self.batches["train"] = float(trainer.num_training_batches)
        self.began = time.perf_counter()

    def on_validation_start(self, trainer: Any, module: Any) -> None:
        self.batches["val"] = float(sum(trainer.num_val_batches))
        self._last = time.perf_counter()

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        self._last = time.perf_counter()

    def on_train_batch_end(self, *_: Any) -> None:
        self._take("train")

    def on_validation_batch_end(self, *_: Any) -> None:
        self._take("val")

    def on_validation_end(self, *_: Any) -> None:
        raise _Enough

    def _take(self, side: str) -> None:
        now, taken = time.perf_counter(), self.seconds[side]
        taken.append(now - self._last)
        self._last = now
        is_long = len(taken) >= FEWEST_BATCHES and sum(taken) > MOST_SECONDS
        if is_long or len(taken) >= MOST_BATCHES:
            raise _Enough

    def epoch(self, side: str) -> float:
        """Seconds of all batches of a side."""
        taken = self.seconds[side]
        usual = taken[1:] or taken  # the first one warms up
        return self.batches[side] * mean(usual) if usual else 0.0


def module_times(planned: PlannedModule, seed: int) -> ModuleTimes:
    """Measured in this process, without the module's callbacks and loggers; raises whatever the user's code raises."""
    parts = SeedParts(_short(planned.variant.config), seed)
    start = time.perf_counter()
    with surroundings(), peak_memory() as memory:
        parts.seed_everything()
        datamodule, module = parts.datamodule, parts.module
        clock = type("Clock", (_Clock, parts.lightning.callbacks.Callback), {})()
        with parts.trainer([clock], []) as trainer, suppress(_Enough):
            trainer.fit(module, datamodule=datamodule)
        if not clock.seconds["val"]:
            with parts.trainer([clock], []) as trainer, suppress(_Enough):
                trainer.validate(module, datamodule=datamodule, verbose=False)
    begin, validation = clock.began - start, clock.epoch("val")
    sizes = planned.sizes
    test = validation * sizes.get("test", 0) / max(sizes.get("val", 0), 1) if planned.tested else 0.0
    seconds = begin + planned.epochs * (clock.epoch("train") + validation) + test
    known = planned.epochs > 0 and math.isfinite(seconds)
    return ModuleTimes(seconds if known else None, memory.bytes)


def parameters_of_module(planned: PlannedModule, seed: int) -> int | None:
    """How many numbers the module learns; None where that is known only when it has seen data."""
    parts = SeedParts(planned.variant.config, seed)
    with surroundings():
        parts.seed_everything()
        try:
            return int(sum(parameter.numel() for parameter in parts.module.parameters() if parameter.requires_grad))
        except ValueError:  # of a lazy layer
            return None


def _short(config: Mapping[str, Any]) -> dict[str, Any]:
    settings = {key: value for key, value in config["trainer"].items() if key not in WITHOUT}
    return {**config, "trainer": {**settings, "num_sanity_val_steps": 0}, "callbacks": {}, "loggers": {}}
