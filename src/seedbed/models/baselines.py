"""Models that every recommender is set beside; they are computed from a seed's training ratings without gradient steps."""

from __future__ import annotations

import importlib
import warnings
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, csr_matrix
from torch import Tensor

from seedbed.models.fitted import FittedModel
from seedbed.randomness import derive
from seedbed.torch_random import whole_numbers

IMPLICIT = ("implicit", "baselines")


class Fitted(FittedModel, ABC):
    """Fitted once to a seed's training ratings."""

    def __init__(self, users: int, items: int) -> None:
        """Lengths of the vocabularies, row 0, the unknown, among them."""
        super().__init__()
        self.users, self.items = users, items

    @abstractmethod
    def fit(self, users: np.ndarray, items: np.ndarray, seed: int) -> None:
        """Who has rated what: rows (N,) of the vocabularies, each pair once."""

    @abstractmethod
    def scores(self, users: Tensor) -> Tensor:
        """(B,) rows of users -> (B, I) scores of all items, the rows from 1 on."""

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """(B,) rows of users and of items -> (B,) scores."""
        distinct, place = torch.unique(users, return_inverse=True)
        return self.scores(distinct)[place, items.long() - 1]


class Popular(Fitted):
    """How many users have rated an item: the same list for everyone."""

    counts: Tensor

    def __init__(self, users: int, items: int) -> None:
        super().__init__(users, items)
        self.register_buffer("counts", torch.zeros(items - 1))

    def fit(self, users: np.ndarray, items: np.ndarray, seed: int) -> None:
        self.counts.copy_(torch.from_numpy(np.bincount(items, minlength=self.items)[1:]))

    def scores(self, users: Tensor) -> Tensor:
        return self.counts.expand(len(users), -1)


class Random(Fitted):
    """A random score that depends on seed, user and item alone."""

    key: Tensor

    def __init__(self, users: int, items: int) -> None:
        super().__init__(users, items)
        self.register_buffer("key", torch.zeros(1, dtype=torch.int64))

    def fit(self, users: np.ndarray, items: np.ndarray, seed: int) -> None:
        self.key.fill_(derive(seed, "random scores"))

    def scores(self, users: Tensor) -> Tensor:
        drawn = whole_numbers(self.key.expand(len(users)), users.long(), self.items - 1, 1 << 24)
        return drawn.float()  # 24 bits are what a float holds


class ItemKNN(Fitted):
    """Sum of the similarities of an item to those that the user has rated, over each of these' ``neighbours``.

    Cosine of the columns of users who rated them; Sarwar et al. 2001, "Item-Based Collaborative Filtering
    Recommendation Algorithms". By the package implicit.
    """

    NEEDS = IMPLICIT
    KEPT = False

    def __init__(self, users: int, items: int, *, neighbours: int = 50) -> None:
        super().__init__(users, items)
        self.neighbours = neighbours

    def fit(self, users: np.ndarray, items: np.ndarray, seed: int) -> None:
        self._rated = _matrix(users, items, self)
        self.model = _implicit("nearest_neighbours", "CosineRecommender")(K=self.neighbours, num_threads=1)
        with warnings.catch_warnings():
            # Between two functions of the package: it makes one form of its matrix and asks for the other.
            warnings.filterwarnings("ignore", message="Method expects CSR input")
            self.model.fit(self._rated, show_progress=False)

    def scores(self, users: Tensor) -> Tensor:
        scores = csr_array(self._rated[users.numpy()]) @ csr_array(self.model.similarity)
        return torch.from_numpy(scores.toarray()[:, 1:])


class Factorized(Fitted):
    """Product of factors that the package implicit has fitted."""

    NEEDS = IMPLICIT

    user_factors: Tensor
    item_factors: Tensor

    def __init__(self, users: int, items: int, factors: int) -> None:
        super().__init__(users, items)
        self.register_buffer("user_factors", torch.zeros(users, factors))
        self.register_buffer("item_factors", torch.zeros(items, factors))

    @abstractmethod
    def model(self, seed: int) -> Any:
        """What is to be fitted."""

    def fit(self, users: np.ndarray, items: np.ndarray, seed: int) -> None:
        from threadpoolctl import threadpool_limits  # noqa: PLC0415 - a served model fits nothing

        with threadpool_limits(1, "blas"):  # its solver starts threads of its own
            model = self.model(derive(seed, "weights") % 2**32)
            model.fit(_matrix(users, items, self), show_progress=False)
        self.user_factors.copy_(torch.from_numpy(model.user_factors))
        self.item_factors.copy_(torch.from_numpy(model.item_factors))

    def scores(self, users: Tensor) -> Tensor:
        return self.user_factors[users.long()] @ self.item_factors[1:].T


class ALS(Factorized):
    """Alternating least squares of implicit feedback: Hu, Koren and Volinsky 2008.

    A rated cell is 1 with the confidence 1 + ``alpha``, any other 0 with the confidence 1.
    """

    def __init__(
        self,
        users: int,
        items: int,
        *,
        factors: int = 64,
        regularization: float = 0.05,
        alpha: float = 5.0,
        iterations: int = 15,
    ) -> None:
        super().__init__(users, items, factors)
        self.settings = {
            "factors": factors, "regularization": regularization, "alpha": alpha, "iterations": iterations,
        }  # fmt: skip

    def model(self, seed: int) -> Any:
        kind = _implicit("cpu.als", "AlternatingLeastSquares")
        return kind(**self.settings, num_threads=1, random_state=seed)


class BPR(Factorized):
    """Bayesian personalized ranking by stochastic gradient descent: Rendle et al. 2009. It has biases of items."""

    def __init__(
        self,
        users: int,
        items: int,
        *,
        factors: int = 63,
        learning_rate: float = 0.01,
        regularization: float = 0.01,
        iterations: int = 100,
    ) -> None:
        super().__init__(users, items, factors + 1)  # the bias is one more
        self.settings = {
            "factors": factors, "learning_rate": learning_rate, "regularization": regularization,
            "iterations": iterations,
        }  # fmt: skip

    def model(self, seed: int) -> Any:
        # Several threads would change the factors under each other, in an order that is never the same again.
        kind = _implicit("cpu.bpr", "BayesianPersonalizedRanking")
        return kind(**self.settings, num_threads=1, random_state=seed)


def _matrix(users: np.ndarray, items: np.ndarray, model: Fitted) -> csr_matrix:
    return csr_matrix((np.ones(len(users), np.float32), (users, items)), shape=(model.users, model.items))


def _implicit(module: str, name: str) -> Any:
    """A class of the package, which takes a while to import."""
    return getattr(importlib.import_module(f"implicit.{module}"), name)
