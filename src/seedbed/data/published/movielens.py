"""The editions of the MovieLens sets, and their files."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seedbed.checks import require_choice
from seedbed.data import sources
from seedbed.data.dry import refuse_fetch
from seedbed.data.sources import Description, FetchFailed, Origin, PublishedZip, Source, Wheel
from seedbed.errors import DataError
from seedbed.paths import expanded

HOME = "https://files.grouplens.org/datasets/movielens"
LICENCE = "research use under the terms of its README"
BLOCK = 1 << 24  # bytes of a file of ratings that are read at a time


# ---- what there is ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layout:
    """Which files an edition has, and how the fields of a rating are parted: user, movie, rating, timestamp."""

    ratings: str
    movies: tuple[str, ...]
    """Names that its file of movies goes by; each is a key of ``MOVIE_FILES``."""
    users: tuple[str, ...] = ()
    """Likewise of users and ``USER_FILES``."""
    folds: tuple[str, ...] = ()
    """Published folds: the test part of each is in the file FOLD.test."""
    separator: bytes = b","
    header: bytes = b""
    """The first line of the file of ratings, where that is none."""

    @property
    def files(self) -> tuple[str, ...]:
        """All names of files."""
        return (*self.movies, *self.users, *(f"{fold}.test" for fold in self.folds), self.ratings)


@dataclass(frozen=True)
class Carrier:
    """An archive that holds the files of an edition."""

    origin: Origin
    members: Mapping[str, str]
    """File of the edition -> member of the archive; only ``origin.member`` must be there."""
    header: bool = False
    """Whether the members begin with a line that the edition's files lack."""


@dataclass(frozen=True)
class MovieLensEdition:
    """One edition: its files and where they are had."""

    name: str
    folders: tuple[str, ...]
    """Folders that hold its files, in the user's data folder; the first of them also in the cache."""
    layout: Layout
    carriers: tuple[Carrier, ...]
    digests: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of files without carriage returns, where known; other files are taken as they are."""
    size: int = 0
    """Bytes of the file of ratings, 0 where not known."""
    notes: tuple[str, ...] = ()
    """What a report on this edition must say."""


U_FILES = Layout(
    ratings="u.data",
    movies=("u.item", "ml-100k.item"),
    users=("u.user", "ml-100k.user"),
    folds=("u1", "u2", "u3", "u4", "u5"),
    separator=b"\t",
)
DAT_FILES = Layout(ratings="ratings.dat", movies=("movies.dat",), users=("users.dat",), separator=b"::")
CSV_FILES = Layout(ratings="ratings.csv", movies=("movies.csv",), header=b"userId,movieId,rating,timestamp")

_PACKAGED = "recbole/dataset_example/ml-100k/"
# Without their header lines, its ratings are u.data and its users, but for tabs, u.user, byte for byte.
RECBOLE = Carrier(
    origin=Wheel(requirement="recbole==1.2.1", member=f"{_PACKAGED}ml-100k.inter"),
    members={
        "ml-100k.item": f"{_PACKAGED}ml-100k.item",
        "ml-100k.user": f"{_PACKAGED}ml-100k.user",
        "u.data": f"{_PACKAGED}ml-100k.inter",
    },
    header=True,
)


def _published(archive: str, folder: str, layout: Layout) -> Carrier:
    members = {file: f"{folder}/{file}" for file in layout.files}
    return Carrier(PublishedZip(f"{HOME}/{archive}", members[layout.ratings]), members)


def _csv_edition(name: str, folder: str, *notes: str) -> MovieLensEdition:
    return MovieLensEdition(name, (folder,), CSV_FILES, (_published(f"{folder}.zip", folder, CSV_FILES),), notes=notes)


_KNOWN = (
    MovieLensEdition(
        name="movielens_100k",
        folders=("ml-100k",),
        layout=U_FILES,
        carriers=(_published("ml-100k.zip", "ml-100k", U_FILES), RECBOLE),
        digests={
            "u.data": "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
            "u.item": "553841ebc7de3a0fd0d6b62a204ea30c1e651aacfb2814c7a6584ac52f2c5701",
        },
        size=1_979_173,
    ),
    MovieLensEdition(
        name="movielens_small_2016",
        folders=("ml-latest-small-2016",),
        layout=CSV_FILES,
        carriers=(),  # its address serves a later edition
        digests={"ratings.csv": "b4239649fbf90ebf405c56c3ae1d929d9e7c86fc1a3a80cbef1c884df593ef73"},
        size=2_338_261,
    ),
    _csv_edition(
        "movielens_small",
        "ml-latest-small",
        "This is the edition that its home serves today, which changes without notice. Its numbers must not be set "
        "beside those of the edition of 2016.",
    ),
    MovieLensEdition("movielens_1m", ("ml-1m",), DAT_FILES, (_published("ml-1m.zip", "ml-1m", DAT_FILES),)),
    MovieLensEdition(
        "movielens_10m", ("ml-10m", "ml-10M100K"), DAT_FILES, (_published("ml-10m.zip", "ml-10M100K", DAT_FILES),)
    ),
    _csv_edition("movielens_20m", "ml-20m"),
    _csv_edition("movielens_25m", "ml-25m"),
    _csv_edition("movielens_32m", "ml-32m"),
)
EDITIONS = {edition.name: edition for edition in _KNOWN}


class MovieLensFiles:
    """The files of one edition; nothing is read before ``locate``."""

    def __init__(self, *, edition: str, root: str | None = None) -> None:
        """``root`` is a folder in which the files are looked for first. Raises ``ConfigError``."""
        require_choice("data.edition", edition, tuple(EDITIONS))
        self.edition = EDITIONS[edition]
        self.root = root

    def locate(self, *, fetch: bool = True) -> Source:
        """Find the file of ratings on this machine, else (``fetch``) get all files from where they are published.

        Raises ``DataError`` when it cannot be had or is damaged.
        """
        tried: list[str] = []
        for path in self._places():
            if path.is_file():
                return self._checked(path)
            tried.append(f"{path}: no such file")
        for carrier in self.edition.carriers if fetch else ():
            if _fetch(self.edition, carrier, tried):
                return self._checked(self._places()[-1])
        raise _not_found(self.edition, self._places()[-1], tried)

    def describe(self) -> list[Description]:
        """The edition as it is on this machine, one entry; fetches nothing and raises nothing."""
        here = next((path for path in self._places() if path.is_file()), None)
        carriers, expected = self.edition.carriers, self.edition.digests.get(self.edition.layout.ratings)
        verdict = ""
        if here is not None:
            digest = _digest(here)
            verdict = (
                f"not checked: {digest}" if expected is None else "ok" if digest == expected else f"wrong: {digest}"
            )
        return [
            Description(
                name=self.edition.name,
                found="not here" if here is None else str(here),
                digest=verdict,
                size=self.edition.size or (here.stat().st_size if here is not None else 0),
                licence=LICENCE,
                home=carriers[0].origin.address if carriers else "a copy of your own",
            )
        ]

    def _places(self) -> list[Path]:
        """Paths at which the file of ratings may lie on this machine, in order of preference; the cache last."""
        folders, file = self.edition.folders, self.edition.layout.ratings
        own = [expanded(self.root) / folder / file for folder in folders] if self.root else []
        return [*own, _cache(self.edition) / file]

    def _checked(self, path: Path) -> Source:
        digest = check_digest(path, self.edition)
        notes = self.edition.notes
        if path.name not in self.edition.digests:
            notes += (
                f"{path.name} of {self.edition.name} was not checked: no digest of the genuine file is known. The file "
                f"has SHA-256 {digest}.",
            )
        return Source(self.edition.name, path, digest, notes)


# ---- finding and fetching --------------------------------------------------------------------------------------------


def _cache(edition: MovieLensEdition) -> Path:
    return sources.cache_dir() / "data" / edition.folders[0]


def _digest(path: Path) -> str:
    """SHA-256 without carriage returns: copies with either kind of line end are the same."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block.replace(b"\r", b""))
    return digest.hexdigest()


