"""Simulates rebalancing where every posterior is known, and measures what acts on scores after training against it.

``scripts/simulate_rebalancing`` sets up what this needs. Strategies, corrections and thresholds are the harness's own.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from seedbed.imbalance.after import ClassShares, PriorCorrection, ScoredRows, Threshold
from seedbed.imbalance.base import Strategy, TrainingRows
from seedbed.imbalance.resample import Resample
from seedbed.statistics import Summary, summary

Floats = NDArray[np.float64]
SLOPES = np.array([1.5, 1.0])
RARE = 0.01
"""The share of the rare class in the population."""
TRAIN, POPULATION = (20_000, 100_000), 100_000
VALIDATION = (2_000, 20_000, 200_000)


def main() -> None:
    options = read_options()
    started = time.perf_counter()
    world = World(np.random.default_rng(options.seed))
    runs = [one_run(world, np.random.default_rng([options.seed, 1, number])) for number in range(options.repeats)]
    text = page(world, runs, options)
    print(text, flush=True)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    print(f"{time.perf_counter() - started:.0f} seconds", file=sys.stderr)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulate_rebalancing", description=__doc__)
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if options.repeats < 2:
        parser.error("--repeats: give 2 or more")
    return options


# ---- the simulated world ---------------------------------------------------------------------------------------------


class World:
    """Two normal features, and the log-odds of the rare class linear in them; ``rows`` stand for the population."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rows = rng.standard_normal((POPULATION, 2))
        self.intercept = float(brentq(lambda start: expit(start + self.rows @ SLOPES).mean() - RARE, -20, 0))
        self.posterior = self.posteriors(self.rows)
        falling = np.sort(self.posterior)[::-1]
        f1 = 2 * falling.cumsum() / (np.arange(1, POPULATION + 1) + falling.sum())
        self.best_f1 = float(f1.max())

    def posteriors(self, rows: Floats) -> Floats:
        return np.asarray(expit(self.intercept + rows @ SLOPES))

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
        rows = rng.standard_normal((count, 2))
        return rows, (rng.random(count) < self.posteriors(rows)).astype(np.int64)

    def f1(self, labelled: NDArray[np.bool_]) -> float:
        """Of labelling these rows of the population as rare."""
        return float(2 * self.posterior[labelled].sum() / (labelled.sum() + self.posterior.sum()))


@dataclass(frozen=True)
class Model:
    """A logistic regression, whose log-odds have been shifted."""

    fitted: Any
    shift: float = 0.0

    def odds(self, rows: Floats) -> Floats:
        return np.asarray(rows @ self.fitted.coef_[0] + self.fitted.intercept_[0] + self.shift)


def trained(
    rows: Floats, labels: NDArray[np.int64], strategy: Strategy, seed: int, *, corrected: bool = False
) -> Model:
    given = TrainingRows(rows.astype(np.float32), labels, ("usual", "rare"), None, np.arange(len(rows)), 1)
    made = strategy.apply(given, seed, None)
    fitted = LogisticRegression(C=np.inf).fit(rows[made.source], labels[made.source])
    if not corrected:
        return Model(fitted)
    shares = ClassShares(np.bincount(labels, minlength=2) / len(labels), made.class_shares(labels, 2))
    found = PriorCorrection().fit(ScoredRows(np.zeros((1, 2)), labels[:1], 1, shares))
    return Model(fitted, found.values["logit_shift"])


# ---- one repeat ------------------------------------------------------------------------------------------------------


def one_run(world: World, rng: np.random.Generator) -> dict[str, float]:
    """What is measured of one training set of each size, by name."""
    measured = {}
    for size in TRAIN:
        rows, labels = world.draw(size, rng)
        models = models_of(rows, labels, rng)
        for name, model in models.items():
            odds = model.odds(world.rows)
            measured[f"intercept of {name}, {size}"] = calibration_intercept(odds, world.posterior)
            measured[f"Brier of {name}, {size}"] = float(((expit(odds) - world.posterior) ** 2).mean())
    for count in VALIDATION:
        measured |= of_threshold(world, models["none"], count, rng)
    return measured


