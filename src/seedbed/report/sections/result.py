"""How each variant did: its mean, spread and interval."""

from __future__ import annotations

from seedbed.report.analysis import Analysis
from seedbed.report.beyond_bounds import note_on_intervals
from seedbed.report.blocks import Block, Brief, Heading, Math, Number, Plain, TableBlock, Words, bold_if
from seedbed.report.evidence import Evidence
from seedbed.report.footnotes import marked, note_lines
from seedbed.report.formatting import PLUS_MINUS, count_word, interval_text, mean_text
from seedbed.report.threshold_marks import threshold_mark, threshold_notes


def section(evidence: Evidence) -> list[Block]:
    """The report's metric, a row a variant, with footnotes on those that came about differently."""
    analysis = evidence.analysis
    names, best = marked(analysis.results), analysis.best()
    rows = [
        [
            Plain(names[variant]),
            bold_if(variant in best, Number(mean_text(summary, analysis.decimals))),
            count(analysis, variant),
            Number(interval_text(summary, analysis.decimals)),
        ]
        for variant, summary in analysis.summaries.items()
    ]
    interval = Brief("95 % interval of the mean", "95 % interval")
    table = TableBlock(
        ["variant", Plain(analysis.label() + threshold_mark(analysis.results, analysis.metric)), Math("n"), interval],
        rows,
        caption=(Plain(analysis.results.experiment), ": ", Plain(analysis.label())),
        about=(
            f"Mean {PLUS_MINUS} sample std (ddof 1) over n seeds; {analysis.bold_rule}. The interval is about {analysis.runs}.",
            *_about_outcomes(analysis),
        ),
        notes=[
            *threshold_notes(analysis.results, [analysis.metric]),
            *map(Plain, note_lines(analysis.results)),
            *note_on_intervals(analysis.summaries, analysis.declared.bounds),
        ],
        name="result",
    )
    return [Heading("Result"), table]


def count(analysis: Analysis, variant: str) -> Words:
    """How many seeds a mean is over, and what became of the others: "n=9/10, 1 diverged"."""
    text = analysis.count(variant)
    return Brief(text, text.removeprefix("n="))


def _about_outcomes(analysis: Analysis) -> tuple[Words, ...]:
    """Which class or classes precision, recall and the like are about; of targets, in which unit errors are."""
    data = analysis.results.data
    if data.get("target"):
        return (" RMSE, MAE and the median absolute error are in the unit of ", Plain(data["target"]), "; the loss is the mean ",
                "squared error over the variance of each seed's training rows.")  # fmt: skip
    if not data.get("classes"):
        return ()
    said: Words = ("those of class ", Plain(data["minority"]), f", {_which(analysis)}")
    if len(data["classes"]) > 2:
        said = f"the means over the {count_word(len(data['classes']))} classes, each against the rest"
    return (" Precision, recall, F1, AUROC and average precision are ", said, ".")


def _which(analysis: Analysis) -> str:
    """How the class was chosen that these metrics are about."""
    data = analysis.results.data
    if (analysis.results.config.get("data") or {}).get("positive") is not None:
        return "as data.positive says"
    rows = [(data.get("counts") or {}).get(f"rows_{name}") for name in data["classes"]]
    equal = rows[0] is not None and rows[0] == rows[-1]
    return "the first of two equally frequent ones" if equal else "the rarer one"
