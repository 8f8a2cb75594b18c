"""What acts on scores after training: each against a library, or a case whose answer is known."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit, logit, softmax
from scipy.stats import norm
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TunedThresholdClassifierCV

from seedbed.errors import ConfigError
from seedbed.imbalance.adjustment import Adjustment, positive_probability
from seedbed.imbalance.after import (
    After,
    ClassShares,
    LogitAdjustment,
    PriorCorrection,
    Recalibrate,
    ScoredRows,
    Threshold,
    candidates,
)
from seedbed.imbalance.base import Resampled

pytestmark = pytest.mark.filterwarnings("error")
EVEN = ClassShares(np.array([0.5, 0.5]), np.array([0.5, 0.5]))


def scored(odds: np.ndarray, labels: np.ndarray, positive: int = 1, shares: ClassShares = EVEN) -> ScoredRows:
    """Rows of two classes with these log-odds of the positive one."""
    logits = np.zeros((len(odds), 2))
    logits[:, positive] = odds
    return ScoredRows(logits, labels, positive, shares)


def rare_rows(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """True log-odds of rows of which about one in ten is of class 1, and labels drawn by them."""
    rng = np.random.default_rng(seed)
    odds = 1.5 * rng.standard_normal(rows) - 3
    return odds, (rng.random(rows) < expit(odds)).astype(np.int64)


# ---- threshold -------------------------------------------------------------------------------------------------------


class Fitted(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Says what it is asked about: the probability of class 1."""

    classes_ = np.array([0, 1])

    def fit(self, rows: np.ndarray, labels: np.ndarray) -> Fitted:
        return self

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        return np.column_stack([1 - rows[:, 0], rows[:, 0]])


@pytest.mark.parametrize("metric", ["f1", "balanced_accuracy", "accuracy"])
@pytest.mark.parametrize("seed", range(3))
def test_of_the_same_candidates_scikit_learns_is_chosen(metric: str, seed: int) -> None:
    odds, labels = rare_rows(150, seed)
    scores = expit(np.round(odds, 1))  # with ties
    thresholds = np.linspace(scores.min(), scores.max(), 40)
    tuned = TunedThresholdClassifierCV(Fitted(), cv="prefit", refit=False, scoring=metric, thresholds=thresholds)
    tuned.fit(scores[:, None], labels)
    assert Threshold(metric=metric).best(scores, labels == 1, thresholds) == tuned.best_threshold_


@pytest.mark.parametrize("positive", [0, 1])
def test_a_threshold_is_the_best_there_is_and_leaves_the_scores_alone(positive: int) -> None:
    odds = np.array([-5.0, -4.0, -3.0, -2.5, -2.0, -1.0])
    labels = np.where([0, 0, 0, 1, 0, 1], positive, 1 - positive)
    rows = scored(odds, labels, positive)
    found = Threshold(metric="f1").fit(rows)  # 2 of 2 found with one alarm: F1 0.8; from -1 on, 1 of 2: 0.67
    assert found.threshold == pytest.approx((expit(-3.0) + expit(-2.5)) / 2)
    assert found.keeps_scores
    assert (found.labels(rows.logits) == np.where(odds > -3, positive, 1 - positive)).all()
    cautious = Threshold(metric="f_beta", beta=0.1).fit(rows)
    assert cautious.threshold == pytest.approx((expit(-2.0) + expit(-1.0)) / 2), "precision counts most"
    assert (Threshold(metric="mcc").fit(rows).labels(rows.logits) == found.labels(rows.logits)).all()


def test_candidates_part_the_scores_in_every_way() -> None:
    assert candidates(np.array([0.3, 0.1, 0.3, 0.7])).tolist() == pytest.approx([0.1, 0.2, 0.5])


# ---- priors ----------------------------------------------------------------------------------------------------------


def test_prior_correction_gives_the_posterior_of_the_original_shares() -> None:
    """Three normal distributions, whose posteriors are known under any shares."""
    points, means = np.linspace(-4, 6, 50)[:, None], np.array([-1.0, 0.5, 2.0])
    prior, trained = np.array([0.9, 0.08, 0.02]), np.array([0.2, 0.5, 0.3])
    densities = norm.logpdf(points, means)
    rows = ScoredRows(densities + np.log(trained), np.zeros(50, dtype=np.int64), 1, ClassShares(prior, trained))
    corrected = PriorCorrection().fit(rows).logits(rows.logits)
    assert softmax(corrected, axis=1) == pytest.approx(softmax(densities + np.log(prior), axis=1))


def test_prior_correction_mends_a_logistic_regression_on_undersampled_rows() -> None:
    odds, labels = rare_rows(200_000)
    rare = np.flatnonzero(labels == 1)
    chosen = np.concatenate([rare, np.flatnonzero(labels == 0)[: len(rare)]])
    model = LogisticRegression(C=np.inf).fit(odds[chosen, None], labels[chosen])
    shares = ClassShares(np.bincount(labels) / len(labels), Resampled(source=chosen).class_shares(labels, 2))
    assert shares.trained.tolist() == [0.5, 0.5]
    found = PriorCorrection().fit(scored(odds, labels, shares=shares))
    of_sample = model.coef_[0, 0] * odds + model.intercept_[0]
    corrected = positive_probability(found.logits(np.column_stack([np.zeros_like(odds), of_sample])), 1)
    assert expit(of_sample).mean() > 3 * labels.mean(), "as it is, it says far too much"
    assert corrected.mean() == pytest.approx(labels.mean(), rel=0.02)


