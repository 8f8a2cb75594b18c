"""Seeds and variants as texts name them."""

from __future__ import annotations

import pytest

from seedbed.errors import DataError
from seedbed.importing.runs import left_out, seed_of, variant_of


@pytest.mark.parametrize(("text", "seed"), [("3", 3), ("3.0", 3), ("-1", -1), (" 42 ", 42), ("007", 7)])
def test_whole_numbers_are_seeds(text: str, seed: int) -> None:
    assert seed_of(text, "a file", "line 2") == seed


@pytest.mark.parametrize("text", ["", "1.5", "one", "1e3", "٣", "9" * 30])
def test_other_texts_are_not(text: str) -> None:
    with pytest.raises(DataError, match="a file, line 2: the seed is"):
        seed_of(text, "a file", "line 2")


def test_names_of_variants_can_be_shown() -> None:
    assert variant_of(" a\n b ", "a file", "line 2") == "a b"
    with pytest.raises(DataError, match="backtick"):
        variant_of("a`b", "a file", "line 2")


def test_what_is_left_out_is_named_up_to_five() -> None:
    assert left_out([], "no metrics") == []
    assert left_out(map(str, range(7)), "no metrics") == ["Left out: 0, 1, 2, 3, 4 and 2 more (no metrics)."]
