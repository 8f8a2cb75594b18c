"""Statistics against values computed by hand, by SciPy, or published."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from seedbed.statistics import (
    POPULATION,
    RUNS,
    bootstrap_interval,
    compare,
    compare_with_lost,
    curve_distance,
    detectable_difference,
    equivalence_p,
    finite,
    holm,
    holm_levels,
    interquartile_mean,
    interval_at,
    largest_z_limit,
    least_wilcoxon_p,
    mean_alone,
    median,
    population_interval,
    posterior,
    power,
    prediction_interval,
    ranking,
    seeds_needed,
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


@pytest.mark.parametrize(
    "values",
    [[0.1, 0.7, 0.2], [0.1] * 9, [0.3, math.nan, math.inf], [1e300, 1e308], [1e-300, 3e-300], [0.0], [], [math.nan]],
)
def test_the_mean_alone_is_that_of_the_summary(values):
    assert mean_alone(values) == summary(values).mean


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


def test_median_and_interquartile_mean_leave_the_ends_out():
    assert median([1.0, 2, 4, 100, math.nan]) == 3
    assert interquartile_mean([100.0, 1, 2, 3, 4, 5, 6, 7]) == pytest.approx(4.5)  # 1, 2 and 7, 100 are cut off
    assert interquartile_mean([1.0, 2, 6]) == 3  # a quarter of three is none
    assert (median([math.nan]), interquartile_mean([])) == (None, None)


def test_bootstrap_interval_leans_with_the_skew_and_is_the_same_each_time():
    values = [0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.5, 3.0]
    found = bootstrap_interval(values)
    mean = np.mean(values)
    assert found.high - mean > 2 * (mean - found.low) > 0
    assert (found, found.about) == (bootstrap_interval(values), RUNS)
    assert bootstrap_interval([0.3] * 9) is None
    assert bootstrap_interval(values[:7]) is None


def test_bootstrap_interval_of_a_symmetric_sample_is_about_the_t_interval():
    values = stats.norm.ppf((np.arange(20) + 0.5) / 20)
    found, expected = bootstrap_interval(values), summary(values)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=0.06)


def test_population_interval_by_hand():
    found = population_interval([3.0, 4, 8, 5], test_to_train=0.25)  # mean 5, variance 14/3
    reach = 3.18244631 * math.sqrt(14 / 3 * (1 / 4 + 0.25))  # t(0.975, 3) from a printed table
    assert (found.low, found.high) == pytest.approx((5 - reach, 5 + reach), rel=1e-6)
    assert found.about == POPULATION
    assert population_interval([3.0], test_to_train=0.25) is None


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


def test_above_is_the_share_of_pairs_in_which_the_first_is_larger():
    assert compare([1.0, 2, 3, 4], [0.0, 2, 4, 1], design="fixed").above == (2 + 0.5) / 4
    assert compare([1.0, 2], [1.0, 2], design="fixed").above == 0.5
    assert compare([1.0], [0.0], design="fixed").above == 1
    assert compare([math.nan], [0.0], design="fixed").above is None


def test_equivalence_is_two_one_sided_tests():
    """With one split as SciPy's one-sided tests against the two ends."""
    a, b = np.array([3.0, 4, 8, 5, 7]), np.array([2.5, 4.5, 7, 5.5, 6.4])
    above = stats.ttest_1samp(a - b, -2.0, alternative="greater").pvalue
    below = stats.ttest_1samp(a - b, 2.0, alternative="less").pvalue
    assert below > above
    assert equivalence_p(a, b, margin=2.0, design="fixed") == pytest.approx(below)
    assert equivalence_p(b, a, margin=2.0, design="fixed") == pytest.approx(below)
    # By hand: differences 1, 1, 3, 2 of mean 1.75 and variance 11/12; their mean's with n_test/n_train = 1/4 is 11/24.
    found = equivalence_p([3.0, 4, 8, 5], [2.0, 3, 5, 3], margin=4.0, design="resampled", test_to_train=0.25)
    assert found == pytest.approx(stats.t.sf((4 - 1.75) / math.sqrt(11 / 24), 3))


def test_equivalence_holds_where_nothing_differs_and_is_not_tested_without_a_spread():
    assert equivalence_p([1.0, 2.0], [1.0, 2.0], margin=0.1, design="fixed") == 0.0
    assert equivalence_p([1.0], [1.0], margin=0.1, design="fixed") is None
    assert equivalence_p([1.0, 2.0], [0.5, 1.5], margin=0.1, design="fixed") is None
    assert equivalence_p([], [], margin=0.1, design="fixed") is None


