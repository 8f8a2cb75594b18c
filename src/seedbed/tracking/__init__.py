"""The only module that knows MLflow's runs: launches, variant runs and seed runs, and the results read back from them."""

from __future__ import annotations

import getpass
import hashlib
import itertools
import json
import math
import os
import re
import shlex
import socket
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# Before any of MLflow's: see there.
from seedbed.tracking.client import ARTIFACTS, STORE, ProjectClient, usable  # isort: split

import pandas as pd
import psutil
import yaml
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import (
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NAME,
    MLFLOW_RUN_NOTE,
    MLFLOW_SOURCE_NAME,
    MLFLOW_SOURCE_TYPE,
    MLFLOW_USER,
)

from seedbed.config.code import Code
from seedbed.config.declared_metrics import declared_today
from seedbed.config.experiment import can_change_results, canonical, flatten, used
from seedbed.errors import TrackingError, near_misses
from seedbed.imbalance.copies import said_of_copies
from seedbed.metrics import LONGEST_KEY, Declared, from_plain, metric_name
from seedbed.paths import project_folder
from seedbed.results import CELL_COLUMNS, CURVE_COLUMNS, SECONDS, Job, Results, Search, TrainedAlone, Trial
from seedbed.statistics import finite, summary
from seedbed.tracking import databases

PARAMS_PER_BATCH, METRICS_PER_BATCH = 100, 1000
LONGEST_PARAM = 6000
# Heartbeats come with validations, and an epoch of a large model may take hours.
STALE_AFTER_SECONDS = 24 * 3600
# Has the UI open an experiment on its table of runs, and not on pages for language models.
MLFLOW_EXPERIMENT_KIND, TRAINING_PAGES = "mlflow.experimentKind", "custom_model_development"
TAG = "seedbed."
LABEL = f"{TAG}label."
ERROR = f"{TAG}error"
# On a seed run that did not end well: "diverged", or PRUNED, and then it is KILLED.
OUTCOME, PRUNED = f"{TAG}outcome", "pruned"
# On a launch: the sweep that it is a job of; with "_values", what it sets there; with "_job", its number in the sweep,
# and with "_jobs", how many there are.
SWEEP = f"{TAG}sweep"
# On a launch: the run of the search whose best trials it tests on fresh seeds.
SEARCH = f"{TAG}search"
# What the MLflow experiment of the searches of an experiment is called beyond its name.
SEARCHES = ".search"
# What the MLflow experiment of the learning-rate range tests of an experiment is called beyond its name.
RANGE_TESTS = ".lr_find"
# The kind of run that records cells which were trained again alone, and the file in it.
ROUNDING, ROUNDING_RECORD = "rounding", "rounding.json"
# On a seed run: why it was trained with lr_finder.fallback.
LR_FALLBACK = f"{TAG}lr_fallback"
# What is counted of the changed copies that a seed trains on.
COPIES = "copies"
# What MLflow's page of a run shows as its description, in Markdown.
DESCRIPTION = MLFLOW_RUN_NOTE
# What else is known of a run: the variant run above a seed run, and the seeds of its stack and the threads that trained.
PARENT, STACK, THREADS, RECIPE = MLFLOW_PARENT_RUN_ID, f"{TAG}stack", f"{TAG}threads", f"{TAG}recipe_version"
DATA_DIGEST = f"{TAG}data_digest"
# On a seed run: the code that made it, as JSON, cut into as many tags as it takes; and the fingerprint without the code,
# which is that of seed runs from before the code was recorded.
CODE_TAG, WITHOUT_CODE = f"{TAG}code", f"{TAG}fingerprint_without_code"
LONGEST_TAG, MLFLOWS_LONGEST_TAG = 5000, 8000
TRUNCATED = r"…\[truncated, sha256 [0-9a-f]{16}\]$"
# Params of a seed run beside its config.
AT_ONCE, CHOSEN_EPOCH = "trainer.seeds_at_once", "chosen_epoch"
LAUNCHES, LATEST_FIRST = f"tags.`{TAG}kind` = 'launch'", "attributes.start_time DESC"
# On a launch from when its plan, config and data are stored: before that, there is nothing to read.
READABLE = f"{TAG}readable"


# ---- names and values ------------------------------------------------------------------------------------------------


def metric_names(labels: Iterable[str]) -> dict[str, str]:
    """Label -> name for each label; two labels that would share a name are an error."""
    names: dict[str, str] = {}
    for label in labels:
        name = metric_name(label)
        for other, taken in names.items():
            if taken == name and other != label:
                raise TrackingError(
                    f"Metrics {other!r} and {label!r} would both be called {name!r}. Rename one of them."
                )
        names[label] = name
    return names


def param_text(value: Any) -> str:
    """A param as MLflow shows it: equal values have one spelling, and a cut one says so and keeps its digest."""
    value = canonical(value)
    text = databases.without_password(value if isinstance(value, str) else json.dumps(value, default=str))
    if len(text) <= LONGEST_PARAM:
        return text
    mark = f"…[truncated, sha256 {_digest(text)[:16]}]"  # as TRUNCATED finds it
    return text[: LONGEST_PARAM - len(mark)] + mark


def is_cut(value: Any) -> bool:
    """Whether a param holds only the start of this value."""
    return re.search(TRUNCATED, param_text(value)) is not None


