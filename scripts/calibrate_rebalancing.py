"""Measures how often a report says "only the threshold" of a variant whose ranking of rows has changed by the margin.

``scripts/calibrate_statistics`` runs it. What is judged is ``seedbed.report.rebalancing.rebalancing``; the runs are simulated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from simulation import (
    TEST,
    Block,
    Data,
    Finding,
    Floats,
    Plan,
    Records,
    Setting,
    data_set,
    draw_splits,
    draw_starts,
    exchangeable,
    ignoring,
    simulate,
    test_to_train,
    wanted_block,
    weights_of,
)

from seedbed.config.baselines import Baselines
from seedbed.report.analysis import Analysis
from seedbed.report.paired_tests import LEVEL
from seedbed.report.rebalancing import RANKING, THRESHOLD, rebalancing
from seedbed.results import MEASURES, Band, OfScores, Results, Scored
from seedbed.statistics import Design, equivalence_p

SETTING = Setting(rows=2000, rare=0.1)
SEEDS = (10, 30)
LOWERED = 0.5
"""By how much a variant lowers the threshold, in units of the scores, which are fitted to -1 and 1."""
OTHERS = 3
"""Variants beside the baseline."""
MARGINS: dict[Design, float] = {"resampled": 0.04, "fixed": 0.01}
"""About four standard errors of a difference. "Only the threshold" needs a test that shows it to be less than the margin, and
another that does not show it at all: with a margin much narrower the first, with one much wider the second hardly happens."""
WORDS = {"resampled": "re-drawn splits", "fixed": "fixed split"}
MEASURED = (*RANKING, "f1")
STREAM = 1
"""Told apart from the random numbers of the experiments in the other sections."""
WRONG = 0.055
BASELINE, NO_BAND = "none", Band([], [], [])

Values = dict[str, Floats]
"""By measure: (seeds, variants), of which the first is the baseline."""


def rebalancing_block(plan: Plan, experiments: int, jobs: int) -> Block:
    """The section of the page: two passes, as a margin that is the true difference must be known before it is tested."""
    effects = simulate(true_effects, plan, experiments, jobs, "true differences of AUROC")
    margin = -float(effects["effect"].mean())
    error = float(effects["effect"].std(ddof=1)) / math.sqrt(experiments)
    records = simulate(partial(rebalancing_records, margin), plan, experiments, jobs, "only the threshold")
    return wanted_block("Only the threshold", notes(margin, error), list(rebalancing_findings(records, margin)))


# ---- the simulated runs ------------------------------------------------------------------------------------------------


def true_effects(plan: Plan, experiment: int) -> dict[str, Any]:
    """How far the AUROC of the variant that ignores two features lies above that of the one that sees all."""
    values = weakened(*drawn(plan, experiment))["auroc"]
    return {"effect": (values[:, 1] - values[:, 0]).mean()}


def drawn(plan: Plan, experiment: int) -> tuple[Data, NDArray[np.int8], np.random.Generator]:
    """A data set, and a split for each seed."""
    rng = np.random.default_rng([plan.seed, experiment, STREAM])
    data = data_set(SETTING, rng)
    return data, draw_splits(data, max(SEEDS), SETTING, rng), rng


def weakened(data: Data, sides: NDArray[np.int8], rng: np.random.Generator) -> Values:
    """The baseline sees all features, the variant all but two."""
    variants = np.stack([ignoring(SETTING), ignoring(SETTING, 0, 1)])
    return measured(data, sides, variants, draw_starts(len(sides), 1, SETTING, rng))


def alike(data: Data, sides: NDArray[np.int8], rng: np.random.Generator) -> Values:
    """Baseline and variants, each of which ignores another feature: in the population they rank rows equally well."""
    return measured(data, sides, exchangeable(SETTING)[: 1 + OTHERS], draw_starts(len(sides), 1, SETTING, rng))


def alike_on_one_split(data: Data, sides: NDArray[np.int8], rng: np.random.Generator) -> Values:
    """The same variant each time, with random starts of its own."""
    same = np.repeat(exchangeable(SETTING)[:1], 1 + OTHERS, axis=0)
    return measured(data, sides[:1], same, draw_starts(len(sides), 1 + OTHERS, SETTING, rng))


def measured(data: Data, sides: NDArray[np.int8], variants: Floats, starts: Floats) -> Values:
    """What the test rows of each run say of each variant; all but the first lower the threshold."""
    weights = weights_of(data, sides, variants, starts, SETTING)
    tested = [np.flatnonzero(side == TEST) for side in sides]
    rows = np.broadcast_to(np.stack(tested), (len(weights), len(tested[0])))
    scores = np.einsum("svf,srf->svr", weights, data.features[rows].astype(np.float64))
    lowered = LOWERED * (np.arange(len(variants)) > 0)
    return measures(scores, data.labels[rows] > 0, lowered)


def measures(scores: Floats, positive: NDArray[np.bool_], lowered: Floats) -> Values:
    """Of (S, V, R) scores of rows of which ``positive`` (S, R) says the class; that no two are equal is taken for granted."""
    truth = np.broadcast_to(positive[:, None], scores.shape)
    ranked = np.take_along_axis(truth, np.argsort(-scores, axis=-1), axis=-1)
    hits, places, positives = ranked.cumsum(axis=-1), np.arange(1, scores.shape[-1] + 1), truth.sum(axis=-1)
    predicted = scores > -lowered[:, None]
    return {
        "auroc": (hits * ~ranked).sum(axis=-1) / (positives * (scores.shape[-1] - positives)),
        "average_precision": (hits / places * ranked).sum(axis=-1) / positives,
        "f1": 2 * (predicted & truth).sum(axis=-1) / (predicted.sum(axis=-1) + positives),
    }


# ---- what a report says of them ----------------------------------------------------------------------------------------


def rebalancing_records(margin: float, plan: Plan, experiment: int) -> dict[str, Any]:
    """Of each design and number of seeds; ``margin`` is the true difference of the variant that ignores two features."""
    data, sides, rng = drawn(plan, experiment)
    weaker = weakened(data, sides, rng)
    of_designs: dict[Design, Values] = {
        "resampled": alike(data, sides, rng),
        "fixed": alike_on_one_split(data, sides, rng),
    }
    noted: dict[str, Any] = {}
    for n in SEEDS:
        redrawn = Shown("resampled", test_to_train(sides), margin)
        noted |= said_of_one("weaker", first_seeds(weaker, n), redrawn)
        for design, values in of_designs.items():
            shown = Shown(design, redrawn.ratio, MARGINS[design])
            seen = first_seeds(values, n)
            noted |= said_of(seen, shown) | said_of_one(design, shifted(seen, shown.margin, 1), shown)
    return noted


@dataclass(frozen=True)
class Shown:
    """By which tests a report compares."""

    design: Design
    ratio: float
    margin: float


def said_of(values: Values, shown: Shown) -> dict[str, Any]:
    """What is said where the true difference of AUROC is 0, as it is in ``values``, and where it is the margin."""
    n = len(values["f1"])
    every, mixed = (only_threshold(shifted(values, shown.margin, count), shown) for count in (OTHERS, 1))
    return {
        f"{shown.design}/all/{n}": any(every),
        f"{shown.design}/mixed/{n}": mixed[0],
        f"{shown.design}/power/{n}": mixed[1],
    }


def said_of_one(name: str, values: Values, shown: Shown) -> dict[str, Any]:
    """What is said of the first variant alone, the true difference of whose AUROC is the margin."""
    n = len(values["f1"])
    correction = shown.ratio if shown.design == "resampled" else None
    ours, others = values["auroc"][:, 1], values["auroc"][:, 0]
    p = equivalence_p(ours, others, margin=shown.margin, design=shown.design, test_to_train=correction)
    return {
        f"{name}/equivalent/{n}": p is not None and p < LEVEL,
        f"{name}/one/{n}": only_threshold({measure: of[:, :2] for measure, of in values.items()}, shown)[0],
    }


def first_seeds(values: Values, n: int) -> Values:
    return {measure: of[:n] for measure, of in values.items()}


def shifted(values: Values, margin: float, count: int) -> Values:
    """The AUROC of the first so many variants is moved by the margin, which then is their true difference."""
    moved = np.zeros(1 + OTHERS)
    moved[1 : 1 + count] = margin
    return values | {"auroc": values["auroc"] - moved}


def only_threshold(values: Values, shown: Shown) -> list[bool]:
    """Of each variant, whether the report says that it has changed only the threshold."""
    report = simulated_results(*values["f1"].shape, shown)
    assert report.scored is not None
    report.scored.variants.update({name: of_scores(values, place) for place, name in enumerate(report.variants)})
    found = rebalancing(SimulatedAnalysis(report, "test/f1", Baselines(BASELINE)))
    assert found is not None
    return [change.verdict == THRESHOLD for change in found.changes]


class SimulatedAnalysis(Analysis):
    """Of variants that are known to be several recipes, so that fingerprints need not be compared in each experiment."""

    @property
    def recipes(self) -> dict[str, str]:
        return {name: name for name in self.results.variants}


@cache
def simulated_results(seeds: int, variants: int, shown: Shown) -> Results:
    """Results of which all cells have finished: the same in all experiments, but for the scores, which are put in."""
    names = (BASELINE, *(f"lowered_{place}" for place in range(1, variants)))
    cells = [
        {"experiment": "simulated", "variant": name, "seed": seed, "status": "FINISHED", "outcome": "ok"}
        | {"fingerprint": f"{name}-{seed}", "launch": "simulated", "run": f"{name}-{seed}"}
        for name in names
        for seed in range(seeds)
    ]
    config = {
        "variants": {name: [] if name == BASELINE else [f"imbalance={name}"] for name in names},
        "report": {"margin": shown.margin},
        "split": {"train": 1.0, "test": shown.ratio, "per_seed": shown.design == "resampled"},
    }
    scored = Scored("1", 0, 0.0, {}, {})
    return Results("simulated", config, names, pd.DataFrame(cells, dtype=object), pd.DataFrame(), scored=scored)


def of_scores(values: Values, place: int) -> OfScores:
    """As the store keeps it, to eight digits; what the verdict does not hang on is left out."""
    seeds = len(values["f1"])
    kept = {measure: np.round(values[measure][:, place], 8).tolist() for measure in MEASURED}
    return OfScores(list(range(seeds)), dict.fromkeys(MEASURES, [math.nan] * seeds) | kept, NO_BAND, NO_BAND)


# ---- findings ----------------------------------------------------------------------------------------------------------


def rebalancing_findings(records: Records, margin: float) -> Iterator[Finding]:
    for design, words in WORDS.items():
        kinds = [
            (f"{design}/equivalent", "two one-sided tests alone", True),
            (f"{design}/one", "1 variant, at the margin", True),
            (f"{design}/all", f"{OTHERS} variants, all at the margin", True),
            (f"{design}/mixed", f"{OTHERS} variants, 1 at the margin", True),
            (f"{design}/power", f"one of {OTHERS}, without a difference", False),
        ]
        if design == "resampled":
            kinds[1:1] = [
                ("weaker/equivalent", f"the same, weaker variant, margin {margin:.4f}", True),
                ("weaker/one", f"1 weaker variant, margin {margin:.4f}", True),
            ]
        for kind, name, bounded in kinds:
            for n in SEEDS:
                yield Finding(f"{words}, {name}, n = {n}", records[f"{kind}/{n}"], high=WRONG if bounded else None)


def notes(margin: float, error: float) -> str:
    return (
        "How often does a report say of a variant that it has changed only the threshold, though its AUROC differs from the "
        "baseline's by just the margin? Then it is wrong: it says so only where two one-sided tests (`equivalence_p`) show a "
        "difference of less than the margin, and another test shows one of F1. The verdicts are those of "
        "`seedbed.report.rebalancing.rebalancing`, with the families of reports, each adjusted by Holm's method: AUROC and "
        "average precision of all variants, the one-sided tests of all, F1 of all. Of several variants, wrong is a family in "
        f"which it is said of any at the margin. {SETTING.rows} rows, {SETTING.rare:.0%} of the second class. Every variant "
        f"lowers the threshold by {LOWERED:g} of scores that are fitted to -1 and 1, and F1 changes much. Baseline and variants "
        "rank rows equally well in truth: with re-drawn splits each ignores another feature; with a fixed one they are the same, "
        "with random starts of their own. So the true difference of AUROC is exactly 0, and exactly the margin where "
        "that is subtracted from a variant's values. Nothing is subtracted from the weaker variant: it ignores two features, the "
        f"baseline none, and the margin is their true difference in the population, {margin:.5f}, the mean over all "
        f"experiments (standard error {error:.5f}). Elsewhere the margin is {MARGINS['resampled']:g} with re-drawn splits and "
        f"{MARGINS['fixed']:g} with a fixed one, three to five standard errors: with a much narrower one equivalence is hardly ever "
        "shown, and with a much wider one the difference itself is seen, so that both make fewer errors. Contrasts: the power, of "
        f"a variant that differs in the threshold alone, beside {OTHERS - 1} others, of which one is at the margin."
    )
