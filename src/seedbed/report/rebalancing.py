"""What rebalancing changed: the ranking of rows, or only where its threshold lies.

Ranking is compared by AUROC and average precision, which do not depend on a threshold; their tests are one family (Holm). Where
neither tells a variant apart from its baseline, two one-sided tests, over the variants another family, say whether the
difference in AUROC lies within ``report.margin``; if so, and if F1 of the predicted labels differs, which is tested as a third
family, it was the threshold alone. Where AUROC and average precision are the same in every seed, as with
``imbalance.after=threshold``, nothing has to be tested.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from seedbed.config.settings import MARGIN
from seedbed.report.analysis import Analysis
from seedbed.report.formatting import difference_words, listed
from seedbed.report.paired_tests import LEVEL, Difference, PairedTest, Pairs, Terms, family_of, one_recipe, paired_test
from seedbed.results import OfScores, Scored
from seedbed.statistics import equivalence_p, holm

RANKING = ("auroc", "average_precision")
COMPARED = (*RANKING, "brier_recalibrated", "f1", "f1_tuned")
NAMES = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "brier_recalibrated": "Brier score, recalibrated",
    "f1": "F1 as predicted",
    "f1_tuned": "F1, threshold tuned",
}
CHANGED, THRESHOLD, OPEN = "the ranking of rows changed", "only the threshold", "can't tell"
NEITHER = "neither the ranking of rows nor F1 as predicted changed"


@dataclass(frozen=True)
class Change:
    """What became of the scores of one variant, beside those of its baseline."""

    variant: str
    baseline: str
    tests: dict[str, PairedTest]
    """By the names of ``COMPARED``; not adjusted."""
    verdict: str
    """CHANGED, THRESHOLD, NEITHER or OPEN."""
    why: str
    """What it rests on."""


@dataclass(frozen=True)
class Rebalancing:
    """What all variants that differ from their baseline in ``imbalance`` alone have changed."""

    margin: float
    changes: list[Change]
    scored: Scored
    complete: list[str]
    """These variants and their baselines, as far as all seeds that have run have scores."""

    @property
    def of_baselines(self) -> dict[str, list[Change]]:
        """The changes by their baseline."""
        return {
            baseline: [change for change in self.changes if change.baseline == baseline]
            for baseline in dict.fromkeys(change.baseline for change in self.changes)
        }

    def mean(self, variant: str, measure: str) -> float | None:
        """Over the seeds in which it is defined."""
        values = [value for value in self.scored.variants[variant].measures[measure] if math.isfinite(value)]
        return float(np.mean(values)) if values else None


def rebalancing(analysis: Analysis) -> Rebalancing | None:
    """None where no scores are kept, or no variant differs from its baseline in ``imbalance`` alone."""
    scored = analysis.results.scored
    if scored is None:
        return None
    pairs = {name: other for name, other in rebalanced(analysis).items() if {name, other} <= scored.variants.keys()}
    if not pairs:
        return None
    margin = float((analysis.results.config.get("report") or {}).get("margin") or MARGIN)
    of_auroc = replace(analysis, metric="test/auroc")
    unscored = {name: _unscored(analysis, scored, name) for name in (*pairs.values(), *pairs)}
    complete = [name for name, lacking in unscored.items() if not lacking]
    return Rebalancing(margin, _changes(of_auroc, scored, pairs, margin, unscored), scored, complete)


def rebalanced(analysis: Analysis) -> dict[str, str]:
    """Variants whose overrides are those of their baseline, but for their strategy, with the baseline."""
    stated = analysis.results.config.get("variants")
    if not isinstance(stated, dict):
        return {}
    others = {name: _without_strategy(stated[name] or ()) for name in analysis.results.variants if name in stated}
    compared = {name: baseline for name in others if (baseline := analysis.baseline_of(name)) in others}
    return {name: baseline for name, baseline in compared.items() if others[name] == others[baseline]}


def _without_strategy(overrides: Sequence[str]) -> set[str]:
    return {text for text in map(str, overrides) if not sets_strategy(text)}


def sets_strategy(override: str) -> bool:
    """Whether an override of a variant chooses or sets its strategy, on rows, loss or scores."""
    return re.match(r"[+~]*imbalance[.=@/]", override) is not None


def _tests(analysis: Analysis, scored: Scored, variant: str, baseline: str) -> dict[str, PairedTest]:
    first, second = scored.variants[variant], scored.variants[baseline]
    tests = {name: paired_test(in_both(first, name, second, name), analysis.terms) for name in COMPARED}
    same = analysis.recipes[variant] == analysis.recipes[baseline]
    return {name: one_recipe(test) for name, test in tests.items()} if same else tests


def in_both(first: OfScores, of_first: str, second: OfScores, of_second: str) -> Pairs:
    """The values of a measure of each, in the seeds that have one in both."""
    sides = ((first, of_first), (second, of_second))
    values = [dict(zip(of.seeds, of.measures[measure], strict=True)) for of, measure in sides]
    seeds = [seed for seed in values[0] if all(math.isfinite(of.get(seed, math.nan)) for of in values)]
    ours, others = (np.array([of[seed] for seed in seeds], dtype=np.float64) for of in values)
    return Pairs(ours, others, ())


def _changes(
    analysis: Analysis, scored: Scored, pairs: dict[str, str], margin: float, unscored: dict[str, str]
) -> list[Change]:
    tests = {name: _tests(analysis, scored, name, baseline) for name, baseline in pairs.items()}
    ranked = _family(analysis, pairs, tests, RANKING)
    of_f1 = _family(analysis, pairs, tests, ("f1",))
    of_auroc = [
        in_both(scored.variants[name], "auroc", scored.variants[baseline], "auroc") for name, baseline in pairs.items()
    ]
    within = dict(zip(pairs, holm([_within(of, analysis.terms, margin) for of in of_auroc]), strict=True))
    changes = []
    for name, own in tests.items():
        baseline = pairs[name]
        apart = {measure: row for measure in RANKING if (row := ranked[name, measure]).told_apart}
        p = within[name]
        same = p is not None and p < LEVEL
        if lacking := unscored[name] or unscored[baseline]:
            verdict, why = OPEN, lacking
        elif all(_same(scored.variants[name], scored.variants[baseline], measure) for measure in RANKING):
            labelled_alike = _same(scored.variants[name], scored.variants[baseline], "f1")
            verdict, why = (
                (NEITHER if labelled_alike else THRESHOLD),
                "AUROC and average precision are the same in every seed",
            )
        elif apart:
            verdict, why = CHANGED, listed(f"{NAMES[measure]} {_words(row.test)}" for measure, row in apart.items())
        elif same and of_f1[name, "f1"].told_apart:
            verdict, why = THRESHOLD, f"AUROC differs by less than {margin:g}, F1 as predicted by {_words(own['f1'])}"
        elif same:
            verdict, why = OPEN, f"AUROC differs by less than {margin:g}, and F1 as predicted can't be told apart"
        else:
            why = f"AUROC {_words(own['auroc'])}, neither told apart after Holm's correction nor shown to be within {margin:g}"
            verdict = OPEN
        changes.append(Change(name, baseline, own, verdict, why))
    return changes


def _same(first: OfScores, second: OfScores, measure: str) -> bool:
    """Whether every seed has one value in both."""
    pairs = in_both(first, measure, second, measure)
    return len(pairs.first) > 0 and bool((pairs.first == pairs.second).all())


def _family(
    analysis: Analysis, pairs: dict[str, str], tests: dict[str, dict[str, PairedTest]], measures: Sequence[str]
) -> dict[tuple[str, str], Difference]:
    """The tests of these measures, of all variants, adjusted as one family; one recipe under two names counts once."""
    named = [
        (
            name,
            other,
            frozenset((analysis.recipes[name], analysis.recipes[other], f"of {measure}")),
            tests[name][measure],
        )
        for name, other in pairs.items()
        for measure in measures
    ]
    places = [(name, measure) for name in pairs for measure in measures]
    return dict(zip(places, family_of(named, analysis.terms), strict=True))


def _within(pairs: Pairs, terms: Terms, margin: float) -> float | None:
    return equivalence_p(
        pairs.first, pairs.second, margin=margin, design=terms.design, test_to_train=terms.test_to_train
    )


def _unscored(analysis: Analysis, scored: Scored, variant: str) -> str:
    """How many of its seeds that have run lack scores, as a sentence part; "" where none does."""
    cells = analysis.results.cells_of(variant)
    ran = set(cells.loc[cells["status"] != "MISSING", "seed"])
    lacking = len(ran - set(scored.variants[variant].seeds))
    return f"{lacking} of {len(ran)} seeds of {variant} have no scores" if lacking else ""


def _words(test: PairedTest) -> str:
    return difference_words(test.comparison, 4)


# ---- sentences -------------------------------------------------------------------------------------------------------


def rebalancing_sentences(analysis: Analysis) -> list[str]:
    """Whether rebalancing changed the ranking of rows or only the threshold; [] where nothing is known."""
    found = rebalancing(analysis)
    if found is None:
        return []
    return [_against(analysis, baseline, changes) for baseline, changes in found.of_baselines.items()]


def _against(analysis: Analysis, baseline: str, changes: Sequence[Change]) -> str:
    of = {
        verdict: [analysis.quoted[change.variant] for change in changes if change.verdict == verdict]
        for verdict in (CHANGED, THRESHOLD, NEITHER, OPEN)
    }
    parts = [f"{listed(of[CHANGED])} changed the ranking of rows"] if of[CHANGED] else []
    parts += [f"{listed(of[THRESHOLD])} changed only the threshold"] if of[THRESHOLD] else []
    parts += [f"{listed(of[NEITHER])} changed neither the ranking of rows nor F1 as predicted"] if of[NEITHER] else []
    if of[OPEN]:
        parts.append(f"it is unclear whether {listed(of[OPEN])} changed the ranking of rows or only the threshold")
    return f"Compared with {analysis.quoted[baseline]}, {'; '.join(parts)}."