def _cut(text: str) -> str:
    """A tag that is only shown, cut to what stores take; one that is read back goes by ``in_parts``."""
    return text if len(text) <= MLFLOWS_LONGEST_TAG else f"{text[: MLFLOWS_LONGEST_TAG - 1]}…"


def param_key(key: str) -> str:
    """A key that MLflow takes: a long one is cut and keeps its digest, other characters than its own become '_'."""
    key = re.sub(r"[^\w./ -]", "_", key)
    return key if len(key) <= LONGEST_KEY else f"{key[: LONGEST_KEY - 17]}-{_digest(key)[:16]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# ---- runs ------------------------------------------------------------------------------------------------------------


@dataclass
class TrackedRun:
    """One MLflow run that this process writes."""

    client: MlflowClient
    id: str
    ended: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    """Canonical name of each metric logged so far, by its label."""
    _naming: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def log(
        self,
        *,
        params: Mapping[str, Any] | None = None,
        curves: Iterable[tuple[str, int, float]] = (),
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Write in batches. Non-finite values are left out: SQL stores would turn inf into 1.8e308."""
        now = int(time.time() * 1000)
        points = [(label, step, value) for label, step, value in curves if math.isfinite(value)]
        with self._naming:  # a variant's run is written by the thread that trains and by the one that records
            names = metric_names(dict.fromkeys([*self.labels, *(label for label, _, _ in points)]))
            self.labels = names
        metrics = [Metric(names[label], value, now, step) for label, step, value in points]
        items = [Param(param_key(key), param_text(value)) for key, value in (params or {}).items()]
        labels = [RunTag(key, value) for key, value in (tags or {}).items()]
        labels += [RunTag(f"{LABEL}{name}", label) for label, name in names.items() if label != name]
        try:
            for start in range(0, max(len(items), 1), PARAMS_PER_BATCH):
                chunk = items[start : start + PARAMS_PER_BATCH]
                first = metrics[:METRICS_PER_BATCH] if start == 0 else []
                if chunk or first or (labels and start == 0):
                    self.client.log_batch(self.id, metrics=first, params=chunk, tags=labels if start == 0 else [])
        except MlflowException as error:
            raise self._changed_params(items) or TrackingError(
                f"MLflow refuses to log to run {self.id}: {error}"
            ) from error
        for start in range(METRICS_PER_BATCH, len(metrics), METRICS_PER_BATCH):
            self.client.log_batch(self.id, metrics=metrics[start : start + METRICS_PER_BATCH])

    def _changed_params(self, items: Sequence[Param]) -> TrackingError | None:
        logged = self.client.get_run(self.id).data.params
        changed = [item for item in items if logged.get(item.key, item.value) != item.value]
        if not changed:
            return None
        shown = "; ".join(f"{item.key} was {logged[item.key]}, is now {item.value}" for item in changed[:5])
        return TrackingError(
            f"Run {self.id} has other params: {shown}. A run keeps its params; start a new run for the changed ones. "
            "Metrics logged before are kept."
        )

    def artifact(self, name: str, content: str | bytes) -> None:
        """Store a small file under ``name``."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / Path(name).name
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            self.client.log_artifact(self.id, str(path), str(Path(name).parent) if "/" in name else None)

    def text(self, name: str) -> str:
        """Read such a file back."""
        with tempfile.TemporaryDirectory() as folder:
            return Path(self.client.download_artifacts(self.id, name, folder)).read_text("utf-8")

    def fail(self, error: BaseException) -> None:
        """End as FAILED, with the error as a tag where the store still takes one."""
        try:
            self.log(tags={ERROR: f"{type(error).__name__}: {error}"[:4000]})
        finally:
            self.end("FAILED")

    def end(self, status: str) -> None:
        """Set the final status; the first one counts."""
        if not self.ended:
            self.client.set_terminated(self.id, status)
            self.ended = True


@contextmanager
def ending(run: TrackedRun) -> Iterator[TrackedRun]:
    """Give the run its true final status: FINISHED, FAILED on an error, KILLED on an interrupt or SIGTERM."""
    try:
        yield run
    except (KeyboardInterrupt, SystemExit):
        run.end("KILLED")
        raise
    except BaseException as error:
        run.fail(error)
        raise
    run.end("FINISHED")


@dataclass(frozen=True)
class Cell:
    """A finished or failed seed run as it stands in the store."""

    run_id: str
    variant: str
    seed: int
    fingerprint: str
    status: str
    outcome: str
    launch: str
    metrics: dict[str, float] = field(compare=False)
    labels: dict[str, str] = field(default_factory=dict, compare=False)
    """Original label of each metric whose name is another."""
    circumstances: dict[str, str] = field(default_factory=dict, compare=False)
    """What cells should have in common whose numbers stand side by side."""
    lr: str = field(default="", compare=False)
    """The learning rate that it trained with; "" where there was none."""
    lr_fallback: str = field(default="", compare=False)
    """Why that is not one which its range test found; "" where it is, or none was looked for."""
    recipe: str = field(default="", compare=False)
    """The fingerprint without the code."""
    code: Code | None = field(default=None, compare=False)
    """None: it was made before this was recorded."""
    params: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """Its config, flat, and more."""
    copies: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)
    """What became of the changed copies that it trained on; see ``imbalance.base.said_of_copies``."""

    @property
    def usable(self) -> bool:
        return self.status == "FINISHED" and self.outcome == "ok"


