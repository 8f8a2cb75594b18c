"""The answer in sentences, made from the comparisons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from seedbed.report.analysis import (
    BETTER,
    HIGHER,
    NO_VERDICT,
    UNDECIDED,
    UNTESTED,
    WORSE,
    Analysis,
    Difference,
    difference_text,
)
from seedbed.report.claims import FAILS, HOLDS, OPEN, UNTESTABLE, Claim
from seedbed.report.departures import foreign_data
from seedbed.report.formatting import count_word, listed, mean_text
from seedbed.report.imported import imported_sentences
from seedbed.report.never_found import never_found_sentences
from seedbed.report.paired_tests import LOWER
from seedbed.report.rebalancing import rebalancing_sentences
from seedbed.report.threshold_to_use import threshold_sentences


def summary_sentences(analysis: Analysis, claims: list[Claim]) -> list[str]:
    """What the runs say: who differs, who leads, what is incomplete, what became of the source's claims."""
    sentences = [
        *imported_sentences(analysis.results, analysis.metric),
        foreign_data(analysis.results),
        analysis.exploratory,
        analysis.uncompared,
        _differences(analysis),
        *never_found_sentences(analysis),
        *rebalancing_sentences(analysis),
        *threshold_sentences(analysis),
        *_no_verdicts(analysis),
        _detectable(analysis),
        *_one_recipes(analysis),
        _equivalences(analysis),
        _about(analysis),
        _leader(analysis),
        *_gaps(analysis),
        _claims(claims, analysis),
        _launch(analysis),
    ]
    return [sentence for sentence in sentences if sentence]


MOST_CLAUSES = 8
LARGEST_SHOWN = 3
"""Of more than ``MOST_CLAUSES`` differences that are told apart, so many are named."""
MOST_NAMED = 3


def _differences(analysis: Analysis) -> str:
    """Who is told apart, who is not, and what was not tested: "`a` is worse than `b` by 0.012 [0.009, 0.015]; ..."."""
    family = analysis.once
    if not analysis.family:
        return "One variant alone: there is nothing to compare."
    apart = [row for row in family if row.told_apart]
    open_rows = [row for row in family if row.verdict == UNDECIDED]
    many = len(apart) > MOST_CLAUSES
    clauses = _largest(analysis, apart) if many else [_clause(analysis, row) for row in apart]
    if open_rows:
        clauses.append(_undecided(analysis, open_rows, others=bool(apart)))
    where = f"on {_code(analysis.label())}{_seeds(apart + open_rows)}" if clauses else ""
    if many:
        tested = f"O{where[1:]} {_counts(analysis, apart)}; {'; '.join(clauses)}."
    elif tested := "; ".join(clauses):
        tested = f"{tested[0].upper()}{tested[1:]} {where}."
    return " ".join(part for part in (tested, _untested(analysis)) if part)


def _counts(analysis: Analysis, apart: list[Difference]) -> str:
    """How many of very many comparisons are told apart: "all 13 are told apart from `a`: ten better, three worse"."""
    made = analysis.tests_made(analysis.once)
    of = f"all {made}" if len(apart) == made else f"{len(apart)} of {made}"
    every = made == len(analysis.once)
    ways = Counter(row.verdict for row in apart)
    said = ", ".join(f"{count_word(ways[way])} {way}" for way in (BETTER, WORSE, HIGHER, LOWER) if ways[way])
    if analysis.baseline:
        return f"{of}{'' if every else ' tested'} are told apart from {analysis.quoted[analysis.baseline]}: {said}"
    pairs = f"{of} {'pairs' if every else 'tested pairs'} are told apart"
    return f"{pairs}, each variant against its baseline: {said}" if analysis.baselines.own else pairs


def _largest(analysis: Analysis, apart: list[Difference]) -> list[str]:
    """The largest of very many differences that are told apart."""
    order = sorted(apart, key=lambda row: -abs(row.comparison.difference or 0.0))
    first, *others = [_clause(analysis, row) for row in order[:LARGEST_SHOWN]]
    return [f"the largest differences: {first}", *others]


