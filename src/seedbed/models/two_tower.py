"""Two towers: a network of the user and one of the item, whose vectors are multiplied to a score."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from seedbed.errors import NotInTheData
from seedbed.models.rating import embedding
from seedbed.stacking.layers import KnownFeatures, Stackable


class TwoTower(Stackable):
    """Score of a user and an item: the product of what the query tower and the candidate tower make of them.

    Each tower is an embedding of ``factors`` numbers, with (``metadata``) what is known beside it, and then linear
    layers of the widths ``hidden`` and ``factors`` with ReLU between them; without either it is the embedding alone.
    Yi et al. 2019, "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations".
    """

    def __init__(
        self,
        users: int,
        items: int,
        *,
        factors: int = 32,
        hidden: Sequence[int] = (),
        metadata: bool = False,
        init: str = "uniform_0.05",
        user_features: np.ndarray | None = None,
        item_features: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        self.items = items
        known = []
        for side, features in (("users", user_features), ("items", item_features)):
            if metadata and features is None:
                raise NotInTheData(f"model.metadata=true: this data set says nothing of its {side}. Set it to false.")
            known.append(features if metadata else None)
        self.query, self.candidate = Tower(users, factors, hidden, known[0], init), Tower(items, factors, hidden, known[1], init)  # fmt: skip

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        return cast(Tensor, (self.query(users) * self.candidate(items)).sum(-1))

    def queries(self, users: Tensor) -> Tensor:
        """(..., B) rows -> (..., B, F)."""
        return cast(Tensor, self.query(users))

    def candidates(self, items: Tensor) -> Tensor:
        """(..., B) rows -> (..., B, F)."""
        return cast(Tensor, self.candidate(items))

    def scores(self, users: Tensor) -> Tensor:
        """(..., B) rows of users -> (..., B, I) scores of all items, the rows from 1 on."""
        items = torch.arange(1, self.items, device=users.device, dtype=users.dtype)
        every = self.candidate(items.expand(*users.shape[:-1], -1))
        return torch.matmul(self.queries(users), every.transpose(-1, -2))


class Tower(Stackable):
    """(..., B) rows -> (..., B, F)."""

    def __init__(self, rows: int, factors: int, hidden: Sequence[int], features: np.ndarray | None, init: str) -> None:
        super().__init__()
        self.embedding = embedding(rows, factors, init)
        self.known = KnownFeatures(torch.from_numpy(features)) if features is not None else None
        width = factors + (features.shape[1] if features is not None else 0)
        plain = features is None and not hidden
        self.layers = nn.Identity() if plain else _layers([width, *hidden, factors])

    def forward(self, rows: Tensor) -> Tensor:
        vectors = self.embedding(rows)
        if self.known is not None:
            vectors = torch.cat([vectors, self.known(rows)], dim=-1)
        return cast(Tensor, self.layers(vectors))


def _layers(sizes: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size_in, size_out in itertools.pairwise(sizes):
        layers += [nn.Linear(size_in, size_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