def _cell(run: Run) -> Cell:
    tags = run.data.tags
    return Cell(
        run_id=run.info.run_id,
        variant=tags[f"{TAG}variant"],
        seed=int(tags[f"{TAG}seed"]),
        fingerprint=tags[f"{TAG}fingerprint"],
        status=true_status(run),
        outcome=tags.get(OUTCOME, "ok" if run.info.status == "FINISHED" else ""),
        launch=tags[f"{TAG}launch"],
        metrics=dict(run.data.metrics),
        labels={key.removeprefix(LABEL): label for key, label in tags.items() if key.startswith(LABEL)},
        circumstances=_circumstances(run),
        lr=run.data.params.get("optimizer.lr", ""),
        lr_fallback=tags.get(LR_FALLBACK, ""),
        recipe=tags.get(WITHOUT_CODE, tags[f"{TAG}fingerprint"]),
        code=code_on(tags),
        params=run.data.params,
        copies=json.loads(tags.get(f"{TAG}{COPIES}", "{}")),
    )


def code_tags(code: Code, recipe: str) -> dict[str, str]:
    """What ``Store.start`` is to write on a seed run of the code that makes it, and its fingerprint without that."""
    tags = in_parts(CODE_TAG, json.dumps(code.as_dict(), sort_keys=True))
    return {key.removeprefix(TAG): text for key, text in {**tags, WITHOUT_CODE: recipe}.items()}


def in_parts(key: str, text: str) -> dict[str, str]:
    """A text of any length as tags: ``key``, ``key.1``, ``key.2``, ..."""
    parts = [text[start : start + LONGEST_TAG] for start in range(0, max(len(text), 1), LONGEST_TAG)]
    return {f"{key}.{number}" if number else key: part for number, part in enumerate(parts)}


def from_parts(tags: Mapping[str, str], key: str) -> str:
    """The text that ``in_parts`` has made tags of."""
    more = itertools.takewhile(lambda part: part in tags, (f"{key}.{number}" for number in itertools.count(1)))
    return "".join(tags[part] for part in (key, *more))


def code_on(tags: Mapping[str, str]) -> Code | None:
    """The code that the tags of a seed run say it was made by; None where they say nothing of it."""
    if CODE_TAG not in tags:
        return None
    return Code(**json.loads(from_parts(tags, CODE_TAG)))


def _circumstances(run: Run) -> dict[str, str]:
    tags, params = run.data.tags, run.data.params
    selection = f"select={params.get('select', 'last')}"
    if params.get("patience", "null") not in ("null", "None"):
        selection += f", patience={params['patience']}"
    if selection != "select=last":
        selection += f" by {params.get('monitor')}"
    found = {"data": tags.get(f"{TAG}data_digest", "")[:16], "selection": selection}
    version = tags.get(RECIPE)
    return found | ({"recipe version": version} if version else {})


# ---- the store -------------------------------------------------------------------------------------------------------


def store_uri(project: Path) -> str:
    """The tracking address: ``MLFLOW_TRACKING_URI``, or SQLite at an absolute path in the project folder."""
    return databases.with_driver(os.environ.get("MLFLOW_TRACKING_URI") or databases.sqlite_address(project / STORE))


class NothingTracked(TrackingError):
    """There is no store, or nothing of the experiment in it."""


