"""Records from a file of any common format; encoding, delimiter and quoting are found where they are not given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seedbed.data.files.arff import arff, is_arff
from seedbed.data.files.characters import decoded
from seedbed.data.files.contents import unpacked
from seedbed.data.files.delimited import delimited
from seedbed.data.files.foreign import refuse_binary, refuse_foreign
from seedbed.data.files.reading import (
    DELIMITED,
    DELIMITERS,
    BadRecord,
    Declared,
    Found,
    Reading,
    Records,
    Replaced,
    Target,
)
from seedbed.data.files.typed import ARROW, ARROW_STREAM, PARQUET, arrow, json_records, parquet
from seedbed.errors import DataError

__all__ = ["DELIMITERS", "BadRecord", "Declared", "Found", "Reading", "Records", "Replaced", "Target", "open_records"]

SUFFIXES = {
    ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".parquet": "parquet", ".pq": "parquet", ".arrow": "arrow", ".feather": "arrow",
}  # fmt: skip


def open_records(path: Path, reading: Reading, wanted: Sequence[str] = ()) -> Records:
    """Open a file, gzip or zip archives of one file included, and check every record.

    ``wanted`` are columns that help to tell the delimiter. Raises ``DataError`` for what cannot be read and, unless
    ``reading.bad_lines`` is "drop", for a record with more or fewer fields than the header.
    """
    content, inner = unpacked(path)
    refuse_binary(path, content)
    kind = _format(content, inner, reading)
    if kind in ("parquet", "arrow"):
        _refuse_skipping(path, kind, reading)
        return parquet(path, content) if kind == "parquet" else arrow(path, content)
    read = decoded(path, content, reading)
    found = Found(DELIMITED, read.encoding, replaced=(read.replaced,) if read.replaced else ())
    if not read.text.strip():
        raise DataError(f"{path} is empty. Name a file that holds a header line and records.")
    # One kind of line end; a carriage return alone ends lines only where nothing else does.
    text = read.text.replace("\r\n", "\n")
    text = text if "\n" in text else text.replace("\r", "\n")
    text = _without_first_lines(path, text, reading.skip_lines)
    refuse_foreign(path, text, as_json=kind == "jsonl")
    if kind == "jsonl":
        return json_records(path, text, found, reading)
    if is_arff(text):
        return arff(path, text, found, reading)
    return delimited(path, text, found, reading, "tab" if kind == "tsv" else "auto", wanted)


def _format(content: bytes, name: str, reading: Reading) -> str:
    """Format of a file; "auto" is decided by its first bytes, then by its name."""
    by_content = {PARQUET: "parquet", ARROW: "arrow", ARROW_STREAM: "arrow"}
    binary = next((kind for beginning, kind in by_content.items() if content.startswith(beginning)), None)
    if binary or reading.format != "auto":
        return binary or reading.format
    return SUFFIXES.get(Path(name).suffix.lower(), "csv")


def _refuse_skipping(path: Path, kind: str, reading: Reading) -> None:
    if reading.skip_lines:
        raise DataError(
            f"data.skip_lines={reading.skip_lines}: {path} is {kind.title()}, which has no lines. Leave it out."
        )


def _without_first_lines(path: Path, text: str, number: int) -> str:
    """The text with its first lines blank, so that the others keep their numbers."""
    if not number:
        return text
    lines = text.split("\n", number)
    if len(lines) <= number or not lines[-1].strip():
        raise DataError(f"data.skip_lines={number}: {path} has no more lines than these. Give a smaller number.")
    return "\n" * number + lines[-1]
