"""The result as a LaTeX document of its own, with one booktabs table."""

from __future__ import annotations

from seedbed.report.analysis import Analysis, Difference
from seedbed.report.formatting import NOTHING, latex, mean_text, p_text

_DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{textcomp}
\usepackage{booktabs}
\usepackage{graphicx}
\begin{document}
\begin{table}
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
\end{table}
\end{document}
"""


def latex_report(analysis: Analysis) -> str:
    """A document that compiles as it stands; its table can be copied into a paper that loads booktabs."""
    against = {row.variant: row for row in analysis.family} if analysis.baseline else {}
    header = ["variant", latex(analysis.label()), "$n$"]
    if analysis.baseline:
        header += [rf"difference to {latex(analysis.baseline)} [95\,\%]", "$p$ (Holm)"]
    best = analysis.best()
    rows = [
        " & ".join([*_cells(analysis, variant, variant in best), *_difference(analysis, variant, against)]) + r" \\"
        for variant in analysis.results.variants
    ]
    return _DOCUMENT % {
        "caption": _caption(analysis),
        "columns": "l" + "r" * (len(header) - 1),
        "header": " & ".join(header),
        "rows": "\n".join(rows),
    }


def _cells(analysis: Analysis, variant: str, is_best: bool) -> list[str]:
    text = latex(mean_text(analysis.summaries[variant], analysis.decimals))
    # \boldmath, as \textbf alone leaves the plus-minus sign thin.
    bold = rf"\textbf{{\boldmath {text}}}" if is_best else text
    return [latex(variant), bold, latex(analysis.count(variant).removeprefix("n="))]


def _difference(analysis: Analysis, variant: str, against: dict[str, Difference]) -> list[str]:
    if not analysis.baseline:
        return []
    row = against.get(variant)
    if row is None or row.comparison.difference is None:
        return [NOTHING, NOTHING]
    low, high = row.comparison.low, row.comparison.high
    ends = "" if low is None else f" [{_signed(analysis.show(low))}, {_signed(analysis.show(high))}]"
    return [_signed(analysis.show(row.comparison.difference)) + ends, latex(p_text(row.p))]


def _signed(text: str) -> str:
    return f"$-${text[1:]}" if text.startswith("-") and len(text) > 1 else text


def _caption(analysis: Analysis) -> str:
    counts = sorted({found.n for found in analysis.summaries.values()})
    n = f"$n={counts[0]}$" if len(counts) == 1 else f"$n={counts[0]}$ to ${counts[-1]}$"
    caption = (
        rf"{latex(analysis.results.experiment)}: {latex(analysis.label())}, mean $\pm$ sample std over {n} "
        "seeds; the best mean is bold."
    )
    tested = next((row.comparison for row in analysis.family if row.p is not None), None)
    if tested is None or not analysis.baseline:
        return caption
    return f"{caption} Differences: {latex(tested.test)}, interval about {latex(tested.about)}."
