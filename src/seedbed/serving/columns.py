"""Rows of numbers and categories, as they stand in a file, prepared as the training rows were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from seedbed.config.building import build
from seedbed.data.columns import BOOLEAN, CATEGORY, NUMBER, ORDERED, UNKNOWN
from seedbed.data.columns import Column as FileColumn
from seedbed.data.fitted import transformer_of
from seedbed.data.mixed_features import ColumnTransformers
from seedbed.data.numbers import MissingValues
from seedbed.errors import DataError
from seedbed.serving.files import read_json, targets_of, write_json
from seedbed.serving.inputs import Inputs
from seedbed.serving.numbers import NumberInputs
from seedbed.serving.predictor import Column, cells

TYPES = {NUMBER: "double", CATEGORY: "string", ORDERED: "string", BOOLEAN: "any"}
"""Of an MLflow signature; true and false come as such, or as the words of the file."""


class ColumnInputs(Inputs):
    """Columns by name, with what was fitted to each seed's training rows (``fitted``, one a seed).

    ``missing``, ``scaler`` and ``missing_values`` are those of the data's config. A category that no training row has is
    an unknown one; a value that is none of an order, or neither true nor false, is refused. ``exact`` is as in
    ``NumberInputs``.
    """

    KIND = "columns"

    def __init__(
        self,
        of_file: Sequence[FileColumn],
        typical: Sequence[float | str],
        missing: str,
        scaler: Mapping[str, Any] | None,
        fitted: Sequence[ColumnTransformers],
        missing_values: Sequence[Any] | None = None,
        exact: bool = False,
    ) -> None:
        self.of_file, self.typical = tuple(of_file), tuple(typical)
        self.missing, self.scaler, self.fitted = missing, scaler, tuple(fitted)
        self.missing_values, self.exact = MissingValues(missing_values), exact
        names = [each.name for each in of_file if each.kind == NUMBER]
        self.numbers = NumberInputs(names, (), 1, missing, None, (), missing_values, exact)

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(Column(each.name, TYPES[each.kind]) for each in self.of_file)  # type: ignore[arg-type]

    @property
    def example(self) -> pd.DataFrame:
        return pd.DataFrame([self.typical], columns=[each.name for each in self.of_file])

    @property
    def code(self) -> tuple[str, ...]:
        return (*super().code, *targets_of(self.scaler or {}))

    def features(self, questions: pd.DataFrame) -> list[np.ndarray]:
        values = np.empty((len(questions), len(self.of_file)), dtype=np.float64 if self.exact else np.float32)
        layout = self.fitted[0].layout
        (values[:, [at for at in layout.numbers if self.of_file[at].kind == NUMBER]],) = self.numbers.features(
            questions
        )
        for at, column in enumerate(self.of_file):
            if column.kind != NUMBER:
                values[:, at] = self._places(column, questions)
        return [fitted.transform(values) for fitted in self.fitted]

    def _places(self, column: FileColumn, questions: pd.DataFrame) -> np.ndarray:
        """The numbers (n,) of the values of a column; raises ``DataError``."""
        given = questions[[column.name]].map(lambda value: str(value) if isinstance(value, bool | np.bool_) else value)
        written = [text or "" for text in cells(given, column.name)]
        places = column.numbers_of(written, self.missing_values)
        wrong = np.isnan(places) if self.missing == "drop" else np.zeros(len(places), dtype=bool)
        if column.kind != CATEGORY:
            wrong |= places == UNKNOWN
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            allowed = "a value" if column.kind == CATEGORY else f"one of {', '.join(column.values)}"
            raise DataError(
                f"Row {row + 1}: {column.name}={written[row][:60]!r} cannot be used: it must be {allowed}, as in training "
                f"(data.missing={self.missing})."
            )
        return places

    def write(self, folder: Path) -> dict[str, Any]:
        for position, fitted in enumerate(self.fitted):
            write_json(_file(folder, position), fitted.learnt())
        return {
            "columns": [each.description() for each in self.of_file],
            "typical": self.typical,
            "missing": self.missing,
            "scaler": self.scaler,
            "missing_values": self.missing_values.given,
            "exact": self.exact,
        }

    @classmethod
    def read(cls, folder: Path, description: Mapping[str, Any], seeds: int) -> Self:
        missing, scaler = description["missing"], description["scaler"]
        columns = [FileColumn(**{**each, "values": tuple(each["values"])}) for each in description["columns"]]
        numbers = transformer_of(missing, build(scaler, "data.scaler") if scaler else None)
        unfitted = ColumnTransformers.of(columns, numbers)
        fitted = [unfitted.with_learnt(read_json(_file(folder, position))) for position in range(seeds)]
        return cls(
            columns,
            description["typical"],
            missing,
            scaler,
            fitted,
            description["missing_values"],
            description["exact"],
        )


def typical_row(columns: Sequence[FileColumn], values: np.ndarray) -> list[float | str]:
    """A row to try a model with: medians of numbers, and the most frequent of other values."""
    typical: list[float | str] = []
    for at, column in enumerate(columns):
        there = values[~np.isnan(values[:, at]), at]
        if column.kind == NUMBER:
            typical.append(float(np.median(there)))
        elif not len(there):
            typical.append("")
        else:
            typical.append(column.values[int(np.bincount(there.astype(int)).argmax())])
    return typical


def _file(folder: Path, position: int) -> Path:
    """What was fitted to the training rows of the seed at this position."""
    return folder / f"transformers_{position}.json"
