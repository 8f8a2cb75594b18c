"""The base class of predictors of texts or rows of numbers, by all trained seeds of a variant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from seedbed.serving.files import Networks
from seedbed.serving.inputs import KINDS, Inputs
from seedbed.serving.predictor import Column, Predictor

NETWORKS = "networks"


class OfRows(Predictor):
    """Asks the network of each seed about rows that are prepared as its training rows were."""

    inputs: Inputs
    networks: Networks

    @torch.inference_mode()
    def outputs(self, questions: pd.DataFrame) -> list[Tensor]:
        """What each seed's network gives, (N, ...) float64; raises ``DataError`` for what cannot be answered."""
        self.require_questions(questions)
        features = self.inputs.features(questions)
        of_seeds = zip(self.networks.of_seeds.values(), features, strict=True)
        return [network(torch.from_numpy(rows)).double() for network, rows in of_seeds]

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(self.networks.of_seeds)

    @property
    def questions(self) -> tuple[Column, ...]:
        return self.inputs.columns

    def example(self) -> pd.DataFrame:
        return self.inputs.example

    # ---- files -------------------------------------------------------------------------------------------------------

    @property
    def code(self) -> tuple[str, ...]:
        return (*super().code, *self.inputs.code, *self.networks.code)

    @property
    def packages(self) -> tuple[str, ...]:
        return (*self.inputs.packages, *self.networks.packages)

    def write_parts(self, folder: Path) -> dict[str, Any]:
        """Write networks and inputs; what is returned goes into the description."""
        self.networks.save(folder / NETWORKS)
        return {"inputs": {"kind": self.inputs.KIND, **self.inputs.write(folder)}}

    @staticmethod
    def read_parts(folder: Path, description: Mapping[str, Any]) -> tuple[Inputs, Networks]:
        networks = Networks.load(folder / NETWORKS)
        inputs = description["inputs"]
        kind: type[Inputs] = resolve_name(KINDS[inputs["kind"]])
        return kind.read(folder, inputs, len(networks.of_seeds)), networks
