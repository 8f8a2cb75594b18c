"""What a run over several data sets says of their files."""

from __future__ import annotations

from seedbed.running.data_notes import said_of_data

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
