"""The pictures of a report over several data sets."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from seedbed.figures import Kind, rendered
from seedbed.report.benchmark import comparisons, properties, ranks
from seedbed.report.benchmark.analysis import BenchmarkAnalysis, analyse_benchmark
from seedbed.report.benchmark.document import pictures_over
from seedbed.report.benchmark.evidence import evidence_over
from seedbed.report.blocks import pictures_of
from seedbed.report.formatting import p_text
from seedbed.report.pictures.data_sets import data_sets_figure
from seedbed.report.pictures.pairs import MOST_PAIRS, drawn_pairs, parts
from seedbed.report.pictures.properties import MOST_TICKS, log_ticks
from seedbed.report.pictures.ranks import ranks_figure
from seedbed.results import Benchmark
from tests.report.conftest import make_config
from tests.report.pictures.made_up import METRIC, made_up, one, overlapping, texts


@pytest.fixture(scope="module")
def few() -> BenchmarkAnalysis:
    return made_up(3, 7)


def test_the_diagram_of_ranks_has_bars_and_no_critical_difference(few: BenchmarkAnalysis) -> None:
    (picture,) = ranks.pictures(evidence_over(few))
    assert picture.name == "ranks"
    assert picture.caption == "Critical-difference diagram on test/f1, over seven data sets"
    figure = picture.figure()
    shown = texts(figure)
    for name, rank in few.average_ranks.items():
        assert any(name in text and f"{rank:.2f}" in text for text in shown)
    assert not any("critical difference" in text for text in shown)
    assert sum(line.get_linewidth() == 4 for line in figure.axes[0].lines) == len(few.ranking.bars)
    assert pictures_of(ranks.section(evidence_over(few)))[0].name == "ranks"


@pytest.mark.parametrize("count", [2, 9, 20])
def test_names_of_ranks_do_not_overlap(count: int) -> None:
    names = ["none", *(f"gradient_boosting_with_smote_and_threshold_{place}" for place in range(1, count))]
    means = [1 + place * (count - 1) / count for place in range(count)]
    figure = ranks_figure(names, means, [(means[0], means[1])])
    shown = texts(figure)
    assert all(any(f"{mean:.2f}" in text for text in shown) for mean in means)
    assert len({text for text in shown if "." in text}) == count
    assert overlapping(figure) == []


def test_two_variants_have_no_diagram() -> None:
    assert ranks.pictures(evidence_over(made_up(2, 3))) == []


# ---- differences by data set -----------------------------------------------------------------------------------------


def test_each_pair_has_a_panel_with_every_data_set_and_the_median(few: BenchmarkAnalysis) -> None:
    (picture,) = comparisons.pictures(evidence_over(few))
    assert picture.name == "differences"
    assert picture.caption == "Differences to none on test/f1 by data set, and their medians over data sets"
    figure = picture.figure()
    assert len(figure.axes) == len(few.family) == 2
    shown = texts(figure)
    assert {"median", *few.of_each} <= set(shown)
    assert "difference to none on test/f1 (higher is better)" in shown
    for row in few.family:
        assert any(text == row.variant for text in shown)
        assert any(p_text(row.p) in text for text in shown)
    assert overlapping(figure) == []
    assert "differences" in [drawn.name for drawn in pictures_of(comparisons.section(evidence_over(few)))]


def test_the_points_are_the_differences_and_the_best_data_sets_stand_above() -> None:
    analysis = made_up(2, 8)
    (axes,) = data_sets_figure(analysis, analysis.family).axes
    points = [(y, x) for line in axes.lines if line.get_marker() == "o" for x, y in np.asarray(line.get_xydata())]
    values = [x for _, x in sorted(points)]
    assert values == sorted(analysis.family[0].pair.differences.values(), reverse=True)
    (diamond,) = axes.patches
    interval = analysis.family[0].test.interval
    assert interval is not None
    box = diamond.get_path().get_extents()
    assert (box.x0, box.x1) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize(
    ("seeds", "explained"), [([0.03, 0.045, 0.055, 0.07], True), ([-0.08, -0.01, 0.02, 0.08], False)]
)
def test_a_hollow_point_beside_zero_is_explained(seeds: list[float], explained: bool) -> None:
    """Of three comparisons the first is told apart only below a third of 0.05; the intervals are each by itself."""
    base = np.full(4, 0.5)
    values = {
        "none": base,
        "b": base + seeds,
        "c": base + 0.0001 * np.array([1, -1, 2, -2]),
        "d": base - [0.01, -0.01, 0.02, -0.03],
    }
    names = list(values)
    config = make_config(
        variants={name: [] for name in names}, report={"metric": METRIC, "baseline": "none"}, published={}
    )
    results = {name: one(name, names, list(values.values()), config) for name in ("one", "two")}
    analysis = analyse_benchmark(Benchmark("made_up", results, tuple(names), {}, launch="first"))
    own = analysis.on_each["one"]["b", "none"]
    assert not own.told_apart
    assert own.comparison.low is not None
    assert (own.comparison.low > 0) == explained
    shown = " ".join(texts(data_sets_figure(analysis, analysis.family))).replace("\n", " ")
    assert ("A hollow point whose interval leaves out 0: not told apart after Holm's correction" in shown) == explained


def test_one_seed_and_two_data_sets_have_points_without_intervals() -> None:
    analysis = made_up(2, 2, seeds=1)
    (picture,) = comparisons.pictures(evidence_over(analysis))
    figure = picture.figure()
    assert any(text.startswith("Points: means over the seeds of a data set. ") for text in texts(figure))
    assert not figure.axes[0].patches
    assert overlapping(figure) == []


@pytest.mark.slow
def test_many_pairs_with_long_names_are_legible() -> None:
    analysis = made_up(14, 4, seeds=2, long=True)
    drawn = pictures_over(evidence_over(analysis))
    assert [picture.name for picture in drawn] == [
        "differences", "ranks", "properties", "properties_2", "properties_3",
    ]  # fmt: skip
    assert [picture.caption.endswith("(2 of 3)") for picture in drawn] == [False, False, False, True, False]
    assert len(drawn_pairs(analysis)) == MOST_PAIRS
    figure = drawn[0].figure()
    assert len(figure.axes) == MOST_PAIRS
    assert any("1 of 13 pairs are left out here" in text.replace("\n", " ") for text in texts(figure))
    assert [overlapping(each) for each in (figure, drawn[2].figure())] == [[], []]


@pytest.mark.slow
def test_sixty_data_sets_are_legible() -> None:
    analysis = made_up(2, 60, seeds=2, long=True)
    by_data_set, by_property = pictures_over(evidence_over(analysis))
    figure = by_data_set.figure()
    assert set(analysis.of_each) <= set(texts(figure))
    assert overlapping(figure) == []
    assert overlapping(by_property.figure()) == []


def test_all_pairs_are_named_with_both_variants() -> None:
    analysis = made_up(3, 4, baseline=None)
    (picture,) = comparisons.pictures(evidence_over(analysis))
    figure = picture.figure()
    assert any(text == "strategy_1\n− strategy_2" for text in texts(figure))
    assert overlapping(figure) == []


def test_parts_are_about_equally_long() -> None:
    assert parts("abcdefg", 3) == ["ab", "cde", "fg"]
    assert parts("abc", 4) == ["abc"]


# ---- differences against properties ----------------------------------------------------------------------------------


def test_differences_stand_against_each_property_with_a_rank_correlation(few: BenchmarkAnalysis) -> None:
    (picture,) = properties.pictures(evidence_over(few))
    assert picture.name == "properties"
    assert (
        picture.caption == "Differences to none on test/f1 against rows, imbalance ratio and features of the data sets"
    )
    figure = picture.figure()
    assert len(figure.axes) == 6
    assert all(axes.get_xscale() == "log" for axes in figure.axes)
    shown = texts(figure)
    assert {"rows", "imbalance ratio", "features"} <= set(shown)
    assert set(few.of_each) & set(shown)
    differences = few.family[0].pair.differences
    rows = [few.benchmark.data_sets[name].data["counts"]["rows"] for name in differences]
    rho = spearmanr(rows, list(differences.values())).statistic
    assert f"ρ = {rho:.2f}, n = 7".replace("-", "−") in shown
    assert overlapping(figure) == []


def test_names_that_have_no_room_are_said_to_be_left_out() -> None:
    for count, said in ((3, False), (40, True)):
        (picture,) = properties.pictures(evidence_over(made_up(2, count)))
        shown = " ".join(texts(picture.figure())).replace("\n", " ")
        assert ("Names that would hide another" in shown) == said


def test_two_data_sets_are_not_drawn_against_properties() -> None:
    analysis = made_up(3, 2)
    assert properties.pictures(evidence_over(analysis)) == []
    assert properties.section(evidence_over(analysis)) == []


@pytest.mark.parametrize(("low", "high"), [(2, 3), (4, 6), (1.2, 130), (90, 5e3), (50, 2e6), (5, 5e9)])
def test_an_axis_of_a_property_has_a_few_round_numbers(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert 2 <= len(ticks) <= MOST_TICKS
    assert all(low <= tick <= high for tick in ticks)


# ---- bytes -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_results_give_the_same_bytes(kind: Kind) -> None:
    drawn = [
        [rendered(picture.figure, kind) for picture in pictures_over(evidence_over(analysis))]
        for analysis in (made_up(2, 5), made_up(2, 5))
    ]
    assert len(drawn[0]) == 2
    assert drawn[0] == drawn[1]
