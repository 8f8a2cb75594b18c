"""The numbers of a report: summaries, the family of comparisons and their verdicts, each computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from seedbed.checks import is_positive, require
from seedbed.config.baselines import ALL_PAIRS, KEY, Baselines, Stated
from seedbed.errors import ConfigError, near_misses
from seedbed.metrics import Metric
from seedbed.recorded import LR, SECONDS
from seedbed.report.footnotes import footnotes, quoted
from seedbed.report.formatting import NOTHING, difference_words, interval_text, listed, number, places, shown_mean
from seedbed.report.imported import imported_sentences
from seedbed.report.paired_tests import (
    BETTER,
    HIGHER,
    LEVEL,
    NO_VERDICT,
    UNDECIDED,
    UNTESTED,
    WORSE,
    Difference,
    PairedTest,
    Pairs,
    Ran,
    Terms,
    family_of,
    one_recipe,
    paired_test,
    pairs_of,
    ran,
    verdict,
    verdict_words,
)
from seedbed.results import SAME, Results, typed_about
from seedbed.statistics import (
    POPULATION,
    RESPLITS,
    RUNS,
    RUNS_LIKE_THESE,
    RUNS_ON_ONE_SPLIT,
    Comparison,
    Design,
    Interval,
    Posterior,
    Ranking,
    Summary,
    detectable_difference,
    finite,
    interval_at,
    population_interval,
    posterior,
    ranking,
    summary,
)

__all__ = [
    "BETTER", "HIGHER", "LEVEL", "NO_VERDICT", "UNDECIDED", "UNTESTED", "WORSE", "Analysis", "Difference", "absences", "analyse",
    "comparison_table", "difference_text",
]  # fmt: skip

ONE_SPLIT = "share one split"
ABSENT = "absent"
"""What is said of a cell that was not imported."""
MOST_PAIRS_NAMED = 4
"""Pairs of an experiment that are named within a sentence."""
MOST_ROWS = 40
"""Comparisons that a table or picture of a page has room for."""
COMPARISON_COLUMNS = [
    "variant", "other", "n", "lost", "difference", "low", "high", "p", "p_with_lost", "p_holm", "level_holm", "low_holm",
    "high_holm", "detectable", "effect_size", "improvement", "wilcoxon_p", "p_worse", "p_equivalent", "p_better", "test",
    "about", "verdict", "note",
]  # fmt: skip


@dataclass(frozen=True)
class Analysis:
    """Everything a report says about one metric."""

    results: Results
    metric: str
    baselines: Baselines = ALL_PAIRS
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
        """Each variant against its baseline, or all pairs where there is none."""
        return self.differences(self.baselines.pairs(self.results.variants))

    @property
    def baseline(self) -> str | None:
        """The one baseline of all comparisons; None where each variant has its own, or all pairs are compared."""
        return self.baselines.one

    def baseline_of(self, variant: str) -> str | None:
        """What a variant is compared with; None for one without a baseline."""
        return self.baselines.baseline_of(variant)

    @property
    def to_baseline(self) -> str:
        """What the differences are to, as words after "difference": " to none"; "" where all pairs are compared."""
        if self.baselines.own:
            return " to its baseline"
        return f" to {self.baseline}" if self.baseline else ""

    @cached_property
    def design(self) -> Design:
        return "fixed" if self.shared else "resampled"

    @cached_property
    def shared(self) -> str:
        """What all seeds share of the split, as a sentence about them says it; "" where the metric's rows are redrawn."""
        return _shared(self.results, self.metric)

    @property
    def runs(self) -> str:
        """What the interval of a mean over these seeds is about."""
        if self.shared == ONE_SPLIT:
            return RUNS_ON_ONE_SPLIT
        return RUNS if self.design_is_known else RUNS_LIKE_THESE

    @property
    def design_is_known(self) -> bool:
        """Whether it is known that the seeds share a split, or that they do not: who imports results may not have said it."""
        imported = self.results.imported
        return imported is None or imported.split is not None

    @cached_property
    def test_to_train(self) -> float:
        return _test_to_train(self.results, self.metric)

    @cached_property
    def declared(self) -> Metric:
        """What is declared of the metric."""
        return self.results.metric(self.metric)

    @cached_property
    def terms(self) -> Terms:
        """How values of the metric are compared."""
        of = f", as differences of {self.declared.distances}" if self.declared.distances else ""
        return Terms(self.declared, self.design, self._ratio, f"{self.population_name}{of}", f"{self.runs}{of}")

    @cached_property
    def population_name(self) -> str:
        """What redrawn splits of these data say something about."""
        return _population(self.results)

    @cached_property
    def recipes(self) -> dict[str, str]:
        """Variant -> the first variant that was trained by the same recipe: the same cells, seed by seed."""
        first: dict[tuple[tuple[int, str], ...], str] = {}
        recipes = {}
        for variant in self.results.variants:
            cells = self.results.cells_of(variant)
            prints = tuple(zip(cells["seed"].tolist(), cells["fingerprint"].astype(str), strict=True))
            known = bool(prints) and all(text not in ("", "nan", "None") for _, text in prints)
            recipes[variant] = first.setdefault(prints, variant) if known else variant
        return recipes

    @cached_property
    def quoted(self) -> dict[str, str]:
        """The name of each variant as a sentence says it, with its footnote mark."""
        return quoted(self.results)

    @cached_property
    def distinct(self) -> list[str]:
        """The variants, each recipe once."""
        return list(dict.fromkeys(self.recipes.values()))

    @cached_property
    def ranking(self) -> Ranking:
        """The ranks of the ``distinct`` variants within each seed that all have run."""
        seeds = sorted(set.intersection(*(set(self._ran[name].values) for name in self.distinct)))
        table = pd.DataFrame({name: self.results.values(name, self.metric).reindex(seeds) for name in self.distinct})
        recorded = [self.summaries[name].n > 0 or not self.results.sound_seeds(name) for name in self.distinct]
        lost = ~finite(table) & np.array(recorded, dtype=bool) & self.declared.is_ranked
        return ranking(self.declared.compared(table), lower_is_better=self.declared.lower_is_better, lost=lost)

    def population(self, variant: str) -> Interval | None:
        """The interval of the expected value over data sets like this one; with one split for all seeds there is none."""
        if self.design == "fixed":
            return None
        return population_interval(self.results.values(variant, self.metric), self.test_to_train, self.population_name)

    def summaries_of(self, metric: str) -> dict[str, Summary]:
        """Summary by variant, in the experiment's order."""
        return {variant: summary(self.results.values(variant, metric)) for variant in self.results.variants}

    @cached_property
    def compared(self) -> dict[str, Summary]:
        """Summary by variant of what is compared: of a metric that is best near a target, the distances to it."""
        return self.compared_of(self.metric)

    def compared_of(self, metric: str) -> dict[str, Summary]:
        """Summary by variant of what is compared of ``metric``: of one that is best near a target, the distances to it."""
        declared = self.results.metric(metric)
        return {
            variant: summary(declared.compared(self.results.values(variant, metric)))
            for variant in self.results.variants
        }

    def differences(self, pairs: list[tuple[str, str]]) -> list[Difference]:
        """The tests of these pairs, adjusted as one family."""
        return family_of(
            [(first, second, self._key(first, second), self.test(first, second)) for first, second in pairs], self.terms
        )

    def tests_made(self, rows: Sequence[Difference]) -> int:
        """How many tests these rows hold: a recipe that has two names is tested once."""
        return len({row.key for row in rows if row.p is not None})

    @cached_property
    def once(self) -> list[Difference]:
        """The family, a row for each comparison of two recipes."""
        return list({row.key: row for row in reversed(self.family) if len(row.key) > 1}.values())[::-1]

    @cached_property
    def of_all_pairs(self) -> Analysis:
        """This analysis with all pairs of variants as the family of comparisons."""
        return self.against(ALL_PAIRS)

    def against(self, baselines: Baselines) -> Analysis:
        """This analysis with other baselines, and so another family of comparisons."""
        return self if baselines == self.baselines else replace(self, baselines=baselines)

    def row_of(self, first: str, second: str) -> Difference | None:
        """The comparison of two variants in the family, whichever way round it stands there."""
        key = self._key(first, second)
        return next((row for row in self.family if row.key == key), None)

    @cached_property
    def shown(self) -> list[Difference]:
        """The rows of the family that a page has room for: those told apart, then those with the smallest p-values."""
        first = sorted(self.family, key=lambda row: (not row.told_apart, 2.0 if row.test.p is None else row.test.p))
        kept = {id(row) for row in first[:MOST_ROWS]}
        return [row for row in self.family if id(row) in kept]

    @property
    def left_out(self) -> str:
        """How many rows of the family ``shown`` lacks, as a sentence; "" where it lacks none."""
        count = len(self.family) - len(self.shown)
        kept = f"the {len(self.shown)} that are told apart or have the smallest p"
        return f"{count} of {len(self.family)} comparisons are left out here, all but {kept}." if count else ""

    def test(self, first: str, second: str) -> PairedTest:
        """The test of two variants, paired by seed."""
        test = paired_test(self.pairs(first, second), self.terms)
        return test if len(self._key(first, second)) > 1 else one_recipe(test)

    def pairs(self, first: str, second: str) -> Pairs:
        """The values of two variants in the seeds that both have run."""
        return pairs_of(self._ran[first], self._ran[second])

    def what_ran(self, variant: str) -> Ran:
        """The values of a variant in the seeds that have run, and why some were lost."""
        return self._ran[variant]

    def lost(self, variant: str) -> int:
        """How many seeds of a variant have run without a value to count."""
        return len(self._ran[variant].causes)

    def turned(self, row: Difference) -> Difference:
        """The comparison with its variants exchanged, with the p-value that it has in its family."""
        test = self.test(row.other, row.variant)
        said = verdict(test, row.p, self.declared)
        return replace(row, variant=row.other, other=row.variant, test=test, verdict=said)

    def _key(self, first: str, second: str) -> frozenset[str]:
        return frozenset((self.recipes[first], self.recipes[second]))

    def compare(self, first: str, second: str) -> Comparison:
        """The values of two variants in the seeds that have one in both, paired by seed."""
        return self.test(first, second).comparison

    def at_its_step(self, row: Difference) -> Interval | None:
        """The interval at the level of the row's step in Holm's method."""
        return None if row.level is None else interval_at(row.comparison, row.level, correction=self.terms.correction)

    def detectable(self, row: Difference) -> float | None:
        """The true difference that such a test finds with a chance of 80 %; None where runs were lost."""
        std = row.comparison.std
        if row.level is None or std is None or row.test.lost:
            return None
        return detectable_difference(std, row.comparison.n, correction=self.terms.correction, level=row.level)

    def step_text(self, row: Difference) -> str:
        """The interval at the row's step in Holm's method, and its confidence: "[-0.003, 0.005] (99 %)"."""
        interval = self.at_its_step(row)
        if interval is None or row.level is None:
            return NOTHING
        return f"{interval_text(interval, self.decimals)} ({100 * (1 - row.level):.4g} %)"

    def said(self, row: Difference) -> str:
        """The verdict as a table says it."""
        return verdict_words(row, self.terms)

    @cached_property
    def _ran(self) -> dict[str, Ran]:
        return {name: ran(self.results.cells_of(name), self.metric, self.declared) for name in self.results.variants}

    @property
    def _ratio(self) -> float | None:
        """What the test of redrawn splits is corrected by; a fixed split needs none."""
        return self.test_to_train if self.design == "resampled" else None

    def posterior(self, row: Difference) -> Posterior | None:
        """Chances that the true difference is below, within and above the region of practical equivalence, if one is set.

        None where runs were lost: it would be about the others alone.
        """
        if self.rope is None or row.test.lost:
            return None
        pair = self.pairs(row.variant, row.other)
        return posterior(pair.first, pair.second, rope=self.rope, design=self.design, test_to_train=self._ratio)

    def chances(self, row: Difference) -> tuple[float, float, float] | None:
        """Probabilities of being worse, of no difference that matters, and of being better; None without a rope or a test."""
        probabilities = self.posterior(row)
        if probabilities is None:
            return None
        ends = (probabilities.below, probabilities.above)
        worse, better = ends[::-1] if self.declared.lower_is_better else ends
        return worse, probabilities.within, better

    def improvement(self, row: Difference) -> float | None:
        """Probability of improvement: share of the seeds in which the variant is better than the other, ties half."""
        above = row.comparison.above
        return None if above is None else 1 - above if self.declared.lower_is_better else above

    def best(self, metric: str | None = None) -> set[str]:
        """The variants with the best mean as displayed, of those that lack no value: several where they tie.

        None without a value, where all tie, and where no direction of the metric is better.
        """
        declared = self.results.metric(metric or self.metric)
        if not declared.is_ranked:
            return set()
        summaries = self.compared_of(metric or self.metric)
        decimals = places(summaries.values())
        shown = {
            name: shown_mean(sample, decimals) for name, sample in summaries.items() if self.is_complete(name, sample)
        }
        means = [mean for mean in shown.values() if mean is not None]
        if not means:
            return set()
        best = min(means) if declared.lower_is_better else max(means)
        if len(means) > 1 and min(means) == max(means):
            return set()
        return {variant for variant, mean in shown.items() if mean == best}

    @property
    def bold_rule(self) -> str:
        """Which mean is bold."""
        if not self.declared.is_ranked:
            return "no mean is bold, as neither more nor less of this metric is better"
        complete = all(self.is_complete(name, sample) for name, sample in self.summaries.items())
        if self.declared.distances:
            return f"the mean of the variant with the {self.declared.best_mean} is bold"
        return f"the best displayed mean{'' if complete else ' of those that lack no seed'} is bold"

    def is_complete(self, variant: str, sample: Summary) -> bool:
        """Whether every cell of ``variant`` has a value in ``sample``."""
        return sample.n == len(self.results.cells_of(variant))

    @cached_property
    def exploratory(self) -> str:
        """That the report is not about the comparison that the experiment names; "" where it is."""
        section = self.results.config.get("report") or {}
        metric = section.get("metric")
        if metric is None or (self.metric == metric and not self.family):
            return ""  # one variant alone, without the baseline: nothing is compared
        if self.metric != metric or not self._is_as_stated:
            return f"Exploratory: not the comparison that the experiment names (`{metric}`{_against(self._stated)})."
        if typed := _typed_comparison(self.results):
            return (
                f"Exploratory: {listed(f'`{text}`' for text in typed)} was set by the command, not by the experiment."
            )
        return ""

    @cached_property
    def uncompared(self) -> str:
        """Which pairs that the experiment names lack one side in this launch, as a sentence; "" where none does."""
        there = {*self.results.variants}
        halves = {pair: {*pair} - there for pair in self._stated.own.items() if len({*pair} - there) == 1}
        if not halves or not self._is_as_stated:
            return ""
        absent = dict.fromkeys(name for names in halves.values() for name in names)
        pairs = listed(f"`{variant}` with `{other}`" for variant, other in halves)
        return f"Not compared: {pairs}, as this launch has {listed(f'no `{name}`' for name in absent)}."

    @cached_property
    def _stated(self) -> Baselines:
        """Those that the experiment names."""
        return Baselines.of((self.results.config.get("report") or {}).get("baseline"))

    @property
    def _is_as_stated(self) -> bool:
        """Whether the comparisons are those that the experiment names, as far as the launch has both variants of them."""
        return self.baselines == self._stated.among(self.results.variants)

    def quality(self, variant: str) -> float | None:
        """The mean of what is compared, turned so that more is better; None without a value."""
        sample = self.compared.get(variant)
        if sample is None or sample.mean is None:
            return None
        return -sample.mean if self.declared.lower_is_better else sample.mean

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
    results: Results, metric: str | None = None, baseline: Stated = None, rope: float | None = None
) -> Analysis:
    """Settle metric, baselines and rope (arguments first, then the experiment's ``report`` section) and check them.

    Raises ConfigError for an unknown metric or baseline, and for a rope that is no positive number. Where no run has any
    metric, since all of them failed or diverged, the experiment's own metric stands, with no value.
    """
    section = results.config.get("report") or {}
    chosen = metric or section.get("metric")
    if chosen == SECONDS and results.imported is None:
        raise ConfigError(
            f"--metric {SECONDS}: seeds that were trained together share the time of their stack, so there is nothing to "
            "compare. Reports give the mean time of each variant below 'Seeds trained by launch'."
        )
    if chosen == LR and results.imported is None:
        raise ConfigError(
            f"--metric {LR}: the learning rates that the seeds have found for themselves are part of what is compared, and "
            "none is better than another. Reports give their mean and spread below 'Other metrics'."
        )
    has_values = bool(results.metrics) and any(map(results.sound_seeds, results.variants))
    if chosen not in results.metrics and (has_values or metric is not None):
        raise ConfigError(
            f"report.metric={chosen!r}: no run of experiment {results.experiment!r} has this metric: "
            f"{near_misses(str(chosen), results.metrics)} Recorded are {', '.join(results.metrics)}. "
            f"A metric that is NaN or infinite for every seed is not recorded.{_added_later(results, str(chosen))}"
        )
    baselines = _baselines(results, baseline)
    if rope is None and chosen == section.get("metric"):  # its size is one of this metric
        rope = section.get("rope")
    require(rope is None or is_positive(rope), "report.rope", rope, "null or a positive number")
    return Analysis(results, str(chosen), baselines, None if rope is None else float(rope))


