"""Blocks as plain text, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest

from seedbed.report.blocks import (
    Block,
    Bold,
    Brief,
    Bullets,
    Emphasis,
    Figure,
    Heading,
    InlineCode,
    Listing,
    Math,
    Number,
    Paragraph,
    Plain,
    TableBlock,
    Words,
)


def printed(blocks: Iterable[Block]) -> str:
    """The blocks, each in lines of its own; a terminal shows no pictures."""
    return "\n".join(line for block in blocks for line in _lines(block))


def _lines(block: Block) -> list[str]:
    match block:
        case Heading(words) | Paragraph(words):
            return [inline(words)]
        case Bullets(items):
            return [f"- {inline(item)}" for item in items]
        case Listing(text):
            return [text]
        case Figure():
            return []
        case TableBlock(header, rows):
            table = aligned(_cells([header, *rows]), _cells(block.last))
            return [*_filled([block.about]), table, *_filled(block.notes)]


def _cells(rows: Iterable[Sequence[Words]]) -> list[list[str]]:
    return [[inline(cell) for cell in row] for row in rows]


def _filled(texts: Iterable[Words]) -> list[str]:
    return [inline(text) for text in texts if text]


def inline(words: Words) -> str:
    """Words without any markup."""
    match words:
        case str():
            return words.replace("`", "")
        case tuple():
            return "".join(map(inline, words))
        case Plain(text) | Number(text) | Math(text) | InlineCode(text):
            return text
        case Bold(inner) | Emphasis(inner) | Brief(inner):
            return inline(inner)


def aligned(rows: Sequence[Sequence[str]], last: Sequence[Sequence[str]] = ()) -> str:
    """Columns side by side under a ruled header, the ``last`` rows under a rule too; a short row ends early."""
    lines = columns([*rows, *last])
    rule = "-" * max(map(len, lines))
    body, foot = lines[1 : len(rows)], lines[len(rows) :]
    return "\n".join([lines[0], rule, *body, *([rule, *foot] if foot else [])])


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """One line a row, its columns side by side."""
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
