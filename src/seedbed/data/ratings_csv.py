"""Anyone's ratings, from a file with a column of users, one of items and one of ratings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from seedbed.data.labels import clean_label
from seedbed.data.ratings import RatingTable, check_duplicates, rating_table
from seedbed.data.records import Reading, Records, open_records
from seedbed.data.sources import sha256
from seedbed.data.table import Progress, count_notes, rows_of
from seedbed.data.text_csv import checked_path
from seedbed.errors import ConfigError, DataError

EXAMPLE = "data.path=reviews.csv data.user=customer data.item=product data.rating=stars"
_WHOLE = re.compile(r"[-+]?[0-9]+")


class RatingsCsv:
    """A file of ratings as a table; nothing is read before ``load``."""

    def __init__(
        self,
        *,
        path: str | None = None,
        user: str | int | None = None,
        item: str | int | None = None,
        rating: str | int | None = None,
        timestamp: str | int | None = None,
        duplicates: str = "latest",
        **reading: Any,
    ) -> None:
        """The arguments are the keys of ``conf/data/ratings_csv.yaml``, ``reading`` those of ``Reading`` among them.

        Raises ``ConfigError``.
        """
        self.path = checked_path(path, EXAMPLE)
        named = {"user": user, "item": item, "rating": rating, "timestamp": timestamp}
        self.columns = {key: str(name) for key, name in named.items() if name is not None}
        self.duplicates = check_duplicates(duplicates)
        self.reading = Reading(**reading)

    def load(self, progress: Progress | None = None) -> RatingTable:
        """Read and check the ratings; raises ``ConfigError`` and ``DataError``."""
        records = open_records(self.path, self.reading, list(self.columns.values()))
        found = dict(zip(self.columns, records.strings(self._positions(records)), strict=True))
        users, user_names = _names(found["user"])
        items, item_names = _names(found["item"])
        ratings = _numbers(found["rating"])
        times = _seconds(found["timestamp"]) if "timestamp" in found else None
        lacking = {
            "user": np.array([not name for name in user_names])[users],
            "item": np.array([not name for name in item_names])[items],
            "rating": np.isnan(ratings),
            **({} if times is None else {"timestamp": np.isnan(times)}),
        }
        kept = ~np.logical_or.reduce(list(lacking.values()))
        if not kept.any():
            raise DataError(self._nothing_left(lacking, found))
        dropped = {"dropped_bad_lines": records.dropped, **_first_lacks(lacking)}
        user_rows, user_names = _vocabulary(users[kept], user_names)
        item_rows, item_names = _vocabulary(items[kept], item_names)
        return rating_table(
            name=self.path.stem,
            digest=sha256(self.path),
            users=user_rows,
            items=item_rows,
            ratings=ratings[kept].astype(np.float32),
            timestamps=None if times is None else times[kept].astype(np.int64),
            user_names=user_names,
            item_names=item_names,
            duplicates=self.duplicates,
            counts={
                "rows_in_file": len(kept) + records.dropped,
                **{what: rows for what, rows in dropped.items() if rows},
                **records.counts,
            },
            notes=(*records.notes, *count_notes(dropped, records.first_dropped)),
        )

    def _positions(self, records: Records) -> list[int]:
        """Where the columns are; raises ``ConfigError`` for one that is not named or is named twice."""
        for key in ("user", "item", "rating"):
            if key not in self.columns:
                raise ConfigError(
                    f"data.{key} is not set: name the column of {self.path} that holds the {key}, as in {EXAMPLE}. Its "
                    f"columns are {records.listed()}."
                )
        positions = [records.position(name, f"data.{key}") for key, name in self.columns.items()]
        if len(set(positions)) < len(positions):
            said = ", ".join(f"data.{key}={name}" for key, name in self.columns.items())
            raise ConfigError(f"{said}: two of them are one column. Name different ones of {records.listed()}.")
        return positions

    def _nothing_left(self, lacking: dict[str, np.ndarray], found: dict[str, list[str]]) -> str:
        worst = max(lacking, key=lambda key: int(lacking[key].sum()))
        examples = ", ".join(repr(value) for value in dict.fromkeys(found[worst][:20]))
        need = {
            "rating": "a rating is a number, with a decimal point",
            "timestamp": "a timestamp is a number of seconds or an ISO 8601 date; null does without",
        }.get(worst, f"the {worst} is named by any text but an empty one")
        return (
            f"data.{worst}={self.columns[worst]}: no row of {self.path} is left, since "
            f"{rows_of(int(lacking[worst].sum()))} of {len(lacking[worst])} have no {worst}; its values begin {examples} "
            f"({need}). Name another column, or mend the file."
        )


def _names(values: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The number of each value among the distinct cleaned names, (N,), and those; "" where there is none."""
    codes, distinct = pd.factorize(np.array(values, dtype=object))
    again, names = pd.factorize(np.array([clean_label(value) for value in distinct], dtype=object))
    return again[codes], tuple(names)


def _vocabulary(codes: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The row, from 1, of each name that is used, (N,) int32, and these names, sorted."""
    used = [names[code] for code in np.unique(codes)]
    whole = all(_WHOLE.fullmatch(name) for name in used)
    ordered = sorted(used, key=lambda name: (int(name), name)) if whole else sorted(used)
    row = {name: number for number, name in enumerate(ordered, 1)}
    rows = np.array([row.get(name, 0) for name in names], dtype=np.int32)
    return rows[codes], tuple(ordered)


def _numbers(values: Sequence[str]) -> np.ndarray:
    """(N,) float64, NaN for what is no finite number."""
    given = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce")
    numbers: np.ndarray = given.to_numpy(dtype=np.float64, copy=True)
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers


def _seconds(values: Sequence[str]) -> np.ndarray:
    """Seconds since 1970, (N,) float64, of numbers or, where there is none, of dates; NaN for what is neither."""
    seconds = _numbers(values)
    if np.isnan(seconds).all():
        dates = pd.to_datetime(pd.Series(values, dtype=object), utc=True, errors="coerce", format="ISO8601")
        seconds = ((dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)).to_numpy(dtype=np.float64)
    whole: np.ndarray = np.floor(seconds)
    return whole


def _first_lacks(lacking: dict[str, np.ndarray]) -> dict[str, int]:
    """How many rows lack what; a row that lacks several things counts for the first of them."""
    counts, counted = {}, np.zeros(len(lacking["user"]), dtype=bool)
    for what, rows in lacking.items():
        counts[f"dropped_without_{what}"] = int(np.count_nonzero(rows & ~counted))
        counted |= rows
    return counts
