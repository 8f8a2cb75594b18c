"""Rows of numbers and categories as a network sees them, by what is fitted to each seed's training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from seedbed.data.columns import BOOLEAN, CATEGORY, Column
from seedbed.data.fitted import learnt, with_learnt
from seedbed.data.network_inputs import EncodedColumns
from seedbed.data.table import ByColumn, Prepared, Table
from seedbed.errors import ConfigError

FEWEST_ROWS = 2
"""Training rows that a category needs for an input of its own."""


class OneHot(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """(n, C) numbers of categories -> an input for each category of each column, and one for those that are not known.

    The inputs are the same whatever the training rows are: those of all ``sizes``. Known is a category of ``FEWEST_ROWS``
    training rows or more. Rarer ones share the last input of their column, from which a network learns what to make of
    one that it has not seen; where no training row has such a one, all inputs of the column are 0 for it, since the
    weight of an input that was always 0 is a random number. It is what ``OneHotEncoder`` does by min_frequency and
    handle_unknown="infrequent_if_exist", but for its number of inputs, which follows from the training rows.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = sizes

    def fit(self, codes: np.ndarray, _: np.ndarray | None = None) -> OneHot:
        columns = self._by_column(codes)
        known = [own.sum(axis=0) >= FEWEST_ROWS for own in columns]
        self.known_ = np.concatenate(known)
        self.has_rare_ = np.array([own[:, ~of_own].any() for own, of_own in zip(columns, known, strict=True)])
        return self

    def transform(self, codes: np.ndarray) -> np.ndarray:
        made = []
        known = np.split(self.known_, np.cumsum(self.sizes)[:-1])
        for own, of_own, has_rare in zip(self._by_column(codes), known, self.has_rare_, strict=True):
            ones = own * of_own
            made += [ones, (1 - ones.sum(axis=1, keepdims=True)) * has_rare]
        return np.concatenate(made, axis=1, dtype=np.float32)

    def _by_column(self, codes: np.ndarray) -> list[np.ndarray]:
        """0 and 1 for each category of each column, zeros for what is none of them."""
        encoder = OneHotEncoder(
            categories=[np.arange(size) for size in self.sizes],
            handle_unknown="ignore",
            sparse_output=False,
            dtype=np.float32,
        )
        encoder.fit(np.zeros((1, len(self.sizes))))
        return np.split(encoder.transform(codes), np.cumsum(self.sizes)[:-1], axis=1)


