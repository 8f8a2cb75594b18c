"""Where a store is, and what its opening and its repair do."""

from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path

import mlflow
import pytest
from pytorch_lightning.loggers import MLFlowLogger

from seedbed.errors import TrackingError
from seedbed.tracking.store import Store, store_uri
from tests.stored import client_of


@pytest.mark.slow
def test_sqlite_by_default_and_absolute(bare_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bare_project.parent)
    store = Store(store_uri(bare_project), bare_project, "e")
    store.start("r", "seed", {})
    assert store.uri == f"sqlite:///{bare_project}/mlflow.db"
    assert (bare_project / "mlflow.db").is_file()
    assert not list(bare_project.parent.rglob("mlruns"))
    logger = MLFlowLogger("with Lightning's own logger", tracking_uri=store.uri)
    logger.log_metrics({"a": 1.0}, step=1)
    mlflow.set_tracking_uri(None)  # the logger has named its own to the whole process
    assert client_of(store).get_experiment_by_name("with Lightning's own logger") is not None


def test_a_configured_address_is_used(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert store_uri(project) == "http://127.0.0.1:1"


@pytest.mark.parametrize("uri", ["sqlite:///{project}/broken.db", "postgresql+nodriver://localhost/x"])
def test_a_store_that_cannot_be_used_is_named(project: Path, uri: str) -> None:
    (project / "broken.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(TrackingError, match=r"cannot be used.*MLFLOW_TRACKING_URI"):
        Store(uri.format(project=project), project, "e")


def test_a_deleted_experiment_is_answered_with_the_remedy(project: Path, store: Store) -> None:
    client_of(store).delete_experiment(store.experiment_id)
    with pytest.raises(TrackingError, match=r"was deleted .* mlflow experiments restore --experiment-id"):
        Store(store.uri, project, "e")


def test_reading_a_store_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="seedbed run e"):
        Store(store_uri(tmp_path), tmp_path, "e", create=False)
    assert not (tmp_path / "mlflow.db").exists()


def _open(arguments: tuple[str, Path]) -> str:
    uri, project = arguments
    store = Store(uri, project, "e")
    store.start("r", "seed", {})
    return store.experiment_id


@pytest.mark.extended
def test_many_processes_may_open_a_store_that_is_not_there_yet(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        found = pool.map(_open, [(store_uri(tmp_path), tmp_path)] * 3)
    assert len(set(found)) == 1
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        assert connection.execute("select count(*) from runs").fetchone() == (3,)


def test_repair_ends_what_a_crash_left_and_spares_live_neighbours(store: Store) -> None:
    def started(**tags: str) -> str:
        run = store.start("r", "seed", {})
        run.log(tags=tags)
        return run.id

    alive = started()
    crashed = started(pid="4194303999")
    reused = started(process_start="12.00")  # the process number lives on in another process
    neighbour = started(host="elsewhere")
    lost = started(host="elsewhere", heartbeat="1000")
    foreign = client_of(store).create_run(store.experiment_id).info.run_id  # somebody else's run
    assert store.repair() == 3
    statuses = {
        run_id: client_of(store).get_run(run_id).info.status
        for run_id in (alive, crashed, reused, neighbour, lost, foreign)
    }
    assert [statuses[run_id] for run_id in (crashed, reused, lost)] == ["KILLED"] * 3
    assert [statuses[run_id] for run_id in (alive, neighbour, foreign)] == ["RUNNING"] * 3
