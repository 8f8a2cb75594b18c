"""The machine and the versions of packages."""

from __future__ import annotations

from seedbed.report.blocks import Block, Heading, Plain, TableBlock
from seedbed.report.evidence import Evidence


def section(evidence: Evidence) -> list[Block]:
    """A row an entry; [] where nothing was recorded."""
    rows = [[Plain(str(key)), Plain(str(value))] for key, value in evidence.results.environment.items()]
    return [Heading("Environment"), TableBlock(["", ""], rows, name="environment")] if rows else []
