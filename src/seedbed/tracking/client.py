"""MLflow's client of one project: artifacts lie in the project folder wherever that is now, and reading writes nothing."""

from __future__ import annotations

import errno
import functools
import getpass
import json
import logging
import math
import os
import sqlite3
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

# MLflow would report to an outside host at its first import, and draw a bar for every small artifact. Whatever else imports
# MLflow imports this module first.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, FileInfo, InputTag, Metric, Param, Run, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as RegistryStore
from mlflow.store.tracking.dbmodels.models import SqlMetric
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as TrackingStore
from mlflow.tracking._model_registry.utils import _get_store_registry
from mlflow.tracking._tracking_service.utils import _tracking_store_registry
from mlflow.utils.mlflow_tags import (
    MLFLOW_DATASET_CONTEXT,
    MLFLOW_GIT_COMMIT,
    MLFLOW_GIT_DIRTY,
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NAME,
    MLFLOW_RUN_NOTE,
    MLFLOW_SOURCE_NAME,
    MLFLOW_SOURCE_TYPE,
    MLFLOW_USER,
)
from sqlalchemy.exc import SQLAlchemyError

from seedbed.errors import SeedbedError, StoreFull, TrackingError
from seedbed.tracking import databases
from seedbed.tracking.databases import Program
from seedbed.tracking.names import EXPERIMENT, TAG

# What they say while a store is made or read is nothing to a user; what goes wrong is said anyway.
if "MLFLOW_LOGGING_LEVEL" not in os.environ:
    for _chatty in ("mlflow", "alembic"):
        logging.getLogger(_chatty).setLevel(logging.WARNING)

MLFLOW = Program(
    "MLflow",
    "mlflow",
    "store/db_migrations",
    "experiments",
    "mlflow db upgrade {address}",
    ("runs", "params", "tags", "metrics", "latest_metrics"),
)
STORE, ARTIFACTS = "mlflow.db", "mlartifacts"
# What methods of MLflow's client that write are called.
WRITING = ("create_", "delete_", "finalize_", "log_", "rename_", "restore_", "set_", "update_")
MOST_REPOSITORIES, MOST_PLACES = 1024, 50_000
PER_BATCH, PARAMS_PER_BATCH, TAGS_PER_BATCH = 1000, 100, 100
"""How many metrics, params and tags together MLflow takes at once, and how many params and tags among them."""
MLFLOWS_LONGEST_DIGEST = 36
# MLflow's tags of the run above a run, and of the Markdown that its page shows.
PARENT, DESCRIPTION = MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE
# Has the UI open an experiment on its table of runs, and not on pages for language models.
EXPERIMENT_KIND, TRAINING_PAGES = "mlflow.experimentKind", "custom_model_development"
Metrics = Sequence[tuple[str, float, int, int]]
"""Name, value, time in milliseconds and step of each point."""


def here(uri: str, project: Path, experiment: str) -> str:
    """Address of artifacts of an experiment recorded at ``uri``, if ``project`` is where its folder is now.

    Addresses that do not lie in a folder mlartifacts/EXPERIMENT are those of another place, and stay.
    """
    if urlparse(uri).scheme not in ("", "file"):
        return uri
    path = url2pathname(urlparse(uri).path) if uri.startswith("file:") else uri
    _, separator, rest = f"{path}/".rpartition(f"/{ARTIFACTS}/{experiment}/")
    return (project / ARTIFACTS / experiment / rest).as_uri() if separator else uri


