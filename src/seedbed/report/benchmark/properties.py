"""Differences beside what the data sets are like: their rows, their balance and their features."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from seedbed.report.benchmark.evidence import BenchmarkEvidence
from seedbed.report.blocks import Block, Figure, Heading, Paragraph
from seedbed.report.formatting import listed
from seedbed.report.pictures.pairs import drawn_pairs, parts
from seedbed.report.pictures.picture import Picture
from seedbed.report.pictures.properties import AT_ONCE, drawn_properties, properties_figure
from seedbed.results import Results

ROWS, IMBALANCE, FEATURES = "rows", "imbalance ratio", "features"
_ABOUT = (
    "These are observations, not verdicts: the data sets differ in more than one property at once, and among many "
    "correlations some are large by chance."
)


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
    """The pictures; [] where there is nothing to draw."""
    drawn = pictures(evidence)
    return (
        [Heading("Differences by what the data sets are like"), *map(Figure, drawn), Paragraph(_ABOUT)] if drawn else []
    )


def pictures(evidence: BenchmarkEvidence) -> list[Picture]:
    """The differences against each property, in as many pictures as the pairs need; [] of too few data sets."""
    analysis = evidence.analysis
    properties = {name: properties_of(results) for name, results in evidence.benchmark.data_sets.items()}
    columns = drawn_properties(analysis, properties)
    if not columns:
        return []
    drawn = parts(drawn_pairs(analysis), AT_ONCE)
    to = f" to {analysis.baseline}" if analysis.baseline else ""
    caption = f"Differences{to} on {analysis.label()} against {listed(columns)} of the data sets"
    return [
        Picture(
            "properties" if place == 1 else f"properties_{place}",
            f"{caption} ({place} of {len(drawn)})" if len(drawn) > 1 else caption,
            partial(properties_figure, analysis, part, properties),
        )
        for place, part in enumerate(drawn, 1)
    ]
