"""What the trained seeds of an experiment recommend, and how far they agree about it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seedbed.data.files.records import Reading, open_records
from seedbed.data.names import Names
from seedbed.data.numbers import number
from seedbed.data.ratings import RatingTable
from seedbed.data.text_forms import seen
from seedbed.errors import ConfigError, DataError, near_misses
from seedbed.models.fold_in import RIDGE, factor_model, is_factor_model, matrix_model, mean_vector, vector_of
from seedbed.models.matrix import MatrixFactorization
from seedbed.report.formatting import mean_text, places
from seedbed.serving.building import recommender_of
from seedbed.trained.loading import TrainedRecommender, seed_or_seeds
from seedbed.trained.rankings import Ranked, most_alike, nearest, top
from seedbed.trained.seed import TrainedSeed

ITEM_COLUMNS = ("item", "title")


def for_user(trained: TrainedRecommender, user: str, k: int) -> str:
    """A table of the k items with the highest mean prediction among those that the user has not rated in the file.

    As a served model does, it answers for a user who is not in the data as for anyone, and says so.
    """
    _refuse_held_out(trained, ("user", "item"), "--user")
    recommender = recommender_of(trained)
    answer = recommender.for_user_of_name(user, k, "--user")
    title = f"For user {answer.name}, without the {answer.seen} items that this user has rated."
    if not answer.known:
        title = (
            f"{trained.table.name} has no user {answer.name!r}, {near_misses(user, recommender.users.names)} This is the "
            "mean of what each seed says for those that it has trained on."
        )
    elif answer.cold_start:
        title += " No seed has trained on this user: this is the mean of what it says for those that it has."
    return _text(trained, title, "prediction" if trained.task.PREDICTS_RATINGS else "score", answer.ranked, k)


MEASURES = {"cosine": (nearest, "cosine similarity"), "dot": (most_alike, "dot product / own")}
"""How alike two items are: the ranking, and what its scores are called."""


def similar(trained: TrainedRecommender, item: str, k: int, by: str = "cosine") -> str:
    """A table of the k items whose factors are most alike those of ``item``, by the mean of a measure of ``MEASURES``."""
    _refuse_held_out(trained, ("item",), "--similar-to")
    ranking, score = MEASURES[by]
    answer = recommender_of(trained).similar_to_name(item, k, "--similar-to", ranking)
    return _text(trained, f"Most similar to {answer.name}.", score, answer.ranked, k)


def for_newcomer(trained: TrainedRecommender, path: Path, k: int, ridge: float = RIDGE) -> str:
    """A table of the k items with the highest mean prediction for a new user, without those that ``path`` rates.

    In each seed the user's vector is a ridge regression of the ratings, drawn towards the mean of the users that the
    seed has trained on: see ``seedbed.models.fold_in.fold_in``. An item that a seed has not trained on tells it nothing. The
    file has a column of items, by the names in the data, and one of ratings, with or without a header line (item or
    title, rating). A network that was trained on a whole matrix, in which a missing rating counts as 0 (``task.cells=all``),
    is told so of the other items too. Raises ``ConfigError`` for a network that is no factor model of ratings, and
    ``DataError`` for such a file.
    """
    _refuse_held_out(trained, ("item",), "--ratings")
    _refuse_unfit(trained)
    given = _read_ratings(path, trained.table)
    predictions = np.stack([_predictions_for(trained, seed, given, ridge) for seed in trained.seeds])
    seen = np.zeros(trained.table.item_rows, dtype=bool)
    seen[given.items] = True
    count = f"{len(given.items)} {'rating' if len(given.items) == 1 else 'ratings'}"
    title = f"For a new user, by the {count} of {path}, without the items that are rated there."
    if trained.counts_missing_as_zero:
        title += " A missing rating counts as 0, as in training."
    return _text(trained, title, "prediction", top(predictions, seen[1:], k), k)


@dataclass(frozen=True)
class GivenRatings:
    """The ratings of a new user: the rows of n items in the vocabulary, (n,), and their ratings, (n,)."""

    items: NDArray[np.intp]
    ratings: NDArray[np.float64]


def _predictions_for(
    trained: TrainedRecommender, seed: TrainedSeed, given: GivenRatings, ridge: float
) -> NDArray[np.float64]:
    """(I,): what a new user of these ratings would give to each item."""
    table, train = trained.table, trained.rows(seed.seed).train
    network = seed.network
    model = matrix_model(network) if isinstance(network, MatrixFactorization) else factor_model(network)
    start = mean_vector(model.vectors[np.unique(table.users[train])])
    told = _whole_row(given, table) if trained.counts_missing_as_zero else _of_items(given, table.items[train])
    vector = vector_of(model, told.items, told.ratings, start, ridge)
    return model.ratings(vector, seed.items[1:].numpy())


def _of_items(given: GivenRatings, items: NDArray[np.integer]) -> GivenRatings:
    tells = np.isin(given.items, items)
    return GivenRatings(given.items[tells], given.ratings[tells])


def _whole_row(given: GivenRatings, table: RatingTable) -> GivenRatings:
    """A rating of every item: 0 where none is given."""
    ratings = np.zeros(table.item_rows)
    ratings[given.items] = given.ratings
    items = np.arange(1, table.item_rows)
    return GivenRatings(items, ratings[items])


def _refuse_unfit(trained: TrainedRecommender) -> None:
    """Raise ``ConfigError`` where no new user's factors can be fitted to ratings."""
    if not trained.task.PREDICTS_RATINGS:
        raise ConfigError(
            f"--ratings: variant {trained.name!r} ranks items and predicts no ratings, so a new "
            "user cannot be fitted to ratings. Ask for items like one that they like, with --similar-to, or name an "
            "experiment that predicts ratings, such as fastai_collab."
        )
    if not all(
        is_factor_model(seed.network) or isinstance(seed.network, MatrixFactorization) for seed in trained.seeds
    ):
        raise ConfigError(
            f"--ratings: the network of variant {trained.name!r} ({trained.config['model'].get('_target_')}) has no factors "
            "that a new user's could be fitted to. Name a variant of model=dot_product or model=matrix_factorization with "
            "--variant, in this or another experiment."
        )


