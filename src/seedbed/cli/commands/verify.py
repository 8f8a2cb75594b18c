"""``seedbed verify``: trains cells again and compares them with their records, or measures what rounding makes of them."""

from __future__ import annotations

import sys

import click

from seedbed.cli import completion
from seedbed.cli.options import STARTING, WithExamples, config_dir_option, data_set_option, debug_option


def _number_or_all(ctx: click.Context, parameter: click.Parameter, value: str) -> int | None:
    """A whole number from 1 on, or None for ``all``."""
    if value == "all":
        return None
    if not value.isdecimal() or int(value) < 1:
        raise click.BadParameter(f"{value!r} is neither a whole number from 1 on nor 'all'.")
    return int(value)


@click.command(
    cls=WithExamples,
    examples="""
    seedbed verify spam_imbalance                         5 cells of the latest launch
    seedbed verify 3f2a91c0 --variant smote --cells all   of any launch, by its id or the start of it
    seedbed verify spam_imbalance~1 --tolerance 1e-4      of the launch before the latest
    seedbed verify imbalance_keel --data-set pima         of a launch over several data sets, on one of them
    seedbed verify fastai_collab --alone --cells 20       each seed alone: how far rounding moves its result
    """,
)
@click.argument("experiment", metavar="EXPERIMENT|LAUNCH", shell_complete=completion.experiments)
@click.option("--run", "run_id", help="A launch of EXPERIMENT, by its id or the start of it; default: the latest.")
@click.option(
    "--cells",
    callback=_number_or_all,
    default="5",
    metavar="NUMBER|all",
    show_default=True,
    help="How many cells: the first seed of each variant, then the second; data sets take turns.",
)
@click.option("--variant", help="Cells of this variant only.")
@data_set_option
@click.option(
    "--tolerance",
    type=float,
    help="How far a value may be off where results cannot be identical: relative for values above 1, absolute below. "
    "Default: twice what --alone has measured for the variant, and at least 0.001.",
)
@click.option(
    "--alone", is_flag=True, help="Train each seed alone instead of in its stack, and measure the difference."
)
@config_dir_option
@debug_option
def verify(
    experiment: str,
    run_id: str | None,
    cells: int | None,
    variant: str | None,
    data_set: str | None,
    tolerance: float | None,
    alone: bool,
    config_dir: str | None,
) -> None:
    """Train some cells (one variant under one seed each) again as recorded, and compare every value with the record.

    Each is trained in a new process from its recorded config, in a stack (seeds trained together) of the same seeds. On a
    CPU with the same versions, hardware, threads and stack, values must be the same to the last bit. On a GPU, or if any of
    these differs, sums are rounded differently and training amplifies that: then values must agree within the tolerance.
    Nothing is written to the store. Exit code: 0 all repeat, 1 something differs, 2 bad input.

    With --alone nothing is judged: it measures how far a seed ends from its record when it is trained outside its stack.
    The result is recorded, and reports show it. If the launch is over several data sets, name one with --data-set. Exit
    code: 0, or 1 if training fails, 2 bad input.
    """
    from seedbed.training.progress import Display

    display = Display()
    with display, display.doing(STARTING):
        from seedbed.running.train_alone import measure_rounding
        from seedbed.running.verify import verify as train_again
    if alone:
        if tolerance is not None:
            raise click.UsageError(
                "--tolerance: --alone measures differences and judges none. Leave one of the two out."
            )
        measured = measure_rounding(
            experiment,
            run_id,
            cells=cells,
            variant=variant,
            data_set=data_set,
            config_dir=config_dir,
            display=display,
        )
        click.echo(measured)
        sys.exit(1 if measured.failures else 0)
    verification = train_again(
        experiment,
        run_id,
        cells=cells,
        variant=variant,
        data_set=data_set,
        tolerance=tolerance,
        config_dir=config_dir,
        display=display,
    )
    click.echo(verification)
    sys.exit(0 if verification.verified else 1)
