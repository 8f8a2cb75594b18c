"""Projects that were moved, copied or cannot be written, in folders of any name; stores of other versions; full disks."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import sqlite3
import tempfile
import threading
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import strategies
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from sqlalchemy import create_engine

from seedbed.errors import ConfigError, StoreFull, TrackingError
from seedbed.search.study import OPTUNA
from seedbed.tracking import client, databases
from seedbed.tracking.client import MLFLOW, here
from seedbed.tracking.databases import file_of, sqlite_address
from seedbed.tracking.launches import find_tracked, read_config
from seedbed.tracking.names import CONFIG
from seedbed.tracking.params import to_yaml
from seedbed.tracking.store import NothingTracked, Store, address_to_serve, store_uri
from seedbed.tracking.tracked_run import TrackedRun
from tests.properties import Examine
from tests.stored import client_of, file_names

AWKWARD = [
    "exp? 1", "exp%20b", "a#b", "o'brien", "a;b", "ünï", "a:b", "a&b=c", "[x]", "{y}", "$HOME", "~x", "end  ", "a\nb", "a+b",
    "${x}", "a\\b", 'q"q', "mlartifacts", "%3F", "?uri=true",
]  # fmt: skip
NAMES = strategies.sampled_from(AWKWARD) | strategies.text(
    strategies.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(lambda name: name not in (".", "..") and len(name.encode()) < 200)


def opened(project: Path, *, create: bool = True) -> Store:
    return Store(store_uri(project), project, "e", create=create)


@pytest.fixture
def one_run(tmp_path: Path, empty_store: Path) -> tuple[Path, str]:
    """A project in which one run has one file."""
    project = tmp_path / "first"
    project.mkdir()
    shutil.copy(empty_store, project / "mlflow.db")
    run = opened(project).start("r", "launch", {})
    run.artifact("notes/a.txt", "said")
    run.end("FINISHED")
    return project, run.id


def recorded(project: Path) -> set[str]:
    with sqlite3.connect(project / "mlflow.db") as connection:
        return {
            place
            for (place,) in connection.execute(
                "select artifact_uri from runs union select artifact_location from logged_models "
                "union select artifact_location from experiments where name = 'e' union select storage_location from model_versions"
            )
        }


def content(folder: Path) -> dict[str, tuple[int, int]]:
    """When each file was written, and its size."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.stat().st_size) for path in found}


# ---- folders of any name


def test_an_address_is_that_of_the_file(examine: Examine) -> None:
    def holds(name: str) -> None:
        file = Path("/projects") / name / "mlflow.db"
        assert file_of(sqlite_address(file)) == file

    examine(holds, name=NAMES)


def test_databases_and_artifacts_lie_in_their_folder_whatever_that_is_called(examine: Examine) -> None:
    def holds(name: str) -> None:
        with tempfile.TemporaryDirectory() as around:
            project = Path(around) / name
            project.mkdir()
            engine = create_engine(sqlite_address(project / "mlflow.db"))
            with engine.begin() as connection:
                connection.exec_driver_sql("create table experiments (name text)")
            engine.dispose()
            assert databases.has_tables(databases.for_reading(sqlite_address(project / "mlflow.db")), MLFLOW)
            (Path(around) / name / "said.txt").write_text("said")
            place = here(f"file:///old/mlartifacts/{quote(name)}/1", project, name)
            get_artifact_repository(place).log_artifact(str(project / "said.txt"), "notes")
            assert (project / "mlartifacts" / name / "1" / "notes" / "said.txt").read_text() == "said"
            assert os.listdir(around) == [name]
            assert sorted(os.listdir(project)) == ["mlartifacts", "mlflow.db", "said.txt"]

    examine(holds, name=NAMES)


@pytest.mark.parametrize("name", ["exp? 1", "exp%20b", "a#b\n'"])
def test_a_store_lies_in_its_folder(tmp_path: Path, empty_store: Path, name: str) -> None:
    project = tmp_path / name
    project.mkdir()
    shutil.copy(empty_store, project / "mlflow.db")
    run = opened(project).start("r", "seed", {})
    run.artifact("notes/a b.txt", "said")
    assert opened(project, create=False).run(run.id).text("notes/a b.txt") == "said"
    assert os.listdir(tmp_path) == [name]
    assert sorted(os.listdir(project)) == ["mlartifacts", "mlflow.db", "mlflow.db.lock"]


