"""Retrieval: stacked two towers train as each alone, follow the plain loop, and stand beside baselines in one table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from seedbed.config import building
from seedbed.data.ratings import RatingTable
from seedbed.data.splits import Rows
from seedbed.errors import ConfigError
from seedbed.imbalance.base import Strategy
from seedbed.imbalance.class_weights import ClassWeights
from seedbed.metrics import by_name
from seedbed.models.two_tower import TwoTower
from seedbed.randomness import derive
from seedbed.running.runner import run
from seedbed.serving.building import recommender_of
from seedbed.serving.recommender import Recommender
from seedbed.stacking.ranking import OF_ROWS, OF_USERS
from seedbed.tasks import retrieval
from seedbed.tasks.retrieval import Retrieval
from seedbed.torch_random import global_stream
from seedbed.trained.loading import load_recommender
from seedbed.training.seed_results import SeedResult
from seedbed.training.stack_trainer import StackTrainer
from tests.tasks.test_rating import DOT, TABLE, config, rows_of

TOWERS = {"_target_": "seedbed.models.two_tower.TwoTower", "_partial_": True, "factors": 4}
MODELS = {"ids": TOWERS, "features": TOWERS | {"metadata": True}, "layers": TOWERS | {"hidden": [5]}}
ADAGRAD = {
    "_target_": "torch.optim.Adagrad",
    "_partial_": True,
    "lr": 0.1,
    "initial_accumulator_value": 0.1,
    "eps": 1e-7,
}


def settings(model: dict[str, Any] = TOWERS, **task: Any) -> dict[str, Any]:
    found = config(model, optimizer=ADAGRAD, schedule=None, monitor="val/ndcg_at_10")
    return found | {"task": {"_target_": "seedbed.tasks.retrieval.Retrieval", "_partial_": True, **task}}


def train(seeds: list[int], chosen: dict[str, Any], table: RatingTable = TABLE) -> dict[int, SeedResult]:
    trainer = StackTrainer(chosen, table)
    data = [Retrieval.seed_data(table, rows_of(seed), Strategy(), seed) for seed in seeds]
    return {result.seed: result for result in trainer.train(data)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "task"),
    [
        ("ids", {}),
        ("features", {"correct_sampling": True, "temperature": 0.5}),
        ("layers", {"remove_accidental_hits": True, "sampled_negatives": 5}),
        ("ids", {"hard_negatives": 4}),
        ("ids", {"loss": "bpr"}),
    ],
)
def test_a_seed_trains_in_a_stack_as_it_does_alone(model: str, task: dict[str, Any]) -> None:
    chosen = settings(MODELS[model], **task)
    for seed, stacked in train([0, 1, 2], chosen).items():
        alone = train([seed], chosen)[seed]
        assert [point[:2] for point in stacked.curves] == [point[:2] for point in alone.curves]
        np.testing.assert_allclose([p[2] for p in stacked.curves], [p[2] for p in alone.curves], rtol=1e-5)
        assert stacked.metrics["test/loss"] == pytest.approx(alone.metrics["test/loss"], rel=1e-5)


def test_two_towers_learn_what_a_plain_loop_learns() -> None:
    """Softmax over all pairs of rows of a batch, summed over it; the curve is the mean over the batches."""
    result = train([0], settings())[0]
    with global_stream(0, "weights"):
        network: Any = StackTrainer(settings(), TABLE).parts.network().double()
    optimizer = torch.optim.Adagrad(network.parameters(), lr=0.1, initial_accumulator_value=0.1, eps=1e-7)
    users, items = torch.from_numpy(TABLE.users), torch.from_numpy(TABLE.items)
    train_rows = rows_of(0).train
    losses: list[float] = []
    for epoch in range(3):
        generator = torch.Generator().manual_seed(derive(0, "order", epoch))
        order = torch.from_numpy(train_rows)[torch.randperm(len(train_rows), generator=generator)]
        of_epoch = []
        for batch in order.split(16):
            scores = network.queries(users[batch]) @ network.candidates(items[batch]).T
            loss = torch.nn.functional.cross_entropy(scores, torch.arange(len(batch)), reduction="sum")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            of_epoch.append(float(loss.detach()))
        losses.append(float(np.mean(of_epoch)))
    assert [value for name, _, value in result.curves if name == "train/loss"] == pytest.approx(losses, rel=1e-6)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(result.weights[name], value)


@pytest.mark.slow
def test_16_bits_train_with_losses_in_32() -> None:
    for model in ("ids", "layers"):
        chosen = settings(MODELS[model], remove_accidental_hits=True)
        chosen["trainer"] = chosen["trainer"] | {"precision": "bf16-mixed"}
        found = {name: value for name, _, value in train([0, 1], chosen)[0].curves}
        chosen["trainer"] = chosen["trainer"] | {"precision": "32-true"}
        exact = {name: value for name, _, value in train([0, 1], chosen)[0].curves}
        assert found["val/loss"] == pytest.approx(exact["val/loss"], rel=1e-3)


def test_bpr_draws_no_item_that_the_user_is_trained_on() -> None:
    trainer = StackTrainer(settings(loss="bpr"), TABLE)
    data = [Retrieval.seed_data(TABLE, rows_of(seed), Strategy(), seed) for seed in (0, 1)]
    module: Any = trainer.builder.stack(data, torch.device("cpu"))[0]
    every = torch.arange(1, TABLE.item_rows, dtype=torch.int32).expand(2, -1)
    for user in (1, 7):
        rated = module._rated(torch.full_like(every, user), every)
        for seed, found in zip((0, 1), rated, strict=True):
            train_rows = rows_of(seed).train
            own = TABLE.items[train_rows][TABLE.users[train_rows] == user]
            assert set((found.nonzero().flatten() + 1).tolist()) == set(own.tolist())


def test_metrics_do_not_hang_on_the_size_of_a_block_or_the_order_of_rows() -> None:
    rows = rows_of(0)
    table = TABLE
    order = np.random.default_rng(1).permutation(300)
    place = np.argsort(order)
    mixed = replace(table, users=table.users[order], items=table.items[order], ratings=table.ratings[order])
    moved = Rows(*(np.sort(place[side]) for side in (rows.train, rows.val, rows.test)))
    found = []
    for of_table, of_rows in ((table, rows), (mixed, moved)):
        trainer = StackTrainer(settings(POPULAR), of_table)
        found.append(trainer.train([Retrieval.seed_data(of_table, of_rows, Strategy(), 0)])[0].metrics)
    for name in (metric.name for metric in (*OF_ROWS, *OF_USERS)):
        assert found[0][f"test/{name}"] == pytest.approx(found[1][f"test/{name}"]), name


POPULAR = {"_target_": "seedbed.models.baselines.Popular", "_partial_": True}


@pytest.mark.parametrize("name", ["Popular", "Random", "ItemKNN", "ALS", "BPR"])
def test_baselines_rank_and_repeat(name: str) -> None:
    if name not in ("Popular", "Random"):
        pytest.importorskip("implicit", reason="the extra baselines is not installed")
    chosen = settings({"_target_": f"seedbed.models.baselines.{name}", "_partial_": True})
    first, again = train([0, 1], chosen), train([1], chosen)
    assert {f"test/{metric.name}" for metric in (*OF_ROWS, *OF_USERS)} <= set(first[0].metrics)
    assert "test/loss" not in first[0].metrics
    assert first[1].metrics["test/map"] == again[1].metrics["test/map"]
    assert first[0].metrics["test/map"] != first[1].metrics["test/map"]


def test_popular_items_are_ranked_by_their_training_ratings() -> None:
    trainer = StackTrainer(settings(POPULAR), TABLE)
    network: Any = trainer.parts.network()
    Retrieval.fit(network, TABLE, Retrieval.seed_data(TABLE, rows_of(0), Strategy(), 0))
    train_rows = rows_of(0).train
    pairs = np.unique(np.stack([TABLE.users[train_rows], TABLE.items[train_rows]]), axis=1)
    expected = np.bincount(pairs[1], minlength=TABLE.item_rows)[1:]
    assert network.scores(torch.tensor([3]))[0].tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("model", "task", "said"),
    [
        (TOWERS, {"loss": "softmax"}, "task.loss=softmax"),
        (TOWERS, {"temperature": 0}, "task.temperature=0"),
        (TOWERS, {"hard_negatives": 0}, "task.hard_negatives=0"),
        (TOWERS, {"evaluation_batch": None}, "task.evaluation_batch=null"),
        (TOWERS, {"loss": "bpr", "hard_negatives": 3}, "draws its negatives"),
        (DOT, {}, "DotProduct has no method scores"),
        (TOWERS | {"init": "uniform"}, {}, "model.init=uniform"),
    ],
)
def test_bad_settings_are_refused(model: dict[str, Any], task: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        StackTrainer(settings(model, **task), TABLE)


def test_features_that_the_data_lack_and_classes_are_refused() -> None:
    bare = replace(TABLE, user_features=None, item_features=None)
    with pytest.raises(ConfigError, match=r"model\.metadata=true"):
        StackTrainer(settings(MODELS["features"]), bare)
    with pytest.raises(ConfigError, match="imbalance"):
        Retrieval.check(TABLE, rows_of(0), ClassWeights())


def test_baselines_are_refused_elsewhere() -> None:
    with pytest.raises(ConfigError, match="Popular scores items for task=retrieval"):
        StackTrainer(config(POPULAR), TABLE)


def test_metrics_know_their_direction_and_ends() -> None:
    declared = by_name(Retrieval.declared_metrics({"sampled_negatives": 99}))
    assert declared["ndcg_at_10"].bounds == (0.0, 1.0)
    assert {declared[name].good for name in ("recall_at_100", "top_at_1", "mrr", "hit_rate_at_10_s99")} == {"higher"}
    assert {declared[name].good for name in ("loss", "loss_last_batch")} == {"lower"}
    assert {declared[name].good for name in ("novelty_at_10", "coverage_at_10", "users_skipped")} == {None}


@pytest.mark.slow
def test_a_run_from_a_file_of_ratings(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the variants that need it are left out with a word; asked for by name, they say what to install.

    What the others recommend is the same after a way through the files of a served model.
    """
    draw = np.random.default_rng(0)
    rows = [f"u{user},i{item},{rating}" for user, item, rating in zip(
        draw.integers(0, 20, 300), draw.integers(0, 30, 300), draw.integers(1, 6, 300), strict=True)]  # fmt: skip
    (project / "own.csv").write_text("\n".join(["user,item,rating", *rows]))
    (project / "experiments" / "towers.yaml").write_text(
        "# @package _global_\n"
        "defaults: [override /data: ratings_csv, override /split: random, override /model: two_tower, "
        "override /task: retrieval, override /optimizer: adagrad]\n"
        "question: Does it work?\nseeds: 2\n"
        f"data: {{path: {project / 'own.csv'}, user: user, item: item, rating: rating}}\n"
        "trainer: {max_epochs: 2, accelerator: cpu}\ntracking: {pictures: false}\n"
        "variants: {towers: [], popular: [model=popular], als: [model=als]}\n"
        "report: {metric: val/ndcg_at_10, baseline: towers}\n"
    )
    for module in (building, retrieval):
        monkeypatch.setattr(module, "is_installed", lambda name: name != "implicit")
    outcome = run("towers", config_dir=project)
    assert set(outcome.cells["variant"]) == {"towers", "popular"}
    assert outcome.cells["val/ndcg_at_10"].between(0, 1).all()
    assert outcome.trained == 4
    with pytest.raises(ConfigError, match=r"seedbed\[baselines\]"):
        run("towers", ["variant=als"], config_dir=project)
    for variant in ("towers", "popular"):
        recommender = recommender_of(load_recommender("towers", variant, config_dir=project))
        folder = tmp_path / variant
        folder.mkdir()
        again = Recommender.read(folder, {"about": "", **recommender.write(folder)})
        found = recommender.for_user(3, 5)
        assert again.for_user(3, 5) == found
        rated = set(recommender.seen.by(3).tolist())
        assert len(found.ranked) == 5
        assert not rated & {row.item for row in found.ranked}
    assert again.for_user(0, 5).cold_start


def test_batch_norm_is_refused_where_towers_see_distinct_users_and_items() -> None:
    network = TwoTower(5, 6, factors=4, hidden=[4])
    network.candidate.layers = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    with pytest.raises(ConfigError, match=r"TwoTower holds batch norm \(candidate.layers.1\), and task.loss=in_batch"):
        Retrieval.check_network(network, {})
    Retrieval.check_network(network, {"loss": "bpr"})
