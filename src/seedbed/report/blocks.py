"""What a page consists of: blocks such as tables and figures. How a format writes them is the business of ``render/``.

Words are a string, a marked piece such as ``InlineCode``, or a tuple of words. A plain string is a sentence of ours: what stands
between backticks in it is code, and everything else is shown as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from seedbed.report.pictures.picture import Picture

# ---- words -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plain:
    """Text from elsewhere, such as a name: shown as it stands, in one line, backticks too."""

    text: str


@dataclass(frozen=True)
class Number:
    """Figures as ``formatting`` writes them, such as "-0.12 [-0.15, -0.09]" or "< 0.001"."""

    text: str


@dataclass(frozen=True)
class Math:
    """A symbol, such as "n" or "|z|"."""

    text: str


@dataclass(frozen=True)
class InlineCode:
    """What can be typed: a key, a name, a command."""

    text: str


@dataclass(frozen=True)
class Bold:
    """What stands out."""

    words: Words


@dataclass(frozen=True)
class Emphasis:
    """A title within a sentence."""

    words: Words


@dataclass(frozen=True)
class Brief:
    """Words with a shorter form for a table on paper, where the caption or a note says the rest."""

    words: Words
    short: Words


Words: TypeAlias = "str | Plain | Number | Math | InlineCode | Bold | Emphasis | Brief | tuple[Words, ...]"


def bold_if(condition: bool, words: Words) -> Words:
    """The words, bold where the condition holds."""
    return Bold(words) if condition else words


def joined(pieces: Iterable[Words], separator: str) -> Words:
    """One piece after the other."""
    first, *others = list(pieces) or [""]
    return (first, *(word for piece in others for word in (separator, piece)))


# ---- blocks ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Heading:
    """The title of a page (level 1), of a section (2) or of a part of one (3)."""

    words: Words
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    words: Words


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: Sequence[Words]


@dataclass(frozen=True)
class Listing:
    """Lines that can be typed or kept in a file."""

    text: str
    language: str = ""


@dataclass(frozen=True)
class TableBlock:
    """A header and rows of cells; a header of empty words is left out where a format can do without."""

    header: Sequence[Words]
    rows: Sequence[Sequence[Words]]
    caption: Words = ""
    """What it shows, for a format in which it may stand apart from its section."""
    about: Words = ""
    """How to read it; stands above it."""
    notes: Sequence[Words] = ()
    """Stand below it."""
    shown: Sequence[int] | None = None
    """Places of the rows that a page has room for, where it has none for all; a document takes all."""
    left_out: Words = ""
    """Says on such a page which rows are not shown."""
    last: Sequence[Sequence[Words]] = ()
    """Rows about those above, such as an average rank, set apart by a rule; shown wherever the table is."""
    name: str = ""
    """The name of its file, where a format gives it one, without the ending; "" for that of its section."""


@dataclass(frozen=True)
class Figure:
    """A picture with its caption."""

    picture: Picture


Block: TypeAlias = Heading | Paragraph | Bullets | Listing | TableBlock | Figure


def pictures_of(blocks: Iterable[Block]) -> list[Picture]:
    """The pictures that these blocks show, in their order."""
    return [block.picture for block in blocks if isinstance(block, Figure)]
