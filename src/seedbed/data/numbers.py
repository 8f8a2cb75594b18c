"""Numbers as people write them: which texts are numbers, which stand for no value, and which cannot be read."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from seedbed.checks import is_number, require_choice
from seedbed.data.text_forms import seen
from seedbed.errors import ConfigError, DataError
from seedbed.quoting import override

if TYPE_CHECKING:
    from seedbed.data.files.records import Records

AUTO = "auto"
DECIMALS = {"point": ".", "comma": ","}
MISSING_WORDS = frozenset(
    {
        "", "na", "n/a", "n.a.", "nan", "-nan", "null", "nil", "none", "<na>", "#n/a", "#na", "#n/a n/a",
        "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan", "-", "--", "–", "—", ".", "?",
    }
)  # fmt: skip
"""Texts that stand for no value, in any letter case."""
MOST_UNREADABLE = 0.01
"""The share of a column's values from which on its unreadable ones are not left out, but refused."""
LARGEST = float(np.finfo(np.float32).max)
NAMED = 10
"""The most values that a remedy names."""
_FORMS = {
    decimal: re.compile(rf"[-+]?(?:[0-9]+(?:{re.escape(sign)}[0-9]*)?|{re.escape(sign)}[0-9]+)(?:[eE][-+]?[0-9]+)?")
    for decimal, sign in DECIMALS.items()
}
_THOUSANDS = re.compile(r"[-+]?[1-9][0-9]{0,2}(?:[.,][0-9]{3})+")


def number(text: str, decimal: str = "point") -> float | None:
    """The number that a text is, written with the digits 0 to 9; None where it is none, or beyond 32-bit floats.

    What only Python takes for a number (``1_000``, ``inf``, digits of other scripts) is none, and so is one with
    thousands separators.
    """
    if not _FORMS[decimal].fullmatch(text):
        return None
    value = float(text.replace(DECIMALS[decimal], "."))
    return value if abs(value) <= LARGEST else None


class MissingValues:
    """Values that stand for none, as the user names them (``data.missing_values``): numbers, or texts."""

    def __init__(self, given: Sequence[Any] | None = None) -> None:
        """Raises ``ConfigError``."""
        values = [] if given is None else given
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise ConfigError(f"data.missing_values={given}: give a list, such as data.missing_values=[-1,99].")
        if odd := [
            value for value in values if not (value is None or isinstance(value, str | bool) or is_number(value))
        ]:
            raise ConfigError(f"data.missing_values: {odd[0]} is neither a number nor a text. Name values of the file.")
        self.given = [str(value) for value in values]
        self.texts = {seen(value).casefold() for value in self.given}
        self.numbers = {
            read for text in self.texts for decimal in DECIMALS if (read := number(text, decimal)) is not None
        }

    def __contains__(self, text: str) -> bool:
        return text.casefold() in self.texts

    def is_no_name(self, name: str) -> bool:
        """Whether a name of a user or an item is among them: a number is none, since it may well be one's name."""
        return name in self and number(name) is None

    def in_array(self, values: np.ndarray) -> np.ndarray:
        """Booleans of the same shape."""
        return np.isin(values, np.array(list(self.numbers), dtype=values.dtype))

    def notes(self, count: int) -> list[str]:
        """What is to be said where ``count`` values are among them."""
        if not self.given:
            return []
        values = "value is" if count == 1 else "values are"
        return [f"{count} {values} taken as missing (data.missing_values=[{','.join(self.given)}])."]


def _place(row: int) -> str:
    return f"record {row + 1}"


@dataclass(frozen=True)
class Numbers:
    """The N values of a column, read as numbers."""

    written: Sequence[str]
    """(N,) as they stand in the file."""
    values: np.ndarray
    """(N,) float64, NaN where there is no number."""
    unreadable: np.ndarray
    """(N,) booleans: whether there is something that is neither a number nor stands for no value."""
    named_missing: int
    """How many are among the ``MissingValues``."""
    decimal: str

    @property
    def too_many(self) -> bool:
        """Whether the unreadable ones are more than ``MOST_UNREADABLE`` of all."""
        return bool(self.unreadable.mean() > MOST_UNREADABLE)

    @cached_property
    def distinct(self) -> dict[str, int]:
        """The distinct unreadable values, in their order, and the first record of each, counted from 1."""
        first_records: dict[str, int] = {}
        for row in np.flatnonzero(self.unreadable).tolist():
            first_records.setdefault(self.written[row].strip(), row + 1)
        return first_records

    def shown(self, most: int = 3, place: Callable[[int], str] = _place) -> str:
        """Examples of unreadable values, for people; ``place`` says where a record stands, counted from 0."""
        listed = [f"{value[:40]!r} in {place(row - 1)}" for value, row in list(self.distinct.items())[:most]]
        return " and ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed)

    @property
    def is_mostly_text(self) -> bool:
        """Whether most of its values are unreadable."""
        return 2 * int(self.unreadable.sum()) > int(np.count_nonzero(~np.isnan(self.values) | self.unreadable))

    @cached_property
    def other_decimal(self) -> str | None:
        """The other decimal sign, where most of what is unreadable is a number with that."""
        other = next(name for name in DECIMALS if name != self.decimal)
        numbers = sum(number(seen(text), other) is not None for text in self.distinct)
        return other if 2 * numbers > len(self.distinct) else None

    def remedy(self) -> str:
        """A setting under which these values can be read, or how to do without them."""
        other = self.other_decimal
        if other is None:
            missing = override("data.missing_values", list(self.distinct))
            few = len(self.distinct) <= NAMED and not self.is_mostly_text
            named = f"; or, where they stand for no value, name them: {missing}" if few else ""
            return f"Write them in the file as plain numbers, such as 4.5{named}."
        read = {seen(self.written[row]) for row in np.flatnonzero(~np.isnan(self.values)).tolist()}
        if not all(number(text, other) is not None for text in read):
            return (
                "The column has decimal points and decimal commas, and only one of them can be read at a time: write all "
                "its numbers in one way in the file."
            )
        if all(_THOUSANDS.fullmatch(seen(text)) for text in self.distinct):
            return (
                f"Where {DECIMALS[other]!r} is the decimal sign, set data.decimal={other}; where it separates thousands, "
                "take it out of the file."
            )
        return f"These look like numbers with a decimal {other}: data.decimal={other}."