class Store:
    """One experiment in one MLflow store. Opening it creates what is missing, once, under a lock.

    Without ``create`` it is read, and nothing is written before ``start`` or another method that writes.
    """

    def __init__(self, uri: str, project: Path, experiment: str, *, create: bool = True) -> None:
        self.project, self.experiment = project, experiment
        self.address = uri
        """With a password, where there is one."""
        self.uri = databases.without_password(uri)
        self.client: ProjectClient = opened(uri, project, f"run 'seedbed run {experiment}' first", create=create)
        with usable(uri), databases.alone(uri, "runs") if create else nullcontext():
            self.experiment_id = self._experiment_id(create, databases.is_database(uri))

    def _experiment_id(self, create: bool, database: bool) -> str:
        found = self.client.get_experiment_by_name(self.experiment)
        if found is not None and found.lifecycle_stage == "deleted":
            raise TrackingError(
                f"MLflow experiment {self.experiment!r} was deleted in {self.uri}. Restore it with "
                f"'MLFLOW_TRACKING_URI={shlex.quote(self.uri)} mlflow experiments restore --experiment-id {found.experiment_id}', "
                "or copy the experiment file to another name."
            )
        if found is not None:
            return str(found.experiment_id)
        if not create:
            names = [known.name for known in self.client.search_experiments() if known.name != "Default"]
            raise NothingTracked(
                f"No run of {self.experiment!r} is in {self.uri}, {near_misses(self.experiment, names)} "
                f"Run 'seedbed run {self.experiment}' first."
            )
        location = (self.project / ARTIFACTS / self.experiment).as_uri() if database else None
        tags = {MLFLOW_EXPERIMENT_KIND: TRAINING_PAGES}
        return self.client.create_experiment(self.experiment, artifact_location=location, tags=tags)

    # -- writing

    def start(self, name: str, kind: str, tags: Mapping[str, str], parent: str | None = None) -> TrackedRun:
        """Create a run that carries its process, so that a crash can be told from a live neighbour."""
        all_tags = {
            f"{TAG}{key}": _cut(databases.without_password(value))
            for key, value in {"kind": kind, **tags, **process_tags()}.items()
        }
        if parent is not None:
            all_tags[MLFLOW_PARENT_RUN_ID] = parent
        all_tags |= {
            MLFLOW_RUN_NAME: name,
            MLFLOW_USER: getpass.getuser(),
            MLFLOW_SOURCE_NAME: "seedbed",
            MLFLOW_SOURCE_TYPE: "LOCAL",
        }
        run = self.client.create_run(self.experiment_id, tags=all_tags, run_name=name)
        return TrackedRun(self.client, run.info.run_id)

    def reopen(self, run_id: str) -> TrackedRun | None:
        """Go on with a run that was ended, in the name of this process; None where there is no such run."""
        try:
            found = self.client.get_run(run_id)
        except MlflowException:
            return None
        run = TrackedRun(self.client, run_id)
        if found.info.status != "RUNNING" or surely_gone(found.data.tags):
            self.client.update_run(run_id, status="RUNNING")
            run.log(tags={f"{TAG}{key}": value for key, value in process_tags().items()})
        return run

    def repair(self) -> int:
        """End as KILLED what a crash left RUNNING, and only that; returns how many runs that were."""
        repaired = 0
        for run in self._search("attributes.status = 'RUNNING'"):
            if f"{TAG}kind" in run.data.tags and surely_gone(run.data.tags):
                self.client.set_terminated(run.info.run_id, "KILLED")
                repaired += 1
        return repaired

    # -- reading

    def cells(self, fingerprints: Iterable[str] | None = None) -> dict[str, Cell]:
        """Finished seed runs by fingerprint, the earliest of each; all, or those asked for."""
        wanted = None if fingerprints is None else set(fingerprints)
        found: dict[str, Cell] = {}
        query = f"tags.`{TAG}kind` = 'seed' and attributes.status = 'FINISHED'"
        for run in self._search(query, order="attributes.end_time ASC"):
            cell = _cell(run)
            if wanted is None or cell.fingerprint in wanted:
                found.setdefault(cell.fingerprint, cell)
        return found

    def cells_of_recipes(self, recipes: Iterable[str]) -> list[Cell]:
        """Finished seed runs whose fingerprints without code are among ``recipes``, one of each fingerprint."""
        wanted = set(recipes)
        return [cell for cell in self.cells().values() if cell.recipe in wanted]

    def launches(self) -> list[Run]:
        """All launches, the latest first."""
        return self._search(LAUNCHES, order=LATEST_FIRST)

    def searches(self) -> list[Run]:
        """All searches, the latest first."""
        return self._search(f"tags.`{TAG}kind` = 'search'", order=LATEST_FIRST)

    def trained_alone(self, fingerprints: Iterable[str]) -> list[TrainedAlone]:
        """What is recorded of these cells trained again alone, the latest of each; in the order of the fingerprints."""
        found: dict[str, TrainedAlone] = {}
        query = f"tags.`{TAG}kind` = '{ROUNDING}' and attributes.status = 'FINISHED'"
        for run in self._search(query):
            for cell in json.loads(self.run(run.info.run_id).text(ROUNDING_RECORD)):
                found[cell["fingerprint"]] = TrainedAlone(**cell | {"outcomes": tuple(cell["outcomes"])})
        return [found[print_] for print_ in dict.fromkeys(fingerprints) if print_ in found]

    def record_trained_alone(self, launch: Run, cells: Sequence[TrainedAlone]) -> None:
        """Record cells of a launch that were trained again alone, as a run of their own."""
        run = self.start("seeds trained alone", ROUNDING, {"launch": launch.info.run_id})
        with ending(run):
            run.artifact(ROUNDING_RECORD, json.dumps([asdict(cell) for cell in cells], indent=1))

    def children(self, run_id: str) -> list[Run]:
        """The runs below a run, in the order in which they were started."""
        return self._search(f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{run_id}'", order="attributes.start_time ASC")

    def unfinished(self, launch: str) -> list[Cell]:
        """Seed runs of a launch that failed, were killed or are running."""
        query = f"tags.`{TAG}kind` = 'seed' and tags.`{TAG}launch` = '{launch}' and attributes.status != 'FINISHED'"
        return [_cell(run) for run in self._search(query)]

    def curves(self, run_id: str, names: Iterable[str]) -> Iterator[tuple[str, int, float]]:
        """Name, epoch and value of each recorded point, by rising epoch."""
        for name in sorted(names):
            for point in sorted(self.client.get_metric_history(run_id, name), key=lambda point: point.step):
                yield name, point.step, point.value

    def values(self, run: Run) -> dict[tuple[str, int], float]:
        """Every recorded value of a seed run, by metric and epoch; not the time that it took."""
        names = [name for name in run.data.metrics if name != SECONDS]
        return {(name, step): value for name, step, value in self.curves(run.info.run_id, names)}

    def run(self, run_id: str) -> TrackedRun:
        return TrackedRun(self.client, run_id)

    def _search(self, query: str, order: str = "attributes.start_time ASC") -> list[Run]:
        return _runs(self.client, [self.experiment_id], query, order)


def open_project_store(experiment: str, config_dir: str | os.PathLike[str] | None = None) -> Store:
    """The store of an experiment that has been run in this project; raises ``TrackingError`` where it has not."""
    project = project_folder(config_dir)
    return Store(store_uri(project), project, experiment, create=False)


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


def _runs(client: ProjectClient, experiments: Sequence[str], query: str, order: str) -> list[Run]:
    runs: list[Run] = []
    token = None
    while True:
        with usable(client.uri):
            page = client.search_runs(
                list(experiments), query, ViewType.ACTIVE_ONLY, max_results=1000, order_by=[order], page_token=token
            )
        runs += page
        token = page.token
        if not token:
            return runs


def process_tags() -> dict[str, str]:
    """What tells this process from all others, on this host and elsewhere."""
    process = psutil.Process()
    return {
        "host": socket.gethostname(),
        "pid": str(process.pid),
        "process_start": f"{process.create_time():.2f}",
        "heartbeat": f"{time.time():.0f}",
    }


def surely_gone(tags: Mapping[str, str]) -> bool:
    """True when the process that wrote the run cannot be alive: see the tags that ``Store.start`` sets."""
    if tags.get(f"{TAG}host") != socket.gethostname():
        return time.time() - float(tags.get(f"{TAG}heartbeat", 0)) > STALE_AFTER_SECONDS
    try:
        process = psutil.Process(int(tags[f"{TAG}pid"]))
        other = abs(process.create_time() - float(tags[f"{TAG}process_start"])) > 1
        return other or process.status() == psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, KeyError):
        return True


