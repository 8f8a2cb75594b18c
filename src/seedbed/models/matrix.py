"""A network whose ratings are a matrix of users and items, factorized: sigmoid(U M^T + b_user + b_item + b), scaled."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from seedbed.checks import is_whole, require
from seedbed.stacking.layers import SigmoidRange, Stackable


class MatrixFactorization(Stackable):
    """(B,) users and (B,) items, rows of their vocabularies, to (B,) ratings between 0 and the ``highest``.

    Factors start uniformly within +- sqrt(6 / (rows + factors)) (Glorot and Bengio 2010, as Keras draws a matrix of that
    shape), biases at 0; so do the factors of the reserved rows, which are no part of the matrix.
    """

    def __init__(self, users: int, items: int, highest: float, *, factors: int = 15) -> None:
        """Raises ``ConfigError`` for a number of factors that cannot be."""
        super().__init__()
        require(is_whole(factors), "model.factors", factors, "a whole number from 1 on")
        self.user_factors, self.item_factors = _glorot(users, factors), _glorot(items, factors)
        self.user_bias, self.item_bias, self.global_bias = (_zeros(rows, 1) for rows in (users, items, 1))
        self.scale = SigmoidRange(0.0, highest)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        product = (self.user_factors(users) * self.item_factors(items)).sum(-1)
        biases = self.user_bias(users) + self.item_bias(items) + self.global_bias(torch.zeros_like(users))
        return cast(Tensor, self.scale(product + biases.squeeze(-1)))

    def sides(self) -> tuple[Tensor, Tensor]:
        """(..., U, F) and (..., I, F), without the reserved rows: the product of the two is the logit of every cell.

        The biases are factors whose partner is 1. A stacked network's have its seed axis.
        """
        users, items = self.user_factors.weight[..., 1:, :], self.item_factors.weight[..., 1:, :]
        user_bias = self.user_bias.weight[..., 1:, :] + self.global_bias.weight
        item_bias = self.item_bias.weight[..., 1:, :]
        return (
            torch.cat([users, user_bias, torch.ones_like(user_bias)], dim=-1),
            torch.cat([items, torch.ones_like(item_bias), item_bias], dim=-1),
        )


def _glorot(rows: int, width: int) -> nn.Embedding:
    embedding = _zeros(rows, width)
    nn.init.xavier_uniform_(embedding.weight[1:])
    return embedding


def _zeros(rows: int, width: int) -> nn.Embedding:
    return nn.Embedding(rows, width, _weight=torch.zeros(rows, width))
