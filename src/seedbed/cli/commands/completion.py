"""``seedbed completion``: what lets a shell complete seedbed's words."""

from __future__ import annotations

import click

from seedbed.cli import completion
from seedbed.cli.options import WithExamples


@click.command(
    "completion",
    cls=WithExamples,
    examples="""
    seedbed completion bash >> ~/.bashrc
    seedbed completion zsh >> ~/.zshrc                                      below the line compinit in it
    seedbed completion fish > ~/.config/fish/completions/seedbed.fish
    """,
)
@click.argument("shell", type=click.Choice(completion.SHELLS))
@click.pass_context
def completion_script(ctx: click.Context, shell: str) -> None:
    """Print the code that lets SHELL complete experiments, overrides, variants and data sets when you press Tab.

    Add it to the file that your shell reads when it starts, as below, and open a new shell.
    """
    click.echo(completion.script(shell, ctx.find_root().command), nl=False)
