"""The answer first: the question, and what the runs say about it over all data sets."""

from __future__ import annotations

from seedbed.report.benchmark.answer import summary_sentences
from seedbed.report.benchmark.evidence import BenchmarkEvidence
from seedbed.report.blocks import Block, Bold, Bullets, Heading, Paragraph, Plain


def section(evidence: BenchmarkEvidence) -> list[Block]:
    """The title of the page, and the answer."""
    return [Heading(Plain(evidence.benchmark.experiment), level=1), *answer(evidence)]


def answer(evidence: BenchmarkEvidence) -> list[Block]:
    """The question, and the sentences that answer it."""
    question = str(evidence.benchmark.first.config.get("question") or "").strip()
    asked: list[Block] = [Paragraph(Bold(Plain(question)))] if question else []
    return [*asked, Bullets(summary_sentences(evidence.analysis, evidence.claims))]
