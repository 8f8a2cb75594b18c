"""Which reports take the place of an earlier one, and what of that one goes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seedbed.report.record import Covered, covered, covered_in
from seedbed.report.replaced import what_would_be_lost
from seedbed.report.writing import write_report
from seedbed.results import Results
from tests.report.benchmark.made_up import make_benchmark
from tests.report.conftest import Factory

CELLS = frozenset((name, variant, seed) for name in "ab" for variant in ("none", "smote") for seed in range(2))
WHOLE = Covered("first", (), CELLS)


def only(**kept: object) -> frozenset[tuple[str, str, int]]:
    places = {"data_set": 0, "variant": 1, "seed": 2}
    return frozenset(cell for cell in CELLS if all(cell[places[key]] == value for key, value in kept.items()))


@pytest.mark.parametrize(
    ("new", "narrowed", "said"),
    [
        (Covered("second", (), CELLS | {("c", "none", 0)}), True, ""),
        (Covered("second", (), only(data_set="a")), True, "this launch lacks data set b"),
        (Covered("second", (), only(variant="none")), True, "this launch lacks variant smote"),
        (Covered("second", (), only(seed=0)), True, "this launch lacks 4 of its 8 cells"),
        # The file asks for less than it did.
        (Covered("second", (), only(variant="none")), False, ""),
        (Covered("second", ("optimizer.lr=0.1",), CELLS), False, "this launch is of another recipe (optimizer.lr=0.1)"),
    ],
)
def test_what_a_launch_under_overrides_does_not_cover_is_not_replaced(new: Covered, narrowed: bool, said: str) -> None:
    assert what_would_be_lost(WHOLE, new, narrowed=narrowed) == said


def test_the_same_overrides_are_the_same_recipe() -> None:
    mine = replace(WHOLE, overrides=("data.label=y",))
    assert what_would_be_lost(mine, replace(mine, launch="second"), narrowed=False) == ""


@pytest.mark.usefixtures("undrawn")
def test_a_written_report_says_what_it_covers(results: Results, tmp_path: Path) -> None:
    launched = replace(results, launch="first", overrides=["select=best"])
    assert covered_in(tmp_path) is None
    write_report(launched, tmp_path, formats=["csv"])
    assert covered_in(tmp_path) == covered(launched)
    assert ("", "none", 0) in covered(launched).cells
    assert ("set0", "a", 3) in covered(make_benchmark({"a": [0.5], "b": [0.6]})).cells


@pytest.mark.usefixtures("undrawn")
def test_pictures_and_tables_of_an_earlier_report_go_and_those_of_others_stay(
    make_results: Factory, tmp_path: Path
) -> None:
    results = make_results()
    write_report(results, tmp_path, metric="test/accuracy")
    for name in ("mine.png", "mine.svg", "mine.csv"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "trials.csv").write_text("of an earlier search")
    write_report(results, tmp_path, metric="test/f1", formats=["md"])
    assert (tmp_path / "accuracy.png").exists(), "report.tex shows it still"
    write_report(results, tmp_path, metric="test/f1")
    there = {path.name for path in tmp_path.iterdir()}
    assert {"mine.png", "mine.svg", "mine.csv", "f1.png", "f1.svg", "curves.csv"} <= there
    assert not {"accuracy.png", "accuracy.svg", "trials.csv"} & there
