"""Cold start: what is known of newcomers and what is not, in training and in prediction, and settings that cannot work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seedbed.data.rating_splits import HeldOut
from seedbed.data.ratings import RatingTable
from seedbed.data.splits import Rows
from seedbed.errors import ConfigError
from seedbed.imbalance.base import Strategy
from seedbed.models.fold_in import factor_model, mean_vector, vector_of
from seedbed.running.runner import run
from seedbed.tasks.cold_start import METHODS, ColdStart
from seedbed.training.seed_results import SeedResult
from seedbed.training.stack_trainer import StackTrainer
from tests.tasks.test_rating import DOT, NETWORK, config, table_of

KNOWN = [0, 1, 2, 4]
SPLITS = {side: HeldOut(side=side, val=0.2, test=0.2, at_least=6) for side in ("user", "item")}


def made_up() -> RatingTable:
    """Of each of 20 users, 12 ratings of 15 items or more; a user's features say how high its ratings are."""
    draw = np.random.default_rng(0)
    users = np.repeat(np.arange(1, 21), 13)
    items = np.concatenate([draw.permutation(np.arange(1, 16))[:13] for _ in range(20)])
    features = draw.normal(size=(21, 2)).astype(np.float32), draw.normal(size=(16, 3)).astype(np.float32)
    ratings = np.clip(np.round(3 + features[0][users, 0] + 0.5 * draw.normal(size=260)), 1, 5)
    return table_of(
        users.tolist(), items.tolist(), ratings.tolist(), user_features=features[0], item_features=features[1]
    )


TABLE = made_up()


def settings_of(side: str = "user", **task: Any) -> dict[str, Any]:
    settings = {
        "_target_": "seedbed.tasks.cold_start.ColdStart", "_partial_": True, "method": "fold_in", "known": KNOWN,
        "ridge": 2.0, "side": side, "at_least": 6,
    }  # fmt: skip
    adam = {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 3e-2}
    found = config(DOT | {"y_range": [0, 5.5]}, task=settings | task, optimizer=adam, schedule=None)
    return found | {"monitor": "val/rmse"}


def train(seeds: list[int], settings: dict[str, Any], table: RatingTable = TABLE) -> dict[int, SeedResult]:
    side = settings["task"]["side"]
    data = [ColdStart.seed_data(table, SPLITS[side].rows(table, seed), Strategy(), seed) for seed in seeds]
    return {result.seed: result for result in StackTrainer(settings, table).train(data)}


@pytest.mark.slow
@pytest.mark.parametrize("side", ["user", "item"])
@pytest.mark.parametrize("method", METHODS)
def test_a_seed_is_measured_in_a_stack_as_it_is_alone(method: str, side: str) -> None:
    settings = settings_of(side, method=method)
    together = train([0, 1], settings)
    alone = train([1], settings)[1]
    assert together[1].metrics.keys() == alone.metrics.keys() >= {f"test/rmse_at_{count}" for count in KNOWN}
    for name in alone.metrics.keys() - {"seconds"}:
        assert together[1].metrics[name] == pytest.approx(alone.metrics[name], rel=1e-6)
    rmse = [alone.metrics[f"test/rmse_at_{count}"] for count in KNOWN]
    assert alone.metrics["test/rmse"] == pytest.approx(np.mean(rmse))
    assert alone.metrics["test/loss"] == alone.metrics["test/mse"] == pytest.approx(np.mean(np.square(rmse)))
    folds = method in ("fold_in", "metadata_fold_in", "mean_rating")
    assert (len(set(rmse)) == 1) != folds  # without folding in, ratings change nothing


@pytest.mark.slow
def test_without_ratings_fold_in_is_the_mean_vector_and_with_metadata_theirs() -> None:
    found = {method: train([3], settings_of(method=method))[3].metrics for method in METHODS}
    assert found["fold_in"]["test/rmse_at_0"] == found["mean_vector"]["test/rmse_at_0"]
    assert found["metadata_fold_in"]["test/rmse_at_0"] == found["metadata"]["test/rmse_at_0"]
    assert found["metadata"]["test/rmse_at_0"] < found["mean_vector"]["test/rmse_at_0"]  # as the table is made
    assert found["fold_in"]["test/rmse_at_4"] < found["fold_in"]["test/rmse_at_0"]


