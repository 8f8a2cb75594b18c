"""The answer over all data sets in sentences, made from the tests and the ranks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from seedbed.data_set_statistics import data_sets_needed, least_p
from seedbed.report.answer import EQUIVALENT, LARGEST_SHOWN, MOST_CLAUSES, claims_sentence
from seedbed.report.benchmark.analysis import BenchmarkAnalysis
from seedbed.report.benchmark.pairs import OverDataSets
from seedbed.report.benchmark.rebalancing import rebalancing_over
from seedbed.report.benchmark.words import code, counted, difference_text, named, reason
from seedbed.report.claims import Claim
from seedbed.report.departures import foreign_data
from seedbed.report.formatting import count_word, listed
from seedbed.report.never_found import never_finding
from seedbed.report.paired_tests import BETTER, HIGHER, LEVEL, LOWER, NO_VERDICT, UNDECIDED, UNTESTED, WORSE


def summary_sentences(analysis: BenchmarkAnalysis, claims: Sequence[Claim]) -> list[str]:
    """What the runs say: who differs over data sets, and on how many; who leads; what is incomplete; whom it is about."""
    sentences = [
        *_foreign_data(analysis),
        analysis.exploratory,
        analysis.whole.uncompared,
        _differences(analysis),
        *rebalancing_over(analysis),
        *_no_verdicts(analysis),
        too_few(analysis),
        _equivalences(analysis),
        _about(analysis),
        *_counted_twice(analysis),
        *_dependent(analysis),
        _leader(analysis),
        *_never_found(analysis),
        *_on_each(analysis),
        *_inapplicable(analysis),
        *_gaps(analysis),
        claims_sentence(claims, _other_metric(analysis)),
        _launch(analysis),
    ]
    return [sentence for sentence in sentences if sentence]


def _foreign_data(analysis: BenchmarkAnalysis) -> list[str]:
    """What is read from a subset, or from a copy of the user's own."""
    notes = {name: foreign_data(results) for name, results in analysis.benchmark.data_sets.items()}
    return [f"{code(name)}: {note}" for name, note in notes.items() if note]


# ---- over data sets --------------------------------------------------------------------------------------------------


def _differences(analysis: BenchmarkAnalysis) -> str:
    """Who is told apart over data sets, who is not, and what was not tested."""
    if not analysis.pairs:
        return "One variant alone: there is nothing to compare."
    if not analysis.of_each:
        return f"No run has {code(analysis.metric)}: there is nothing to compare."
    apart = [row for row in analysis.family if row.told_apart]
    undecided = [row for row in analysis.family if row.verdict == UNDECIDED]
    many = len(apart) > MOST_CLAUSES
    clauses = _largest(analysis, apart) if many else [_clause(analysis, row) for row in apart]
    if undecided:
        clauses.append(_undecided(analysis, undecided, others=bool(apart)))
    if not clauses:
        return _untested(analysis)
    distances = f" ({analysis.declared.distances})" if analysis.declared.distances else ""
    first = f"Over {_data_sets(apart + undecided)}, on {code(analysis.label())}{distances}"
    tested = f"{first}: {_counts(analysis, apart) if many else ''}{'; '.join(clauses)}."
    return " ".join(filter(None, [tested, _untested(analysis)]))


def _data_sets(rows: Sequence[OverDataSets]) -> str:
    """On how many data sets pairs were tested: "12 data sets", "9 to 12 data sets, depending on the pair"."""
    counts = sorted({row.test.n for row in rows})
    if len(counts) == 1:
        return counted(counts[0])
    return f"{counts[0]} to {counts[-1]} data sets, depending on the pair"


def _counts(analysis: BenchmarkAnalysis, apart: Sequence[OverDataSets]) -> str:
    """How many of very many pairs are told apart: "9 of 14 are told apart from `a`: five better, four worse; "."""
    of = f"{len(apart)} of {len(analysis.tested)}"
    if analysis.all_pairs:
        return f"{of} pairs are told apart; "
    ways = Counter(row.verdict for row in apart)
    told = ", ".join(f"{count_word(ways[way])} {way}" for way in (BETTER, WORSE, HIGHER, LOWER) if ways[way])
    return f"{of} are told apart from {_baseline(analysis)}: {told}; "


def _baseline(analysis: BenchmarkAnalysis) -> str:
    """What variants are compared with, within a sentence."""
    return code(analysis.baseline) if analysis.baseline else "their baselines"


