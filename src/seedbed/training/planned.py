"""A variant that is planned: all that its cells need, checked, and the training rows of its seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seedbed.config.code import Code
from seedbed.config.experiment import Variant
from seedbed.data.splits import Rows
from seedbed.data.table import Dataset
from seedbed.imbalance.base import Strategy
from seedbed.imbalance.class_weights import keeps_rows
from seedbed.tasks.base import SeedData
from seedbed.training.progress import Display
from seedbed.training.row_checks import notes_on_single_rows
from seedbed.training.stack_trainer import StackTrainer


@dataclass(frozen=True)
class PlannedVariant:
    """A variant with all that its cells need, checked."""

    variant: Variant
    table: Dataset
    strategy: Strategy
    trainer: StackTrainer
    rows: dict[int, Rows]
    fingerprints: dict[int, str]
    recipes: dict[int, str]
    """The fingerprints, but for the code: cells of one recipe and other code have them in common."""
    code: Code
    counts: Mapping[str, int] = field(default_factory=dict)
    """What the report counts of how the first seed's rows are prepared."""

    @property
    def name(self) -> str:
        return self.variant.name

    @property
    def notes(self) -> list[str]:
        """What a user should know of how the network is used on these rows."""
        rows = {seed: len(of_seed.train) for seed, of_seed in self.rows.items()}
        traits = self.trainer.traits
        return [
            *traits.notes,
            *notes_on_single_rows(self.trainer.parts, traits, rows if keeps_rows(self.strategy) else None),
        ]

    def seed_data(self, seed: int, display: Display) -> SeedData:
        """The training rows of a seed; the display shows how many messages that the strategy has changed are encoded."""

        def show(done: int, total: int) -> None:
            display.preparing(f"vectors of changed messages for {self.name}", done, total)

        return self.trainer.task.seed_data(self.table, self.rows[seed], self.strategy, seed, show)
