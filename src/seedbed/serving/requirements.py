"""The distributions that a served model needs: what its code imports, found without running it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions, version
from importlib.util import resolve_name
from pathlib import Path

from seedbed.serving.predictor import Predictor

MODEL = "seedbed.serving.model"
"""The module that MLflow runs to load any model."""


def requirements(predictor: Predictor, code: Iterable[Path]) -> list[str]:
    """Pins such as "torch==2.8.0", sorted, of what loads the model and answers by it.

    ``code`` are the modules and packages that travel with the model, seedbed and the user's own: they are followed, by the
    imports at the top of their modules, and are not pinned themselves.
    """
    imported = _imported([MODEL, *predictor.code], {path.stem: path.parent for path in code})
    distributions = {name for top in imported if (name := _distribution(top))}
    return [_pinned(name) for name in sorted({*distributions, *predictor.packages})]


def _pinned(name: str) -> str:
    """The version that is installed, without a local part such as "+cpu", which no index knows."""
    return f"{name}=={version(name).partition('+')[0]}"


def _distribution(top: str) -> str | None:
    """The distribution that a top-level module is of; None for Python's own, and where no installation says so."""
    installed = [] if top in sys.stdlib_module_names else _installed().get(top, [])
    return top if top in installed else next(iter(installed), "").lower() or None


@cache
def _installed() -> dict[str, list[str]]:
    return dict(packages_distributions())


# ---- imports ---------------------------------------------------------------------------------------------------------


def _imported(names: Iterable[str], folders: dict[str, Path]) -> set[str]:
    """Top-level modules that what dotted ``names`` lead to imports, but for those that lie in ``folders``, by name."""
    others, read, left = set(), set(), list(names)
    while left:
        name = left.pop()
        folder = folders.get(name.partition(".")[0])
        if folder is None:
            others.add(name.partition(".")[0])
            continue
        for module, file in _modules(name, folder):
            if module not in read:
                read.add(module)
                left += _imports(module, file)
    return others


def _modules(name: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """The modules that an import of a dotted name runs, outermost first; the rest of the name is no module."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        place = folder.joinpath(*parts[:count])
        file = next((file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()), None)
        if file is not None:
            yield ".".join(parts[:count]), file


def _imports(module: str, file: Path) -> Iterator[str]:
    """Dotted names that are imported whenever the module is."""
    package = module if file.stem == "__init__" else module.rpartition(".")[0]
    for node in ast.parse(file.read_bytes()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{base}.{alias.name}" for alias in node.names)
