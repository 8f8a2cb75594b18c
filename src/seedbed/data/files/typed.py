"""Records of formats whose values have types of their own: JSON, Parquet and Arrow."""

from __future__ import annotations

import datetime
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.parquet as pq

from seedbed.data.files.characters import halves_in, without_halves
from seedbed.data.files.reading import BadRecord, Found, Reading, Records, Replaced
from seedbed.errors import DataError

PARQUET, ARROW, ARROW_STREAM = b"PAR1", b"ARROW1\0\0", b"\xff\xff\xff\xff"
_ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")


class Digits(str):
    """A number of a JSON text, as its digits say."""

    __slots__ = ()


class TypedRecords(Records):
    """Records whose values are strings, ``Digits``, booleans, numbers or None."""

    def __init__(
        self, path: Path, names: Sequence[str], how: str, found: Found, values: Callable[[int], list[Any]]
    ) -> None:
        """``values`` gives those of the column at a position; raises ``DataError`` for what is no single value."""
        super().__init__(path, [without_halves(str(name)).strip() for name in names], how, found)
        self._values = values

    def strings(self, positions: Sequence[int]) -> list[list[str]]:
        return [[_string(value) for value in self._values(position)] for position in positions]

    def numbers(self, positions: Sequence[int], decimal: str = ".") -> pd.DataFrame:
        return pd.DataFrame({position: _numeric(self._values(position)) for position in positions})


