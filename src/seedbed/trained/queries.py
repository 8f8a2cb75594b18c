"""What an experiment asks its trained recommenders: which items are like one, and what they make of one user."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seedbed.data.names import Names
from seedbed.errors import ConfigError, near_misses
from seedbed.models.matrix import MatrixFactorization
from seedbed.statistics import Summary, summary
from seedbed.trained.loading import TrainedRecommender
from seedbed.trained.rankings import Ranked, best_first, most_alike, top
from seedbed.trained.seed import TrainedSeed

NAMED = {"similar_to": "item_names", "user": "user_names"}
"""What a report asks of data, and where a table of ratings has the names."""
LISTED = 10
HIGHEST = 5.0
"""Of the ratings that the rescaled rule gives."""
CELLS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class UserRating:
    """A rating of the user, and what the seeds predict there."""

    item: str
    given: float
    held_out: int
    """How many seeds did not train on it."""
    predicted: Summary
    rescaled: Summary | None


@dataclass(frozen=True)
class RescaledRatings:
    """What the rescaled rule gives over all users and items, read to one decimal."""

    reading: float
    """The most frequent one."""
    share: Summary
    """Percent of the cells that read so."""
    median: Summary
    """Of the cells, read likewise."""
    between_users: Summary
    """Percent of the variance over all cells that lies between users, and not between the items of one."""


@dataclass(frozen=True)
class PlacedItem:
    """An item among all items, those that the user has rated among them."""

    item: str
    rated: bool
    rank: Summary
    """From 1, over the seeds."""
    seeds: int
    """How many seeds have it among their own first items."""
    source: int | None
    """Its place, from 1, in the source's list."""


@dataclass(frozen=True)
class UserAnswers:
    """What the seeds make of one user."""

    user: str
    rated: int
    unseen: list[Ranked]
    """Items that the user has not rated, by their mean prediction."""
    own: list[UserRating]
    """The user's highest ratings; of equal ones, those that come first in the file. None where scores are no ratings."""
    rescaled: RescaledRatings | None
    first: list[PlacedItem]
    """Beside a list that the source gives for this user: our first items of all, and those of that list."""


@dataclass(frozen=True)
class QueryAnswers:
    """What the trained seeds answer; a part is None where the experiment does not ask for it."""

    similar_to: str | None
    similar: list[Ranked] | None
    """By the dot product of the factors, relative to the item's own; None too for a network without factors of items."""
    of_user: UserAnswers | None


def answer_queries(
    trained: TrainedRecommender, similar_to: str | None, user: str | None, source: Sequence[str] = ()
) -> QueryAnswers:
    """Answer ``report.similar_to`` and ``report.user``, to whom the source's model recommends the titles ``source``.

    Raises ``ConfigError`` for a name that the data do not have.
    """
    similar = None
    if similar_to is not None:
        item = _place(trained.table.item_names, similar_to, "report.similar_to")
        factors = [of_seed for seed in trained.seeds if (of_seed := seed.factors()) is not None]
        similar = most_alike(np.stack(factors), item, LISTED) if factors else None
    return QueryAnswers(similar_to, similar, None if user is None else _of_user(trained, user, source))


def foreign_names(table: Any, report: Mapping[str, Any], typed: Collection[str]) -> dict[str, Any]:
    """Find what ``report.user`` and ``report.similar_to`` of an experiment's file cannot mean in other data than its own.

    These are names that the data do not have, and the user where they are a file: the same number is somebody else there.
    What was ``typed`` is meant.
    """
    given = {key: report.get(key) for key in NAMED if report.get(key) is not None and f"report.{key}" not in typed}
    own_file = "data.path" in typed
    return {
        key: name
        for key, name in given.items()
        if (key == "user" and own_file) or str(name) not in getattr(table, NAMED[key], ())
    }


def check_names(table: Any, report: Mapping[str, Any]) -> None:
    """Raise ``ConfigError`` where ``report.similar_to`` or ``report.user`` is no name in the data."""
    for key, names in NAMED.items():
        if report.get(key) is not None:
            if not hasattr(table, names):
                raise ConfigError(
                    f"report.{key}={report[key]}: it is asked of ratings, and these data are none. Set it to null."
                )
            _place(getattr(table, names), str(report[key]), f"report.{key}")


def _place(names: Sequence[str], wanted: str, key: str) -> int:
    row = Names(names).find(wanted, key)
    if row is None:
        raise ConfigError(
            f"{key}={wanted!r}: the data has no such name, {near_misses(wanted, names)} Correct it or set it to "
            "null, and run the experiment again: what is trained stays."
        )
    return row - 1


