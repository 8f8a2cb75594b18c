"""What each variant did, by which recipe, in which launches, and how to have it all again."""

from __future__ import annotations

from dataclasses import replace

from seedbed.report.benchmark.data_sets import notes_of
from seedbed.report.benchmark.evidence import BenchmarkEvidence
from seedbed.report.benchmark.words import code
from seedbed.report.blocks import Block, Bold, Bullets, Heading, InlineCode, Paragraph, Plain, Words, joined
from seedbed.report.sections import environment, launches, recipe, repeat
from seedbed.results import Benchmark, Results


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
            f"This is the recipe on {code(first)}; the table of the data sets shows what the others set instead."
        ),
    ]


def of_launches(evidence: BenchmarkEvidence) -> list[Block]:
    """What the launch is, and by data set which launches trained how many seeds of each variant there."""
    benchmark = evidence.benchmark
    lines: list[Words] = [
        (Bold(Plain(name)), ": ", said)
        for name, results in benchmark.data_sets.items()
        for said in _trained_on(results, benchmark.command)
    ]
    blocks: list[Block] = [Paragraph(_about_launch(benchmark)), Bullets(lines)] if lines else []
    blocks += launches.training_time(evidence.analysis.whole)
    return [Heading("Seeds trained by launch"), *blocks] if blocks else []


def _about_launch(benchmark: Benchmark) -> Words:
    parts: Words = (
        "What a launch does on a data set is a launch of its own, whose id ",
        InlineCode("--run"),
        " takes.",
    )
    if not benchmark.launch:
        return parts
    command = launches.about({"command": benchmark.command})
    return ("This is the report of launch ", InlineCode(benchmark.launch), *command, ". ", parts)


def _trained_on(results: Results, command: str) -> list[Words]:
    """Of each launch that trained cells on one data set, what it trained; its own command where that is another."""
    finished = results.cells[results.cells["status"] == "FINISHED"]
    recorded = {launch["id"]: launch for launch in results.launches}
    said: list[Words] = []
    for launch in [*recorded, *sorted(set(finished["launch"]) - set(recorded))]:
        cells = finished[finished["launch"] == launch]
        row = recorded.get(launch, {})
        told = {key: text for key, text in row.items() if key != "command" or text != command}
        if len(cells):
            said.append((InlineCode(launch), *launches.about(told), ": ", launches.trained(cells, results.variants)))
    return said


def of_environment(evidence: BenchmarkEvidence) -> list[Block]:
    """The machine and the versions of packages."""
    return environment.section(evidence.whole)


def of_repeat(evidence: BenchmarkEvidence) -> list[Block]:
    """The commands that make the results and the report again."""
    return repeat.section(evidence.whole)


def commands(evidence: BenchmarkEvidence) -> list[str]:
    """These commands."""
    return repeat.commands(evidence.whole)
