"""Estimators of scikit-learn's kind as variants: they give what scikit-learn gives on the same rows, and are kept and served."""

from __future__ import annotations

import os
from collections.abc import Callable
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as resampling_pipeline
from joblib.externals.loky.process_executor import TerminatedWorkerError
from scipy.stats import norm
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, StackingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Perceptron, Ridge
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC

from seedbed.config.experiment import load_experiment
from seedbed.errors import ConfigError, TrackingError
from seedbed.models.building import build_network
from seedbed.models.estimator_files import NotKept, is_allowed, read, written
from seedbed.models.estimators import FittedEstimator
from seedbed.randomness import derive
from seedbed.running.planning import plan_experiment
from seedbed.running.runner import run
from seedbed.running.verify import verify
from seedbed.search.runner import search
from seedbed.serving.building import predictor_of
from seedbed.serving.loading import load_predictor
from seedbed.tracking.store import open_project_store
from seedbed.trained.loading import find_variant
from seedbed.training import seed_fits
from seedbed.training.planned import PlannedVariant
from seedbed.training.progress import Display
from seedbed.training.seed_results import SeedResult
from seedbed.training.workers import Workers
from tests.made_up import write_tables

EXPERIMENT = """
# @package _global_
defaults:
  - override /data: feature_csv
  - override /model: mlp
  - override /task: classification
question: Does a linear model do as well?
seeds: 3
data: {{path: {path}, label: sick}}
model: {{hidden: [4]}}
trainer: {{max_epochs: 1, batch_size: 64, accelerator: cpu}}
tracking: {{pictures: false}}
variants:
  mlp: []
  logistic: ['model={{_target_: sklearn.linear_model.LogisticRegression, C: 0.5}}']
  forest: [model=random_forest, model.n_estimators=20]
  weighted: ['model={{_target_: sklearn.linear_model.LogisticRegression}}', imbalance=class_weights]
  smote: [model=logistic_regression, imbalance=smote]
  smote_mlp: [imbalance=smote]
  margin: ['model={{_target_: sklearn.svm.LinearSVC, max_iter: 1}}']
  nearest: ['model={{_target_: tests.models.test_estimators.NearestCentre}}']
report: {{metric: test/f1}}
"""
ROWS = 300
TOLERANCE = 1e-9


class NearestCentre(ClassifierMixin, BaseEstimator):
    """Gives labels and nothing else; fails on one seed's rows where ``fails`` is set."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails

    def fit(self, rows: np.ndarray, labels: np.ndarray) -> NearestCentre:
        if self.fails and len(labels) > 100:
            raise RuntimeError("no centre")
        self.classes_ = np.unique(labels)
        self.centres_ = np.stack([rows[labels == label].mean(0) for label in self.classes_])
        return self

    def predict(self, rows: np.ndarray) -> np.ndarray:
        distances = ((rows[:, np.newaxis] - self.centres_) ** 2).sum(-1)
        nearest: np.ndarray = self.classes_[distances.argmin(1)]
        return nearest


class FailsUnderSeedOne(NearestCentre):
    def __init__(self, random_state: int | None = None) -> None:
        super().__init__()
        self.random_state = random_state

    def fit(self, rows: np.ndarray, labels: np.ndarray) -> NearestCentre:
        if self.random_state == derive(1, "estimator") % 2**32:
            raise RuntimeError("no centre")
        return super().fit(rows, labels)


def write_experiment(folder: Path) -> None:
    """Columns of very different sizes, with more digits than float32 has; one row in four is of the rarer class."""
    rng = np.random.default_rng(7)
    columns = rng.normal(size=(ROWS, 4)) * [1, 100, 1e-3, 1] + [0, 1e4, 0, 3]
    sick = columns[:, 0] + 0.01 * (columns[:, 1] - 1e4) + rng.normal(size=ROWS) > 1.2
    frame = pd.DataFrame(columns, columns=list("abcd")).assign(sick=np.where(sick, "yes", "no"))
    (folder / "experiments").mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / "patients.csv", index=False)
    (folder / "experiments" / "patients.yaml").write_text(EXPERIMENT.format(path=folder / "patients.csv"))


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PlannedVariant]:
    folder = tmp_path_factory.mktemp("patients")
    write_experiment(folder)
    _, plan = plan_experiment(load_experiment("patients", [], folder), Display(quiet=True))
    return {each.name: each for each in plan}


def trained(variant: PlannedVariant, seed: int) -> SeedResult:
    return variant.trainer.train([variant.seed_data(seed, Display(quiet=True))])[0]


def sides(variant: PlannedVariant, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test rows as pandas reads them from the file: columns, and whether they are of the rarer class."""
    frame = pd.read_csv(variant.variant.config["data"]["path"])
    columns, sick = frame[list("abcd")].to_numpy(), (frame["sick"] == "yes").to_numpy(dtype=int)
    rows = variant.rows[seed]
    return columns[rows.train], sick[rows.train], columns[rows.test], sick[rows.test]


