"""Experiments whose truth is known: how they are simulated, how what was noted of them is counted, and the tables of a page."""

from __future__ import annotations

import argparse
import math
import platform
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from seedbed.data.splits import GroupStratifiedSplit
from seedbed.data.table import Table

Floats = NDArray[np.floating[Any]]
Records = dict[str, NDArray[Any]]
"""What was noted of each experiment: arrays (experiments, ...) by name."""

TRAIN, TEST = 0, 2
NULL_VARIANTS = 6
OTHER_SEEDS = (5, 30)
AT_ONCE = 50  # experiments that a process simulates before it hands their records over
COMMAND = "scripts/calibrate_statistics"
YES, NO, MISSED = "yes", "NO", " !"


# ---- the simulated world ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """A population, how many rows are drawn from it, how they are split, and the learner."""

    rows: int = 500
    features: int = 8
    distance: float = 1.8
    """Between the centres of the two classes, in standard deviations: 1.8 lets 82 % of the rows be told rightly."""
    rare: float = 0.5
    """Chance that a row is of the second class."""
    exactly: bool = False
    """Whether each data set has just this share of the second class."""
    shares: tuple[float, float, float] = (0.7, 0.1, 0.2)
    pull: float = 0.1
    """Weight of the random start, as a share of the training rows."""
    start_std: float = 0.25


@dataclass(frozen=True)
class Plan:
    """What is simulated of each experiment."""

    setting: Setting
    seeds: int
    further_runs: int
    seed: int

    @property
    def sizes(self) -> list[int]:
        """Numbers of seeds for which coverage and power are measured: the first so many of the same experiment."""
        return sorted({*OTHER_SEEDS, self.seeds})


@dataclass(frozen=True)
class Data:
    """One data set: features (N, F), of which the last is constant, and labels (N,), -1 or 1."""

    features: Floats
    labels: Floats

    @cached_property
    def products(self) -> Floats:
        """(N, F F + F): summed over training rows, they are all that least squares needs of these."""
        squares = self.features[:, :, None] * self.features[:, None, :]
        return np.hstack([squares.reshape(len(squares), -1), self.features * self.labels[:, None]])


def data_set(setting: Setting, rng: np.random.Generator) -> Data:
    """Draw rows: two classes, normal features of variance 1, each of which tells as much."""
    chances = rng.permutation(setting.rows) / setting.rows if setting.exactly else rng.random(setting.rows)
    labels = np.where(chances < setting.rare, 1.0, -1.0)
    shift = setting.distance / 2 / math.sqrt(setting.features)
    features = rng.standard_normal((setting.rows, setting.features)) + shift * labels[:, None]
    constant = np.ones((setting.rows, 1))
    return Data(np.hstack([features, constant]).astype(np.float32), labels.astype(np.float32))


def draw_splits(data: Data, splits: int, setting: Setting, rng: np.random.Generator) -> NDArray[np.int8]:
    """The side of every row, (splits, N), drawn as ``GroupStratifiedSplit`` does where no two rows are equal.

    The rows of each class are dealt out at random, as many to each side as the harness gives it.
    """
    sides = np.empty((splits, len(data.labels)), dtype=np.int8)
    members = [np.flatnonzero(data.labels == label) for label in (-1, 1)]
    for rows, sizes in zip(members, harness_sizes(*map(len, members), setting.shares), strict=True):
        dealt = np.repeat(np.arange(3, dtype=np.int8), sizes)
        sides[:, rows] = rng.permuted(np.tile(dealt, (splits, 1)), axis=1)
    return sides


@cache
def harness_sizes(first: int, second: int, shares: tuple[float, float, float]) -> tuple[tuple[int, ...], ...]:
    """Rows of each class on each side in a split that the harness draws of so many rows: they depend on nothing else."""
    labels = np.repeat([0, 1], [first, second])
    table = Table("simulated", "", np.empty((len(labels), 0)), labels, ("0", "1"), np.arange(len(labels)), None, {}, ())
    train, val, test = shares
    rows = GroupStratifiedSplit(train=train, val=val, test=test).rows(table, seed=0)
    counts = [np.bincount(labels[side], minlength=2) for side in (rows.train, rows.val, rows.test)]
    return tuple(tuple(int(count[label]) for count in counts) for label in (0, 1))


def accuracies(data: Data, sides: NDArray[np.int8], variants: Floats, starts: Floats, setting: Setting) -> Floats:
    """Test accuracies (S, V) of S runs of V variants, which ``weights_of`` has fitted."""
    test = sides == TEST
    weights = weights_of(data, sides, variants, starts, setting).astype(np.float32)
    predicted = test.any(axis=0)  # with one split for all runs, its test rows only
    correct = weights @ data.features[predicted].T * data.labels[predicted] > 0
    shares: Floats = (correct & test[:, None, predicted]).sum(axis=-1) / test.sum(axis=-1, keepdims=True)
    return shares


def weights_of(data: Data, sides: NDArray[np.int8], variants: Floats, starts: Floats, setting: Setting) -> Floats:
    """Weights (S, V, F) of S runs of V variants; ``sides`` has one row for each run, or one for all.

    A variant sees the features that ``variants`` (V, F) marks by 1. It minimises the squared error plus a pull towards a
    random start, ``starts`` (S, V or 1, F). That is where gradient descent from this start is after a limited number of
    steps, nearly: Ali, Kolter and Tibshirani, A continuous-time view of early stopping for least squares, AISTATS 2019.
    """
    train = (sides == TRAIN).astype(np.float32)
    size = data.features.shape[1]
    sums = (train @ data.products).astype(np.float64)[:, None, :]
    squares, moments = sums[..., : size * size].reshape(len(sums), 1, size, size), sums[..., size * size :]
    pull = setting.pull * float(train[0].sum())
    left = squares * (variants[:, :, None] * variants[:, None, :]) + pull * np.eye(size)
    right = (moments + pull * starts) * variants
    weights: Floats = np.linalg.solve(left, right[..., None])[..., 0]
    return weights


