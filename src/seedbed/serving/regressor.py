"""The numbers that all trained seeds of a variant predict of texts or rows of numbers."""

from __future__ import annotations

from collections.abc import Mapping
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


class Regressor(OfRows):
    """Gives each row the mean of the seeds' predictions, in the units of the targets.

    ``target`` is what these are called. ``scales`` are mean and standard deviation by seed, of the targets that it was
    trained on: a network gives a standardised target. Of estimators, which give targets, they are 0 and 1.
    """

    KIND = "regressor"

    def __init__(
        self, about: str, target: str, scales: Mapping[int, tuple[float, float]], inputs: Inputs, networks: Networks
    ) -> None:
        self.about, self.target, self.scales, self.inputs, self.networks = about, target, scales, inputs, networks

    def predictions(self, questions: pd.DataFrame) -> NDArray[np.float64]:
        """Predictions (S, N) by seed and question; raises ``DataError`` for what cannot be answered."""
        of_seeds = zip(self.seeds, self.outputs(questions), strict=True)
        scaled = [given.squeeze(-1).numpy() * self.scales[seed][1] + self.scales[seed][0] for seed, given in of_seeds]
        return np.stack(scaled)

    @property
    def answers(self) -> tuple[Column, ...]:
        """The columns of a table of answers: the mean over the seeds, its spread, and what each seed says."""
        of_seeds = [Column(f"seed_{seed}", "double") for seed in self.seeds]
        return Column("prediction", "double"), Column("std", "double", False), *of_seeds

    def predict(self, questions: pd.DataFrame) -> pd.DataFrame:
        predicted = self.predictions(questions)
        of_rows = [summary(predicted[:, number]) for number in range(predicted.shape[1])]
        rows = [[of_row.mean, of_row.std, *predicted[:, number]] for number, of_row in enumerate(of_rows)]
        table = pd.DataFrame(rows, columns=[column.name for column in self.answers])
        return with_nulls(table, ["std"])

    # ---- files -------------------------------------------------------------------------------------------------------

    def write(self, folder: Path) -> dict[str, Any]:
        scales = {str(seed): [float(value) for value in scale] for seed, scale in self.scales.items()}
        return {"target": self.target, "scales": scales, **self.write_parts(folder)}

    @classmethod
    def read(cls, folder: Path, description: dict[str, Any]) -> Self:
        scales = {int(seed): (mean, std) for seed, (mean, std) in description["scales"].items()}
        return cls(description["about"], description["target"], scales, *cls.read_parts(folder, description))
