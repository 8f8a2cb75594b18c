"""Ranking metrics: hand-computed lists, every order of tied items, and torchmetrics."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
import torchmetrics.functional.retrieval as tm
from torch import Tensor

from seedbed.stacking import ranking
from seedbed.stacking.ranking import CUTS, ByUser, ranking_metrics

Pairs = Sequence[tuple[int, int]]


def measured(
    scores: Tensor, users: Sequence[int], items: Sequence[int], sides: Sequence[Sequence[int]], **more: object
) -> dict[str, Tensor]:
    """``scores`` (S, U, I); ``users`` and ``items`` from 0; sides (S, N): 0 trained, 1 evaluated, 2 neither."""
    seeds, count, candidates = scores.shape
    side = torch.tensor(sides)
    padded = torch.cat([torch.zeros(seeds, 1, candidates), scores], dim=1)
    settings: dict[str, object] = {"copies": torch.ones(candidates, dtype=torch.int64)} | more
    return ranking_metrics(
        lambda block: padded[:, block],
        ByUser.of(np.array(users) + 1, np.array(items) + 1, count + 1),
        trained=side == 0,
        evaluated=side == 1,
        **settings,  # type: ignore[arg-type]
    )


def test_seen_items_are_no_candidates_and_users_without_test_items_are_skipped() -> None:
    scores = torch.tensor([[[9.0, 8, 7, 1, 0], [9, 8, 7, 1, 0]]])
    found = measured(scores, [0, 0, 0, 1], [0, 1, 2, 3], [[0, 0, 1, 0]])
    assert float(found["recall_at_1"]) == 1
    assert (float(found["users_evaluated"]), float(found["users_skipped"])) == (1, 1)
    assert float(found["top_at_1"]) == 0  # as published: the seen ones are above it
    assert float(found["top_at_5"]) == 1


def test_an_item_that_was_trained_on_too_is_not_relevant_and_repeated_ratings_count_once() -> None:
    scores = torch.tensor([[[5.0, 4, 3, 2]]])
    found = measured(scores, [0, 0, 0, 0], [0, 0, 1, 1], [[0, 1, 1, 1]])
    assert float(found["recall_at_1"]) == 1
    assert float(found["recall_at_5"]) == 1
    assert float(found["map"]) == 1


def test_copies_of_a_candidate_take_places_in_the_published_metric_alone() -> None:
    scores = torch.tensor([[[5.0, 4, 3]]])
    once = measured(scores, [0], [1], [[1]])
    twice = measured(scores, [0], [1], [[1]], copies=torch.tensor([5, 1, 1]))
    assert (float(once["top_at_5"]), float(twice["top_at_5"])) == (1, 0)
    assert float(once["mrr"]) == float(twice["mrr"]) == 0.5


def in_all_orders(scores: Tensor, train: Pairs, test: Pairs) -> dict[str, float]:
    """The means over every order that the scores (U, I) allow, from the definitions."""
    users, items = scores.shape
    found = {metric.name: 0.0 for metric in ranking.OF_USERS if "users" not in metric.name}
    unlisted = {k: np.ones(items) for k in ranking.LIST_CUTS}
    counts = np.bincount([item for _, item in train], minlength=items)
    information = -np.log2(np.maximum(counts, 1) / max(len({user for user, _ in train}), 1))
    evaluated = 0
    for user in range(users):
        seen = {item for other, item in train if other == user}
        relevant = {item for other, item in test if other == user} - seen
        if not relevant:
            continue
        evaluated += 1
        candidates = [item for item in range(items) if item not in seen]
        orders = [
            order
            for order in itertools.permutations(candidates)
            if all(scores[user, one] >= scores[user, next_] for one, next_ in itertools.pairwise(order))
        ]
        for order in orders:
            hits, share = [item in relevant for item in order], 1 / len(orders)
            for k in CUTS:
                found[f"recall_at_{k}"] += share * sum(hits[:k]) / len(relevant)
                gain = sum(1 / math.log2(place + 2) for place, hit in enumerate(hits[:k]) if hit)
                ideal = sum(1 / math.log2(place + 2) for place in range(min(k, len(relevant))))
                found[f"ndcg_at_{k}"] += share * gain / ideal
            found["mrr"] += share / (hits.index(True) + 1)
            precisions = [sum(hits[: place + 1]) / (place + 1) for place, hit in enumerate(hits) if hit]
            found["map"] += share * sum(precisions) / len(relevant)
            for k in ranking.LIST_CUTS:
                found[f"novelty_at_{k}"] += share * float(np.mean([information[item] for item in order[:k]]))
        for k, item in itertools.product(ranking.LIST_CUTS, candidates):
            unlisted[k][item] *= 1 - sum(item in order[:k] for order in orders) / len(orders)
    found = {name: value / evaluated for name, value in found.items()}
    return found | {f"coverage_at_{k}": float((1 - unlisted[k]).mean()) for k in ranking.LIST_CUTS}


@pytest.mark.parametrize(("values", "block"), [(1, 10**6), (2, 40), (3, 1), (40, 10**6)])
def test_ties_count_by_their_expectation(values: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ranking.BLOCK, "cpu", block)
    monkeypatch.setattr(ranking, "LIST_CUTS", (3, 10))
    declared = tuple(
        replace(metric, name=metric.name.replace("_at_100", "_at_3")) if metric.good is None else metric
        for metric in ranking.OF_USERS
    )
    monkeypatch.setattr(ranking, "OF_USERS", declared)
    draw = np.random.default_rng(values + 10)
    users, items = draw.integers(0, 4, 16), draw.integers(0, 6, 16)
    sides = draw.integers(0, 3, (3, 16))
    scores = torch.from_numpy(draw.integers(0, values, (3, 4, 6))).float()
    found = measured(scores, users.tolist(), items.tolist(), sides.tolist())
    for seed, side in enumerate(sides):
        pairs = list(zip(users.tolist(), items.tolist(), strict=True))
        train, test = ([pair for pair, own in zip(pairs, side, strict=True) if own == wanted] for wanted in (0, 1))
        for name, value in in_all_orders(scores[seed], train, test).items():
            assert float(found[name][seed]) == pytest.approx(value, abs=1e-6), name


def test_a_seed_whose_scores_are_not_numbers_has_no_metrics() -> None:
    scores = torch.tensor([[[3.0, 2, 1]], [[3.0, torch.nan, 1]]])
    found = measured(scores, [0, 0], [1, 2], [[1, 0], [1, 0]])
    for name, values in found.items():
        assert bool(values[0].isfinite()), name
        assert bool(values[1].isnan()), name


def test_equal_torchmetrics_where_nothing_ties() -> None:
    draw = torch.Generator().manual_seed(0)
    scores = torch.rand(1, 1, 200, generator=draw)
    relevant = torch.randperm(200, generator=draw)[:12]
    found = measured(scores, [0] * 12, relevant.tolist(), [[1] * 12])
    target = torch.zeros(200, dtype=torch.bool)
    target[relevant] = True
    for k in CUTS:
        assert float(found[f"recall_at_{k}"]) == pytest.approx(
            float(tm.retrieval_recall(scores[0, 0], target, top_k=k))
        )
        expected = float(tm.retrieval_normalized_dcg(scores[0, 0], target, top_k=k))
        assert float(found[f"ndcg_at_{k}"]) == pytest.approx(expected, abs=1e-6)
    assert float(found["map"]) == pytest.approx(float(tm.retrieval_average_precision(scores[0, 0], target)), abs=1e-6)
    assert float(found["mrr"]) == pytest.approx(float(tm.retrieval_reciprocal_rank(scores[0, 0], target)), abs=1e-6)


def test_sampled_ranking_has_a_name_of_its_own_and_draws_alike_for_all_networks() -> None:
    scores = torch.linspace(1, 0, 200).expand(2, 1, -1)  # the relevant item is the 30th of 200
    settings: dict[str, object] = {"sampled": 99, "keys": torch.tensor([3, 4])}
    found = measured(scores, [0, 0], [29, 150], [[1, 0], [1, 0]], **settings)
    assert found["recall_at_10"].tolist() == [0, 0]
    assert "hit_rate_at_10_s99" in found
    assert "hit_rate_at_10" not in found
    # Some 14 of the 99 are above it: both seeds draw others, and each the same whatever the scores.
    every = measured(torch.zeros(2, 1, 200), [0, 0], [29, 150], [[1, 0], [1, 0]], **settings)
    assert every["hit_rate_at_10_s99"].tolist() == pytest.approx([0.1, 0.1])
    few = measured(scores[..., :8], [0, 0], [5, 2], [[1, 0], [1, 0]], **settings)
    assert few["hit_rate_at_10_s99"].tolist() == [1, 1]  # fewer than 99 are left: each at most once


def test_sampled_items_are_neither_trained_on_nor_relevant() -> None:
    """Of 25 items one user has trained on the best 12; the next 12 are relevant, and only the last is left to draw."""
    scores = torch.linspace(1, 0, 25).expand(1, 1, -1)
    sides = [[0] * 12 + [1] * 12]
    found = measured(scores, [0] * 24, list(range(24)), sides, sampled=20, keys=torch.tensor([5]))
    assert found["hit_rate_at_10_s20"].tolist() == [1]
    assert found["recall_at_10"].tolist() == [pytest.approx(10 / 12)]
