"""The numbers of a report: summaries, the family of comparisons and their verdicts, each computed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import pandas as pd

from seedbed.checks import is_positive, require
from seedbed.errors import ConfigError, near_misses
from seedbed.report.footnotes import footnotes
from seedbed.report.formatting import NOTHING, number, places, shown_mean
from seedbed.results import LR, SECONDS, Results
from seedbed.statistics import (
    Comparison,
    Design,
    Interval,
    Posterior,
    Ranking,
    Summary,
    compare,
    holm,
    population_interval,
    posterior,
    ranking,
    summary,
)

LEVEL = 0.05
COMPARISON_COLUMNS = [
    "variant", "other", "n", "difference", "low", "high", "p", "p_holm", "effect_size", "improvement", "wilcoxon_p",
    "p_worse", "p_equivalent", "p_better", "test", "about", "verdict", "note",
]  # fmt: skip
BETTER, WORSE, UNDECIDED, UNTESTED = "better", "worse", "can't be told apart", "not tested"


@dataclass(frozen=True)
class Difference:
    """One member of the family: ``variant`` against ``other``, with the p-value that Holm's method leaves."""

    variant: str
    other: str
    comparison: Comparison
    p: float | None
    verdict: str

    @property
    def told_apart(self) -> bool:
        return self.verdict in (BETTER, WORSE)


@dataclass(frozen=True)
class Analysis:
    """Everything a report says about one metric; ``baseline`` None compares all pairs."""

    results: Results
    metric: str
    baseline: str | None
    rope: float | None = None
    """Region of practical equivalence: differences up to this are too small to matter."""

    @cached_property
    def summaries(self) -> dict[str, Summary]:
        return self.summaries_of(self.metric)

    @cached_property
    def decimals(self) -> int:
        return places(self.summaries.values())

    @cached_property
    def family(self) -> list[Difference]:
        """Each variant against the baseline, or all pairs where there is none."""
        variants = self.results.variants
        if self.baseline is None:
            return self.differences(list(combinations(variants, 2)))
        return self.differences([(variant, self.baseline) for variant in variants if variant != self.baseline])

    @cached_property
    def design(self) -> Design:
        return "fixed" if self.shared else "resampled"

    @cached_property
    def shared(self) -> str:
        """What all seeds share of the split, as a sentence about them says it; "" where the metric's rows are redrawn."""
        return _shared(self.results, self.metric)

    @cached_property
    def test_to_train(self) -> float:
        return _test_to_train(self.results, self.metric)

    @cached_property
    def ranking(self) -> Ranking:
        """The variants' ranks within each seed."""
        columns = {name: self.results.values(name, self.metric) for name in self.results.variants}
        return ranking(pd.DataFrame(columns), lower_is_better=self.results.lower_is_better(self.metric))

    def population(self, variant: str) -> Interval | None:
        """The interval of the expected value over data sets like this one; with one split for all seeds there is none."""
        if self.design == "fixed":
            return None
        return population_interval(self.results.values(variant, self.metric), self.test_to_train)

    def summaries_of(self, metric: str) -> dict[str, Summary]:
        """Summary by variant, in the experiment's order."""
        return {variant: summary(self.results.values(variant, metric)) for variant in self.results.variants}

    def differences(self, pairs: list[tuple[str, str]]) -> list[Difference]:
        """The tests of these pairs, adjusted as one family."""
        comparisons = [self.compare(first, second) for first, second in pairs]
        adjusted = holm([comparison.p for comparison in comparisons])
        return [
            Difference(first, second, comparison, p, verdict(comparison, p, self.results.lower_is_better(self.metric)))
            for (first, second), comparison, p in zip(pairs, comparisons, adjusted, strict=True)
        ]

    def compare(self, first: str, second: str) -> Comparison:
        """The values of two variants, paired by seed."""
        return compare(*self._paired(first, second), design=self.design, test_to_train=self._ratio)

    @property
    def _ratio(self) -> float | None:
        """What the test of redrawn splits is corrected by; a fixed split needs none."""
        return self.test_to_train if self.design == "resampled" else None

    def _paired(self, first: str, second: str) -> tuple[pd.Series[float], pd.Series[float]]:
        """The values of the seeds that both variants have."""
        a, b = self.results.values(first, self.metric), self.results.values(second, self.metric)
        seeds = a.index.intersection(b.index)
        return a[seeds], b[seeds]

    def posterior(self, row: Difference) -> Posterior | None:
        """Chances that the true difference is below, within and above the region of practical equivalence, if one is set."""
        if self.rope is None:
            return None
        pair = self._paired(row.variant, row.other)
        return posterior(*pair, rope=self.rope, design=self.design, test_to_train=self._ratio)

    def chances(self, row: Difference) -> tuple[float, float, float] | None:
        """Of being worse, of no difference that matters, and of being better; None without a rope or a test."""
        found = self.posterior(row)
        if found is None:
            return None
        ends = (found.below, found.above)
        worse, better = ends[::-1] if self.results.lower_is_better(self.metric) else ends
        return worse, found.within, better

    def improvement(self, row: Difference) -> float | None:
        """Probability of improvement: share of the seeds in which the variant is better than the other, ties half."""
        above = row.comparison.above
        return None if above is None else 1 - above if self.results.lower_is_better(self.metric) else above

    def best(self, metric: str | None = None) -> set[str]:
        """The variants with the best mean as displayed: several where they tie, none
        without a value or where all tie."""
        summaries = self.summaries_of(metric or self.metric)
        decimals = places(summaries.values())
        shown = {variant: shown_mean(found, decimals) for variant, found in summaries.items()}
        means = [mean for mean in shown.values() if mean is not None]
        if not means:
            return set()
        best = min(means) if self.results.lower_is_better(metric or self.metric) else max(means)
        if len(means) > 1 and min(means) == max(means):
            return set()
        return {variant for variant, mean in shown.items() if mean == best}

    def quality(self, variant: str) -> float | None:
        """The mean, turned so that more is better; None without a value."""
        found = self.summaries.get(variant)
        if found is None or found.mean is None:
            return None
        return -found.mean if self.results.lower_is_better(self.metric) else found.mean

    def count(self, variant: str) -> str:
        """How many values count: "n=10"; "n=9/10, 1 diverged" where a cell has none."""
        n, cells = self.summaries[variant].n, self.results.cells_of(variant)
        if n == len(cells):
            return f"n={n}"
        return ", ".join([f"n={n}/{len(cells)}", *absences(self.results, variant, self.metric)])

    def show(self, value: float | None) -> str:
        return number(value, self.decimals)

    def label(self, metric: str | None = None) -> str:
        """The metric's name, and the source's label for it where that differs."""
        name = metric or self.metric
        return f"{name} ({self.results.labels[name]})" if name in self.results.labels else name


