"""Runs whose scores are adjusted after training: what is measured, recorded, asked, and the same in a stack as alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.metrics import accuracy_score, f1_score, log_loss

from seedbed.cli.main import main
from seedbed.config.experiment import load_experiment
from seedbed.errors import ConfigError
from seedbed.running.planning import plan_experiment
from seedbed.running.runner import Outcome, run
from seedbed.search.trials import value_at_end
from seedbed.serving.building import predictor_of
from seedbed.serving.classifier import Classifier
from seedbed.serving.loading import load_predictor
from seedbed.tracking.store import open_project_store
from seedbed.trained.loading import find_variant
from seedbed.training.progress import Display

pytestmark = pytest.mark.slow
EPOCHS = 3
EXPERIMENT = """
# @package _global_
defaults:
  - override /data: feature_csv
  - override /model: mlp
  - override /task: classification
question: Which threshold?
seeds: 2
data: {path: rows.csv, label: state}
split: {train: 0.5, val: 0.25, test: 0.25}
model: {hidden: [8]}
optimizer: {lr: 0.01}
trainer: {max_epochs: 3, batch_size: 32, accelerator: cpu, seeds_at_once: 2}
tracking: {pictures: false}
variants:
  none: []
  threshold: [imbalance=threshold]
  corrected: [imbalance=undersample, imbalance.after=prior_correction]
  forest: [model=random_forest, model.n_estimators=5, imbalance.after=threshold, imbalance.after.metric=g_mean]
  isotonic: [model=logistic_regression, imbalance.after=recalibrate, imbalance.after.method=isotonic]
