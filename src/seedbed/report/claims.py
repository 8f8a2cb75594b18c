"""Claims of a source beside our evidence: each check answers "holds", "does not hold", "can't be told" or "no test can tell".

All claims of a source are one family. Each check gives p-values: of the claim, and of its opposite. A claim that
consists of several parts needs all of them, so that its p is the largest (an intersection-union test: Berger,
Multiparameter hypothesis testing and acceptance sampling, Technometrics 24, 1982); it fails by any part that is
contradicted, so that the p of its opposite is the smallest times their number (Bonferroni). Holm's method adjusts over
the claims. An order of means that may be chance is "can't be told", and a check that would say "holds" of equal variants
more often than a test may says "no test can tell".

Runs that diverged or failed count as in the comparisons: an order needs the test of all seeds too, with these as the worst
ones. The mean and the spread of a variant that lost seeds are those of the other seeds alone, so that nothing of them is
tested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any, NamedTuple

from seedbed.config.baselines import Baselines
from seedbed.config.published_values import entries_of, variants_in
from seedbed.errors import ConfigError, near_misses
from seedbed.report.analysis import LEVEL, Analysis, analyse
from seedbed.report.formatting import NOTHING, count_word, listed, p_text
from seedbed.report.paired_tests import PairedTest
from seedbed.results import Results
from seedbed.statistics import holm, lost_as_worst, mean_above_p, spread_p

HOLDS, FAILS, OPEN, UNTESTABLE = "holds", "does not hold", "can't be told", "no test can tell"
NEVER = "never said"


class CheckResult(NamedTuple):
    """What our runs say about one claim by itself, as one-sided p-values; None where there is no test."""

    evidence: str
    holds: float | None = None
    """The chance of evidence as strong for the claim, were it false."""
    fails: float | None = None
    """The chance of evidence as strong against the claim, were it true."""
    can_hold: bool = True
    """Whether the check can come to "holds" at all."""
    testable: bool = True
    """Whether any test could speak on a claim of this kind."""

    @property
    def p(self) -> float | None:
        """The smaller one-sided p-value; doubled if there are two to choose from."""
        sides = [side for side in (self.holds, self.fails) if side is not None]
        return min(1.0, (2 if self.can_hold else 1) * min(sides)) if sides else None


@dataclass(frozen=True)
class Claim:
    """A sentence of the source and what became of it."""

    text: str
    verdict: str
    evidence: str
    p: float | None = None
    """Adjusted over all claims (Holm); None where no test was made."""
    false_holds: str = NOTHING
    """How often the check would say "holds" at most, were the claim false."""


def check_claims(analysis: Analysis) -> list[Claim]:
    """Check each of ``published.claims`` in the config; ConfigError for a check that cannot be understood."""
    return judged(analysis.results.config, lambda text, claim: _finding(analysis, text, claim))


def judged(config: Mapping[str, Any], check: Callable[[str, dict[str, Any] | str], CheckResult]) -> list[Claim]:
    """The verdict on each of ``published.claims``, from what ``check`` says of its text and entry; all are one family."""
    stated = entries_of(config.get("published"), "claims")
    texts = [str(claim if isinstance(claim, str) else claim.get("text", "")) for claim in stated]
    findings = [check(text, claim) for text, claim in zip(texts, stated, strict=True)]
    adjusted = holm([finding.p for finding in findings])
    return [_claim(text, finding, p) for text, finding, p in zip(texts, findings, adjusted, strict=True)]


def family_words(claims: Sequence[Claim]) -> str:
    """Over what Holm's method adjusts: "the five claims that a test can speak on"; "" where no test was made."""
    count = sum(claim.p is not None for claim in claims)
    return f"the {count_word(count)} claims that a test can speak on" if count > 1 else ""


def _claim(text: str, finding: CheckResult, p: float | None) -> Claim:
    """The verdict on a claim, by the p-value that Holm's method leaves."""
    if not finding.testable:
        return Claim(text, UNTESTABLE, finding.evidence, false_holds=NEVER)
    if finding.p is None or p is None:
        return Claim(text, OPEN, finding.evidence)
    supported = finding.holds is not None and (finding.fails is None or finding.holds < finding.fails)
    verdict = OPEN if p >= LEVEL else HOLDS if supported else FAILS
    side = "for the claim" if supported else "against the claim"
    adjusted = f", {p_text(p)} by Holm" if p > finding.p else ""
    evidence = f"{finding.evidence.removesuffix('.')}; p {_p_shown(finding.p)} {side}{adjusted}."
    return Claim(text, verdict, evidence, p, f"≤ {LEVEL:g}" if finding.can_hold else NEVER)


