"""Blocks as a LaTeX document of its own, with booktabs tables that can be copied into a paper."""

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
from seedbed.report.formatting import NOTHING, SUPERSCRIPTS
from seedbed.report.render import terminal

_DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{textcomp}
\usepackage[margin=2.5cm]{geometry}
\usepackage{array}
\usepackage{booktabs}
\usepackage{float}
\usepackage{longtable}
\usepackage{graphicx}
\begin{document}
\sloppy
%(body)s
\end{document}
"""

_TABLE = r"""\begin{table}%(place)s
\centering
%(caption)s\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%%
\begin{tabular}{%(columns)s}
\toprule
%(header)s%(rows)s
\bottomrule
\end{tabular}}
%(notes)s\end{table}"""

# A table over pages: published numbers may be many.
_LONG_TABLE = r"""{\footnotesize\setlength{\tabcolsep}{4pt}\setlength{\LTcapwidth}{\linewidth}
\begin{longtable}{%(columns)s}
%(caption)s\toprule
%(header)s\endfirsthead
\multicolumn{%(width)d}{l}{%(continued)s} \\
\toprule
%(header)s\endhead
\midrule
\multicolumn{%(width)d}{r}{continued on the next page} \\
\endfoot
\bottomrule
\endlastfoot
%(rows)s
\end{longtable}
%(notes)s}"""

# Below a table, as wide as the text: how to read it.
_NOTES = r"""\par\smallskip
\begin{minipage}{\linewidth}\footnotesize\raggedright
%s
\end{minipage}
"""
_LONG_NOTES = r"""\noindent %s\par
"""

# The pictures lie beside the document; without them it compiles too.
_FIGURE = r"""\IfFileExists{%(file)s}{%%
\begin{figure}[H]
\centering
\includegraphics[width=\linewidth,height=0.8\textheight,keepaspectratio]{%(file)s}
\caption{%(caption)s}
\end{figure}}{}"""

_LISTING = r"""{\footnotesize\ttfamily\raggedright\noindent
%s\par}"""

IN_ITS_SECTION = "[H]"
"""Of the package float: where a table or a figure of the document stands."""

_HEADINGS = {1: "section", 2: "subsection", 3: "subsubsection"}

LONGEST_FLOAT = 30
"""Rows of a table that fit on a page."""
LONGEST_CELL = 60
"""Letters of a cell that fit into one line."""


def latex(blocks: Iterable[Block]) -> str:
    """A document that compiles as it stands."""
    return _DOCUMENT % {"body": "\n\n".join(map(_block, blocks))}


def _block(block: Block) -> str:
    match block:
        case Heading(words, level):
            return rf"\{_HEADINGS[level]}*{{{inline(words)}}}"
        case Paragraph(words):
            return _running(words)
        case Bullets(items):
            lines = "\n".join(rf"\item {_running(item)}" for item in items)
            return f"\\begin{{itemize}}\n{lines}\n\\end{{itemize}}"
        case Listing(text):
            return _LISTING % "\\\\\n".join(map(_typed, text.splitlines()))
        case Figure(picture):
            return _FIGURE % {"file": f"{picture.name}.png", "caption": escaped(picture.caption)}
        case TableBlock():
            return tabular(block, IN_ITS_SECTION)


def _typed(line: str) -> str:
    """A line as it is typed, with the spaces that it begins with."""
    return "~" * (len(line) - len(line.lstrip())) + escaped(line)


# ---- tables ----------------------------------------------------------------------------------------------------------


def tabular(table: TableBlock, place: str = "", label: str = "") -> str:
    """All rows under a caption, and below them how to read them: a float, or over pages where there are many."""
    is_float = len(table.rows) + len(table.last) <= LONGEST_FLOAT
    form, ending, below = (_TABLE, "", _NOTES) if is_float else (_LONG_TABLE, r" \\", _LONG_NOTES)
    caption, *notes = [inline(_title(table)), *(_running(words) for words in (table.about, *table.notes) if words)]
    if not caption and notes:
        caption, *notes = notes
    named = rf"\label{{{label}}}" if label else ""
    return form % {
        "place": place,
        "caption": f"\\caption{{{caption}}}{named}{ending}\n" if caption else "",
        "continued": r"Table~\thetable, continued" if caption else "continued",
        "width": len(table.header),
        "columns": "".join(_columns(table)),
        "header": _row(map(inline, table.header)) + "\n\\midrule\n" if any(table.header) else "",
        "rows": "\n\\midrule\n".join(_rows(rows) for rows in (table.rows, table.last) if rows),
        "notes": below % "\n\n".join(notes) if notes else "",
    }


def _title(table: TableBlock) -> Words:
    return (table.caption, ".") if table.caption else ""


def _columns(table: TableBlock) -> list[str]:
    """The first column to the left, the others to the right, and those of long texts in lines of their own."""
    rows = [*table.rows, *table.last]
    columns = zip(*rows, strict=True) if rows else [()] * len(table.header)
    return [
        r">{\raggedright\arraybackslash}p{6cm}" if any(map(_is_long, column)) else "r" if place else "l"
        for place, column in enumerate(columns)
    ]


def _is_long(cell: Words) -> bool:
    """Whether a cell is a text of several lines; one long word, such as a digest, cannot be broken."""
    text = terminal.inline(cell)
    return len(text) > LONGEST_CELL and " " in text


def _rows(rows: Iterable[Sequence[Words]]) -> str:
    return "\n".join(_row(map(inline, row)) for row in rows)


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


# ---- words -----------------------------------------------------------------------------------------------------------


def _running(words: Words) -> str:
    """Words of a paragraph: names are long words there, and may break after an underscore."""
    return inline(words).replace(r"\_", r"\_\allowbreak{}")


def inline(words: Words) -> str:  # noqa: PLR0911 - one for each kind
    """Words in the text, a caption or a cell."""
    match words:
        case str():
            return _prose(words)
        case tuple():
            return "".join(map(inline, words))
        case Plain(text):
            return escaped(text)
        case Number(text):
            return text if text == NOTHING else escaped(text).replace("-", "$-$")
        case Math(text):
            return f"${text}$"
        case InlineCode(text):
            return rf"\texttt{{{escaped(text)}}}"
        case Bold(inner):
            return (
                rf"\textbf{{\boldmath {inline(inner)}}}"  # \boldmath, as \textbf alone leaves the plus-minus sign thin
            )
        case Emphasis(inner):
            return rf"\emph{{{inline(inner)}}}"
        case Brief(_, short):
            return inline(short)


def _prose(sentence: str) -> str:
    """A sentence, with what stands between backticks as code."""
    parts = sentence.split("`")
    return "".join(inline(InlineCode(part)) if place % 2 else _with_ends(part) for place, part in enumerate(parts))


def _with_ends(text: str) -> str:
    """Escapes a text, and keeps the spaces at its ends."""
    kept = text.strip()
    return text.replace(kept, escaped(kept)) if kept else text


# Brackets and stars in braces: at the start of a row, the line break before would take them as its own.
_LETTERS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_",
    "%": r"\%", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", "[": "{[}", "]": "{]}", "*": "{*}",
    "±": r"$\pm$", "−": "$-$", "–": "--", "—": "---", "’": "'", "√": r"$\surd$", "…": r"\ldots{}", "†": r"\dag{}",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$",
} | {char: rf"\textsuperscript{{{digit}}}" for digit, char in enumerate(SUPERSCRIPTS)}  # fmt: skip
# Pairs of these are one sign to T1 fonts.
_LIGATURES = re.compile(r"(?<=[-`',])(?=[-`',])")


def escaped(text: object) -> str:
    """Text that LaTeX prints as it stands; what pdflatex has no letter for is shown by its code point."""
    apart = _LIGATURES.sub("\0", " ".join(str(text).split()))
    letters = _LETTERS | {"\0": "{}"}
    return "".join(letters.get(char) or _letter(char) for char in apart)


def _letter(char: str) -> str:
    # T1 fonts hold the Latin letters up to U+017F, but not all controls and signs from U+007F to U+00BF.
    if " " <= char <= "~" or "À" <= char <= "ž":
        return char
    return f"{{[}}U+{ord(char):04X}{{]}}"