def _largest(analysis: BenchmarkAnalysis, apart: Sequence[OverDataSets]) -> list[str]:
    """The largest of very many differences that are told apart."""
    order = sorted(apart, key=lambda row: -abs(row.test.estimate or 0.0))
    first, *others = [_clause(analysis, row) for row in order[:LARGEST_SHOWN]]
    return [f"the largest differences: {first}", *others]


def _clause(analysis: BenchmarkAnalysis, row: OverDataSets) -> str:
    lost = ", of the runs that did not diverge or fail; the verdict counts the others as the worst"
    return (
        f"{code(row.variant)} is {row.verdict} than {code(row.other)} (median difference {difference_text(analysis, row)}, "
        f"{_standing(analysis, row)}{lost if row.pair.lost_on else ''})"
    )


def _standing(analysis: BenchmarkAnalysis, row: OverDataSets) -> str:
    """ "ahead on 11 of 12, behind on one"; the more frequent way first."""
    test = row.test
    ahead, behind = ("ahead", "behind") if analysis.declared.is_ranked else ("higher", "lower")
    ways = sorted([(test.wins, ahead), (test.losses, behind)], key=lambda way: -way[0])
    first, second = ways
    rest = f", {second[1]} on {count_word(second[0])}" if second[0] else ""
    return f"{first[1]} on {first[0]} of {test.n}{rest}"


def _undecided(analysis: BenchmarkAnalysis, rows: Sequence[OverDataSets], others: bool) -> str:
    count = count_word(len(rows))
    if analysis.all_pairs:
        if others:
            return (
                f"the other {count} pairs can't be told apart"
                if len(rows) > 1
                else "the other pair can't be told apart"
            )
        if len(rows) == 1:
            return f"{code(rows[0].variant)} and {code(rows[0].other)} can't be told apart"
        return f"none of the {count} pairs can be told apart"
    if len(rows) <= 3:
        whose = _baseline(analysis) if analysis.baseline else "its baseline" if len(rows) == 1 else "their baselines"
        return f"{named([row.variant for row in rows])} can't be told apart from {whose}"
    return f"{'the other' if others else 'all'} {count} can't be told apart from {_baseline(analysis)}"


def _untested(analysis: BenchmarkAnalysis) -> str:
    """Which pairs bear no test, by the reason."""
    reasons: dict[str, list[OverDataSets]] = {}
    for row in analysis.family:
        if row.verdict == UNTESTED:
            reasons.setdefault(reason(row), []).append(row)
    return " ".join(
        f"Not tested on {code(analysis.label())}: "
        f"{listed(f'{code(row.variant)} against {code(row.other)}' for row in rows[:MOST_CLAUSES])}"
        f"{f' and {count_word(len(rows) - MOST_CLAUSES)} more pairs' if len(rows) > MOST_CLAUSES else ''} ({reason})."
        for reason, rows in reasons.items()
    )


def _no_verdicts(analysis: BenchmarkAnalysis) -> list[str]:
    """What is only so where runs did not diverge or fail."""
    rows = [row for row in analysis.family if row.verdict == NO_VERDICT]
    told = [
        f"{code(row.variant)} against {code(row.other)}: no verdict, as runs were lost on {named(row.pair.lost_on)}; of the "
        f"others the difference is {difference_text(analysis, row)} over {counted(row.test.n)}."
        for row in rows[:MOST_CLAUSES]
    ]
    more = len(rows) - MOST_CLAUSES
    return [
        *told,
        *([f"No verdict on {count_word(more)} more pairs (see the tests over data sets)."] if more > 0 else []),
    ]


def too_few(analysis: BenchmarkAnalysis) -> str:
    """That so few data sets can tell nothing apart, whatever the runs say; "" where they can."""
    tests = analysis.tested
    if not tests:
        return ""
    most = max(row.test.n for row in tests)
    if most >= data_sets_needed(len(tests)):
        return ""
    if most == 1:
        return "One data set says nothing about others; the table shows what the tests on it say."
    least = least_p(most)
    count = count_word(most).capitalize()
    if least >= LEVEL:
        return (
            f"{count} data sets allow no verdict, whatever the runs say: even for a variant that is ahead on all of "
            f"them p is {least:.3g}. It takes {count_word(data_sets_needed(len(tests)))} data sets{_for(len(tests))}."
        )
    return (
        f"{count} data sets allow no verdict in {count_word(len(tests))} comparisons, whatever the runs say: even for a "
        f"variant that is ahead on all of them p is {least:.2g}, and Holm's method requires the smallest p to be below "
        f"{LEVEL / len(tests):.2g}. It takes {count_word(data_sets_needed(len(tests)))} data sets."
    )


