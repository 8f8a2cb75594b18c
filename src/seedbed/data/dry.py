"""A dry run of data: nothing is fetched, and what a run would write into the cache lies in a folder that is removed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from seedbed.errors import DataError


class NotHere(DataError):
    """Data that a run would fetch, and a dry run does not."""


@dataclass(frozen=True)
class Ahead:
    """Work that a run would do before it trains, of which a dry run has done a part."""

    what: str
    seconds: float
    """Of the whole."""
    spent: float
    """Of the part."""


@dataclass
class DryRun:
    """What is noted while data are read."""

    folder: Path
    ahead: list[Ahead] = field(default_factory=list)

    def since(self, noted: int) -> Sequence[Ahead]:
        """What was noted after the first ``noted``."""
        return self.ahead[noted:]


_now: list[DryRun] = []


@contextmanager
def dry_run() -> Iterator[DryRun]:
    """What this process does with data meanwhile is a dry run."""
    with TemporaryDirectory(prefix="seedbed-dry-") as folder:
        _now.append(DryRun(Path(folder)))
        try:
            yield _now[-1]
        finally:
            _now.pop()


def current() -> DryRun | None:
    """The dry run that goes on; None in an ordinary run."""
    return _now[-1] if _now else None


def place(path: Path, *, is_there: bool) -> Path:
    """Where what the cache keeps at ``path`` is read and written: there, but what a dry run lacks in the folder of its own."""
    dry = current()
    return path if dry is None or is_there else dry.folder.joinpath(*path.absolute().parts[1:])


def copied(folder: Path) -> Path:
    """The folder, and in a dry run a copy of it, into which may be written what it lacks."""
    dry = current()
    if dry is None:
        return folder
    copy = dry.folder.joinpath(*folder.absolute().parts[1:])
    if folder.is_dir() and not copy.exists():
        shutil.copytree(folder, copy)
    return copy


def refuse_fetch(what: str, address: str, size: int = 0) -> None:
    """Raise ``NotHere`` in a dry run, in place of fetching so many bytes (0: not known how many)."""
    if current() is not None:
        about = f" ({_in_words(size)})" if size else ""
        raise NotHere(f"{what} is not on this machine: a run would fetch it from {address}{about}")


def check_written(folder: Path) -> None:
    """Raise ``NotHere`` in a dry run that is about to write elsewhere than into its own folder."""
    dry = current()
    if dry is not None and not folder.is_relative_to(dry.folder):
        raise NotHere(f"a run would write into {folder} first")


def _in_words(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"
