"""What our experiments say of the source's numbers, and the command that shows it."""

from __future__ import annotations

from seedbed.report.blocks import Block, Bullets, Heading, InlineCode, Paragraph, Words
from seedbed.report.evidence import Evidence
from seedbed.report.findings import Finding


def section(evidence: Evidence) -> list[Block]:
    """A line a finding; [] where there is none about these cells."""
    if not evidence.findings:
        return []
    about = "What these runs say beyond the tables, and the command that shows it:"
    return [Heading("Findings"), Paragraph(about), Bullets([_line(finding) for finding in evidence.findings])]


def _line(finding: Finding) -> Words:
    typed = f" ({finding.typed})" if finding.typed else ""
    return (finding.text, " ", InlineCode(finding.command), typed)
