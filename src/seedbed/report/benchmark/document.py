"""The page of a report over data sets: its sections, in their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from seedbed.report.benchmark import (
    about,
    comparisons,
    data_sets,
    left_out,
    opening,
    properties,
    ranks,
    rebalancing,
    result,
    source,
    steadiness,
)
from seedbed.report.benchmark.evidence import BenchmarkEvidence
from seedbed.report.blocks import Block
from seedbed.report.pictures.picture import Picture

Section: TypeAlias = Callable[[BenchmarkEvidence], list[Block]]
"""What a section makes of the evidence; [] where it does not apply."""

SECTIONS: tuple[Section, ...] = (
    opening.section,
    result.section,
    comparisons.section,
    rebalancing.section,
    ranks.section,
    steadiness.section,
    properties.section,
    source.claims_section,
    source.findings_section,
    left_out.section,
    data_sets.section,
    about.of_variants,
    about.of_recipe,
    about.of_launches,
    about.of_environment,
    about.of_repeat,
)

_WITH_PICTURES = (comparisons, ranks, properties)


def blocks_over(evidence: BenchmarkEvidence) -> list[Block]:
    """The blocks of all sections that apply."""
    return [block for section in SECTIONS for block in section(evidence)]


def pictures_over(evidence: BenchmarkEvidence) -> list[Picture]:
    """What can be drawn at the end of a launch, without the tables of a report."""
    return [picture for section in _WITH_PICTURES for picture in section.pictures(evidence)]