def models_of(rows: Floats, labels: NDArray[np.int64], rng: np.random.Generator) -> dict[str, Model]:
    """One of each strategy; none on few rows only where these are of both classes."""
    seed, fewer = int(rng.integers(2**31)), 2 * int(labels.sum())
    models = {"none": trained(rows, labels, Strategy(), seed)}
    some = rng.choice(len(rows), fewer, replace=False)
    if 0 < labels[some].sum() < fewer:
        models["none, as few rows"] = trained(rows[some], labels[some], Strategy(), seed)
    for name, sampler in (("undersample", RandomUnderSampler()), ("oversample", RandomOverSampler())):
        models[name] = trained(rows, labels, Resample(sampler=sampler), seed)
        models[f"{name}, corrected"] = trained(rows, labels, Resample(sampler=sampler), seed, corrected=True)
    return models


def calibration_intercept(odds: Floats, posterior: Floats) -> float:
    """What is to be added to the log-odds, so that on average they say what is true."""
    return float(brentq(lambda added: expit(odds + added).mean() - posterior.mean(), -20, 20, xtol=1e-6))


def of_threshold(world: World, model: Model, count: int, rng: np.random.Generator) -> dict[str, float]:
    rows, labels = world.draw(count, rng)
    logits = np.column_stack([np.zeros(count), model.odds(rows)])
    threshold = Threshold(metric="f1").fit(ScoredRows(logits, labels, 1, ClassShares(np.ones(2), np.ones(2)))).threshold
    assert threshold is not None
    reached = world.f1(expit(model.odds(world.rows)) >= threshold)
    return {f"threshold of {count}": threshold, f"F1 of {count}": reached}


# ---- the page --------------------------------------------------------------------------------------------------------

STRATEGIES = (
    "none", "none, as few rows", "undersample", "undersample, corrected", "oversample", "oversample, corrected",
)  # fmt: skip


def page(world: World, runs: list[dict[str, float]], options: argparse.Namespace) -> str:
    def of(name: str) -> Summary:
        return summary([run[name] for run in runs if name in run])

    calibration = [
        [
            name,
            *(
                text
                for rows in TRAIN
                for text in (
                    shown(of(f"intercept of {name}, {rows}"), 4),
                    shown(of(f"Brier of {name}, {rows}"), 1, unit=1e6),
                )
            ),
        ]
        for name in STRATEGIES
    ]
    thresholds = [
        [str(count), shown(of(f"threshold of {count}"), 4), shown(of(f"F1 of {count}"), 4)] for count in VALIDATION
    ]
    measures = [f"{what}, {rows} rows" for rows in TRAIN for what in ("intercept", "excess Brier, 1e-6")]
    return f"""\
# What rebalancing does to probabilities: a simulation with known posteriors

Made by `scripts/simulate_rebalancing --repeats {options.repeats} --seed {options.seed}`. Each repeat draws training sets
of {" and ".join(map(str, TRAIN))} rows with two normal features; the log-odds of the rare class, 1 row in {round(1 / RARE)},
are linear in them. A logistic regression without penalty is measured against the true posteriors of {POPULATION} rows.
Means over the repeats with their standard errors; samplers, correction and threshold are seedbed's own.

## Prior correction

The calibration intercept is what is missing from the log-odds, 0 where they are right on average; the excess Brier score
is the mean squared distance from the true posteriors. What is left after the correction is the bias of a logistic
regression on few rows (20000 hold about 200 rare ones), and goes with more of them. `none, as few rows` has as many rows
as `undersample` keeps, drawn without regard to their class.

{table(["trained on", *measures], calibration)}

## The threshold that is best by F1

The highest F1 of any threshold on the true posteriors is F* = {world.best_f1:.4f}, at the threshold F*/2 =
{world.best_f1 / 2:.4f}. The threshold that is chosen for `none` on so many validation rows, and the F1 that it has in the
population:

{table(["validation rows", "threshold", "F1"], thresholds)}"""


def shown(of: Summary, decimals: int, unit: float = 1.0) -> str:
    assert of.mean is not None
    return f"{of.mean * unit:.{decimals}f} ± {standard_error(of) * unit:.{decimals}f}"


def standard_error(of: Summary) -> float:
    return 0.0 if of.std is None else of.std / float(np.sqrt(of.n))


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
