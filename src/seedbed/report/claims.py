"""Claims of a source beside our evidence: each check answers "holds", "does not hold" or "can't be told".

A claim that one variant does better than another holds only when the paired test says so; an order of means that may
be chance is "can't be told".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any, NamedTuple

from seedbed.errors import ConfigError, near_misses
from seedbed.report.analysis import BETTER, LEVEL, WORSE, Analysis, Difference
from seedbed.report.formatting import count_word, listed, p_text
from seedbed.results import Results
from seedbed.statistics import holm, spread_p

HOLDS, FAILS, OPEN = "holds", "does not hold", "can't be told"


class Finding(NamedTuple):
    """What our runs say about one claim."""

    verdict: str
    evidence: str


@dataclass(frozen=True)
class Claim:
    """A sentence of the source and what became of it."""

    text: str
    verdict: str
    evidence: str


def check_claims(analysis: Analysis) -> list[Claim]:
    """Check each of ``published.claims`` in the config; ConfigError for a check that cannot be understood."""
    stated = (analysis.results.config.get("published") or {}).get("claims") or []
    return [_check_claim(analysis, claim) for claim in stated]


def untold_claims(results: Results, why: str) -> list[Claim]:
    """Each of ``published.claims``, with the reason for which none can be checked."""
    stated = (results.config.get("published") or {}).get("claims") or []
    return [Claim(claim if isinstance(claim, str) else claim.get("text", ""), OPEN, why) for claim in stated]


def _check_claim(analysis: Analysis, claim: dict[str, Any] | str) -> Claim:
    if isinstance(claim, str) or not claim.get("check"):
        text = claim if isinstance(claim, str) else claim.get("text", "")
        return Claim(text, OPEN, "The experiment states no check for it.")
    text = str(claim.get("text", ""))
    name, argument = _named_check(text, claim["check"])
    try:
        needed = list(_names_in(name, argument))
        if name in ABOUT_ALL:
            needed += list(analysis.results.config.get("variants") or ())
        known = _known(analysis, text, list(dict.fromkeys(needed)))
        absent = [variant for variant in known if analysis.quality(variant) is None]
        if absent:
            return Claim(text, OPEN, f"There is no finished run of {listed(absent)}.")
        return Claim(text, *CHECKS[name](analysis, argument))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ConfigError(
            f"published.claims: the check {name!r} of the claim {text!r} cannot use {argument!r} "
            f"({error!r}): {(CHECKS[name].__doc__ or '').splitlines()[0]}"
        ) from error


def _named_check(text: str, check: Any) -> tuple[str, Any]:
    """Name and argument of ``{name: argument}``."""
    if isinstance(check, dict) and len(check) == 1 and next(iter(check)) in CHECKS:
        return next(iter(check.items()))
    names = [str(name) for name in check] if isinstance(check, dict) else [str(check)]
    raise ConfigError(
        f"published.claims: the claim {text!r} asks for the check {' and '.join(names)!r}: a claim has one "
        f"check, written {{name: argument}}, and it must exist: {near_misses(names[0], CHECKS)}"
    )


def all_means_between(analysis: Analysis, ends: Sequence[float]) -> Finding:
    """``[low, high]``: every variant's mean lies between the two."""
    low, high = map(float, ends)
    means = {variant: found.mean for variant, found in analysis.summaries.items() if found.mean is not None}
    if not means:
        return Finding(OPEN, "There is no finished run.")
    outside = [variant for variant, mean in means.items() if not low <= mean <= high]
    without = [variant for variant in analysis.summaries if variant not in means]
    lowest, highest = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    extremes = [f"{analysis.show(means[variant])} ({variant})" for variant in (lowest, highest)]
    evidence = f"The means run from {' to '.join(extremes)}"
    if outside:
        return Finding(FAILS, f"{evidence}; outside: {listed(outside)}.")
    if without:
        return Finding(OPEN, f"{evidence}, but there is no finished run of {listed(without)}.")
    return Finding(HOLDS, f"{evidence}.")


def best_group_then(analysis: Analysis, groups: Sequence[Sequence[str]]) -> Finding:
    """``[[a, b], [c]]``: groups in falling order of quality, ahead of all variants that are not named."""
    named = {variant for group in groups for variant in group}
    rest = [name for name in analysis.results.variants if name not in named and analysis.quality(name) is not None]
    return _in_order(analysis, [*groups, rest] if rest else groups)


def can_beat(analysis: Analysis, pair: Sequence[str]) -> Finding:
    """``[a, b]``: a comes out ahead of b in at least one seed."""
    first, second = pair
    results, sign = analysis.results, -1 if analysis.results.lower_is_better(analysis.metric) else 1
    ahead = (sign * (results.values(first, analysis.metric) - results.values(second, analysis.metric))).dropna()
    if ahead.empty:
        return Finding(OPEN, f"{first} and {second} have no finished seed in common.")
    wins, ties = int((ahead > 0).sum()), int((ahead == 0).sum())
    counts = f"{first} is ahead of {second} in {wins} of {len(ahead)} seeds, level in {ties}"
    evidence = f"{counts} (the claim asks for one at least); {_means(analysis, pair)}"
    return Finding(HOLDS if wins else FAILS, f"{evidence}; {_support(analysis.differences([(first, second)]))}.")


