"""Runs that were made up, as files and in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

Written = Callable[..., Path]
LOSSES = {"narrow": [0.91, 0.93, 0.90, 0.92], "wide": [0.88, 0.89, 0.875, 0.86]}


def frame_of(losses: dict[str, list[float]] | None = None) -> pd.DataFrame:
    """A row a run: variant, seed, test/rmse."""
    rows = [(variant, seed, value) for variant, of in (losses or LOSSES).items() for seed, value in enumerate(of)]
    return pd.DataFrame(rows, columns=["variant", "seed", "test/rmse"])


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """``written(text, name="results.csv")`` writes a file."""

    def write(text: str, name: str = "results.csv") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write