report: {metric: test/f1, baseline: none}
"""
ADJUSTED = ("threshold", "corrected", "forest", "isotonic")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> tuple[Path, Outcome]:
    folder = tmp_path_factory.mktemp("adjusted")
    (folder / "experiments").mkdir()
    (folder / "experiments" / "adjusted.yaml").write_text(EXPERIMENT)
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(2, 400))
    ill = draw.random(400) < 1 / (1 + np.exp(3 - 2 * a - b))
    pd.DataFrame({"a": a, "b": b, "state": np.where(ill, "ill", "well")}).to_csv(folder / "rows.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEEDBED_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        outcome = run("adjusted", config_dir=folder)
    assert not outcome.failures
    return folder, outcome


@pytest.mark.parametrize("variant", ADJUSTED)
def test_answers_are_those_that_were_measured(
    trained: tuple[Path, Outcome], variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, outcome = trained
    monkeypatch.chdir(folder)
    tracked = find_variant("adjusted", variant, config_dir=folder)
    networks = tracked.networks()
    cells = outcome.results.cells_of(variant).set_index("seed")
    for seed in (0, 1):
        made = predictor_of(tracked, seed)
        made.save(tmp_path / str(seed))
        predictor = load_predictor(tmp_path / str(seed))
        assert isinstance(predictor, Classifier)
        assert ("A row is ill from a probability of" in predictor.about) == (variant in ("threshold", "forest"))
        assert "After training: " in predictor.about
        rows = networks.rows(seed).test
        table = pd.read_csv(folder / "rows.csv").iloc[rows]
        answers = predictor.predict(table[["a", "b"]])
        said, true = answers["label"].eq("ill"), table["state"].eq("ill").to_numpy()
        assert f1_score(true, said) == pytest.approx(cells.loc[seed, "test/f1"])
        assert accuracy_score(true, said) == pytest.approx(cells.loc[seed, "test/accuracy"])
        assert log_loss(true, answers["probability_ill"]) == pytest.approx(cells.loc[seed, "test/loss"], rel=1e-4)
    both = predictor_of(tracked).predict(table[["a", "b"]])
    assert both[["seeds_ill", "seeds_well"]].sum(axis=1).eq(2).all()


@pytest.mark.parametrize("variant", ["none", "threshold", "corrected", "isotonic"])
def test_labels_go_by_a_threshold_that_is_asked_for(
    trained: tuple[Path, Outcome], variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = trained
    monkeypatch.chdir(folder)
    rows = pd.read_csv(folder / "rows.csv")[["a", "b"]]
    tracked = find_variant("adjusted", variant, config_dir=folder)
    as_trained = predictor_of(tracked)
    before = as_trained.predict(rows)
    at = float(before["probability_ill"].quantile(0.7))
    made = predictor_of(tracked, threshold=at)
    made.save(tmp_path / "model")
    answers = load_predictor(tmp_path / "model").predict(rows)
    is_ill = answers["probability_ill"] >= at
    assert 0 < is_ill.sum() < len(rows)
    assert answers["label"].eq("ill").tolist() == is_ill.tolist()
    assert isinstance(made, Classifier)
    assert answers["seeds_ill"].tolist() == (made.probabilities(rows)[:, :, 0] >= at).sum(0).tolist()
    assert before["probability_ill"].tolist() == answers["probability_ill"].tolist()
    assert before["label"].tolist() != answers["label"].tolist()
    assert made.about.endswith(f"A row is ill from a probability of {at:g} on (--threshold).")
    assert ("A row is ill above a probability of 0.5 (--threshold sets another)." in as_trained.about) == (
        variant != "threshold"
    )
    assert ("best by f1" in as_trained.about) == (variant == "threshold")
    assert "best by f1" not in made.about


def test_the_commands_take_a_threshold(trained: tuple[Path, Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = trained
    monkeypatch.chdir(folder)
    asked = ["adjusted", "--config-dir", str(folder), "--variant", "none", "--threshold"]
    said = CliRunner().invoke(main, ["predict", *asked, "0", "--file", "rows.csv"])
    assert said.exit_code == 0, said.output
    labels = [line.split()[0] for line in said.output.splitlines()[4:]]
    assert labels == ["ill"] * 400
    exported = CliRunner().invoke(main, ["export", *asked, "0.25"])
    assert "A row is ill from a probability of 0.25 on (--threshold)." in exported.output
    for command in ("predict", "export"):
        refused = CliRunner().invoke(main, [command, *asked, "1.2"])
        assert refused.exit_code == 2
        assert "--threshold=1.2 cannot be used: it must be a probability, from 0 to 1." in refused.output


def test_a_threshold_changes_labels_and_nothing_else(trained: tuple[Path, Outcome]) -> None:
    cells = trained[1].results.cells.set_index(["variant", "seed"])
    none, threshold = cells.loc["none"], cells.loc["threshold"]
    for metric in ("loss", "auroc", "average_precision"):
        assert none[f"test/{metric}"].tolist() == threshold[f"test/{metric}"].tolist()
    assert (none["test/recall"] < threshold["test/recall"]).all()
    assert threshold["threshold"].between(0, 0.5).all()
    assert none["threshold"].isna().all()
    assert (cells.loc["corrected"]["logit_shift"] < -1).all(), "undersampled rows are even, and one in ten is ill"


def test_curves_are_of_the_scores_as_they_are_and_final_values_of_adjusted_ones(
    trained: tuple[Path, Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, outcome = trained
    monkeypatch.chdir(folder)
    curves = outcome.results.curves
    none, threshold = (curves[(curves.variant == name) & (curves.metric == "val/f1")] for name in ("none", "threshold"))
    assert none["value"].tolist() == threshold["value"].tolist()
    _, plan = plan_experiment(load_experiment("adjusted", ["variant=threshold"], folder), Display(quiet=True))
    store = open_project_store("adjusted", folder)
    for cell in (cell for cell in store.cells().values() if cell.variant == "threshold"):
        values = store.values(cell)
        assert values["val/f1", EPOCHS] > values["val/f1", EPOCHS - 1]
        assert cell.metrics["val/f1"] == values["val/f1", EPOCHS]
        points = [(name, step, value) for (name, step), value in values.items()]
        assert value_at_end(points, "val/f1", plan[0]) == values["val/f1", EPOCHS]


@pytest.mark.parametrize("variant", ["threshold", "corrected"])
def test_a_seed_in_a_stack_is_adjusted_as_alone(
    trained: tuple[Path, Outcome], variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained[0])
    experiment = load_experiment("adjusted", [f"variant={variant}"], trained[0])
    _, (planned,) = plan_experiment(experiment, Display(quiet=True))
    data = [planned.seed_data(seed, Display(quiet=True)) for seed in (0, 1)]
    stacked = planned.trainer.train(data)
    for item, result in zip(data, stacked, strict=True):
        (alone,) = planned.trainer.train([item])
        assert alone.adjustment is not None
        assert result.adjustment is not None
        assert alone.adjustment.values == pytest.approx(result.adjustment.values, rel=1e-3)
        metrics = {name: value for name, value in result.metrics.items() if name != "seconds"}
        assert {name: alone.metrics[name] for name in metrics} == pytest.approx(metrics, rel=1e-3)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["variant=none", "imbalance.after=threshold", "model={_target_: sklearn.svm.LinearSVC}"], "LinearSVC gives none"),
        (["variant=threshold", "task=regression", "data.target=a", "data.label=null", "report.metric=test/mae"], "predicts numbers"),
    ],
)  # fmt: skip
def test_what_has_no_probabilities_of_classes_is_refused(
    trained: tuple[Path, Outcome], overrides: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained[0])
    with pytest.raises(ConfigError, match=rf"imbalance/after: .*{said}.*imbalance/after=none"):
        plan_experiment(load_experiment("adjusted", overrides, trained[0]), Display(quiet=True))
