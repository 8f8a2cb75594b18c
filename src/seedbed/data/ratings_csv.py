"""Anyone's ratings, from a file with a column of users, one of items and one of ratings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from seedbed.data.files.records import Reading, Records, open_records
from seedbed.data.labels import clean_label
from seedbed.data.numbers import MOST_UNREADABLE, MissingValues, Numbers, check_decimal, column_numbers
from seedbed.data.rating_scales import name_notes, scale_notes, time_notes
from seedbed.data.ratings import RatingTable, check_duplicates, rating_table
from seedbed.data.sources import sha256
from seedbed.data.table import Progress, count_notes, rows_of
from seedbed.data.text_csv import checked_path
from seedbed.data.text_forms import LOOK_ALIKES, named_in_file, seen, unseen_in
from seedbed.errors import ConfigError, DataError

EXAMPLE = "data.path=reviews.csv data.user=customer data.item=product data.rating=stars"
NO_RATINGS = "No column of ratings is named (data.rating): each row counts as one interaction of a user with an item."
LATEST_SECOND = 2.0**62
NUMBERS = ("rating", "timestamp")
"""The columns of numbers."""
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
        decimal: str = "point",
        missing_values: Sequence[Any] | None = None,
        **reading: Any,
    ) -> None:
        """The arguments are the keys of ``conf/data/ratings_csv.yaml``, ``reading`` those of ``Reading`` among them.

        Raises ``ConfigError``.
        """
        self.path = checked_path(path, EXAMPLE)
        named = {"user": user, "item": item, "rating": rating, "timestamp": timestamp}
        self.columns = {key: str(name) for key, name in named.items() if name is not None}
        self.duplicates = check_duplicates(duplicates)
        self.decimal = check_decimal(decimal)
        self.missing_values = MissingValues(missing_values)
        self.reading = Reading(**reading)

    def load(self, progress: Progress | None = None) -> RatingTable:
        """Read and check the ratings; raises ``ConfigError`` and ``DataError``."""
        records = open_records(self.path, self.reading, list(self.columns.values()))
        positions = self._positions(records)
        written = dict(zip(self.columns, records.strings(list(positions.values())), strict=True))
        users, items = _named(written["user"]), _named(written["item"])
        rows = len(users.codes)
        numbers = {key: self._numbers(records, key, positions[key], written[key]) for key in written if key in NUMBERS}
        for key, read in numbers.items():
            if read.too_many:
                raise DataError(self._unreadable(key, read))
        lacking = {
            "without_user": self._without_name(users)[users.codes],
            "without_item": self._without_name(items)[items.codes],
            **{f"without_{key}": np.isnan(read.values) & ~read.unreadable for key, read in numbers.items()},
            **{f"unreadable_{key}": read.unreadable for key, read in numbers.items()},
        }
        kept = ~np.logical_or.reduce(list(lacking.values()))
        if not kept.any():
            raise DataError(self._nothing_left(lacking, written))
        dropped = {"dropped_bad_lines": records.dropped, **_first_lacks(lacking)}
        user_rows, user_names = _vocabulary(users.codes[kept], users.names)
        item_rows, item_names = _vocabulary(items.codes[kept], items.names)
        ratings = numbers["rating"].values[kept] if "rating" in numbers else np.ones(int(kept.sum()))
        times = numbers["timestamp"].values[kept] if "timestamp" in numbers else None
        joined = {"joined_user_names": users.joined, "joined_item_names": items.joined}
        return rating_table(
            name=self.path.stem,
            digest=sha256(self.path),
            users=user_rows,
            items=item_rows,
            ratings=ratings.astype(np.float32) + np.float32(0),  # so that -0 becomes 0, its equal
            timestamps=None if times is None else times.astype(np.int64),
            user_names=user_names,
            item_names=item_names,
            duplicates=self.duplicates,
            counts={
                "rows_in_file": rows + records.dropped,
                **{what: number for what, number in dropped.items() if number},
                **{what: number for what, number in joined.items() if number},
                **records.counts,
            },
            notes=(
                *records.notes,
                *count_notes(dropped, records.first_dropped),
                *(
                    f"{rows_of(read.unreadable.sum())} left out: a {key} that can't be read ({read.shown()})."
                    for key, read in numbers.items()
                    if read.unreadable.any()
                ),
                *users.notes("user"),
                *items.notes("item"),
                *name_notes("user", np.array(users.names, dtype=object)[users.codes[kept]]),
                *name_notes("item", np.array(items.names, dtype=object)[items.codes[kept]]),
                *self.missing_values.notes(sum(read.named_missing for read in numbers.values())),
                *(scale_notes(ratings) if "rating" in numbers else [NO_RATINGS]),
                *([] if times is None else time_notes(times)),
            ),
            made_with=records.made_with | (LOOK_ALIKES if users.altered or items.altered else {}),
            unrated=self._unrated(records),
        )

    def _without_name(self, named: Named) -> np.ndarray:
        """Whether each distinct name means that there is none."""
        return np.array([not name or self.missing_values.is_no_name(name) for name in named.names], dtype=bool)

    def _numbers(self, records: Records, key: str, position: int, written: Sequence[str]) -> Numbers:
        numbers = column_numbers(records, position, written, self.decimal, self.missing_values)
        return _seconds(numbers) if key == "timestamp" else numbers

    def _unrated(self, records: Records) -> str:
        """What a task that predicts ratings says of a file none of whose columns is named as theirs; "" where one is."""
        if "rating" in self.columns:
            return ""
        return (
            f"data.rating is not set: name the column of {self.path} that holds the rating, as in {EXAMPLE}. Its columns are "
            f"{records.listed()}."
        )

    def _unreadable(self, key: str, read: Numbers) -> str:
        rows = int(read.unreadable.sum())
        remedy = read.remedy() if key == "rating" else self._readable_times(read)
        if read.is_mostly_text and read.other_decimal is None:
            remedy = f"Is that the column? If not, name another one. {remedy}"
        return (
            f"data.{key}={self.columns[key]}: {rows} of {len(read.unreadable)} values of {self.path} can't be read as "
            f"{'numbers' if key == 'rating' else 'times'}, such as {read.shown()}. {remedy} (Up to "
            f"{100 * MOST_UNREADABLE:g} % of such rows are left out and counted.)"
        )

    @staticmethod
    def _readable_times(read: Numbers) -> str:
        if read.other_decimal:
            return read.remedy()
        return (
            "A timestamp is a number, of seconds for instance, or an ISO 8601 date such as 2024-02-01 12:30:00. Write them "
            "so in the file, or do without: data.timestamp=null."
        )

    def _positions(self, records: Records) -> dict[str, int]:
        """Positions of the columns; raises ``ConfigError`` for one that is not named or is named twice."""
        for key in ("user", "item"):
            if key not in self.columns:
                raise ConfigError(
                    f"data.{key} is not set: name the column of {self.path} that holds the {key}, as in {EXAMPLE}. Its "
                    f"columns are {records.listed()}."
                )
        positions = {key: records.position(name, f"data.{key}") for key, name in self.columns.items()}
        if len(set(positions.values())) < len(positions):
            said = ", ".join(f"data.{key}={name}" for key, name in self.columns.items())
            raise ConfigError(f"{said}: two of them are one column. Name different ones of {records.listed()}.")
        return positions

    def _nothing_left(self, lacking: dict[str, np.ndarray], written: dict[str, list[str]]) -> str:
        worst = max(written, key=lambda key: int(lacking[f"without_{key}"].sum()))
        without = lacking[f"without_{worst}"]
        examples = ", ".join(repr(value) for value in dict.fromkeys(written[worst][:20]))
        need = {
            "rating": "a rating is a number, such as 4.5",
            "timestamp": "a timestamp is a number of seconds or an ISO 8601 date; null does without",
        }.get(worst, f"the {worst} is named by any text but an empty one")
        return (
            f"data.{worst}={self.columns[worst]}: no row of {self.path} is left, since "
            f"{rows_of(int(without.sum()))} of {len(without)} have no {worst}; its values begin {examples} "
            f"({need}). Name another column, or fix the file."
        )


@dataclass(frozen=True)
class Named:
    """The users, or items, of N rows: names that differ only in what is not seen of them are one."""

    codes: np.ndarray
    """(N,) the number of each row's name among ``names``."""
    names: tuple[str, ...]
    """Distinct, each as it is written most often; "" where there is none."""
    joined: int
    """Names that have become another one."""
    altered: bool
    """Whether any has, or has nothing that is seen."""
    example: str
    """What is not seen in one of these, such as "U+200B in 'u7'"."""

    def notes(self, what: str) -> list[str]:
        if not self.joined:
            return []
        count = f"1 {what} differs" if self.joined == 1 else f"{self.joined} {what}s differ"
        return [f"{count} from another one only in invisible characters ({self.example}): joined with it."]


