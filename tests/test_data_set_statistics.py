"""Statistics over data sets against values computed by hand, by brute force, by SciPy, or published."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import strategies
from hypothesis.extra.numpy import arrays
from scipy import stats

from seedbed.data_set_statistics import (
    average_ranks,
    bayesian_signed_rank,
    compare_all,
    complete_block,
    data_sets_needed,
    least_p,
    leave_one_out,
    rank_pairs,
    signed_rank,
    without_thirds,
)
from seedbed.statistics import holm, ranking
from tests.properties import some_times

pytestmark = pytest.mark.filterwarnings("error")

# Demsar 2006, table 2: AUC of C4.5 with m tuned, less that without, on 14 data sets.
DEMSAR = [0.005, -0.008, 0.017, 0.033, 0.006, -0.005, 0.007, 0.0, 0.063, 0.0, 0.022, 0.047, 0.009, 0.021]
# Demsar 2006, table 6: ranks of four variants of C4.5 on 14 data sets.
DEMSAR_RANKS = [
    *([4, 3, 2, 1], [1, 2, 3, 4], [4, 1, 2, 3], [4, 1, 3, 2], [4, 2, 3, 1], [1, 2.5, 4, 2.5], [3, 2, 4, 1]),
    *([2.5, 2.5, 4, 1], [4, 3, 2, 1], [2.5, 2.5, 2.5, 2.5], [4, 2.5, 1, 2.5], [3, 2, 4, 1], [4, 1, 2, 3], [3, 1, 4, 2]),
]
# Hollander and Wolfe, example 3.1: a depression scale factor after less before a first therapy, of nine patients.
BEFORE = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
AFTER = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])


def draws(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


# ---- the signed-rank test --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [*range(1, 13), 30, 50, 120])
def test_p_is_that_of_scipys_exact_method(n):
    differences = draws(n, seed=n) + 0.3
    expected = stats.wilcoxon(differences, method="exact").pvalue
    assert signed_rank(differences).p == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("differences", [[1, 1, -1, 2, 2, 3, -3], [0, 0, 1, 2, 2, -1, 4], [1] * 6, [0, 1, -1]])
def test_p_with_ties_and_zeros_counts_every_pattern_of_signs(differences):
    ranks = stats.rankdata(np.abs([each for each in differences if each]))
    signs = np.array(list(itertools.product([0, 1], repeat=len(ranks))))
    sums, positive = signs @ ranks, sum(ranks[np.array([each for each in differences if each]) > 0])
    expected = min(1.0, 2 * min(np.mean(sums <= positive), np.mean(sums >= positive)))
    assert signed_rank(differences).p == pytest.approx(expected)


def test_interval_is_the_published_one():
    found = signed_rank(AFTER - BEFORE)
    assert found.p == pytest.approx(0.0390625)
    assert found.estimate == pytest.approx(-0.46)
    assert found.interval[:2] == pytest.approx((-0.786, -0.010), abs=1e-9)
    assert found.confidence == pytest.approx(0.961, abs=5e-4)
    assert (found.wins, found.ties, found.losses, found.leaning, found.words) == (2, 0, 7, -1, "")
    turned = signed_rank(AFTER - BEFORE, lower_is_better=True)
    assert (turned.wins, turned.losses, turned.leaning) == (7, 2, 1)
    assert (turned.estimate, turned.interval) == (found.estimate, found.interval)


def test_demsars_example_is_told_apart_and_counts_ties():
    found = signed_rank(DEMSAR)
    assert (found.n, found.wins, found.ties, found.losses) == (14, 10, 2, 2)
    assert found.p < 0.05
    assert found.interval.low > 0


@pytest.mark.parametrize(("n", "level"), [(6, 0.05), (8, 0.05), (9, 0.2), (10, 0.05 / 12)])
def test_interval_holds_the_centre_exactly_as_often_as_it_says(n, level):
    """Of symmetric differences, every pattern of signs is as likely: the interval holds 0 in just so many of them."""
    sizes = np.abs(draws(n, seed=n))
    tests = [signed_rank(sizes * signs, level=level) for signs in itertools.product([-1, 1], repeat=n)]
    held = np.mean([test.interval.low <= 0 <= test.interval.high for test in tests])
    assert held == pytest.approx(tests[0].confidence)
    assert held > 1 - level
    assert all((test.p < level) == (not test.interval.low <= 0 <= test.interval.high) for test in tests)


@pytest.mark.parametrize("chances", [(0.25, 0.5), (0.4, 0.2), (0.5, 0.0), (0.1, 0.8)])
def test_interval_holds_no_less_with_zeros_and_ties(chances):
    each, n = dict(zip((-1, 0, 1), (chances[0], chances[1], chances[0]), strict=True)), 7
    held = 0.0
    for counts in itertools.product(range(n + 1), repeat=2):
        rest = n - sum(counts)
        if rest < 0:
            continue
        differences = [-1] * counts[0] + [0] * counts[1] + [1] * rest
        found = signed_rank(differences)
        ways = math.comb(n, counts[0]) * math.comb(n - counts[0], counts[1])
        chance = ways * each[-1] ** counts[0] * each[0] ** counts[1] * each[1] ** rest
        held += chance * (found.interval.low <= 0 <= found.interval.high)
    assert held >= 0.95


@pytest.mark.parametrize("level", [0.05, 0.3])
def test_interval_leaves_zero_out_only_where_p_is_below_the_level(level):
    """With zeros and ties too, of which small whole numbers have every pattern."""
    for differences in itertools.combinations_with_replacement(range(-2, 3), 7):
        found = signed_rank(differences, level=level)
        held = found.interval.low <= 0 <= found.interval.high
        assert held or found.p < level, differences


def test_interval_turns_and_scales_with_the_differences():
    def holds(differences):
        found, moved = signed_rank(differences), signed_rank(-2 * differences)
        assert (moved.p, moved.leaning) == (found.p, -found.leaning)
        assert moved.estimate == -2 * found.estimate
        assert moved.interval[:2] == (-2 * found.interval.high, -2 * found.interval.low)
        assert found.interval.low <= found.estimate <= found.interval.high
        wider = signed_rank(differences, level=0.01)
        if wider.interval:
            assert wider.interval.low <= found.interval.low
            assert wider.interval.high >= found.interval.high

    whole = strategies.integers(-1000, 1000).map(float)
    some_times(holds, differences=strategies.lists(whole, min_size=6, max_size=14).map(np.array))


@pytest.mark.parametrize(
    ("differences", "p", "estimate", "words"),
    [
        ([], None, None, "no data set: nothing to compare"),
        ([0.0], None, 0.0, "no difference on the one data set"),
        ([0.0] * 9, None, 0.0, "no difference on any of 9 data sets"),
        ([2.0], 1.0, 2.0, "one data set: the smallest p-value is 1, so there is no interval at 0.05"),
        ([1.0, 2.0], 0.5, 1.5, "2 data sets: the smallest p-value is 0.5, so there is no interval at 0.05"),
        ([1.0] * 5, 0.0625, 1.0, "5 data sets: the smallest p-value is 0.0625, so there is no interval at 0.05"),
    ],
)
def test_few_data_sets_have_an_answer(differences, p, estimate, words):
    found = signed_rank(differences)
    assert (found.p, found.estimate, found.words) == (p, estimate, words)
    if len(differences) < 6:
        assert (found.interval, found.confidence) == (None, None)
    else:
        assert found.interval[:2] == (0, 0)


def test_rounding_is_a_tie():
    first, second = np.array([0.1 + 0.2, 0.9, 0.7]), np.array([0.3, 0.8, 0.5])
    assert signed_rank(first - second).ties == 0
    assert signed_rank(first - second, sizes=first).ties == 1
    noisy = np.array([0.91 - 0.90, 0.05 - 0.06] * 4)  # 0.01 with rounding: equal sizes of both signs
    assert noisy.sum() != 0
    found = signed_rank(noisy)
    assert (found.p, found.estimate, found.leaning) == (1, 0, 0)


def test_leaning_is_the_sign_of_the_rank_sum_that_is_tested():
    differences = [6, 5, -1, -2, -3, -4]  # positive ranks add up to 11, negative ones to 10
    assert signed_rank(differences).leaning == 1
    assert signed_rank(differences + [0] * 5).leaning == 1


def test_what_is_not_complete_is_refused():
    with pytest.raises(ValueError, match="complete_block"):
        signed_rank([1.0, math.nan])
    with pytest.raises(ValueError, match="one value for each data set"):
        signed_rank([[1.0]])
    for function in (average_ranks, rank_pairs, leave_one_out, without_thirds):
        with pytest.raises(ValueError, match="complete_block"):
            function([[1.0, math.inf]], lower_is_better=True)
        with pytest.raises(ValueError, match=r"not \(2,\)"):
            function([1.0, 2.0], lower_is_better=True)


def test_complete_block_keeps_data_sets_with_every_value():
    assert complete_block([[1, 2], [math.nan, 1], [3, math.inf], [0, 0]]).tolist() == [True, False, False, True]
    assert complete_block(np.empty((0, 3))).tolist() == []


# ---- how few data sets -----------------------------------------------------------------------------------------------


def test_how_many_data_sets_a_family_needs():
    assert least_p(5) == 0.0625
    assert (least_p(0), least_p(1)) == (1, 1)
    assert (data_sets_needed(1), data_sets_needed(12), data_sets_needed(12, 0.1)) == (6, 9, 8)
    with pytest.raises(ValueError, match="0 comparisons"):
        data_sets_needed(0)


def test_with_one_data_set_fewer_than_needed_holm_rejects_nothing():
    def holds(comparisons, level):
        needed = data_sets_needed(comparisons, level)
        for n, rejects in ((needed, True), (needed - 1, False)):
            clearest = signed_rank(np.arange(1.0, n + 1)).p or 1.0
            assert (holm([clearest, *[1.0] * (comparisons - 1)])[0] < level) == rejects
            assert n == 0 or clearest == least_p(n)

    some_times(
        holds, comparisons=strategies.integers(1, 60), level=strategies.sampled_from([0.001, 0.01, 0.05, 0.1, 0.5])
    )


# ---- families --------------------------------------------------------------------------------------------------------


def test_each_variant_is_tested_against_its_own_baseline():
    values = draws(12, 5)
    values[:, 3] = values[:, 0] - 2 - 0.1 * values[:, 3]
    found = compare_all(values, [None, 0, 1, 0, None], lower_is_better=True)
    assert [(each.variant, each.other) for each in found] == [(1, 0), (2, 1), (3, 0)]
    for each in found:
        expected = stats.wilcoxon(values[:, each.variant], values[:, each.other], method="exact").pvalue
        assert each.test.p == pytest.approx(expected)
    assert [each.p for each in found] == holm([each.test.p for each in found])
    assert [each.better for each in found] == [None, None, True]
    assert found[2].test.interval.high < 0
    assert [each.better for each in compare_all(values, [None, 0, 1, 0, None], lower_is_better=False)] == [
        None,
        None,
        False,
    ]


def test_the_simultaneous_interval_leaves_zero_out_exactly_where_holm_rejects():
    def holds(seed):
        generator = np.random.default_rng(seed)
        values = generator.normal(size=(12, 5)) + generator.uniform(-1.5, 1.5, size=5)
        for each in compare_all(values, [None, 0, 0, 0, 0], lower_is_better=False):
            assert each.level <= 0.05
            assert (each.better is None) == (each.simultaneous.low <= 0 <= each.simultaneous.high)
            assert each.simultaneous.low <= each.test.interval.low
            if each.better is not None:
                assert each.better == (each.simultaneous.low > 0)

    some_times(holds, seed=strategies.integers(0, 10_000))


def test_a_variant_that_never_differs_does_not_count_in_the_family():
    values = np.arange(6.0)[:, None] + np.array([0, 0, 1])
    same, better = compare_all(values, [None, 0, 0], lower_is_better=False)
    assert (same.test.p, same.p, same.level, same.simultaneous, same.better) == (None, None, None, None, None)
    assert (better.p, better.level, better.better) == (0.03125, 0.05, True)


def test_too_few_data_sets_have_no_simultaneous_interval():
    values = np.arange(6.0)[:, None] + np.array([0, 1, 2])
    found = compare_all(values, [None, 0, 0], lower_is_better=False)
    assert [(each.p, each.better, each.simultaneous) for each in found] == [(0.0625, None, None)] * 2
    assert found[0].test.interval[:2] == (1, 1)


@pytest.mark.parametrize("data_sets", [0, 1, 2])
def test_a_family_on_hardly_any_data_sets(data_sets):
    (found,) = compare_all(draws(data_sets, 2), [None, 0], lower_is_better=False)
    assert (found.test.n, found.better, found.simultaneous) == (data_sets, None, None)
    assert compare_all(draws(data_sets, 2), [None, None], lower_is_better=False) == ()


@pytest.mark.parametrize("baselines", [[None], [0, None], [None, 2], [None, -1]])
def test_baselines_that_cannot_be_are_refused(baselines):
    with pytest.raises(ValueError, match="baseline"):
        compare_all(draws(3, 2), baselines, lower_is_better=False)


# ---- ranks -----------------------------------------------------------------------------------------------------------


def test_average_ranks_are_the_published_ones():
    assert average_ranks(DEMSAR_RANKS, lower_is_better=True) == pytest.approx((3.143, 2.0, 2.893, 1.964), abs=5e-4)
    assert average_ranks([[0.9, 0.9, 0.1]], lower_is_better=False) == (1.5, 1.5, 3)
    assert average_ranks([[0.3, 0.1 + 0.2]], lower_is_better=False) == (1.5, 1.5)
    assert average_ranks(np.empty((0, 3)), lower_is_better=False) == ()


def test_friedman_and_nemenyi_over_data_sets():
    found = ranking(DEMSAR_RANKS, lower_is_better=True, block="data set")
    assert found.ranks == average_ranks(DEMSAR_RANKS, lower_is_better=True)
    assert found.p == pytest.approx(stats.friedmanchisquare(*np.array(DEMSAR_RANKS).T).pvalue)
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)  # 2.569 sqrt(4 5 / (6 14))
    assert "over 14 data sets" in found.words
    assert ranking([[1, 2, 3]], lower_is_better=True, block="data set").words == "one data set: no test of its ranks"


def test_bars_join_what_no_test_tells_apart():
    """Ten data sets: the two best are level, and far ahead of the others, which are level too."""
    values = np.zeros((10, 4)) + np.arange(10.0)[:, None]
    values[:, 1] += np.tile([1, -1], 5) * np.arange(1, 11)
    values[:, 2] -= 100
    values[:, 3] -= 100 + np.tile([-1, 1], 5) * np.arange(2, 12)
    found = rank_pairs(values, lower_is_better=False)
    assert found.groups == ((0, 1), (2, 3))
    assert found.ranks == (1.5, 1.5, 3.5, 3.5)
    assert found.bars == [(1.5, 1.5), (3.5, 3.5)]
    assert {(pair.variant, pair.other) for pair in found.pairs if pair.better} == {(0, 2), (0, 3), (1, 2), (1, 3)}
    assert len(found.pairs) == 6


def test_groups_are_the_largest_runs_without_a_difference():
    def holds(seed):
        generator = np.random.default_rng(seed)
        values = generator.normal(size=(14, 6)) + generator.uniform(-1.2, 1.2, size=6)
        found = rank_pairs(values, lower_is_better=True)
        assert [found.ranks[each] for each in found.order] == sorted(found.ranks)
        apart = {frozenset((pair.variant, pair.other)) for pair in found.pairs if pair.p < 0.05}
        runs = [found.order[start:end] for start, end in itertools.combinations(range(7), 2) if end - start > 1]
        level = [run for run in runs if not any(frozenset(pair) in apart for pair in itertools.combinations(run, 2))]
        largest = [run for run in level if not any(set(run) < set(other) for other in level)]
        assert list(found.groups) == largest

    some_times(holds, seed=strategies.integers(0, 10_000))


def test_whether_two_differ_does_not_hang_on_the_ranks_of_the_others():
    values = np.concatenate([np.arange(8.0)[:, None] + [0, 1], draws(8, 1)], axis=1)
    pairs = rank_pairs(values, lower_is_better=False).pairs
    assert next(pair.test.p for pair in pairs if {pair.variant, pair.other} == {0, 1}) == least_p(8)


@pytest.mark.parametrize("data_sets", [1, 2, 5])
def test_few_data_sets_have_one_bar(data_sets):
    found = rank_pairs(np.arange(data_sets)[:, None] + np.array([2, 0, 1.0]), lower_is_better=False)
    assert (found.order, found.groups) == ((0, 2, 1), ((0, 2, 1),))


def test_without_data_sets_or_with_one_variant_there_is_nothing_to_join():
    nothing = rank_pairs(np.empty((0, 3)), lower_is_better=True)
    assert (nothing.n, nothing.ranks, nothing.pairs, nothing.groups) == (0, (), (), ())
    alone = rank_pairs(draws(4, 1), lower_is_better=True)
    assert (alone.ranks, alone.pairs, alone.groups, alone.bars) == ((1.0,), (), (), [])


# ---- practical equivalence -------------------------------------------------------------------------------------------


def slow_bayesian(differences, rope, count=4000):
    """Share of draws in which worse, equal or better is the largest, pair by pair of weighted differences."""
    generator, largest = np.random.default_rng(7), [0, 0, 0]
    points = [0.0, *differences]
    for _ in range(count):
        gammas = [generator.gamma(0.5), *(generator.gamma(1.0) for _ in differences)]
        chances = [0.0, 0.0, 0.0]
        for (first, one), (second, other) in itertools.product(zip(points, gammas, strict=True), repeat=2):
            mean = (first + second) / 2
            chances[0 if mean < -rope else 2 if mean > rope else 1] += one * other
        largest[chances.index(max(chances))] += 1
    return [each / count for each in largest]


def test_bayesian_test_of_one_data_set_by_hand():
    """Of weights w and 1 - w with w from Beta(1/2, 1), whose distribution function is the square root."""
    far = bayesian_signed_rank([3.0], rope=1.0)  # 0 and 3 have a mean outside: only w^2 is within
    assert far == pytest.approx((0, 1 - math.sqrt(math.sqrt(0.5)), math.sqrt(math.sqrt(0.5))), abs=0.01)
    near = bayesian_signed_rank([1.5], rope=1.0)  # 0 and 1.5 have a mean within: only (1 - w)^2 is above
    assert near.better == pytest.approx(math.sqrt(1 - math.sqrt(0.5)), abs=0.01)
    assert bayesian_signed_rank([0.5], rope=1.0) == (0, 1, 0)


@pytest.mark.parametrize("rope", [0.0, 0.4, 1.0])
def test_bayesian_test_agrees_with_a_slow_one(rope):
    differences = [0.9, -0.3, 1.4, 0.2, 0.6, -1.1]
    found = bayesian_signed_rank(differences, rope=rope)
    assert found == pytest.approx(slow_bayesian(differences, rope), abs=0.03)
    assert sum(found) == pytest.approx(1)


def test_bayesian_test_turns_with_the_metric_and_is_the_same_each_time():
    differences = draws(9) + 0.5
    found = bayesian_signed_rank(differences, rope=0.1)
    assert found == bayesian_signed_rank(differences, rope=0.1)
    assert bayesian_signed_rank(differences, rope=0.1, lower_is_better=True) == found[::-1]
    assert bayesian_signed_rank(differences, rope=0.1, seed=1) == pytest.approx(found, abs=0.015)


def test_bayesian_test_has_its_bounds():
    assert bayesian_signed_rank([], rope=0.1) is None
    assert bayesian_signed_rank([0.0] * 8, rope=0.0) == (0, 1, 0)
    assert bayesian_signed_rank([0.91 - 0.90], rope=0.01) == (0, 1, 0)  # the ends belong to the region
    assert bayesian_signed_rank([1.0] * 30, rope=0.1).better > 0.999
    for rope in (-0.1, math.nan, math.inf):
        with pytest.raises(ValueError, match="practical equivalence"):
            bayesian_signed_rank([1.0], rope=rope)


# ---- steadiness ------------------------------------------------------------------------------------------------------


def test_leaving_out_a_data_set_shows_whose_place_hangs_on_it():
    values = [[3.0, 2, 1], [3, 2, 1], [1, 3, 2]]  # ranks 5/3, 5/3, 8/3
    whole = average_ranks(values, lower_is_better=False)
    assert whole == pytest.approx((5 / 3, 5 / 3, 8 / 3))
    first, second, third = leave_one_out(values, lower_is_better=False)
    assert [each.left_out for each in (first, second, third)] == [(0,), (1,), (2,)]
    assert first.ranks == (2, 1.5, 2.5)
    assert (first.order, first.moved, first.best_stays) == ((1, 0, 2), (0,), False)
    assert (third.order, third.moved, third.best_stays) == ((0, 1, 2), (1,), False)
    steady = leave_one_out([[3.0, 2, 1]] * 4, lower_is_better=False)
    assert all((each.moved, each.best_stays) == ((), True) for each in steady)


def test_leaving_out_a_data_set_shows_which_verdict_hangs_on_it():
    values = np.arange(6.0)[:, None] + np.array([0, 1.0])  # six data sets: just enough
    found = leave_one_out(values, lower_is_better=False, baselines=[None, 0])
    assert [each.changed for each in found] == [(1,)] * 6
    enough = np.arange(7.0)[:, None] + np.array([0, 1.0])
    found = leave_one_out(enough, lower_is_better=False, baselines=[None, 0])
    assert [(each.changed, each.comparisons[0].better) for each in found] == [((), True)] * 7


def test_steadiness_is_what_ranking_the_rest_says():
    def holds(values):
        for each in leave_one_out(values, lower_is_better=True):
            kept = np.delete(values, each.left_out, axis=0)
            assert each.ranks == average_ranks(kept, lower_is_better=True)
            assert set(each.order) == {0, 1, 2, 3}

    some_times(holds, values=arrays(float, (5, 4), elements=strategies.integers(0, 3).map(float)))


def test_thirds_are_by_the_median_over_the_variants():
    values = np.array([[0.9, 0.8, 0.7], [0.2, 0.3, 0.1], [0.5, 0.6, 0.4], [0.95, 0.9, 0.99], [0.55, 0.5, 0.6]])
    found = without_thirds(values, lower_is_better=False)  # five data sets: one is left out
    assert (found.without_easiest.left_out, found.without_hardest.left_out) == ((3,), (1,))
    assert found.without_hardest.ranks == average_ranks(values[[0, 2, 3, 4]], lower_is_better=False)
    turned = without_thirds(values, lower_is_better=True)
    assert (turned.without_easiest.left_out, turned.without_hardest.left_out) == ((1,), (3,))
    six = without_thirds(np.arange(6.0)[:, None] + np.zeros(2), lower_is_better=False, baselines=[None, 0])
    assert (six.without_easiest.left_out, six.without_hardest.left_out) == ((4, 5), (0, 1))
    assert six.without_easiest.changed == ()


def test_too_few_data_sets_to_leave_some_out():
    assert leave_one_out(draws(1, 3), lower_is_better=True) == ()
    assert leave_one_out(np.empty((0, 3)), lower_is_better=True) == ()
    assert len(leave_one_out(draws(2, 3), lower_is_better=True)) == 2
    assert without_thirds(draws(2, 3), lower_is_better=True) is None
    assert without_thirds(draws(3, 3), lower_is_better=True) is not None


@pytest.mark.slow
def test_importing_it_does_not_import_scipy_stats():
    code = "import sys, seedbed.data_set_statistics; sys.exit('scipy.stats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
