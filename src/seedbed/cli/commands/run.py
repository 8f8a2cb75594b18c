"""``seedbed run``: trains what is missing of an experiment, once or for a grid of values."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from seedbed.cli import completion
from seedbed.cli.commands.report import report as write_report
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
    seedbed run spam_imbalance --report                                and writes the report at the end
    seedbed run spam_imbalance variant=none,smote trainer.max_epochs=20
    seedbed run spam_imbalance split=fixed select=best
    seedbed run imbalance_keel data_sets=pima,yeast3                   on two of the data sets that its file lists
    seedbed run fastai_collab -m variant=dot_product_bias hydra/sweeper=optuna hydra/launcher=joblib
    seedbed run spam_imbalance -m model.hidden='[64],[256,128]'        one job for each value
    seedbed run spam_imbalance -m optimizer.lr=1e-3,1e-4 hydra/launcher=joblib hydra.launcher.n_jobs=2
    seedbed run spam_imbalance seeds=30 --dry-run                      cells, rows, time and memory; nothing is trained or written
    seedbed run spam_imbalance variant=smote --cfg job --resolve       the config of this variant as YAML
    seedbed run spam_imbalance --cfg job --package trainer             a part of the config that all variants share
    seedbed run spam_imbalance data=text_csv --info config             the folders and files that the config is made of
    """,
)
@click.argument("experiment", shell_complete=completion.experiments)
@click.argument("overrides", nargs=-1, shell_complete=completion.overrides)
@click.option(
    "-m", "--multirun", is_flag=True, help="Run one job for each combination of the values given (Hydra multirun)."
)
@click.option("--report", is_flag=True, help="Write the report at the end, as 'seedbed report' does.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Train and write nothing: say what there is to train, on which rows, and about how much time and memory it takes.",
)
@click.option(
    "-c",
    "--cfg",
    type=click.Choice(["job"]),
    help="Print the config as YAML and end, as Hydra does; with variant=NAME the one of this variant.",
)
@click.option(
    "--resolve", is_flag=True, help="With --cfg: follow interpolations, so that it is the config that trains."
)
@click.option("-p", "--package", help="With --cfg: a part of the config, such as trainer or data.encoder.")
@click.option(
    "-i",
    "--info",
    type=click.Choice(["config", "defaults", "defaults-tree", "searchpath"]),
    help="Print where each part of the config comes from and end, as Hydra does.",
)
@click.option("--fail-fast", is_flag=True, help="Start nothing more after the first failure; what is finished is kept.")
@config_dir_option
@debug_option
@click.pass_context
def run(
    ctx: click.Context,
    experiment: str,
    overrides: tuple[str, ...],
    multirun: bool,
    report: bool,
    dry_run: bool,
    cfg: str | None,
    resolve: bool,
    package: str | None,
    info: str | None,
    fail_fast: bool,
    config_dir: str | None,
) -> None:
    """Train the missing cells of EXPERIMENT and print its table of results.

    A launch is one 'seedbed run'. A cell is one variant under one seed (and on one data set, where there are several). A
    launch trains the cells that are missing and reads the others from the tracking store. OVERRIDES are Hydra's:
    key=value, group=choice, +new.key=value.

    A cell is trained again when its settings, its data or its code have changed. Its code is any module of yours that a
    _target_ names, with what that imports from --config-dir or from a package installed from a folder (comments,
    docstrings and layout do not count), and the version of an installed package that a _target_ or such a module names,
    or that seedbed's own resampling, tables of numbers or baselines use.

    --dry-run plans as a run does, and so finds bad input. Its times are those of earlier cells of the same recipe on this
    machine, or are measured in a few steps. Data that are not here are not fetched; but a data module of yours
    (task=lightning) is asked for its rows, as in a run, and may fetch or write what it likes. --cfg and --info are Hydra's.

    Exit code: 0 all cells are trained, 1 something failed (what finished is kept), 2 bad input.
    """
    _refuse_together(
        multirun=multirun, report=report, dry_run=dry_run, cfg=cfg, resolve=resolve, package=package, info=info
    )
    if cfg or info:
        from seedbed.cli.show_config import config_text, info_text

        if info:
            click.echo(info_text(experiment, info, overrides, config_dir))
        else:
            click.echo(config_text(experiment, overrides, config_dir, resolve=resolve, package=package))
        return
    if dry_run:
        _dry_run(experiment, overrides, config_dir, multirun=multirun)
        return
    train = _jobs if multirun else _once
    code, found = train(experiment, overrides, config_dir, fail_fast=fail_fast, report=report)
    if code:
        sys.exit(code)
    if report and found is not None:
        ctx.invoke(write_report, experiment=experiment, config_dir=config_dir, **found)