def draw_starts(runs: int, variants: int, setting: Setting, rng: np.random.Generator) -> Floats:
    return setting.start_std * rng.standard_normal((runs, variants, setting.features + 1))


def ignoring(setting: Setting, *features: int) -> Floats:
    """The features that a variant sees: all but these."""
    seen = np.ones(setting.features + 1)
    seen[list(features)] = 0
    return seen


def exchangeable(setting: Setting) -> Floats:
    """Six variants, each of which ignores another feature.

    On any one data set they differ. In the population they do not, as all features are alike there.
    """
    return np.stack([ignoring(setting, feature) for feature in range(NULL_VARIANTS)])


def test_to_train(sides: NDArray[np.int8]) -> float:
    return float((sides[0] == TEST).sum() / (sides[0] == TRAIN).sum())


# ---- all experiments ---------------------------------------------------------------------------------------------------

Recorder = Callable[[Plan, int], dict[str, Any]]


def simulate(recorder: Recorder, plan: Plan, experiments: int, jobs: int, name: str) -> Records:
    """Records of that many experiments, in their order. Each has a generator of its own, whichever process it is in."""
    chunks = [range(first, min(first + AT_ONCE, experiments)) for first in range(0, experiments, AT_ONCE)]
    noted: list[dict[str, Any]] = []
    for chunk in in_processes(partial(records_of, recorder, plan), chunks, jobs):
        noted += chunk
        show_progress(name, len(noted), experiments)
    return {key: np.array([one[key] for one in noted]) for key in noted[0]}


def records_of(recorder: Recorder, plan: Plan, experiments: Iterable[int]) -> list[dict[str, Any]]:
    return [recorder(plan, experiment) for experiment in experiments]


def in_processes(
    work: Callable[[range], list[dict[str, Any]]], chunks: Sequence[range], jobs: int
) -> Iterator[list[dict[str, Any]]]:
    if jobs == 1:
        yield from map(work, chunks)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(work, chunks)


def show_progress(name: str, done: int, experiments: int) -> None:
    if sys.stderr.isatty() or done == experiments or done % 1000 == 0:
        end = "\r" if sys.stderr.isatty() and done < experiments else "\n"
        print(f"{name}: {done} of {experiments} simulated", end=end, file=sys.stderr, flush=True)


# ---- what was counted ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """A share of experiments, and where it should lie; a contrast has no such bounds."""

    what: str
    values: NDArray[np.bool_]
    """One for each experiment that counts."""
    low: float | None = None
    high: float | None = None
    foreseen: float | None = None

    @property
    def share(self) -> float:
        return float(self.values.mean())

    @property
    def error(self) -> float:
        """Standard error of the share, of the simulation."""
        return math.sqrt(self.share * (1 - self.share) / len(self.values))

    @property
    def holds(self) -> bool | None:
        if self.low is None and self.high is None:
            return None
        return (self.low is None or self.share >= self.low) and (self.high is None or self.share <= self.high)


@dataclass(frozen=True)
class Block:
    """A table with its heading and what is to be known of it."""

    title: str
    notes: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


def covering(intervals: Floats, truth: Floats | float) -> NDArray[np.bool_]:
    """Which of the intervals (experiments, 2) hold the truth; where none was given, nothing was claimed either."""
    given = ~np.isnan(intervals[:, 0])
    held: NDArray[np.bool_] = (intervals[:, 0] <= truth) & (truth <= intervals[:, 1])
    return held[given]


# ---- tables ------------------------------------------------------------------------------------------------------------


def wanted_block(title: str, notes: str, rows: Iterable[Finding]) -> Block:
    return Block(title, notes, ("", "measured", "error", "wanted", "holds"), [wanted_row(row) for row in rows])


def wanted_row(row: Finding) -> tuple[str, ...]:
    holds = {None: "contrast", True: YES, False: NO}[row.holds]
    return row.what, f"{row.share:.1%}", f"{row.error:.1%}", wanted(row), holds


def wanted(row: Finding) -> str:
    if row.low is not None and row.high is not None:
        return f"{percent(row.low)} to {percent(row.high)}"
    if row.low is not None:
        return f"at least {percent(row.low)}"
    return f"at most {percent(row.high)}" if row.high is not None else "-"


def percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def paragraph(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def versions() -> str:
    return f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}"


def result(blocks: Sequence[Block]) -> str:
    judged = [row for block in blocks for row in block.rows if row[-1] in (YES, NO)]
    missed = [row[0] for row in judged if row[-1] == NO]
    elsewhere = sum(cell.endswith(MISSED) for block in blocks for row in block.rows for cell in row)
    said = f" Missed: {'; '.join(missed)}." if missed else ""
    return (
        f"**Result.** Of {len(judged)} wanted bounds, {len(judged) - len(missed)} hold.{said} Figures in other "
        f"settings that miss theirs: {elsewhere}, marked by ! in the last table."
    )


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    rule = tuple("-" * widths[0] if not place else "-" * (width - 1) + ":" for place, width in enumerate(widths))
    return "\n".join(table_line(row, widths) for row in [head, rule, *rows])


def table_line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
    return f"| {' | '.join(cells)} |"


# ---- options ---------------------------------------------------------------------------------------------------------


def at_least(lowest: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if int(text) < lowest:
            raise argparse.ArgumentTypeError(f"{text} is less than {lowest}")
        return int(text)

    return number