def _baselines(results: Results, asked: Stated) -> Baselines:
    """Those that are asked for, else those of the experiment that were asked for in this launch, or none of them."""
    owner = f"experiment {results.experiment!r}"
    if asked is not None:
        baselines = Baselines.of(asked)
        baselines.require_among(results.variants, owner=owner)
        return baselines
    stated = Baselines.of((results.config.get("report") or {}).get("baseline"))
    stated.require_among({*results.variants, *(results.config.get("variants") or ())}, owner=owner)
    return stated.among(results.variants) or ALL_PAIRS


def _added_later(results: Results, chosen: str) -> str:
    """What else may keep a metric that the launch declares from being recorded, for an error; "" for an unknown name."""
    if results.imported is not None or results.metric(chosen).name not in results.declared:
        return ""
    return (
        " Nor is one that was added after the cells had been trained, for these are not trained again: run them in "
        "another store (MLFLOW_TRACKING_URI)."
    )


def _against(baselines: Baselines) -> str:
    """What is compared with what, as words after the metric: " against `none`"."""
    if len(baselines.own) > MOST_PAIRS_NAMED:
        return f", each of {len(baselines.own)} variants against its own baseline"
    if baselines.own:
        return f" of {listed(f'`{variant}` against `{other}`' for variant, other in baselines.own.items())}"
    return f" against `{baselines.one}`" if baselines.one else " of all pairs"


