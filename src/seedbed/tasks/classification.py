"""Classification by cross-entropy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from seedbed.stacking import metrics
from seedbed.stacking.layers import Stacked
from seedbed.stacking.module import StackedModule
from seedbed.stacking.optimizers import OptimizerFactory

OwnMetric = Callable[[Tensor, Tensor], Any]
"""From probabilities (N, C) and labels (N,) of one seed to one number."""


class Classification(StackedModule):
    """Stacked classifiers over rows that lie on the device once.

    ``features`` is (R, F) and ``labels`` (R,): all rows that any seed or split refers to. ``class_weights`` is (S, C),
    or None; they weigh the training loss only. ``minority`` is the class that precision, recall and F1 are about, None
    for the mean over all classes. ``own_metrics`` are a user's, by name, each with an ``OwnMetric`` as its "function".
    """

    METRICS = metrics.CLASSIFICATION

    features: Tensor
    labels: Tensor
    class_weights: Tensor | None

    def __init__(
        self,
        network: Stacked,
        optimizer: OptimizerFactory,
        *,
        features: Tensor,
        labels: Tensor,
        class_weights: Tensor | None,
        minority: int | None,
        own_metrics: Mapping[str, Mapping[str, Any]] | None = None,
        **stacked: Any,
    ) -> None:
        super().__init__(network, optimizer, **stacked)
        self.register_buffer("features", features, persistent=False)
        self.register_buffer("labels", labels, persistent=False)
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.minority = minority
        self.own_metrics: dict[str, OwnMetric] = {name: own["function"] for name, own in (own_metrics or {}).items()}

    def row_losses(self, index: Tensor) -> tuple[Tensor, Tensor]:
        return metrics.row_losses(self.network(self._gather(index)), self.labels[index], self.class_weights)

    def evaluate(self, index: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        return self.network(self._gather(index)), self.labels[index], mask

    def _gather(self, index: Tensor) -> Tensor:
        """(S, B) row numbers -> (S, B, F); several times as fast as ``features[index]``."""
        return self.features.index_select(0, index.flatten()).view(*index.shape, -1)

    def metrics(self, *evaluated: Tensor) -> dict[str, Tensor]:
        logits, labels, mask = evaluated
        values = metrics.classification_metrics(logits, labels, mask, self.minority)
        return values | {name: self._own(metric, logits, labels, mask) for name, metric in self.own_metrics.items()}

    def _own(self, metric: OwnMetric, logits: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        of_seeds = zip(logits.double().softmax(-1), labels, mask, strict=True)
        return torch.tensor(
            [float(metric(scores[real], true[real])) for scores, true, real in of_seeds], device=logits.device
        )
