"""What the data sets hold, where they come from, and how they were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seedbed.report.benchmark.evidence import BenchmarkEvidence
from seedbed.report.benchmark.properties import FEATURES, IMBALANCE, properties_of, rows_by_class
from seedbed.report.benchmark.words import named
from seedbed.report.blocks import Block, Brief, Bullets, Heading, InlineCode, Number, Plain, TableBlock, Words, joined
from seedbed.report.formatting import NOTHING
from seedbed.results import Benchmark, Results

DIGITS = 12
"""Of a digest, as a page shows it."""


def section(evidence: BenchmarkEvidence) -> list[Block]:
    """A row a data set, and what was noted of them."""
    benchmark = evidence.benchmark
    notes = notes_of(
        {name: [str(note) for note in results.data.get("notes") or ()] for name, results in benchmark.data_sets.items()}
    )
    return [Heading("Data sets"), _table(benchmark), *([Bullets(notes)] if notes else [])]


def _table(benchmark: Benchmark) -> TableBlock:
    stated: dict[str, object] = {}
    for results in benchmark.data_sets.values():
        stated |= results.config.get("data_sets") or {}
    header: list[Words] = [
        "data set",
        "rows",
        "of each class",
        "imbalance ratio",
        "features",
        "training/validation/test",
    ]
    header += ["made from"] if benchmark.sources else []
    header += ["SHA-256", "read by"] if stated else ["SHA-256"]
    rows = [_row(benchmark, name, results, stated.get(name)) for name, results in benchmark.data_sets.items()]
    return TableBlock(
        header,
        [row[: len(header)] for row in rows],
        caption="The data sets",
        about=(
            "The imbalance ratio is the number of rows of the most frequent class over that of the rarest. SHA-256 says which data "
            f"were read; its first {DIGITS} digits are shown, and record.json has all of them."
        ),
        name="data_sets",
    )


def _row(benchmark: Benchmark, name: str, results: Results, overrides: object) -> list[Words]:
    properties, split = properties_of(results), results.data.get("split")
    ratio = properties.get(IMBALANCE)
    sides = [split.get(side) for side in ("train", "val", "test")] if isinstance(split, Mapping) else []
    cells: list[Words] = [
        Plain(name),
        _whole(properties.get("rows")),
        _classes(rows_by_class(results)),
        NOTHING if ratio is None else Number(f"{ratio:.2f}"),
        _whole(properties.get(FEATURES)),
        Plain("/".join(NOTHING if side is None else str(side) for side in sides)) if sides else NOTHING,
    ]
    if benchmark.sources:
        source = benchmark.sources.get(name)
        cells.append(Plain(source) if source else NOTHING)
    digest = str(results.data.get("digest") or "")
    cells.append(InlineCode(digest[:DIGITS]) if digest else NOTHING)
    texts = (
        [str(text) for text in overrides] if isinstance(overrides, Sequence) and not isinstance(overrides, str) else []
    )
    cells.append(joined(map(InlineCode, texts), " ") if texts else NOTHING)
    return cells


def _whole(value: float | None) -> Words:
    return NOTHING if value is None else Number(str(int(value)))


def _classes(rows: Mapping[str, int]) -> Words:
    """Rows of each class; of many classes, their number."""
    if not rows:
        return NOTHING
    if len(rows) > 4:
        return Plain(f"{len(rows)} classes, {min(rows.values())} to {max(rows.values())} rows")
    told = joined([(Plain(name), f" {count}") for name, count in rows.items()], ", ")
    return Brief(told, Plain("/".join(map(str, rows.values()))))


def notes_of(notes: Mapping[str, Sequence[str]]) -> list[Words]:
    """Each note once, with the data sets that it is about unless it is about all."""
    about: dict[str, list[str]] = {}
    for data_set, of_one in notes.items():
        for note in dict.fromkeys(of_one):
            about.setdefault(note, []).append(data_set)
    return [
        Plain(note) if len(names) == len(notes) and len(notes) > 1 else (named(names), ": ", Plain(note))
        for note, names in about.items()
    ]
