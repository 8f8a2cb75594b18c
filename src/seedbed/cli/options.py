"""What commands share: examples in their help, errors as one paragraph, and options that several take."""

from __future__ import annotations

import gc
import os
import shlex
from collections.abc import Callable
from typing import Any

import click

from seedbed.cli import completion
from seedbed.errors import SeedbedError
from seedbed.signals import ended_by


class WithExamples(click.Command):
    """A command whose help ends in examples that can be typed as they stand."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if not any(parameter.name == "overrides" for parameter in self.params):
                raise
            typed = f"Settings are typed without dashes, as {error.option_name.lstrip('-')}=VALUE."
            raise click.NoSuchOption(
                error.option_name, f"{error.message} {typed}", error.possibilities, error.ctx
            ) from None

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            for line in self.examples.strip().splitlines():
                formatter.write(f"{'':{formatter.current_indent}}{line.strip()}\n")


STARTING = "Loading PyTorch and Lightning"
"""What is shown while what trains is imported, which takes seconds."""
WHAT_IS_KEPT = "Finished cells and trials are kept: type the same command again to go on from there."


class Commands(WithExamples, click.Group):
    """Answers an error that a user can mend with one paragraph and exit code 2, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SeedbedError as error:
            if os.environ.get("SEEDBED_DEBUG"):
                raise
            click.echo(f"seedbed: {error}", err=True)
            ctx.exit(2)
        except KeyboardInterrupt:
            click.echo(f"seedbed: interrupted. {WHAT_IS_KEPT}", err=True)
            ctx.exit(130)
        except SystemExit as error:
            if name := ended_by(error.code):
                click.echo(f"seedbed: ended by {name}. {WHAT_IS_KEPT}", err=True)
            raise


config_dir_option = click.option(
    "--config-dir",
    type=click.Path(),
    shell_complete=completion.folders,
    help="Folder of your own experiments/ and config groups; runs and reports go there too.",
)

metric_option = click.option(
    "--metric", shell_complete=completion.metrics, help="The metric to compare by; default: the experiment's."
)
baseline_option = click.option(
    "--baseline",
    shell_complete=completion.variants,
    help="The variant that others are compared with; default: the experiment's.",
)

variant_option = click.option(
    "--variant",
    shell_complete=completion.variants,
    help="The variant to use; default: the best by the experiment's metric.",
)
run_option = click.option(
    "--run",
    "run_id",
    help="The launch (one 'seedbed run') to use, by its id or the start of its id; default: the latest.",
)
data_set_option = click.option(
    "--data-set",
    shell_complete=completion.listed_data_sets,
    help="Which data set to use, if the launch is over several.",
)
threshold_option = click.option(
    "--threshold",
    type=float,
    metavar="PROBABILITY",
    help="With two classes, the probability from which a row is labelled as the rarer one; default: above 0.5, or what imbalance.after=threshold has tuned.",
)
seed_option = click.option("--seed", type=click.IntRange(0), help="Use this seed alone; default: all together.")


def debug_option(command: Callable[..., Any]) -> Callable[..., Any]:
    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            os.environ["SEEDBED_DEBUG"] = "1"

    return click.option(
        "--debug", is_flag=True, expose_value=False, callback=remember, help="Show the traceback of an error."
    )(command)


def ends_soon() -> None:
    """Have Python look for no garbage in this process, which ends in seconds: during imports that takes a fifth of the time."""
    gc.disable()


def as_typed(experiment: str, config_dir: str | None) -> str:
    """The experiment and its ``--config-dir`` as one types them after a command."""
    return shlex.join([experiment, *(["--config-dir", config_dir] if config_dir else [])])
