"""A variant that is planned: all that its cells need, checked, and of the stacked tasks the training rows of its seeds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seedbed.config.building import build
from seedbed.config.code import Code
from seedbed.config.experiment import Variant
from seedbed.data.splits import Rows, Split, same_rows
from seedbed.data.table import Dataset
from seedbed.imbalance.base import Strategy
from seedbed.imbalance.class_weights import keeps_rows
from seedbed.tasks.base import SeedData
from seedbed.training.progress import Display
from seedbed.training.row_checks import notes_on_single_rows
from seedbed.training.stack_trainer import StackTrainer


@dataclass(frozen=True)
class PlannedCells(ABC):
    """What the runner and the records need of a planned variant, whatever trains its seeds."""

    variant: Variant
    fingerprints: dict[int, str]
    recipes: dict[int, str]
    """The fingerprints, but for the code: cells of one recipe and other code have them in common."""
    code: Code

    @property
    def name(self) -> str:
        return self.variant.name

    @property
    @abstractmethod
    def epochs(self) -> int:
        """How many epochs a seed trains for, as far as that is known; 0 where it is not."""

    @property
    @abstractmethod
    def data_name(self) -> str:
        """What its data set is called."""

    @property
    @abstractmethod
    def data_digest(self) -> str:
        """Says which data its cells are made on."""

    @property
    @abstractmethod
    def notes(self) -> list[str]:
        """What a user should know of how the variant trains."""

    @property
    @abstractmethod
    def described(self) -> list[str]:
        """What a report says of what the variant did, beside its notes."""

    @abstractmethod
    def describe_data(self) -> dict[str, Any]:
        """What is recorded of the data and their split: see ``results.Results.data``."""

    def config_of(self, seed: int) -> dict[str, Any]:
        """The config that a seed trains by."""
        return self.variant.config


@dataclass(frozen=True)
class PlannedVariant(PlannedCells):
    """A variant whose seeds train in stacks, with all that they need, checked."""

    table: Dataset
    strategy: Strategy
    trainer: StackTrainer
    rows: dict[int, Rows]
    counts: Mapping[str, int] = field(default_factory=dict)
    """What the report counts of how the first seed's rows are prepared."""

    @property
    def epochs(self) -> int:
        return self.variant.trainer.max_epochs

    @property
    def data_name(self) -> str:
        return self.table.name

    @property
    def data_digest(self) -> str:
        return self.table.digest

    @property
    def notes(self) -> list[str]:
        """What a user should know of how the network is used on these rows."""
        rows = {seed: len(of_seed.train) for seed, of_seed in self.rows.items()}
        traits = self.trainer.traits
        return [
            *traits.notes,
            *notes_on_single_rows(self.trainer.parts, traits, rows if keeps_rows(self.strategy) else None),
        ]

    @property
    def described(self) -> list[str]:
        after = self.strategy.after
        return [*self.strategy.describe(), *(after.describe() if after else [])]

    def describe_data(self) -> dict[str, Any]:
        first = next(iter(self.rows.values()))
        split: Split = build(self.variant.config["split"], "split")
        return {
            "name": self.data_name,
            "digest": self.table.digest,
            "counts": self.table.counts,
            "split": first.sizes,
            "split_counts": self.trainer.task.count_split(self.table, first) | dict(self.counts),
            **({} if split.population is None else {"population": split.population}),
            "same_split": all(same_rows(first, rows) for rows in self.rows.values()),
            "same_test": all(np.array_equal(first.test, rows.test) for rows in self.rows.values()),
            "made_with": dict(self.table.made_with),
            "notes": [*self.table.notes, *first.notes],
            "inspected": self.trainer.task.INSPECTED,
            **self.trainer.task.describe(self.table),
        }

    def seed_data(self, seed: int, display: Display) -> SeedData:
        """The training rows of a seed; the display shows how many texts that the strategy has changed are encoded."""
        with display.doing(f"Making the training rows of {self.name}, seed {seed}") as progress:
            return self.trainer.task.seed_data(self.table, self.rows[seed], self.strategy, seed, progress)
