"""``seedbed status``: what is trained, running, failed or missing."""

from __future__ import annotations

import click

from seedbed.cli import completion
from seedbed.cli.options import WithExamples, config_dir_option, debug_option, ends_soon


@click.command(
    cls=WithExamples,
    examples="""
    seedbed status                     every experiment of this project
    seedbed status spam_imbalance      the cells of each variant, and the launches
    """,
)
@click.argument("experiment", required=False, shell_complete=completion.tracked_experiments)
@config_dir_option
@debug_option
def status(experiment: str | None, config_dir: str | None) -> None:
    """Say what is trained, running, failed or missing.

    A cell is one variant under one seed (and on one data set, where there are several); a launch is one 'seedbed run'.
    """
    ends_soon()
    from seedbed.cli.status import experiment_status, project_status
    from seedbed.training.progress import Display

    with Display() as display, display.doing("Reading the store"):
        text = experiment_status(experiment, config_dir) if experiment else project_status(config_dir)
    click.echo(text)
