"""Splits: exact shares, no message on two sides, and errors that name the class, the split and the seed."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies
from omegaconf import OmegaConf

from seedbed.config.building import build
from seedbed.data.rating_splits import RatingSplit
from seedbed.data.ratings import RatingTable
from seedbed.data.selection import SelectionSplit
from seedbed.data.splits import GroupStratifiedSplit, Rows, Split, same_rows
from seedbed.data.table import Table, group_numbers, normalise
from seedbed.errors import ConfigError, DataError
from seedbed.paths import resources
from tests.data.test_rating_splits import table_of as ratings_of


def table_of(messages: list[tuple[str, str]]) -> Table:
    classes = ("ham", "spam")
    return Table(
        name="made_up",
        digest="",
        features=np.zeros((len(messages), 1), dtype=np.float32),
        labels=np.array([classes.index(label) for label, _ in messages], dtype=np.int64),
        classes=classes,
        groups=group_numbers(normalise(text) for _, text in messages),
        texts=tuple(text for _, text in messages),
        counts={},
        notes=(),
    )


def distinct(ham: int, spam: int) -> Table:
    return table_of([("ham", f"h{n}") for n in range(ham)] + [("spam", f"s{n}") for n in range(spam)])


def sides(rows: Rows) -> list[np.ndarray]:
    return [rows.train, rows.val, rows.test]


def by_class(table: Table, rows: Rows) -> list[list[int]]:
    return [np.bincount(table.labels[side], minlength=2).tolist() for side in sides(rows)]


def assert_sound(table: Table, rows: Rows) -> None:
    """Every row once, sorted, and no group on two sides."""
    assert np.array_equal(np.sort(np.concatenate(sides(rows))), np.arange(len(table.labels)))
    for side in sides(rows):
        assert side.dtype == np.int64
        assert np.all(np.diff(side) > 0)
    groups = [set(table.groups[side].tolist()) for side in sides(rows)]
    assert sum(map(len, groups)) == len(set.union(*groups))


def test_shares_are_hit_exactly():
    table = distinct(ham=87, spam=13)
    rows = GroupStratifiedSplit(train=0.7, val=0.1, test=0.2).rows(table, seed=0)
    assert_sound(table, rows)
    assert by_class(table, rows) == [[61, 9], [9, 1], [17, 3]]


@pytest.mark.parametrize("seed", range(10))
def test_shares_are_hit_exactly_among_repeats_and_conflicts(seed):
    repeats = [("ham", f"r{n}") for n in range(8)] * 2 + [("ham", "ok")] * 6
    conflicts = [("ham", "both"), ("spam", "BOTH "), ("spam", "both")]
    singles = [("ham", f"h{n}") for n in range(37)] + [("spam", f"s{n}") for n in range(18)]
    table = table_of(repeats + conflicts + singles)  # 60 ham, 20 spam
    rows = GroupStratifiedSplit(train=0.7, val=0.1, test=0.2).rows(table, seed)
    assert_sound(table, rows)
    assert by_class(table, rows) == [[42, 14], [6, 2], [12, 4]]


@pytest.mark.parametrize("seed", range(5))
def test_no_message_is_on_two_sides(seed):
    texts = [("spam" if n < 8 else "ham", f"text {n}") for n in range(20)]
    again = [(label, f" TEXT  {text[5:]} ") for label, text in texts]
    table = table_of([*texts, *again, ("ham", "conflict"), ("spam", "Conflict")])
    rows = GroupStratifiedSplit(train=0.6, val=0.2, test=0.2).rows(table, seed)
    assert_sound(table, rows)
    assert table.texts is not None
    seen = [{normalise(table.texts[row]) for row in side} for side in sides(rows)]
    assert sum(map(len, seen)) == len(set.union(*seen))
    assert all(0 not in counts for counts in by_class(table, rows))


def test_no_text_is_on_two_sides_whatever_is_repeated(examine):
    """Repeated under either label, and in forms that differ by letter case and blanks."""
    forms = strategies.sampled_from([str, str.upper, lambda text: f"  {text.replace(' ', '   ')} "])
    repeats = strategies.tuples(strategies.sampled_from(["ham", "spam"]), strategies.integers(0, 29), forms)
    own = [("spam" if n % 3 == 0 else "ham", f"text {n}") for n in range(60)]

    def holds(repeated, seed: int) -> None:
        table = table_of([*own, *((label, form(f"text {n}")) for label, n, form in repeated)])
        rows = GroupStratifiedSplit(train=0.6, val=0.2, test=0.2).rows(table, seed)
        assert_sound(table, rows)
        seen = [{normalise(table.texts[row]) for row in side} for side in sides(rows)]
        assert sum(map(len, seen)) == len(set.union(*seen)) == 60

    examine(holds, repeated=strategies.lists(repeats, max_size=40), seed=strategies.integers(0, 4))


def test_a_group_larger_than_any_side_overruns_one():
    table = table_of(
        [("ham", "ok")] * 30 + [("ham", f"h{n}") for n in range(10)] + [("spam", f"s{n}") for n in range(9)]
    )
    rows = GroupStratifiedSplit(train=0.4, val=0.3, test=0.3).rows(table, seed=1)
    assert_sound(table, rows)


def test_seeds_draw_their_own_split_and_repeat_it():
    table, split = distinct(40, 20), GroupStratifiedSplit()
    first, again, other = (split.rows(table, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)


def test_fixed_is_one_split_for_all_seeds():
    table, fixed = distinct(40, 20), GroupStratifiedSplit(per_seed=False, seed=3)
    drawn = [fixed.rows(table, seed).test.tolist() for seed in range(3)]
    assert drawn == [GroupStratifiedSplit().rows(table, 3).test.tolist()] * 3


def test_every_row_is_tested_at_some_seed():
    table, split = distinct(10, 10), GroupStratifiedSplit(train=0.5, val=0.2, test=0.3)
    tested = np.concatenate([split.rows(table, seed).test for seed in range(50)])
    assert set(tested.tolist()) == set(range(20))


def test_without_validation():
    table = distinct(10, 10)
    rows = GroupStratifiedSplit(train=0.8, val=0.0, test=0.2).rows(table, seed=0)
    assert by_class(table, rows) == [[8, 8], [0, 0], [2, 2]]


@pytest.mark.parametrize(
    ("shares", "part"),
    [
        ((0.7, 0.2, 0.2), "add up to 1.1"),
        ((0.9, -0.1, 0.2), "split.val=-0.1"),
        ((0.0, 0.5, 0.5), "split.train"),
        (
            (0.7, 0.1, 0.0),
            r"add up to 0.8, not to 1. split.test=0 means that no rows test.*split.train=0.9 and report.metric=val",
        ),
        ((0.7, 0.1, 0.1), "add up to 0.9, not to 1. Set split.train=0.8, or change another"),
        ((float("nan"), 0.5, 0.5), "split.train=nan"),
    ],
)
def test_wrong_shares(shares, part):
    with pytest.raises(ConfigError, match=part):
        GroupStratifiedSplit(train=shares[0], val=shares[1], test=shares[2])


def test_without_test_rows():
    table = distinct(10, 10)
    rows = GroupStratifiedSplit(train=0.8, val=0.2, test=0.0).rows(table, seed=0)
    assert by_class(table, rows) == [[8, 8], [2, 2], [0, 0]]


def test_shares_that_add_up_but_for_rounding():
    GroupStratifiedSplit(train=0.1 + 0.2, val=0.3, test=0.4)


def test_an_empty_class_is_named():
    with pytest.raises(DataError, match=r"'spam' has no row in the val split of seed 7 .*of its 3 rows"):
        GroupStratifiedSplit().rows(distinct(ham=100, spam=3), seed=7)


def of_counts(*counts: int, dropped: tuple[str, ...] | None = ()) -> Table:
    """So many distinct rows of numbers of each class."""
    labels = np.repeat(np.arange(len(counts)), counts)
    return Table(
        name="made_up", digest="", features=np.zeros((len(labels), 1), dtype=np.float32), labels=labels,
        classes=tuple("xyzw"[: len(counts)]), groups=np.arange(len(labels)), texts=None, counts={}, notes=(), dropped_classes=dropped,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "remedy"),
    [
        ((50, 1, 50), "a class needs 3 distinct rows, one for each side. Leave it out, data.drop_classes=[y], or use"),
        ((50, 2, 1), "Use data with more of it."),
        ((50, 50, 2, 1), "Leave them out, data.drop_classes=[z,w], or use data with more of them."),
        ((50, 2), "No shares can help: a class needs 3 distinct rows, one for each side. Use data with more of it."),
    ],
)
def test_where_no_shares_can_help_the_class_is_left_out(counts, remedy):
    with pytest.raises(DataError) as raised:
        GroupStratifiedSplit().rows(of_counts(*counts), 0)
    assert remedy in str(raised.value)
    assert "Raise" not in str(raised.value)
    assert "split.rare_classes=allow" in str(raised.value)


def test_where_rare_classes_are_allowed_the_notes_say_which_side_lacks_them():
    table = of_counts(100, 3, 1)
    rows = GroupStratifiedSplit(rare_classes="allow").rows(table, 0)
    counts = [np.bincount(table.labels[side], minlength=3).tolist() for side in sides(rows)]
    assert counts == [[70, 2, 1], [10, 0, 0], [20, 1, 0]]
    validation, test = rows.notes
    assert validation.startswith(
        "The validation part has none of classes 'y' (3 rows), 'z' (1 row): metrics of a class"
    )
    assert test.startswith("The test part has none of class 'z' (1 row): metrics")
    assert GroupStratifiedSplit().rows(of_counts(100, 50), 0).notes == ()
    with pytest.raises(ConfigError, match=r"split\.rare_classes=keep"):
        GroupStratifiedSplit(rare_classes="keep")


def test_what_trains_lacks_no_class():
    table = replace(of_counts(20, 20), groups=np.repeat([0, 1], 20))  # each class is equal rows, which stay together
    split = GroupStratifiedSplit(train=0.2, val=0.4, test=0.4, rare_classes="allow")
    said = [refusal(split, table, seed) for seed in range(5)]
    assert any("has no row in the train split" in each for each in said)


def test_no_class_is_left_out_of_data_that_cannot_do_without():
    for dropped, remedy in (
        (None, "one for each side. Use data with more of it."),
        (("b c",), "data.drop_classes=['b c',y]"),
    ):
        with pytest.raises(DataError, match=re.escape(remedy)):
            GroupStratifiedSplit().rows(of_counts(50, 1, 50, dropped=dropped), 0)


def refusal(split, table, seed) -> str:
    try:
        split.rows(table, seed)
    except DataError as error:
        return str(error)
    return ""


def test_the_shares_that_are_advised_help(examine):
    def holds(counts, val, test, seed):
        table = of_counts(*counts)
        said = refusal(GroupStratifiedSplit(train=1 - val - test, val=val, test=test), table, seed)
        advised = re.search(r"Set split.train=([\d.]+) split.val=([\d.]+) split.test=([\d.]+), or", said)
        if advised:
            shares = dict(zip(("train", "val", "test"), map(float, advised.groups()), strict=True))
            assert refusal(GroupStratifiedSplit(**shares), table, seed) == ""
        assert said == "" or bool(advised) == (min(counts) >= 3)

    share = strategies.sampled_from([0.02, 0.05, 0.1, 0.2, 0.3])
    examine(
        holds,
        counts=strategies.lists(strategies.integers(1, 12), min_size=2, max_size=4),
        val=share,
        test=share,
        seed=strategies.integers(0, 5),
    )


# ---- what a split says of itself -------------------------------------------------------------------------------------

SETTINGS = {
    "as_published": {"val": 20, "buffer": 8, "batch_size": 4},
    "held_out": {"at_least": 2},
    "leave_n_out": {"order": "random"},
}
CHOICES = sorted(path.stem for path in (resources() / "conf" / "split").glob("*.yaml"))


def chosen(name: str, **settings: object) -> Split:
    config = OmegaConf.to_container(OmegaConf.load(resources() / "conf" / "split" / f"{name}.yaml"), resolve=False)
    assert isinstance(config, dict)
    split = build(config | SETTINGS.get(name, {}) | settings, "split")
    assert isinstance(split, Split)
    return split


def table_for(split: Split) -> Table | RatingTable:
    """One that any split of its kind can split."""
    if isinstance(split, RatingSplit):
        pairs = [(user, item) for user in range(12) for item in range(10)]
        rows = [(user, item, 3.0, 10 * user + item) for user, item in pairs]
        return ratings_of(rows, folds={"u1": np.arange(0, 120, 7)})
    return replace(distinct(60, 60), parts=np.tile([0, 0, 2], 40))


@pytest.mark.parametrize("name", CHOICES)
def test_a_split_says_of_itself_what_its_rows_show(name: str) -> None:
    split = chosen(name)
    table = table_for(split)
    first, second = (split.rows(table, seed) for seed in (0, 1))
    assert split.has_test_rows == (len(first.test) > 0)
    assert split.per_seed == (not same_rows(first, second))
    assert first.sizes == {"train": len(first.train), "val": len(first.val), "test": len(first.test)}
    assert min(first.sizes["train"], first.sizes["val"]) > 0


@pytest.mark.parametrize(
    ("name", "setting"),
    [("per_seed", {"train": 0.9, "test": 0}), ("random", {"test": 0.0}), ("leave_n_out", {"n": 0}), ("by_time", {"test": 0.0}), ("held_out", {"test": 0})],
)  # fmt: skip
def test_whether_there_are_test_rows_follows_the_settings(name: str, setting: dict[str, float]) -> None:
    split = chosen(name, **setting)
    assert split.has_test_rows is False
    assert split.TESTED_BY in setting
    assert len(split.rows(table_for(split), 0).test) == 0


@pytest.mark.parametrize("name", CHOICES)
def test_what_is_held_out_of_the_training_rows_parts_them(name: str) -> None:
    split = chosen(name)
    table = table_for(split)
    rows = split.rows(table, 0)
    if type(split).hold_out is Split.hold_out:
        with pytest.raises(
            ConfigError, match=f"{type(split).__name__} gives no test rows, and does not say how to hold"
        ):
            split.hold_out(table, rows.train, 0.3, 0)
        return
    kept, held = split.hold_out(table, rows.train, 0.3, 0)
    assert len(held) > 0
    assert np.array_equal(np.sort(np.concatenate([kept, held])), rows.train)


def test_what_a_search_sees_of_a_split_has_no_test_rows() -> None:
    split = SelectionSplit(split=chosen("fixed"), holdout=0.1)
    assert (split.has_test_rows, split.per_seed) == (False, False)
    assert len(split.rows(distinct(60, 60), 0).test) == 0
