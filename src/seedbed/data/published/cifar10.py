"""The files of CIFAR-10's binary version."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from seedbed.data import sources
from seedbed.data.dry import refuse_fetch
from seedbed.data.sources import Description, FetchFailed, Source
from seedbed.errors import DataError
from seedbed.paths import expanded

NAME, FOLDER, META = "cifar10", "cifar-10-batches-bin", "batches.meta.txt"
ADDRESS = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
ARCHIVE_DIGEST = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
LICENCE = "no licence stated; its authors ask for a citation of Krizhevsky 2009"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE, ROWS_OF_A_FILE = (3, 32, 32), 10_000
RECORD = 1 + 3 * 32 * 32
"""Bytes: a label, then the red, the green and the blue pixels, row by row."""
TEST_FILE = "test_batch.bin"
DIGESTS = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    TEST_FILE: "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}
"""SHA-256 of the published files, in the order of the rows."""


class Cifar10Files:
    """The folder of the six files; nothing is read before ``locate``."""

    def __init__(self, *, root: str | None = None) -> None:
        """``root`` is a folder in which the files are looked for first."""
        self.root = root

    def locate(self, *, fetch: bool = True) -> Source:
        """Find the folder of the files on this machine, else (``fetch``) get them from where they are published.

        Files that differ from the published ones are used, and the source says so. Raises ``DataError`` for files that
        cannot be had, or that are no such files.
        """
        tried: list[str] = []
        for folder in self._places():
            if (folder / TEST_FILE).is_file():
                return _source(folder)
            tried.append(f"{folder}: no {TEST_FILE} there")
        if fetch and (folder := _cached()) and _fetch(folder, tried):
            return _source(folder)
        attempts = "; ".join(f"({number}) {attempt}" for number, attempt in enumerate(tried, 1))
        raise DataError(
            f"{NAME}: the six files of the binary version could not be downloaded. Tried: {attempts}. By hand: take {ADDRESS} on a "
            f"machine that reaches it, unpack it, and put its folder {FOLDER} at {_cached()}, or into a folder that "
            f"SEEDBED_DATA or data.root names; the archive's SHA-256 must be {ARCHIVE_DIGEST}."
        )

    def describe(self) -> list[Description]:
        """The files as they are on this machine; fetches nothing and raises nothing."""
        here = next((folder for folder in self._places() if (folder / TEST_FILE).is_file()), None)
        return [
            Description(
                name=NAME,
                found="not here" if here is None else str(here),
                digest="" if here is None else _verdict(here),
                size=len(DIGESTS) * ROWS_OF_A_FILE * RECORD,
                licence=LICENCE,
                home=ADDRESS,
            )
        ]

    def _places(self) -> list[Path]:
        """Folders that may hold the files, in order of preference."""
        own = expanded(self.root) if self.root else None
        places = [own / FOLDER, own / NAME / FOLDER, own] if own else []
        return [*places, _cached(), sources.cache_dir() / NAME / FOLDER, sources.cache_dir() / FOLDER]


def digest_of(digests: Mapping[str, str]) -> str:
    """One digest for the six files: SHA-256 of their own, as lines that ``sha256sum`` prints."""
    return hashlib.sha256("".join(f"{digests[name]}  {name}\n" for name in DIGESTS).encode()).hexdigest()


def _cached() -> Path:
    return sources.cache_dir() / "data" / NAME / FOLDER


def _source(folder: Path) -> Source:
    """The files in a folder; raises ``DataError`` where they do not have the published form."""
    _check_form(folder)
    digests = {name: sources.sha256(folder / name) for name in DIGESTS}
    digest = digest_of(digests)
    if digests == DIGESTS:
        return Source(NAME, folder, digest)
    other = [name for name in DIGESTS if digests[name] != DIGESTS[name]]
    which = "none of the six files is" if len(other) == len(DIGESTS) else f"not all files are (not {', '.join(other)})"
    note = (
        f"A COPY OF ITS OWN: the pictures have the format of CIFAR-10, but {which} as published, byte for byte: re-encoded, "
        f"re-ordered or changed (SHA-256 {digest}; the published files have {digest_of(DIGESTS)}). Numbers may differ a "
        "little from those on the original."
    )
    return Source(f"{NAME}_copy", folder, digest, (note,))


def _check_form(folder: Path) -> None:
    """Six files of whole records with labels from 0 to 9, and the names of the classes, where they stand there."""
    for name in DIGESTS:
        path, size = folder / name, ROWS_OF_A_FILE * RECORD
        actual = path.stat().st_size if path.is_file() else None
        if actual != size:
            what = "is missing" if actual is None else f"has {actual} bytes, not {size}"
            raise DataError(f"{path} {what}. Replace {folder} by the folder that {ADDRESS} holds, or delete it and run "
                            f"`seedbed data fetch {NAME}`.")  # fmt: skip
        if (highest := int(records(path)[:, 0].max())) >= len(CLASSES):
            raise DataError(f"{path} is damaged: it has a label {highest}, and the classes are 0 to 9. Replace it.")
    if (folder / META).is_file():
        names = tuple((folder / META).read_text("utf-8", errors="replace").split())
        if names != CLASSES:
            raise DataError(f"{folder / META} names the classes {', '.join(names)}, which are not those of CIFAR-10.")


def records(path: Path) -> np.ndarray:
    """(10000, 3073) bytes of a file, one record a row."""
    return np.memmap(path, mode="r", dtype=np.uint8).reshape(ROWS_OF_A_FILE, RECORD)


def _verdict(folder: Path) -> str:
    try:
        source = _source(folder)
    except DataError as error:
        return f"wrong: {error}"
    return (
        "ok" if source.name == NAME else f"wrong: {source.digest} (not the published files: used, and reports say so)"
    )


def _fetch(folder: Path, tried: list[str]) -> bool:
    """Fetch the archive and unpack its files into the cache; adds to ``tried`` why that failed."""
    refuse_fetch(NAME, ADDRESS, len(DIGESTS) * ROWS_OF_A_FILE * RECORD)
    with (
        sources.writable_folder(folder.parent) as parent,
        tempfile.TemporaryDirectory(dir=parent, prefix=".fetch-") as work,
    ):
        archive, fresh = Path(work) / "published.tar.gz", Path(work) / FOLDER
        try:
            sources.download(ADDRESS, archive)
            if (digest := sources.sha256(archive)) != ARCHIVE_DIGEST:
                raise FetchFailed(f"the archive there has SHA-256 {digest}, expected {ARCHIVE_DIGEST}")
        except FetchFailed as error:
            tried.append(f"{ADDRESS}: {error}")
            return False
        fresh.mkdir()
        with tarfile.open(archive) as opened:
            for name in (*DIGESTS, META):
                content = opened.extractfile(f"{FOLDER}/{name}")
                assert content is not None  # the digest says what the archive holds
                with (fresh / name).open("wb") as target:
                    shutil.copyfileobj(content, target)
        try:
            fresh.rename(folder)
        except OSError:  # there is a folder with something in it, such as that of another process which was faster
            if not (folder / TEST_FILE).is_file():
                tried.append(f"{folder}: is there, but incomplete. Remove it")
                return False
    return True
