"""The answer in sentences, made from the comparisons."""

from __future__ import annotations

from collections import Counter

from seedbed.report.analysis import BETTER, Analysis, Difference
from seedbed.report.claims import FAILS, HOLDS, OPEN, UNTESTABLE, Claim
from seedbed.report.formatting import count_word, listed, mean_text


def summary_sentences(analysis: Analysis, claims: list[Claim]) -> list[str]:
    """What the runs say: who differs, who leads, what is incomplete, what became of the source's claims."""
    sentences = [
        _differences(analysis),
        _equivalences(analysis),
        _about(analysis),
        _leader(analysis),
        *_gaps(analysis),
        _claims(claims, analysis),
        _launch(analysis),
    ]
    return [sentence for sentence in sentences if sentence]


MOST_CLAUSES = 8


def _differences(analysis: Analysis) -> str:
    """Who is told apart, who is not, and what was not tested: "`a` is worse than `b` by 0.012 [0.009, 0.015]; ..."."""
    family = analysis.family
    if not family:
        return "One variant alone: there is nothing to compare."
    apart = [row for row in family if row.told_apart]
    clauses = [_clause(analysis, row) for row in apart[:MOST_CLAUSES]]
    if len(apart) > MOST_CLAUSES:
        clauses.append(f"{count_word(len(apart) - MOST_CLAUSES)} more pairs are told apart (see the comparisons)")
    open_rows = [row for row in family if not row.told_apart and row.p is not None]
    if open_rows:
        clauses.append(_undecided(analysis, open_rows, others=bool(apart)))
    if tested := "; ".join(clauses):
        tested = f"{tested[0].upper()}{tested[1:]} on {_code(analysis.label())}{_seeds(apart + open_rows)}."
    return " ".join(part for part in (tested, _untested(analysis)) if part)


def _untested(analysis: Analysis) -> str:
    """Which comparisons bear no test, by the reason."""
    reasons: dict[str, list[Difference]] = {}
    for row in analysis.family:
        if row.p is None:
            reasons.setdefault(row.comparison.words, []).append(row)
    said = []
    for reason, rows in reasons.items():
        names = [f"`{row.variant}`" if analysis.baseline else f"`{row.variant}` and `{row.other}`" for row in rows]
        shown = listed(names) if len(names) <= MOST_CLAUSES else f"{count_word(len(rows))} pairs"
        against = f" against `{analysis.baseline}`" if analysis.baseline else ""
        said.append(f"Not tested on {_code(analysis.label())}: {shown}{against} ({reason}).")
    return " ".join(said)


def _code(label: str) -> str:
    """A metric as it is typed, shown as it stands."""
    return f"`{label.replace('`', '')}`"


EQUIVALENT = 0.95


def _equivalences(analysis: Analysis) -> str:
    """Whose difference is too small to matter, with what probability at least."""
    if analysis.rope is None:
        return ""
    chances = {row: found[1] for row in analysis.family if (found := analysis.chances(row)) and found[1] >= EQUIVALENT}
    if not chances:
        return ""
    names = [f"`{row.variant}`" if analysis.baseline else f"`{row.variant}` and `{row.other}`" for row in chances]
    shown = listed(names) if len(names) <= MOST_CLAUSES else f"{count_word(len(names))} pairs"
    than = f" from `{analysis.baseline}`" if analysis.baseline else ""
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
    tested = [row.comparison for row in analysis.family if row.p is not None]
    if not tested:
        return ""
    holm = ", and the verdicts allow for all of them (Holm)" if len(tested) > 1 else ""
    return f"Intervals and verdicts are about {tested[0].about}; an interval is of its comparison alone{holm}."


def _clause(analysis: Analysis, row: Difference) -> str:
    comparison = row.comparison
    low, high = sorted((abs(comparison.low or 0.0), abs(comparison.high or 0.0)))
    size = analysis.show(abs(comparison.difference or 0.0))
    return (
        f"`{row.variant}` is {row.verdict} than `{row.other}` by {size} [{analysis.show(low)}, {analysis.show(high)}]"
    )


def _undecided(analysis: Analysis, rows: list[Difference], others: bool) -> str:
    count = count_word(len(rows))
    if analysis.baseline is None:
        if others:
            return (
                f"the other {count} pairs can't be told apart"
                if len(rows) > 1
                else "the other pair can't be told apart"
            )
        if len(rows) == 1:
            return f"`{rows[0].variant}` and `{rows[0].other}` can't be told apart"
        return f"none of the {count} pairs can be told apart"
    if len(rows) == 1 or (not others and len(rows) == 2):
        return f"{listed(f'`{row.variant}`' for row in rows)} can't be told apart from `{analysis.baseline}`"
    return f"{'the other' if others else 'all'} {count} can't be told apart from `{analysis.baseline}`"


def _seeds(rows: list[Difference]) -> str:
    counts = sorted({row.comparison.n for row in rows})
    span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f" with {span} seed{'' if counts == [1] else 's'}"


def _leader(analysis: Analysis) -> str:
    best = sorted(analysis.best(), key=analysis.results.variants.index)
    if not best or len(analysis.results.variants) < 2:
        return ""
    end = "lowest" if analysis.results.lower_is_better(analysis.metric) else "highest"
    first = analysis.summaries[best[0]]
    mean = analysis.show(first.mean) if first.std is not None else mean_text(first, analysis.decimals)
    sentence = f"The {end} mean is {mean}, of {listed(f'`{name}`' for name in best)}"
    if analysis.baseline is None or analysis.baseline in best:
        return f"{sentence}."
    tested = [row for row in analysis.family if row.variant in best and row.p is not None]
    if not tested or any(row.verdict == BETTER for row in tested):
        return f"{sentence}."
    return f"{sentence}, which the test does not tell from `{analysis.baseline}`."


def _gaps(analysis: Analysis) -> list[str]:
    return [
        f"`{variant}` is incomplete: {analysis.count(variant)}; what is absent does not enter any number."
        for variant in analysis.results.variants
        if analysis.summaries[variant].n < len(analysis.results.cells_of(variant))
    ]


def _claims(claims: list[Claim], analysis: Analysis) -> str:
    if not claims:
        return ""
    counts = Counter(claim.verdict for claim in claims)
    parts = [
        f"{count_word(counts[verdict])} {one if counts[verdict] == 1 else many}"
        for verdict, one, many in (
            (HOLDS, "holds", "hold"),
            (FAILS, "does not", "do not"),
            (OPEN, OPEN, OPEN),
            (UNTESTABLE, "is of a kind that no test can tell", "are of a kind that no test can tell"),
        )
        if counts[verdict]
    ]
    if len(claims) < 2:
        return ""
    own = (analysis.results.config.get("report") or {}).get("metric")
    about = f" (about {_code(str(own))})" if own != analysis.metric else ""
    return f"Of the source's {count_word(len(claims))} claims{about}, {listed(parts)}."
