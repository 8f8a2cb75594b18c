"""A project of a few small tables, and an experiment over all of them: ``many``, on data sets one, two and mixed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

FEW, SOME, OTHERS = 40, 60, 50
"""Rows of one, two and mixed."""
LISTED = {
    "one": "[data=feature_csv, data.path=one.csv, data.label=y]",
    "two": '[data=feature_csv, data.path=two.csv, "data.label=Class (0/1)"]',
    "mixed": "[data=feature_csv, data.path=mixed.csv, data.label=y]",
}
VARIANTS = {
    "none": "[imbalance=none]",
    "smote": "[imbalance=smote, imbalance.sampler.k_neighbors=2]",  # not for rows with categories
}
EXPERIMENT = """
# @package _global_
defaults:
  - override /model: mlp
  - override /task: classification
question: Does it help?
seeds: 2
split: {{train: 0.6, val: 0.2, test: 0.2}}
model: {{hidden: [4]}}
trainer: {{max_epochs: 1, batch_size: 32, accelerator: cpu, seeds_at_once: 2}}
tracking: {{pictures: false}}
{data_sets}variants:
{variants}
report: {{metric: test/accuracy, baseline: none}}
"""


def write_tables(folder: Path) -> None:
    """``one.csv`` and ``two.csv`` of numbers, ``mixed.csv`` with a column of categories; a third of the rows are of the rarer class."""
    rng = np.random.default_rng(0)
    for name, rows, label in (("one", FEW, "y"), ("two", SOME, "Class (0/1)"), ("mixed", OTHERS, "y")):
        lines = [f"a,b,c,{label}" if name != "mixed" else f"a,b,kind,{label}"]
        for row in range(rows):
            rare = int(row % 3 == 0)
            third = f"{rng.normal():.4f}" if name != "mixed" else ("red", "blue", "grey")[row % 3]
            lines.append(f"{rare + rng.normal():.4f},{rng.normal():.4f},{third},{rare}")
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


def write_experiment(
    folder: Path, data_sets: dict[str, str] | None = None, variants: dict[str, str] | None = None
) -> None:
    """``experiments/many.yaml``; ``data_sets`` {} lists none."""
    listed = LISTED if data_sets is None else data_sets
    above = f"data_sets:\n{_lines(listed)}\n" if listed else ""
    text = EXPERIMENT.format(data_sets=above, variants=_lines(VARIANTS if variants is None else variants))
    (folder / "experiments").mkdir(exist_ok=True)
    (folder / "experiments" / "many.yaml").write_text(text)


def _lines(named: dict[str, str]) -> str:
    return "\n".join(f"  {name}: {overrides}" for name, overrides in named.items())
