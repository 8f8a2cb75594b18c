"""What the seeds of a recommender have learned, read off their weights, and how far they agree about it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations, pairwise
from os import PathLike

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from seedbed.config.published_values import entries_of
from seedbed.errors import SeedbedError
from seedbed.results import Results
from seedbed.statistics import Summary, summary
from seedbed.trained.loading import TrainedRecommender, load_recommender
from seedbed.trained.queries import QueryAnswers, answer_queries
from seedbed.trained.rankings import Ranked, best_first, directions, nearest

LISTED = 5
"""Titles in a list of the lowest or highest biases."""
NEIGHBOURS = 10
COMPARED, DRAWN = 1000, 50
"""So many of the most rated items enter the principal components, and so many of these are drawn by name."""
COMPONENTS = 3
SINGLE, GROUPS = 11, 10
"""Ratings of more different values than the first are put into so many groups of equal width."""
COUNTED_RATINGS = 1_000_000
"""Of more ratings than this, every second, third ... is counted."""
ACROSS = 50
UP = int(ACROSS / np.sqrt(3))
"""Hexagons from the lowest to the highest value, along and up."""


@dataclass(frozen=True)
class PrincipalComponents:
    """Principal components of the item factors of the most rated items."""

    compared: int
    """How many items."""
    items: NDArray[np.intp]
    """(D,): the most rated of them."""
    scores: NDArray[np.floating]
    """(D, 2): where the first seed puts these, along the first and the last component."""
    explained: tuple[Summary, ...]
    """(C,): percent of the variance that each component holds, over the seeds."""
    agreement: tuple[Summary, ...]
    """(C,): absolute correlation of the items' scores with those of the first seed, over the other seeds."""
    shared_neighbours: Summary | None
    """How many of an item's ten nearest two seeds have in common, mean over the items; over all pairs of seeds."""


@dataclass(frozen=True)
class Hexagons:
    """How many points lie in each hexagon of a regular grid; those without any are left out."""

    extent: tuple[float, float, float, float]
    """Lowest and highest x, lowest and highest y."""
    columns: NDArray[np.intp]
    """(H,): 0 .. 2 ACROSS, since every second row is shifted by half a hexagon."""
    rows: NDArray[np.intp]
    """(H,): 0 .. 2 UP."""
    counts: NDArray[np.intp]
    """(H,)."""

    def centres(self) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """x and y of each hexagon."""
        left, right, bottom, top = self.extent
        return np.linspace(left, right, 2 * ACROSS + 1)[self.columns], np.linspace(bottom, top, 2 * UP + 1)[self.rows]


@dataclass(frozen=True)
class PredictedRatings:
    """Predicted and actual ratings of the rows on which the seeds are evaluated, all seeds together."""

    side: str
    """"test" or "validation"."""
    means: list[tuple[str, int, Summary]]
    """Actual rating, how many of it there are, and their mean prediction over the seeds."""
    ends: tuple[float, float]
    """Lowest and highest actual rating."""
    by_value: list[tuple[float, float]]
    """Each actual rating and the mean prediction of all its rows; [] where there are too many different ones."""
    hexagons: Hexagons
    """Actual (along) and predicted (up) ratings; where they are few, the actual ones are spread to a band each."""
    step: int
    """Of so many rows one is counted in the hexagons."""


@dataclass(frozen=True)
class Inspection:
    """What the seeds of a recommender have learned; items are numbers, as in the data.

    A list or part is empty or None where the network has nothing of its kind.
    """

    variant: str
    seeds: tuple[int, ...]
    titles: dict[int, str]
    """Of the items that stand in the lists below."""
    ratings: dict[int, int]
    """How many ratings each of these has in the file."""
    absent: list[str]
    """Titles that the source names and the data does not have."""
    lowest: list[tuple[int, Ranked]] | None
    """Rank, from 1, by the mean bias over seeds: the first ones, and those that the source names."""
    highest: list[tuple[int, Ranked]] | None
    nearest: dict[str, list[Ranked]]
    """Title -> the items nearest to it."""
    components: PrincipalComponents | None
    predictions: PredictedRatings | None
    """None where the scores are no ratings."""
    counts_missing: bool = False
    """Whether the variant was trained on what was not rated too, as 0."""
    asked: QueryAnswers | None = None


