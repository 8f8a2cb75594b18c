"""What a run over several data sets prints at its end: the table of all means, the ranks and the answer."""

from __future__ import annotations

from collections.abc import Sequence

from seedbed.config.baselines import Stated
from seedbed.errors import ConfigError
from seedbed.report.benchmark.analysis import analyse_benchmark
from seedbed.report.benchmark.answer import summary_sentences
from seedbed.report.benchmark.claims import claims_over
from seedbed.report.benchmark.result import table
from seedbed.report.blocks import Paragraph, Plain
from seedbed.report.claims import Claim
from seedbed.report.render.terminal import printed
from seedbed.results import Benchmark


def benchmark_text(benchmark: Benchmark, metric: str | None = None, baseline: Stated = None) -> str:
    """Data set by variant: mean ± sample std, average ranks below, then the answer in sentences.

    Raises ConfigError for a metric or baseline that the experiment does not have.
    """
    analysis = analyse_benchmark(benchmark, metric, baseline)
    claims, unread = _claims(benchmark)
    sentences = [*summary_sentences(analysis, claims), *unread]
    return printed([Paragraph(Plain(benchmark.experiment)), table(analysis), *map(Paragraph, sentences)])


def _claims(benchmark: Benchmark) -> tuple[Sequence[Claim], list[str]]:
    """The source's claims; where one cannot be read, why: what was trained is shown all the same."""
    try:
        return claims_over(benchmark), []
    except ConfigError as error:
        return [], [f"The claims of the source are not checked: {error}"]
