"""Networks of a user and an item that predict a rating: (B,) users and (B,) items to (B,) ratings.

``users`` and ``items`` are the rows of their vocabularies, the reserved row among them. ``y_range`` (low, high) passes
the prediction through a sigmoid onto that range; None leaves it as it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from seedbed.errors import ConfigError, NotInTheData, near_misses
from seedbed.stacking.layers import KnownFeatures, SigmoidRange, Stackable

YRange = Sequence[float] | None


def _folded(weight: Tensor) -> None:
    """N(0, 0.01) whose tails are folded back at two standard deviations, as fastai draws it."""
    weight.normal_().fmod_(2).mul_(0.01)


INITS: dict[str, Callable[[Tensor], object]] = {
    "folded_normal_0.01": _folded,
    "normal_0.01": lambda weight: weight.normal_(0, 0.01),
    "uniform_0_0.05": lambda weight: weight.uniform_(0, 0.05),
    "uniform_0.05": lambda weight: weight.uniform_(-0.05, 0.05),
    "uniform_0.01": lambda weight: weight.uniform_(-0.01, 0.01),
    "constant_0.01": lambda weight: weight.fill_(0.01),
    "normal_1": lambda weight: weight.normal_(),
}
"""How embeddings start, by name; the numbers are standard deviations, ends of a range or the constant."""


class DotProduct(Stackable):
    """Product of a user's and an item's factors, and (``bias``) what each of the two adds of its own.

    Koren, Bell and Volinsky 2009, "Matrix Factorization Techniques for Recommender Systems", without the global mean.
    """

    def __init__(
        self,
        users: int,
        items: int,
        *,
        factors: int = 50,
        bias: bool = True,
        y_range: YRange = None,
        init: str = "folded_normal_0.01",
    ) -> None:
        super().__init__()
        self.user_factors, self.item_factors = embedding(users, factors, init), embedding(items, factors, init)
        self.user_bias = embedding(users, 1, init) if bias else None
        self.item_bias = embedding(items, 1, init) if bias else None
        self.scale = _scale(y_range)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        product = (self.user_factors(users) * self.item_factors(items)).sum(-1)
        if self.user_bias is not None and self.item_bias is not None:
            product = product + (self.user_bias(users) + self.item_bias(items)).squeeze(-1)
        return cast(Tensor, self.scale(product))


class EmbeddingNetwork(Stackable):
    """A fully connected network on a user's and an item's embedding, and (``metadata``) on what is known of them.

    ``sizes`` are the two embeddings' widths, "rule" for fastai's min(600, 1.6 n^0.56). ``norm`` puts batch norm
    "before" the linear layer of each block (fastai up to 2.2.7), "after" its activation (from 2.3.1) or nowhere (None).
    ``dropout`` are the rates after the embeddings and after each hidden layer. ``dot`` adds the product of the
    embeddings' common part and a bias of each: a hybrid of network and dot product.
    """

    def __init__(
        self,
        users: int,
        items: int,
        *,
        hidden: Sequence[int],
        sizes: Sequence[int] | str = "rule",
        y_range: YRange = None,
        init: str = "folded_normal_0.01",
        dropout: Sequence[float] = (),
        norm: str | None = None,
        dot: bool = False,
        metadata: bool = False,
        user_features: np.ndarray | None = None,
        item_features: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        if norm not in (None, "before", "after"):
            raise ConfigError(f"model.norm={norm} cannot be used: it must be null, before or after.")
        widths = [embedding_size(users), embedding_size(items)] if isinstance(sizes, str) else list(sizes)
        self.user_factors, self.item_factors = (
            embedding(rows, width, init) for rows, width in zip((users, items), widths, strict=True)
        )
        self.known = _known(user_features, item_features) if metadata else None
        self.user_bias = embedding(users, 1, init) if dot else None
        self.item_bias = embedding(items, 1, init) if dot else None
        self.common = min(widths)
        width_in = sum(widths) + (self.known.width if self.known is not None else 0)
        self.layers = _layers([width_in, *hidden, 1], dropout, norm)
        self.scale = _scale(y_range)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        user, item = self.user_factors(users), self.item_factors(items)
        inputs = [user, item] if self.known is None else [user, item, self.known(users, items)]
        value = self.layers(torch.cat(inputs, dim=-1)).squeeze(-1)
        if self.user_bias is not None and self.item_bias is not None:
            value = value + (user[..., : self.common] * item[..., : self.common]).sum(-1)
            value = value + (self.user_bias(users) + self.item_bias(items)).squeeze(-1)
        return cast(Tensor, self.scale(value))


class Known(Stackable):
    """What is known of a user and an item, side by side."""

    def __init__(self, user_features: np.ndarray, item_features: np.ndarray) -> None:
        super().__init__()
        self.width = user_features.shape[1] + item_features.shape[1]
        self.users, self.items = (KnownFeatures(torch.from_numpy(table)) for table in (user_features, item_features))

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        return torch.cat([self.users(users), self.items(items)], dim=-1)


def embedding_size(rows: int) -> int:
    """fastai's rule for a category of so many values, the reserved one among them."""
    size: int = round(1.6 * rows**0.56)
    return min(600, size)


def embedding(rows: int, width: int, init: str) -> nn.Embedding:
    if init not in INITS:
        raise ConfigError(f"model.init={init}: there is no such initialisation, {near_misses(init, INITS)}")
    embedding = nn.Embedding(rows, width, _weight=torch.empty(rows, width))
    with torch.no_grad():
        INITS[init](embedding.weight)
    return embedding


def _known(user_features: np.ndarray | None, item_features: np.ndarray | None) -> Known:
    if user_features is None or item_features is None:
        which = "users" if user_features is None else "items"
        raise NotInTheData(f"model.metadata=true: this data set says nothing of its {which}. Set model.metadata=false.")
    return Known(user_features, item_features)


def _layers(sizes: Sequence[int], dropout: Sequence[float], norm: str | None) -> nn.Sequential:
    """Linear layers with ReLU between them; ``dropout`` may be shorter than the layers, the rest have none."""
    rates = [*dropout, *[0.0] * (len(sizes) - 1 - len(dropout))]
    layers: list[nn.Module] = [nn.Dropout(rates[0])] if rates[0] else []
    last = len(sizes) - 2
    for position, (size_in, size_out) in enumerate(itertools.pairwise(sizes)):
        if norm == "before" and position < last:
            layers.append(_batch_norm(size_in))
        # A bias before batch norm would be taken out again.
        normed = norm is not None and position < last
        layers.append(nn.Linear(size_in, size_out, bias=not normed))
        if position == last:
            break
        layers.append(nn.ReLU())
        if norm == "after":
            layers.append(_batch_norm(size_out))
        if rates[position + 1]:
            layers.append(nn.Dropout(rates[position + 1]))
    return nn.Sequential(*layers)


def _batch_norm(width: int) -> nn.BatchNorm1d:
    norm = nn.BatchNorm1d(width)
    nn.init.constant_(norm.bias, 1e-3)  # as fastai starts it
    return norm


def _scale(y_range: YRange) -> nn.Module:
    if y_range is None:
        return nn.Identity()
    low, high = (float(end) for end in y_range)
    if not low < high:
        raise ConfigError(f"model.y_range={list(y_range)} cannot be used: give null or two rising numbers.")
    return SigmoidRange(low, high)
