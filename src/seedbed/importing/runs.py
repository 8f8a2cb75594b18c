"""Runs that seedbed did not train, wherever they were read from: what is known of each, and that no two are the same."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from seedbed.errors import DataError
from seedbed.results import CELL_COLUMNS

FINISHED, FAILED = "FINISHED", "FAILED"
NAMED = 5
"""Of runs or columns in a sentence, at most."""
_LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class Keys:
    """What says which run it is: the names of two columns, or of a param or tag each."""

    variant: str = "variant"
    seed: str = "seed"


@dataclass(frozen=True)
class ForeignRun:
    """One seed of one variant."""

    variant: str
    seed: int
    values: dict[str, float]
    """The final value of each metric, by the label that it has there; NaN where there is none."""
    place: str
    """Where it stands, for messages: "line 3"."""
    status: str = FINISHED
    """FINISHED, or FAILED where it is known to have failed: then it counts as the worst."""
    points: list[tuple[str, int, float]] = field(default_factory=list)
    """Label, step and value of its curves."""


@dataclass(frozen=True)
class ForeignRuns:
    """All runs of one source."""

    source: str
    """As a sentence names it: "results.csv"."""
    digest: str
    """SHA-256 of the file; "" where it is none."""
    variant_key: str
    """What names the variant there: a column, or a param or tag."""
    runs: Sequence[ForeignRun]
    notes: Sequence[str] = ()
    """What was left out, in sentences."""
    steps: str = "epoch"
    """What the curves are over."""

    @property
    def variants(self) -> list[str]:
        """In the order in which they come first."""
        return list(dict.fromkeys(run.variant for run in self.runs))

    @property
    def seeds(self) -> list[int]:
        """By rising number."""
        return sorted({run.seed for run in self.runs})

    @property
    def labels(self) -> list[str]:
        """Of the final metrics that have a value somewhere, in the order in which they come first."""
        return list(dict.fromkeys(label for run in self.runs for label in run.values if has_value(run, label)))


def has_value(run: ForeignRun, label: str) -> bool:
    """Whether there is a value, if only an infinite one."""
    return not math.isnan(run.values.get(label, math.nan))


def seed_of(text: str, source: str, place: str) -> int:
    """The seed that a text is, such as "3" or "3.0"; raises ``DataError``."""
    match = re.fullmatch(r"([-+]?[0-9]+)(?:\.0*)?", text.strip(), re.ASCII)
    if match is None or abs(int(match[1])) > _LARGEST_SEED:
        what = f"{text!r}, which is not a whole number" if text.strip() else "no value"
        raise DataError(
            f"{source}, {place}: the seed is {what}. Number the seeds, such as 0, 1, 2: runs of two variants with the same "
            "number are compared as a pair."
        )
    return int(match[1])


def variant_of(text: str, source: str, place: str) -> str:
    """The variant that a text names; raises ``DataError``."""
    name = " ".join(text.split())
    if not name or "`" in name:
        why = "holds a backtick, which marks code in reports" if name else "has no name"
        raise DataError(f"{source}, {place}: the variant {why}. Give it a name that can be shown.")
    return name


def each_once(runs: Iterable[ForeignRun], source: str) -> list[ForeignRun]:
    """The runs; raises ``DataError`` where two are of one variant and seed."""
    first: dict[tuple[str, int], ForeignRun] = {}
    for run in runs:
        other = first.setdefault((run.variant, run.seed), run)
        if other is not run:
            raise DataError(
                f"{source}: variant {run.variant!r} has seed {run.seed} twice, in {other.place} and {run.place}. A variant "
                "has one run a seed. Take one of them out; or, where they differ in a setting or in the data, make that a "
                "part of the variant's name, or import each by itself."
            )
    return list(first.values())


def left_out(names: Iterable[str], why: str) -> list[str]:
    """A sentence on metrics or columns that are left out; [] where none is."""
    known = list(names)
    if not known:
        return []
    more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
    return [f"Left out: {', '.join(known[:NAMED])}{more} ({why})."]


def is_reserved(label: str) -> bool:
    """Whether a metric would be called as what seedbed's own tables say of a cell."""
    return label in CELL_COLUMNS
