"""The classes of texts or rows of numbers, by all trained seeds of a variant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from seedbed.imbalance.adjustment import LEAST, Adjustment
from seedbed.serving.files import Networks
from seedbed.serving.inputs import Inputs
from seedbed.serving.predictor import Column, with_nulls
from seedbed.serving.rows import OfRows
from seedbed.statistics import summary

_LOG_OF_ZERO = float(np.log(np.finfo(np.float64).tiny))
"""What an estimator gives in place of the logarithm of 0 (``models.estimators.LEAST``, which would import scikit-learn)."""
Array = NDArray[np.float64]


class Classifier(OfRows):
    """Gives each row the class with the highest mean probability over the seeds.

    ``rarest`` is the rarest class in training, such as spam. ``adjustments`` act on the scores of each seed, {}: nothing
    does. Where they have thresholds, a row is of their class where its mean probability is their mean or more.
    """

    KIND = "classifier"

    def __init__(
        self,
        about: str,
        classes: tuple[str, ...],
        rarest: str,
        inputs: Inputs,
        networks: Networks,
        adjustments: Mapping[int, Adjustment] | None = None,
    ) -> None:
        self.about, self.classes, self.rarest, self.inputs, self.networks = about, classes, rarest, inputs, networks
        self.adjustments = {seed: (adjustments or {}).get(seed, Adjustment()) for seed in networks.of_seeds}

    def probabilities(self, questions: pd.DataFrame) -> Array:
        """Probabilities (S, N, C) by seed, question and class; raises ``DataError`` for what cannot be answered."""
        return self._probabilities(self._outputs(questions))

    def _outputs(self, questions: pd.DataFrame) -> list[Array]:
        """(N, C) logits of each seed, as its network gives them."""
        return [given.numpy() for given in self.outputs(questions)]

    def _adjusted(self, outputs: list[Array]) -> list[Array]:
        """(N, C) logits of each seed, as they count."""
        return [each.logits(given) for each, given in zip(self.adjustments.values(), outputs, strict=True)]

    def _probabilities(self, outputs: list[Array]) -> Array:
        """(S, N, C), 0 where a logarithm needed another number in its place."""
        of_seeds = zip(
            self.networks.of_seeds.values(), self.adjustments.values(), outputs, self._adjusted(outputs), strict=True
        )
        return np.stack([_probabilities(*of_seed) for of_seed in of_seeds])

    # ---- a table of questions ----------------------------------------------------------------------------------------

    @property
    def answers(self) -> tuple[Column, ...]:
        """The columns of a table of answers; ``seeds_spam`` counts the seeds whose own label is the class spam."""
        of_classes = [
            column
            for name in self.classes
            for column in (
                Column(f"probability_{name}", "double"),
                Column(f"std_{name}", "double", False),
                Column(f"seeds_{name}", "long"),
            )
        ]
        return Column("label", "string"), *of_classes

    def predict(self, questions: pd.DataFrame) -> pd.DataFrame:
        outputs = self._outputs(questions)
        scores, of_seeds = (
            self._probabilities(outputs),
            zip(self.adjustments.values(), self._adjusted(outputs), strict=True),
        )
        votes = np.stack([each.labels(adjusted) for each, adjusted in of_seeds])
        labels = self._labels(scores.mean(0)) if len(votes) > 1 else votes[0]
        rows = []
        for number in range(scores.shape[1]):
            of_row = scores[:, number]
            row: dict[str, Any] = {"label": self.classes[int(labels[number])]}
            for place, name in enumerate(self.classes):
                of_class = summary(of_row[:, place])
                row |= {f"probability_{name}": of_class.mean, f"std_{name}": of_class.std}
                row[f"seeds_{name}"] = int((votes[:, number] == place).sum())
            rows.append(row)
        table = pd.DataFrame(rows, columns=[column.name for column in self.answers])
        return with_nulls(table, [f"std_{name}" for name in self.classes])

    def _labels(self, means: NDArray[np.float64]) -> NDArray[np.int64]:
        """(N,) by the mean probabilities (N, C) over the seeds."""
        with_thresholds = [each for each in self.adjustments.values() if each.threshold is not None]
        labels: NDArray[np.int64] = means.argmax(-1)
        if with_thresholds:
            positive, mean = with_thresholds[0].positive, np.mean([each.threshold for each in with_thresholds])
            labels = np.where(means[:, positive] >= mean, positive, 1 - positive)
        return labels

    # ---- files -------------------------------------------------------------------------------------------------------

    def write(self, folder: Path) -> dict[str, Any]:
        adjustments = {str(seed): each.as_plain() for seed, each in self.adjustments.items() if each != Adjustment()}
        return {
            "classes": self.classes,
            "rarest": self.rarest,
            "adjustments": adjustments,
            **self.write_parts(folder),
        }

    @classmethod
    def read(cls, folder: Path, description: dict[str, Any]) -> Self:
        plain: dict[str, Any] = description.get("adjustments", {})  # models of earlier versions have none
        adjustments = {int(seed): Adjustment.of_plain(each) for seed, each in plain.items()}
        parts = cls.read_parts(folder, description)
        return cls(description["about"], tuple(description["classes"]), description["rarest"], *parts, adjustments)


def _probabilities(network: nn.Module, adjustment: Adjustment, given: Array, adjusted: Array) -> Array:
    """(N, C) of a seed's logits, before and after its adjustment; what stands for 0 is equal to it up to rounding."""
    probabilities: Array = torch.from_numpy(adjusted).softmax(-1).numpy()
    if adjustment.steps is not None:
        return np.where(probabilities <= LEAST * (1 + 1e-9), 0.0, probabilities)
    if getattr(network, "gives", None) == "probabilities":  # an estimator
        return np.where(given <= _LOG_OF_ZERO + 1e-9, 0.0, probabilities)
    return probabilities
