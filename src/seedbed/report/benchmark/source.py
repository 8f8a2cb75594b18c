"""What the source claims, and what its authors' experiments found, over data sets."""

from __future__ import annotations

from dataclasses import replace

from seedbed.report.benchmark.evidence import BenchmarkEvidence
from seedbed.report.blocks import Block, TableBlock
from seedbed.report.sections import claims, findings


def claims_section(evidence: BenchmarkEvidence) -> list[Block]:
    """A row a claim; [] where the source makes none."""
    about = " Each is tested over the data sets, by the tests of this report."
    return [
        replace(block, about=(block.about, about)) if isinstance(block, TableBlock) else block
        for block in claims.section(evidence.whole)
    ]


def findings_section(evidence: BenchmarkEvidence) -> list[Block]:
    """A line a finding; [] where there is none about these cells."""
    return findings.section(evidence.whole)
