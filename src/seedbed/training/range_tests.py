"""Learning-rate range tests of a variant's seeds, and the rate that a seed's own test suggests to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from seedbed.errors import ConfigError
from seedbed.lr_finder import FinderSettings, LossCurve, RangeTest, RisingRates
from seedbed.stacking.callbacks import RangeWatch
from seedbed.stacking.engines import TORCH
from seedbed.stacking.layers import OneSeed
from seedbed.tasks.base import SeedData
from seedbed.torch_random import isolated_streams
from seedbed.training.fitting import fit, fitting, lightning_trainer
from seedbed.training.seed_results import FoundRate
from seedbed.training.stacks import StackBuilder


def check_range_test(builder: StackBuilder) -> None:
    """Raise ``ConfigError`` where there is no learning rate to find."""
    if not builder.traits.takes_steps:
        raise ConfigError(
            f"model: {builder.parts.target('model')} is computed from its training rows and takes no steps, so that it has no "
            "learning rate to find. Pick variants that train, with variant=NAME."
        )


def range_test(
    builder: StackBuilder,
    data: Sequence[SeedData],
    device: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[RangeTest]:
    """A learning-rate range test of these seeds as one stack, by the config's ``lr_finder``.

    Copies train, on the batches of their seeds' first epochs, with the config's optimizer and without its schedule;
    nothing is left of them. ``progress`` is told after each step how many seeds have taken it. Raises ``ConfigError``
    for a model that takes no steps, and for settings that cannot work.
    """
    check_range_test(builder)
    parts, settings = builder.parts, FinderSettings.of(builder.parts.config)
    rates, seeds = settings.rates(), [item.seed for item in data]
    curves = [LossCurve(settings.smoothing, settings.stop_at) for _ in seeds]
    # One step a chunk, so that a seed can rest after any of them; compiled steps gain nothing then.
    one_step_a_chunk = {**parts.settings, "steps_per_chunk": 1, "max_steps": None, "engine": TORCH}
    rising = replace(builder, parts=replace(parts, schedule=RisingRates(rates), settings=one_step_a_chunk))
    # Every epoch has a step of each seed at least.
    lightning = lightning_trainer(
        parts.settings,
        device,
        callbacks=[RangeWatch(curves, len(rates), progress)],
        max_epochs=len(rates),
        limit_val_batches=0,
    )
    with isolated_streams(), lightning as trainer:
        module, batches, validation, _ = rising.stack(data, trainer.strategy.root_device)
        with fitting(seeds[0] if isinstance(module.network, OneSeed) else None):
            fit(trainer, module, batches, validation)
    return [RangeTest.of(seed, settings, curve) for seed, curve in zip(seeds, curves, strict=True)]


def found_rate(builder: StackBuilder, data: SeedData, device: int | None) -> FoundRate:
    """What one seed finds by itself: in a stack, where sums are rounded otherwise, a rule may choose another rate."""
    settings, start = FinderSettings.of(builder.parts.config), time.perf_counter()
    (test,) = range_test(builder, [data], device)
    lr, seconds = test.suggestion(settings.rule), time.perf_counter() - start
    if lr is None:
        return FoundRate(settings.fallback, test.why_no_suggestion(settings.rule), seconds)
    return FoundRate(lr, "", seconds)
