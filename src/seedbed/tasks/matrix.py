"""A matrix of ratings as a whole: squared error by full-batch gradient descent, over all cells or the rated ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from seedbed.checks import is_whole, require, require_choice
from seedbed.data.ratings import RatingTable
from seedbed.data.splits import Rows
from seedbed.errors import ConfigError
from seedbed.imbalance.base import Strategy
from seedbed.models.matrix import MatrixFactorization
from seedbed.stacking.batches import ShuffledBatches
from seedbed.stacking.layers import Stacked
from seedbed.stacking.matrix import AllCells, CellErrors, Cells, RatedCells
from seedbed.stacking.optimizers import OptimizerFactory
from seedbed.tasks.base import SeedData, StackData
from seedbed.tasks.rating import Rating

STEPS = 100
CELLS: dict[str, type[CellErrors]] = {"all": AllCells, "rated": RatedCells}


class RatingMatrix(Rating):
    """Stacked matrix factorizations, each step of which takes the whole matrix of users and items.

    The loss is the mean squared error of ratings divided by the largest of the table: over every cell (``cells``
    "all"), where one without a training rating counts as 0 (a held-out one too), or over the "rated" ones, those of the
    seed's training rows. An epoch has ``steps`` of them.

    Evaluated are held-out ratings, as ``Rating`` evaluates them, in the table's own units; "loss" is their squared
    error in those of the training loss.
    """

    FULL_BATCH = True

    def __init__(
        self,
        network: Stacked,
        optimizer: OptimizerFactory,
        *,
        training: Sequence[np.ndarray],
        largest: float,
        cells: Literal["all", "rated"] = "all",
        steps: int = STEPS,  # in an epoch; ``batches`` has read it
        **rating: Any,
    ) -> None:
        """``training``: each seed's row numbers, ``largest`` the rating that is 1 to the loss; the rest as in ``Rating`` and ``StackedModule``."""
        super().__init__(network, optimizer, **rating)
        self.largest = largest
        users, items, ratings = (rating[name].numpy() for name in ("users", "items", "ratings"))
        shape = self.known_users.shape[1] - 1, self.known_items.shape[1] - 1
        filled = [Cells(users[rows] - 1, items[rows] - 1, ratings[rows] / np.float32(largest)) for rows in training]
        self.errors = CELLS[cells](filled, shape)

    def step_losses(self, index: Tensor, real: Tensor | None) -> tuple[Tensor, Tensor]:
        """The one row of a step stands for the matrix."""
        users, items = self._factorization().sides()
        if users.dim() == 2:  # one seed's ordinary network
            users, items = users.unsqueeze(0), items.unsqueeze(0)
        return self.errors(users, items), self.errors.counts.double()

    def metrics(self, *evaluated: Tensor) -> dict[str, Tensor]:
        values = super().metrics(*evaluated)
        return values | {"loss": values["mse"] / self.largest**2}

    def _factorization(self) -> MatrixFactorization:
        network = self.network.network
        assert isinstance(network, MatrixFactorization)
        return network

    # ---- from a table to the arguments above -------------------------------------------------------------------------

    @classmethod
    def network_arguments(cls, table: RatingTable) -> dict[str, Any]:
        return super().network_arguments(table) | {"highest": table.rating_range[1]}

    @classmethod
    def stack_data(cls, table: RatingTable, data: Sequence[SeedData]) -> StackData:
        stacked = super().stack_data(table, data)
        arguments = stacked.arguments | {"training": stacked.train, "largest": table.rating_range[1]}
        return StackData(arguments, stacked.train, stacked.val, stacked.test)

    @classmethod
    def batches(
        cls, data: StackData, seeds: Sequence[int], settings: Mapping[str, Any], device: torch.device
    ) -> ShuffledBatches:
        steps = [np.zeros(settings.get("steps", STEPS), dtype=np.int64)] * len(seeds)
        chunk = settings["steps_per_chunk"]
        return ShuffledBatches(steps, seeds, batch_size=1, steps_per_chunk=chunk, device=device)

    @classmethod
    def check(cls, table: RatingTable, rows: Rows, strategy: Strategy) -> None:
        super().check(table, rows, strategy)
        if table.pair_numbers is not None:
            raise ConfigError(
                f"task=matrix: {table.name} has several ratings of one item by one user, and a cell holds one. Set "
                "data.duplicates=latest."
            )
        if table.rating_range[0] <= 0:
            raise ConfigError(
                f"task=matrix: a rating of {table.name} is {table.rating_range[0]:g}, and 0 stands for a cell without a "
                "rating, so that all must be above it. Shift the ratings in the file, or use task=rating."
            )

    @classmethod
    def check_network(cls, network: nn.Module, settings: Mapping[str, Any]) -> None:
        if not isinstance(network, MatrixFactorization):
            raise ConfigError(
                f"model: task=matrix needs the two sides of a product, and {type(network).__name__} is none. Set "
                "model=matrix_factorization, or task=rating."
            )

    @classmethod
    def check_settings(cls, table: RatingTable, settings: Mapping[str, Any]) -> None:
        super().check_settings(table, settings)
        require_choice("task.cells", settings.get("cells", "all"), CELLS)
        require(is_whole(settings.get("steps", STEPS)), "task.steps", settings.get("steps"), "a whole number from 1 on")

    @classmethod
    def counts_missing_as_zero(cls, settings: Mapping[str, Any]) -> bool:
        return bool(settings.get("cells", "all") == "all")
