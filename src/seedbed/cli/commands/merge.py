"""``seedbed merge``: brings home what was tracked in another store."""

from __future__ import annotations

import click

from seedbed.cli.options import WithExamples, config_dir_option, debug_option


@click.command(
    cls=WithExamples,
    examples="""
    seedbed merge /media/stick/project             the store in a project folder that was copied from another machine
    seedbed merge ../other/mlflow.db
    MLFLOW_TRACKING_URI=https://team.example seedbed merge .     from the folder's own store to the team's server
    """,
)
@click.argument("store", metavar="OTHER_STORE")
@config_dir_option
@debug_option
def merge(store: str, config_dir: str | None) -> None:
    """Copy into this project's store what OTHER_STORE has tracked and this project has not.

    OTHER_STORE is a project folder, its mlflow.db (mlartifacts/ beside it holds the files), or the address of a tracking
    server or database. Launches (one 'seedbed run' each), searches and cells (one variant under one seed each) are copied
    with their files, except cells that have finished here too with the same recipe, data and code. Type the same command
    again after an interruption, or when there is more to copy. OTHER_STORE is not changed.
    """
    from seedbed.config.folders import experiment_names
    from seedbed.paths import project_folder
    from seedbed.tracking.merging import merge as merge_stores
    from seedbed.tracking.merging import other_store, said_of
    from seedbed.training.progress import Display

    project = project_folder(config_dir)
    uri, of = other_store(store, project)
    display = Display()
    with display, display.doing("Copying the records") as progress:
        merged = merge_stores(uri, of, project, progress)
    for line in said_of(merged, experiment_names(config_dir), project):
        click.echo(line)