def measured(predicted: np.ndarray, scores: np.ndarray, true: np.ndarray) -> dict[str, float]:
    return {
        "test/accuracy": accuracy_score(true, predicted),
        "test/f1": f1_score(true, predicted),
        "test/auroc": roc_auc_score(true, scores),
        "test/average_precision": average_precision_score(true, scores),
    }


def own_pipeline(estimator: Any, seed: int) -> Any:
    """scikit-learn's own, with the random state that the seed gives."""
    states = {"random_state": derive(seed, "estimator") % 2**32}
    return make_pipeline(StandardScaler(), estimator.set_params(**states))


# ---- the same numbers as scikit-learn's ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "estimator"),
    [("logistic", LogisticRegression(C=0.5)), ("forest", RandomForestClassifier(n_estimators=20))],
)
def test_metrics_are_those_of_scikit_learns_own_pipeline(
    planned: dict[str, PlannedVariant], name: str, estimator: Any
) -> None:
    for seed in (0, 2):
        columns, sick, test_columns, test_sick = sides(planned[name], seed)
        pipeline = own_pipeline(estimator, seed).fit(columns, sick)
        shares = pipeline.predict_proba(test_columns)
        wanted = measured(pipeline.predict(test_columns), shares[:, 1], test_sick)
        wanted["test/loss"] = log_loss(test_sick, shares)
        result = trained(planned[name], seed)
        assert {key: result.metrics[key] for key in wanted} == pytest.approx(wanted, abs=TOLERANCE)
        assert (result.outcome, {epoch for _, epoch, _ in result.curves}) == ("ok", {0})


def test_class_weights_are_weights_of_rows(planned: dict[str, PlannedVariant]) -> None:
    columns, sick, test_columns, test_sick = sides(planned["weighted"], 0)
    weights = (len(sick) / (2 * np.bincount(sick)))[sick]
    pipeline = own_pipeline(LogisticRegression(), 0)
    pipeline.fit(columns, sick, logisticregression__sample_weight=weights)
    result, unweighted = trained(planned["weighted"], 0), own_pipeline(LogisticRegression(), 0).fit(columns, sick)
    assert result.metrics["test/loss"] == pytest.approx(
        log_loss(test_sick, pipeline.predict_proba(test_columns)), abs=TOLERANCE
    )
    assert result.metrics["test/loss"] != pytest.approx(
        log_loss(test_sick, unweighted.predict_proba(test_columns)), abs=1e-3
    )


def test_a_strategy_makes_the_rows_that_it_makes_for_a_network(planned: dict[str, PlannedVariant]) -> None:
    of_network = planned["smote_mlp"].seed_data(1, Display(quiet=True))
    variant = planned["smote"]
    fit, _ = variant.trainer.seed_fit(variant.seed_data(1, Display(quiet=True)))
    columns, sick, *_ = sides(variant, 1)
    new = of_network.resampled.features
    assert np.array_equal(fit.rows[len(columns) :], new.astype(np.float64))
    assert np.abs(fit.rows[: len(columns)] - StandardScaler().fit_transform(columns)).max() < 1e-12
    assert np.bincount(fit.targets).tolist() == [np.bincount(sick).max()] * 2