def read_numbers(written: Sequence[str], decimal: str = "point", missing: MissingValues | None = None) -> Numbers:
    """Read each value; what a person does not see of it, such as blanks around it, does not count."""
    missing = missing or MissingValues()
    codes, distinct = pd.factorize(np.array(written, dtype=object))
    values, unreadable, named = (np.zeros(len(distinct), dtype=kind) for kind in (float, bool, bool))
    for at, value in enumerate(distinct):
        read = number(value, decimal)
        if read is None:
            text = seen(value)
            read = number(text, decimal)
            named[at] = text in missing
            unreadable[at] = read is None and not named[at] and text.casefold() not in MISSING_WORDS
        values[at] = np.nan if read is None else read
    named |= missing.in_array(values)
    values[named] = np.nan
    return Numbers(written, values[codes], unreadable[codes], int(named[codes].sum()), decimal)


def numeric_frame(
    records: Records, positions: Sequence[int], decimal: str, missing: MissingValues
) -> tuple[pd.DataFrame, str]:
    """The columns as ``records.numbers`` gives them, and the decimal sign that they are read with.

    That is ``decimal``; for "auto" the point, but the comma where values that are no numbers with a point all are
    numbers with a comma, which could not separate thousands. Raises ``DataError`` where that cannot be told.
    """
    if decimal != AUTO:
        return records.numbers(positions, DECIMALS[decimal]), decimal
    frame = records.numbers(positions)
    commas = {
        at: numbers
        for at, numbers in _texts_read(records, positions, frame, "point", missing).items()
        if numbers.distinct and all(number(seen(text), "comma") is not None for text in numbers.distinct)
    }
    if not commas:
        return frame, "point"
    at, first = next(iter(commas.items()))
    place = f"{records.path}: column {records.columns[at]!r} has {first.shown(1, records.place)}"
    if all(_THOUSANDS.fullmatch(seen(text)) for numbers in commas.values() for text in numbers.distinct):
        raise DataError(
            f"{place}, which may be a number with a decimal comma or one of thousands. If the comma is the decimal sign, set "
            "data.decimal=comma; if it separates thousands, take it out of the file."
        )
    with_comma = records.numbers(positions, DECIMALS["comma"])
    for other, numbers in _texts_read(records, positions, with_comma, "comma", missing).items():
        if numbers.other_decimal == "point":
            raise DataError(
                f"{place}, with a decimal comma, and column {records.columns[other]!r} {numbers.shown(1, records.place)}, with a "
                "decimal point; only one of them can be read at a time. Write all numbers in one way in the file or, where the "
                "first column holds no numbers, set data.decimal=point."
            )
    return with_comma, "comma"


def decimal_notes(asked: str, found: str) -> list[str]:
    """What is to be said of the decimal sign that was found."""
    return (
        ["Numbers are read with a decimal comma (found in the file; data.decimal sets another sign)."]
        if asked != found == "comma"
        else []
    )


def _texts_read(
    records: Records, positions: Sequence[int], frame: pd.DataFrame, decimal: str, missing: MissingValues
) -> dict[int, Numbers]:
    """The columns of a frame that are not numeric, read as numbers, by position."""
    texts = [at for at in positions if not pd.api.types.is_numeric_dtype(frame[at])]
    written = records.strings(texts) if texts else []
    return {at: read_numbers(strings, decimal, missing) for at, strings in zip(texts, written, strict=True)}


def column_numbers(
    records: Records, position: int, written: Sequence[str], decimal: str, missing: MissingValues
) -> Numbers:
    """The numbers of a column that stand in a file as ``written``; those with a type of their own have no decimal comma."""
    numbers = read_numbers(written, decimal, missing)
    if decimal == "point" or not numbers.unreadable.any():
        return numbers
    if not _is_typed(records.numbers([position], DECIMALS[decimal]).iloc[:, 0]):
        return numbers
    return min(numbers, read_numbers(written, "point", missing), key=lambda each: int(each.unreadable.sum()))


def check_decimal(decimal: str, *more: str) -> str:
    """Raises ``ConfigError`` for another value than those of ``DECIMALS`` and ``more``."""
    require_choice("data.decimal", decimal, (*more, *DECIMALS))
    return decimal


def _is_typed(column: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column)) and not pd.api.types.is_bool_dtype(column)
