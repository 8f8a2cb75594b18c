"""The map in CONTRIBUTING.md: every room stands in it, and imports point down."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from seedbed.config.signatures import look_up
from tests.conftest import REPOSITORY

SOURCE = REPOSITORY / "src" / "seedbed"
ENTRY = {"__init__", "__main__"}
"""The public functions and ``python -m seedbed``, which stand above all rooms."""


def mapped(text: str) -> list[str]:
    """The rooms of the map, from top to bottom: the names at the beginnings of its lines."""
    block = text.split("## Where things go", 1)[1].split("```", 2)[1]
    names = [re.match(r"(?:\w+(?:/|\.py) +)+", line) for line in block.strip().splitlines()]
    return [name.removesuffix("/").removesuffix(".py") for found in names if found for name in found[0].split()]


def rooms() -> set[str]:
    return {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()} - ENTRY


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All of a module that a test here looks at: what it imports, inside functions too, and its constants."""
    parsed = ast.walk(ast.parse(path.read_text("utf-8")))
    return tuple(node for node in parsed if isinstance(node, ast.ImportFrom | ast.Import | ast.Constant))


def imports(path: Path) -> Iterator[str]:
    """Dotted names of what a module imports of seedbed."""
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def arrows() -> Iterator[tuple[str, str, str]]:
    """Module, its room, and a room that it imports."""
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        for name in imports(path):
            if name.startswith("seedbed.") and parts[0] not in ENTRY:
                yield "/".join(parts), parts[0], name.split(".")[1]


def contradictions(order: list[str], found: list[tuple[str, str, str]]) -> list[str]:
    return [f"{module} imports {room}" for module, own, room in found if order.index(room) < order.index(own)]


def test_every_room_stands_in_the_map_once() -> None:
    order = mapped((REPOSITORY / "CONTRIBUTING.md").read_text("utf-8"))
    assert sorted(order) == sorted(rooms())


@pytest.mark.slow
def test_imports_point_down() -> None:
    order = mapped((REPOSITORY / "CONTRIBUTING.md").read_text("utf-8"))
    assert contradictions(order, list(arrows())) == []


def test_an_upward_import_is_found() -> None:
    text = (
        "## Where things go\n```\ncli/      commands\ndata/  errors.py   tables and errors\n          more of it\n```\n"
    )
    assert mapped(text) == ["cli", "data", "errors"]
    found = [("cli/main", "cli", "data"), ("data/table", "data", "cli"), ("data/table", "data", "data")]
    assert contradictions(mapped(text), found) == ["data/table imports cli"]


def test_dotted_names_in_texts_name_something() -> None:
    """Such as those that are looked up when they are needed: a module that is moved takes them along."""
    texts = [
        node.value
        for path in SOURCE.rglob("*.py")
        for node in nodes(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    named = {text for text in texts if re.fullmatch(r"seedbed(\.\w+){2,}", text)}
    assert "seedbed.data.files.reading.Reading" in named
    assert [name for name in sorted(named) if look_up(name) is None] == []


@pytest.mark.parametrize("package", sorted(path.parent for path in SOURCE.rglob("__init__.py")), ids=str)
def test_modules_of_a_room_import_each_other_in_no_circle(package: Path) -> None:
    name = ".".join(("seedbed", *package.relative_to(SOURCE).parts))
    modules = {path.stem for path in package.glob("*.py")} - ENTRY
    below = {
        module: {
            rest[0]
            for each in imports(package / f"{module}.py")
            if each.startswith(f"{name}.")
            and (rest := each.removeprefix(f"{name}.").split("."))[0] in modules - {module}
        }
        for module in modules
    }
    while free := {module for module, others in below.items() if not others & below.keys()}:
        below = {module: others for module, others in below.items() if module not in free}
    assert not below, f"a circle among {sorted(below)}"
