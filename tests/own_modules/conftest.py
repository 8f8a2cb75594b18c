"""Projects whose modules are imported anew by every test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.own_modules import projects

_numbers = count()
Write = Callable[..., Path]


@pytest.fixture
def new_project(tmp_path: Path, empty_store: Path) -> Iterator[Write]:
    """Writes a project: ``new_project(package="lightning", code=...)``; its module has a name that no other test uses."""
    path = list(sys.path)

    def write(**given: str) -> Path:
        number = next(_numbers)
        return projects.write(tmp_path / f"project{number}", empty_store, name=f"mine{number}", **given)

    yield write
    sys.path[:] = path


@pytest.fixture
def project(new_project: Write) -> Path:
    return new_project()
