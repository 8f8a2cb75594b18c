"""The command line: all commands below ``seedbed``, one file each in ``commands``."""

from __future__ import annotations

import atexit
import gc
import io
import logging
import sys

import click

from seedbed.cli.commands.completion import completion_script
from seedbed.cli.commands.data import data
from seedbed.cli.commands.diff import diff
from seedbed.cli.commands.export import export
from seedbed.cli.commands.import_results import import_results
from seedbed.cli.commands.lr_find import lr_find
from seedbed.cli.commands.merge import merge
from seedbed.cli.commands.power import power
from seedbed.cli.commands.predict import predict
from seedbed.cli.commands.recommend import recommend
from seedbed.cli.commands.report import report
from seedbed.cli.commands.run import run
from seedbed.cli.commands.schedule import schedule
from seedbed.cli.commands.schema import schema
from seedbed.cli.commands.search import search
from seedbed.cli.commands.site import site
from seedbed.cli.commands.status import status
from seedbed.cli.commands.ui import ui
from seedbed.cli.commands.verify import verify
from seedbed.cli.options import Commands


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    examples="""
    seedbed run spam_imbalance              train, track and compare
    seedbed run spam_imbalance seeds=30     add seeds at the cost of the new ones
    seedbed report spam_imbalance           tables and figures, from what is tracked
    seedbed ui spam_imbalance               the runs in MLflow's pages
    """,
)
@click.version_option(package_name="seedbed")
def main() -> None:
    """Is variant A really better than variant B, or was it the seed?

    An experiment is one YAML file: its variants are trained under many seeds, all seeds of a variant at once,
    tracked in MLflow, and compared by a paired test.
    """
    atexit.register(gc.freeze)  # at its end Python would look through all that was imported for garbage: up to a second
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr is: names of files may hold what is not text
    said = logging.getLogger("seedbed")
    said.setLevel(logging.INFO)
    if not said.handlers:
        said.addHandler(logging.StreamHandler())


for command in (
    run, search, report, site, power, status, diff, verify, import_results, merge, recommend, predict, export, schedule, lr_find, data, ui,
    schema, completion_script,
):  # fmt: skip
    main.add_command(command)
