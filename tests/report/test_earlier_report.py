"""What of an earlier report goes when one is written in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedbed.report.benchmark.writing import write_benchmark
from seedbed.report.writing import write_report
from seedbed.results import Results
from tests.report.benchmark.made_up import make_benchmark
from tests.report.conftest import Factory


@pytest.mark.usefixtures("undrawn")
def test_pictures_of_an_earlier_report_go_and_those_of_others_stay(make_results: Factory, tmp_path: Path) -> None:
    results = make_results()
    write_report(results, tmp_path, metric="test/accuracy")
    for name in ("mine.png", "mine.svg", "mine.csv"):
        (tmp_path / name).write_text("mine")
    write_report(results, tmp_path, metric="test/f1", formats=["md"])
    assert (tmp_path / "accuracy.png").exists(), "report.tex shows it still"
    write_report(results, tmp_path, metric="test/f1")
    there = {path.name for path in tmp_path.iterdir()}
    assert {"mine.png", "mine.svg", "mine.csv", "f1.png", "f1.svg", "curves.csv"} <= there
    assert not {"accuracy.png", "accuracy.svg"} & there


def test_tables_that_the_earlier_report_was_written_with_go_and_others_stay(results: Results, tmp_path: Path) -> None:
    (tmp_path / "published.csv").write_text("mine")
    benchmark = make_benchmark({"a": [0.5], "b": [0.6]})
    write_benchmark(benchmark, tmp_path, formats=["csv"])
    assert (tmp_path / "over_data_sets.csv").exists()
    assert (tmp_path / "published.csv").read_text() == "mine", "nothing that seedbed has written"
    write_report(results, tmp_path, formats=["csv"])
    assert not (tmp_path / "over_data_sets.csv").exists()
    assert "mine" not in (tmp_path / "published.csv").read_text()
    write_benchmark(benchmark, tmp_path, formats=["csv"])
    assert not any((tmp_path / name).exists() for name in ("published.csv", "curves.csv"))
