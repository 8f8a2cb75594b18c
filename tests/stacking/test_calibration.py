"""Metrics of probabilities, and those that take a setting, equal scikit-learn's and imbalanced-learn's, and their definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torchmetrics.functional.classification as tm
from hypothesis import strategies
from imblearn.metrics import geometric_mean_score
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, fbeta_score
from torch import Tensor

from seedbed.stacking.calibration import BINS, calibration_error, calibration_line
from seedbed.stacking.metrics import Asked, classification_metrics
from tests.properties import Examine

ASKED = Asked(beta=2, at_precision=0.6, at_recall=0.7, costs={"false_negative": 5, "false_positive": 2})


def inputs(classes: int, *, coarse: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """Seeds of other sizes, of which the logits know something of the labels."""
    generator = torch.Generator().manual_seed(classes)
    labels = torch.randint(0, classes, (3, 90), generator=generator)
    logits = 2 * torch.randn(3, 90, classes, generator=generator, dtype=torch.float64)
    logits += torch.nn.functional.one_hot(labels, classes)
    mask = torch.arange(90) < torch.tensor([[90], [61], [33]])
    return logits.round() if coarse else logits, labels, mask


def of_seed(given: tuple[Tensor, Tensor, Tensor], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and labels of the rows that count."""
    logits, labels, mask = given
    return logits[seed][mask[seed]].softmax(-1).numpy(), labels[seed][mask[seed]].numpy()


@pytest.mark.parametrize("classes", [2, 4])
def test_scores_of_labels_and_probabilities_equal_other_libraries(classes: int) -> None:
    given, minority = inputs(classes), 1 if classes == 2 else None
    values = classification_metrics(*given, minority, asked=Asked(beta=2))
    for seed in range(3):
        said, true = of_seed(given, seed)
        average: Any = {"pos_label": 1} if classes == 2 else {"average": "macro"}
        expected = {
            "brier": brier_score_loss(true, said[:, 1] if classes == 2 else said),
            "f_beta": fbeta_score(true, said.argmax(1), beta=2, **average),
            "g_mean": geometric_mean_score(true, said.argmax(1), average="multiclass"),
        }
        for name, value in expected.items():
            assert float(values[name][seed]) == pytest.approx(value, abs=1e-9), name


def test_thresholds_at_a_precision_or_recall_equal_torchmetrics() -> None:
    given = inputs(2, coarse=True)
    values = classification_metrics(*given, 1, asked=ASKED)
    for seed in range(3):
        said, true = (torch.from_numpy(each) for each in of_seed(given, seed))
        recall, _ = tm.binary_recall_at_fixed_precision(said[:, 1], true, min_precision=0.6)
        precision, _ = tm.binary_precision_at_fixed_recall(said[:, 1], true, min_recall=0.7)
        assert float(values["recall_at_precision"][seed]) == pytest.approx(float(recall), abs=1e-6)
        assert float(values["precision_at_recall"][seed]) == pytest.approx(float(precision), abs=1e-6)


def test_hand_computed() -> None:
    """3 ham right, 1 ham taken for spam, 1 spam missed, 2 spam found: the scores from the highest are s h s s h h h."""
    labels = torch.tensor([[1, 0, 1, 1, 0, 0, 0]])
    odds = torch.tensor([[3.0, 2.0, 1.0, -1.0, -2.0, -3.0, -4.0]])
    logits, mask = torch.stack([torch.zeros_like(odds), odds], -1), torch.ones_like(labels, dtype=torch.bool)
    values = classification_metrics(logits, labels, mask, 1, asked=ASKED)
    assert float(values["expected_cost"]) == pytest.approx((5 * 1 + 2 * 1) / 7)
    assert float(values["g_mean"]) == pytest.approx(math.sqrt(2 / 3 * 3 / 4))
    assert float(values["recall_at_precision"]) == 1  # down to -1: 3 of 4
    assert float(values["precision_at_recall"]) == 0.75
    strict = classification_metrics(logits, labels, mask, 1, asked=Asked(at_precision=0.9, at_recall=0.3))
    assert [float(strict[name]) for name in ("recall_at_precision", "precision_at_recall")] == [pytest.approx(1 / 3), 1]
    assert {"f_beta", "expected_cost"}.isdisjoint(strict)


# ---- calibration -----------------------------------------------------------------------------------------------------