def _no_verdicts(analysis: Analysis) -> list[str]:
    """What is only so where runs did not diverge or fail."""
    rows = [row for row in analysis.once if row.verdict == NO_VERDICT]
    said = [
        f"{analysis.quoted[row.variant]} against {analysis.quoted[row.other]} on {_code(analysis.label())}: difference "
        f"{difference_text(analysis, row)}, {analysis.said(row)}."
        for row in rows[:MOST_CLAUSES]
    ]
    more = len(rows) - MOST_CLAUSES
    return [*said, *([f"No verdict on {count_word(more)} more pairs (see the comparisons)."] if more > 0 else [])]


def _detectable(analysis: Analysis) -> str:
    """The true difference that the seeds could have shown where they show none."""
    rows = [row for row in analysis.once if row.verdict == UNDECIDED]
    sizes = [size for row in rows if (size := analysis.detectable(row)) is not None]
    if not sizes:
        return ""
    low, high = analysis.declared.bounds
    if low is not None and high is not None and min(sizes) >= high - low:
        return (
            "Variants that can't be told apart may well differ: so few seeds, with such a spread, have a power of 80 % for no "
            "difference that this metric can have. 'seedbed power' says how many seeds it takes to detect a difference."
        )
    ends = list(dict.fromkeys(analysis.show(size) for size in (min(sizes), max(sizes))))
    span = f"{' to '.join(ends)}{', depending on the pair' if len(ends) > 1 else ''}"
    return f"Where variants can't be told apart, these seeds had a power of 80 % for a true difference of {span}, and less for a smaller one."


def _one_recipes(analysis: Analysis) -> list[str]:
    """Which variants are the same cells under several names."""
    groups = [
        [analysis.quoted[name] for name, first in analysis.recipes.items() if first == recipe]
        for recipe in analysis.distinct
    ]
    return [f"{listed(group)} are one recipe, trained once: they count as one." for group in groups if len(group) > 1]


def _untested(analysis: Analysis) -> str:
    """Which comparisons bear no test, by the reason."""
    reasons: dict[str, list[Difference]] = {}
    for row in analysis.once:
        if row.verdict == UNTESTED:
            reasons.setdefault(row.comparison.words, []).append(row)
    said = []
    for reason, rows in reasons.items():
        names = [_named(analysis, row) for row in rows]
        shown = listed(names) if len(names) <= MOST_CLAUSES else f"{count_word(len(rows))} pairs"
        against = f" against {analysis.quoted[analysis.baseline]}" if analysis.baseline else ""
        said.append(f"Not tested on {_code(analysis.label())}: {shown}{against} ({reason}).")
    return " ".join(said)


def _named(analysis: Analysis, row: Difference) -> str:
    """The variant beside the baseline, or both of a pair."""
    first = analysis.quoted[row.variant]
    return first if analysis.baseline else f"{first} and {analysis.quoted[row.other]}"


def _code(label: str) -> str:
    """A metric as it is typed, shown as it stands."""
    return f"`{label.replace('`', '')}`"


EQUIVALENT = 0.95


def _equivalences(analysis: Analysis) -> str:
    """Whose difference is too small to matter, with what probability at least."""
    if analysis.rope is None:
        return ""
    chances = {
        row: probabilities[1]
        for row in analysis.once
        if (probabilities := analysis.chances(row)) and probabilities[1] >= EQUIVALENT
    }
    if not chances:
        return ""
    names = [_named(analysis, row) for row in chances]
    shown = listed(names) if len(names) <= MOST_CLAUSES else f"{count_word(len(names))} pairs"
    than = f" from {analysis.quoted[analysis.baseline]}" if analysis.baseline else ""
    return (
        f"{shown} differ{'s' if len(names) == 1 and analysis.baseline else ''}{than} by less than {analysis.rope:g}, too "
        f"little to matter, with a probability of {int(min(chances.values()) * 1000) / 1000:.3f} or more (Bayesian test)."
    )


def _launch(analysis: Analysis) -> str:
    """What a reader must know of the launch itself."""
    results = analysis.results
    parts = []
    if results.overrides:
        parts.append(
            f"This launch changed the experiment's recipe: {listed(_code(text) for text in results.overrides)}."
        )
    if results.search is not None:
        parts.append(f"It tests on fresh seeds what the search {_code(results.search.study)} found: see below.")
    if len(results.jobs) > 1:
        parts.append(f"It is one of {count_word(len(results.jobs))} jobs of a sweep: see below.")
    return " ".join(parts)


