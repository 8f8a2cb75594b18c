"""The report as a LaTeX document of its own, with booktabs tables that can be copied into a paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seedbed.report.analysis import LEVEL, Analysis, difference_text
from seedbed.report.claims import Claim
from seedbed.report.footnotes import marked, note_lines
from seedbed.report.formatting import NOTHING, interval_text, latex, mean_text, number, p_text
from seedbed.report.pictures import Picture
from seedbed.report.published import CURVE_CONFIDENCE, WIDEST, Published, published_curves
from seedbed.report.source import about_family, curve_rows, number_rows
from seedbed.report.words import summary_sentences
from seedbed.results import Results
from seedbed.statistics import CONFIDENCE, Comparison

_DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{textcomp}
\usepackage[margin=2.5cm]{geometry}
\usepackage{booktabs}
\usepackage{longtable}
\usepackage{graphicx}
\begin{document}
%(sections)s
\end{document}
"""

TABLE = r"""\begin{table}[htbp]
\centering
\caption{%(caption)s}
\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%%
\begin{tabular}{%(columns)s}
\toprule
%(header)s \\
\midrule
%(rows)s
\bottomrule
\end{tabular}}
\end{table}"""

# A table over pages: published numbers may be many.
LONG_TABLE = r"""{\footnotesize\setlength{\tabcolsep}{4pt}
\begin{longtable}{%(columns)s}
\caption{%(caption)s} \\
\toprule
%(header)s \\
\midrule
\endhead
\bottomrule
\endfoot
%(rows)s
\end{longtable}}"""

# The pictures lie beside the document; without them it compiles too.
_PICTURE = r"""\IfFileExists{%(file)s}{%%
\begin{figure}[htbp]
\centering
\includegraphics[width=\linewidth,height=0.8\textheight,keepaspectratio]{%(file)s}
\caption{%(caption)s}
\end{figure}}{}"""


LONGEST_FLOAT = 30
"""Rows of a table that fit on a page."""


def latex_report(
    analysis: Analysis,
    claims: Sequence[Claim],
    numbers: Sequence[Published],
    drawn: Sequence[Picture],
    further: Sequence[str] = (),
) -> str:
    """A document that compiles as it stands; ``further`` are sections of their own."""
    sections = [
        _opening(analysis, claims),
        _results(analysis),
        _comparisons(analysis),
        _claims(claims),
        _published(numbers, analysis.results),
        *further,
        *(_PICTURE % {"file": f"{picture.name}.png", "caption": latex(picture.caption)} for picture in drawn),
    ]
    return _DOCUMENT % {"sections": "\n\n".join(section for section in sections if section)}


def _opening(analysis: Analysis, claims: Sequence[Claim]) -> str:
    question = str(analysis.results.config.get("question") or "").strip()
    sentences = [sentence.replace("`", "") for sentence in summary_sentences(analysis, list(claims))]
    said = items(latex(sentence) for sentence in sentences)
    return f"\\section*{{{latex(analysis.results.experiment)}}}\n{latex(question)}\n{said}"


def items(texts: Iterable[str]) -> str:
    """A list of texts in LaTeX; names are long words there, and may break after an underscore."""
    lines = "\n".join(rf"\item {item}".replace(r"\_", r"\_\allowbreak{}") for item in texts)
    return f"\\begin{{itemize}}\\sloppy\n{lines}\n\\end{{itemize}}"


def _results(analysis: Analysis) -> str:
    best = analysis.best()
    names, notes = marked(analysis.results), note_lines(analysis.results)
    rows = []
    for variant, found in analysis.summaries.items():
        text = latex(mean_text(found, analysis.decimals))
        # \boldmath, as \textbf alone leaves the plus-minus sign thin.
        bold = rf"\textbf{{\boldmath {text}}}" if variant in best else text
        count = latex(analysis.count(variant).removeprefix("n="))
        interval = latex(interval_text(found, analysis.decimals))
        rows.append([latex(names[variant]), bold, count, interval])
    about = analysis.runs
    caption = (
        rf"{latex(analysis.results.experiment)}: {latex(analysis.label())}, mean $\pm$ sample std over {_seeds(analysis)} "
        rf"seeds; {latex(analysis.bold_rule)}. The 95\,\% interval of the mean is about {about}. "
        + " ".join(latex(note) for note in notes)
    )
    return table(TABLE, caption.strip(), ["variant", latex(analysis.label()), "$n$", r"95\,\% interval"], rows)


def _seeds(analysis: Analysis) -> str:
    counts = sorted({found.n for found in analysis.summaries.values()})
    return f"$n={counts[0]}$" if len(counts) == 1 else f"$n={counts[0]}$ to ${counts[-1]}$"


