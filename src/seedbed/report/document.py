"""The page of a report: its sections, in their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from seedbed.report.blocks import Block
from seedbed.report.evidence import Evidence
from seedbed.report.pictures.picture import Picture
from seedbed.report.sections import (
    claims,
    cold_start,
    comparisons,
    curves,
    data,
    environment,
    every_seed,
    findings,
    imports,
    launches,
    left_out,
    losses,
    opening,
    other_metrics,
    predictions,
    published,
    ranks,
    rebalancing,
    recipe,
    repeat,
    result,
    scores,
    search,
    sweep,
    variants,
)


def _learned(evidence: Evidence) -> list[Block]:
    if evidence.learned is None:
        return []
    from seedbed.report.sections import embeddings  # noqa: PLC0415 - its packages take long to import

    return embeddings.section(evidence)


Section: TypeAlias = Callable[[Evidence], list[Block]]
"""What a section makes of the evidence; [] where it does not apply."""

SECTIONS: tuple[Section, ...] = (
    opening.section,
    result.section,
    every_seed.section,
    other_metrics.section,
    rebalancing.section,
    comparisons.section,
    ranks.section,
    claims.section,
    published.section,
    findings.section,
    curves.section,
    losses.section,
    predictions.section,
    scores.section,
    cold_start.section,
    search.section,
    sweep.section,
    _learned,
    left_out.section,
    data.section,
    imports.section,
    variants.section,
    recipe.section,
    launches.section,
    environment.section,
    repeat.section,
)


def blocks_of(evidence: Evidence) -> list[Block]:
    """The blocks of all sections that apply."""
    return [block for section in SECTIONS for block in section(evidence)]


# ---- what a launch shows in MLflow -----------------------------------------------------------------------------------

_WITH_PICTURES = (opening, every_seed, comparisons, ranks, published, curves, losses, predictions, scores)


def launch_answer(evidence: Evidence) -> tuple[list[Block], list[Block]]:
    """The question with its answer in sentences, and the table of the means."""
    return opening.answer(evidence), result.section(evidence)


def launch_pictures(evidence: Evidence) -> list[Picture]:
    """What can be drawn at the end of a launch, without the tables of a report."""
    return [picture for section in _WITH_PICTURES for picture in section.pictures(evidence)]