def test_a_folder_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(ConfigError, match="not UTF-8"):
        sqlite_address(Path(os.fsdecode(b"/a/\xff/mlflow.db")))


def test_files_of_many_runs_take_no_thread_and_no_question_each(
    one_run: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, _ = one_run
    writer = opened(project)
    for number in range(3):
        run = writer.start(f"r{number}", "launch", {})
        run.artifact("notes/a.txt", f"said {number}")
        run.end("FINISHED")
    store = opened(project, create=False)
    found = [row.info.run_id for row in store._search("")]
    monkeypatch.setattr(store._client, "get_run", None)  # where their files lie came with the runs
    threads = threading.active_count()
    texts = [store.run(run_id).text("notes/a.txt") for run_id in found]
    assert sorted(texts) == ["said", "said 0", "said 1", "said 2"]
    assert threading.active_count() == threads
    client_of_all = store._client
    monkeypatch.undo()
    monkeypatch.setattr(client, "MOST_PLACES", 2)  # of more runs than are kept in mind, it is asked again
    client_of_all._repositories.clear()
    client_of_all._places.clear()
    assert [store.run(run_id).text("notes/a.txt") for run_id in found] == texts
    assert len(client_of_all._places) <= 2


# ---- moved and copied


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("file:///old/mlartifacts/e/1/artifacts", "file:///new%20place/mlartifacts/e/1/artifacts"),
        ("file:///old%20one/mlartifacts/e", "file:///new%20place/mlartifacts/e"),
        ("/old/mlartifacts/e/1/artifacts", "file:///new%20place/mlartifacts/e/1/artifacts"),
        ("file:///mlartifacts/e/mlartifacts/e/1", "file:///new%20place/mlartifacts/e/1"),
        ("file:///old/mlartifacts/other/1/artifacts", "file:///old/mlartifacts/other/1/artifacts"),
        ("file:///big/disk/e/1", "file:///big/disk/e/1"),
        ("s3://bucket/mlartifacts/e/1", "s3://bucket/mlartifacts/e/1"),
        ("mlflow-artifacts:/mlartifacts/e/1", "mlflow-artifacts:/mlartifacts/e/1"),
    ],
)
def test_where_recorded_artifacts_are_now(uri: str, found: str) -> None:
    assert here(uri, Path("/new place"), "e") == found


def test_a_moved_project_is_read_where_it_is_and_reading_writes_nothing(one_run: tuple[Path, str]) -> None:
    project, run_id = one_run
    moved = project.rename(project.parent / "second")
    (moved / "mlflow.db.lock").unlink()
    before = content(moved)
    store = opened(moved, create=False)
    assert store.run(run_id).text("notes/a.txt") == "said"
    assert file_names(store, run_id, "notes") == {"notes/a.txt"}
    find_tracked(run_id[:8], moved)
    assert content(moved) == before
    assert not project.exists()


def test_a_copy_keeps_off_the_original(one_run: tuple[Path, str]) -> None:
    project, run_id = one_run
    copy = Path(shutil.copytree(project, project.parent / "copy"))
    before = content(project)
    (copy / "mlartifacts" / "e" / run_id / "artifacts" / "notes" / "a.txt").write_text("said in the copy")
    store = opened(copy, create=False)
    assert store.run(run_id).text("notes/a.txt") == "said in the copy"
    store.start("another", "launch", {}).artifact("b.txt", "new")
    store.run(run_id).artifact("c.txt", "late")
    assert content(project) == before
    assert all(place.startswith(f"{copy.as_uri()}/mlartifacts/e") for place in recorded(copy))
    (copy / "mlartifacts" / "e" / run_id / "artifacts" / "notes" / "a.txt").unlink()
    with pytest.raises(TrackingError, match=r"notes/a\.txt of run .* cannot be read .* moved or copied with it"):
        store.run(run_id).text("notes/a.txt")


