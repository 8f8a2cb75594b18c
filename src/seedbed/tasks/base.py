"""The base class of tasks, which train and measure S stacked networks and say what their rows become for that."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from seedbed.data.splits import Passes, Rows
from seedbed.data.table import Progress
from seedbed.errors import ConfigError
from seedbed.imbalance.base import Strategy
from seedbed.metrics import Metric, Needs, of_own
from seedbed.models.estimators import FittedEstimator
from seedbed.models.fits import Fit
from seedbed.models.fitted import FittedModel
from seedbed.stacking.batches import Draw, ShuffledBatches
from seedbed.stacking.module import StackedModule

SMALLEST_BATCH = "smallest_batch"
"""Among the settings of ``Task.batches``: a last training batch of fewer rows is dropped."""

CLASSIFIER, REGRESSOR, RECOMMENDER = "classifier", "regressor", "recommender"
"""What networks can be served as: see ``Task.SERVED_AS``."""
PARTS = {"train": "training", "val": "validation", "test": "test"}
"""The sides of a split as sentences call them."""


@dataclass(frozen=True)
class SeedData:
    """What one seed trains on and is measured on."""

    seed: int
    rows: Rows

    @property
    def counts(self) -> Mapping[str, int]:
        """What became of the rows that its strategy has made; {} where there is nothing to count."""
        return {}


@dataclass(frozen=True)
class StackData:
    """What a stack trains on: arguments of the task's constructor, and each seed's row numbers in them."""

    arguments: dict[str, Any]
    train: list[np.ndarray]
    val: list[np.ndarray]
    test: list[np.ndarray]
    passes: list[Passes] | None = None
    """Of each seed, where its rows to train and validate are drawn anew at every pass."""
    order: list[Draw] | None = None
    """Of each seed, where a strategy draws from its rows to train what an epoch takes."""

    def draw(self, side: str) -> list[Draw] | None:
        """What draws each seed's rows for the passes of a side, "train" or "val"; None where these are the same ones."""
        if side == "train" and self.order is not None:
            return self.order
        return None if self.passes is None else [getattr(of_seed, side) for of_seed in self.passes]


