"""In-batch softmax: every item of a batch is a candidate for each of its users, over the distinct users and items.

A batch of B rows asks for B x B scores, but its D distinct users and E distinct items have D x E of them: a row of an
item that stands m times counts m times in the sum. The loss and its gradient are exactly those of the B x B scores.
Covington, Adams and Sargin 2016, "Deep Neural Networks for YouTube Recommendations"; Yi et al. 2019 for the correction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# Scores that are worked on at a time: on a CPU they are to stay in its cache.
BLOCK = {"cpu": 3 << 19, "cuda": 1 << 27}

Block = tuple[slice, slice]


@dataclass(frozen=True)
class Distinct:
    """The distinct ids of each seed's batch: D of them at the most, those with ``times`` 0 only pad."""

    ids: Tensor
    """(S, D)."""
    times: Tensor
    """(S, D) float: in how many real rows of the batch the id stands."""
    place: Tensor
    """(S, B) int64: where among ``ids`` each row's id is."""


def distinct(ids: Tensor, real: Tensor | None, vocabulary: int) -> Distinct:
    """What a batch of ``ids`` (S, B) holds, by real rows alone; a small vocabulary is counted, a large one searched."""
    if vocabulary > 2 * ids.shape[1]:
        return _padded([torch.unique(of_seed, return_inverse=True) for of_seed in ids], real)
    place = ids.long()
    times = _times(place, real, vocabulary)
    if ids.is_cuda:  # to work on what is absent costs less there than to wait for what is not
        return Distinct(torch.arange(vocabulary, device=ids.device, dtype=ids.dtype).expand(len(ids), -1), times, place)
    there = times > 0
    found = [of_seed.nonzero().squeeze(1).to(ids.dtype) for of_seed in there]
    places = (there.cumsum(1) - 1).clamp(min=0).gather(1, place)  # a row that is not real may have an absent id
    return _padded(list(zip(found, places, strict=True)), real)


def _padded(per_seed: Sequence[tuple[Tensor, Tensor]], real: Tensor | None) -> Distinct:
    """From the distinct ids of each seed (D,), and where among them those of its rows are (B,)."""
    most = max(len(values) for values, _ in per_seed)
    padded = torch.stack([torch.nn.functional.pad(values, (0, most - len(values))) for values, _ in per_seed])
    place = torch.stack([of_rows for _, of_rows in per_seed])
    return Distinct(padded, _times(place, real, most), place)


def _times(place: Tensor, real: Tensor | None, size: int) -> Tensor:
    counted = torch.ones_like(place, dtype=torch.float32) if real is None else real.float()
    return add_at(counted.new_zeros(len(place), size), place, counted)


def in_batch_softmax(
    queries: Tensor,
    candidates: Tensor,
    users: Distinct,
    items: Distinct,
    real: Tensor | None,
    *,
    correction: Tensor | None = None,
    spare_hits: bool = False,
) -> Tensor:
    """Sum over the rows of a batch of -log softmax of the row's own item among all rows' items, (S,).

    ``queries`` (S, D, F) and ``candidates`` (S, E, F) are the vectors of ``users.ids`` and ``items.ids``, already
    divided by the temperature; ``correction`` (S, E) is taken from the scores: log of the probability that a row of a
    batch has the item. ``spare_hits`` leaves out the other rows of a row's own item, which would count against it.
    """
    if correction is None:
        correction = queries.new_zeros(items.times.shape)
    weights = torch.ones_like(users.place, dtype=queries.dtype) if real is None else real.to(queries.dtype)
    losses: Tensor = _InBatchSoftmax.apply(
        queries, candidates, correction, users.place, items.place, items.times.to(queries.dtype), weights, spare_hits
    )  # type: ignore[no-untyped-call]
    return losses