@pytest.mark.slow
def test_a_new_project_in_the_place_of_one_that_was_moved(one_run: tuple[Path, str], empty_store: Path) -> None:
    """Under the same process, as in a notebook; the new one's store is made from nothing, too."""
    project, first = one_run
    project.rename(project.with_name("moved"))
    before = content(project.with_name("moved"))
    for _ in range(2):
        project.mkdir()
        run = opened(project).start("r", "launch", {})
        run.artifact("notes/a.txt", "new")
        run.end("FINISHED")
        assert [row.info.run_id for row in opened(project, create=False)._search("")] == [run.id] != [first]
        shutil.rmtree(project)
    with pytest.raises(NothingTracked):
        opened(project, create=False)
    assert content(project.with_name("moved")) == before


def test_artifacts_that_cannot_be_written_are_one_sentence(
    one_run: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, _ = one_run
    run = opened(project).start("r", "launch", {})

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", "mlartifacts/e")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(
        TrackingError, match=r"mlartifacts: it cannot be written: .*not permitted.*work on a copy of it"
    ):
        run.artifact("notes/b.txt", "said")


def test_a_store_of_which_a_table_is_gone_is_one_sentence(one_run: tuple[Path, str]) -> None:
    project, _ = one_run
    with sqlite3.connect(project / "mlflow.db") as connection:
        connection.execute("drop table runs")
    with pytest.raises(TrackingError, match=r"cannot be used without its table runs. Fix or move it"):
        opened(project, create=False)


def test_what_is_recorded_of_models_moves_along(one_run: tuple[Path, str], tmp_path: Path) -> None:
    project, run_id = one_run
    client = client_of(opened(project, create=False))
    model = client.create_logged_model(client.get_run(run_id).info.experiment_id, "m", run_id)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "MLmodel").write_text("x")
    client.log_model_artifacts(model.model_id, str(tmp_path / "files"))
    client.create_registered_model("spam")
    client.create_model_version("spam", model.artifact_location, run_id)
    moved = project.rename(project.parent / "second")
    opened(moved)
    assert all(place.startswith(f"{moved.as_uri()}/mlartifacts/e") for place in recorded(moved))
    assert len(recorded(moved)) == 3
    assert (moved / "mlartifacts" / "e" / "models" / model.model_id / "artifacts" / "MLmodel").is_file()


