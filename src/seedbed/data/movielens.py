"""The MovieLens sets: ratings of movies, from 100 thousand to 32 million of them.

Source: Harper and Konstan 2015, "The MovieLens Datasets: History and Context".
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from seedbed.checks import require_choice
from seedbed.data.published.movielens import BLOCK, Layout, MovieLensFiles, check_digest
from seedbed.data.ratings import (
    RatingTable,
    check_duplicates,
    digest_of,
    pair_keys,
    rating_table,
    told_apart,
    vocabulary,
)
from seedbed.data.table import Progress
from seedbed.errors import DataError

ITEMS = ("title", "id")
GENRES_100K = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip


class MovieLens(MovieLensFiles):
    """One edition as a table of ratings; nothing is read before ``locate`` or ``load``."""

    def __init__(self, *, edition: str, root: str | None = None, items: str = "id", duplicates: str = "latest") -> None:
        """The arguments are the keys of ``conf/data/movielens_*.yaml``. Raises ``ConfigError``."""
        super().__init__(edition=edition, root=root)
        require_choice("data.items", items, ITEMS)
        self.items = items
        self.duplicates = check_duplicates(duplicates)

    def load(self, progress: Progress | None = None) -> RatingTable:
        """Read the ratings, titles and metadata; ``progress`` is told bytes. Raises ``DataError``."""
        source = self.locate()
        layout = self.edition.layout
        ratings = _read_ratings(source.path, layout, progress)
        folds = _folds(source.path.parent, layout, ratings)
        user_rows, user_ids = vocabulary(ratings.users)
        movie_rows, movie_ids = vocabulary(ratings.movies)
        user_features = self._user_features(source.path.parent, user_ids)
        movies = _Movies(movie_ids, self._movies(source.path.parent), by_title=self.items == "title")
        made_with = {"items": digest_of(movies.names, movies.features)}
        if user_features is not None:
            made_with["users"] = digest_of((), user_features)
        return rating_table(
            name=source.name,
            digest=source.digest,
            users=user_rows,
            items=movies.row_of_id[movie_rows],
            ratings=ratings.ratings,
            timestamps=ratings.timestamps,
            user_names=tuple(map(str, user_ids.tolist())),
            item_names=movies.names,
            duplicates=self.duplicates,
            user_features=user_features,
            item_features=movies.features,
            counts={"rows_in_file": len(ratings.ratings), **movies.counts},
            notes=(*source.notes, *movies.notes),
            folds=folds,
            made_with=made_with,
            joined_ids=np.bincount(movies.row_of_id, minlength=len(movies.names) + 1)[1:],
        )

    # ---- files ---------------------------------------------------------------------------------------------------

    def _movies(self, folder: Path) -> dict[int, Movie]:
        """Title and genres of the movies, by id; raises ``DataError``."""
        path = self._beside(folder, self.edition.layout.movies)
        if path is not None:
            return dict(_parsed_lines(path, MOVIE_FILES[path.name], "movie"))
        if self.items == "title":
            raise DataError(
                f"data.items=title: {self.edition.layout.movies[0]}, which has the titles, is not beside the ratings in "
                f"{folder}. Put it there, or set data.items=id."
            )
        return {}

    def _user_features(self, folder: Path, ids: np.ndarray) -> np.ndarray | None:
        """Age, gender and occupation, (U + 1, F) float32, where the edition says them."""
        path = self._beside(folder, self.edition.layout.users)
        if path is None:
            return None
        known = dict(_parsed_lines(path, USER_FILES[path.name], "user"))
        people = [known.get(id_) for id_ in ids.tolist()]
        age = _standardised([np.nan if person is None else person.age for person in people])
        said = [() if person is None else (person.gender, f"occupation {person.occupation}") for person in people]
        return _with_unknown(np.column_stack([age, _indicators(said)]))

    def _beside(self, folder: Path, names: Sequence[str]) -> Path | None:
        """The first of the files that is there; raises ``DataError`` where it is damaged."""
        path = next((folder / name for name in names if (folder / name).is_file()), None)
        if path is not None and path.name in self.edition.digests:
            check_digest(path, self.edition)
        return path


# ---- ratings ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ratings:
    """The N ratings of a file, by the ids in it."""

    users: np.ndarray
    """(N,) int32."""
    movies: np.ndarray
    """(N,) int32."""
    ratings: np.ndarray
    """(N,) float32."""
    timestamps: np.ndarray
    """(N,) int64."""


_TYPES = {"users": np.int32, "movies": np.int32, "ratings": np.float32, "timestamps": np.int64}


def _read_ratings(path: Path, layout: Layout, progress: Progress | None = None) -> Ratings:
    """Read a file block by block, so that it is never in memory as text; raises ``DataError``."""
    frames, size = [], path.stat().st_size
    with path.open("rb") as file:
        if layout.header and (first := file.readline().removeprefix(b"\xef\xbb\xbf").strip()) != layout.header:
            raise DataError(
                f"{path} begins {first[:60]!r}, not with the columns {layout.header.decode()}. Replace it by the original."
            )
        line = 2 if layout.header else 1
        while block := file.read(BLOCK) + file.readline():
            frames.append(_parsed_block(path, block, layout, line))
            line += block.count(b"\n")
            if progress:
                progress(file.tell(), size)
    if not sum(map(len, frames)):
        raise DataError(f"{path} holds no rating. Replace it by the original.")
    return Ratings(**{column: np.concatenate([frame.pop(column).to_numpy() for frame in frames]) for column in _TYPES})


def _parsed_block(path: Path, block: bytes, layout: Layout, line: int) -> pd.DataFrame:
    """The ratings in whole lines of a file, the first of which has the number ``line``."""
    single = b"\t" if len(layout.separator) > 1 else layout.separator  # pandas' fast parser takes one character
    try:
        frame = pd.read_csv(
            io.BytesIO(block.replace(layout.separator, single)),
            sep=single.decode(),
            names=list(_TYPES),
            header=None,
            dtype=_TYPES,
            quoting=csv.QUOTE_NONE,
        )
        if not isinstance(frame.index, pd.RangeIndex) or not np.isfinite(frame["ratings"]).all():
            raise ValueError("more or fewer than four fields")
    except pd.errors.EmptyDataError:
        return pd.DataFrame({column: np.empty(0, kind) for column, kind in _TYPES.items()})
    except (ValueError, OverflowError) as error:
        number, text = _misfit(block, layout, line)
        raise DataError(
            f"{path}, line {number} is {text!r}, no rating: a user, a movie, a rating and a timestamp between "
            f"{layout.separator.decode()!r} are expected. Fix the line, or replace the file by the original."
        ) from error
    return frame


def _misfit(block: bytes, layout: Layout, line: int) -> tuple[int, str]:
    """Number and start of the first line that holds no rating."""
    rating = re.compile(layout.separator.join((rb"\d+", rb"\d+", rb"\d+(\.\d*)?", rb"\d+")))
    lines = list(enumerate(block.splitlines(), line))
    number, text = next(
        (numbered for numbered in lines if numbered[1].strip() and not rating.fullmatch(numbered[1])), lines[0]
    )
    return number, text[:60].decode("latin-1")


def _folds(folder: Path, layout: Layout, whole: Ratings) -> dict[str, np.ndarray]:
    """The rows of ``whole`` in each fold whose file is there; raises ``DataError`` for a rating that is not in it."""
    paths = {fold: folder / f"{fold}.test" for fold in layout.folds if (folder / f"{fold}.test").is_file()}
    if not paths:
        return {}
    pairs = pair_keys(whole.users, whole.movies)
    order = np.argsort(pairs)
    folds = {}
    for fold, path in paths.items():
        part = _read_ratings(path, layout)
        wanted = pair_keys(part.users, part.movies)
        at = np.searchsorted(pairs, wanted, sorter=order)
        rows = order[np.minimum(at, len(order) - 1)]
        strange = np.flatnonzero((pairs[rows] != wanted) | (whole.ratings[rows] != part.ratings))
        if len(strange):
            raise DataError(
                f"{path}: the rating in line {strange[0] + 1} is not in {layout.ratings} ({len(strange)} such lines). "
                f"Take both from the same archive, or remove {path.name}."
            )
        folds[fold] = np.sort(rows)
    return folds


# ---- movies and users ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Movie:
    """What a file says of a movie."""

    title: str
    """With its year, as in "Toy Story (1995)"."""
    genres: tuple[str, ...]

    @property
    def year(self) -> float:
        """The year of release, NaN where the title does not say it."""
        match = re.search(r"\((\d{4})\b[^()]*\)$", self.title)
        return float(match[1]) if match else np.nan


@dataclass(frozen=True)
class Person:
    """What a file says of a user."""

    age: float
    gender: str
    occupation: str


def _u_item(line: str) -> tuple[int, Movie]:
    id_, title, _, _, _, *flags = line.split("|")
    genres = [genre for genre, flag in zip(GENRES_100K, flags, strict=True) if flag == "1"]
    return int(id_), Movie(title.strip(), tuple(genres))


def _recbole_item(line: str) -> tuple[int, Movie]:
    """Title and year are apart; the one movie without either is misspelt."""
    id_, title, year, genres = line.split("\t")
    full = "unknown" if title == "unkonwn" else f"{title.strip()} ({year})"
    return int(id_), Movie(full, tuple(genres.split()))


def _dat_movie(line: str) -> tuple[int, Movie]:
    """Titles hold colons, so the id is split off from the left and the genres from the right."""
    id_, rest = line.split("::", 1)
    title, genres = rest.rsplit("::", 1)
    return int(id_), Movie(title.strip(), _genres(genres))


def _csv_movie(line: str) -> tuple[int, Movie]:
    ((id_, title, genres),) = csv.reader([line], strict=True)
    return int(id_), Movie(title.strip(), _genres(genres))


def _genres(joined: str) -> tuple[str, ...]:
    return () if joined == "(no genres listed)" else tuple(filter(None, joined.split("|")))


def _u_user(line: str) -> tuple[int, Person]:
    id_, age, gender, occupation, _ = re.split(r"[|\t]", line)
    return int(id_), Person(float(age), gender, occupation)


def _dat_user(line: str) -> tuple[int, Person]:
    id_, gender, age, occupation, _ = line.split("::")
    return int(id_), Person(float(age), gender, occupation)


MOVIE_FILES: dict[str, Callable[[str], tuple[int, Movie]]] = {
    "u.item": _u_item,
    "ml-100k.item": _recbole_item,
    "movies.dat": _dat_movie,
    "movies.csv": _csv_movie,
}
USER_FILES: dict[str, Callable[[str], tuple[int, Person]]] = {
    "u.user": _u_user,
    "ml-100k.user": _u_user,
    "users.dat": _dat_user,
}

Parsed = TypeVar("Parsed", Movie, Person)


def _parsed_lines(path: Path, parse: Callable[[str], tuple[int, Parsed]], what: str) -> Iterator[tuple[int, Parsed]]:
    """Every line of a small file but blank ones and the header of CSV; raises ``DataError``."""
    header = path.suffix == ".csv"
    for number, line in enumerate(_text(path).split("\n"), 1):
        if not line.strip() or (header and number == 1):
            continue
        try:
            yield parse(line.removesuffix("\r"))
        except (ValueError, csv.Error) as error:
            raise DataError(
                f"{path}, line {number} is {line[:60]!r}, no {what} as this file has them. Fix the line, or replace "
                "the file by the original."
            ) from error


def _text(path: Path) -> str:
    """UTF-8, as the later editions are, or else Latin-1, as the earlier ones are: their letters are no sound UTF-8."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


