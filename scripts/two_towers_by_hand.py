"""Two towers by hand, the floor of ``scripts/compare_recommenders --floor``: one seed, in no more operations than it takes.

No Lightning, no records, no ties between scores: the same batches, in-batch softmax over distinct users and items, Adagrad
and, after every epoch, the same metrics of a ranking of all items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seedbed.data.ratings import RatingTable
from seedbed.data.splits import Rows
from seedbed.stacking.ranking import CUTS, LIST_CUTS
from seedbed.tasks.base import SeedData
from seedbed.torch_random import torch_generator


@dataclass(frozen=True)
class Recipe:
    """What both sides train by."""

    epochs: int
    batch_size: int
    evaluation_batch: int
    lr: float
    eps: float
    accumulated: float
    """What the sums of squared gradients begin with."""


def train(table: RatingTable, data: SeedData, towers: Sequence[Tensor], recipe: Recipe) -> dict[str, float]:
    """Train the two embeddings ``towers`` in place; the metrics of the validation rows after the last epoch."""
    sides = torch.from_numpy(np.stack([table.users, table.items]).astype(np.int64))
    sums = [torch.full_like(tower, recipe.accumulated) for tower in towers]
    train, ranking = torch.from_numpy(data.rows.train).long(), Ranking(table, data.rows)
    order = torch.randperm(len(data.rows.val), generator=torch_generator(data.seed, "validation"))
    validation = sides[:, torch.from_numpy(data.rows.val).long()[order]]
    values = {}
    for epoch in range(recipe.epochs):
        rows = train[torch.randperm(len(train), generator=torch_generator(data.seed, "order", epoch))]
        for batch in torch.split(sides[:, rows], recipe.batch_size, 1):
            step(towers, sums, batch, recipe)
        losses = [loss(towers, batch) for batch in torch.split(validation, recipe.evaluation_batch, 1)]
        scores = (towers[0] @ towers[1][1:].T).numpy()
        values = ranking.metrics(scores) | {"loss": sum(losses) / validation.shape[1], "loss_last_batch": losses[-1]}
    return values


def distinct(ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The ids, how often they stand there, and where among them each one is."""
    times = torch.bincount(ids)
    found = times.nonzero().squeeze(1)
    place = torch.empty_like(times)
    place[found] = torch.arange(len(found))
    return found, times[found].float(), place[ids]


def step(towers: Sequence[Tensor], sums: Sequence[Tensor], batch: Tensor, recipe: Recipe) -> None:
    """Of Adagrad, by the gradient of the loss summed over a batch of users and items (2, B)."""
    (users, of_user, user), (items, of_item, item) = distinct(batch[0]), distinct(batch[1])
    queries, candidates = towers[0][users], towers[1][items]
    pull = torch.addmm(of_item.log(), queries, candidates.T).softmax(1).mul_(of_user.unsqueeze(1))
    pull.view(-1).index_add_(0, user * len(items) + item, torch.full((len(user),), -1.0))
    gradients = (pull @ candidates, pull.T @ queries)
    for tower, total, rows, gradient in zip(towers, sums, (users, items), gradients, strict=True):
        squares = total[rows].addcmul_(gradient, gradient)
        total[rows] = squares
        tower.index_add_(0, rows, gradient / squares.sqrt_().add_(recipe.eps), alpha=-recipe.lr)


def loss(towers: Sequence[Tensor], batch: Tensor) -> float:
    """The loss summed over a batch (2, B)."""
    (users, of_user, user), (items, of_item, item) = distinct(batch[0]), distinct(batch[1])
    scores = torch.addmm(of_item.log(), towers[0][users], towers[1][items].T)
    own = scores.view(-1)[user * len(items) + item].sum() - of_item.log() @ of_item
    return float(scores.logsumexp(1) @ of_user - own)


class Ranking:
    """Metrics of rankings of all items, and what of them does not hang on the scores."""

    def __init__(self, table: RatingTable, rows: Rows) -> None:
        users, items = table.users.astype(np.int64), table.items.astype(np.int64) - 1
        self.items = table.item_rows - 1
        self.seen = np.unique(users[rows.train] * self.items + items[rows.train])
        self.seen_starts = np.searchsorted(self.seen // self.items, np.arange(table.user_rows + 1))
        self.further = np.repeat(np.arange(self.items), table.ids_of_items - 1)
        self.rows = np.sort(users[rows.val] * self.items + items[rows.val])
        self.starts = np.searchsorted(self.rows // self.items, np.arange(table.user_rows + 1))
        first = np.diff(self.rows, prepend=-1) > 0  # of repeated ratings
        self.relevant = np.flatnonzero(first & ~np.isin(self.rows, self.seen))
        self.user = self.rows[self.relevant] // self.items
        self.counts = np.bincount(self.user, minlength=table.user_rows)
        self.known = np.unique(users)
        times = np.bincount(items[rows.train], minlength=self.items)
        self.information = -np.log2(np.maximum(times, 1) / len(np.unique(users[rows.train])))
        self.discounts = np.append(0, np.cumsum(1 / np.log2(np.arange(self.items) + 2)))

    def metrics(self, scores: np.ndarray) -> dict[str, float]:
        own = scores.reshape(-1)[self.rows]
        left = scores.copy()
        left.reshape(-1)[self.seen] = -np.inf
        rising = np.sort(left, axis=1)
        above, more = np.empty(len(own), np.int64), np.empty(len(own), np.int64)
        seen = scores.reshape(-1)[self.seen]
        for user in self.known:
            one = slice(self.starts[user], self.starts[user + 1])
            above[one] = self.items - rising[user].searchsorted(own[one], side="right")
            others = np.append(seen[self.seen_starts[user] : self.seen_starts[user + 1]], scores[user, self.further])
            others.sort()
            more[one] = len(others) - others.searchsorted(own[one], side="right")
        values = {f"top_at_{k}": float((above + more < k).mean()) for k in CUTS}
        return values | self.of_users(above[self.relevant]) | self.of_lists(left, rising)

    def of_users(self, above: np.ndarray) -> dict[str, float]:
        order = np.lexsort((above, self.user))
        above, counts, users = above[order], self.counts[self.user], np.count_nonzero(self.counts)
        starts = np.append(0, np.cumsum(self.counts))
        place = np.arange(len(above)) - starts[self.user]
        values = {
            "map": ((place + 1) / (above + 1) / counts).sum() / users,
            "mrr": (1 / (above[place == 0] + 1)).sum() / users,
            "users_evaluated": users,
            "users_skipped": len(self.known) - users,
        }
        for k in CUTS:
            on_list = above < k
            gains = self.discounts[above[on_list] + 1] - self.discounts[above[on_list]]
            values[f"recall_at_{k}"] = (1 / counts[on_list]).sum() / users
            values[f"ndcg_at_{k}"] = (gains / self.discounts[np.minimum(counts[on_list], k)]).sum() / users
        return values

    def of_lists(self, left: np.ndarray, rising: np.ndarray) -> dict[str, float]:
        values, has = {}, self.counts > 0
        for k in LIST_CUTS:
            last = np.maximum(rising[:, max(self.items - k, 0), None], np.finfo(np.float32).min)
            place = np.flatnonzero(left >= last)
            user, item = place // self.items, place % self.items
            informed = np.bincount(user, self.information[item], len(left))[has]
            values[f"novelty_at_{k}"] = float((informed / np.bincount(user, minlength=len(left))[has]).mean())
            values[f"coverage_at_{k}"] = len(np.unique(item[has[user]])) / self.items
        return values
