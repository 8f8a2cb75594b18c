"""The best items for a user and the nearest of an item, by all trained seeds of a variant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seedbed.data.names import Names
from seedbed.errors import ConfigError, DataError, TrackingError
from seedbed.serving.files import REMEDY, read_arrays, read_json, write_arrays, write_json
from seedbed.serving.index import FaissIndex
from seedbed.serving.predictor import Column, Predictor, cells, whole_numbers, with_nulls
from seedbed.serving.scores import KINDS, Floats, Scores
from seedbed.trained.rankings import Ranked, nearest, top

USER, SIMILAR_TO, COUNT = "user", "similar_to", "k"
K = 10
"""Items in an answer where the question does not say how many."""
CANDIDATES, LEAST_CANDIDATES = 10, 200
"""How many the index is asked for, for each item of the answer, and at least; those already seen come on top."""


class Seen:
    """The items that each user has rated, in one array: ``items[starts[user] : starts[user + 1]]``."""

    def __init__(self, starts: NDArray[np.int64], items: NDArray[np.int32]) -> None:
        self.starts, self.items = starts, items

    @classmethod
    def of(cls, users: NDArray[np.int32], items: NDArray[np.int32], user_rows: int) -> Seen:
        """Sort the (N,) users and items of all ratings, by their rows from 1 on."""
        starts = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=user_rows))])
        return cls(starts, items[np.argsort(users, kind="stable")] - 1)

    def by(self, user: int) -> NDArray[np.int32]:
        """The items that a user has rated, by their rows from 0 on, each once."""
        return np.unique(self.items[self.starts[user] : self.starts[user + 1]])


@dataclass(frozen=True)
class Answer:
    """A list of items, best first."""

    ranked: list[Ranked]
    seen: int = 0
    """How many items the user has rated, which are left out."""
    cold_start: bool = False
    """Whether it is what would be said of any user whom no seed has trained on."""
    name: str = ""
    """The name of the user or item as the data have it, or as it was asked for where they do not have it."""
    known: bool = True
    """Whether the data have it."""


class Recommender(Predictor):
    """Ranks items by their mean score over the seeds."""

    KIND = "recommender"

    def __init__(
        self, about: str, users: Names, items: Names, seen: Seen, scores: Scores, index: FaissIndex | None = None
    ) -> None:
        self.about = about
        self.users, self.items, self.seen, self.scores, self.index = users, items, seen, scores, index

    # ---- one question ------------------------------------------------------------------------------------------------

    def for_user_of_name(self, name: str, k: int, place: str) -> Answer:
        """``for_user`` by the name, as people write it; one whom the data do not have gets what is said of anyone.

        Raises a ``DataError`` that names ``place`` for an empty name, and for one that could be several users'.
        """
        if not name.strip():
            raise DataError(f"{place}: the name is empty. Give a user's name, or leave the question out.")
        row = self.users.find(name, place)
        answer = self.for_user(row, k)
        return replace(answer, name=name if row is None else self.users.name(row), known=row is not None)

    def similar_to_name(
        self, name: str, k: int, place: str, ranking: Callable[[Floats, int, int], list[Ranked]] = nearest
    ) -> Answer:
        """``similar`` by the name; one that the data do not have is a ``DataError``."""
        row = self.items.row(name, place, "there is no item of that name")
        return replace(self.similar(row, k, ranking), name=self.items.name(row))

    def for_user(self, user: int | None, k: int) -> Answer:
        """The k items with the highest mean score that the user with this row has not rated; None: a user not known."""
        if user is None or not self.scores.knows(user):
            rated = np.empty(0, dtype=np.int32) if user is None else self.seen.by(user)
            return Answer(self._top(self.scores.of_anyone, rated, k), len(rated), cold_start=True)
        rated = self.seen.by(user)
        ranked = self._by_index(user, rated, k) if self.index else []
        if len(ranked) < min(k, len(self.items) - len(rated)):  # without an index, or where it names too few
            ranked = self._top(self.scores.of_user(user), rated, k)
        return Answer(ranked, len(rated))

    def _by_index(self, user: int, rated: NDArray[np.int32], k: int) -> list[Ranked]:
        assert self.index is not None
        count = max(CANDIDATES * k, LEAST_CANDIDATES) + len(rated)
        chosen = self.index.candidates(self.scores.vector_of(user), min(count, len(self.items)))
        ranked = top(self.scores.of_user(user, chosen), np.isin(chosen, rated), k)
        return [replace(row, item=int(chosen[row.item])) for row in ranked]

    def _top(self, scores: NDArray[np.floating], rated: NDArray[np.int32], k: int) -> list[Ranked]:
        seen = np.zeros(len(self.items), dtype=bool)
        seen[rated] = True
        return top(scores, seen, k)

    def similar(self, item: int, k: int, ranking: Callable[[Floats, int, int], list[Ranked]] = nearest) -> Answer:
        """The k items whose factors are most like those of the item with this row, from 1; by default, by their cosine.

        Raises ``ConfigError`` where the network has no factors.
        """
        factors = self.scores.factors()
        if factors is None:
            raise ConfigError(
                "The network has no embedding item_factors to compare items by. Name a variant of another model with "
                "--variant, or ask for a user."
            )
        return Answer(ranking(factors, item - 1, k))

    # ---- a table of questions ----------------------------------------------------------------------------------------

    @property
    def seeds(self) -> tuple[int, ...]:
        return self.scores.seeds

    @property
    def questions(self) -> tuple[Column, ...]:
        return Column(USER, "string", False), Column(SIMILAR_TO, "string", False), Column(COUNT, "any", False)

    @property
    def answers(self) -> tuple[Column, ...]:
        """The columns of a table of answers; ``seeds`` counts those with the item in their own k, ``question`` is a row, from 0."""
        return (
            Column("question", "long"),
            Column(USER, "string", False),
            Column(SIMILAR_TO, "string", False),
            Column("rank", "long"),
            Column("item", "string"),
            Column("score", "double"),
            Column("std", "double", False),
            Column("seeds", "long"),
            Column("cold_start", "boolean"),
        )

    def example(self) -> pd.DataFrame:
        return pd.DataFrame({USER: [self.users.name(1)], COUNT: [5]})

    def predict(self, questions: pd.DataFrame) -> pd.DataFrame:
        self.require_questions(questions)
        if not {USER, SIMILAR_TO} & set(questions.columns):
            raise DataError(f"A question needs the column {USER!r}, a user's name, or {SIMILAR_TO!r}, an item's.")
        rows = [row for question in self._asked(questions) for row in self._rows(*question)]
        table = pd.DataFrame(rows, columns=[column.name for column in self.answers])
        return with_nulls(table, (USER, SIMILAR_TO, "std"))

    def _asked(self, questions: pd.DataFrame) -> Iterator[tuple[int, str | None, str | None, int]]:
        counts = whole_numbers(questions, COUNT)
        for number, (user, item, count) in enumerate(
            zip(cells(questions, USER), cells(questions, SIMILAR_TO), counts, strict=True)
        ):
            if (user is None) == (item is None):
                raise DataError(f"Row {number + 1}: give one of {USER!r} and {SIMILAR_TO!r}, not both and not neither.")
            yield number, user, item, count or K

    def _rows(self, number: int, user: str | None, item: str | None, k: int) -> Iterator[tuple[Any, ...]]:
        if user is not None:
            answer = self.for_user_of_name(user, k, f"Row {number + 1}: {USER}")
            user = answer.name
        else:
            assert item is not None
            answer = self.similar_to_name(item, k, f"Row {number + 1}: {SIMILAR_TO}")
            item = answer.name
        for rank, row in enumerate(answer.ranked, 1):
            score, name = row.score, self.items.name(row.item + 1)
            yield number, user, item, rank, name, score.mean, score.std, row.seeds, answer.cold_start

    # ---- files -------------------------------------------------------------------------------------------------------

    @property
    def code(self) -> tuple[str, ...]:
        return (*super().code, *self.scores.code)

    @property
    def packages(self) -> tuple[str, ...]:
        return ("faiss-cpu",) if self.index else ()

    def write(self, folder: Path) -> dict[str, Any]:
        write_json(folder / "names.json", {"users": self.users.names, "items": self.items.names})
        write_arrays(folder / "seen.safetensors", {"starts": self.seen.starts, "items": self.seen.items})
        self.scores.write(folder)
        if self.index:
            self.index.save(folder)
        return {"scores": self.scores.KIND, "index": "faiss" if self.index else "exact"}

    @classmethod
    def read(cls, folder: Path, description: dict[str, Any]) -> Self:
        names = read_json(folder / "names.json")
        users, items = Names(names["users"]), Names(names["items"])
        seen, scores = Seen(**read_arrays(folder / "seen.safetensors")), KINDS[description["scores"]].read(folder)
        if scores.of_anyone.shape != (len(scores.seeds), len(items)) or len(seen.starts) != len(users) + 2:
            raise TrackingError(
                f"The files of {folder} do not fit together: {len(users)} users and {len(items)} items have names, and "
                f"there are scores {scores.of_anyone.shape} and ratings of {len(seen.starts) - 2} users. {REMEDY}"
            )
        index = FaissIndex.load(folder) if description["index"] == "faiss" else None
        return cls(description["about"], users, items, seen, scores, index)
