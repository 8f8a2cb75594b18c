"""Numbers as people write them."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import strategies

from seedbed.data.numbers import MISSING_WORDS, MissingValues, number, read_numbers
from seedbed.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("3.5", 3.5), ("-.5", -0.5), ("+2.", 2), ("1e3", 1000), ("2.5E-1", 0.25), ("007", 7), ("-0", 0)],
)
def test_numbers(text, value):
    assert number(text) == value
    assert number(text.replace(".", ","), "comma") == value


@pytest.mark.parametrize("text", ["", ".", "3,5", "1_000", "inf", "-Infinity", "nan", "0x10", "1e400", "1e39", "３", "٣", "½", "1 000", "1.2.3", "--1", "1e", "4/5", "true", "Ⅷ", "²"])  # fmt: skip
def test_what_is_no_number(text):
    assert number(text) is None


def test_what_is_not_seen_does_not_count():
    found = read_numbers([" 3 ", "\ufeff4", "\u00a05\u200b"])
    assert found.values.tolist() == [3, 4, 5]


def test_words_for_no_value_are_not_unreadable():
    written = [word.upper() for word in sorted(MISSING_WORDS)] + ["1"]
    found = read_numbers(written)
    assert np.isnan(found.values).sum() == len(MISSING_WORDS)
    assert not found.unreadable.any()


def test_values_that_stand_for_none_are_compared_as_numbers_and_as_texts():
    found = read_numbers(
        ["99", "99.0", "-1", "1", "No answer", "9.9e1"], missing=MissingValues([99, "-1", "no answer"])
    )
    assert np.isnan(found.values).tolist() == [True, True, True, False, True, True]
    assert (found.named_missing, found.unreadable.any()) == (5, False)
    assert MissingValues(["9,5"]).in_array(np.array([9.5, 1])).tolist() == [True, False]


@pytest.mark.parametrize("given", [1, "a", {"a": 1}, [[1]], [float("nan")]])
def test_missing_values_that_are_no_list_of_values(given):
    with pytest.raises(ConfigError, match=r"data\.missing_values"):
        MissingValues(given)


@pytest.mark.parametrize(
    ("written", "decimal", "remedy"),
    [
        (["3,5", "4", "4,5"], "point", "data.decimal=comma"),
        (["3.5", "4"], "comma", "data.decimal=point"),
        (["3,5", "3.5"], "point", "in one way in the file"),
        (["1,234", "12"], "point", "where it separates thousands, take it out of the file"),
        (["4/5", "3"], "point", "\"data.missing_values=['4/5']\""),
        ([f"{row} stars" for row in range(20)], "point", "as plain numbers, such as 4.5."),
    ],
)
def test_remedies(written, decimal, remedy):
    assert remedy in read_numbers(written, decimal).remedy()


def test_numbers_are_read_as_decimal_says_or_named(examine):
    digits = strategies.text("0123456789+-.,eE_ ٣５½", max_size=12)
    plain = strategies.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30).map(str)

    def holds(written):
        found = read_numbers([written])
        if np.isfinite(found.values[0]):
            assert float(Decimal(written.strip())) == found.values[0]
        elif not found.unreadable[0]:
            assert written.strip() in MISSING_WORDS
        else:
            assert repr(written.strip()) in found.shown()

    examine(holds, written=strategies.one_of(digits, plain, strategies.floats().map(repr)))


def test_a_decimal_sign_does_not_change_the_number(examine):
    def holds(value):
        written = repr(value)
        assert (
            read_numbers([written.replace(".", ",")], "comma").values[0] == read_numbers([written]).values[0] == value
        )

    examine(holds, value=strategies.floats(min_value=-1e30, max_value=1e30))
