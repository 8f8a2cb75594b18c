"""Builds stacks: the module of several seeds of a variant, and the batches that it trains and is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from seedbed.compiled.starting import compiled_engine, is_worth_starting
from seedbed.errors import ConfigError
from seedbed.models.fitted import FittedModel
from seedbed.stacking.batches import FixedBatches, ShuffledBatches
from seedbed.stacking.engines import AUTO, COMPILED, TORCH
from seedbed.stacking.layers import OneSeed, Stacked
from seedbed.stacking.layers import build as build_stacked
from seedbed.stacking.module import StackedModule
from seedbed.tasks.base import SMALLEST_BATCH, SeedData, StackData
from seedbed.torch_random import global_stream
from seedbed.training.checks import NetworkTraits, needs_two_rows
from seedbed.training.parts import VariantParts
from seedbed.training.row_checks import check_limit, smallest_batch

EVALUATED_AT_ONCE = 1024
"""Rows of a seed at most, or ``trainer.batch_size`` where that is more."""
EVALUATED_BYTES = 2**22
"""What the inputs of all seeds may take then: a convolution makes several times as much of them, and memory that is asked
of the system anew for each batch costs more than the arithmetic."""


class Stack(NamedTuple):
    """A module of several seeds, and their batches on its device."""

    module: StackedModule
    batches: ShuffledBatches
    """Batches of the training rows."""
    validation: FixedBatches
    test: FixedBatches


@dataclass(frozen=True)
class StackBuilder:
    """Builds stacks of a variant's seeds."""

    parts: VariantParts
    traits: NetworkTraits

    def stack(self, data: Sequence[SeedData], device: torch.device, network: Stacked | None = None) -> Stack:
        """A stack of these seeds on the device, with fresh networks or with this ``network``.

        Raises ``ValueError`` for several seeds of a network that has no stacked form, and ``ConfigError`` for a seed
        with too few rows or batches.
        """
        parts, seeds = self.parts, [item.seed for item in data]
        network = network or build_stacked(parts.network, seeds, plain=not self.traits.elementwise)
        if network is None:
            raise ValueError("a network without a stacked form trains one seed at a time")
        rows = parts.task.stack_data(parts.table, data)
        evaluated_at_once = self._evaluated_at_once(len(seeds), network)
        batches = self._batches(rows, seeds, device)
        smallest = smallest_batch(self.traits.refused_evaluating)
        module = parts.make_task(
            network,
            parts.make_optimizer,
            **rows.arguments,
            seeds=len(seeds),
            clip_norm=parts.settings["gradient_clip_val"],
            schedule=parts.schedule,
            epochs=parts.settings["max_epochs"],
            steps_per_epoch=batches.steps_of_seeds,
        )
        module.max_steps = parts.settings.get("max_steps")
        if not isinstance(network, OneSeed) and self.engine(data) == COMPILED:
            module.make_engine = compiled_engine
        return Stack(
            module,
            batches,
            FixedBatches(
                rows.val, batch_size=evaluated_at_once, device=device, draw=rows.draw("val"), smallest=smallest
            ),
            FixedBatches(rows.test, batch_size=evaluated_at_once, device=device, smallest=smallest),
        )

    def engine(self, data: Sequence[SeedData]) -> str:
        """What trains a stack of these seeds: COMPILED or TORCH, as set or, by ``auto``, what is known to be faster."""
        wanted = self.parts.settings.get("engine", AUTO)
        if wanted != AUTO or self.traits.why_not_compiled or not self.traits.is_stackable:
            return COMPILED if wanted == COMPILED and self.traits.takes_steps else TORCH
        rows = len(data[0].rows.train)
        return COMPILED if is_worth_starting(self.parameters, rows, self.parts.settings) else TORCH

    @cached_property
    def parameters(self) -> int:
        """How many numbers a network learns."""
        with global_stream(0, "trial"):
            return sum(parameter.numel() for parameter in self.parts.network().parameters())

    def steps(self, data: SeedData) -> int:
        """Optimizer steps of a seed in all its epochs."""
        parts = self.parts
        batches = self._batches(parts.task.stack_data(parts.table, [data]), [data.seed], torch.device("cpu"))
        steps = int(parts.settings["max_epochs"]) * batches.steps
        return min(steps, parts.settings.get("max_steps") or steps)

    def _batches(self, rows: StackData, seeds: Sequence[int], device: torch.device) -> ShuffledBatches:
        parts, refused = self.parts, self.traits.refused_training
        settings = {**parts.task_settings, **parts.settings, SMALLEST_BATCH: smallest_batch(refused)}
        batches = parts.task.batches(rows, seeds, settings, device)
        limit = settings.get("limit_train_batches")
        for seed, steps in zip(seeds, batches.steps_of_seeds, strict=True):
            check_limit(limit, steps, seed)
        batches.limit(limit, settings.get("max_steps"))
        if min(batches.steps_of_seeds) == 0:
            seed = seeds[int(np.argmin(batches.steps_of_seeds))]
            raise ConfigError(f"Seed {seed} has a single row to train on. {needs_two_rows(parts, refused)}")
        return batches

    def _evaluated_at_once(self, seeds: int, network: Stacked) -> int:
        """Rows of each seed of a stack that are evaluated at once."""
        parts = self.parts
        if (
            isinstance(network, OneSeed)
            and isinstance(network.network, FittedModel)
            and network.network.EVALUATED_AT_ONCE
        ):
            return network.network.EVALUATED_AT_ONCE
        of_a_row = sum(part.nbytes for part in parts.task.example(parts.table, 1, torch.Generator()))
        return max(parts.settings["batch_size"] or 1, min(EVALUATED_AT_ONCE, EVALUATED_BYTES // (seeds * of_a_row)))
