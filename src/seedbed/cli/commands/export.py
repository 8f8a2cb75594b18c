"""``seedbed export``: makes an MLflow model of trained seeds."""

from __future__ import annotations

from typing import Any

import click

from seedbed.cli import completion
from seedbed.cli.options import (
    WithExamples,
    config_dir_option,
    data_set_option,
    debug_option,
    run_option,
    seed_option,
    threshold_option,
    variant_option,
)


@click.command(
    cls=WithExamples,
    examples="""
    seedbed export fastai_collab                             the best variant, all its seeds
    seedbed export spam_imbalance --variant smote --seed 3   one seed alone
    seedbed export spam_imbalance --threshold 0.23           labels by this threshold
    seedbed export fastai_collab --index faiss               for many items: pip install 'seedbed[faiss]'
    seedbed export fastai_collab --register movies           a new version in MLflow's model registry
    """,
)
@click.argument("experiment", shell_complete=completion.experiments)
@variant_option
@run_option
@data_set_option
@seed_option
@threshold_option
@click.option(
    "--index",
    default="exact",
    metavar="exact|faiss",
    show_default=True,
    help="exact scores all items; faiss scores those that an approximate index finds (dot products only).",
)
@click.option("--register", metavar="NAME", help="Add the model to MLflow's model registry under this name.")
@config_dir_option
@debug_option
def export(
    experiment: str,
    variant: str | None,
    run_id: str | None,
    data_set: str | None,
    seed: int | None,
    threshold: float | None,
    index: str,
    register: str | None,
    config_dir: str | None,
) -> None:
    """Make an MLflow model of the trained seeds of EXPERIMENT, and say how to serve it.

    The model answers with the mean over all seeds, and with their spread as a column. It contains the vocabulary, encoder,
    index and seedbed's code; weights are stored as safetensors, estimators as skops files, and nothing is pickled.
    """
    from seedbed.training.progress import Display

    asked: dict[str, Any] = {"threshold": threshold, "index": index, "register": register, "data_set": data_set}
    with Display() as display, display.doing("Making the model"):
        from seedbed.serving.export import export as export_model

        exported = export_model(experiment, variant, run_id, seed, config_dir=config_dir, **asked)
    click.echo(exported)
