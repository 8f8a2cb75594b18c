"""Runs from a table: a file of any form that data may have, or a data frame."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbed.config.override_grammar import in_grammar, parse
from seedbed.data.files.records import Reading, open_records
from seedbed.data.numbers import MissingValues, Numbers, check_decimal, read_numbers
from seedbed.data.sources import sha256
from seedbed.data.text_forms import seen
from seedbed.errors import ConfigError, DataError, near_misses
from seedbed.importing.runs import (
    ForeignRun,
    ForeignRuns,
    Keys,
    each_once,
    is_reserved,
    left_out,
    seed_of,
    variant_of,
)

if TYPE_CHECKING:
    import pandas as pd

RESULTS, CURVES = "results.csv", "curves.csv"
"""Files that belong together where they lie in one folder."""
STEPS = ("epoch", "step")
"""What the column may be called that says how far a curve has come."""
METRIC, VALUE = "metric", "value"
"""The columns of a table with a row for each value; others have a column for each metric."""
INFINITE = {"inf": math.inf, "+inf": math.inf, "infinity": math.inf, "-inf": -math.inf, "-infinity": -math.inf}
A_DATA_FRAME = "a data frame"


@dataclass(frozen=True)
class TableOptions:
    """How a file is read: keys of the data configs, typed as ``data.decimal=comma``."""

    reading: Reading
    decimal: str
    missing: MissingValues

    @classmethod
    def of(cls, overrides: Sequence[str] = ()) -> TableOptions:
        """Raises ``ConfigError``."""
        known = [f"data.{name}" for name in (*(entry.name for entry in fields(Reading)), "decimal", "missing_values")]
        given: dict[str, Any] = {}
        for item in parse(in_grammar(overrides)):
            if item.key_or_group not in known:
                raise ConfigError(
                    f"Override {item.input_line!r}: it does not say how a table is read, {near_misses(item.key_or_group, known)}"
                )
            given[item.key_or_group.removeprefix("data.")] = item.value()
        decimal, missing = check_decimal(given.pop("decimal", "point")), given.pop("missing_values", None)
        return cls(Reading(**given), decimal, MissingValues(missing))


def read_table(
    table: Path | pd.DataFrame,
    curves: Path | pd.DataFrame | None = None,
    *,
    keys: Keys | None = None,
    options: TableOptions | None = None,
    metric: str | None = None,
) -> ForeignRuns:
    """The runs of a table with the columns variant and seed and one a metric, or the columns metric and value.

    ``curves``, by default a file curves.csv beside a results.csv, also has a column epoch or step. Raises
    ``DataError`` for what is missing, stands there twice or is no number; columns of texts are left out, unless one is
    the ``metric``.
    """
    keys, options = keys or Keys(), options or TableOptions.of()
    columns = _columns(table, options, keys)
    rows, notes = _values(columns, [keys.variant, keys.seed], metric)
    runs = each_once((_run(columns.source, row) for row in rows), columns.source)
    steps = STEPS[0]
    found = _curves_beside(table) if curves is None else None
    drawn = found if curves is None else curves
    if drawn is not None:
        try:
            steps, more = _add_curves(runs, columns.source, _columns(drawn, options, keys, "its curves"), keys)
        except DataError as error:
            if found is None:
                raise
            why = f"{CURVES} was found beside {RESULTS}; --curves names another file"
            raise DataError(f"{error} ({why}.)") from error
        notes += more
    digest = sha256(table) if isinstance(table, Path) else ""
    return ForeignRuns(columns.source, digest, keys.variant, runs, notes, steps)


def _curves_beside(table: Path | pd.DataFrame) -> Path | None:
    beside = table.with_name(CURVES) if isinstance(table, Path) and table.name == RESULTS else None
    return beside if beside is not None and beside.is_file() else None


@dataclass(frozen=True)
class _Columns:
    """The columns of a table, as texts."""

    source: str
    names: Sequence[str]
    texts: Callable[[int], list[str]]
    """The values of the column at a position."""
    place: Callable[[int], str]
    """Where a row stands, counted from 0."""
    options: TableOptions
    is_file: bool

    def position(self, name: str, remedy: str) -> int:
        """Of the column of that name, or of one that differs in its letter case; raises ``DataError``."""
        found = [at for at, known in enumerate(self.names) if known == name]
        found = found or [at for at, known in enumerate(self.names) if known.casefold() == name.casefold()]
        if len(found) != 1:
            count = f"{len(found)} columns" if found else "no column"
            listed = ", ".join(repr(known) for known in self.names)
            raise DataError(f"{self.source} has {count} called {name!r}: its columns are {listed}. {remedy}")
        return found[0]

    def has(self, name: str) -> bool:
        return any(known.casefold() == name.casefold() for known in self.names)


@dataclass(frozen=True)
class _Row:
    """What a row says, or several with the same keys: the texts of its keys, and a value for each metric."""

    keys: tuple[str, ...]
    values: dict[str, float]
    place: str


def _columns(table: Path | pd.DataFrame, options: TableOptions, keys: Keys, what: str = "") -> _Columns:
    if isinstance(table, Path):
        records = open_records(table, options.reading, [keys.variant, keys.seed])
        names = ["" if at in records.unnamed() else name for at, name in enumerate(records.columns)]
        return _Columns(table.name, names, lambda at: records.strings([at])[0], records.place, options, True)
    if {keys.variant, keys.seed} & {name for name in table.index.names if name is not None}:
        table = table.reset_index()
    frame, index = table, table.index.tolist()
    source = f"{A_DATA_FRAME}{f' of {what}' if what else ''}"

    def texts(at: int) -> list[str]:
        column = frame.iloc[:, at]
        return ["" if missing else str(value) for value, missing in zip(column, column.isna(), strict=True)]

    return _Columns(source, [str(name) for name in frame], texts, lambda row: f"row {index[row]}", options, False)


REMEDY = "Name the right one with {option}, such as {option} COLUMN; data.delimiter, data.header and the like say how a file is read."


def _values(columns: _Columns, keys: Sequence[str], metric: str | None = None) -> tuple[list[_Row], list[str]]:
    """The rows, with those of one run put together where each holds one value; and what was left out, in sentences."""
    options = {keys[0]: "--variant-key", keys[1]: "--seed-key"}
    at = [
        columns.position(
            key, REMEDY.format(option=options[key]) if key in options else "Curves have a column epoch or step."
        )
        for key in keys
    ]
    identity = list(zip(*(columns.texts(position) for position in at), strict=True))
    if columns.has(METRIC) and columns.has(VALUE):
        return _long_rows(columns, identity), []
    numbers, notes = _numbers(columns, at, metric)
    rows = [
        _Row(
            identity[row],
            {label: values[row] for label, values in numbers.items()},
            columns.place(row),
        )
        for row in range(len(identity))
    ]
    return rows, notes


def _long_rows(columns: _Columns, identity: list[tuple[str, ...]]) -> list[_Row]:
    """The rows of a table with a row for each value."""
    labels = columns.texts(columns.position(METRIC, ""))
    values = _read(columns, columns.position(VALUE, ""))
    rows: dict[tuple[str, ...], _Row] = {}
    seen_in: dict[tuple[str, ...], str] = {}
    for number, (keys, label, value) in enumerate(zip(identity, map(seen, labels), values, strict=True)):
        place = columns.place(number)
        if not label:
            raise DataError(f"{columns.source}, {place}: the metric has no name. Name it, or take the row out.")
        if (*keys, label) in seen_in:
            raise DataError(
                f"{columns.source}: {label!r} of {', '.join(keys)} appears twice, in {seen_in[*keys, label]} and "
                f"{place}. Take one of them out."
            )
        seen_in[*keys, label] = place
        if not is_reserved(label):
            rows.setdefault(keys, _Row(keys, {}, place)).values[label] = value
    return list(rows.values())


def _numbers(columns: _Columns, keys: Sequence[int], metric: str | None) -> tuple[dict[str, list[float]], list[str]]:
    """The values of each column of numbers, and what the others are, in sentences."""
    numbers: dict[str, list[float]] = {}
    reserved, texts, empty = [], [], []
    for at, name in enumerate(columns.names):
        if at in keys or not name:
            continue
        if name in numbers:
            raise DataError(f"{columns.source} has two columns called {name!r}. Rename one of them.")
        if is_reserved(name):
            reserved.append(name)
            continue
        read = _parsed(columns, at)
        if name != metric and read.is_mostly_text and read.other_decimal is None:
            texts.append(name)
        else:
            numbers[name] = _checked(columns, name, read)
            if all(map(math.isnan, numbers[name])):
                empty.append(name)
                del numbers[name]
    if not numbers:
        raise DataError(
            f"{columns.source} has no column of numbers beside {' and '.join(columns.names[at] for at in keys)}: a metric is a "
            "column with a number for each run."
        )
    return numbers, [
        *left_out(texts, "texts, and no metrics"),
        *left_out(reserved, "what seedbed's own tables call otherwise: rename a metric of that name"),
        *left_out(empty, "without any value"),
    ]


def _read(columns: _Columns, at: int) -> list[float]:
    return _checked(columns, columns.names[at], _parsed(columns, at))


def _parsed(columns: _Columns, at: int) -> Numbers:
    options = columns.options
    return read_numbers(columns.texts(at), options.decimal, MissingValues([*options.missing.given, *INFINITE]))


def _checked(columns: _Columns, name: str, read: Numbers) -> list[float]:
    """The values, NaN where there is none; raises ``DataError`` where one is no number."""
    if read.unreadable.any():
        shown = [f"{text[:40]!r} in {columns.place(record - 1)}" for text, record in list(read.distinct.items())[:3]]
        remedy = read.remedy() if columns.is_file else "Convert the column to numbers, with NaN where there is none."
        raise DataError(f"{columns.source}, column {name!r}: {', '.join(shown)} {'are not numbers' if len(shown) > 1 else 'is not a number'}. {remedy}")  # fmt: skip
    given = columns.options.missing
    return [
        INFINITE.get(text.strip().casefold(), value) if math.isnan(value) and text not in given else value
        for text, value in zip(read.written, read.values.tolist(), strict=True)
    ]


def _run(source: str, row: _Row) -> ForeignRun:
    variant, seed = row.keys
    return ForeignRun(variant_of(variant, source, row.place), seed_of(seed, source, row.place), row.values, row.place)


# ---- curves ----------------------------------------------------------------------------------------------------------


def _add_curves(runs: Sequence[ForeignRun], source: str, columns: _Columns, keys: Keys) -> tuple[str, list[str]]:
    """Give the runs their points; returns what the curves are over, and what was left out of them."""
    steps = next((name for name in STEPS if columns.has(name)), STEPS[0])
    rows, notes = _values(columns, [keys.variant, keys.seed, steps])
    by_cell = {(run.variant, run.seed): run for run in runs}
    taken: dict[tuple[str, int, int], str] = {}
    for row, step in _with_steps(rows, columns.source, steps):
        cell = (variant_of(row.keys[0], columns.source, row.place), seed_of(row.keys[1], columns.source, row.place))
        if cell not in by_cell:
            raise DataError(
                f"{columns.source}, {row.place}: {source} has no run of variant {cell[0]!r} with seed {cell[1]}, "
                f"{near_misses(cell[0], [variant for variant, _ in by_cell])} Take the row out, or name the file of these "
                "runs' own curves with --curves."
            )
        if other := taken.get((*cell, step)):
            raise DataError(
                f"{columns.source}: variant {cell[0]!r}, seed {cell[1]} has {steps} {step} twice, in {other} and "
                f"{row.place}. Take one of them out."
            )
        taken[*cell, step] = row.place
        by_cell[cell].points.extend((name, step, value) for name, value in row.values.items() if math.isfinite(value))
    return steps, [f"{columns.source}: {note[0].lower()}{note[1:]}" for note in notes]


def _with_steps(rows: Sequence[_Row], source: str, name: str) -> Iterator[tuple[_Row, int]]:
    for row in rows:
        match = re.fullmatch(r"([0-9]+)(?:\.0*)?", row.keys[2].strip(), re.ASCII)
        if match is None:
            raise DataError(
                f"{source}, {row.place}: the {name} is {row.keys[2]!r}, and not a whole number from 0 on. Write one."
            )
        yield row, int(match[1])
