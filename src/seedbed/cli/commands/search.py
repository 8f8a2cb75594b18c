"""``seedbed search``: searches for better settings of a variant, and shows what came of it."""

from __future__ import annotations

import shlex
import sys
import time
from typing import TYPE_CHECKING

import click

from seedbed.cli import completion
from seedbed.cli.options import STARTING, WithExamples, config_dir_option, debug_option
from seedbed.errors import ConfigError

if TYPE_CHECKING:
    from seedbed.search.runner import SearchOutcome


@click.command(
    cls=WithExamples,
    examples="""
    seedbed search fastai_collab variant=dot_product_bias                        50 trials by TPE
    seedbed search fastai_collab variant=dot_product_bias search=random search.trials=100
    seedbed search spam_imbalance variant=smote 'optimizer.lr=tag(log,interval(1e-4,1e-2))' 'model.hidden=[64],[256,128]'
    seedbed search spam_imbalance variant=smote optimizer.lr=1e-4,1e-3,1e-2 search=grid search/pruner=median
    seedbed search --dashboard                                                   all studies in a browser
    """,
)
@click.argument("experiment", required=False, shell_complete=completion.experiments)
@click.argument("overrides", nargs=-1, shell_complete=completion.overrides)
@click.option(
    "--dashboard",
    is_flag=True,
    help="Only open optuna-dashboard on the project's studies (pip install optuna-dashboard).",
)
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Port of --dashboard.")
@config_dir_option
@debug_option
def search(
    experiment: str | None, overrides: tuple[str, ...], dashboard: bool, port: int, config_dir: str | None
) -> None:
    """Search for better settings of one variant of EXPERIMENT, and test the best of them once, on fresh seeds.

    The settings to search are those in search.params of the experiment, and any key typed with several values. Every trial
    trains all seeds and is judged by their mean on validation rows; if the experiment has no test rows, a tenth of each
    seed's training rows is held out to choose by. Type the same command again to continue a search that was stopped, or in
    several terminals or on several machines at once to share the work.

    search= tpe, random, grid, qmc, cma_es or gp; search/pruner= none, median or hyperband. search.first=[{key: value, ...}]
    lists points to try before any others; after search.seconds=600 no further trial starts. Exit code: 0 done, 1 no trial
    finished, 2 bad input.
    """
    if dashboard:
        from seedbed.search.dashboard import serve

        sys.exit(serve([text for text in (experiment or "", *overrides) if "=" in text], port, config_dir))
    if experiment is None:
        raise ConfigError("Name the experiment to search in, such as: seedbed search spam_imbalance variant=smote")
    began = time.time()
    from seedbed.config.folders import check_name

    check_name(experiment, config_dir)
    from seedbed.search.plan import read_plan

    plan = read_plan(experiment, overrides, config_dir)  # before what trains is imported, which takes seconds
    from seedbed.training.progress import Display

    with Display() as display:
        with display.doing(STARTING):
            from seedbed.search.runner import search_planned
        outcome = search_planned(plan, display, began=began)
    show_search(experiment, outcome, config_dir)


def show_search(experiment: str, outcome: SearchOutcome, config_dir: str | None) -> None:
    """Print what came of a search; exit code 1 where nothing did."""
    from seedbed.report.printed import search_text
    from seedbed.tracking.names import SEARCHES

    click.echo(search_text(outcome.search))
    if outcome.out_of_time:
        click.echo("No further trial was started, as search.seconds were over; the same command goes on.", err=True)
    if outcome.shared:
        click.echo("Another process is still at work on this study; the last one tests what they found.", err=True)
    if outcome.tested:
        click.echo(f"\nOn fresh seeds\n{outcome.tested.text()}")
    where = ["--config-dir", config_dir] if config_dir else []
    report = (
        f"Report: {shlex.join(['seedbed', 'report', experiment, '--search', *where])}    " if outcome.tested else ""
    )
    click.echo(f"\n{report}Trials: {shlex.join(['seedbed', 'ui', experiment + SEARCHES, *where])}", err=True)
    if not outcome.search.best or (outcome.tested and outcome.tested.failures):
        sys.exit(1)
