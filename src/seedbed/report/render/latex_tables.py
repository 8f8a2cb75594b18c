r"""Tables in LaTeX, each in a file of its own that a paper takes in by ``\input``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from seedbed.report.blocks import Block, Heading, TableBlock
from seedbed.report.render import terminal
from seedbed.report.render.latex import tabular

TABLES = "tables"
"""The folder of the files."""
MARK = "% Written by seedbed: "
"""What each of them begins with, so that a later report knows what it may remove."""

_HEAD = """{mark}a change to this file is lost when the report is written anew.
{origin}
% The paper's preamble needs {packages}.
{once}"""

_PACKAGES = (
    (r"[^\x00-\x7f]|\\textquotedbl", r"\usepackage[T1]{fontenc}"),
    (r"\\arraybackslash", r"\usepackage{array}"),
    (r"\\toprule", r"\usepackage{booktabs}"),
    (r"\\resizebox", r"\usepackage{graphicx}"),
    (r"\\begin\{longtable\}", r"\usepackage{longtable}"),
)
"""What a table has in it, and what it needs for that."""


def table_files(blocks: Iterable[Block], experiment: str, origin: Sequence[str]) -> dict[str, str]:
    r"""Each table as ``report.tex`` has it, by the name of its file.

    It floats where the paper lets it, and has the label ``tab:EXPERIMENT:NAME``. ``origin`` says in lines of comment what
    the numbers were made by.
    """
    return {
        f"{TABLES}/{name}.tex": _alone(table, f"tab:{_word(experiment)}:{name}", origin)
        for name, table in _named(blocks).items()
    }


def _alone(table: TableBlock, label: str, origin: Sequence[str]) -> str:
    body = tabular(table, label=label)
    needed = [package for pattern, package in _PACKAGES if re.search(pattern, body)]
    lines = [line for text in origin for line in text.splitlines()]
    return (
        _HEAD.format(
            mark=MARK,
            origin="\n".join(f"% {line}" for line in lines),
            packages=" ".join(needed),
            once="% It goes over pages, in one column.\n" if r"\begin{longtable}" in body else "",
        )
        + f"{body}\n"
    )


def _named(blocks: Iterable[Block]) -> dict[str, TableBlock]:
    """The tables by their names, or those of their sections; a name that is taken gets a number."""
    found: dict[str, TableBlock] = {}
    section = ""
    for block in blocks:
        match block:
            case Heading(words):
                section = terminal.inline(words)
            case TableBlock():
                found[_free(_word(block.name or section).lower() or "table", found)] = block
    return found


def _free(name: str, taken: Iterable[str]) -> str:
    names, count = set(taken), 2
    free = name
    while free in names:
        free, count = f"{name}_{count}", count + 1
    return free


def _word(text: str) -> str:
    """One word of letters and digits that file systems and LaTeX take as it stands."""
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