def analyse(
    results: Results, metric: str | None = None, baseline: str | None = None, rope: float | None = None
) -> Analysis:
    """Settle metric, baseline and rope (arguments first, then the experiment's ``report`` section) and check them.

    Raises ConfigError for an unknown metric or baseline, and for a rope that is no positive number. Where no run has any
    metric, since all of them failed or diverged, the experiment's own metric stands, with no value.
    """
    section = results.config.get("report") or {}
    chosen = metric or section.get("metric")
    against = baseline if baseline is not None else section.get("baseline")
    if baseline is None and against in (results.config.get("variants") or ()) and against not in results.variants:
        against = None  # the experiment's baseline was not asked for in this launch
    if chosen == SECONDS:
        raise ConfigError(
            f"--metric {SECONDS}: seeds that were trained together share the time of their stack, so there is nothing to "
            "compare. Reports give the mean time of each variant below 'Seeds trained by launch'."
        )
    if chosen == LR:
        raise ConfigError(
            f"--metric {LR}: the learning rates that the seeds have found for themselves are part of what is compared, and "
            "none is better than another. Reports give their mean and spread below 'Other metrics'."
        )
    if chosen not in results.metrics and (results.metrics or metric is not None):
        raise ConfigError(
            f"report.metric={chosen!r}: no run of experiment {results.experiment!r} has this metric: "
            f"{near_misses(str(chosen), results.metrics)} Recorded are {', '.join(results.metrics)}."
        )
    if against is not None and against not in results.variants:
        raise ConfigError(
            f"report.baseline={against!r} is no variant of experiment {results.experiment!r}: "
            f"{near_misses(str(against), results.variants)} Name one, or leave it out to compare all pairs."
        )
    if rope is None and chosen == section.get("metric"):  # its size is one of this metric
        rope = section.get("rope")
    require(rope is None or is_positive(rope), "report.rope", rope, "null or a positive number")
    return Analysis(results, str(chosen), against, None if rope is None else float(rope))


