"""Classification by cross-entropy."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from seedbed.stacking import metrics
from seedbed.stacking.layers import Stacked
from seedbed.stacking.module import OptimizerFactory, StackedModule


class Classification(StackedModule):
    """Stacked classifiers over rows that lie on the device once.

    ``features`` is (R, F) and ``labels`` (R,): all rows that any seed or split refers to. ``class_weights`` is (S, C),
    or None; they weigh the training loss only. ``minority`` is the class that precision, recall and F1 are about.
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
        minority: int,
        **stacked: Any,
    ) -> None:
        super().__init__(network, optimizer, **stacked)
        self.register_buffer("features", features, persistent=False)
        self.register_buffer("labels", labels, persistent=False)
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.minority = minority

    def row_losses(self, index: Tensor) -> tuple[Tensor, Tensor]:
        return metrics.row_losses(self.network(self.features[index]), self.labels[index], self.class_weights)

    def evaluate(self, index: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        return self.network(self.features[index]), self.labels[index], mask

    def metrics(self, *evaluated: Tensor) -> dict[str, Tensor]:
        logits, labels, mask = evaluated
        return metrics.classification_metrics(logits, labels, mask, self.minority)
