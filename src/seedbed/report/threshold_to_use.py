"""Which threshold between two classes to use, how sure that is, and what to type for labels by it.

Each variant stands to choice with its labels as predicted, and with the threshold that each seed has tuned for F1 on its
validation rows; the highest mean F1 on test rows decides. As that is a choice by test rows, paired tests of all these against
the baseline as predicted, as one family (Holm), say whether it is a gain.
"""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass, replace

from seedbed.recorded import THRESHOLD
from seedbed.report.analysis import Analysis
from seedbed.report.formatting import count_word, difference_words, mean_text, number, places, single_places
from seedbed.report.paired_tests import UNDECIDED, UNTESTED, Difference, family_of, paired_test
from seedbed.report.rebalancing import Rebalancing, in_both, rebalancing
from seedbed.report.typed import config_dir_option, own_command
from seedbed.results import OfScores
from seedbed.statistics import Summary, summary

FEW = 30
"""Validation rows of the class below which a tuned threshold is called unsure.

The recall that is measured on m rows has a standard error of up to 0.5 / sqrt(m), 0.09 of 30, and the best of many thresholds on few
rows is often best by luck alone. Source: Lipton, Elkan and Naryanaswamy, Optimal thresholding of classifiers to maximize F1
measure, ECML PKDD 2014 (the winner's curse); what 20, 200 and 2000 rows cost: ``scripts/simulate_rebalancing``.
"""
DECIMALS = 4
_NOT_SERVED = ("seedbed.data.cifar10.", "seedbed.data.image_folder.")
"""Pictures can't be asked about."""
_SERVED = "seedbed.tasks.classification.Classification"


@dataclass(frozen=True)
class Choice:
    """Labels of a variant that one may use."""

    variant: str
    tuned: bool
    """Whether they go by the threshold that each seed has tuned; else they are those that it predicts."""
    f1: Summary
    """On test rows."""

    @property
    def measure(self) -> str:
        return "f1_tuned" if self.tuned else "f1"

    @property
    def mean(self) -> float:
        return -math.inf if self.f1.mean is None else self.f1.mean


def threshold_sentences(analysis: Analysis) -> list[str]:
    """Which threshold to use, from which rows, how sure that is, and what applies it; [] where nothing was rebalanced."""
    found = rebalancing(analysis)
    if found is None or not found.complete:
        return []
    choices = [_choice(found, variant, tuned) for tuned in (False, True) for variant in found.complete]
    if all(choice.f1.mean is None for choice in choices if choice.tuned):
        return ["Which threshold to use can't be told: none was tuned, as that takes validation rows of both classes."]
    best, tuned = (max(those, key=lambda choice: choice.mean) for those in (choices, choices[len(found.complete) :]))
    use = _tuned(analysis, found, best) if best.tuned else _as_predicted(analysis, found, best, tuned)
    sure = _sure(analysis, found, choices, best, tuned)
    return [use, *sure, *_few(found, best if best.tuned else tuned), *_typed(analysis, found, best)]


def _choice(found: Rebalancing, variant: str, tuned: bool) -> Choice:
    return Choice(variant, tuned, summary(found.scored.variants[variant].measures["f1_tuned" if tuned else "f1"]))


# ---- which -----------------------------------------------------------------------------------------------------------


def _tuned(analysis: Analysis, found: Rebalancing, best: Choice) -> str:
    threshold = _threshold(found, best.variant)
    return (
        f"The threshold to use is {_typed_number(threshold)} with {analysis.quoted[best.variant]}: the mean of those that "
        f"{_seeds(threshold)} tuned for F1 on {_whose(threshold)} validation rows ({_text(threshold)}). At these, F1 on test rows is "
        f"{mean_text(best.f1, DECIMALS)}, the highest mean of all variants, tuned or as predicted."
    )


def _as_predicted(analysis: Analysis, found: Rebalancing, best: Choice, tuned: Choice) -> str:
    threshold = _threshold(found, tuned.variant)
    name, own = analysis.quoted[best.variant], _own_thresholds(analysis, best.variant)
    if own.n:
        what = f"The thresholds to use are those of {name} itself, {_text(own)} over its seeds"
    elif found.scored.variants[best.variant].f1 is None:
        what = f"The labels to use are those that {name} predicts, which gives no probabilities"
    else:
        what = f"The threshold to use is the default of 0.5, with {name}"
    return (
        f"{what}: F1 on test rows is {mean_text(best.f1, DECIMALS)}, the highest mean of all variants. No threshold tuned for F1 on "
        f"validation rows does better than the labels as predicted: at best {mean_text(tuned.f1, DECIMALS)}, with "
        f"{analysis.quoted[tuned.variant]} at a threshold of {_text(threshold)}, the mean over its seeds."
    )


def _threshold(found: Rebalancing, variant: str) -> Summary:
    return summary(found.scored.variants[variant].measures["threshold"])


def _own_thresholds(analysis: Analysis, variant: str) -> Summary:
    """Those by which a variant predicts, as with ``imbalance.after=threshold``."""
    return summary(analysis.results.values(variant, THRESHOLD))


def _text(threshold: Summary) -> str:
    return mean_text(threshold, _decimals(threshold))


def _typed_number(threshold: Summary) -> str:
    return number(threshold.mean, _decimals(threshold))


def _decimals(threshold: Summary) -> int:
    return places([threshold]) if threshold.std else single_places(threshold.mean or 0.0)


