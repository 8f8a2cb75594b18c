"""Rows of numbers, prepared as the training rows were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from seedbed.config.building import build
from seedbed.data.fitted import learnt, transformer_of, with_learnt
from seedbed.data.numbers import MissingValues
from seedbed.errors import DataError
from seedbed.serving.files import read_json, targets_of, write_json
from seedbed.serving.inputs import Inputs
from seedbed.serving.predictor import Column


class NumberInputs(Inputs):
    """Columns of numbers by name, with what was fitted to each seed's training rows (``fitted``, one a seed, or none).

    ``exact``: whether they are given as float64, as estimators are, and not as float32.
    ``missing``, ``scaler`` and ``missing_values`` are those of the data's config: what is fitted, and what stands for none.
    """

    KIND = "numbers"

    def __init__(
        self,
        names: Sequence[str],
        typical: Sequence[float],
        seeds: int,
        missing: str,
        scaler: Mapping[str, Any] | None,
        fitted: Sequence[Pipeline] = (),
        missing_values: Sequence[Any] | None = None,
        exact: bool = False,
    ) -> None:
        self.missing_values = MissingValues(missing_values)
        self.names, self.typical, self.seeds = tuple(names), tuple(typical), seeds
        self.missing, self.scaler, self.fitted = missing, scaler, tuple(fitted)
        self.exact = exact

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(Column(name, "double") for name in self.names)

    @property
    def example(self) -> pd.DataFrame:
        return pd.DataFrame([self.typical], columns=list(self.names))

    @property
    def code(self) -> tuple[str, ...]:
        return (*super().code, *targets_of(self.scaler or {}))

    def features(self, questions: pd.DataFrame) -> list[np.ndarray]:
        try:
            values = questions[list(self.names)].to_numpy(dtype=np.float64, na_value=np.nan)
        except (ValueError, TypeError, OverflowError) as error:
            raise DataError(f"The columns must hold numbers: {error}.") from error
        values = np.where(self.missing_values.in_array(values), np.nan, values)
        with np.errstate(over="ignore"):  # said below
            features = values.astype(np.float32) + np.float32(0)
        wrong = np.isinf(features) | (np.isnan(features) if self.missing == "drop" else False)
        if wrong.any():
            row, column = (int(at) for at in np.argwhere(wrong)[0])
            raise DataError(
                f"Row {row + 1}: {self.names[column]}={values[row, column]:g} cannot be used: it must be a finite number, "
                f"as in training (data.missing={self.missing})."
            )
        given = values + 0.0 if self.exact else features
        if not self.fitted:
            return [given] * self.seeds
        return [np.asarray(fitted.transform(given), dtype=given.dtype) for fitted in self.fitted]

    def write(self, folder: Path) -> dict[str, Any]:
        for position, fitted in enumerate(self.fitted):
            write_json(folder / f"transformer_{position}.json", {"learnt": learnt(fitted)})
        return {
            "columns": self.names,
            "typical": self.typical,
            "missing": self.missing,
            "scaler": self.scaler,
            "missing_values": self.missing_values.given,
            "exact": self.exact,
        }

    @classmethod
    def read(cls, folder: Path, description: Mapping[str, Any], seeds: int) -> Self:
        missing, scaler = description["missing"], description["scaler"]
        transformer = transformer_of(missing, build(scaler, "data.scaler") if scaler else None)
        files = [folder / f"transformer_{position}.json" for position in range(seeds)] if transformer else []
        fitted = [with_learnt(transformer, read_json(file)["learnt"]) for file in files]
        missing_values = description.get("missing_values")  # models of earlier releases name none
        exact = bool(description.get("exact"))
        return cls(
            description["columns"], description["typical"], seeds, missing, scaler, fitted, missing_values, exact
        )
