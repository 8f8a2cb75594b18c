"""Is variant A really better than variant B, or was it the seed?

``seedbed.run("spam_imbalance", ["seeds=30"])`` trains what is missing and returns the results as data frames;
``seedbed.load("spam_imbalance")`` reads tracked results only, and ``seedbed.compare`` makes the paired tests of either.
``seedbed.find_lr`` suggests learning rates. Results that were trained elsewhere are compared too, or imported by
``seedbed.import_results``.
The command line is a thin layer over these.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING

from seedbed.cores import OPENMP_WAITS, openmp_waits
from seedbed.errors import (
    ConfigError,
    DataError,
    SeedbedError,
    TrackingError,
    naming_arguments,
    near_misses,
    with_arguments,
)
from seedbed.paths import ensure_home

if TYPE_CHECKING:
    import pandas as pd

    from seedbed.results import Benchmark, Results
    from seedbed.running.benchmark import BenchmarkOutcome
    from seedbed.running.lr_find import FoundRates
    from seedbed.running.runner import Outcome

if not set(OPENMP_WAITS) & set(os.environ):  # which OpenMP reads when PyTorch is imported
    os.environ |= openmp_waits()

ensure_home()

__all__ = [
    "ConfigError",
    "DataError",
    "SeedbedError",
    "TrackingError",
    "compare",
    "find_lr",
    "import_results",
    "load",
    "run",
]


# The heavy packages are imported by the functions that need them, so that `seedbed --help` answers at once.


def run(
    name: str,
    overrides: Sequence[str] = (),
    config_dir: str | PathLike[str] | None = None,
    *,
    quiet: bool = False,
) -> Outcome | BenchmarkOutcome:
    """Train the missing cells of experiment ``name``, and read the results of all its cells back from MLflow.

    ``overrides`` and ``config_dir`` are those of ``seedbed run``; ``quiet`` shows no progress. The outcome has the data
    frames ``cells`` (variant x seed), ``curves`` and ``comparisons``, the MLflow id of its ``launch``, and
    ``failures``; of an experiment on several data sets no ``curves``, and the others have a column ``data_set``.
    Raises a ``SeedbedError`` for bad input, before any training.
    """
    from seedbed.config.experiment import load_experiments

    experiments = load_experiments(name, overrides, config_dir)  # before what trains is imported, which takes seconds
    from seedbed.running.benchmark import run_experiments
    from seedbed.training.progress import Display

    return run_experiments(experiments, Display(quiet))


def find_lr(
    name: str,
    overrides: Sequence[str] = (),
    config_dir: str | PathLike[str] | None = None,
    *,
    quiet: bool = False,
) -> FoundRates:
    """Learning-rate range tests of the variants of experiment ``name``, of all seeds at once; as ``seedbed lr-find``.

    The data frames ``curves`` and ``suggestions`` have every step and what each rule suggests to each seed.
    """
    from seedbed.config.experiment import load_experiment

    experiment = load_experiment(name, overrides, config_dir)
    from seedbed.running.lr_find import find_rates
    from seedbed.training.progress import Display

    return find_rates(experiment, Display(quiet))


def load(
    name: str,
    run: str | None = None,
    config_dir: str | PathLike[str] | None = None,
    *,
    folder: str | PathLike[str] | None = None,
    data_set: str | None = None,
) -> Results | Benchmark:
    """The tracked results of experiment ``name``: of its latest launch, or of the launch with id ``run``.

    Those of a launch over data sets are a ``Benchmark``, whose ``data_sets`` are the ``Results`` by name; with ``data_set``, they
    are the ``Results`` on that one.

    With ``folder``, those of a report that ``seedbed report`` has written there: no store is needed. ``cells`` and
    ``curves`` are data frames; nothing is trained. Raises ``TrackingError`` where nothing is tracked, and
    ``ConfigError`` where the folder cannot be read.
    """
    if folder is not None:
        if run is not None:
            raise ConfigError(f"run={run!r}: a folder holds the report of one launch. Give run or folder, not both.")
        from seedbed.report.record import read_record

        written: Results | Benchmark = read_record(name, folder).results
        return written if data_set is None else _part_of(written, data_set)
    from seedbed.tracking.launches import find_any_launch, on_data_set
    from seedbed.tracking.reading import read_benchmark, read_results
    from seedbed.tracking.store import open_project_store

    with naming_arguments():
        store = open_project_store(name, config_dir)
        launch = find_any_launch(store, run)
        if launch.data_sets and data_set is None:
            return read_benchmark(store, launch)
        return read_results(store, on_data_set(store, launch, data_set), jobs=True)


def _part_of(results: Results | Benchmark, data_set: str) -> Results:
    """The results on one data set of a report over several; raises ``ConfigError`` where there is none of that name."""
    parts: Mapping[str, Results] = getattr(results, "data_sets", {})
    if data_set not in parts:
        raise ConfigError(
            f"data_set={data_set!r}: the report is not about such a data set, {near_misses(data_set, parts)}"
        )
    return parts[data_set]


Good = str | float | Mapping[str, str | float] | None


def compare(
    results: Results | Outcome | Benchmark | BenchmarkOutcome | pd.DataFrame,
    metric: str | None = None,
    baseline: str | Mapping[str, str] | None = None,
    *,
    good: Good = None,
    split: str | None = None,
    test_share: float | None = None,
    train_share: float | None = None,
    variant_key: str = "variant",
    seed_key: str = "seed",
) -> pd.DataFrame:
    """Each variant against the baseline, or all pairs where there is none: difference, interval, p-values, verdict.

    ``metric`` ("test/f1") and ``baseline``, one name or ``{variant: baseline}``, default to the experiment's. Of results on several
    data sets these are the tests over data sets; for those on one, give its ``Results``. A data frame of results that were trained
    elsewhere has a row a run, with the columns ``variant_key`` and ``seed_key`` and one a metric; what the other
    arguments say of it is as for ``import_results``. No store is needed, and none is written.
    """
    with naming_arguments():
        table = _compared(results, metric, baseline, good, split, test_share, train_share, variant_key, seed_key)
    return table.assign(note=table["note"].map(with_arguments))


def _compared(
    results: Results | Outcome | Benchmark | BenchmarkOutcome | pd.DataFrame,
    metric: str | None,
    baseline: str | Mapping[str, str] | None,
    good: Good,
    split: str | None,
    test_share: float | None,
    train_share: float | None,
    variant_key: str,
    seed_key: str,
) -> pd.DataFrame:
    import pandas as pd

    from seedbed.report.analysis import analyse, comparison_table
    from seedbed.results import Benchmark, Results

    if isinstance(results, pd.DataFrame):
        from seedbed.importing.results import Statements, results_of
        from seedbed.importing.runs import Keys
        from seedbed.importing.tables import read_table

        said = Statements(metric, baseline, good, split, test_share, train_share)
        runs = read_table(results, keys=Keys(variant_key, seed_key), metric=metric)
        return comparison_table(analyse(results_of(runs, said)))
    given = {"good": good, "split": split, "test_share": test_share, "train_share": train_share}
    for key, value in given.items():
        if value is not None:
            raise ConfigError(
                f"{key}={value}: it is said of a data frame; these results say it themselves. Leave it out."
            )
    measured = results if isinstance(results, (Results, Benchmark)) else results.results
    if isinstance(measured, Benchmark):
        from seedbed.report.benchmark.analysis import analyse_benchmark
        from seedbed.report.benchmark.tables import over_data_sets_table

        return over_data_sets_table(analyse_benchmark(measured, metric, baseline))
    return comparison_table(analyse(measured, metric, baseline))


def import_results(
    name: str,
    table: str | PathLike[str] | pd.DataFrame | None = None,
    metric: str | None = None,
    baseline: str | None = None,
    *,
    good: Good = None,
    split: str | None = None,
    test_share: float | None = None,
    train_share: float | None = None,
    question: str = "",
    curves: str | PathLike[str] | pd.DataFrame | None = None,
    overrides: Sequence[str] = (),
    mlflow: str | None = None,
    tracking_uri: str | None = None,
    query: str = "",
    variant_key: str = "variant",
    seed_key: str = "seed",
    config_dir: str | PathLike[str] | None = None,
    quiet: bool = False,
) -> Results:
    """Import results that were trained elsewhere as those of experiment ``name``, marked as such; as ``seedbed import``.

    ``table`` is a file or a data frame with a row a run: the columns ``variant_key`` and ``seed_key``, and one a metric.
    ``curves``, by default a file curves.csv beside a results.csv, has a column epoch too. ``overrides`` say how a file is read
    (``data.decimal=comma``). Or ``mlflow`` is an MLflow experiment in the store at ``tracking_uri`` (by default the
    project's), whose runs, those that a ``query`` in MLflow's grammar finds, have a param or tag of each key.

    ``good``: "lower", "higher" or the number that good values are near to, of ``metric`` or by metric. ``split``: "same"
    where all seeds share one, "redrawn" where each has drawn its own, with ``test_share`` and ``train_share`` of the
    rows. What is not said is assumed so that the least is claimed. Raises a ``SeedbedError`` before anything is written.
    """
    from seedbed.importing.recording import import_from
    from seedbed.importing.results import Statements
    from seedbed.importing.runs import Keys
    from seedbed.training.progress import Display

    with naming_arguments():
        return import_from(
            name,
            table,
            Statements(metric, baseline, good, split, test_share, train_share, question),
            curves=curves,
            overrides=overrides,
            mlflow=mlflow,
            tracking_uri=tracking_uri,
            query=query,
            keys=Keys(variant_key, seed_key),
            config_dir=config_dir,
            display=Display(quiet),
        )