def check_digest(path: Path, edition: MovieLensEdition) -> str:
    """The digest of a file; raises ``DataError`` where it must be another one."""
    digest = _digest(path)
    expected = edition.digests.get(path.name, digest)
    if digest != expected:
        raise DataError(
            f"{path} is damaged or another edition: its SHA-256, without carriage returns, is {digest}, expected "
            f"{expected} ({edition.name}). Replace it by the original, or delete it: then it is fetched, or the message "
            "says where to put it. Ratings of your own are read by data=ratings_csv."
        )
    return digest


def _fetch(edition: MovieLensEdition, carrier: Carrier, tried: list[str]) -> bool:
    """Fetch the files into the cache; adds to ``tried`` why that failed."""
    refuse_fetch(edition.name, carrier.origin.address, edition.size)
    with (
        sources.writable_folder(_cache(edition)) as folder,
        tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as work,
    ):
        try:
            archive = carrier.origin.download(Path(work))
            fresh = [_extracted(archive, carrier, file, Path(work)) for file in carrier.members]
            for file in filter(None, fresh):
                check_digest(file, edition)
        except FetchFailed as error:
            tried.append(f"{carrier.origin.address}: {error}")
            return False
        except DataError:
            tried.append(f"{carrier.origin.address}: the files there are of another edition")
            return False
        for file in filter(None, fresh):  # the ratings, by which an edition is found, come last
            os.replace(file, folder / file.name)
    return True


def _extracted(archive: Path, carrier: Carrier, file: str, work: Path) -> Path | None:
    """A file of the edition out of the archive, None where that lacks one that is not needed."""
    member = carrier.members[file]
    try:
        with (
            zipfile.ZipFile(archive) as opened,
            opened.open(member) as content,
            (work / file).open("wb") as target,
        ):
            if carrier.header:
                content.readline()
            shutil.copyfileobj(content, target, BLOCK)
    except zipfile.BadZipFile as error:
        raise FetchFailed("what came is not a zip archive (a login page of the network?)") from error
    except KeyError as error:
        if member == carrier.origin.member:
            raise FetchFailed(f"the archive has no member {member}") from error
        return None
    return work / file


def _not_found(edition: MovieLensEdition, cached: Path, tried: Sequence[str]) -> DataError:
    """The error that says what was tried, each with its reason, and what to do by hand."""
    attempts = "; ".join(f"({number}) {attempt}" for number, attempt in enumerate(tried, 1))
    files = " and ".join((edition.layout.ratings, edition.layout.movies[0]))
    whence = (
        f"take {files} from {edition.carriers[0].origin.address} on a machine that reaches it"
        if edition.carriers
        else f"no address serves this edition any more: take {files} from a copy of it"
    )
    expected = edition.digests.get(edition.layout.ratings)
    checked = f"; the SHA-256 of {edition.layout.ratings} must be {expected}" if expected else ""
    return DataError(
        f"{edition.name}: the file {edition.layout.ratings} could not be downloaded. Tried: {attempts}. By hand: {whence} and put "
        f"them into {cached.parent}, or into {edition.folders[0]} in a folder that SEEDBED_DATA or data.root "
        f"names{checked}."
    )
