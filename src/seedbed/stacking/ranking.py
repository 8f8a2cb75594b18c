"""How well S seeds rank all items for each user, in blocks of users, so that memory is bounded.

Of equal scores none comes first: every metric of users is its expected value over the orders that they could have
(McSherry and Najork 2008, "Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied
Scores"). ``top_at_k`` alone, which is as others have published it, takes ties in favour of the item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seedbed.metrics import FROM_ZERO, SHARE, Metric, alike
from seedbed.stacking.in_batch import add_at
from seedbed.torch_random import whole_numbers

CUTS = (1, 5, 10, 50, 100)
LIST_CUTS = (10, 100)
OF_ROWS = alike((f"top_at_{k}" for k in CUTS), "higher", SHARE, "scores")
# What describes lists, and is neither good nor bad by itself: random lists cover the most, and are the most novel ones.
OF_USERS = (
    *alike((f"{name}_at_{k}" for name in ("recall", "ndcg") for k in CUTS), "higher", SHARE, "scores"),
    *alike(("mrr", "map"), "higher", SHARE, "scores"),
    *alike((f"coverage_at_{k}" for k in LIST_CUTS), None, SHARE, "scores"),
    *alike((f"novelty_at_{k}" for k in LIST_CUTS), None, needs="scores"),
    Metric("users_evaluated", None),
    Metric("users_skipped", None, FROM_ZERO),
)
SAMPLED_CUT = 10
# Scores that are worked on at a time.
BLOCK = {"cpu": 1 << 20, "cuda": 1 << 26}

ScoresOf = Callable[[Tensor], Tensor]
"""Rows of users (B,) -> (S, B, I): scores of all I items."""


@dataclass(frozen=True)
class ByUser:
    """N ratings in the order of their users, and of one user's in that of the items."""

    row: Tensor
    """(N,): the row of the table."""
    item: Tensor
    """(N,) int64: number of the item, from 0."""
    start: Tensor
    """(U + 2,): where the ratings of each row of the user vocabulary begin."""
    same_from: Tensor
    """(N,): where the first rating of the same user and item is."""

    @classmethod
    def of(cls, users: np.ndarray, items: np.ndarray, user_rows: int) -> ByUser:
        """Build it from the rows (N,) of the vocabularies, in which 0 is the unknown."""
        order = np.lexsort((items, users))
        users, items = users[order].astype(np.int64), items[order].astype(np.int64)
        first = np.ones(len(order), dtype=bool)
        first[1:] = (users[1:] != users[:-1]) | (items[1:] != items[:-1])
        same_from = np.flatnonzero(first)[np.cumsum(first) - 1]
        start = np.searchsorted(users, np.arange(user_rows + 1))
        return cls(*(torch.from_numpy(np.asarray(part)) for part in (order, items - 1, start, same_from)))


@dataclass(frozen=True)
class Block:
    """Some users, and their ratings in a grid with as many columns as the busiest of them has."""

    users: Tensor
    """(B,) rows of the vocabulary."""
    items: Tensor
    """(B, R)."""
    rows: Tensor
    """(B, R) rows of the table."""
    valid: Tensor
    """(B, R): the others only pad."""
    same_from: Tensor
    """(B, R): the column of the first rating of the same item."""


def ranking_metrics(
    scores_of: ScoresOf,
    ratings: ByUser,
    *,
    trained: Tensor,
    evaluated: Tensor,
    copies: Tensor,
    sampled: int | None = None,
    keys: Tensor | None = None,
) -> dict[str, Tensor]:
    """All metrics {name: (S,)}, NaN for a seed with a score that is not finite; which ratings a seed trained on and is evaluated on: two (S, N) by row of the table.

    ``top_at_k`` are over evaluated ratings: the share whose item has fewer than k candidates above it. All items are
    candidates, those that the user has rated among them, and an item as often as ``copies`` (I,) says.

    The others are over users. Their candidates are the distinct items that the user has no training rating of;
    relevant is an item with an evaluated rating and no training rating. Users without relevant items are skipped, and
    counted. recall_at_k is over all relevant items; ndcg_at_k has gain 1 and log2 discount; map is over whole rankings;
    coverage_at_k is the share of the items that stand in somebody's list of k, novelty_at_k the mean self-information of
    those in the lists, -log2 of the share of the users who rated it in training (Zhou et al. 2010).

    ``sampled`` adds ``hit_rate_at_10_s99`` and so on: every relevant item among that many others, which the user has
    rated on neither side, drawn without repetition by ``keys`` (S,), alike for all networks. It is no ``recall_at_10``.
    """
    sums = _Sums(trained, evaluated, ratings, copies)
    for block in _blocks(ratings, len(trained) * len(copies), trained.device):
        scores = scores_of(block.users).float()
        sums.add(scores, block, *(_of_block(block, side) for side in (trained, evaluated)))
        if sampled is not None and keys is not None:
            sums.add_sampled(scores, block, sampled, keys)
    return sums.means(sampled)