def _typed_comparison(results: Results) -> list[str]:
    """The metric and baselines that the launch's command sets in place of the experiment's."""
    set_by = ("report", "report.metric", KEY)
    typed = typed_about(results.command, ["report"]).items()
    return [word for word, key in typed if key in set_by or key.startswith(f"{KEY}.")]


def _population(results: Results) -> str:
    """What redrawn splits are about: rows are draws from a population, but ratings of one user or item hang together."""
    if "population" in results.data:
        return str(results.data["population"])
    if results.imported is not None:
        return RUNS_LIKE_THESE if results.imported.split is None else POPULATION
    split = results.config.get("split")  # of a launch from before this was recorded
    split = split if isinstance(split, dict) else {}
    side = split.get("side")
    if side in ("user", "item"):  # whole users or items are held out
        least = split.get("at_least") or 1
        return (
            f"the {side}s with at least {least} ratings behind these data"
            if least > 1
            else f"the {side}s behind these ratings"
        )
    return RESPLITS if results.has_ratings else POPULATION


def _shared(results: Results, metric: str) -> str:
    if results.imported is not None:
        return ONE_SPLIT if results.imported.split == SAME else ""
    split, data = results.config.get("split"), results.data
    said = isinstance(split, dict) and split.get("per_seed") is False
    several = len(set(results.cells["seed"])) > 1
    if said or (several and data.get("same_split")):
        return ONE_SPLIT
    # Whatever trains them, what they say is about these test rows, and so not about a population.
    tested = several and data.get("same_test") and (data.get("split") or {}).get("test")
    return "are tested on the same rows" if tested and metric.startswith("test/") else ""


