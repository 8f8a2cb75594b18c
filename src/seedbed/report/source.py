"""What the source says beside what our runs say: the sections on its claims, numbers and curves, and what we found."""

from __future__ import annotations

from collections.abc import Sequence

from seedbed.report.analysis import LEVEL
from seedbed.report.claims import UNTESTABLE, Claim, family_words
from seedbed.report.findings import Finding
from seedbed.report.footnotes import marked
from seedbed.report.foreign import foreign_data
from seedbed.report.formatting import (
    NOTHING,
    PLUS_MINUS,
    listed,
    markdown,
    markdown_table,
    mean_text,
    number,
    places,
    prose,
)
from seedbed.report.published import CURVE_CONFIDENCE, WIDEST, Published, PublishedCurve, counts_of, published_curves
from seedbed.results import Results
from seedbed.statistics import CONFIDENCE

NUMBERS_HEADER = ("variant", "metric", "published", "ours", "n", "z", f"{PLUS_MINUS} %", "verdict")
CURVES_HEADER = (
    "variant",
    "metric",
    "mean of it",
    "of ours",
    "z",
    f"{PLUS_MINUS} %",
    "largest z",
    "limit",
    "above",
    "verdict",
)


def claims_section(claims: Sequence[Claim], results: Results) -> str:
    if not claims:
        return ""
    metric = (results.config.get("report") or {}).get("metric")
    rows = [
        [markdown(claim.text), f"**{claim.verdict}**", markdown(claim.evidence), markdown(claim.false_holds)]
        for claim in claims
    ]
    about = f"Checked on `{metric}`, the experiment's own metric{changed(results)}.{about_family(claims)}"
    table = markdown_table(["claim", "our runs", "evidence", 'false "holds"'], rows)
    return f"## Claims of the source\n\n{about}\n\n{table}"


def about_family(claims: Sequence[Claim]) -> str:
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


def changed(results: Results) -> str:
    """That this launch is by another recipe than the experiment's, which is that of the source, or on other data."""
    recipe = f"; this launch changed its recipe: {listed(f'`{text}`' for text in results.overrides)}"
    said = recipe if results.overrides else ""
    return f"{said}; the data are not those of the source: see the first lines" if foreign_data(results) else said


def published_section(numbers: list[Published], results: Results, picture: str) -> str:
    """The published curves as wholes, then every number by itself; ``picture`` is the Markdown of theirs, or ""."""
    if not numbers:
        return ""
    curves = published_curves(results)
    said = [counts_of([row.verdict for row in numbers])] if any(row.verdict for row in numbers) else []
    about = (
        f"The interval is the 95 % prediction interval for one more run of ours, mean {PLUS_MINUS} t(0.975, n−1) s "
        f"√(1 + 1/n){changed(results)}. {PLUS_MINUS} % is half its width over the published value: above "
        f"{100 * WIDEST:g} %, or where it is wider than the metric's range from chance level to the best published value, it "
        "is too wide to tell. z is the published number's distance from our mean in our sample standard deviations s."
    )
    lines = [f"{'. '.join(['Of the published numbers, ' + text for text in said] + [about])}"]
    parts = [*lines, *([picture] if picture else [])]
    if curves:
        parts += [
            about_curves(curves),
            markdown_table(list(CURVES_HEADER), [_md(row) for row in curve_rows(curves, results)]),
        ]
        parts += ["Every number by itself:"]
    parts.append(markdown_table(list(NUMBERS_HEADER), [_md(row) for row in number_rows(numbers, results)]))
    return "## Published numbers\n\n" + "\n\n".join(parts)


def about_curves(curves: Sequence[PublishedCurve]) -> str:
    """How curves are judged, and what became of them."""
    counts = counts_of([curve.verdict for curve in curves]).replace("in the interval", "within ours", 1)
    throughout = sum(curve.above == curve.epochs for curve in curves)
    beneath = sum(curve.above == 0 for curve in curves)
    one_sided = f" Above our mean at every epoch: {throughout} of {len(curves)}; nowhere above it: {beneath}."
    return (
        f"A curve is judged as one, since its epochs go together. Of the published curves, {counts}.{one_sided} A curve is "
        f"compatible with ours where its mean over the epochs lies in the {100 * CURVE_CONFIDENCE:g} % prediction interval of "
        "our seeds' means, and its largest |z| over the epochs does not pass the limit below which that of one more curve of "
        f"ours stays in {100 * CURVE_CONFIDENCE:g} % of cases (parametric bootstrap with the correlation of our seeds over "
        f"the epochs, seeded). Together, the two refuse a curve made in the way of ours in {100 * (1 - CONFIDENCE):g} % of "
        "cases at most."
    )


def _md(row: Sequence[str]) -> list[str]:
    return [markdown(cell) for cell in row]


def number_rows(numbers: Sequence[Published], results: Results) -> list[list[str]]:
    """One row a published number."""
    names = marked(results)
    return [
        [
            names[row.variant],
            row.metric + ("" if row.epoch is None else f", epoch {row.epoch + 1}"),
            f"{row.value:g}",
            mean_text(row.ours, places([row.ours])),
            f"n={row.ours.n}",
            number(row.z, 2),
            half_width_text(row),
            row.verdict or NOTHING,
        ]
        for row in numbers
    ]


def curve_rows(curves: Sequence[PublishedCurve], results: Results) -> list[list[str]]:
    """One row a published curve."""
    names = marked(results)
    rows = []
    for curve in curves:
        decimals = places([curve.mean.ours])
        at = NOTHING if curve.at_epoch is None else f"{number(curve.largest_z, 2)} (epoch {curve.at_epoch + 1})"
        rows.append(
            [
                names[curve.variant] + (f" ({curve.label})" if curve.label else ""),
                f"{curve.metric}, {curve.epochs} epoch{'' if curve.epochs == 1 else 's'}",
                number(curve.mean.value, decimals),
                mean_text(curve.mean.ours, decimals),
                number(curve.mean.z, 2),
                half_width_text(curve.mean),
                at,
                number(curve.limit, 2),
                f"{curve.above} of {curve.epochs}",
                curve.verdict or NOTHING,
            ]
        )
    return rows


def half_width_text(row: Published) -> str:
    """Half the width of the interval in percent of the published value."""
    return NOTHING if row.half_width is None else number(100 * row.half_width, 1)


def findings_section(findings: Sequence[Finding]) -> str:
    """What our experiments say of the source's numbers, and the command that shows it."""
    if not findings:
        return ""
    lines = [f"- {prose(found.text)} `{found.command}`{_typed(found)}" for found in findings]
    about = "What these runs say beyond the tables, and the command that shows it:"
    return "\n\n".join(["## Findings", about, "\n".join(lines)])


def _typed(found: Finding) -> str:
    return f" ({prose(found.typed)})" if found.typed else ""
