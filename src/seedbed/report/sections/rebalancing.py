"""What rebalancing changed: differences by measures that do not depend on a threshold, beside those that do."""

from __future__ import annotations

from collections.abc import Mapping

from seedbed.report.blocks import Block, Bullets, Heading, Number, Plain, TableBlock, Words
from seedbed.report.evidence import Evidence
from seedbed.report.footnotes import marked
from seedbed.report.formatting import difference_words, listed, number
from seedbed.report.rebalancing import COMPARED, NAMES, Change, Rebalancing, rebalancing
from seedbed.report.threshold_marks import threshold_mark, threshold_notes
from seedbed.results import Results

DECIMALS = 4
_F1 = "test/f1"


def section(evidence: Evidence) -> list[Block]:
    """A row a variant, and a sentence on each; [] where nothing was rebalanced, or no scores are kept."""
    analysis = evidence.analysis
    found = rebalancing(analysis)
    if found is None:
        return []
    names = marked(analysis.results)
    table = TableBlock(
        ["variant", *(NAMES[measure] + _mark(analysis.results, measure) for measure in COMPARED), "threshold"],
        [
            row
            for baseline, changes in found.of_baselines.items()
            for row in (_means(found, baseline, names), *(_differences(found, change, names) for change in changes))
        ],
        caption="What rebalancing changed",
        about=_about(found),
        notes=threshold_notes(analysis.results, [_F1]),
        name="rebalancing",
    )
    said = [
        f"{_pair(found, change, analysis.quoted, ' against ')}: {change.verdict} ({change.why})."
        for change in found.changes
    ]
    return [Heading("What rebalancing changed"), table, Bullets(said)]


def _means(found: Rebalancing, baseline: str, names: Mapping[str, str]) -> list[Words]:
    means = [number(found.mean(baseline, measure), DECIMALS) for measure in COMPARED]
    return [Plain(names[baseline]), *map(Number, means), Number(number(found.mean(baseline, "threshold"), 3))]


def _differences(found: Rebalancing, change: Change, names: Mapping[str, str]) -> list[Words]:
    differences = [difference_words(change.tests[measure].comparison, DECIMALS) for measure in COMPARED]
    threshold = number(found.mean(change.variant, "threshold"), 3)
    return [Plain(_pair(found, change, names, " − ")), *map(Number, differences), Number(threshold)]


def _pair(found: Rebalancing, change: Change, names: Mapping[str, str], between: str) -> str:
    """The variant, and its baseline where there are several."""
    several = len(found.of_baselines) > 1
    return f"{names[change.variant]}{between}{names[change.baseline]}" if several else names[change.variant]


def _mark(results: Results, measure: str) -> str:
    """That of F1 for both columns of it."""
    return threshold_mark(results, _F1) if measure in ("f1", "f1_tuned") else ""


def _about(found: Rebalancing) -> Words:
    first, *others = found.of_baselines
    rows: tuple[Words, ...] = ("First row: means of ", Plain(first))
    rows = ("Rows of ", Plain(listed([first, *others])), ": means") if others else rows
    return (
        *rows,
        "; beneath, differences to it with 95 % intervals, which allow for no other comparison, of the variants that differ from it "
        "in `imbalance` alone. AUROC, average precision and the Brier score after everyone's probabilities are recalibrated on "
        "validation rows (Platt) do not depend on a threshold. F1 is given twice: for the predicted labels (a network's are those at "
        "0.5, unless `imbalance.after` sets another threshold), and at the threshold that each seed tuned on its validation rows; "
        "the last column is the mean of these thresholds. Both are of single seeds, while `seedbed predict` labels by their mean "
        "probability. The ranking of rows changed where AUROC or average precision is told apart (Holm over both and all variants). "
        f"Only the threshold changed where neither is, two one-sided tests show that AUROC differs by less than {found.margin:g} (`report.margin`), and F1 of the "
        "predicted labels is told apart (Holm over all variants, both times); or where AUROC and average precision are the same in "
        "every seed, and F1 is not.",
    )