STATES = {"FINISHED": "done", "FAILED": "failed", "KILLED": "killed", "RUNNING": "running"}
"""What a launch is called that has a status, where its jobs are counted."""


def true_status(run: Run) -> str:
    """A run's status; KILLED where a crash left it RUNNING, also before ``Store.repair`` has said so in the store."""
    gone = run.info.status == "RUNNING" and surely_gone(run.data.tags)
    return "KILLED" if gone else str(run.info.status)


def heartbeat() -> dict[str, str]:
    """The tag that keeps a run from being taken for dead on another host."""
    return {f"{TAG}heartbeat": f"{time.time():.0f}"}


# ---- what is recorded of a variant -----------------------------------------------------------------------------------


def variant_metrics(cells: Sequence[Cell]) -> dict[str, float]:
    """Mean of each final metric under its own name, and sample std, n and 95 % interval beside it.

    Cells that diverged or failed do not enter; with one seed there is no spread, and none is logged.
    """
    usable = [cell for cell in cells if cell.usable]
    finals = [final_metrics(cell.metrics) for cell in usable]
    values: dict[str, float] = {}
    for name in sorted({name for of_cell in finals for name in of_cell}):
        result = summary([of_cell.get(name, math.nan) for of_cell in finals])
        # A curve's mean over the seeds is logged epoch by epoch.
        entries: dict[str, float | None] = {} if is_curve(name) else {"": result.mean}
        if name != SECONDS:  # stacked seeds share the time of their stack
            entries |= {"_std": result.std, "_n": result.n, "_low": result.low, "_high": result.high}
        values |= {f"{name}{suffix}": float(value) for suffix, value in entries.items() if value is not None}
    return values


def is_curve(metric: str) -> bool:
    """Whether a metric is a curve over epochs, and not one value a cell."""
    return metric.startswith(("train/", "val/"))


def final_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """What stands in tables: the metrics that are no curves; without a test part, the ends of the validation's curves."""
    tested = any(name.startswith("test/") for name in metrics)
    return {
        name: value for name, value in metrics.items() if not is_curve(name) or (not tested and name.startswith("val/"))
    }


def mean_curves(points: Iterable[tuple[str, int, float]]) -> list[tuple[str, int, float]]:
    """The mean over seeds of every metric at every epoch to which all of them trained, from the points of all seeds.

    The mean of those that train longest is not that of all.
    """
    by_point: dict[tuple[str, int], list[float]] = {}
    for name, step, value in points:
        by_point.setdefault((name, step), []).append(value)
    seeds: dict[str, int] = {}
    for (name, _), values in by_point.items():
        seeds[name] = max(seeds.get(name, 0), len(values))
    of_all = {point: values for point, values in by_point.items() if len(values) == seeds[point[0]]}
    means = {point: summary(values).mean for point, values in sorted(of_all.items())}
    return [(name, step, mean) for (name, step), mean in means.items() if mean is not None]


# ---- what is read back -----------------------------------------------------------------------------------------------

PLAN, CONFIG, DATA, ENVIRONMENT, NOTES = "plan.json", "config.yaml", "data.json", "environment.json", "notes.json"
OVERRIDES = "overrides.json"
"""Of a launch whose overrides are too long for a param."""
METRICS = "metrics.json"
"""Of a launch: what is declared of its metrics; launches of earlier versions have none."""
CODE = "code.json"
"""Of a launch: the code of each variant; launches of earlier versions have none."""
SEARCH_RECORD = "search.json"
"""Of a search's run, and of the launch that tests its best trials: a ``Search``."""
WEIGHTS = "weights.safetensors"
"""Of a seed's run: the state of its ordinary network."""


