"""Curves, thresholds and recalibration of two classes, beside those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.calibration import _SigmoidCalibration
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from seedbed.imbalance.after import Threshold, candidates
from seedbed.tracking.two_classes import Cuts, platt, reliability, tuned_threshold


def made(ties: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    positive = rng.random(300) < 0.15
    scores = rng.normal(2.0 * positive - 2, 1)
    return (scores.round() if ties else scores), positive


@pytest.mark.parametrize("ties", [False, True])
def test_areas_and_thresholds_are_those_of_scikit_learn(ties: bool) -> None:
    scores, positive = made(ties)
    cuts = Cuts.of(scores, positive)
    assert cuts.auroc == pytest.approx(roc_auc_score(positive, scores), abs=1e-12)
    assert cuts.average_precision == pytest.approx(average_precision_score(positive, scores), abs=1e-12)
    grid = np.linspace(-5, 5, 41)
    np.testing.assert_allclose(cuts.f1_at(grid), [f1_score(positive, scores >= threshold) for threshold in grid])
    best = tuned_threshold(scores, positive)
    assert f1_score(positive, scores >= best) == pytest.approx(
        max(f1_score(positive, scores >= threshold) for threshold in scores)
    )
    assert not (scores == best).any()  # it lies between two scores, and so hangs on no rounding


def test_a_curve_is_read_at_shares() -> None:
    cuts = Cuts.of(np.array([4.0, 3, 2, 1]), np.array([True, False, True, False]))
    np.testing.assert_allclose(cuts.precision_at(np.array([0.0, 0.5, 0.51, 1.0])), [1, 1, 2 / 3, 2 / 3])
    np.testing.assert_allclose(cuts.recall_at(np.array([0.0, 0.25, 0.5, 1.0])), [0.5, 0.75, 1, 1])
    assert np.isnan(tuned_threshold(np.array([0.1, 0.2]), np.array([False, False])))


def test_of_equally_good_thresholds_both_take_the_same() -> None:
    scores, positive = np.array([0.9, 0.6, 0.4, 0.2, 0.1]), np.array([True, False, False, True, False])
    assert (
        tuned_threshold(scores, positive) == Threshold().best(scores, positive, candidates(scores)) == (0.1 + 0.2) / 2
    )


def test_recalibration_is_platts() -> None:
    scores, positive = made(ties=False)
    theirs = _SigmoidCalibration().fit(scores, positive)
    np.testing.assert_allclose(platt(scores, positive), (-theirs.a_, -theirs.b_), rtol=1e-4)
    separated = platt(np.array([-3.0, -2, 2, 3]), np.array([False, False, True, True]))
    assert np.isfinite(separated).all()
    assert np.isnan(platt(np.array([1.0, 2.0]), np.array([True, True]))).all()


def test_recalibration_undoes_a_shift_and_a_stretch() -> None:
    rng = np.random.default_rng(2)
    log_odds = rng.normal(-2, 2, 200_000)
    positive = rng.random(len(log_odds)) < expit(log_odds)
    slope, intercept = platt(3 * log_odds + 4, positive)
    assert (3 * slope, 4 * slope + intercept) == pytest.approx((1, 0), abs=0.02)


def test_bins_hold_equally_many_rows_whatever_the_order_of_equal_ones() -> None:
    probabilities = np.array([0.0, 0, 0, 0, 0.4, 0.6])
    positive = np.array([True, False, False, False, False, True])
    for order in (np.arange(6), np.arange(6)[::-1]):
        expected, observed = reliability(probabilities[order], positive[order], bins=3)
        np.testing.assert_allclose(expected, [0, 0, 0.5])
        np.testing.assert_allclose(observed, [0.25, 0.25, 0.5])