def test_without_probabilities_ranks_go_by_decision_values_and_the_loss_is_undefined(
    planned: dict[str, PlannedVariant],
) -> None:
    columns, sick, test_columns, test_sick = sides(planned["margin"], 0)
    with pytest.warns(ConvergenceWarning):
        pipeline = own_pipeline(LinearSVC(max_iter=1), 0).fit(columns, sick)
    result = trained(planned["margin"], 0)
    wanted = measured(pipeline.predict(test_columns), pipeline.decision_function(test_columns), test_sick)
    assert {key: result.metrics[key] for key in wanted} == pytest.approx(wanted, abs=TOLERANCE)
    assert ("test/loss" in result.metrics, result.outcome) == (False, "ok")
    assert [said.partition(":")[0] for said in result.warnings] == ["ConvergenceWarning"]


def test_of_labels_alone_only_what_labels_say_is_measured(planned: dict[str, PlannedVariant]) -> None:
    columns, sick, test_columns, test_sick = sides(planned["nearest"], 0)
    pipeline = make_pipeline(StandardScaler(), NearestCentre()).fit(columns, sick)
    metrics = trained(planned["nearest"], 0).metrics
    assert metrics["test/f1"] == pytest.approx(f1_score(test_sick, pipeline.predict(test_columns)), abs=TOLERANCE)
    assert not {"test/loss", "test/auroc", "test/average_precision"} & set(metrics)


# ---- the model itself ------------------------------------------------------------------------------------------------


def made(model: Any, outputs: int = 2) -> FittedEstimator:
    network = build_network(model, {"in_features": 4, "out_features": outputs})
    assert isinstance(network, FittedEstimator)
    return network


def fitted(model: Any, labels: np.ndarray, seed: int = 0, outputs: int = 2, weights: Any = None) -> FittedEstimator:
    rows = torch.rand(len(labels), 4, generator=torch.Generator().manual_seed(0)) + torch.from_numpy(labels)[:, None]
    network = made(model, outputs)
    network.take(network.to_fit(rows, labels, seed, weights).run())
    return network


def test_an_estimator_is_an_object_its_class_or_what_makes_one() -> None:
    for model in (
        LogisticRegression(C=2),
        partial(LogisticRegression, C=2),
        lambda in_features: LogisticRegression(C=2),
    ):
        assert made(model).estimator.get_params()["C"] == 2
    assert made(LogisticRegression).name == "LogisticRegression"
    assert made(StackingClassifier([("one", LogisticRegression())])).name == "StackingClassifier"
    with pytest.raises(TypeError, match="these data are none"):
        build_network(LogisticRegression(), {"users": 3})


def test_a_class_without_a_row_has_no_probability_and_ties_stay_ties() -> None:
    labels = np.array([0, 2] * 20)
    network = fitted(RandomForestClassifier(n_estimators=5), labels, outputs=3)
    rows = torch.rand(50, 4, generator=torch.Generator().manual_seed(1)) * 3
    shares, logits = network.values(rows), network(rows)
    assert (shares[:, 1] == 0).all()
    assert torch.equal(shares[:, [0, 2]], torch.from_numpy(network.estimator.predict_proba(rows.double().numpy())))
    assert torch.allclose(logits.softmax(-1), shares, rtol=0, atol=1e-15)
    assert len(logits[:, 0].unique()) == len(shares[:, 0].unique())
    assert set(network.labels(rows).tolist()) <= {0, 2}