def _p_shown(p: float) -> str:
    return p_text(p) if p < 0.001 else f"= {p_text(p)}"


def claims_of_source(results: Results) -> list[Claim]:
    """The source's claims, about the experiment's own metric and baseline, whatever else a report is about."""
    own = (results.config.get("report") or {}).get("metric")
    if results.metrics and own not in results.metrics:
        return all_open(results.config, f"{own}, which the claims are about, was not recorded.")
    return check_claims(analyse(results))


def all_open(config: Mapping[str, Any], why: str) -> list[Claim]:
    """Each of ``published.claims``, with the reason for which none can be checked."""
    stated = entries_of(config.get("published"), "claims")
    return [Claim(claim if isinstance(claim, str) else claim.get("text", ""), OPEN, why) for claim in stated]


def _finding(analysis: Analysis, text: str, claim: dict[str, Any] | str) -> CheckResult:
    def has_run(variant: str) -> bool:
        return analysis.quality(variant) is not None

    return result_of_check(analysis.results, text, claim, has_run, lambda name, asked: CHECKS[name](analysis, asked))


def result_of_check(
    results: Results,
    text: str,
    claim: dict[str, Any] | str,
    has_run: Callable[[str], bool],
    check: Callable[[str, Any], CheckResult],
) -> CheckResult:
    """What ``check`` says of the entry of a claim, by the name and the argument that it states.

    Without a check, or with a variant that has not run, nothing. Raises ConfigError for a check that cannot be understood.
    """
    if isinstance(claim, str) or not claim.get("check"):
        return CheckResult("The experiment states no check for it.")
    name, argument = _named_check(text, claim["check"])
    try:
        needed = variants_in(name, argument)
        if name in ABOUT_ALL:
            needed += list(results.config.get("variants") or ())
        known = _known(results, text, list(dict.fromkeys(needed)))
        absent = [variant for variant in known if not has_run(variant)]
        if absent:
            return CheckResult(f"There is no finished run of {listed(absent)}.")
        return check(name, argument)
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


def all_means_between(analysis: Analysis, ends: Sequence[float]) -> CheckResult:
    """``[low, high]``: every variant's mean lies between the two."""
    low, high = map(float, ends)
    means = {variant: summary.mean for variant, summary in analysis.summaries.items() if summary.mean is not None}
    lowest, highest = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    extremes = [f"{analysis.show(means[variant])} ({variant})" for variant in (lowest, highest)]
    evidence = f"The means run from {' to '.join(extremes)}"
    outside = [variant for variant, mean in means.items() if not low <= mean <= high]
    evidence += f"; outside: {listed(outside)}" if outside else ""
    incomplete = _lost_seeds(analysis, means)
    evidence += _untested(incomplete)
    least, most = analysis.declared.bounds
    # What every value of the metric keeps to anyway is no test of a claim.
    tested = [(low, 1.0)] if least is None or low > least else []
    tested += [(high, -1.0)] if most is None or high < most else []
    if not tested:
        return CheckResult(f"{evidence}; no value of this metric can lie outside.", testable=False)
    correction = analysis.test_to_train if analysis.design == "resampled" else 0.0
    inside = [
        None
        if variant in incomplete
        else mean_above_p(sign * analysis.results.values(variant, analysis.metric), sign * end, correction=correction)
        for variant in means
        for end, sign in tested
    ]
    return of_all_parts(f"{evidence}.", inside)


def best_group_then(analysis: Analysis, groups: Sequence[Sequence[str]]) -> CheckResult:
    """``[[a, b], [c]]``: groups in falling order of quality, ahead of all variants that are not named."""
    named = {variant for group in groups for variant in group}
    rest = [name for name in analysis.results.variants if name not in named and analysis.quality(name) is not None]
    return _in_order(analysis, [*groups, rest] if rest else groups)


