"""Under- and oversampling by any sampler of imbalanced-learn."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

import numpy as np
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC, RandomOverSampler
from imblearn.under_sampling import ClusterCentroids, RandomUnderSampler
from imblearn.utils import check_sampling_strategy
from sklearn.base import clone

from seedbed.checks import shown
from seedbed.data.columns import CATEGORY, NUMBER
from seedbed.data.network_inputs import EncodedColumns, NetworkInputs, Vectors
from seedbed.errors import ConfigError, NotInTheData, without_addresses
from seedbed.imbalance.base import Encode, Resampled, Strategy, TrainingRows, check_asked_rows
from seedbed.randomness import derive

TAKES = {
    "smote": "numbers alone",
    "smote_nc": "numbers and categories",
    "smote_n": "categories alone",
}
"""By choice of ``imbalance``: the columns that it takes."""
OVER, UNDER = "over-sampling", "under-sampling"  # imbalanced-learn's names for what a sampler does


class Sampler(Protocol):
    """The part of imbalanced-learn's sampler interface that is used."""

    sample_indices_: np.ndarray
    """After ``fit_resample``, of samplers that choose rows: which."""

    def fit_resample(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...
    def get_params(self) -> dict[str, Any]: ...
    def set_params(self, **params: Any) -> Sampler: ...


class Resample(Strategy):
    """Applies ``sampler`` to the training rows of each seed, with that seed's own ``random_state``.

    ``sampler.sampling_strategy`` is imbalanced-learn's, except that a mapping or list names classes by their labels
    (``{spam: 2000}``), and that a ratio gives round(ratio x rows), where imbalanced-learn truncates the product and so
    refuses 0.29 of 100 rows.
    """

    def __init__(self, sampler: Sampler) -> None:
        """Raises ``ConfigError`` for settings that no data could suit."""
        self.sampler = sampler
        self._name = type(sampler).__name__
        self._kind = getattr(sampler, "_sampling_type", "")
        self._check_settings()

    def check(self, rows_by_class: Mapping[str, int]) -> None:
        names = tuple(rows_by_class)
        labels = np.repeat(np.arange(len(names)), list(rows_by_class.values()))
        sampler = self._prepared(labels, names, seed=0)
        try:
            self._check_neighbours(sampler, labels, names)
            if self._takes_categories:  # which rows they are decides whether it can
                return
            # KMeansSMOTE raises it where no cluster suits: the data decide that, not the counts.
            with contextlib.suppress(RuntimeError):
                sampler.fit_resample(_overlapping_clouds(labels), labels)
        except (ValueError, TypeError) as error:
            raise ConfigError(self._refusal(error, rows_by_class)) from error

    def check_inputs(self, inputs: NetworkInputs) -> None:
        """Samplers that choose among rows by distance see categories as networks do, as 0 and 1: two differ by sqrt(2)."""
        if not (isinstance(inputs, Vectors) or self._draws_blindly):
            raise ConfigError(
                f"imbalance.sampler: {self._name} measures distances between rows or makes new rows between them, which "
                f"takes vectors, and these rows are {type(inputs).__name__.lower()}. Use imbalance=oversample, "
                "imbalance=undersample or imbalance=class_weights; or, for texts, an encoder that makes vectors, such as "
                "data/encoder=use."
            )
        columns = inputs if isinstance(inputs, EncodedColumns) else None
        fits = _fitting(columns)
        if self._takes_categories and self._choice != fits:
            kind = NUMBER if self._choice == "smote_nc" and fits == "smote_n" else CATEGORY
            raise NotInTheData(
                f"imbalance.sampler: {self._name} takes {TAKES[self._choice]}, and these rows are {TAKES[fits]}. Use "
                f"imbalance={fits}; or change the kind of a column, as in data.columns.zip={kind}."
            )
        if columns is not None and self._makes_rows and not self._takes_categories:
            raise NotInTheData(
                f"imbalance.sampler: {self._name} makes new rows between others, and between two categories there is none. "
                f"These rows are {TAKES[fits]}: use imbalance={fits}, or imbalance=oversample, undersample or class_weights."
            )

    def apply(self, rows: TrainingRows, seed: int, encode: Encode | None) -> Resampled:
        """Raises ``ConfigError`` where the sampler finds the rows themselves unfit."""
        sampler = self._prepared(rows.labels, rows.classes, seed)
        if self._draws_blindly:
            sampler.fit_resample(np.arange(len(rows.labels))[:, None], rows.labels)
            return Resampled(source=np.asarray(sampler.sample_indices_))
        given = rows.features
        encode_made: Callable[[np.ndarray], np.ndarray] = np.asarray
        if self._takes_categories and rows.by_column is not None:
            given, encode_made = rows.by_column.values, rows.by_column.encode
            if isinstance(sampler, SMOTENC):
                sampler.set_params(categorical_features=list(rows.by_column.categorical))
        try:
            features, labels = sampler.fit_resample(given, rows.labels)
        except (ValueError, RuntimeError) as error:
            counts = np.bincount(rows.labels, minlength=len(rows.classes)).tolist()
            raise ConfigError(self._refusal(error, dict(zip(rows.classes, counts, strict=True)))) from error
        if hasattr(sampler, "sample_indices_"):
            return _repeated(rows, np.asarray(sampler.sample_indices_), features, labels)
        count = len(rows.labels)
        if np.array_equal(features[:count], given):
            return Resampled(source=np.arange(count), features=encode_made(features[count:]), labels=labels[count:])
        # A sampler that also removes rows does not say which: all its rows count as new.
        return Resampled(source=np.arange(0), features=encode_made(features), labels=labels)

    def describe(self) -> list[str]:
        strategy = self.sampler.get_params().get("sampling_strategy")
        return [f"{self._name} of imbalanced-learn, sampling_strategy={strategy}."]

    @property
    def _draws_blindly(self) -> bool:
        """Whether it chooses rows without a look at their numbers."""
        moves_rows = self.sampler.get_params().get("shrinkage") is not None
        return type(self.sampler) in (RandomOverSampler, RandomUnderSampler) and not moves_rows

    @property
    def _takes_categories(self) -> bool:
        """Whether it takes rows with the number of a category in a column."""
        return isinstance(self.sampler, SMOTENC | SMOTEN)

    @property
    def _choice(self) -> str:
        return "smote_nc" if isinstance(self.sampler, SMOTENC) else "smote_n"

    @property
    def _makes_rows(self) -> bool:
        """Whether it may give rows that are none of the training rows."""
        return not self._draws_blindly and (self._kind == OVER or isinstance(self.sampler, ClusterCentroids))

    # ---- checks --------------------------------------------------------------------------------------------------

    def _check_settings(self) -> None:
        if not hasattr(self.sampler, "fit_resample"):
            raise ConfigError(
                f"imbalance.sampler: {self._name} is not a sampler, it has no fit_resample. "
                "Name one of imbalanced-learn's in imbalance.sampler._target_, such as imblearn.over_sampling.SMOTE."
            )
        params = self.sampler.get_params()
        for key, value in params.items():
            if _last_part(key) == "random_state" and value is not None:
                raise ConfigError(
                    f"imbalance.sampler.{key.replace('__', '.')}={value}: each seed gives the sampler a random state of "
                    "its own. Remove the key; to repeat a draw, repeat the seed."
                )
        if isinstance(self.sampler, SMOTENC) and params["categorical_features"] not in ("auto", None):
            raise ConfigError(
                f"imbalance.sampler.categorical_features={shown(params['categorical_features'])}: it is known from the data. "
                "Leave it at auto, and change the kind of a column by data.columns, as in data.columns.zip=category."
            )
        _check_strategy(params.get("sampling_strategy"))

    def _check_neighbours(self, sampler: Sampler, labels: np.ndarray, classes: tuple[str, ...]) -> None:
        """New rows lie between a row and its k nearest of the same class: that takes more than k rows of it."""
        key, k = self._neighbours()
        if k is None:
            return
        counts = np.bincount(labels, minlength=len(classes))
        added = check_sampling_strategy(sampler.get_params()["sampling_strategy"], labels, OVER)
        for label in (label for label, rows in added.items() if rows > 0 and counts[label] <= k):
            largest = int(counts[label]) - 1
            remedy = (
                f"Set imbalance.sampler.{key} to at most {largest} (max k = {largest}), or give that class more rows."
                if largest > 0
                else "There is no neighbour to interpolate with: use random over-sampling, imbalance=oversample."
            )
            raise ConfigError(
                f"imbalance.sampler.{key}={k}: {self._name} needs more than {k} training rows of each class that it "
                f"adds to, but class {classes[label]!r} has {counts[label]}. {remedy}"
            )

    def _neighbours(self) -> tuple[str, int | None]:
        """The config key that holds k, and k; None where the sampler makes no rows, or measures neighbours otherwise."""
        params = self.sampler.get_params()
        if self._kind != OVER:
            return "", None
        if "smote" in params:  # SMOTETomek and SMOTEENN hold a SMOTE
            return "smote.k_neighbors", _number((params["smote"] or SMOTE()).k_neighbors)
        key = "k_neighbors" if "k_neighbors" in params else "n_neighbors"  # ADASYN's name for it
        return key, _number(params.get(key))

    def _refusal(self, error: Exception, rows_by_class: Mapping[str, int]) -> str:
        reason = without_addresses(" ".join(str(error).split()))
        return (
            f"imbalance.sampler: {self._name} refuses training rows {dict(rows_by_class)}: {reason.rstrip('.')}. "
            "Change the sampler's settings or use another strategy."
        )

    # ---- one seed's sampler --------------------------------------------------------------------------------------

    def _prepared(self, labels: np.ndarray, classes: tuple[str, ...], seed: int) -> Sampler:
        """A fresh sampler with this seed's random states and with targets in terms of label numbers."""
        sampler = cast(Sampler, clone(self.sampler))
        # Estimators inside the sampler too: left alone, they would draw from NumPy's global stream.
        chosen: dict[str, Any] = {
            key: derive(seed, "resample", *key.split("__")[:-1]) % 2**32
            for key in sampler.get_params()
            if _last_part(key) == "random_state"
        }
        if "sampling_strategy" in sampler.get_params():
            chosen["sampling_strategy"] = self._targets(labels, classes)
        return sampler.set_params(**chosen)

    def _targets(self, labels: np.ndarray, classes: tuple[str, ...]) -> Any:
        """``sampling_strategy`` in label numbers; a ratio of two classes as the rows that it asks for."""
        strategy = self.sampler.get_params()["sampling_strategy"]
        counts = np.bincount(labels, minlength=len(classes))
        if isinstance(strategy, list):
            return _numbers(strategy, classes)
        if isinstance(strategy, Mapping):
            targets = dict(zip(_numbers(strategy, classes), strategy.values(), strict=True))
        elif isinstance(strategy, float | int) and len(classes) == 2 and self._kind in (OVER, UNDER):
            targets = self._ratio_targets(strategy, counts)
        else:
            return strategy
        self._check_targets(targets, counts, classes)
        return targets

    def _ratio_targets(self, ratio: float, counts: np.ndarray) -> dict[int, int]:
        small, large = int(counts.argmin()), len(counts) - 1 - int(counts[::-1].argmax())
        if self._kind == UNDER:
            return {large: round(counts[small] / ratio)}
        return {small: round(counts[large] * ratio)}

    def _check_targets(self, targets: Mapping[int, int], counts: np.ndarray, classes: tuple[str, ...]) -> None:
        strategy = self.sampler.get_params()["sampling_strategy"]
        for label, target in targets.items():
            place = f"imbalance.sampler.sampling_strategy={strategy}, for class {classes[label]!r},"
            check_asked_rows(place, target, int(counts.sum()))
            asked = (
                f"imbalance.sampler.sampling_strategy={strategy} asks {self._name} for {target} rows of class "
                f"{classes[label]!r}, which has {counts[label]}"
            )
            if self._kind == OVER and target < counts[label]:
                raise ConfigError(
                    f"{asked} already: over-sampling removes none. Ask for at least as many, or use an under-sampler."
                )
            if self._kind == UNDER and target > counts[label]:
                raise ConfigError(
                    f"{asked}: under-sampling adds none. Ask for at most as many, or use an over-sampler."
                )


def _fitting(columns: EncodedColumns | None) -> str:
    """Which choice of ``imbalance`` makes rows between rows of such columns; None: of numbers alone."""
    if columns is None:
        return "smote"
    return "smote_nc" if columns.numbers else "smote_n"


def _check_strategy(strategy: Any) -> None:
    place = f"imbalance.sampler.sampling_strategy={strategy}"
    known = strategy is None or callable(strategy) or isinstance(strategy, str | float | int | list | Mapping)
    if isinstance(strategy, bool) or not known:
        raise ConfigError(
            f"imbalance.sampler.sampling_strategy={shown(strategy)}: give a ratio in (0, 1], 'auto', a list of classes, or a "
            "mapping from class to number of rows."
        )
    if isinstance(strategy, float | int) and not 0 < strategy <= 1:
        raise ConfigError(
            f"{place}: a ratio of minority to majority rows must lie in (0, 1]. "
            "Give such a ratio, 'auto', or a mapping from class to number of rows."
        )
    if isinstance(strategy, Mapping):
        for name, rows in strategy.items():
            if not isinstance(rows, int) or isinstance(rows, bool) or rows < 0:
                raise ConfigError(
                    f"{place}: class {name!r} is to have {shown(rows)} rows. Give a whole number, such as 2000."
                )


def _numbers(names: Any, classes: tuple[str, ...]) -> list[int]:
    """Label numbers of the classes named."""
    unknown = [name for name in names if str(name) not in classes]
    if unknown:
        raise ConfigError(
            f"imbalance.sampler.sampling_strategy names {unknown}, which the data do not have. "
            f"The classes are {list(classes)}."
        )
    return [classes.index(str(name)) for name in names]


def _repeated(rows: TrainingRows, source: np.ndarray, features: np.ndarray, labels: np.ndarray) -> Resampled:
    """Rows that were only chosen; those that the sampler also moved, as ``shrinkage`` does, are new ones."""
    moved = (features != rows.features[source]).any(axis=1)
    if not moved.any():
        return Resampled(source=source)
    return Resampled(source=source[~moved], features=features[moved], labels=labels[moved], origin=source[moved])


def _overlapping_clouds(labels: np.ndarray) -> np.ndarray:
    """Points to try a sampler's own rules on before any training: each class has neighbours of its own and others."""
    noise = np.random.default_rng(0).standard_normal((len(labels), 2))
    return np.asarray(noise + labels[:, None], dtype=np.float32)


def _last_part(key: str) -> str:
    return key.rsplit("__", 1)[-1]


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None