class _InBatchSoftmax(torch.autograd.Function):
    """The loss with its gradient in closed form: both are had in one pass over blocks of users.

    Passes over the scores are kept to a minimum: how often an item counts is added to them by the product itself, and a factor
    that all scores of a user share scales a vector instead. They are in bits, since powers of 2 take half as long as those of e.
    """

    @staticmethod
    def forward(
        ctx: Any,
        queries: Tensor,
        candidates: Tensor,
        correction: Tensor,
        user_of_row: Tensor,
        item_of_row: Tensor,
        times: Tensor,
        weights: Tensor,
        spare_hits: bool,
    ) -> Tensor:
        counts = times.log2() - correction / math.log(2)
        # Items that only pad get a score so low that its power is 0.
        scores = _Scores(queries / math.log(2), candidates, counts.clamp(min=-1e30), user_of_row, item_of_row)
        own, largest = torch.empty_like(weights), torch.empty_like(queries[..., 0])
        sums = torch.empty_like(largest)
        of_item = times.gather(1, item_of_row).clamp(min=1)

        def below_total() -> Tensor:
            """(S, B): how far, in bits, the rows' own scores are below the logarithms of their users' sums."""
            highest, total = (of_user.gather(1, user_of_row) for of_user in (largest, sums.log2()))
            return total - (own - highest) + of_item.log2()

        left, pulls = None, weights
        if spare_hits:
            for block in scores.blocks:
                scores.powers(block, own, largest, sums)
            # Of the sum that all rows enter, what the other rows of the own item leave.
            left = 1 - (of_item - 1) * (-below_total()).exp2()
            left = torch.maximum(left, 1 / of_item)  # it is never less, but rounding of high scores may make it so
            pulls = torch.where(weights > 0, weights / left, 0)

        wanted = any(ctx.needs_input_grad)
        # The gradient of the scores: each row pulls at the shares of its user, and against that at its own item.
        pull_of_user = add_at(torch.zeros_like(sums), user_of_row, pulls)
        shares = torch.zeros_like(sums)
        to_queries, to_candidates = torch.empty_like(queries), torch.zeros_like(candidates)
        for block in scores.blocks:
            powers = scores.powers(block, own, largest, sums)
            if wanted:
                share = shares[block] = pull_of_user[block] / sums[block]
                scores.add_own(block, powers, -pulls, shares)
                share = share.unsqueeze(-1)
                torch.bmm(powers, candidates[block[0]], out=to_queries[block]).mul_(share)
                to_candidates[block[0]].baddbmm_(powers.transpose(1, 2), queries[block] * share)
        if wanted:
            ctx.save_for_backward(to_queries, to_candidates)
        losses = below_total() * math.log(2)
        if left is not None:
            losses = losses + left.log()
        return torch.where(weights > 0, losses * weights, 0).sum(1)

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> Any:
        to_queries, to_candidates = ctx.saved_tensors
        scale = outputs[0].view(-1, 1, 1)
        return to_queries * scale, to_candidates * scale, None, None, None, None, None, None


