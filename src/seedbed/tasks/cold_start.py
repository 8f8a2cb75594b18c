"""Cold start: how well the ratings of users (of items) are predicted that a factor model was not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from torch import Tensor, nn

from seedbed.checks import is_positive, require, require_choice
from seedbed.data.ratings import RatingTable
from seedbed.data.splits import Rows
from seedbed.errors import ConfigError, NotInTheData
from seedbed.imbalance.base import Strategy
from seedbed.metrics import Metric
from seedbed.models.fold_in import (
    RIDGE,
    SIDES,
    Array,
    FactorModel,
    Numbers,
    Side,
    factor_model,
    fold_in,
    is_factor_model,
    mean_ratings,
    mean_vector,
    metadata_vectors,
    typical_vector,
)
from seedbed.randomness import numpy_generator
from seedbed.stacking.layers import Stacked
from seedbed.stacking.optimizers import OptimizerFactory
from seedbed.tasks.base import PARTS, SeedData, StackData
from seedbed.tasks.rating import UNKNOWN, Rating, errors

Method = Literal["mean_vector", "typical", "fold_in", "metadata", "metadata_fold_in", "mean_rating"]
METHODS: tuple[Method, ...] = get_args(Method)
WITH_METADATA, FOLDING = ("metadata", "metadata_fold_in"), ("fold_in", "metadata_fold_in", "mean_rating")


@dataclass(frozen=True)
class Newcomers:
    """The n newcomers of one seed: what is known of each, and the T ratings of all of them that are to be predicted."""

    ids: Numbers
    """(n,)."""
    met: Numbers
    """(n, K): whom, of the other side, their first K ratings are about; their order belongs to the seed."""
    ratings: Array
    """(n, K)."""
    owners: Numbers
    """(T,): the newcomer, from 0, of each rating to be predicted."""
    targets: Numbers
    """(T,): whom, of the other side, it is about."""
    actual: Array
    """(T,)."""


class ColdStart(Rating):
    """Trains a factor model as ``Rating`` does, and measures it on newcomers alone.

    Newcomers are the users (``side`` "user") or items whose ratings the split holds out for validation or test. Of
    each, the first k ratings are known, in an order that belongs to the seed, for each k of ``known``; from these
    ``method`` makes a vector, and the ratings after the last of ``known`` are predicted: the same ones for every k.

    ``mean_vector`` and ``typical`` know no rating, ``metadata`` knows what the data say of a user or item; ``fold_in``
    is a ridge regression drawn towards the mean vector, ``metadata_fold_in`` one drawn towards that of the metadata. See
    ``seedbed.models.fold_in``. ``mean_rating`` needs no factors: an item's mean rating, and how far the user is above such
    means. All learn from the trained users, or items, that have ``at_least`` ratings, as newcomers have in all: the
    vector of one with few is still near where training began. Of the other side, only whom a seed has trained on counts
    as known.

    RMSE is given for each k, as ``rmse_at_k``; ``mse``, ``rmse`` and ``mae`` are the means over ``known``.
    """

    METRICS = errors(("loss", "mse", "rmse", "mae"))
    INSPECTED = False

    def __init__(
        self,
        network: Stacked,
        optimizer: OptimizerFactory,
        *,
        numbers: Sequence[int],
        train: Sequence[np.ndarray],
        held_out: Sequence[Side],
        features: Mapping[str, np.ndarray | None],
        method: Method = "fold_in",
        known: Sequence[int] = (0, 1, 3, 5, 10),
        ridge: float = RIDGE,
        side: Side = "user",
        at_least: int = 20,
        **rating: Any,
    ) -> None:
        """``numbers`` are those of the S seeds, ``train`` their training rows, ``features`` those of the table by side.

        ``held_out`` are the sides of which nobody who is evaluated trains, ``at_least`` is how many ratings each newcomer
        has, as the split says. Raises ``ConfigError`` where ``side`` is not held out.
        """
        super().__init__(network, optimizer, **rating)
        if side not in held_out:
            raise ConfigError(
                f"task.side={side}: the split holds out {held_out[0]}s. Set split.side, and not task.side."
            )
        self.numbers, self.method, self.known, self.ridge = numbers, method, tuple(known), ridge
        self.side, self.features = side, features[side]
        # On the host for good: what is made of them is a few small systems of equations after each epoch.
        ids = {"user": self.users.cpu().numpy(), "item": self.items.cpu().numpy()}
        trained = {"user": self.known_users.cpu().numpy(), "item": self.known_items.cpu().numpy()}
        self._own, self._others = ids[side], ids[_other(side)]
        self._others_trained = trained[_other(side)]
        self._ratings, self._train = self.ratings.cpu().numpy().astype(np.float64), train
        numbers_of_ratings = [np.bincount(self._own[rows], minlength=trained[side].shape[1]) for rows in train]
        self._learned_from = [of_seed >= at_least for of_seed in numbers_of_ratings]

    def evaluate(self, index: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        return index, mask

    def metrics(self, *evaluated: Tensor) -> dict[str, Tensor]:
        index, mask = (values.cpu().numpy() for values in evaluated)
        of_seeds = [self._measured(position, index[position][mask[position]]) for position in range(self.seeds)]
        return {
            name: torch.tensor([of_seed[name] for of_seed in of_seeds], dtype=torch.float64).to(
                self.device, torch.float64
            )
            for name in of_seeds[0]
        }

    # ---- one seed ----------------------------------------------------------------------------------------------------

    def _measured(self, position: int, rows: Numbers) -> dict[str, float]:
        """Errors of one seed on the newcomers of these rows; NaN where its weights are not finite."""
        newcomers = self._newcomers(position, rows)
        model = self._model(position)
        if np.isfinite(model.vectors).all() and np.isfinite(model.design).all() and np.isfinite(model.offsets).all():
            predicted = self._predicted_for(position, model, newcomers)
        else:
            predicted = dict.fromkeys(self.known, np.full(len(newcomers.actual), np.nan))
        errors = {count: of_count - newcomers.actual for count, of_count in predicted.items()}
        mse = {count: float((of_count**2).mean()) for count, of_count in errors.items()}
        rmse = {count: value**0.5 for count, value in mse.items()}
        mean_mse = float(np.mean(list(mse.values())))
        return {
            "loss": mean_mse,
            "mse": mean_mse,
            "rmse": float(np.mean(list(rmse.values()))),
            "mae": float(np.mean([np.abs(of_count).mean() for of_count in errors.values()])),
            **{f"rmse_at_{count}": value for count, value in rmse.items()},
        }

    def _newcomers(self, position: int, rows: Numbers) -> Newcomers:
        """Whoever the rows are about, without those who have no rating beyond the known ones."""
        drawn = numpy_generator(self.numbers[position], "known").permutation(len(rows))
        rows = rows[np.lexsort((drawn, self._own[rows]))]
        ids, owners, counts = np.unique(self._own[rows], return_inverse=True, return_counts=True)
        place = np.arange(len(rows)) - (np.cumsum(counts) - counts)[owners]
        most = max(self.known)
        enough = counts > most
        is_known, is_target = (half & enough[owners] for half in (place < most, place >= most))
        others = self._others[rows]
        if self.vocabulary == "train":
            others = np.where(self._others_trained[position][others], others, UNKNOWN)
        shape = int(enough.sum()), most
        return Newcomers(
            ids=ids[enough],
            met=others[is_known].reshape(shape),
            ratings=self._ratings[rows[is_known]].reshape(shape),
            owners=(np.cumsum(enough) - 1)[owners[is_target]],
            targets=others[is_target],
            actual=self._ratings[rows[is_target]],
        )

    def _model(self, position: int) -> FactorModel:
        if self.method == "mean_rating":
            rows = self._train[position]
            return mean_ratings(self._others[rows], self._ratings[rows], self._others_trained.shape[1], self.ridge)
        return factor_model(self.network.network, self.network.plain_state(position), self.side)

    def _predicted_for(self, position: int, model: FactorModel, newcomers: Newcomers) -> dict[int, Array]:
        """(T,) for each number of known ratings."""
        vectors = self._start(position, model, newcomers)
        is_known = self._others_trained[position][newcomers.met]
        predicted = {}
        for count in self.known:
            if self.method in FOLDING:
                met, ratings = newcomers.met[:, :count], newcomers.ratings[:, :count]
                folded = fold_in(model, vectors, met, ratings, is_known[:, :count], self.ridge)
            else:
                folded = vectors
            predicted[count] = model.ratings(folded[newcomers.owners], newcomers.targets)
        return predicted

    def _start(self, position: int, model: FactorModel, newcomers: Newcomers) -> Array:
        """(n, D): the newcomers' vectors before any of their ratings is known."""
        trained = self._learned_from[position]
        if self.method == "mean_rating":
            return np.zeros((len(newcomers.ids), 1))
        if self.method in WITH_METADATA:
            features = cast(np.ndarray, self.features)
            return metadata_vectors(features[trained], model.vectors[trained], features[newcomers.ids])
        if self.method == "typical":
            vector = typical_vector(model.vectors[trained], model.design[self._others_trained[position]])
        else:
            vector = mean_vector(model.vectors[trained])
        return np.tile(vector, (len(newcomers.ids), 1))

    # ---- from a table to the arguments above -------------------------------------------------------------------------

    @classmethod
    def declared_metrics(cls, settings: Mapping[str, Any]) -> tuple[Metric, ...]:
        known = settings.get("known")
        counts = known if isinstance(known, list) else []
        return (*super().declared_metrics(settings), *errors(f"rmse_at_{count}" for count in counts))

    @classmethod
    def stack_data(cls, table: RatingTable, data: Sequence[SeedData]) -> StackData:
        stacked = super().stack_data(table, data)
        held_out = [_held_out(table, item.rows) for item in data]
        more = {
            "numbers": [item.seed for item in data],
            "train": stacked.train,
            "held_out": [side for side in SIDES if all(side in of_seed for of_seed in held_out)],
            "features": {"user": table.user_features, "item": table.item_features},
        }
        return replace(stacked, arguments=stacked.arguments | more)

    @classmethod
    def check(cls, table: RatingTable, rows: Rows, strategy: Strategy) -> None:
        super().check(table, rows, strategy)
        if table.pair_numbers is not None:
            raise ConfigError(
                f"task=cold_start: {table.name} has several ratings of one item by one user, of which one could be known and "
                "another to be predicted. Set data.duplicates=latest."
            )
        if not _held_out(table, rows):
            raise ConfigError(
                "split: users and items of the validation and test rows train as well, so that nobody is new. Use "
                "split=held_out."
            )

    @classmethod
    def why_undefined(cls, table: RatingTable, rows: Rows, side: str, metric: str, settings: Mapping[str, Any]) -> str:
        newcomer, most = settings.get("side", "user"), max(settings["known"])
        ids = (table.users if newcomer == "user" else table.items)[getattr(rows, side)]
        enough = np.unique(ids, return_counts=True)[1] > most
        return "" if enough.any() else f"no {newcomer} has more than {most} {PARTS[side]} rows (task.known)"

    @classmethod
    def check_network(cls, network: nn.Module, settings: Mapping[str, Any]) -> None:
        if not is_factor_model(network):
            raise ConfigError(
                f"model: {type(network).__name__} has no factors whose product is the score, which task=cold_start makes "
                "vectors of newcomers for. Use model=dot_product."
            )

    @classmethod
    def check_settings(cls, table: RatingTable, settings: Mapping[str, Any]) -> None:
        super().check_settings(table, settings)
        method, known, side = settings["method"], settings["known"], settings["side"]
        require_choice("task.method", method, METHODS)
        require_choice("task.side", side, SIDES)
        require(is_positive(settings["ridge"]), "task.ridge", settings["ridge"], "a positive number")
        rising = (
            isinstance(known, Sequence)
            and len(known) > 0
            and all(type(count) is int and count >= 0 for count in known)
            and all(count < following for count, following in pairwise(known))
        )
        require(rising, "task.known", known, "a list of rising whole numbers from 0 on, such as [0, 1, 5]")
        if max(known) >= settings["at_least"]:
            raise ConfigError(
                f"task.known={list(known)}: with split.at_least={settings['at_least']} no rating of some {side}s would be "
                f"left to predict. Raise split.at_least above {max(known)}, or know fewer."
            )
        features = table.user_features if side == "user" else table.item_features
        if method in WITH_METADATA and features is None:
            raise NotInTheData(f"task.method={method}: {table.name} says nothing of its {side}s. Use another method.")

    @classmethod
    def describe(cls, table: RatingTable) -> dict[str, Any]:
        """Say nothing of the range of the ratings: a redrawn split has other users, or items."""
        return {}

    @classmethod
    def held_out(cls, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (settings["side"],)


def _other(side: Side) -> Side:
    return "item" if side == "user" else "user"


def _held_out(table: RatingTable, rows: Rows) -> tuple[Side, ...]:
    """The sides of which nobody who is evaluated trains."""
    evaluated = np.concatenate([rows.val, rows.test])
    columns: dict[Side, np.ndarray] = {"user": table.users, "item": table.items}
    return tuple(side for side, ids in columns.items() if not np.isin(ids[evaluated], np.unique(ids[rows.train])).any())
