"""What does not enter the tables, and why."""

from __future__ import annotations

from collections.abc import Sequence

from seedbed.report.analysis import ABSENT, absences
from seedbed.report.blocks import Block, Bullets, Heading, Paragraph
from seedbed.report.evidence import Evidence
from seedbed.report.formatting import listed
from seedbed.results import Results


def section(evidence: Evidence) -> list[Block]:
    """A line for each variant with cells that have no value, or that nothing is left out."""
    results, metric = evidence.results, evidence.analysis.metric
    lines = [
        f"`{variant}`: {', '.join(reasons)}. Enters no mean and no interval{_in_tests(reasons, results)}."
        for variant in results.variants
        if (reasons := absences(results, variant, metric))
    ]
    inapplicable: dict[str, str] = results.data.get("inapplicable") or {}
    lines += [f"`{variant}` does not apply: {why}" for variant, why in inapplicable.items()]
    known = {*results.variants, *inapplicable}
    if unasked := [name for name in results.config.get("variants") or () if name not in known]:
        lines.append(f"{listed(f'`{name}`' for name in unasked)}: not asked for in this launch.")
    nothing = "Nothing: every cell that was asked for finished, and enters the tables."
    if results.imported is not None:
        nothing = "Nothing: every variant has a value under every seed."
    return [Heading("What was left out"), Bullets(lines) if lines else Paragraph(nothing)]


def _in_tests(reasons: Sequence[str], results: Results) -> str:
    """What becomes of cells without a value in the tests."""
    if all(reason.endswith(("not run", ABSENT)) for reason in reasons):
        return " and no test"
    lost = "diverged or failed" if results.imported is None else "has no value"
    return f"; a verdict counts a run that {lost} as the worst"
