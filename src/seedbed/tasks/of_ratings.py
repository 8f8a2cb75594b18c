"""The base class of the tasks on tables of ratings, whatever they learn from them."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from seedbed.data.ratings import RatingTable
from seedbed.data.splits import Rows
from seedbed.data.table import Progress
from seedbed.errors import ConfigError
from seedbed.imbalance.base import Strategy
from seedbed.tasks.base import RECOMMENDER, SeedData, Task


class OfRatings(Task):
    """Stacked networks of a user and an item."""

    SERVED_AS = RECOMMENDER
    INSPECTED = True
    TAKES_RATINGS: ClassVar[bool] = True
    """Whether the task is about the ratings themselves, and not about which rows there are."""

    @staticmethod
    def _of(values: Tensor, index: Tensor) -> Tensor:
        """(N,) and (S, B) row numbers -> (S, B)."""
        return values.index_select(0, index.flatten()).view_as(index)

    @classmethod
    def network_arguments(cls, table: RatingTable) -> dict[str, Any]:
        return {
            "users": table.user_rows,
            "items": table.item_rows,
            "user_features": table.user_features,
            "item_features": table.item_features,
        }

    @classmethod
    def example(cls, table: RatingTable, rows: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        users = torch.randint(table.user_rows, (rows,), generator=generator, dtype=torch.int32)
        return users, torch.randint(table.item_rows, (rows,), generator=generator, dtype=torch.int32)

    @classmethod
    def seed_data(
        cls, table: RatingTable, rows: Rows, strategy: Strategy, seed: int, progress: Progress | None = None
    ) -> SeedData:
        return SeedData(seed, rows)

    @classmethod
    def check_strategy(cls, strategy: Strategy) -> None:
        if strategy.after is not None:
            raise ConfigError(
                "imbalance/after: it acts on probabilities of classes, and ratings have none. Write imbalance/after=none."
            )
        if type(strategy) is not Strategy:
            raise ConfigError(
                f"imbalance: {type(strategy).__name__} works on classes, and ratings have none. Set imbalance=none."
            )

    @classmethod
    def check(cls, table: RatingTable, rows: Rows, strategy: Strategy) -> None:
        cls.check_strategy(strategy)
        if cls.TAKES_RATINGS and table.unrated:
            raise ConfigError(
                f"{table.unrated} Without ratings, which items a user takes can be learned: task=retrieval, as in "
                "experiments/two_tower_retrieval."
            )
        if len(rows.train) == 0:
            raise ConfigError("split: no rating is left for training. Lower split.val and split.test.")

    @classmethod
    def describe(cls, table: RatingTable) -> dict[str, Any]:
        return {"rating_range": list(map(float, table.rating_range))}