def find_launch(store: Store, run_id: str | None = None, back: int = 0, *, of_search: bool = False) -> Run:
    """A launch by its id or the start of it; else the latest, or the one so many ``back`` from it.

    The latest is one of a search's best trials only where ``of_search`` asks for it, and then no other.
    """
    launches = store.launches()
    if not launches:
        raise TrackingError(
            f"No launch of {store.experiment!r} is in {store.uri}. Run 'seedbed run {store.experiment}' first."
        )
    if run_id is None:
        launches = [run for run in launches if READABLE in run.data.tags and (SEARCH in run.data.tags) == of_search]
        if len(launches) > back:
            return launches[back]
        if not of_search and only_searched(store):
            raise TrackingError(
                f"{store.experiment!r} was not run by itself, only searched: 'seedbed report {store.experiment} --search' "
                f"reports that, 'seedbed run {store.experiment}' runs it."
            )
        if of_search:
            raise TrackingError(
                f"No search of {store.experiment!r} has tested what it found: with search.fresh_seeds=0 none does, and what "
                f"it found stands in its output and in 'seedbed ui {store.experiment}.search'. One that was stopped is gone on "
                "with by the same command."
            )
        if launches:
            plural = "es" if len(launches) != 1 else ""
            raise TrackingError(
                f"{store.experiment}~{back}: {store.experiment!r} has {len(launches)} launch{plural} that can be read, "
                f"so ~{len(launches) - 1} is the first. 'seedbed status {store.experiment}' lists them."
            )
        raise TrackingError(f"No launch of {store.experiment!r} got as far as its first variant. Run it again.")
    matches = [run for run in launches if run.info.run_id.startswith(run_id)]
    if len(matches) != 1:
        known = ", ".join(run.info.run_id[:8] for run in launches[:10])
        raise TrackingError(
            f"--run {run_id}: {len(matches)} launches of {store.experiment!r} have that id. Known: {known}."
        )
    return matches[0]


def only_searched(store: Store) -> bool:
    """Whether all launches that can be read are those which test what searches found."""
    readable = [run for run in store.launches() if READABLE in run.data.tags]
    return bool(readable) and all(SEARCH in run.data.tags for run in readable)


def find_tracked(
    asked: str, config_dir: str | os.PathLike[str] | None = None, run_id: str | None = None
) -> tuple[Store, Run]:
    """The launch meant by an experiment's NAME (its latest), by NAME~1 (the one before), or by an id or its start.

    An id is looked for in all experiments of the store; ``run_id`` is one of the experiment NAME.
    """
    project = project_folder(config_dir)
    uri = store_uri(project)
    client = opened(uri, project, "run an experiment first, with 'seedbed run NAME'")
    with usable(uri):
        names = {found.experiment_id: found.name for found in client.search_experiments() if found.name != "Default"}
        name, back = _counted_back(asked)
        if name not in names.values():
            launch = _by_id(
                asked, _runs(client, list(names), LAUNCHES, LATEST_FIRST), names, databases.without_password(uri)
            )
            name, run_id = names[launch.info.experiment_id], launch.info.run_id
    store = Store(uri, project, name, create=False)
    return store, find_launch(store, run_id, back)


def _counted_back(asked: str) -> tuple[str, int]:
    match = re.fullmatch(r"(.+)~(\d+)", asked)
    return (match[1], int(match[2])) if match else (asked, 0)


def _by_id(asked: str, launches: Sequence[Run], names: Mapping[str, str], uri: str) -> Run:
    matches = [run for run in launches if run.info.run_id.startswith(asked)]
    if len(matches) == 1:
        return matches[0]
    known = ", ".join(f"{run.info.run_id[:8]} ({names[run.info.experiment_id]})" for run in (matches or launches)[:10])
    if matches:
        raise TrackingError(f"{asked}: {len(matches)} launches in {uri} have that id: {known}. Give more of it.")
    raise TrackingError(
        f"{asked!r} is neither an experiment that has been run nor a launch in {uri}: "
        f"{near_misses(asked, names.values())} Launches, the latest first: {known or 'none'}. Give the name of an "
        "experiment that has been run, or the id of a launch or the start of it, as 'seedbed status NAME' lists them."
    )


