"""What is said of variants over data sets: better only by the test over data sets, and on the data sets that it is about."""

from __future__ import annotations

import pytest

from seedbed.errors import ConfigError
from seedbed.metrics import Metric
from seedbed.report.analysis import analyse
from seedbed.report.benchmark.analysis import analyse_benchmark
from seedbed.report.benchmark.answer import summary_sentences
from tests.report.benchmark.made_up import ahead, changed, levels, lose, make_benchmark


def verdicts(benchmark, **asked) -> dict[str, str]:
    return {row.variant: row.verdict for row in analyse_benchmark(benchmark, **asked).family}


def answer(benchmark, **asked) -> str:
    return "\n".join(summary_sentences(analyse_benchmark(benchmark, **asked), []))


def test_six_data_sets_can_show_a_difference_and_five_cannot() -> None:
    for count, said in ((6, "better"), (5, "can't be told apart")):
        base = levels(count)
        benchmark = make_benchmark({"none": base, "smote": ahead(base, 0.02)})
        assert verdicts(benchmark) == {"smote": said}
    [row] = analyse_benchmark(benchmark).family
    assert (row.test.n, row.test.wins, row.p) == (5, 5, 0.0625)
    assert "Five data sets allow no verdict, whatever the runs say" in answer(benchmark)
    assert "p is 0.0625. It takes six data sets." in answer(benchmark)


@pytest.mark.slow
def test_twelve_comparisons_need_nine_data_sets() -> None:
    base = levels(8)
    variants = {f"v{place}": ahead(base, 0.002 * (1 + place)) for place in range(12)}
    benchmark = make_benchmark({"none": base, **variants})
    assert set(verdicts(benchmark).values()) == {"can't be told apart"}
    said = answer(benchmark)
    assert "Eight data sets allow no verdict in 12 comparisons" in said
    assert "It takes nine data sets." in said
    assert "all 12 can't be told apart from `none`" in said


def test_the_verdicts_on_single_data_sets_are_those_of_the_ordinary_report() -> None:
    base = levels(12)
    benchmark = make_benchmark({"none": base, "smote": ahead(base, 0.05), "other": base})
    analysis = analyse_benchmark(benchmark)
    for name, results in benchmark.data_sets.items():
        ordinary = {(row.variant, row.other): (row.verdict, row.p) for row in analyse(results).family}
        assert {pair: (row.verdict, row.p) for pair, row in analysis.on_each[name].items()} == ordinary
    assert analysis.told_on_each("smote", "none")["better"] > 0
    assert "a false verdict with a probability of up to 5 %: over 12 data sets, up to 0.6 on average." in answer(
        benchmark
    )


def test_one_recipe_under_two_names_counts_as_one() -> None:
    base = levels(8)
    means = {"none": base, "smote": ahead(base, 0.02), "other": ahead(base, 0.03)}
    alone = {row.variant: row.p for row in analyse_benchmark(make_benchmark(means)).family}
    both = make_benchmark(means | {"twin": means["smote"]})
    for name, results in both.data_sets.items():
        cells = results.cells
        both = changed(both, name, cells=cells.assign(fingerprint=cells["fingerprint"].str.replace("twin", "smote")))
    analysis = analyse_benchmark(both)
    assert {row.variant: row.p for row in analysis.family} == alone | {"twin": alone["smote"]}
    assert len(analysis.tested) == 2
    assert "`smote` and `twin` are one recipe, trained once: they count as one in Holm's method" in answer(both)
    assert "one recipe" not in answer(make_benchmark(means))


def test_one_data_set_under_two_names_is_warned_of() -> None:
    base = levels(8)
    benchmark = make_benchmark({"none": base, "smote": ahead(base, 0.02)})
    assert "the same data" not in answer(benchmark)
    benchmark = changed(benchmark, "set5", cells=benchmark.data_sets["set1"].cells)
    assert "`set1` and `set5` are the same data under several names" in answer(benchmark)


def test_less_is_better_of_a_loss() -> None:
    base = levels(7)
    benchmark = make_benchmark({"none": base, "smote": ahead(base, -0.02)}, metric="test/loss")
    assert verdicts(benchmark) == {"smote": "better"}
    [row] = analyse_benchmark(benchmark).family
    assert row.test.estimate < 0
    assert (row.test.wins, row.test.losses) == (7, 0)
    assert analyse_benchmark(benchmark).average_ranks == {"none": 2.0, "smote": 1.0}


def test_equal_values_are_no_difference() -> None:
    base = levels(6)
    benchmark = make_benchmark({"none": base, "same": base})
    results = benchmark.data_sets
    for name, of_one in results.items():  # the seeds too
        cells = of_one.cells.copy()
        cells.loc[cells["variant"] == "same", "test/f1"] = cells.loc[cells["variant"] == "none", "test/f1"].tolist()
        benchmark = changed(benchmark, name, cells=cells)
    [row] = analyse_benchmark(benchmark).family
    assert (row.verdict, row.test.ties) == ("not tested", 6)
    assert "(no difference on any of 6 data sets)" in answer(benchmark)
    assert "of `none` and `same`" in answer(benchmark)