def _of_user(trained: TrainedRecommender, name: str, source: Sequence[str]) -> UserAnswers:
    table = trained.table
    row = _place(table.user_names, name, "report.user") + 1
    rated = np.flatnonzero(table.users == row)
    seen = np.zeros(table.item_rows, dtype=bool)
    seen[table.items[rated]] = True
    predicted = np.stack([seed.predictions(row) for seed in trained.seeds])
    shown = rated[best_first(table.ratings[rated])[:LISTED]] if trained.task.PREDICTS_RATINGS else rated[:0]
    items = table.items[shown] - 1
    rescaled = [by_item for seed in trained.seeds if (by_item := _rescaled(seed, items)) is not None]
    of_row = np.stack(rescaled)[:, row - 1] if rescaled else None
    trains = np.stack([np.isin(shown, trained.rows(seed.seed).train) for seed in trained.seeds])
    own = [
        UserRating(
            item=table.item_names[item],
            given=float(table.ratings[shown[place]]),
            held_out=int((~trains[:, place]).sum()),
            predicted=summary(predicted[:, item]),
            rescaled=None if of_row is None else summary(of_row[:, place]),
        )
        for place, item in enumerate(items)
    ]
    unseen, of_all = top(predicted, seen[1:], LISTED), _all_cells(trained) if rescaled else None
    return UserAnswers(name, len(rated), unseen, own, of_all, _placed(predicted, table.item_names, seen[1:], source))


def _placed(
    scores: NDArray[np.floating], names: Sequence[str], rated: NDArray[np.bool_], source: Sequence[str]
) -> list[PlacedItem]:
    """Our first items of all, as many as the source lists, and the source's that are not among them, by our mean rank."""
    if not source:
        return []
    ranks = np.argsort(best_first(scores), axis=1) + 1
    ours = [row.item for row in top(scores, np.zeros_like(rated), len(source))]
    theirs = [names.index(title) for title in source if title in names]
    placed = [
        PlacedItem(
            item=names[item],
            rated=bool(rated[item]),
            rank=summary(ranks[:, item]),
            seeds=int((ranks[:, item] <= len(source)).sum()),
            source=source.index(names[item]) + 1 if names[item] in source else None,
        )
        for item in dict.fromkeys([*ours, *theirs])
    ]
    return sorted(placed, key=lambda row: row.rank.mean or 0.0)


def _rescaled(seed: TrainedSeed, items: NDArray[np.integer]) -> NDArray[np.floating] | None:
    """(U, J) for J columns of items, by a rule that has been published for this model; None for another network.

    The biases are taken off the product of the factors, and each item's column is brought to 0 .. 5 over the users.
    """
    if not isinstance(seed.network, MatrixFactorization):
        return None
    with torch.inference_mode():
        biased, ours = seed.network.sides()
        factors, item_bias = ours[items, :-2], ours[items, -1]
        raw = biased[:, :-2] @ factors.T - biased[:, -2:-1] - item_bias
        low, high = raw.amin(0), raw.amax(0)
        scaled: NDArray[np.floating] = (
            HIGHEST * (raw - low) / (high - low).clamp(min=torch.finfo(raw.dtype).tiny)
        ).numpy()
    return scaled


def _all_cells(trained: TrainedRecommender) -> RescaledRatings:
    distributions = [_distribution(seed, trained) for seed in trained.seeds]
    tenths = np.stack([of_seed for of_seed, _ in distributions])
    shares = 100 * tenths / tenths.sum(1, keepdims=True)
    most = int(tenths.sum(0).argmax())
    medians = (tenths.cumsum(1) * 2 >= tenths.sum(1, keepdims=True)).argmax(1) / 10
    return RescaledRatings(
        most / 10, summary(shares[:, most]), summary(medians), summary([share for _, share in distributions])
    )


def _distribution(seed: TrainedSeed, trained: TrainedRecommender) -> tuple[NDArray[np.intp], float]:
    """(51,): how many cells read 0.0, 0.1 ... 5.0; and percent of the cells' variance that lies between users."""
    readings = int(10 * HIGHEST) + 1
    counts = np.zeros(readings, dtype=np.intp)
    users, items_in_all = len(trained.table.user_names), len(trained.table.item_names)
    sums, squares = np.zeros(users), 0.0
    for items in _parts(items_in_all, users):
        scaled = _rescaled(seed, items)
        assert scaled is not None
        counts += np.bincount(np.rint(10 * scaled).astype(np.intp).ravel(), minlength=readings)
        sums += scaled.sum(1, dtype=np.float64)
        squares += float(np.square(scaled, dtype=np.float64).sum())
    means = sums / items_in_all
    variance = squares / (users * items_in_all) - means.mean() ** 2
    return counts, 100 * float(means.var() / variance) if variance > 0 else 0.0


def _parts(items: int, users: int) -> Iterator[NDArray[np.integer]]:
    width = max(1, CELLS_AT_ONCE // users)
    for start in range(0, items, width):
        yield np.arange(start, min(start + width, items))
