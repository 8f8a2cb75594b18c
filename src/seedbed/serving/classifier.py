"""The classes of texts or rows of numbers, by all trained seeds of a variant."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seedbed.serving.files import Networks
from seedbed.serving.inputs import Inputs
from seedbed.serving.predictor import Column, with_nulls
from seedbed.serving.rows import OfRows
from seedbed.statistics import summary


class Classifier(OfRows):
    """Gives each row the class with the highest mean probability over the seeds.

    ``rarest`` is the rarest class in training, such as spam.
    """

    KIND = "classifier"

    def __init__(self, about: str, classes: tuple[str, ...], rarest: str, inputs: Inputs, networks: Networks) -> None:
        self.about, self.classes, self.rarest, self.inputs, self.networks = about, classes, rarest, inputs, networks

    def probabilities(self, questions: pd.DataFrame) -> NDArray[np.float64]:
        """Probabilities (S, N, C) by seed, question and class; raises ``DataError`` for what cannot be answered."""
        return np.stack([given.softmax(-1).numpy() for given in self.outputs(questions)])

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
        scores = self.probabilities(questions)
        votes = scores.argmax(-1)
        rows = []
        for number in range(scores.shape[1]):
            of_row, means = scores[:, number], scores[:, number].mean(0)
            row: dict[str, Any] = {"label": self.classes[int(means.argmax())]}
            for place, name in enumerate(self.classes):
                of_class = summary(of_row[:, place])
                row |= {f"probability_{name}": of_class.mean, f"std_{name}": of_class.std}
                row[f"seeds_{name}"] = int((votes[:, number] == place).sum())
            rows.append(row)
        table = pd.DataFrame(rows, columns=[column.name for column in self.answers])
        return with_nulls(table, [f"std_{name}" for name in self.classes])

    # ---- files -------------------------------------------------------------------------------------------------------

    def write(self, folder: Path) -> dict[str, Any]:
        return {"classes": self.classes, "rarest": self.rarest, **self.write_parts(folder)}

    @classmethod
    def read(cls, folder: Path, description: dict[str, Any]) -> Self:
        parts = cls.read_parts(folder, description)
        return cls(description["about"], tuple(description["classes"]), description["rarest"], *parts)