def _about(analysis: Analysis) -> str:
    """What the intervals and tests say something about."""
    tested = [row for row in analysis.family if row.p is not None]
    if not tested:
        return ""
    count = analysis.tests_made(tested)
    together = "both" if count == 2 else f"all {count_word(count)}"
    holm = f", and the verdicts are corrected for {together} (Holm)" if count > 1 else ""
    return f"Intervals and verdicts are about {tested[0].comparison.about}; each interval is for its comparison alone{holm}."


def _clause(analysis: Analysis, row: Difference) -> str:
    comparison = row.comparison
    low, high = sorted((abs(comparison.low or 0.0), abs(comparison.high or 0.0)))
    size = analysis.show(abs(comparison.difference or 0.0))
    lost = f" (on {row.survivors}; the verdict counts the others as the worst)" if row.test.lost else ""
    return (
        f"{analysis.quoted[row.variant]} is {row.verdict} than {analysis.quoted[row.other]} by {size} "
        f"[{analysis.show(low)}, {analysis.show(high)}]{lost}"
    )


def _undecided(analysis: Analysis, rows: list[Difference], others: bool) -> str:
    count = count_word(len(rows))
    if analysis.baseline is None:
        if others:
            if len(rows) > 1:
                return f"the other {count} pairs can't be told apart"
            if not analysis.baselines.own:
                return "the other pair can't be told apart"
        if len(rows) == 1:
            return f"{_named(analysis, rows[0])} can't be told apart"
        return f"none of the {count} pairs can be told apart"
    baseline = analysis.quoted[analysis.baseline]
    if len(rows) == 1 or (not others and len(rows) == 2):
        return f"{listed(_named(analysis, row) for row in rows)} can't be told apart from {baseline}"
    return f"{'the other' if others else 'all'} {count} can't be told apart from {baseline}"


def _seeds(rows: list[Difference]) -> str:
    counts = sorted({row.comparison.n for row in rows})
    span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f" with {span} seed{'' if counts == [1] else 's'}"


def _leader(analysis: Analysis) -> str:
    """The best mean of the variants that lack no value, its distance to the next, and from which it can't be told apart."""
    complete = [name for name in analysis.distinct if analysis.is_complete(name, analysis.summaries[name])]
    best = sorted(analysis.best(), key=analysis.results.variants.index)
    if not best or len(analysis.results.variants) < 2:
        return ""
    first = analysis.compared[best[0]]
    mean = analysis.show(first.mean) if first.std is not None else mean_text(first, analysis.decimals)
    among = "" if len(complete) == len(analysis.distinct) else " of the variants that lack no seed"
    sentence = (
        f"The {analysis.declared.best_mean}{among} is {mean}, of {listed(analysis.quoted[name] for name in best)}"
    )
    return f"{sentence}{_better_on_fewer(analysis, best[0], complete)}{_lead(analysis, complete)}."


def _better_on_fewer(analysis: Analysis, best: str, complete: list[str]) -> str:
    """The variants whose mean is better only over the seeds that they have: " (`c` has 0.8206, on 4 of 5 seeds only)"."""
    quality = analysis.quality(best) or 0.0
    said = [
        f"{analysis.quoted[name]} has {analysis.show(analysis.compared[name].mean)}, on {analysis.summaries[name].n} of "
        f"{len(analysis.results.cells_of(name))} seeds only"
        for name in analysis.distinct
        if name not in complete and (theirs := analysis.quality(name)) is not None and theirs > quality
    ]
    return f" ({'; '.join(said)})" if said else ""


def _lead(analysis: Analysis, complete: list[str]) -> str:
    """The lead of the best of the ``complete`` variants over the next, and all variants that it can't be told apart from."""
    order = sorted(complete, key=lambda name: -(analysis.quality(name) or 0.0))
    if len(order) < 2:
        return ""
    first, second = order[:2]
    told, rest = _told(analysis, first, second), _not_told_apart(analysis, first, order[1:])
    if not _gap(analysis, first, second):
        return f" ({told}){rest}"
    return f", {_gap(analysis, first, second)} ahead of {analysis.quoted[second]} ({told}){rest}"


def _gap(analysis: Analysis, first: str, second: str) -> str:
    """The distance of two means; "" where they are displayed as one number."""
    gap = analysis.show(abs((analysis.quality(first) or 0.0) - (analysis.quality(second) or 0.0)))
    return gap if float(gap) else ""