class Task(StackedModule):
    """A stacked module, together with what leads from a table to its inputs and what can be asked of its networks.

    The class methods speak of a table before there is any network; ``table`` is of the kind that the task is for. What is
    served, what ``recommend`` and ``predict`` answer and which sections a report has is asked here, never decided by the
    class: see ``SERVED_AS`` and what follows it, and the last methods.
    """

    METRICS: ClassVar[tuple[Metric, ...]]
    """What ``metrics`` gives under any settings, the loss first; what it gives beyond is recorded and drawn, never ranked."""
    LATER_METRICS: ClassVar[tuple[str, ...]] = ()
    """Names of those among them that a user's own metric may have, and take the place of: it may be older than they are."""
    TAKES_OWN_METRICS: ClassVar[bool] = False
    """Whether ``own_metrics`` of a user's are among its settings, and computed by ``metrics``."""
    OWN_METRICS_NEED: ClassVar[Needs] = "probabilities"
    """What those are computed from."""
    SERVED_AS: ClassVar[str | None] = None
    """What its networks answer as, for ``predict``, ``recommend`` and ``export``; None: they cannot be asked.

    A ``CLASSIFIER`` gives logits (N, C) of the rows of a ``Table``, a ``REGRESSOR`` standardised targets (N, 1) of them, a
    ``RECOMMENDER`` scores (N,) of users and items of a
    ``RatingTable``, the more the better.
    """
    PREDICTS_RATINGS: ClassVar[bool] = False
    """Whether the scores of a recommender are ratings, and not only an order of the items."""
    INSPECTED: ClassVar[bool] = False
    """Whether a report has a section on what the networks of a recommender have learned: their biases and factors."""
    FULL_BATCH: ClassVar[bool] = False
    """Whether every step takes all training rows, so that ``trainer.batch_size`` must be null."""

    @classmethod
    def declared_metrics(cls, settings: Mapping[str, Any]) -> tuple[Metric, ...]:
        """The metrics under the task's own ``settings``, by name; the user's own are last."""
        own = settings.get("own_metrics") or {} if cls.TAKES_OWN_METRICS else {}
        return (*cls.METRICS, *(of_own(name, entry, cls.OWN_METRICS_NEED) for name, entry in own.items()))

    @classmethod
    @abstractmethod
    def network_arguments(cls, table: Any) -> dict[str, Any]:
        """What the network must know of the table, as arguments of the model's ``_target_``."""

    @classmethod
    @abstractmethod
    def example(cls, table: Any, rows: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Inputs of one network for a few made-up ``rows``: what its ``forward`` is called with."""

    @classmethod
    def output_shape(cls, table: Any, rows: int) -> tuple[int, ...] | None:
        """The shape of what a network's ``forward`` must give for a few rows; None where the task asks for other things."""
        return None

    @classmethod
    def seed_data(
        cls, table: Any, rows: Rows, strategy: Strategy, seed: int, progress: Progress | None = None
    ) -> SeedData:
        """Prepare the rows of one seed; whatever is fitted or made sees its training rows and no others."""
        return SeedData(seed, rows)

    @classmethod
    def for_training(cls, table: Any) -> Any:
        """The part of the table that is needed once every seed's data is prepared, to be sent to another process."""
        return table

    @classmethod
    @abstractmethod
    def stack_data(cls, table: Any, data: Sequence[Any]) -> StackData:
        """Put the rows of several seeds together."""

    @classmethod
    def batches(
        cls, data: StackData, seeds: Sequence[int], settings: Mapping[str, Any], device: torch.device
    ) -> ShuffledBatches:
        """The training batches of an epoch; ``settings`` are the task's own, those of the config's ``trainer``, and ``SMALLEST_BATCH``."""
        return ShuffledBatches(
            data.train,
            seeds,
            batch_size=settings["batch_size"],
            steps_per_chunk=settings["steps_per_chunk"],
            device=device,
            draw=data.draw("train"),
            smallest=settings.get(SMALLEST_BATCH, 1),
        )

    @classmethod
    def check_data(cls, settings: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` where the settings of the data, by name, say that their rows are not of the task's kind."""

    @classmethod
    def check_strategy(cls, strategy: Strategy) -> None:
        """Raise ``ConfigError`` for a strategy that can work on no table of the task's kind."""

    @classmethod
    def check(cls, table: Any, rows: Rows, strategy: Strategy) -> None:
        """Raise ``ConfigError`` where one seed's rows or the strategy cannot work."""

    @classmethod
    def try_preparation(cls, table: Any, rows: Rows) -> tuple[dict[str, int], list[str]]:
        """What the report counts of how one seed's rows are prepared, and a sentence for each count that is not zero.

        Raises ``DataError`` where that cannot work.
        """
        return {}, []

    @classmethod
    def try_strategy(cls, table: Any, rows: Rows, strategy: Strategy, seed: int) -> None:
        """Raise ``ConfigError`` where the strategy cannot work on one seed's rows, as a few of them may show."""

    @classmethod
    def why_undefined(cls, table: Any, rows: Rows, side: str, metric: str, settings: Mapping[str, Any]) -> str:
        """Why a metric is undefined on one seed's rows of a side, "val" or "test"; "" where it is defined.

        ``settings`` are the task's own, by name.
        """
        return ""

    @classmethod
    def check_network(cls, network: nn.Module, settings: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` where the task cannot train or measure such a network."""
        if isinstance(network, FittedEstimator):
            raise ConfigError(
                f"model: {network.name} is an estimator of scikit-learn's kind, and {cls.__name__} is for networks: its loss or "
                "its metrics are its own. Use a network, or task=classification or task=regression."
            )
        if isinstance(network, FittedModel):
            raise ConfigError(
                f"model: {type(network).__name__} scores items for task=retrieval, and {cls.__name__} is another task. "
                "Use another model."
            )

    @classmethod
    def fit(cls, network: FittedModel, table: Any, data: Any) -> None:
        """Fit a model that takes no gradient steps, and is no estimator, to one seed's training rows."""
        raise NotImplementedError

    @classmethod
    def exact(cls, table: Any, data: Any) -> tuple[Any, Any]:
        """The table and one seed's data with numbers as they stand in the file, where networks see them rounded."""
        return table, data

    @classmethod
    def to_fit(cls, network: FittedEstimator, table: Any, data: Any) -> Fit:
        """The fit of an estimator to one seed's training rows; ``table`` and ``data`` are ``exact`` ones."""
        raise NotImplementedError

    @classmethod
    def why_unmeasured(cls, network: FittedEstimator, metric: str, settings: Mapping[str, Any]) -> str:
        """Why a metric is undefined for a fitted estimator, whatever the rows; "" where it is defined."""
        return ""

    @classmethod
    def describe(cls, table: Any) -> dict[str, Any]:
        """What the report says of the table, beside its name, digest, counts and notes.

        By "classes", their names, and "minority", the name of one, it says which class precision and recall are about; by
        "rating_range", the least and the greatest rating, that a redrawn split is one of the same users and items.
        """
        return {}

    @classmethod
    def count_split(cls, table: Any, rows: Rows) -> dict[str, int]:
        """What the report counts of one seed's split, beside the rows of each side."""
        return {}

    @classmethod
    def bytes_of_a_seed(cls, table: Any) -> int:
        """Memory that the prepared rows of one seed take beside the table."""
        return 0

    @classmethod
    def check_settings(cls, table: Any, settings: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` where the task's own ``settings``, by name, cannot work on this table."""

    # ---- what can be asked of a recommender, under the task's own settings, by name ----------------------------------

    @classmethod
    def held_out(cls, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The sides, "user" or "item", of which every seed holds some out, to learn nothing of them."""
        return ()

    @classmethod
    def shares_unknown_row(cls, settings: Mapping[str, Any]) -> bool:
        """Whether the users and items that a seed does not train on share the reserved row of its networks."""
        return False

    @classmethod
    def counts_missing_as_zero(cls, settings: Mapping[str, Any]) -> bool:
        """Whether a cell of user and item without a rating was trained on as a rating of 0."""
        return False
