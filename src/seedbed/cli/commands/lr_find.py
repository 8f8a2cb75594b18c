"""``seedbed lr-find``: learning-rate range tests of an experiment's variants."""

from __future__ import annotations

from pathlib import Path

import click

from seedbed.cli import completion
from seedbed.cli.options import STARTING, WithExamples, as_typed, config_dir_option, debug_option

DEFAULT_PLOT = "-"
"""What --plot gets that is given without a name."""


@click.command(
    "lr-find",
    cls=WithExamples,
    examples="""
    seedbed lr-find spam_imbalance variant=none seeds=5
    seedbed lr-find fastai_collab variant=dot_product_bias lr_finder.max_lr=10 --plot collab.png
    seedbed lr-find spam_imbalance optimizer=sgd lr_finder.steps=300 --plot
    """,
)
@click.argument("experiment", shell_complete=completion.experiments)
@click.argument("overrides", nargs=-1, shell_complete=completion.overrides)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    is_flag=False,
    flag_value=DEFAULT_PLOT,
    help="PNG or SVG file to draw into, with a CSV table beside it; without a name, EXPERIMENT_lr_find.png.",
)
@config_dir_option
@debug_option
def lr_find(experiment: str, overrides: tuple[str, ...], plot: Path | None, config_dir: str | None) -> None:
    """Find learning rates for EXPERIMENT by range tests: a step at each of many rising rates, all seeds at once.

    For each variant: the rates that three rules suggest, with their spread over the seeds, and where seeds diverge. The
    settings are lr_finder.min_lr, max_lr, steps, spacing, smoothing, stop_at and rule; OVERRIDES are those of seedbed run.
    Nothing else is trained or changed. Curves and picture go to MLflow, experiment EXPERIMENT.lr_find.
    """
    from seedbed.config.experiment import load_experiment

    loaded = load_experiment(experiment, overrides, config_dir)  # before what trains is imported, which takes seconds
    from seedbed.report.files import check_writable
    from seedbed.training.progress import Display

    display = Display()
    with display, display.doing(STARTING):
        from seedbed.running.lr_find import find_rates, picture_kind
    if plot is not None:
        plot = Path(f"{experiment}_lr_find.png") if str(plot) == DEFAULT_PLOT else plot
        picture_kind(plot)
        check_writable(plot.parent, "--plot")
    rates = find_rates(loaded, display)
    click.echo(rates)
    where = as_typed(f"{experiment}.lr_find", config_dir)
    click.echo(f"\nTracked curves: seedbed ui {where}", err=True)
    if plot is not None:
        picture, table = rates.write(plot)
        click.echo(f"Picture: {picture}    Table: {table}", err=True)