@dataclass(frozen=True)
class SourceTitles:
    """Titles that the source names, by the list in which it has them."""

    lowest: Sequence[str] = ()
    highest: Sequence[str] = ()
    nearest: Sequence[str] = ()
    recommended: Sequence[str] = ()
    """To the user that the report asks for."""


def inspect_launch(
    results: Results, run: str | None = None, config_dir: str | PathLike[str] | None = None
) -> Inspection | str:
    """Inspect the variant ``report.learned`` of a launch, or the best one where none is named or it was left out.

    Returns a sentence where the weights or the ratings are not to be had. Raises ``ConfigError`` for an item or a user that the
    report asks for and the data does not have.
    """
    report = results.config.get("report") or {}
    variant = report.get("learned")
    try:
        trained = load_recommender(
            results.experiment, variant if variant in results.variants else None, run, config_dir
        )
    except (SeedbedError, ImportError) as error:  # the report is about tracked numbers, and these are there
        return str(error)
    similar_to, user = (None if report.get(key) is None else str(report[key]) for key in ("similar_to", "user"))
    named = _named_by_the_source(results, user)
    asked = None
    if similar_to is not None or user is not None:
        asked = answer_queries(trained, similar_to, user, named.recommended)
    return inspect_recommender(trained, named, asked)


def _named_by_the_source(results: Results, user: str | None) -> SourceTitles:
    stated = entries_of(results.config.get("published"), "learned")
    entries = [entry for entry in stated if isinstance(entry, dict)]
    lists = [entry.get("recommended_to") or {} for entry in entries]
    return SourceTitles(
        lowest=[str(title) for entry in entries for title in entry.get("lowest_bias") or ()],
        highest=[str(title) for entry in entries for title in entry.get("highest_bias") or ()],
        nearest=[str(title) for entry in entries for title in entry.get("nearest_to") or {}],
        recommended=[
            str(title) for of in lists for name, listed in of.items() if str(name) == user for title in listed
        ],
    )


def inspect_recommender(
    trained: TrainedRecommender, named: SourceTitles | None = None, asked: QueryAnswers | None = None
) -> Inspection:
    """Read biases, factors and predictions off the networks.

    Neighbours are given of the titles ``named`` that the data has, and of the most rated items besides.
    """
    table, named = trained.table, named or SourceTitles()
    names = table.item_names
    ratings = np.bincount(table.items, minlength=table.item_rows)[1:]
    biases = [values for seed in trained.seeds if (values := seed.biases()) is not None]
    factors = [values for seed in trained.seeds if (values := seed.factors()) is not None]
    inspection = Inspection(
        variant=trained.name,
        seeds=tuple(seed.seed for seed in trained.seeds),
        titles=dict(enumerate(names)),
        ratings=dict(enumerate(ratings.tolist())),
        absent=sorted({*named.lowest, *named.highest, *named.nearest, *named.recommended} - set(names)),
        lowest=extremes(np.stack(biases), highest=False, also=_items(names, named.lowest)) if biases else None,
        highest=extremes(np.stack(biases), highest=True, also=_items(names, named.highest)) if biases else None,
        nearest=_nearest(np.stack(factors), names, ratings, named.nearest) if factors else {},
        components=_components(factors, ratings) if factors else None,
        predictions=_predictions(trained) if trained.task.PREDICTS_RATINGS else None,
        counts_missing=trained.counts_missing_as_zero,
        asked=asked,
    )
    shown = _shown_items(inspection)
    return replace(
        inspection,
        titles={item: title for item, title in inspection.titles.items() if item in shown},
        ratings={item: count for item, count in inspection.ratings.items() if item in shown},
    )


def _items(names: Sequence[str], titles: Collection[str]) -> set[int]:
    return {item for item, title in enumerate(names) if title in titles}


def _shown_items(inspection: Inspection) -> set[int]:
    """The items of which there is something to show: thousands of others would only fill a record of it."""
    ranked = [row for _, row in [*(inspection.lowest or ()), *(inspection.highest or ())]]
    ranked += chain.from_iterable(inspection.nearest.values())
    if (asked := inspection.asked) is not None:
        ranked += [*(asked.similar or ()), *(asked.of_user.unseen if asked.of_user is not None else ())]
    drawn = inspection.components.items.tolist() if inspection.components is not None else []
    return {*(row.item for row in ranked), *drawn}


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