def _seeds(threshold: Summary) -> str:
    return f"{count_word(threshold.n)} seed{' has' if threshold.n == 1 else 's have'}"


def _whose(threshold: Summary) -> str:
    return "its" if threshold.n == 1 else "their"


# ---- how sure --------------------------------------------------------------------------------------------------------


def _sure(analysis: Analysis, found: Rebalancing, choices: list[Choice], best: Choice, tuned: Choice) -> list[str]:
    """What the test says of the best choice against the baseline as predicted; where it is that, of the best tuned one."""
    rows = _family(replace(analysis, metric="test/f1"), found, choices)
    row = rows.get((best.variant, best.tuned)) or rows.get((tuned.variant, tuned.tuned))
    if row is None:
        return []
    chosen = best if (best.variant, best.tuned) in rows else tuned
    names = f"{analysis.quoted[chosen.variant]} {_how(chosen.tuned)}", f"{analysis.quoted[row.other]} {_how(False)}"
    if row.verdict == UNTESTED:
        return [f"Whether that is a gain is not tested: {names[0]} against {names[1]} ({row.comparison.words})."]
    count = sum(other.p is not None for other in rows.values())
    holm = f", Holm over {count_word(count)} such comparisons" if count > 1 else ""
    verdict = "can't be told apart from" if row.verdict == UNDECIDED else f"is {row.verdict} than"
    return [
        f"How certain this is: on F1, {names[0]} {verdict} {names[1]} (difference {difference_words(row.comparison, DECIMALS)}; "
        f"{row.comparison.test}{holm})."
    ]


def _how(tuned: bool) -> str:
    return "with tuned thresholds" if tuned else "with its labels as predicted"


def _family(analysis: Analysis, found: Rebalancing, choices: list[Choice]) -> dict[tuple[str, bool], Difference]:
    """All choices but the baselines as predicted, each against its baseline as predicted."""
    baselines = {change.variant: change.baseline for change in found.changes}
    named = []
    for choice in choices:
        baseline = baselines.get(choice.variant, choice.variant)
        if choice.tuned or baseline != choice.variant:
            pairs = in_both(_of(found, choice.variant), choice.measure, _of(found, baseline), "f1")
            key = frozenset((analysis.recipes[choice.variant], choice.measure, f"against {analysis.recipes[baseline]}"))
            named.append((choice.variant, baseline, key, paired_test(pairs, analysis.terms)))
    rows = family_of(named, analysis.terms)
    kept = [choice for choice in choices if choice.tuned or choice.variant in baselines]
    return {(choice.variant, choice.tuned): row for choice, row in zip(kept, rows, strict=True)}


def _of(found: Rebalancing, variant: str) -> OfScores:
    return found.scored.variants[variant]


def _few(found: Rebalancing, tuned: Choice) -> list[str]:
    """That a threshold was tuned on few rows of the class; [] where there are enough, or a record does not say how many."""
    counts = sorted({int(count) for count in _of(found, tuned.variant).measures.get("tuned_on", [])})
    if not counts or counts[0] >= FEW:
        return []
    rows = f"{counts[0]}" if counts[0] == counts[-1] else f"{counts[0]} to {counts[-1]}"
    return [
        f"A tuned threshold is uncertain here: each seed had {rows} validation rows of {found.scored.positive} to tune it on, fewer than "
        f"{FEW}, so that finding or missing one of them changes recall by {1 / max(counts[0], 1):.2g}. More such rows (a larger "
        "split.val, or more data) make the threshold steadier."
    ]


# ---- what to type ----------------------------------------------------------------------------------------------------


def _typed(analysis: Analysis, found: Rebalancing, best: Choice) -> list[str]:
    """The commands that label by it; [] where trained seeds can't be asked."""
    config = analysis.results.config
    target = str((config.get("data") or {}).get("_target_"))
    if (config.get("task") or {}).get("_target_") != _SERVED or target.startswith(_NOT_SERVED):
        return []
    if _of(found, best.variant).f1 is None:
        return []
    predict = _command(analysis, best.variant)
    if not best.tuned:
        return [
            f"{_code(predict)} labels new rows in this way, and `seedbed export` with the same options makes a model that does."
        ]
    at = f"--threshold {_typed_number(_threshold(found, best.variant))}"
    cells = count_word(len(analysis.results.cells_of(best.variant)))
    return [
        f"{_code(f'{predict} {at}')} labels new rows by this threshold, and `seedbed export` with the same options makes a "
        f"model that does: neither trains anything, and without {_code('--threshold')} both label {_without(analysis, best.variant)}. "
        f"Another run, with {_code(f'variant={best.variant} imbalance.after=threshold')}, trains its {cells} cells again; then each "
        "seed keeps the threshold that it tunes, and both commands apply the mean of these by default."
    ]


def _without(analysis: Analysis, variant: str) -> str:
    return "by its own thresholds" if _own_thresholds(analysis, variant).n else "above 0.5"


def _command(analysis: Analysis, variant: str) -> str:
    results = analysis.results
    on = ["--data-set", results.data_set] if results.data_set else []
    words = ["seedbed", "predict", results.experiment, "--variant", variant, *on]
    return shlex.join(words) + config_dir_option(own_command(results))


def _code(text: str) -> str:
    return f"`{text.replace('`', '')}`"