def _read_ratings(path: Path, table: RatingTable) -> GivenRatings:
    """The ratings of a file, each checked; raises ``DataError``."""
    records = open_records(path, Reading(header=False, bad_lines="drop"))
    if records.dropped:
        raise DataError(
            f"--ratings {path}: {'; '.join(records.found.dropped_sentences())}. Fix the file: every line has as many fields as "
            "the first one, and a title with a comma stands in quotes."
        )
    columns = records.strings(range(len(records.columns)))
    names = [column[0].strip().casefold() for column in columns]
    if "rating" in names:  # a header line
        item = next((names.index(name) for name in ITEM_COLUMNS if name in names), None)
        rating, first = names.index("rating"), 1
    else:
        item, rating, first = (0, 1, 0) if len(columns) == 2 else (None, 1, 0)
    if item is None:
        raise DataError(
            f"--ratings {path}: its first line is {', '.join(repr(column[0]) for column in columns)}. Give two columns, "
            "items and ratings, or a header line that names them item (or title) and rating; a title with a comma stands "
            "in quotes."
        )
    rows: dict[int, float] = {}
    names_of_items = Names(table.item_names)
    for at, (name, value) in enumerate(zip(columns[item][first:], columns[rating][first:], strict=True), 1):
        place = f"--ratings {path}, rating {at}:"
        row = names_of_items.row(name.strip(), place, f"{table.name} has no item of that name")
        if row in rows:
            raise DataError(f"{place} {table.item_names[row - 1]!r} is rated twice. Leave one of the two out.")
        rows[row] = _rating(value, table, place)
    if not rows:
        raise DataError(f"--ratings {path}: there are no ratings below its header line. Give at least one.")
    return GivenRatings(np.array(list(rows), dtype=np.intp), np.array(list(rows.values())))


def _rating(value: str, table: RatingTable, place: str) -> float:
    low, high = table.rating_range
    rating = number(seen(value))
    if rating is None or not low <= rating <= high:
        raise DataError(f"{place} {value!r} is not a rating from {low:g} to {high:g}, as {table.name} has them.")
    return rating


def _refuse_held_out(trained: TrainedRecommender, sides: Collection[str], option: str) -> None:
    """Raise ``ConfigError`` where ``option`` asks about sides of which every seed holds some out: it has learned nothing of them."""
    if not (held_out := [side for side in trained.held_out if side in sides]):
        return
    remedy = "Ask with --ratings, or name" if (option, held_out) == ("--user", ["user"]) else "Name"
    raise ConfigError(
        f"{option}: every seed of variant {trained.name!r} holds out some {' and '.join(f'{side}s' for side in held_out)}, "
        f"and has learned nothing of them. {remedy} another experiment, such as fastai_collab."
    )


def _text(trained: TrainedRecommender, title: str, score: str, ranked: Sequence[Ranked], k: int) -> str:
    if not ranked:
        return f"{trained.about}\n{title}\n\nNo item is left."
    decimals, seeds = places(row.score for row in ranked), len(trained.seeds)
    header = ("rank", "item", f"{score} ± std", f"in the top {k} of")
    rows = [
        (
            str(rank),
            trained.table.item_names[row.item],
            mean_text(row.score, decimals),
            f"{row.seeds} of {seeds} {seed_or_seeds(seeds)}",
        )
        for rank, row in enumerate(ranked, 1)
    ]
    width_of_items, width_of_scores = (max(len(row[column]) for row in [header, *rows]) for column in (1, 2))

    def line(rank: str, item: str, value: str, agreement: str) -> str:
        return f"{rank:>4}  {item:<{width_of_items}}  {value:<{width_of_scores}}  {agreement}"

    lines = list(starmap(line, [header, *rows]))
    return "\n".join([trained.about, title, "", lines[0], "-" * max(map(len, lines)), *lines[1:]])
