"""Under- and oversampling by any sampler of imbalanced-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

import numpy as np
from sklearn.base import clone

from seedbed.errors import ConfigError
from seedbed.imbalance.base import Encode, Resampled, Strategy, TrainingRows
from seedbed.randomness import derive


class Sampler(Protocol):
    """The part of imbalanced-learn's sampler interface that is used."""

    def fit_resample(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...
    def get_params(self) -> dict[str, Any]: ...
    def set_params(self, **params: Any) -> Sampler: ...


class Resample(Strategy):
    """Applies ``sampler`` to the training rows of each seed, with that seed's own ``random_state``.

    ``sampler.sampling_strategy`` is imbalanced-learn's, except that a mapping names classes by their labels
    (``{spam: 2000}``), and that a ratio gives round(ratio x rows), where imbalanced-learn truncates the product and so
    refuses 0.29 of 100 rows.
    """

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler
        self._name = type(sampler).__name__
        ratio = sampler.get_params().get("sampling_strategy")
        if isinstance(ratio, float | int) and not 0 < ratio <= 1:
            raise ConfigError(
                f"imbalance.sampler.sampling_strategy={ratio}: a ratio of minority to majority rows must lie in (0, 1]. "
                "Give such a ratio, 'auto', or a mapping from class to number of rows."
            )

    def check(self, rows_by_class: Mapping[str, int]) -> None:
        self._check_neighbours(rows_by_class)
        names = tuple(rows_by_class)
        labels = np.repeat(np.arange(len(names)), list(rows_by_class.values()))
        sampler = self._prepared(labels, names, seed=0)
        # The sampler's own rules, tried on points of the same class counts, so that they hold before any training.
        points = np.random.default_rng(0).standard_normal((len(labels), 2)).astype(np.float32)
        try:
            sampler.fit_resample(points, labels)
        except ValueError as error:
            raise ConfigError(
                f"imbalance.sampler: {self._name} refuses training rows {dict(rows_by_class)}: {error} "
                "Change the sampler's settings or take another strategy."
            ) from error

    def _check_neighbours(self, rows_by_class: Mapping[str, int]) -> None:
        neighbours = self.sampler.get_params().get("k_neighbors")
        if not isinstance(neighbours, int):
            return
        largest = max(rows_by_class.values())
        for name, count in rows_by_class.items():
            if count >= largest or count > neighbours:
                continue
            remedy = (
                f"Set imbalance.sampler.k_neighbors to at most {count - 1} (max k = {count - 1}), or give that class more rows."
                if count > 1
                else "There is no neighbour to interpolate with: use random over-sampling, imbalance=oversample."
            )
            raise ConfigError(
                f"imbalance.sampler.k_neighbors={neighbours}: {self._name} needs more than {neighbours} training rows of "
                f"each class that it adds to, but class {name!r} has {count}. {remedy}"
            )

    def apply(self, rows: TrainingRows, seed: int, encode: Encode | None) -> Resampled:
        sampler = self._prepared(rows.labels, rows.classes, seed)
        features, labels = sampler.fit_resample(rows.features, rows.labels)
        if hasattr(sampler, "sample_indices_"):
            return Resampled(source=np.asarray(sampler.sample_indices_))
        count = len(rows.labels)
        if np.array_equal(features[:count], rows.features):
            return Resampled(source=np.arange(count), features=features[count:], labels=labels[count:])
        # A sampler that also removes rows does not say which: all its rows count as new.
        return Resampled(source=np.arange(0), features=features, labels=labels)

    def describe(self) -> list[str]:
        return [
            f"{self._name} of imbalanced-learn, sampling_strategy={self.sampler.get_params()['sampling_strategy']}."
        ]

    def _prepared(self, labels: np.ndarray, classes: tuple[str, ...], seed: int) -> Sampler:
        """A fresh sampler with this seed's random state and with targets in terms of label numbers."""
        sampler = cast(Sampler, clone(self.sampler))
        params = sampler.get_params()
        chosen = {"sampling_strategy": self._targets(params["sampling_strategy"], labels, classes)}
        if "random_state" in params:
            chosen["random_state"] = derive(seed, "resample") % 2**32
        return sampler.set_params(**chosen)

    def _targets(self, strategy: Any, labels: np.ndarray, classes: tuple[str, ...]) -> Any:
        counts = np.bincount(labels, minlength=len(classes))
        if isinstance(strategy, Mapping):
            return self._named_targets(strategy, counts, classes)
        if not isinstance(strategy, float):
            return strategy
        small, large = int(counts.argmin()), int(counts.argmax())
        if getattr(self.sampler, "_sampling_type", "") == "under-sampling":
            return {large: min(round(counts[small] / strategy), int(counts[large]))}
        target = round(counts[large] * strategy)
        if target < counts[small]:
            raise ConfigError(
                f"imbalance.sampler.sampling_strategy={strategy}: {self._name} would have to bring class "
                f"{classes[small]!r} to {target} rows, but it has {counts[small]} already. Give a larger ratio."
            )
        return {small: target}

    def _named_targets(
        self, strategy: Mapping[Any, Any], counts: np.ndarray, classes: tuple[str, ...]
    ) -> dict[int, int]:
        unknown = [name for name in strategy if str(name) not in classes]
        if unknown:
            raise ConfigError(
                f"imbalance.sampler.sampling_strategy names {unknown}, which the data do not have. "
                f"The classes are {list(classes)}."
            )
        targets = {classes.index(str(name)): int(count) for name, count in strategy.items()}
        if getattr(self.sampler, "_sampling_type", "") == "over-sampling":
            for label, target in targets.items():
                if target < counts[label]:
                    raise ConfigError(
                        f"imbalance.sampler.sampling_strategy asks {self._name} for {target} rows of class "
                        f"{classes[label]!r}, which has {counts[label]} already: over-sampling removes none. "
                        "Ask for at least as many, or take an under-sampler."
                    )
        return targets
