"""What each variant did: its overrides, and what was noted of it."""

from __future__ import annotations

from seedbed.report.blocks import Block, Bold, Bullets, Heading, InlineCode, Plain, Words, joined
from seedbed.report.evidence import Evidence
from seedbed.results import Results


def section(evidence: Evidence) -> list[Block]:
    """A line a variant of which something is known; [] without any."""
    about = {variant: _about(evidence.results, variant) for variant in evidence.results.variants}
    lines: list[Words] = [(Bold(Plain(variant)), ": ", joined(said, ". ")) for variant, said in about.items() if said]
    return [Heading("What each variant did"), Bullets(lines)] if lines else []


def _about(results: Results, variant: str) -> list[Words]:
    """The overrides of a variant, and the notes on it."""
    stated = results.config.get("variants") or {}
    overrides = stated.get(variant) if isinstance(stated, dict) else None
    notes = [Plain(note) for note in results.notes.get(variant, ())]
    said: list[Words] = []
    if isinstance(overrides, list):
        as_it_stands = "the experiment's recipe as it stands"
        said.append(joined(map(InlineCode, map(str, overrides)), ", ") if overrides else as_it_stands)
    return [*said, *([joined(notes, " ")] if notes else [])]
