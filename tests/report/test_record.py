"""Reports made anew from their files: the same bytes as from the store, and clear words where the files are damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seedbed.errors import ConfigError
from seedbed.metrics import by_name
from seedbed.report.json_values import json_text, plain, restored
from seedbed.report.record import FORMAT, read_record, record_json
from seedbed.report.writing import write_report
from seedbed.results import CELL_COLUMNS, Job, Results, Search
from seedbed.stacking.metrics import CLASSIFICATION
from seedbed.statistics import Summary, summary
from seedbed.trained.inspection import Inspection
from tests.report.conftest import Factory, edit, files, make_cells, make_config, make_values
from tests.report.sections.test_search import BETTER, make_launch, make_search
from tests.trained.test_inspection import learned as made_up_learned

QUICK = ("md", "csv")


def launched(results: Results) -> Results:
    return replace(results, launch="first", circumstances={"none": {"data": "0" * 16}}, overrides=["select=best"])


def anew(folder: Path, target: Path, formats: tuple[str, ...] = QUICK) -> dict[str, bytes]:
    record = read_record("made_up", folder)
    write_report(record.results, target, learned=record.learned, formats=formats)
    return files(target)


def same(ours: Results, theirs: Results) -> None:
    """Every field, the tables to the last bit."""
    by_cell = ours.cells.sort_values(["variant", "seed"], ignore_index=True)
    pd.testing.assert_frame_equal(
        by_cell, theirs.cells.sort_values(["variant", "seed"], ignore_index=True), check_exact=True, check_dtype=False
    )
    columns = list(ours.curves)
    pd.testing.assert_frame_equal(
        ours.curves.sort_values(columns, ignore_index=True),
        theirs.curves.sort_values(columns, ignore_index=True),
        check_exact=True,
        check_dtype=False,
    )
    for one, other in zip(ours.jobs, theirs.jobs, strict=True):
        pd.testing.assert_frame_equal(one.cells, other.cells, check_exact=True, check_dtype=False)
        assert replace(one, cells=None) == replace(other, cells=None)  # type: ignore[arg-type]
    told = [replace(of, cells=None, curves=None, jobs=[]) for of in (ours, theirs)]  # type: ignore[arg-type]
    assert told[0] == told[1]


def uneven(make_results: Factory) -> Results:
    """Cells that failed, are missing and diverged, a metric that some lack, numbers with all their digits."""
    results = launched(make_results())
    cells = results.cells.copy()
    cells["test/loss"] = cells["test/loss"] / 3
    cells.loc[3, ["status", "outcome", "run", "launch"]] = ["FAILED", "", "", ""]
    cells.loc[3, ["test/accuracy", "test/f1", "test/loss", "seconds"]] = np.nan
    cells.loc[4, ["status", "outcome", "run", "launch"]] = ["MISSING", "", "", ""]
    cells.loc[4, ["test/accuracy", "test/f1", "test/loss", "seconds"]] = np.nan
    cells.loc[15, "outcome"] = "diverged"
    cells.loc[17, "test/f1"] = np.nan
    return replace(results, cells=cells, curves=results.curves.assign(value=results.curves["value"] / 7))


@pytest.mark.slow
def test_all_that_results_hold_comes_back_to_the_last_bit(undrawn: None, make_results: Factory, tmp_path: Path) -> None:
    results = uneven(make_results)
    first = write_report(results, tmp_path / "a", formats=QUICK)
    assert tmp_path / "a" / "record.json" in first
    same(results, read_record("made_up", tmp_path / "a").results)
    assert anew(tmp_path / "a", tmp_path / "b") == files(tmp_path / "a")


def test_what_a_launch_did_not_record_of_its_metrics_is_no_part_of_its_record(
    undrawn: None, make_results: Factory, tmp_path: Path
) -> None:
    """It is what the task declares today, and the record stays what it was."""
    task = {"_target_": "seedbed.tasks.classification.Classification"}
    results = make_results(config=make_config(task=task), declared_by_launch=False)
    write_report(results, tmp_path, formats=["csv"])
    written = (tmp_path / "record.json").read_text()
    assert "declared" not in json.loads(written)
    read = read_record("made_up", tmp_path)
    assert read.results.declared == by_name(CLASSIFICATION)
    assert record_json(read.results, None) == written


@pytest.mark.extended
def test_pages_of_all_formats_are_the_same_bytes(make_results: Factory, tmp_path: Path) -> None:
    values = {variant: metrics for variant, metrics in make_values().items() if variant in ("none", "smote")}
    results = launched(make_results(values))
    formats = ("md", "html", "tex", "csv")
    write_report(results, tmp_path / "a", learned=made_up_learned(), formats=formats)
    assert {"predictions.svg", "components.svg", "report.html"} < files(tmp_path / "a").keys()
    assert anew(tmp_path / "a", tmp_path / "b", formats) == files(tmp_path / "a")


@pytest.mark.slow
def test_jobs_of_a_sweep_come_back(undrawn: None, make_results: Factory, tmp_path: Path) -> None:
    columns = [*CELL_COLUMNS, "seconds", "test/accuracy", "test/f1", "test/loss"]
    cells = make_cells(make_values())[columns]
    gaps = cells.copy()
    gaps.loc[2, "test/accuracy"] = np.nan
    jobs = [
        Job("first", {"model.dropout": "0.1"}, ("none", "smote"), cells, {"none": {"data": "0"}}),
        Job("second", {"model.dropout": "0.2"}, ("none", "smote"), gaps, {"none": {"data": "1"}}),
    ]
    results = launched(make_results(jobs=jobs))
    write_report(results, tmp_path / "a", formats=QUICK)
    assert b"## Sweep" in files(tmp_path / "a")["report.md"]
    same(results, read_record("made_up", tmp_path / "a").results)
    assert anew(tmp_path / "a", tmp_path / "b") == files(tmp_path / "a")


@pytest.mark.slow
def test_a_search_comes_back(undrawn: None, make_results: Factory, tmp_path: Path) -> None:
    results = launched(make_launch(make_results, make_search(), BETTER))
    write_report(results, tmp_path / "a", formats=QUICK)
    assert b"## Search" in files(tmp_path / "a")["report.md"]
    found = read_record("made_up", tmp_path / "a").results
    assert isinstance(found.search, Search)
    same(results, found)
    assert anew(tmp_path / "a", tmp_path / "b") == files(tmp_path / "a")


@pytest.mark.slow
@pytest.mark.parametrize("what", ["read", "a sentence"])
def test_what_was_learned_comes_back(undrawn: None, make_results: Factory, tmp_path: Path, what: str) -> None:
    learned: Inspection | str = made_up_learned() if what == "read" else "The weights are gone."
    results = launched(make_results())
    write_report(results, tmp_path / "a", learned=learned, formats=("md", "csv"))
    assert b"## What the model learned" in files(tmp_path / "a")["report.md"]
    assert anew(tmp_path / "a", tmp_path / "b") == files(tmp_path / "a")


@pytest.mark.slow
def test_a_title_that_the_source_has_come_to_name_is_refused(
    undrawn: None, make_results: Factory, tmp_path: Path
) -> None:
    write_report(launched(make_results()), tmp_path, learned=made_up_learned(), formats=QUICK)
    record = read_record("made_up", tmp_path)
    config = record.results.config | {"published": {"learned": [{"of": "theirs", "lowest_bias": ["Film 20"]}]}}
    with pytest.raises(ConfigError, match=r"lowest_bias of 'theirs' names 'Film 20', of which nothing was read"):
        write_report(replace(record.results, config=config), tmp_path, learned=record.learned, formats=QUICK)


@pytest.mark.slow
def test_nothing_of_the_machine_stands_in_a_record(
    undrawn: None, make_results: Factory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    results = launched(make_results())
    config = results.config | {"data": {"root": "/srv/data", "path": "/srv/data/x.csv", "name": "x"}}
    launches = [{"id": "first", "started": "today", "command": "seedbed run made_up --config-dir /home/someone/mine"}]
    results = replace(results, config=config, launches=launches)
    write_report(results, tmp_path, formats=QUICK)
    text = (tmp_path / "record.json").read_text()
    assert "/srv" not in text
    assert "someone" not in text
    assert "--config-dir ~/mine" in text
    assert "--config-dir ~/mine" in (tmp_path / "report.md").read_text()


# ---- damage ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def written(make_results: Factory, tmp_path: Path) -> Path:
    write_report(launched(make_results()), tmp_path / "made_up", formats=("csv",))
    return tmp_path / "made_up"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("record.json", '"format": 1', f'"format": {FORMAT + 1}', r"of format 2.*update seedbed"),
        ("record.json", '"format": 1,', "", r"does not say of which format"),
        ("record.json", "{", "{{", r"record\.json cannot be read"),
        ("record.json", '"variants": [', '"variant": [', r"record\.json cannot be read \(KeyError: 'variants'"),
        (
            "results.csv",
            "made_up,none,3,",
            "made_up,none,33,",
            r"results\.csv, row 5: .*no variant 'none' with seed 33",
        ),
        ("results.csv", "made_up,none,3,", "made_up,none,4,", r"row 5: fingerprint is 'none-3', and 'none-4'"),
        ("results.csv", "none,3,FINISHED", "none,3,FAILED", r"row 5: status is 'FAILED', and 'FINISHED' in record"),
        ("results.csv", "made_up,smote,9,FINISHED,smote-9", "x", r"row \d+: it has .* values for"),
        ("results.csv", "test/f1", "test/f2", r"row 1: its columns are .*test/f2"),
        ("results.csv", "FINISHED,none-0,0.", "FINISHED,none-0,O.", r"row 2: test/accuracy is 'O\..*not a number"),
        ("curves.csv", "none,0,0,", "nine,0,0,", r"curves\.csv, row 2: record\.json has no variant 'nine'"),
    ],
)
def test_files_that_were_edited_are_refused(written: Path, file: str, old: str, new: str, said: str) -> None:
    edit(written / file, old, new)
    with pytest.raises(ConfigError, match=said):
        read_record("made_up", written)


def test_a_missing_row_and_missing_files_are_named(written: Path) -> None:
    lines = (written / "results.csv").read_text().splitlines(keepends=True)
    (written / "results.csv").write_text("".join(lines[:-1]))
    with pytest.raises(ConfigError, match=r"the row of variant 'text_augment', seed 9 is missing"):
        read_record("made_up", written)
    (written / "results.csv").write_text("".join([*lines, lines[-1]]))
    with pytest.raises(ConfigError, match=r"row 62: variant 'text_augment', seed 9 appears twice"):
        read_record("made_up", written)
    (written / "results.csv").unlink()
    with pytest.raises(ConfigError, match=r"There is no results\.csv beside record\.json"):
        read_record("made_up", written)
    with pytest.raises(ConfigError, match=r"about the experiment 'made_up', not about 'other'"):
        read_record("other", written)
    with pytest.raises(ConfigError, match=r"There is no record\.json in .*leave --from out"):
        read_record("made_up", written.parent)


# ---- values ----------------------------------------------------------------------------------------------------------


def test_values_of_all_kinds_come_back() -> None:
    value = {"a": [1, 2.5, None, True, "ä"], "b": {1: "x", 2: {"y": float("inf")}}, "c": []}
    assert restored(json.loads(json_text(plain(value)))) == value
    assert np.isnan(restored(json.loads(json_text(plain(float("nan"))))))
    found = restored(json.loads(json_text(plain([summary([0.1, 0.2])]))), list[Summary])
    assert found == [summary([0.1, 0.2])]
    assert restored(plain(np.arange(3)), np.ndarray).tolist() == [0, 1, 2]
    with pytest.raises(TypeError, match="has no form in JSON"):
        plain(object())


def test_lines_are_short_and_lists_of_numbers_are_one() -> None:
    text = json_text({"short": {"a": 1}, "long": {"x" * 60: "y" * 70}, "numbers": list(range(100))})
    lines = text.splitlines()
    assert lines[1] == '  "short": {"a": 1},'
    assert lines[2] == '  "long": {'
    assert lines[5].startswith('  "numbers": [0, 1, 2')
    assert lines[5].endswith("99]")
