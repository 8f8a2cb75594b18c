"""In-batch softmax over distinct users and items equals the plain one over all pairs of rows, with its gradient."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from seedbed.stacking.in_batch import BLOCK, Distinct, distinct, hard_negatives_softmax, in_batch_softmax


def plain(
    queries: Tensor, candidates: Tensor, correction: Tensor, items: Tensor, spare_hits: bool, hardest: int | None
) -> Tensor:
    """As TensorFlow Recommenders' task would do it: a row of scores for each row of the batch."""
    scores = queries @ candidates.T - correction
    own = torch.eye(len(items), dtype=torch.bool)
    if spare_hits:
        scores = scores.masked_fill((items.unsqueeze(1) == items) & ~own, -torch.inf)
    if hardest is not None:
        best = scores.masked_fill(own, -torch.inf).topk(min(hardest, len(items) - 1), dim=1).values
        scores = torch.cat([best, scores.diagonal().unsqueeze(1)], dim=1)
        return (scores.logsumexp(1) - scores[:, -1]).sum()
    return (scores.logsumexp(1) - scores.diagonal()).sum()


@pytest.mark.parametrize("hardest", [None, 3])
@pytest.mark.parametrize("spare_hits", [False, True])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(("users", "items", "rows"), [(6, 9, 12), (60, 90, 12), (5, 4, 40)])
@pytest.mark.parametrize("block", [30, 50, 10**6])  # some users, some seeds, all at a time
def test_loss_and_gradient_are_those_of_all_pairs(
    users: int,
    items: int,
    rows: int,
    padded: bool,
    spare_hits: bool,
    hardest: int | None,
    block: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(BLOCK, "cpu", block)
    seeds = 3
    draw = torch.Generator().manual_seed(rows)
    tables = [
        torch.randn(seeds, size, 4, dtype=torch.float64, generator=draw, requires_grad=True) for size in (users, items)
    ]
    ids = [torch.randint(size, (seeds, rows), generator=draw) for size in (users, items)]
    real = torch.rand(seeds, rows, generator=draw) < 0.8 if padded else None
    correction = torch.randn(seeds, items, dtype=torch.float64, generator=draw)

    found = [distinct(of_rows, real, size) for of_rows, size in zip(ids, (users, items), strict=True)]
    vectors = [
        torch.stack([table[seed, some.ids[seed]] for seed in range(seeds)])
        for table, some in zip(tables, found, strict=True)
    ]
    settings = {"correction": correction.gather(1, found[1].ids), "spare_hits": spare_hits}
    if hardest is None:
        losses = in_batch_softmax(*vectors, *found, real, **settings)
    else:
        losses = hard_negatives_softmax(*vectors, *found, real, hardest, **settings)

    expected = []
    for seed in range(seeds):
        kept = torch.ones(rows, dtype=torch.bool) if real is None else real[seed]
        user, item = (of_rows[seed, kept] for of_rows in ids)
        expected.append(
            plain(tables[0][seed, user], tables[1][seed, item], correction[seed, item], item, spare_hits, hardest)
        )
    weights = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    torch.testing.assert_close(losses, torch.stack(expected))
    torch.testing.assert_close(
        torch.autograd.grad((losses * weights).sum(), tables),
        torch.autograd.grad((torch.stack(expected) * weights).sum(), tables),
    )


@pytest.mark.parametrize("vocabulary", [8, 80])  # counted, searched
def test_what_no_row_of_a_batch_holds_is_left_out(vocabulary: int) -> None:
    ids = torch.tensor([[7, 3, 3, 3], [5, 2, 5, 2]])
    found = distinct(ids, None, vocabulary)
    assert found.ids.tolist() == [[3, 7], [2, 5]]
    assert found.times.tolist() == [[3, 1], [2, 2]]
    assert found.place.tolist() == [[1, 0, 0, 0], [1, 0, 1, 0]]
    padded = distinct(ids, torch.tensor([[False, True, True, False], [True, True, True, True]]), vocabulary)
    assert padded.times[0].sort(descending=True).values.tolist() == [2, 0]
    assert padded.ids[0, padded.times[0].argmax()] == 3
    assert padded.ids[1].tolist() == [2, 5]


def test_sparing_hits_survives_scores_that_are_high() -> None:
    """Where an item's own rows are most of the sum, what they leave of it is lost in rounding."""
    queries, candidates = torch.full((1, 2, 1), 3000.0), torch.tensor([[[1.0], [0.9]]])
    place = torch.arange(40).unsqueeze(0)
    users = Distinct(place[:, :2], torch.tensor([[20.0, 20.0]]), place % 2)
    items = Distinct(place[:, :2], torch.tensor([[39.0, 1.0]]), (place == 39).long())
    queries.requires_grad_()
    loss = in_batch_softmax(queries, candidates, users, items, None, spare_hits=True)
    torch.autograd.backward(loss.sum())
    assert queries.grad is not None
    assert bool(queries.grad.isfinite().all())
    # The last row stands against 39 rows with a score that is 300 above its own.
    assert float(loss.detach()) == pytest.approx(300 + math.log(39), abs=0.1)


def test_without_a_gradient_the_loss_is_the_same() -> None:
    vectors = torch.randn(1, 5, 3, dtype=torch.float64, requires_grad=True)
    every = Distinct(torch.arange(5).unsqueeze(0), torch.ones(1, 5), torch.arange(5).unsqueeze(0))
    with torch.no_grad():
        alone = in_batch_softmax(vectors, vectors, every, every, None)
    torch.testing.assert_close(alone, in_batch_softmax(vectors, vectors, every, every, None))