def test_equivalence_at_the_margin_is_said_in_one_of_twenty_experiments():
    rng = np.random.default_rng(4)
    differences = 0.01 + 0.004 * rng.standard_normal((1500, 10))
    said = [equivalence_p(row, np.zeros(10), margin=0.01, design="fixed") < 0.05 for row in differences]
    assert np.mean(said) == pytest.approx(0.05, abs=0.015)


def test_posterior_without_a_region_is_the_one_sided_test():
    a, b = [3.0, 4, 8, 5], [1.0, 3, 5, 3]
    for design in ("fixed", "resampled"):
        tested = compare(a, b, design=design, test_to_train=0.25)
        found = posterior(a, b, rope=0.0, design=design, test_to_train=0.25)
        assert (found.below, found.within, found.above) == pytest.approx((tested.p / 2, 0, 1 - tested.p / 2))


def test_posterior_by_hand():
    # Differences 2, 1, 3, 2: a t distribution with 3 degrees of freedom around 2, of variance 2/3 (1/4 + 1/4)
    found = posterior([3.0, 4, 8, 5], [1.0, 3, 5, 3], rope=1.0, design="resampled", test_to_train=0.25)
    assert found.above == pytest.approx(stats.t.cdf(1 / math.sqrt(1 / 3), 3))
    assert found.within == pytest.approx(1 - found.above - stats.t.cdf(-3 / math.sqrt(1 / 3), 3))
    assert posterior([1.0, 2], [1.0, 2], rope=0.1, design="fixed") is None
    level = posterior([1.0, 2], [2.0, 1], rope=0.1, design="fixed")
    assert level.below == pytest.approx(level.above)


def test_least_wilcoxon_p_says_that_five_seeds_cannot_pass():
    assert least_wilcoxon_p(5) == wilcoxon_p([1, 2, 3, 4, 5]) == 0.0625
    assert least_wilcoxon_p(6) == wilcoxon_p([1, 2, 3, 4, 5, 6]) == 0.03125
    assert least_wilcoxon_p(1) == 1


DEMSAR = """.763 .768 .771 .798
.599 .591 .590 .569
.954 .971 .968 .967
.628 .661 .654 .657
.882 .888 .886 .898
.936 .931 .916 .931
.661 .668 .609 .685
.583 .583 .563 .625
.775 .838 .866 .875
1.00 1.00 1.00 1.00
.940 .962 .965 .962
.619 .666 .614 .669
.972 .981 .9752 .9751
.957 .978 .946 .970"""


def test_ranking_is_that_of_demsars_example():
    """Demsar 2006, table 6: four learners, 14 data sets, mean ranks below it; at 0.05 his critical difference is 1.25.

    In one row two values are printed alike and ranked apart: they have a digit more here.
    """
    table = np.array([line.split() for line in DEMSAR.splitlines()], dtype=float)
    found = ranking(table, lower_is_better=False)
    assert found.n == 14
    assert found.ranks == pytest.approx((3.143, 2.000, 2.893, 1.964), abs=5e-4)
    assert found.p == pytest.approx(stats.friedmanchisquare(*table.T).pvalue)
    assert found.critical_difference == pytest.approx(1.25, abs=5e-3)
    assert ranking(-table, lower_is_better=True).ranks == found.ranks


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([[1.0, 1, 1], [2, 2, 2]], "level in each of 2 seeds"),
        ([[1.0, 2, 3]], "one seed"),
        ([[1.0, 2], [2, 3]], "three variants"),
        ([[math.nan, 2, 1]], "nothing to rank"),
    ],
)
def test_what_cannot_be_ranked_is_said_in_words(values, words):
    found = ranking(values, lower_is_better=False)
    assert (found.p, found.critical_difference) == (None, None)
    assert words in found.words


@pytest.mark.parametrize(("effect", "n", "chance"), [(0.5, 34, 0.808), (1.0, 10, 0.803), (0.3, 90, 0.804)])
def test_power_is_that_of_printed_tables(effect, n, chance):
    """Two-sided paired t-test at 0.05; as by Cohen 1988 and the program G*Power."""
    assert power(effect, 1.0, n) == pytest.approx(chance, abs=1e-3)
    assert seeds_needed(effect, 1.0) == n
    assert detectable_difference(1.0, n) == pytest.approx(effect, rel=0.01)


