"""Verdicts where runs were lost, families, leaders and what is bold, from hand-made results."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from seedbed.errors import ConfigError
from seedbed.figures import short_names
from seedbed.metrics import Bounds, Metric
from seedbed.report.analysis import analyse, comparison_table
from seedbed.report.answer import summary_sentences
from seedbed.report.document import launch_pictures
from seedbed.report.evidence import evidence_of
from seedbed.report.power import power_text
from seedbed.report.printed import table_text
from seedbed.report.searches.fresh_seeds import fresh_sentences, fresh_variants
from seedbed.report.sweep import JobSummary, best_job, in_order
from seedbed.report.writing import launch_page, write_report
from seedbed.results import Search, Trial
from seedbed.statistics import RESPLITS, compare, detectable_difference, ranking, summary
from seedbed.trained.loading import _best_variant
from tests.report.conftest import make_cells, make_config

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("undrawn")]

WAVE = [0.80, 0.81, 0.79, 0.82, 0.78, 0.80, 0.81, 0.79, 0.80, 0.82]
JITTER = [0.001, -0.002, 0.002, 0.0, -0.001, 0.001, 0.002, -0.002, 0.0, -0.001]
FIXED = {"train": 0.7, "val": 0.1, "test": 0.2, "per_seed": False}


def shifted(by, wave=WAVE):
    return [value + by + extra for value, extra in zip(wave, JITTER, strict=True)]


def config(metric="test/accuracy", baseline="none", **changes):
    return make_config(published={}, split=FIXED, report={"metric": metric, "baseline": baseline}) | changes


def with_lost(make_results, seeds, *, by=0.05, metric="test/accuracy", status=None, **changes):
    """``risky`` is ``by`` ahead of ``none``, but these seeds of it diverged, or have ``status``."""
    cells = make_cells({"none": {metric: WAVE}, "risky": {metric: shifted(by)}})
    of_risky = (cells["variant"] == "risky") & cells["seed"].isin(seeds)
    cells.loc[of_risky, ["status", "outcome"]] = [status or "FINISHED", "" if status else "diverged"]
    return make_results({"none": {metric: WAVE}, "risky": {metric: WAVE}}, config(metric, **changes), cells=cells)


def text_of(results, *asked):
    return "\n".join(summary_sentences(analyse(results, *asked), []))


# ---- what was lost ----


@pytest.mark.parametrize(("status", "verb"), [(None, "diverge"), ("FAILED", "fail")])
def test_survivors_alone_give_no_verdict(make_results, tmp_path, status, verb):
    results = with_lost(make_results, range(7), status=status)
    [row] = analyse(results).family
    assert (row.verdict, row.comparison.n, row.test.lost) == ("no verdict", 3, 7)
    assert row.comparison.p < 0.05
    said = f"better on the 3 of 10 seeds that did not {verb}: no verdict"
    page, _ = launch_page(analyse(results), with_pictures=False)
    assert said in page
    assert said in table_text(results)
    assert "**0.8" not in page.split("| risky |")[1].split("\n")[0]
    left = f"{sum(shifted(0.05)[7:]) / 3:.4f}"
    assert (
        f"The highest mean of the variants that lack no seed is 0.8020, of `none` (`risky` has {left}, on 3 of 10 seeds only)."
        in page
    )
    write_report(results, tmp_path, formats=["tex", "csv"])
    assert said in (tmp_path / "report.tex").read_text()
    [csv] = comparison_table(analyse(results)).to_dict("records")
    assert (csv["verdict"], csv["lost"], csv["note"]) == ("no verdict", 7, said)
    assert csv["p"] < 0.05 < csv["p_holm"]
    assert f"on the 3 of 10 seeds that did not {verb} alone" in power_text(analyse(results))


def test_a_large_difference_stands_with_one_diverged_seed(make_results):
    results = with_lost(make_results, [4], by=-0.5)
    [row] = analyse(results).family
    assert row.verdict == "worse"
    assert row.p == max(row.comparison.p, row.test.with_lost.p) == row.test.with_lost.p
    of_all = [value if seed != 4 else 0.0 for seed, value in enumerate(shifted(-0.5))]
    assert row.test.with_lost.p == pytest.approx(compare(of_all, WAVE, design="fixed").p)
    assert row.comparison.difference == pytest.approx(-0.5, abs=0.01)  # of the nine
    assert "(on the 9 of 10 seeds that did not diverge; the verdict counts the others as the worst)" in text_of(results)
    [better] = analyse(with_lost(make_results, [4], by=0.05)).family  # one zero outweighs nine small gains
    assert better.verdict == "no verdict"


def test_without_a_worst_value_the_lost_rank_last(make_results):
    [row] = analyse(with_lost(make_results, [4], by=0.5, metric="test/loss")).family
    assert row.verdict == "worse"  # nine losses are higher and one diverged
    gone, kept = with_lost(make_results, [4], by=-0.5, metric="test/loss"), [*range(1, 10)]
    [row] = analyse(gone).family
    ranks = np.array([*kept, 20.0])  # of ``risky``, whose lost run is last; ``none`` has 10 to 19
    assert row.test.with_lost.difference == pytest.approx(ranks.mean() - np.arange(10, 20).mean())
    assert row.verdict == "better"
    assert row.test.with_lost.p > row.comparison.p
    [row] = analyse(with_lost(make_results, range(7), by=-0.5, metric="test/loss")).family
    assert (row.verdict, row.p) == ("no verdict", 1.0)  # the two tests point in opposite directions


def test_seeds_that_have_not_run_are_no_evidence(make_results):
    [row] = analyse(with_lost(make_results, range(7), status="MISSING")).family
    assert (row.verdict, row.comparison.n, row.test.lost) == ("better", 3, 0)


def test_a_diverged_seed_ranks_last_and_one_that_has_not_run_is_left_out(make_results):
    values = {name: {"test/accuracy": shifted(by)} for name, by in (("none", 0.0), ("a", 0.1), ("b", 0.2))}
    cells = make_cells(values)
    cells.loc[(cells["variant"] == "b") & (cells["seed"] < 5), "outcome"] = "diverged"
    cells.loc[(cells["variant"] == "a") & (cells["seed"] == 9), ["status", "outcome"]] = ["MISSING", ""]
    found = analyse(make_results(values, config(), cells=cells)).ranking
    assert found.n == 9
    assert found.ranks == pytest.approx(((5 * 2 + 4 * 3) / 9, (5 * 1 + 4 * 2) / 9, (5 * 3 + 4 * 1) / 9))
    lost = [[False, True, True], [False, False, False]]
    assert ranking([[1.0, math.nan, 5], [3, 2, 1]], lower_is_better=True, lost=lost).ranks == (2.0, 2.25, 1.75)


def test_a_metric_that_a_variant_does_not_have_is_not_lost(make_results):
    values = {"none": {"test/f1": WAVE}, "a": {"test/f1": [math.nan] * 10}, "b": {"test/f1": shifted(0.1)}}
    analysis = analyse(make_results(values, config("test/f1")))
    assert [row.verdict for row in analysis.family] == ["not tested", "better"]
    assert "nothing to rank" in analysis.ranking.words


# ---- families ----


def test_one_recipe_under_two_names_counts_once(make_results):
    values = {"none": WAVE, "a": shifted(0.002), "twin": shifted(0.002), "b": shifted(-0.001), "none_too": WAVE}
    values = {name: {"test/accuracy": of} for name, of in values.items()}
    cells = make_cells(values)
    for name, recipe in (("twin", "a"), ("none_too", "none")):
        cells.loc[cells["variant"] == name, "fingerprint"] = [f"{recipe}-{seed}" for seed in range(10)]
    results = make_results(values, config(), cells=cells)
    analysis = analyse(results)
    assert analysis.tests_made(analysis.family) == 2
    by_name = {row.variant: row for row in analysis.family}
    assert by_name["a"].p == by_name["twin"].p
    assert by_name["a"].p == pytest.approx(min(1.0, 2 * by_name["a"].comparison.p), rel=1e-6)
    assert by_name["none_too"].verdict == "not tested"
    assert "not tested (one recipe, trained once)" in table_text(results)
    assert "`a` and `twin` are one recipe, trained once: they count as one." in text_of(results)
    assert len(analysis.ranking.ranks) == 3
    assert len(analyse(make_results(values, config(baseline=None), cells=cells)).once) == 3


def test_holm_counts_the_tests_that_were_made(make_results, tmp_path):
    values = {"none": WAVE, "a": shifted(0.01), "b": [value + 0.1 for value in WAVE]}  # b: no spread, no test
    values = {name: {"test/accuracy": of} for name, of in values.items()}
    write_report(make_results(values, config()), tmp_path, formats=["md"])
    assert "Holm's method adjusts p over the one comparison tested" in (tmp_path / "report.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("asked", [("test/f1", None), (None, "smote"), ("test/f1", "smote")])
def test_another_metric_or_baseline_is_exploratory_in_every_format(results, tmp_path, asked):
    plain = "Exploratory: not the comparison that the experiment names (test/accuracy against none)."
    assert text_of(results, *asked).startswith(
        plain.replace("test/accuracy against none", "`test/accuracy` against `none`")
    )
    assert plain in table_text(results, *asked)
    assert comparison_table(analyse(results, *asked))["note"].str.startswith(plain).all()
    write_report(results, tmp_path, metric=asked[0], baseline=asked[1], formats=["md", "tex"])
    page, tex = ((tmp_path / f"report.{kind}").read_text() for kind in ("md", "tex"))
    assert page.count("Exploratory") == tex.count("Exploratory") == 2
    assert page.split("## Comparisons")[1].split("\n")[2].startswith("Exploratory")
    assert "Exploratory" not in table_text(results) + power_text(analyse(results))


def test_a_comparison_set_by_the_command_is_exploratory(make_results):
    launches = [{"id": "own", "started": "", "command": "seedbed run made_up report.metric=test/accuracy seeds=10"}]
    said = "Exploratory: `report.metric=test/accuracy` was set by the command, not by the experiment."
    assert text_of(make_results(launch="own", launches=launches)).startswith(said)
    assert "Exploratory" not in text_of(make_results(launch="other", launches=launches))


@pytest.mark.parametrize(
    "typed",
    ["++report.baseline=none", "+report.metric=test/accuracy", "~report.baseline", "'report.baseline=none'",
     "++report={baseline:none}"],
)  # fmt: skip
def test_no_prefix_of_hydra_hides_that_the_command_set_the_comparison(make_results, typed):
    launches = [{"id": "own", "started": "", "command": f"seedbed run made_up {typed} report.rope=0.1"}]
    said = f"Exploratory: `{typed.strip(chr(39))}` was set by the command, not by the experiment."
    assert text_of(make_results(launch="own", launches=launches)).startswith(said)


def test_one_variant_alone_is_no_other_comparison(make_results):
    results = make_results({"a": {"test/accuracy": WAVE}}, config() | {"variants": {"none": [], "a": []}})
    assert "Exploratory" not in text_of(results)


def test_intervals_at_the_steps_of_holms_method(make_results, tmp_path):
    values = {"none": WAVE, "a": shifted(0.02), "b": shifted(0.0012), "c": shifted(0.0004)}
    values = {name: {"test/accuracy": of} for name, of in values.items()}
    analysis = analyse(make_results(values, config()))
    a, b, c = analysis.family
    assert [row.level for row in (a, b, c)] == pytest.approx([0.05 / 3, 0.025, 0.025])  # it stops at the second
    found = analysis.at_its_step(b)
    reach = 2.685011 * b.comparison.std / math.sqrt(10)  # t(1 - 0.0125, 9)
    assert (found.low, found.high) == pytest.approx((0.0012 - reach, 0.0012 + reach), rel=1e-5)
    assert b.comparison.low > 0 > found.low  # the one of 95 % alone would puzzle beside "can't be told apart"
    table = comparison_table(analysis).set_index("variant")
    assert table.loc["b", ["level_holm", "low_holm"]].tolist() == pytest.approx([0.975, found.low])
    assert table.loc["b", "detectable"] == pytest.approx(detectable_difference(b.comparison.std, 10, level=0.025))
    write_report(analysis.results, tmp_path, formats=["md", "tex"])
    shown = f"[{analysis.show(found.low)}, {analysis.show(found.high)}] (97.5 %)"
    assert shown in (tmp_path / "report.md").read_text()
    assert r"(97.5 \%)" in (tmp_path / "report.tex").read_text()
    sizes = sorted(analysis.show(table.loc[name, "detectable"]) for name in ("b", "c"))
    said = f"a true difference of {' to '.join(dict.fromkeys(sizes))}"
    assert said in text_of(analysis.results)


# ---- the leader, and what is bold ----


def test_the_leader_is_said_with_its_distance_and_test(make_results):
    values = {"none": WAVE, "a": shifted(0.02), "b": shifted(0.0204, WAVE[:])}
    values["b"] = [value + extra for value, extra in zip(values["b"], JITTER[::-1], strict=True)]
    values = {name: {"test/accuracy": of} for name, of in values.items()}
    assert (
        "The highest mean is 0.8224, of `b`, 0.0004 ahead of `a` (can't be told apart, tested as one of all three pairs, as "
        "it was picked by its means)." in text_of(make_results(values, config()))
    )
    del values["b"]
    assert "of `a`, 0.0200 ahead of `none` (told apart)." in text_of(make_results(values, config()))
    assert "lowest" in text_of(
        make_results({k: {"test/loss": v["test/accuracy"]} for k, v in values.items()}, config("test/loss"))
    )


def test_all_that_the_leader_is_not_told_apart_from_are_named(make_results):
    rng = np.random.default_rng(1)
    means = {"none": 0.5, "lead": 0.9, "steady": 0.89, **{f"wild_{place}": 0.88 - place / 1000 for place in range(5)}}
    steady = WAVE - np.mean(WAVE)
    values = {
        name: {"test/accuracy": (mean + steady + rng.normal(0, 0.2 if "wild" in name else 0.0002, 10)).tolist()}
        for name, mean in means.items()
    }
    for name, mean in means.items():  # the noise moves no mean
        found = np.array(values[name]["test/accuracy"])
        values[name]["test/accuracy"] = (found - found.mean() + mean).tolist()
    text = text_of(make_results(values, config()))
    assert (
        "The highest mean is 0.9000, of `lead`, 0.0100 ahead of `steady` (told apart, tested as one of all 28 pairs, as it "
        "was picked by its means); it can't be told apart from `wild_0` (0.0200 behind), `wild_1` (0.0210 behind), `wild_2` "
        "(0.0220 behind) and two more." in text
    )
    assert len(text.split("The highest mean")) == 2


def test_only_what_has_a_better_end_and_lacks_no_seed_is_bold(make_results, tmp_path):
    values = {
        name: {"val/ndcg_at_10": of, "val/novelty_at_10": of, "val/coverage_at_10": of, "lr": of, "val/map": of}
        for name, of in (("none", WAVE), ("a", shifted(0.02)))
    }
    values["a"]["val/map"] = [math.nan, *values["a"]["val/map"][1:]]
    results = make_results(values, config("val/ndcg_at_10"))
    analysis = analyse(results)
    assert [analysis.best(name) for name in results.metrics] == [{"a"}, set(), set(), set(), {"none"}]
    novelty = analyse(results, "val/novelty_at_10")
    assert novelty.family[0].verdict == "higher"
    assert "mean is" not in text_of(results, "val/novelty_at_10")
    write_report(results, tmp_path, metric="val/novelty_at_10", formats=["md"])
    assert "no mean is bold" in (tmp_path / "report.md").read_text()


def test_a_name_that_nobody_declares_is_drawn_and_not_ranked(make_results, tmp_path):
    values = {"none": {"test/my_score": WAVE}, "a": {"test/my_score": shifted(0.02)}}
    results = make_results(values, config("test/my_score"))
    analysis = analyse(results)
    assert (analysis.best(), analysis.family[0].verdict) == (set(), "higher")
    write_report(results, tmp_path, formats=["md", "csv"])
    text = (tmp_path / "report.md").read_text()
    assert "no mean is bold" in text
    assert "0.8020" in text
    assert " better" not in text_of(results)
    with pytest.raises(ConfigError, match=r"report.metric=test/my_score: no value .* --variant: none, a"):
        _best_variant(results)


SLOPES = {
    "none": [0.5, 1.5, 0.6, 1.4, 0.5, 1.6, 0.4, 1.5, 0.6, 1.4],
    "near": [0.8, 0.7, 0.9, 0.8, 0.7, 0.8, 0.9, 0.8, 0.7, 0.8],
}
"""Calibration slopes: the former are 1 on average and never near it."""


@pytest.mark.parametrize("bounds", [Bounds(), Bounds(0.0, 3.0)])
def test_near_a_target_distances_to_it_are_compared(make_results, tmp_path, bounds):
    declared = {"slope": Metric("slope", 1.0, bounds)}
    values = {name: {"test/slope": of} for name, of in SLOPES.items()}
    results = make_results(values, config("test/slope"), declared=declared)
    analysis = analyse(results)
    [row] = analysis.family
    distances = {name: np.abs(np.array(of) - 1) for name, of in SLOPES.items()}
    assert row.verdict == "better"
    assert row.comparison.difference == pytest.approx(np.mean(distances["near"] - distances["none"]))
    assert row.comparison.p == compare(distances["near"], distances["none"], design="fixed").p
    assert analysis.improvement(row) == 1
    assert (analysis.best(), _best_variant(results)[0]) == ({"near"}, "near")
    assert analysis.ranking.ranks == (2.0, 1.0)
    text = text_of(results)
    assert "The smallest mean distance to 1 is 0.2100, of `near`, 0.2700 ahead of `none`" in text
    write_report(results, tmp_path, formats=["md", "csv"])
    page = (tmp_path / "report.md").read_text()
    assert "as differences of distances to 1" in page
    assert "the mean of the variant with the smallest mean distance to 1 is bold" in page
    assert "differences of distances to 1" in comparison_table(analysis)["about"][0]


def test_near_a_target_a_lost_run_is_as_far_from_it_as_can_be(make_results):
    cells = make_cells({name: {"test/slope": of} for name, of in SLOPES.items()})
    cells.loc[(cells["variant"] == "near") & (cells["seed"] < 3), "outcome"] = "diverged"
    values = {name: {"test/slope": of} for name, of in SLOPES.items()}
    declared = {"slope": Metric("slope", 1.0, Bounds(0.0, 3.0))}
    [row] = analyse(make_results(values, config("test/slope"), cells=cells, declared=declared)).family
    gains = [abs(near - 1) - abs(none - 1) for near, none in zip(SLOPES["near"], SLOPES["none"], strict=True)]
    worst = [2 - abs(none - 1) for none in SLOPES["none"][:3]]
    assert row.test.with_lost.difference == pytest.approx(np.mean([*worst, *gains[3:]]))
    assert row.verdict == "no verdict"


def test_a_job_that_lacks_a_seed_is_not_the_best_of_a_sweep(results):
    settings = [JobSummary({}, {"none": summary(values)}, 3) for values in ([0.9, 0.9], [0.8, 0.8, 0.7])]
    assert best_job(analyse(results), settings, "none") is settings[1]


# ---- names, marks, populations, and very many comparisons ----


def test_other_circumstances_are_marked_in_sentences_too(make_results):
    common = {"data": "aaaa"}
    circumstances = dict.fromkeys(["none", "a", "b"], common) | {"a": {"data": "bbbb"}}
    values = {"none": WAVE, "a": shifted(0.02), "b": shifted(0.001)}
    results = make_results({k: {"test/accuracy": v} for k, v in values.items()}, config(), circumstances=circumstances)
    assert "`a`¹ is better than `none`" in text_of(results)
    assert "a¹ is better than none" in table_text(results)
    assert "`a`¹ is better than `none`" in launch_page(analyse(results), with_pictures=False)[0]


def test_redrawn_splits_of_ratings_are_not_said_to_be_about_a_population(make_results, tmp_path):
    values = {"none": {"val/rmse": WAVE}, "a": {"val/rmse": shifted(0.2)}}
    split = {"train": 80, "val": 20, "per_seed": True}
    data = {"rating_range": [1, 5], "split": {"train": 80, "val": 20}}
    results = make_results(values, config("val/rmse", split=split), data=data)
    write_report(results, tmp_path, formats=["md", "tex"])
    for kind in ("md", "tex"):
        text = (tmp_path / f"report.{kind}").read_text()
        assert RESPLITS in text
        assert "population" not in text


@pytest.mark.parametrize("side", ["user", "item"])
def test_held_out_users_are_about_users(make_results, side):
    """As ``task=cold_start`` records its data: without the range of the ratings."""
    split = {"train": 80, "test": 20, "per_seed": True}
    values = {"none": {"test/rmse": WAVE}, "a": {"test/rmse": shifted(0.2)}}
    results = make_results(values, config("test/rmse", split=split | {"side": side}), data={"split": split})
    assert f"about the {side}s behind these ratings" in text_of(results)
    least = split | {"side": side, "at_least": 20}
    results = make_results(values, config("test/rmse", split=least), data={"split": split})
    assert f"about the {side}s with at least 20 ratings behind these data" in text_of(results)


def test_a_split_says_what_redrawn_ones_speak_of(make_results):
    split = {"train": 80, "test": 20, "per_seed": True}
    values = {"none": {"test/rmse": WAVE}, "a": {"test/rmse": shifted(0.2)}}
    data = {"split": split, "population": "the shops behind these sales"}
    assert "about the shops behind these sales" in text_of(
        make_results(values, config("test/rmse", split=split), data=data)
    )


def many(make_results, baseline):
    rng = np.random.default_rng(0)
    values = {
        f"optimizer_{('adam', 'sgd')[place % 2]}_with_learning_rate_{place / 1000:g}_and_no_dropout": {
            "test/accuracy": (0.8 + 0.002 * (place % 7) + rng.normal(0, 0.006, 4)).tolist()
        }
        for place in range(31)
    }
    values[next(iter(values))] = {"test/accuracy": [0.1, 0.11, 0.12, 0.13]}
    return make_results(values, config(baseline=baseline and next(iter(values))))


@pytest.mark.slow
def test_very_many_comparisons_are_drawn_and_shown_as_far_as_they_can_be_read(make_results, tmp_path):
    results = many(make_results, None)
    analysis = analyse(results)
    assert (len(analysis.family), len(analysis.shown)) == (465, 40)
    assert {row.told_apart for row in analysis.family if row not in analysis.shown} == {False}
    assert any(row.told_apart for row in analysis.shown)
    figures = {picture.name: picture.figure() for picture in launch_pictures(evidence_of(analysis))}
    assert figures["differences"].get_figheight() < 16
    labels = [label.get_text() for label in figures["differences"].axes[0].get_yticklabels()]
    assert len(set(labels)) == 40
    assert max(map(len, labels)) < 50
    write_report(results, tmp_path, formats=["csv"])
    assert len((tmp_path / "comparisons.csv").read_text().splitlines()) == 466
    assert "425 of 465 comparisons are left out here" in analysis.left_out
    against_one = analyse(many(make_results, "first"))
    assert len(against_one.shown) == 30
    assert not against_one.left_out


def test_short_names_stay_apart():
    names = [f"optimizer_adam_with_learning_rate_{rate}_and_dropout" for rate in (0.1, 0.2)]
    assert list(short_names(names).values()) == ["…0.1_…", "…0.2_…"]
    alike = ["x" * 20 + middle + "y" * 20 for middle in ("a", "b")]
    assert len(set(short_names(alike).values())) == 2
    assert short_names(["a_$", "b"]) == {"a_$": r"a_\$", "b": "b"}
    assert short_names([]) == {}


def test_a_variant_of_which_no_seed_has_run_is_not_tested(make_results):
    [row] = analyse(with_lost(make_results, range(10), status="MISSING")).family
    assert row.verdict == "not tested"


def test_the_variant_that_is_served_lacks_no_seed_where_one_does_not(make_results):
    assert _best_variant(with_lost(make_results, range(7))) == (
        "none",
        " (the best variant by test/accuracy of those that lack no seed)",
    )
    assert _best_variant(with_lost(make_results, []))[0] == "risky"


def test_the_best_of_a_search_is_not_better_by_its_survivors(make_results):
    results = with_lost(make_results, range(7))
    trial = Trial(0, "COMPLETE", {"lr": 1}, [0.9], 0.9, 0.01, 5, 1.0, 1, "")
    search = Search("study", "none", {"lr": "1"}, {}, ["test/accuracy"], [False], "mean", "TPESampler", "", [9], None, 1, [trial], [0], "", ["risky"])  # fmt: skip
    analysis = analyse(replace(results, search=search))
    said = "\n".join(fresh_sentences(analysis, search, fresh_variants(analysis, search)))
    assert (
        "better on the 3 of 10 seeds that did not diverge: no verdict. The search has not been shown to help." in said
    )


def test_no_difference_that_the_metric_can_have_could_be_found(make_results):
    values = {"none": {"test/accuracy": [0.1, 0.9]}, "a": {"test/accuracy": [0.8, 0.2]}}
    text = text_of(make_results(values, config()))
    assert "for no difference that this metric can have" in text
    assert "for a true difference of" not in text


def test_a_variant_that_diverged_in_every_seed_is_not_called_incomplete(make_results):
    text = text_of(with_lost(make_results, range(len(WAVE))))
    assert "`risky` diverged in every seed: n=0" in text
    assert "incomplete" not in text


def test_rows_of_a_sweep_stand_in_the_order_of_their_values() -> None:
    settings = [
        JobSummary({"lr": lr, "width": width}, {}, 1)
        for lr, width in (("1e-2", "b"), ("10", "b"), ("2", "a"), ("1e-2", "a"))
    ]
    ordered = [(found.values["lr"], found.values["width"]) for found in in_order(settings, ["lr", "width"])]
    assert ordered == [("1e-2", "b"), ("1e-2", "a"), ("2", "a"), ("10", "b")]
