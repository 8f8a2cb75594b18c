"""The pictures of a report over several data sets."""

from __future__ import annotations

import pytest

from seedbed.figures import Kind, rendered
from seedbed.report.benchmark import ranks
from seedbed.report.benchmark.analysis import BenchmarkAnalysis
from seedbed.report.benchmark.evidence import evidence_over
from seedbed.report.blocks import pictures_of
from seedbed.report.pictures.ranks import ranks_figure
from tests.report.pictures.made_up import made_up, overlapping, texts


@pytest.fixture(scope="module")
def few() -> BenchmarkAnalysis:
    return made_up(4, 7)


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


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_ranks_give_the_same_bytes(kind: Kind) -> None:
    drawn = [rendered(lambda: ranks_figure(["a", "b", "c"], [1.2, 2.1, 2.7], [(1.2, 2.1)]), kind) for _ in range(2)]
    assert drawn[0] == drawn[1]
