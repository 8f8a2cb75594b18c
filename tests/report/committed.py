"""The committed results of an experiment, read back from the tables beside its report."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import yaml

from seedbed.paths import resources
from seedbed.results import Results
from tests.declared import DECLARED

EXPERIMENTS = resources() / "experiments"


def committed_results(name: str, folder: Path = EXPERIMENTS) -> Results:
    """Cells and curves of ``experiments/NAME/``, with what its file says; the data are not described."""
    config = yaml.safe_load((folder / f"{name}.yaml").read_text())
    cells = pd.read_csv(folder / name / "results.csv", dtype={"fingerprint": str})
    marks = cells.columns.get_loc("fingerprint") + 1
    for place, (column, value) in enumerate({"outcome": "ok", "launch": "committed", "run": ""}.items()):
        cells.insert(marks + place, column, value)
    return Results(
        experiment=name,
        config=config,
        variants=tuple(dict.fromkeys(cells["variant"])),
        cells=cells,
        curves=pd.read_csv(folder / name / "curves.csv"),
        declared=DECLARED,
    )