def can_beat(analysis: Analysis, pair: Sequence[str]) -> CheckResult:
    """``[a, b]``: a comes out ahead of b in at least one seed; no test can tell."""
    first, second = pair
    both, metric = analysis.pairs(first, second), analysis.declared
    ours, theirs = lost_as_worst(both.first, both.second, lower_is_better=metric.lower_is_better, worst=metric.worst)
    if not len(ours):
        return CheckResult(f"{first} and {second} have no finished seed in common.")
    ahead = theirs - ours if metric.lower_is_better else ours - theirs
    wins, ties = int((ahead > 0).sum()), int((ahead == 0).sum())
    lost = ", with those that were lost as the worst" if _lost_seeds(analysis, pair) else ""
    by_chance = 1 - 0.5 ** len(ahead)  # of a pair that is equal, ties apart
    return CheckResult(
        f"{first} is ahead of {second} in {wins} of {len(ahead)} seeds, level in {ties}{lost}; {_means(analysis, pair)}. The "
        f"claim asks for one seed at least, as {100 * by_chance:.1f} % of equal pairs would give.",
        testable=False,
    )


def largest_std(analysis: Analysis, variant: str) -> CheckResult:
    """``a``: its sample standard deviation is larger than each other one, beyond chance."""
    stds = {name: summary.std for name, summary in analysis.summaries.items() if summary.std is not None}
    if variant not in stds or len(stds) < 2:
        return CheckResult(f"A spread needs two finished seeds of {variant} and of another variant.")
    falling = sorted(stds, key=lambda name: -stds[name])
    values = {name: analysis.results.values(name, analysis.metric) for name in falling}
    others = [name for name in falling if name != variant]
    incomplete = _lost_seeds(analysis, falling)
    larger = [
        None
        if incomplete.keys() & {variant, name}
        else one_sided(spread_p(*values[variant].align(values[name], join="inner")), stds[variant] > stds[name])
        for name in others
    ]
    shown = listed(f"{name} {analysis.show(stds[name])}" for name in falling)
    against = others[0] if len(others) == 1 else f"{count_word(len(others))} others"
    tested = f"by the Pitman-Morgan test, against {against}{weakest_part(others, larger)}"
    return of_all_parts(f"Sample std: {shown}; {tested}{_untested(incomplete)}.", larger)


def below(analysis: Analysis, argument: dict[str, Any]) -> CheckResult:
    """``{variant: a, others: [b, c]}``: a does less well than each of the others."""
    return _in_order(analysis, [argument["others"], [argument["variant"]]])


def worse_than(analysis: Analysis, pair: Sequence[str]) -> CheckResult:
    """``[a, b]``: a does less well than b."""
    first, second = pair
    return _in_order(analysis, [[second], [first]])


def not_significant(analysis: Analysis, argument: dict[str, Any] | None) -> CheckResult:
    """``{}`` or ``{baseline: a}``: no difference to the baseline (or of any pair) is significant; never "holds"."""
    given = argument or {}
    family = (analysis.against(Baselines.of(given["baseline"])) if "baseline" in given else analysis).family
    tested = {row: row.p for row in family if row.p is not None}
    sizes = {row: abs(row.comparison.difference or 0.0) for row in family if row.comparison.difference is not None}
    means = [summary.mean for summary in analysis.summaries.values() if summary.mean is not None]
    if not tested:
        return CheckResult("No difference could be tested.")
    largest = max(sizes, key=sizes.__getitem__)
    apart = [row for row, p in tested.items() if p < LEVEL]
    # That no test finds a difference is no evidence that there is none: there is no p for the claim.
    return CheckResult(
        f"The largest difference is {analysis.show(sizes[largest])} ({largest.variant} − {largest.other}); "
        f"significant after Holm: {count_word(len(apart)) if apart else 'none'} of {count_word(len(tested))}"
        + (f" ({listed(f'{row.variant} − {row.other}' for row in apart)})" if apart else "")
        + f"; all means lie within {analysis.show(max(means) - min(means))}"
        + _with_lost([(row.variant, row.other) for row in family], [row.test for row in family])
        + ".",
        fails=min(tested.values()),
        can_hold=False,
    )


