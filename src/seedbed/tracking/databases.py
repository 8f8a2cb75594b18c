"""Databases that several processes write: SQLite files, and PostgreSQL servers."""

from __future__ import annotations

import atexit
import errno
import importlib.util
import os
import re
import shlex
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

from filelock import FileLock
from sqlalchemy import URL, Engine, create_engine, inspect, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from seedbed.errors import ConfigError, TrackingError
from seedbed.randomness import derive

JOURNAL = ".journal"
DRIVERS = ("psycopg2", "psycopg")
SECONDS_TO_CONNECT, SECONDS_TO_WAIT = 20, 60


@contextmanager
def alone(address: str, purpose: str) -> Iterator[None]:
    """Let in one process at a time of all that ask for the same; a lock ends with a process that dies.

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


# ---- addresses -------------------------------------------------------------------------------------------------------


def sqlite_address(file: Path) -> str:
    """The address of the SQLite database in ``file``, whose name may have any character; ``file_of`` is the inverse."""
    try:
        os.fspath(file).encode()
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"{os.fsencode(file)!r}: the name of this folder is not UTF-8, and an address of a database is text. Rename the "
            "folder, or name another one with --config-dir."
        ) from error
    # SQLAlchemy 2.0 does not escape a "?"; SQLite's own URIs can always be written. With the driver in front, MLflow
    # does not make the folder that an escaped address would be the name of.
    readable = f"sqlite:///{file}"
    escaped = URL.create("sqlite+pysqlite", database=str(file)).render_as_string(hide_password=False)
    as_uri = URL.create("sqlite+pysqlite", database=file.as_uri(), query={"uri": "true"})
    addresses = (readable, escaped, as_uri.render_as_string(hide_password=False))
    return next(address for address in addresses if file_of(address) == file)


def is_postgresql(address: str) -> bool:
    return _kind(address) in ("postgresql", "postgres")


def is_sqlite(address: str) -> bool:
    return _kind(address) == "sqlite" and "://" in address


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
    if not is_sqlite(address):
        return Path(address) if "://" not in address and address.endswith(JOURNAL) else None
    try:
        url = make_url(address)
    except ArgumentError:
        return None
    if not url.database or url.database == ":memory:":
        return None
    if url.query.get("uri") == "true":
        return Path(url2pathname(urlparse(url.database).path))
    return Path(url.database)


def without_password(words: str) -> str:
    """Words in which an address may stand, as they may be shown and recorded."""
    return re.sub(r"(://[^\s:/@]+):[^\s/@]+@", r"\1:***@", words)


def remedy(address: str) -> str:
    """What to do about a database that cannot be used."""
    if not is_postgresql(address):
        return "Fix or move it, or"
    return (
        "Start the server, or fix the address: postgresql://USER@HOST:PORT/DATABASE, whose password PGPASSWORD or "
        "~/.pgpass may hold, with a database that createdb has made (needs pip install 'seedbed[postgres]'). Or"
    )


def _kind(address: str) -> str:
    return address.split(":", 1)[0].split("+", 1)[0]


# ---- reading without writing -----------------------------------------------------------------------------------------


def for_reading(address: str) -> str:
    """The address of the same database through which nothing is written, no lock file either; a server's is its own.

    What SQLite cannot read without writing (a transaction that a crash has cut, in a folder that cannot be written) is
    read from a copy that lasts as long as this process. Raises ``sqlite3.DatabaseError`` where the file is none.
    """
    file = file_of(address)
    if file is None or not is_sqlite(address):
        return address
    try:
        _look_into(file)
    except sqlite3.OperationalError:
        if _can_be_written(file.parent):
            return address
        file = _copied(file)
    query = {"mode": "ro", "uri": "true"}
    url = URL.create("sqlite+pysqlite", database=file.absolute().as_uri(), query=query)
    return url.render_as_string(hide_password=False)


def _look_into(file: Path) -> None:
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=SECONDS_TO_WAIT)
    try:
        connection.execute("select count(*) from sqlite_master").fetchone()
    finally:
        connection.close()


def _can_be_written(folder: Path) -> bool:
    return os.access(folder, os.W_OK)


def _copied(file: Path) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="seedbed-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for part in (file, *(file.with_name(f"{file.name}{end}") for end in ("-journal", "-wal"))):
        if part.exists():
            shutil.copyfile(part, folder / part.name)
    return folder / file.name


@contextmanager
def nothing_half_made(address: str) -> Iterator[None]:
    """A file that is made in here is removed again where that fails."""
    file = file_of(address)
    is_new = file is not None and not (file.is_file() and file.stat().st_size)
    try:
        yield
    except BaseException:
        if is_new and file is not None:
            file.unlink(missing_ok=True)
        raise


# ---- versions --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Program:
    """A program that keeps tables of its own, in a form that changes with its versions (by Alembic)."""

    name: str
    package: str
    migrations: str
    """Folder of the steps from one form to the next, in the package."""
    table: str
    """One that each of its databases has."""
    upgrade: str
    """The command that brings a database up to date; ``{address}`` stands for it."""
    others: tuple[str, ...] = ()
    """Further tables, without which nothing can be read."""


@cache
def _forms(program: Program) -> tuple[str, frozenset[str]]:
    """The form that the installed version writes, and all that it knows."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - not needed where no database is opened

    package = importlib.util.find_spec(program.package)
    assert package is not None
    assert package.origin is not None
    steps = ScriptDirectory(str(Path(package.origin).parent / program.migrations))
    return str(steps.get_current_head()), frozenset(step.revision for step in steps.walk_revisions())


