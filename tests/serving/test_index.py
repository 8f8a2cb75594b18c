"""Candidates from the approximate index, which are then scored exactly."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from seedbed.data.names import Names
from seedbed.errors import SeedbedError, TrackingError
from seedbed.models.rating import DotProduct, EmbeddingNetwork
from seedbed.serving.files import Networks
from seedbed.serving.index import FaissIndex
from seedbed.serving.loading import load_predictor
from seedbed.serving.recommender import Recommender, Seen
from seedbed.serving.scores import NetworkScores
from seedbed.trained.rankings import Ranked

USERS, ITEMS = 20, 4000
MODEL = {"_target_": "seedbed.models.rating.DotProduct", "_partial_": True, "factors": 6, "init": "normal_1"}
OFFERED = {"users": USERS + 1, "items": ITEMS + 1}
without_faiss = pytest.mark.skipif(find_spec("faiss") is None, reason="the extra faiss is not installed")


def recommender(index: bool = False, bias: bool = True) -> Recommender:
    torch.manual_seed(0)
    networks = {seed: DotProduct(**OFFERED, factors=6, init="normal_1", bias=bias).eval() for seed in (3, 5)}
    rows = [np.tile(np.arange(size + 1, dtype=np.int32), (2, 1)) for size in (USERS, ITEMS)]
    known = np.ones((2, USERS + 1), dtype=bool)
    known[1, 7] = False
    scores = NetworkScores(Networks(MODEL | {"bias": bias}, OFFERED, networks), *rows, known)
    draw = np.random.default_rng(0)
    seen = Seen.of(
        draw.integers(1, USERS + 1, 900).astype(np.int32), draw.integers(1, ITEMS + 1, 900).astype(np.int32), USERS + 1
    )
    names = [Names([f"{what} {row}" for row in range(size)]) for what, size in (("user", USERS), ("item", ITEMS))]
    vectors = scores.vectors()
    assert vectors is not None
    return Recommender("made up", *names, seen, scores, FaissIndex.build(vectors) if index else None)


def items(found: list[Ranked]) -> set[int]:
    return {row.item for row in found}


@pytest.mark.parametrize("bias", [True, False])
def test_products_of_the_vectors_rank_as_the_mean_over_the_seeds(bias: bool) -> None:
    scores = recommender(bias=bias).scores
    vectors = scores.vectors()
    assert vectors is not None
    for user in (1, 7):
        product = vectors @ scores.vector_of(user)
        of_user = scores.of_user(user)[[0] if user == 7 else [0, 1]].sum(0)
        difference = of_user - product
        assert difference == pytest.approx(np.full(ITEMS, difference.mean()), abs=1e-4), "the user's own bias"


def test_scores_of_some_items_are_those_of_all() -> None:
    scores, some = recommender().scores, np.array([5, 9, 3999])
    for user in (1, 7):
        assert scores.of_user(user, some) == pytest.approx(scores.of_user(user)[:, some], abs=1e-6)


def test_other_networks_have_no_such_vectors() -> None:
    network = EmbeddingNetwork(USERS + 1, ITEMS + 1, hidden=[4]).eval()
    rows = [np.arange(size + 1, dtype=np.int32)[np.newaxis] for size in (USERS, ITEMS)]
    assert NetworkScores(Networks({}, {}, {0: network}), *rows, np.ones((1, USERS + 1), dtype=bool)).vectors() is None


@without_faiss
def test_an_index_finds_nearly_all_of_the_best_and_scores_them_exactly(tmp_path: Path) -> None:
    exact, approximate = recommender(), recommender(index=True)
    approximate.save(tmp_path / "model")
    loaded = load_predictor(tmp_path / "model")
    assert isinstance(loaded, Recommender)
    common = 0
    for user in range(1, USERS + 1):
        wanted, answer = exact.for_user(user, 10), approximate.for_user(user, 10)
        scores = {row.item: row.score for row in exact.for_user(user, ITEMS).ranked}
        assert all(row.score.mean == pytest.approx(scores[row.item].mean, abs=1e-6) for row in answer.ranked)
        assert not items(answer.ranked) & set(exact.seen.by(user).tolist())
        assert len(answer.ranked) == 10
        assert [row.item for row in loaded.for_user(user, 10).ranked] == [row.item for row in answer.ranked]
        common += len(items(wanted.ranked) & items(answer.ranked))
    assert 0.6 < common / (10 * USERS) < 1, "not all lists are looked at"


@without_faiss
def test_an_index_that_looks_at_all_lists_is_exact() -> None:
    exact = recommender()
    vectors = exact.scores.vectors()
    assert vectors is not None
    exact.index = FaissIndex.build(vectors)
    exact.index.look_into(1)
    for user in (1, 7, 20):
        assert items(exact.for_user(user, 10).ranked) == items(recommender().for_user(user, 10).ranked)


@without_faiss
def test_where_the_index_names_too_few_all_items_are_scored() -> None:
    approximate = recommender(index=True)
    assert approximate.index is not None
    approximate.index.look_into(0)  # one list, of some 40 items
    found = approximate.for_user(1, 300).ranked
    assert [row.item for row in found] == [row.item for row in recommender().for_user(1, 300).ranked]


@without_faiss
def test_a_damaged_index(tmp_path: Path) -> None:
    recommender(index=True).save(tmp_path / "model")
    (tmp_path / "model" / "items.faiss").write_bytes(b"nothing")
    with pytest.raises(TrackingError, match=r"items\.faiss cannot be read"):
        load_predictor(tmp_path / "model")


@pytest.mark.skipif(find_spec("faiss") is not None, reason="the extra faiss is installed")
def test_without_the_package_the_error_says_how_to_get_it() -> None:
    with pytest.raises(SeedbedError, match=r"pip install 'seedbed\[faiss\]'"):
        recommender(index=True)