class _Movies:
    """The item vocabulary of the M movies with the sorted ``ids``."""

    def __init__(self, ids: np.ndarray, known: Mapping[int, Movie], *, by_title: bool) -> None:
        movies = [known.get(id_) for id_ in ids.tolist()]
        titles = [str(id_) if movie is None else movie.title for id_, movie in zip(ids, movies, strict=True)]
        self.names = tuple(sorted(set(titles))) if by_title else told_apart(titles, ids.tolist())
        """(I,) distinct names in the order of their rows: that of ids, or of titles."""
        row = {name: number for number, name in enumerate(self.names, 1)}
        own = np.array([row[title] for title in titles] if by_title else range(1, len(ids) + 1), dtype=np.int32)
        self.row_of_id = np.concatenate([np.zeros(1, np.int32), own])
        """(M + 1,) int32 row in the vocabulary of each row of ids; 0, the unknown one, stays 0."""
        self.features = self._features(movies, own) if known else None
        """(I + 1, G) float32: genres and year, row 0 zeros; movies of one title have the genres of all of them."""
        missing, joined = movies.count(None), len(ids) - len(self.names)
        self.counts = {
            **({"items_joined_by_title": joined} if joined else {}),
            **({"titles_missing": missing} if missing else {}),
        }
        self.notes = [
            *([f"Movies of one title count as one item: {len(ids)} ids, {len(self.names)} titles."] if joined else []),
            *([f"Movies without a title, named by their ids: {missing}."] if missing else []),
        ]

    def _features(self, movies: Sequence[Movie | None], own: np.ndarray) -> np.ndarray:
        genres = _indicators([() if movie is None else movie.genres for movie in movies])
        joined = np.zeros((len(self.names), genres.shape[1]), dtype=np.float32)
        np.maximum.at(joined, own - 1, genres)
        years = np.full(len(self.names), np.nan)
        years[own - 1] = [np.nan if movie is None else movie.year for movie in movies]  # titles say the year
        return _with_unknown(np.column_stack([joined, _standardised(years)]))


# ---- features --------------------------------------------------------------------------------------------------------


def _indicators(said: Sequence[Sequence[str]]) -> np.ndarray:
    """A column of zeros and ones for each distinct value, sorted, (n, values) float32."""
    column = {value: number for number, value in enumerate(sorted({value for values in said for value in values}))}
    indicators = np.zeros((len(said), len(column)), dtype=np.float32)
    for row, values in enumerate(said):
        indicators[row, [column[value] for value in values]] = 1
    return indicators


def _standardised(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Mean 0 and standard deviation 1 over what is known; NaN, what is not, becomes the mean."""
    given = np.asarray(values, dtype=np.float64)
    known = given[~np.isnan(given)]
    if not len(known):
        return np.zeros(len(given))
    scaled: np.ndarray = np.nan_to_num((given - known.mean()) / (known.std() or 1.0))
    return scaled


def _with_unknown(features: np.ndarray) -> np.ndarray:
    """The features as float32 below a row of zeros, which the unknown has."""
    return np.vstack([np.zeros((1, features.shape[1])), features]).astype(np.float32)
