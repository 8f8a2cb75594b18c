"""What the data hold, and how they were split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seedbed.report.blocks import Block, Bullets, Heading, InlineCode, Plain, TableBlock, Words
from seedbed.report.evidence import Evidence


def section(evidence: Evidence) -> list[Block]:
    """Name, digest, counts and notes of the data set; [] where nothing of it was recorded, as of imported results."""
    data = evidence.results.data if evidence.results.imported is None else {}
    rows, notes = _rows(data), [Plain(str(note)) for note in data.get("notes") or ()]
    blocks: list[Block] = [TableBlock(["", ""], rows, name="data")] if rows else []
    blocks += [Bullets(notes)] if notes else []
    return [Heading("Data"), *blocks] if blocks else []


def _rows(data: Mapping[str, Any]) -> list[list[Words]]:
    rows: list[list[Words]] = [["data set", Plain(str(data["name"]))]] if data.get("name") else []
    rows += [["SHA-256", InlineCode(str(data["digest"]))]] if data.get("digest") else []
    rows += [[Plain(_spaced(what)), Plain(str(count))] for what, count in (data.get("counts") or {}).items()]
    rows += [[Plain(str(what)), Plain(str(value))] for what, value in (data.get("made_with") or {}).items()]
    if isinstance(data.get("split"), dict):
        rows.append(["split", Plain(", ".join(f"{part} {count}" for part, count in data["split"].items()))])
    of_split = data.get("split_counts") or {}
    return rows + [
        [Plain(f"{_spaced(what)} (of the first seed)"), Plain(str(count))] for what, count in of_split.items()
    ]


def _spaced(name: object) -> str:
    return str(name).replace("_", " ")