def _string(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return value if type(value) is str else str(value)


def _numeric(values: Sequence[Any]) -> pd.Series[Any]:
    """The values as float64 where all are numbers or booleans, else as strings; None where there is no value."""
    if all(value is None or isinstance(value, int | float | Digits) for value in values):
        return pd.Series([math.nan if value is None else _float(value) for value in values], dtype=np.float64)
    return pd.Series([None if value is None else _string(value) for value in values], dtype=object)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond those of 64 bits
        return math.inf if value > 0 else -math.inf


# ---- Parquet and Arrow -----------------------------------------------------------------------------------------------


def parquet(path: Path, content: bytes) -> Records:
    """The records of a Parquet file; raises ``DataError``."""
    return _of_table(path, content, "Parquet", pq.read_table)


def arrow(path: Path, content: bytes) -> Records:
    """The records of an Arrow file, also named Feather, or of an Arrow stream; raises ``DataError``."""
    opened = pa.ipc.open_file if content.startswith(ARROW) else pa.ipc.open_stream
    return _of_table(path, content, "Arrow", lambda stream: opened(stream).read_all())


def _of_table(path: Path, content: bytes, format: str, read: Callable[[io.BytesIO], pa.Table]) -> Records:
    try:
        table = read(io.BytesIO(content))
        table.validate(full=True)  # texts that are no UTF-8, for one
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(
            f"{path} is not a valid {format} file ({' '.join(str(error).split())}). Write it again."
        ) from error
    table = table.drop_columns(_index_columns(table))
    how = f"{path.name} was read as {format}."
    if not table.num_rows or not table.num_columns:
        raise DataError(f"{path} has no records. ({how})")

    def values(position: int) -> list[Any]:
        return _values_of(path, table.column_names[position], table.column(position))

    return TypedRecords(path, table.column_names, how, Found(format), values)


def _index_columns(table: pa.Table) -> list[str]:
    """What pandas has written beside the columns: the numbers or names of its rows."""
    names = (table.schema.pandas_metadata or {}).get("index_columns", [])
    return [name for name in names if isinstance(name, str) and name in table.column_names]


def _values_of(path: Path, name: str, column: pa.ChunkedArray) -> list[Any]:
    """The values of a column, whole numbers as such; raises ``DataError`` for lists and the like."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column, kind = column.cast(kind.storage_type), kind.storage_type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_nested(kind):
        raise DataError(_not_single(path, name, f"of type {kind}"))
    if pa.types.is_float32(kind) or pa.types.is_float16(kind):  # with the digits of their own precision
        return [None if value is None else float(str(np.float32(value))) for value in column.to_pylist()]
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = pc.cast(column, pa.timestamp("us", kind.tz)) if _whole_microseconds(column) else column
    try:
        values = column.to_pylist()
    except (ValueError, OverflowError) as error:  # a date that no calendar has, for one
        raise DataError(_not_single(path, name, f"that cannot be read ({error})")) from error
    if pa.types.is_decimal(kind):
        return [None if value is None else Digits(format(value, "f")) for value in values]
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _texts_of(path, name, values)
    return [value.isoformat() if isinstance(value, datetime.date | datetime.time) else value for value in values]


def _whole_microseconds(column: pa.ChunkedArray) -> bool:
    numbers = pc.cast(column, pa.int64())
    return bool(pc.all(pc.equal(pc.multiply(pc.divide(numbers, 1000), 1000), numbers)).as_py() in (True, None))


def _texts_of(path: Path, name: str, values: Sequence[bytes | None]) -> list[str | None]:
    try:
        return [None if value is None else value.decode() for value in values]
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: column {name!r} holds bytes that are not UTF-8 text. Name another column, or write it as text."
        ) from error


def _not_single(path: Path, name: str, what: str) -> str:
    return (
        f"{path}: column {name!r} holds values {what}, where each record needs a single text or number. Name another column, "
        "or write it again with single values."
    )


# ---- JSON ------------------------------------------------------------------------------------------------------------


def json_records(path: Path, text: str, found: Found, reading: Reading) -> Records:
    """JSON lines, or one array of objects; raises ``DataError``."""
    is_array = text.lstrip().startswith("[")
    kind, unit = ("a JSON array", "element") if is_array else ("JSON lines", "line")
    rows, bad = _elements(path, text) if is_array else _lines(text)
    if bad and not (reading.drops and rows):
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        few = len(bad) <= len(rows)
        remedy = "Fix it, or leave such ones out: data.bad_lines=drop" if few else f"Write one object a {unit}"
        raise DataError(
            f"{path}, {bad[0].place} {bad[0].why}{more}: each {unit} must be an object such as "
            f'{{"text": "...", "label": "..."}}. {remedy}.'
        )
    how = f"{path.name} was read as {kind}: encoding {found.encoding}."
    if not rows:
        raise DataError(f"{path} has no records. ({how})")
    halves = _without_halves(path, rows, unit) if _ESCAPED_HALF.search(text) else None
    replaced = (*found.replaced, *([halves] if halves else []))
    names = list(dict.fromkeys(name for _, row in rows for name in row))
    if not names:
        raise DataError(f"{path}: its objects are empty. Name a file whose objects hold values. ({how})")

    def values(position: int) -> list[Any]:
        name = names[position]
        column = [row.get(name) for _, row in rows]
        nested = next((at for at, value in enumerate(column) if isinstance(value, list | dict)), None)
        if nested is not None:
            what = "a list" if isinstance(column[nested], list) else "an object"
            raise DataError(_not_single(path, name, f"such as {what} ({unit} {rows[nested][0]})"))
        return column

    records = TypedRecords(path, names, how, replace(found, format=kind, replaced=replaced), values)
    records.with_dropped(bad)
    return records


Rows = list[tuple[int, dict[str, Any]]]
"""Objects with the number of their line, or among the elements."""


class _Twice(ValueError):
    """An object has a name twice."""


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(f"has {next(name for name in made if names.count(name) > 1)!r} twice")
    return made


_CONSTANTS = {"NaN": None, "Infinity": math.inf, "-Infinity": -math.inf}
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=Digits, parse_float=Digits, parse_constant=_CONSTANTS.__getitem__
)


def _value(text: str) -> tuple[Any, str]:
    """What a JSON text says, and what is wrong with it."""
    try:
        return _DECODER.decode(text), ""
    except json.JSONDecodeError as error:
        return None, f"is not valid JSON ({error.msg})"
    except _Twice as error:
        return None, str(error)
    except RecursionError:
        return None, "is nested too deep"


def _lines(text: str) -> tuple[Rows, list[BadRecord]]:
    rows: Rows = []
    bad = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            value, why = _value(line.strip())
            if isinstance(value, dict):
                rows.append((number, value))
            else:
                bad.append(BadRecord(number, number, why or "is not an object"))
    return rows, bad


def _elements(path: Path, text: str) -> tuple[Rows, list[BadRecord]]:
    try:
        values = _DECODER.decode(text.strip())
    except json.JSONDecodeError as error:
        raise DataError(f"{path} is not valid JSON: {error}. Fix it, or write one object a line.") from error
    except _Twice as error:
        raise DataError(f"{path}: an object {error}. Rename one of the two.") from error
    except RecursionError as error:
        raise DataError(f"{path} is nested too deep. Write one flat object a record.") from error
    rows = [(number, value) for number, value in enumerate(values, 1) if isinstance(value, dict)]
    others = (number for number, value in enumerate(values, 1) if not isinstance(value, dict))
    return rows, [BadRecord(number, number, "is not an object", "element") for number in others]


def _without_halves(path: Path, rows: Rows, unit: str) -> Replaced | None:
    """Put U+FFFD, in place, for each half of a surrogate pair in names and texts; raises ``DataError``."""
    count, where = 0, []
    for at, (number, row) in enumerate(rows):
        halves = sum(halves_in(text) for text in _texts(row.items()))
        if halves:
            mended = {
                without_halves(name): without_halves(value) if type(value) is str else value
                for name, value in row.items()
            }
            if len(mended) < len(row):
                raise DataError(
                    f"{path}, {unit} {number}: two of its names differ only in half of a character. Rename one of them."
                )
            rows[at] = (number, mended)
            count += halves
            where.append(number)
    if not count:
        return None
    what = f"{count} {'half' if count == 1 else 'halves'} of a character (such as a cut emoji)"
    return Replaced(count, tuple(where), "replaced_half_characters", what, unit)


def _texts(pairs: Iterable[tuple[str, Any]]) -> Iterable[str]:
    for name, value in pairs:
        yield name
        if type(value) is str:
            yield value