def test_a_pair_is_tested_where_both_apply_and_ranks_are_over_what_all_have() -> None:
    base = levels(8)
    benchmark = make_benchmark(
        {"none": base, "weights": ahead(base, 0.01), "smote": [None, None, *ahead(base, 0.03)[2:]]}
    )
    analysis = analyse_benchmark(benchmark)
    assert [(row.variant, row.test.n, row.verdict) for row in analysis.family] == [
        ("weights", 8, "better"),
        ("smote", 6, "better"),
    ]
    assert len(analysis.common) == 6
    assert analysis.outside == {"set0": "`smote` does not apply", "set1": "`smote` does not apply"}
    assert analysis.average_ranks == {"none": 3.0, "weights": 2.0, "smote": 1.0}
    said = answer(benchmark)
    assert "Over 6 to 8 data sets, depending on the pair" in said
    assert "`smote` does not apply to `set0` and `set1`" in said
    assert "over the six data sets on which all variants have run" in said


def test_where_the_baseline_does_not_apply_nothing_is_compared() -> None:
    base = levels(7)
    benchmark = make_benchmark({"smote": [None, *base[1:]], "none": base, "weights": ahead(base, 0.02)})
    analysis = analyse_benchmark(benchmark)
    assert analysis.on_each["set0"] == {}
    assert [(row.other, row.test.n) for row in analysis.family] == [("smote", 6), ("smote", 6)]


def test_each_variant_may_have_its_own_baseline() -> None:
    base = levels(7)
    means = {"lr": base, "lr_smote": ahead(base, 0.02), "tree": ahead(base, 0.1), "tree_smote": ahead(base, 0.08)}
    benchmark = make_benchmark(means, config={"report": {"baseline": {"lr_smote": "lr", "tree_smote": "tree"}}})
    assert verdicts(benchmark) == {"lr_smote": "better", "tree_smote": "worse"}


def test_all_pairs_are_compared_without_a_baseline() -> None:
    base = levels(9)
    benchmark = make_benchmark(
        {"a": base, "b": ahead(base, 0.02), "c": ahead(base, 0.05)}, config={"report": {"baseline": None}}
    )
    analysis = analyse_benchmark(benchmark)
    assert [(row.variant, row.other) for row in analysis.family] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert {row.verdict for row in analysis.family} == {"worse"}


@pytest.mark.parametrize(("metric", "by"), [("test/f1", 0.02), ("test/loss", -0.02)])
def test_runs_that_diverged_count_as_the_worst(metric: str, by: float) -> None:
    base = levels(8)
    benchmark = make_benchmark({"none": base, "risky": ahead(base, by)}, metric=metric)
    assert verdicts(benchmark) == {"risky": "better"}
    for name in ("set0", "set1", "set2"):
        benchmark = lose(benchmark, name, "risky", [0, 1, 2])
    [row] = analyse_benchmark(benchmark).family
    assert (row.test.n, row.test.wins) == (8, 8)  # of the seeds that did not diverge
    assert row.verdict == "no verdict"
    assert row.pair.with_lost is not None
    assert row.pair.with_lost.losses == 3
    assert analyse_benchmark(benchmark).average_ranks == {"none": 1.625, "risky": 1.375}
    assert "`risky` against `none`: no verdict, as runs were lost on `set0`, `set1` and `set2`" in answer(benchmark)


def test_who_is_behind_is_worse_with_lost_runs_too() -> None:
    base = levels(8)
    benchmark = lose(make_benchmark({"none": base, "risky": ahead(base, -0.02)}), "set3", "risky", [1], "FAILED")
    [row] = analyse_benchmark(benchmark).family
    assert row.verdict == "worse"
    assert "the verdict counts the others as the worst" in answer(benchmark)


def test_a_variant_that_failed_everywhere_on_a_data_set_is_last_there() -> None:
    base = levels(6)
    benchmark = lose(make_benchmark({"none": base, "smote": ahead(base, 0.02)}), "set0", "smote", range(4), "FAILED")
    [row] = analyse_benchmark(benchmark).family
    assert row.test.n == 5
    assert row.pair.with_lost is not None
    assert (row.pair.with_lost.n, row.pair.with_lost.losses) == (6, 1)
    assert len(analyse_benchmark(benchmark).common) == 6


def test_seeds_that_were_not_run_are_no_evidence() -> None:
    base = levels(6)
    benchmark = lose(make_benchmark({"none": base, "smote": ahead(base, 0.02)}), "set0", "smote", [0], "MISSING")
    [row] = analyse_benchmark(benchmark).family
    assert (row.test.n, row.pair.lost_on) == (6, ())
    nothing = lose(benchmark, "set0", "smote", range(4), "MISSING")
    [row] = analyse_benchmark(nothing).family
    assert row.test.n == 5
    assert analyse_benchmark(nothing).outside == {"set0": "`smote` was not run"}