@dataclass(frozen=True)
class Layout:
    """Which of a file's columns become what: the order of the rows by column is numbers, booleans, categories."""

    columns: tuple[Column, ...]

    @cached_property
    def numbers(self) -> list[int]:
        """Positions of numbers and of what has an order."""
        return [at for at, each in enumerate(self.columns) if each.kind not in (BOOLEAN, CATEGORY)]

    @cached_property
    def booleans(self) -> list[int]:
        return [at for at, each in enumerate(self.columns) if each.kind == BOOLEAN]

    @cached_property
    def categories(self) -> list[int]:
        return [at for at, each in enumerate(self.columns) if each.kind == CATEGORY]

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Of the (n, F) values those of categories, where the number after the last stands for none."""
        codes = values[:, self.categories]
        gaps = np.array([len(self.columns[at].values) for at in self.categories], dtype=codes.dtype)
        return np.where(np.isnan(codes), gaps, codes)


@dataclass(frozen=True)
class ColumnTransformers:
    """What turns rows of a file's columns into features: one transformer for each kind, fitted or not yet."""

    layout: Layout
    numbers: Pipeline | None
    """By data.missing and data.scaler; None where neither asks for one."""
    booleans: Pipeline
    """Fills gaps with the more frequent of both."""
    categories: Pipeline

    @classmethod
    def of(cls, columns: Sequence[Column], numbers: Pipeline | None) -> ColumnTransformers:
        """Not fitted."""
        layout = Layout(tuple(columns))
        fill = SimpleImputer(strategy="most_frequent", keep_empty_features=True)
        return cls(
            layout, numbers, make_pipeline(fill), make_pipeline(OneHot([columns[at].size for at in layout.categories]))
        )

    def fitted(self, values: np.ndarray, outcomes: np.ndarray) -> ColumnTransformers:
        """Fitted to rows (n, F); raises what a scaler raises."""
        layout, numbers = self.layout, None
        if self.numbers is not None and layout.numbers:
            numbers = clone(self.numbers).fit(values[:, layout.numbers], outcomes)
        booleans, categories = clone(self.booleans), clone(self.categories)
        if layout.booleans:
            booleans.fit(values[:, layout.booleans])
        if layout.categories:
            categories.fit(layout.codes(values))
        return ColumnTransformers(layout, numbers, booleans, categories)

    def by_column(self, values: np.ndarray) -> np.ndarray:
        """(n, F) values of the file -> (n, C): numbers as they are scaled, then 0 and 1, then numbers of categories."""
        layout = self.layout
        numbers, booleans = values[:, layout.numbers], values[:, layout.booleans]
        if self.numbers is not None:
            numbers = self.numbers.transform(numbers)
        if layout.booleans:
            booleans = self.booleans.transform(booleans)
        return np.concatenate([numbers, booleans, layout.codes(values)], axis=1, dtype=values.dtype)

    def encode(self, by_column: np.ndarray) -> np.ndarray:
        """(n, C) such rows -> features (n, width) of their type."""
        if not self.layout.categories:
            return by_column
        first = by_column.shape[1] - len(self.layout.categories)
        return np.concatenate([by_column[:, :first], self.categories.transform(by_column[:, first:])], axis=1)

    def transform(self, values: np.ndarray) -> np.ndarray:
        """(n, F) values of the file -> features (n, width) of their type."""
        return self.encode(self.by_column(values))

    # ---- JSON ----------------------------------------------------------------------------------------------------

    def learnt(self) -> dict[str, Any]:
        """What they have learnt; raises ``ConfigError`` where that is more than numbers and texts."""
        return {name: learnt(each) for name, each in self._used().items()}

    def with_learnt(self, state: Mapping[str, Any]) -> ColumnTransformers:
        """These, which are not fitted, with what ``learnt`` gave."""
        return replace(self, **{name: with_learnt(each, state[name]) for name, each in self._used().items()})

    def _used(self) -> dict[str, Pipeline]:
        parts = {"numbers": self.numbers, "booleans": self.booleans, "categories": self.categories}
        return {name: part for name, part in parts.items() if part is not None and getattr(self.layout, name)}


@dataclass(frozen=True)
class MixedFeatures:
    """The preparation of rows whose columns are not all numbers."""

    transformers: ColumnTransformers
    """Not fitted."""
    inputs: EncodedColumns

    @classmethod
    def of(
        cls, columns: Sequence[Column], numbers: Pipeline | None, values: np.ndarray, outcomes: np.ndarray
    ) -> MixedFeatures:
        """With a trial on all rows, for errors before any training; raises ``ConfigError``."""
        unfitted = ColumnTransformers.of(columns, numbers)
        trial = _prepared(unfitted, values, outcomes, np.arange(len(values)))
        assert trial.by_column is not None
        categorical = len(trial.by_column.categorical)
        scaled = trial.by_column.values.shape[1] - categorical
        return cls(unfitted, EncodedColumns(trial.features.shape[1], scaled, categorical))

    def fitted(self, table: Table, train: np.ndarray) -> ColumnTransformers:
        """The transformers, fitted to the rows ``train``."""
        return self.transformers.fitted(table.features[train], table.outcomes[train])

    def fit(self, table: Table, train: np.ndarray) -> Prepared:
        prepared = _prepared(self.transformers, table.features, table.outcomes, train)
        if prepared.features.shape[1] != self.inputs.width:
            raise ConfigError(
                f"data.scaler gives {prepared.features.shape[1]} columns with those of the categories for the training rows of "
                f"one seed and {self.inputs.width} for all rows. Give it a fixed number of them."
            )
        return prepared


def _prepared(unfitted: ColumnTransformers, values: np.ndarray, outcomes: np.ndarray, train: np.ndarray) -> Prepared:
    """All rows by transformers fitted to the rows ``train``; raises ``ConfigError``."""
    try:
        fitted = unfitted.fitted(values[train], outcomes[train])
        rows = fitted.by_column(values)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"data.scaler cannot transform these features: {' '.join(str(error).split())}") from error
    if not np.isfinite(rows).all():
        raise ConfigError("data.scaler gives values that are not finite numbers. Use another one, or null.")
    layout = fitted.layout
    categorical = range(rows.shape[1] - len(layout.booleans) - len(layout.categories), rows.shape[1])
    return Prepared(fitted.encode(rows), by_column=ByColumn(rows, tuple(categorical), fitted.encode))