class ProjectClient(MlflowClient):
    """MLflow's client of the store of a project.

    It begins with reading: of an SQLite file, through an address that cannot write. The first method that writes opens
    the store for that. Where the store is the project's own file, recorded places of artifacts are those in the project
    folder, though that was moved or copied meanwhile; what is recorded is mended when the store is opened for writing.
    """

    def __init__(self, uri: str, project: Path) -> None:
        self.uri, self.project = uri, project
        self._file = databases.file_of(uri) if databases.is_sqlite(uri) else None
        self._own = self._file is not None and self._file.absolute() == project / STORE
        self._lock = threading.RLock()
        self._writes = False
        self._names: dict[str, str] = {}
        self._places: dict[str, tuple[str, str]] = {}
        """Recorded place of artifacts and experiment, by run, of runs that were begun or read here."""
        self._repositories: dict[str, Any] = {}

    def open_for_reading(self) -> bool:
        """Whether there is a store; nothing is written, and no lock is taken where it is a file."""
        _forget_another_file(self._file)
        address = databases.for_reading(self.uri)
        if databases.is_database(self.uri) and not databases.has_tables(address, MLFLOW, self.uri):
            return False
        super().__init__(tracking_uri=address)
        return True

    def open_for_writing(self) -> None:
        """Make the store where it is missing."""
        with self._lock, databases.alone(self.uri, "runs"):  # two that migrate an empty database at once break it
            if self._writes:
                return
            _forget_another_file(self._file)
            with databases.nothing_half_made(self.uri):
                if databases.is_database(self.uri):
                    databases.has_tables(self.uri, MLFLOW)
                super().__init__(tracking_uri=self.uri)
                self.search_experiments(max_results=1)
            if self._own and self._file is not None:
                _record_places(self._file, self.project)
            _forget_another_file(self._file)  # it may have been made just now
            self._writes = True

    def can_be_written(self) -> bool:
        """Open for writing, and whether that was possible."""
        try:
            self.open_for_writing()
        except (OSError, SeedbedError, MlflowException, SQLAlchemyError):
            return False
        return True

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Open for writing; a disk that is full meanwhile is a ``TrackingError``, without MLflow's traceback of it."""
        logger = logging.getLogger("mlflow.store.db.utils")
        logger.addFilter(_is_no_full_disk)
        try:
            if not self._writes:
                with usable(self.uri):
                    self.open_for_writing()
            yield
        except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
            if _is_forbidden(error):
                raise TrackingError(f"{databases.without_password(self.uri)} or {self.project / ARTIFACTS}: {_FORBIDDEN.format(error)}") from error  # fmt: skip
            if not databases.is_full(error):
                raise
            where = self.project if self._own else databases.without_password(self.uri)
            raise StoreFull(
                f"No space is left on the disk of {where}, or of {self.project / ARTIFACTS}. Make room there, and type the "
                "same command again: what has finished is kept, and is not trained again."
            ) from error
        finally:
            logger.removeFilter(_is_no_full_disk)

    # ---- experiments and runs

    def experiment_names(self) -> dict[str, str]:
        """Name of each experiment by its id, but for the one that MLflow makes."""
        return {
            experiment.experiment_id: experiment.name
            for experiment in self.search_experiments()
            if experiment.name != "Default"
        }

    def both_names(self, asked: str) -> tuple[str, str]:
        """What seedbed and what MLflow calls an experiment, by either of them; raises ``TrackingError`` where it may be several.

        An experiment that is not there is called the same by both.
        """
        tag = f"{TAG}{EXPERIMENT}"
        found = self.get_experiment_by_name(asked)
        if found is not None:
            return found.tags.get(tag, asked), asked
        named = [each.name for each in self.search_experiments(filter_string=f"tags.`{tag}` = '{asked}'")]
        if len(named) > 1:
            raise TrackingError(f"{asked!r} may be {' or '.join(sorted(named))}: say which, with the whole name.")
        return asked, named[0] if named else asked

    def add_experiment(self, name: str, artifacts: str | None, tags: Mapping[str, str]) -> str:
        """Make an experiment, whose artifacts lie where MLflow puts them or at ``artifacts``; returns its id."""
        tags = {**tags, EXPERIMENT_KIND: TRAINING_PAGES}
        return self.create_experiment(name, artifact_location=artifacts, tags=tags)

    def add_run(self, experiment_id: str, name: str, tags: Mapping[str, str], parent: str | None = None) -> str:
        """Start a run, below ``parent``; returns its id."""
        above = {} if parent is None else {PARENT: parent}
        source = {MLFLOW_USER: getpass.getuser(), MLFLOW_SOURCE_NAME: "seedbed", MLFLOW_SOURCE_TYPE: "LOCAL"}
        source |= self._commit
        run = self.create_run(experiment_id, tags={**tags, **above, MLFLOW_RUN_NAME: name, **source}, run_name=name)
        self._know_place(run)
        return str(run.info.run_id)

    @functools.cached_property
    def _commit(self) -> dict[str, str]:
        """Of the project when the first run is added: a client is of one command."""
        return commit_tags(self.project)

    def find_run(self, run_id: str) -> Run | None:
        """A run by its id; None where there is no such run."""
        try:
            return self.get_run(run_id)
        except MlflowException:
            return None

    def runs(self, experiments: Sequence[str], query: str, order: str) -> list[Run]:
        """All runs of the experiments, named by their ids, that the query finds."""
        runs: list[Run] = []
        token = None
        while True:
            with usable(self.uri):
                page = self.search_runs(
                    list(experiments), query, ViewType.ACTIVE_ONLY, max_results=1000, order_by=[order], page_token=token
                )
            runs += page
            for run in page:
                self._know_place(run)
            token = page.token
            if not token:
                return runs

    def points(self, run_id: str, names: Iterable[str]) -> list[Metric]:
        """All points of these metrics of a run, the oldest first; of a database, where MLflow asks for each metric, at once."""
        store = self._tracking_client.store
        if not isinstance(store, TrackingStore):
            return [point for name in names for point in self.get_metric_history(run_id, name)]
        with store.ManagedSessionMaker() as session:
            found = session.query(SqlMetric.key, SqlMetric.value, SqlMetric.timestamp, SqlMetric.step, SqlMetric.is_nan)
            of_run = found.filter(SqlMetric.run_uuid == run_id, SqlMetric.key.in_(list(names)))
            rows = of_run.order_by(SqlMetric.timestamp, SqlMetric.step, SqlMetric.value).all()
        return [Metric(key, math.nan if is_nan else value, time, step) for key, value, time, step, is_nan in rows]

    def write(self, run_id: str, metrics: Metrics, params: Sequence[tuple[str, str]], tags: Mapping[str, str]) -> None:
        """Log to a run, in batches that MLflow takes; that it refuses one is a ``TrackingError``.

        The batches follow the order of the points: what is killed in between has the first ones.
        """
        points = [Metric(name, float(value), time, step) for name, value, time, step in metrics]
        items, labels = [Param(*item) for item in params], [RunTag(*item) for item in tags.items()]
        try:
            with self.writing():
                while points or items or labels:
                    some_items, items = items[:PARAMS_PER_BATCH], items[PARAMS_PER_BATCH:]
                    some_labels, labels = labels[:TAGS_PER_BATCH], labels[TAGS_PER_BATCH:]
                    room = PER_BATCH - len(some_items) - len(some_labels)
                    some_points, points = points[:room], points[room:]
                    # MLflow would replace what it takes for the latest value of a metric by each later point.
                    some_points.sort(key=lambda point: point.step, reverse=True)
                    # Its client would copy each point, and ask for each whether there is an active model.
                    self._tracking_client.store.log_batch(run_id, some_points, some_items, some_labels)
        except MlflowException as error:
            raise self._changed_params(run_id, params) or TrackingError(
                f"MLflow refuses to log to run {run_id}: {error}"
            ) from error

    def add_data(self, run_id: str, name: str, digest: str, source: Mapping[str, Any]) -> None:
        """Give a run its data set as MLflow's dataset input, of a digest of any length."""
        data = Dataset(name, digest[:MLFLOWS_LONGEST_DIGEST], "local", json.dumps(source))
        self.log_inputs(run_id, [DatasetInput(data, [InputTag(MLFLOW_DATASET_CONTEXT, "training")])])

    def _changed_params(self, run_id: str, params: Sequence[tuple[str, str]]) -> TrackingError | None:
        logged = self.get_run(run_id).data.params
        changed = [(key, text) for key, text in params if logged.get(key, text) != text]
        if not changed:
            return None
        shown = "; ".join(f"{key} was {logged[key]}, is now {text}" for key, text in changed[:5])
        return TrackingError(
            f"Run {run_id} has other params: {shown}. A run keeps its params; start a new run for the changed ones. "
            "Metrics logged before are kept."
        )

    # ---- artifacts

    @contextmanager
    def file(self, run_id: str, name: str) -> Iterator[Path]:
        """A run's file to read, or a copy of it, which lasts as long as the context."""
        path = self._local(run_id, name)  # which MLflow would copy, in a thread that it keeps
        if path and path.is_file() and os.access(path, os.R_OK):
            yield path
            return
        with tempfile.TemporaryDirectory() as folder:
            yield Path(self.download_artifacts(run_id, name, folder))

    def add_file(self, run_id: str, name: str, content: bytes) -> None:
        """Store a small file of a run under ``name``."""
        with self.writing():
            if path := self._local(run_id, name):  # MLflow would be given a file and copy it
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                return
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, Path(name).name)
                path.write_bytes(content)
                self._of_run(run_id).log_artifact(str(path), str(Path(name).parent) if "/" in name else None)

    def log_artifact(self, run_id: str, local_path: str, artifact_path: str | None = None) -> None:
        with self.writing():
            self._of_run(run_id).log_artifact(local_path, artifact_path)

    def log_artifacts(self, run_id: str, local_dir: str, artifact_path: str | None = None) -> None:
        with self.writing():
            self._of_run(run_id).log_artifacts(local_dir, artifact_path)

    def log_model_artifacts(self, model_id: str, local_dir: str, artifact_path: str | None = None) -> None:
        with self.writing():
            model = self.get_logged_model(model_id)
            repository = self._repository(model_id, model.artifact_location, model.experiment_id)
            repository.log_artifacts(local_dir, artifact_path)

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        return list(self._of_run(run_id).list_artifacts(path))

    def download_artifacts(self, run_id: str, path: str, dst_path: str | None = None) -> str:
        repository = self._of_run(run_id)
        try:
            return str(repository.download_artifacts(path, dst_path))
        except (MlflowException, OSError) as error:
            if databases.is_full(error):
                raise
            reason = " ".join(str(error).split())[:300]
            raise TrackingError(
                f"The file {path} of run {run_id} cannot be read from {repository.artifact_uri}: {reason} "
                f"{ARTIFACTS}/ belongs to the store, and is moved or copied with it. Put the file back there."
            ) from error

    def _local(self, run_id: str, name: str) -> Path | None:
        """Where a run's file lies, or would; None where its files are not in a folder of this machine."""
        repository = self._of_run(run_id)
        return Path(repository.artifact_dir, name) if isinstance(repository, LocalArtifactRepository) else None

    def _of_run(self, run_id: str) -> Any:
        if known := self._repositories.get(run_id):
            return known
        if run_id not in self._places:
            self._know_place(self.get_run(run_id))
        return self._repository(run_id, *self._places[run_id])

    def _know_place(self, run: Run) -> None:
        if len(self._places) >= MOST_PLACES:
            self._places.clear()
        self._places[run.info.run_id] = (run.info.artifact_uri, run.info.experiment_id)

    def _repository(self, owner: str, uri: str, experiment_id: str) -> Any:
        if self._own:
            if experiment_id not in self._names:
                self._names[experiment_id] = self.get_experiment(experiment_id).name
            uri = here(uri, self.project, self._names[experiment_id])
        if len(self._repositories) >= MOST_REPOSITORIES:
            self._repositories.clear()
        self._repositories[owner] = get_artifact_repository(uri, tracking_uri=self.tracking_uri)
        return self._repositories[owner]