def largest_std(analysis: Analysis, variant: str) -> Finding:
    """``a``: its sample standard deviation is larger than each other one, beyond chance."""
    stds = {name: found.std for name, found in analysis.summaries.items() if found.std is not None}
    if variant not in stds or len(stds) < 2:
        return Finding(OPEN, f"A spread needs two finished seeds of {variant} and of another variant.")
    falling = sorted(stds, key=lambda name: -stds[name])
    values = {name: analysis.results.values(name, analysis.metric) for name in falling}
    others = [name for name in falling if name != variant]
    p_values = holm([spread_p(*values[variant].align(values[name], join="inner")) for name in others])
    apart = [name for name, p in zip(others, p_values, strict=True) if p is not None and p < LEVEL]
    smaller = [name for name in apart if stds[name] < stds[variant]]
    verdict = HOLDS if len(smaller) == len(others) else FAILS if len(apart) > len(smaller) else OPEN
    shown = listed(f"{name} {analysis.show(stds[name])}" for name in falling)
    return Finding(
        verdict,
        f"Sample std: {shown}; by the Pitman-Morgan test (Holm) that of {variant} is larger than that of "
        f"{len(smaller)} of {len(others)} others.",
    )


def below(analysis: Analysis, argument: dict[str, Any]) -> Finding:
    """``{variant: a, others: [b, c]}``: a does less well than each of the others."""
    return _in_order(analysis, [argument["others"], [argument["variant"]]])


def worse_than(analysis: Analysis, pair: Sequence[str]) -> Finding:
    """``[a, b]``: a does less well than b."""
    first, second = pair
    return _in_order(analysis, [[second], [first]])


def not_significant(analysis: Analysis, argument: dict[str, Any] | None) -> Finding:
    """``{}`` or ``{baseline: a}``: no difference to the baseline (or of any pair) is significant; never "holds"."""
    baseline = (argument or {}).get("baseline", analysis.baseline)
    family = Analysis(analysis.results, analysis.metric, baseline).family
    tested = [row for row in family if row.p is not None]
    sizes = {row: abs(row.comparison.difference or 0.0) for row in family if row.comparison.difference is not None}
    means = [found.mean for found in analysis.summaries.values() if found.mean is not None]
    if not tested:
        return Finding(OPEN, "No difference could be tested.")
    largest = max(sizes, key=sizes.__getitem__)
    apart = [row for row in tested if row.told_apart]
    # That no test finds a difference is no evidence that there is none.
    return Finding(
        FAILS if apart else OPEN,
        f"The largest difference is {analysis.show(sizes[largest])} ({largest.variant} − {largest.other}); "
        f"significant after Holm: {count_word(len(apart)) if apart else 'none'} of {count_word(len(tested))}"
        + (f" ({listed(f'{row.variant} − {row.other}' for row in apart)})" if apart else "")
        + f"; all means lie within {analysis.show(max(means) - min(means))}.",
    )


CHECKS: dict[str, Callable[[Analysis, Any], Finding]] = {
    check.__name__: check
    for check in (
        all_means_between,
        best_group_then,
        can_beat,
        largest_std,
        below,
        worse_than,
        not_significant,
    )
}


# Claims about all variants of the experiment; when some were not run, they cannot be told.
ABOUT_ALL = {check.__name__ for check in (all_means_between, best_group_then, largest_std, not_significant)}


def _in_order(analysis: Analysis, groups: Sequence[Sequence[str]]) -> Finding:
    """Holds when the paired test supports every pair of neighbouring groups, fails when it contradicts one."""
    steps = [list(product(upper, lower)) for upper, lower in pairwise(groups)]
    pairs = [pair for step in steps for pair in step]
    rows = analysis.differences(pairs)
    agree = all((analysis.quality(upper) or 0.0) > (analysis.quality(lower) or 0.0) for upper, lower in pairs)
    supported, contradicted = (sum(row.verdict == verdict for row in rows) for verdict in (BETTER, WORSE))
    verdict = HOLDS if supported == len(rows) else FAILS if contradicted else OPEN
    means = "; then ".join(_means(analysis, group) for group in groups)
    order = "the means fall in this order" if agree else "the means do not fall in this order"
    return Finding(verdict, f"Means: {means}: {order}; {_support(rows)}.")


def _means(analysis: Analysis, variants: Iterable[str]) -> str:
    return listed(f"{variant} {analysis.show(analysis.summaries[variant].mean)}" for variant in variants)


def _support(rows: list[Difference]) -> str:
    """Whether the paired test supports the order, or for how many of several pairs it does (after Holm)."""
    supported = sum(row.verdict == BETTER for row in rows)
    if len(rows) > 1:
        return f"the paired test supports this order in {supported} of {len(rows)} pairs (Holm)"
    p = rows[0].p
    if p is None:
        return f"the paired test says nothing ({rows[0].comparison.words})"
    sign = "" if p < 0.001 else "= "
    return f"the paired test {'supports' if supported else 'does not support'} it (p {sign}{p_text(p)})"


def _names_in(check: str, argument: Any) -> Iterable[str]:
    """The variants that a check names."""
    match argument:
        case str():
            yield argument
        case dict():
            for value in argument.values():
                yield from _names_in(check, value)
        case list() | tuple() if check != "all_means_between":
            for value in argument:
                yield from _names_in(check, value)


def _known(analysis: Analysis, text: str, names: list[str]) -> list[str]:
    """``names``, each being a variant of the experiment; the config may list more than these results hold."""
    known = {*(analysis.results.config.get("variants") or ()), *analysis.results.variants}
    for name in names:
        if name not in known:
            raise ConfigError(
                f"published.claims: the claim {text!r} is about {name!r}, which is no variant of experiment "
                f"{analysis.results.experiment!r}: {near_misses(name, known)}"
            )
    return names
