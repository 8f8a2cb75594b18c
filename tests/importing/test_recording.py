"""Imports in the project's store: every command that can work on them does, and none takes them for trained cells."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import seedbed
from seedbed.cli.main import main
from seedbed.errors import ConfigError, SeedbedError, TrackingError
from seedbed.running.runner import run
from seedbed.tracking.launches import find_launch
from seedbed.tracking.reading import read_results
from seedbed.tracking.store import Store, open_project_store
from tests.conftest import write_project
from tests.importing.conftest import frame_of
from tests.report.conftest import files
from tests.stored import children, file_names, runs

SAID = ("--good", "lower", "--split", "redrawn", "--test-share", "0.2", "--baseline", "narrow", "--metric", "test/rmse")


def typed(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--config-dir", str(project)])


def curves_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Two epochs a run, whose last validation error is not the best one."""
    points = [(row.variant, row.seed, epoch, 1.0 / epoch) for row in frame.itertuples() for epoch in (1, 2)]
    return pd.DataFrame(points, columns=["variant", "seed", "epoch", "val/rmse"])


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """A project into which results.csv and curves.csv were imported as ``widths``."""
    project = write_project(tmp_path_factory.mktemp("imported") / "project")
    shutil.copy(empty_store, project / "mlflow.db")
    frame = frame_of().assign(**{"val/rmse": 0.3, "host": "gpu"})
    frame.drop(index=7).to_csv(project / "results.csv", index=False)
    curves_of(frame.drop(index=7)).to_csv(project / "curves.csv", index=False)
    done = typed(project, "import", "widths", str(project / "results.csv"), *SAID, "--question", "Does width pay?")
    assert done.exit_code == 0, done.output
    assert "wide is better than narrow" in done.output
    return project


@pytest.fixture
def project(once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(once, tmp_path / "project"))


def test_what_is_read_back_is_what_was_imported(project: Path) -> None:
    results = seedbed.load("widths", config_dir=project)
    assert results.imported is not None
    assert (results.imported.source, results.imported.split, results.imported.test_share) == (
        "results.csv",
        "redrawn",
        0.2,
    )
    frame = frame_of().drop(index=7)
    there = results.cells[results.cells["status"] == "FINISHED"]
    assert there["test/rmse"].tolist() == frame["test/rmse"].tolist()
    assert there["val/rmse"].tolist() == [0.3] * 7
    assert results.cells["status"].tolist() == ["FINISHED"] * 7 + ["MISSING"]
    expected = curves_of(frame).rename(columns={"val/rmse": "value"})
    pd.testing.assert_frame_equal(results.curves[["variant", "seed", "epoch", "value"]], expected, check_dtype=False)
    table = seedbed.compare(results)
    unstored = seedbed.compare(frame, "test/rmse", "narrow", good="lower", split="redrawn", test_share=0.2)
    columns = ["variant", "other", "n", "difference", "p", "p_holm", "verdict", "about"]
    pd.testing.assert_frame_equal(table[columns], unstored[columns])


def test_the_runs_are_marked_and_hold_what_was_imported(project: Path) -> None:
    store = open_project_store("widths", project)
    for kind, count in (("launch", 1), ("variant", 2), ("seed", 7)):
        assert [of.data.tags["seedbed.imported"] for of in runs(store, kind)] == ["results.csv"] * count
    (launch,) = runs(store, "launch")
    assert "Imported from results.csv, not trained by seedbed" in launch.data.tags["mlflow.note.content"]
    assert {"table.txt", "report", "plan.json", "imported_cells.json"} <= file_names(store, launch.info.run_id)
    wide = next(of for of in children(store, launch.info.run_id) if of.data.tags["seedbed.variant"] == "wide")
    assert wide.data.metrics["test/rmse"] == pytest.approx((0.88 + 0.89 + 0.875) / 3)
    assert wide.data.metrics["test/rmse_n"] == 3
    seed = children(store, wide.info.run_id)[0]
    assert seed.data.metrics == pytest.approx({"test/rmse": 0.88, "val/rmse": 0.5, "final/val/rmse": 0.3})
    assert seed.data.params == {"variant": "wide", "seed": "0"}


@pytest.mark.slow
def test_a_report_of_imported_results_is_true_of_them(project: Path) -> None:
    done = typed(project, "report", "widths")
    assert done.exit_code == 0, done.output
    folder = project / "experiments" / "widths"
    page = (folder / "report.md").read_text()
    lines = page.splitlines()
    assert lines[:5] == ["# widths", "", "**Does width pay?**", "", lines[4]]
    assert lines[4].startswith("- Imported from results.csv, not trained by seedbed.")
    for wrong in (
        "seedbed run",
        "seedbed verify",
        "## Environment",
        "trained by launch",
        "Training",
        "## Recipe",
        "after each epoch",
        "not run",
    ):
        assert wrong not in page
    assert "| imported from | results.csv |" in page
    assert "- Left out: host (texts, and no metrics)." in page
    assert "- `wide`: 1 absent. Enters no mean and no interval and no test." in page
    assert "s² (1/n + 0.250)" in page
    assert re.search(
        r"```\nseedbed import widths \S*results.csv --metric test/rmse .*\nseedbed report widths --config-dir \S+\n```",
        page,
    )
    for name in ("report.html", "report.tex"):
        assert "Imported from results.csv, not trained by seedbed" in " ".join((folder / name).read_text().split())
    assert (folder / "results.csv").read_text().count(",FINISHED,imported:") == 7
    before = files(folder)
    again = typed(project, "report", "widths", "--from", str(folder))
    assert again.exit_code == 0, again.output
    assert "There is no experiments/" not in again.output
    assert files(folder) == before