def test_each_part_draws_by_the_seed_and_its_name() -> None:
    labels = np.arange(40) % 2
    model = make_pipeline(RandomForestClassifier(n_estimators=2))
    states = [
        fitted(BaggingClassifier(model, n_estimators=2), labels, seed).estimator.get_params() for seed in (0, 1, 0)
    ]
    drawn = [(each["random_state"], each["estimator__randomforestclassifier__random_state"]) for each in states]
    assert drawn[0] == drawn[2]
    assert len({*drawn[0], *drawn[1]}) == 4
    for mine in (model.set_params(randomforestclassifier__random_state=1), RandomForestClassifier(random_state=1)):
        with pytest.raises(ConfigError, match=r"random_state=1: each seed gives"):
            made(mine)
    assert made(Perceptron()).name == "Perceptron"  # its default is a number


def test_weights_reach_the_last_step_of_a_pipeline() -> None:
    labels, weights = np.arange(40) % 2, np.linspace(0.1, 2, 40)
    alone = fitted(LogisticRegression(), labels, weights=weights).estimator
    inside = fitted(Pipeline([("all", Pipeline([("last", LogisticRegression())]))]), labels, weights=weights).estimator
    assert np.array_equal(inside[-1][-1].coef_, alone.coef_)
    assert not np.array_equal(alone.coef_, fitted(LogisticRegression(), labels).estimator.coef_)
    for other in (KNeighborsClassifier(), resampling_pipeline(RandomOverSampler(), LogisticRegression())):
        with pytest.raises(ValueError, match="takes no sample_weight"):
            fitted(other, labels, weights=weights)


# ---- what is refused before any training -----------------------------------------------------------------------------

REFUSED = {
    "{_target_: sklearn.ensemble.RandomForestRegressor}": "predicts numbers. Use task=regression, or RandomForestClassifier as model._target_",
    "{_target_: sklearn.cluster.KMeans}": "KMeans is not a classifier",
    "{_target_: sklearn.preprocessing.StandardScaler}": "StandardScaler has no fit and predict",
    "{_target_: sklearn.linear_model.LogisticRegression, random_state: 3}": "model.random_state=3: each seed gives",
    "{_target_: sklearn.linear_model.LogisticRegression, solver: newton}": "model.solver=newton: give",
    "{_target_: sklearn.linear_model.LogisticRegression, c: 1}": "LogisticRegression has no such setting",
    "{_target_: sklearn.linear_model.LogisticRegression, l1_ratio: 1.0}": "cannot be fitted",
    "{_target_: tests.models.test_estimators.NearestCentre, fails: true}": None,
}


@pytest.mark.parametrize("model", REFUSED)
def test_models_that_are_refused(tmp_path: Path, model: str) -> None:
    write_experiment(tmp_path)
    asked = ["variant=mlp", f"model={model}"]
    if REFUSED[model] is None:  # it fails where all rows are there, which only the training shows
        plan_experiment(load_experiment("patients", asked, tmp_path), Display(quiet=True))
        return
    with pytest.raises(ConfigError, match="model") as refused:
        plan_experiment(load_experiment("patients", asked, tmp_path), Display(quiet=True))
    assert REFUSED[model] in str(refused.value)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["variant=margin", "report.metric=test/loss"], "report.metric=test/loss is undefined for LinearSVC"),
        (["variant=nearest", "report.metric=test/auroc"], "report.metric=test/auroc is undefined for NearestCentre"),
        (["variant=nearest", "imbalance=class_weights"], "NearestCentre takes no sample_weight"),
        (["variant=nearest", "imbalance=class_balanced"], "NearestCentre takes no sample_weight"),
        (["variant=logistic", "imbalance=focal"], "Focal acts on the loss of a network's training"),
        (["variant=logistic", "imbalance=balanced_batches"], "BalancedBatches acts on the batches of a network's training"),
        (
            ["variant=margin", "+task.own_metrics.g={function: {_target_: tests.models.test_estimators.share, _partial_: true}, good: higher}"],
            "task.own_metrics.g is undefined for LinearSVC",
        ),
    ],
)  # fmt: skip
def test_what_an_estimator_cannot_give_is_refused(tmp_path: Path, asked: list[str], said: str) -> None:
    write_experiment(tmp_path)
    with pytest.raises(ConfigError) as refused:
        plan_experiment(load_experiment("patients", asked, tmp_path), Display(quiet=True))
    assert said in str(refused.value)