def _components(factors: Sequence[NDArray[np.floating]], ratings: NDArray[np.intp]) -> PrincipalComponents | None:
    compared = best_first(ratings)[:COMPARED]
    points = [of_seed[compared].astype(np.float64) for of_seed in factors]
    if len(compared) <= COMPONENTS or points[0].shape[1] < COMPONENTS or min(of_seed.std() for of_seed in points) == 0:
        return None
    fitted = [PCA(COMPONENTS, svd_solver="full").fit(of_seed) for of_seed in points]
    scores = [pca.transform(of_seed) for pca, of_seed in zip(fitted, points, strict=True)]
    first, *others = scores
    return PrincipalComponents(
        compared=len(compared),
        items=compared[:DRAWN],
        scores=first[:DRAWN, [0, COMPONENTS - 1]],
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


def _predictions(trained: TrainedRecommender) -> PredictedRatings:
    table, actual, predicted, side = trained.table, [], [], "validation"
    for seed in trained.seeds:
        rows = trained.rows(seed.seed)
        side, evaluated = ("test", rows.test) if len(rows.test) else ("validation", rows.val)
        actual.append(table.ratings[evaluated])
        predicted.append(seed.predictions_of(table.users[evaluated], table.items[evaluated]))
    return predicted_ratings(side, actual, predicted)


def predicted_ratings(
    side: str, actual: Sequence[NDArray[np.floating]], predicted: Sequence[NDArray[np.floating]]
) -> PredictedRatings:
    """Compare actual and predicted ratings, both by seed."""
    given, answered = (np.concatenate(of).astype(np.float64) for of in (actual, predicted))
    values = np.unique(given)
    step = -(-len(given) // COUNTED_RATINGS)
    along, by_value = given[::step], []
    if 1 < len(values) <= SINGLE:  # hexagons of points on a few lines are torn to pieces
        width = 0.35 * float(np.diff(values).min())
        along = along + np.random.default_rng(0).uniform(-width, width, len(along))
        by_value = [(float(value), float(answered[given == value].mean())) for value in values]
    return PredictedRatings(
        side=side,
        means=_means(actual, predicted),
        ends=(float(values[0]), float(values[-1])),
        by_value=by_value,
        hexagons=hexagons_of(along, answered[::step]),
        step=step,
    )


def hexagons_of(x: NDArray[np.floating], y: NDArray[np.floating]) -> Hexagons:
    """Count points in hexagons, as matplotlib does."""
    (left, right), (bottom, top) = _ends(x), _ends(y)
    counted = Figure().subplots().hexbin(x, y, gridsize=ACROSS, extent=(left, right, bottom, top), mincnt=1)
    at_x, at_y = np.asarray(counted.get_offsets()).T
    return Hexagons(
        extent=(left, right, bottom, top),
        columns=np.rint((at_x - left) / (right - left) * 2 * ACROSS).astype(np.intp),
        rows=np.rint((at_y - bottom) / (top - bottom) * 2 * UP).astype(np.intp),
        counts=np.asarray(counted.get_array()).astype(np.intp),
    )


def _ends(values: NDArray[np.floating]) -> tuple[float, float]:
    """Lowest and highest of the values, some way apart where all are the same."""
    low, high = float(values.min()), float(values.max())
    margin = 0.0 if low < high else 0.1 * abs(low) or 0.1
    return low - margin, high + margin


def _means(
    actual: Sequence[NDArray[np.floating]], predicted: Sequence[NDArray[np.floating]]
) -> list[tuple[str, int, Summary]]:
    values = np.unique(np.concatenate(actual))
    if len(values) <= SINGLE:
        names, firsts = [f"{value:.10g}" for value in values], values
    else:
        ends = np.linspace(values[0], values[-1], GROUPS + 1)
        names, firsts = [f"{low:.6g} to {high:.6g}" for low, high in pairwise(ends)], ends[:-1]
    rows = []
    for group, name in enumerate(names, 1):
        masks = [np.digitize(of_seed, firsts) == group for of_seed in actual]
        means = [float(of_seed[mask].mean()) for of_seed, mask in zip(predicted, masks, strict=True) if mask.any()]
        if means:
            rows.append((name, sum(int(mask.sum()) for mask in masks), summary(means)))
    return rows
