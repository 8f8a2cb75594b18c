"""Blocks as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

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


def markdown(blocks: Iterable[Block]) -> str:
    """The blocks, an empty line between any two."""
    return "\n\n".join(part for block in blocks for part in _parts(block))


def _parts(block: Block) -> list[str]:
    """A block as paragraphs."""
    match block:
        case Heading(words, level):
            return [f"{'#' * level} {inline(words)}"]
        case Paragraph(words):
            return [inline(words)]
        case Bullets(items):
            return ["\n".join(f"- {inline(item)}" for item in items)]
        case Listing(text, language):
            return [f"```{language}\n{text}\n```"]
        case Figure(picture):
            return [f"![{escaped(picture.caption)}]({picture.name}.png)"]
        case TableBlock():
            return _table_parts(block)


def _table_parts(table: TableBlock) -> list[str]:
    rows = table.rows if table.shown is None else [table.rows[place] for place in table.shown]
    if table.last:  # Markdown has no rules within a table
        rows = [*rows, [""] * len(table.header), *table.last]
    return [*_filled([table.about]), _table(table.header, rows), *_filled([*table.notes, table.left_out])]


def _filled(texts: Iterable[Words]) -> list[str]:
    return [inline(text) for text in texts if text]


def _table(header: Sequence[Words], rows: Iterable[Sequence[Words]]) -> str:
    lines = [[_cell(words) for words in row] for row in (header, *rows)]
    lines.insert(1, ["---"] * len(header))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(words: Words) -> str:
    """Words in a table: a bar would end the cell, even in code."""
    match words:
        case Brief(inner):
            return _cell(inner)
        case InlineCode(text):
            return inline(InlineCode(text.replace("|", r"\|")))
        case _:
            return inline(words)


def inline(words: Words) -> str:  # noqa: PLR0911 - one for each kind
    """Words within a paragraph."""
    match words:
        case str():
            return prose(words)
        case tuple():
            return "".join(map(inline, words))
        case Plain(text):
            return escaped(text)
        case Number(text) | Math(text):
            return text
        case InlineCode(text):
            return f"`{text.replace('`', '')}`"
        case Bold(inner):
            return f"**{inline(inner)}**"
        case Emphasis(inner):
            return f"*{inline(inner)}*"
        case Brief(inner):
            return inline(inner)


def escaped(text: object) -> str:
    """Text in one line, with what Markdown would take as markup escaped."""
    line = " ".join(str(text).split())
    line = re.sub(r"([\\`*|\[\]$~])", r"\\\1", line.replace("&", "&amp;")).replace("<", "&lt;")
    # An underscore inside a word is no markup, and names stay easy to search for.
    return re.sub(r"(?<![A-Za-z0-9_])_|_(?![A-Za-z0-9_])", r"\\_", line)


def prose(sentence: str) -> str:
    """A sentence whose code spans (between backticks) stand as they are."""
    parts = sentence.split("`")
    return "`".join(part if place % 2 else _of_prose(part) for place, part in enumerate(parts))


def _of_prose(text: str) -> str:
    """Escapes as ``escaped`` does, but keeps the spaces at the ends, and brackets: those of an interval are no link."""
    kept = text.strip()
    return text.replace(kept, re.sub(r"\\([\[\]])", r"\1", escaped(kept))) if kept else text
