"""What every served model is: it answers a table of questions by the trained seeds of one variant."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import pandas as pd

from seedbed.errors import DataError, near_misses
from seedbed.serving.files import write_json

DESCRIPTION = "predictor.json"
FORMAT = 1
"""Of the files; a later one that cannot read them says so."""


@dataclass(frozen=True)
class Column:
    """A column of questions or answers, in the types of an MLflow signature."""

    name: str
    type: Literal["string", "long", "double", "boolean"]
    required: bool = True


class Predictor(ABC):
    """The command line and the served model are thin layers over this object.

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
        """Write all that it needs into ``folder``, which must not exist yet, as JSON and safetensors."""
        folder.mkdir(parents=True)
        written = self.write(folder)
        write_json(folder / DESCRIPTION, {"format": FORMAT, "kind": self.KIND, "about": self.about, **written})

    @property
    def packages(self) -> tuple[str, ...]:
        """Distributions that this model needs beside those that every model does."""
        return ()

    def require_columns(self, questions: pd.DataFrame) -> None:
        """Raise ``DataError`` for a column that is missing."""
        given = [str(column) for column in questions.columns]
        for column in self.questions:
            if column.required and column.name not in given:
                raise DataError(f"The column {column.name!r} is missing: {near_misses(column.name, given)}")


def cells(questions: pd.DataFrame, column: str) -> list[str | None]:
    """The texts of a column; a number as people write it, and None where there is no value or no such column."""
    if column not in questions:
        return [None] * len(questions)
    return [_text(value) for value in questions[column].tolist()]


def _text(value: Any) -> str | None:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    # A column of whole numbers with a gap comes as floats.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def with_nulls(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """None where these columns have no value: JSON, which a server answers in, knows no NaN."""
    values = {name: [None if pd.isna(value) else value for value in table[name]] for name in columns}
    return table.assign(**{name: pd.Series(found, table.index, dtype=object) for name, found in values.items()})