def error_by_hand(said: list[float], right: list[bool]) -> float:
    """Equal probabilities have the mean of what is true of them; bin k holds the rows of rank i with floor(i BINS / n) = k."""
    ranked = sorted(said)
    shares = [np.mean([was for score, was in zip(said, right, strict=True) if score == value]) for value in ranked]
    bins: dict[int, list[float]] = {}
    for rank, (value, share) in enumerate(zip(ranked, shares, strict=True)):
        bins.setdefault(rank * BINS // len(said), []).append(value - share)
    return sum(abs(sum(gaps)) for gaps in bins.values()) / len(said)


@pytest.mark.slow
def test_calibration_errors_are_those_of_their_definition(examine: Examine) -> None:
    def holds(rows: list[tuple[float, bool]]) -> None:
        said, right = [score for score, _ in rows], [was for _, was in rows]
        padded = torch.tensor([[*said, 0.5], [*said[::-1], 0.9]], dtype=torch.float64)
        outcome = torch.tensor([[*right, True], [*right[::-1], True]])
        mask = torch.tensor([[True] * len(rows) + [False]] * 2)
        values = calibration_error(padded, outcome, mask)
        assert values.tolist() == pytest.approx([error_by_hand(said, right)] * 2, abs=1e-12)

    score = strategies.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]) | strategies.floats(0, 1)
    examine(holds, rows=strategies.lists(strategies.tuples(score, strategies.booleans()), min_size=1, max_size=40))


def test_the_calibration_error_is_of_the_positive_class_or_the_most_probable_one() -> None:
    for classes in (2, 4):
        given = inputs(classes)
        values = classification_metrics(*given, 1 if classes == 2 else None)
        for seed in range(3):
            said, true = of_seed(given, seed)
            about = said[:, 1] if classes == 2 else said.max(1)
            right = true == 1 if classes == 2 else said.argmax(1) == true
            expected = error_by_hand(about.tolist(), right.tolist())
            assert float(values["ece"][seed]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scale", [0.05, 1.0, 7.0])
@pytest.mark.parametrize("shift", [-6.0, 0.5])
def test_slope_and_intercept_are_those_of_logistic_regressions(scale: float, shift: float) -> None:
    logits, labels, mask = inputs(2)
    odds = scale * (logits[..., 1] - logits[..., 0]) + shift
    slopes, intercepts = calibration_line(odds, labels == 1, mask)
    for seed in range(3):
        given, true = odds[seed][mask[seed]].numpy(), labels[seed][mask[seed]].numpy()
        # On a standardised column, as scikit-learn's solvers stop by the size of the gradient.
        fitted = LogisticRegression(C=np.inf, tol=1e-13, max_iter=1000, solver="newton-cholesky")
        fitted.fit((given[:, None] - given.mean()) / given.std(), true)
        assert float(slopes[seed]) == pytest.approx(float(fitted.coef_[0, 0]) / given.std(), rel=1e-9)
        root = brentq(lambda a, z=given, y=true: float((expit(z + a) - y).mean()), -200, 200, xtol=1e-13)
        assert float(intercepts[seed]) == pytest.approx(root, abs=1e-9)


def test_what_is_right_has_slope_1_and_intercept_0_and_what_is_off_has_not() -> None:
    generator = torch.Generator().manual_seed(0)
    odds = 2 * torch.randn(1, 50_000, generator=generator, dtype=torch.float64) - 3
    positive = torch.rand(1, 50_000, generator=generator) < odds.sigmoid()
    mask = torch.ones_like(positive)
    for given, slope, intercept in ((odds, 1, 0), (odds / 2, 2, None), (odds + math.log(9), 1, -math.log(9))):
        found = [float(each) for each in calibration_line(given, positive, mask)]
        assert found[0] == pytest.approx(slope, abs=0.06)
        assert intercept is None or found[1] == pytest.approx(intercept, abs=0.06)


def test_where_no_line_can_be_fitted_there_is_none() -> None:
    odds = torch.tensor([[-2.0, -1.0, 1.0, 2.0]] * 6)
    labels = torch.tensor([[0, 0, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 1], [0, 1, 1, 0], [1, 1, 1, 0]])
    odds[4], odds[5] = 1.0, torch.tensor([-2.0, -1.0, 1.0, 1.0])  # all alike; parted but for a tie
    slopes, intercepts = calibration_line(odds, labels == 1, torch.ones_like(labels, dtype=torch.bool))
    assert slopes.isnan().tolist() == [True, True, True, False, True, True]
    assert intercepts.isnan().tolist() == [False, False, True, False, False, False]


def test_a_seed_has_the_same_values_among_others() -> None:
    given = inputs(2)
    together = classification_metrics(*given, 1, asked=ASKED)
    for seed in range(3):
        length = int(given[2][seed].sum())
        alone = classification_metrics(*(each[seed : seed + 1, :length] for each in given), 1, asked=ASKED)
        for name, values in alone.items():
            assert float(values) == pytest.approx(float(together[name][seed]), abs=1e-12), name


def test_of_more_classes_there_is_no_calibration_line_and_no_cost() -> None:
    values = classification_metrics(*inputs(4), asked=ASKED)
    assert values["calibration_slope"].isnan().all()
    assert values["calibration_intercept"].isnan().all()
    assert "expected_cost" not in values
    assert values["recall_at_precision"].isfinite().all()
