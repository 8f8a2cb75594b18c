"""``seedbed power``: how many seeds a difference takes."""

from __future__ import annotations

import click

from seedbed.cli import completion
from seedbed.cli.options import (
    WithExamples,
    baseline_option,
    config_dir_option,
    data_set_option,
    debug_option,
    ends_soon,
    metric_option,
)


@click.command(
    cls=WithExamples,
    examples="""
    seedbed power spam_imbalance                        which differences 5, 10, 20, ... seeds detect
    seedbed power spam_imbalance --difference 0.002     how many seeds it takes to detect that difference
    """,
)
@click.argument("experiment", shell_complete=completion.tracked_experiments)
@click.option(
    "--difference",
    type=click.FloatRange(0, min_open=True),
    help="The smallest difference worth having; default: the experiment's report.rope.",
)
@click.option(
    "--power",
    "wanted",
    type=click.FloatRange(0.05, 0.999),
    default=0.8,
    show_default=True,
    help="Power: the chance of detecting a true difference of this size.",
)
@click.option(
    "--run",
    "run_id",
    help="The launch (one 'seedbed run') to use, by its id or the start of its id; default: the latest.",
)
@data_set_option
@metric_option
@baseline_option
@config_dir_option
@debug_option
def power(
    experiment: str,
    difference: float | None,
    wanted: float,
    run_id: str | None,
    data_set: str | None,
    metric: str | None,
    baseline: str | None,
    config_dir: str | None,
) -> None:
    """Say how many seeds it takes to detect a difference, given the spread seen between the variants of EXPERIMENT."""
    ends_soon()
    from seedbed.report.analysis import analyse
    from seedbed.report.power import power_text
    from seedbed.tracking.launches import find_launch
    from seedbed.tracking.reading import read_results
    from seedbed.tracking.store import open_project_store
    from seedbed.training.progress import Display

    with Display() as display, display.doing("Reading the results"):
        store = open_project_store(experiment, config_dir)
        results = read_results(store, find_launch(store, run_id, data_set=data_set), curves=False)
    click.echo(power_text(analyse(results, metric, baseline, difference), wanted))