def _test_to_train(results: Results, metric: str) -> float:
    """Rows that the metric is measured on over training rows: of the split as it was drawn, or of its shares."""
    if results.imported is not None:
        return results.imported.test_to_train
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
        "not run" if results.imported is None else ABSENT: int((unfinished & (cells["status"] != "FAILED")).sum()),
        "without a finite value": missing - int((unfinished | diverged).sum()),
    }
    return [f"{count} {reason}" for reason, count in counts.items() if count]


def comparison_table(analysis: Analysis) -> pd.DataFrame:
    """The family as a data frame, one row a comparison; ``note`` says what a reader must know of it.

    ``n`` counts the pairs of seeds with a value, ``lost`` those in which a run diverged or failed; difference, ``low``,
    ``high`` and ``p`` are those of the former. ``level_holm`` is the confidence of ``low_holm`` .. ``high_holm``.
    """
    marks, notes = footnotes(analysis.results)
    imported = [sentence.replace("`", "") for sentence in imported_sentences(analysis.results, analysis.metric)]
    rows = []
    for row in analysis.family:
        comparison = row.comparison
        worse, equivalent, better = analysis.chances(row) or (None, None, None)
        about = dict.fromkeys(marks[name] for name in (row.variant, row.other) if name in marks)
        at_step, with_lost = analysis.at_its_step(row), row.test.with_lost
        remarks = [*imported, analysis.exploratory.replace("`", ""), *(f"{mark} {notes[mark]}" for mark in about)]
        remarks += [analysis.said(row)] if row.test.lost or len(row.key) == 1 else []
        rows.append(
            {
                "variant": row.variant,
                "other": row.other,
                "n": comparison.n,
                "lost": row.test.lost,
                "difference": comparison.difference,
                "low": comparison.low,
                "high": comparison.high,
                "p": comparison.p,
                "p_with_lost": None if with_lost is None else with_lost.p,
                "p_holm": row.p,
                "level_holm": None if row.level is None else 1 - row.level,
                "low_holm": None if at_step is None else at_step.low,
                "high_holm": None if at_step is None else at_step.high,
                "detectable": analysis.detectable(row),
                "effect_size": comparison.effect_size,
                "improvement": analysis.improvement(row),
                "wilcoxon_p": comparison.wilcoxon_p,
                "p_worse": worse,
                "p_equivalent": equivalent,
                "p_better": better,
                "test": comparison.test,
                "about": comparison.about,
                "verdict": row.verdict,
                "note": " ".join(remark for remark in remarks if remark),
            }
        )
    return pd.DataFrame(rows, columns=COMPARISON_COLUMNS)


def difference_text(analysis: Analysis, row: Difference) -> str:
    """Difference and interval, "-0.0120 [-0.0150, -0.0090]", as far as there are any; "-" without a pair."""
    return difference_words(row.comparison, analysis.decimals)