def share(probabilities: Any, labels: Any) -> float:
    return float(probabilities[:, 1].mean())


def test_settings_of_networks_do_nothing_for_an_estimator(tmp_path: Path, planned: dict[str, PlannedVariant]) -> None:
    write_experiment(tmp_path)
    asked = ["variant=logistic", "optimizer.lr=auto", "select=best", "patience=2", "schedule=one_cycle"]
    _, plan = plan_experiment(load_experiment("patients", asked, tmp_path), Display(quiet=True))
    ours, theirs = trained(plan[0], 0).metrics, trained(planned["logistic"], 0).metrics
    assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}


# ---- runs, records, and what is served -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project(train_once: Callable[..., Any]) -> Path:
    folder, outcome = train_once("patients", ["variant=mlp,logistic,forest,nearest"], write_experiment)
    assert (outcome.trained, outcome.failures) == (12, {})
    return folder


@pytest.mark.slow
def test_cells_are_kept_verified_and_answer_as_they_were_measured(project: Path, tmp_path: Path) -> None:
    again = run("patients", ["variant=mlp,logistic,forest,nearest"], project)
    assert again.trained == 0
    verified = verify("patients", config_dir=project, variant="logistic", cells=1)
    assert verified.checks[0].identical, str(verified)
    tracked = find_variant("patients", "forest", config_dir=project)
    predictor = predictor_of(tracked)
    questions = pd.read_csv(project / "patients.csv")[list("abcd")].head(20)
    answers = predictor.predict(questions)
    predictor.save(tmp_path / "files")
    assert sorted(path.name for path in (tmp_path / "files" / "networks").iterdir() if path.suffix == ".skops") == [
        "seed_0.skops", "seed_1.skops", "seed_2.skops",
    ]  # fmt: skip
    pd.testing.assert_frame_equal(load_predictor(tmp_path / "files").predict(questions), answers)
    trained_networks = tracked.networks()
    frame = pd.read_csv(project / "patients.csv")
    shares = []
    for seed, _ in trained_networks.networks:
        rows = trained_networks.rows(seed).train
        pipeline = own_pipeline(RandomForestClassifier(n_estimators=20), seed)
        pipeline.fit(frame[list("abcd")].to_numpy()[rows], (frame["sick"] == "yes").to_numpy()[rows].astype(int))
        shares.append(pipeline.predict_proba(questions.to_numpy())[:, 1])
    assert answers["probability_yes"].to_numpy() == pytest.approx(np.mean(shares, axis=0), abs=TOLERANCE)


@pytest.mark.slow
def test_warnings_and_what_is_not_kept_are_said_once(project: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    run("patients", ["variant=margin,nearest", "seeds=[7,8]"], project, display=Display(quiet=True, log=log))
    said = [line for line in log.read_text().splitlines() if line.startswith(("margin: C", "nearest: w"))]
    assert [line.partition(", such as")[0].partition(" it holds")[0] for line in said] == [
        "margin: ConvergenceWarning in the fits of 2 of 2 seeds",
        "nearest: what is fitted is not kept, so that 'seedbed predict' and 'seedbed export' cannot use it:",
    ]


def test_what_is_made_of_other_classes_is_not_kept(project: Path) -> None:
    store = open_project_store("patients", project)
    run_ids = [cell.id for cell in store.seeds(find_variant("patients", "nearest", config_dir=project).run)]
    assert not any({"estimator.skops", "weights.safetensors"} & set(store.files(each)) for each in run_ids)
    with pytest.raises(
        TrackingError, match=r"is not in the store: it holds tests\.models\.test_estimators\.NearestCentre"
    ):
        find_variant("patients", "nearest", config_dir=project).networks()


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("sklearn.tree._tree.Tree", True),
        ("imblearn.pipeline.Pipeline", True),
        ("sklearn.feature_selection._univariate_selection.f_classif", True),
        ("sklearn.datasets._base.load_files", False),
        ("sklearn.callback._scoring_monitor.ScoringMonitor", False),
        ("sklearn.utils._testing.check_pickle", False),
        ("sklearn.base.warnings", False),
        ("sklearn.os.system", False),
        ("os.system", False),
        ("builtins.eval", False),
        ("numpy.load", False),
        ("numpy.dtype", True),
        ("scipy.io.loadmat", False),
        ("sklearnx.tree.Tree", False),
        ("tests.models.test_estimators.NearestCentre", False),
    ],
)
def test_what_a_file_may_hold(name: str, allowed: bool) -> None:
    assert is_allowed(name) is allowed


