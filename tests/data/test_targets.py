"""Targets: read as numbers are, checked, and described, of rows of numbers, texts and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seedbed.config.building import build
from seedbed.data.encoders import HashEncoder
from seedbed.data.feature_csv import FeatureCsv
from seedbed.data.image_folder import ImageFolder
from seedbed.data.splits import GroupStratifiedSplit
from seedbed.data.table import Table
from seedbed.data.text_csv import TextCsv
from seedbed.errors import ConfigError, DataError

HOUSES = "rooms,area,price\n3,70,210.5\n2,50,150\n3,70,250\n5,120,NA\n4,,400\n1,30,99.5\n"


def houses(folder: Path, content: str = HOUSES, **settings: Any) -> Table:
    path = folder / "houses.csv"
    path.write_text(content)
    return FeatureCsv(path=str(path), **{"target": "price", **settings}).load()


def refused(error: type[Exception], call: Any, *arguments: Any, **settings: Any) -> str:
    with pytest.raises(error) as caught:
        call(*arguments, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_table_of_targets(tmp_path: Path) -> None:
    table = houses(tmp_path)
    assert table.targets is not None
    assert (table.targets.dtype, table.targets.tolist()) == (np.float64, [210.5, 150, 250, 99.5])
    assert (table.classes, table.columns, table.target_name) == ((), ("rooms", "area"), "price")
    assert table.groups.tolist() == [0, 1, 0, 2], "equal rows stay on one side of a split, whatever their targets"
    assert table.counts == {
        "rows": 4,
        "duplicates": 1,
        "features": 2,
        "rows_in_file": 6,
        "dropped_without_target": 1,
        "dropped_with_missing": 1,
    }
    assert "1 row left out: no target." in table.notes
    assert table.notes[-1] == "Targets 'price': from 99.5 to 250, mean 177.5, standard deviation 57.4141."


def test_targets_are_written_as_features_are(tmp_path: Path) -> None:
    content = "rooms;price\n3;2,5\n2;-1\n5;7,25\n1;1e2\n"
    table = houses(tmp_path, content, decimal="comma", missing_values=[-1])
    assert table.targets is not None
    assert table.targets.tolist() == [2.5, 7.25, 100.0]
    assert "1 value is taken as missing (data.missing_values=[-1])." in table.notes


def test_the_decimal_sign_of_targets_is_found(tmp_path: Path) -> None:
    table = houses(tmp_path, "rooms;price\n3;2,5\n2;1,25\n5;7\n")
    assert table.targets is not None
    assert (table.targets.tolist(), table.made_with["decimal"]) == ([2.5, 1.25, 7.0], "comma")


@pytest.mark.parametrize(
    ("content", "settings", "error", "message"),
    [
        (HOUSES, {"label": "rooms"}, ConfigError, "data.label=rooms and data.target=price: labels are classes"),
        (HOUSES, {"positive": "3"}, ConfigError, "data.positive is about classes, and data.target=price names numbers."),
        (HOUSES, {"drop_classes": ["3"]}, ConfigError, "write data.label=price."),
        (HOUSES, {"features": ["price"]}, ConfigError, "data.features names price, which is data.target. Leave it out."),
        (HOUSES, {"target": "prize"}, DataError, "data.target=prize"),
        ("a,price\n1,5\n2,5.0\n", {}, DataError, "holds one number only, 5 in all 2 rows."),
        ("a,price\n1,5\n2,inf\n", {}, DataError, "is infinite, or beyond 32-bit floats, in 1 row: 'inf' in record 2."),
        ("a,price\n1,5\n2,1e99\n", {}, DataError, "is infinite, or beyond 32-bit floats, in 1 row: '1e99' in record 2."),
        ("a,price\n1,5\n2,6\n3,dear\n", {}, DataError, "data.missing_values=[dear]"),
        ("a,price\n1,cheap\n2,dear\n", {}, DataError, "Where its values are classes, write data.label=price with task="),
        ('a;price\n1;"1,5"\n2;"2,5"\n', {"decimal": "point"}, DataError, "These look like numbers with a decimal comma: data.decimal=comma."),
    ],
)  # fmt: skip
def test_what_is_no_target_is_refused(
    tmp_path: Path, content: str, settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    assert message in refused(error, houses, tmp_path, content, **settings)


def test_codes_of_classes_are_taken_as_numbers_and_said(tmp_path: Path) -> None:
    table = houses(tmp_path, "a,price\n1,1\n2,3\n3,2\n4,1\n")
    assert "'price' has 3 different values (1, 2, 3), predicted as numbers; where they are codes of classes, write" in table.notes[-1]  # fmt: skip


def test_what_is_fitted_may_look_at_the_targets(tmp_path: Path) -> None:
    """As SelectKBest does: it takes the column that goes with the training targets."""
    content = "a,b,price\n" + "".join(f"{n},{(n * 7) % 5},{3 * n}\n" for n in range(12))
    scaler = build(
        {
            "_target_": "sklearn.feature_selection.SelectKBest",
            "k": 1,
            "score_func": {"_target_": "hydra.utils.get_method", "path": "sklearn.feature_selection.f_regression"},
        },
        "data.scaler",
    )
    table = houses(tmp_path, content, scaler=scaler)
    assert table.preparation is not None
    prepared = table.preparation.fit(table, np.arange(8))
    assert prepared.features[:, 0].tolist() == list(range(12))


def test_texts_with_targets(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text('body,stars\ngood,"4,5"\nbad,1\n,3\nGOOD,2\nfine,-\n')
    settings = {"text": "body", "target": "stars", "encoder": HashEncoder(dimensions=4), "decimal": "comma"}
    table = TextCsv(path=str(path), **settings).load()
    assert table.targets is not None
    assert (table.targets.tolist(), table.texts) == ([4.5, 1, 2], ("good", "bad", "GOOD"))
    assert table.groups.tolist() == [0, 1, 0]
    assert {name: table.counts[name] for name in ("dropped_without_text", "dropped_without_target")} == {
        "dropped_without_text": 1,
        "dropped_without_target": 1,
    }
    said = refused(ConfigError, TextCsv, path="x.csv", label="a", target="b", encoder=HashEncoder(dimensions=4))
    assert "data.label=a and data.target=b" in said


# ---- pictures --------------------------------------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in ("train/a.png", "train/b.png", "test/c.png", "test/d.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), 50 * (ord(name[-5]) - ord("a"))).save(folder / name)
    return folder


def pictures(folder: Path, content: str, **settings: Any) -> Table:
    ages = folder.parent / "ages.csv"
    ages.write_text(content)
    settings = {"target": "age", "size": [4, 4], "colours": "grey", **settings}
    return ImageFolder(path=str(folder), targets=str(ages), **settings).load()


def test_pictures_with_targets(photos: Path) -> None:
    table = pictures(photos, "file,age\ntest/c.png,31\ntrain/b.png,7.5\nphotos/train/a.png,4\ntest/d.png,\n")
    assert table.targets is not None
    assert table.targets.tolist() == [31, 7.5, 4]
    assert table.features[:, 0, 0, 0].tolist() == [100, 50, 0]
    assert table.parts is not None
    assert table.parts.tolist() == [2, 0, 0], "the folders train/ and test/ are parts"
    assert table.counts == {"rows": 3, "duplicates": 0, "dropped_without_target": 1}


def test_other_targets_are_other_data(photos: Path) -> None:
    first, second = (pictures(photos, f"file,age\ntrain/a.png,1\ntrain/b.png,{age}\n") for age in (2, 3))
    assert first.digest != second.digest
    assert first.parts is None, "where all are in one folder, there are no parts"


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        ("file,age\ntrain/a.png,1\ntrain/x.png,2\n", {}, "names 1 of 2 pictures that are not in"),
        ("file,age\ntrain/a.png,1\ntrain/a.png,2\n", {}, "names 'train/a.png' twice."),
        (
            "n,age,photo\n1,1,train/a.png\n2,2,train/b.png\n",
            {},
            "or name the column that holds them: data.file=COLUMN.",
        ),
    ],
)
def test_a_list_of_pictures_that_does_not_fit_is_refused(
    photos: Path, content: str, settings: dict[str, Any], message: str
) -> None:
    assert message in refused(DataError, pictures, photos, content, **settings)


def test_settings_of_pictures_that_lack_their_other_half() -> None:
    said = refused(ConfigError, ImageFolder, path="photos", target="age")
    assert said.startswith("data.target is set and data.targets is not: targets of pictures stand in a file")
    assert "data.targets is set and data.target is not" in refused(ConfigError, ImageFolder, path="p", targets="a.csv")


# ---- splits ----------------------------------------------------------------------------------------------------------


def table_of(targets: np.ndarray, groups: np.ndarray | None = None) -> Table:
    return Table(
        name="made_up",
        digest="",
        features=np.zeros((len(targets), 1), dtype=np.float32),
        labels=np.zeros(len(targets), dtype=np.int64),
        classes=(),
        groups=np.arange(len(targets)) if groups is None else groups,
        texts=None,
        counts={},
        notes=(),
        targets=targets,
        target_name="price",
    )


def test_a_plain_split_of_targets_has_exact_shares_and_keeps_groups_together() -> None:
    rng = np.random.default_rng(1)
    table = table_of(rng.normal(size=100), np.concatenate([np.arange(80), np.arange(20)]))
    rows = GroupStratifiedSplit(train=0.7, val=0.1, test=0.2).rows(table, 3)
    assert rows.sizes == {"train": 70, "val": 10, "test": 20}
    groups = [set(table.groups[side].tolist()) for side in (rows.train, rows.val, rows.test)]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 80
    other = GroupStratifiedSplit(train=0.7, val=0.1, test=0.2).rows(table, 4)
    assert not np.array_equal(rows.test, other.test)


def test_every_side_gets_its_share_of_each_stratum() -> None:
    targets = np.random.default_rng(1).permutation(np.exp(np.linspace(0, 9, 100)))
    rows = GroupStratifiedSplit(train=0.7, val=0.1, test=0.2, strata=10).rows(table_of(targets), 0)
    tenth = np.searchsorted(np.sort(targets)[10::10], targets, side="right")
    assert np.bincount(tenth[rows.test]).tolist() == [2] * 10
    assert np.bincount(tenth[rows.val]).tolist() == [1] * 10


def test_equal_targets_are_in_one_stratum() -> None:
    targets = np.array([0.0] * 60 + list(range(1, 41)))
    rows = GroupStratifiedSplit(train=0.5, val=0.25, test=0.25, strata=4).rows(table_of(targets), 0)
    assert (targets[rows.test] == 0).sum() == 15


def test_strata_that_cannot_be_are_refused() -> None:
    targets = np.arange(20, dtype=float)
    said = refused(DataError, GroupStratifiedSplit(strata=10).rows, table_of(targets), 0)
    assert "has no row with targets from" in said
    assert "Lower split.strata=10, or use data with more of them." in said
    assert "split.strata=1" in refused(ConfigError, GroupStratifiedSplit, strata=1)
    from tests.data.test_splits import distinct  # noqa: PLC0415

    said = refused(ConfigError, GroupStratifiedSplit(strata=10).rows, distinct(ham=50, spam=50), 0)
    assert said.startswith("split.strata=10: made_up has classes, and every side gets its share of each.")
