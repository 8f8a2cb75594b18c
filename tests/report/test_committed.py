"""The reports in experiments/: each can be written anew from its files, which agree with each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedbed.report.benchmark.writing import write_benchmark
from seedbed.report.record import RECORD, read_record
from seedbed.report.rewording import of_benchmark, with_current_wording
from seedbed.report.writing import write_report
from seedbed.results import Benchmark, Results
from tests.conftest import REPOSITORY

FOLDERS = sorted((REPOSITORY / "experiments").glob("*/results.csv"))


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("table", FOLDERS, ids=lambda path: path.parent.name)
def test_a_committed_report_is_made_of_its_files(table: Path, tmp_path: Path) -> None:
    folder = table.parent
    record = read_record(folder.name, folder)
    results = record.results
    if isinstance(results, Benchmark):
        check_benchmark(results)
        assert of_benchmark(results, None)[1] == []
        write_benchmark(results, tmp_path, formats=("md", "csv"))
        tables = ["results.csv"]
    else:
        check_cells(results)
        assert set(results.variants) == set(results.config["variants"])
        assert with_current_wording(results, None)[1] == []
        write_report(results, tmp_path, learned=record.learned, formats=("md", "csv"))
        tables = ["results.csv", "curves.csv"]
    assert (tmp_path / "report.md").stat().st_size > 1000
    for name in (*tables, RECORD):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name
    assert (folder / RECORD).stat().st_size < 1_000_000


def check_benchmark(benchmark: Benchmark) -> None:
    """Those on each data set are as those of one, and all variants are there or do not apply."""
    for name, results in benchmark.data_sets.items():
        check_cells(results)
        assert list(results.config["data_sets"]) == [name]
        assert {*results.variants, *benchmark.inapplicable[name]} == set(results.config["variants"])


def check_cells(results: Results) -> None:
    """Variants, launches and fingerprints agree."""
    assert set(results.cells["variant"]) == set(results.variants)
    assert set(results.curves["variant"]) <= set(results.variants)
    finished = results.cells[results.cells["status"] == "FINISHED"]
    assert set(finished["launch"]) <= {launch["id"] for launch in results.launches}
    assert results.launch == results.launches[-1]["id"]
    assert finished["fingerprint"].str.fullmatch("[0-9a-f]{64}").all()
    assert not finished.duplicated(["variant", "fingerprint"]).any()
    assert set(results.notes) == set(results.circumstances) == set(results.variants)


def test_there_are_committed_reports() -> None:
    assert len(FOLDERS) >= 9
