"""``seedbed diff``: two launches side by side."""

from __future__ import annotations

import click

from seedbed.cli import completion
from seedbed.cli.options import WithExamples, config_dir_option, data_set_option, debug_option, ends_soon


@click.command(
    cls=WithExamples,
    examples="""
    seedbed diff spam_imbalance~1 spam_imbalance          the launch before the latest, and the latest
    seedbed diff 3f2a91c0 b01c77de --metric test/f1       any two, by their ids or the start of them
    """,
)
@click.argument("first", metavar="A", shell_complete=completion.tracked_experiments)
@click.argument("second", metavar="B", shell_complete=completion.tracked_experiments)
@click.option("--metric", help="The metric to show; default: the one that A's variants are compared by.")
@data_set_option
@config_dir_option
@debug_option
def diff(first: str, second: str, metric: str | None, data_set: str | None, config_dir: str | None) -> None:
    """Show what differs between launches A and B: variants, config, data, environment and results.

    A launch is one 'seedbed run'; a cell is one variant under one seed. Name a launch by its experiment, as NAME (the
    latest launch) or NAME~1 (the one before it), or by its id or the start of its id, as 'seedbed status NAME' lists them.
    A and B may belong to different experiments. If they are over several data sets, those that both have are compared.
    """
    ends_soon()
    from seedbed.cli.diff import differences
    from seedbed.training.progress import Display

    with Display() as display, display.doing("Reading the results"):
        text = differences(first, second, metric, config_dir, data_set=data_set)
    click.echo(text)
