"""Regression: trained on standardised targets, measured in their own units, and alone as in a stack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import median_absolute_error, r2_score, root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from seedbed.config.building import build
from seedbed.config.experiment import load_experiment
from seedbed.data.table import Table
from seedbed.errors import ConfigError, SeedbedError
from seedbed.running.planning import plan_experiment
from seedbed.training.progress import Display
from seedbed.training.seed_results import SeedResult

EXPERIMENT = """
# @package _global_
defaults:
  - override /data: feature_csv
  - override /model: mlp
  - override /task: regression
question: Does it predict?
seeds: 3
model: {hidden: []}
optimizer: {lr: 0.05, weight_decay: 0.0}
trainer: {max_epochs: 60, batch_size: 32, accelerator: cpu, seeds_at_once: 3}
tracking: {pictures: false}
variants: {one: []}
report: {metric: test/rmse}
"""
SLOPES = np.array([3000.0, -2000.0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with targets that are a linear function of the features, far from 0."""
    folder = tmp_path_factory.mktemp("regression")
    (folder / "experiments").mkdir()
    (folder / "experiments" / "houses.yaml").write_text(EXPERIMENT)
    rng = np.random.default_rng(0)
    features = rng.normal(5, 2, (120, 2)).round(3)
    prices = (100_000 + features @ SLOPES).round(2)
    lines = [f"{a},{b},{price}" for (a, b), price in zip(features, prices, strict=True)]
    (folder / "houses.csv").write_text("\n".join(["a,b,price", *lines]))
    return folder


def trained(folder: Path, *overrides: str, seeds: list[int] | None = None) -> tuple[Table, Any, list[SeedResult]]:
    """The table, the planned variant and the results of the seeds, as one stack."""
    settings = [f"data.path={folder}/houses.csv", "data.target=price"]
    experiment = load_experiment("houses", [*settings, *overrides], folder)
    _, (planned,) = plan_experiment(experiment, Display(quiet=True))
    trainer, table = planned.trainer, planned.table
    asked = seeds or list(experiment.seeds)
    data = [trainer.task.seed_data(table, planned.rows[seed], planned.strategy, seed) for seed in asked]
    return table, planned, trainer.train(data)


def test_a_network_learns_a_linear_function_in_the_targets_own_units(folder: Path) -> None:
    table, planned, results = trained(folder)
    assert table.targets is not None
    for result in results:
        spread = table.targets[planned.rows[result.seed].test].std()
        assert result.outcome == "ok"
        assert result.metrics["test/rmse"] < 0.02 * spread
        assert result.metrics["test/r2"] > 0.999
        train = table.targets[planned.rows[result.seed].train]
        assert result.metrics["test/loss"] == pytest.approx((result.metrics["test/rmse"] / train.std()) ** 2)


def test_seeds_in_a_stack_are_trained_as_they_are_alone(folder: Path) -> None:
    few = ("trainer.max_epochs=2", "model.hidden=[8]")
    _, _, together = trained(folder, *few)
    for result in together:
        _, _, (alone,) = trained(folder, *few, seeds=[result.seed])
        assert result.metrics["test/rmse"] == pytest.approx(alone.metrics["test/rmse"], rel=1e-4)
        for name, weights in result.weights.items():
            np.testing.assert_allclose(weights, alone.weights[name], rtol=1e-3, atol=1e-5)


def test_words_and_pictures_are_regressed_on(folder: Path) -> None:
    rng = np.random.default_rng(2)
    words = np.array([f"w{n}" for n in range(30)])
    rows = [" ".join(rng.choice(words, 5)) for _ in range(60)]
    (folder / "texts.csv").write_text("body,price\n" + "".join(f"{row} {n},{n % 7}\n" for n, row in enumerate(rows)))
    (folder / "photos").mkdir()
    for n in range(40):
        pixels = np.full((4, 4, 3), 6 * n, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "photos" / f"{n}.png")
    (folder / "ages.csv").write_text("photo,price\n" + "".join(f"{n}.png,{10 + n}\n" for n in range(40)))
    short = ["trainer.max_epochs=1"]
    of_words = [
        "data=text_csv",
        "data/encoder=words",
        "model=recurrent",
        "data.text=body",
        f"data.path={folder}/texts.csv",
    ]
    _, _, results = trained(folder, *of_words, "model.hidden=8", *short)
    assert all(np.isfinite(result.metrics["test/mae"]) for result in results)
    of_pictures = [
        "data=image_folder",
        f"data.path={folder}/photos",
        f"data.targets={folder}/ages.csv",
        "data.size=[4,4]",
    ]
    _, _, results = trained(folder, *of_pictures, "model=pixel_mlp", "trainer.max_epochs=60")
    assert all(result.metrics["test/r2"] > 0.9 for result in results), "brighter pictures have higher targets"


