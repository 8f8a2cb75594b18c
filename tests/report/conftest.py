"""Made-up results: six variants, ten seeds, values from a seeded generator."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seedbed.report.analysis import analyse
from seedbed.report.blocks import pictures_of
from seedbed.report.document import Section
from seedbed.report.evidence import evidence_of
from seedbed.report.pictures.picture import KINDS, Picture
from seedbed.report.render.markdown import markdown
from seedbed.results import Results
from tests.declared import DECLARED

MEANS = {
    "none": 0.989,
    "class_weights": 0.988,
    "undersample": 0.976,
    "oversample": 0.990,
    "smote": 0.9895,
    "text_augment": 0.9885,
}
CLAIMS: list[dict[str, Any]] = [
    {"text": "all six means lie between 0.95 and 1.0", "check": {"all_means_between": [0.95, 1.0]}},
    {
        "text": "oversampling is best",
        "check": {"best_group_then": [["oversample", "smote"], ["class_weights"]]},
    },
    {"text": "SMOTE can beat naive oversampling", "check": {"can_beat": ["smote", "oversample"]}},
    {"text": "undersampling varies most", "check": {"largest_std": "undersample"}},
    {
        "text": "augmentation does less well",
        "check": {"below": {"variant": "text_augment", "others": ["oversample", "smote"]}},
    },
    {"text": "undersampling does not work well", "check": {"worse_than": ["undersample", "none"]}},
    {"text": "the differences are not significant", "check": {"not_significant": {}}},
]


def make_config(**changes: Any) -> dict[str, Any]:
    config = {
        "question": "Does rebalancing help?",
        "seeds": 10,
        "select": "last",
        "split": {"train": 0.7, "val": 0.1, "test": 0.2, "per_seed": True},
        "model": {"hidden": [256, 128], "dropout": 0.0},
        "variants": {name: [f"imbalance={name}"] for name in MEANS},
        "report": {"metric": "test/accuracy", "baseline": "none", "bars": "2std", "axis": [0.95, 1.0]},
        "published": {"source": "a post", "numbers": "none", "claims": CLAIMS},
    }
    return config | changes


def make_cells(values: Mapping[str, Mapping[str, Sequence[float]]]) -> pd.DataFrame:
    """Finished cells from values by variant, metric and seed."""
    rows = []
    for variant, metrics in values.items():
        for seed in range(len(next(iter(metrics.values())))):
            identity = {"experiment": "made_up", "variant": variant, "seed": seed, "status": "FINISHED"}
            marks = {"fingerprint": f"{variant}-{seed}", "outcome": "ok", "launch": "first", "run": f"{variant}{seed}"}
            rows.append(identity | marks | {metric: column[seed] for metric, column in metrics.items()})
    return pd.DataFrame(rows)


def make_values() -> dict[str, dict[str, list[float]]]:
    random = np.random.default_rng(3)
    split = random.normal(0, 0.002, 10)  # what the seeds of all variants share
    values = {}
    for variant, mean in MEANS.items():
        own = random.normal(0, 0.004 if variant == "undersample" else 0.0012, 10)
        accuracy = np.round((mean + split + own) * 1115) / 1115
        values[variant] = {
            "test/accuracy": accuracy.tolist(),
            "test/f1": (accuracy - 0.03).tolist(),
            "test/loss": (1 - accuracy).tolist(),
            "seconds": random.uniform(1, 2, 10).tolist(),
        }
    return values


def shown(section: Section, results: Results, **evidence: Any) -> tuple[str, list[Picture]]:
    """A section in Markdown, and its pictures."""
    blocks = section(evidence_of(analyse(results), **evidence))
    return markdown(blocks), pictures_of(blocks)


def require_balanced(document: str) -> None:
    """LaTeX's braces, environments and dollars come in pairs, and nothing that it takes as markup is left as it was."""
    text = re.sub(r"\\\\|\\[{}$&#%_]", "", document)
    depth = list(accumulate({"{": 1, "}": -1}.get(char, 0) for char in text))
    assert min(depth) == depth[-1] == 0
    assert text.count("$") % 2 == 0
    open_ones: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            open_ones.append(name)
        else:
            assert open_ones.pop() == name
    assert not open_ones
    body = text[text.index(r"\begin{document}") :]
    assert not re.search(r"[#_^]", re.sub(r"\\(?:includegraphics\[[^]]*\]|IfFileExists)\{[^}]*\}", "", body))


Factory = Callable[..., Results]


@pytest.fixture(scope="session")
def make_results() -> Factory:
    """``make_results(values=None, config=None, **fields)``: values by variant, metric and seed."""

    def make(
        values: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
        config: dict[str, Any] | None = None,
        **fields: Any,
    ) -> Results:
        values = values or make_values()
        curves = [
            (variant, seed, epoch, "val/accuracy", 0.9 + epoch / 100)
            for variant in values
            for seed in range(2)
            for epoch in range(2)
        ]
        given: dict[str, Any] = {
            "experiment": "made_up",
            "config": config or make_config(),
            "variants": tuple(values),
            "cells": make_cells(values),
            "curves": pd.DataFrame(curves, columns=["variant", "seed", "epoch", "metric", "value"]),
            "data": {
                "name": "made-up messages",
                "digest": "0" * 64,
                "counts": {"rows": 5574, "duplicates": 403, "label_conflicts": 2},
                "split": {"train": 3902, "val": 557, "test": 1115},
                "notes": ["A subset of the whole."],
            },
            "notes": {"text_augment": ["Active operations: swap, delete."]},
            "environment": {"python": "3.11", "torch": "2.9"},
            "launches": [{"id": "first", "started": "2026-01-01 12:00:00", "command": "seedbed run made_up"}],
            "labels": {"test/f1": "F1 (%)"},
            "declared": DECLARED,
        }
        return Results(**(given | fields))

    return make


@pytest.fixture
def results(make_results: Factory) -> Results:
    return make_results()


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports with pictures that are empty files: drawing takes most of the time of a report."""
    empty = {"png": b"", "svg": b"<svg/>"}
    monkeypatch.setattr(
        "seedbed.report.writing.files_of",
        lambda drawn, kinds=KINDS, **_: {f"{picture.name}.{kind}": empty[kind] for picture in drawn for kind in kinds},
    )


def plain_config(**report):
    """No claims, and an axis that fits the values."""
    return make_config(published={}, report={"metric": "test/accuracy", "baseline": None} | report)


def files(folder: Path) -> dict[str, bytes]:
    """What a report has written, by the names of its files."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def edit(path: Path, old: str, new: str) -> None:
    """Change a file's first ``old`` into ``new``, which must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
