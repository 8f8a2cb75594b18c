"""Ratings: metrics over all and over warm rows, stacked training of every network, and a run from a file of ratings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seedbed.data.ratings import RatingTable
from seedbed.data.ratings_csv import RatingsCsv
from seedbed.data.splits import Rows
from seedbed.errors import ConfigError, SeedbedError
from seedbed.imbalance.base import Strategy
from seedbed.imbalance.class_weights import ClassWeights
from seedbed.metrics import FROM_ZERO
from seedbed.models.rating import DotProduct, EmbeddingNetwork, embedding_size
from seedbed.randomness import derive
from seedbed.running.runner import run
from seedbed.stacking.layers import build
from seedbed.tasks.rating import Rating
from seedbed.torch_random import global_stream
from seedbed.training.seed_results import SeedResult
from seedbed.training.stack_trainer import StackTrainer


def table_of(users: list[int], items: list[int], ratings: list[float], **more: Any) -> RatingTable:
    return RatingTable(
        name="made up",
        digest="d" * 64,
        users=np.array(users, dtype=np.int32),
        items=np.array(items, dtype=np.int32),
        ratings=np.array(ratings, dtype=np.float32),
        timestamps=None,
        user_names=tuple(map(str, range(1, max(users) + 1))),
        item_names=tuple(map(str, range(1, max(items) + 1))),
        user_features=more.get("user_features"),
        item_features=more.get("item_features"),
        counts={},
        notes=(),
        folds={},
    )


def random_table() -> RatingTable:
    draw = np.random.default_rng(0)
    features = draw.normal(size=(31, 3)).astype(np.float32), draw.normal(size=(21, 2)).astype(np.float32)
    return table_of(
        [*range(1, 31), *draw.integers(1, 31, 270)],
        [*range(1, 21), *draw.integers(1, 21, 280)],
        (draw.integers(1, 11, 300) / 2).tolist(),
        user_features=features[0],
        item_features=features[1],
    )


TABLE = random_table()
DOT = {"_target_": "seedbed.models.rating.DotProduct", "_partial_": True, "factors": 4, "init": "uniform_0.05"}
NETWORK = {"_target_": "seedbed.models.rating.EmbeddingNetwork", "_partial_": True, "hidden": [6], "y_range": [0, 5.5]}
MODELS = {
    "dot product": DOT | {"bias": False},
    "with biases, in a range": DOT | {"y_range": [0, 5.5]},
    "network": NETWORK,
    "norm before": NETWORK | {"norm": "before", "hidden": [6, 5]},
    "norm after": NETWORK | {"norm": "after", "hidden": [6, 5]},
    "hybrid that knows": NETWORK | {"dot": True, "metadata": True, "sizes": [4, 3]},
}


def config(model: dict[str, Any], **changes: Any) -> dict[str, Any]:
    trainer = {
        "max_epochs": 3, "batch_size": 16, "gradient_clip_val": None, "precision": "64-true", "accelerator": "cpu",
        "devices": 1, "deterministic": False, "seeds_at_once": "auto", "steps_per_chunk": 3,
    }  # fmt: skip
    return {
        "model": model,
        "task": {"_target_": "seedbed.tasks.rating.Rating", "_partial_": True},
        "optimizer": {"_target_": "seedbed.optimizers.FastaiAdam", "_partial_": True, "lr": 5e-3, "weight_decay": 0.1},
        "schedule": {"_target_": "seedbed.schedules.OneCycle"},
        "select": "last",
        "monitor": "val/mse",
        "patience": None,
        "trainer": trainer,
    } | changes


def rows_of(seed: int) -> Rows:
    """Training parts of unequal size: 200 - 40 seed rows."""
    order = np.random.default_rng(seed).permutation(300)
    return Rows(np.sort(order[: 200 - 40 * seed]), np.sort(order[200:250]), np.sort(order[250:]))


def train(seeds: list[int], settings: dict[str, Any]) -> dict[int, SeedResult]:
    trainer = StackTrainer(settings, TABLE)
    results = trainer.train([Rating.seed_data(TABLE, rows_of(seed), Strategy(), seed) for seed in seeds])
    return {result.seed: result for result in results}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_seed_trains_in_a_stack_as_it_does_alone(name: str) -> None:
    """With a schedule of its own length, a short last batch, and rest while others still step."""
    together = train([0, 1, 2], config(MODELS[name]))
    for seed, stacked in together.items():
        alone = train([seed], config(MODELS[name]))[seed]
        np.testing.assert_allclose([p[2] for p in stacked.curves], [p[2] for p in alone.curves], rtol=1e-6)
        assert stacked.metrics["test/mse"] == pytest.approx(alone.metrics["test/mse"], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_seeds_learn_what_a_plain_loop_learns(name: str) -> None:
    adam = {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 1e-2, "weight_decay": 1e-3}
    settings = config(MODELS[name], optimizer=adam, schedule=None)
    learnt = train([0, 1, 2], settings)
    for seed, result in learnt.items():
        with global_stream(seed, "weights"):
            network = StackTrainer(settings, TABLE).parts.network().double()
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-2, weight_decay=1e-3)
        users, items, ratings = (torch.from_numpy(column) for column in (TABLE.users, TABLE.items, TABLE.ratings))
        rows = rows_of(seed)
        for epoch in range(3):
            generator = torch.Generator().manual_seed(derive(seed, "order", epoch))
            order = torch.from_numpy(rows.train)[torch.randperm(len(rows.train), generator=generator)]
            for batch in order.split(16):
                optimizer.zero_grad()
                ((network(users[batch], items[batch]) - ratings[batch].double()) ** 2).mean().backward()
                optimizer.step()
        network.eval()
        with torch.no_grad():
            predicted = network(users[rows.test], items[rows.test])
        mse = float(((predicted - ratings[rows.test].double()) ** 2).mean())
        assert result.metrics["test/mse"] == pytest.approx(mse, rel=1e-6)
        for key, value in network.state_dict().items():
            np.testing.assert_allclose(result.weights[key], value, rtol=1e-4, atol=1e-7, err_msg=key)


def test_users_and_items_without_training_rows_are_cold() -> None:
    table = table_of([1, 2, 1, 2, 3], [1, 2, 2, 1, 3], [4, 3, 5, 4, 2])
    rows = Rows(np.array([0, 1]), np.array([2, 3, 4]), np.array([], dtype=np.int64))
    assert Rating.count_split(table, rows) == {"cold_users": 1, "cold_items": 1, "cold_rows": 1}
    trainer = StackTrainer(config(DOT | {"factors": 2}), table)
    assert trainer.parts.network().user_factors.weight.shape == (4, 2)  # the known ones and the reserved row
    for vocabulary in ("file", "train"):
        settings = config(DOT, task={**trainer.config["task"], "vocabulary": vocabulary})
        (result,) = StackTrainer(settings, table).train([Rating.seed_data(table, rows, Strategy(), 0)])
        last = {metric: value for metric, epoch, value in result.curves if epoch == 2}
        assert last["val/cold_rows"] == 1
        assert last["val/rmse"] ** 2 == pytest.approx(last["val/mse"])
        assert last["val/mse_warm"] < last["val/mse"] or last["val/mse_warm"] != last["val/mse"]


@pytest.mark.parametrize("vocabulary", ["file", "train"])
def test_ids_far_apart_take_one_row_each_and_unknown_ones_are_counted(tmp_path: Path, vocabulary: str) -> None:
    (tmp_path / "ratings.csv").write_text("u,i,r\n1,10,4\n2,20,3\n1,20,5\n3,10,4\n2,999999,2\n")
    table = RatingsCsv(path=str(tmp_path / "ratings.csv"), user="u", item="i", rating="r").load()
    rows = Rows(np.array([0, 1]), np.array([2, 3, 4]), np.array([], dtype=np.int64))
    assert Rating.count_split(table, rows) == {"cold_users": 1, "cold_items": 1, "cold_rows": 2}
    task = {"_target_": "seedbed.tasks.rating.Rating", "_partial_": True, "vocabulary": vocabulary}
    trainer = StackTrainer(config(DOT | {"factors": 2}, task=task), table)
    (result,) = trainer.train([Rating.seed_data(table, rows, Strategy(), 0)])
    assert result.weights["user_factors.weight"].shape == (3 + 1, 2)
    assert result.weights["item_factors.weight"].shape == (3 + 1, 2)
    network = trainer.parts.network().double().eval()
    network.load_state_dict(result.weights)
    known = vocabulary == "file"  # else the third user and the third item are those of the reserved row
    with torch.no_grad():
        predicted = network(torch.tensor([1, 3 * known, 2]), torch.tensor([2, 1, 3 * known])).numpy()
    squares = (predicted - np.array([5, 4, 2])) ** 2
    ends = {metric: value for metric, epoch, value in result.curves if epoch == 2}
    assert ends["val/rmse"] == pytest.approx(np.sqrt(squares.mean()))
    assert ends["val/rmse_warm"] == pytest.approx(np.sqrt(squares[0]))
    assert ends["val/cold_rows"] == 2


def evaluated(
    predicted: list[list[float]], ratings: list[list[float]], warm: list[list[bool]]
) -> dict[str, list[float]]:
    """The metrics of these predictions, of training ratings from 0.5 to 5."""
    seeds = len(predicted)
    task = Rating(
        build(lambda: DotProduct(2, 2, factors=1), list(range(seeds))),  # type: ignore[arg-type]
        torch.optim.SGD,  # type: ignore[arg-type]
        users=torch.ones(1, dtype=torch.int32),
        items=torch.ones(1, dtype=torch.int32),
        ratings=torch.ones(1),
        known_users=torch.ones(seeds, 2, dtype=torch.bool),
        known_items=torch.ones(seeds, 2, dtype=torch.bool),
        lowest=torch.full((seeds,), 0.5, dtype=torch.float64),
        highest=torch.full((seeds,), 5.0, dtype=torch.float64),
        seeds=seeds,
    )
    mask = torch.ones(len(ratings), len(ratings[0]), dtype=torch.bool)
    values = task.metrics(torch.tensor(predicted), torch.tensor(ratings), mask, torch.tensor(warm))
    return {name: value.tolist() for name, value in values.items()}


def test_clipped_predictions_are_a_metric_of_their_own() -> None:
    found = evaluated([[5.6, 0.1]], [[5.0, 0.5]], [[True, True]])
    assert found["rmse"] == pytest.approx([0.5099], abs=1e-4)
    assert found["rmse_clipped"] == pytest.approx([0.0])
    assert found["mae"] == pytest.approx([0.5])


def test_predictions_are_clipped_to_the_range_of_a_seeds_training_ratings() -> None:
    table = table_of([1, 1, 1, 1, 1], [1, 2, 3, 4, 5], [0.5, 5.0, 3.5, 2.0, 4.0])
    none = np.array([], dtype=np.int64)
    parts = [Rows(np.array(train), np.array([4]), none) for train in ([0, 1], [2, 3], [0, 3])]
    data = [Rating.seed_data(table, rows, Strategy(), seed) for seed, rows in enumerate(parts)]
    arguments = Rating.stack_data(table, data).arguments
    assert arguments["lowest"].tolist() == [0.5, 2.0, 0.5]
    assert arguments["highest"].tolist() == [5.0, 3.5, 2.0]


def test_rmse_is_over_rows_and_warm_rows_count_by_themselves() -> None:
    found = evaluated([[3.0, 1.0], [2.0, 2.0]], [[1.0, 1.0], [1.0, 4.0]], [[True, True], [True, False]])
    assert found["rmse"] == pytest.approx([2**0.5, 2.5**0.5])
    assert found["rmse_warm"] == pytest.approx([2**0.5, 1.0])
    assert found["cold_rows"] == [0, 1]


def test_embedding_sizes_are_those_of_the_source() -> None:
    assert [embedding_size(rows) for rows in (944, 1635, 1665)] == [74, 101, 102]


def test_layers_stand_as_in_either_edition() -> None:
    def kinds(norm: str | None) -> list[str]:
        network = EmbeddingNetwork(944, 1665, hidden=[100, 50], norm=norm)
        return [type(layer).__name__ for layer in network.layers]

    assert kinds("before") == ["BatchNorm1d", "Linear", "ReLU", "BatchNorm1d", "Linear", "ReLU", "Linear"]
    assert kinds("after") == ["Linear", "ReLU", "BatchNorm1d", "Linear", "ReLU", "BatchNorm1d", "Linear"]
    network = EmbeddingNetwork(944, 1665, hidden=[100, 50], norm="after")
    assert [layer.bias is not None for layer in network.layers if isinstance(layer, torch.nn.Linear)] == [
        False,
        False,
        True,
    ]


def test_initialisations() -> None:
    torch.manual_seed(0)
    folded = DotProduct(2000, 2, init="folded_normal_0.01").user_factors.weight
    assert folded.abs().max() <= 0.02
    assert folded.std().item() == pytest.approx(0.0088, abs=2e-4)  # of N(0, 1) folded at 2, times 0.01
    assert torch.equal(DotProduct(3, 2, factors=1, init="constant_0.01").user_factors.weight, torch.full((3, 1), 0.01))
    with pytest.raises(ConfigError, match=r"model\.init=normal: .*'normal_1'"):
        DotProduct(3, 2, init="normal")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (config(DOT | {"y_range": [5, 0]}), r"model\.y_range=\[5\.?0?, 0\.?0?\]"),
        (config(NETWORK | {"norm": "behind"}), r"model\.norm=behind"),
        (
            config(DOT, task={"_target_": "seedbed.tasks.rating.Rating", "_partial_": True, "vocabulary": "all"}),
            "vocabulary=all",
        ),
    ],
)
def test_bad_settings_are_found_before_training(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        StackTrainer(settings, TABLE)


def test_metadata_that_are_not_there_and_strategies_for_classes_are_refused() -> None:
    bare = table_of([1, 2], [1, 1], [3, 4])
    with pytest.raises(ConfigError, match=r"model\.metadata=true: this data set says nothing of its users"):
        StackTrainer(config(NETWORK | {"metadata": True}), bare)
    with pytest.raises(ConfigError, match="ClassWeights works on classes"):
        Rating.check(bare, Rows(np.arange(1), np.arange(1, 2), np.arange(0)), ClassWeights())


EXPERIMENT = """
# @package _global_
defaults:
  - override /data: ratings_csv
  - override /split: random
  - override /model: dot_product
  - override /task: rating
  - override /optimizer: fastai_adam
  - override /schedule: one_cycle
