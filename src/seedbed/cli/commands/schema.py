"""``seedbed schema``: what an editor needs to complete, explain and underline keys of YAML files."""

from __future__ import annotations

from pathlib import Path

import click

from seedbed.cli import completion
from seedbed.cli.options import WithExamples, config_dir_option, debug_option
from seedbed.errors import ConfigError, near_misses


@click.command(
    cls=WithExamples,
    examples="""
    seedbed schema --config-dir mine --output mine/.schema     of experiments and all groups, with your own choices
    seedbed schema                                             of experiments
    seedbed schema model                                       of the files in model/
    """,
)
@click.argument("group", default="experiments", shell_complete=completion.groups)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    shell_complete=completion.folders,
    help="Folder to write the schemas of experiments and of all groups to; prints the line by which a file refers to its schema.",
)
@config_dir_option
@debug_option
def schema(group: str, output: Path | None, config_dir: str | None) -> None:
    """Print the JSON Schema of experiment files, or of the files of a config GROUP.

    With it, an editor that has the YAML language server (VS Code with the extension YAML, Neovim, Emacs, ...) completes keys
    and choices, says what they mean, and underlines misspellings and values of the wrong kind. A value that others refer to
    as ${_name} may have any name that begins with _. When you have changed your own groups, write the files again.
    """
    from seedbed.config.schema.files import as_text, file_of, modeline, schemas
    from seedbed.paths import config_groups, expanded, project_folder
    from seedbed.report.files import check_writable, write_files

    groups = config_groups([] if config_dir is None else [expanded(config_dir)])
    groups.setdefault("experiments", set())
    if group not in groups:
        raise ConfigError(f"{group}: there is no such config group, {near_misses(group, groups)}")
    if output is None:
        click.echo(as_text(schemas(config_dir)[file_of(group)]), nl=False)
        return
    check_writable(output, "--output")
    write_files(output, {name: as_text(each) for name, each in schemas(config_dir).items()}, "--output")
    folder = project_folder(config_dir)
    click.echo("At the top of a file, below '# @package _global_' where it has that line:")
    for name in ["experiments", *sorted(groups.keys() - {"experiments"})]:
        click.echo(f"{f'{name}/*.yaml':<22}  {modeline(folder, name, output.resolve())}")
