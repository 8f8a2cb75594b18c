"""The numbers that regression predicts: read from a column of a file, checked and described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from seedbed.data.numbers import LARGEST, MissingValues, Numbers, column_numbers
from seedbed.data.table import rows_of
from seedbed.errors import ConfigError, DataError

if TYPE_CHECKING:
    from seedbed.data.files.records import Records

FEW_VALUES = 10
"""Whole numbers of at most so many different values may be codes of classes."""


@dataclass(frozen=True)
class Targets:
    """The N targets of a file."""

    name: str
    """The column's."""
    place: str
    """File and column, for errors."""
    values: np.ndarray
    """(N,) float64, NaN where there is none."""
    named_missing: int = 0
    """How many are among ``data.missing_values``."""
    what: ClassVar[str] = "target"
    counts: ClassVar[dict[str, int]] = {}
    notes: ClassVar[tuple[str, ...]] = ()
    made_with: ClassVar[dict[str, str]] = {}
    """As of ``Labels``, of which there is more to say."""

    @property
    def absent(self) -> np.ndarray:
        """(N,) booleans: whether there is none."""
        absent: np.ndarray = np.isnan(self.values)
        return absent

    @property
    def left_out(self) -> np.ndarray:
        """(N,) booleans: no target is left out by what it is."""
        return np.zeros(len(self.values), dtype=bool)

    def of_rows(self, rows: np.ndarray) -> Targets:
        """Those of the rows with these numbers."""
        return replace(self, values=self.values[rows])


def check_one_of(label: str | None, target: str | None, of_classes: Mapping[str, Any]) -> None:
    """Raise ``ConfigError`` for a column of labels beside one of targets, and for settings of classes beside targets."""
    if target is None:
        return
    if label is not None:
        raise ConfigError(
            f"data.label={label} and data.target={target}: labels are classes (task=classification), targets are numbers "
            "(task=regression). Give one of them."
        )
    given = [key for key, value in of_classes.items() if value not in (None, False, [], (), {})]
    if given:
        raise ConfigError(
            f"data.{given[0]} is about classes, and data.target={target} names numbers. Leave it out or, where these are "
            f"codes of classes, write data.label={target}."
        )


def read_targets(records: Records, target: str, decimal: str, missing: MissingValues) -> Targets:
    """Read the column; raises ``DataError`` for values that are no numbers, or infinite."""
    position = records.position(target, "data.target")
    place = f"{records.path}: column {records.columns[position]!r} (data.target)"
    read = column_numbers(records, position, records.strings([position])[0], decimal, missing)
    if read.unreadable.any():
        raise DataError(_unreadable(read, place, target))
    return Targets(records.columns[position], place, read.values, read.named_missing)


def _unreadable(read: Numbers, place: str, target: str) -> str:
    rows = rows_of(int(read.unreadable.sum()))
    if all(map(_is_infinite, read.distinct)):
        return (
            f"{place} is infinite, or beyond 32-bit floats, in {rows}: {read.shown()}. Fix the file, or leave these rows "
            "out of it."
        )
    remedy = read.remedy()
    if read.is_mostly_text and read.other_decimal is None:
        remedy = f"Where its values are classes, write data.label={target} with task=classification. {remedy}"
    return f"{place} holds no number in {rows}: {read.shown()}. {remedy}"


def _is_infinite(text: str) -> bool:
    """Whether a text that cannot be read is a number to Python: one beyond 32-bit floats."""
    try:
        return bool(abs(float(text.replace(",", "."))) > LARGEST)
    except ValueError:
        return False


def refuse_constant(targets: Targets) -> None:
    """Raise ``DataError`` for targets without two different values, or none at all."""
    values = targets.values
    if len(values) == 0:
        raise DataError(f"{targets.place}: every row lacks a value that is needed. Name other columns or another file.")
    if values.min() == values.max():
        raise DataError(
            f"{targets.place} holds one number only, {values[0]:g} in all {len(values)} rows. Name the column of the "
            "numbers to predict."
        )


def target_notes(name: str, values: np.ndarray) -> list[str]:
    """What a report says of the targets (N,)."""
    spread = (
        f"Targets {name!r}: from {values.min():g} to {values.max():g}, mean {values.mean():g}, standard deviation "
        f"{values.std():g}."
    )
    distinct = np.unique(values)
    coded = len(distinct) <= FEW_VALUES and np.array_equal(distinct, np.round(distinct))
    if not coded and len(distinct) > 2:
        return [spread]
    listed = ", ".join(f"{value:g}" for value in distinct)
    return [
        spread,
        f"{name!r} has {len(distinct)} different values ({listed}), predicted as numbers; where they are codes of classes, "
        f"write data.label={name} with task=classification.",
    ]