class _Scores:
    """The scores of distinct users and items, block by block in memory that is used again."""

    def __init__(
        self, queries: Tensor, candidates: Tensor, counts: Tensor, user_of_row: Tensor, item_of_row: Tensor
    ) -> None:
        """``counts`` (S, E), in bits: how often an item counts in the sum of a user's powers, and so what is added to its scores."""
        self.queries = torch.cat([queries, torch.ones_like(queries[..., :1])], -1)
        self.candidates = torch.cat([candidates, counts.unsqueeze(-1)], -1)
        self.user_of_row, self.item_of_row = user_of_row, item_of_row
        (seeds, users), self.items = queries.shape[:2], candidates.shape[1]
        most = max(1, BLOCK.get(queries.device.type, BLOCK["cpu"]) // self.items)
        at_once, size = max(1, most // users), min(most, users)
        self.blocks = [
            (slice(seed, min(seed + at_once, seeds)), slice(user, min(user + size, users)))
            for seed in range(0, seeds, at_once)
            for user in range(0, users, size)
        ]
        """Of seeds and users."""
        self._room = queries.new_empty(min(at_once, seeds) * size * self.items)

    def powers(self, block: Block, own: Tensor, largest: Tensor, sums: Tensor) -> Tensor:
        """2 to the power of each score of a block, divided by that of its user's largest, until the next block is asked for.

        Sets of ``own`` (S, B), ``largest`` and ``sums`` (S, D) what belongs to the block: the scores of the rows' own items, the
        users' largest scores, and the sums of the powers.
        """
        queries, candidates = self.queries[block], self.candidates[block[0]]
        shape = (*queries.shape[:2], self.items)
        scores = self._room[: math.prod(shape)].view(shape)
        torch.bmm(queries, candidates.transpose(1, 2), out=scores)
        self._read_own(block, scores, own)
        largest[block] = scores.amax(-1)
        powers = scores.sub_(largest[block].unsqueeze(-1)).exp2_()
        sums[block] = powers.sum(-1)
        return powers

    def _cells(self, block: Block) -> tuple[Tensor, Tensor | None]:
        """(s, B): where the rows' own cells are among the flattened ones of their seed's block, and which are in there, None: all."""
        users, items = self.user_of_row[block[0]], self.item_of_row[block[0]]
        first, stop = block[1].start, block[1].stop
        if stop - first == self.queries.shape[1]:
            return users * self.items + items, None
        return (users.clamp(first, stop - 1) - first) * self.items + items, (users >= first) & (users < stop)

    def _read_own(self, block: Block, scores: Tensor, own: Tensor) -> None:
        cells, inside = self._cells(block)
        values = scores.flatten(1).gather(1, cells)
        own[block[0]] = values if inside is None else torch.where(inside, values, own[block[0]])

    def add_own(self, block: Block, to: Tensor, values: Tensor, shares: Tensor) -> None:
        """Add to the rows' own cells of a block what of ``values`` (S, B) belongs there, divided by their users' ``shares`` (S, D)."""
        cells, inside = self._cells(block)
        of_seeds, of_users = values[block[0]], shares[block[0]].gather(1, self.user_of_row[block[0]])
        counts = of_seeds != 0 if inside is None else inside & (of_seeds != 0)
        add_at(to.flatten(1), cells, torch.where(counts, of_seeds / of_users, 0))


def add_at(total: Tensor, place: Tensor, values: Tensor) -> Tensor:
    """Add ``values`` (S, B, ...) to the places (S, B) of ``total`` (S, D, ...), in place."""
    where, flat = _flat(place, total.shape[1]), total.flatten(0, 1)
    if total.is_cuda:  # index_add_ adds in any order there
        flat.index_put_((where,), values.flatten(0, 1), accumulate=True)
    else:
        flat.index_add_(0, where, values.flatten(0, 1))
    return total


def _flat(place: Tensor, size: int) -> Tensor:
    if len(place) == 1:
        return place.flatten()
    return (place + torch.arange(len(place), device=place.device).unsqueeze(1) * size).flatten()


def hard_negatives_softmax(
    queries: Tensor,
    candidates: Tensor,
    users: Distinct,
    items: Distinct,
    real: Tensor | None,
    hardest: int,
    *,
    correction: Tensor | None = None,
    spare_hits: bool = False,
) -> Tensor:
    """Loss like ``in_batch_softmax``, but against only the ``hardest`` other rows of a row, those with the highest scores.

    Equal items of a batch are as many rows here too.
    """
    scores = queries @ candidates.transpose(1, 2)
    if correction is not None:
        scores = scores - correction.unsqueeze(1)
    there = (items.times > 0).unsqueeze(1)
    reach = min(hardest + 1, scores.shape[-1])  # each of these stands once at least, and one may be the row's own
    best = torch.where(there, scores.detach(), -torch.inf).topk(reach, dim=-1).indices
    of_user = users.place.unsqueeze(-1)
    chosen = best.gather(1, of_user.expand(-1, -1, reach))
    times = items.times.unsqueeze(1).expand(-1, chosen.shape[1], -1).gather(2, chosen)
    own_item = items.place.unsqueeze(-1)
    is_own = chosen == own_item
    others = torch.where(is_own, torch.zeros_like(times) if spare_hits else times - 1, times)
    upto = others.long().cumsum(-1).clamp(max=hardest)
    counted = torch.cat([upto[..., :1], upto.diff(dim=-1)], dim=-1).to(scores.dtype)
    flat = scores.flatten(1)
    own = flat.gather(1, users.place * scores.shape[-1] + items.place)
    places = (of_user * scores.shape[-1] + chosen).flatten(1)
    against = flat.gather(1, places).view_as(counted) + counted.log()
    losses = torch.cat([own.unsqueeze(-1), against], dim=-1).logsumexp(-1) - own
    return (losses if real is None else torch.where(real, losses, 0)).sum(1)
