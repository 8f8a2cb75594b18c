"""What the seeds of a rating variant have learned, read off their weights, and how far they agree about it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from os import PathLike

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from seedbed.asked import Asked, answers
from seedbed.errors import SeedbedError
from seedbed.rankings import Ranked, best_first, directions, nearest
from seedbed.results import Results
from seedbed.statistics import Summary, summary
from seedbed.trained import TrainedVariant, load_variant

LISTED = 5
"""Titles in a list of the lowest or highest biases."""
NEIGHBOURS = 10
COMPARED, DRAWN = 1000, 50
"""So many of the most rated items enter the principal components, and so many of these are drawn by name."""
COMPONENTS = 3
SINGLE, GROUPS = 11, 10
"""Ratings of more different values than the first are put into so many groups of equal width."""


@dataclass(frozen=True)
class Components:
    """Principal components of the item factors of the most rated items."""

    compared: int
    """How many items."""
    items: NDArray[np.intp]
    """(D,): the most rated of them."""
    scores: NDArray[np.floating]
    """(D, C): where the first seed puts these."""
    explained: tuple[Summary, ...]
    """(C,): percent of the variance that each component holds, over the seeds."""
    agreement: tuple[Summary, ...]
    """(C,): absolute correlation of the items' scores with those of the first seed, over the other seeds."""
    shared_neighbours: Summary | None
    """How many of an item's ten nearest two seeds have in common, mean over the items; over all pairs of seeds."""


@dataclass(frozen=True)
class Predictions:
    """Predicted and actual ratings of the rows on which the seeds are evaluated, all seeds together."""

    side: str
    """"test" or "validation"."""
    actual: NDArray[np.floating]
    predicted: NDArray[np.floating]
    means: list[tuple[str, int, Summary]]
    """Actual rating, how many of it there are, and their mean prediction over the seeds."""


@dataclass(frozen=True)
class Learned:
    """Items are numbers into ``titles``; a list or part is empty or None where the network has nothing of its kind."""

    variant: str
    seeds: tuple[int, ...]
    titles: tuple[str, ...]
    ratings: NDArray[np.intp]
    """(I,): how many ratings each item has in the file."""
    biases: NDArray[np.floating] | None
    """(S, I)."""
    nearest: dict[str, list[Ranked]]
    """Title -> the items nearest to it."""
    components: Components | None
    predictions: Predictions | None
    """None where the scores are no ratings."""
    counts_missing: bool = False
    """Whether the variant was trained on what was not rated too, as 0."""
    asked: Asked | None = None


def learned_in(
    results: Results, run: str | None = None, config_dir: str | PathLike[str] | None = None
) -> Learned | str:
    """What the variant ``report.learned`` of a launch learned, or the best one where none is named or it was left out.

    A sentence where the weights or the ratings are not to be had. Raises ``ConfigError`` for an item or a user that the
    report asks for and the data does not have.
    """
    report = results.config.get("report") or {}
    variant = report.get("learned")
    try:
        trained = load_variant(results.experiment, variant if variant in results.variants else None, run, config_dir)
    except (SeedbedError, ImportError) as error:  # the report is about tracked numbers, and these are there
        return str(error)
    published = (results.config.get("published") or {}).get("learned") or []
    entries = [entry.get("nearest_to") or {} for entry in published if isinstance(entry, dict)]
    learned = what_was_learned(trained, [str(title) for entry in entries for title in entry])
    similar_to, user = (None if report.get(key) is None else str(report[key]) for key in ("similar_to", "user"))
    if similar_to is None and user is None:
        return learned
    lists = [entry.get("recommended_to") or {} for entry in published if isinstance(entry, dict)]
    titles = [
        str(title) for of_users in lists for name, found in of_users.items() if str(name) == user for title in found
    ]
    return replace(learned, asked=answers(trained, similar_to, user, titles))


def what_was_learned(trained: TrainedVariant, titles: Sequence[str] = ()) -> Learned:
    """Read biases, factors and predictions off the networks.

    Neighbours are given of those of ``titles`` that the data has, and of the most rated items besides.
    """
    table = trained.table
    ratings = np.bincount(table.items, minlength=table.item_rows)[1:]
    biases = [values for seed in trained.seeds if (values := seed.biases()) is not None]
    factors = [values for seed in trained.seeds if (values := seed.factors()) is not None]
    return Learned(
        variant=trained.name,
        seeds=tuple(seed.seed for seed in trained.seeds),
        titles=table.item_names,
        ratings=ratings,
        biases=np.stack(biases) if biases else None,
        nearest=_nearest(np.stack(factors), table.item_names, ratings, titles) if factors else {},
        components=_components(factors, ratings) if factors else None,
        predictions=_predictions(trained) if trained.predicts_ratings else None,
        counts_missing=trained.config["task"].get("cells") == "all",
    )


