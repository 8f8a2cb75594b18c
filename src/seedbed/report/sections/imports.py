"""Where imported results come from, and what was left out of them."""

from __future__ import annotations

from seedbed.report.blocks import Block, Bullets, Heading, InlineCode, Plain, TableBlock, Words
from seedbed.report.evidence import Evidence


def section(evidence: Evidence) -> list[Block]:
    """Source, digest, when it was imported, and notes; [] where seedbed trained what is reported."""
    results, imported = evidence.results, evidence.results.imported
    if imported is None:
        return []
    rows: list[list[Words]] = [["imported from", Plain(imported.source)]]
    rows += [["SHA-256", InlineCode(imported.digest)]] if imported.digest else []
    rows += [["imported", Plain(launch["started"])] for launch in results.launches if launch["id"] == results.launch]
    cells = results.cells
    rows.append(["runs", f"{int((cells['status'] != 'MISSING').sum())}"])
    notes = [Plain(str(note)) for note in results.data.get("notes") or ()]
    about = Bullets(notes) if notes else None
    return [Heading("What was imported"), TableBlock(["", ""], rows, name="imports"), *([about] if about else [])]