def _for(comparisons: int) -> str:
    return f" for {count_word(comparisons)} comparisons" if comparisons > 1 else ""


def _equivalences(analysis: BenchmarkAnalysis) -> str:
    """Whose difference on another data set is too small to matter, with what probability at least."""
    found = [(row, chance) for row in analysis.family if (chance := analysis.chances(row)) is not None]
    equal = [(row, chance.equal) for row, chance in found if chance.equal >= EQUIVALENT]
    if not equal:
        return ""
    pairs = [f"{code(row.variant)} and {code(row.other)}" for row, _ in equal]
    shown = "; ".join(pairs) if len(pairs) <= MOST_CLAUSES else f"{count_word(len(pairs))} pairs"
    least = int(min(chance for _, chance in equal) * 1000) / 1000
    return (
        f"On data sets like these a difference of at most {analysis.rope:g}, too small to matter, is the most likely one, with "
        f"a probability of {least:.3f} or more, between {shown} (Bayesian signed-rank test)."
    )


def _about(analysis: BenchmarkAnalysis) -> str:
    """What the tests over data sets say something about."""
    if not analysis.tested:
        return ""
    count = len(analysis.tested)
    together = "both comparisons" if count == 2 else f"all {count_word(count)} comparisons"
    holm = (
        f"; they are corrected for {together} (Holm), while each interval is for its comparison alone"
        if count > 1
        else ""
    )
    return (
        "These verdicts, by Wilcoxon's signed-rank test, are about data sets like these: about others only as far as these "
        f"are a sample of them{holm}."
    )


def _counted_twice(analysis: BenchmarkAnalysis) -> list[str]:
    """Which variants are one recipe under several names, and which data sets hold the same data."""
    variants: dict[str, list[str]] = {}
    for name, recipe in analysis.whole.recipes.items():
        variants.setdefault(recipe, []).append(name)
    return [
        *(
            f"{named(names)} are one recipe, trained once: they count as one in Holm's method, and share a rank."
            for names in variants.values()
            if len(names) > 1
        ),
        *(
            f"{named(names)} are the same data under several names, and count as data sets of their own here, so that p-values "
            "are too small. Take all but one out of data_sets."
            for names in analysis.same_data
        ),
    ]


def _dependent(analysis: BenchmarkAnalysis) -> list[str]:
    """That data sets of one source are no independent draws."""
    groups = analysis.dependent
    if not groups:
        return []
    told = [f"{named(names)} are made from {code(source)}" for source, names in list(groups.items())[:MOST_CLAUSES]]
    more = len(groups) - len(told)
    rest = f"; likewise {count_word(more)} more groups" if more else ""
    return [
        f"Not all data sets are independent: {'; '.join(told)}{rest}. The tests count each data set as one, so that p-values may "
        "be too small and intervals too narrow."
    ]


def _leader(analysis: BenchmarkAnalysis) -> str:
    """The best average rank, and from whom its variant is not told apart."""
    ranks = {name: round(rank, 9) for name, rank in analysis.average_ranks.items()}
    if len(ranks) < 2 or not analysis.declared.is_ranked:
        return ""
    best = [name for name, rank in ranks.items() if rank == min(ranks.values())]
    where = (
        f"over the {counted(len(analysis.common))} on which all variants have run"
        if analysis.outside
        else f"over {counted(len(analysis.common))}"
    )
    sentence = f"The best average rank {where} is {min(ranks.values()):.2f} of {len(ranks)}, of {named(best)}"
    if len(best) > 1:
        return f"{sentence}."
    beside = _not_told_apart(analysis, best[0])
    pairs = len(analysis.ranking.pairs)
    tested = f" (tested as one of all {count_word(pairs)} pairs)" if pairs > 1 else ""
    if not beside:
        return f"{sentence}, which is told apart from all others{tested}."
    return f"{sentence}; it can't be told apart from {named(beside)}{tested}."


def _not_told_apart(analysis: BenchmarkAnalysis, best: str) -> list[str]:
    """The variants that no test of all pairs tells apart from the one with the best average rank, by their ranks."""
    place, ranking = analysis.ranked.index(best), analysis.ranking
    beside = {
        pair.other if pair.variant == place else pair.variant
        for pair in ranking.pairs
        if place in (pair.variant, pair.other) and pair.better is None
    }
    return [analysis.ranked[other] for other in ranking.order if other in beside]


# ---- on each data set ------------------------------------------------------------------------------------------------