CHECKS: dict[str, Callable[[Analysis, Any], CheckResult]] = {
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


def _in_order(analysis: Analysis, groups: Sequence[Sequence[str]]) -> CheckResult:
    """Every variant of a group does better than every one of the next group, by paired tests."""
    pairs = [pair for upper, lower in pairwise(groups) for pair in product(upper, lower)]
    tests = [analysis.test(upper, lower) for upper, lower in pairs]
    sign = -1 if analysis.declared.lower_is_better else 1
    ahead = [one_sided(test.p, sign * (test.comparison.difference or 0.0) > 0) for test in tests]
    agree = all((analysis.quality(upper) or 0.0) > (analysis.quality(lower) or 0.0) for upper, lower in pairs)
    means = "; then ".join(_means(analysis, group) for group in groups)
    order = "the means fall in this order" if agree else "the means do not fall in this order"
    untested = next((_no_test(test) for test in tests if test.p is None), "")
    if len(pairs) == 1:
        support = f"; no test ({untested})" if untested else ""
    else:
        support = f"; {len(pairs)} pairs must agree{weakest_part([' − '.join(pair) for pair in pairs], ahead)}"
    return of_all_parts(f"Means: {means}: {order}{support}{_with_lost(pairs, tests)}.", ahead)


def _no_test(test: PairedTest) -> str:
    """Why there is no p-value of two variants."""
    return test.comparison.words if test.comparison.p is None else "runs were lost, and no value stands for them"


def _with_lost(pairs: Sequence[tuple[str, str]], tests: Sequence[PairedTest]) -> str:
    """That lost runs count as the worst ones, and of which pairs this turns the order; "" where none were lost."""
    lost = [(pair, test) for pair, test in zip(pairs, tests, strict=True) if test.lost and test.p is not None]
    if not lost:
        return ""
    turned = [" − ".join(pair) for pair, test in lost if not test.same_way]
    return "; the test counts lost seeds as the worst" + (f", which turns {listed(turned)} round" if turned else "")


def _lost_seeds(analysis: Analysis, variants: Iterable[str]) -> dict[str, str]:
    """Variants of which runs diverged or failed, with how many: "risky (n=4/10, 6 diverged)"."""
    return {name: f"{name} ({analysis.count(name)})" for name in variants if analysis.lost(name)}


def _untested(incomplete: dict[str, str]) -> str:
    """A clause that names the variants left untested because they lost seeds; "" if there are none."""
    return f"; not tested, as seeds were lost: {listed(incomplete.values())}" if incomplete else ""


def of_all_parts(evidence: str, parts: Sequence[float | None]) -> CheckResult:
    """A claim that needs all of its parts, from their one-sided p-values; a part without a test leaves it open."""
    tested = [p for p in parts if p is not None]
    if not tested:
        return CheckResult(evidence)
    holds = max(tested) if len(tested) == len(parts) else None
    return CheckResult(evidence, holds, min(1.0, len(tested) * min(1 - p for p in tested)))


def one_sided(p: float | None, as_claimed: bool) -> float | None:
    """One-sided p-value of the claimed direction, from a two-sided one and whether the difference is ``as_claimed``."""
    return None if p is None else p / 2 if as_claimed else 1 - p / 2


def weakest_part(names: Sequence[str], parts: Sequence[float | None]) -> str:
    """The part that speaks least for the claim."""
    if None in parts:
        return f", and there is no test of {listed(name for name, p in zip(names, parts, strict=True) if p is None)}"
    weakest = max(zip(names, parts, strict=True), key=lambda part: part[1] or 0.0)[0]
    return f", of which {weakest} speaks least for it" if len(names) > 1 else ""


def _means(analysis: Analysis, variants: Sequence[str]) -> str:
    lost = _lost_seeds(analysis, variants)
    return listed(
        f"{name} {analysis.show(analysis.summaries[name].mean)}{lost.get(name, name).removeprefix(name)}"
        for name in variants
    )


def _known(results: Results, text: str, names: list[str]) -> list[str]:
    """``names``, each being a variant of the experiment; the config may list more than these results hold."""
    known = {*(results.config.get("variants") or ()), *results.variants}
    for name in names:
        if name not in known:
            raise ConfigError(
                f"published.claims: the claim {text!r} is about {name!r}, which is not a variant of experiment "
                f"{results.experiment!r}: {near_misses(name, known)}"
            )
    return names