def has_tables(address: str, program: Program, called: str | None = None) -> bool:
    """Whether the database holds the program's tables, in the form of the installed version; False where it is empty.

    ``called`` is its address in messages, where that is another.

    Raises ``TrackingError`` where they are of an older or a newer version, or of another program: each would fail later,
    or be changed without a word.
    """
    engine = _engine(address)
    with engine.connect() as connection:
        tables = set(inspect(connection).get_table_names())
        form = connection.execute(text("select version_num from alembic_version")).scalar() if "alembic_version" in tables else None  # fmt: skip
    if not tables or form is None:
        return program.table in tables
    head, known = _forms(program)
    shown = without_password(called or address)
    if program.table not in tables:
        raise TrackingError(
            f"{shown} is not a database of {program.name}'s: it holds the tables {', '.join(sorted(tables)[:4])} and others. "
            "Name another one."
        )
    if form == head and (gone := set(program.others) - tables):
        raise TrackingError(
            f"{shown} is damaged: it cannot be used without its table {', '.join(sorted(gone))}. Fix or move it, or name "
            "another."
        )
    if form in known and form != head:
        command = program.upgrade.format(address=shlex.quote(shown))
        raise TrackingError(
            f"{shown} was written by an older {program.name} than the one installed here (its schema is {form}, the current one "
            f"{head}). Make a copy of it, then bring it up to date with: {command}"
        )
    if form != head:
        raise TrackingError(
            f"{shown} was written by a newer {program.name} than the one installed here: it does not know the schema {form}. "
            f"Install that version or a later one: pip install --upgrade {program.package}"
        )
    return True


# ---- full disks ------------------------------------------------------------------------------------------------------

_FULL = ("database or disk is full", "no space left on device", "disk quota exceeded")


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, is that of a full disk or a used-up quota."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if any(words in str(error).lower() for words in _FULL):
            return True
        error = error.__cause__ or error.__context__
    return False


# ---- servers ---------------------------------------------------------------------------------------------------------


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
    waiting = {"timeout": SECONDS_TO_WAIT} if is_sqlite(address) else {"connect_timeout": SECONDS_TO_CONNECT}
    return create_engine(make_url(address), poolclass=NullPool, connect_args=waiting)
