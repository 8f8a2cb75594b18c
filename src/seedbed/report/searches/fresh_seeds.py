"""What the best settings of a search are worth on fresh seeds: which variants have them, and sentences on how they did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from seedbed.report.analysis import NO_VERDICT, UNTESTED, Analysis, Difference, difference_text
from seedbed.report.formatting import NOTHING, interval_text, listed, mean_text, number, places
from seedbed.report.searches.trials import mean_of, winners
from seedbed.report.searches.words import no_winner, too_good
from seedbed.results import Results, Search, Trial
from seedbed.statistics import Summary, summary


@dataclass(frozen=True)
class FreshVariant:
    """A variant of the launch that tests a search's findings."""

    variant: str
    trial: Trial | None
    """The trial whose settings it has; None for the variant as it stands."""
    validation: Summary
    """The search's first metric on fresh seeds."""
    difference: Difference | None
    """To the variant as it stands; None where the report does not compare the two."""


def fresh_variants(analysis: Analysis, search: Search) -> list[FreshVariant]:
    """The variant as it stands, then those with the best trials' settings, as far as they are in this launch."""
    best = {trial.number: trial for trial in winners(search)}
    trial_of: dict[str, Trial | None] = {search.variant: None}
    trial_of |= {name: best[of] for name, of in zip(search.tuned, search.best, strict=False) if of in best}
    return [
        FreshVariant(
            name,
            trial,
            summary(fresh_values(analysis.results, name, search.metrics[0])),
            None if trial is None else _difference(analysis, name, search.variant),
        )
        for name, trial in trial_of.items()
        if name in analysis.results.variants
    ]


def fresh_values(results: Results, variant: str, metric: str) -> pd.Series[float]:
    """Values by seed of a metric that the search used: the final ones, or those of the curve at the tested epoch."""
    if metric in results.metrics:
        return results.values(variant, metric)
    epochs = _tested_epochs(results, variant, metric)
    curves = results.curves
    there = curves[(curves["variant"] == variant) & (curves["metric"] == metric)]
    sound = set(results.sound_seeds(variant))
    values = {
        seed: value
        for seed, epoch, value in zip(there["seed"], there["epoch"], there["value"], strict=True)
        if seed in sound and epochs.get(seed) == epoch
    }
    return pd.Series(values, dtype=float)


def _tested_epochs(results: Results, variant: str, metric: str) -> dict[int, int]:
    """The epoch whose weights were tested, by seed: the last, or the best by the monitored metric."""
    best = results.config.get("select") == "best"
    name = str(results.config.get("monitor")) if best else metric
    curves = results.curves[(results.curves["variant"] == variant) & (results.curves["metric"] == name)]
    epochs: dict[int, int] = {}
    for seed, curve in curves.sort_values("epoch").groupby("seed"):
        place = int(np.argmin(results.metric(name).cost(curve["value"]))) if best else len(curve) - 1
        epochs[int(str(seed))] = int(curve["epoch"].iloc[place])
    return epochs


def _difference(analysis: Analysis, variant: str, other: str) -> Difference | None:
    """The report's own comparison of the two, the way round that is asked for, with the p-value that Holm's method left."""
    for row in analysis.family:
        if (row.variant, row.other) == (variant, other):
            return row
        if (row.variant, row.other) == (other, variant):
            return analysis.turned(row)
    return None


def fresh_sentences(analysis: Analysis, search: Search, rows: Sequence[FreshVariant]) -> list[str]:
    """How good the best looked in the search, what it is worth on fresh seeds, and what these numbers are about."""
    tuned = [row for row in rows if row.trial is not None]
    if not tuned:
        return [no_winner(search) or "This launch has none of the variants with the best trials' settings."]
    return [
        too_good(search),
        *(_shrinkage(search, row) for row in tuned),
        *(_against(analysis, search, row) for row in tuned),
        *_about_rows(analysis, search),
        *_seen_seeds(analysis, search),
    ]


def _shrinkage(search: Search, row: FreshVariant) -> str:
    """Sets the validation metric in the search beside its value on fresh seeds."""
    assert row.trial is not None
    seen, fresh, metric = mean_of(row.trial), row.validation, search.metrics[0]
    decimals = places([seen, fresh])
    in_search = f"Trial {row.trial.number} had `{metric}` {_with_count(seen, decimals)} in the search"
    if seen.mean is None:
        return f"Trial {row.trial.number} has no mean of `{metric}` to compare."
    if fresh.mean is None:
        return (
            f"{in_search}; `{row.variant}`, which has its settings, has no `{metric}` on fresh seeds to set beside it."
        )
    gap = fresh.mean - seen.mean
    size = number(abs(gap), decimals)
    way = "the same" if not float(size) else f"{size} {'higher' if gap > 0 else 'lower'}"
    better = f" ({'lower' if search.lower_is_better[0] else 'higher'} is better)"
    where = " on the experiment's own validation rows" if search.holdout is not None else ""
    return (
        f"{in_search}; `{row.variant}`, which has its settings, has {_with_count(fresh, decimals)} on fresh seeds{where}: "
        f"{way}{better if float(size) else ''}."
    )


def _with_count(summary: Summary, decimals: int) -> str:
    text = mean_text(summary, decimals)
    return text if text.endswith("(n=1)") or summary.mean is None else f"{text} (n={summary.n})"


