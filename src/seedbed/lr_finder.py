"""The learning-rate range test as pure functions: which rates are tried, how losses are smoothed, what they suggest.

A range test takes a step at each of many rising learning rates and looks at the loss (Smith 2017, "Cyclical learning
rates for training neural networks"): where it falls the rate is large enough, and where it begins to rise too large.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seedbed.checks import is_from_zero, is_number, is_positive, is_whole, require, require_choice, shown
from seedbed.errors import ConfigError, near_misses
from seedbed.schedules import Schedule

AUTO = "auto"
"""The ``optimizer.lr`` that asks for the rate that each seed's own range test suggests."""
MOST_STEPS = 100_000
"""Of one range test; a number beyond is a mistake."""
Array = NDArray[np.float64]


@dataclass(frozen=True)
class FinderSettings:
    """The keys of ``lr_finder`` in a config; raises ``ConfigError`` for values that cannot work."""

    rule: str
    min_lr: float
    max_lr: float
    steps: int
    spacing: Literal["exponential", "linear"]
    smoothing: float
    stop_at: float | None
    fallback: float

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> FinderSettings:
        """Those of a whole config."""
        node = config.get("lr_finder")
        known = [entry.name for entry in fields(cls)]
        if not isinstance(node, Mapping):
            raise ConfigError(
                f"lr_finder={shown(node)}: it must have the keys {', '.join(known)}. Take back the override."
            )
        for key in node:
            if key not in known:
                raise ConfigError(f"lr_finder.{key}: there is no such setting, {near_misses(str(key), known)}")
        for key in known:
            if key not in node:
                raise ConfigError(f"lr_finder.{key} is missing. Take back the override that removes it.")
        return cls(**node)

    def __post_init__(self) -> None:
        require_choice("lr_finder.rule", self.rule, RULES)
        require(is_positive(self.min_lr), "lr_finder.min_lr", self.min_lr, "a positive number")
        above = is_positive(self.max_lr) and self.max_lr > self.min_lr
        require(above, "lr_finder.max_lr", self.max_lr, f"a number above lr_finder.min_lr={self.min_lr}")
        many = is_whole(self.steps) and 2 <= self.steps <= MOST_STEPS
        require(many, "lr_finder.steps", self.steps, f"a whole number from 2 to {MOST_STEPS}")
        require_choice("lr_finder.spacing", self.spacing, ("exponential", "linear"))
        share = is_from_zero(self.smoothing) and self.smoothing < 1
        require(share, "lr_finder.smoothing", self.smoothing, "a number from 0 to below 1")
        multiple = self.stop_at is None or (is_number(self.stop_at) and self.stop_at > 1)
        require(multiple, "lr_finder.stop_at", self.stop_at, "null or a number above 1")
        require(is_positive(self.fallback), "lr_finder.fallback", self.fallback, "a positive number")

    def rates(self) -> Array:
        """(N,): ``steps`` rates from ``min_lr`` to ``max_lr``, both among them.

        Lightning 2.6 leaves out the second of these: its first step has ``min_lr``, its k-th then
        ``min_lr * (max_lr / min_lr) ** ((k + 1) / N)``, counted from 0.
        """
        space = np.geomspace if self.spacing == "exponential" else np.linspace
        return np.asarray(space(self.min_lr, self.max_lr, self.steps), dtype=np.float64)


@dataclass(frozen=True)
class RisingRates(Schedule):
    """One of the ``rates`` after the other, a step each."""

    rates: Array

    def at(self, step: int, *, steps: int, steps_per_epoch: int, lr: float) -> dict[str, float]:
        return {"lr": float(self.rates[step])}


@dataclass
class LossCurve:
    """The losses of one seed, step by step, until it has diverged.

    ``smoothed`` holds exponentially weighted means of the losses so far, with weights that add up to 1:
    (1 - b) sum(b^(k - i) loss_i) / (1 - b^(k + 1)) after step k, counted from 0. (Lightning 2.6 divides by
    1 - b^(k + 2), so that its first value is 1 / (1 + b) of the loss.)
    """

    smoothing: float
    stop_at: float | None
    losses: list[float] = field(default_factory=list)
    smoothed: list[float] = field(default_factory=list)
    steps: int = 0
    diverged: bool = False
    """Whether the latest loss was not finite, or the smoothed one above ``stop_at`` times the smallest before."""

    def add(self, loss: float) -> None:
        """Take the loss of the next step; one that is not finite is no point of the curve."""
        self.steps += 1
        if not math.isfinite(loss):
            self.diverged = True
            return
        self._mean = self.smoothing * (self._mean if self.losses else 0.0) + (1 - self.smoothing) * loss
        self.losses.append(loss)
        smoothed = self._mean / (1 - self.smoothing ** len(self.losses))
        best = min(self.smoothed, default=math.inf)
        # A multiple of a loss below 0 is no bound above it.
        self.diverged = self.stop_at is not None and best > 0 and smoothed > self.stop_at * best
        self.smoothed.append(smoothed)

    _mean: float = field(default=0.0, init=False, repr=False)


