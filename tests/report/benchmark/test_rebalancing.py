"""What rebalancing changed over data sets: the ranking of rows, labels alone, or it can't be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from seedbed.report.benchmark.analysis import analyse_benchmark
from seedbed.report.benchmark.answer import summary_sentences
from seedbed.report.benchmark.evidence import evidence_over
from seedbed.report.benchmark.rebalancing import (
    CHANGED,
    LABELS,
    NEITHER,
    OPEN,
    SAME,
    THRESHOLD,
    changes_over,
    rebalancing_over,
    section,
)
from seedbed.report.render.markdown import markdown
from seedbed.results import Benchmark
from tests.report.benchmark.made_up import ahead, changed, levels, lose, make_benchmark

COUNT = 12
BASE = levels(COUNT)
MIXED = [mean + (0.01 if place % 2 else -0.01) for place, mean in enumerate(BASE)]
GAIN = ahead(BASE, 0.05)
LIKE: Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[float]]] = {
    # AUROC, average precision and F1 of each variant
    "none": (BASE, BASE, BASE),
    "worse": (MIXED, ahead(BASE, -0.05), GAIN),
    "labels": (MIXED, MIXED, GAIN),
    "tuned": (BASE, BASE, GAIN),
    "same": (BASE, BASE, MIXED),
    "twin": (BASE, BASE, BASE),
    "noise": (MIXED, MIXED, MIXED),
}
METRICS = ("test/auroc", "test/average_precision", "test/f1")


def benchmark_of(*variants: str) -> Benchmark:
    """Twelve data sets with the means of ``LIKE``, which are those of every seed."""
    benchmark = make_benchmark({name: LIKE[name][2] for name in variants or LIKE})
    for place, (data_set, results) in enumerate(benchmark.data_sets.items()):
        means = {
            of: [like[at][place] for like in (LIKE[name] for name in results.cells["variant"])]
            for at, of in enumerate(METRICS)
        }
        benchmark = changed(benchmark, data_set, cells=results.cells.assign(**means))
    return benchmark


def with_recall(benchmark: Benchmark, data_set: str, of_variants: Mapping[str, Sequence[float]]) -> Benchmark:
    cells = benchmark.data_sets[data_set].cells
    recall = np.full(len(cells), 0.5)
    for variant, values in of_variants.items():
        recall[cells["variant"] == variant] = values
    return changed(benchmark, data_set, cells=cells.assign(**{"test/recall": recall}))


@pytest.mark.slow
def test_only_what_tests_show_is_said() -> None:
    analysis = analyse_benchmark(benchmark_of())
    found = changes_over(analysis)
    assert found is not None
    assert {change.variant: change.verdict for change in found.of_variants} == {
        "worse": CHANGED,
        "labels": LABELS,
        "tuned": THRESHOLD,
        "same": SAME,
        "twin": NEITHER,
        "noise": OPEN,
    }
    (said,) = rebalancing_over(analysis)
    assert said == (
        "Ranking or threshold, each variant against its baseline: `worse` changed the ranking of rows for the worse; `labels` changed the "
        "labels, by `test/f1`, without a demonstrated change in the ranking of rows; `tuned` changed only the threshold: `test/f1` "
        "changed, and on no data set did the ranking of rows; `same` left the ranking of rows as it is on every data set, and it is unclear whether "
        "`test/f1` changed; `twin` changed neither the ranking of rows nor `test/f1` on any data set; it is unclear whether "
        "`noise` changed the ranking of rows, or the labels by `test/f1`."
    )


def test_holm_is_over_both_metrics_of_the_ranking() -> None:
    """Of eight data sets the least p is 0.0078: it stands among four tests, and not among eight."""
    base = levels(8)
    benchmark = make_benchmark({"none": base, **{f"v{at}": base for at in range(4)}})
    for place, (data_set, results) in enumerate(benchmark.data_sets.items()):
        variants = results.cells["variant"].tolist()
        mixed = [0.5 + (0.01 if place % 2 else -0.01) * (name != "none") for name in variants]
        precision = [0.5 + (0.02 + place / 1000) * (name == "v0") + (mixed[at] - 0.5) * (name not in ("none", "v0")) for at, name in enumerate(variants)]  # fmt: skip
        cells = results.cells.assign(**{"test/auroc": mixed, "test/average_precision": precision})
        benchmark = changed(benchmark, data_set, cells=cells)
    found = changes_over(analyse_benchmark(benchmark))
    assert found is not None
    row = found.of_variants[0].ranking["average_precision"]
    assert row.pair.p == pytest.approx(2 / 2**8)
    assert row.p == pytest.approx(8 * 2 / 2**8)
    assert not row.told_apart
    assert analyse_benchmark(benchmark).on("test/average_precision").family[0].told_apart


def test_the_section_has_a_row_a_variant() -> None:
    page = markdown(section(evidence_over(analyse_benchmark(benchmark_of("none", "worse", "tuned")))))
    assert "| difference | AUROC | average precision | test/f1† | what changed |" in page
    (row,) = [line for line in page.splitlines() if line.startswith("| worse − none |")]
    assert row.count("↓") == 1
    assert row.count("↑") == 1
    assert row.endswith(f"| {CHANGED} |")
    assert "all two variants, two tests, and" in page
    assert "† Depends on the threshold above which a row is labelled yes" in page


def test_runs_that_were_lost_leave_it_open() -> None:
    benchmark = lose(benchmark_of("none", "noise"), "set0", "noise", [0])
    assert "(runs lost)" in markdown(section(evidence_over(analyse_benchmark(benchmark))))


def test_other_reports_have_no_such_section() -> None:
    benchmark = benchmark_of("none", "labels")
    bare = changed(benchmark, "set3", cells=benchmark.data_sets["set3"].cells.drop(columns="test/auroc"))
    many = changed(benchmark, "set3", data=benchmark.data_sets["set3"].data | {"classes": ["a", "b", "yes"]})
    others = make_benchmark({"none": BASE, "mlp": MIXED})
    variants = {"variants": {"none": [], "mlp": ["model=mlp"]}}
    for name, results in benchmark.data_sets.items():
        cells = results.cells.replace({"variant": {"labels": "mlp"}})
        others = changed(others, name, cells=cells, config=results.config | variants)
    for made in (bare, many, others):
        assert rebalancing_over(analyse_benchmark(made)) == []
        assert section(evidence_over(analyse_benchmark(made))) == []


def test_the_answer_names_what_changed_and_who_never_finds_the_class() -> None:
    means = {"none": levels(3), "labels": ahead(levels(3), 0.01), "tuned": levels(3)}
    benchmark = make_benchmark(means)
    for name, results in benchmark.data_sets.items():
        ranking = dict.fromkeys(METRICS[:2], results.cells["test/f1"])
        benchmark = changed(benchmark, name, cells=results.cells.assign(**ranking))
    one = with_recall(benchmark, "set0", {"labels": [0, 0, 0, 0], "tuned": [0, 0, 0, 0.1]})
    said = "`labels` on `set0`: under every seed it finds no row of the class that recall and F1 are about, so that both are 0."
    sentences = summary_sentences(analyse_benchmark(one), [])
    assert said in sentences
    assert rebalancing_over(analyse_benchmark(one))[0] in sentences
    both = with_recall(one, "set2", {"labels": [0, 0, 0, 0], "none": [0, 0, 0, 0]})
    (told,) = [each for each in summary_sentences(analyse_benchmark(both), []) if "under every seed they find" in each]
    assert told.startswith("`labels` on `set0`; `none` and `labels` on `set2`: ")
