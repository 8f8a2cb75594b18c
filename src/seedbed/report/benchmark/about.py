"""What each variant did, by which recipe, in which launches, and how to have it all again."""

from __future__ import annotations

from dataclasses import replace

from seedbed.report.benchmark.data_sets import notes_of
from seedbed.report.benchmark.evidence import BenchmarkEvidence
from seedbed.report.benchmark.words import code
from seedbed.report.blocks import Block, Bold, Bullets, Heading, InlineCode, Paragraph, Plain, Words, joined
from seedbed.report.sections import environment, launches, recipe, repeat


def of_variants(evidence: BenchmarkEvidence) -> list[Block]:
    """A line a variant: its overrides, and what was noted of it on which data sets."""
    about = {variant: _about(evidence, variant) for variant in evidence.benchmark.variants}
    lines: list[Words] = [(Bold(Plain(variant)), ": ", joined(said, ". ")) for variant, said in about.items() if said]
    return [Heading("What each variant did"), Bullets(lines)] if lines else []


def _about(evidence: BenchmarkEvidence, variant: str) -> list[Words]:
    stated = evidence.benchmark.first.config.get("variants") or {}
    overrides = stated.get(variant) if isinstance(stated, dict) else None
    said: list[Words] = []
    if isinstance(overrides, list):
        said.append(
            joined(map(InlineCode, map(str, overrides)), ", ") if overrides else "the experiment's recipe as it stands"
        )
    applies = {name: of_one for name, of_one in evidence.benchmark.data_sets.items() if variant in of_one.variants}
    notes = notes_of({name: of_one.notes.get(variant, []) for name, of_one in applies.items()})
    return [*said, *([joined(notes, " ")] if notes else [])]


def of_recipe(evidence: BenchmarkEvidence) -> list[Block]:
    """The source, and the config of the first variant on the first data set."""
    first = next(iter(evidence.benchmark.data_sets))
    results = evidence.benchmark.first
    blocks = recipe.section(replace(evidence.whole, analysis=replace(evidence.analysis.whole, results=results)))
    if not blocks or len(evidence.benchmark.data_sets) < 2:
        return blocks
    return [
        *blocks,
        Paragraph(
            f"That is the recipe on {code(first)}; what the other data sets set in its place stands in the table of the data sets."
        ),
    ]


def of_launches(evidence: BenchmarkEvidence) -> list[Block]:
    """Which launch trained how many seeds of each variant, on all data sets together."""
    return launches.section(evidence.whole)


def of_environment(evidence: BenchmarkEvidence) -> list[Block]:
    """The machine and the versions of packages."""
    return environment.section(evidence.whole)


def of_repeat(evidence: BenchmarkEvidence) -> list[Block]:
    """The commands that make the results and the report again."""
    return repeat.section(evidence.whole)


def commands(evidence: BenchmarkEvidence) -> list[str]:
    """These commands."""
    return repeat.commands(evidence.whole)