def test_power_agrees_with_the_noncentral_t_distribution():
    shift, critical = 0.02 / (0.03 * math.sqrt(1 / 7 + 0.25)), stats.t.ppf(0.995, 6)
    expected = stats.nct.sf(critical, 6, shift) + stats.nct.cdf(-critical, 6, shift)
    assert power(0.02, 0.03, 7, correction=0.25, level=0.01) == pytest.approx(expected, abs=1e-4)


def test_redrawn_splits_put_small_differences_out_of_reach():
    assert seeds_needed(0.5, 1.0, correction=2 / 7) is None
    assert seeds_needed(2.0, 1.0, correction=2 / 7) == 10
    assert power(2.0, 1.0, 9, correction=2 / 7) < 0.8 <= power(2.0, 1.0, 10, correction=2 / 7)
    assert seeds_needed(0.0, 1.0) is None
    assert (power(1.0, 0.0, 5), power(1.0, 1.0, 1), detectable_difference(0.0, 5)) == (1.0, 0.0, 0.0)


def test_wilcoxon_with_ties_counts_all_signs():
    differences = [1.0, 1.0, -1.0, 2.0, 3.0, 0.0]
    everything = stats.PermutationMethod(n_resamples=100_000)
    expected = stats.wilcoxon([value for value in differences if value], method=everything).pvalue
    assert wilcoxon_p(differences) == pytest.approx(expected)
    assert wilcoxon_p([1, 2, 3, 4, 5]) == pytest.approx(2 / 32)
    assert wilcoxon_p([0.0, 0.0]) is None


def test_wilcoxon_takes_rounding_for_a_tie():
    assert wilcoxon_p([0.1, 0.3 - 0.2, -0.1, 0.4]) == wilcoxon_p([1, 1, -1, 4])


def test_one_seed_far_out_does_not_make_ties_of_the_others():
    a, b = [0.1, 0.2, 0.3, 0.15, 0.25, 0.2, 0.1, 0.3, 0.2], [0.5, 0.6, 0.7, 0.5, 0.6, 0.7, 0.5, 0.6, 0.7]
    for far in (1e9, 3e20):
        found = compare([far, *a], [1.0, *b], design="fixed")
        assert found.above == 0.1
        assert found.wilcoxon_p == compare([10.0, *a], [1.0, *b], design="fixed").wilcoxon_p
    assert ranking([[3e20, 1, 2]] + [[0.1, 0.5, 0.9]] * 9, lower_is_better=True).ranks == pytest.approx((1.2, 1.9, 2.9))


def test_very_small_values_are_tested_like_others():
    a, b = np.array([3.0, 4, 8, 5]), np.array([1.0, 3, 5, 3])
    small, usual = compare(a * 1e-200, b * 1e-200, design="fixed"), compare(a, b, design="fixed")
    assert (small.p, small.effect_size) == pytest.approx((usual.p, usual.effect_size))


def test_equal_values_have_no_spread_by_rounding():
    assert summary([0.1] * 3).std == 0


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


def test_levels_of_holms_steps_agree_with_its_adjusted_p_values():
    p_values = [0.01, None, 0.04, 0.03, 0.005]
    assert holm_levels(p_values) == pytest.approx([0.05 / 3, None, 0.025, 0.025, 0.0125])
    # Alone, 0.04 would pass the last level of 0.05: the method has stopped at 0.03.
    for found, level, adjusted in zip(p_values, holm_levels(p_values), holm(p_values), strict=True):
        assert found is None or (found < level) == (adjusted < 0.05)


@pytest.mark.parametrize("tied", [0.004, 0.02])
def test_equal_p_values_have_one_level(tied):
    p_values = [tied, 0.04, tied, 0.001]
    levels = holm_levels(p_values)
    assert levels == pytest.approx([0.05 / 3, 0.05 if tied < 0.05 / 3 else 0.05 / 3, 0.05 / 3, 0.0125])
    for found, level, adjusted in zip(p_values, levels, holm(p_values), strict=True):
        assert (found < level) == (adjusted < 0.05)


def test_interval_at_a_level_by_hand():
    found = compare([3.0, 4, 8, 5], [1.0, 3, 5, 3], design="resampled", test_to_train=0.25)
    usual = interval_at(found, 0.05, correction=0.25)
    assert (usual.low, usual.high) == pytest.approx((found.low, found.high))
    reach = 5.84090930 * math.sqrt(2 / 3 * (1 / 4 + 0.25))  # t(0.995, 3) from a printed table
    narrow = interval_at(found, 0.01, correction=0.25)
    assert (narrow.low, narrow.high) == pytest.approx((2 - reach, 2 + reach), rel=1e-6)
    ends = interval_at(found, found.p, correction=0.25)
    assert ends.low == pytest.approx(0, abs=1e-9)
    assert interval_at(compare([1.0], [2.0], design="fixed"), 0.05) is None