def _on_each(analysis: BenchmarkAnalysis) -> list[str]:
    """On how many single data sets the ordinary report tells a pair apart, and how often that errs."""
    told = [clause for pair in analysis.pairs if (clause := _told_on_each(analysis, *pair))]
    if not analysis.families:
        return []
    first = f"On single data sets the ordinary tests tell apart: {'; '.join(told[:MOST_CLAUSES])}"
    more = (
        f"; and {count_word(len(told) - MOST_CLAUSES)} more pairs (see the table)" if len(told) > MOST_CLAUSES else ""
    )
    if not told:
        return ["On no single data set do the ordinary tests tell any of these pairs apart."]
    return [f"{first}{more}. {_false_verdicts(analysis.families)}".rstrip()]


def _told_on_each(analysis: BenchmarkAnalysis, variant: str, other: str) -> str:
    """ "`a` is better than `b` on two and worse on one of 12"."""
    counts = analysis.told_on_each(variant, other)
    ways = [(way, count_word(counts[way])) for way in (BETTER, WORSE, HIGHER, LOWER) if counts[way]]
    if not ways:
        return ""
    (first, on_first), *others = ways
    rest = "".join(f" and {way} on {count}" for way, count in others)
    return f"{code(variant)} is {first} than {code(other)} on {on_first}{rest} of {counts.total()}"


def _false_verdicts(families: int) -> str:
    """How many data sets would have a false verdict of their own, if nothing differed; "" of one."""
    if families < 2:
        return ""
    expected = families * LEVEL
    said = count_word(round(expected)) if abs(expected - round(expected)) < 1e-9 else f"{expected:.2g}"
    return (
        "Holm's method corrects for the comparisons on one data set, but not for the number of data sets: if no two "
        f"variants differed on any of them, each data set would still give a false verdict with a probability of up to {100 * LEVEL:g} %: "
        f"over {count_word(families)} data sets, up to {said} on average."
    )


def _never_found(analysis: BenchmarkAnalysis) -> list[str]:
    """Which variants never find the class that recall and F1 are about, and on which data sets."""
    data_sets = analysis.benchmark.data_sets.items()
    found = {name: variants for name, results in data_sets if (variants := never_finding(results, analysis.metric))}
    if not found:
        return []
    told = [f"{named(variants)} on {code(name)}" for name, variants in list(found.items())[:MOST_CLAUSES]]
    more = len(found) - len(told)
    rest = f"; and likewise on {counted(more, 'more data set')}" if more else ""
    finds = "it finds" if sum(map(len, found.values())) == 1 else "they find"
    return [
        f"{'; '.join(told)}{rest}: under every seed {finds} no row of the class that recall and F1 are about, so that both are 0."
    ]


def _inapplicable(analysis: BenchmarkAnalysis) -> list[str]:
    """Which variants do not apply everywhere."""
    benchmark = analysis.benchmark
    where: dict[str, list[str]] = {}
    for data_set, reasons in benchmark.inapplicable.items():
        for variant in reasons:
            where.setdefault(variant, []).append(data_set)
    groups: dict[tuple[str, ...], list[str]] = {}
    for variant, data_sets in where.items():
        groups.setdefault(tuple(data_sets), []).append(variant)
    return [
        f"{named(variants)} {'does' if len(variants) == 1 else 'do'} not apply to {named(data_sets)} (see the table)."
        for data_sets, variants in groups.items()
    ]


def _gaps(analysis: BenchmarkAnalysis) -> list[str]:
    """On which data sets values are lacking."""
    without = [name for name in analysis.benchmark.data_sets if name not in analysis.of_each]
    sentences = (
        [f"On {named(without)} no run has {code(analysis.metric)}: nothing there is compared."] if without else []
    )
    lacking = [
        name
        for name, of_one in analysis.of_each.items()
        if any(not of_one.is_complete(variant, sample) for variant, sample in of_one.summaries.items())
    ]
    if lacking:
        sentences.append(f"Runs lack a value on {named(lacking)}: see 'What was left out'.")
    return sentences


def _other_metric(analysis: BenchmarkAnalysis) -> str:
    """The metric that claims are about, where it is not the report's; else ""."""
    own = (analysis.benchmark.first.config.get("report") or {}).get("metric")
    return str(own) if own != analysis.metric else ""


def _launch(analysis: BenchmarkAnalysis) -> str:
    overrides = analysis.benchmark.first.overrides
    return f"This launch changed the experiment's recipe: {listed(map(code, overrides))}." if overrides else ""
