"""Explicit ratings: predicting the number that a user gives to an item, by mean squared error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, cast

import numpy as np
import torch
from torch import Tensor

from seedbed.data.ratings import RatingTable
from seedbed.data.splits import Rows
from seedbed.errors import ConfigError
from seedbed.metrics import FROM_ZERO, Metric, alike
from seedbed.stacking.layers import Stacked
from seedbed.stacking.optimizers import OptimizerFactory
from seedbed.tasks.base import PARTS, SeedData, StackData
from seedbed.tasks.of_ratings import OfRatings

UNKNOWN = 0
"""The row that stands for every user or item that is not in the vocabulary."""


def errors(names: Iterable[str]) -> tuple[Metric, ...]:
    """The metrics of these names, each of which is an error of predicted ratings."""
    return alike(names, "lower", FROM_ZERO, "predictions")


class Rating(OfRatings):
    """Stacked networks of a user and an item, over ratings that lie on the device once.

    ``users``, ``items`` and ``ratings`` are (N,): all rows that any seed or split refers to. ``known_users`` (S, U + 1)
    and ``known_items`` (S, I + 1) tell whose ratings a seed trains on, ``lowest`` and ``highest`` (S,) the range of
    these. With ``vocabulary`` "file" users and items that a seed does not train on keep rows of their own, as they were
    initialised; with "train" they share the reserved row.

    MSE, RMSE and MAE are over all rows that are evaluated, ``mse_warm`` and ``rmse_warm`` over those whose user and item
    the seed has trained on; ``cold_rows`` counts the others. ``rmse_clipped`` is that of predictions cut to the range of
    the training ratings.
    """

    METRICS: ClassVar[tuple[Metric, ...]] = (
        *errors(("loss", "mse", "rmse", "mae", "rmse_clipped", "mse_warm", "rmse_warm")),
        Metric("cold_rows", None, FROM_ZERO),
    )
    PREDICTS_RATINGS = True

    users: Tensor
    items: Tensor
    ratings: Tensor
    known_users: Tensor
    known_items: Tensor
    lowest: Tensor
    highest: Tensor

    def __init__(
        self,
        network: Stacked,
        optimizer: OptimizerFactory,
        *,
        users: Tensor,
        items: Tensor,
        ratings: Tensor,
        known_users: Tensor,
        known_items: Tensor,
        lowest: Tensor,
        highest: Tensor,
        vocabulary: Literal["file", "train"] = "file",
        **stacked: Any,
    ) -> None:
        super().__init__(network, optimizer, **stacked)
        for name, values in (
            ("users", users), ("items", items), ("ratings", ratings), ("known_users", known_users),
            ("known_items", known_items), ("lowest", lowest), ("highest", highest),
        ):  # fmt: skip
            self.register_buffer(name, values, persistent=False)
        self.vocabulary = vocabulary

    @classmethod
    def output_shape(cls, table: Any, rows: int) -> tuple[int, ...] | None:
        return (rows,) if cls is Rating else None

    def row_losses(self, index: Tensor) -> tuple[Tensor, Tensor]:
        losses = (self._predicted(*self._pairs(index)) - self._of(self.ratings, index)) ** 2
        return losses, torch.ones_like(losses)

    def evaluate(self, index: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        users, items = self._pairs(index)
        warm = self._known(users, self.known_users) & self._known(items, self.known_items)
        return self._predicted(users, items), self._of(self.ratings, index), mask, warm

    def metrics(self, *evaluated: Tensor) -> dict[str, Tensor]:
        predicted, ratings, mask, warm = evaluated
        predicted, ratings = predicted.double(), ratings.double()
        clipped = torch.minimum(torch.maximum(predicted, self.lowest.unsqueeze(1)), self.highest.unsqueeze(1))
        mse = _mean((predicted - ratings) ** 2, mask)
        mse_warm = _mean((predicted - ratings) ** 2, mask & warm)
        values = (
            mse,
            mse,
            mse.sqrt(),
            _mean((predicted - ratings).abs(), mask),
            _mean((clipped - ratings) ** 2, mask).sqrt(),
            mse_warm,
            mse_warm.sqrt(),
            (mask & ~warm).sum(1),
        )
        return {metric.name: value for metric, value in zip(self.METRICS, values, strict=True)}

    def _predicted(self, users: Tensor, items: Tensor) -> Tensor:
        if self.vocabulary == "train":
            users, items = self._in_vocabulary(users, self.known_users), self._in_vocabulary(items, self.known_items)
        return cast(Tensor, self.network(users, items))

    def _pairs(self, index: Tensor) -> tuple[Tensor, Tensor]:
        return self._of(self.users, index), self._of(self.items, index)

    @staticmethod
    def _known(ids: Tensor, known: Tensor) -> Tensor:
        return known.gather(1, ids.long())

    def _in_vocabulary(self, ids: Tensor, known: Tensor) -> Tensor:
        return torch.where(self._known(ids, known), ids, UNKNOWN)

    # ---- from a table to the arguments above -------------------------------------------------------------------------

    @classmethod
    def stack_data(cls, table: RatingTable, data: Sequence[SeedData]) -> StackData:
        train = [item.rows.train for item in data]
        ranges = [(table.ratings[rows].min(), table.ratings[rows].max()) for rows in train]
        arguments = {
            "users": torch.from_numpy(table.users),
            "items": torch.from_numpy(table.items),
            "ratings": torch.from_numpy(table.ratings),
            "known_users": _marked(table.users, train, table.user_rows),
            "known_items": _marked(table.items, train, table.item_rows),
            "lowest": torch.tensor([low for low, _ in ranges], dtype=torch.float64),
            "highest": torch.tensor([high for _, high in ranges], dtype=torch.float64),
        }
        return StackData(arguments, train, [item.rows.val for item in data], [item.rows.test for item in data])

    @classmethod
    def check_settings(cls, table: RatingTable, settings: Mapping[str, Any]) -> None:
        vocabulary = settings.get("vocabulary", "file")
        if vocabulary not in ("file", "train"):
            raise ConfigError(f"task.vocabulary={vocabulary} cannot be used: it must be file or train.")

    @classmethod
    def shares_unknown_row(cls, settings: Mapping[str, Any]) -> bool:
        return settings.get("vocabulary") == "train"

    @classmethod
    def why_undefined(cls, table: RatingTable, rows: Rows, side: str, metric: str, settings: Mapping[str, Any]) -> str:
        evaluated: np.ndarray = getattr(rows, side)
        if metric not in ("mse_warm", "rmse_warm"):
            return f"there is no {PARTS[side]} row" if len(evaluated) == 0 else ""
        known = (np.isin(ids[evaluated], np.unique(ids[rows.train])) for ids in (table.users, table.items))
        return "" if np.logical_and(*known).any() else f"of no {PARTS[side]} row do both user and item train"

    @classmethod
    def count_split(cls, table: RatingTable, rows: Rows) -> dict[str, int]:
        """Users and items that are evaluated and not trained on, and their rows: in the test part, else validation."""
        evaluated = rows.test if len(rows.test) else rows.val
        sides = (("users", table.users, table.user_rows), ("items", table.items, table.item_rows))
        cold = {what: ~_marked(ids, [rows.train], size).numpy()[0, ids[evaluated]] for what, ids, size in sides}
        return {
            "cold_users": len(np.unique(table.users[evaluated][cold["users"]])),
            "cold_items": len(np.unique(table.items[evaluated][cold["items"]])),
            "cold_rows": int((cold["users"] | cold["items"]).sum()),
        }


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """(S, N) -> (S,): the mean of what the mask holds; NaN where it holds nothing."""
    return torch.where(mask, values, 0).sum(1) / mask.sum(1)


def _marked(ids: np.ndarray, rows: Sequence[np.ndarray], size: int) -> Tensor:
    """(S, size): which ids stand in each seed's rows."""
    marked = np.zeros((len(rows), size), dtype=bool)
    for position, of_seed in enumerate(rows):
        marked[position, ids[of_seed]] = True
    return torch.from_numpy(marked)