def test_a_metric_may_be_missing_on_one_data_set() -> None:
    base = levels(7)
    benchmark = make_benchmark({"none": base, "smote": ahead(base, 0.02)})
    bare = benchmark.data_sets["set2"].cells.drop(columns="test/f1")
    benchmark = changed(benchmark, "set2", cells=bare)
    analysis = analyse_benchmark(benchmark)
    assert [row.test.n for row in analysis.family] == [6]
    assert analysis.outside == {"set2": "no run has test/f1"}
    assert "On `set2` no run has `test/f1`: nothing there is compared." in answer(benchmark)


def test_one_data_set_says_nothing_of_others() -> None:
    benchmark = make_benchmark({"none": [0.5], "smote": [0.8]})
    assert verdicts(benchmark) == {"smote": "can't be told apart"}
    assert "One data set says nothing about others" in answer(benchmark)
    assert "`smote` is better than `none` on one of 1" in answer(benchmark)


def test_data_sets_of_one_source_are_no_independent_draws() -> None:
    base = levels(6)
    sources = {"set1": "yeast", "set4": "yeast", "set5": "glass"}
    benchmark = make_benchmark({"none": base, "smote": ahead(base, 0.02)}, sources=sources)
    assert "Not all data sets are independent: `set1` and `set4` are made from `yeast`." in answer(benchmark)
    assert "glass" not in answer(benchmark)


def test_a_region_of_practical_equivalence_adds_chances() -> None:
    base = levels(10)
    benchmark = make_benchmark({"none": base, "same": ahead(base, 0.001)})
    analysis = analyse_benchmark(benchmark, rope=0.02)
    chances = analysis.chances(analysis.family[0])
    assert chances is not None
    assert chances.equal > 0.95
    assert "is the most likely one, with a probability of" in answer(benchmark, rope=0.02)
    assert analyse_benchmark(benchmark).chances(analysis.family[0]) is None


def test_unknown_names_are_refused() -> None:
    benchmark = make_benchmark({"none": [0.5, 0.6], "smote": [0.6, 0.7]})
    with pytest.raises(ConfigError, match="no run of experiment 'made_up' has this metric"):
        analyse_benchmark(benchmark, "test/f2")
    with pytest.raises(ConfigError, match="has no variant 'smotte'"):
        analyse_benchmark(benchmark, baseline="smotte")


def test_another_metric_or_baseline_is_exploratory() -> None:
    base = levels(6)
    benchmark = make_benchmark({"none": base, "smote": ahead(base, 0.02)})
    assert "Exploratory" not in answer(benchmark)
    assert "Exploratory: not the comparison that the experiment names" in answer(benchmark, baseline="smote")


def test_of_a_metric_with_a_target_distances_are_compared() -> None:
    base = [mean + 0.5 for mean in levels(6)]
    benchmark = make_benchmark({"none": base, "smote": ahead(base, 0.02)}, metric="test/slope")
    for name in benchmark.data_sets:
        benchmark = changed(benchmark, name, declared={"slope": Metric("slope", 1.0)})
    assert verdicts(benchmark) == {"smote": "worse"}
    assert "on `test/slope` (distances to 1): `smote` is worse than `none`" in answer(benchmark)


def test_of_a_metric_that_only_describes_nothing_is_better() -> None:
    base = levels(7)
    benchmark = make_benchmark({"none": base, "smote": ahead(base, 0.02)}, metric="test/mine")
    for name in benchmark.data_sets:
        benchmark = changed(benchmark, name, declared={"mine": Metric("mine", None)})
    assert verdicts(benchmark) == {"smote": "higher"}
    assert "best" not in answer(benchmark)
    benchmark = lose(benchmark, "set1", "smote", [0])
    assert verdicts(benchmark) == {"smote": "no verdict"}
    assert analyse_benchmark(benchmark).outside == {"set1": "runs were lost, and no value stands for them"}


def test_where_every_run_failed_that_is_said() -> None:
    benchmark = make_benchmark({"none": levels(2), "smote": levels(2)})
    for name, results in benchmark.data_sets.items():
        cells = results.cells.drop(columns="test/f1").assign(status="FAILED", outcome="")
        benchmark = changed(benchmark, name, cells=cells)
    assert answer(benchmark).startswith("No run has `test/f1`: there is nothing to compare.")


def test_variants_that_no_data_set_has_in_common_are_not_tested() -> None:
    benchmark = make_benchmark({"none": [0.5, 0.6, None], "smote": [None, None, 0.7]})
    assert verdicts(benchmark) == {"smote": "not tested"}
    assert "`smote` against `none` (there is no data set on which both have a value)" in answer(benchmark)
    assert analyse_benchmark(benchmark).average_ranks == {}
