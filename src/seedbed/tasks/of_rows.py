"""The base of tasks on rows of a table: numbers, texts or pictures, prepared for each seed and laid on the device once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seedbed.data.encoders import FittedEncoder, FittedTexts
from seedbed.data.network_inputs import NetworkInputs, Vectors
from seedbed.data.splits import Rows
from seedbed.data.table import Prepared, Table
from seedbed.errors import ConfigError
from seedbed.models.estimators import FittedEstimator
from seedbed.stacking.layers import OneSeed, Stacked
from seedbed.stacking.optimizers import OptimizerFactory
from seedbed.tasks.base import SeedData, Task

MOST_UNKNOWN = 0.5
"""The largest share of the training texts, of a class where there are classes, of which a fitted encoder may know no word."""
OwnMetric = Callable[[Tensor, Tensor], Any]
"""From what the network says of N rows of one seed, and what is true of them, to one number."""


@dataclass(frozen=True)
class PreparedRows(SeedData):
    """One seed's rows, and the table as this seed sees it."""

    features: np.ndarray | None = field(default=None, kw_only=True)
    """(N, ...): all rows of the table; None where the table's own features serve all seeds."""


class OfRows(Task):
    """Stacked networks over rows that lie on the device once.

    ``features`` is (R, ...): all rows that any seed or split refers to; ``inputs`` says what a network sees of a row of
    them, None: vectors, as they are. ``own_metrics`` are a user's, by name, each with an ``OwnMetric`` as its "function".
    """

    TAKES_OWN_METRICS = True

    features: Tensor

    def __init__(
        self,
        network: Stacked,
        optimizer: OptimizerFactory,
        *,
        features: Tensor,
        inputs: NetworkInputs | None = None,
        own_metrics: Mapping[str, Mapping[str, Any]] | None = None,
        **stacked: Any,
    ) -> None:
        super().__init__(network, optimizer, **stacked)
        self.register_buffer("features", features, persistent=False)
        self.inputs = inputs or Vectors(features.shape[-1])
        self.own_metrics: dict[str, OwnMetric] = {name: own["function"] for name, own in (own_metrics or {}).items()}

    def _gather(self, index: Tensor) -> Tensor:
        """(S, B) row numbers -> what the networks see of them; several times as fast as ``features[index]``."""
        rows = self.features.index_select(0, index.flatten())
        return self.inputs.ready(rows.view(*index.shape, *rows.shape[1:]))

    def _own_values(self, said: Tensor, true: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """(S,) by each of a user's metrics, of what the networks say of N rows, (S, N, ...), and what is true of them, (S, N)."""
        return {name: self._own(name, metric, said, true, mask) for name, metric in self.own_metrics.items()}

    @staticmethod
    def _own(name: str, metric: OwnMetric, said: Tensor, true: Tensor, mask: Tensor) -> Tensor:
        """(S,) by a user's metric; NaN for a seed that diverges: what the function makes of its values must not end the others."""
        of_seeds = zip(said, true, mask, strict=True)
        values = [
            measured(name, metric, scores[real], of_seed[real]) if scores[real].isfinite().all() else torch.nan
            for scores, of_seed, real in of_seeds
        ]
        return torch.tensor(values, dtype=torch.float64, device=said.device)

    @property
    def estimator(self) -> FittedEstimator | None:
        """What takes a network's place."""
        network = self.network.network if isinstance(self.network, OneSeed) else None
        return network if isinstance(network, FittedEstimator) else None

    # ---- from a table to the arguments above -------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def outputs(cls, table: Table) -> int:
        """How many numbers a network gives for a row."""

    @classmethod
    def network_arguments(cls, table: Table) -> dict[str, Any]:
        return {**table.inputs.arguments(), "out_features": cls.outputs(table)}

    @classmethod
    def example(cls, table: Table, rows: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        return (table.inputs.example(rows, generator),)

    @classmethod
    def prepared(cls, table: Table, rows: Rows) -> Prepared:
        """All rows as a seed sees them, by what is fitted to its training rows."""
        if table.preparation is None:
            return Prepared(table.features, table.encode)
        return table.preparation.fit(table, rows.train)

    @classmethod
    def try_preparation(cls, table: Table, rows: Rows) -> tuple[dict[str, int], list[str]]:
        """Fits the encoder of texts, where there is one to fit, and counts the texts of which it knows nothing."""
        if not isinstance(table.preparation, FittedTexts) or table.texts is None:
            return {}, []
        encoder = table.preparation.encoder
        known = encoder.known(encoder.fit([table.texts[row] for row in rows.train]), table.texts)
        cls.check_known(table, rows, known, encoder)
        if known.all():
            return {}, []
        count = int((~known).sum())
        said = (
            f"{count} of {len(known)} texts hold no word that {encoder.name} has learnt from a seed's training texts."
        )
        return {"texts_without_a_known_word": count}, [said]

    @classmethod
    @abstractmethod
    def check_known(cls, table: Table, rows: Rows, known: np.ndarray, encoder: FittedEncoder) -> None:
        """Raise ``DataError`` where the fitted encoder has learnt words of too few training texts; ``known`` is (N,)."""

    @classmethod
    def exact(cls, table: Table, data: Any) -> tuple[Table, Any]:
        if table.exact is None:
            return table, data
        table = replace(table, features=table.exact)
        if table.preparation is None:
            return table, data
        return table, replace(data, features=table.preparation.fit(table, data.rows.train).features)

    @classmethod
    def for_training(cls, table: Table) -> Table:
        return replace(table, encode=None, texts=None)  # a loaded encoder cannot go to another process

    @classmethod
    def features_of(cls, table: Table, data: Sequence[PreparedRows]) -> tuple[list[np.ndarray], list[int]]:
        """The table's rows, once or as each seed sees them, and the number of each seed's first row among these."""
        own = [item.features for item in data if item.features is not None]
        first = [position * len(table.labels) if own else 0 for position in range(len(data))]
        return own or [table.features], first

    @classmethod
    def check_passes(cls, table: Table) -> None:
        """Raise ``ConfigError`` where something is fitted once, and the training rows are drawn anew."""
        if table.preparation is not None:
            raise ConfigError(
                f"split: {table.name} is prepared by what is fitted to a seed's training rows, and this split draws them "
                "anew in every epoch. Use another split."
            )

    @classmethod
    def count_split(cls, table: Table, rows: Rows) -> dict[str, int]:
        """Rows that are equal to one on another side: of published parts, or where rows are drawn anew at every pass."""
        seen = np.isin(table.groups[rows.test], table.groups[np.concatenate([rows.train, rows.val])])
        counts = {"test_rows_equal_to_others": int(seen.sum())}
        if rows.passes is not None:
            counts["validation_rows_that_train_in_the_same_epoch"] = int(np.isin(rows.val, rows.train).sum())
        return {what: count for what, count in counts.items() if count}

    @classmethod
    def bytes_of_a_seed(cls, table: Table) -> int:
        if table.preparation is None:
            return 0
        copies = 3  # as prepared, as training rows of the strategy, and joined for the stack
        return copies * len(table.labels) * table.inputs.bytes_of_a_row

    @classmethod
    def try_own_metrics(cls, settings: Mapping[str, Any], said: Tensor, true: Tensor) -> None:
        """Raise ``ConfigError`` where a user's metric gives no number of what a network may say of some rows."""
        for name, metric in (settings.get("own_metrics") or {}).items():
            measured(name, metric["function"], said, true)


def measured(name: str, metric: OwnMetric, said: Tensor, true: Tensor) -> float:
    """What a user's metric says of these rows; raises ``ConfigError`` where it is no number."""
    names = ("probabilities", "labels") if said.ndim == 2 else ("predictions", "targets")
    shapes = f"{names[0]} {tuple(said.shape)} and {names[1]} {tuple(true.shape)}"
    wanted = "It must give one number, NaN where it is undefined."
    try:
        value = metric(said, true)
        if isinstance(value, Tensor | np.ndarray | np.generic):
            value = value.item()
    except Exception as error:
        raise ConfigError(
            f"task.own_metrics.{name}: the function fails on {shapes} ({type(error).__name__}: {error}). {wanted}"
        ) from error
    if not isinstance(value, Real):
        raise ConfigError(f"task.own_metrics.{name}: the function gives {value!r} of {shapes}. {wanted}")
    return float(value)
