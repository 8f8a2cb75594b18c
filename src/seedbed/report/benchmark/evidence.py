"""What the sections of a report over data sets are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seedbed.report.benchmark.analysis import BenchmarkAnalysis
from seedbed.report.benchmark.claims import claims_over
from seedbed.report.claims import Claim
from seedbed.report.evidence import Evidence
from seedbed.report.findings import Finding
from seedbed.results import Benchmark


@dataclass(frozen=True)
class BenchmarkEvidence:
    """What was measured on all data sets, and what its source and its authors say."""

    analysis: BenchmarkAnalysis
    claims: list[Claim]
    """The claims of the source, with what became of each over data sets."""
    findings: Sequence[Finding] = ()

    @property
    def benchmark(self) -> Benchmark:
        """The cells of the launch."""
        return self.analysis.benchmark

    @property
    def whole(self) -> Evidence:
        """What an ordinary section makes its blocks of, about the cells of all data sets."""
        return Evidence(self.analysis.whole, self.claims, [], self.findings)


def evidence_over(analysis: BenchmarkAnalysis, findings: Sequence[Finding] = ()) -> BenchmarkEvidence:
    """The analysis with what the experiment states of its source. Raises ConfigError for a claim that cannot be read."""
    return BenchmarkEvidence(analysis, claims_over(analysis.benchmark), findings)
