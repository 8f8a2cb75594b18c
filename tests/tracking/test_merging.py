"""What was tracked in another store is brought home: each cell once, and two halves report as one run does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import seedbed
from seedbed.cli.main import main
from seedbed.errors import TrackingError
from seedbed.running.runner import run
from seedbed.tracking.client import ProjectClient
from seedbed.tracking.merging import merge, other_store
from seedbed.tracking.store import open_project_store, store_uri
from tests.stored import client_of, file_names, runs

SHORT = ["trainer.max_epochs=1", "tracking.pictures=false"]


def nothing(done: int, total: int) -> None:
    """Progress that nobody sees."""


@pytest.fixture
def other(trained_project: Path, tmp_path: Path) -> Path:
    """Another project, of the same experiment, with three seeds of both variants."""
    return Path(shutil.copytree(trained_project, tmp_path / "other"))


@pytest.fixture
def home(other: Path, tmp_path: Path, empty_store: Path) -> Path:
    """A project with the same experiment file, in which nothing was run."""
    home = tmp_path / "home"
    shutil.copytree(other, home, ignore=shutil.ignore_patterns("mlflow.db*", "mlartifacts"))
    shutil.copy(empty_store, home / "mlflow.db")
    return home


@pytest.mark.slow
def test_a_store_is_brought_home_once(other: Path, home: Path) -> None:
    before = (other / "mlflow.db").read_bytes()
    [first] = merge(*other_store(str(other), home), home, nothing)
    assert (first.cells, first.there, first.launches, first.seeds) == (6, 0, 1, {0, 1, 2})
    ours, theirs = (seedbed.load("messages", config_dir=folder) for folder in (home, other))
    ids = ["launch", "run"]
    assert ours.cells.drop(columns=ids).equals(theirs.cells.drop(columns=ids))
    assert ours.curves.equals(theirs.curves)
    assert run("messages", config_dir=home).trained == 0
    [again] = merge(*other_store(str(other), home), home, nothing)
    assert (again.cells, again.there, again.launches) == (0, 6, 0)
    assert (other / "mlflow.db").read_bytes() == before
    store = open_project_store("messages", home)
    here = {found.info.run_id for found in runs(store, "seed")}
    for variant in runs(store, "variant"):
        assert {cell.id for cell in store.seeds(variant.info.run_id)} <= here
        assert {"cells.json", "config.yaml"} <= file_names(store, variant.info.run_id)
        assert any(run_id in store.run(variant.info.run_id).text("cells.json") for run_id in here)


@pytest.mark.slow
def test_two_halves_report_as_one_run_does(other: Path, home: Path) -> None:
    run("messages", ["seeds=[3,4]"], config_dir=home)
    added = run("messages", ["seeds=5"], config_dir=other)  # what one run would have given, with the same stacks
    said = CliRunner().invoke(main, ["merge", str(other), "--config-dir", str(home)], catch_exceptions=False).output
    assert "messages: 6 cells and 2 launches brought, 4 cells were here already." in said
    merged = run("messages", ["seeds=5"], config_dir=home)
    assert merged.trained == 0
    assert "seedbed run messages seeds=5, which trains only what is missing" in said
    values = [column for column in added.cells if column.startswith("test/")]
    assert merged.cells[values].equals(added.cells[values])
    assert merged.text() == added.text()


@pytest.mark.slow
def test_an_interrupted_merge_goes_on(other: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_files, copied = ProjectClient.log_artifacts, []

    def interrupted(client: ProjectClient, run_id: str, folder: str, path: str | None = None) -> None:
        copied.append(run_id)
        if len(copied) == 4:
            raise KeyboardInterrupt
        copy_files(client, run_id, folder, path)

    monkeypatch.setattr(ProjectClient, "log_artifacts", interrupted)
    with pytest.raises(KeyboardInterrupt):
        merge(*other_store(str(other), home), home, nothing)
    monkeypatch.undo()
    merge(*other_store(str(other), home), home, nothing)
    store = open_project_store("messages", home)
    for kind, count in (("launch", 1), ("variant", 2), ("seed", 6)):
        found = runs(store, kind)
        assert len(found) == count
        assert {one.info.status for one in found} == {"FINISHED"}
        assert all(client_of(store).list_artifacts(one.info.run_id) for one in found)


@pytest.mark.slow
def test_what_cannot_be_run_here_is_known_all_the_same(other: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    (empty / "experiments").mkdir(parents=True)
    here = ["--config-dir", str(empty)]
    said = CliRunner().invoke(main, ["merge", str(other), *here], catch_exceptions=False).output
    assert f"copy experiments/messages.yaml and the modules that it names to {empty}" in said
    status = CliRunner().invoke(main, ["status", *here], catch_exceptions=False).stdout.splitlines()
    assert status[0] == "messages: 6 cells trained in 1 launch"


def test_stores_that_cannot_be_merged(home: Path, tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match=r"there is no mlflow\.db in .*nowhere"):
        other_store(str(tmp_path / "nowhere" / "mlflow.db"), home)
    with pytest.raises(TrackingError, match="is this project's own store"):
        other_store(str(home), home)
    with pytest.raises(TrackingError, match="is this project's own store"):
        other_store(store_uri(home), home)
