"""The base class of served models, which answer a table of questions by the trained seeds of one variant."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd

from seedbed.errors import DataError, near_misses
from seedbed.serving.files import write_json

DESCRIPTION = "predictor.json"
FORMAT = 1
"""Of the files; a later one that cannot read them says so."""
LONGEST_SHOWN, LONGEST_NUMBER = 60, 10
HIGHEST_COUNT, HIGHEST = 2**31, 1e300


@dataclass(frozen=True)
class Column:
    """A column of questions or answers, in the types of an MLflow signature."""

    name: str
    type: Literal["string", "long", "double", "boolean", "any"]
    """Of "any", the predictor sees each value as it was sent; MLflow cuts 1.5 to a "long" of 1."""
    required: bool = True


class Predictor(ABC):
    """What answers questions by trained seeds: the command line and the served model are thin layers over it.

    ``about`` says in a sentence which variant of which launch it is, and how many seeds it has.
    """

    KIND: ClassVar[str]
    """The name of the class in the files."""
    about: str

    @property
    @abstractmethod
    def seeds(self) -> tuple[int, ...]:
        """The seeds that answer."""

    @property
    @abstractmethod
    def questions(self) -> tuple[Column, ...]:
        """The columns of a table of questions."""

    @property
    @abstractmethod
    def answers(self) -> tuple[Column, ...]:
        """The columns of a table of answers."""

    @abstractmethod
    def example(self) -> pd.DataFrame:
        """A table of questions to try it with."""

    @abstractmethod
    def predict(self, questions: pd.DataFrame) -> pd.DataFrame:
        """Answer each row, in order; raises ``DataError`` for what cannot be answered."""

    @abstractmethod
    def write(self, folder: Path) -> dict[str, Any]:
        """Write the files into an empty folder; what is returned goes into the description and must be JSON."""

    @classmethod
    @abstractmethod
    def read(cls, folder: Path, description: dict[str, Any]) -> Self:
        """The same object from these files; raises ``TrackingError`` where they do not fit together."""

    def save(self, folder: Path) -> None:
        """Write all that it needs into ``folder``, which must not exist yet, as JSON, safetensors and, of estimators, files of skops."""
        folder.mkdir(parents=True)
        written = self.write(folder)
        write_json(folder / DESCRIPTION, {"format": FORMAT, "kind": self.KIND, "about": self.about, **written})

    @property
    def code(self) -> tuple[str, ...]:
        """Dotted names of what is imported when the files are read: this class, those of its parts, and what configs name."""
        return (dotted_name(type(self)),)

    @property
    def packages(self) -> tuple[str, ...]:
        """Distributions that are imported only when it answers, so that no module at the top says so."""
        return ()

    def require_questions(self, questions: pd.DataFrame) -> None:
        """Raise ``DataError`` for a table without rows, and for a column that is missing or there twice."""
        given = [str(column) for column in questions.columns]
        for column in self.questions:
            if given.count(column.name) > 1:
                raise DataError(f"There are {given.count(column.name)} columns {column.name!r}. Give it once.")
            if column.required and column.name not in given:
                raise DataError(f"The column {column.name!r} is missing: {near_misses(column.name, given)}")
        if questions.empty:
            raise DataError("There is no row to answer. Give at least one.")


def dotted_name(kind: type) -> str:
    """Module and name of a class."""
    return f"{kind.__module__}.{kind.__qualname__}"


def cells(questions: pd.DataFrame, column: str) -> list[str | None]:
    """The texts of a column; a number as people write it, and None where there is no value or no such column.

    Raises ``DataError`` for what is neither a text nor a number.
    """
    return [None if value is None else _text(value, place) for place, value in _values(questions, column)]


def whole_numbers(questions: pd.DataFrame, column: str) -> list[int | None]:
    """The whole numbers of a column, from 1 on, and None where there is no value; raises ``DataError`` for other values."""
    return [None if value is None else _whole(value, place) for place, value in _values(questions, column)]


def _values(questions: pd.DataFrame, column: str) -> Iterator[tuple[str, Any]]:
    """Each row's value and a name of its place, with rows from 1 on; None where there is none."""
    values = questions[column].tolist() if column in questions else [None] * len(questions)
    for row, value in enumerate(values, 1):
        missing = pd.api.types.is_scalar(value) and pd.isna(value)
        yield f"Row {row}: {column}", None if missing else value


def _text(value: Any, place: str) -> str:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{place} holds half a character (a surrogate without its other half) and is not text."
            ) from error
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not -HIGHEST < value < HIGHEST:
        raise DataError(f"{place}={_shown(value)} cannot be used: it must be a text, or a number.")
    # A column of whole numbers with a gap comes as floats.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _whole(value: Any, place: str) -> int:
    if isinstance(value, str) and value.isdecimal() and len(value) < LONGEST_NUMBER:
        value = int(value)
    whole = not isinstance(value, bool) and (
        isinstance(value, int | np.integer) or (isinstance(value, float) and value.is_integer())
    )
    if not whole or not 1 <= value <= HIGHEST_COUNT:
        raise DataError(f"{place}={_shown(value)} cannot be used: it must be a whole number from 1 on.")
    return int(value)


def _shown(value: Any) -> str:
    """A value in a message: its JSON, cut where it is long."""
    try:
        text = json.dumps(value, ensure_ascii=True, default=str)
    except (ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def with_nulls(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The table with None where these columns have no value: JSON, which a server answers in, knows no NaN."""
    values = {name: [None if pd.isna(value) else value for value in table[name]] for name in columns}
    return table.assign(**{name: pd.Series(column, table.index, dtype=object) for name, column in values.items()})