def _once(
    experiment: str, overrides: tuple[str, ...], config_dir: str | None, *, fail_fast: bool, report: bool
) -> tuple[int, dict[str, Any] | None]:
    """Run the experiment and print its table: the exit code, and what a report is about; None after a trial run."""
    from seedbed.config.experiment import load_experiments

    loaded = load_experiments(experiment, overrides, config_dir)  # before what trains is imported, which takes seconds
    from seedbed.training.progress import Display

    with Display() as display:
        with display.doing(STARTING):
            from seedbed.results import Results
            from seedbed.running.benchmark import run_experiments
        outcome = run_experiments(loaded, display, for_report=report, fail_fast=fail_fast)
    where = as_typed(experiment, config_dir)
    if outcome.launch:  # a trial run records nothing
        click.echo(outcome.text())
        click.echo(_next_steps(where, report=report and not outcome.failures), err=True)
    if outcome.failures:
        _show_failures(outcome, where)
        if report:
            click.echo(f"No report is written, as something failed. Of what did not: seedbed report {where}", err=True)
        return 1, None
    read = outcome.results if isinstance(outcome.results, Results) else None
    return 0, {"run_id": outcome.launch, "read": read} if outcome.launch else None


def _jobs(
    experiment: str, overrides: tuple[str, ...], config_dir: str | None, *, fail_fast: bool, report: bool
) -> tuple[int, dict[str, Any]]:
    """Run a job for each combination of values, or a search: the exit code, and which report is about it."""
    from seedbed.config.folders import check_name

    check_name(experiment, config_dir)
    from seedbed.running.multirun import is_search, run_jobs

    if is_search(experiment, overrides, config_dir):
        from seedbed.search.processes import search_by_processes

        if fail_fast:
            raise ConfigError("--fail-fast: trials of a search that fail are recorded, and others go on. Leave it out.")
        show_search(experiment, search_by_processes(experiment, overrides, config_dir), config_dir)
        return 0, {"of_search": True}
    code = run_jobs(experiment, overrides, config_dir, fail_fast=fail_fast)
    click.echo(_next_steps(as_typed(experiment, config_dir), report=report and not code), err=True)
    return code, {}


def _next_steps(typed: str, *, report: bool) -> str:
    """What to type next, where no ``report`` is on its way."""
    to_report = "" if report else f"Report: seedbed report {typed}    "
    return f"\n{to_report}Tracked runs: seedbed ui {typed}"


def _dry_run(experiment: str, overrides: tuple[str, ...], config_dir: str | None, *, multirun: bool) -> None:
    from seedbed.config.folders import check_name

    check_name(experiment, config_dir)
    if multirun:
        from seedbed.cli.dry_run import texts_of_jobs

        for text in texts_of_jobs(experiment, overrides, config_dir):
            click.echo(text)
        return
    from seedbed.config.experiment import load_experiments

    loaded = load_experiments(experiment, overrides, config_dir)
    from seedbed.cli.dry_run import dry_run_text
    from seedbed.running.dry_run import dry_run_of
    from seedbed.training.progress import Display

    click.echo(dry_run_text(dry_run_of(loaded, Display())))


def _refuse_together(
    *,
    multirun: bool,
    report: bool,
    dry_run: bool,
    cfg: str | None,
    resolve: bool,
    package: str | None,
    info: str | None,
) -> None:
    """Raise ``ConfigError`` for options that do not go together."""
    asked = [name for name, given in (("--dry-run", dry_run), ("--cfg", cfg), ("--info", info)) if given]
    if len(asked) > 1:
        raise ConfigError(f"{' and '.join(asked)} are answered one at a time. Give one of them.")
    if report and asked:
        raise ConfigError(f"{asked[0]} trains nothing that could be reported. Leave --report out.")
    if multirun and (cfg or info):
        raise ConfigError(f"{asked[0]} shows the config of one job. Leave -m out, and give each key one value.")
    if (resolve or package) and not cfg:
        raise ConfigError(f"--{'resolve' if resolve else 'package'} is for --cfg. Add --cfg job.")


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