def _blocks(ratings: ByUser, width: int, device: torch.device) -> Iterator[Block]:
    """Users with about as many ratings are in one block, so that there is little padding."""
    counts = ratings.start.diff()
    users = counts.argsort(stable=True)[int((counts == 0).sum()) :]
    size = max(1, BLOCK.get(device.type, BLOCK["cpu"]) // width)
    for some in torch.split(users, size):
        column = torch.arange(int(counts[some].max()), device=device)
        start = ratings.start[some].unsqueeze(1)
        valid = column < counts[some].unsqueeze(1)
        place = torch.where(valid, start + column, start)
        yield Block(some, ratings.item[place], ratings.row[place], valid, ratings.same_from[place] - start)


def _of_block(block: Block, marked: Tensor) -> Tensor:
    """(S, N) -> (S, B, R)."""
    return marked.index_select(1, block.rows.flatten()).view(-1, *block.rows.shape) & block.valid


def _without(scores: Tensor, items: Tensor, left_out: Tensor) -> Tensor:
    """The scores (S, B, I), and minus infinity for the ``items`` (B, R) that are ``left_out`` (S, B, R)."""
    every = items.expand_as(left_out)
    least = torch.where(left_out, -torch.inf, scores.gather(2, every))  # a user may have rated an item on both sides
    return scores.scatter_reduce(2, every, least, "amin")


def _first(marked: Tensor, block: Block) -> Tensor:
    """The first of the marked ratings (S, B, R) of each item."""
    column = torch.arange(marked.shape[2], device=marked.device)
    users = _places(((block.same_from != column) & block.valid).any(1))  # the others have rated nothing twice
    repeated = marked[:, users]
    before = repeated.cumsum(2) - repeated.long()
    first = marked.clone()
    first[:, users] &= before == before.gather(2, block.same_from[users].expand_as(before))
    return first


def _packed(items: Tensor, marked: Tensor) -> tuple[Tensor, Tensor]:
    """The items (B, R) of the marked ratings (S, B, R) without gaps: (S, B, M) items, and which of them do not pad."""
    counts = marked.sum(2)
    column = torch.arange(max(1, int(counts.max())), device=marked.device)
    real = column < counts.unsqueeze(2)
    packed = torch.zeros(real.shape, dtype=items.dtype, device=items.device)
    # Both are in the same order.
    packed.view(-1)[_places(real)] = items.flatten()[_places(marked) % items.numel()]
    return packed, real


def _places(marked: Tensor) -> Tensor:
    """Where a flattened mask holds; NumPy finds that faster too."""
    flat = marked.flatten()
    return torch.from_numpy(np.flatnonzero(flat.numpy())) if flat.device.type == "cpu" else flat.nonzero().squeeze(1)


def _rising(scores: Tensor) -> Tensor:
    """Sorted along the last axis; NumPy does that several times as fast as PyTorch on a CPU."""
    return scores.sort(-1).values if scores.is_cuda else torch.from_numpy(np.sort(scores.numpy(), axis=-1))


def _place(rising: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """How many of the ``rising`` scores (..., I) are above each of ``own`` (..., M), and how many are equal to it."""
    own = own.contiguous()
    right = torch.searchsorted(rising, own, right=True)
    return rising.shape[-1] - right, right - torch.searchsorted(rising, own)


def _total(size: int, place: Tensor, values: Tensor) -> Tensor:
    """Sums (size,) of the values (N,) at each place."""
    return add_at(values.new_zeros(1, size, dtype=torch.float64), place.unsqueeze(0), values.double().unsqueeze(0))[0]


class _Sums:
    """Sums over the blocks."""

    def __init__(self, trained: Tensor, evaluated: Tensor, ratings: ByUser, copies: Tensor) -> None:
        seeds, items, device = len(trained), len(copies), trained.device
        self.users = int((ratings.start.diff() > 0).sum())
        self.rows = evaluated.sum(1)
        self.further = torch.arange(items, device=device).repeat_interleave(copies - 1)
        """Further copies of items among the candidates."""
        self.sums: dict[str, Tensor] = {}
        self.evaluated = torch.zeros(seeds, dtype=torch.float64, device=device)
        self.pairs = torch.zeros_like(self.evaluated)
        self.finite = torch.ones(seeds, dtype=torch.bool, device=device)
        positions = torch.arange(1, items + 1, dtype=torch.float64)  # a CUDA device has no deterministic sums of floats
        start = positions.new_zeros(1)
        self.discounts = torch.cat([start, (1 / (positions + 1).log2()).cumsum(0)]).to(device)
        self.harmonic = torch.cat([start, (1 / positions).cumsum(0)]).to(device)
        self.never_listed = {k: torch.zeros(seeds * items, dtype=torch.float64, device=device) for k in LIST_CUTS}
        """Log of the probability that no list has the item."""
        self.information = _information(trained, ratings, items)

    def _add(self, name: str, values: Tensor) -> None:
        self._add_total(name, values.double().flatten(1).sum(1))

    def _add_of(self, name: str, seed: Tensor, values: Tensor) -> None:
        """Add (N,) values, each to that of its seed."""
        self._add_total(name, _total(len(self.rows), seed, values))

    def _add_total(self, name: str, total: Tensor) -> None:
        self.sums[name] = self.sums[name] + total if name in self.sums else total

    def add(self, scores: Tensor, block: Block, trained: Tensor, evaluated: Tensor) -> None:
        """``scores`` (S, B, I) of a block, and which of its ratings each seed trained and is evaluated on, (S, B, R)."""
        self.finite &= (scores.amax(2).isfinite() & scores.amin(2).isfinite()).all(1)  # both are NaN if a score is
        candidates = _without(scores, block.items, trained)
        rising = _rising(candidates)
        items, real = _packed(block.items, evaluated)
        own = scores.gather(2, items)
        above, tied = _place(rising, own)
        self._add_rows(scores, block, trained, own, above, real)
        relevant = real & ~candidates.gather(2, items).isneginf()
        relevant[..., 1:] &= items[..., 1:] != items[..., :-1]  # repeated ratings follow one another
        self._relevant, self._rated = (items, relevant), trained | evaluated
        has = relevant.any(2)
        self.evaluated += has.sum(1)
        self._add_users(own, above, tied, relevant)
        self._add_lists(candidates, rising, has)

    def _add_rows(
        self, scores: Tensor, block: Block, trained: Tensor, own: Tensor, above: Tensor, real: Tensor
    ) -> None:
        """Beside the candidates ``above`` it, an item has above it what the user has rated in training, and further copies."""
        seen = torch.where(_first(trained, block), scores.gather(2, block.items.expand_as(trained)), -torch.inf)
        others = _rising(torch.cat([seen, scores[..., self.further]], dim=2))
        above = above + others.shape[-1] - torch.searchsorted(others, own, right=True)
        for k in CUTS:
            self._add(f"top_at_{k}", (above < k) & real)

    def _add_users(self, own: Tensor, above: Tensor, tied: Tensor, relevant: Tensor) -> None:
        counts = relevant.sum(2)
        self._add_cuts(above, tied, relevant, counts)
        tied = tied.clamp(min=1)  # padding
        rising = _rising(torch.where(relevant, own, -torch.inf))
        better, equal = _place(rising, own)
        equal = equal.clamp(min=1)
        each = counts.clamp(min=1).unsqueeze(2)
        self._add("map", torch.where(relevant, self._precision(above, tied, better, equal) / each, 0))
        self._add("mrr", self._reciprocal(above, tied, equal, relevant))

    def _add_cuts(self, above: Tensor, tied: Tensor, relevant: Tensor, counts: Tensor) -> None:
        """Recall and NDCG, to which only those count that can be on the longest list."""
        seed, user, column = (relevant & (above < CUTS[-1])).nonzero(as_tuple=True)
        above, tied, each = above[seed, user, column], tied[seed, user, column], counts[seed, user]
        for k in CUTS:
            self._add_of(f"recall_at_{k}", seed, ((k - above) / tied).clamp(0, 1) / each)
            gains = (self._discounted(above + tied, k) - self._discounted(above, k)) / tied
            self._add_of(f"ndcg_at_{k}", seed, gains / self._discounted(each, k))

    def _discounted(self, ranks: Tensor, k: int) -> Tensor:
        return self.discounts[ranks.clamp(max=min(k, len(self.discounts) - 1))]

    def _precision(self, above: Tensor, tied: Tensor, better: Tensor, equal: Tensor) -> Tensor:
        """Expected precision at the place of each item, with ``better`` relevant ones above it and ``equal`` tied."""
        reciprocals = self.harmonic[(above + tied).clamp(max=len(self.harmonic) - 1)] - self.harmonic[above]
        before = tied - (above + 1) * reciprocals  # sum over places x of (x - 1) / (above + x)
        return ((better + 1) * reciprocals + (equal - 1) / (tied - 1).clamp(min=1) * before) / tied

    @staticmethod
    def _reciprocal(above: Tensor, tied: Tensor, equal: Tensor, relevant: Tensor) -> Tensor:
        """(S, B): expected 1 / rank of the first relevant item, of which ``equal`` stand among ``tied`` places."""
        best = torch.where(relevant, above, above.new_tensor(1 << 40)).argmin(2, keepdim=True)
        above, tied, equal = (values.gather(2, best).squeeze(2) for values in (above, tied, equal))
        chance = torch.where(relevant.any(2), equal.double() / tied, 0)
        expected, place = torch.zeros_like(chance), 1
        while float(chance.max()) > 1e-12:
            expected += chance / (above + place)
            chance = chance * ((tied - place - equal + 1).clamp(min=0) / (tied - place).clamp(min=1))
            place += 1
        return expected

    def _add_lists(self, candidates: Tensor, rising: Tensor, has: Tensor) -> None:
        """Mark the lists in which each item is, or may be where the last places are tied."""
        items, smallest = candidates.shape[-1], torch.finfo(candidates.dtype).min  # above what is left out
        lasts = {k: rising[..., max(items - k, 0)].unsqueeze(-1).clamp(min=smallest) for k in LIST_CUTS}
        longest = torch.where(has.unsqueeze(-1), lasts[max(LIST_CUTS)], torch.inf)
        on_list = _places(candidates >= longest)
        values, lists = candidates.flatten()[on_list], on_list // items
        places = on_list + (lists // has.shape[1] - lists) * items  # of seeds and items
        for k in sorted(LIST_CUTS, reverse=True):
            above, tied = _place(rising, lasts[k])
            chance = ((k - above).double() / tied.clamp(min=1)).clamp(max=1)
            edge = lasts[k].flatten()[lists]
            if k < max(LIST_CUTS):
                kept = _places(values >= edge)
                values, lists, places, edge = (part[kept] for part in (values, lists, places, edge))
            listed = torch.where(values > edge, 1.0, chance.flatten()[lists])
            self.never_listed[k] += _total(len(self.never_listed[k]), places, torch.log1p(-listed))
            informed = _total(has.numel(), lists, listed * self.information.flatten()[places])
            length = (above + tied * chance).clamp(min=1)
            self._add(f"novelty_at_{k}", torch.where(has, informed.view_as(has) / length.squeeze(-1), 0))

    def add_sampled(self, scores: Tensor, block: Block, count: int, keys: Tensor) -> None:
        """Add sampled items, after ``add`` of the same block."""
        free = _without(torch.zeros_like(scores), block.items, self._rated).isfinite()
        items = scores.shape[-1]
        drawn = torch.stack(
            [whole_numbers(keys, user.expand(len(keys)), items, 1 << 40) for user in block.users], dim=1
        )
        places = torch.where(free, drawn, 1 << 41).topk(min(count, items), largest=False, dim=-1).indices
        against = _rising(torch.where(free.gather(2, places), scores.gather(2, places), -torch.inf))
        own, relevant = scores.gather(2, self._relevant[0]), self._relevant[1]
        above, tied = _place(against, own)
        self._add("sampled", torch.where(relevant, ((SAMPLED_CUT - above) / (tied + 1)).clamp(0, 1), 0))
        self.pairs += relevant.sum((1, 2))

    def means(self, sampled: int | None) -> dict[str, Tensor]:
        values = {metric.name: self.sums[metric.name] / self.rows for metric in OF_ROWS}
        for name in (metric.name for metric in OF_USERS):
            if name in self.sums:
                values[name] = self.sums[name] / self.evaluated
        for k in LIST_CUTS:
            values[f"coverage_at_{k}"] = 1 - self.never_listed[k].view(len(self.rows), -1).exp().mean(1)
        values["users_evaluated"], values["users_skipped"] = self.evaluated, self.users - self.evaluated
        if sampled is not None:
            values[sampled_name(sampled)] = self.sums["sampled"] / self.pairs
        return {name: torch.where(self.finite, value.double(), torch.nan) for name, value in values.items()}


def _information(trained: Tensor, ratings: ByUser, items: int) -> Tensor:
    """(S, I): -log2 of the share of a seed's users with a training rating of the item; one without any counts as one."""
    ordered = trained[:, ratings.row].float()
    users = torch.repeat_interleave(ratings.start.diff())
    of_item, of_user = (
        add_at(ordered.new_zeros(len(trained), size), ids.expand(len(trained), -1), ordered)
        for ids, size in ((ratings.item, items), (users, len(ratings.start) - 1))
    )
    return -(of_item.clamp(min=1) / (of_user > 0).sum(1, keepdim=True).clamp(min=1)).log2()


def sampled_name(count: int) -> str:
    """The metric's name: hit rate among this many sampled items."""
    return f"hit_rate_at_{SAMPLED_CUT}_s{count}"


def declared(sampled: int | None = None) -> tuple[Metric, ...]:
    """The metrics that ``ranking_metrics`` gives."""
    return (
        *OF_ROWS,
        *OF_USERS,
        *([] if sampled is None else [Metric(sampled_name(sampled), "higher", SHARE, "scores")]),
    )
