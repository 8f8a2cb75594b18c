"""``seedbed report``: writes the pages of an experiment."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seedbed.cli import completion
from seedbed.cli.options import (
    WithExamples,
    baseline_option,
    config_dir_option,
    data_set_option,
    debug_option,
    metric_option,
)
from seedbed.errors import ConfigError

if TYPE_CHECKING:
    from seedbed.results import Benchmark, Results
    from seedbed.tracking.runs import Launch
    from seedbed.tracking.store import Store
    from seedbed.trained.inspection import Inspection
    from seedbed.training.progress import Display


@click.command(
    cls=WithExamples,
    examples="""
    seedbed report spam_imbalance
    seedbed report spam_imbalance --search                            what the latest search found
    seedbed report spam_imbalance --metric test/f1 --output /tmp/f1
    seedbed report spam_imbalance --metric test/mine                  a metric added after training, from recorded scores
    seedbed report spam_imbalance --scores                            with scores of rows computed from the weights of older seeds
    seedbed report imbalance_keel                                     over all data sets of its launch
    seedbed report imbalance_keel --data-set yeast3                   on one of them, into a folder of its own
    seedbed report spam_imbalance --format html,csv --rope 0.005
    seedbed report spam_imbalance --run 3f2a91c0                      an earlier launch (see seedbed status)
    seedbed report spam_imbalance --from experiments/spam_imbalance   an existing report, with the file's current words
    """,
)
@click.argument("experiment", shell_complete=completion.tracked_experiments)
@click.option("--run", "run_id", help="The launch to report, by its id or the start of its id; default: the latest.")
@click.option(
    "--from",
    "written",
    type=click.Path(path_type=Path),
    shell_complete=completion.folders,
    help="Folder of an existing report, to write it again from its own files, without the tracking store, the data or the "
    "weights. The question, report section and published part are those of the experiment file as it is now, if there is "
    "one; the recipe and the numbers stay. The report goes to the same folder, unless --output names another.",
)
@click.option(
    "--search",
    "of_search",
    is_flag=True,
    help="Report the latest search: its trials, and the best of them next to the variant as it is. Goes to a folder search/.",
)
@data_set_option
@metric_option
@click.option(
    "--scores",
    "computes_scores",
    is_flag=True,
    help="For seeds that were trained without keeping the scores of validation and test rows (by an earlier version, or with "
    "tracking.scores=false), compute these from the weights, on the same data. With two classes, they show thresholds and "
    "what rebalancing changed. They are kept in the store for later reports. A --metric that was not recorded is computed "
    "from scores even without this option.",
)
@baseline_option
@click.option(
    "--rope",
    type=click.FloatRange(0, min_open=True),
    help="Differences up to this are too small to matter; adds the Bayesian test. Default: the experiment's report.rope.",
)
@click.option(
    "--format",
    "formats",
    default="md,html,tex,csv",
    show_default=True,
    help="Which of md, html, tex and csv to write; figures come with md and tex, and lie inside html.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder to write to; default: experiments/EXPERIMENT, or launches/RUN in it if the launch's overrides ask for other "
    "cells (one variant under one seed each) than the experiment's file: another recipe, other files of data, or only some "
    "variants, data sets or seeds.",
)
@config_dir_option
@debug_option
def report(
    experiment: str,
    run_id: str | None,
    written: Path | None,
    of_search: bool,
    data_set: str | None,
    metric: str | None,
    computes_scores: bool,
    baseline: str | None,
    rope: float | None,
    formats: str,
    output: Path | None,
    config_dir: str | None,
    read: Results | None = None,
) -> None:
    """Write the report of EXPERIMENT from the tracking store: Markdown, HTML, LaTeX, CSV and figures.

    The report is of one launch (one 'seedbed run'). It goes to experiments/EXPERIMENT if the launch asked for everything in
    the experiment's file, perhaps with more seeds (seeds=30). A launch whose overrides change what is trained, or pick some
    of the variants, data sets or seeds, gets a folder of its own, experiments/EXPERIMENT/launches/RUN: a trial run never
    replaces the experiment's report, unless --output names that folder.

    The csv format includes record.json. From it and the tables beside it, --from writes the report again, so that its
    wording can be changed without training.
    """
    # ``read``, which is no option, are the launch's results where 'seedbed run' has read them already.
    from seedbed.checks import require_choice
    from seedbed.paths import project_folder
    from seedbed.report.files import check_writable
    from seedbed.report.findings import FILE, other_cells
    from seedbed.report.writing import FORMATS
    from seedbed.training.progress import Display

    chosen = [name.strip() for name in formats.split(",")]
    for name in chosen:
        require_choice("--format", name, FORMATS)
    check_writable(output or written or project_folder(config_dir) / "experiments" / experiment, "--output")
    if written is not None and (run_id is not None or of_search or computes_scores or data_set is not None):
        raise ConfigError(
            "--from: the folder holds the report of one launch, so it goes without --run, --search, --scores and --data-set."
        )
    asked: dict[str, Any] = {"metric": metric, "baseline": baseline, "rope": rope, "formats": chosen}
    results: Results | Benchmark
    with Display() as display:
        if written is None:
            results, learned, folder, own = _tracked(
                experiment, run_id, of_search, data_set, metric, computes_scores, config_dir, display, read
            )
            if own and output is None:
                output, asked_for = own
                display.say(
                    f"The launch asked for other cells than the experiment's file ({' '.join(asked_for)}), so its report goes to {output}. "
                    f"To write it to {folder}, add --output {shlex.quote(str(folder))}."
                )
        else:
            results, learned, folder = _written(experiment, written, config_dir, display)
        if isinstance(learned, str):
            display.say(f"The report does not say what the model learned: {learned}")
        findings = folder / FILE  # wherever the pages go
        with display.doing("Writing the report") as progress:
            paths = _write(results, output or folder, learned, {"findings": findings, "progress": progress, **asked})
    for path in paths:
        click.echo(path)
    if note := other_cells(findings, results):
        click.echo(note, err=True)


def _write(
    results: Results | Benchmark, folder: Path, learned: Inspection | str | None, asked: dict[str, Any]
) -> list[Path]:
    """Write the report on one data set, or over several."""
    from seedbed.report.benchmark.writing import write_benchmark
    from seedbed.report.writing import write_report
    from seedbed.results import Benchmark

    if isinstance(results, Benchmark):
        return write_benchmark(results, folder, **asked)
    return write_report(results, folder, learned=learned, **asked)


def _tracked(
    experiment: str,
    run_id: str | None,
    of_search: bool,
    data_set: str | None,
    metric: str | None,
    computes_scores: bool,
    config_dir: str | None,
    display: Display,
    read: Results | None,
) -> tuple[Results | Benchmark, Inspection | str | None, Path, tuple[Path, list[str]] | None]:
    """What a report needs, from the store, and the folder of such reports.

    Last, where the launch asks for other cells than the experiment's file: a folder of its own, and the overrides that do.
    """
    from seedbed.paths import project_folder
    from seedbed.tracking.launches import asks_otherwise, find_any_launch, on_data_set
    from seedbed.tracking.store import open_project_store

    store = open_project_store(experiment, config_dir)
    launch = find_any_launch(store, run_id, of_search=of_search)
    display.say(f"Reporting launch {launch.id[:8]} ({launch.command}) ...")
    folder = project_folder(config_dir) / "experiments" / experiment
    own = folder / "launches" / (launch.above or launch.id)[:8]
    if launch.data_sets and data_set is None:
        if computes_scores:
            raise ConfigError("--scores: a report over several data sets shows no scores. Name one with --data-set.")
        asked_for = asks_otherwise(store, launch)
        over = _over_data_sets(store, launch, metric, config_dir, display)
        return over, None, folder, (own, asked_for) if asked_for else None
    launch = on_data_set(store, launch, data_set)
    results, learned = _on_one(store, launch, metric, computes_scores, config_dir, display, read)
    if results.search:
        return results, learned, folder / "search", None
    below = re.sub(r"[^\w.-]", "_", launch.data_set)
    asked_for = asks_otherwise(store, launch)
    return results, learned, folder / below, (own / below, asked_for) if asked_for else None


def _over_data_sets(
    store: Store, launch: Launch, metric: str | None, config_dir: str | None, display: Display
) -> Benchmark:
    from seedbed.tracking.reading import read_benchmark

    with display.doing("Reading the results") as progress:
        benchmark = read_benchmark(store, launch, progress)
    if metric is None or metric in benchmark.metrics:
        return benchmark
    each = benchmark.data_sets.items()
    return replace(
        benchmark,
        data_sets={name: _with_computed(store, results, metric, False, config_dir, display) for name, results in each},
    )


def _on_one(
    store: Store,
    launch: Launch,
    metric: str | None,
    computes_scores: bool,
    config_dir: str | None,
    display: Display,
    read: Results | None,
) -> tuple[Results, Inspection | str | None]:
    from seedbed.tracking.reading import read_results
    from seedbed.tracking.scored import could_be_scored

    results = read
    if results is None:
        with display.doing("Reading the results"):
            results = read_results(store, launch, jobs=True, predicted=True, scored=True)
    unrecorded = metric if metric is not None and metric not in results.metrics else None
    if computes_scores or unrecorded is not None:
        results = _with_computed(store, results, unrecorded, computes_scores, config_dir, display)
    elif sentence := could_be_scored(store, results):
        display.say(sentence)
    learned = None
    if results.is_inspected:
        from seedbed.trained.inspection import inspect_launch

        with display.doing("Reading what the model has learned"):
            learned = inspect_launch(results, results.launch, config_dir)
    return results, learned


def _with_computed(
    store: Store, results: Results, metric: str | None, computes_scores: bool, config_dir: str | None, display: Display
) -> Results:
    """The results with a metric that was not recorded, and with scores that are computed from weights."""
    from seedbed.tracking.scored import why_no_scores
    from seedbed.trained.from_weights import ScoresFromWeights, cells_of, with_scores
    from seedbed.trained.unrecorded import with_metric

    from_weights = ScoresFromWeights(store, display)
    if metric is not None:
        results = with_metric(store, results, metric, config_dir, from_weights)
    if computes_scores:
        if why := why_no_scores(results):
            display.say(f"--scores: nothing is computed, as {why}.")
        else:
            from_weights.compute(cells_of(store, results))
    for sentence in from_weights.sentences():
        display.say(sentence)
    return with_scores(store, results, from_weights.scores) if from_weights.scores else results


def _written(
    experiment: str, folder: Path, config_dir: str | None, display: Display
) -> tuple[Results | Benchmark, Inspection | str | None, Path]:
    """What a report needs, from the folder of a written one, and that folder."""
    from seedbed.report.record import read_record
    from seedbed.report.rewording import of_benchmark, with_current_wording
    from seedbed.results import Benchmark

    record = read_record(experiment, folder)
    results: Results | Benchmark = record.results
    if isinstance(results, Benchmark):
        results, unused = of_benchmark(results, config_dir)
    else:
        results, unused = with_current_wording(results, config_dir)
    display.say(f"Reporting launch {results.launch[:8]} ({results.command}) from {folder} ...")
    for sentence in unused:
        display.say(sentence)
    return results, record.learned, folder