@pytest.mark.slow
def test_nothing_need_be_known() -> None:
    metrics = train([3], settings_of(known=[0]))[3].metrics
    assert metrics["test/rmse"] == metrics["test/rmse_at_0"] == pytest.approx(metrics["test/mse"] ** 0.5)


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[ColdStart]:
    """The tasks that have been tested, with what they predicted in ``predicted``."""
    seen: list[ColdStart] = []
    original = ColdStart._predicted_for

    def watched(self: ColdStart, position: int, *rest: Any) -> dict[int, np.ndarray]:
        found = original(self, position, *rest)
        self.predicted = {count: values.copy() for count, values in found.items()}  # type: ignore[attr-defined]
        self.newcomers = rest[-1]  # type: ignore[attr-defined]
        seen.append(self)
        return found

    monkeypatch.setattr(ColdStart, "_predicted_for", watched)
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fold_in", "metadata_fold_in", "mean_rating"])
def test_the_ratings_to_be_predicted_change_no_prediction(tasks: list[ColdStart], method: str) -> None:
    settings = settings_of(method=method)
    result = train([0], settings)[0]
    task: Any = tasks[-1]
    predicted, newcomers = task.predicted, task.newcomers
    assert len(newcomers.actual) == 4 * (13 - max(KNOWN))
    rows = SPLITS["user"].rows(TABLE, 0)
    assert set(newcomers.ids) == set(TABLE.users[rows.test])
    # Other ratings where they are to be predicted, in the test part and in the validation part.
    known = {(int(user), int(item)) for user, of in zip(newcomers.ids, newcomers.met, strict=True) for item in of}
    pairs = zip(TABLE.users.tolist(), TABLE.items.tolist(), strict=True)
    is_target = np.isin(np.arange(260), rows.test) & np.array([pair not in known for pair in pairs])
    assert is_target.sum() == len(newcomers.actual)
    changed = np.where(is_target, 6 - TABLE.ratings, TABLE.ratings).astype(np.float32)
    other = train([0], settings, _with_ratings(changed))[0]
    assert all(np.array_equal(predicted[count], tasks[-1].predicted[count]) for count in KNOWN)  # type: ignore[attr-defined]
    assert other.metrics["test/rmse"] != result.metrics["test/rmse"]
    # No rating of a newcomer trains, known or not.
    held_out = np.isin(np.arange(260), np.concatenate([rows.val, rows.test]))
    changed = np.where(held_out, 6 - TABLE.ratings, TABLE.ratings).astype(np.float32)
    again = train([0], settings, _with_ratings(changed))[0]
    assert all(torch.equal(again.weights[name], weights) for name, weights in result.weights.items())
    assert set(TABLE.users[held_out]).isdisjoint(TABLE.users[rows.train])


def _with_ratings(ratings: np.ndarray) -> RatingTable:
    return table_of(
        TABLE.users.tolist(), TABLE.items.tolist(), ratings.tolist(), user_features=TABLE.user_features,
        item_features=TABLE.item_features,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("vocabulary", ["file", "train"])
def test_predictions_are_those_of_each_newcomer_alone(tasks: list[ColdStart], vocabulary: str) -> None:
    """Rating by rating, by the function that serves one newcomer; an item that the seed has not trained on tells nothing."""
    settings = settings_of(vocabulary=vocabulary)
    rows = SPLITS["user"].rows(TABLE, 0)
    without = int(np.bincount(TABLE.items[rows.test]).argmax())
    rows = Rows(rows.train[TABLE.items[rows.train] != without], rows.val, rows.test)
    trainer = StackTrainer(settings, TABLE)
    (result,) = trainer.train([ColdStart.seed_data(TABLE, rows, Strategy(), 0)])
    task: Any = tasks[-1]
    network = trainer.parts.network().double()
    network.load_state_dict(result.weights)
    model = factor_model(network)
    start = mean_vector(model.vectors[np.unique(TABLE.users[rows.train])])
    unknown = 0 if vocabulary == "train" else without
    checked = 0
    for position, newcomer in enumerate(task.newcomers.ids):
        rated = dict(zip(TABLE.items[TABLE.users == newcomer], TABLE.ratings[TABLE.users == newcomer], strict=True))
        is_owner = task.newcomers.owners == position
        for count in KNOWN:
            met = [int(item) for item in task.newcomers.met[position][:count] if item != unknown]
            vector = vector_of(model, np.array(met, dtype=int), np.array([rated[item] for item in met]), start, 2.0)
            expected = model.ratings(vector, task.newcomers.targets[is_owner])
            assert task.predicted[count][is_owner] == pytest.approx(expected)
        checked += int(np.isin(unknown, task.newcomers.met[position]))
    assert checked > 0
    assert (task.newcomers.targets == unknown).any()


@pytest.mark.slow
def test_nothing_is_learned_from_the_vectors_of_those_with_few_ratings(tasks: list[ColdStart]) -> None:
    features = np.vstack([TABLE.user_features, [[9, 9]]])  # type: ignore[list-item]
    table = table_of(
        [*TABLE.users, *[21] * 5], [*TABLE.items, 1, 2, 3, 4, 5], [*TABLE.ratings, *[1] * 5], user_features=features
    )
    train([0], settings_of(method="mean_vector"), table)
    (learned_from,) = tasks[-1]._learned_from
    rows = SPLITS["user"].rows(table, 0)
    assert 21 in table.users[rows.train]
    assert set(np.flatnonzero(learned_from)) == set(table.users[rows.train]) - {21}


def test_a_seed_whose_weights_are_not_finite_diverges_alone() -> None:
    settings = settings_of(method="metadata") | {
        "optimizer": {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 1e30}, "model": DOT,
    }  # fmt: skip
    assert train([0], settings)[0].outcome == "diverged"


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({"method": "fold"}, r"task\.method=fold: .*'fold_in'"),
        ({"ridge": 0}, r"task\.ridge=0 .* a positive number"),
        ({"known": [0, 3, 3]}, r"task\.known=\[0,3,3\]"),
        ({"known": []}, r"task\.known=\[\]"),
        ({"known": [0, 6]}, r"split\.at_least=6 no rating of some users would be left.*split\.at_least above 6"),
        ({"side": "users"}, r"task\.side=users"),
        ({"vocabulary": "all"}, "vocabulary=all"),
    ],
)
def test_bad_settings_are_found_before_training(task: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        StackTrainer(settings_of(**task), TABLE)


def test_what_has_no_factors_no_metadata_or_no_newcomers_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"EmbeddingNetwork has no factors.*model=dot_product"):
        StackTrainer(settings_of() | {"model": NETWORK}, TABLE)
    bare = table_of(TABLE.users.tolist(), TABLE.items.tolist(), TABLE.ratings.tolist())
    with pytest.raises(ConfigError, match=r"task\.method=metadata: made up says nothing of its items"):
        StackTrainer(settings_of("item", method="metadata"), bare)
    with pytest.raises(ConfigError, match=r"nobody is new\. Use split=held_out"):
        ColdStart.check(TABLE, Rows(np.arange(200), np.arange(200, 230), np.arange(230, 260)), Strategy())
    data = [ColdStart.seed_data(TABLE, SPLITS["user"].rows(TABLE, 0), Strategy(), 0)]
    with pytest.raises(ConfigError, match=r"task\.side=item: the split holds out users"):
        StackTrainer(settings_of("item"), TABLE).train(data)


