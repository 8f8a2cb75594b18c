"""Fully connected networks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

from seedbed.stacking.layers import Stackable


def mlp(in_features: int, out_features: int, *, hidden: Sequence[int], dropout: float = 0.0) -> nn.Sequential:
    """A multi-layer perceptron: linear, ReLU and dropout for each hidden size, then a linear output.

    A plain ``nn.Sequential``, so that its seeds can be stacked. Maps (B, in_features) to (B, out_features).
    """
    sizes = [in_features, *hidden]
    layers: list[nn.Module] = []
    for size_in, size_out in itertools.pairwise(sizes):
        layers += [nn.Linear(size_in, size_out), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(sizes[-1], out_features))


class PixelMlp(Stackable):
    """A multilayer perceptron on pictures, whose pixels are one row of inputs: (B, channels, height, width) -> (B, out_features)."""

    def __init__(
        self,
        channels: int,
        height: int,
        width: int,
        out_features: int,
        *,
        hidden: Sequence[int],
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.layers = mlp(channels * height * width, out_features, hidden=hidden, dropout=dropout)

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.layers(pictures.flatten(-3))
        return logits