def extremes(biases: NDArray[np.floating], *, highest: bool, also: Collection[int] = ()) -> list[tuple[int, Ranked]]:
    """Rank, from 1, and item: the first five by the mean bias, lowest or highest first, and the items of ``also``.

    ``seeds`` counts the seeds in whose own list of five the item stands.
    """
    scores = (biases if highest else -biases).astype(np.float64)
    votes = np.bincount(best_first(scores)[:, :LISTED].ravel(), minlength=scores.shape[1])
    order = best_first(scores.mean(0))
    return [
        (rank, Ranked(int(item), summary(biases[:, item]), int(votes[item])))
        for rank, item in enumerate(order, 1)
        if rank <= LISTED or int(item) in also
    ]


def _nearest(
    factors: NDArray[np.floating], names: Sequence[str], ratings: NDArray[np.intp], titles: Sequence[str]
) -> dict[str, list[Ranked]]:
    asked = [names.index(title) for title in titles if title in names]
    most_rated = [int(item) for item in best_first(ratings)[:LISTED] if item not in asked]
    return {names[item]: nearest(factors, item, 1) for item in [*asked, *most_rated]}


def _components(factors: Sequence[NDArray[np.floating]], ratings: NDArray[np.intp]) -> Components | None:
    compared = best_first(ratings)[:COMPARED]
    points = [of_seed[compared].astype(np.float64) for of_seed in factors]
    if len(compared) <= COMPONENTS or points[0].shape[1] < COMPONENTS or min(of_seed.std() for of_seed in points) == 0:
        return None
    fitted = [PCA(COMPONENTS, svd_solver="full").fit(of_seed) for of_seed in points]
    scores = [pca.transform(of_seed) for pca, of_seed in zip(fitted, points, strict=True)]
    first, *others = scores
    return Components(
        compared=len(compared),
        items=compared[:DRAWN],
        scores=first[:DRAWN],
        explained=tuple(summary([100 * pca.explained_variance_ratio_[c] for pca in fitted]) for c in range(COMPONENTS)),
        agreement=tuple(
            summary([abs(float(np.corrcoef(first[:, c], other[:, c])[0, 1])) for other in others])
            for c in range(COMPONENTS)
        ),
        shared_neighbours=_shared_neighbours(points),
    )


def _shared_neighbours(factors: Sequence[NDArray[np.float64]]) -> Summary | None:
    items = len(factors[0])
    if len(factors) < 2 or items <= NEIGHBOURS:
        return None
    near = []
    for of_seed in factors:
        unit = directions(of_seed)
        similarity = unit @ unit.T
        np.fill_diagonal(similarity, -np.inf)
        marks = np.zeros((items, items), dtype=bool)
        np.put_along_axis(marks, best_first(similarity)[:, :NEIGHBOURS], True, axis=1)
        near.append(marks)
    return summary([float((one & other).sum(1).mean()) for one, other in combinations(near, 2)])


def _predictions(trained: TrainedVariant) -> Predictions:
    table, actual, predicted, side = trained.table, [], [], "validation"
    for seed in trained.seeds:
        rows = trained.rows(seed.seed)
        side, evaluated = ("test", rows.test) if len(rows.test) else ("validation", rows.val)
        actual.append(table.ratings[evaluated])
        predicted.append(seed.predictions_of(table.users[evaluated], table.items[evaluated]))
    return Predictions(side, np.concatenate(actual), np.concatenate(predicted), _means(actual, predicted))


def _means(
    actual: Sequence[NDArray[np.floating]], predicted: Sequence[NDArray[np.floating]]
) -> list[tuple[str, int, Summary]]:
    values = np.unique(np.concatenate(actual))
    if len(values) <= SINGLE:
        names, firsts = [f"{value:.10g}" for value in values], values
    else:
        ends = np.linspace(values[0], values[-1], GROUPS + 1)
        names, firsts = [f"{low:.6g} to {high:.6g}" for low, high in pairwise(ends)], ends[:-1]
    found = []
    for group, name in enumerate(names, 1):
        masks = [np.digitize(of_seed, firsts) == group for of_seed in actual]
        means = [float(of_seed[mask].mean()) for of_seed, mask in zip(predicted, masks, strict=True) if mask.any()]
        if means:
            found.append((name, sum(int(mask.sum()) for mask in masks), summary(means)))
    return found