@dataclass(frozen=True)
class RangeTest:
    """What one seed's range test has found: K steps, each at its rate."""

    seed: int
    settings: FinderSettings
    rates: Array
    """(K,): of ``settings.rates()`` the first K."""
    losses: Array
    """(K,): of the batch of each step, before the step."""
    smoothed: Array
    """(K,)"""
    diverged_at: float | None
    """The rate at whose step the loss was found to have diverged; None where the seed went through all rates."""

    @classmethod
    def of(cls, seed: int, settings: FinderSettings, curve: LossCurve) -> RangeTest:
        """What the curve says of a seed that has been led through the rates, or through the first of them."""
        rates, points = settings.rates(), len(curve.losses)
        diverged_at = float(rates[curve.steps - 1]) if curve.diverged else None
        return cls(seed, settings, rates[:points], np.array(curve.losses), np.array(curve.smoothed), diverged_at)

    def suggestion(self, rule: str) -> float | None:
        """The rate that the rule suggests, one of ``RULES``; None where it finds none."""
        return RULES[rule](self)

    def why_no_suggestion(self, rule: str) -> str:
        """Why a rule suggests no rate, in a sentence."""
        points = f"{len(self.rates)} point{'s' if len(self.rates) != 1 else ''}"
        return f"rule {rule} finds no rate in {points} of its range test: too few, or a loss that does not fall"


# ---- rules: each gives a rate, or None where there are too few points or the loss does not fall ------------------------


def valley(test: RangeTest) -> float | None:
    """The middle of the longest descent: of the most points of the smoothed curve of which each is lower than the last.

    As fastai 2's ``valley``, which is its default. The descent, between whose points others may lie, is taken to begin as
    many points before its end as it has; its middle is a third and a sixth of them later, both rounded down.
    """
    rates, smoothed = _without_ends(test)
    if len(rates) < FEWEST:
        return None
    lengths = np.ones(len(smoothed), dtype=int)
    for point in range(1, len(smoothed)):
        higher = lengths[:point][smoothed[:point] > smoothed[point]]
        lengths[point] += higher.max(initial=0)
    longest, end = int(lengths.max()), int(lengths.argmax())
    if longest == 1:
        return None
    return float(rates[max(0, end - longest + longest // 3 + longest // 6)])


def minimum(test: RangeTest) -> float | None:
    """A tenth of the rate at which the smoothed loss is lowest, as fastai 2's ``minimum``."""
    rates, smoothed = _without_ends(test)
    if len(rates) < FEWEST or smoothed.argmin() == 0:
        return None
    return float(rates[smoothed.argmin()]) / 10


def steepest(test: RangeTest) -> float | None:
    """The rate at which the smoothed loss falls fastest, as Lightning 2.5.3 to 2.6.6 suggests it.

    Without the first ten points and the last. Between small rates any two losses make a steep slope, so that of noisy
    losses this is often one of the smallest rates: Lightning's way to smooth, which lets the first losses rise, hides some
    of it, and the slopes are those of losses that are smoothed so. Where the loss falls nowhere Lightning suggests a rate
    all the same.
    """
    kept = slice(STEEPEST_WITHOUT_FIRST, max(len(test.rates) - 1, 0))
    rates, smoothed = test.rates[kept], smoothed_as_lightning(test)[kept]
    if len(rates) < FEWEST:
        return None
    slopes = np.gradient(smoothed, rates)
    return float(rates[slopes.argmin()]) if slopes.min() < 0 else None


def smoothed_as_lightning(test: RangeTest) -> Array:
    """(K,): the same means, each divided by 1 - b^(k + 2) where the weights add up to 1 - b^(k + 1)."""
    steps = np.arange(1, len(test.smoothed) + 1)
    b = test.settings.smoothing
    return np.asarray(test.smoothed * (1 - b**steps) / (1 - b ** (steps + 1)))


STEEPEST_WITHOUT_FIRST = 10
WITHOUT_LAST = 5
FEWEST = 5
"""Points that must be left then: of fewer, any rate would be a guess."""


def _without_ends(test: RangeTest) -> tuple[Array, Array]:
    """Rates and smoothed losses without the first tenth of the test and the last points, as fastai leaves them out."""
    kept = slice(test.settings.steps // 10, max(len(test.rates) - WITHOUT_LAST, 0))
    return test.rates[kept], test.smoothed[kept]


RULES: dict[str, Callable[[RangeTest], float | None]] = {"valley": valley, "steepest": steepest, "minimum": minimum}


# ---- over the seeds --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Suggested:
    """What one rule suggests to several seeds, on the scale of rates: by their logarithms."""

    rates: tuple[float, ...]
    """Of the seeds for which it finds one."""

    @classmethod
    def by(cls, rule: str, tests: Sequence[RangeTest]) -> Suggested:
        return cls(tuple(lr for test in tests if (lr := test.suggestion(rule)) is not None))

    @property
    def mean(self) -> float | None:
        """The geometric mean; None without any rate."""
        return math.exp(sum(map(math.log, self.rates)) / len(self.rates)) if self.rates else None


def mean_curve(tests: Sequence[RangeTest]) -> tuple[Array, Array]:
    """Rates and mean smoothed losses (K,), as far as all seeds go: the mean of those that go furthest is not that of all."""
    shortest = min(tests, key=lambda test: len(test.rates))
    points = len(shortest.rates)
    return shortest.rates, np.mean([test.smoothed[:points] for test in tests], axis=0)
