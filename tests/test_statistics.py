"""Statistics against values computed by hand, by SciPy, or published."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from seedbed.statistics import (
    POPULATION,
    RUNS,
    bounds,
    compare,
    finite,
    holm,
    lower_is_better,
    prediction_interval,
    spread_p,
    summary,
    wilcoxon_p,
)

pytestmark = pytest.mark.filterwarnings("error")


def test_summary_uses_the_sample_standard_deviation():
    found = summary([0.10, 0.12, 0.30])
    assert (found.n, found.missing, found.about) == (3, 0, RUNS)
    assert found.mean == pytest.approx(0.17333, abs=1e-5)
    assert found.std == pytest.approx(0.11015, abs=1e-5)
    reach = 4.302653 * found.std / math.sqrt(3)  # t(0.975, 2) from a printed table
    assert (found.low, found.high) == pytest.approx((found.mean - reach, found.mean + reach), rel=1e-6)


@pytest.mark.parametrize("absent", [math.nan, math.inf, -math.inf, 1.7976931348623157e308])
def test_summary_counts_what_is_not_finite(absent):
    found = summary([0.8, absent, 0.9])
    assert (found.n, found.missing) == (2, 1)
    assert found.mean == pytest.approx(0.85)
    assert not finite(absent)


def test_summary_of_one_value_has_no_spread_and_of_none_no_mean():
    one = summary([0.9])
    assert (one.n, one.mean, one.std, one.low, one.high) == (1, 0.9, None, None, None)
    nothing = summary([math.nan])
    assert (nothing.n, nothing.mean, nothing.missing) == (0, None, 1)


def test_prediction_interval_at_ten_seeds_is_2_37_standard_deviations():
    values = np.arange(10.0)
    interval = prediction_interval(values)
    assert (interval.high - values.mean()) / values.std(ddof=1) == pytest.approx(2.37, abs=0.005)
    assert RUNS in interval.about
    assert prediction_interval([1.0]) is None


def test_corrected_resampled_t_test_by_hand():
    a, b = np.array([3.0, 4, 8, 5]), np.array([1.0, 3, 5, 3])  # differences 2, 1, 3, 2: mean 2, variance 2/3
    found = compare(a, b, design="resampled", test_to_train=0.25)
    error = math.sqrt((1 / 4 + 0.25) * 2 / 3)
    assert found.difference == 2
    assert found.p == pytest.approx(2 * stats.t.sf(2 / error, 3))
    assert found.high - found.low == pytest.approx(2 * 3.182446 * error, rel=1e-6)  # t(0.975, 3)
    assert found.effect_size == pytest.approx(2 / math.sqrt(2 / 3))
    assert (found.about, found.wilcoxon_p) == (POPULATION, None)
    assert "corrected resampled" in found.test


def test_fixed_split_is_the_paired_t_test_with_wilcoxon_beside_it():
    random = np.random.default_rng(0)
    a, b = random.normal(size=9), random.normal(size=9)
    found, expected = compare(a, b, design="fixed"), stats.ttest_rel(a, b)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.wilcoxon_p == pytest.approx(stats.wilcoxon(a - b, method="exact").pvalue)
    assert found.about == RUNS


def test_the_correction_makes_a_test_more_careful():
    a, b = np.array([0.91, 0.93, 0.92, 0.95]), np.array([0.90, 0.91, 0.92, 0.92])
    assert compare(a, b, design="resampled", test_to_train=2 / 7).p > compare(a, b, design="fixed").p


@pytest.mark.parametrize(
    ("a", "b", "difference", "words"),
    [
        ([0.9, 0.8], [0.9, 0.8], 0.0, "no difference in any of 2 pairs"),
        ([0.9, 0.8, 0.7], [0.8, 0.7, 0.6], 0.1, "the same difference in each of 3 pairs"),
        ([0.9], [0.8], 0.1, "one pair"),
        ([math.nan, 0.9], [0.8, math.inf], None, "nothing to compare"),
    ],
)
@pytest.mark.parametrize("design", ["resampled", "fixed"])
def test_what_bears_no_test_is_said_in_words(a, b, difference, words, design):
    found = compare(a, b, design=design, test_to_train=0.25)
    assert (found.p, found.low, found.effect_size) == (None, None, None)
    assert found.difference == (None if difference is None else pytest.approx(difference))
    assert words in found.words


def test_a_pair_with_a_value_that_is_not_finite_is_left_out():
    a, b = [1.0, math.nan, 3.0, 7.0], [0.0, 5.0, 1.0, 2.0]
    assert compare(a, b, design="fixed") == compare([1.0, 3.0, 7.0], [0.0, 1.0, 2.0], design="fixed")


def test_unpaired_values_are_refused():
    with pytest.raises(ValueError, match="one length"):
        compare([1.0], [1.0, 2.0], design="fixed")
    with pytest.raises(ValueError, match="test_to_train"):
        compare([1.0], [1.0], design="resampled")


def test_wilcoxon_with_ties_counts_all_signs():
    differences = [1.0, 1.0, -1.0, 2.0, 3.0, 0.0]
    everything = stats.PermutationMethod(n_resamples=100_000)
    expected = stats.wilcoxon([value for value in differences if value], method=everything).pvalue
    assert wilcoxon_p(differences) == pytest.approx(expected)
    assert wilcoxon_p([1, 2, 3, 4, 5]) == pytest.approx(2 / 32)
    assert wilcoxon_p([0.0, 0.0]) is None


def test_wilcoxon_takes_rounding_for_a_tie():
    assert wilcoxon_p([0.1, 0.3 - 0.2, -0.1, 0.4], tolerance=1e-9) == wilcoxon_p([1, 1, -1, 4])


def test_spread_p_is_the_correlation_of_sum_and_difference():
    random = np.random.default_rng(1)
    a, b = random.normal(0, 9, 12), random.normal(0, 1, 12)
    assert spread_p(a, b) == pytest.approx(stats.pearsonr(a + b, a - b).pvalue)
    assert spread_p(a, b) < 0.05
    assert spread_p(a, a) is None
    assert spread_p(a[:2], b[:2]) is None


def test_holm_of_a_textbook_family():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([None, 0.04, None]) == [None, 0.04, None]
    assert holm([]) == []


@pytest.mark.parametrize(
    ("metric", "lower", "ends"),
    [
        ("test/loss", True, (0.0, None)),
        ("seconds", True, (0.0, None)),
        ("val/rmse", True, (0.0, None)),
        ("test/accuracy", False, (0.0, 1.0)),
        ("test/recall@10", False, (0.0, 1.0)),
        ("test/mcc", False, (-1.0, 1.0)),
        ("test/reward", False, (None, None)),
    ],
)
def test_direction_and_ends_of_a_metric(metric, lower, ends):
    assert lower_is_better(metric) is lower
    assert bounds(metric) == ends