def _against(analysis: Analysis, search: Search, row: FreshVariant) -> str:
    """The verdict of the paired test on the report's metric."""
    label = f"`{analysis.label().replace('`', '')}`"
    if search.variant not in analysis.results.variants:
        return f"`{search.variant}` as it stands is not in this launch, so `{row.variant}` stands beside nothing."
    if row.difference is None:
        baselines = listed(f"`{name}`" for name in analysis.baselines.names)
        other = f"its baseline is {baselines}" if analysis.baseline else f"its baselines are {baselines}"
        return f"This report does not compare `{row.variant}` with `{search.variant}`: {other}."
    comparison = row.difference.comparison
    if row.difference.verdict == UNTESTED:
        return f"On {label}, `{row.variant}` and `{search.variant}` as it stands were not tested: {comparison.words}."
    shown = difference_text(analysis, row.difference)
    pairs = f"{comparison.n} fresh seed{'' if comparison.n == 1 else 's'}"
    if row.difference.told_apart:
        lost = f" ({row.difference.lost} counted as the worst)" if row.difference.test.lost else ""
        return (
            f"On {label} and {pairs}, `{row.variant}` is {row.difference.verdict} than `{search.variant}` as it stands: "
            f"difference {shown}{lost}."
        )
    if row.difference.verdict == NO_VERDICT:
        return (
            f"On {label}, `{row.variant}` against `{search.variant}` as it stands: difference {shown}, "
            f"{analysis.said(row.difference)}. The search has not been shown to help."
        )
    return (
        f"On {label} and {pairs}, `{row.variant}` can't be told apart from `{search.variant}` as it stands: difference "
        f"{shown}. The search has not been shown to help."
    )


def _about_rows(analysis: Analysis, search: Search) -> list[str]:
    """Whether the search saw the rows that this report is about."""
    validated, again = _is_of_validation(analysis), judged_by_validation(analysis)
    other_rows = (
        "Its two values come from different rows and training sets: the search validated on held-out training rows and "
        "trained on the rest, this launch trains on all and validates on the experiment's own validation rows."
    )
    before = [other_rows] if search.holdout is not None else [again] if again else []
    if analysis.design == "resampled":
        does = "validate" if validated else "test"
        return [
            *before,
            f"Every seed draws its own split of one data set, so rows that {does} here have trained or validated under the "
            "search's seeds: these numbers are about fresh splits of the same data set, not about data that the search "
            "never saw.",
        ]
    if again:
        return [again]
    rows = "validation rows that this report is about" if validated else "test rows"
    said = f"All seeds {analysis.shared}, and the search saw none of the {rows}."
    if search.holdout is None:
        said += f" It chose by the validation rows, so `{search.metrics[0]}` is still too good on fresh seeds."
    return [*before, said]


def judged_by_validation(analysis: Analysis) -> str:
    """That what a search found is judged by validation rows, by which it was chosen; "" where it is not."""
    search = analysis.results.search
    if search is None or search.holdout is not None or not _is_of_validation(analysis):
        return ""
    rows = "validation rows" if analysis.design == "resampled" else "the same validation rows"
    is_tested = any(name.startswith("test/") for name in analysis.results.metrics)
    remedy = (
        "Ask for a test metric."
        if is_tested
        else "There is no test part: give the module a test_step, and the data a test_dataloader."
    )
    return f"What the search chose by validation rows is judged here by {rows} again: these numbers are too good as well. {remedy}"


def _is_of_validation(analysis: Analysis) -> bool:
    return analysis.metric.split("/", maxsplit=1)[0] == "val"


def _seen_seeds(analysis: Analysis, search: Search) -> list[str]:
    """A warning where seeds are not fresh."""
    both = sorted(set(search.seeds) & {int(seed) for seed in analysis.results.cells["seed"]})
    if not both:
        return []
    which = f"Seed {both[0]} is" if len(both) == 1 else f"Seeds {listed(map(str, both))} are"
    return [f"{which} not fresh: the search used {'it' if len(both) == 1 else 'them'} too."]


def fresh_header(analysis: Analysis, search: Search) -> list[str]:
    metric, label = search.metrics[0], analysis.label()
    rows = "validation rows" if search.holdout is None else "held-out training rows"
    header = ["variant", "settings", f"in the search: {metric}, {rows}"]
    if analysis.metric != metric:
        header.append(f"fresh seeds: {metric}")
    own = ", the experiment's validation rows" if search.holdout is not None and analysis.metric == metric else ""
    return [*header, f"fresh seeds: {label}{own}", "95 % interval", "n", "difference [95 %]", "verdict (Holm)"]


def fresh_cells(analysis: Analysis, search: Search, rows: Sequence[FreshVariant]) -> list[list[str]]:
    seen = [Summary(0, None, None, None, None, 0) if row.trial is None else mean_of(row.trial) for row in rows]
    decimals = places([*seen, *(row.validation for row in rows)])
    cells = []
    for row, in_search in zip(rows, seen, strict=True):
        summary = analysis.summaries[row.variant]
        again = [] if analysis.metric == search.metrics[0] else [_with_count(row.validation, decimals)]
        cells.append(
            [
                row.variant,
                "as it stands" if row.trial is None else f"trial {row.trial.number}",
                _with_count(in_search, decimals),
                *again,
                mean_text(summary, analysis.decimals),
                interval_text(summary, analysis.decimals),
                analysis.count(row.variant),
                NOTHING if row.difference is None else difference_text(analysis, row.difference),
                _verdict_text(analysis, row),
            ]
        )
    return cells


def _verdict_text(analysis: Analysis, row: FreshVariant) -> str:
    if row.trial is None:
        return NOTHING
    return "not compared" if row.difference is None else analysis.said(row.difference)