def test_lost_runs_have_the_worst_value_or_the_last_ranks():
    a, b = [0.9, math.nan, 0.8, 0.7], [0.5, 0.6, math.inf, 0.4]
    how = {"design": "fixed", "lower_is_better": False}
    bounded = compare_with_lost(a, b, worst=0.0, **how)
    assert bounded == compare([0.9, 0, 0.8, 0.7], [0.5, 0.6, 0, 0.4], design="fixed")
    ranked = compare_with_lost(a, b, worst=None, **how)
    assert ranked == compare([8, 1.5, 7, 6], [4, 5, 1.5, 3], design="fixed")
    errors = compare_with_lost(a, b, worst=None, design="fixed", lower_is_better=True)
    assert errors == compare([6, 7.5, 5, 4], [2, 3, 7.5, 1], design="fixed")


# ---- curves ----


def test_the_limit_of_a_curve_of_one_epoch_is_that_of_the_prediction_interval():
    for n in (3, 5, 10):
        found = largest_z_limit(np.random.default_rng(n).standard_normal((n, 1)), resamples=50_000)
        assert found == pytest.approx(stats.t.ppf(0.975, n - 1) * math.sqrt(1 + 1 / n), rel=0.03)


def test_the_limit_rises_with_epochs_that_go_their_own_ways_and_not_with_equal_ones():
    rng = np.random.default_rng(1)
    first = rng.standard_normal((10, 1))
    alone = largest_z_limit(first)
    assert largest_z_limit(np.repeat(first, 5, axis=1)) == pytest.approx(alone, rel=1e-6)
    assert largest_z_limit(rng.standard_normal((10, 5))) > 1.2 * alone
    assert largest_z_limit(first * 7 + 3) == pytest.approx(alone)  # neither unit nor origin matters


@pytest.mark.slow
def test_one_more_curve_stays_below_the_limit_in_19_of_20_cases():
    rng, epochs, held = np.random.default_rng(3), 6, 0
    correlation = 0.7 ** np.abs(np.subtract.outer(np.arange(epochs), np.arange(epochs)))
    root = np.linalg.cholesky(correlation)
    for seed in range(200):
        curves = rng.standard_normal((9, epochs)) @ root.T
        limit = largest_z_limit(curves[:-1], resamples=500, seed=seed)
        ours, other = curves[:-1], curves[-1]
        held += np.abs((other - ours.mean(axis=0)) / ours.std(axis=0, ddof=1)).max() <= limit
    assert stats.binom.ppf(0.001, 200, 0.95) <= held <= stats.binom.ppf(0.999, 200, 0.95)


def test_epochs_without_a_spread_have_no_z():
    ours = np.array([[0.1, 0.5], [0.1, 0.7], [0.1, 0.6]])
    found = curve_distance(ours, [0.2, 0.6])
    assert found.z[0] is None
    assert found.z[1] == pytest.approx(0.0)
    assert found.limit is not None
    assert curve_distance(ours[:, :1], [0.1]) == ((None,), None)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("power", [-1000, -300, 300, 1000])
def test_very_large_and_very_small_values_have_the_statistics_of_others(power):
    a, b = np.array([1.0, 2.0, 3.0, 2.5, 1.5, 2.2, 1.9, 2.8]), np.array([1.2, 2.0, 3.4, 2.4, 1.9, 2.2, 2.3, 2.8])
    scale = 2.0**power
    usual, found = summary(a), summary(a * scale)
    assert [found.mean, found.std, found.low, found.high] == [
        value * scale for value in (usual.mean, usual.std, usual.low, usual.high)
    ]
    assert bootstrap_interval(a * scale)[:2] == tuple(end * scale for end in bootstrap_interval(a)[:2])
    assert compare(a * scale, b * scale, design="fixed").p == pytest.approx(compare(a, b, design="fixed").p)
    assert spread_p(a * scale, b * scale) == spread_p(a, b)
    assert curve_distance([a * scale, b * scale, a * scale * 2], b * scale).z == pytest.approx(
        curve_distance([a, b, a * 2], b).z
    )


@pytest.mark.filterwarnings("error")
def test_an_interval_beyond_all_numbers_is_none():
    found = summary([1.6e308, -1.6e308])
    assert (found.low, found.high) == (None, None)
    assert math.isfinite(found.std)