EXPERIMENT = """
# @package _global_
defaults:
  - override /data: ratings_csv
  - override /split: held_out
  - override /model: dot_product
  - override /task: cold_start
  - override /optimizer: fastai_adam
question: What does a rating tell?
seeds: 2
split: {at_least: 6}
model: {factors: 3, y_range: [0, 5.5]}
task: {known: [0, 1, 2, 4]}
trainer: {max_epochs: 2, batch_size: 16, accelerator: cpu, seeds_at_once: 2}
tracking: {pictures: false}
monitor: val/rmse
variants:
  mean_vector: [task.method=mean_vector]
  fold_in: []
report: {metric: test/rmse, baseline: mean_vector}
"""
COLUMNS = ("data.path=ratings.csv", "data.user=who", "data.item=what", "data.rating=stars")


def write_cold_project(project: Path) -> None:
    rows = zip(TABLE.users, TABLE.items, TABLE.ratings, strict=True)
    lines = [f"u{user},Film {item},{rating:g}" for user, item, rating in rows]
    (project / "ratings.csv").write_text("\n".join(["who,what,stars", *lines]) + "\n")
    (project / "experiments" / "newcomers.yaml").write_text(EXPERIMENT)


@pytest.mark.slow
def test_an_experiment_reports_by_known_ratings(project: Path, tmp_path: Path, draw_only: Callable[..., None]) -> None:
    draw_only("known")
    write_cold_project(project)
    outcome = run("newcomers", COLUMNS, config_dir=project)
    assert not outcome.failures
    results = outcome.results
    assert all(results.metric(f"test/rmse_at_{count}").good == "lower" for count in KNOWN)
    assert results.data["split_counts"]["cold_users"] == 4
    assert not results.has_ratings
    assert not results.is_inspected
    from seedbed.report.writing import write_report  # noqa: PLC0415

    written = {path.name: path for path in write_report(results, tmp_path / "report", formats=["md", "tex"])}
    page = written["report.md"].read_text()
    part = page[page.index("## By known ratings") :].split("\n## ")[0]
    assert "![" in part
    assert "known.png" in part
    header, _, *rows = [line for line in part.splitlines() if line.startswith("|")]
    assert header.split("|")[2:-1] == [f" {count} " for count in KNOWN]
    assert [row.split("|")[1].strip() for row in rows] == ["mean_vector", "fold_in"]
    mean = results.values("fold_in", "test/rmse_at_2").mean()
    assert f"{mean:.4f}" in rows[1]
    assert "rmse_at" not in page[page.index("## Other metrics") :].split("\n## ")[0]
    assert {"known.png", "known.svg"} <= written.keys()
    assert "known.png" in written["report.tex"].read_text()
