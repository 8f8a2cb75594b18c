"""Databases that several processes write: SQLite files, and PostgreSQL servers."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from seedbed.randomness import derive

SQLITE, JOURNAL = "sqlite:///", ".journal"
DRIVERS = ("psycopg2", "psycopg")
SECONDS_TO_CONNECT = 20


@contextmanager
def alone(address: str, purpose: str) -> Iterator[None]:
    """Of all processes that ask for the same, one at a time; a lock ends with a process that dies.

    ``address`` is a database's, or a journal file. A file has one lock for all purposes. What is neither, such as an
    MLflow server, sees to that itself.
    """
    if is_postgresql(address):
        with _advisory_lock(address, purpose):
            yield
    elif file := file_of(address):
        file.parent.mkdir(parents=True, exist_ok=True)
        # Optuna has a lock of its own beside a journal, which is called NAME.journal.lock.
        with FileLock(f"{file}.alone" if file.suffix == JOURNAL else f"{file}.lock"):
            yield
    else:
        yield


def is_postgresql(address: str) -> bool:
    return _kind(address) in ("postgresql", "postgres")


def with_driver(address: str) -> str:
    """Names a driver that is installed: which one plain postgresql:// means, SQLAlchemy's releases differ in."""
    kind, separator, rest = address.partition("://")
    if not separator or kind not in ("postgresql", "postgres"):
        return address
    installed = [name for name in DRIVERS if importlib.util.find_spec(name)]
    return f"postgresql+{(installed or DRIVERS)[0]}://{rest}"


def is_database(address: str) -> bool:
    """Whether it is one that holds rows only, so that files have to lie elsewhere."""
    return _kind(address) in ("sqlite", "postgresql", "mysql", "mssql")


def file_of(address: str) -> Path | None:
    """The file that is the database, or Optuna's journal; None where it is no file."""
    if address.startswith(SQLITE):
        return Path(address.removeprefix(SQLITE))
    return Path(address) if "://" not in address and address.endswith(JOURNAL) else None


def without_password(words: str) -> str:
    """Words in which an address may stand, as they may be shown and recorded."""
    return re.sub(r"(://[^\s:/@]+):[^\s/@]+@", r"\1:***@", words)


def remedy(address: str) -> str:
    """What to do about a database that cannot be used."""
    if not is_postgresql(address):
        return "Mend or move it, or"
    return (
        "Start the server, or mend the address: postgresql://USER@HOST:PORT/DATABASE, whose password PGPASSWORD or "
        "~/.pgpass may hold, with a database that createdb has made (needs pip install 'seedbed[postgres]'). Or"
    )


def _kind(address: str) -> str:
    return address.split(":", 1)[0].split("+", 1)[0]


@contextmanager
def _advisory_lock(address: str, purpose: str) -> Iterator[None]:
    key = derive(0, "lock", purpose)
    with _engine(address).connect() as connection:
        connection.execute(text("select pg_advisory_lock(:key)"), {"key": key})
        try:
            yield
        finally:
            connection.execute(text("select pg_advisory_unlock(:key)"), {"key": key})


def _engine(address: str) -> Engine:
    # A connection of its own, closed at once: the lock goes with it, and no worker that is forked inherits it.
    return create_engine(make_url(address), poolclass=NullPool, connect_args={"connect_timeout": SECONDS_TO_CONNECT})