def read_results(store: Store, launch: Run, *, curves: bool = True, jobs: bool = False) -> Results:
    """All that a report needs of a launch: its cells wherever they were trained, curves, data and environment.

    ``jobs``: of a job of a sweep, the others too.
    """
    if READABLE not in launch.data.tags:
        raise TrackingError(f"Launch {launch.info.run_id} ended before its first variant: there is nothing to report.")
    run = store.run(launch.info.run_id)
    plan = read_plan(run)
    launches = _jobs(store, launch) if jobs else []
    plans = {job.info.run_id: read_plan(store.run(job.info.run_id)) for job in launches} | {launch.info.run_id: plan}
    wanted = {print_ for of_job in plans.values() for cells in of_job.values() for _, print_ in cells}
    finished = store.cells(wanted)
    own = {print_: cell for cells in plan.values() for _, print_ in cells if (cell := finished.get(print_))}
    points: list[tuple[str, int, int, str, float]] = []
    for variant, planned in plan.items() if curves else ():
        for seed, fingerprint in planned:
            if cell := own.get(fingerprint):
                names = [name for name in cell.metrics if is_curve(name)]
                points += [(variant, seed, step, name, value) for name, step, value in store.curves(cell.run_id, names)]
    used = {cell.launch for cell in own.values()} | {launch.info.run_id}
    config = yaml.safe_load(run.text(CONFIG))
    recorded = read_metrics(run)
    return Results(
        experiment=store.experiment,
        config=config,
        declared=declared_today(config) if recorded is None else recorded,
        declared_by_launch=recorded is not None,
        variants=tuple(plan),
        cells=_cell_frame(store, launch.info.run_id, plan, finished),
        curves=pd.DataFrame(points, columns=list(CURVE_COLUMNS)),
        data=json.loads(run.text(DATA)),
        notes=_with_notes_on_copies(_with_notes_on_rates(json.loads(run.text(NOTES)), plan, own), plan, own),
        circumstances={variant: _common(plan[variant], own) for variant in plan},
        environment=json.loads(run.text(ENVIRONMENT)),
        jobs=[_job(store, job, plans[job.info.run_id], finished) for job in launches],
        search=_search_of(store, launch),
        labels={name: label for cell in own.values() for name, label in cell.labels.items()},
        overrides=_recipe_overrides(launch, run),
        launch=launch.info.run_id,
        launches=[launch_row(run) for run in reversed(store.launches()) if run.info.run_id in used],
        rounding=store.trained_alone(own),
    )


def _with_notes_on_rates(notes: dict[str, list[str]], plan: Plan, finished: Mapping[str, Cell]) -> dict[str, list[str]]:
    """What the mean of the rates that the seeds of a variant have found does not say."""
    noted = dict(notes)
    for variant, planned in plan.items():
        cells = [cell for _, fingerprint in planned if (cell := finished.get(fingerprint))]
        if fallen_back := [cell for cell in cells if cell.lr_fallback]:
            listed = ", ".join(str(cell.seed) for cell in fallen_back)
            said = (
                f"{len(fallen_back)} of {len(cells)} seeds found no learning rate by their range test and trained with "
                f"lr_finder.fallback={fallen_back[0].lr} (seeds: {listed})."
            )
            noted[variant] = [*noted.get(variant, ()), said]
        finds = any("lr" in cell.metrics for cell in cells) or bool(fallen_back)
        if finds and (diverged := [cell for cell in cells if cell.outcome == "diverged"]):
            rates = ", ".join(f"seed {cell.seed} at {float(cell.lr):.2g}" for cell in diverged)
            noted[variant] = [*noted.get(variant, ()), f"Diverged at the rate that it trained with: {rates}."]
    return noted


def _with_notes_on_copies(
    notes: dict[str, list[str]], plan: Plan, finished: Mapping[str, Cell]
) -> dict[str, list[str]]:
    """How many changed copies of texts are unchanged."""
    noted = dict(notes)
    for variant, planned in plan.items():
        cells = [cell for _, fingerprint in planned if (cell := finished.get(fingerprint))]
        if said := said_of_copies([cell.copies for cell in cells]):
            noted[variant] = [*noted.get(variant, ()), *said]
    return noted


def _search_of(store: Store, launch: Run) -> Search | None:
    """The search whose best trials the launch has tested, as it stood then."""
    if SEARCH not in launch.data.tags:
        return None
    found = json.loads(store.run(launch.info.run_id).text(SEARCH_RECORD))
    return Search(**{**found, "trials": [Trial(**trial) for trial in found["trials"]]})


def overrides_of(launch: Run, run: TrackedRun) -> list[str]:
    """The overrides of a launch: from a file of its own where a param would cut them, else from the command's tag."""
    given = launch.data.params.get("overrides", "[]")
    if not re.search(TRUNCATED, given):
        found: list[str] = json.loads(given)
        return found
    if any(file.path == OVERRIDES for file in run.client.list_artifacts(run.id)):
        found = json.loads(run.text(OVERRIDES))
        return found
    words = shlex.split(launch.data.tags.get(f"{TAG}command", ""))[3:]  # of seedbed run NAME
    return words[: words.index("--config-dir")] if "--config-dir" in words else words


def _recipe_overrides(launch: Run, run: TrackedRun) -> list[str]:
    """The overrides of a launch but those that only say which cells are asked for, or how they are shown."""
    restated = launch.data.params.get("restated", "[]")
    as_they_stand = set() if re.search(TRUNCATED, restated) else set(json.loads(restated))
    given = [text for text in overrides_of(launch, run) if text not in as_they_stand]
    keys = {text: text.split("=", 1)[0].lstrip("+~").replace("/", ".") for text in given}
    return [text for text, key in keys.items() if can_change_results(key)]


Plan = dict[str, list[tuple[int, str]]]
"""Seed and fingerprint of each cell, by variant."""


def read_config(store: Store, run_id: str) -> dict[str, Any]:
    """The resolved config of a launch or a variant's run, with ``data.path`` where that file is now.

    It is recorded as an absolute path; of a project that was moved, the file is looked for in the project.
    """
    config: dict[str, Any] = yaml.safe_load(store.run(run_id).text(CONFIG))
    data = config.get("data")
    path = data.get("path") if isinstance(data, dict) else None
    if isinstance(data, dict) and isinstance(path, str) and path and not Path(path).exists():
        parts = Path(path).parts[1:]
        moved = (store.project.joinpath(*parts[start:]) for start in range(len(parts)))
        data["path"] = str(next((place for place in moved if place.exists()), path))
    return config