def test_files_that_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    estimator = fitted(LogisticRegression(), np.arange(40) % 2).estimator
    path = tmp_path / "estimator.skops"
    path.write_bytes(written(estimator))
    assert np.array_equal(read(path).coef_, estimator.coef_)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ValueError, match="is not a file of an estimator"):
        read(path)
    path.write_bytes(skops.io.dumps(NearestCentre().fit(np.eye(2), np.arange(2))))
    with pytest.raises(NotKept, match=r"tests\.models\.test_estimators\.NearestCentre"):
        read(path)
    with monkeypatch.context() as another:
        another.setattr("sklearn.base.__version__", "0.1")
        path.write_bytes(written(estimator))
    with pytest.raises(ValueError, match=r"made by scikit-learn 0\.1"):
        read(path)


def test_an_estimator_that_fills_gaps_is_kept(tmp_path: Path) -> None:
    rows, path = np.array([[0.0, np.nan], [1.0, 2.0], [np.nan, 4.0], [3.0, 1.0]]), tmp_path / "estimator.skops"
    estimator = make_pipeline(SimpleImputer(), LogisticRegression()).fit(rows, [0, 1, 0, 1])
    path.write_bytes(written(estimator))
    assert np.array_equal(read(path).predict_proba(rows), estimator.predict_proba(rows))


def test_a_crafted_file_runs_nothing(tmp_path: Path) -> None:
    path, ran = tmp_path / "estimator.skops", tmp_path / "ran"
    distribution = copy(norm)  # which runs this text when it is read
    distribution._parse_arg_template = f"open({str(ran)!r}, 'w')\n{distribution._parse_arg_template}"
    path.write_bytes(skops.io.dumps(FunctionTransformer(kw_args={"distribution": distribution})))
    with pytest.raises(NotKept, match=r"scipy\.stats\._continuous_distns\.norm_gen"):
        read(path)
    assert not ran.exists()


@pytest.mark.slow
def test_a_seed_that_fails_does_not_stop_the_others(train_once: Callable[..., Any]) -> None:
    asked = ["variant=mlp", "model={_target_: tests.models.test_estimators.FailsUnderSeedOne}"]
    _, outcome = train_once("patients", asked, write_experiment)
    assert (outcome.trained, outcome.failures) == (2, {"mlp, seed 1": "RuntimeError: no centre"})
    assert outcome.cells.set_index("seed")["status"].to_dict() == {0: "FINISHED", 1: "FAILED", 2: "FINISHED"}


@pytest.mark.extended
def test_seeds_are_fitted_beside_each_other_where_it_pays(
    train_once: Callable[..., Any], planned: dict[str, PlannedVariant], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seed_fits, "SECONDS_TO_START", -1.0)
    monkeypatch.setattr(seed_fits, "own_cores", lambda: 2)
    beside = list[int]()
    fits = Workers.fits
    monkeypatch.setattr(Workers, "fits", lambda self, count: beside.append(count) or fits(self, count))
    _, outcome = train_once("patients", ["variant=mlp,forest"], write_with_failing)
    assert beside == [2, 2, 2, 2], "of each variant all seeds but the first"
    assert outcome.failures == {"mlp, seed 1": "RuntimeError: no centre"}
    for seed in range(3):
        alone = trained(planned["forest"], seed).metrics
        together = outcome.results.values("forest", "test/loss")[seed]
        assert together == alone["test/loss"]


