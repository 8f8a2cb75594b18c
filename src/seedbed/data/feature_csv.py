"""Anyone's labelled rows of numbers, from a file with one column a feature and one of labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline

from seedbed.checks import require_choice
from seedbed.data.labels import classes_of, clean_label, label_numbers
from seedbed.data.network_inputs import NetworkInputs, Vectors
from seedbed.data.records import Reading, Records, open_records
from seedbed.data.sources import sha256
from seedbed.data.table import Prepared, Progress, Table, count_notes, count_rows, group_numbers
from seedbed.data.text_csv import checked_path
from seedbed.errors import ConfigError, DataError

MISSING = ("drop", "median", "mean")
DECIMALS = {"point": ".", "comma": ","}


class FeatureCsv:
    """A file of numeric features and labels as a table; nothing is read before ``load``."""

    def __init__(
        self,
        *,
        path: str | None = None,
        label: str | int | None = None,
        features: Sequence[str | int] | None = None,
        exclude: Sequence[str | int] = (),
        missing: str = "drop",
        scaler: Any = None,
        decimal: str = "point",
        **reading: Any,
    ) -> None:
        """The arguments are the keys of ``conf/data/feature_csv.yaml``, ``reading`` those of ``Reading`` among them.

        ``scaler`` is any transformer of scikit-learn's kind. Raises ``ConfigError``.
        """
        self.path = checked_path(path, "data.path=patients.csv data.label=diagnosis")
        self.label = None if label is None else str(label)
        self.features = None if features is None else [str(name) for name in features]
        self.exclude = [str(name) for name in exclude or ()]
        for key, value, known in (("missing", missing, MISSING), ("decimal", decimal, tuple(DECIMALS))):
            require_choice(f"data.{key}", value, known)
        if scaler is not None and not all(hasattr(scaler, part) for part in ("fit", "transform", "get_params")):
            raise ConfigError(
                f"data.scaler: {type(scaler).__name__} is no transformer of scikit-learn's kind. Name one in "
                "data.scaler._target_, such as sklearn.preprocessing.StandardScaler, or set data.scaler=null."
            )
        self.missing = missing
        self.scaler = scaler
        self.decimal = decimal
        self.reading = Reading(**reading)

    def load(self, progress: Progress | None = None) -> Table:
        """Read and check the features; raises ``ConfigError`` and ``DataError``."""
        asked = [*([self.label] if self.label is not None else []), *(self.features or []), *self.exclude]
        records = open_records(self.path, self.reading, asked)
        label_at = self._label_position(records)
        chosen, unnamed = self._chosen(records, label_at)
        columns = [records.columns[at] for at in chosen]
        features = self._numbers(records, chosen)
        names = [clean_label(value) for value in records.strings([label_at])[0]]
        kept, dropped = self._complete(names, features, columns)
        names, features = [names[row] for row in kept], features[kept]
        classes = classes_of(names, f"{self.path}: column {records.columns[label_at]!r} (data.label)")
        labels = label_numbers(names, classes)
        dropped = {"dropped_bad_lines": records.dropped, **dropped}
        groups = group_numbers(row.tobytes() for row in features)  # rows that no network could tell apart
        return Table(
            name=self.path.stem,
            digest=sha256(self.path),
            features=features,
            labels=labels,
            classes=classes,
            groups=groups,
            texts=None,
            counts={
                **count_rows(labels, groups, classes),
                "features": len(columns),
                "rows_in_file": len(labels) + sum(dropped.values()),
                **{what: rows for what, rows in dropped.items() if rows},
                **records.counts,
            },
            notes=(
                *records.notes,
                *(["Left out as no feature: columns without a name, such as a row number."] if unnamed else []),
                *count_notes(dropped, records.first_dropped),
            ),
            preparation=self._preparation(features, labels),
            columns=tuple(columns),
        )

    # ---- columns -------------------------------------------------------------------------------------------------

    def _label_position(self, records: Records) -> int:
        if self.label is None:
            raise ConfigError(
                f"data.label is not set: name the column of {self.path} that holds the label, as in data.label=COLUMN. "
                f"Its columns are {records.listed()}."
            )
        return records.position(self.label, "data.label")

    def _chosen(self, records: Records, label_at: int) -> tuple[list[int], list[int]]:
        """Positions of the features, and of columns without a name that are not taken for one."""
        excluded = {records.position(name, "data.exclude") for name in self.exclude}
        if self.features is not None:
            chosen, unnamed = [records.position(name, "data.features") for name in self.features], []
            if label_at in chosen:
                raise ConfigError(f"data.features names {self.label}, which is data.label. Leave it out.")
        else:
            unnamed = [at for at in records.unnamed() if at != label_at]
            chosen = [at for at in range(len(records.columns)) if at != label_at and at not in unnamed]
        chosen = [at for at in dict.fromkeys(chosen) if at not in excluded]
        if not chosen:
            raise ConfigError(
                f"data.features and data.exclude leave no feature of {self.path}, whose columns are {records.listed()}."
            )
        return chosen, unnamed

    # ---- values --------------------------------------------------------------------------------------------------

    def _numbers(self, records: Records, chosen: Sequence[int]) -> np.ndarray:
        """The features, (N, F) float32 with NaN where there is no value."""
        frame = records.numbers(chosen, DECIMALS[self.decimal])
        empty = [records.columns[at] for at in chosen if frame[at].isna().all()]
        if empty:
            raise DataError(f"{self.path} has columns without any value. Leave them out: {self._excluding(empty)}.")
        texts = [at for at in chosen if not pd.api.types.is_numeric_dtype(frame[at])]
        if texts:
            raise DataError(self._not_numeric(records, {at: _first_text(frame[at]) for at in texts}))
        values = frame.to_numpy(dtype=np.float64, na_value=np.nan)
        with np.errstate(over="ignore"):  # said below
            features: np.ndarray = values.astype(np.float32) + np.float32(0)  # so that -0 becomes 0, its equal
        if np.isinf(features).any():
            row, column = np.argwhere(np.isinf(features))[0]
            name = records.columns[chosen[column]]
            raise DataError(
                f"{self.path}: column {name!r} is {values[row, column]:g} in record {row + 1}, which is infinite in 32 "
                f"bits ({np.isinf(features).sum()} such values in all). Mend the file, or leave the column out: "
                f"{self._excluding([name])}."
            )
        return features

    def _not_numeric(self, records: Records, examples: Mapping[int, str]) -> str:
        names = [records.columns[at] for at in examples]
        shown = [f"{records.columns[at]!r} (such as {value!r})" for at, value in list(examples.items())[:3]]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        commas = self.decimal == "point" and all(re.fullmatch(r"[-+]?\d*,\d+", value) for value in examples.values())
        remedy = (
            "These look like numbers with a decimal comma: data.decimal=comma."
            if commas
            else (f"Leave them out with {self._excluding(names)}, or turn them into numbers in the file.")
        )
        return f"{self.path} has columns that are not numeric: {', '.join(shown)}{more}. {remedy}"

    def _complete(
        self, labels: Sequence[str], features: np.ndarray, columns: Sequence[str]
    ) -> tuple[np.ndarray, dict[str, int]]:
        """The rows with all that is needed, and how many lack what."""
        labelled = np.array([bool(label) for label in labels])
        gaps = np.isnan(features) if self.missing == "drop" else np.zeros_like(features, dtype=bool)
        kept = np.flatnonzero(labelled & ~gaps.any(axis=1))
        without_label = int((~labelled).sum())
        with_missing = len(labels) - len(kept) - without_label
        if len(kept) == 0:
            worst = columns[int(gaps.sum(axis=0).argmax())]
            raise DataError(
                f"{self.path}: no row is left. Without a label: {without_label}; with a missing value: {with_missing} "
                f"(most of them in column {worst!r}). Set data.missing=median, or leave columns out: "
                f"{self._excluding([worst])}."
            )
        return kept, {"dropped_without_label": without_label, "dropped_with_missing": with_missing}

    def _excluding(self, names: Sequence[str]) -> str:
        """The override that leaves out these columns too, as a shell takes it."""
        wanted = [*self.exclude, *names]
        if all(re.fullmatch(r"[A-Za-z_]\w*", name) for name in wanted):
            return f"data.exclude=[{','.join(wanted)}]"
        quoted = ",".join("'" + name.replace("'", "\\'") + "'" for name in wanted)
        return f'"data.exclude=[{quoted}]"'

    # ---- preparation ---------------------------------------------------------------------------------------------

    def _preparation(self, features: np.ndarray, labels: np.ndarray) -> FittedFeatures | None:
        transformer = transformer_of(self.missing, self.scaler)
        if transformer is None:
            return None
        # A trial on all rows, for the number of columns and for errors before any training; nothing else is kept.
        trial = _transformed(transformer, features, labels, np.arange(len(labels)))
        return FittedFeatures(transformer, trial.shape[1])


@dataclass(frozen=True)
class FittedFeatures:
    """The preparation of features by a transformer that is fitted to a seed's training rows."""

    transformer: Pipeline
    width: int

    @property
    def inputs(self) -> NetworkInputs:
        return Vectors(self.width)

    def fitted(self, table: Table, train: np.ndarray) -> Pipeline:
        """The transformer, fitted to the rows ``train``."""
        return _fitted(self.transformer, table.features, table.labels, train)

    def fit(self, table: Table, train: np.ndarray) -> Prepared:
        features = _transformed(self.transformer, table.features, table.labels, train)
        if features.shape[1] != self.width:
            raise ConfigError(
                f"data.scaler gives {features.shape[1]} columns for the training rows of one seed and {self.width} for "
                "all rows. Give it a fixed number of them."
            )
        return Prepared(features)


