"""The section on a sweep: a row a job, and a picture along the keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seedbed.report.pictures.picture import files_of
from seedbed.report.sections.sweep import section
from seedbed.report.writing import write_report
from seedbed.results import Job
from tests.report.conftest import make_cells, plain_config, shown

pytestmark = pytest.mark.filterwarnings("error")


def sweep(make_results, keys, **fields):
    """A launch that is one of several jobs; ``keys`` are the values of each job by key."""
    values = {"a": {"test/accuracy": [0.5, 0.6]}, "b": {"test/accuracy": [0.4, 0.5]}}
    jobs = []
    for place, chosen in enumerate(keys):
        shifted = {
            name: {"test/accuracy": [value + place / 10 for value in columns["test/accuracy"]]}
            for name, columns in values.items()
        }
        circumstances = {name: {"data": "aaaa"} for name in values}
        jobs.append(Job(f"launch{place}", chosen, tuple(values), make_cells(shifted), circumstances))
    return make_results(values, plain_config(), jobs=jobs, **fields)


@pytest.mark.slow
def test_a_job_of_a_sweep_reports_all_jobs(make_results, tmp_path, undrawn):
    results = sweep(make_results, [{"optimizer.lr": lr, "seeds": "2"} for lr in ("0.1", "0.01", "0.001")])
    files = write_report(results, tmp_path, formats=["md"])
    page = (tmp_path / "report.md").read_text().split("## Sweep")[1].split("## ")[0]
    assert "one of three jobs of a sweep over `optimizer.lr`;" in page
    assert "| 0.001 | **0.7500 ± 0.0707** | **0.6500 ± 0.0707** | n=2 |" in page
    assert "differ in" not in page
    assert "choose by the validation metrics of the jobs, which `seedbed ui made_up` shows" in page
    assert (tmp_path / "sweep.png") in files
    [picture] = shown(section, results)[1]
    assert all(files_of([picture]).values())


def test_a_grid_is_a_heat_map_in_the_order_of_its_numbers(make_results):
    keys = [
        {"lr": lr, "width": width, "depth": depth}
        for lr in ("0.1", "0.01")
        for width in ("8", "16", "4")
        for depth in ("1", "2")
    ]
    text, [picture] = shown(section, sweep(make_results, keys))
    assert text.index("`width`") < text.index("`lr`")  # the key with the most values comes first
    axes = picture.figure().axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["4", "8", "16"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0.01", "0.1"]
    assert {text.get_text() for text in axes.texts} >= {"1.6500", "0.6500"}  # of both depths the better one


def test_jobs_on_different_data_are_not_compared_without_a_word(make_results):
    results = sweep(make_results, [{"data": "x"}, {"data": "y"}])
    results.jobs[1] = replace(results.jobs[1], circumstances={"a": {"data": "bbbb"}})
    assert "The jobs differ in data (`aaaa` and `bbbb`)" in shown(section, results)[0]
    assert shown(section, sweep(make_results, [{"lr": "1"}])) == ("", [])
