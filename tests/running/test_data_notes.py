"""What a run over several data sets says of their files."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from seedbed.running.data_notes import said_of_data, same_data

USUAL = "delimited text: encoding utf-8, delimiter comma, no quotes."


def test_files_that_were_read_alike_share_a_line() -> None:
    notes = {name: [f"{name}.csv was read as {USUAL}"] for name in "abcdefg"}
    notes["c"] = [
        "c.csv was read as delimited text: encoding cp1252, delimiter semicolon, no quotes.",
        "Columns taken as categories: kind.",
    ]
    assert said_of_data(notes) == [
        "6 files were read as delimited text: encoding utf-8, delimiter comma, no quotes: a.csv, b.csv, d.csv, e.csv, f.csv and 1 more.",
        "c: c.csv was read as delimited text: encoding cp1252, delimiter semicolon, no quotes.",
        "c: Columns taken as categories: kind.",
    ]


def test_one_file_has_its_data_set_before_it() -> None:
    assert said_of_data({"one": [f"one.csv was read as {USUAL}"], "two": []}) == [f"one: one.csv was read as {USUAL}"]


def test_one_data_set_under_two_names_is_warned_of() -> None:
    def plan(fingerprint: str) -> list[Any]:
        return [SimpleNamespace(fingerprints={0: fingerprint})]

    (said,) = same_data({"one": plan("a"), "two": plan("b"), "again": plan("a")})
    assert said.startswith("one, again: the same data under several names.")
    assert same_data({"one": plan("a"), "two": plan("b")}) == []
