"""What keys mean, in the words of those who wrote them: comments in YAML files, docstrings of arguments and of fields."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_MODELINE = "yaml-language-server:"
_SECTION = re.compile(r"(Args|Arguments|Parameters):?$")
"""The heading of arguments in docstrings of Google's and of NumPy's style."""
_ENTRY = re.compile(r"(?P<names>\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: \([^)]*\))?(?:: +(?P<google>.+)| ?:(?P<numpy> .*|$))")


@dataclass(frozen=True)
class Comments:
    """The comments of a YAML file."""

    header: str = ""
    """That above its first key."""
    of_keys: dict[str, str] = field(default_factory=dict)
    """By dotted key: the comment beside a key with the lines that go on with it, or else that above it."""


def comments_of(path: Path) -> Comments:
    """The comments of a YAML file, without the lines that are for programs: Hydra's and the editors'."""
    return _comments(path.read_text("utf-8"))


def _comments(text: str) -> Comments:
    lines = text.splitlines()
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    found: dict[str, str] = {}
    commented: set[int] = set()
    first = next((line for _, line, _ in _keys(root)), len(lines))
    for key, line, end in _keys(root):
        above = _block(lines, line - 1, -1)
        if said := _comment(lines[end[0]][end[1] :]):
            found[key] = _joined([said, *_block(lines, end[0] + 1, 1)])
            commented.add(end[0])
        elif above and line > first and line - len(above) - 1 not in commented:  # there it goes on
            found[key] = _joined(above)
    header = [_comment(line) for line in lines[:first] if line.startswith("#") and not _is_for_programs(line)]
    return Comments(_joined(header), found)


def _keys(node: Any, prefix: str = "") -> Iterator[tuple[str, int, tuple[int, int]]]:
    """Each dotted key, its line, and line and column behind which a comment beside it may stand."""
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        block = isinstance(value, yaml.CollectionNode) and not value.flow_style
        mark = key.end_mark if block else value.end_mark
        yield name, key.start_mark.line, (mark.line, mark.column + block)
        yield from _keys(value, f"{name}.")


def _comment(rest: str) -> str:
    """The text of a comment that starts what is left of a line; "" where anything else does."""
    match = re.match(r"\s*#\s?(.*)", rest)
    return match[1].strip() if match else ""


def _block(lines: list[str], at: int, step: int) -> list[str]:
    """Lines that are nothing but comments, from ``at`` on downwards (1) or upwards (-1), in the file's order."""
    found = []
    while 0 <= at < len(lines) and lines[at].lstrip().startswith("#") and not _is_for_programs(lines[at]):
        found.append(_comment(lines[at]))
        at += step
    return found[::step]


def _is_for_programs(line: str) -> bool:
    return _MODELINE in line or re.match(r"\s*#\s*@", line) is not None


def _joined(lines: list[str]) -> str:
    return " ".join(line for line in lines if line)


@cache
def of_arguments(called: Any) -> dict[str, str]:
    """What the docstrings of a class or function say of its arguments, those of its ``__init__`` and its bases' among them.

    Google's style ("Args:") and NumPy's ("Parameters") are read; of each argument the first paragraph.
    """
    if not inspect.isclass(called):
        return _of_docstring(inspect.getdoc(called))
    found: dict[str, str] = {}
    for kind in reversed(called.__mro__[:-1]):
        found |= of_fields(kind) if hasattr(kind, "__dataclass_fields__") else {}
        for text in (vars(kind).get("__doc__"), getattr(vars(kind).get("__init__"), "__doc__", None)):
            found |= _of_docstring(text)
    return found


def _of_docstring(text: Any) -> dict[str, str]:
    lines = iter(inspect.cleandoc(text).splitlines() if isinstance(text, str) else [])
    for line in lines:
        if _SECTION.fullmatch(line.strip()):
            break
    found: dict[str, str] = {}
    names: list[str] = []
    depth: int | None = None
    for line in lines:
        said, own = line.strip(), len(line) - len(line.lstrip())
        if said.startswith("---"):
            continue
        depth = own if depth is None and said else depth
        if said and depth is not None and own < depth:
            break  # the section's end
        entry = _ENTRY.fullmatch(said) if own == depth else None
        if entry:
            names = [name.lstrip("*") for name in entry["names"].split(", ")]
            found |= dict.fromkeys(names, entry["google"] or "")
        elif own == depth and said:
            break  # the heading of another section, in NumPy's style
        elif not said:
            names = [name for name in names if not found[name]]  # the first paragraph alone
        else:
            found |= {name: f"{found[name]} {said}".strip() for name in names}
    return {name: said for name, said in found.items() if said}


@cache
def of_fields(kind: type) -> dict[str, str]:
    """What stands in docstrings below the fields of a dataclass."""
    own = {each.name for each in fields(kind)}
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except (OSError, TypeError, SyntaxError):
        return {}
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    return {
        node.target.id: " ".join(below.value.value.split())
        for node, below in itertools.pairwise(body)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id in own
        and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }  # fmt: skip
