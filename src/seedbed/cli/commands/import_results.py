"""``seedbed import``: results that were trained elsewhere, to be compared and reported."""

from __future__ import annotations

from pathlib import Path

import click

from seedbed.cli.options import WithExamples, config_dir_option, debug_option


@click.command(
    "import",
    cls=WithExamples,
    examples="""
    seedbed import lit results.csv --metric test/rmse --good lower --baseline narrow --split redrawn --test-share 0.2
    seedbed import lit results.csv --variant-key model --seed-key run data.decimal=comma
    seedbed import lit --mlflow lit-runs --variant-key model --metric test_acc --good higher --split same
    seedbed report lit
    """,
)
@click.argument("experiment")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1)
@click.option(
    "--curves", type=click.Path(path_type=Path), help="Table of curves; default: curves.csv beside a results.csv."
)
@click.option("--mlflow", metavar="EXPERIMENT", help="Import the runs of this MLflow experiment instead of a file.")
@click.option("--tracking-uri", metavar="URI", help="The MLflow store of these runs; default: the project's own.")
@click.option("--filter", "query", default="", help="Which of these runs, in MLflow's grammar: \"params.lr = '0.1'\".")
@click.option(
    "--variant-key",
    metavar="NAME",
    default="variant",
    show_default=True,
    help="The column, or MLflow's param or tag, that names the variant.",
)
@click.option(
    "--seed-key",
    metavar="NAME",
    default="seed",
    show_default=True,
    help="The column, or MLflow's param or tag, that numbers the seed.",
)
@click.option("--metric", help="The metric to compare by; can be left out if there is only one.")
@click.option("--baseline", help="The variant that others are compared with; default: all pairs.")
@click.option(
    "--good",
    multiple=True,
    metavar="lower|higher|none|NUMBER",
    help="Which values of the metric are good; of another metric: --good val/loss=lower. Default: no variant is called better.",
)
@click.option(
    "--split",
    type=click.Choice(["redrawn", "same"]),
    help="Whether every seed drew its own split, or all share one. Default: the test that claims the least.",
)
@click.option("--test-share", type=float, help="Share of the rows used for testing, if splits were redrawn.")
@click.option("--train-share", type=float, help="Share of the rows used for training; default: all others.")
@click.option("--question", default="", help="The question that the comparison answers, as the report shows it.")
@config_dir_option
@debug_option
def import_results(
    experiment: str,
    file: Path | None,
    overrides: tuple[str, ...],
    curves: Path | None,
    mlflow: str | None,
    tracking_uri: str | None,
    query: str,
    variant_key: str,
    seed_key: str,
    metric: str | None,
    baseline: str | None,
    good: tuple[str, ...],
    split: str | None,
    test_share: float | None,
    train_share: float | None,
    question: str,
    config_dir: str | None,
) -> None:
    """Import results that were trained elsewhere as EXPERIMENT, to compare and report them, marked as imported.

    FILE has one row per run, with the columns variant, seed and one for each metric (or metric and value, and a row for each
    value); OVERRIDES say how it is read: data.decimal=comma, data.delimiter=semicolon, ... Curves have a column epoch or
    step as well. Runs of two variants with the same seed are compared as a pair. Then report, power, diff, status and ui work
    on EXPERIMENT. Everything is checked before anything is written.
    """
    from seedbed.importing.recording import import_from
    from seedbed.importing.results import Statements
    from seedbed.importing.runs import Keys
    from seedbed.report.printed import table_text
    from seedbed.training.progress import Display

    results = import_from(
        experiment,
        file,
        Statements(metric, baseline, _good(good), split, test_share, train_share, question),
        curves=curves,
        overrides=overrides,
        mlflow=mlflow,
        tracking_uri=tracking_uri,
        query=query,
        keys=Keys(variant_key, seed_key),
        config_dir=config_dir,
        display=Display(),
    )
    click.echo(table_text(results))


def _good(given: tuple[str, ...]) -> str | dict[str, str | float] | None:
    """What is said once of the metric, or of several by their names."""
    named = dict(text.rsplit("=", 1) for text in given if "=" in text)
    if not named:
        return given[-1] if given else None
    if len(named) < len(given):
        raise click.UsageError(
            "--good: name the metric each time, as in --good test/rmse=lower, or say it once of --metric."
        )
    return dict(named)
