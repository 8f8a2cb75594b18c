"""The family of comparisons, with the test behind each verdict."""

from __future__ import annotations

from seedbed.report.analysis import LEVEL, Analysis, Difference, difference_text
from seedbed.report.blocks import (
    Block,
    Brief,
    Figure,
    Heading,
    InlineCode,
    Math,
    Number,
    Paragraph,
    Plain,
    TableBlock,
    Words,
)
from seedbed.report.evidence import Evidence
from seedbed.report.footnotes import marked
from seedbed.report.formatting import count_word, number, p_text
from seedbed.report.pictures.differences import differences_figure
from seedbed.report.pictures.picture import Picture
from seedbed.statistics import least_wilcoxon_p


def section(evidence: Evidence) -> list[Block]:
    """A row a comparison and their picture; [] where there is nothing to compare."""
    analysis = evidence.analysis
    if not analysis.family:
        return []
    remarks = [Paragraph(said) for said in (analysis.exploratory, analysis.uncompared) if said]
    return [Heading(_title(analysis)), *remarks, *map(Figure, pictures(evidence)), _table(analysis)]


def _title(analysis: Analysis) -> Words:
    if analysis.baselines.own:
        return "Comparisons of variants with their own baselines"
    return ("Comparisons with ", InlineCode(analysis.baseline)) if analysis.baseline else "Comparisons of all pairs"


def pictures(evidence: Evidence) -> list[Picture]:
    """The differences with their intervals, where there are any."""
    analysis = evidence.analysis
    if all(row.comparison.difference is None for row in analysis.family):
        return []
    caption = f"Paired differences on {analysis.label()} with 95 % intervals"
    return [Picture("differences", caption, lambda: differences_figure(analysis))]


def _table(analysis: Analysis) -> TableBlock:
    kept = {id(row) for row in analysis.shown}
    against: tuple[Words, ...] = ("to ", InlineCode(analysis.baseline), " ") if analysis.baseline else ()
    against = ("to the baseline of each variant ",) if analysis.baselines.own else against
    return TableBlock(
        _header(analysis),
        [_cells(analysis, row) for row in analysis.family],
        caption=("Paired differences ", *against, "on ", Plain(analysis.label())),
        about=_about_test(analysis),
        shown=[place for place, row in enumerate(analysis.family) if id(row) in kept],
        left_out=f"{analysis.left_out} All rows stand in comparisons.csv." if analysis.left_out else "",
        name="comparisons",
    )


def _header(analysis: Analysis) -> list[Words]:
    header: list[Words] = [
        "difference",
        Brief("mean [95 % interval]", "mean [95 %]"),
        "interval at Holm's level",
        "pairs",
    ]
    header += [Math("p"), (Math("p"), " (Holm)")]
    header += [("Wilcoxon ", Math("p"))] if analysis.design == "fixed" else []
    header += ["detectable (80 %)", "effect size", (Math("P"), "(improvement)")]
    if analysis.rope is not None:
        header += [(Math("P"), f"({what})") for what in ("worse", "equivalent", "better")]
    return [*header, "verdict"]


def _cells(analysis: Analysis, row: Difference) -> list[Words]:
    names, comparison = marked(analysis.results), row.comparison
    first, second = Plain(names[row.variant]), Plain(names[row.other])
    tested = [p_text(comparison.p), p_text(row.p)]
    tested += [p_text(comparison.wilcoxon_p)] if analysis.design == "fixed" else []
    sizes = [number(comparison.effect_size, 2), number(analysis.improvement(row), 2)]
    numbers = [
        difference_text(analysis, row),
        analysis.step_text(row),
        str(comparison.n),
        *tested,
        number(analysis.detectable(row), analysis.decimals),
        *sizes,
        *_chances(analysis, row),
    ]
    pair: Words = (first, " − ", second)
    return [Brief(pair, first) if analysis.baseline else pair, *map(Number, numbers), analysis.said(row)]


def _chances(analysis: Analysis, row: Difference) -> list[str]:
    """The chances of being worse, of no difference that matters, and of being better."""
    if analysis.rope is None:
        return []
    return [number(chance, 3) for chance in analysis.chances(row) or (None, None, None)]


def _about_test(analysis: Analysis) -> str:
    if analysis.design == "fixed":
        most = max(row.comparison.n for row in analysis.family)
        test = (
            f"Paired t-test with the exact Wilcoxon signed-rank test beside it: all seeds {analysis.shared}. With "
            f"{most} pair{'' if most == 1 else 's'} Wilcoxon's p cannot be smaller than {least_wilcoxon_p(most):.2g}"
            f"{'' if least_wilcoxon_p(most) < LEVEL else ', so that it can tell nothing apart'}; differences of zero do not "
            "count as pairs there, and the p given is not adjusted."
        )
    else:
        drawn = (
            "every seed draws its own split, so training sets overlap, and the variance of the mean is"
            if analysis.design_is_known
            else "whether every seed drew its own split was not said. Training sets may overlap, and the variance of the mean "
            "is taken as"
        )
        test = f"Corrected resampled t-test (Nadeau and Bengio 2003): {drawn} s² (1/n + {analysis.test_to_train:.3f})."
    return (
        f"{test} Seeds are paired. The intervals are about {analysis.family[0].comparison.about}, each by itself. "
        f"Holm's method adjusts p over {_family_size(analysis)}; better or worse is said only below {LEVEL}. "
        f"{_about_steps(analysis)}{_about_lost(analysis)}"
        "The effect size is the mean over the sample std of the differences; P(improvement) is the share of the seeds "
        f"in which the variant is ahead, ties half.{_about_chances(analysis)}"
    )


def _about_steps(analysis: Analysis) -> str:
    """What the interval and the difference at the level of a row's own test are."""
    count = analysis.tests_made(analysis.family)
    if not count:
        return ""
    detectable = (
        "The detectable difference is the true difference that the row's test would find with a power of 80 %, if the "
        "spread seen is the true one. "
    )
    if count == 1:
        return detectable
    where = ", where no run was lost" if any(row.test.lost for row in analysis.family) else ""
    return (
        f"The interval at Holm's level has the confidence 1 − {LEVEL}/({count} − i + 1) in the row of the i-th smallest p; "
        "from the first p that is not below its level on, all rows keep the confidence of that step. Unlike the 95 % "
        f"interval, it excludes 0 exactly where the verdict tells the two apart{where}. It covers its own row, not all rows "
        f"jointly. {detectable}"
    )


def _about_lost(analysis: Analysis) -> str:
    """How runs that diverged or failed enter a verdict."""
    if not any(row.test.lost for row in analysis.family):
        return ""
    worst = analysis.declared.worst
    how = f"with the value {worst:g}, the worst of the metric" if worst is not None else "ranked last"
    test = "the same test" if worst is not None else "the same test on ranks (Conover and Iman 1981)"
    return (
        "Where runs diverged, failed or have no finite value, all numbers of a row but p (Holm) are of the other seeds. A "
        f"verdict is given there only if {test} says the same with these runs {how}: the larger of the two p enters "
        "Holm's method. "
    )


def _about_chances(analysis: Analysis) -> str:
    if analysis.rope is None:
        return ""
    return (
        " P(worse), P(equivalent) and P(better) are the chances that the true difference lies below, within and above "
        f"± {analysis.rope:g}, by the Bayesian correlated t-test (Corani and Benavoli 2015) with a flat prior."
    )


def _family_size(analysis: Analysis) -> str:
    count = analysis.tests_made(analysis.family)
    if not count:
        return "no comparison, as none could be tested"
    return "the one comparison tested" if count == 1 else f"the {count_word(count)} comparisons tested"