@pytest.mark.parametrize(
    "model",
    [
        {"_target_": "sklearn.linear_model.Ridge", "alpha": 2.0},
        {"_target_": "sklearn.ensemble.RandomForestRegressor", "n_estimators": 5},
        {"_target_": "sklearn.svm.SVR", "C": 10.0},
    ],
    ids=lambda model: model["_target_"].rpartition(".")[2],
)
def test_a_regressor_is_fitted_as_by_scikit_learn(folder: Path, model: dict[str, Any]) -> None:
    """To standardised features, and targets as they are."""
    frame = pd.read_csv(folder / "houses.csv")
    features, prices = frame[["a", "b"]].to_numpy(), frame["price"].to_numpy()
    settings = ",".join(f"{key}:{value}" for key, value in model.items())
    _, planned, results = trained(folder, f"model={{{settings}}}", "seeds=2")
    for result in results:
        rows, estimator = planned.rows[result.seed], build(model, "model")
        if "random_state" in estimator.get_params():
            estimator.set_params(random_state=result.estimator.random_state)
        own = make_pipeline(StandardScaler(), estimator).fit(features[rows.train], prices[rows.train])
        true, said = prices[rows.test], own.predict(features[rows.test])
        assert result.metrics["test/rmse"] == pytest.approx(root_mean_squared_error(true, said), rel=1e-9)
        assert result.metrics["test/r2"] == pytest.approx(r2_score(true, said), rel=1e-9)
        assert result.metrics["test/median_absolute_error"] == pytest.approx(
            median_absolute_error(true, said), rel=1e-9
        )


def test_a_classifier_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"RandomForestClassifier predicts classes\. .*RandomForestRegressor"):
        trained(folder, "model={_target_:sklearn.ensemble.RandomForestClassifier}")


def worst(predictions: Any, targets: Any) -> Any:
    return (predictions - targets).abs().max()


def test_a_users_own_metric_gets_predictions_and_targets(folder: Path) -> None:
    own = "+task.own_metrics.worst={function:{_target_:tests.tasks.test_regression.worst,_partial_:true},good:lower}"
    _, planned, results = trained(folder, own, "trainer.max_epochs=1")
    assert all(result.metrics["test/worst"] >= result.metrics["test/rmse"] for result in results)
    assert planned.trainer.task.declared_metrics(planned.trainer.parts.task_settings)[-1].needs == "predictions"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["imbalance=class_weights"],
            "imbalance: ClassWeights balances classes, and task=regression predicts numbers.",
        ),
        (["task=classification", "report.metric=test/f1"], "task=classification: data.target=price is a target"),
        (
            ["data.target=null", "data.label=price"],
            "in place of data.label=price. For classes, use task=classification.",
        ),
        (["split.strata=40"], "has no row with targets from"),
    ],
)
def test_what_does_not_go_with_targets_is_refused(folder: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(SeedbedError) as caught:
        trained(folder, *overrides)
    assert message in str(caught.value)


def test_training_rows_with_one_target_are_refused(folder: Path) -> None:
    table, planned, _ = trained(folder, "trainer.max_epochs=1")
    constant = np.ones(len(table.labels))
    constant[planned.rows[0].test] = 2
    with pytest.raises(ConfigError, match="training rows have the same price, 1, so that nothing can be learned"):
        planned.trainer.task.check(replace(table, targets=constant), planned.rows[0], planned.strategy)
    why = planned.trainer.task.why_undefined(replace(table, targets=constant), planned.rows[0], "test", "r2", {})
    assert why == "the test rows all have the same target, 2"
