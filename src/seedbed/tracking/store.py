"""The store of a project: where it is, and one experiment in it, whose runs are started and found."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from seedbed.errors import TrackingError, near_misses
from seedbed.paths import project_folder
from seedbed.recorded import SECONDS
from seedbed.results import TrainedAlone
from seedbed.tracking import databases
from seedbed.tracking.client import ARTIFACTS, PARENT, STORE, ProjectClient, usable
from seedbed.tracking.names import (
    EXPERIMENT,
    IMPORTED,
    KIND,
    ON_DATA_SET,
    ROUNDING,
    ROUNDING_RECORD,
    SWEEP,
    TAG,
    from_store,
    in_store,
)
from seedbed.tracking.pages import SHARED_VIEW
from seedbed.tracking.processes import surely_gone, this_process
from seedbed.tracking.runs import (
    Launch,
    SearchRun,
    SeedRun,
    VariantRun,
    launch_of,
    search_of,
    seed_of,
    variant_of,
)
from seedbed.tracking.tracked_run import TrackedRun, ending

if TYPE_CHECKING:
    from mlflow.entities import Run

MLFLOWS_LONGEST_TAG = 8000
OLDEST_FIRST, LATEST_FIRST = "attributes.start_time ASC", "attributes.start_time DESC"
FINISHED = "attributes.status = 'FINISHED'"


class NothingTracked(TrackingError):
    """There is no store, or nothing of the experiment in it."""


# ---- where it is -----------------------------------------------------------------------------------------------------


def store_uri(project: Path) -> str:
    """The tracking address: ``MLFLOW_TRACKING_URI``, or SQLite at an absolute path in the project folder."""
    return databases.with_driver(os.environ.get("MLFLOW_TRACKING_URI") or databases.sqlite_address(project / STORE))


def address_to_serve(uri: str, project: Path) -> str:
    """The address for MLflow's own server; what is recorded of a project that was moved is mended first.

    Where the store cannot be written, the server gets an address that only reads. Raises ``NothingTracked``.
    """
    client = opened(uri, project, "run an experiment first, such as 'seedbed run spam_imbalance'")
    return uri if client.can_be_written() else databases.for_reading(uri)


def opened(uri: str, project: Path, remedy: str, *, create: bool = False) -> ProjectClient:
    """A client of a project's store; that it cannot be used is a ``TrackingError``.

    Without ``create`` it reads, and ``NothingTracked`` with the ``remedy`` is raised where there is no store.
    """
    client = ProjectClient(uri, project)
    if create:
        with client.writing():
            return client
    with usable(uri):
        if not _may_exist(uri) or not client.open_for_reading():
            raise NothingTracked(f"There is no tracking store at {databases.without_password(uri)}: {remedy}.")
    return client


def _may_exist(uri: str) -> bool:
    """False where there is no file; whether there is a server is found when it is asked."""
    file = databases.file_of(uri)
    return file is None or file.is_file()


def open_project_store(experiment: str, config_dir: str | os.PathLike[str] | None = None) -> Store:
    """The store of an experiment that has been run in this project; raises ``TrackingError`` where it has not."""
    project = project_folder(config_dir)
    return Store(store_uri(project), project, experiment, create=False)


# ---- one experiment --------------------------------------------------------------------------------------------------


class Store:
    """One experiment in one MLflow store. Opening it creates what is missing, once, under a lock.

    Without ``create`` it is read, and nothing is written before ``start`` or another method that writes.
    """

    def __init__(
        self,
        uri: str,
        project: Path,
        experiment: str,
        *,
        create: bool = True,
        tracked_as: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """``tracked_as`` is what MLflow calls the experiment, where that is not its name; ``tags`` are the user's own, for
        every run that is started. Where neither is given, nor ``create``, the experiment may be given by either name."""
        self.project, self.experiment, self.tracked_as = project, experiment, tracked_as or experiment
        self._by_either_name = not create and tracked_as is None
        self._own_tags = dict(tags or {})
        self.address = uri
        """With a password, where there is one."""
        self.uri = databases.without_password(uri)
        self._client = opened(uri, project, f"run 'seedbed run {experiment}' first", create=create)
        with usable(uri), databases.alone(uri, "runs") if create else nullcontext():
            self.experiment_id = self._experiment_id(create, databases.is_database(uri))

    def _experiment_id(self, create: bool, database: bool) -> str:
        if self._by_either_name:
            self.experiment, self.tracked_as = self._client.both_names(self.experiment)
        experiment = self._client.get_experiment_by_name(self.tracked_as)
        if experiment is not None and experiment.lifecycle_stage == "deleted":
            raise TrackingError(
                f"MLflow experiment {self.tracked_as!r} was deleted in {self.uri}. Restore it with "
                f"'MLFLOW_TRACKING_URI={shlex.quote(self.uri)} mlflow experiments restore --experiment-id {experiment.experiment_id}', "
                "or copy the experiment file to another name."
            )
        if experiment is not None:
            return str(experiment.experiment_id)
        if not create:
            names = list(self._client.experiment_names().values())
            raise NothingTracked(
                f"No run of {self.experiment!r} is in {self.uri}, {near_misses(self.experiment, names)} "
                f"Run 'seedbed run {self.experiment}' first."
            )
        return self._client.add_experiment(
            self.tracked_as,
            (self.project / ARTIFACTS / self.tracked_as).as_uri() if database else None,
            {} if self.tracked_as == self.experiment else in_store({EXPERIMENT: self.experiment}),
        )

    # -- writing

    def start(
        self,
        name: str,
        kind: str,
        tags: Mapping[str, str],
        parent: str | TrackedRun | None = None,
        writer: Executor | None = None,
    ) -> TrackedRun:
        """Start a run that carries its process, so that a crash can be told from a live neighbour.

        ``tags`` have the names that they have in ``names``; ``parent`` is the run above, or its id. Where there is a ``writer``, of
        one thread, that begins the run, after what it was given before.
        """
        texts = {KIND: kind, **tags, **this_process()}
        shown = {key: _cut(databases.without_password(text)) for key, text in texts.items()}

        def begun() -> str:
            above = parent.id if isinstance(parent, TrackedRun) else parent
            return self._client.add_run(self.experiment_id, name, {**self._own_tags, **in_store(shown)}, above)

        return TrackedRun(self._client, begun() if writer is None else writer.submit(begun), name)

    def reopen(self, run_id: str) -> TrackedRun | None:
        """Go on with a run that was ended, in the name of this process; None where there is no such run."""
        stored = self._client.find_run(run_id)
        if stored is None:
            return None
        run = self.run(run_id)
        if stored.info.status != "RUNNING" or surely_gone(from_store(stored.data.tags)):
            self._client.update_run(run_id, status="RUNNING")
            run.log(tags=this_process())
        return run

    def run(self, run_id: str) -> TrackedRun:
        """A run to write more to, or whose files to read."""
        return TrackedRun(self._client, run_id)

    def repair(self) -> int:
        """End as KILLED what a crash left RUNNING, and only that; returns how many runs that were."""
        repaired = 0
        for run in self._search("attributes.status = 'RUNNING'"):
            tags = from_store(run.data.tags)
            if KIND in tags and surely_gone(tags):
                self._client.set_terminated(run.info.run_id, "KILLED")
                repaired += 1
        return repaired

    def record_trained_alone(self, launch: Launch, cells: Sequence[TrainedAlone]) -> None:
        """Record cells of a launch that were trained again alone, as a run of their own."""
        run = self.start("seeds trained alone", ROUNDING, {"launch": launch.id})
        with ending(run):
            run.artifact(ROUNDING_RECORD, json.dumps([asdict(cell) for cell in cells], indent=1))

    def show(self, views: Mapping[str, str]) -> None:
        """Have MLflow's page of the experiment keep these views of it, each by a key for ``pages.address_of``."""
        for key, view in views.items():
            self._client.set_experiment_tag(self.experiment_id, f"{SHARED_VIEW}{key}", view)

    def views(self) -> set[str]:
        """The keys of the views that MLflow's page of the experiment keeps."""
        tags = self._client.get_experiment(self.experiment_id).tags
        return {name.removeprefix(SHARED_VIEW) for name in tags if name.startswith(SHARED_VIEW)}

    # -- launches, searches and variants

    def launch(self, run_id: str) -> Launch:
        """A launch by its whole id."""
        return launch_of(self._client.get_run(run_id))

    def launches(self) -> list[Launch]:
        """All launches, the latest first."""
        return [launch_of(run) for run in self._search(of_kind("launch"), LATEST_FIRST)]

    def on_data_sets(self, launch: str | None = None) -> list[Launch]:
        """What a launch over several data sets did on each, in the order in which they were begun; without one, what all did."""
        query = "" if launch is None else f" and tags.`{PARENT}` = '{launch}'"
        return [launch_of(run) for run in self._search(f"{of_kind(ON_DATA_SET)}{query}")]

    def launches_of_sweep(self, sweep: str) -> dict[int, Launch]:
        """The launches of a sweep by the number of the job; jobs that have none have not started, or stopped before it."""
        launches = [launch_of(run) for run in self._search(f"tags.`{TAG}{SWEEP}` = '{sweep}'")]
        return {launch.sweep.number: launch for launch in launches if launch.sweep}

    def searches(self) -> list[SearchRun]:
        """All searches, the latest first."""
        return [search_of(run) for run in self._search(of_kind("search"), LATEST_FIRST)]

    def variants(self, run_id: str) -> list[VariantRun]:
        """The variants' runs below a launch, or the trials below a search, in the order in which they were started."""
        return [variant_of(run) for run in self._below(run_id, "variant")]

    # -- seeds

    def seeds(self, run_id: str) -> list[SeedRun]:
        """The seeds' runs below a variant's, in the order in which they were started."""
        return [seed_of(run) for run in self._below(run_id, "seed")]

    def seed(self, run_id: str) -> SeedRun:
        """A seed's run by its whole id."""
        return seed_of(self._client.get_run(run_id))

    def cells(self, fingerprints: Iterable[str] | None = None) -> dict[str, SeedRun]:
        """Finished seed runs by fingerprint, the earliest of each; all, or those asked for."""
        wanted = None if fingerprints is None else set(fingerprints)
        cells: dict[str, SeedRun] = {}
        for run in self._search(f"{of_kind('seed')} and {FINISHED}", "attributes.end_time ASC"):
            cell = seed_of(run)
            if wanted is None or cell.fingerprint in wanted:
                cells.setdefault(cell.fingerprint, cell)
        return cells

    def unfinished(self, launch: str) -> list[SeedRun]:
        """Seed runs of a launch that failed, were killed or are running."""
        query = f"{of_kind('seed')} and tags.`{TAG}launch` = '{launch}' and attributes.status != 'FINISHED'"
        return [seed_of(run) for run in self._search(query)]

    def trained_alone(self, fingerprints: Iterable[str]) -> list[TrainedAlone]:
        """What is recorded of these cells trained again alone, the latest of each; in the order of the fingerprints."""
        recorded: dict[str, TrainedAlone] = {}
        for run in self._search(f"{of_kind(ROUNDING)} and {FINISHED}"):
            for cell in json.loads(self.run(run.info.run_id).text(ROUNDING_RECORD)):
                recorded[cell["fingerprint"]] = TrainedAlone(**cell | {"outcomes": tuple(cell["outcomes"])})
        return [recorded[fingerprint] for fingerprint in dict.fromkeys(fingerprints) if fingerprint in recorded]

    def holds_other_runs_than_imports(self) -> bool:
        """Whether there are runs that no import has written."""
        return any(IMPORTED not in from_store(run.data.tags) for run in self._search(""))

    # -- values and files of a run

    def curves(self, run_id: str, names: Iterable[str]) -> Iterator[tuple[str, int, float]]:
        """Name, epoch and value of each recorded point, by rising epoch."""
        for point in sorted(self._client.points(run_id, names), key=lambda point: (point.key, point.step)):
            yield point.key, point.step, point.value

    def values(self, seed: SeedRun) -> dict[tuple[str, int], float]:
        """Every recorded value of a seed run, by metric and epoch; not the time that it took."""
        names = [name for name in seed.metrics if name != SECONDS]
        return {(name, step): value for name, step, value in self.curves(seed.id, names)}

    def files(self, run_id: str) -> set[str]:
        """Names of the files and folders at the top of a run."""
        return {file.path for file in self._client.list_artifacts(run_id)}

    def file(self, run_id: str, name: str) -> AbstractContextManager[Path]:
        """A run's file to read, or a copy of it, which lasts as long as the context."""
        return self._client.file(run_id, name)

    def _search(self, query: str, order: str = OLDEST_FIRST) -> list[Run]:
        return self._client.runs([self.experiment_id], query, order)

    def _below(self, run_id: str, kind: str) -> list[Run]:
        below = self._search(f"tags.`{PARENT}` = '{run_id}'")
        return [run for run in below if from_store(run.data.tags).get(KIND) == kind]


def of_kind(kind: str) -> str:
    """A query for runs of a kind."""
    return f"tags.`{TAG}{KIND}` = '{kind}'"


def _cut(text: str) -> str:
    """A tag that is only shown, cut to what stores take; one that is read back goes by ``in_parts``."""
    return text if len(text) <= MLFLOWS_LONGEST_TAG else f"{text[: MLFLOWS_LONGEST_TAG - 1]}…"
