"""``seedbed ui``: MLflow's pages of the project."""

from __future__ import annotations

import sys

import click

from seedbed.cli import completion
from seedbed.cli.options import WithExamples, config_dir_option, debug_option, ends_soon


@click.command(
    cls=WithExamples,
    examples="""
    seedbed ui
    seedbed ui spam_imbalance --port 5001
    """,
)
@click.argument("experiment", required=False, shell_complete=completion.tracked_experiments)
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Port on 127.0.0.1.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@config_dir_option
@debug_option
def ui(experiment: str | None, port: int, no_browser: bool, config_dir: str | None) -> None:
    """Serve the MLflow pages of this project on 127.0.0.1, opened on EXPERIMENT."""
    ends_soon()
    from seedbed.cli.ui import serve

    sys.exit(serve(experiment, port, open_browser=not no_browser, config_dir=config_dir))
