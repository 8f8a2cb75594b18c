"""``seedbed recommend``: asks trained seeds for items."""

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
    variant_option,
)
from seedbed.errors import ConfigError


@click.command(
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
@click.option("--user", help="The user to recommend items to, by their name or number in the data.")
@click.option("--similar-to", metavar="TITLE", help="The item to find similar items for.")
@click.option(
    "--ratings",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of items and ratings by someone who is not in the data, to recommend items to them.",
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
@data_set_option
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
    data_set: str | None,
    config_dir: str | None,
) -> None:
    """Recommend items with the trained seeds of EXPERIMENT, which must be about ratings, and say how far they agree.

    With --user: of the items that the user has not rated, those with the highest mean prediction. With --similar-to: the
    items whose factors are most like those of TITLE. With --ratings: items for a new user, of whom only these ratings are
    known. Each item is shown with its spread over the seeds, and with how many of the seeds list it on their own.
    """
    if sum(given is not None for given in (user, similar_to, ratings)) != 1:
        raise ConfigError("--user, --similar-to or --ratings: give one of the three, such as --user 42.")
    if by is not None and similar_to is None:
        raise ConfigError(f"--by {by}: it is about items, so it goes with --similar-to.")
    from seedbed.training.progress import Display

    with Display() as display, display.doing("Loading the trained seeds"):
        from seedbed.cli.recommend import for_newcomer, for_user, similar
        from seedbed.trained.loading import load_recommender

        trained = load_recommender(experiment, variant, run_id, config_dir, data_set=data_set)
    if ratings is not None:
        click.echo(for_newcomer(trained, ratings, count))
    elif user is not None:
        click.echo(for_user(trained, user, count))
    else:
        click.echo(similar(trained, str(similar_to), count, by or "cosine"))
