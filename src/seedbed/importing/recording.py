"""Records results that were trained elsewhere in the project's store, so that reports can be made of them."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

import pandas as pd

from seedbed.checks import require
from seedbed.config.folders import experiment_names
from seedbed.errors import ConfigError, TrackingError
from seedbed.importing.experiments import read_experiment
from seedbed.importing.results import Statements, results_of
from seedbed.importing.runs import ForeignRuns, Keys
from seedbed.importing.tables import TableOptions, read_table
from seedbed.paths import expanded, project_folder
from seedbed.report.analysis import analyse
from seedbed.report.printed import text_of
from seedbed.report.writing import launch_page
from seedbed.results import Results
from seedbed.tracking.databases import without_password
from seedbed.tracking.imports import record_import
from seedbed.tracking.launches import find_launch
from seedbed.tracking.reading import read_results
from seedbed.tracking.store import NothingTracked, Store, open_project_store, store_uri
from seedbed.training.progress import Display


def import_from(
    name: str,
    table: str | PathLike[str] | pd.DataFrame | None,
    said: Statements,
    *,
    curves: str | PathLike[str] | pd.DataFrame | None = None,
    overrides: Sequence[str] = (),
    mlflow: str | None = None,
    tracking_uri: str | None = None,
    query: str = "",
    keys: Keys | None = None,
    config_dir: str | PathLike[str] | None = None,
    display: Display | None = None,
) -> Results:
    """Import the runs of a table, or of an MLflow experiment, as those of experiment ``name``.

    See ``tables.read_table`` and ``experiments.read_experiment``. Nothing is written before all of it is checked.
    """
    keys, display = keys or Keys(), display or Display(quiet=True)
    _check_name(name, config_dir)
    one = not isinstance(said.baseline, Mapping)  # the command that is recorded names one alone
    require(one, "--baseline", said.baseline, "one variant's name; seedbed.compare takes a baseline for each variant")
    if (table is None) == (mlflow is None):
        raise ConfigError(
            "Name either the file that holds the results or, with --mlflow, an MLflow experiment that does."
        )
    if table is not None:
        if given := [option for option, value in (("--tracking-uri", tracking_uri), ("--filter", query)) if value]:
            raise ConfigError(f"{given[0]}: it is about the runs of --mlflow. Leave it out.")
        runs = read_table(
            _there(table),
            None if curves is None else _there(curves),
            keys=keys,
            options=TableOptions.of(overrides),
            metric=said.metric,
        )
        source = [] if isinstance(table, pd.DataFrame) else [str(table), *overrides]
    else:
        if curves is not None or overrides:
            raise ConfigError(
                f"{'--curves' if curves is not None else overrides[0]}: it is about a file. Leave it out."
            )
        project = project_folder(config_dir)
        uri = tracking_uri or store_uri(project)
        with display, display.doing(f"Reading the runs of {mlflow}") as progress:
            runs = read_experiment(str(mlflow), uri, project, keys=keys, query=query, progress=progress)
        source = ["--mlflow", str(mlflow)]
    options = {"--curves": curves, "--tracking-uri": tracking_uri, "--filter": query or None}
    command = _command(name, source, options, said, keys, config_dir) if source else ""
    with display:
        return _recorded(name, runs, said, config_dir, command, display)


def _there(table: str | PathLike[str] | pd.DataFrame) -> Path | pd.DataFrame:
    return table if isinstance(table, pd.DataFrame) else expanded(table)


def _check_name(name: str, config_dir: str | PathLike[str] | None) -> None:
    """Imports stand apart: ``name`` is neither an experiment that can be run nor one that holds other runs."""
    if not re.fullmatch(r"[\w-]+", name, re.ASCII):
        raise ConfigError(
            f"{name!r} cannot be the name of an experiment: use letters from a to z, digits, '_' and '-'."
        )
    another = "Use another name: what is imported stays apart from what is trained here."
    if name in experiment_names(config_dir):
        raise ConfigError(f"{name!r} is an experiment that 'seedbed run' trains. {another}")
    try:
        store = open_project_store(name, config_dir)
    except NothingTracked:
        return
    if store.holds_other_runs_than_imports():
        raise TrackingError(f"{name!r} is an MLflow experiment in {store.uri} that holds other runs. {another}")


def _recorded(
    name: str,
    runs: ForeignRuns,
    said: Statements,
    config_dir: str | PathLike[str] | None,
    command: str,
    display: Display,
) -> Results:
    results = results_of(runs, said, name)
    analyse(results)  # what it refuses leaves no store behind
    for note in results.data["notes"]:
        display.say(note)
    project = project_folder(config_dir)
    store = Store(store_uri(project), project, name)
    store.repair()
    key = _key(results)
    latest = next(iter(store.launches()), None)
    if latest is not None and latest.key == key and latest.status == "FINISHED":
        display.say("All of this was imported already: nothing to do.")
        return read_results(store, latest)
    with display.doing(f"Recording {len(runs.runs)} runs") as progress:
        record_import(store, results, {"key": key, "command": command}, progress)
    results = read_results(store, find_launch(store))
    _describe(store, results)
    display.say(
        f"{name}: {len(runs.runs)} runs of {len(runs.variants)} variants imported from {runs.source}. Tracking in {store.uri}"
    )
    return results


def _key(results: Results) -> str:
    """Two imports with one key are of the same cells, and ask for the same report of them."""
    asked = [
        results.cells["fingerprint"].tolist(),
        results.config,
        results.data,
        sorted(map(str, results.declared.values())),
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _describe(store: Store, results: Results) -> None:
    """Give the launch's page in MLflow the answer, the table and the pictures."""
    launch = store.run(results.launch)
    analysis = analyse(results)
    text, pictures = launch_page(analysis)
    launch.log(description=text)
    launch.artifact("table.txt", text_of(analysis))
    for file, content in pictures.items():
        launch.artifact(f"report/{file}", content)


def _command(
    name: str,
    source: Sequence[str],
    options: Mapping[str, object],
    said: Statements,
    keys: Keys,
    config_dir: str | PathLike[str] | None,
) -> str:
    """The command that imports the same again."""
    good = said.good if isinstance(said.good, Mapping) else {}
    options = {
        **options,
        "--variant-key": None if keys.variant == Keys.variant else keys.variant,
        "--seed-key": None if keys.seed == Keys.seed else keys.seed,
        "--metric": said.metric,
        "--baseline": said.baseline,
        "--good": None if good else said.good,
        "--split": said.split,
        "--test-share": said.test_share,
        "--train-share": said.train_share,
        "--question": said.question or None,
        "--config-dir": config_dir,
    }
    given = [word for option, value in options.items() if value is not None for word in (option, str(value))]
    of_metrics = [word for label, each in good.items() for word in ("--good", f"{label}={each}")]
    return without_password(shlex.join(["seedbed", "import", name, *source, *given, *of_metrics]))
