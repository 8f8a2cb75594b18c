"""The network of one trained seed and what it predicts; light to import, so that a served model starts fast."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

EVALUATED_AT_ONCE = 100_000


@dataclass(frozen=True)
class TrainedSeed:
    """An ordinary network with the weights of one seed, and the rows that it knows users and items by."""

    seed: int
    network: nn.Module
    """In evaluation mode."""
    users: Tensor
    """(U + 1,) int32: the row of the network's own for each row of the table's vocabulary."""
    items: Tensor
    """(I + 1,) int32, likewise."""

    @torch.inference_mode()
    def predictions(self, user: int) -> NDArray[np.floating]:
        """Predictions (I,) of what the user with this row would give to each item."""
        items = self.items[1:]
        predicted: Tensor = self.network(self.users[user].expand(len(items)), items)
        return predicted.numpy()

    @torch.inference_mode()
    def predictions_of(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> NDArray[np.floating]:
        """Predictions (N,) of what users (N,) would give to items (N,), both by their rows in the table's vocabulary."""
        pairs = zip(self._parts(self.users, users), self._parts(self.items, items), strict=True)
        return torch.cat([self.network(*pair) for pair in pairs]).numpy()

    @staticmethod
    def _parts(own_rows: Tensor, rows: NDArray[np.int32]) -> Iterator[Tensor]:
        for start in range(0, len(rows), EVALUATED_AT_ONCE):
            yield own_rows[torch.from_numpy(rows[start : start + EVALUATED_AT_ONCE]).long()]

    def factors(self) -> NDArray[np.floating] | None:
        """Factors (I, F) of the embedding ``item_factors`` or what a tower makes of items; None for a network without either."""
        if hasattr(self.network, "candidates"):
            with torch.inference_mode():
                vectors: Tensor = cast(Any, self.network).candidates(self.items[1:])
            return vectors.numpy()
        return self._of_items("item_factors")

    def biases(self) -> NDArray[np.floating] | None:
        """Biases (I,) of the embedding ``item_bias``; None for a network without one."""
        values = self._of_items("item_bias")
        return None if values is None else values[:, 0]

    def _of_items(self, name: str) -> NDArray[np.floating] | None:
        embedding = getattr(self.network, name, None)
        return embedding.weight.detach()[self.items[1:].long()].numpy() if isinstance(embedding, nn.Embedding) else None