def _told(analysis: Analysis, first: str, second: str) -> str:
    """What is said of these two, and as one of how many pairs it was tested where the family lacks it."""
    row = _tested(analysis, first, second)
    if row is None or row.verdict == UNTESTED:
        return f"{UNTESTED}: {row.comparison.words}" if row else UNTESTED
    return f"{'told apart' if row.told_apart else row.verdict}{_picked(analysis, first, [second])}"


def _tested(analysis: Analysis, first: str, second: str) -> Difference | None:
    """The comparison in the family; a pair that it lacks was picked by its means, and so is tested as one of all."""
    return analysis.row_of(first, second) or analysis.of_all_pairs.row_of(first, second)


def _picked(analysis: Analysis, first: str, others: list[str]) -> str:
    """A clause on the family in which pairs picked by their means were tested; "" if the experiment's family holds them."""
    if all(analysis.row_of(first, other) for other in others):
        return ""
    pairs = analysis.of_all_pairs
    count, made = len(pairs.once), pairs.tests_made(pairs.once)
    of = f"all {count_word(count)} pairs" if made == count else f"the {count_word(made)} pairs that can be tested"
    return f", tested as one of {of}, as {'it was' if len(others) == 1 else 'they were'} picked by {'its' if len(others) == 1 else 'their'} means"


def _not_told_apart(analysis: Analysis, first: str, behind: list[str]) -> str:
    """The other variants that the first is not told apart from: "; it can't be told apart from `c` (0.0070 behind)"."""
    second, *others = behind
    rows = {name: _tested(analysis, first, name) for name in others}
    open_names = [name for name, row in rows.items() if row and row.verdict in (UNDECIDED, NO_VERDICT)]
    untested = [name for name, row in rows.items() if row is None or row.verdict == UNTESTED]
    next_row = _tested(analysis, first, second)
    also = next_row is not None and next_row.verdict == UNDECIDED
    said = ""
    if open_names:
        how = "nor can it be told apart" if also else "it can't be told apart"
        known = "" if analysis.row_of(first, second) is None else _picked(analysis, first, open_names)
        said += f"; {how} from {_with_gaps(analysis, first, open_names)}{known}"
    if untested:
        said += f"; not tested against {_with_gaps(analysis, first, untested)}"
    return said


def _with_gaps(analysis: Analysis, first: str, names: list[str]) -> str:
    """The variants with how far each is behind; of many, the nearest: "`b` (0.0009 behind), ... and three more"."""
    named = names if len(names) <= MOST_NAMED + 1 else names[:MOST_NAMED]
    gaps = {name: _gap(analysis, first, name) for name in named}
    texts = [f"{analysis.quoted[name]}{f' ({gap} behind)' if gap else ''}" for name, gap in gaps.items()]
    more = len(names) - len(named)
    return listed([*texts, *([f"{count_word(more)} more"] if more else [])])


def _gaps(analysis: Analysis) -> list[str]:
    return [
        f"{analysis.quoted[variant]} {_lacking(analysis, variant)}: {analysis.count(variant)}; what is absent enters no mean and no interval."
        for variant in analysis.results.variants
        if not analysis.is_complete(variant, analysis.summaries[variant])
    ]


def _lacking(analysis: Analysis, variant: str) -> str:
    """What is the matter with a variant that lacks values: seeds that all diverged have run, and lack nothing but sense."""
    cells = analysis.results.cells_of(variant)
    return "diverged in every seed" if (cells["outcome"] == "diverged").all() else "is incomplete"


def _claims(claims: list[Claim], analysis: Analysis) -> str:
    own = (analysis.results.config.get("report") or {}).get("metric")
    return claims_sentence(claims, str(own) if own != analysis.metric else "")


def claims_sentence(claims: Sequence[Claim], metric: str) -> str:
    """What became of several claims of the source; ``metric`` is what they are about, where it must be said."""
    if len(claims) < 2:
        return ""
    counts = Counter(claim.verdict for claim in claims)
    parts = [
        f"{count_word(counts[verdict])} {one if counts[verdict] == 1 else many}"
        for verdict, one, many in (
            (HOLDS, "holds", "hold"),
            (FAILS, "does not", "do not"),
            (OPEN, OPEN, OPEN),
            (UNTESTABLE, "is too weak for any test to decide", "are too weak for any test to decide"),
        )
        if counts[verdict]
    ]
    about = f" (about {_code(metric)})" if metric else ""
    return f"Of the source's {count_word(len(claims))} claims{about}, {listed(parts)}."