def test_shares_count_new_rows_and_class_weights() -> None:
    labels = np.array([0, 0, 0, 1])
    made = Resampled(source=np.array([0, 1, 3]), labels=np.array([1, 1]), class_weights=np.array([1.0, 2.0]))
    assert made.class_shares(labels, 2).tolist() == pytest.approx([2 / 8, 6 / 8])


def test_logit_adjustment_ranks_by_the_balanced_probability() -> None:
    rng = np.random.default_rng(0)
    prior = np.array([0.7, 0.25, 0.05])
    logits = rng.standard_normal((30, 3))
    rows = ScoredRows(logits, np.zeros(30, dtype=np.int64), 1, ClassShares(prior, prior))
    found = LogitAdjustment(tau=0.5).fit(rows)
    expected = softmax(logits, axis=1) / prior**0.5
    assert (found.labels(found.logits(logits)) == expected.argmax(1)).all()
    assert (found.labels(found.logits(logits)) != logits.argmax(1)).any()


# ---- calibration -----------------------------------------------------------------------------------------------------


def test_platts_regression_finds_what_distorts_the_scores() -> None:
    odds, labels = rare_rows(100_000)
    found = Recalibrate().fit(scored(3 * odds + 2, labels))
    assert found.values == pytest.approx({"logit_slope": 1 / 3, "logit_shift": -2 / 3}, rel=0.05)
    other = Recalibrate().fit(scored(3 * odds + 2, 1 - labels, positive=0))
    assert other.values == pytest.approx(found.values)
    again = found.logits(scored(3 * odds + 2, labels).logits)
    assert positive_probability(again, 1).mean() == pytest.approx(labels.mean(), rel=1e-3)


def test_rows_that_are_told_apart_leave_platts_slope_finite() -> None:
    odds = np.array([-3.0, -2.0, 2.0, 3.0])
    found = Recalibrate().fit(scored(odds, np.array([0, 0, 1, 1])))
    assert positive_probability(found.logits(scored(odds, odds).logits), 1)[2:] == pytest.approx(0.75, abs=0.05)
    alike = Recalibrate().fit(scored(np.full(4, 9.0), np.array([0, 0, 0, 1])))
    assert expit(9 + alike.values["logit_shift"]) == pytest.approx((2 / 3 + 3 / 5) / 4)


def test_more_classes_get_a_temperature() -> None:
    rng = np.random.default_rng(0)
    logits = 2 * rng.standard_normal((20_000, 3))
    labels = (softmax(logits, axis=1).cumsum(1) > rng.random((20_000, 1))).argmax(1)
    found = Recalibrate().fit(ScoredRows(4 * logits, labels, 1, EVEN))
    assert found.scale == pytest.approx(1 / 4, rel=0.05)


@pytest.mark.parametrize("positive", [0, 1])
def test_isotonic_regression_is_scikit_learns(positive: int) -> None:
    odds, labels = rare_rows(300)
    rows = scored(odds, np.where(labels, positive, 1 - positive), positive)
    found = Recalibrate(method="isotonic").fit(rows)
    asked = scored(np.linspace(-12, 5, 40), labels, positive).logits
    theirs = (
        IsotonicRegression(out_of_bounds="clip").fit(expit(odds), labels).predict(positive_probability(asked, positive))
    )
    mapped = found.logits(asked)
    assert positive_probability(mapped, positive) == pytest.approx(theirs, abs=1e-12)
    assert np.isfinite(mapped).all()


# ---- files and refusals ----------------------------------------------------------------------------------------------


def test_what_was_fitted_is_the_same_after_json() -> None:
    for found in (
        Adjustment(threshold=0.1 + 0.2, positive=0),
        Adjustment(scale=1 / 3, shift=(0.0, float(logit(0.1)))),
        Adjustment(steps=((0.1, 0.7), (0.0, 1.0))),
    ):
        assert Adjustment.of_plain(json.loads(json.dumps(found.as_plain()))) == found


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Threshold(metric="auroc"), "imbalance.after.metric=auroc"),
        (lambda: Threshold(metric="f_beta", beta=0), "imbalance.after.beta=0"),
        (lambda: LogitAdjustment(tau=-1), "imbalance.after.tau=-1"),
        (lambda: Recalibrate(method="sigmoid"), "imbalance.after.method=sigmoid"),
    ],
)
def test_settings_that_cannot_be_are_refused(make: Callable[[], After], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()


@pytest.mark.parametrize(
    ("after", "training", "validation", "said"),
    [
        (Threshold(), {"a": 5, "b": 5, "c": 5}, {"a": 5, "b": 5, "c": 5}, "works for two classes, and the data have 3"),
        (Recalibrate(method="isotonic"), {"a": 5, "b": 5, "c": 5}, {"a": 1, "b": 1, "c": 1}, "works for two classes"),
        (Threshold(), {"a": 5, "b": 5}, {"a": 5, "b": 0}, "none of them is of class 'b'. Raise split.val"),
        (LogitAdjustment(), {"a": 5, "b": 0}, {"a": 5, "b": 1}, "class 'b' has no training row"),
    ],
)
def test_rows_that_it_cannot_work_on_are_refused(
    after: After, training: dict[str, int], validation: dict[str, int], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        after.check(training, validation)


def test_a_class_of_which_nothing_is_left_has_no_prior_to_correct() -> None:
    with pytest.raises(ConfigError, match="leaves no row of 'ham'"):
        PriorCorrection().check_shares(ClassShares(np.array([0.9, 0.1]), np.array([0.0, 1.0])), ("ham", "spam"))