def _comparisons(analysis: Analysis) -> str:
    tested = next((row.comparison for row in analysis.family if row.p is not None), None)
    if tested is None:
        return ""
    names, fixed = marked(analysis.results), analysis.design == "fixed"
    rows = []
    for row in analysis.family:
        first, second = latex(names[row.variant]), latex(names[row.other])
        chances = analysis.chances(row)
        rows.append(
            [
                first if analysis.baseline else f"{first} $-$ {second}",
                _signed(difference_text(analysis, row)),
                _signed(analysis.step_text(row)),
                str(row.comparison.n),
                latex(p_text(row.p)),
                *([latex(p_text(row.comparison.wilcoxon_p))] if fixed else []),
                number(analysis.detectable(row), analysis.decimals),
                _signed(number(row.comparison.effect_size, 2)),
                number(analysis.improvement(row), 2),
                *([number(chance, 3) for chance in chances or (None,) * 3] if analysis.rope else []),
                latex(analysis.said(row)),
            ]
        )
    header = ["difference", r"mean [95\,\%]", "interval at Holm's level", "pairs", "$p$ (Holm)"]
    header += [*(["Wilcoxon $p$"] if fixed else []), r"detectable (80\,\%)", "effect size", "$P$(improvement)"]
    header += ["$P$(worse)", "$P$(equivalent)", "$P$(better)"] if analysis.rope else []
    form = TABLE if len(rows) <= LONGEST_FLOAT else LONG_TABLE
    return table(form, _about_test(analysis, tested), [*header, "verdict"], rows)


def _about_test(analysis: Analysis, tested: Comparison) -> str:
    """The caption of the comparisons: which test, and what its columns are."""
    than = f"to {latex(analysis.baseline)} " if analysis.baseline else ""
    parts = [
        latex(analysis.exploratory.replace("`", "")),
        rf"Paired differences {than}on {latex(analysis.label())}: {latex(tested.test)}, interval about "
        rf"{latex(tested.about)}, $p$ after Holm's method; better or worse is said below {LEVEL}.",
        rf"Interval at Holm's level: at the level of the row's step in Holm's method, ${LEVEL}/(m-i+1)$ for the $i$-th smallest "
        rf"of $m={analysis.tests_made(analysis.family)}$ $p$, and from the step at which the method stops, of that step.",
        r"Detectable: the true difference that the test would find at this level with a power of 80\,\%.",
    ]
    if any(row.test.lost for row in analysis.family):
        parts.append(
            "Where runs diverged, failed or have no finite value, all numbers but $p$ are of the other seeds, and a verdict "
            "is given only if the test with these runs as the worst says the same."
        )
    parts.append(
        r"Effect size: mean over sample std of the differences. $P$(improvement): share of the seeds in which the variant "
        "is ahead, ties half."
    )
    if analysis.rope:
        parts.append(
            "$P$(worse), $P$(equivalent), $P$(better): that the true difference lies below, within and above "
            rf"$\pm${analysis.rope:g}, by the Bayesian correlated t-test."
        )
    return " ".join(part for part in parts if part)


def _claims(claims: Sequence[Claim]) -> str:
    if not claims:
        return ""
    found = items(
        rf"{latex(claim.text)}: \textbf{{{latex(claim.verdict)}}}. {latex(claim.evidence)}" for claim in claims
    )
    return f"\\subsection*{{Claims of the source}}\n{latex(about_family(claims).strip())}\n{found}"


def _published(numbers: Sequence[Published], results: Results) -> str:
    if not numbers:
        return ""
    caption = (
        r"Published numbers beside ours. The interval is the 95\,\% prediction interval for one more run of ours, "
        r"mean $\pm\; t(0.975, n-1)\, s \sqrt{1 + 1/n}$; $\pm\,\%$: half its width over the published value, and too wide "
        rf"to tell above {100 * WIDEST:g}; $z$: distance from our mean over $s$."
    )
    header = ["variant", "metric", "published", "ours", "$n$", "$z$", r"$\pm\,\%$", "verdict"]
    rows = [_cells(row) for row in number_rows(numbers, results)]
    return "\n\n".join([table(LONG_TABLE, caption, header, rows), *_published_curves(results)])


def _published_curves(results: Results) -> list[str]:
    """Each curve as one, where there are any."""
    curves = published_curves(results)
    caption = (
        r"Published curves, each as one: its mean over the epochs beside those of our seeds; the largest $|z|$ over the "
        r"epochs, and the limit below which that of one more curve of ours stays (parametric bootstrap). Each is tested at "
        rf"${100 * CURVE_CONFIDENCE:g}\,\%$, so that both refuse a curve made in the way of ours in "
        rf"${100 * (1 - CONFIDENCE):g}\,\%$ of cases at most."
    )
    header = [
        "variant",
        "metric",
        "mean of it",
        "of ours",
        "$z$",
        r"$\pm\,\%$",
        "largest $|z|$",
        "limit",
        "above",
        "verdict",
    ]
    rows = [_cells(row) for row in curve_rows(curves, results)]
    form = TABLE if len(rows) <= LONGEST_FLOAT else LONG_TABLE
    return [table(form, caption, header, rows)] if rows else []


def _cells(row: Sequence[str]) -> list[str]:
    """Names as they stand, numbers with minus signs."""
    return [
        *(latex(cell) for cell in row[:2]),
        *(_signed(cell.removeprefix("n=")) for cell in row[2:-1]),
        latex(row[-1].removeprefix("interval ")),
    ]


def table(form: str, caption: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return form % {
        "caption": caption,
        "columns": "l" + "r" * (len(header) - 1),
        "header": " & ".join(header),
        "rows": "\n".join(" & ".join(row) + r" \\" for row in rows),
    }


def _signed(text: str) -> str:
    """Numbers with a minus sign instead of a hyphen, and their brackets safe at the start of a cell."""
    return latex(text).replace("-", "$-$") if text != NOTHING else text