@pytest.mark.slow
def test_power_status_and_ui_know_them(project: Path) -> None:
    power = typed(project, "power", "widths")
    assert "Imported from results.csv, not trained by seedbed" in power.output
    assert "4 seeds" not in power.output
    assert "3 seeds (now)" in power.output
    status = typed(project, "status", "widths").output.splitlines()
    assert status[0].endswith("imported from results.csv: these cells were not trained here")
    assert [line.split() for line in status[1:4]] == [
        ["variant", "imported", "missing"], ["narrow", "4", "0"], ["wide", "3", "1"],
    ]  # fmt: skip
    assert "widths: 7 cells imported, the latest from results.csv; not trained here" in typed(project, "status").output
    assert open_project_store("widths", project).experiment_id  # what the page of ``ui`` is opened on


def test_what_needs_a_recipe_or_weights_is_refused(project: Path) -> None:
    for command in (("verify", "widths"), ("verify", "widths", "--alone"), ("predict", "widths", "--text", "x"), ("export", "widths")):  # fmt: skip
        done = typed(project, *command)
        assert done.exit_code == 2
        assert "was imported from results.csv: seedbed did not train it" in done.output
    assert "There is no experiment 'widths'" in typed(project, "run", "widths").output


@pytest.mark.slow
def test_the_same_again_is_nothing_to_do_and_other_statements_are_a_launch(project: Path) -> None:
    frame, curves = pd.read_csv(project / "results.csv"), pd.read_csv(project / "curves.csv")
    asked = {"metric": "test/rmse", "curves": curves, "config_dir": project, "quiet": True}
    first = seedbed.import_results("other", frame, **asked)
    assert seedbed.import_results("other", frame, **asked).launch == first.launch
    second = seedbed.import_results("other", frame, **asked, split="same")
    assert second.launch != first.launch
    assert second.cells["run"].tolist() == first.cells["run"].tolist()
    store = open_project_store("other", project)
    assert len(runs(store, "seed")) == 7
    assert [launch["id"] for launch in second.launches] == [first.launch, second.launch]
    text = typed(project, "diff", "other~1", "other").output
    assert "imported from a data frame, not trained by seedbed" in text
    assert "The cells are the same, so there is nothing to test." in text


@pytest.mark.slow
def test_other_imported_cells_are_not_tested_against_each_other(project: Path) -> None:
    seedbed.import_results("later", frame_of(), config_dir=project, quiet=True)
    text = typed(project, "diff", "widths", "later").output
    assert "Not tested: A and B were imported: whether a seed has the same data in both is not known." in text
    assert "Do not compare these means as if equal." in text


@pytest.mark.slow
def test_a_run_never_counts_imported_cells(project: Path) -> None:
    """Though a file of the same name, variants and seeds is written later: the cells of its plan are all to be trained."""
    file = (project / "experiments" / "messages.yaml").read_text()
    (project / "experiments" / "widths.yaml").write_text(
        file.replace("none: [", "narrow: [")
        .replace("oversample: [", "wide: [")
        .replace("baseline: none", "baseline: narrow")
    )
    outcome = run("widths", ["seeds=1", "trainer.max_epochs=1"], project)
    assert outcome.trained == 2
    assert not outcome.cells["fingerprint"].str.startswith("imported:").any()
    assert outcome.results.imported is None
    store = open_project_store("widths", project)
    imported = next(launch for launch in store.launches() if launch.imported)
    assert read_results(store, find_launch(store, imported.id)).imported is not None
    with pytest.raises(ConfigError, match="'widths' is an experiment that 'seedbed run' trains"):
        seedbed.import_results("widths", frame_of(), config_dir=project)


def test_names_that_hold_other_runs_are_refused(project: Path) -> None:
    store = Store(f"sqlite:///{project / 'mlflow.db'}", project, "theirs")
    store.start("a run", "seed", {}).end("FINISHED")
    with pytest.raises(TrackingError, match=r"'theirs' is an MLflow experiment .* that holds other runs"):
        seedbed.import_results("theirs", frame_of(), config_dir=project)
    with pytest.raises(ConfigError, match="'a b' cannot be the name of an experiment"):
        seedbed.import_results("a b", frame_of(), config_dir=project)


def test_bad_input_leaves_no_store(tmp_path: Path) -> None:
    for asked in (
        {"table": "none.csv"},
        {"table": frame_of(), "baseline": "none"},
        {},
        {"mlflow": "theirs"},
        {"table": frame_of(), "query": "x"},
    ):
        with pytest.raises(SeedbedError):
            seedbed.import_results("widths", **asked, config_dir=tmp_path, quiet=True)
    assert list(tmp_path.glob("mlflow.db")) == []
