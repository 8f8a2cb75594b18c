"""Published numbers and curves, judged beside values small enough to see the answer."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from seedbed import statistics
from seedbed.errors import ConfigError
from seedbed.report.analysis import analyse
from seedbed.report.evidence import evidence_of
from seedbed.report.pictures.picture import files_of
from seedbed.report.published import (
    COMPATIBLE,
    INCOMPATIBLE,
    TOO_WIDE,
    WIDEST,
    chance_level,
    counts_of,
    published_curves,
    published_numbers,
)
from seedbed.report.sections import curves as curves_section
from seedbed.report.sections import published as published_section
from seedbed.report.writing import write_report
from tests.report.conftest import make_cells, make_config

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("undrawn")]


@pytest.fixture
def source(make_results):
    """Results of variant "a" beside ``published``: final values, or (seeds, epochs) curves of val/mse."""

    def make(published, values=(0.4, 0.5, 0.6), curves=None, **fields):
        seeds = len(values) if curves is None else len(curves)
        cells = make_cells({"a": {"test/accuracy": list(values) if curves is None else [0.5] * seeds}})
        rows = [
            ("a", seed, epoch, "val/mse", value)
            for seed, curve in enumerate([] if curves is None else curves)
            for epoch, value in enumerate(curve)
        ]
        config = make_config(published=published, report={"metric": "test/accuracy"}, variants={"a": []})
        frame = pd.DataFrame(rows, columns=["variant", "seed", "epoch", "metric", "value"])
        return make_results({"a": {"test/accuracy": [0.5] * seeds}}, config, cells=cells, curves=frame, **fields)

    return make


def number(value, metric="test/accuracy"):
    return {"variant": "a", "metric": metric, "value": value}


def verdicts(results):
    return [row.verdict for row in published_numbers(results)]


# ---- numbers ----


def test_a_narrow_interval_tells_and_a_wide_one_does_not(source):
    narrow = [0.500, 0.502, 0.498, 0.501, 0.499]
    published = {"numbers": [number(0.501), number(0.6)]}
    assert verdicts(source(published, narrow)) == [COMPATIBLE, INCOMPATIBLE]
    # One dead seed makes an interval that holds nearly anything.
    dead = [0.5, 0.502, 0.498, 0.501, 0.1]
    [inside] = published_numbers(source({"numbers": [number(0.6)]}, dead))
    assert (inside.verdict, inside.reproduced) == (TOO_WIDE, True)
    assert inside.half_width > WIDEST


def test_what_lies_outside_is_not_compatible_however_wide_the_interval(source):
    dead = [0.5, 0.502, 0.498, 0.501, 0.1]
    [outside] = published_numbers(source({"numbers": [number(0.0001)]}, [value + 2 for value in dead]))
    assert outside.verdict == INCOMPATIBLE
    assert outside.half_width > WIDEST


def test_an_interval_wider_than_chance_to_best_does_not_tell(source):
    spread = [0.55, 0.56, 0.54, 0.57, 0.53]  # reaches 0.048 to either side: 9 % of 0.55
    published = {"numbers": [number(0.55)]}
    assert verdicts(source(published, spread, data={"classes": list(range(10))})) == [COMPATIBLE]
    assert verdicts(source(published, spread, data={"classes": ["a", "b"]})) == [TOO_WIDE]  # 0.5 to 0.55
    majority = {"classes": ["a", "b"], "counts": {"rows_a": 9, "rows_b": 11}}
    assert chance_level("test/accuracy", majority) == pytest.approx(0.55)
    assert verdicts(source({"numbers": [number(0.55), number(0.9)]}, spread, data={"classes": ["a", "b"]})) == [
        COMPATIBLE,
        INCOMPATIBLE,
    ]


@pytest.mark.parametrize(
    ("metric", "level"),
    [
        ("val/accuracy", 0.25),
        ("test/balanced_accuracy", 0.25),
        ("test/auroc", 0.5),
        ("test/mcc", 0.0),
        ("val/mse", None),
    ],
)
def test_chance_levels(metric, level):
    assert chance_level(metric, {"classes": "abcd"}) == level


def test_equal_runs_are_compatible_with_their_own_number_alone(source):
    results = source({"numbers": [number(0.1), number(0.2)]}, [0.1, 0.1, 0.1])
    assert verdicts(results) == [COMPATIBLE, INCOMPATIBLE]
    assert [row.z for row in published_numbers(results)] == [None, None]


def test_one_seed_judges_nothing(source):
    [row] = published_numbers(source({"numbers": [number(0.5)]}, [0.5]))
    assert (row.verdict, row.reproduced, row.half_width, row.interval) == (None, None, None, None)


def test_the_counts_are_said():
    assert counts_of([COMPATIBLE, TOO_WIDE, TOO_WIDE, INCOMPATIBLE, None]) == (
        "3 of 4 lie in the interval: 1 compatible, 2 in intervals too wide to tell"
    )
    assert counts_of([INCOMPATIBLE]) == "0 of 1 lies in the interval"


def test_tables_and_pages_say_compatible_and_never_reproduced(source, tmp_path):
    published = {"numbers": [number(0.5), number(0.51), number(0.9)]}
    write_report(source(published, [0.500, 0.502, 0.498, 0.501, 0.499]), tmp_path, formats=["csv", "md", "tex"])
    with (tmp_path / "published.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["verdict"] for row in rows] == [COMPATIBLE, INCOMPATIBLE, INCOMPATIBLE]
    assert [row["reproduced"] for row in rows] == ["yes", "no", "no"]
    assert float(rows[0]["low"]) < 0.5 < float(rows[0]["high"])
    assert float(rows[0]["half_width_relative"]) == pytest.approx((float(rows[0]["high"]) - 0.5) / 0.5)
    for name in ("report.md", "report.tex"):
        text = (tmp_path / name).read_text()
        assert "not compatible" in text
        assert "reproduced" not in text
    page = (tmp_path / "report.md").read_text()
    assert "Of the published numbers, 1 of 3 lie in the interval: 1 compatible." in page
    assert "z is the published number's distance from our mean in our sample standard deviations s" in page


# ---- curves ----


def falling(offsets, epochs=5, noise=0.0):
    """Curves whose seeds lie apart by as much at every epoch."""
    rng = np.random.default_rng(4)
    base = 1 / np.arange(1, epochs + 1) + 1
    return np.array([base + offset + noise * rng.standard_normal(epochs) for offset in offsets])


OFFSETS = np.linspace(-0.02, 0.02, 9)


def curve_of(values):
    return {"curves": [{"variant": "a", "metric": "val/mse", "values": [float(value) for value in values]}]}


def test_a_curve_like_ours_is_compatible_and_counted_at_its_epochs(source):
    ours = falling(OFFSETS, noise=0.002)
    [curve] = published_curves(source(curve_of(ours.mean(axis=0) + 0.01), curves=ours))
    assert (curve.verdict, curve.above, curve.epochs) == (COMPATIBLE, 5, 5)
    assert 0 < curve.largest_z < curve.limit


def test_a_curve_that_leaves_ours_at_one_epoch_is_not_one_of_ours(source):
    ours = falling(OFFSETS, noise=0.002)
    bent = ours.mean(axis=0)
    bent[1] += 4.5 * ours[:, 1].std(ddof=1)
    [curve] = published_curves(source(curve_of(bent), curves=ours))
    assert curve.mean.verdict == COMPATIBLE  # its mean alone would not tell
    assert (curve.at_epoch, curve.verdict) == (1, INCOMPATIBLE)


def test_a_curve_that_is_a_little_off_throughout_shows_in_its_mean(source):
    # Epochs that go their own ways: 1.8 standard deviations at one of them is nothing, at all of them is much.
    ours = falling(np.zeros(9), epochs=8, noise=0.01)
    off = ours.mean(axis=0) + 1.8 * ours.std(axis=0, ddof=1)
    [curve] = published_curves(source(curve_of(off), curves=ours))
    assert curve.largest_z == pytest.approx(1.8)
    assert curve.largest_z < curve.limit
    assert (curve.mean.verdict, curve.verdict) == (INCOMPATIBLE, INCOMPATIBLE)


def test_a_curve_in_a_wide_band_does_not_tell(source):
    ours = falling(20 * OFFSETS)
    [curve] = published_curves(source(curve_of(ours.mean(axis=0)), curves=ours))
    assert curve.verdict == TOO_WIDE


def test_only_seeds_that_were_trained_so_long_judge_a_curve(source):
    ours = falling(OFFSETS)
    [curve] = published_curves(source(curve_of([*ours.mean(axis=0), 1.1]), curves=ours))
    assert (curve.verdict, curve.largest_z, curve.above, curve.mean.ours.n) == (None, None, 0, 0)


def test_without_any_curve_of_ours_there_is_no_verdict(source):
    results = source(curve_of([1.0, 0.9]))
    assert [curve.verdict for curve in published_curves(results)] == [None]
    assert verdicts(results) == [None, None]
    with pytest.raises(ConfigError, match="one number for each epoch"):
        published_numbers(source(curve_of([])))


def test_epochs_at_which_all_of_ours_are_equal_ask_for_the_same_number(source):
    ours = falling(OFFSETS)
    ours[:, 0] = 0.7
    mean = ours.mean(axis=0)
    assert published_curves(source(curve_of(mean), curves=ours))[0].verdict == COMPATIBLE
    mean[0] = 0.71
    assert published_curves(source(curve_of(mean), curves=ours))[0].verdict == INCOMPATIBLE


@pytest.mark.slow
def test_the_page_has_a_row_a_curve(source, tmp_path):
    ours = falling(OFFSETS, noise=0.002)
    published = curve_of(ours.mean(axis=0) + 0.01)
    published["curves"][0]["label"] = "their name"
    results = source(published, curves=ours)
    write_report(results, tmp_path, formats=["md", "tex"])
    evidence = evidence_of(analyse(results))
    drawn = files_of([*published_section.pictures(evidence), *curves_section.pictures(evidence)], ("svg",))
    assert len(drawn) == 2
    assert all(drawn.values())
    page = (tmp_path / "report.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith("| a (their name) |"))
    assert row.endswith("| 5 of 5 | compatible |")
    assert "Above our mean at every epoch: 1 of 1; nowhere above it: 0." in page
    assert "a (their name)" in (tmp_path / "report.tex").read_text()


@pytest.mark.extended
def test_a_curve_made_in_the_way_of_ours_is_refused_in_one_of_twenty_cases_at_most(source, monkeypatch):
    monkeypatch.setattr(statistics.largest_z_limit, "__kwdefaults__", {"resamples": 400, "seed": 0})
    rng, epochs, cases = np.random.default_rng(7), 4, 250
    # A little correlation: the mean and the farthest epoch then tell different things.
    root = np.linalg.cholesky(0.3 + 0.7 * np.eye(epochs))
    refused = 0
    for _ in range(cases):
        *ours, other = 5 + 0.1 * rng.standard_normal((11, epochs)) @ root.T
        [curve] = published_curves(source(curve_of(other), curves=np.array(ours)))
        refused += curve.verdict == INCOMPATIBLE
    assert refused <= stats.binom.ppf(0.99, cases, 0.05)


def test_the_page_says_how_often_both_tests_of_a_curve_refuse_one_like_ours(source, tmp_path):
    ours = falling(OFFSETS, noise=0.002)
    write_report(source(curve_of(ours.mean(axis=0)), curves=ours), tmp_path, formats=["md", "tex"])
    page = (tmp_path / "report.md").read_text()
    assert "lies in the 97.5 % prediction interval of our seeds' means" in page
    assert "the two refuse a curve made in the way of ours in 5 % of cases at most" in page
    assert r"97.5 \% prediction interval" in (tmp_path / "report.tex").read_text()