question: Do biases help?
seeds: 3
model: {factors: 3, y_range: [0, 5.5]}
trainer: {max_epochs: 2, batch_size: 16, accelerator: cpu, seeds_at_once: 3}
tracking: {pictures: false}
monitor: val/mse
variants:
  plain: [model.bias=false]
  biased: []
report: {metric: val/mse, baseline: plain}
published:
  curves:
    - {variant: biased, metric: val/mse, values: [3.0, 2.5]}
"""


@pytest.mark.slow
def test_a_file_of_ratings_runs_and_reports_without_a_test_part(
    project: Path, tmp_path: Path, draw_only: Callable[..., None]
) -> None:
    draw_only("curves")
    lines = [
        f"u{user},{item},{rating:g}" for user, item, rating in zip(TABLE.users, TABLE.items, TABLE.ratings, strict=True)
    ]
    (project / "ratings.csv").write_text("\n".join(["who,what,stars", *lines]) + "\n")
    (project / "experiments" / "stars.yaml").write_text(EXPERIMENT)
    columns = ["data.path=ratings.csv", "data.user=who", "data.item=what", "data.rating=stars"]
    outcome = run("stars", columns, config_dir=project)
    assert not outcome.failures
    ends = outcome.curves[(outcome.curves["metric"] == "val/mse") & (outcome.curves["epoch"] == 1)]
    for variant in ("plain", "biased"):
        final = outcome.results.values(variant, "val/mse")
        assert final.to_dict() == ends[ends["variant"] == variant].set_index("seed")["value"].to_dict()
    assert run("stars", columns, config_dir=project).trained == 0
    from seedbed.report.writing import write_report  # noqa: PLC0415

    written = {path.name: path for path in write_report(outcome.results, tmp_path / "report", formats=["md", "csv"])}
    page = written["report.md"].read_text()
    assert "Published numbers" in page
    assert "curves.png" in written
    published = written["published.csv"].read_text().splitlines()
    assert len(published) == 3
    assert published[1].startswith("biased,val/mse,0,3")


@pytest.mark.slow
@pytest.mark.parametrize(("n", "metric"), [(1, "test/rmse"), (0, "val/rmse")])
def test_leave_n_out_is_reported_by_the_rows_that_it_sets_apart(
    project: Path, tmp_path: Path, draw_only: Callable[..., None], n: int, metric: str
) -> None:
    draw_only()
    rows = zip(TABLE.users, TABLE.items, TABLE.ratings, strict=True)
    lines = [f"u{user},{item},{rating:g}" for user, item, rating in rows]
    (project / "ratings.csv").write_text("\n".join(["who,what,stars", *lines]) + "\n")
    (project / "experiments" / "stars.yaml").write_text(EXPERIMENT.split("published:", maxsplit=1)[0])
    columns = ["data.path=ratings.csv", "data.user=who", "data.item=what", "data.rating=stars"]
    asked = [*columns, "split=leave_n_out", "split.order=random", f"split.n={n}"]
    other = {"test/rmse": "val/rmse", "val/rmse": "test/rmse"}[metric]
    with pytest.raises(ConfigError, match=rf"split\.n={n}.* Write report\.metric={metric}"):
        run("stars", [*asked, f"report.metric={other}"], config_dir=project)
    outcome = run("stars", [*asked, f"report.metric={metric}"], config_dir=project)
    assert not outcome.failures
    from seedbed.report.writing import write_report  # noqa: PLC0415

    write_report(outcome.results, tmp_path, formats=["md"])
    sizes = outcome.results.data["split"]
    ratio = sizes[metric.partition("/")[0]] / sizes["train"]
    assert f"s² (1/n + {ratio:.3f})" in (tmp_path / "report.md").read_text()


FEW = ("seeds=2", "trainer.max_epochs=1", "trainer.accelerator=cpu", "tracking.pictures=false")


@pytest.mark.slow
def test_anyones_ratings_need_no_experiment_of_their_own(project: Path) -> None:
    rows = zip(TABLE.users, TABLE.items, TABLE.ratings, strict=True)
    lines = [f"u{user},{item},{rating:g}" for user, item, rating in rows]
    (project / "ratings.csv").write_text("\n".join(["who,what,stars", *lines]) + "\n")
    columns = ["data.path=ratings.csv", "data.user=who", "data.item=what", "data.rating=stars"]
    outcome = run("ratings", [*columns, *FEW, "optimizer=lazy_adam"], config_dir=project)
    assert not outcome.failures
    assert outcome.comparisons["variant"].tolist() == ["dot_product", "network"]
    assert outcome.cells["test/rmse"].between(0.1, 5).all()
    with pytest.raises(SeedbedError, match=r"data\.path"):
        run("ratings", columns[1:], config_dir=project)


def test_sparse_gradients_are_not_clipped() -> None:
    settings = config(DOT, optimizer={"_target_": "seedbed.optimizers.LazyAdam", "_partial_": True, "lr": 1e-3})
    settings["trainer"] = settings["trainer"] | {"gradient_clip_val": 1.0}
    with pytest.raises(ConfigError, match=r"gradient_clip_val=1\.0.*optimizer=adamw"):
        StackTrainer(settings, TABLE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("report.metric=test/mse", "Write report.metric=val/mse"),
        ("select=best", "split.test"),
        ("imbalance=smote", "ratings have none"),
        ("data.user=whom", "'who'"),
        ("schedule=phases", "max_epochs"),
    ],
)
def test_bad_input_of_a_rating_experiment(project: Path, override: str, said: str) -> None:
    (project / "ratings.csv").write_text("who,what,stars\n" + "".join(f"{row % 7},{row},3\n" for row in range(60)))
    (project / "experiments" / "stars.yaml").write_text(EXPERIMENT)
    columns = {"data.path": "ratings.csv", "data.user": "who", "data.item": "what", "data.rating": "stars"}
    key, value = override.split("=")
    overrides = [f"{key}={value}" for key, value in {**columns, key: value}.items()]
    with pytest.raises(SeedbedError, match=said):
        run("stars", overrides, config_dir=project)


def test_every_error_of_ratings_is_better_when_lower() -> None:
    assert [metric.name for metric in Rating.METRICS if metric.good != "lower"] == ["cold_rows"]
    assert all(metric.bounds == FROM_ZERO for metric in Rating.METRICS)
