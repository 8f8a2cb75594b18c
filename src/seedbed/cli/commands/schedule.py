"""``seedbed schedule``: the learning rates of a schedule, without training."""

from __future__ import annotations

from pathlib import Path

import click

from seedbed.cli import completion
from seedbed.cli.options import WithExamples, config_dir_option, debug_option


@click.command(
    cls=WithExamples,
    examples="""
    seedbed schedule one_cycle
    seedbed schedule one_cycle optimizer.lr=5e-3 trainer.max_epochs=5 --steps-per-epoch 1250 --plot one_cycle.png
    seedbed schedule cosine_restarts schedule.cycle_len=2 trainer.max_epochs=6
    """,
)
@click.argument("name", shell_complete=completion.schedules)
@click.argument("overrides", nargs=-1)
@click.option(
    "--steps-per-epoch",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Training rows divided by the batch size.",
)
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="PNG file to draw all steps into.")
@config_dir_option
@debug_option
def schedule(
    name: str, overrides: tuple[str, ...], steps_per_epoch: int, plot: Path | None, config_dir: str | None
) -> None:
    """Show which learning rates, and momenta, schedule NAME gives, without training.

    OVERRIDES are those of seedbed run for the groups schedule, optimizer and trainer: schedule.div=10, optimizer.lr=0.1.
    """
    from seedbed.cli.schedule_preview import preview, table

    if plot:
        from seedbed.report.files import check_writable

        check_writable(plot.parent, "--plot")
    shown = preview(name, overrides, steps_per_epoch=steps_per_epoch, config_dir=config_dir)
    click.echo(table(shown))
    if plot:
        from seedbed.cli.schedule_picture import draw
        from seedbed.report.files import write_files

        write_files(plot.parent, {plot.name: draw(shown)}, "--plot")
        click.echo(f"\nPicture: {plot}", err=True)
