"""Differences beside what the data sets are like: their rows, their balance and their features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seedbed.report.benchmark.evidence import BenchmarkEvidence
from seedbed.report.blocks import Block
from seedbed.report.pictures.picture import Picture
from seedbed.results import Results

ROWS, IMBALANCE, FEATURES = "rows", "imbalance ratio", "features"


def properties_of(results: Results) -> dict[str, float]:
    """What is recorded of a data set: rows, rows of the most frequent class over those of the rarest one, features."""
    counts: Mapping[str, Any] = results.data.get("counts") or {}
    found = {ROWS: counts.get("rows"), IMBALANCE: imbalance_ratio(results), FEATURES: counts.get("features")}
    return {name: float(value) for name, value in found.items() if value is not None}


def rows_by_class(results: Results) -> dict[str, int]:
    """Rows of each class, in the order of the classes; {} where they are not recorded, as of targets that are numbers."""
    counts: Mapping[str, Any] = results.data.get("counts") or {}
    classes = [str(name) for name in results.data.get("classes") or ()]
    rows = {name: counts.get(f"rows_{name}") for name in classes}
    return {name: int(count) for name, count in rows.items() if count is not None} if None not in rows.values() else {}


def imbalance_ratio(results: Results) -> float | None:
    """Rows of the most frequent class over those of the rarest; None where these are not known."""
    rows = rows_by_class(results)
    return max(rows.values()) / min(rows.values()) if len(rows) > 1 and min(rows.values()) else None


def section(evidence: BenchmarkEvidence) -> list[Block]:
    """The picture; [] where there is nothing to draw."""
    return []


def pictures(evidence: BenchmarkEvidence) -> list[Picture]:
    """The differences against each property."""
    return []
