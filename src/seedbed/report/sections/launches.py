"""Which launch trained how many seeds of each variant, and how long a seed took."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from seedbed.recorded import SECONDS
from seedbed.report.analysis import Analysis
from seedbed.report.blocks import Block, Bullets, Heading, InlineCode, Paragraph, Plain, Words, joined
from seedbed.report.evidence import Evidence


def section(evidence: Evidence) -> list[Block]:
    """A line a launch; [] where neither launches nor times were recorded, or nothing was trained."""
    if evidence.results.imported is not None:
        return []
    results = evidence.results
    finished = results.cells[results.cells["status"] == "FINISHED"]
    recorded: dict[str, Mapping[str, str]] = {launch["id"]: launch for launch in results.launches}
    launches = [*recorded, *sorted(set(finished["launch"]) - set(recorded))]
    lines: list[Words] = [
        (
            InlineCode(launch),
            *about(recorded.get(launch, {})),
            ": ",
            trained(finished[finished["launch"] == launch], results.variants),
        )
        for launch in launches
    ]
    blocks = [
        *([Bullets(lines)] if lines else []),
        *training_time(evidence.analysis),
        *_engines(results.engines, results.variants),
    ]
    return [Heading("Seeds trained by launch"), *blocks] if blocks else []


def about(launch: Mapping[str, str]) -> tuple[Words, ...]:
    """When it started, and by which command."""
    said: list[Words] = [launch["started"]] if launch.get("started") else []
    said += [InlineCode(launch["command"])] if launch.get("command") else []
    return (" (", joined(said, ", "), ")") if said else ()


def trained(cells: pd.DataFrame, variants: tuple[str, ...]) -> Words:
    """How many of these cells each variant has."""
    counts = cells["variant"].value_counts()
    said: list[Words] = [(Plain(variant), f" {counts[variant]}") for variant in variants if variant in counts.index]
    return joined(said, ", ") if said else "trained none of these cells"


def _engines(engines: Mapping[str, Mapping[str, int]], variants: tuple[str, ...]) -> list[Block]:
    """Which engine has trained how many seeds of each variant, where there are two."""
    if len({engine for counts in engines.values() for engine in counts}) < 2:
        return []
    said: list[Words] = [
        (Plain(variant), " ", joined([f"{engine} {count}" for engine, count in sorted(engines[variant].items())], ", "))
        for variant in variants
        if variant in engines
    ]
    about = (
        "Seeds by the engine that has taken their steps, compiled code or PyTorch's operations, which differ in how they "
        "round: "
    )
    return [Paragraph((about, joined(said, "; "), "."))]


def training_time(analysis: Analysis) -> list[Block]:
    """Seconds a seed; seeds that were stacked share the time of their stack, so there is no spread to show."""
    if SECONDS not in analysis.results.metrics:
        return []
    means = {variant: summary.mean for variant, summary in analysis.summaries_of(SECONDS).items()}
    said: list[Words] = [(Plain(variant), f" {mean:.2f}") for variant, mean in means.items() if mean is not None]
    about = "Seconds of training a seed (the stack's time over its seeds): "
    return [Paragraph((about, joined(said, ", "), "."))] if said else []
