"""A table of ratings: who gave which item how much and when, with the vocabularies of users and items."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from seedbed.checks import require_choice
from seedbed.data.splits import narrow
from seedbed.data.table import rows_of

DUPLICATES = ("latest", "keep")


@dataclass(frozen=True)
class RatingTable:
    """N ratings of I items by U users, all from one file.

    Row 0 of either vocabulary is that of the unknown; users and items of the file have the rows from 1 on.
    """

    name: str
    """The data set; another edition has a name of its own."""
    digest: str
    """SHA-256 of the source file (hex)."""
    users: np.ndarray
    """(N,) int32 rows of the user vocabulary, 1 to U."""
    items: np.ndarray
    """(N,) int32 rows of the item vocabulary, 1 to I."""
    ratings: np.ndarray
    """(N,) float32."""
    timestamps: np.ndarray | None
    """(N,) whole seconds since 1970, where the file has them."""
    user_names: tuple[str, ...]
    """(U,) names of the rows 1 to U, sorted; by value where all are whole numbers."""
    item_names: tuple[str, ...]
    """(I,) what people read, such as titles: distinct."""
    user_features: np.ndarray | None
    """(U + 1, F) float32 of what is known about users, row 0 zeros."""
    item_features: np.ndarray | None
    """(I + 1, G) float32 of what is known about items, row 0 zeros."""
    counts: dict[str, int]
    """``rows_in_file``, ``rows``, ``users``, ``items``, and how many of what was dropped, joined or missing."""
    notes: tuple[str, ...]
    """Sentences for the report."""
    folds: Mapping[str, np.ndarray]
    """Sorted row numbers, int64, of the test part of each published fold, by its name, such as "u1"."""
    made_with: Mapping[str, str] = field(default_factory=dict)
    """What decides the values and stands in no config, such as a digest of the items' names and features."""
    joined_ids: np.ndarray | None = None
    """(I,) int64: how many ids of the file each item stands for; None: one."""
    unrated: str = ""
    """Where the rows have no ratings and all count as 1: how to name them, for tasks that predict ratings."""

    @property
    def user_rows(self) -> int:
        """U + 1, the length of a table of user vectors."""
        return len(self.user_names) + 1

    @property
    def item_rows(self) -> int:
        """I + 1, the length of a table of item vectors."""
        return len(self.item_names) + 1

    @property
    def ids_of_items(self) -> np.ndarray:
        """(I,) int64: how many ids of the file each item stands for."""
        return np.ones(len(self.item_names), dtype=np.int64) if self.joined_ids is None else self.joined_ids

    @property
    def rating_range(self) -> tuple[float, float]:
        """The least and the greatest rating."""
        return float(self.ratings.min()), float(self.ratings.max())

    @cached_property
    def pair_numbers(self) -> np.ndarray | None:
        """(N,) int64: rows of the same user and item share a number; None where there are no such rows.

        Numbered in order of first appearance.
        """
        pairs = pair_keys(self.users, self.items)
        if not len(_repeated(pairs)):
            return None
        import pandas as pd

        return pd.factorize(pairs)[0]


def rating_table(
    *,
    name: str,
    digest: str,
    users: np.ndarray,
    items: np.ndarray,
    ratings: np.ndarray,
    timestamps: np.ndarray | None,
    user_names: tuple[str, ...],
    item_names: tuple[str, ...],
    duplicates: str,
    user_features: np.ndarray | None = None,
    item_features: np.ndarray | None = None,
    counts: Mapping[str, int],
    notes: Sequence[str] = (),
    folds: Mapping[str, np.ndarray] | None = None,
    made_with: Mapping[str, str] | None = None,
    joined_ids: np.ndarray | None = None,
    unrated: str = "",
) -> RatingTable:
    """Settle what becomes of a pair of user and item with several ratings; the rest as in ``RatingTable``.

    ``duplicates``: "latest" keeps the rating with the latest timestamp, of equal ones, or without timestamps, the last
    in the file; "keep" keeps all. ``counts`` are ``rows_in_file`` and what the reader dropped or joined.
    """
    kept = _latest(users, items, timestamps)
    repeats = len(kept) - int(np.count_nonzero(kept))
    fold_rows = dict(folds or {})
    if repeats and duplicates == "latest":
        number = np.cumsum(kept) - 1
        fold_rows = {fold: number[rows[kept[rows]]] for fold, rows in fold_rows.items()}
        users, items, ratings = users[kept], items[kept], ratings[kept]
        timestamps = None if timestamps is None else timestamps[kept]
    what, done = ("dropped", "left out") if duplicates == "latest" else ("kept", "kept")
    said = f"{rows_of(repeats)} of a user and an item that another row has too: {done} (data.duplicates={duplicates})."
    return RatingTable(
        name=name,
        digest=digest,
        users=users,
        items=items,
        ratings=ratings,
        timestamps=None if timestamps is None else narrow(timestamps),
        user_names=user_names,
        item_names=item_names,
        user_features=user_features,
        item_features=item_features,
        counts={
            **counts,
            **({f"duplicates_{what}": repeats} if repeats else {}),
            "rows": len(ratings),
            "users": len(user_names),
            "items": len(item_names),
        },
        notes=(*notes, *([said] if repeats else [])),
        folds=fold_rows,
        made_with=made_with or {},
        joined_ids=joined_ids,
        unrated=unrated,
    )


def check_duplicates(duplicates: str) -> str:
    """Raises ``ConfigError`` for another value than those of ``DUPLICATES``."""
    require_choice("data.duplicates", duplicates, DUPLICATES)
    return duplicates


def vocabulary(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The row, from 1, of every id in the sorted distinct ids, (N,) int32, and those ids, (U,)."""
    import pandas as pd

    codes, distinct = pd.factorize(ids, sort=True)
    rows = codes.astype(np.int32)
    rows += 1
    return rows, np.asarray(distinct)


def told_apart(titles: Sequence[str], ids: Sequence[Any]) -> tuple[str, ...]:
    """The titles, with the id behind each that several have: "Emma (1996) [11]"."""
    times = Counter(titles)
    return tuple(f"{title} [{id_}]" if times[title] > 1 else title for title, id_ in zip(titles, ids, strict=True))


def digest_of(names: Sequence[str], features: np.ndarray | None) -> str:
    """SHA-256 (hex) of names and features, for ``RatingTable.made_with``."""
    digest = hashlib.sha256("\n".join(names).encode())
    if features is not None:
        digest.update(features.tobytes())
    return digest.hexdigest()


def _latest(users: np.ndarray, items: np.ndarray, timestamps: np.ndarray | None) -> np.ndarray:
    """(N,) booleans: whether no row of the same user and item is later."""
    pairs = pair_keys(users, items)
    repeated = _repeated(pairs)
    latest = np.ones(len(pairs), dtype=bool)
    if len(repeated):
        rows = np.flatnonzero(np.isin(pairs, repeated))
        when = np.zeros(len(rows)) if timestamps is None else timestamps[rows]
        rows = rows[np.lexsort((when, pairs[rows]))]  # stable: of equal times, the last in the file stays last
        latest[rows[:-1][pairs[rows[1:]] == pairs[rows[:-1]]]] = False
    return latest


def _repeated(pairs: np.ndarray) -> np.ndarray:
    """The pairs that occur more than once, sorted."""
    ordered = np.sort(pairs)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def pair_keys(users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """A number for every pair of a user and an item, (N,) int64, by rows or ids of 32 bits."""
    numbers: np.ndarray = users.astype(np.int64) << 32 | items
    return numbers
