"""In-batch softmax: every item of a batch is a candidate for each of its users, over the distinct users and items.

A batch of B rows asks for B x B scores, but its D distinct users and E distinct items have D x E of them: a row of an
item that stands m times counts m times in the sum. The loss and its gradient are exactly those of the B x B scores.
Covington, Adams and Sargin 2016, "Deep Neural Networks for YouTube Recommendations"; Yi et al. 2019 for the correction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# Scores of a block of users that are worked on at a time: on a CPU they are to stay in its cache.
BLOCK = {"cpu": 1 << 20, "cuda": 1 << 27}


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
    """What a batch of ``ids`` (S, B) holds, by real rows alone; all of a small vocabulary is taken without a search."""
    seeds, rows = ids.shape
    if vocabulary <= 2 * rows:
        every = torch.arange(vocabulary, device=ids.device, dtype=ids.dtype).expand(seeds, -1)
        return Distinct(every, _times(ids.long(), real, vocabulary), ids.long())
    per_seed = [torch.unique(of_seed, return_inverse=True) for of_seed in ids]
    most = max(len(values) for values, _ in per_seed)
    padded = torch.stack([torch.nn.functional.pad(values, (0, most - len(values))) for values, _ in per_seed])
    place = torch.stack([inverse for _, inverse in per_seed])
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
    """The loss with its gradient in closed form: both are had in one pass over blocks of users."""

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
        offset = times.log() - correction
        of_rows = (_rows(queries, user_of_row), _rows(candidates, item_of_row))
        own = (of_rows[0] * of_rows[1]).sum(-1) - correction.gather(1, item_of_row)
        blocks = _blocks(queries, candidates)
        if spare_hits:
            total = torch.cat([_scores(queries, candidates, offset, block).logsumexp(-1) for block in blocks], dim=1)
            # Of the sum that all rows enter, what the other rows of the own item leave.
            of_item = times.gather(1, item_of_row).clamp(min=1)
            left = 1 - (of_item - 1) * (own - total.gather(1, user_of_row)).exp()
            left = torch.maximum(left, 1 / of_item)  # it is never less, but rounding of high scores may make it so
            pulls = weights / left
        else:
            left, pulls = None, weights
        pull_of_user = add_at(torch.zeros_like(queries[..., 0]), user_of_row, pulls)

        wanted = any(ctx.needs_input_grad)
        to_queries, to_candidates = torch.empty_like(queries), torch.zeros_like(candidates)
        totals = []
        for block in blocks:
            scores = _scores(queries, candidates, offset, block)
            shares = scores.softmax(-1)  # in one pass, where logsumexp takes several
            totals.append(scores.amax(-1) - shares.amax(-1).log())
            if not wanted:
                continue
            pull = pull_of_user[:, block].unsqueeze(-1)
            to_queries[:, block] = torch.bmm(shares, candidates) * pull
            to_candidates.baddbmm_(shares.transpose(1, 2), queries[:, block] * pull)
        if wanted:
            add_at(to_queries, user_of_row, of_rows[1] * -pulls.unsqueeze(-1))
            add_at(to_candidates, item_of_row, of_rows[0] * -pulls.unsqueeze(-1))
            ctx.save_for_backward(to_queries, to_candidates)
        losses = torch.cat(totals, dim=1).gather(1, user_of_row) - own
        if left is not None:
            losses = losses + left.log()
        return torch.where(weights > 0, losses * weights, 0).sum(1)

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> Any:
        to_queries, to_candidates = ctx.saved_tensors
        scale = outputs[0].view(-1, 1, 1)
        return to_queries * scale, to_candidates * scale, None, None, None, None, None, None


def _scores(queries: Tensor, candidates: Tensor, offset: Tensor, block: slice) -> Tensor:
    return torch.baddbmm(offset.unsqueeze(1), queries[:, block], candidates.transpose(1, 2))


def _blocks(queries: Tensor, candidates: Tensor) -> list[slice]:
    seeds, users = queries.shape[:2]
    size = max(1, BLOCK.get(queries.device.type, BLOCK["cpu"]) // (seeds * candidates.shape[1]))
    return [slice(start, min(start + size, users)) for start in range(0, users, size)]


def _rows(vectors: Tensor, place: Tensor) -> Tensor:
    """(S, D, F) and (S, B) -> (S, B, F)."""
    return vectors.flatten(0, 1).index_select(0, _flat(place, vectors.shape[1])).view(*place.shape, -1)


def add_at(total: Tensor, place: Tensor, values: Tensor) -> Tensor:
    """Add ``values`` (S, B, ...) to the places (S, B) of ``total`` (S, D, ...), in place."""
    where, flat = _flat(place, total.shape[1]), total.flatten(0, 1)
    if total.is_cuda:  # index_add_ adds in any order there
        flat.index_put_((where,), values.flatten(0, 1), accumulate=True)
    else:
        flat.index_add_(0, where, values.flatten(0, 1))
    return total


def _flat(place: Tensor, size: int) -> Tensor:
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
