"""How questions become what each seed's classifier sees, as its training rows did."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from seedbed.serving.predictor import Column, dotted_name

KINDS = {
    "texts": "seedbed.serving.texts:TextInputs",
    "numbers": "seedbed.serving.numbers:NumberInputs",
    "columns": "seedbed.serving.columns:ColumnInputs",
}
"""Name in the files -> class, whose module is imported where a model has it."""


class Inputs(ABC):
    """What turns a table of questions into features."""

    KIND: ClassVar[str]

    @property
    @abstractmethod
    def columns(self) -> tuple[Column, ...]: ...

    @property
    @abstractmethod
    def example(self) -> pd.DataFrame: ...

    @property
    def packages(self) -> tuple[str, ...]:
        """As in ``Predictor``."""
        return ()

    @property
    def code(self) -> tuple[str, ...]:
        """As in ``Predictor``."""
        return (dotted_name(type(self)),)

    @abstractmethod
    def features(self, questions: pd.DataFrame) -> list[np.ndarray]:
        """Features (N, ...) for each seed, of the type that its network takes; raises ``DataError`` for a row that has no answer."""

    @abstractmethod
    def write(self, folder: Path) -> dict[str, Any]:
        """Write files into a folder; what is returned must be JSON."""

    @classmethod
    @abstractmethod
    def read(cls, folder: Path, description: Mapping[str, Any], seeds: int) -> Self: ...
