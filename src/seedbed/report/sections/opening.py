"""The answer first: the question, what the runs say about it, and the means of all variants in a picture."""

from __future__ import annotations

from seedbed.report.answer import summary_sentences
from seedbed.report.blocks import Block, Bold, Bullets, Figure, Heading, Paragraph, Plain
from seedbed.report.evidence import Evidence
from seedbed.report.pictures.means import means_figure
from seedbed.report.pictures.picture import Picture, file_name
from seedbed.results import Results


def section(evidence: Evidence) -> list[Block]:
    """The title of the page, the answer, and the picture of the report's metric."""
    return [
        Heading(Plain(_title(evidence.results)), level=1),
        *answer(evidence),
        *map(Figure, pictures(evidence)),
    ]


def _title(results: Results) -> str:
    return f"{results.experiment} on {results.data_set}" if results.data_set else results.experiment


def pictures(evidence: Evidence) -> list[Picture]:
    """The means of all variants."""
    analysis = evidence.analysis
    name, caption = file_name(analysis.metric), f"{analysis.label()} by variant"
    return [Picture(name, caption, lambda: means_figure(analysis))]


def answer(evidence: Evidence) -> list[Block]:
    """The question, and the sentences that answer it."""
    question = str(evidence.results.config.get("question") or "").strip()
    asked: list[Block] = [Paragraph(Bold(Plain(question)))] if question else []
    return [*asked, Bullets(summary_sentences(evidence.analysis, evidence.claims))]
