"""What comes of training cells again: the values that differ from the record, and whether they may."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

SHOWN = 3
"""Differing values of a cell that are named, the largest first."""
CellValues = Mapping[str, float | str]
"""Recorded values of a cell, or those of today, by what they are: "val/mse epoch 3", "test/mse", "outcome"."""


@dataclass(frozen=True)
class ValueDifference:
    """A value that is not the recorded one; None: there is none on that side."""

    what: str
    recorded: float | str | None
    now: float | str | None

    @property
    def size(self) -> float:
        """Relative to the recorded value, but absolute where that is below 1; infinite where one side has none."""
        if not isinstance(self.recorded, float) or not isinstance(self.now, float):
            return math.inf
        return abs(self.now - self.recorded) / max(1.0, abs(self.recorded))

    def __str__(self) -> str:
        recorded, now = ("nothing" if value is None else str(value) for value in (self.recorded, self.now))
        return f"{self.what}: {recorded} recorded, {now} now"


def metric_of(what: str) -> str:
    """The metric of a compared value: "val/mse epoch 3" is one of "val/mse"."""
    return what.split(" epoch ", maxsplit=1)[0]


def measured_then(recorded: CellValues, now: CellValues, later: Collection[str]) -> CellValues:
    """The values of today without those of metrics, named without their rows, that came ``later`` than the record, which has none."""
    there = {metric_of(what) for what in recorded}

    def came_later(metric: str) -> bool:
        return metric not in there and metric.rpartition("/")[2] in later

    return {what: value for what, value in now.items() if not came_later(metric_of(what))}


def differing(recorded: CellValues, now: CellValues) -> tuple[int, tuple[ValueDifference, ...]]:
    """How many values there are, and those that differ, the largest difference first."""
    every = dict.fromkeys([*recorded, *now])
    differences = [
        ValueDifference(what, recorded.get(what), now.get(what))
        for what in every
        if recorded.get(what) != now.get(what)
    ]
    return len(every), tuple(sorted(differences, key=lambda difference: -difference.size))


@dataclass(frozen=True)
class Allowance:
    """How far values may be from their records."""

    tolerance: float = 0.0
    """0: every value must be the recorded one, bit for bit."""
    measured: tuple[tuple[str, float], ...] = ()
    """What rounding was measured to make of seeds trained alone, by metric, where that is more; ``verify.SLACK`` is in it."""
    reason: str = ""
    """A sentence on what is allowed and why."""

    def of(self, difference: ValueDifference) -> float:
        return max(self.tolerance, dict(self.measured).get(metric_of(difference.what), 0.0))

    def __str__(self) -> str:
        return "what rounding makes" if self.measured else f"{self.tolerance:g}"


BITS = Allowance()


@dataclass(frozen=True)
class CellCheck:
    """What came of training one cell again."""

    name: str
    """Variant and seed."""
    values: int = 0
    """How many were compared."""
    differences: tuple[ValueDifference, ...] = ()
    """The largest first."""
    changed: tuple[str, ...] = ()
    """What is not as it was when the cell was trained: entries of the environment, data, recipe."""
    allowance: Allowance = BITS
    failure: str = ""
    """Why nothing could be compared."""
    code: tuple[str, ...] = ()
    """Modules and packages that are others than those by which the cell was trained."""

    @property
    def identical(self) -> bool:
        return not self.failure and not self.differences

    @property
    def verified(self) -> bool:
        return not self.failure and not self.beyond

    @property
    def beyond(self) -> list[ValueDifference]:
        """What differs by more than is allowed."""
        return [difference for difference in self.differences if difference.size > self.allowance.of(difference)]

    def __str__(self) -> str:
        if self.failure:
            return f"{self.name}: {self.failure}"
        name = f"{self.name}, of different code" if self.code else self.name
        if self.identical:
            return f"{name}: identical ({self.values} values)"
        if self.verified:
            largest = self.differences[0]
            return f"{name}: within {self.allowance} (largest difference {largest.size:.2g}, {largest.what})"
        beyond = self.beyond
        named = "; ".join(map(str, beyond[:SHOWN])) + (f"; {len(beyond) - SHOWN} more" if len(beyond) > SHOWN else "")
        return f"{name}: DIFFERS in {len(beyond)} of {self.values} values: {named}"


@dataclass(frozen=True)
class Verification:
    """Which launch was looked at, and what came of each chosen cell."""

    about: str
    checks: tuple[CellCheck, ...]

    @property
    def verified(self) -> bool:
        return all(check.verified for check in self.checks)

    def __str__(self) -> str:
        return "\n".join([self.about, "", *map(str, self.checks), "", *self._changed(), self._summary()])

    def _changed(self) -> list[str]:
        """What has changed since the cells were trained, and what follows for the comparison."""
        kinds = dict.fromkeys((check.changed, check.allowance) for check in self.checks if not check.failure)
        several = len({changed for changed, _ in kinds}) > 1
        lines = self._other_code()
        for changed in dict.fromkeys(changed for changed, _ in kinds):
            if changed:
                lines.append(self._of(changed) if several else "Different from when these cells were trained:")
                lines += [f"  {entry}" for entry in changed]
            if any(allowance != BITS for also, allowance in kinds if also == changed):
                lines.append("So sums may be rounded differently" if changed else "A GPU adds up in no fixed order")
                lines[-1] += (
                    ", and training amplifies such differences. Allowed (relative for values above 1, absolute below):"
                )
                reasons = [allowance.reason for also, allowance in kinds if also == changed]
                lines += [f"  {reason}" for reason in reasons if reason]
        return [*lines, ""] if lines else []

    def _other_code(self) -> list[str]:
        """Which cells were trained by other code than today's, which was asked whether it gives the same values."""
        lines = []
        for code in dict.fromkeys(check.code for check in self.checks if check.code):
            names = "; ".join(check.name for check in self.checks if check.code == code)
            lines.append(
                f"Trained by code other than today's, which may give different values: {names}. Changed since:"
            )
            lines += [f"  {entry}" for entry in code]
        return lines

    def _of(self, changed: tuple[str, ...]) -> str:
        names = "; ".join(check.name for check in self.checks if check.changed == changed)
        return f"Not as it was when {names} were trained:"

    def _summary(self) -> str:
        of_all = f"of {len(self.checks)} cell{'s' if len(self.checks) != 1 else ''}"
        identical = sum(check.identical for check in self.checks)
        near = sum(check.verified and not check.identical for check in self.checks)
        wrong = len(self.checks) - identical - near
        parts = [(identical, "bit for bit")] if identical or not near else []
        parts += [(near, f"within {self._most_allowed()}")] if near else []
        said = [f"{parts[0][0]} {of_all} repeat{'s' if parts[0][0] == 1 else ''} {parts[0][1]}"]
        said += [f"{count} {how}" for count, how in parts[1:]]
        said += [f"{wrong} do{'es' if wrong == 1 else ''} not"] if wrong else []
        return ", ".join(said) + "."

    def _most_allowed(self) -> Allowance:
        return max((check.allowance for check in self.checks), key=lambda of: (bool(of.measured), of.tolerance))
