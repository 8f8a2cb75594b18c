"""What went wrong with variants and seeds: errors in one line, where in the user's code they arose, and their tracebacks."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from seedbed.errors import place_in_own_code


@dataclass(frozen=True)
class Failure:
    """What went wrong with a variant or a seed."""

    why: str
    """The error's class and message, in one line."""
    traceback: str

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        return cls(f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)))

    @property
    def located(self) -> str:
        """Why, and in which line of the user's own code, where it arose there."""
        place = place_in_own_code(self.traceback)
        return f"{self.why} ({place})" if place else self.why


def grouped(failures: Mapping[str, Failure]) -> Iterator[tuple[str, Failure]]:
    """Failures by what failed, a variant or "variant, seed n"; seeds of a variant that failed alike as "variant, seeds n to m"."""
    seeds: dict[tuple[str, str], list[int]] = {}
    first: dict[tuple[str, str], Failure] = {}
    for where, failure in failures.items():
        match = re.fullmatch(r"(.*, seed)( \d+)", where, re.DOTALL)
        key = (match[1] if match else where, failure.located)
        seeds.setdefault(key, []).extend([int(match[2])] if match else [])
        first.setdefault(key, failure)
    for (what, why), numbers in seeds.items():
        yield f"{what}{_named(sorted(numbers))}", first[what, why]


def _named(seeds: list[int]) -> str:
    """What follows "seed" for these: " 3", "s 0 to 3", "s 0, 2 and 5"; "" for none."""
    if len(seeds) < 2:
        return "".join(f" {seed}" for seed in seeds)
    if len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1:
        return f"s {seeds[0]} to {seeds[-1]}"
    return f"s {', '.join(map(str, seeds[:-1]))} and {seeds[-1]}"