def _named(values: Sequence[str]) -> Named:
    codes, distinct = pd.factorize(np.array(values, dtype=object))
    cleaned = [clean_label(value) for value in distinct]
    new = cleaned
    if any(name != seen(name) for name in cleaned):
        counts = np.bincount(codes, minlength=len(cleaned)).tolist()
        chosen = named_in_file(cleaned, _shown, counts)
        new = [chosen[name] for name in cleaned]
    again, names = pd.factorize(np.array(new, dtype=object))
    changed = list(dict.fromkeys(old for old, name in zip(cleaned, new, strict=True) if name not in (old, "")))
    example = next((f"such as {unseen[0]} in {name!r}" for name in changed if (unseen := unseen_in(name))), "")
    return Named(again[codes], tuple(names), len(changed), new != cleaned, example or "such as blanks")


def _shown(name: str) -> str:
    return clean_label(seen(name))


def _vocabulary(codes: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The row, from 1, of each name that is used, (N,) int32, and these names, sorted."""
    used = [names[code] for code in np.unique(codes)]
    whole = all(_WHOLE.fullmatch(name) for name in used)
    ordered = sorted(used, key=lambda name: (int(name), name)) if whole else sorted(used)
    row = {name: number for number, name in enumerate(ordered, 1)}
    rows = np.array([row.get(name, 0) for name in names], dtype=np.int32)
    return rows[codes], tuple(ordered)


def _seconds(numbers: Numbers) -> Numbers:
    """Whole seconds since 1970, of numbers or, where there is none, of dates."""
    written, seconds, unreadable = numbers.written, numbers.values, numbers.unreadable
    if np.isnan(seconds).all():
        dates = pd.to_datetime(pd.Series(list(written), dtype=object), utc=True, errors="coerce", format="ISO8601")
        seconds = ((dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)).to_numpy(dtype=np.float64, copy=True)
        unreadable = unreadable & np.isnan(seconds)
        seconds[~numbers.unreadable] = np.nan  # what stands for no value
    too_large = np.abs(seconds) >= LATEST_SECOND
    seconds = np.where(too_large, np.nan, np.floor(seconds))
    return Numbers(written, seconds, unreadable | too_large, numbers.named_missing, numbers.decimal)


def _first_lacks(lacking: dict[str, np.ndarray]) -> dict[str, int]:
    """How many rows lack what; a row that lacks several things counts for the first of them."""
    counts: dict[str, int] = {}
    counted = np.zeros(len(lacking["without_user"]), dtype=bool)
    for what, rows in lacking.items():
        counts[f"dropped_{what}"] = int(np.count_nonzero(rows & ~counted))
        counted |= rows
    return counts
