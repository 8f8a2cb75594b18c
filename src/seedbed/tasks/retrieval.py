"""Retrieval: which items a user rates at all, whatever the rating, learnt by telling them from other items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from seedbed.checks import is_installed, is_positive, is_whole, require, require_choice
from seedbed.data.ratings import RatingTable
from seedbed.data.splits import Rows
from seedbed.errors import ConfigError
from seedbed.metrics import FROM_ZERO, Metric, alike
from seedbed.models.baselines import Fitted
from seedbed.models.estimators import FittedEstimator
from seedbed.models.fitted import FittedModel
from seedbed.randomness import derive
from seedbed.stacking.in_batch import Distinct, add_at, distinct, hard_negatives_softmax, in_batch_softmax
from seedbed.stacking.layers import Stacked
from seedbed.stacking.optimizers import OptimizerFactory
from seedbed.stacking.ranking import LIST_CUTS, OF_ROWS, ByUser, declared, ranking_metrics
from seedbed.tasks.base import PARTS, SeedData, StackData
from seedbed.tasks.of_ratings import OfRatings
from seedbed.torch_random import whole_numbers

LOSSES = ("in_batch_softmax", "bpr")
NEEDED: dict[str, tuple[str, ...]] = {"in_batch_softmax": ("queries", "candidates"), "bpr": ()}
"""Methods of a network that its loss calls."""
DEFINED_ANYWHERE = (
    "loss", "loss_last_batch", *(metric.name for metric in OF_ROWS), "users_evaluated", "users_skipped",
    *(f"coverage_at_{k}" for k in LIST_CUTS),
)  # fmt: skip
"""Metrics that need no user with an item to find."""
LEAST_COUNT = 0.5
"""Training rows that an item without any is taken to have, for the correction."""


class Retrieval(OfRatings):
    """Stacked networks that score users and items (``scores``, and ``queries`` and ``candidates`` for the first loss).

    ``loss`` "in_batch_softmax" is summed over a batch, as TensorFlow Recommenders does it: each row's item stands
    against the items of all rows. ``temperature`` divides the scores; ``correct_sampling`` takes from each the log of
    the item's share of the training rows; ``remove_accidental_hits`` leaves out other rows of a row's own item;
    ``hard_negatives`` keeps that many other rows with the highest scores only. "bpr" (Rendle et al. 2009) is the mean of
    -log sigmoid of the score less that of an item drawn from all; rows whose draw the user has rated in training are
    left out of the step.

    Metrics: see ``stacking.ranking``; ``loss`` is the in-batch softmax a row, in batches of ``evaluation_batch`` rows in
    an order of the seed's own, and ``loss_last_batch`` that summed over the last of these; both as in training without hard
    negatives. ``sampled_negatives`` adds a ranking among that many sampled items, under a name of its own.
    """

    TAKES_RATINGS = False
    METRICS = (*alike(("loss", "loss_last_batch"), "lower", FROM_ZERO, "scores"), *declared())

    users: Tensor
    items: Tensor
    trained: Tensor
    copies: Tensor
    shares: Tensor
    keys: Tensor
    draws: Tensor
    _ordered_pairs: Tensor
    _in_training: Tensor

    def __init__(
        self,
        network: Stacked,
        optimizer: OptimizerFactory,
        *,
        users: Tensor,
        items: Tensor,
        by_user: ByUser,
        trained: Tensor,
        copies: Tensor,
        shares: Tensor,
        keys: Tensor,
        loss: Literal["in_batch_softmax", "bpr"] = "in_batch_softmax",
        temperature: float = 1.0,
        correct_sampling: bool = False,
        remove_accidental_hits: bool = False,
        hard_negatives: int | None = None,
        evaluation_batch: int = 4096,
        sampled_negatives: int | None = None,
        **stacked: Any,
    ) -> None:
        """``users`` and ``items`` (N,) rows of the vocabularies, ``trained`` (S, N), ``shares`` (S, I + 1), ``copies`` (I,)."""
        super().__init__(network, optimizer, **stacked)
        for name, values in (
            ("users", users), ("items", items), ("trained", trained), ("copies", copies), ("shares", shares),
            ("keys", keys), ("draws", torch.zeros_like(keys)),
            *((f"by_user_{name}", part) for name, part in vars(by_user).items()),
        ):  # fmt: skip
            self.register_buffer(name, values, persistent=False)
        self.loss, self.temperature, self.correct_sampling = loss, temperature, correct_sampling
        self.remove_accidental_hits, self.hard_negatives = remove_accidental_hits, hard_negatives
        self.evaluation_batch, self.sampled_negatives = evaluation_batch, sampled_negatives
        if loss == "bpr":
            self._remember_pairs()

    @property
    def by_user(self) -> ByUser:
        return ByUser(
            *(cast(Tensor, getattr(self, f"by_user_{name}")) for name in ("row", "item", "start", "same_from"))
        )

    @property
    def table_rows(self) -> tuple[int, int]:
        """Lengths of the vocabularies of users and items."""
        return len(self.by_user.start) - 1, len(self.copies) + 1

    def _remember_pairs(self) -> None:
        """The pairs of user and item in their order, and which of them each seed trains on."""
        ratings = self.by_user
        pairs = self._pair_keys(self.users, self.items)[ratings.row]
        ordered = self.trained[:, ratings.row].float()
        counts = add_at(torch.zeros_like(ordered), ratings.same_from.expand_as(ordered), ordered)
        self.register_buffer("_ordered_pairs", pairs, persistent=False)
        self.register_buffer("_in_training", counts > 0, persistent=False)

    # ---- losses ------------------------------------------------------------------------------------------------------

    def step_losses(self, index: Tensor, real: Tensor | None) -> tuple[Tensor, Tensor]:
        if self.loss == "bpr":
            return self._bpr(index, real)
        # A batch weighs 1 whatever its size: the loss is a sum, and that of an epoch the mean over its batches.
        losses = self._in_batch(index, real, self.hard_negatives)
        return losses, torch.ones_like(losses) if real is None else real.any(1).to(losses.dtype)

    def _in_batch(self, index: Tensor, real: Tensor | None, hardest: int | None) -> Tensor:
        """(S,): the loss summed over the rows ``index`` (S, B)."""
        users = distinct(self._of(self.users, index), real, self.table_rows[0])
        items = distinct(self._of(self.items, index), real, self.table_rows[1])
        # In 16 bits a sum over thousands of rows would be a rough one.
        with torch.autocast(index.device.type, enabled=False):
            return self._of_distinct(users, items, real, hardest)

    def _of_distinct(self, users: Distinct, items: Distinct, real: Tensor | None, hardest: int | None) -> Tensor:
        queries = self.network.call("queries", users.ids) / self.temperature
        candidates = self.network.call("candidates", items.ids)
        settings: dict[str, Any] = {"spare_hits": self.remove_accidental_hits}
        if self.correct_sampling:
            settings["correction"] = self.shares.gather(1, items.ids.long()).log()
        if hardest is not None:
            return hard_negatives_softmax(queries, candidates, users, items, real, hardest, **settings)
        return in_batch_softmax(queries, candidates, users, items, real, **settings)

    def _bpr(self, index: Tensor, real: Tensor | None) -> tuple[Tensor, Tensor]:
        users, items = self._of(self.users, index), self._of(self.items, index)
        others = 1 + whole_numbers(self.keys, self.draws, index.shape[1], len(self.copies)).to(items.dtype)
        self.draws += 1 if real is None else real.any(1)
        losses = -functional.logsigmoid(self.network(users, items) - self.network(users, others))
        counts = ~self._rated(users, others) if real is None else real & ~self._rated(users, others)
        return torch.where(counts, losses, 0).sum(1), counts.sum(1).to(losses.dtype)

    def _rated(self, users: Tensor, items: Tensor) -> Tensor:
        """(S, B): whether a seed trains on a rating of the item by the user."""
        pairs = self._pair_keys(users, items)
        first = torch.searchsorted(self._ordered_pairs, pairs).clamp(max=len(self._ordered_pairs) - 1)
        return (self._ordered_pairs[first] == pairs) & self._in_training.gather(1, first)

    def _pair_keys(self, users: Tensor, items: Tensor) -> Tensor:
        return users.long() * self.table_rows[1] + items

    # ---- metrics -----------------------------------------------------------------------------------------------------

    def evaluate(self, index: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        return index, mask

    def metrics(self, *evaluated: Tensor) -> dict[str, Tensor]:
        index, mask = evaluated
        marked = torch.zeros_like(self.trained)
        seeds = torch.arange(len(index), device=index.device).unsqueeze(1).expand_as(index)
        marked[seeds[mask], index[mask].long()] = True
        with torch.autocast(index.device.type, enabled=False):  # in 16 bits many scores would be equal
            ranked = ranking_metrics(
                lambda users: self.network.call("scores", users.expand(len(index), -1)),
                self.by_user,
                trained=self.trained,
                evaluated=marked,
                copies=self.copies,
                sampled=self.sampled_negatives,
                keys=self.keys,
            )
        return {**self._losses(index, mask), **ranked}

    def _losses(self, index: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """The loss a row, and that of the last batch; nothing for networks that are not trained by it."""
        if not self.network.has("candidates"):
            return {}
        index, mask = self._shuffled(index, mask)
        total, last = torch.zeros(len(index), dtype=torch.float64, device=index.device), None
        for rows, real in zip(*(torch.split(part, self.evaluation_batch, 1) for part in (index, mask)), strict=True):
            losses = self._in_batch(rows, real, None).double()
            total += losses
            last = losses if last is None else torch.where(real.any(1), losses, last)
        assert last is not None
        return {"loss": total / mask.sum(1), "loss_last_batch": last}

    def _shuffled(self, index: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The rows in random order, padding last: a file may have its users one after the other."""
        drawn = whole_numbers(self.keys, torch.full_like(self.keys, -1), index.shape[1], 1 << 62)
        order = torch.where(mask, drawn, 1 << 62).argsort(dim=1)
        return index.gather(1, order), mask.gather(1, order)

    # ---- from a table to the arguments above -------------------------------------------------------------------------

    @classmethod
    def declared_metrics(cls, settings: Mapping[str, Any]) -> tuple[Metric, ...]:
        return (*cls.METRICS[:2], *declared(settings.get("sampled_negatives")))

    @classmethod
    def stack_data(cls, table: RatingTable, data: Sequence[SeedData]) -> StackData:
        train = [item.rows.train for item in data]
        trained = torch.zeros(len(data), len(table.users), dtype=torch.bool)
        for position, rows in enumerate(train):
            trained[position, torch.from_numpy(rows).long()] = True
        counts = np.stack([np.bincount(table.items[rows], minlength=table.item_rows) for rows in train])
        shares = np.maximum(counts, LEAST_COUNT) / counts.sum(1, keepdims=True)
        arguments = {
            "users": torch.from_numpy(table.users),
            "items": torch.from_numpy(table.items),
            "by_user": ByUser.of(table.users, table.items, table.user_rows),
            "trained": trained,
            "copies": torch.from_numpy(table.ids_of_items),
            "shares": torch.from_numpy(shares.astype(np.float32)),
            "keys": torch.tensor([derive(item.seed, "negatives") for item in data]),
        }
        return StackData(arguments, train, [item.rows.val for item in data], [item.rows.test for item in data])

    @classmethod
    def check_network(cls, network: nn.Module, settings: Mapping[str, Any]) -> None:
        if isinstance(network, FittedEstimator):
            super().check_network(network, settings)
        if isinstance(network, FittedModel) and network.NEEDS and not is_installed(network.NEEDS[0]):
            package, extra = network.NEEDS
            raise ConfigError(
                f"model: {type(network).__name__} needs the package {package}, which is not installed. Install it with: "
                f"pip install 'seedbed[{extra}]'"
            )
        needed = (
            ["scores"] if isinstance(network, FittedModel) else ["scores", *NEEDED[settings.get("loss", LOSSES[0])]]
        )
        if lacking := [method for method in needed if not hasattr(network, method)]:
            raise ConfigError(
                f"model: {type(network).__name__} has no method {' and no '.join(lacking)}, by which task=retrieval "
                "ranks and trains. Use model=two_tower, or give yours the methods of seedbed.models.two_tower.TwoTower."
            )
        norms = [name for name, part in network.named_modules() if isinstance(part, _BatchNorm)]
        if norms and settings.get("loss", LOSSES[0]) == "in_batch_softmax":
            raise ConfigError(
                f"model: {type(network).__name__} holds batch norm ({norms[0]}), and task.loss=in_batch_softmax gives it each "
                "distinct user and item of a batch once, beside padding; these are not rows to take statistics of. Use "
                "another norm, such as torch.nn.LayerNorm, or task.loss=bpr."
            )

    @classmethod
    def fit(cls, network: FittedModel, table: RatingTable, data: SeedData) -> None:
        assert isinstance(network, Fitted)
        rows = data.rows.train
        pairs = np.unique(np.stack([table.users[rows], table.items[rows]]), axis=1)
        network.fit(pairs[0], pairs[1], data.seed)

    @classmethod
    def check_settings(cls, table: RatingTable, settings: Mapping[str, Any]) -> None:
        loss = settings.get("loss", LOSSES[0])
        require_choice("task.loss", loss, LOSSES)
        temperature = settings.get("temperature", 1)
        require(is_positive(temperature), "task.temperature", temperature, "a number above 0")
        for key in ("evaluation_batch", "hard_negatives", "sampled_negatives"):
            value = settings.get(key, 1)
            none = key != "evaluation_batch" and value is None
            wanted = "a whole number from 1 on" + (", or null" if key != "evaluation_batch" else "")
            require(none or is_whole(value), f"task.{key}", value, wanted)
        if loss == "bpr" and settings.get("hard_negatives") is not None:
            raise ConfigError("task.hard_negatives: task.loss=bpr draws its negatives. Set it to null.")

    @classmethod
    def why_undefined(cls, table: RatingTable, rows: Rows, side: str, metric: str, settings: Mapping[str, Any]) -> str:
        if metric in DEFINED_ANYWHERE or table.pair_numbers is None:  # then no pair is on two sides
            return ""
        known = np.isin(table.pair_numbers[getattr(rows, side)], table.pair_numbers[rows.train])
        return (
            f"no user has an item among the {PARTS[side]} rows that is not among its training rows"
            if known.all()
            else ""
        )

    @classmethod
    def bytes_of_a_seed(cls, table: RatingTable) -> int:
        return len(table.users)
