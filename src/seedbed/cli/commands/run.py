"""``seedbed run``: trains what is missing of an experiment, once or for a grid of values."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from seedbed.cli import completion
from seedbed.cli.commands.search import show_search
from seedbed.cli.options import STARTING, WithExamples, as_typed, config_dir_option, debug_option
from seedbed.errors import ConfigError

if TYPE_CHECKING:
    from seedbed.running.runner import Ran


@click.command(
    cls=WithExamples,
    examples="""
    seedbed run spam_imbalance                                         all variants, 10 seeds
    seedbed run spam_imbalance seeds=30                                trains only the seeds that are missing
    seedbed run spam_imbalance variant=none,smote trainer.max_epochs=20
    seedbed run spam_imbalance split=fixed select=best
    seedbed run imbalance_keel data_sets=pima,yeast3                   on two of the data sets that its file lists
    seedbed run fastai_collab -m variant=dot_product_bias hydra/sweeper=optuna hydra/launcher=joblib
    seedbed run spam_imbalance -m model.hidden='[64],[256,128]'        one job for each value
    seedbed run spam_imbalance -m optimizer.lr=1e-3,1e-4 hydra/launcher=joblib hydra.launcher.n_jobs=2
    """,
)
@click.argument("experiment", shell_complete=completion.experiments)
@click.argument("overrides", nargs=-1, shell_complete=completion.overrides)
@click.option(
    "-m", "--multirun", is_flag=True, help="Run one job for each combination of the values given (Hydra multirun)."
)
@click.option("--fail-fast", is_flag=True, help="Start nothing more after the first failure; what is finished is kept.")
@config_dir_option
@debug_option
def run(experiment: str, overrides: tuple[str, ...], multirun: bool, fail_fast: bool, config_dir: str | None) -> None:
    """Train the missing cells of EXPERIMENT and print its table of results.

    A launch is one 'seedbed run'. A cell is one variant under one seed (and on one data set, where there are several). A
    launch trains the cells that are missing and reads the others from the tracking store. OVERRIDES are Hydra's:
    key=value, group=choice, +new.key=value.

    A cell is trained again when its settings, its data or its code have changed. Its code is any module of yours that a
    _target_ names, with what that imports from --config-dir or from a package installed from a folder (comments,
    docstrings and layout do not count), and the version of an installed package that a _target_ or such a module names,
    or that seedbed's own resampling, tables of numbers or baselines use.

    Exit code: 0 all cells are trained, 1 something failed (what finished is kept), 2 bad input.
    """
    where = as_typed(experiment, config_dir)
    next_steps = f"\nReport: seedbed report {where}    Tracked runs: seedbed ui {where}"
    if multirun:
        from seedbed.config.folders import check_name

        check_name(experiment, config_dir)
        from seedbed.running.multirun import is_search, run_jobs

        if is_search(experiment, overrides, config_dir):
            from seedbed.search.processes import search_by_processes

            if fail_fast:
                raise ConfigError(
                    "--fail-fast: trials of a search that fail are recorded, and others go on. Leave it out."
                )
            show_search(experiment, search_by_processes(experiment, overrides, config_dir), config_dir)
            return
        code = run_jobs(experiment, overrides, config_dir, fail_fast=fail_fast)
        click.echo(next_steps, err=True)
        sys.exit(code)
    from seedbed.config.experiment import load_experiments

    loaded = load_experiments(experiment, overrides, config_dir)  # before what trains is imported, which takes seconds
    from seedbed.training.progress import Display

    with Display() as display:
        with display.doing(STARTING):
            from seedbed.running.benchmark import run_experiments
        outcome = run_experiments(loaded, display, curves=False, fail_fast=fail_fast)
    if outcome.launch:  # a trial run records nothing
        click.echo(outcome.text())
        click.echo(next_steps, err=True)
    if outcome.failures:
        _show_failures(outcome, where)
        sys.exit(1)


def _show_failures(outcome: Ran, typed: str) -> None:
    """What failed, why where that was not said while it trained, and the tracebacks or where they are."""
    from seedbed.training.failures import grouped

    groups = list(grouped(outcome.failed))
    for where, failure in groups:
        click.echo(f"seedbed: FAILED {where}{'' if outcome.launch else f': {failure.located}'}", err=True)
    if os.environ.get("SEEDBED_DEBUG"):
        for where, failure in groups:
            click.echo(f"\n{where}:\n{failure.traceback}", err=True)
    else:
        kept = f"error.txt among the artifacts of these runs (seedbed ui {typed}); or " if outcome.launch else ""
        click.echo(f"Tracebacks: {kept}add --debug to the command.", err=True)
