"""What the sections of a report are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seedbed.report.analysis import Analysis
from seedbed.report.claims import Claim, claims_of_source
from seedbed.report.findings import Finding
from seedbed.report.published import PublishedNumber, published_numbers
from seedbed.results import Results

if TYPE_CHECKING:
    from seedbed.trained.inspection import Inspection


@dataclass(frozen=True)
class Evidence:
    """What was measured, and what its source and its authors say."""

    analysis: Analysis
    claims: list[Claim]
    """The claims of the source, with what became of each."""
    numbers: list[PublishedNumber]
    """The numbers that the source published, beside ours."""
    findings: Sequence[Finding] = ()
    learned: Inspection | str | None = None
    """What was read off the weights of a rating variant, or a sentence on why nothing was."""

    @property
    def results(self) -> Results:
        """The cells of the launch."""
        return self.analysis.results


def evidence_of(
    analysis: Analysis, findings: Sequence[Finding] = (), learned: Inspection | str | None = None
) -> Evidence:
    """The analysis with what the experiment states of its source.

    Raises ConfigError for a claim or a number that cannot be read.
    """
    results = analysis.results
    return Evidence(analysis, claims_of_source(results), published_numbers(results), findings, learned)
