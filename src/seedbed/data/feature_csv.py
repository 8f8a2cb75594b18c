"""Anyone's rows of numbers, from a file with one column a feature and one of labels or targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from seedbed.checks import require_choice
from seedbed.data.columns import (
    CATEGORY,
    DATES,
    DIFFERENT,
    NUMBER,
    Column,
    ColumnKinds,
    NoCategory,
    Read,
    gap_notes,
    kept_values,
    kind_notes,
    setting,
)
from seedbed.data.files.records import Reading, Records, open_records
from seedbed.data.fitted import transformer_of
from seedbed.data.labels import LabelRules, Labels
from seedbed.data.mixed_features import MixedFeatures
from seedbed.data.network_inputs import NetworkInputs, Vectors
from seedbed.data.numbers import (
    AUTO,
    NAMED,
    MissingValues,
    Numbers,
    check_decimal,
    decimal_notes,
    numeric_frame,
)
from seedbed.data.outcomes import Outcomes
from seedbed.data.sources import sha256
from seedbed.data.table import Prepared, Progress, Table, count_notes, group_numbers
from seedbed.data.targets import Targets, check_one_of, read_targets
from seedbed.data.text_csv import checked_path
from seedbed.errors import ConfigError, DataError
from seedbed.quoting import override

MISSING = ("drop", "median", "mean")


class FeatureCsv:
    """A file of numeric features and labels as a table; nothing is read before ``load``."""

    def __init__(
        self,
        *,
        path: str | None = None,
        label: str | int | None = None,
        target: str | int | None = None,
        features: Sequence[str | int] | None = None,
        exclude: Sequence[str | int] = (),
        missing: str = "drop",
        scaler: Any = None,
        decimal: str = AUTO,
        missing_values: Sequence[Any] | None = None,
        columns: Mapping[Any, Any] | None = None,
        labels: Mapping[Any, Any] | Sequence[Any] | None = None,
        join_labels: bool = False,
        drop_classes: Sequence[Any] | None = (),
        positive: Any = None,
        **reading: Any,
    ) -> None:
        """The arguments are the keys of ``conf/data/feature_csv.yaml``, ``reading`` those of ``Reading`` among them.

        ``scaler`` is any transformer of scikit-learn's kind. Raises ``ConfigError``.
        """
        self.path = checked_path(path, "data.path=patients.csv data.label=diagnosis")
        self.label = None if label is None else str(label)
        self.target = None if target is None else str(target)
        of_classes = {"labels": labels, "join_labels": join_labels, "drop_classes": drop_classes, "positive": positive}
        check_one_of(self.label, self.target, of_classes)
        self.features = None if features is None else [str(name) for name in features]
        self.exclude = [str(name) for name in exclude or ()]
        require_choice("data.missing", missing, MISSING)
        if scaler is not None and not all(hasattr(scaler, part) for part in ("fit", "transform", "get_params")):
            raise ConfigError(
                f"data.scaler: {type(scaler).__name__} is not a transformer of scikit-learn's kind. Name one in "
                "data.scaler._target_, such as sklearn.preprocessing.StandardScaler, or set data.scaler=null."
            )
        self.missing = missing
        self.scaler = scaler
        self.decimal = check_decimal(decimal, AUTO)
        self.missing_values = MissingValues(missing_values)
        self.kinds = ColumnKinds(columns)
        self.rules = LabelRules(labels, join_labels, drop_classes, positive)
        self.reading = Reading(**reading)

    def load(self, progress: Progress | None = None) -> Table:
        """Read and check the features; raises ``ConfigError`` and ``DataError``."""
        named = [name for name in (self.label, self.target) if name is not None]
        records = open_records(self.path, self.reading, [*named, *(self.features or []), *self.exclude])
        outcome_at = self._outcome_position(records)
        chosen, unnamed = self._chosen(records, outcome_at)
        columns = [records.columns[at] for at in chosen]
        exact, read, decimal = self._read(records, chosen, outcome_at)
        place = (
            f"{self.path}: column {records.columns[outcome_at]!r} (data.{'label' if self.target is None else 'target'})"
        )
        outcome: Labels | Targets
        named_missing = read.named_missing
        if self.target is None:
            outcome = self.rules.settled(records.strings([outcome_at])[0], place)
        else:
            outcome = read_targets(records, self.target, decimal, self.missing_values)
            named_missing += outcome.named_missing
        kept, dropped = self._complete(outcome, exact, columns)
        found = [read.columns.get(at, Column(records.columns[at])) for at in chosen]
        kinds, exact = kept_values(found, exact[kept])
        features = _in_32_bits(exact)
        filled, filled_notes = gap_notes(kinds, features, self.missing)
        outcomes = Outcomes.of_rows(outcome, kept, self.rules, place)
        dropped = {"dropped_bad_lines": records.dropped, **dropped}
        groups = group_numbers(row.tobytes() for row in features)  # rows that no network could tell apart
        return Table(
            name=self.path.stem,
            digest=sha256(self.path),
            features=features,
            groups=groups,
            texts=None,
            counts={
                **outcomes.counts(groups),
                "features": len(columns),
                "rows_in_file": len(outcome.absent) + records.dropped,
                **{what: rows for what, rows in dropped.items() if rows},
                **({"values_filled": filled} if filled else {}),
                **outcome.counts,
                **records.counts,
            },
            notes=(
                *records.notes,
                *(records.target_notes("data.label") if self.label is None and self.target is None else []),
                *(["Left out as no feature: columns without a name, such as a row number."] if unnamed else []),
                *count_notes(dropped, records.first_dropped),
                *decimal_notes(self.decimal, decimal),
                *self.missing_values.notes(named_missing),
                *filled_notes,
                *kind_notes(kinds),
                *read.notes,
                *outcome.notes,
                *outcomes.notes,
            ),
            preparation=self._preparation(kinds, features, outcomes.values),
            made_with={
                **records.made_with,
                **outcome.made_with,
                **read.made_with,
                # To a fingerprint, auto is point.
                **({"decimal": "comma"} if self.decimal == AUTO and decimal == "comma" else {}),
            },
            columns=tuple(columns),
            exact=exact,
            **outcomes.fields,
        )

    # ---- columns -------------------------------------------------------------------------------------------------

    def _outcome_position(self, records: Records) -> int:
        """Position of the column of labels, or of targets."""
        if self.target is not None:
            return records.position(self.target, "data.target")
        if self.label is None and records.target is not None:
            return records.target.at
        if self.label is None:
            raise ConfigError(
                f"data.label is not set: name the column of {self.path} that holds the label, as in data.label=COLUMN; or "
                f"numbers to predict, for task=regression, as in data.target=COLUMN. Its columns are {records.listed()}."
            )
        return records.position(self.label, "data.label")

    def _chosen(self, records: Records, outcome_at: int) -> tuple[list[int], list[int]]:
        """Positions of the features, and of columns without a name that are not taken for one."""
        excluded = {records.position(name, "data.exclude") for name in self.exclude}
        if self.features is not None:
            chosen, unnamed = [records.position(name, "data.features") for name in self.features], []
            if outcome_at in chosen:
                key, name = ("label", self.label) if self.target is None else ("target", self.target)
                raise ConfigError(f"data.features names {name}, which is data.{key}. Leave it out.")
        else:
            unnamed = [at for at in records.unnamed() if at != outcome_at]
            chosen = [at for at in range(len(records.columns)) if at != outcome_at and at not in unnamed]
        chosen = [at for at in dict.fromkeys(chosen) if at not in excluded]
        if not chosen:
            raise ConfigError(
                f"data.features and data.exclude leave no feature of {self.path}, whose columns are {records.listed()}."
            )
        return chosen, unnamed

    # ---- values --------------------------------------------------------------------------------------------------

    def _read(self, records: Records, chosen: Sequence[int], outcome_at: int) -> tuple[np.ndarray, Read, str]:
        """The features, (N, F) float64 with NaN where there is no value: of columns that are no numbers, those of their values.

        And the decimal sign, which targets have too.
        """
        of_numbers = [*chosen] if self.target is None else [*chosen, outcome_at]
        frame, decimal = numeric_frame(records, of_numbers, self.decimal, self.missing_values)
        frame = frame[list(chosen)]
        read = self.kinds.read(records, frame, decimal, self.missing_values)
        if unreadable := {at: numbers for at, numbers in read.numbers.items() if numbers.unreadable.any()}:
            raise DataError(self._not_numeric(records, unreadable, read.refused))
        values = np.empty((len(frame), len(chosen)))
        of_texts = {at: numbers.values for at, numbers in read.numbers.items()} | read.values
        for column, at in enumerate(chosen):
            values[:, column] = (
                of_texts[at] if at in of_texts else frame[at].to_numpy(dtype=np.float64, na_value=np.nan)
            )
        named = self.missing_values.in_array(values)
        named[:, [column for column, at in enumerate(chosen) if at in read.columns]] = False
        named_missing = int(named.sum()) + sum(numbers.named_missing for numbers in read.numbers.values())
        values[named] = np.nan
        empty = [records.columns[at] for column, at in enumerate(chosen) if np.isnan(values[:, column]).all()]
        if empty:
            raise DataError(f"{self.path} has columns without any value. Leave them out: {self._excluding(empty)}.")
        with np.errstate(over="ignore"):  # said below
            features = _in_32_bits(values)
        if np.isinf(features).any():
            row, column = np.argwhere(np.isinf(features))[0]
            name = records.columns[chosen[column]]
            raise DataError(
                f"{self.path}: column {name!r} is {values[row, column]:g} in {records.place(int(row))}, which is infinite in 32 "
                f"bits ({np.isinf(features).sum()} such values in all). Fix the file, or leave the column out: "
                f"{self._excluding([name])}."
            )
        return values + 0.0, replace(read, named_missing=read.named_missing + named_missing), decimal

    def _not_numeric(
        self, records: Records, unreadable: Mapping[int, Numbers], refused: Mapping[int, NoCategory]
    ) -> str:
        names = [records.columns[at] for at in unreadable]
        whys = [f": {refused[at].why}" if at in refused and refused[at].why else "" for at in unreadable]
        shown = [
            f"{name!r} (such as {numbers.shown(1, records.place)}{why})"
            for name, numbers, why in zip(names[:3], unreadable.values(), whys, strict=False)
        ]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        others = {numbers.other_decimal for numbers in unreadable.values()}
        if others <= {"comma", "point"} and not any(whys):  # every one of them is a number under the other sign
            remedy = next(iter(unreadable.values())).remedy()
        else:
            remedy = (
                f"Leave them out with {self._excluding(names)}, or turn them into numbers in the file{_such(refused)}."
            )
            few = list(dict.fromkeys(value for numbers in unreadable.values() for value in numbers.distinct))
            if len(few) <= NAMED and not any(numbers.is_mostly_text for numbers in unreadable.values()):
                remedy += f" Where they stand for no value, name them: {override('data.missing_values', few)}."
            if names_of_few := [records.columns[at] for at, each in refused.items() if each.few and each.why != DATES]:
                remedy += f" Where all values of a column are categories: {setting(names_of_few[0], CATEGORY)}."
        return f"{self.path} has columns that are not numeric: {', '.join(shown)}{more}. {remedy}"

    def _complete(
        self, outcomes: Labels | Targets, features: np.ndarray, columns: Sequence[str]
    ) -> tuple[np.ndarray, dict[str, int]]:
        """The rows with all that is needed, and how many lack what."""
        gaps = np.isnan(features) if self.missing == "drop" else np.zeros_like(features, dtype=bool)
        wanted = ~outcomes.absent & ~outcomes.left_out
        kept = np.flatnonzero(wanted & ~gaps.any(axis=1))
        without = int(outcomes.absent.sum())
        with_missing = int(wanted.sum()) - len(kept)
        if len(kept) == 0:
            worst = columns[int(gaps.sum(axis=0).argmax())]
            raise DataError(
                f"{self.path}: no row is left. Without a {outcomes.what}: {without}; with a missing value: {with_missing} "
                f"(most of them in column {worst!r}). Set data.missing=median, or leave columns out: "
                f"{self._excluding([worst])}."
            )
        return kept, {f"dropped_without_{outcomes.what}": without, "dropped_with_missing": with_missing}

    def _excluding(self, names: Sequence[str]) -> str:
        """The override that leaves out these columns too, as a shell takes it."""
        return override("data.exclude", [*self.exclude, *names])

    # ---- preparation ---------------------------------------------------------------------------------------------

    def _preparation(
        self, columns: Sequence[Column], features: np.ndarray, outcomes: np.ndarray
    ) -> FittedFeatures | MixedFeatures | None:
        transformer = transformer_of(self.missing, self.scaler)
        if any(column.kind != NUMBER for column in columns):
            return MixedFeatures.of(columns, transformer, features, outcomes)
        if transformer is None:
            return None
        # A trial on all rows, for the number of columns and for errors before any training; nothing else is kept.
        trial = _transformed(transformer, features, outcomes, np.arange(len(outcomes)))
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
        return _fitted(self.transformer, table.features, table.outcomes, train)

    def fit(self, table: Table, train: np.ndarray) -> Prepared:
        features = _transformed(self.transformer, table.features, table.outcomes, train)
        if features.shape[1] != self.width:
            raise ConfigError(
                f"data.scaler gives {features.shape[1]} columns for the training rows of one seed and {self.width} for "
                "all rows. Give it a fixed number of them."
            )
        return Prepared(features)


def _in_32_bits(values: np.ndarray) -> np.ndarray:
    """The values as networks see them; -0 becomes 0, its equal."""
    features: np.ndarray = values.astype(np.float32) + np.float32(0)
    return features


def _such(refused: Mapping[int, NoCategory]) -> str:
    """What numbers there could be in place of columns that are no categories, and what else takes them."""
    dates = any(each.why == DATES for each in refused.values())
    texts = any(DIFFERENT in each.why for each in refused.values())
    return f"{', such as the days since a date' if dates else ''}{', or train on the texts: data=text_csv' if texts else ''}"


def _fitted(transformer: Pipeline, features: np.ndarray, outcomes: np.ndarray, train: np.ndarray) -> Pipeline:
    return clone(transformer).fit(features[train], outcomes[train])


def _transformed(transformer: Pipeline, features: np.ndarray, outcomes: np.ndarray, train: np.ndarray) -> np.ndarray:
    """All rows by a transformer fitted to the rows ``train``, (N, width) of the features' type; raises ``ConfigError``."""
    try:
        fitted = _fitted(transformer, features, outcomes, train)
        made = np.asarray(fitted.transform(features), dtype=features.dtype)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"data.scaler cannot transform these features: {' '.join(str(error).split())}") from error
    if made.ndim != 2 or not np.isfinite(made).all():
        raise ConfigError("data.scaler gives values that are not finite numbers. Use another one, or null.")
    return made