def read_plan(launch: TrackedRun) -> Plan:
    plan: Plan = json.loads(launch.text(PLAN))
    return plan


def read_metrics(launch: TrackedRun) -> Declared | None:
    """What is declared of the metrics of a launch; None where the launch is from before this was recorded."""
    if not any(file.path == METRICS for file in launch.client.list_artifacts(launch.id)):
        return None
    return from_plain(json.loads(launch.text(METRICS)))


def read_codes(store: Store, launch: Run) -> dict[str, Code] | None:
    """The code of each variant of a launch; None where the launch is from before this was recorded."""
    run_id = launch.info.run_id
    if not any(file.path == CODE for file in store.client.list_artifacts(run_id)):
        return None
    return {variant: Code(**found) for variant, found in json.loads(store.run(run_id).text(CODE)).items()}


def _jobs(store: Store, launch: Run) -> list[Run]:
    """The launches of the sweep that this one belongs to, in the order in which their values were given."""
    sweep = launch.data.tags.get(SWEEP)
    if not sweep:
        return []
    of_sweep = [run for run in store.launches() if run.data.tags.get(SWEEP) == sweep and READABLE in run.data.tags]
    return sorted(of_sweep, key=lambda run: (int(run.data.tags[f"{SWEEP}_job"]), run.info.start_time))


def sweep_launches(store: Store, sweep: str) -> dict[int, Run]:
    """The launches of a sweep by the number of the job; jobs that have none have not started, or stopped before it."""
    launches = store._search(f"tags.`{SWEEP}` = '{sweep}'")
    return {int(run.data.tags[f"{SWEEP}_job"]): run for run in launches}


def _job(store: Store, launch: Run, plan: Plan, finished: Mapping[str, Cell]) -> Job:
    cells = _cell_frame(store, launch.info.run_id, plan, finished)
    circumstances = {variant: _common(planned, finished) for variant, planned in plan.items()}
    values = json.loads(from_parts(launch.data.tags, f"{SWEEP}_values"))
    return Job(launch.info.run_id, values, tuple(plan), cells, circumstances)


def _cell_frame(store: Store, launch: str, plan: Plan, finished: Mapping[str, Cell]) -> pd.DataFrame:
    """One row a cell of the plan: CELL_COLUMNS and the final metrics."""
    failed = {(cell.variant, cell.seed) for cell in store.unfinished(launch) if cell.status == "FAILED"}
    rows: list[dict[str, Any]] = []
    for variant, planned in plan.items():
        for seed, fingerprint in planned:
            cell = finished.get(fingerprint)
            status = cell.status if cell else "FAILED" if (variant, seed) in failed else "MISSING"
            values = (
                store.experiment,
                variant,
                seed,
                status,
                fingerprint,
                cell.outcome if cell else "",
                cell.launch if cell else "",
                cell.run_id if cell else "",
            )
            rows.append(dict(zip(CELL_COLUMNS, values, strict=True)) | (_sound(cell.metrics) if cell else {}))
    cells = pd.DataFrame(rows)
    return cells[[*CELL_COLUMNS, *sorted(str(column) for column in cells if column not in CELL_COLUMNS)]]


def _common(planned: Sequence[tuple[int, str]], finished: Mapping[str, Cell]) -> dict[str, str]:
    """The circumstances of a variant's cells; where they differ, all of them."""
    cells = [cell for _, fingerprint in planned if (cell := finished.get(fingerprint))]
    names = dict.fromkeys(name for cell in cells for name in cell.circumstances)
    values = {
        name: dict.fromkeys(cell.circumstances[name] for cell in cells if name in cell.circumstances) for name in names
    }
    return {name: " and ".join(of_name) for name, of_name in values.items()}


def _sound(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in final_metrics(metrics).items() if bool(finite(value))}


def launch_row(run: Run) -> dict[str, str]:
    started = datetime.fromtimestamp(run.info.start_time / 1000, UTC)
    return {
        "id": run.info.run_id,
        "started": started.strftime("%Y-%m-%d %H:%M:%S UTC"),
        "command": run.data.tags.get(f"{TAG}command", ""),
        "status": true_status(run),
    }


# ---- small things ----------------------------------------------------------------------------------------------------


def launch_name() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")


def to_yaml(config: Mapping[str, Any]) -> str:
    # libyaml's is eight times as fast, which counts in searches; PyYAML may come without it.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return databases.without_password(yaml.dump(dict(config), Dumper=dumper, sort_keys=False, allow_unicode=True))


def flat_params(config: Mapping[str, Any], left_out: Iterable[str]) -> dict[str, Any]:
    """The config as flat params, without what does not describe a run."""
    dropped = set(left_out)
    return {key: value for key, value in flatten(used(config)).items() if key.split(".")[0] not in dropped}


# What belongs to the whole experiment, and would only fill the params of a variant or seed.
NOT_A_CELLS_PARAM = ("question", "variants", "variant", "seeds", "report", "published", "tracking", "search")
