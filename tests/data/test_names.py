"""Rows of a vocabulary by name."""

import pytest

from seedbed.data.names import Names
from seedbed.errors import DataError

NAMES = Names(["Emma (1996)", "FILM", "Film", "Heat"])


def test_a_name_is_found_as_it_stands_else_whatever_its_letter_case() -> None:
    assert [NAMES.find(name, "item") for name in ("Film", "FILM", "heat", "Speed")] == [3, 2, 4, None]
    assert NAMES.name(NAMES.row("emma (1996)", "item", "")) == "Emma (1996)"


def test_a_name_is_found_whatever_is_not_seen_of_it() -> None:
    names = Names(["Am\u00e9lie", "He\u200bat", "x", "x\ufeff"])
    assert [names.find(name, "item") for name in ("Ame\u0301lie", "Heat", " heat\u00a0", "x")] == [1, 2, 2, 3]


def test_a_name_that_is_unclear_or_unknown() -> None:
    with pytest.raises(DataError, match="item 'film' could be 'FILM' and 'Film'"):
        NAMES.find("film", "item")
    with pytest.raises(DataError, match="item 'Heet': there is none, did you mean 'Heat'"):
        NAMES.row("Heet", "item", "there is none")
