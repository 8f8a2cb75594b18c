"""The claims of the source beside what our runs say of them."""

from __future__ import annotations

from collections.abc import Sequence

from seedbed.report.analysis import LEVEL
from seedbed.report.blocks import Block, Bold, Heading, InlineCode, Plain, TableBlock
from seedbed.report.claims import UNTESTABLE, Claim, family_words
from seedbed.report.departures import departures
from seedbed.report.evidence import Evidence


def section(evidence: Evidence) -> list[Block]:
    """A row a claim; [] where the source makes none."""
    claims, results = evidence.claims, evidence.results
    if not claims:
        return []
    metric = (results.config.get("report") or {}).get("metric")
    table = TableBlock(
        ["claim", "our runs", "evidence", 'false "holds"'],
        [[Plain(claim.text), Bold(claim.verdict), Plain(claim.evidence), Plain(claim.false_holds)] for claim in claims],
        caption="Claims of the source",
        about=(
            "Checked on ",
            InlineCode(str(metric)),
            f", the experiment's own metric{departures(results)}.{_about_family(claims)}",
        ),
        name="claims",
    )
    return [Heading("Claims of the source"), table]


def _about_family(claims: Sequence[Claim]) -> str:
    """How the claims were tested, and how often a check errs."""
    over = family_words(claims)
    tested = any(claim.p is not None for claim in claims)
    said = f" Holm's method adjusts p over {over}." if over else ""
    said += (
        f" A claim holds, or does not, only below {LEVEL}; one that consists of several parts needs all of them."
        f' Of a false claim a check says "holds" with a chance of {LEVEL} at most.'
        if tested
        else ""
    )
    if any(claim.verdict == UNTESTABLE for claim in claims):
        said += f' "{UNTESTABLE}" is said of a claim that nearly any result agrees with.'
    return said