@pytest.mark.slow
def test_fits_go_on_where_a_process_has_died() -> None:
    with Workers() as workers:
        with pytest.raises(TerminatedWorkerError):
            workers.fits(1).submit(os._exit, 1).result()
        assert workers.fits(1).submit(len, "abc").result() == 3


def write_with_failing(folder: Path) -> None:
    write_experiment(folder)
    path = folder / "experiments" / "patients.yaml"
    failing = "['model={_target_: tests.models.test_estimators.FailsUnderSeedOne}']"
    path.write_text(path.read_text().replace("mlp: []", f"mlp: {failing}", 1))


def test_what_is_no_finite_number_fails() -> None:
    regressor = FittedEstimator(Ridge(), 1)
    regressor.estimator.fit(np.eye(2), np.arange(2.0)).coef_[:] = np.inf
    with pytest.raises(ValueError, match="Ridge gives values that are not finite numbers"):
        regressor.values(torch.ones(3, 2))


def test_a_part_without_a_random_state_draws_from_the_seed() -> None:
    rows, labels = torch.randn(60, 3, generator=torch.Generator().manual_seed(0)), np.arange(60) % 2
    calibrated = FittedEstimator(CalibratedClassifierCV(cv=StratifiedKFold(shuffle=True)), 2)

    def coefficients(seed: int) -> np.ndarray:
        folds = calibrated.to_fit(rows, labels, seed).run().estimator.calibrated_classifiers_
        return np.stack([fold.estimator.coef_ for fold in folds])

    stream = np.random.get_state()[1].tolist()  # noqa: NPY002
    assert np.array_equal(coefficients(1), coefficients(1))
    assert not np.array_equal(coefficients(1), coefficients(2))
    assert np.random.get_state()[1].tolist() == stream, "and leaves the global stream as it was"  # noqa: NPY002


@pytest.mark.slow
def test_a_search_tries_settings_of_an_estimator(train_once: Callable[..., Any]) -> None:
    folder, _ = train_once("patients", ["variant=smote", "seeds=1"], write_experiment)
    asked = ["variant=smote", "model.C=choice(0.01,1)", "search=grid", "search.fresh_seeds=1", "seeds=2"]
    found = search("patients", asked, folder)
    assert {trial.params["model.C"] for trial in found.search.trials} == {0.01, 1}
    assert found.tested is not None
    assert not found.tested.failures


@pytest.mark.slow
def test_texts_and_pictures_become_vectors(tmp_path: Path) -> None:
    write_tables(tmp_path)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "labelled.yaml").write_text(LABELLED)
    texts = ["data=text_csv", f"data.path={tmp_path}/labelled.csv", "data.text=text", "data.label=label"]
    naive = "model={_target_: sklearn.naive_bayes.MultinomialNB}"

    def plan(*asked: str) -> PlannedVariant:
        return plan_experiment(load_experiment("labelled", asked, tmp_path), Display(quiet=True))[1][0]

    result = trained(plan(*texts, "data/encoder=tfidf", naive, "imbalance=text_augment"), 0)
    assert result.metrics["test/auroc"] == 1
    with pytest.raises(ConfigError, match=r"data\.encoder: it gives texts as word numbers"):
        plan(*texts, "data/encoder=words", naive)
    pictures = plan("data=image_folder", f"data.path={tmp_path}/pictures", "data.size=[8,8]", "split=official", naive)
    fit, _ = pictures.trainer.seed_fit(pictures.seed_data(0, Display(quiet=True)))
    assert fit.rows.shape[1] == 3 * 8 * 8
    assert [fit.rows.min() < 0.3, fit.rows.max() > 0.7, fit.rows.max() <= 1] == [True] * 3


LABELLED = """
# @package _global_
defaults: [override /data: text_csv, override /model: mlp, override /task: classification]
question: Does it train?
seeds: 2
split: {train: 0.6, val: 0.2, test: 0.2}
trainer: {max_epochs: 1, batch_size: 16, accelerator: cpu}
variants: {one: []}
report: {metric: test/loss}
"""
