"""Addresses of databases: what is shown of them, and which driver speaks to a server."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from seedbed.tracking import databases


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("postgresql://me:secret@host:5432/runs", "postgresql://me:***@host:5432/runs"),
        (
            "search.storage=postgresql+psycopg2://me:se:cret@h/d x=1",
            "search.storage=postgresql+psycopg2://me:***@h/d x=1",
        ),
        ("https://me:secret@host/api", "https://me:***@host/api"),
        ("postgresql://me@host/runs", "postgresql://me@host/runs"),
        ("sqlite:////project/mlflow.db", "sqlite:////project/mlflow.db"),
        ("lr=1e-3 at 12:30 by a@b", "lr=1e-3 at 12:30 by a@b"),
    ],
)
def test_passwords_are_not_shown(words: str, shown: str) -> None:
    assert databases.without_password(words) == shown


@pytest.mark.parametrize(
    ("installed", "driver"), [({"psycopg2", "psycopg"}, "psycopg2"), ({"psycopg"}, "psycopg"), (set(), "psycopg2")]
)
def test_the_driver_is_one_that_is_installed(monkeypatch: pytest.MonkeyPatch, installed: set[str], driver: str) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in installed or None)
    assert databases.with_driver("postgresql://host/d") == f"postgresql+{driver}://host/d"
    assert databases.with_driver("postgres://host/d") == f"postgresql+{driver}://host/d"
    for named in ("postgresql+asyncpg://host/d", "sqlite:///d.db", "http://host", "studies.journal", "mlruns"):
        assert databases.with_driver(named) == named


def test_what_is_a_file() -> None:
    assert databases.file_of("sqlite:////a/b.db") == Path("/a/b.db")
    assert databases.file_of("/a/b.journal") == Path("/a/b.journal")
    assert databases.file_of("postgresql://h/d") is None
    assert databases.file_of("http://h") is None