def verdict(comparison: Comparison, p: float | None, lower_is_better: bool) -> str:
    """Say "better" or "worse" where the adjusted test does, else "can't be told apart"; "not tested" without a test."""
    if p is None:
        return UNTESTED
    if p >= LEVEL or not comparison.difference:
        return UNDECIDED
    return BETTER if (comparison.difference < 0) == lower_is_better else WORSE


def _shared(results: Results, metric: str) -> str:
    split, data = results.config.get("split"), results.data
    said = isinstance(split, dict) and split.get("per_seed") is False
    several = len(set(results.cells["seed"])) > 1
    if said or (several and data.get("same_split")):
        return "share one split"
    # Whatever trains them, what they say is about these test rows, and so not about a population.
    tested = several and data.get("same_test") and (data.get("split") or {}).get("test")
    return "are tested on the same rows" if tested and metric.startswith("test/") else ""


def _test_to_train(results: Results, metric: str) -> float:
    """Rows that the metric is measured on over training rows: of the split as it was drawn, or of its shares."""
    side = metric.split("/", maxsplit=1)[0]
    for split in (results.data.get("split"), results.config.get("split")):
        if isinstance(split, dict) and split.get("train") and split.get(side):
            return float(split[side]) / float(split["train"])
    raise ConfigError(
        f"split: neither the data nor the config of experiment {results.experiment!r} says how many rows are "
        f"for training and for {metric}, and the corrected test needs their ratio: state split.train and split.{side}."
    )


def absences(results: Results, variant: str, metric: str) -> list[str]:
    """Why cells of ``variant`` have no value to count, with how many: ["1 diverged", "2 failed"]."""
    cells = results.cells_of(variant)
    unfinished = cells["status"] != "FINISHED"
    diverged = (cells["outcome"] == "diverged") & ~unfinished
    missing = summary(results.values(variant, metric)).missing
    counts: dict[str, int] = {
        "diverged": int(diverged.sum()),
        "failed": int((cells["status"] == "FAILED").sum()),
        "not run": int((unfinished & (cells["status"] != "FAILED")).sum()),
        "without a finite value": missing - int((unfinished | diverged).sum()),
    }
    return [f"{count} {reason}" for reason, count in counts.items() if count]


def comparison_table(analysis: Analysis) -> pd.DataFrame:
    """The family as a data frame, one row a comparison; ``note`` is that of variants with other circumstances."""
    marks, notes = footnotes(analysis.results)
    rows = []
    for row in analysis.family:
        comparison = row.comparison
        worse, equivalent, better = analysis.chances(row) or (None, None, None)
        about = dict.fromkeys(marks[name] for name in (row.variant, row.other) if name in marks)
        rows.append(
            {
                "variant": row.variant,
                "other": row.other,
                "n": comparison.n,
                "difference": comparison.difference,
                "low": comparison.low,
                "high": comparison.high,
                "p": comparison.p,
                "p_holm": row.p,
                "effect_size": comparison.effect_size,
                "improvement": analysis.improvement(row),
                "wilcoxon_p": comparison.wilcoxon_p,
                "p_worse": worse,
                "p_equivalent": equivalent,
                "p_better": better,
                "test": comparison.test,
                "about": comparison.about,
                "verdict": row.verdict,
                "note": " ".join(f"{mark} {notes[mark]}" for mark in about),
            }
        )
    return pd.DataFrame(rows, columns=COMPARISON_COLUMNS)


def difference_text(analysis: Analysis, row: Difference) -> str:
    """Difference and interval, "-0.0120 [-0.0150, -0.0090]", as far as there are any; "-" without a pair."""
    comparison = row.comparison
    if comparison.difference is None:
        return NOTHING
    shown = analysis.show(comparison.difference)
    signed = shown if comparison.difference <= 0 or not float(shown) else f"+{shown}"
    return (
        signed
        if comparison.low is None
        else f"{signed} [{analysis.show(comparison.low)}, {analysis.show(comparison.high)}]"
    )