def test_mlflows_pages_of_a_moved_project(one_run: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    project, _ = one_run
    moved = project.rename(project.parent / "second")
    uri = store_uri(moved)
    assert address_to_serve(uri, moved) == uri
    assert all(place.startswith(f"{moved.as_uri()}/mlartifacts/e") for place in recorded(moved))

    def refused(client: object) -> None:
        raise PermissionError

    monkeypatch.setattr(client.ProjectClient, "open_for_writing", refused)
    assert "mode=ro" in address_to_serve(uri, moved)


def test_data_of_a_moved_project_are_looked_for_in_it(one_run: tuple[Path, str]) -> None:
    project, run_id = one_run
    (project / "tables").mkdir()
    (project / "tables" / "my.csv").write_text("text,label\n")
    config = {"data": {"path": str(project / "tables" / "my.csv")}}
    opened(project).run(run_id).artifact(CONFIG, to_yaml(config))
    moved = project.rename(project.parent / "second")
    found = read_config(opened(moved, create=False), run_id)
    assert found["data"]["path"] == str(moved / "tables" / "my.csv")


def test_a_folder_that_cannot_be_written_is_read(one_run: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    project, run_id = one_run
    # What a crash has cut in the middle: SQLite can only read it after it has written.
    monkeypatch.setattr(databases, "_look_into", _cannot_be_read)
    monkeypatch.setattr(databases, "_can_be_written", lambda folder: False)
    (project / "mlflow.db.lock").unlink()
    before = content(project)
    store = opened(project, create=False)
    assert store.run(run_id).text("notes/a.txt") == "said"
    assert content(project) == before
    assert str(project) not in client_of(store).tracking_uri


def _cannot_be_read(file: Path) -> None:
    raise sqlite3.OperationalError("attempt to write a readonly database")


# ---- stores that are not there, or of other versions


def test_reading_makes_no_store(tmp_path: Path) -> None:
    for asked in (lambda: opened(tmp_path, create=False), lambda: find_tracked("e", tmp_path)):
        with pytest.raises(NothingTracked, match="no tracking store"):
            asked()
    (tmp_path / "mlflow.db").touch()  # as a process leaves it that was killed at its start
    with pytest.raises(NothingTracked, match="no tracking store"):
        opened(tmp_path, create=False)
    assert os.listdir(tmp_path) == ["mlflow.db"]


@pytest.mark.parametrize("create", [True, False], ids=["writing", "reading"])
@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("7f2a7d5fae7d", r"older MLflow .* mlflow db upgrade sqlite:////\S+/mlflow\.db"),
        ("ffff00001111", r"newer MLflow .* pip install --upgrade mlflow"),
    ],
    ids=["older", "newer"],
)
def test_a_store_of_another_version(one_run: tuple[Path, str], form: str, said: str, *, create: bool) -> None:
    project, _ = one_run
    with sqlite3.connect(project / "mlflow.db") as connection:
        connection.execute("update alembic_version set version_num = ?", (form,))
    before = (project / "mlflow.db").read_bytes()
    with pytest.raises(TrackingError, match=said):
        opened(project, create=create)
    assert (project / "mlflow.db").read_bytes() == before


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("v2.4.0.a", "older Optuna .* optuna storage upgrade --storage"),
        ("v9.0.0.a", "newer Optuna .* --upgrade optuna"),
    ],
)
def test_a_study_of_another_version(tmp_path: Path, form: str, said: str) -> None:
    with sqlite3.connect(tmp_path / "optuna.db") as connection:
        connection.execute("create table studies (study_id integer)")
        connection.execute("create table alembic_version (version_num text)")
        connection.execute("insert into alembic_version values (?)", (form,))
    with pytest.raises(TrackingError, match=said):
        databases.has_tables(sqlite_address(tmp_path / "optuna.db"), OPTUNA)


def test_tables_of_another_program(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        connection.execute("create table studies (study_id integer)")
        connection.execute("create table alembic_version (version_num text)")
        connection.execute("insert into alembic_version values ('v3.2.0.a')")
    with pytest.raises(TrackingError, match="not a database of MLflow's"):
        opened(tmp_path)


# ---- full disks


def test_a_full_disk_is_one_sentence(
    one_run: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    project, run_id = one_run
    run: TrackedRun = opened(project).run(run_id)
    with sqlite3.connect(project / "mlflow.db") as connection:
        pages = connection.execute("pragma page_count").fetchone()[0]
    engine = run._client._tracking_client.store.engine  # type: ignore[attr-defined]
    with engine.connect() as connection:
        connection.exec_driver_sql(f"pragma max_page_count = {pages}")
        connection.commit()
    said = rf"No space is left on the disk of {project}.*what has finished is kept"
    with pytest.raises(StoreFull, match=said):
        run.log(tags={f"t{number}": "x" * 4000 for number in range(90)})
    assert "Traceback" not in capfd.readouterr().err

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreFull, match=said):
        run.artifact("a.txt", "x")


def test_a_store_for_which_there_is_no_room_leaves_no_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(client: object, **_: object) -> None:
        (tmp_path / "mlflow.db").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(client.MlflowClient, "__init__", full)
    with pytest.raises(StoreFull, match="No space is left"):
        opened(tmp_path)
    assert not (tmp_path / "mlflow.db").exists()


@pytest.mark.parametrize("name", ["mlflow.store.db.utils", "mlflow.tracking.fluent", "alembic.runtime.migration"])
def test_what_is_done_to_a_store_is_not_told_to_the_user(name: str) -> None:
    assert not logging.getLogger(name).isEnabledFor(logging.INFO)
    assert logging.getLogger(name).isEnabledFor(logging.WARNING)
