"""The simulation behind ``scripts/calibrate_statistics``: built as the harness builds, and with the findings it should have."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from seedbed.data.splits import GroupStratifiedSplit
from seedbed.data.table import Table
from seedbed.tracking.two_classes import Cuts, f1_of
from tests.conftest import REPOSITORY
from tests.scripts.loading import SCRIPTS, load_script

calibration = load_script("calibrate_statistics")
hard = load_script("calibrate_hard_cases")
of_thresholds = load_script("calibrate_rebalancing")
over_data_sets = load_script("calibrate_data_sets")
PLAN = calibration.Plan(calibration.Setting(), seeds=10, further_runs=100, seed=0)


@pytest.fixture(scope="module")
def records():
    return calibration.simulate(calibration.population_records, PLAN, 250, jobs=1, name="test")


def share(intervals, truth):
    return calibration.covering(intervals, truth).mean()


def test_corrected_intervals_hold_the_population_value_and_plain_ones_do_not(records):
    value = calibration.population_value(records)
    plain, corrected = (share(records[f"resampled/{kind}/10"], value) for kind in ("t", "corrected"))
    assert corrected > 0.9
    assert plain < corrected - 0.1


def test_corrected_intervals_hold_the_population_difference(records):
    assert share(records["difference/corrected"], 0.0) > 0.9
    assert share(records["difference/plain"], 0.0) < 0.9


def test_families_without_a_difference_are_seldom_told_apart(records):
    assert records["resampled/corrected/baseline/any"].mean() <= 0.1
    assert records["resampled/plain alone/baseline/any"].mean() > 0.3


@pytest.mark.slow
def test_plain_intervals_hold_what_further_runs_give():
    noted = calibration.simulate(calibration.experiment_records, PLAN, 60, jobs=1, name="test")
    for design in ("resampled", "fixed"):
        assert share(noted[f"{design}/t/10"], noted[f"{design}/truth"]) > 0.8
    blocks = list(calibration.findings(noted, PLAN))
    assert [len(block.rows) for block in blocks] == [10, 6, 11, 20, 6]  # no bootstrap of five values
    assert "hold." in calibration.result(blocks)


def test_an_experiment_is_the_same_in_any_company():
    plan = replace(PLAN, setting=calibration.Setting(rows=100))
    alone = calibration.population_records(plan, 3)
    among = calibration.simulate(calibration.population_records, plan, 5, jobs=2, name="test")
    for name, values in among.items():
        np.testing.assert_array_equal(values[3], alone[name])


@pytest.mark.parametrize("shares", [(0.7, 0.1, 0.2), (0.5, 0.0, 0.5)])
def test_splits_are_dealt_as_the_harness_deals_them(shares):
    setting = calibration.Setting(rows=103, rare=0.3, shares=shares)
    data = calibration.data_set(setting, np.random.default_rng(0))
    sides = calibration.draw_splits(data, 2000, setting, np.random.default_rng(1))
    labels = (data.labels > 0).astype(int)
    own = harness_sides(labels, shares, seeds=400)
    for label in (0, 1):
        sizes, wanted = (counts(each[:, labels == label]) for each in (sides, own))
        np.testing.assert_array_equal(np.unique(sizes, axis=0), np.unique(wanted, axis=0))
    # Within a class every row is as likely on each side, and pairs of rows fall together equally often.
    for side in (0, 2):
        assert np.ptp((sides[:, labels == 0] == side).mean(axis=0)) < 0.08
        together, harness = ((each[:, labels == 0][:, :2] == side).all(axis=1).mean() for each in (sides, own))
        assert together == pytest.approx(harness, abs=0.1)


def harness_sides(labels, shares, seeds):
    table = Table("made up", "", np.empty((len(labels), 0)), labels, ("a", "b"), np.arange(len(labels)), None, {}, ())
    train, val, test = shares
    split = GroupStratifiedSplit(train=train, val=val, test=test)
    sides = np.empty((seeds, len(labels)), dtype=int)
    for seed in range(seeds):
        rows = split.rows(table, seed)
        for side, members in enumerate((rows.train, rows.val, rows.test)):
            sides[seed, members] = side
    return sides


def counts(sides):
    """How many rows of each split are on each side, (splits, 3)."""
    return np.stack([(sides == side).sum(axis=1) for side in range(3)], axis=1)


def test_a_run_learns_from_training_rows_only():
    setting = calibration.Setting()
    rng = np.random.default_rng(0)
    data = calibration.data_set(setting, rng)
    sides = calibration.draw_splits(data, 4, setting, rng)
    starts = calibration.draw_starts(4, 1, setting, rng)
    variants = calibration.exchangeable(setting)
    values = calibration.accuracies(data, sides, variants, starts, setting)
    assert values.shape == (4, 6)
    for run in range(4):
        weights = by_hand(data, sides[run] == 0, variants[2], starts[run, 0], setting)
        test = sides[run] == 2
        assert values[run, 2] == pytest.approx(((data.features[test] @ weights) * data.labels[test] > 0).mean())


def by_hand(data, train, seen, start, setting):
    """Least squares with a pull towards the start, as rows that are added to the training rows."""
    pull = np.sqrt(setting.pull * train.sum())
    rows = np.vstack([data.features[train] * seen, pull * np.eye(len(seen))])
    wanted = np.concatenate([data.labels[train], pull * start * seen])
    return np.linalg.lstsq(rows, wanted, rcond=None)[0]


def test_the_plain_contrast_is_the_paired_t_test():
    a, b = np.random.default_rng(0).random((2, 10))
    paired = calibration.compare(a, b, design="fixed")
    plain = calibration.compare(a, b, design="resampled", test_to_train=0.0)
    assert (plain.p, plain.low, plain.high) == (paired.p, paired.low, paired.high)


# ---- only the threshold ----------------------------------------------------------------------------------------------


def test_scores_are_measured_as_the_store_measures_them():
    data, sides, rng = of_thresholds.drawn(PLAN, 0)
    setting = of_thresholds.SETTING
    variants, starts = calibration.exchangeable(setting)[:2], calibration.draw_starts(2, 2, setting, rng)
    found = of_thresholds.measured(data, sides[:2], variants, starts)
    weights = of_thresholds.weights_of(data, sides[:2], variants, starts, setting)
    for run in range(2):
        test = sides[run] == 2
        positive = data.labels[test] > 0
        for variant, threshold in enumerate((0.0, -of_thresholds.LOWERED)):
            scores = data.features[test] @ weights[run, variant]
            cuts = Cuts.of(scores, positive)
            assert found["auroc"][run, variant] == pytest.approx(cuts.auroc)
            assert found["average_precision"][run, variant] == pytest.approx(cuts.average_precision)
            assert found["f1"][run, variant] == pytest.approx(f1_of(scores > threshold, positive))


@pytest.mark.slow
def test_only_the_threshold_is_said_without_a_difference_and_seldom_at_the_margin():
    noted = calibration.simulate(partial(of_thresholds.rebalancing_records, 0.03), PLAN, 30, jobs=1, name="test")
    assert noted["resampled/power/10"].mean() > 0.5
    assert noted["fixed/power/30"].mean() > 0.5
    at_the_margin = [values for name, values in noted.items() if "power" not in name]
    assert len(at_the_margin) == 20
    assert max(values.mean() for values in at_the_margin) <= 0.2
    assert len(list(of_thresholds.rebalancing_findings(noted, 0.03))) == 24


def test_the_margin_is_that_of_the_simulated_report():
    data, sides, rng = of_thresholds.drawn(PLAN, 0)
    values = of_thresholds.alike_on_one_split(data, sides, rng)
    wide, narrow = (of_thresholds.Shown("fixed", 0.3, margin) for margin in (0.05, 1e-6))
    assert of_thresholds.only_threshold(values, wide) == [True] * of_thresholds.OTHERS
    assert of_thresholds.only_threshold(values, narrow) == [False] * of_thresholds.OTHERS
    alike = values | {"f1": np.repeat(values["f1"][:, :1], 1 + of_thresholds.OTHERS, axis=1)}
    assert not any(of_thresholds.only_threshold(alike, wide))
    moved = of_thresholds.shifted(values, 0.02, 1)["auroc"] - values["auroc"]
    np.testing.assert_allclose(moved, np.broadcast_to([0, -0.02, 0, 0], moved.shape))


# ---- over data sets ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_variants_that_differ_on_each_data_set_alone_are_seldom_told_apart():
    noted = calibration.simulate(over_data_sets.data_set_records, PLAN, 40, jobs=1, name="test")
    for name, population in over_data_sets.POPULATIONS.items():
        for others in population.others:
            assert not noted[f"{name}/wrong/{others}/6"].any()  # six data sets cannot tell any apart
            assert noted[f"{name}/wrong/{others}/50"].mean() <= 0.2
        assert share(noted[f"{name}/interval/20"], 0.0) > 0.8
    assert noted["normal/pooled/20"].mean() > 0.3  # seeds of one data set are not independent draws
    assert noted["normal/found/50"].mean() > 0.8
    assert len(list(over_data_sets.family_findings(noted))) == 24
    assert len(list(over_data_sets.interval_findings(noted))) == 24


@pytest.mark.slow
def test_pairs_without_a_difference_are_seldom_separated():
    noted = calibration.simulate(over_data_sets.pair_records, PLAN, 20, jobs=1, name="test")
    assert max(values.mean() for values in noted.values()) <= 0.25
    assert len(list(over_data_sets.pair_findings(noted))) == len(noted) == 9


def test_a_pair_that_differs_is_separated():
    means = np.arange(20.0)[:, None] + np.array([0.0, 0.1, -0.1]) + 0.01 * np.random.default_rng(0).random((20, 3))
    assert over_data_sets.separated(means)
    assert not over_data_sets.separated(means[:6])


def test_skewed_differences_have_the_stated_centres():
    rng = np.random.default_rng(0)
    drawn = np.concatenate([over_data_sets.skewed_benchmark(rng).mean(axis=1) for _ in range(2000)])
    differences = drawn[:, 1] - drawn[:, 0]
    targets = over_data_sets.skewed_targets()
    assert differences.mean() == pytest.approx(targets["mean"], abs=3e-4)
    averages = (differences[::2] + differences[1::2]) / 2
    assert np.median(averages) == pytest.approx(targets["pseudomedian of the observed differences"], abs=4e-4)


# ---- where the statistics fail ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_random_splits_of_rows_say_nothing_of_other_users():
    plan = replace(PLAN, setting=calibration.Setting(rows=hard.USERS * 40), further_runs=20)
    noted = calibration.simulate(hard.clustered_records, plan, 30, jobs=1, name="test")
    found = {finding.what: finding for finding in hard.clustered_findings(noted, 40)}
    assert found["40 rows, split by rows, accuracy, corrected: other rows of the same users"].share > 0.9
    assert found["40 rows, split by rows, accuracy, corrected: other users"].share < 0.9
    assert found["40 rows, split by users, accuracy, corrected: other users"].share > 0.8


def test_rows_of_a_user_stay_on_one_side():
    setting = calibration.Setting(rows=hard.USERS * 10)
    sides = hard.splits_of_users(20, setting, np.random.default_rng(0)).reshape(20, hard.USERS, 10)
    assert (sides == sides[:, :, :1]).all()
    assert {tuple(np.bincount(split)) for split in sides[:, :, 0]} == {(35, 5, 10)}


@pytest.mark.slow
def test_few_seeds_of_two_modes_miss_the_mean_and_a_steady_variant_is_called_worse():
    noted = calibration.simulate(hard.bimodal_records, PLAN, 100, jobs=1, name="test")
    found = {finding.what: finding for finding in hard.bimodal_findings(noted)}
    assert found["mean, t interval, n = 5"].share < 0.8
    assert found["steady, same mean, n = 5: worse"].share > 0.2
    assert found["5 comparisons of the same, paired t-test and Holm, n = 10: better"].share < 0.1


@pytest.mark.slow
def test_better_is_said_only_where_both_tests_say_it():
    noted = calibration.simulate(hard.diverged_records, PLAN, 20, jobs=1, name="test")
    for name in (*hard.SCENARIOS, *hard.AHEAD):
        both, dropped, worst = (noted[f"{name}/{rule}/30/better"] for rule in ("both", "dropped", "worst"))
        assert not (both & ~(dropped & worst)).any()
    assert noted["ahead/both/30/first"].mean() > 0.9
    block = hard.diverged_block(noted)
    assert len(block.rows) == 2 * len(hard.SCENARIOS | hard.AHEAD)
    assert {len(row) for row in block.rows} == {len(block.head)}


def test_p_is_the_larger_one_and_opposite_directions_agree_on_nothing():
    draw = np.random.default_rng(0)
    a, b = 0.9 + 0.01 * draw.random(10), 0.8 + 0.01 * draw.random(10)
    whole = hard.dropped(a, b)
    assert hard.both_agree(whole, hard.at_the_worst(a, b)).p == whole.p
    a[:2] = np.nan
    survivors, filled = hard.dropped(a, b), hard.at_the_worst(a, b)
    assert hard.both_agree(survivors, filled).p == (1.0 if filled.difference < 0 else max(survivors.p, filled.p))
    a[:5] = np.nan
    assert hard.at_the_worst(a, b).difference < 0 < hard.dropped(a, b).difference
    assert hard.both_agree(hard.dropped(a, b), hard.at_the_worst(a, b)).p == 1.0


def test_the_documentation_quotes_what_the_scripts_wrote():
    pages = "".join((SCRIPTS / f"{name}.md").read_text() for name in (calibration.__name__, hard.__name__))
    documentation = (REPOSITORY / "docs" / "statistics.md").read_text()
    quoted = documentation[documentation.index("[10000 simulated experiments") :]
    shares = re.findall(r"([\d.]+) %", quoted)
    assert len(shares) >= 6
    assert [share for share in shares if f"{share}%" not in pages] == []
