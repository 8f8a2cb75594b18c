"""Scores of all items for a user, under every trained seed: the part of a recommender that knows the network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray

from seedbed.models.rating import DotProduct
from seedbed.models.two_tower import TwoTower
from seedbed.serving.files import Networks, read_arrays, write_arrays
from seedbed.serving.predictor import dotted_name
from seedbed.trained.seed import TrainedSeed

Floats = NDArray[np.floating]
NETWORKS, ARRAYS = "networks", "scores.safetensors"
PAIRS_FOR_THE_MEAN = 20_000_000
"""Predictions of one seed that its mean over users is taken of, at most."""


class Scores(ABC):
    """What scores items for users by their rows: those of users count from 1, those of items from 0, as in the (S, I) scores."""

    KIND: ClassVar[str]

    @property
    @abstractmethod
    def seeds(self) -> tuple[int, ...]: ...

    @abstractmethod
    def knows(self, user: int) -> bool:
        """Whether any seed has trained on this user."""

    @abstractmethod
    def of_user(self, user: int, items: NDArray[np.intp] | None = None) -> Floats:
        """Scores (S, I), or (S, C) of the C ``items``; a seed that has not trained on the user gives those of ``of_anyone``."""

    @property
    @abstractmethod
    def of_anyone(self) -> Floats:
        """Scores (S, I) for a user who is not known."""

    def factors(self) -> Floats | None:
        """Factors (S, I, F) by which items are compared; None where there are none."""
        return None

    def vectors(self) -> NDArray[np.float32] | None:
        """Vectors (I, D) whose products with ``vector_of`` rank items as the mean score does, or nearly; None: there are none."""
        return None

    def vector_of(self, user: int) -> NDArray[np.float32]:
        """The vector (D,) of a user, where there are ``vectors``."""
        raise NotImplementedError

    @property
    def code(self) -> tuple[str, ...]:
        """As in ``Predictor``."""
        return (dotted_name(type(self)),)

    @abstractmethod
    def write(self, folder: Path) -> None: ...

    @classmethod
    @abstractmethod
    def read(cls, folder: Path) -> Self: ...


class NetworkScores(Scores):
    """Scores by networks that take a user and an item.

    ``users`` (S, U + 1) and ``items`` (S, I + 1) are the rows that each seed's network knows them by, ``known_users``
    (S, U + 1) tells on whose ratings it was trained. An unknown user gets the mean of the scores of the users whom a seed
    was trained on: of all of them, or, where that is much, of some spread evenly over the vocabulary.
    """

    KIND = "network"

    def __init__(
        self,
        networks: Networks,
        users: NDArray[np.int32],
        items: NDArray[np.int32],
        known_users: NDArray[np.bool_],
        of_anyone: Floats | None = None,
    ) -> None:
        self.networks, self.users, self.items, self.known_users = networks, users, items, known_users
        self._of_anyone = of_anyone
        self.trained = tuple(
            TrainedSeed(seed, network, torch.from_numpy(own_users), torch.from_numpy(own_items))
            for (seed, network), own_users, own_items in zip(networks.of_seeds.items(), users, items, strict=True)
        )

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(seed.seed for seed in self.trained)

    def knows(self, user: int) -> bool:
        return bool(self.known_users[:, user].any())

    def of_user(self, user: int, items: NDArray[np.intp] | None = None) -> Floats:
        return np.stack([self._of_seed(position, user, items) for position in range(len(self.trained))])

    def _of_seed(self, position: int, user: int, items: NDArray[np.intp] | None) -> Floats:
        if not self.known_users[position, user]:
            of_anyone: Floats = self.of_anyone[position]
            return of_anyone if items is None else of_anyone[items]
        if items is None:
            return self.trained[position].predictions(user)
        users = np.full(len(items), user, dtype=np.int32)
        return self.trained[position].predictions_of(users, (items + 1).astype(np.int32))

    @property
    def of_anyone(self) -> Floats:
        if self._of_anyone is None:
            self._of_anyone = np.stack([self._mean(position) for position in range(len(self.trained))])
        return self._of_anyone

    def _mean(self, position: int) -> Floats:
        users = np.flatnonzero(self.known_users[position])
        items = len(self.trained[position].items) - 1
        some = min(len(users), max(1, PAIRS_FOR_THE_MEAN // items))
        chosen = users[np.linspace(0, len(users) - 1, some).round().astype(int)]
        total = np.zeros(items)
        for user in chosen:
            total += self.trained[position].predictions(int(user))
        return (total / some).astype(np.float32)

    def factors(self) -> Floats | None:
        factors = [of_seed for seed in self.trained if (of_seed := seed.factors()) is not None]
        return np.stack(factors) if factors else None

    # ---- the mean of dot products is itself one: that of the seeds' vectors side by side ------------------------------

    def vectors(self) -> NDArray[np.float32] | None:
        if not all(isinstance(seed.network, DotProduct | TwoTower) for seed in self.trained):
            return None
        parts = []
        for seed in self.trained:
            factors, bias = seed.factors(), seed.biases()
            assert factors is not None
            parts += [factors, np.zeros((len(factors), 1)) if bias is None else bias[:, np.newaxis]]
        return np.ascontiguousarray(np.concatenate(parts, axis=1), dtype=np.float32)

    def vector_of(self, user: int) -> NDArray[np.float32]:
        """The vector (D,) of a user, zeros for a seed that has not trained on them: its score is the same for everyone."""
        parts: list[NDArray[np.floating]] = []
        for position, seed in enumerate(self.trained):
            network, row = cast(DotProduct | TwoTower, seed.network), seed.users[user]
            with torch.inference_mode():
                factors = (network.queries if isinstance(network, TwoTower) else network.user_factors)(row).numpy()
            parts.append(np.append(factors, 1.0) * self.known_users[position, user])
        return np.concatenate(parts).astype(np.float32)

    # ---- files -------------------------------------------------------------------------------------------------------

    @property
    def code(self) -> tuple[str, ...]:
        return (*super().code, *self.networks.code)

    def write(self, folder: Path) -> None:
        self.networks.save(folder / NETWORKS)
        arrays = {name: getattr(self, name) for name in ("users", "items", "known_users", "of_anyone")}
        write_arrays(folder / ARRAYS, arrays)

    @classmethod
    def read(cls, folder: Path) -> Self:
        networks, arrays = Networks.load(folder / NETWORKS), read_arrays(folder / ARRAYS)
        return cls(networks, **arrays)


KINDS: dict[str, type[Scores]] = {kind.KIND: kind for kind in (NetworkScores,)}