def transformer_of(missing: str, scaler: Any) -> Pipeline | None:
    """What is fitted to the training rows of a seed, by data.missing and data.scaler; None: nothing."""
    steps = []
    if missing != "drop":
        # A column may have values in the file and none in the training rows of a seed.
        steps.append(SimpleImputer(strategy=missing, keep_empty_features=True))
    if scaler is not None:
        steps.append(_repeatable(scaler))
    return make_pipeline(*steps) if steps else None


def _fitted(transformer: Pipeline, features: np.ndarray, labels: np.ndarray, train: np.ndarray) -> Pipeline:
    return clone(transformer).fit(features[train], labels[train])


def _transformed(transformer: Pipeline, features: np.ndarray, labels: np.ndarray, train: np.ndarray) -> np.ndarray:
    """All rows by a transformer fitted to the rows ``train``, (N, width) float32; raises ``ConfigError``."""
    try:
        fitted = _fitted(transformer, features, labels, train)
        made = np.asarray(fitted.transform(features), dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"data.scaler cannot transform these features: {' '.join(str(error).split())}") from error
    if made.ndim != 2 or not np.isfinite(made).all():
        raise ConfigError("data.scaler gives values that are no finite numbers. Take another one, or null.")
    return made


def _repeatable(scaler: Any) -> Any:
    """The scaler with a fixed random state where it has one: what it draws must not change from run to run."""
    free = [
        key for key, value in scaler.get_params().items() if key.split("__")[-1] == "random_state" and value is None
    ]
    return clone(scaler).set_params(**dict.fromkeys(free, 0))


def _first_text(column: pd.Series[Any]) -> str:
    """The first value that is no number."""
    values = column.dropna()
    texts = values[pd.to_numeric(values.astype(str), errors="coerce").isna()]
    return str((values if texts.empty else texts).iloc[0])
