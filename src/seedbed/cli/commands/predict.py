"""``seedbed predict``: asks trained seeds for the class, or the number, of new texts or rows."""

from __future__ import annotations

from pathlib import Path

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
    seedbed predict spam_imbalance --text 'WINNER!! Claim your free prize now' --text 'Home for lunch?'
    seedbed predict spam_imbalance --variant smote --file messages.txt       one text per line
    seedbed predict text_imbalance --threshold 0.23 --file new.txt           spam from a probability of 0.23 on
    seedbed predict feature_imbalance --file patients.csv                    columns as in training, by their names
    seedbed predict feature_regression --file houses.csv                     the number that each seed predicts
    seedbed predict text_imbalance --file new.csv data.delimiter=semicolon   like the training table, with another delimiter
    """,
)
@click.argument("experiment", shell_complete=completion.experiments)
@click.argument("overrides", nargs=-1)
@click.option("--text", "texts", multiple=True, help="A text; may be given several times.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Texts, one per line; or a table with the columns used in training.",
)
@variant_option
@run_option
@data_set_option
@seed_option
@threshold_option
@config_dir_option
@debug_option
def predict(
    experiment: str,
    overrides: tuple[str, ...],
    texts: tuple[str, ...],
    file: Path | None,
    variant: str | None,
    run_id: str | None,
    data_set: str | None,
    seed: int | None,
    threshold: float | None,
    config_dir: str | None,
) -> None:
    """Predict the class, or the number, of new texts or rows with the trained seeds of EXPERIMENT, and say how far they agree.

    Probabilities and numbers are means over the seeds, and --threshold is compared with the mean probability. The answers
    are the same as those of the exported model (seedbed export). A table is read as the training table was; OVERRIDES say
    what differs: data.encoding, data.delimiter, data.text, ...
    """
    from seedbed.training.progress import Display

    with Display() as display:
        with display.doing("Loading the trained seeds"):
            from seedbed.cli.predict import FileOptions, prediction_text, questions_of
            from seedbed.serving.building import row_predictor_of
            from seedbed.trained.loading import find_variant

            trained = find_variant(experiment, variant, run_id, config_dir, data_set=data_set)
            predictor = row_predictor_of(trained, seed, threshold)
        options = FileOptions.of(trained.config["data"], overrides)
        with display.doing("Reading the questions"):
            questions = questions_of(predictor, texts, file, options, say=display.say)
        with display.doing("Asking the trained seeds"):
            answers = prediction_text(predictor, questions)
    click.echo(answers)
