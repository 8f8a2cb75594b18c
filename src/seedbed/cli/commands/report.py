"""``seedbed report``: writes the pages of an experiment."""

from __future__ import annotations

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
    from seedbed.results import Results
    from seedbed.trained.inspection import Inspection


@click.command(
    cls=WithExamples,
    examples="""
    seedbed report spam_imbalance
    seedbed report spam_imbalance --search                            what the latest search found
    seedbed report spam_imbalance --metric test/f1 --output /tmp/f1
    seedbed report spam_imbalance --metric test/mine                  one added since, from the scores that were kept
    seedbed report spam_imbalance --format html,csv --rope 0.005
    seedbed report spam_imbalance --run 3f2a91c0                      an earlier launch (see seedbed status)
    seedbed report spam_imbalance --from experiments/spam_imbalance   from a written report, with the file's words of today
    """,
)
@click.argument("experiment", shell_complete=completion.tracked_experiments)
@click.option("--run", "run_id", help="The launch to report, by its id or the start of it; default: the latest.")
@click.option(
    "--from",
    "written",
    type=click.Path(path_type=Path),
    shell_complete=completion.folders,
    help="Folder of a report that was written before, to write it anew from its files: without the tracking store, the "
    "data or the weights. Question, report section and published part are those of the experiment file as it stands, if "
    "it is there; the recipe and the numbers stay. Goes to the same folder, unless --output names another.",
)
@click.option(
    "--search",
    "of_search",
    is_flag=True,
    help="The latest search: its trials, and what it found beside the variant as it stands. Goes to a folder search/.",
)
@data_set_option
@metric_option
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
@click.option("--output", type=click.Path(path_type=Path), help="Folder to write to; default: experiments/EXPERIMENT.")
@config_dir_option
@debug_option
def report(
    experiment: str,
    run_id: str | None,
    written: Path | None,
    of_search: bool,
    data_set: str | None,
    metric: str | None,
    baseline: str | None,
    rope: float | None,
    formats: str,
    output: Path | None,
    config_dir: str | None,
) -> None:
    """Write the report of EXPERIMENT from the tracking store: Markdown, HTML, LaTeX, CSV and figures.

    The format csv includes record.json: with it and the tables beside it, --from writes the report anew, so that its
    words can be mended without training.
    """
    from seedbed.checks import require_choice
    from seedbed.paths import project_folder
    from seedbed.report.files import check_writable
    from seedbed.report.findings import FILE, other_cells
    from seedbed.report.writing import FORMATS, write_report

    chosen = [name.strip() for name in formats.split(",")]
    for name in chosen:
        require_choice("--format", name, FORMATS)
    check_writable(output or written or project_folder(config_dir) / "experiments" / experiment, "--output")
    if written is None:
        results, learned, folder = _tracked(experiment, run_id, of_search, metric, config_dir)
    elif run_id is None and not of_search:
        results, learned, folder = _written(experiment, written, config_dir)
    else:
        raise ConfigError("--from: the folder holds the report of one launch, so it goes without --run and --search.")
    if isinstance(learned, str):
        click.echo(f"The report does not say what the model learned: {learned}", err=True)
    asked: dict[str, Any] = {"metric": metric, "baseline": baseline, "rope": rope, "formats": chosen}
    findings = folder / FILE  # wherever the pages go
    for path in write_report(results, output or folder, learned=learned, findings=findings, **asked):
        click.echo(path)
    if note := other_cells(findings, results):
        click.echo(note, err=True)


def _tracked(
    experiment: str, run_id: str | None, of_search: bool, metric: str | None, config_dir: str | None
) -> tuple[Results, Inspection | str | None, Path]:
    """What a report needs, from the store, and the folder that it goes to."""
    from seedbed.paths import project_folder
    from seedbed.tracking.launches import find_launch
    from seedbed.tracking.reading import read_results
    from seedbed.tracking.store import open_project_store

    store = open_project_store(experiment, config_dir)
    results = read_results(
        store, find_launch(store, run_id, of_search=of_search), jobs=True, predicted=True, scored=True
    )
    click.echo(f"Reporting launch {results.launch[:8]} ({results.command}) ...", err=True)
    if metric is not None and metric not in results.metrics:
        from seedbed.trained.unrecorded import with_metric

        results = with_metric(store, results, metric, config_dir)
    learned = None
    if results.is_inspected:
        from seedbed.trained.inspection import inspect_launch

        learned = inspect_launch(results, results.launch, config_dir)
    folder = project_folder(config_dir) / "experiments" / experiment / ("search" if results.search else "")
    return results, learned, folder


def _written(experiment: str, folder: Path, config_dir: str | None) -> tuple[Results, Inspection | str | None, Path]:
    """What a report needs, from the folder of a written one, and that folder."""
    from seedbed.report.record import read_record
    from seedbed.report.rewording import with_current_wording

    record = read_record(experiment, folder)
    results, unused = with_current_wording(record.results, config_dir)
    click.echo(f"Reporting launch {results.launch[:8]} ({results.command}) from {folder} ...", err=True)
    for sentence in unused:
        click.echo(sentence, err=True)
    return results, record.learned, folder
