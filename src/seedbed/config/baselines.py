"""Which variants are compared with which: all others with one baseline, each with its own, or all pairs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from seedbed.checks import require, shown
from seedbed.errors import ConfigError, near_misses

KEY = "report.baseline"

Stated = str | Mapping[str, str] | None
"""As a config or an argument says it: the name of one variant, a mapping from variants to their baselines, or null."""


@dataclass(frozen=True)
class Baselines:
    """``one`` baseline for all others, or for each variant that is compared its ``own``; with neither, all pairs are compared."""

    one: str | None = None
    own: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, stated: Stated, key: str = KEY) -> Baselines:
        """Raises ``ConfigError`` for a mapping that is empty, holds what is no name, or compares a variant with itself."""
        if not isinstance(stated, Mapping):
            return cls(stated)
        require(bool(stated), key, "{}", "{VARIANT: BASELINE, ...}, the name of one baseline for all variants, or null: all pairs")  # fmt: skip
        for variant, other in stated.items():
            names = isinstance(variant, str) and isinstance(other, str)
            require(names, key, _pair_text(variant, other), "the names of two variants; put a number in quotes")
            if variant == other:
                raise ConfigError(
                    f"{key}={_pair_text(variant, other)}: no variant is compared with itself. Name another one as its "
                    "baseline, or leave it out."
                )
        return cls(own=dict(stated))

    def require_among(self, variants: Collection[str], key: str = KEY, owner: str = "the experiment") -> None:
        """Raises ``ConfigError`` for a name that is none of the variants of ``owner``."""
        places = [(name, _pair_text(*pair)) for pair in self.own.items() for name in pair]
        places += [] if self.one is None else [(self.one, shown(self.one))]
        for name, given in places:
            if name not in variants:
                raise ConfigError(
                    f"{key}={given}: {owner} has no variant {name!r}, {near_misses(str(name), variants)} Without a baseline "
                    "all pairs are compared."
                )

    @property
    def names(self) -> list[str]:
        """The baselines, each once."""
        return list(dict.fromkeys(self.own.values())) if self.one is None else [self.one]

    def baseline_of(self, variant: str) -> str | None:
        """What a variant is compared with; None for one without a baseline."""
        return self.own.get(variant) if self.one in (None, variant) else self.one

    def pairs(self, variants: Sequence[str]) -> list[tuple[str, str]]:
        """Each comparison of these variants, in their order."""
        if self == ALL_PAIRS:
            return list(combinations(variants, 2))
        named = ((variant, self.baseline_of(variant)) for variant in variants)
        return [(variant, other) for variant, other in named if other is not None and other in variants]

    def among(self, variants: Collection[str]) -> Baselines | None:
        """Without those of which ``variants`` lack one side; None where nothing is left of them."""
        if self.own:
            kept = {variant: other for variant, other in self.own.items() if {variant, other} <= {*variants}}
            return Baselines(own=kept) if kept else None
        return self if self.one is None or self.one in variants else None


ALL_PAIRS = Baselines()


def _pair_text(variant: object, other: object) -> str:
    """One pair as it is typed."""
    return f"{{{shown(variant)}: {shown(other)}}}"