def commit_tags(project: Path) -> dict[str, str]:
    """MLflow's tags of the Git commit that a project folder is at, and of whether files differ from it; {} where there is none.

    GitPython, by which MLflow would ask, takes half a second to import.
    """

    def said(*command: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", project, *command], capture_output=True, text=True, timeout=5, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    commit = said("rev-parse", "HEAD")
    if commit is None or said("check-ignore", ".") is not None:
        return {}
    changed = said("status", "--porcelain", "--untracked-files=no")
    return {MLFLOW_GIT_COMMIT: commit, **({} if changed is None else {MLFLOW_GIT_DIRTY: str(bool(changed)).lower()})}


# Which file stood at the place of a store when this process opened it last.
_OPENED: dict[Path, tuple[int, int] | None] = {}


def _forget_another_file(file: Path | None) -> None:
    """Have MLflow, which keeps a connection to each address, connect anew where another file than before stands there now:
    a project was moved or its store deleted, and a new one began in the same place under the same process.
    """
    if file is None:
        return
    place = file.absolute()
    identity = (place.stat().st_dev, place.stat().st_ino) if place.is_file() else None
    if _OPENED.get(place) not in (None, identity):
        for kind in (TrackingStore, RegistryStore):
            for address in [known for known in kind._engine_map if databases.file_of(known) == place]:
                kind._engine_map[address].dispose()  # of its connections; the statements that it has compiled stay
        for registry in (_tracking_store_registry, _get_store_registry()):  # type: ignore[no-untyped-call]
            registry._get_store_with_resolved_uri.cache_clear()
    _OPENED[place] = identity


def _opening_first(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def write(client: ProjectClient, *arguments: Any, **named: Any) -> Any:
        with client.writing():
            return method(client, *arguments, **named)

    return write


for _name, _method in list(vars(MlflowClient).items()):
    if _name.startswith(WRITING) and _name not in vars(ProjectClient):
        setattr(ProjectClient, _name, _opening_first(_method))


@contextmanager
def usable(uri: str) -> Iterator[None]:
    """That the store at ``uri`` cannot be used is a ``TrackingError``."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, ImportError, OSError) as error:
        if databases.is_full(error):
            raise
        reason = databases.without_password(" ".join(str(error).split())[:500])
        if _is_forbidden(error):
            raise TrackingError(f"The tracking store {databases.without_password(uri)}: {_FORBIDDEN.format(error)}") from error  # fmt: skip
        raise TrackingError(
            f"The tracking store {databases.without_password(uri)} cannot be used: {type(error).__name__}: {reason} "
            f"{databases.remedy(uri)} name another in MLFLOW_TRACKING_URI."
        ) from error


_FORBIDDEN = (
    "it cannot be written: {}. Its results can still be read (seedbed report NAME --output FOLDER). To run more, make the "
    "folder writable, or work on a copy of it, named by --config-dir."
)


def _is_forbidden(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, says that a file or folder cannot be written."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return True
        if "attempt to write a readonly database" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_no_full_disk(record: logging.LogRecord) -> bool:
    return not (record.exc_info and databases.is_full(record.exc_info[1]))


# ---- what is recorded ------------------------------------------------------------------------------------------------

_EXPERIMENT = "(select e.name from experiments as e where e.experiment_id = {id})"
_OF_RUN = (
    "(select e.name from experiments as e join runs as r on r.experiment_id = e.experiment_id where r.run_uuid = {id})"
)
_PLACES = (
    ("experiments", "artifact_location", "name"),
    ("runs", "artifact_uri", _EXPERIMENT.format(id="runs.experiment_id")),
    ("logged_models", "artifact_location", _EXPERIMENT.format(id="logged_models.experiment_id")),
    ("model_versions", "storage_location", _OF_RUN.format(id="model_versions.run_id")),
    ("model_versions", "source", _OF_RUN.format(id="model_versions.run_id")),
)
"""Table and column of each recorded place of artifacts, and the name of its experiment."""


def _record_places(store: Path, project: Path) -> None:
    """Bring the recorded places of a project that was moved or copied up to date, for MLflow's own pages and commands."""
    connection = sqlite3.connect(store, timeout=databases.SECONDS_TO_WAIT)
    try:
        names = connection.execute("select artifact_location, name from experiments").fetchall()
        if all(place is None or here(place, project, name) == place for place, name in names):
            return

        def as_now(place: str | None, name: str | None) -> str | None:
            return place if place is None or name is None else here(place, project, name)

        connection.create_function("here", 2, as_now)
        with connection:  # all or nothing
            for table, column, name in _PLACES:
                connection.execute(f"update {table} set {column} = here({column}, {name})")
    finally:
        connection.close()
